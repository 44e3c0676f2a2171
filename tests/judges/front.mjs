// Every tool with every parameter against the strict front of ../shared/testbeds: Okta's OpenAPI validated by
// openapi-backend, tokens by oauth4webapi, answers by Prism from Okta's own examples, sign-in by oidc-provider.
//
// The front must call every request ok, and what a parameter says must stand in the request: a recorder between
// the front and Prism keeps path, query and body of each one that passed.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { execFileSync } from 'node:child_process';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { check, cleanup, equal, freePort, here, judge, program, scratch, serverEnvironment, sharedDir, show, skip, start, textOf, until } from './lib.mjs';

const kUser = '00u118oQYT4TBTemp0g4';
const kGroup = '00g1emaKYZTWRYYRRTSK';
const kApp = '0oa1gjh63g214q0Hq0g4';
const kPolicy = '00p1emaKYZTWRYYRRTSK';
const kRule = '0pr1emaKYZTWRYYRRTSK';
const kPerson = { firstName: 'Ada', lastName: 'Lovelace', email: 'ada@judge.example', login: 'ada@judge.example' };
const kBookmark = { name: 'bookmark', label: 'Judge & Söhne', signOnMode: 'BOOKMARK', settings: { app: { requestIntegration: false, url: 'https://judge.example/a?b=c' } } };
const kSignOn = { type: 'OKTA_SIGN_ON', name: 'Judged sign-on', description: 'by a judge', conditions: { people: { groups: { include: [kGroup] } } } };
const kSignOnRule = { type: 'SIGN_ON', name: 'Judged rule', conditions: { network: { connection: 'ANYWHERE' } }, actions: { signon: { access: 'ALLOW', requireFactor: false } } };

const kUserPath = `/api/v1/users/${kUser}`;
const kGroupPath = `/api/v1/groups/${kGroup}`;
const kAppPath = `/api/v1/apps/${kApp}`;
const kPolicyPath = `/api/v1/policies/${kPolicy}`;
const kRulePath = `${kPolicyPath}/rules/${kRule}`;

// Each tool's request as Okta's documentation has it: method, path, and the arguments that it cannot do without.
// `onePiece`: a list that Okta does not page, so that limit and after are about the answer only. `rowCursor`: after
// counts rows of the answer.
const kTools = {
  get_scope_status: { local: true },
  list_users: { request: 'GET /api/v1/users' },
  // With the API token: the front's authorization server knows no okta.schemas.read.
  get_user_profile_attributes: { request: 'GET /api/v1/meta/schemas/user/default', signIn: 'token' },
  get_user: { request: `GET ${kUserPath}`, args: { user_id: kUser } },
  create_user: { request: 'POST /api/v1/users', args: { profile: kPerson } },
  update_user: { request: `POST ${kUserPath}`, args: { user_id: kUser, profile: { department: 'Zoë & Co', nickName: null } } },
  deactivate_user: { request: `POST ${kUserPath}/lifecycle/deactivate`, args: { user_id: kUser }, asks: true },
  delete_deactivated_user: { request: `DELETE ${kUserPath}`, args: { user_id: kUser }, asks: true, subject: { status: 'DEPROVISIONED' } },
  export_users_csv: { request: 'GET /api/v1/users', args: { output_path: 'judged.csv' } },
  list_user_groups: { request: `GET ${kUserPath}/groups`, args: { user_id: kUser }, onePiece: true },
  list_groups: { request: 'GET /api/v1/groups' },
  get_group: { request: `GET ${kGroupPath}`, args: { group_id: kGroup } },
  create_group: { request: 'POST /api/v1/groups', args: { profile: { name: 'Judges', description: 'who judge' } } },
  update_group: { request: `PUT ${kGroupPath}`, args: { group_id: kGroup, profile: { description: 'who judge again' } } },
  delete_group: { request: `DELETE ${kGroupPath}`, args: { group_id: kGroup }, asks: true },
  confirm_delete_group: { request: `DELETE ${kGroupPath}`, args: { group_id: kGroup, confirmation: 'DELETE' }, asks: true },
  list_group_users: { request: `GET ${kGroupPath}/users`, args: { group_id: kGroup } },
  list_group_apps: { request: `GET ${kGroupPath}/apps`, args: { group_id: kGroup } },
  add_user_to_group: { request: `PUT ${kGroupPath}/users/${kUser}`, args: { group_id: kGroup, user_id: kUser } },
  remove_user_from_group: { request: `DELETE ${kGroupPath}/users/${kUser}`, args: { group_id: kGroup, user_id: kUser }, asks: true },
  list_applications: { request: 'GET /api/v1/apps' },
  get_application: { request: `GET ${kAppPath}`, args: { app_id: kApp } },
  create_application: { request: 'POST /api/v1/apps', args: { app_config: kBookmark } },
  update_application: { request: `PUT ${kAppPath}`, args: { app_id: kApp, app_config: { label: 'Judged again' } } },
  delete_application: { request: `DELETE ${kAppPath}`, args: { app_id: kApp }, asks: true },
  confirm_delete_application: { request: `DELETE ${kAppPath}`, args: { app_id: kApp, confirmation: 'DELETE' }, asks: true },
  activate_application: { request: `POST ${kAppPath}/lifecycle/activate`, args: { app_id: kApp } },
  deactivate_application: { request: `POST ${kAppPath}/lifecycle/deactivate`, args: { app_id: kApp }, asks: true },
  list_policies: { request: 'GET /api/v1/policies', args: { type: 'OKTA_SIGN_ON' } },
  get_policy: { request: `GET ${kPolicyPath}`, args: { policy_id: kPolicy } },
  create_policy: { request: 'POST /api/v1/policies', args: { policy_data: kSignOn } },
  update_policy: { request: `PUT ${kPolicyPath}`, args: { policy_id: kPolicy, policy_data: { description: 'judged again' } } },
  delete_policy: { request: `DELETE ${kPolicyPath}`, args: { policy_id: kPolicy }, asks: true },
  activate_policy: { request: `POST ${kPolicyPath}/lifecycle/activate`, args: { policy_id: kPolicy } },
  deactivate_policy: { request: `POST ${kPolicyPath}/lifecycle/deactivate`, args: { policy_id: kPolicy }, asks: true },
  list_policy_rules: { request: `GET ${kPolicyPath}/rules`, args: { policy_id: kPolicy }, onePiece: true },
  get_policy_rule: { request: `GET ${kRulePath}`, args: { policy_id: kPolicy, rule_id: kRule } },
  create_policy_rule: { request: `POST ${kPolicyPath}/rules`, args: { policy_id: kPolicy, rule_data: kSignOnRule } },
  update_policy_rule: { request: `PUT ${kRulePath}`, args: { policy_id: kPolicy, rule_id: kRule, rule_data: { name: 'Judged rule again' } } },
  delete_policy_rule: { request: `DELETE ${kRulePath}`, args: { policy_id: kPolicy, rule_id: kRule }, asks: true },
  activate_policy_rule: { request: `POST ${kRulePath}/lifecycle/activate`, args: { policy_id: kPolicy, rule_id: kRule } },
  deactivate_policy_rule: { request: `POST ${kRulePath}/lifecycle/deactivate`, args: { policy_id: kPolicy, rule_id: kRule }, asks: true },
  get_logs: { request: 'GET /api/v1/logs' },
  get_login_failures: { request: 'GET /api/v1/logs' },
  run_report: { request: 'GET /api/v1/users', args: { name: 'inactive_users' }, rowCursor: true },
};

const query = (name, value) => (request) => request.query.get(name) === value;
const queryHolds = (name, value) => (request) => (request.query.get(name) ?? '').includes(value);
const inPath = (value) => (request) => request.path.split('/').includes(value);
const inBody = (value) => (request) => contains(request.body, value);

/** Every member of `part` stands in `whole`; null stands for null or for nothing. */
function contains(whole, part) {
  if (part === null) return whole === null || whole === undefined;
  if (typeof part !== 'object') return whole === part;
  if (whole === null || typeof whole !== 'object') return false;
  return Object.entries(part).every(([key, member]) => contains(whole[key], member));
}

// Where each parameter must be found. `local` ones are about the answer or this machine and are not Okta's.
const kSince = '2026-11-01T08:00:00.000Z';
const kUntil = '2026-11-02T08:00:00.000Z';
const kParameters = {
  user_id: { value: kUser, found: inPath(kUser), in: { get_login_failures: queryHolds('filter', kUser) } },
  group_id: { value: kGroup, found: inPath(kGroup) },
  app_id: { value: kApp, found: inPath(kApp) },
  policy_id: { value: kPolicy, found: inPath(kPolicy) },
  rule_id: { value: kRule, found: inPath(kRule) },
  search: { value: 'profile.department eq "R&D + Söhne"', found: query('search', 'profile.department eq "R&D + Söhne"') },
  filter: { value: 'lastUpdated gt "2026-01-01T00:00:00.000Z"', found: queryHolds('filter', 'lastUpdated gt "2026-01-01T00:00:00.000Z"') },
  q: { value: 'Ada & Zoë', found: query('q', 'Ada & Zoë') },
  expand: { value: `user/${kUser}`, found: query('expand', `user/${kUser}`) },
  include_non_deleted: { value: true, found: query('includeNonDeleted', 'true') },
  activate: { value: false, found: query('activate', 'false') },
  groups: { value: [kGroup], found: inBody({ groupIds: [kGroup] }) },
  type: { value: 'OKTA_SIGN_ON', found: query('type', 'OKTA_SIGN_ON') },
  status: { value: 'INACTIVE', found: query('status', 'INACTIVE') },
  since: { value: kSince, found: query('since', kSince) },
  until: { value: kUntil, found: query('until', kUntil), with: { since: kSince } },
  limit: { value: 7, found: query('limit', '7') },
  after: { value: '100u65xtp32NovHoPx1d7', found: query('after', '100u65xtp32NovHoPx1d7') },
  profile: { bodyOf: 'profile' },
  app_config: { bodyOf: '' },
  policy_data: { bodyOf: '' },
  rule_data: { bodyOf: '' },
  fetch_all: { value: true, local: 'reads on until the end' },
  fields: { value: ['id'], local: 'columns of the answer' },
  format: { value: 'json', local: 'form of the answer' },
  count_only: { value: true, local: 'form of the answer' },
  confirmation: { value: 'DELETE', local: 'confirms nothing; a person is asked' },
  output_path: { value: 'judged.csv', local: 'a file on this machine' },
  name: { value: 'membership_changes', local: 'which report' },
  days: { value: 30, local: 'counted from now' },
  template: { value: 'Changes: {{total}}', local: 'form of the answer', with: { name: 'membership_changes' } },
};

const requests = [];
let subjectPatch = null;

/** Passes requests on to Prism and keeps them. A patch puts the subject of a change into the state it needs. */
async function recorder(upstream) {
  const server = http.createServer((incoming, outgoing) => {
    const chunks = [];
    incoming.on('data', (chunk) => chunks.push(chunk)).on('end', async () => {
      const raw = Buffer.concat(chunks);
      const url = new URL(incoming.url, upstream);
      let body;
      try {
        body = raw.length > 0 ? JSON.parse(raw) : undefined;
      } catch {
        body = raw.toString();
      }
      requests.push({ method: incoming.method, path: decodeURIComponent(url.pathname), query: url.searchParams, body });
      const { 'content-length': _length, connection: _connection, host: _host, 'transfer-encoding': _encoding, ...headers } = incoming.headers;
      try {
        const answer = await fetch(url, { method: incoming.method, headers, body: raw.length > 0 ? raw : undefined });
        let text = await answer.text();
        // Okta's own example of this list is a single policy.
        if (incoming.method === 'GET' && url.pathname === '/api/v1/policies' && text.startsWith('{')) text = `[${text}]`;
        if (subjectPatch && incoming.method === 'GET' && text.startsWith('{')) text = JSON.stringify({ ...JSON.parse(text), ...subjectPatch });
        outgoing.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'application/json' });
        outgoing.end(answer.status === 204 ? undefined : text);
      } catch (error) {
        outgoing.writeHead(502).end(error.message);
      }
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  cleanup(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

/** The front and what stands behind it, in a copy of the test beds, on ports of their own. */
async function strictFront() {
  const beds = path.join(sharedDir, 'testbeds');
  if (!fs.existsSync(beds)) skip(`${beds} is not here`);
  const place = scratch();
  for (const file of ['prep-spec.mjs', 'okta-as.mjs', 'okta-front.mjs']) fs.copyFileSync(path.join(beds, file), path.join(place, file));
  fs.symlinkSync(path.join(here, 'node_modules'), path.join(place, 'node_modules'));
  const spec = path.join(place, 'spec.json');
  execFileSync(process.execPath, ['prep-spec.mjs', path.join(sharedDir, 'okta-openapi/nodejs-sdk-8.2.0-management.yaml'), spec], { cwd: place, stdio: 'ignore', maxBuffer: 64 << 20 });

  const [front, as, prism] = [await freePort(), await freePort(), await freePort()];
  const url = `http://127.0.0.1:${front}`;
  const upstream = await recorder(`http://127.0.0.1:${prism}`);
  const verdicts = path.join(place, 'front.jsonl');
  const parts = [
    start(process.execPath, [path.join(place, 'node_modules/@stoplight/prism-cli/dist/index.js'), 'mock', '-h', '127.0.0.1', '-p', String(prism), spec], { cwd: place }),
    start(process.execPath, ['okta-as.mjs', String(as), 'nonce'], { cwd: place, env: { ISS: url } }),
    start(process.execPath, ['okta-front.mjs', spec, String(front), String(as), upstream], { cwd: place, env: { LOG: verdicts } }),
  ];
  await until(async () => {
    for (const part of parts) if (part.child.exitCode !== null) throw new Error(part.output());
    const answers = await Promise.all(
      ['/api/v1/users', '/.well-known/openid-configuration'].map((target) => fetch(url + target, { headers: { authorization: 'SSWS test-ssws' } }).catch(() => null)),
    );
    return answers.every((answer) => answer?.ok);
  }, 'the strict front', 120).catch((error) => {
    throw new Error(`${error.message}\n${parts.map((part) => part.output()).join('\n')}`);
  });
  const key = JSON.parse(fs.readFileSync(path.join(place, 'client-key.json'), 'utf8')).prv;
  return { url, verdicts, key };
}

const kScopes = ['users', 'groups', 'apps', 'policies'].flatMap((area) => [`okta.${area}.read`, `okta.${area}.manage`]).concat('okta.logs.read');

function yes(schema) {
  return Object.fromEntries(Object.entries(schema?.properties ?? {}).map(([key, property]) => [key, property.type === 'boolean' ? true : (property.const ?? property.enum?.[0] ?? 'yes')]));
}

/** The calls of a tool: the plain one, and one for each parameter that the plain one leaves out. */
function callsOf(tool, plan) {
  const plain = plan.args ?? {};
  const calls = [{ args: plain, names: Object.keys(plain) }];
  for (const name of Object.keys(tool.inputSchema.properties ?? {})) {
    if (name in plain) continue;
    const parameter = kParameters[name];
    if (!check(parameter?.value !== undefined, `${tool.name}: there is a value for its parameter ${name}`)) continue;
    calls.push({ args: { ...plain, ...parameter.with, [name]: parameter.value }, names: [name] });
  }
  return calls;
}

await judge(async () => {
  const front = await strictFront();
  const seen = () => fs.readFileSync(front.verdicts, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const before = seen().length;

  let questions = 0;
  async function connect(settings) {
    const client = new Client({ name: 'front-judge', version: '1' }, { capabilities: { elicitation: { form: {} } } });
    client.setRequestHandler('elicitation/create', async (request) => {
      questions++;
      return { action: 'accept', content: yes(request.params.requestedSchema) };
    });
    const env = serverEnvironment({ OKTA_ORG_URL: front.url, ...settings });
    await client.connect(new StdioClientTransport({ command: program('okta-mcp-server'), args: ['serve'], env, stderr: 'inherit' }));
    cleanup(() => client.close());
    return client;
  }
  const client = await connect({ OKTA_CLIENT_ID: '0oaServiceApp', OKTA_SCOPES: kScopes.join(' '), OKTA_PRIVATE_KEY: JSON.stringify(front.key), OKTA_KEY_ID: front.key.kid });
  const withToken = await connect({ OKTA_API_TOKEN: 'test-ssws' });

  const { tools } = await client.listTools();
  equal(tools.map((tool) => tool.name).sort(), Object.keys(kTools).sort(), 'the tools listed are the tools judged');
  let calls = 0;
  for (const tool of tools) {
    const plan = kTools[tool.name];
    if (!plan) continue;
    for (const { args, names } of callsOf(tool, plan)) {
      const caller = plan.signIn === 'token' ? withToken : client;
      if (plan.onePiece && names[0] === 'after') {
        const first = textOf(await caller.callTool({ name: tool.name, arguments: { ...plan.args, limit: 1 } }));
        const cursor = /after="([^"]+)"/.exec(first)?.[1];
        if (!cursor) continue;  // one row, and nothing to go on with
        args.after = cursor;
      }
      const what = `${tool.name} ${JSON.stringify(args)}`;
      const from = requests.length;
      questions = 0;
      subjectPatch = plan.subject ?? null;
      const result = await caller.callTool({ name: tool.name, arguments: args });
      subjectPatch = null;
      calls++;
      check(result.isError !== true, `${what}: ${show(textOf(result))}`);
      equal(questions, plan.asks ? 1 : 0, `${what}: times a person was asked`);
      if (plan.local) continue;
      const sent = requests.slice(from);
      const isReport = tool.name === 'run_report';
      const wanted = isReport && args.name === 'membership_changes' ? 'GET /api/v1/logs' : plan.request;
      const main = sent.filter((request) => `${request.method} ${request.path}` === wanted);
      const shown = sent.map((request) => `${request.method} ${request.path}?${request.query} ${request.body ? JSON.stringify(request.body) : ''}`).join('\n  ');
      if (!check(main.length > 0, `${what}: sends ${wanted}; it sent\n  ${shown}`)) continue;
      for (const name of names) {
        const parameter = kParameters[name];
        if (parameter.local || (plan.rowCursor && name === 'after') || (plan.onePiece && ['limit', 'after'].includes(name))) continue;
        let found = parameter.in?.[tool.name] ?? parameter.found;
        if (parameter.bodyOf !== undefined) found = inBody(parameter.bodyOf ? { [parameter.bodyOf]: args[name] } : args[name]);
        check(main.some(found), `${what}: ${name} is found in the request; it sent\n  ${shown}`);
      }
    }
  }

  const verdicts = seen().slice(before);
  for (const verdict of verdicts) check(verdict.v === 'ok', `the front says ${show(verdict)}`);
  console.log(`${tools.length} tools, ${calls} calls, ${verdicts.length} requests judged`);
  check(verdicts.length >= calls - 1, 'the front saw the requests');
});
