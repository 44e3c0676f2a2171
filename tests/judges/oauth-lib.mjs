// What the judges of OAuth over HTTP share: oidc-provider as an authorization server that issues JWT access tokens for
// an MCP server, a person who signs in and agrees, and tokens with anything wrong in them.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Provider } from 'oidc-provider';
import * as jose from 'jose';

import { cleanup, freePort, serverEnvironment } from './lib.mjs';
import { httpServer } from './http-lib.mjs';
import { Browser } from './sign-in-lib.mjs';

export const kClient = 'judge-client';
// Everything the server under test may name in its metadata.
const kFamilies = ['apps', 'brands', 'deviceAssurance', 'devices', 'domains', 'governance', 'groups', 'logs', 'policies', 'profileMappings', 'roles', 'schemas', 'uischemas', 'users'];
const kScopes = kFamilies.flatMap((family) => [`${family}.read`, `${family}.manage`]);
export const kAccount = 'ada';

/**
 * An authorization server whose tokens are JWTs (RFC 9068) for the resource that was asked for (RFC 8707).
 *
 * `redirectUri` is the client's own, `resourceScopes` what resources may name. `grants` and `log` keep what was asked and
 * what went wrong.
 */
export async function authorizationServer({ port, redirectUri = 'http://127.0.0.1:1/callback', resourceScopes = kScopes } = {}) {
  port ??= await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const kid = 'as-1';
  const state = { issuer, privateKey, publicKey, kid, grants: [], log: [] };
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await jose.exportJWK(privateKey)), kid, alg: 'ES256', use: 'sig' }] },
    cookies: { keys: [randomUUID()] },
    scopes: ['openid', 'offline_access', ...resourceScopes],
    clients: [
      {
        client_id: kClient,
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token'],
        redirect_uris: [redirectUri],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
        id_token_signed_response_alg: 'ES256',
      },
    ],
    clientDefaults: { id_token_signed_response_alg: 'ES256' },
    clientAuthMethods: ['none', 'client_secret_basic', 'client_secret_post'],
    features: {
      devInteractions: { enabled: true },
      registration: { enabled: true, initialAccessToken: false },
      dPoP: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => [],
        useGrantedResource: () => true,
        getResourceServerInfo: (_ctx, resource) => ({
          scope: resourceScopes.join(' '),
          audience: resource,
          accessTokenFormat: 'jwt',
          accessTokenTTL: 3600,
          jwt: { sign: { alg: 'ES256' } },
        }),
      },
    },
    enabledJWA: { dPoPSigningAlgValues: ['ES256'], idTokenSigningAlgValues: ['ES256', 'RS256'] },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    pkce: { required: () => true },
  });
  provider.on('server_error', (_ctx, error) => state.log.push(error.stack));
  for (const event of ['authorization.error', 'grant.error', 'registration_create.error']) {
    provider.on(event, (_ctx, error) => state.log.push(`${event}: ${error.error} ${error.error_description} ${error.error_detail ?? ''}`));
  }
  provider.use(async (ctx, next) => {
    await next();
    const { route, params } = ctx.oidc ?? {};
    // Clients register with the scopes they know of so far, and oidc-provider would hold them to these for ever.
    if (route === 'registration' && ctx.status === 201) {
      const { scope: _scope, ...client } = await provider.Client.adapter.find(ctx.body.client_id);
      await provider.Client.adapter.upsert(ctx.body.client_id, client);
    }
    if (route === 'token' || route === 'authorization') state.grants.push({ route, status: ctx.status, ...params });
  });
  const server = provider.listen(port, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  cleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  return state;
}

/** okta-mcp-server over HTTP in front of `org`, which takes tokens of `as`. */
export async function protectedServer(org, as, { args = [], env = {} } = {}) {
  const server = await httpServer('okta-mcp-server', ['serve', '--http', '127.0.0.1:0', '--issuer', as.issuer, ...args], {
    env: { ...serverEnvironment(org.settings), ...env },
    clean: true,
    localhost: false,  // the name in the metadata is the one that counts
  });
  return { ...server, as };
}

/**
 * A person and their browser: follows an authorization link through sign-in and consent. Gives the last page, which is
 * the client's own once `redirectUri` is reached, unfetched: only its address matters.
 */
export async function agree(link, redirectUri, login = kAccount) {
  const browser = new Browser();
  let page = await browser.open(link, { stopAt: redirectUri });
  for (let step = 0; step < 6 && page.text?.includes('<form'); step++) {
    page = await browser.submit(page, page.text.includes('name="login"') ? { login, password: 'x' } : {}, { stopAt: redirectUri });
  }
  return page;
}

const random = () => randomBytes(32).toString('base64url');

/** Authorization code with PKCE and `resource`, by hand. `prover` makes DPoP proofs; without one it is a Bearer token. */
export async function codeGrant(as, { resource, scope, redirectUri, prover, openid = false }) {
  const metadata = await (await fetch(`${as.issuer}/.well-known/openid-configuration`)).json();
  const verifier = random();
  const link = new URL(metadata.authorization_endpoint);
  link.search = new URLSearchParams({
    client_id: kClient,
    response_type: 'code',
    redirect_uri: redirectUri,
    scope: openid ? `openid ${scope}` : scope,
    resource,
    state: 's1',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  });
  const page = await agree(link.href, redirectUri);
  const answer = new URL(page.url).searchParams;
  if (!answer.get('code')) throw new Error(`no code: ${page.url} ${as.log.join('; ')}`);
  const response = await fetch(metadata.token_endpoint, {
    method: 'POST',
    headers: prover ? { dpop: await prover('POST', metadata.token_endpoint) } : {},
    body: new URLSearchParams({ grant_type: 'authorization_code', client_id: kClient, code: answer.get('code'), redirect_uri: redirectUri, code_verifier: verifier, resource }),
  });
  const tokens = await response.json();
  if (!tokens.access_token) throw new Error(`no token: ${JSON.stringify(tokens)} ${as.log.join('; ')}`);
  return { ...tokens, iss: answer.get('iss') };
}

/** A key of a client's, and proofs of possession made with it (RFC 9449 section 4.2). */
export async function dpopKey() {
  const { privateKey, publicKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const jwk = await jose.exportJWK(publicKey);
  const prove = (method, url, { token, jti = randomUUID(), iat = Math.floor(Date.now() / 1000), ...claims } = {}) =>
    new jose.SignJWT({ htm: method, htu: url, jti, iat, ...(token ? { ath: createHash('sha256').update(token).digest('base64url') } : {}), ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .sign(privateKey);
  return { prove, thumbprint: await jose.calculateJwkThumbprint(jwk) };
}

/** A token as the server would have signed it, but for what is changed: `claims` and `header` over the real ones. */
export async function forged(as, token, { claims = {}, header = {}, key = as.privateKey } = {}) {
  const payload = { ...jose.decodeJwt(token), ...claims };
  for (const [name, value] of Object.entries(payload)) if (value === undefined) delete payload[name];
  const protectedHeader = { ...jose.decodeProtectedHeader(token), ...header };
  for (const [name, value] of Object.entries(protectedHeader)) if (value === undefined) delete protectedHeader[name];
  return new jose.SignJWT(payload).setProtectedHeader(protectedHeader).sign(key);
}

/** The parameters of a WWW-Authenticate challenge: { scheme, error, scope, resource_metadata, ... }. */
export function challenge(response) {
  const text = response.headers.get('www-authenticate') ?? '';
  const out = { scheme: /^\S+/.exec(text)?.[0], text };
  for (const [, name, quoted, token] of text.matchAll(/([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)) out[name] ??= quoted ?? token;
  return out;
}
