// The official conformance suite drives mcp-fixture-server over HTTP: both frozen requirement sets whole, and the tasks
// extension.
import { check, equal, judge, show } from './lib.mjs';
import { conformance, fixtureServer } from './http-lib.mjs';
import { kBeyond, kRequired, kTasks, kTasksExcused } from './conformance-list.mjs';

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

await judge(async () => {
  for (const revision of Object.keys(kRequired)) {
    const { url } = await fixtureServer();
    const { code, scenarios, output } = await conformance(url, ['--requirements', revision]);
    equal(code, 0, `${revision}: the suite's own verdict: ${show(output.slice(-600))}`);
    const expected = { ...kRequired[revision], ...kBeyond[revision] };
    let whole = 0;
    for (const [name, checks] of Object.entries(expected)) {
      const found = scenarios[name];
      const passed =
        check(found, `${revision} ${name}: was not run`) &&
        equal(found.failed, [], `${revision} ${name}: what failed`) &&
        check(found.passed >= checks, `${revision} ${name}: ${found.passed} checks passed, of at least ${checks}: ${show(found.warned)}`);
      if (passed && name in kRequired[revision]) whole++;
    }
    const all = Object.keys(kRequired[revision]).length;
    const passed = sum(Object.keys(expected).map((name) => scenarios[name]?.passed ?? 0));
    console.log(`${revision}: ${whole} of ${all} required scenarios, ${passed} of ${sum(Object.values(expected))} checks with the unscored ones`);

    const unknown = Object.keys(scenarios).filter((name) => !(name in expected) && !(revision === '2026-07-28' && name in kTasks));
    equal(unknown, [], `${revision}: scenarios this list does not know`);
    if (revision !== '2026-07-28') continue;
    for (const [name, checks] of Object.entries(kTasks)) {
      const found = scenarios[name];
      if (!check(found, `${name}: was not run`)) continue;
      const failed = found.failed.filter((line) => !(line.slice(0, line.indexOf(':')) in (kTasksExcused[name] ?? {})));
      equal(failed, [], `${name}: what failed`);
      check(found.passed + Object.keys(kTasksExcused[name] ?? {}).length >= checks, `${name}: ${found.passed} checks passed, of at least ${checks}`);
      console.log(`${name}: ${found.passed} passed, ${found.failed.length} failed`);
    }
  }
});
