// okta-mcp-server as an OAuth resource server, with oidc-provider as the authorization server: the way in, from a 401 to
// a call, by hand, by the official client, and by mcp-remote; and everything that must not get in. A table of what was
// tried is printed at the end.
import path from 'node:path';
import http from 'node:http';
import * as jose from 'jose';
import { Client, DpopSession, StreamableHTTPClientTransport, UnauthorizedError } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { check, devOrg, equal, freePort, here, judge, scratch, show, textOf, until } from './lib.mjs';
import { kModern, modernMeta, post, postLegacy } from './http-lib.mjs';
import { agree, authorizationServer, challenge, codeGrant, dpopKey, forged, kClient, protectedServer } from './oauth-lib.mjs';

const kReads = ['list_users', { limit: 1 }];
const kWrites = ['create_group', { profile: { name: 'Judged' } }];

const bearer = (token) => ({ authorization: `Bearer ${token}` });
const call = (url, [name, args], headers, options = {}) => post(url, 'tools/call', { name, arguments: args }, { headers, ...options });
const answered = (response) => response.status === 200 && response.body?.result && response.body.result.isError !== true;

const tried = [];
/** One attempt and its answer; `expected` is a list of statuses, the first of which is the usual one. */
function attempt(what, response, expected, error) {
  const asked = challenge(response);
  tried.push([what, response.status, asked.error ?? '']);
  check(expected.includes(response.status), `${what}: expected ${expected}, found ${response.status} ${asked.text} ${show(response.text)}`);
  if (error !== undefined) check([].concat(error).includes(asked.error), `${what}: expected ${error}, found ${show(asked.text)}`);
  for (const word of ['ada@judge.example', 'BEGIN', 'secret']) check(!response.text.includes(word), `${what}: the answer tells too much: ${show(response.text)}`);
}

/** From nothing to a token, as RFC 9728 and MCP's Authorization page have it. */
async function discovery(server) {
  const bare = await call(server.url, kReads, {});
  attempt('no token', bare, [401]);
  const asked = challenge(bare);
  equal(asked.scheme, 'Bearer', '401: a Bearer challenge');
  check(asked.error === undefined, `401 without a token has no error (RFC 6750 section 3): ${asked.text}`);
  check(asked.resource_metadata, `401 names the metadata: ${asked.text}`);
  const metadata = await (await fetch(asked.resource_metadata)).json();
  const root = await fetch(new URL('/.well-known/oauth-protected-resource', server.url));
  const nested = await fetch(new URL(`/.well-known/oauth-protected-resource${new URL(server.url).pathname}`, server.url));
  equal([root.status, nested.status], [200, 200], 'metadata at both well-known places');
  equal(await nested.json(), metadata, 'the same metadata');
  equal(metadata.authorization_servers, [server.as.issuer], 'metadata: the issuer');
  equal(metadata.bearer_methods_supported, ['header'], 'metadata: tokens come in the header');
  check(metadata.scopes_supported?.length > 0 && !metadata.scopes_supported.includes('offline_access'), `metadata: scopes: ${show(metadata.scopes_supported)}`);
  equal(new URL(metadata.resource).pathname, new URL(server.url).pathname, 'metadata: the resource is the endpoint');
  check(asked.scope?.split(' ').every((scope) => metadata.scopes_supported.includes(scope)), `401: the scopes to start with: ${asked.scope}`);
  return { metadata, first: asked.scope };
}

/** The official client with nothing but the URL: it finds, registers, asks, and is asked for more. */
async function officialClient(server, { dpop }) {
  const what = dpop ? 'official client with DPoP' : 'official client';
  const redirectUri = `http://127.0.0.1:${await freePort()}/callback`;
  const kept = {};
  const session = dpop ? await DpopSession.create() : undefined;
  const links = [];
  const provider = {
    get redirectUrl() {
      return redirectUri;
    },
    get clientMetadata() {
      return { client_name: 'judge', application_type: 'native', redirect_uris: [redirectUri], grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], token_endpoint_auth_method: 'none' };
    },
    clientInformation: () => kept.client,
    saveClientInformation: (client) => void (kept.client = client),
    tokens: () => kept.tokens,
    saveTokens: (tokens) => void (kept.tokens = tokens),
    redirectToAuthorization: (link) => void links.push(link),
    saveCodeVerifier: (verifier) => void (kept.verifier = verifier),
    codeVerifier: () => kept.verifier,
    saveDiscoveryState: (found) => void (kept.found = found),
    discoveryState: () => kept.found,
    ...(dpop ? { dpop: () => session } : {}),
  };
  const client = new Client({ name: 'oauth-judge', version: '1' }, { versionNegotiation: { mode: { pin: kModern } } });
  let transport;
  /** Runs `action`; when the client sends its person to the authorization server, goes there and runs it again. */
  async function signingIn(action) {
    for (let round = 0; round < 4; round++) {
      const before = links.length;
      try {
        return await action();
      } catch (error) {
        if (links.length === before) throw error;
        if (!(error instanceof UnauthorizedError) && !/authoriz|scope|403/i.test(error.message)) throw error;
        const page = await agree(links.at(-1).href, redirectUri);
        await transport.finishAuth(new URL(page.url).searchParams);
      }
    }
    throw new Error('asked to sign in again and again');
  }
  await signingIn(async () => {
    transport = new StreamableHTTPClientTransport(new URL(server.url), { authProvider: provider });
    await client.connect(transport);
  });
  equal(links[0].searchParams.get('resource'), server.resource, `${what}: asked for a token for this server`);
  equal(links[0].searchParams.get('code_challenge_method'), 'S256', `${what}: PKCE`);
  const grant = server.as.grants.filter((entry) => entry.route === 'token').at(-1);
  equal([grant.resource, typeof grant.code_verifier], [server.resource, 'string'], `${what}: at the token endpoint too`);
  equal(jose.decodeJwt(kept.tokens.access_token).aud, server.resource, `${what}: the token is for this server`);
  const users = await signingIn(() => client.callTool({ name: kReads[0], arguments: kReads[1] }));
  check(textOf(users).includes('@'), `${what}: a call: ${show(users)}`);
  const before = links.length;
  const group = await signingIn(() => client.callTool({ name: kWrites[0], arguments: { profile: { name: `Judged by ${what}` } } }));
  check(!group.isError, `${what}: after stepping up: ${show(group)}`);
  equal(links.length, before + 1, `${what}: was sent for more scope once`);
  if (dpop) equal(kept.tokens.token_type, 'DPoP', `${what}: the token is bound`);
  await client.close();
}

/** A host that speaks stdio, mcp-remote behind it, and a person who opens the link it prints. */
async function bridge(server) {
  const home = scratch();
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [path.join(here, 'node_modules/mcp-remote/dist/proxy.js'), server.url, String(await freePort()), '--allow-http', '--transport', 'http-only'],
    env: { PATH: '/nonexistent', HOME: home, MCP_REMOTE_CONFIG_DIR: path.join(home, 'auth') },
    stderr: 'pipe',
  });
  let said = '';
  transport.stderr.on('data', (piece) => (said += piece));
  const client = new Client({ name: 'oauth-judge', version: '1' }, { versionNegotiation: { mode: 'legacy' } });
  const connected = client.connect(transport);
  const link = await until(() => /https?:\/\/\S*[?&]response_type=code\S*/.exec(said)?.[0], `mcp-remote prints a link: ${said}`);
  equal(new URL(link).searchParams.get('resource'), server.resource, 'mcp-remote: asked for a token for this server');
  await agree(link);
  await connected;
  const users = await client.callTool({ name: kReads[0], arguments: kReads[1] });
  check(textOf(users).includes('@'), `mcp-remote: a call: ${show(users)}`);
  await client.close();
}

/** A request with its headers exactly as given, for what fetch() does not send. */
function raw(url, headers, body) {
  return new Promise((done, failed) => {
    const request = http.request(url, { method: 'POST', headers: { ...headers, 'content-length': Buffer.byteLength(body) } }, (response) => {
      let text = '';
      response.on('data', (piece) => (text += piece)).on('end', () => done({ status: response.statusCode, headers: new Headers(Object.entries(response.headers).map(([k, v]) => [k, String(v)])), text }));
    });
    request.on('error', failed).end(body);
  });
}

async function refusedTokens(server, token, { other, stranger, idToken }) {
  const { as, url } = server;
  const seconds = () => Math.floor(Date.now() / 1000);
  const { privateKey: foreignKey } = await jose.generateKeyPair('ES256');
  const [head, payload, signature] = token.split('.');
  const flipped = `${signature.slice(0, 20)}${signature[20] === 'A' ? 'B' : 'A'}${signature.slice(21)}`;
  const grown = Buffer.from(JSON.stringify({ ...jose.decodeJwt(token), scope: 'users.manage groups.manage' })).toString('base64url');
  const unsigned = `${Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')}.${payload}.`;
  const spki = new TextEncoder().encode(await jose.exportSPKI(as.publicKey));
  const withHmac = await new jose.SignJWT(jose.decodeJwt(token)).setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', kid: as.kid }).sign(spki);
  const ownKey = await jose.exportJWK((await jose.generateKeyPair('ES256', { extractable: true })).publicKey);
  const tokens = {
    'a token for another resource, as issued': other,
    'a token of an issuer that is not trusted, as issued': stranger,
    'an ID token instead of an access token': idToken,
    'expired ten minutes ago': await forged(as, token, { claims: { iat: seconds() - 4200, exp: seconds() - 600 } }),
    'without an expiry': await forged(as, token, { claims: { exp: undefined } }),
    'not valid before in ten minutes': await forged(as, token, { claims: { nbf: seconds() + 600 } }),
    'without an audience': await forged(as, token, { claims: { aud: undefined } }),
    'for this host, another path': await forged(as, token, { claims: { aud: new URL('/other', server.resource).href } }),
    'for a host whose name begins like this one': await forged(as, token, { claims: { aud: `http://${new URL(server.resource).host}.evil.example/mcp` } }),
    'signed by the trusted key, in another issuer\'s name': await forged(as, token, { claims: { iss: 'https://evil.example' } }),
    'the issuer with a slash more': await forged(as, token, { claims: { iss: `${as.issuer}/` } }),
    'without an issuer': await forged(as, token, { claims: { iss: undefined } }),
    'one character of the signature changed': `${head}.${payload}.${flipped}`,
    'more scope written into it': `${head}.${grown}.${signature}`,
    'without a signature (alg none)': unsigned,
    'HMAC with the public key as the secret': withHmac,
    'signed by another key under the same kid': await forged(as, token, { key: foreignKey }),
    'a kid nobody knows': await forged(as, token, { key: foreignKey, header: { kid: 'unknown' } }),
    'a key of its own in the header (jwk)': await forged(as, token, { key: foreignKey, header: { kid: undefined, jwk: ownKey } }),
    'a key set of its own in the header (jku)': await forged(as, token, { key: foreignKey, header: { jku: 'http://127.0.0.1:9/keys' } }),
    'the type of a DPoP proof': await forged(as, token, { header: { typ: 'dpop+jwt' } }),
    'the type of an ID-JAG': await forged(as, token, { header: { typ: 'oauth-id-jag+jwt' } }),
    'bound to a key, sent as Bearer': await forged(as, token, { claims: { cnf: { jkt: 'A'.repeat(43) } } }),
    'not a token at all': 'aaaa.bbbb.cccc',
    'opaque': 'x'.repeat(40),
  };
  for (const [what, text] of Object.entries(tokens)) attempt(what, await call(url, kReads, bearer(text)), [401], 'invalid_token');

  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: kReads[0], arguments: kReads[1], _meta: modernMeta() } });
  const common = { 'content-type': 'application/json', accept: 'application/json, text/event-stream', 'mcp-protocol-version': kModern, 'mcp-method': 'tools/call', 'mcp-name': kReads[0] };
  attempt('a good token in the query string', await call(`${url}?access_token=${token}`, kReads, {}), [400, 401]);
  attempt('a good token in a form', await raw(url, { ...common, 'content-type': 'application/x-www-form-urlencoded' }, `access_token=${token}`), [400, 401, 415]);
  attempt('two Authorization headers', await raw(url, { ...common, authorization: [`Bearer ${token}`, `Bearer ${token}`] }, body), [400, 401]);
  attempt('Basic credentials', await call(url, kReads, { authorization: `Basic ${Buffer.from('a:b').toString('base64')}` }), [401, 400]);
  attempt('Bearer and nothing else', await call(url, kReads, { authorization: 'Bearer' }), [400, 401]);
  attempt('a token of 100 kB', await call(url, kReads, bearer('a'.repeat(100_000))), [400, 401, 431]);
  attempt('a good token, sent with DPoP and no proof', await call(url, kReads, { authorization: `DPoP ${token}` }), [401, 400]);
  attempt('no token, legacy initialize', await postLegacy(url, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'j', version: '1' } }), [401]);
  const got = await fetch(url, { headers: { accept: 'text/event-stream' } });
  tried.push(['no token, GET', got.status, '']);
  equal(got.status, 401, 'no token, GET');
}

async function scopes(server, { first, metadata, redirectUri }) {
  const { url, as } = server;
  const low = await codeGrant(as, { resource: server.resource, scope: first, redirectUri });
  check(answered(await call(url, kReads, bearer(low.access_token))), 'the scopes of the 401 are enough for reading');
  const refused = await call(url, kWrites, bearer(low.access_token));
  attempt('too little scope', refused, [403], 'insufficient_scope');
  const asked = challenge(refused);
  check(asked.resource_metadata && asked.scope, `403 says what to ask for: ${asked.text}`);
  check((asked.scope ?? '').split(' ').every((scope) => metadata.scopes_supported.includes(scope)), `403: scopes from the metadata: ${asked.scope}`);
  const union = [...new Set([...first.split(' '), ...(asked.scope ?? '').split(' ')])].join(' ');
  const high = await codeGrant(as, { resource: server.resource, scope: union, redirectUri });
  const done = await call(url, kWrites, bearer(high.access_token));
  check(answered(done), `stepped up: ${show(done.text)}`);
  attempt('the old token again after the step-up', await call(url, kWrites, bearer(low.access_token)), [403], 'insufficient_scope');
  const all = await codeGrant(as, { resource: server.resource, scope: metadata.scopes_supported.join(' '), redirectUri });
  return { low: low.access_token, high: high.access_token, all: all.access_token };
}

async function proofs(server, { first, redirectUri, token }) {
  const { url, as, resource } = server;
  const key = await dpopKey();
  const other = await dpopKey();
  const { access_token: bound, token_type: type } = await codeGrant(as, { resource, scope: first, redirectUri, prover: key.prove });
  equal([type, jose.decodeJwt(bound).cnf?.jkt], ['DPoP', key.thumbprint], 'DPoP: a bound token');
  const send = (proof, use = bound) => call(url, kReads, { authorization: `DPoP ${use}`, dpop: proof });
  const good = await key.prove('POST', resource, { token: bound });
  const first_ = await send(good);
  check(answered(first_), `DPoP: a call: ${first_.status} ${show(challenge(first_).text)} ${show(first_.text)}`);
  attempt('DPoP: the same proof again', await send(good), [401], 'invalid_dpop_proof');
  attempt('DPoP: bound token as Bearer', await call(url, kReads, bearer(bound)), [401], 'invalid_token');
  attempt('DPoP: bound token as Bearer with a good proof', await call(url, kReads, { ...bearer(bound), dpop: await key.prove('POST', resource, { token: bound }) }), [401], ['invalid_token', 'invalid_dpop_proof']);
  const wrong = ['invalid_dpop_proof', 'invalid_token'];
  attempt('DPoP: proof by another key', await send(await other.prove('POST', resource, { token: bound })), [401], wrong);
  attempt('DPoP: proof for another method', await send(await key.prove('GET', resource, { token: bound })), [401], wrong);
  attempt('DPoP: proof for another address', await send(await key.prove('POST', 'https://evil.example/mcp', { token: bound })), [401], wrong);
  attempt('DPoP: proof for another token', await send(await key.prove('POST', resource, { token })), [401], wrong);
  attempt('DPoP: proof without the token\'s hash', await send(await key.prove('POST', resource)), [401], wrong);
  attempt('DPoP: proof of an hour ago', await send(await key.prove('POST', resource, { token: bound, iat: Math.floor(Date.now() / 1000) - 3600 })), [401], wrong);
  attempt('DPoP: proof of an hour from now', await send(await key.prove('POST', resource, { token: bound, iat: Math.floor(Date.now() / 1000) + 3600 })), [401], wrong);
  attempt('DPoP: no proof', await call(url, kReads, { authorization: `DPoP ${bound}` }), [401, 400], [...wrong, 'invalid_request']);
  attempt('DPoP: unbound token with a proof', await send(await key.prove('POST', resource, { token }), token), [401], wrong);
}

/** Nothing of one caller is the other's: sessions, states. */
async function twoCallers(server, { all }) {
  const { url, as } = server;
  const bob = await forged(as, all, { claims: { sub: 'bob', jti: 'for-bob' } });
  const opened = await postLegacy(url, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'j', version: '1' } }, { headers: bearer(all) });
  equal(opened.status, 200, `a session: ${show(opened.text)}`);
  const session = opened.headers.get('mcp-session-id');
  check(session, 'a session id');
  await postLegacy(url, 'notifications/initialized', {}, { id: null, session, headers: bearer(all) });
  attempt('a session of somebody else', await postLegacy(url, 'tools/list', {}, { session, headers: bearer(bob) }), [404, 403]);
  attempt('a session of somebody else, ended by DELETE', await read(await fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': session, ...bearer(bob) } })), [404, 403, 405]);
  attempt('a session without a token', await postLegacy(url, 'tools/list', {}, { session }), [401]);
  equal((await postLegacy(url, 'tools/list', {}, { session, headers: bearer(all) })).status, 200, 'its owner goes on');

  const capabilities = { elicitation: { form: {} } };
  const doomed = ['deactivate_user', { user_id: server.someone }];
  const asked = await call(url, doomed, bearer(all), { capabilities });
  const { requestState, inputRequests } = asked.body?.result ?? {};
  if (!check(requestState && inputRequests, `a question with a requestState: ${show(asked.text)}`)) return;
  const key = Object.keys(inputRequests)[0];
  const properties = inputRequests[key].params.requestedSchema.properties;
  const content = Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, schema.type === 'boolean' ? true : (schema.const ?? schema.enum?.[0] ?? 'yes')]));
  const answer = (token, state) =>
    post(url, 'tools/call', { name: doomed[0], arguments: doomed[1], requestState: state, inputResponses: { [key]: { action: 'accept', content } } }, { headers: bearer(token), capabilities });
  const stolen = await answer(bob, requestState);
  tried.push(['a requestState of somebody else', stolen.status, String(stolen.body?.error?.code ?? '')]);
  equal(stolen.body?.error?.code, -32602, `a requestState of somebody else: ${show(stolen.text)}`);
  const bent = await answer(all, `${requestState.slice(0, -3)}AAA`);
  tried.push(['an altered requestState', bent.status, String(bent.body?.error?.code ?? '')]);
  equal(bent.body?.error?.code, -32602, `an altered requestState: ${show(bent.text)}`);
  const accepted = await answer(all, requestState);
  check(answered(accepted), `its owner's answer counts: ${show(accepted.text)}`);
  const again = await answer(all, requestState);
  tried.push(['a requestState used twice', again.status, String(again.body?.error?.code ?? '')]);
  equal(again.body?.error?.code, server.foreign ? undefined : -32602, `a requestState used twice: ${show(again.text)}`);
}

const read = async (response) => ({ status: response.status, headers: response.headers, text: await response.text() });

await judge(async () => {
  const redirectUri = 'http://127.0.0.1:1/callback';
  const as = await authorizationServer({ redirectUri, port: process.env.JUDGE_AS_PORT ? Number(process.env.JUDGE_AS_PORT) : undefined });
  const untrusted = await authorizationServer({ redirectUri });
  const org = await devOrg();
  const server = await protectedServer(org, as);
  server.someone = (await org.list('/api/v1/users?limit=5'))[2].profile.login;

  const found = await discovery(server);
  server.resource = found.metadata.resource;
  const tokens = await scopes(server, { ...found, redirectUri });
  const grant = (from, resource, openid) => codeGrant(from, { resource, scope: found.first, redirectUri, openid });
  await refusedTokens(server, tokens.low, {
    other: (await grant(as, 'https://other.example/mcp')).access_token,
    stranger: (await grant(untrusted, server.resource)).access_token,
    idToken: (await grant(as, server.resource, true)).id_token,
  });
  await proofs(server, { first: found.first, redirectUri, token: tokens.low });
  await twoCallers(server, tokens);
  for (const dpop of [false, true]) await officialClient(server, { dpop });
  await bridge(server);

  const width = Math.max(...tried.map(([what]) => what.length));
  console.log(`\n${'attempt'.padEnd(width)}  status  error`);
  for (const [what, status, error] of tried) console.log(`${what.padEnd(width)}  ${String(status).padEnd(6)}  ${error}`);
  if (!server.foreign) for (const token of Object.values(tokens)) check(!server.output().includes(token), 'no token in the log');
});
