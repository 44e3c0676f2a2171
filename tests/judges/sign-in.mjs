// okta-mcp-server signs in at oidc-provider, an authorization server by others, in every way but the browser's: key
// JWT, device grant, DPoP with nonces on token and API, refresh with rotation, and a refresh token used twice. API
// calls pass the strict front (Okta's OpenAPI; oauth4webapi checks tokens and proofs).
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { check, freePort, here, judge, scratch, serverEnvironment, sharedDir, show, skip, start, until } from './lib.mjs';
import { Browser, clientKeys, deviceGrant, gate, keyJwt, keyJwtWithDpop, kTokenSeconds, oneUser, replaced } from './sign-in-lib.mjs';

const kScopes = 'okta.users.read okta.groups.read';

async function authorizationServer(keys) {
  const beds = path.join(sharedDir, 'testbeds');
  if (!fs.existsSync(beds)) skip(`${beds} is not here`);
  const place = scratch();
  const bed = (name) => fs.readFileSync(path.join(beds, name), 'utf8');
  fs.writeFileSync(
    path.join(place, 'okta-as.mjs'),
    replaced(bed('okta-as.mjs'), [
      ['[key.pub]', 'key.pubs'],
      ['AccessToken: 3600, ClientCredentials: 3600', `AccessToken: ${kTokenSeconds}, ClientCredentials: ${kTokenSeconds}`],
      // A public client's bound refresh tokens are not rotated by default; Okta's are.
      ['pkce: { required', 'rotateRefreshToken: () => true, pkce: { required'],
    ]),
  );
  fs.writeFileSync(path.join(place, 'okta-front.mjs'), replaced(bed('okta-front.mjs'), [['const ISS = `http://127.0.0.1:${port}`;', 'const ISS = process.env.ISS;']]));
  fs.copyFileSync(path.join(beds, 'prep-spec.mjs'), path.join(place, 'prep-spec.mjs'));
  fs.symlinkSync(path.join(here, 'node_modules'), path.join(place, 'node_modules'));
  fs.writeFileSync(path.join(place, 'client-key.json'), JSON.stringify({ pubs: Object.values(keys).map((key) => key.pub) }));
  const spec = path.join(place, 'spec.json');
  execFileSync(process.execPath, ['prep-spec.mjs', path.join(sharedDir, 'okta-openapi/management-minimal.yaml'), spec], { cwd: place, stdio: 'ignore', maxBuffer: 64 << 20 });

  const [outside, front, as] = [await freePort(), await freePort(), await freePort()];
  const org = await gate(outside, `http://127.0.0.1:${front}`);
  const verdicts = path.join(place, 'front.jsonl');
  const parts = [
    start(process.execPath, ['okta-as.mjs', String(as), 'nonce'], { cwd: place, env: { ISS: org.url } }),
    start(process.execPath, ['okta-front.mjs', spec, String(front), String(as), await oneUser()], { cwd: place, env: { ISS: org.url, LOG: verdicts } }),
  ];
  await until(async () => {
    for (const part of parts) if (part.child.exitCode !== null) throw new Error(part.output());
    const answer = await fetch(`${org.url}/.well-known/openid-configuration`).catch(() => null);
    return answer?.ok;
  }, 'the authorization server', 120).catch((error) => {
    throw new Error(`${error.message}\n${parts.map((part) => part.output()).join('\n')}`);
  });
  return { org, log: () => parts[0].output(), verdicts: () => fs.readFileSync(verdicts, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line)) };
}

/** Signs in and confirms on the pages of the authorization server. */
async function person({ link, code }) {
  const browser = new Browser();
  let page = await browser.open(link);
  for (let step = 0; step < 6 && page.text.includes('<form'); step++) {
    const names = [...page.text.matchAll(/name="([^"]+)"/g)].map((match) => match[1]);
    if (names.includes('login')) page = await browser.submit(page, { login: '00uAlice', password: 'x' });
    else if (names.includes('user_code') && !names.includes('confirm')) page = await browser.submit(page, { user_code: code });
    else page = await browser.submit(page, names.includes('confirm') ? { confirm: 'yes' } : {});
  }
  check(page.status === 200, `the page after confirming: ${page.status}`);
}

await judge(async () => {
  const keys = await clientKeys();
  const { org, log, verdicts } = await authorizationServer(keys);
  const settings = (extra) => ({ ...serverEnvironment({ OKTA_ORG_URL: org.url, OKTA_SCOPES: kScopes, ...extra }), OKTA_LOG_LEVEL: 'info' });
  const byKey = (client, key) => settings({ OKTA_CLIENT_ID: client, OKTA_PRIVATE_KEY: JSON.stringify(key.prv), OKTA_KEY_ID: key.kid });

  await keyJwt(org, 'RS256', byKey('0oaServiceApp', keys.RS256));
  for (const [alg, key] of Object.entries(keys)) {
    // oidc-provider says invalid_grant when the proof is missing.
    await keyJwtWithDpop(org, alg, byKey('0oaServiceDpop', key), 'invalid_grant');
  }
  for (const dpop of [false, true]) {
    await deviceGrant(org, { dpop, env: settings({ OKTA_CLIENT_ID: '0oaNativeDevice' }), confirm: person, refused: 'invalid_grant' });
    check(log().includes('refresh token already used'), 'the server calls it reuse');
  }

  const judged = verdicts();
  check(judged.length > 8, `the front has judged ${judged.length} API requests`);
  for (const verdict of judged) check(verdict.v === 'ok', `the front says ${show(verdict)}`);
});
