// An MCP server that nobody here wrote is registered and becomes ACTIVE; then its metadata changes under it. Nobody asks
// for a check: the schedule alone finds it.
import { check, equal, judge, show, until } from './lib.mjs';
import { callTool, everything, oauthFront } from './foreign-server.mjs';
import { authorizationServer } from './oauth-lib.mjs';
import { agentClient, agentWithKey, completed, customServer, kServers, person, registry } from './registry-lib.mjs';

const kInterval = 10;  // seconds: the shortest that the program takes

await judge(async () => {
  const reg = await registry({ args: ['--check-interval', String(kInterval)] });
  const people = await authorizationServer({ redirectUri: `${reg.origin}/login/callback` });
  const as = await customServer(reg, 'everything', ['tools.call', 'tools.list']);
  const issuer = `${reg.origin}/oauth2/${as.id}`;
  const front = await oauthFront({ upstream: await everything(), issuer });

  // ---- registered, ACTIVE, and used
  const { resource } = await completed(reg, 'POST', kServers, { resourceUrl: front.url, displayName: 'Everything' });
  const where = `${kServers}/${resource.id}`;
  const server = () => reg.made(where, undefined, 'GET');
  equal((await server()).status, 'INACTIVE', 'registered and validated');
  await completed(reg, 'POST', `${where}/lifecycle/activate`);
  equal((await server()).status, 'ACTIVE', 'activated');
  const ada = await person(reg, people);
  const agent = await agentWithKey(reg, ada);
  await reg.made(`${agent.where}/connections`, {
    connectionType: 'IDENTITY_ASSERTION_MCP_SERVER',
    resource: { orn: (await server()).orn },
    authorizationServer: { orn: `orn:okta:idp:${agent.org}:authorization_servers:${as.id}` },
    scopeCondition: 'INCLUDE_ONLY',
    scopes: ['tools.call'],
  });
  await completed(reg, 'POST', `${agent.where}/lifecycle/activate`);
  const client = await agentClient(reg, agent);
  const { id_token: subject_token } = await client.signIn(people.log);
  const exchange = () => client.exchange({ subject_token, audience: issuer, resource: front.url, scope: 'tools.call' });
  const token = async () => {
    const jag = await exchange();
    equal(jag.status, 200, `an ID-JAG: ${show(jag.body)}`);
    const granted = await client.redeem(issuer, { assertion: jag.body.access_token, resource: front.url });
    equal(granted.status, 200, `an access token: ${show(granted.body)}`);
    return granted.body.access_token;
  };
  equal(await callTool(front.url, await token(), 'echo', { message: 'well' }), 'Echo: well', 'the tool answers');
  equal((await callTool(front.url, 'not.a.token', 'echo', { message: 'x' })).status, 401, 'and to nobody without a token');

  // From here on the administrator only looks, twice a second: more would meet the API's rate limit.
  const kLook = 500;  // milliseconds
  const found = (what, good) => until(async () => {
    const now = await server();
    return good(now) && now;
  }, what, 6 * kInterval, kLook);
  const events = async (type) => (await reg.call('GET', `/api/v1/logs?limit=1000&filter=${encodeURIComponent(`eventType eq "${type}"`)}`)).body;
  /** The latest difference between two looks, as the readiness report shows it. */
  const drift = async () => JSON.stringify((await reg.call('GET', `${where}/readiness`)).body.drift ?? {});

  // ---- a change that does no harm is shown, and that is all
  front.metadata.scopes_supported = ['tools.call', 'tools.list'];
  await until(async () => (await drift()).includes('tools.list'), 'the new scope is found', 6 * kInterval, kLook);
  equal((await server()).status, 'ACTIVE', 'a new scope does no harm');

  // ---- one that does: from now on the metadata is about another server
  const mended = { ...front.metadata };
  front.metadata.resource = 'https://elsewhere.example/mcp';
  const broken = await found('the change is found', (now) => now.status !== 'ACTIVE');
  equal(broken.status, 'INVALID', `what it is: ${show(broken)}`);
  check(JSON.stringify(broken.invalidReasons).includes('https://elsewhere.example/mcp'), `why: ${show(broken.invalidReasons)}`);
  const shown = await drift();
  check(shown.includes('https://elsewhere.example/mcp') && shown.includes(front.url), `the difference is shown: ${shown}`);
  const refused = await exchange();
  equal([refused.status, refused.body.error], [400, 'invalid_target'], `no ID-JAG for it: ${show(refused.body)}`);
  equal((await reg.call('POST', `${where}/lifecycle/activate`)).status, 409, 'nor can it be activated');

  // ---- mended: validated by the schedule, but whether it is used again is for the administrator to say
  front.metadata = mended;
  const well = await found('that it is mended is found', (now) => now.status !== 'INVALID');
  equal(well.status, 'INACTIVE', 'mended');
  equal((await exchange()).body.error, 'invalid_target', 'still no ID-JAG');
  await completed(reg, 'POST', `${where}/lifecycle/activate`);
  equal((await server()).status, 'ACTIVE', 'and again');
  equal(await callTool(front.url, await token(), 'echo', { message: 'again' }), 'Echo: again', 'as before');

  const told = await events('resource_servers.mcp_server.update');
  check(told.some((event) => JSON.stringify(event).includes('https://elsewhere.example/mcp')), 'the log has the difference');
});
