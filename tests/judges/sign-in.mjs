// okta-mcp-server signs in at oidc-provider, an authorization server by others, in every way but the browser's: key
// JWT, device grant, DPoP with nonces on token and API, refresh with rotation, and a refresh token used twice. API
// calls pass the strict front (Okta's OpenAPI; oauth4webapi checks tokens and proofs).
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as jose from 'jose';

import { check, cleanup, equal, here, judge, scratch, serverEnvironment, sharedDir, show, skip, start, until } from './lib.mjs';
import { Browser, apiRequests, checkProofs, clientKeys, finished, freePort, gate, prompt, proofs, replaced, run, stateCopy, tokenRequests } from './sign-in-lib.mjs';

// Okta's shortest is 5 minutes; this one is renewed by the next process that starts two seconds later, because no
// token with less than a minute ahead of it is handed out.
const kTokenSeconds = 62;
const kScopes = 'okta.users.read okta.groups.read';
const kUser = { id: '00u1', status: 'ACTIVE', profile: { firstName: 'Ada', lastName: 'Judge', login: 'ada@judge.example', email: 'ada@judge.example' } };

async function users() {
  const server = http.createServer((_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify([kUser])));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  cleanup(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

async function authorizationServer(keys) {
  const beds = path.join(sharedDir, 'testbeds');
  if (!fs.existsSync(beds)) skip(`${beds} is not here`);
  const place = scratch();
  const bed = (name) => fs.readFileSync(path.join(beds, name), 'utf8');
  fs.writeFileSync(
    path.join(place, 'okta-as.mjs'),
    replaced(bed('okta-as.mjs'), [
      ['[key.pub]', 'key.pubs'],
      ['accessTokenTTL: 3600', `accessTokenTTL: ${kTokenSeconds}`],
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
    start(process.execPath, ['okta-front.mjs', spec, String(front), String(as), await users()], { cwd: place, env: { ISS: org.url, LOG: verdicts } }),
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

const kCall = ['call', 'list_users', 'limit=1'];

await judge(async () => {
  const keys = await clientKeys();
  const { org, log, verdicts } = await authorizationServer(keys);
  let from = 0;
  const since = () => {
    const entries = org.seen.slice(from);
    from = org.seen.length;
    return entries;
  };
  const settings = (extra) => ({ ...serverEnvironment({ OKTA_ORG_URL: org.url, OKTA_SCOPES: kScopes, ...extra }), OKTA_LOG_LEVEL: 'info' });
  const byKey = (client, key) => settings({ OKTA_CLIENT_ID: client, OKTA_PRIVATE_KEY: JSON.stringify(key.prv), OKTA_KEY_ID: key.kid });
  const listed = (output, what) => check(output.includes('ada@judge.example'), `${what}: the call is answered: ${show(output)}`);

  {
    const what = 'key JWT RS256, no DPoP';
    listed(await finished(kCall, byKey('0oaServiceApp', keys.RS256), what), what);
    const entries = since();
    equal(tokenRequests(entries).map((entry) => entry.status), [200], `${what}: token requests`);
    equal(jose.decodeProtectedHeader(tokenRequests(entries)[0].form.client_assertion).alg, 'RS256', `${what}: algorithm`);
    equal(apiRequests(entries).map((entry) => [entry.authorization, entry.proof, entry.status]), [['Bearer', null, 200]], `${what}: API requests`);
  }

  for (const [alg, key] of Object.entries(keys)) {
    const what = `key JWT ${alg}, DPoP with nonces`;
    const env = byKey('0oaServiceDpop', key);
    org.apiNonce = `api-${alg}-1`;
    listed(await finished(kCall, env, what), what);
    let entries = since();
    // oidc-provider says invalid_grant when the proof is missing, then asks for its nonce.
    equal(tokenRequests(entries).map((entry) => [entry.status, entry.error]), [[400, 'invalid_grant'], [400, 'use_dpop_nonce'], [200, undefined]], `${what}: token requests`);
    equal(proofs(tokenRequests(entries)), ['-', '', 'nonce'], `${what}: their proofs`);
    equal(new Set(tokenRequests(entries).map((entry) => entry.form.client_assertion)).size, 3, `${what}: assertions used once`);
    equal(jose.decodeProtectedHeader(tokenRequests(entries)[0].form.client_assertion).alg, alg, `${what}: algorithm`);
    equal(apiRequests(entries).map((entry) => [entry.authorization, entry.status]), [['DPoP', 401], ['DPoP', 200]], `${what}: API requests`);
    const [jkt, ...others] = await checkProofs(org, entries, what);
    equal(others, [], `${what}: other keys`);
    equal(jose.decodeJwt(tokenRequests(entries).at(-1).answer.access_token).cnf?.jkt, jkt, `${what}: the token is bound to the key of the proofs`);

    await sleep(2500);
    org.apiNonce = `api-${alg}-2`;
    listed(await finished(kCall, env, what), `${what}, again`);
    entries = since();
    equal(proofs(tokenRequests(entries)), ['', 'nonce'], `${what}, again: goes straight with a proof`);
    equal(await checkProofs(org, entries, what), [jkt], `${what}, again: the stored key`);
    check((await finished(['status'], env, what)).includes('private key JWT with DPoP'), `${what}: status names DPoP`);
    org.apiNonce = null;
    from = org.seen.length;
  }

  for (const dpop of [false, true]) {
    const what = `device grant${dpop ? ', DPoP with nonces' : ''}`;
    org.demand = dpop ? ['0oaNativeDevice'] : [];
    org.apiNonce = dpop ? 'api-device' : null;
    const env = settings({ OKTA_CLIENT_ID: '0oaNativeDevice' });

    const login = run(['login'], env);
    await person(await prompt(login));
    equal(await login.ended, 0, `${what}: login: ${show(login.output())}`);
    let entries = since();
    const polls = tokenRequests(entries);
    check(polls.at(-1)?.status === 200, `${what}: the last poll is answered: ${show(polls.map((entry) => entry.error))}`);
    equal(proofs(polls.filter((entry) => entry.status === 200)), [dpop ? 'nonce' : '-'], `${what}: what it was answered to`);
    check(polls.filter((entry) => !entry.proof).length <= (dpop ? 1 : polls.length), `${what}: one poll without proof, then none`);
    const jkts = await checkProofs(org, entries, what);
    equal(jkts.length, dpop ? 1 : 0, `${what}: keys`);

    // Every start of another process two seconds later renews: rotated each time, with the key of the first.
    const refreshTokens = [polls.at(-1)?.answer?.refresh_token];
    let before;
    for (let round = 0; round < 2; round++) {
      await sleep(2500);
      before = stateCopy(env, path.join(scratch(), 'state'));
      listed(await finished(kCall, env, what), `${what}: call ${round + 1}`);
      entries = since();
      const refreshes = tokenRequests(entries);
      equal(refreshes.map((entry) => entry.form.grant_type), Array(dpop ? 2 : 1).fill('refresh_token'), `${what}: requests of refresh ${round + 1}`);
      equal(refreshes.at(-1).status, 200, `${what}: refresh ${round + 1}`);
      equal(refreshes.at(-1).form.refresh_token, refreshTokens.at(-1), `${what}: refresh ${round + 1} uses the newest refresh token`);
      refreshTokens.push(refreshes.at(-1).answer.refresh_token);
      equal(proofs(refreshes), dpop ? ['', 'nonce'] : ['-'], `${what}: proofs of refresh ${round + 1}`);
      equal(await checkProofs(org, entries, what), jkts, `${what}: the key of refresh ${round + 1}`);
      equal(apiRequests(entries).at(-1)?.authorization, dpop ? 'DPoP' : 'Bearer', `${what}: scheme of the API call`);
    }
    equal(new Set(refreshTokens).size, 3, `${what}: the refresh token is another one each time`);

    // The state as it was before the last refresh: its refresh token has been used. The server ends the whole login.
    await sleep(2500);
    const thief = run(kCall, before);
    await prompt(thief);
    entries = since();
    const reused = tokenRequests(entries).filter((entry) => entry.form.grant_type === 'refresh_token');
    equal(reused.at(-1)?.error, 'invalid_grant', `${what}: the used refresh token is refused`);
    equal(reused.length, dpop ? 2 : 1, `${what}: and not presented again`);
    check(thief.output().includes('the stored login has ended'), `${what}: which is said: ${show(thief.output())}`);
    thief.child.kill('SIGTERM');
    await thief.ended;
    check(log().includes('refresh token already used'), `${what}: the server calls it reuse`);
    from = org.seen.length;

    const owner = run(kCall, env);
    await person(await prompt(owner));
    equal(await owner.ended, 0, `${what}: the owner signs in again and the call goes on: ${show(owner.output())}`);
    listed(owner.output(), `${what}: after the new sign-in`);
    entries = since();
    equal(tokenRequests(entries).filter((entry) => entry.form.grant_type === 'refresh_token').length, dpop ? 2 : 1, `${what}: the ended login is tried once`);
    for (const secret of refreshTokens) check(secret && !owner.output().includes(secret) && !thief.output().includes(secret), `${what}: no refresh token in any output`);
  }

  const judged = verdicts();
  check(judged.length > 8, `the front has judged ${judged.length} API requests`);
  for (const verdict of judged) check(verdict.v === 'ok', `the front says ${show(verdict)}`);
});
