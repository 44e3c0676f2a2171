// The official conformance suite as the server, mcp-test-client (room mcp's client) against it: every scenario the suite
// has for clients, both eras, OAuth and its extensions, enterprise-managed authorization among them.
import { check, equal, judge, program } from './lib.mjs';
import { clientConformance } from './http-lib.mjs';
import { kClient, kClientNotServed } from './conformance-list.mjs';

await judge(async () => {
  const { scenarios, output } = await clientConformance(program('mcp-test-client'), ['--suite', 'all']);
  check(Object.keys(scenarios).length > 0, `the suite ran: ${output.slice(-600)}`);
  for (const [name, checks] of Object.entries(kClient)) {
    const found = scenarios[name];
    if (!check(found, `${name}: was not run`)) continue;
    equal(found.failed, [], `${name}: what failed`);
    check(found.passed >= checks, `${name}: ${found.passed} checks passed, of at least ${checks}`);
  }
  const unknown = Object.keys(scenarios).filter((name) => !(name in kClient) && !(name in kClientNotServed));
  equal(unknown, [], 'scenarios this list does not know');
  const passed = Object.values(scenarios).reduce((total, { passed: one }) => total + one, 0);
  console.log(`${Object.keys(kClient).length} scenarios, ${passed} checks passed`);
  for (const [name, why] of Object.entries(kClientNotServed)) console.log(`not held against the client: ${name}: ${why}`);
});
