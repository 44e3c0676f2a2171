// What the sign-in judges share: a gate in front of an authorization server that keeps what went through it and asks
// for DPoP where Okta would, our program as a process, and a person with a browser who confirms.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import * as jose from 'jose';

import { check, cleanup, equal, program, show } from './lib.mjs';

export async function freePort() {
  const server = net.createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Replaces what must be there: a test bed that has changed is no longer the one that was judged. */
export function replaced(text, pairs) {
  for (const [from, to] of pairs) {
    if (!text.includes(from)) throw new Error(`the test bed no longer holds: ${from}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

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
 * The org's address. Passes everything on to `target` and keeps what passed.
 *
 * `demand`: clients whose app has "Require DPoP" on, and who are answered as Okta answers a token request without a
 * proof; what is in a proof is judged behind the gate. `apiNonce`: the resource server wants this nonce in its proofs
 * (RFC 9449 section 9); null for none. `paths`: other names of a path behind the gate.
 */
export async function gate(port, target, { demand = [], paths = {} } = {}) {
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
      const onwards = http.request(`${target}${paths[url.pathname] ?? url.pathname}${url.search}`, { method: incoming.method, headers: incoming.headers }, (reply) => {
        const pieces = [];
        reply.on('data', (piece) => pieces.push(piece)).on('end', () => {
          const body = Buffer.concat(pieces);
          entry.status = reply.statusCode;
          try {
            const parsed = JSON.parse(body);
            entry.error = parsed.error;
            entry.answer = parsed;
          } catch {
            // a page, or nothing
          }
          outgoing.writeHead(reply.statusCode, reply.headers).end(body);
        });
      });
      onwards.on('error', (error) => answer(outgoing, 502, { error: error.message }));
      onwards.end(raw);
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

export const tokenRequests = (entries) => entries.filter((entry) => entry.path === '/oauth2/v1/token');
export const apiRequests = (entries) => entries.filter((entry) => entry.path.startsWith('/api/v1/'));

/** "-" no proof, "" a proof without nonce, "nonce" one with: what the requests went with, in order. */
export const proofs = (entries) => entries.map((entry) => (!entry.proof ? '-' : entry.proof.claims.nonce ? 'nonce' : ''));

/** Every proof is one of RFC 9449 section 4.2, made for its request by one key, and used once. */
export async function checkProofs(org, entries, what) {
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
export function run(args, env) {
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
export async function finished(args, env, what) {
  const process = run(args, env);
  const code = await process.ended;
  check(code === 0, `${what}: okta-mcp-server ${args.join(' ')} ended with ${code}: ${show(process.output())}`);
  return process.output();
}

/** Link and code as the program shows them. */
export async function prompt(process) {
  for (const end = Date.now() + 30_000; Date.now() < end; await sleep(25)) {
    const link = /https?:\/\/\S+/.exec(process.output())?.[0];
    const code = /confirm the code (\S+?):/.exec(process.output())?.[1];
    if (link && code) return { link, code };
    if (process.child.exitCode !== null) break;
  }
  throw new Error(`no link and code: ${process.output()}`);
}

/** A browser of few words: cookies, redirects, forms. */
export class Browser {
  #cookies = new Map();

  async open(url, options = {}) {
    for (let hops = 0; hops < 12; hops++) {
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
  submit(page, values) {
    const form = /<form[^>]*>[\s\S]*?<\/form>/.exec(page.text)?.[0] ?? page.text;
    const action = (/action="([^"]*)"/.exec(form)?.[1] ?? page.url).replaceAll('&amp;', '&');
    const fields = {};
    for (const [input] of form.matchAll(/<input[^>]*>/g)) {
      const name = /name="([^"]+)"/.exec(input)?.[1];
      const value = /value="([^"]*)"/.exec(input)?.[1];
      if (name && value !== undefined) fields[name] = value;
    }
    return this.open(new URL(action, page.url).href, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ ...fields, ...values }),
    });
  }
}

/** A copy of a state directory, as a backup or a thief would have it. */
export function stateCopy(env, directory) {
  fs.cpSync(env.OKTA_MCP_STATE_DIR, directory, { recursive: true });
  return { ...env, OKTA_MCP_STATE_DIR: directory };
}
