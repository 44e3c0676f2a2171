// The STS broker with glewlwyd, an authorization server by another author than oidc-provider's, as the external one: its
// own pages in Chromium, its tokens, its refresh tokens.
import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import * as jose from 'jose';

import { check, equal, freePort, judge, scratch, show, skip, start, until } from './lib.mjs';
import { openBrowser } from './console/browser.mjs';
import { authorizationServer } from './oauth-lib.mjs';
import { registry } from './registry-lib.mjs';
import { callbackOf, granted, linkOf, makeAgent, mcpServer, nothingTold, personWithBrowser, registerExternal, signOn, whoami } from './sts-lib.mjs';

const kProgram = '/usr/bin/glewlwyd';
const kSettings = '/etc/glewlwyd/glewlwyd.conf';
const kSchema = '/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3';
const kPages = '/usr/share/glewlwyd/webapp';
const kPagesSettings = '/usr/share/glewlwyd/templates/config.json';
const kPassword = randomBytes(12).toString('base64url');
const kTokenSeconds = 6;

/** Debian's glewlwyd with its own pages, one person, and one client: this registry. */
async function glewlwyd(reg) {
  for (const file of [kProgram, kSettings, kSchema, kPages, kPagesSettings, '/usr/bin/sqlite3']) {
    if (!fs.existsSync(file)) skip(`${file} is missing; scripts/install ci installs it`);
  }
  const place = scratch();
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const database = path.join(place, 'g.db');
  execFileSync('/usr/bin/sqlite3', [database], { input: fs.readFileSync(kSchema) });
  const pages = path.join(place, 'webapp');
  fs.cpSync(kPages, pages, { recursive: true, dereference: true, filter: (file) => path.basename(file) !== 'config.json' });
  fs.copyFileSync(kPagesSettings, path.join(pages, 'config.json'));
  const settings = fs.readFileSync(kSettings, 'utf8').split('\n').filter((line) => !/^\s*(port|external_url|log_mode|log_level|@include)\b/.test(line));
  settings.push(`port=${port}`, 'bind_address="127.0.0.1"', `external_url="${origin}"`, `static_files_path="${pages}/"`, 'log_mode="console"', 'log_level="WARNING"', `database = { type = "sqlite3"; path = "${database}"; };`);
  const file = path.join(place, 'g.conf');
  fs.writeFileSync(file, settings.join('\n'));
  const server = start(kProgram, ['-c', file]);
  await until(async () => {
    if (server.child.exitCode !== null) throw new Error(`glewlwyd ended with ${server.child.exitCode}: ${server.output()}`);
    return (await fetch(`${origin}/config.json`).catch(() => null))?.ok;
  }, 'glewlwyd');

  let cookie = '';
  const call = async (method, where, body) => {
    const response = await fetch(`${origin}/api/${where}`, { method, headers: { 'content-type': 'application/json', cookie }, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`glewlwyd: ${method} ${where}: ${response.status} ${await response.text()} ${server.output()}`);
    cookie ||= response.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
    await response.text();
  };
  await call('POST', 'auth/', { username: 'admin', password: 'password' });
  await call('POST', 'scope/', { name: 'tools', display_name: 'Tools', description: 'Call tools', password_required: true, password_max_age: 0, scheme_required: {}, scheme: {} });
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const issuer = `${origin}/api/oidc`;
  const flows = { code: true, token: false, 'id-token': true, none: false, password: false, client: false, device: false, refresh: true };
  await call('POST', 'mod/plugin/', {
    module: 'oidc',
    name: 'oidc',
    display_name: 'oidc',
    parameters: {
      iss: issuer,
      'jwt-type': 'rsa',
      'jwt-key-size': '256',
      key: privateKey.export({ type: 'pkcs8', format: 'pem' }),
      cert: publicKey.export({ type: 'spki', format: 'pem' }),
      'code-duration': 600,
      'refresh-token-duration': 1209600,
      'access-token-duration': kTokenSeconds,
      'refresh-token-rolling': true,
      'refresh-token-one-use': 'always',
      ...Object.fromEntries(Object.entries(flows).map(([name, on]) => [`auth-type-${name}-enabled`, on])),
      'allow-non-oidc': true,
      'jwks-show': true,
      'pkce-allowed': true,
      'pkce-required': true,
      'introspection-revocation-allowed': true,
      'introspection-revocation-allow-target-client': true,
      'resource-allowed': false,
      'subject-type': 'public',
      'allowed-scope': ['openid', 'tools'],
    },
  });
  const client = { clientId: 'registry', clientSecret: randomBytes(24).toString('base64url') };
  await call('POST', 'client/', {
    client_id: client.clientId,
    client_secret: client.clientSecret,
    name: 'The registry',
    confidential: true,
    enabled: true,
    authorization_type: ['code', 'refresh_token'],
    scope: ['openid', 'tools'],
    redirect_uri: [callbackOf(reg)],
    token_endpoint_auth_method: ['client_secret_basic'],
  });
  await call('POST', 'user/', { username: 'ada', name: 'Ada', email: 'ada@judge.example', enabled: true, password: kPassword, scope: ['g_profile', 'openid', 'tools'] });
  const keys = jose.createRemoteJWKSet(new URL(`${issuer}/jwks`));
  const verify = async (token) => {
    const found = await jose.jwtVerify(token, keys, { issuer, clockTolerance: 0 }).catch(() => null);
    return found && found.payload.type === 'access_token' ? { sub: found.payload.client_id, scope: found.payload.scope } : null;
  };
  /** Ada ends every refresh token of hers, as her profile page lets her. Gives how many there were. */
  const withdraw = async () => {
    const signedIn = await fetch(`${origin}/api/auth/`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ username: 'ada', password: kPassword }) });
    const headers = { cookie: signedIn.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ') };
    const tokens = (await (await fetch(`${issuer}/token`, { headers })).json()).filter((token) => token.enabled);
    for (const token of tokens) {
      const ended = await fetch(`${issuer}/token/${encodeURIComponent(token.token_hash)}`, { method: 'DELETE', headers });
      check(ended.ok, `glewlwyd ends a refresh token: ${ended.status}`);
    }
    return tokens.length;
  };
  return { origin, issuer, client, verify, withdraw, output: server.output };
}

/** One step on glewlwyd's pages, which one script draws: sign in, allow, go on. */
const step = async ({ page, press }) => {
  const [box, grant, go] = ['input[id^=grant-]', '.card-body button.btn-primary', '.card-footer button.btn-success'];
  await page.waitForSelector(['#username', box, go].join(', '), { visible: true });
  if (await page.$('#username')) {
    await page.type('#username', 'ada');
    await page.type('#password', kPassword);
    await page.click('#loginbut');
    await page.waitForSelector('#username', { hidden: true });
  } else if (await page.$(box)) {
    await page.click(box);
    await page.click(grant);
    await page.waitForSelector(box, { hidden: true });
  } else {
    await press(go);
  }
};

await judge(async () => {
  const browser = await openBrowser();
  const reg = await registry();
  const as = await glewlwyd(reg);
  const people = await authorizationServer({ redirectUri: `${reg.origin}/login/callback` });
  const ids = await signOn(reg, people, ['ada']);
  const mcp = await mcpServer({ issuer: as.issuer, scopes: ['tools'], verify: as.verify });
  const { settings } = await registerExternal(reg, mcp, { issuer: as.issuer, name: 'Tools', client: { registrationType: 'MANUAL', ...as.client, scopes: ['tools'] } });
  const agent = await makeAgent(reg, 'Helper', ids.ada);
  const { resourceIndicator } = await agent.connect(settings);
  const idToken = await agent.signIn('ada');
  const ada = await personWithBrowser(browser, reg, 'ada', { [as.origin]: step });
  const consent = async (what) => {
    const page = await ada.consent(linkOf(reg, await agent.exchange(idToken, resourceIndicator), what));
    equal(page.title, 'Done', `${what}: ${page.text} ${as.output()}`);
  };

  await consent('without consent');
  const tokens = [(await granted(agent, idToken, resourceIndicator, 'after consent')).access_token];
  const next = async (what) => {
    let answer;
    await until(async () => {
      answer = await agent.exchange(idToken, resourceIndicator);
      return answer.status !== 200 || !tokens.includes(answer.body.access_token);
    }, `${what}: another token`);
    equal(answer.status, 200, `${what}: ${show(answer.body)} ${as.output()}`);
    tokens.push(answer.body.access_token);
    equal(await whoami(mcp.url, tokens.at(-1)), 'registry: tools', `${what}: the MCP server takes it`);
  };
  equal(await whoami(mcp.url, tokens[0]), 'registry: tools', 'the MCP server takes it');
  // A used refresh token would end them all: the second refresh shows that the new one was kept.
  await next('silent refresh');
  await next('silent refresh again');
  equal(await agent.revoke(tokens.at(-1)), 200, 'revocation is answered');
  await next('after revocation');

  // Withdrawn there: with the next refresh the person is asked again.
  equal(await as.withdraw(), 1, 'one refresh token is alive: the others were rotated away');
  let answer;
  await until(async () => {
    answer = await agent.exchange(idToken, resourceIndicator);
    return answer.status !== 200;
  }, 'the person is asked again');
  const page = await ada.consent(linkOf(reg, answer, 'after she withdrew it'));
  equal(page.title, 'Done', `she consents again: ${page.text}`);
  tokens.push((await granted(agent, idToken, resourceIndicator, 'after all')).access_token);
  equal(await whoami(mcp.url, tokens.at(-1)), 'registry: tools', 'and all is well');
  equal(ada.faults, [], 'pages without faults');
  await nothingTold(reg, [as.client.clientSecret, kPassword, ...tokens], as.issuer, 'glewlwyd');
});
