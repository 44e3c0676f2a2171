// What the judges of the STS broker share: people and agents at the registry, an MCP server behind an external
// authorization server, a person with a real browser, and a search for what must not be found.
import { createHash, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';

import { check, cleanup, equal, show, textOf, until } from './lib.mjs';
import { inspect, picture } from './console/browser.mjs';
import { agree, kClient } from './oauth-lib.mjs';

export const kSts = 'urn:okta:params:oauth:token-type:oauth-sts';
export const kIdToken = 'urn:ietf:params:oauth:token-type:id_token';
const kExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
const kServers = '/resource-servers/api/v1/mcp-servers';
const kSettings = '/resource-servers/api/v1/client-auth-settings';
const kAgents = '/workload-principals/api/v1/ai-agents';
const kRedirect = 'http://127.0.0.1:1/agent';
const insecure = { [oauth.allowInsecureRequests]: true };

/** What an external authorization server is told to send browsers back to. */
export const callbackOf = (reg) => `${reg.origin}/oauth2/v1/sts/callback`;

/** An HTTP server on a free port of loopback. `answer(request, url, body)` gives [status, body, headers]. */
export async function listen(answer) {
  const server = http.createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    try {
      const [status, body = '', headers = {}] = await answer(request, new URL(request.url, 'http://127.0.0.1'), Buffer.concat(chunks).toString());
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      response.writeHead(status, { 'content-type': typeof body === 'string' ? 'text/html; charset=utf-8' : 'application/json', 'cache-control': 'no-store', ...headers }).end(text);
    } catch (error) {
      check(false, `a server of the judge failed: ${error.stack}`);
      response.writeHead(500).end();
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  cleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${server.address().port}`;
}

/**
 * An MCP server with one tool, whoami. `verify(token)` asks the authorization server: { sub, scope }, or null for a token
 * that is not good here. `issuer` and `scopes` are what its metadata names.
 */
export async function mcpServer({ issuer, scopes, verify }) {
  const metadata = '/.well-known/oauth-protected-resource/mcp';
  const origin = await listen(async (request, url, body) => {
    if (url.pathname === metadata) return [200, { resource: `${origin}/mcp`, authorization_servers: [issuer], scopes_supported: scopes, bearer_methods_supported: ['header'] }];
    if (url.pathname !== '/mcp') return [404, {}];
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    const who = token ? await verify(token, `${origin}/mcp`) : null;
    if (!who) return [401, { error: 'invalid_token' }, { 'www-authenticate': `Bearer resource_metadata="${origin}${metadata}"${token ? ', error="invalid_token"' : ''}` }];
    if (request.method !== 'POST') return [405, {}];
    const { id, method, params } = JSON.parse(body);
    if (id === undefined) return [202];
    const answer = (result) => [200, { jsonrpc: '2.0', id, result }];
    if (method === 'initialize') return answer({ protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'judge', version: '1' } });
    if (method === 'tools/list') return answer({ tools: [{ name: 'whoami', description: 'Whose token this is.', inputSchema: { type: 'object' } }] });
    if (method === 'tools/call') return answer({ content: [{ type: 'text', text: `${who.sub}: ${who.scope}` }] });
    return [200, { jsonrpc: '2.0', id, error: { code: -32601, message: 'unknown method' } }];
  });
  return { url: `${origin}/mcp`, origin };
}

/** What whoami says to the official client, or the status that it was refused with. */
export async function whoami(url, token) {
  const probe = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' }, body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list' }) });
  await probe.text();
  if (probe.status !== 200) return probe.status;
  const client = new Client({ name: 'sts-judge', version: '1' });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { authorization: `Bearer ${token}` } } }));
  const result = await client.callTool({ name: 'whoami', arguments: {} });
  await client.close();
  return textOf(result);
}

/** People of `people` (oauth-lib's authorizationServer) sign in to the registry. Gives NAME => their id here. */
export async function signOn(reg, people, names) {
  const idp = await reg.made('/api/v1/idps', {
    name: 'People',
    type: 'OIDC',
    protocol: { type: 'OIDC', issuer: { url: people.issuer }, credentials: { client: { client_id: kClient, token_endpoint_auth_method: 'none' } }, scopes: ['openid'] },
    policy: { provisioning: { action: 'DISABLED' }, subject: { userNameTemplate: { template: 'idpuser.sub' }, matchType: 'USERNAME' } },
  });
  const ids = {};
  for (const name of names) {
    const user = await reg.made('/api/v1/users', { profile: { login: `${name}@judge.example`, email: `${name}@judge.example`, firstName: name, lastName: 'Judge' } });
    await reg.made(`/api/v1/idps/${idp.id}/users/${user.id}`, { externalId: name });
    ids[name] = user.id;
  }
  return ids;
}

/** An ACTIVE agent with a key, an owner and a sign-on of its own. */
export async function makeAgent(reg, name, owner) {
  const registered = await reg.done('POST', kAgents, { profile: { name }, signOnProvider: { type: 'NEW_OIDC_APP', redirectUris: [kRedirect] } });
  equal(registered.status, 'COMPLETED', `agent ${name}: ${show(registered)}`);
  const id = registered.resource.id;
  const where = `${kAgents}/${id}`;
  const { privateKey, publicKey } = await jose.generateKeyPair('RS256', { extractable: true });
  await reg.made(`${where}/credentials/jwks`, { ...(await jose.exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' });
  const { orn } = (await reg.call('GET', where)).body;
  await reg.made('/governance/api/v1/resource-owners', { resourceOrns: [orn], principalOrns: [`orn:okta:directory:${orn.split(':')[3]}:users:${owner}`] }, 'PUT');
  equal((await reg.done('POST', `${where}/lifecycle/activate`)).status, 'COMPLETED', `agent ${name} is activated`);

  const local = new URL(reg.origin);
  const as = await oauth.processDiscoveryResponse(local, await oauth.discoveryRequest(local, { algorithm: 'oauth2', ...insecure }));
  const client = { client_id: id };
  const authFor = (endpoint) => oauth.PrivateKeyJwt({ key: privateKey, kid: 'k1' }, { [oauth.modifyAssertion]: (_header, payload) => { payload.aud = endpoint; } });

  /** The ID token of a person who signs in to this agent. */
  const signIn = async (person) => {
    const verifier = randomBytes(32).toString('base64url');
    const link = new URL(as.authorization_endpoint);
    link.search = new URLSearchParams({ client_id: id, response_type: 'code', redirect_uri: kRedirect, scope: 'openid profile', state: 's1', nonce: 'n1', code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' });
    const page = await agree(link.href, kRedirect, person);
    const parameters = oauth.validateAuthResponse(as, client, new URL(page.url), 's1');
    const answer = await oauth.authorizationCodeGrantRequest(as, client, authFor(as.token_endpoint), parameters, kRedirect, verifier, insecure);
    return (await oauth.processAuthorizationCodeResponse(as, client, answer, { expectedNonce: 'n1', requireIdToken: true })).id_token;
  };
  const exchange = async (subject, resource, changes = {}) => {
    const form = { requested_token_type: kSts, subject_token: subject, subject_token_type: kIdToken, resource, ...changes };
    const response = await oauth.genericTokenEndpointRequest(as, client, authFor(as.token_endpoint), kExchange, form, insecure);
    return { status: response.status, cache: response.headers.get('cache-control'), body: await response.json() };
  };
  /** RFC 7009, with the hint that means the registry's own copy. Gives the status. */
  const revoke = async (token) => {
    const response = await oauth.revocationRequest(as, client, authFor(as.revocation_endpoint), token, { ...insecure, additionalParameters: { token_type_hint: 'oauth_sts' } });
    await response.text();
    return response.status;
  };
  const connect = (settings) => reg.made(`${where}/connections`, { connectionType: 'STS_ACCESS_TOKEN', resource: { orn: settings.orn } });
  return { id, where, signIn, exchange, revoke, connect };
}

/**
 * Registers an MCP server whose authorization server is external, to ACTIVE. `supply(where)` enters what metadata does not
 * say. Gives the paths of the server and of its authorization server, and the client registration.
 */
export async function registerExternal(reg, mcp, { issuer, name, client, supply }) {
  const registered = await reg.done('POST', kServers, { resourceUrl: mcp.url, displayName: name });
  const where = `${kServers}/${registered.resource.id}`;
  const server = async () => (await reg.call('GET', where)).body;
  let found;
  await until(async () => {
    found = (await reg.call('GET', `${where}/authorization-servers`)).body.data;
    return found.length > 0;
  }, `${name}: its authorization server is found`);
  equal([found.length, found[0].issuer, found[0].type, found[0].id.slice(0, 3)], [1, issuer, 'EXTERNAL', 'eas'], `${name}: the authorization server of its metadata`);
  const as = `${where}/authorization-servers/${found[0].id}`;
  const before = await server();
  equal([before.status, before.connectable], ['PENDING', false], `${name}: without a client registration it stays PENDING: ${show(before)}`);
  check(before.missing.some((text) => text.includes('client registration')), `${name}: it says what is missing: ${show(before.missing)}`);
  equal((await reg.call('POST', `${where}/lifecycle/activate`)).status, 409, `${name}: and is not activated`);
  if (supply) await supply(as);
  const settings = await reg.made(kSettings, { name: 'main', mcpServerId: registered.resource.id, authorizationServerId: found[0].id, ...client });
  equal([settings.id.slice(0, 3), settings.trust.issuer, settings.oauthClient.redirectUris], ['rsc', issuer, [callbackOf(reg)]], `${name}: what one registration gives`);
  await until(async () => (await server()).status === 'INACTIVE', `${name} is validated`).catch(async (error) => {
    throw new Error(`${error.message}: ${show(await server())} ${show((await reg.call('GET', `${where}/readiness`)).body?.checks?.filter((one) => one.outcome === 'FAIL'))}`);
  });
  equal((await reg.call('GET', as)).body.status, 'ACTIVE', `${name}: its authorization server`);
  const activated = await reg.done('POST', `${where}/lifecycle/activate`);
  equal(activated.status, 'COMPLETED', `${name}: activation: ${show(activated)}`);
  const after = await server();
  equal([after.status, after.connectable, after.capabilities.xaa, after.capabilities.sts], ['ACTIVE', true, [], [found[0].id]], `${name}: ACTIVE, reached by STS: ${show(after)}`);
  return { where, as, id: registered.resource.id, settings };
}

/**
 * A person with Chromium. `consent(link)` goes through the registry's page and whatever comes, until a page of the
 * registry's has no more to press; gives { title, text, status }. `handlers`: ORIGIN => what is done on its pages.
 */
export async function personWithBrowser(browser, reg, name, handlers = {}) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(45_000);
  page.setDefaultNavigationTimeout(60_000);
  const faults = [];
  await page.setRequestInterception(true);
  page.on('request', (request) => {
    const { hostname, protocol } = new URL(request.url());
    if (hostname === '127.0.0.1' || protocol === 'data:') request.continue();
    else request.abort();  // fonts of oidc-provider's pages
  });
  page.on('pageerror', (error) => faults.push(`exception: ${error.message}`));
  page.on('console', (message) => {
    if (/Content Security Policy|Refused to/.test(message.text())) faults.push(message.text());
  });
  const press = (selector) => Promise.all([page.waitForNavigation({ waitUntil: 'domcontentloaded' }), page.click(selector)]);
  const fill = async (selector, text) => {
    await page.$eval(selector, (input) => { input.value = ''; });
    await page.type(selector, text);
  };
  const tools = { page, press, fill, name };
  /** oidc-provider's pages, and any that look like them. */
  const usual = async ({ no }) => {
    if (await page.$('input[name=login]')) {
      await fill('input[name=login]', name);
      await fill('input[name=password]', 'x');
      await press('button[type=submit]');
    } else if (no) {
      await press('a[href$="/abort"], button.no');
    } else {
      await press('button[type=submit]:not(.no)');
    }
  };
  const consent = async (link, { deny, shot } = {}) => {
    const visited = [];
    let response = await page.goto(link, { waitUntil: 'domcontentloaded' });
    for (let step = 0; step < 14; step++) {
      const { origin } = new URL(page.url());
      if (visited.at(-1) !== origin) visited.push(origin);
      if (origin !== reg.origin) {
        const handle = handlers[origin] ?? usual;
        await handle({ ...tools, no: deny === 'there' && visited.includes(reg.origin) && visited.length > 1 && !(await page.$('input[name=login]')), usual });
        continue;
      }
      const question = await page.$('form[action*="/oauth2/v1/sts/interact/"]');
      const title = await page.$eval('h1', (node) => node.innerText);
      const text = await page.$eval('main', (node) => node.innerText);
      if (!question) return { title, text, visited, status: response?.status() };
      if (shot) {
        await inspect({ page }, shot);
        await picture({ page }, shot);
        shot = undefined;
      }
      [response] = await press(`button[value=${deny === 'here' ? 'deny' : 'continue'}]`);
    }
    throw new Error(`${name} does not get to an end: ${visited.join(' ')} ${page.url()}`);
  };
  return { page, consent, faults };
}

/** Every answer to an agent's request without consent; gives the link. */
export function linkOf(reg, answer, what) {
  equal([answer.status, answer.body.error], [400, 'interaction_required'], `${what}: ${show(answer.body)}`);
  check(answer.body.interaction_uri?.startsWith(`${reg.origin}/oauth2/v1/sts/interact/`), `${what}: an interaction_uri: ${show(answer.body)}`);
  return answer.body.interaction_uri;
}

/** The agent's request, granted. Gives the answer. */
export async function granted(agent, subject, resource, what) {
  const answer = await agent.exchange(subject, resource);
  equal([answer.status, answer.body.issued_token_type, answer.body.token_type], [200, kSts, 'Bearer'], `${what}: ${show({ ...answer.body, access_token: undefined })}`);
  check(answer.cache?.includes('no-store'), `${what}: it is not to be kept`);
  return answer.body;
}

/**
 * None of `secrets` is in what the registry wrote, keeps in the clear, tells as events, or answers to administrators;
 * `control`, which is no secret, is where it would be found. Gives the log.
 */
export async function nothingTold(reg, secrets, control, what) {
  const log = (await reg.call('GET', '/api/v1/logs?limit=1000')).body;
  check(log.length < 1000, `${what}: all events are looked at`);
  check(log.some((event) => event.eventType === 'app.oauth2.token.grant.oauth_sts'), `${what}: the log tells of STS tokens`);
  const places = { 'its output': reg.output(), 'its answers': reg.answers.join('\n'), 'its events': JSON.stringify(log) };
  const files = fs.readdirSync(reg.place).filter((file) => file.startsWith('registry.db'));
  check(files.length > 0, `${what}: the store has files`);
  for (const file of files) places[file] = fs.readFileSync(path.join(reg.place, file), 'latin1');
  for (const place of ['its answers', 'its events', 'registry.db']) {
    const text = place === 'registry.db' ? files.map((file) => places[file]).join('') : places[place];
    check(text.includes(control), `${what}: the search finds what is in ${place}`);
  }
  const found = [...secrets].filter((secret) => typeof secret === 'string' && secret.length >= 8);
  check(found.length >= 4, `${what}: there is something to look for: ${found.length}`);
  for (const [place, text] of Object.entries(places)) {
    for (const secret of found) check(!text.includes(secret), `${what}: ${place} holds ${secret.slice(0, 6)}..., a secret of the external server`);
  }
  return log;
}

