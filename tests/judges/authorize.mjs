// An OAuth client by others (oauth4webapi) signs a person in to the local org as a desktop app does: authorization
// code with PKCE, DPoP with nonces at the token endpoint and at the API, refresh, and what must not work: a code
// twice, a rotated refresh token, another key, a changed answer.
import * as oauth from 'oauth4webapi';

import { check, devOrg, equal, judge, show } from './lib.mjs';

const redirectUri = 'http://127.0.0.1:16582/callback';
const scope = 'openid profile offline_access okta.users.read';
const options = { [oauth.allowInsecureRequests]: true };

/** What a promise that must fail failed with: OAuth's error, or the library's own code. */
async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return error.error ?? error.cause?.[0]?.parameters?.error ?? error.code ?? error.message;
  }
  return 'it was allowed';
}

/** A call that is made again, once, when the answer is a nonce. The DPoP handle keeps the nonce. */
async function withNonce(call) {
  try {
    return await call();
  } catch (error) {
    if (!oauth.isDPoPNonceError(error)) throw error;
    return call();
  }
}

const unescaped = (text) =>
  text.replace(/&(quot|#39|lt|gt|amp);/g, (_, name) => ({ quot: '"', '#39': "'", lt: '<', gt: '>', amp: '&' })[name]);

/** The person: opens the page, chooses the first login, presses a button. Gives where the browser is sent. */
async function decide(page, decision = 'approve') {
  const shown = await fetch(page, { redirect: 'manual' });
  const html = await shown.text();
  if (shown.status !== 200) throw new Error(`the page answers ${shown.status}: ${show(html)}`);
  const field = (name) => unescaped(new RegExp(`name="${name}" value="([^"]*)"`).exec(html)?.[1] ?? '');
  const login = unescaped(/<option value="([^"]*)"/.exec(html)?.[1] ?? '');
  const action = new URL(/<form method="post" action="([^"]*)"/.exec(html)[1], page);
  const body = new URLSearchParams({ csrf_token: field('csrf_token'), request: field('request'), login, decision });
  const sent = await fetch(action, { method: 'POST', body, headers: { origin: action.origin }, redirect: 'manual' });
  equal(sent.status, 303, 'the browser is sent on');
  return new URL(sent.headers.get('location'));
}

class App {
  constructor(as, clientId, keys) {
    this.as = as;
    this.client = { client_id: clientId };
    this.dpop = keys && oauth.DPoP(this.client, keys);
    this.options = { ...options, ...(this.dpop ? { DPoP: this.dpop } : {}) };
  }

  async begin(more = {}) {
    const verifier = oauth.generateRandomCodeVerifier();
    const state = oauth.generateRandomState();
    const nonce = oauth.generateRandomNonce();
    const page = new URL(this.as.authorization_endpoint);
    page.search = new URLSearchParams({
      client_id: this.client.client_id,
      redirect_uri: redirectUri,
      response_type: 'code',
      scope,
      state,
      nonce,
      code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...more,
    });
    return { page, verifier, state, nonce };
  }

  async redeem({ state, verifier, nonce }, location, as = this.as) {
    const answer = oauth.validateAuthResponse(as, this.client, location, state);
    return withNonce(async () => {
      const response = await oauth.authorizationCodeGrantRequest(as, this.client, oauth.None(), answer, redirectUri, verifier, this.options);
      return oauth.processAuthorizationCodeResponse(as, this.client, response, { expectedNonce: nonce, requireIdToken: true });
    });
  }

  async signIn() {
    const begun = await this.begin();
    const location = await decide(begun.page);
    return { begun, location, tokens: await this.redeem(begun, location) };
  }

  refresh(token) {
    return withNonce(async () => {
      const response = await oauth.refreshTokenGrantRequest(this.as, this.client, oauth.None(), token, this.options);
      return oauth.processRefreshTokenResponse(this.as, this.client, response);
    });
  }

  api(token, path = '/api/v1/users?limit=1') {
    return withNonce(() => oauth.protectedResourceRequest(token, 'GET', new URL(path, this.as.issuer), undefined, undefined, this.options));
  }

  async introspect(token) {
    const response = await oauth.introspectionRequest(this.as, this.client, oauth.None(), token, options);
    return oauth.processIntrospectionResponse(this.as, this.client, response);
  }

  async revoke(token) {
    await oauth.processRevocationResponse(await oauth.revocationRequest(this.as, this.client, oauth.None(), token, options));
  }
}

async function discover(org) {
  const issuer = new URL(org.url);
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
}

async function withDpop() {
  const org = await devOrg({ users: 30, args: ['--dpop', 'required', '--dpop-nonce', 'all', '--refresh-grace', '0'] });
  const as = await discover(org);
  equal(as.code_challenge_methods_supported, ['S256'], 'the metadata names PKCE');
  check(as.dpop_signing_alg_values_supported.includes('ES256'), 'and DPoP');
  for (const alg of ['ES256', 'RS256']) {
    const keys = await oauth.generateKeyPair(alg);
    const app = new App(as, org.nativeClient, keys);
    const { begun, location, tokens } = await app.signIn();
    equal(tokens.token_type, 'dpop', `${alg}: the token is bound`);
    const subject = oauth.getValidatedIdTokenClaims(tokens).sub;
    const userInfo = await withNonce(async () => {
      const response = await oauth.userInfoRequest(as, app.client, tokens.access_token, app.options);
      return oauth.processUserInfoResponse(as, app.client, subject, response);
    });
    check(typeof userInfo.name === 'string', `${alg}: userinfo says who it is`);
    equal((await (await app.api(tokens.access_token)).json()).length, 1, `${alg}: the API answers`);
    equal((await app.introspect(tokens.access_token)).cnf?.jkt, await app.dpop.calculateThumbprint(), `${alg}: introspection names the key`);

    const stranger = new App(as, org.nativeClient, await oauth.generateKeyPair(alg));
    equal(await refusal(stranger.api(tokens.access_token)), 'invalid_dpop_proof', `${alg}: another key at the API`);
    equal(await refusal(stranger.refresh(tokens.refresh_token)), 'invalid_dpop_proof', `${alg}: another key at the token endpoint`);
    const keyless = new App(as, org.nativeClient);
    equal(await refusal(keyless.api(tokens.access_token)), 'invalid_request', `${alg}: no key at the API`);
    equal(await refusal(keyless.refresh(tokens.refresh_token)), 'invalid_dpop_proof', `${alg}: no key at the token endpoint`);

    const second = await app.refresh(tokens.refresh_token);
    check(second.refresh_token && second.refresh_token !== tokens.refresh_token, `${alg}: the refresh token is rotated`);
    equal((await app.api(second.access_token)).status, 200, `${alg}: and the new token works`);
    equal(await refusal(app.refresh(tokens.refresh_token)), 'invalid_grant', `${alg}: the rotated one does not`);
    equal(await refusal(app.refresh(second.refresh_token)), 'invalid_grant', `${alg}: and took the sign-in with it`);
    equal(await refusal(app.api(second.access_token)), 'invalid_token', `${alg}: all of it`);

    equal(await refusal(app.redeem(begun, location)), 'invalid_grant', `${alg}: a code twice`);
    const again = await app.signIn();
    equal((await app.api(again.tokens.access_token)).status, 200, `${alg}: a new sign-in is good`);
    equal(await refusal(app.redeem(again.begun, again.location)), 'invalid_grant', `${alg}: until its code is used again`);
    equal(await refusal(app.api(again.tokens.access_token)), 'invalid_token', `${alg}: which ends it`);
  }
}

async function asABearer() {
  const org = await devOrg({ users: 30, args: ['--redirect-uri', redirectUri, '--redirect-uri', 'com.example.app:/cb'] });
  const as = await discover(org);
  const app = new App(as, org.nativeClient);
  const { tokens } = await app.signIn();
  equal(tokens.token_type, 'bearer', 'without a proof the token is a bearer token');
  const lost = await app.refresh(tokens.refresh_token);
  const repeated = await app.refresh(tokens.refresh_token);
  check(repeated.refresh_token !== lost.refresh_token, 'within the grace a client may ask again');
  equal((await app.introspect(repeated.refresh_token)).active, true, 'introspection knows the refresh token');
  await app.revoke(repeated.refresh_token);
  equal((await app.introspect(repeated.refresh_token)).active, false, 'until it is revoked');
  equal(await refusal(app.api(repeated.access_token)), 'invalid_token', 'with what came of it');

  const refused = await app.begin();
  equal(await refusal(app.redeem(refused, await decide(refused.page, 'deny'))), 'access_denied', 'a person may refuse');
  const mixed = await app.begin();
  const location = await decide(mixed.page);
  const tampered = new URL(location);
  tampered.searchParams.set('iss', 'http://127.0.0.1:1');
  check((await refusal(app.redeem(mixed, tampered))) !== 'it was allowed', 'an answer of another issuer is noticed');
  equal(await refusal(app.redeem({ ...mixed, verifier: oauth.generateRandomCodeVerifier() }, location)), 'invalid_grant', 'another verifier');
  check((await app.redeem(mixed, location)).access_token, 'the right one still works');
  check((await decide((await app.begin({ redirect_uri: 'com.example.app:/cb' })).page)).href.startsWith('com.example.app:/cb?code='), 'an app may have a scheme of its own');

  for (const [what, more] of [
    ['another port', { redirect_uri: 'http://127.0.0.1:8018/callback' }],
    ['another client', { client_id: '0oaNobody00000000000' }],
  ]) {
    const answer = await fetch((await app.begin(more)).page, { redirect: 'manual' });
    equal([answer.status, answer.headers.get('location')], [400, null], `${what}: nobody is sent there`);
  }
  const plain = await fetch((await app.begin({ code_challenge_method: 'plain' })).page, { redirect: 'manual' });
  equal(new URL(plain.headers.get('location')).searchParams.get('error'), 'invalid_request', 'a plain challenge goes back as an error');
}

await judge(async () => {
  await withDpop();
  await asABearer();
});
