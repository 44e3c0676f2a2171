// What the sign-in judges share: a gate in front of an authorization server that keeps what went through it and asks
// for DPoP where Okta would, our program as a process, and a person with a browser who confirms.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as jose from 'jose';

import { check, cleanup, equal, program, scratch, show } from './lib.mjs';


/** Replaces what must be there: a test bed that has changed is no longer the one that was judged. */
export function replaced(text, pairs) {
  for (const [from, to] of pairs) {
    if (!text.includes(from)) throw new Error(`the test bed no longer holds: ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Stands where the API is and answers every request with the same list of one user. */
export async function oneUser() {
  const user = { id: '00u1', status: 'ACTIVE', profile: { firstName: 'Ada', lastName: 'Judge', login: 'ada@judge.example', email: 'ada@judge.example' } };
  const server = http.createServer((_request, response) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify([user])));
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  cleanup(() => server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

// Okta's shortest is 5 minutes. A token of this length is renewed by the next process that starts two seconds later,
// because none with less than a minute ahead of it is handed out.
export const kTokenSeconds = 62;
const untilStale = () => sleep(2500);

const kCall = ['call', 'list_users', 'limit=1'];
const listed = (output, what) => check(output.includes('ada@judge.example'), `${what}: the call is answered: ${show(output)}`);

/** Two key pairs of the client: { RS256: {kid, pub, prv}, ES256: ... }, as JWKs. */
export async function clientKeys() {
  const keys = {};
  for (const alg of ['RS256', 'ES256']) {
    const pair = await jose.generateKeyPair(alg, { extractable: true });
    const kid = `svc-${alg.toLowerCase()}`;
    keys[alg] = {
      kid,
      pub: { ...(await jose.exportJWK(pair.publicKey)), kid, alg, use: 'sig' },
      prv: { ...(await jose.exportJWK(pair.privateKey)), kid, alg },
    };
  }
  return keys;
}

/**
 * The org's address. Passes everything on to `target` (an origin, or what gives one for a path) and keeps what passed.
 *
 * `demand`: clients whose app has "Require DPoP" on, and who are answered as Okta answers a token request without a
 * proof; what is in a proof is judged behind the gate. `apiNonce`: the resource server wants this nonce in its proofs
 * (RFC 9449 section 9); null for none. `paths`: other names of a path behind the gate. `ask` and `tell` may change a form
 * on its way in and a JSON answer on its way out.
 */
export async function gate(port, target, { demand = [], paths = {}, ask = () => {}, tell = () => {} } = {}) {
  const seen = [];
  const state = { seen, url: `http://127.0.0.1:${port}`, demand, apiNonce: null };
  const answer = (outgoing, status, body, headers = {}) => {
    outgoing.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    return status;
  };
  const server = http.createServer((incoming, outgoing) => {
    const chunks = [];
    incoming.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
      const raw = Buffer.concat(chunks);
      const url = new URL(incoming.url, state.url);
      const proof = incoming.headers.dpop;
      const entry = {
        method: incoming.method,
        path: url.pathname,
        authorization: (incoming.headers.authorization ?? '').split(' ')[0],
        form: (incoming.headers['content-type'] ?? '').startsWith('application/x-www-form') ? Object.fromEntries(new URLSearchParams(raw.toString())) : {},
        proof: proof ? { header: jose.decodeProtectedHeader(proof), claims: jose.decodeJwt(proof) } : null,
      };
      if (/^\/(oauth2\/v1\/|api\/v1\/)/.test(url.pathname)) seen.push(entry);
      const end = (...rest) => {
        entry.status = answer(outgoing, ...rest);
        entry.error = rest[1].error;
      };
      if (url.pathname === '/oauth2/v1/token' && state.demand.includes(clientOf(entry.form)) && !proof) {
        return end(400, { error: 'invalid_dpop_proof', error_description: 'The DPoP proof JWT header is missing.' });
      }
      if (entry.authorization === 'DPoP' && state.apiNonce && entry.proof?.claims.nonce !== state.apiNonce) {
        return end(401, { error: 'use_dpop_nonce' }, { 'www-authenticate': 'DPoP error="use_dpop_nonce"', 'dpop-nonce': state.apiNonce });
      }
      const origin = typeof target === 'string' ? target : target(url.pathname);
      const changed = { ...entry.form };
      ask(url.pathname, changed);
      const body = Object.keys(changed).length > Object.keys(entry.form).length ? Buffer.from(new URLSearchParams(changed).toString()) : raw;
      const onwards = http.request(`${origin}${paths[url.pathname] ?? url.pathname}${url.search}`, { method: incoming.method, headers: { ...incoming.headers, 'content-length': body.length } }, (reply) => {
        const pieces = [];
        reply.on('data', (piece) => pieces.push(piece)).on('end', () => {
          let answered = Buffer.concat(pieces);
          entry.status = reply.statusCode;
          if ((reply.headers['content-type'] ?? '').includes('json') && answered.length > 0) {
            entry.answer = JSON.parse(answered);
            entry.error = entry.answer.error;
            if (tell(url.pathname, entry.answer)) answered = Buffer.from(JSON.stringify(entry.answer));
          }
          const { 'transfer-encoding': _encoding, ...headers } = reply.headers;
          outgoing.writeHead(reply.statusCode, { ...headers, 'content-length': answered.length }).end(answered);
        });
      });
      onwards.on('error', (error) => answer(outgoing, 502, { error: error.message }));
      onwards.end(body);
    });
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  cleanup(() => server.close());
  return state;
}

/** Who asks for a token: the form says, or the assertion in it. */
function clientOf(form) {
  return form.client_id ?? (form.client_assertion ? jose.decodeJwt(form.client_assertion).iss : undefined);
}

const tokenRequests = (entries) => entries.filter((entry) => entry.path === '/oauth2/v1/token');
const apiRequests = (entries) => entries.filter((entry) => entry.path.startsWith('/api/v1/'));

/** "-" no proof, "" a proof without nonce, "nonce" one with: what the requests went with, in order. */
const proofs = (entries) => entries.map((entry) => (!entry.proof ? '-' : entry.proof.claims.nonce ? 'nonce' : ''));

/** Every proof is one of RFC 9449 section 4.2, made for its request by one key, and used once. */
async function checkProofs(org, entries, what) {
  const ids = new Set();
  const keys = new Set();
  let count = 0;
  for (const { method, path, authorization, proof } of entries) {
    if (!proof) continue;
    count++;
    ids.add(proof.claims.jti);
    keys.add(await jose.calculateJwkThumbprint(proof.header.jwk));
    const expected = { typ: 'dpop+jwt', alg: 'ES256', members: ['crv', 'kty', 'x', 'y'], htm: method, htu: org.url + path, ath: authorization === 'DPoP' };
    const found = {
      typ: proof.header.typ,
      alg: proof.header.alg,
      members: Object.keys(proof.header.jwk).sort(),
      htm: proof.claims.htm,
      htu: proof.claims.htu,
      ath: typeof proof.claims.ath === 'string',
    };
    equal(found, expected, `${what}: the proof of ${method} ${path}`);
  }
  equal(ids.size, count, `${what}: proofs used once`);
  return [...keys];
}

/** okta-mcp-server as a process: `output()` so far, `ended` its exit code. */
function run(args, env) {
  const child = spawn(program('okta-mcp-server'), args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  child.stdout.on('data', (piece) => (text += piece));
  child.stderr.on('data', (piece) => (text += piece));
  const ended = new Promise((done) => child.on('close', done).on('error', done));
  const late = setTimeout(() => child.kill('SIGKILL'), 120_000);
  ended.then(() => clearTimeout(late));
  cleanup(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { child, ended, output: () => text };
}

/** Runs to its end and says what went wrong if it did. */
async function finished(args, env, what) {
  const process = run(args, env);
  const code = await process.ended;
  check(code === 0, `${what}: okta-mcp-server ${args.join(' ')} ended with ${code}: ${show(process.output())}`);
  return process.output();
}

/** Link and code as the program shows them. */
async function prompt(process) {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(25)) {
    const link = /https?:\/\/\S+/.exec(process.output())?.[0];
    const code = /confirm the code (\S+?):/.exec(process.output())?.[1];
    if (link && code) return { link, code };
    if (process.child.exitCode !== null) break;
  }
  throw new Error(`no link and code: ${process.output()}`);
}

export const unescaped = (text) => text.replace(/&(quot|#39|lt|gt|amp);/g, (_, name) => ({ quot: '"', '#39': "'", lt: '<', gt: '>', amp: '&' })[name]);

/** A browser of few words: cookies, redirects, forms. `stopAt` is an address that is reached without being asked for. */
export class Browser {
  #cookies;

  constructor(cookies = []) {
    this.#cookies = new Map(cookies);
  }

  async open(url, { stopAt, ...options } = {}) {
    for (let hops = 0; hops < 12; hops++) {
      if (stopAt && url.startsWith(stopAt)) return { url, status: 0, text: '' };
      const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
      const response = await fetch(url, { redirect: 'manual', ...options, headers: { ...options.headers, cookie } });
      for (const line of response.headers.getSetCookie()) {
        const [pair] = line.split(';');
        const equals = pair.indexOf('=');
        this.#cookies.set(pair.slice(0, equals), pair.slice(equals + 1));
      }
      if (![301, 302, 303, 307].includes(response.status)) return { url, status: response.status, text: await response.text() };
      url = new URL(response.headers.get('location'), url).href;
      options = {};
    }
    throw new Error(`too many redirects to ${url}`);
  }

  /** Sends the page's first form with its hidden fields and `values`. */
  submit(page, values, { stopAt } = {}) {
    const form = /<form[^>]*>[\s\S]*?<\/form>/.exec(page.text)?.[0] ?? page.text;
    const action = (/action="([^"]*)"/.exec(form)?.[1] ?? page.url).replaceAll('&amp;', '&');
    const fields = {};
    for (const [input] of form.matchAll(/<input[^>]*>/g)) {
      const name = /name="([^"]+)"/.exec(input)?.[1];
      const value = /value="([^"]*)"/.exec(input)?.[1];
      if (name && value !== undefined) fields[name] = unescaped(value);
    }
    return this.open(new URL(action, page.url).href, {
      stopAt,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ ...fields, ...values }),
    });
  }
}

/** A copy of a state directory, as a backup or a thief would have it. */
function stateCopy(env, directory) {
  fs.cpSync(env.OKTA_MCP_STATE_DIR, directory, { recursive: true });
  return { ...env, OKTA_MCP_STATE_DIR: directory };
}

/** The requests since it was asked last. */
function watch(org) {
  let from = org.seen.length;
  return () => {
    const entries = org.seen.slice(from);
    from = org.seen.length;
    return entries;
  };
}

/** Signs in with a key at an app that does not demand DPoP, and calls. */
export async function keyJwt(org, alg, env) {
  const what = `key JWT ${alg}, no DPoP`;
  const since = watch(org);
  org.apiNonce = null;
  listed(await finished(kCall, env, what), what);
  const entries = since();
  equal(tokenRequests(entries).map((entry) => entry.status), [200], `${what}: token requests`);
  equal(jose.decodeProtectedHeader(tokenRequests(entries)[0].form.client_assertion).alg, alg, `${what}: algorithm`);
  equal(apiRequests(entries).map((entry) => [entry.authorization, entry.proof, entry.status]), [['Bearer', null, 200]], `${what}: API requests`);
}

/** The same at an app that demands DPoP, and says so with `demand`; nonces on token and API. Then once more. */
export async function keyJwtWithDpop(org, alg, env, demand) {
  const what = `key JWT ${alg}, DPoP with nonces`;
  const since = watch(org);
  org.apiNonce = `api-${alg}-1`;
  listed(await finished(kCall, env, what), what);
  let entries = since();
  equal(tokenRequests(entries).map((entry) => [entry.status, entry.error]), [[400, demand], [400, 'use_dpop_nonce'], [200, undefined]], `${what}: token requests`);
  equal(proofs(tokenRequests(entries)), ['-', '', 'nonce'], `${what}: their proofs`);
  equal(new Set(tokenRequests(entries).map((entry) => entry.form.client_assertion)).size, 3, `${what}: assertions used once`);
  equal(jose.decodeProtectedHeader(tokenRequests(entries)[0].form.client_assertion).alg, alg, `${what}: algorithm`);
  equal(apiRequests(entries).map((entry) => [entry.authorization, entry.status]), [['DPoP', 401], ['DPoP', 200]], `${what}: API requests`);
  const jkts = await checkProofs(org, entries, what);
  equal([jose.decodeJwt(tokenRequests(entries).at(-1).answer.access_token).cnf?.jkt], jkts, `${what}: the token is bound to the key of the proofs`);

  await untilStale();
  org.apiNonce = `api-${alg}-2`;
  listed(await finished(kCall, env, what), `${what}, again`);
  entries = since();
  equal(proofs(tokenRequests(entries)), ['', 'nonce'], `${what}, again: goes straight with a proof`);
  equal(await checkProofs(org, entries, what), jkts, `${what}, again: the stored key`);
  check((await finished(['status'], env, what)).includes('private key JWT with DPoP'), `${what}: status names DPoP`);
}

/**
 * A person signs in (`confirm` is given link and code), processes started later renew the login, and a refresh token
 * that has been used is used again: `refused` is what the server says to that, undefined for nothing but 400.
 */
export async function deviceGrant(org, { dpop, env, confirm, refused }) {
  const what = `device grant${dpop ? ', DPoP with nonces' : ''}`;
  const since = watch(org);
  org.demand = dpop ? [env.OKTA_CLIENT_ID] : [];
  org.apiNonce = dpop ? 'api-device' : null;
  const refreshes = (entries) => tokenRequests(entries).filter((entry) => entry.form.grant_type === 'refresh_token');

  const login = run(['login'], env);
  await confirm(await prompt(login));
  equal(await login.ended, 0, `${what}: login: ${show(login.output())}`);
  const polls = tokenRequests(since());
  check(polls.at(-1)?.status === 200, `${what}: the last poll is answered: ${show(polls.map((entry) => entry.error))}`);
  equal(proofs(polls.slice(-1)), [dpop ? 'nonce' : '-'], `${what}: what it was answered to`);
  check(proofs(polls.slice(1)).every((proof) => (proof === '-') !== dpop), `${what}: one poll without a proof, then none`);
  const jkts = await checkProofs(org, polls, what);
  equal(jkts.length, dpop ? 1 : 0, `${what}: keys`);

  const refreshTokens = [polls.at(-1).answer.refresh_token];
  let before;
  for (let round = 1; round <= 2; round++) {
    await untilStale();
    before = stateCopy(env, path.join(scratch(), 'state'));
    listed(await finished(kCall, env, what), `${what}: call ${round}`);
    const entries = since();
    const asked = refreshes(entries);
    equal(proofs(asked), dpop ? ['', 'nonce'] : ['-'], `${what}: proofs of refresh ${round}`);
    equal(tokenRequests(entries).length, asked.length, `${what}: refresh ${round} is all that was asked`);
    equal(asked.at(-1)?.status, 200, `${what}: refresh ${round}`);
    equal(asked.at(-1)?.form.refresh_token, refreshTokens.at(-1), `${what}: refresh ${round} uses the newest refresh token`);
    refreshTokens.push(asked.at(-1)?.answer.refresh_token);
    equal(await checkProofs(org, entries, what), jkts, `${what}: the key of refresh ${round}`);
    equal(apiRequests(entries).at(-1)?.authorization, dpop ? 'DPoP' : 'Bearer', `${what}: scheme of the API call`);
  }
  equal(new Set(refreshTokens).size, 3, `${what}: the refresh token is another one each time`);

  // The state as it was before the last refresh: its refresh token has been used. The server ends the whole login.
  await untilStale();
  const times = dpop ? 2 : 1;  // with DPoP a server may ask for its nonce first
  const ended = async (state, whose) => {
    const process = run(kCall, state);
    if (refused) await prompt(process);
    else equal(await process.ended, 1, `${what}: a refresh token refused without a word is an error`);
    const asked = refreshes(since());
    equal([asked.at(-1)?.status, asked.at(-1)?.error], [400, refused], `${what}: ${whose} refresh token is refused`);
    check(asked.length <= times, `${what}: ${whose} refresh token is presented once: ${asked.length} requests`);
    check(process.output().includes('the stored login has ended'), `${what}: which is said: ${show(process.output())}`);
    return process;
  };
  const thief = await ended(before, 'the used');
  thief.child.kill('SIGKILL');
  const owner = await ended(env, "the owner's");
  if (refused) {
    await confirm(await prompt(owner));
    equal(await owner.ended, 0, `${what}: the owner signs in again and the call goes on: ${show(owner.output())}`);
    listed(owner.output(), `${what}: after the new sign-in`);
  } else {
    await finished(['logout'], env, what);
    const again = run(kCall, env);
    await confirm(await prompt(again));
    equal(await again.ended, 0, `${what}: the cure helps: ${show(again.output())}`);
    listed(again.output(), `${what}: after the new sign-in`);
  }
  equal(refreshes(since()), [], `${what}: the ended login is not tried again`);
  for (const secret of refreshTokens) {
    check(secret && ![login, thief, owner].some((process) => process.output().includes(secret)), `${what}: no refresh token in any output`);
  }
}
