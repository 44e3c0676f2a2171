// The official Inspector, as a command line, lists tools in both eras, lints their schemas, and calls some.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import path from 'node:path';

import { check, devOrg, equal, here, judge, program, scratch, serverEnvironment, show, textOf } from './lib.mjs';

const run = promisify(execFile);

await judge(async () => {
  const org = await devOrg();
  const server = serverEnvironment(org.settings);
  const inspector = path.join(here, 'node_modules/@modelcontextprotocol/inspector');
  const { bin } = JSON.parse(await (await import('node:fs/promises')).readFile(path.join(inspector, 'package.json'), 'utf8'));
  const entry = path.join(inspector, typeof bin === 'string' ? bin : bin['mcp-inspector']);

  /** Runs the Inspector once; gives its exit code and what it printed. */
  async function inspect(...args) {
    const environment = Object.entries(server).filter(([name]) => name.startsWith('OKTA_')).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
    const command = [entry, '--cli', ...environment, program('okta-mcp-server'), 'serve', ...args, '--format', 'json'];
    try {
      const { stdout } = await run(process.execPath, command, {
        env: { PATH: process.env.PATH, HOME: scratch(), MCP_INSPECTOR_SECRET_STORE: 'memory' },
        timeout: 60_000,
        maxBuffer: 64 << 20,
      });
      return { code: 0, out: JSON.parse(stdout), text: stdout };
    } catch (error) {
      return { code: error.code ?? 'killed', out: null, text: `${error.stdout ?? ''}${error.stderr ?? error.message}` };
    }
  }

  const names = {};
  for (const era of ['legacy', 'modern']) {
    const listed = await inspect('--protocol-era', era, '--method', 'tools/list');
    equal(listed.code, 0, `${era} tools/list: ${show(listed.text)}`);
    names[era] = (listed.out?.result?.tools ?? []).map((tool) => tool.name);
    check(names[era].length >= 30, `${era}: ${names[era].length} tools`);

    const status = await inspect('--protocol-era', era, '--method', 'tools/call', '--tool-name', 'get_scope_status');
    equal(status.code, 0, `${era} get_scope_status: ${show(status.text)}`);
    check(textOf(status.out?.result ?? {}).includes('okta.users.read'), `${era}: the scopes are named: ${show(status.text)}`);

    const users = await inspect('--protocol-era', era, '--method', 'tools/call', '--tool-name', 'list_users', '--tool-arg', 'limit=3', 'format=json');
    equal(users.code, 0, `${era} list_users: ${show(users.text)}`);
    check(textOf(users.out?.result ?? {}).includes('@'), `${era}: users are listed: ${show(users.text)}`);
  }
  equal(names.legacy, names.modern, 'both eras list the same tools in the same order');

  const strict = await inspect('--method', 'tools/list', '--strict');
  equal(strict.code, 0, `--strict finds nothing to complain about: ${show(strict.text)}`);

  const none = await inspect('--method', 'tools/call', '--tool-name', 'no_such_tool');
  equal(none.code, 5, `an unknown tool: ${show(none.text)}`);
});
