// What the judges of the agent registry share: the program as a process with its API for an administrator, and the way
// of an agent to a token, by oauth4webapi.
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import path from 'node:path';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';

import { freePort, program, scratch, show, start, until } from './lib.mjs';
import { agree, kAccount, kClient } from './oauth-lib.mjs';

export const kJag = 'urn:ietf:params:oauth:token-type:id-jag';
export const kIdToken = 'urn:ietf:params:oauth:token-type:id_token';
export const kExchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const kBearer = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const insecure = { [oauth.allowInsecureRequests]: true };

export const kServers = '/resource-servers/api/v1/mcp-servers';
export const kAgents = '/workload-principals/api/v1/ai-agents';

/**
 * A registry on loopback with an empty SQLite file; `args` are more options of `serve`. `call` asks the API, `made` does and
 * fails unless it was done, `done` does what is accepted now and done later, to its end. `answers` are all texts that the
 * API has given so far, `place` is the directory of its store, `output` what it has written.
 */
export async function registry({ args = [] } = {}) {
  const origin = `http://127.0.0.1:${await freePort()}`;
  const place = scratch();
  const store = ['--store', `sqlite:${path.join(place, 'registry.db')}`, '--issuer', origin];
  const server = start(program('okta-agent-registry'), [...store, 'serve', '--listen', new URL(origin).host, '--allow-http-loopback', ...args]);
  await until(async () => {
    if (server.child.exitCode !== null) throw new Error(`okta-agent-registry ended with ${server.child.exitCode}: ${show(server.output())}`);
    return (await fetch(`${origin}/.well-known/oauth-authorization-server`).catch(() => null))?.ok;
  }, 'the registry serves');
  const token = execFileSync(program('okta-agent-registry'), [...store, 'admin-token'], { encoding: 'utf8' }).trim();
  const answers = [];
  const call = async (method, where, body, type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json') => {
    const response = await fetch(where.startsWith('http') ? where : origin + where, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': type } : {}) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    answers.push(text);
    return { status: response.status, body: text ? JSON.parse(text) : null, location: response.headers.get('location') };
  };
  /** Gives the operation as it ended: with what it made. */
  const done = async (method, where, body) => {
    const accepted = await call(method, where, body);
    if (accepted.status !== 202) throw new Error(`${method} ${where}: ${show(accepted)}`);
    let operation;
    await until(async () => {
      operation = (await call('GET', accepted.location)).body;
      return ['COMPLETED', 'FAILED'].includes(operation.status);
    }, `${method} ${where} ends`);
    return operation;
  };
  const made = async (where, body, method = 'POST') => {
    const answer = await call(method, where, body);
    if (answer.status >= 300) throw new Error(`${method} ${where}: ${show(answer)}`);
    return answer.body;
  };
  return { origin, place, call, done, made, answers, output: server.output };
}

/** The same, and it must have come to a good end. */
export async function completed(reg, method, where, body) {
  const operation = await reg.done(method, where, body);
  if (operation.status !== 'COMPLETED') throw new Error(`${method} ${where}: ${show(operation)}`);
  return operation;
}

/** A custom authorization server with these scopes. */
export async function customServer(reg, name, scopes) {
  const as = await reg.made('/api/v1/authorizationServers', { name, description: 'For agents', audiences: [`api://${name}`] });
  for (const scope of scopes) await reg.made(`/api/v1/authorizationServers/${as.id}/scopes`, { name: scope });
  return as;
}

/** Ada, whom the identity provider `people` (oauth-lib.mjs) vouches for. */
export async function person(reg, people) {
  const idp = await reg.made('/api/v1/idps', {
    name: 'People',
    type: 'OIDC',
    protocol: { type: 'OIDC', issuer: { url: people.issuer }, credentials: { client: { client_id: kClient, token_endpoint_auth_method: 'none' } }, scopes: ['openid'] },
    policy: { provisioning: { action: 'DISABLED' }, subject: { userNameTemplate: { template: 'idpuser.sub' }, matchType: 'USERNAME' } },
  });
  const ada = await reg.made('/api/v1/users', { profile: { login: 'ada@judge.example', email: 'ada@judge.example', firstName: 'Ada', lastName: 'Judge' } });
  await reg.made(`/api/v1/idps/${idp.id}/users/${ada.id}`, { externalId: kAccount });
  return ada;
}

/** An agent with a key, owned by `owner`, where people sign in and come back to `redirectUri`. Not active yet. */
export async function agentWithKey(reg, owner, { name = 'Helpdesk agent', redirectUri = 'http://127.0.0.1:1/agent' } = {}) {
  const made = await completed(reg, 'POST', kAgents, { profile: { name }, signOnProvider: { type: 'NEW_OIDC_APP', redirectUris: [redirectUri] } });
  const id = made.resource.id;
  const where = `${kAgents}/${id}`;
  const { privateKey, publicKey } = await jose.generateKeyPair('RS256', { extractable: true });
  const key = await reg.made(`${where}/credentials/jwks`, { ...(await jose.exportJWK(publicKey)), kid: 'k1', alg: 'RS256', use: 'sig' });
  const { orn } = (await reg.call('GET', where)).body;
  await reg.made('/governance/api/v1/resource-owners', { resourceOrns: [orn], principalOrns: [`orn:okta:directory:${orn.split(':')[3]}:users:${owner.id}`] }, 'PUT');
  return { id, where, orn, org: orn.split(':')[3], key, privateKey, redirectUri };
}

/** What an agent does by itself: signs a person in, exchanges, redeems. */
export async function agentClient(reg, agent) {
  const local = new URL(reg.origin);
  const orgAs = await oauth.processDiscoveryResponse(local, await oauth.discoveryRequest(local, { algorithm: 'oauth2', ...insecure }));
  const client = { client_id: agent.id };
  // Okta wants the endpoint that is asked as the audience.
  const authFor = (server) => oauth.PrivateKeyJwt({ key: agent.privateKey, kid: 'k1' }, { [oauth.modifyAssertion]: (_header, payload) => { payload.aud = server.token_endpoint; } });
  const auth = authFor(orgAs);

  /** The tokens of whoever signs in; `log` of the identity provider says why nobody did. */
  async function signIn(log = []) {
    const verifier = randomBytes(32).toString('base64url');
    const link = new URL(orgAs.authorization_endpoint);
    link.search = new URLSearchParams({ client_id: agent.id, response_type: 'code', redirect_uri: agent.redirectUri, scope: 'openid profile', state: 's1', nonce: 'n1', code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256' });
    const page = await agree(link.href, agent.redirectUri);
    const back = new URL(page.url);
    if (!back.searchParams.get('code')) throw new Error(`no code came back: ${show(page)} ${log.join('; ')}`);
    const parameters = oauth.validateAuthResponse(orgAs, client, back, 's1');
    const answer = await oauth.authorizationCodeGrantRequest(orgAs, client, auth, parameters, agent.redirectUri, verifier, insecure);
    return oauth.processAuthorizationCodeResponse(orgAs, client, answer, { expectedNonce: 'n1', requireIdToken: true }).catch((error) => {
      throw new Error(`the code was refused: ${show(error.cause ?? error.message)}`);
    });
  }

  /** A token exchange at the org authorization server; a member of `form` that is undefined is not sent. */
  async function exchange(form) {
    const sent = Object.fromEntries(Object.entries({ requested_token_type: kJag, subject_token_type: kIdToken, ...form }).filter(([, value]) => value !== undefined));
    const response = await oauth.genericTokenEndpointRequest(orgAs, client, auth, kExchange, sent, insecure);
    return { status: response.status, cache: response.headers.get('cache-control'), body: await response.json() };
  }

  /** The ID-JAG of `assertion` at the custom authorization server `issuer`. */
  async function redeem(issuer, form) {
    const url = new URL(issuer);
    const as = await oauth.processDiscoveryResponse(url, await oauth.discoveryRequest(url, { algorithm: 'oauth2', ...insecure }));
    const response = await oauth.genericTokenEndpointRequest(as, client, authFor(as), kBearer, form, insecure);
    return { status: response.status, body: await response.json() };
  }
  return { orgAs, client, authFor, signIn, exchange, redeem };
}
