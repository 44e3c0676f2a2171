// Cross-app access as an agent does it, with oauth4webapi as its client, and jose and node-jose (another author's) as who
// verify: the registry registers okta-mcp-server, which trusts one of its custom authorization servers; a person signs in by
// oidc-provider; their ID token becomes an ID-JAG, that an access token, and the tool is called. Agents authenticate by key and
// by secret, with and without DPoP. Then what must be refused.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import * as jose from 'jose';
import nodeJose from 'node-jose';
import * as oauth from 'oauth4webapi';

import { check, devOrg, equal, judge, show, textOf } from './lib.mjs';
import { post } from './http-lib.mjs';
import { agree, authorizationServer, protectedServer } from './oauth-lib.mjs';
import { insecure, kBearer, kExchange, kIdToken, kJag, person, registry } from './registry-lib.mjs';
import { Browser } from './sign-in-lib.mjs';

/** The claims of a token, verified by node-jose with the keys that stand at `jwksUri`. */
async function verifiedByNodeJose(token, jwksUri) {
  const keys = await nodeJose.JWK.asKeyStore(await (await fetch(jwksUri)).json());
  const verified = await nodeJose.JWS.createVerify(keys, { algorithms: ['RS256', 'ES256'] }).verify(token);
  return JSON.parse(verified.payload.toString());
}

await judge(async () => {
  const reg = await registry();
  const people = await authorizationServer({ redirectUri: `${reg.origin}/login/callback` });

  // ---- the resource: a custom authorization server, and okta-mcp-server that trusts it
  const as = await reg.made('/api/v1/authorizationServers', { name: 'Directory tools', description: 'For agents', audiences: ['api://directory'] });
  for (const name of ['users.read', 'groups.read']) await reg.made(`/api/v1/authorizationServers/${as.id}/scopes`, { name });
  const issuer = `${reg.origin}/oauth2/${as.id}`;
  equal(as.issuer, issuer, 'the issuer of the custom authorization server');
  const org = await devOrg();
  const tools = await protectedServer(org, { issuer });
  const registered = await reg.done('POST', '/resource-servers/api/v1/mcp-servers', { resourceUrl: tools.url, displayName: 'Directory' });
  equal(registered.status, 'COMPLETED', `registration: ${show(registered)}`);
  const where = `/resource-servers/api/v1/mcp-servers/${registered.resource.id}`;
  let server = (await reg.call('GET', where)).body;
  equal([server.status, server.connectable], ['INACTIVE', true], `validated, connectable by XAA: ${show(server)}`);

  // ---- the person and the agent
  const ada = await person(reg, people);
  const redirectUri = 'http://127.0.0.1:1/agent';
  const agentMade = await reg.done('POST', '/workload-principals/api/v1/ai-agents', { profile: { name: 'Helpdesk agent' }, signOnProvider: { type: 'NEW_OIDC_APP', redirectUris: [redirectUri] } });
  equal(agentMade.status, 'COMPLETED', `agent: ${show(agentMade)}`);
  const id = agentMade.resource.id;
  const agent = `/workload-principals/api/v1/ai-agents/${id}`;
  const { privateKey, publicKey } = await jose.generateKeyPair('RS256', { extractable: true });
  const key = await reg.made(`${agent}/credentials/jwks`, { ...(await jose.exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' });
  check(key.id.startsWith('pks'), 'the key has an id');
  const orn = (await reg.call('GET', agent)).body.orn;
  await reg.made('/governance/api/v1/resource-owners', { resourceOrns: [orn], principalOrns: [`orn:okta:directory:${orn.split(':')[3]}:users:${ada.id}`] }, 'PUT');
  const connection = {
    connectionType: 'IDENTITY_ASSERTION_MCP_SERVER',
    resource: { orn: server.orn },
    authorizationServer: { orn: `orn:okta:idp:${orn.split(':')[3]}:authorization_servers:${as.id}` },
    scopeCondition: 'INCLUDE_ONLY',
    scopes: ['users.read'],
  };
  const early = await reg.call('POST', `${agent}/connections`, connection);
  equal(early.status, 409, `no connection to a server that is not ACTIVE: ${show(early)}`);
  equal((await reg.done('POST', `${where}/lifecycle/activate`)).status, 'COMPLETED', 'activation');
  server = (await reg.call('GET', where)).body;
  equal(server.status, 'ACTIVE', 'the server');
  const link = await reg.made(`${agent}/connections`, connection);
  equal(link.resourceIndicator, tools.url, 'the resource indicator is the URL');
  equal((await reg.done('POST', `${agent}/lifecycle/activate`)).status, 'COMPLETED', 'the agent is activated');

  // ---- the person signs in, for the agent
  const local = new URL(reg.origin);
  const orgAs = await oauth.processDiscoveryResponse(local, await oauth.discoveryRequest(local, { algorithm: 'oauth2', ...insecure }));
  const client = { client_id: id };
  // Okta wants the endpoint that is asked as the audience.
  const authFor = (server) => oauth.PrivateKeyJwt({ key: privateKey, kid: 'k1' }, { [oauth.modifyAssertion]: (_header, payload) => { payload.aud = server.token_endpoint; } });
  const auth = authFor(orgAs);
  const verifier = randomBytes(32).toString('base64url');
  const signIn = new URL(orgAs.authorization_endpoint);
  signIn.search = new URLSearchParams({ client_id: id, response_type: 'code', redirect_uri: redirectUri, scope: 'openid profile', state: 's1', nonce: 'n1', code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' });
  const page = await agree(signIn.href, redirectUri);
  const back = new URL(page.url);
  check(back.searchParams.get('code'), `a code came back: ${show(page)} ${people.log.join('; ')}`);
  const parameters = oauth.validateAuthResponse(orgAs, client, back, 's1');
  const codeAnswer = await oauth.authorizationCodeGrantRequest(orgAs, client, auth, parameters, redirectUri, verifier, insecure);
  const tokens = await oauth.processAuthorizationCodeResponse(orgAs, client, codeAnswer, { expectedNonce: 'n1', requireIdToken: true }).catch((error) => {
    throw new Error(`the code was refused: ${show(error.cause ?? error.message)}`);
  });

  // ---- ID token to ID-JAG to access token to a tool
  const exchange = async (changes = {}) => {
    const form = { requested_token_type: kJag, subject_token: tokens.id_token, subject_token_type: kIdToken, audience: issuer, resource: tools.url, scope: 'users.read', ...changes };
    for (const name of Object.keys(form)) if (form[name] === undefined) delete form[name];
    const response = await oauth.genericTokenEndpointRequest(orgAs, client, auth, kExchange, form, insecure);
    return { status: response.status, cache: response.headers.get('cache-control'), body: await response.json() };
  };
  const issued = await exchange();
  equal(issued.status, 200, `the exchange: ${show(issued.body)}`);
  check(issued.cache.includes('no-store'), 'it is not to be kept');
  equal([issued.body.token_type, issued.body.issued_token_type, issued.body.expires_in], ['N_A', kJag, 300], 'what it says of the ID-JAG');
  const orgKeys = jose.createRemoteJWKSet(new URL(orgAs.jwks_uri));
  const jag = await jose.jwtVerify(issued.body.access_token, orgKeys, { issuer: reg.origin, audience: issuer, typ: 'oauth-id-jag+jwt', requiredClaims: ['jti', 'sub', 'iat', 'exp', 'client_id', 'resource', 'scope'] });
  equal([jag.payload.client_id, jag.payload.resource, jag.payload.scope, jag.payload.exp - jag.payload.iat], [id, tools.url, 'users.read', 300], 'the claims of the ID-JAG');
  equal([jag.payload.sub, jag.payload.act?.sub], [ada.id, id], 'for whom, by whom');
  equal(await verifiedByNodeJose(issued.body.access_token, orgAs.jwks_uri), jag.payload, 'node-jose verifies the same ID-JAG');

  const customUrl = new URL(issuer);
  const customAs = await oauth.processDiscoveryResponse(customUrl, await oauth.discoveryRequest(customUrl, { algorithm: 'oauth2', ...insecure }));
  check(customAs.authorization_grant_profiles_supported?.includes('urn:ietf:params:oauth:grant-profile:id-jag'), 'the profile is advertised');
  const redeem = async (assertion, changes = {}) => {
    const response = await oauth.genericTokenEndpointRequest(customAs, client, authFor(customAs), kBearer, { assertion, resource: tools.url, ...changes }, insecure);
    return { status: response.status, body: await response.json() };
  };
  const granted = await redeem(issued.body.access_token);
  equal(granted.status, 200, `the redemption: ${show(granted)}`);
  check(granted.body.refresh_token === undefined, 'no refresh token');
  const customKeys = jose.createRemoteJWKSet(new URL(customAs.jwks_uri));
  const access = await jose.jwtVerify(granted.body.access_token, customKeys, { issuer, audience: tools.url });
  equal([access.payload.cid, access.payload.uid, access.payload.scp], [id, ada.id, ['users.read']], `the claims of the access token: ${show(access.payload)}`);
  equal(await verifiedByNodeJose(granted.body.access_token, customAs.jwks_uri), access.payload, 'node-jose verifies the same access token');
  const called = await post(tools.url, 'tools/call', { name: 'list_users', arguments: { limit: 2 } }, { headers: { authorization: `Bearer ${granted.body.access_token}` } });
  check(textOf(called.body.result ?? {}).includes('@'), `the tool answers: ${show(called.body)}`);

  // ---- refusals
  equal([(await redeem(issued.body.access_token)).status, (await redeem(issued.body.access_token)).body.error], [400, 'invalid_grant'], 'an ID-JAG is redeemed once');
  for (const [what, changes, error] of [
    ['a scope outside the connection', { scope: 'groups.read' }, 'invalid_scope'],
    ['a scope nobody defined', { scope: 'nothing.read' }, 'invalid_scope'],
    ['another resource', { resource: `${tools.url}/` }, 'invalid_target'],
    ['no resource', { resource: undefined }, 'invalid_target'],
    ['another audience', { audience: reg.origin }, 'invalid_target'],
    ['an access token for an ID token', { subject_token: granted.body.access_token }, 'invalid_request'],
    ['no token at all', { subject_token: 'x.y.z' }, 'invalid_request'],
  ]) {
    const refused = await exchange(changes);
    equal([refused.status, refused.body.error], [400, error], `${what}: ${show(refused.body)}`);
  }
  const second = (await exchange()).body.access_token;
  for (const [what, changes, error] of [
    ['a scope at redemption', { scope: 'users.read' }, 'invalid_request'],
    ['another resource at redemption', { resource: 'https://elsewhere.example/mcp' }, 'invalid_grant'],
  ]) {
    const refused = await redeem(second, changes);
    equal([refused.status, refused.body.error], [400, error], `${what}: ${show(refused.body)}`);
  }
  const forgedKey = (await jose.generateKeyPair('RS256')).privateKey;
  const forged = await new jose.SignJWT({ ...jose.decodeJwt(second), jti: randomUUID() }).setProtectedHeader({ ...jose.decodeProtectedHeader(second) }).sign(forgedKey);
  equal((await redeem(forged)).body.error, 'invalid_grant', 'a forged ID-JAG');
  equal((await redeem(tokens.id_token)).body.error, 'invalid_grant', 'an ID token is no ID-JAG');

  // ---- bound to a key, from the exchange on
  const dpopKeys = await oauth.generateKeyPair('ES256');
  const bound = async (server, as, grant, form, { keys = dpopKeys } = {}) => {
    const DPoP = oauth.DPoP(client, keys);
    for (let attempt = 0; ; attempt++) {
      const response = await oauth.genericTokenEndpointRequest(server, client, as, grant, form, { ...insecure, DPoP });
      try {
        return await oauth.processGenericTokenEndpointResponse(server, client, response, { recognizedTokenTypes: { n_a: () => {} } });
      } catch (error) {
        if (attempt === 0 && oauth.isDPoPNonceError(error)) continue;
        return { error: error.error ?? error.message };
      }
    }
  };
  const exchangeForm = { requested_token_type: kJag, subject_token: tokens.id_token, subject_token_type: kIdToken, audience: issuer, resource: tools.url, scope: 'users.read' };
  const boundJag = await bound(orgAs, auth, kExchange, exchangeForm);
  const boundClaims = jose.decodeJwt(boundJag.access_token ?? '.e30.');
  equal(boundClaims.cnf?.jkt, await jose.calculateJwkThumbprint(await jose.exportJWK(dpopKeys.publicKey)), `the ID-JAG is bound: ${show(boundJag)}`);
  const redemption = { assertion: boundJag.access_token, resource: tools.url };
  equal((await redeem(boundJag.access_token)).body.error, 'invalid_grant', 'without a proof it is good for nothing');
  equal((await bound(customAs, authFor(customAs), kBearer, redemption, { keys: await oauth.generateKeyPair('ES256') })).error, 'invalid_grant', 'nor with another key');
  const boundToken = await bound(customAs, authFor(customAs), kBearer, redemption);
  equal(boundToken.token_type, 'dpop', `with its own key it gives a bound token: ${show(boundToken)}`);
  equal(jose.decodeJwt(boundToken.access_token).cnf?.jkt, boundClaims.cnf?.jkt, 'bound to the same key');
  const prove = async (url) => new jose.SignJWT({ htm: 'POST', htu: url, jti: randomUUID(), iat: Math.floor(Date.now() / 1000), ath: createHash('sha256').update(boundToken.access_token).digest('base64url') })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk: await jose.exportJWK(dpopKeys.publicKey) }).sign(dpopKeys.privateKey);
  const calledBound = await post(tools.url, 'tools/call', { name: 'list_users', arguments: { limit: 2 } }, { headers: { authorization: `DPoP ${boundToken.access_token}`, dpop: await prove(tools.url) } });
  check(textOf(calledBound.body.result ?? {}).includes('@'), `the tool answers to the bound token: ${show(calledBound.body)}`);

  // ---- an agent that authenticates by its secret, at both servers
  const clerkMade = await reg.done('POST', '/workload-principals/api/v1/ai-agents', { profile: { name: 'Clerk' }, oauthClient: { tokenEndpointAuthMethod: 'client_secret_basic' }, signOnProvider: { type: 'NEW_OIDC_APP', redirectUris: [redirectUri] } });
  const clerk = { client_id: clerkMade.resource.id };
  const clerkPath = `/workload-principals/api/v1/ai-agents/${clerk.client_id}`;
  const secret = (await reg.made(`${clerkPath}/credentials/secrets`, {})).client_secret;
  await reg.made('/governance/api/v1/resource-owners', { resourceOrns: [(await reg.call('GET', clerkPath)).body.orn], principalOrns: [`orn:okta:directory:${orn.split(':')[3]}:users:${ada.id}`] }, 'PUT');
  await reg.made(`${clerkPath}/connections`, connection);
  equal((await reg.done('POST', `${clerkPath}/lifecycle/activate`)).status, 'COMPLETED', 'the agent with a secret is activated');
  const basic = oauth.ClientSecretBasic(secret);
  const clerkSignIn = new URL(signIn);
  clerkSignIn.searchParams.set('client_id', clerk.client_id);
  const clerkParameters = oauth.validateAuthResponse(orgAs, clerk, new URL((await agree(clerkSignIn.href, redirectUri)).url), 's1');
  const clerkTokens = await oauth.processAuthorizationCodeResponse(orgAs, clerk, await oauth.authorizationCodeGrantRequest(orgAs, clerk, basic, clerkParameters, redirectUri, verifier, insecure), { expectedNonce: 'n1', requireIdToken: true });
  const clerkJag = await oauth.processGenericTokenEndpointResponse(orgAs, clerk, await oauth.genericTokenEndpointRequest(orgAs, clerk, basic, kExchange, { ...exchangeForm, subject_token: clerkTokens.id_token }, insecure), { recognizedTokenTypes: { n_a: () => {} } });
  const clerkToken = await oauth.processGenericTokenEndpointResponse(customAs, clerk, await oauth.genericTokenEndpointRequest(customAs, clerk, basic, kBearer, { assertion: clerkJag.access_token, resource: tools.url }, insecure));
  equal((await verifiedByNodeJose(clerkToken.access_token, customAs.jwks_uri)).cid, clerk.client_id, 'a token for the agent with a secret');
  const listed = await post(tools.url, 'tools/list', {}, { headers: { authorization: `Bearer ${clerkToken.access_token}` } });
  check(listed.body.result?.tools?.some((tool) => tool.name === 'list_users'), `the tools are listed: ${show(listed.body)}`);
  const stolen = await oauth.genericTokenEndpointRequest(orgAs, clerk, basic, kExchange, exchangeForm, insecure);
  equal([stolen.status, (await stolen.json()).error], [400, 'invalid_request'], 'the ID token of another agent');

  // ---- the kill switch
  const third = (await exchange()).body.access_token;
  equal((await reg.done('POST', `${where}/lifecycle/deactivate`)).status, 'COMPLETED', 'the server is deactivated');
  equal((await exchange()).body.error, 'invalid_target', 'no ID-JAG for a server that is not ACTIVE');
  check((await redeem(third)).status === 400, 'nor a token for an ID-JAG from before');
  equal((await reg.done('POST', `${where}/lifecycle/activate`)).status, 'COMPLETED', 'and again');
  equal((await exchange()).status, 200, 'as before');
  equal((await reg.done('POST', `${agent}/lifecycle/deactivate`)).status, 'COMPLETED', 'the agent is deactivated');
  const stopped = await exchange();
  check(stopped.status === 401 || stopped.status === 400, `an agent that is not ACTIVE gets nothing: ${show(stopped)}`);

  // ---- what the log says
  const log = (await reg.call('GET', '/api/v1/logs?limit=1000')).body;
  const grants = log.filter((event) => event.eventType === 'app.oauth2.token.grant.id_jag');
  check(grants.some((event) => event.outcome.result === 'SUCCESS') && grants.some((event) => event.outcome.result === 'FAILURE'), 'ID-JAGs given and refused are in the log');
  check(!JSON.stringify(log).includes(granted.body.access_token), 'no token is');
  const browser = new Browser();
  equal((await browser.open(`${reg.origin}/console/`)).status, 200, 'the console is there');
});
