// oidc-provider, an OpenID-certified authorization server, judges `login --browser`: authorization code with PKCE on
// a loopback port, RFC 9207's issuer, refresh with rotation, reuse detection, revocation. A script stands in for the
// person and the browser.
import { spawn } from 'node:child_process';
import { generateKeyPair, exportJWK } from 'jose';
import { Provider } from 'oidc-provider';

import { check, cleanup, equal, freePort, judge, program, serverEnvironment, show, until } from './lib.mjs';

const kClient = '0oaNativeBrowser';
const kScopes = 'okta.users.read okta.groups.read';

/** An authorization server shaped like an org's, with one resource: the list of users. */
async function startOrg(redirectUri) {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const provider = new Provider(issuer, {
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'as-1', alg: 'RS256', use: 'sig' }] },
    cookies: { keys: ['a key of this run'] },
    scopes: ['openid', 'offline_access', ...kScopes.split(' ')],
    clients: [
      {
        client_id: kClient,
        application_type: 'native',
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
        redirect_uris: [redirectUri],
        response_types: ['code'],
        token_endpoint_auth_method: 'none',
      },
    ],
    clientAuthMethods: ['none'],
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => issuer,
        useGrantedResource: () => true,
        getResourceServerInfo: () => ({ scope: kScopes, audience: issuer, accessTokenFormat: 'opaque', accessTokenTTL: 3600 }),
      },
    },
    routes: {
      authorization: '/oauth2/v1/authorize',
      token: '/oauth2/v1/token',
      device_authorization: '/oauth2/v1/device/authorize',
      revocation: '/oauth2/v1/revoke',
      jwks: '/oauth2/v1/keys',
    },
    claims: { openid: ['sub'], email: ['email'], profile: ['name'] },
    findAccount: (_ctx, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    // OpenID Connect Core 1.0 section 11 has a server ignore offline_access without prompt=consent, which Okta does not.
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    expiresWithSession: async () => false,
    rotateRefreshToken: true,
    pkce: { required: () => true },
  });
  const wire = { grants: [], refused: [], verifiers: [], tokens: [], revoked: [] };
  provider.on('grant.error', (_ctx, error) => wire.refused.push(error.error));
  provider.on('server_error', (_ctx, error) => console.log(error.stack));
  provider.use(async (ctx, next) => {
    if (ctx.path === '/api/v1/users') {
      const token = await provider.AccessToken.find(ctx.get('authorization').replace(/^Bearer /, ''));
      ctx.status = token ? 200 : 401;
      ctx.body = token ? [] : { errorCode: 'E0000011', errorSummary: 'Invalid token provided' };
      return;
    }
    await next();
    if (ctx.path === '/oauth2/v1/token' && ctx.oidc?.params) {
      wire.grants.push(`${ctx.oidc.params.grant_type} ${ctx.status}`);
      if (ctx.oidc.params.code_verifier) wire.verifiers.push(ctx.oidc.params.code_verifier);
      if (ctx.status === 200) wire.tokens.push({ access: ctx.body.access_token, refresh: ctx.body.refresh_token });
    }
    if (ctx.path === '/oauth2/v1/revoke') wire.revoked.push(`${ctx.oidc?.params?.token_type_hint} ${ctx.status}`);
  });
  const server = provider.listen(port, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  cleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  return { provider, issuer, wire };
}

/** A browser with cookies and a person who signs in and agrees, or does not. Returns the last page. */
async function browse(link, { agrees = true } = {}) {
  const jar = {};
  async function go(url, options = {}) {
    for (let hop = 0; hop < 15; hop++) {
      const cookie = Object.entries(jar).map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, { redirect: 'manual', ...options, headers: { ...options.headers, ...(cookie ? { cookie } : {}) } });
      for (const set of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(set);
        if (value) jar[name] = value;
        else delete jar[name];
      }
      if (![301, 302, 303, 307].includes(response.status)) {
        return { url, status: response.status, headers: response.headers, html: await response.text() };
      }
      url = new URL(response.headers.get('location'), url).href;
      options = {};
    }
    throw new Error('too many redirects');
  }
  let page = await go(link);
  for (let step = 0; step < 6 && page.html.includes('<form'); step++) {
    const cancel = /href="([^"]*\/abort)"/.exec(page.html)?.[1];
    if (!agrees && cancel) {
      page = await go(new URL(cancel, page.url).href);
      continue;
    }
    const action = new URL((/<form[^>]*action="([^"]*)"/.exec(page.html)?.[1] ?? page.url).replaceAll('&amp;', '&'), page.url).href;
    const fields = {};
    for (const [input] of page.html.matchAll(/<input[^>]*>/g)) {
      const name = /name="([^"]+)"/.exec(input)?.[1];
      if (name) fields[name] = /value="([^"]*)"/.exec(input)?.[1] ?? 'ada';
    }
    page = await go(action, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(fields),
    });
  }
  return page;
}

await judge(async () => {
  const port = await freePort();
  const redirectUri = `http://127.0.0.1:${port}/callback`;
  const org = await startOrg(redirectUri);
  const env = {
    ...serverEnvironment({ OKTA_ORG_URL: org.issuer, OKTA_CLIENT_ID: kClient, OKTA_SCOPES: kScopes }),
    OKTA_MCP_REDIRECT_PORT: String(port),
  };

  /** A command of ours; `onEvent` sees each line of JSON on its stdout as it comes. */
  function command(args, onEvent = () => {}) {
    const child = spawn(program('okta-mcp-server'), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const run = { child, out: '', err: '', events: [] };
    cleanup(() => child.kill('SIGKILL'));
    let pending = '';
    child.stdout.on('data', (chunk) => {
      run.out += chunk;
      pending += chunk;
      for (let end; (end = pending.indexOf('\n')) >= 0; pending = pending.slice(end + 1)) {
        const line = pending.slice(0, end);
        if (!line.startsWith('{"event"')) continue;
        run.events.push(JSON.parse(line));
        onEvent(run.events.at(-1));
      }
    });
    child.stderr.on('data', (chunk) => (run.err += chunk));
    run.ended = new Promise((done) => child.on('close', (code) => done(Object.assign(run, { code }))));
    return run;
  }
  async function login(person) {
    let page;
    const run = await command(['login', '--browser', '--json'], (event) => {
      if (event.event === 'prompt') page = browse(event.link, person);
    }).ended;
    return { ...run, prompt: run.events[0], last: run.events.at(-1), page: await page };
  }
  const signIn = async () => JSON.parse((await command(['status', '--json']).ended).out);

  // Nobody agrees.
  const declined = await login({ agrees: false });
  equal(declined.code, 1, `a sign-in that is declined has failed: ${show(declined.out + declined.err)}`);
  equal(declined.last.code, 'oauth.access_denied', 'and says so');
  check(declined.page.html.includes('You are not signed in'), `in the browser too: ${show(declined.page.html)}`);

  // Somebody does.
  const good = await login();
  equal(good.code, 0, `login --browser: ${show(good.out + good.err)}`);
  equal(good.prompt.redirect_uri, redirectUri, 'the redirect URI is the one to register');
  const asked = new URL(good.prompt.link).searchParams;
  equal(asked.get('code_challenge_method'), 'S256', 'PKCE by S256');
  equal(asked.get('response_type'), 'code', 'a code is asked for');
  equal(good.page.status, 200, 'the last page');
  check(good.page.html.includes('You can close this window'), `what the person sees: ${show(good.page.html)}`);
  check(new URL(good.page.url).searchParams.get('iss') === org.issuer, 'the answer named its issuer (RFC 9207), and it was taken');
  check(good.page.headers.get('content-security-policy')?.includes("default-src 'none'"), 'the page may load nothing');
  equal(org.wire.grants, ['authorization_code 200'], 'one code, redeemed once');
  check(/^[A-Za-z0-9._~-]{43,128}$/.test(org.wire.verifiers[0]), `the verifier is one of RFC 7636: ${show(org.wire.verifiers)}`);
  check(kScopes.split(' ').every((scope) => good.last.scopes.includes(scope)), `granted: ${show(good.last)}`);
  const [first] = org.wire.tokens;
  check(first.refresh, 'a refresh token was issued');

  const status = await signIn();
  equal(status.sign_in, 'authorization code', 'status names the grant');
  check(kScopes.split(' ').every((scope) => status.granted_scopes.includes(scope)), `and what is granted: ${show(status)}`);
  equal((await command(['call', 'list_users']).ended).code, 0, 'the next command uses the login');

  // The access token ends: the next call refreshes, the refresh token rotates, and the call is done.
  for (let round = 1; round <= 2; round++) {
    await (await org.provider.AccessToken.find(org.wire.tokens.at(-1).access)).destroy();
    const call = await command(['call', 'list_users']).ended;
    equal(call.code, 0, `refresh ${round}: ${show(call.out + call.err)}`);
    equal(org.wire.grants.length, 1 + round, `refresh ${round}: one request`);
    equal(org.wire.grants.at(-1), 'refresh_token 200', `refresh ${round}: by refresh token`);
    check(org.wire.tokens.at(-1).refresh !== org.wire.tokens.at(-2).refresh, `refresh ${round}: the refresh token rotated`);
  }

  // Somebody uses a refresh token that was rotated away: the whole grant ends.
  const thief = await fetch(`${org.issuer}/oauth2/v1/token`, {
    method: 'POST',
    body: new URLSearchParams({ grant_type: 'refresh_token', client_id: kClient, refresh_token: first.refresh }),
  });
  equal(thief.status, 400, 'reuse is refused');
  check(!(await org.provider.AccessToken.find(org.wire.tokens.at(-1).access)), 'and has ended the grant');
  const ended = await command(['call', 'list_users']).ended;
  equal(ended.code, 1, 'the next call fails');
  check(/login has ended/.test(ended.out + ended.err), `by name: ${show(ended.out + ended.err)}`);
  check(!(ended.out + ended.err).includes(org.wire.tokens.at(-1).refresh), 'without showing a token');
  equal((await signIn()).sign_in, 'device authorization grant', 'the login is dropped');

  // The device grant takes over.
  const device = command(['login', '--json']);
  await until(() => device.events.length > 0 || device.child.exitCode !== null, 'the prompt of the device grant');
  equal(device.events[0]?.grant, 'device_code', `link and code: ${show(device.out + device.err)}`);
  check(device.events[0]?.user_code, 'with a code');
  device.child.kill('SIGKILL');
  await device.ended;

  // A new sign-in, and its end.
  equal((await login()).code, 0, 'login --browser once more');
  const last = org.wire.tokens.at(-1);
  const logout = await command(['logout']).ended;
  check(/has revoked its tokens/.test(logout.out), `logout: ${show(logout.out + logout.err)}`);
  equal(org.wire.revoked, ['refresh_token 200', 'access_token 200'], 'both tokens were revoked');
  check(!(await org.provider.RefreshToken.find(last.refresh)), 'the refresh token is gone');
  check(!(await org.provider.AccessToken.find(last.access)), 'the access token is gone');
});
