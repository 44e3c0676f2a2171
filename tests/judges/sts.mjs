// The STS broker with external authorization servers: oidc-provider, and two as they were before the standards. People
// consent in Chromium, on the registry's page and on the server's; agents get tokens that an MCP server takes; they are
// renewed, revoked, withdrawn; and nothing of them is told anywhere.
import { randomBytes, randomUUID } from 'node:crypto';
import { Provider } from 'oidc-provider';

import { check, cleanup, equal, freePort, judge, show, until } from './lib.mjs';
import { openBrowser } from './console/browser.mjs';
import { authorizationServer } from './oauth-lib.mjs';
import { registry } from './registry-lib.mjs';
import { callbackOf, granted, kIdToken, linkOf, makeAgent, mcpServer, nothingTold, personWithBrowser, registerExternal, signOn, whoami } from './sts-lib.mjs';
import { githubShaped, gitlabShaped } from './sts-shapes.mjs';

/** oidc-provider with one client: this registry. Tokens are opaque; whoever gets one asks here whose it is. */
async function provider(reg) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const client = { clientId: 'registry', clientSecret: randomBytes(24).toString('base64url') };
  const resourceSecret = randomBytes(24).toString('base64url');
  const state = { issuer, client, seconds: 3600, secrets: new Set([client.clientSecret]), requests: [], log: [] };
  const oidc = new Provider(issuer, {
    cookies: { keys: [randomUUID()] },
    scopes: ['openid', 'offline_access', 'tools.call', 'tools.list'],
    clients: [
      { client_id: client.clientId, client_secret: client.clientSecret, redirect_uris: [callbackOf(reg)], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'] },
      { client_id: 'mcp', client_secret: resourceSecret, redirect_uris: [], grant_types: [], response_types: [] },
    ],
    features: {
      devInteractions: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      registration: { enabled: true, initialAccessToken: false },
      registrationManagement: { enabled: true, rotateRegistrationAccessToken: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => [],
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => ({ scope: 'tools.call tools.list', audience: resource, accessTokenFormat: 'opaque', accessTokenTTL: state.seconds }),
      },
    },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    issueRefreshToken: (_ctx, of) => of.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: () => true,
    pkce: { required: () => true },
  });
  oidc.on('server_error', (_ctx, error) => state.log.push(error.stack));
  for (const event of ['authorization.error', 'grant.error', 'registration_create.error']) {
    oidc.on(event, (_ctx, error) => state.log.push(`${event}: ${error.error} ${error.error_description} ${error.error_detail ?? ''}`));
  }
  oidc.use(async (ctx, next) => {
    await next();
    const { route, params } = ctx.oidc ?? {};
    if (route === 'registration') for (const secret of [ctx.body?.client_secret, ctx.body?.registration_access_token]) if (secret) state.secrets.add(secret);
    if (route !== 'token') return;
    state.requests.push({ status: ctx.status, error: ctx.body?.error, refreshToken: ctx.body?.refresh_token, ...params });
    for (const secret of [params.code, params.code_verifier, ctx.body?.access_token, ctx.body?.refresh_token]) if (secret) state.secrets.add(secret);
  });
  const server = oidc.listen(port, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  cleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  /** What introspection says to the MCP server; null unless the token is active and for it. */
  state.verify = async (token, resource) => {
    const response = await fetch(`${issuer}/token/introspection`, { method: 'POST', headers: { authorization: `Basic ${Buffer.from(`mcp:${resourceSecret}`).toString('base64')}` }, body: new URLSearchParams({ token }) });
    const said = await response.json();
    return said.active && said.aud === resource ? { sub: said.sub, scope: said.scope } : null;
  };
  state.refreshes = () => state.requests.filter((request) => request.grant_type === 'refresh_token');
  state.withdraw = async (refreshToken) => (await oidc.RefreshToken.find(refreshToken)).destroy();
  state.knows = async (id) => Boolean(await oidc.Client.find(id));
  return state;
}

/** A token is there until it has ended; then the same request gives another. */
async function renewed(agent, subject, resource, before, what) {
  let answer;
  await until(async () => {
    answer = await agent.exchange(subject, resource);
    return answer.status !== 200 || answer.body.access_token !== before;
  }, `${what}: another token`);
  equal(answer.status, 200, `${what}: ${show(answer.body)}`);
  return answer.body.access_token;
}

async function withOidcProvider({ reg, browser, people, ids }) {
  const as = await provider(reg);
  const mcp = await mcpServer({ issuer: as.issuer, scopes: ['tools.call', 'tools.list'], verify: as.verify });
  const client = { registrationType: 'MANUAL', ...as.client, scopes: ['tools.call'] };
  const { where, settings } = await registerExternal(reg, mcp, { issuer: as.issuer, name: 'Tools', client });
  equal(settings.clientSecret, '********', 'the secret is not shown');
  const helper = await makeAgent(reg, 'Helper', ids.ada);
  const connection = await helper.connect(settings);
  equal(connection.resourceIndicator, settings.orn, 'the resource indicator is the name of the registration');
  const resource = connection.resourceIndicator;
  const idToken = await helper.signIn('ada');
  const ada = await personWithBrowser(browser, reg, 'ada');

  // Asked, and asked again.
  const link = linkOf(reg, await helper.exchange(idToken, resource), 'without consent');
  equal(linkOf(reg, await helper.exchange(idToken, resource), 'again without consent'), link, 'the same link');
  equal(await whoami(mcp.url, idToken), 401, 'the MCP server takes no ID token');

  // It is Ada's to decide; she says no here, then there, then yes.
  const bob = await personWithBrowser(browser, reg, 'bob');
  const stranger = await bob.consent(link);
  equal(stranger.title, 'This is for another person', `somebody else opens the link: ${stranger.text}`);
  const no = await ada.consent(link, { deny: 'here' });
  equal([no.title, no.visited], ['Not allowed', [people.issuer, reg.origin]], 'no on the registry\'s page: nobody else is asked');
  equal((await ada.consent(link)).title, 'This link is no longer good', 'a link that was used');
  const noThere = await ada.consent(linkOf(reg, await helper.exchange(idToken, resource), 'after a no'), { deny: 'there' });
  equal([noThere.title, noThere.visited], ['Not allowed', [reg.origin, as.issuer, reg.origin]], `no on the server's page: ${noThere.text}`);
  equal(as.requests.length, 0, 'no code was exchanged so far');
  as.seconds = 6;
  const yes = await ada.consent(linkOf(reg, await helper.exchange(idToken, resource), 'after two times no'), { shot: 'sts-consent' });
  equal([yes.title, yes.visited], ['Done', [reg.origin, as.issuer, reg.origin]], `she consents: ${yes.text} ${as.log.join('; ')}`);
  equal(as.requests.map((request) => [request.grant_type, request.status, request.resource]), [['authorization_code', 200, mcp.url]], 'the code was exchanged, for this MCP server');
  check(as.requests[0].code_verifier?.length >= 43, 'with PKCE');

  // The token works; when it ends it is renewed, each time with the newest refresh token.
  const first = await granted(helper, idToken, resource, 'after consent');
  equal(first.scope, 'tools.call', 'its scope');
  check(first.expires_in > 0 && first.expires_in <= 6, `what is left of it: ${first.expires_in}`);
  equal(await whoami(mcp.url, first.access_token), 'ada: tools.call', 'the MCP server takes it');
  const second = await renewed(helper, idToken, resource, first.access_token, 'silent refresh');
  equal(await whoami(mcp.url, second), 'ada: tools.call', 'the MCP server takes the new one');
  as.seconds = 3600;
  const third = await renewed(helper, idToken, resource, second, 'silent refresh again');
  const presented = as.refreshes().map((request) => request.refresh_token);
  equal(as.refreshes().map((request) => request.status), [200, 200], `both refreshes: ${as.log.join('; ')}`);
  equal(presented, as.requests.slice(0, -1).map((request) => request.refreshToken), 'each with the refresh token that came last');
  equal(new Set(presented).size, 2, 'no refresh token is used twice');
  equal((await granted(helper, idToken, resource, 'once more')).access_token, third, 'one that is good is not renewed');

  // Revoked here: the server's token stays good, and its refresh token gets another.
  equal(await helper.revoke(third), 200, 'revocation is answered');
  equal(await helper.revoke('no-such-token'), 200, 'as for a token that nobody knows');
  equal(await whoami(mcp.url, third), 'ada: tools.call', 'at the server it stays good');
  const fourth = (await granted(helper, idToken, resource, 'after revocation')).access_token;
  check(fourth !== third, 'another token after revocation');

  // Another agent of the same person needs a consent of its own, and has no say in what is not its own.
  const scribe = await makeAgent(reg, 'Scribe', ids.ada);
  await scribe.connect(settings);
  const forScribe = await scribe.signIn('ada');
  linkOf(reg, await scribe.exchange(forScribe, resource), 'another agent');
  equal(await scribe.revoke(fourth), 200, 'another agent revokes');
  equal((await granted(helper, idToken, resource, 'after that')).access_token, fourth, 'which changes nothing');
  const bobs = await helper.signIn('bob');
  linkOf(reg, await helper.exchange(bobs, resource), 'another person');
  equal((await ada.consent(linkOf(reg, await scribe.exchange(forScribe, resource), 'another agent'))).title, 'Done', 'she allows it to the other agent, too');
  equal(await whoami(mcp.url, (await granted(scribe, forScribe, resource, 'another agent')).access_token), 'ada: tools.call', 'its token works');

  // Whose token is exchanged.
  for (const [what, subject, changes, error] of [
    ["another agent's ID token", forScribe, {}, 'invalid_request'],
    ['a token of the external server', fourth, { subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' }, 'invalid_request'],
    ['a token of the external server as an ID token', fourth, {}, 'invalid_request'],
    ['an ID token as an access token', idToken, { subject_token_type: 'urn:ietf:params:oauth:token-type:access_token' }, 'invalid_request'],
    ['an ID token with a letter changed', `${idToken.slice(0, -4)}${idToken.endsWith('AAAA') ? 'BBBB' : 'AAAA'}`, {}, 'invalid_request'],
    ['no resource', idToken, { resource: '' }, 'invalid_target'],
    ['another resource', idToken, { resource: `${resource}/` }, 'invalid_target'],
    ["the MCP server's address", idToken, { resource: mcp.url }, 'invalid_target'],
  ]) {
    const refused = await helper.exchange(subject, resource, { subject_token_type: kIdToken, ...changes });
    equal([refused.status, refused.body.error], [400, error], `${what}: ${show(refused.body)}`);
    check(refused.body.interaction_uri === undefined, `${what}: nobody is asked`);
  }

  // The refresh token dies at the server: back to the person.
  await as.withdraw(as.requests.findLast((request) => request.refreshToken).refreshToken);
  equal(await helper.revoke((await granted(helper, idToken, resource, 'before')).access_token), 200, 'forget the access token');
  const again = linkOf(reg, await helper.exchange(idToken, resource), 'a dead refresh token');
  equal([as.refreshes().at(-1).status, as.refreshes().at(-1).error], [400, 'invalid_grant'], 'the server said so');
  linkOf(reg, await scribe.exchange(forScribe, resource), 'a dead refresh token, the other agent');
  equal((await ada.consent(again)).title, 'Done', 'she consents again');
  equal(await whoami(mcp.url, (await granted(helper, idToken, resource, 'after the new consent')).access_token), 'ada: tools.call', 'and all is well');

  // The kill switch, and what follows from the state of the server.
  const deactivated = await reg.done('POST', `${where}/lifecycle/deactivate`);
  equal(deactivated.status, 'COMPLETED', 'the MCP server is deactivated');
  const refused = await helper.exchange(idToken, resource);
  equal([refused.status, refused.body.error], [400, 'invalid_target'], `nothing for a server that is not ACTIVE: ${show(refused.body)}`);
  equal((await reg.done('POST', `${where}/lifecycle/activate`)).status, 'COMPLETED', 'and activated again');
  await granted(helper, idToken, resource, 'as before');
  const settingsPath = `/resource-servers/api/v1/client-auth-settings/${settings.id}`;
  await reg.made(`${settingsPath}/lifecycle/deactivate`);
  const unconnectable = (await reg.call('GET', where)).body;
  equal([unconnectable.status, unconnectable.connectable], ['ACTIVE', false], 'without a registration in use it stays ACTIVE, not connectable');
  equal((await helper.exchange(idToken, resource)).body.error, 'invalid_target', 'nothing for a server that is not connectable');
  await reg.made(`${settingsPath}/lifecycle/activate`);

  // The registry registers itself (RFC 7591), is used, and takes itself away again (RFC 7592).
  const dynamic = await reg.made('/resource-servers/api/v1/client-auth-settings', { name: 'dynamic', mcpServerId: settings.mcpServerId, authorizationServerId: settings.authorizationServerId, registrationType: 'DYNAMIC', scopes: ['tools.list'] });
  check(await as.knows(dynamic.clientId), `the server knows the client: ${show(dynamic)}`);
  const own = await scribe.connect(dynamic);
  equal((await ada.consent(linkOf(reg, await scribe.exchange(forScribe, own.resourceIndicator), 'a registration of its own'))).title, 'Done', `consent for the client that registered itself: ${as.log.join('; ')}`);
  equal(await whoami(mcp.url, (await granted(scribe, forScribe, own.resourceIndicator, 'a registration of its own')).access_token), 'ada: tools.list', 'its token');
  await reg.made(`${scribe.where}/connections/${own.id}/lifecycle/deactivate`);
  await reg.made(`${scribe.where}/connections/${own.id}`, undefined, 'DELETE');
  await reg.made(`/resource-servers/api/v1/client-auth-settings/${dynamic.id}`, undefined, 'DELETE');
  await until(async () => !(await as.knows(dynamic.clientId)), 'the server forgets the client');

  for (const who of [ada, bob]) equal(who.faults, [], 'pages without faults');
  check(as.log.every((line) => !line.includes('Error:')), `oidc-provider had no trouble of its own: ${as.log.join('\n')}`);
  return as.secrets;
}

async function withGithubShaped({ reg, browser, ids }) {
  const as = await githubShaped(callbackOf(reg));
  const mcp = await mcpServer({ issuer: as.issuer, scopes: ['repo', 'read:user'], verify: as.verify });
  const wrong = `ghs_${randomBytes(20).toString('hex')}`;
  const { settings } = await registerExternal(reg, mcp, {
    issuer: as.issuer,
    name: 'Code',
    supply: async (where) => {
      const before = (await reg.call('GET', where)).body;
      for (const thing of ['authorization endpoint', 'token endpoint', 'authorization_code']) check(before.missing.some((text) => text.includes(thing)), `without metadata the ${thing} is missing: ${show(before.missing)}`);
      await reg.made(where, { authorizationEndpoint: as.authorizationEndpoint, tokenEndpoint: as.tokenEndpoint, grantTypes: ['authorization_code'] }, 'PATCH');
    },
    client: { registrationType: 'MANUAL', clientId: as.client.id, clientSecret: wrong, tokenEndpointAuthMethod: 'client_secret_post', scopes: ['repo', 'read:user'] },
  });
  const agent = await makeAgent(reg, 'Coder', ids.ada);
  const { resourceIndicator } = await agent.connect(settings);
  const idToken = await agent.signIn('ada');
  const ada = await personWithBrowser(browser, reg, 'ada');
  const ask = async (what) => linkOf(reg, await agent.exchange(idToken, resourceIndicator), what);

  // An error with status 200 is an error.
  const failed = await ada.consent(await ask('GitHub-shaped'));
  equal(failed.title, 'No permission was given', `with a wrong secret: ${failed.text}`);
  check(failed.text.includes('incorrect_client_credentials'), `she can tell an administrator what: ${failed.text}`);
  await reg.made(`/resource-servers/api/v1/client-auth-settings/${settings.id}`, { clientSecret: as.client.secret }, 'PATCH');

  equal((await ada.consent(await ask('GitHub-shaped, mended'))).title, 'Done', 'consent at the GitHub-shaped server');
  const token = await granted(agent, idToken, resourceIndicator, 'GitHub-shaped');
  equal([token.scope, token.expires_in], ['repo read:user', 3600], 'scopes with spaces; a life that nobody told');
  check(token.access_token.startsWith('gho_'), 'its own token');
  equal(await whoami(mcp.url, token.access_token), 'ada: repo read:user', 'the MCP server takes it');
  const asked = as.asked.length;
  equal((await granted(agent, idToken, resourceIndicator, 'GitHub-shaped, again')).access_token, token.access_token, 'the same token');

  // She withdraws it at the server. Nobody tells the registry: the agent, which is refused, does.
  as.endFamilyOf(token.access_token);
  equal(await whoami(mcp.url, token.access_token), 401, 'withdrawn there');
  equal((await granted(agent, idToken, resourceIndicator, 'GitHub-shaped, withdrawn')).access_token, token.access_token, 'the registry does not know');
  equal(await agent.revoke(token.access_token), 200, 'the agent says so');
  equal((await ada.consent(await ask('GitHub-shaped, revoked'))).title, 'Done', 'she consents again');
  const next = await granted(agent, idToken, resourceIndicator, 'GitHub-shaped, after all');
  equal(await whoami(mcp.url, next.access_token), 'ada: repo read:user', 'the new token works');
  equal(as.asked.slice(asked).map((fields) => fields.grant_type), ['authorization_code'], 'there is nothing to refresh with');
  equal(ada.faults, [], 'pages without faults');
  return [...as.secrets, wrong];
}

async function withGitlabShaped({ reg, browser, ids }) {
  const as = await gitlabShaped(callbackOf(reg));
  const mcp = await mcpServer({ issuer: as.issuer, scopes: ['api', 'read_user'], verify: as.verify });
  const { settings } = await registerExternal(reg, mcp, { issuer: as.issuer, name: 'Issues', client: { registrationType: 'MANUAL', clientId: as.client.id, clientSecret: as.client.secret, scopes: ['read_user'] } });
  const agent = await makeAgent(reg, 'Planner', ids.ada);
  const { resourceIndicator } = await agent.connect(settings);
  const idToken = await agent.signIn('ada');
  const ada = await personWithBrowser(browser, reg, 'ada');
  const refreshes = () => as.asked.filter((fields) => fields.grant_type === 'refresh_token').map((fields) => fields.refresh_token);

  as.seconds = 6;
  equal((await ada.consent(linkOf(reg, await agent.exchange(idToken, resourceIndicator), 'GitLab-shaped'))).title, 'Done', 'consent at the GitLab-shaped server');
  const first = (await granted(agent, idToken, resourceIndicator, 'GitLab-shaped')).access_token;
  equal(await whoami(mcp.url, first), 'ada: read_user', 'the MCP server takes it');
  // It ends while eight ask at once: one refresh, or the family would be dead.
  as.seconds = 7200;
  await until(() => as.access.get(first).until < Date.now(), 'it ends');
  const all = await Promise.all(Array.from({ length: 8 }, () => agent.exchange(idToken, resourceIndicator)));
  equal(all.map((answer) => answer.status), Array(8).fill(200), `all are answered: ${show(all.map((answer) => answer.body.error))}`);
  const tokens = new Set(all.map((answer) => answer.body.access_token));
  equal([tokens.size, refreshes().length], [1, 1], 'by one refresh');
  const [second] = tokens;
  check(second !== first, 'another token');
  equal(await whoami(mcp.url, second), 'ada: read_user', 'which works');
  check(all[0].body.expires_in > 7100 && all[0].body.expires_in <= 7200, `what is left of it: ${all[0].body.expires_in}`);

  // The refresh token rotates; a used one in other hands ends it for everybody, and the person is asked again.
  equal(await agent.revoke(second), 200, 'revoked here');
  const third = (await granted(agent, idToken, resourceIndicator, 'GitLab-shaped, after revocation')).access_token;
  const [stolen, last] = refreshes();
  equal([refreshes().length, stolen !== last], [2, true], 'with the refresh token that came last');
  const thief = await fetch(as.tokenEndpoint, { method: 'POST', body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: stolen, client_id: as.client.id, client_secret: as.client.secret }) });
  equal([thief.status, (await thief.json()).error], [400, 'invalid_grant'], 'a used refresh token');
  equal(await whoami(mcp.url, third), 401, 'ends what it belonged to');
  equal(await agent.revoke(third), 200, 'the agent says that its token is refused');
  const link = linkOf(reg, await agent.exchange(idToken, resourceIndicator), 'GitLab-shaped, a dead family');
  equal((await ada.consent(link)).title, 'Done', 'she consents again');
  equal(await whoami(mcp.url, (await granted(agent, idToken, resourceIndicator, 'GitLab-shaped, after all')).access_token), 'ada: read_user', 'and all is well');
  equal(ada.faults, [], 'pages without faults');
  return as.secrets;
}

await judge(async () => {
  const browser = await openBrowser();
  const reg = await registry();
  const people = await authorizationServer({ redirectUri: `${reg.origin}/login/callback` });
  const ids = await signOn(reg, people, ['ada', 'bob']);
  const world = { reg, browser, people, ids };
  const secrets = [...(await withOidcProvider(world)), ...(await withGithubShaped(world)), ...(await withGitlabShaped(world))];
  const log = await nothingTold(reg, secrets, ids.ada, 'external servers');
  const told = log.filter((event) => event.eventType === 'app.oauth2.token.oauth_sts.request_token');
  check(told.some((event) => event.outcome.result === 'SUCCESS') && told.some((event) => event.outcome.reason === 'incorrect_client_credentials') && told.some((event) => event.outcome.reason === 'invalid_grant'), 'what the external servers said is in the log');
  const grants = log.filter((event) => event.eventType === 'app.oauth2.token.grant.oauth_sts');
  check(grants.some((event) => event.outcome.reason === 'oauth_sts_interaction_required'), 'who was asked for consent is in the log');
});
