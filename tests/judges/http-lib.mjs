// What the judges of the HTTP side share: our programs as servers, raw JSON-RPC over POST, and a suite's results.
import fs from 'node:fs';
import path from 'node:path';
import { spawn } from 'node:child_process';
import http from 'node:http';

import { cleanup, freePort, here, program, scratch, show, start, until } from './lib.mjs';

export const kModern = '2026-07-28';

/**
 * Starts one of our programs that serves MCP over HTTP and waits until it says where. `localhost`: by that name, for the
 * suite tries other names on such servers only. JUDGE_URL takes the place of the program, to judge another one.
 */
export async function httpServer(name, args, { env = {}, clean = false, localhost = true } = {}) {
  if (process.env.JUDGE_URL) return { url: process.env.JUDGE_URL, port: Number(new URL(process.env.JUDGE_URL).port), output: () => '', foreign: true };
  const server = start(program(name), args, { env, clean });
  const place = await until(() => {
    if (server.child.exitCode !== null) throw new Error(`${name} ended with ${server.child.exitCode}: ${show(server.output())}`);
    return /https?:\/\/[^\s"',]+/.exec(server.output())?.[0];
  }, `${name} ${args.join(' ')}`);
  const url = new URL(place);
  if (localhost && url.hostname === '127.0.0.1') url.hostname = 'localhost';
  if (url.pathname === '/') url.pathname = '/mcp';
  return { ...server, url: url.href, port: Number(url.port) };
}

export const fixtureServer = () => httpServer('mcp-fixture-server', ['--http', '127.0.0.1:0']);

/** Runs a command to its end with a home of its own; never throws. */
export async function finished(command, args, { cwd, env = {}, seconds = 120, input } = {}) {
  const child = spawn(command, args, {
    cwd: cwd ?? scratch(),
    env: { PATH: process.env.PATH, HOME: scratch(), ...env },
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (piece) => (out += piece));
  child.stderr.on('data', (piece) => (err += piece));
  if (input !== undefined) child.stdin.end(input);
  const late = setTimeout(() => child.kill('SIGKILL'), seconds * 1000);
  const code = await new Promise((done) => child.on('close', done).on('error', () => done(-1)));
  clearTimeout(late);
  return { code, out, err };
}

const suite = path.join(here, 'node_modules/@modelcontextprotocol/conformance/dist/index.js');

/** What the suite wrote down: per scenario how many checks passed, and which did not. */
function verdicts(results, name) {
  const scenarios = {};
  for (const file of fs.readdirSync(results, { recursive: true }).filter((entry) => path.basename(entry) === 'checks.json')) {
    const scenario = name.exec(path.dirname(file))?.[1];
    if (!scenario) continue;
    const checks = JSON.parse(fs.readFileSync(path.join(results, file), 'utf8'));
    scenarios[scenario] = {
      passed: checks.filter((c) => c.status === 'SUCCESS').length,
      failed: checks.filter((c) => c.status === 'FAILURE').map((c) => `${c.id}: ${c.errorMessage ?? c.description}`),
      skipped: checks.filter((c) => c.status === 'SKIPPED').length,
      warned: checks.filter((c) => c.status === 'WARNING').map((c) => `${c.id}: ${c.errorMessage ?? c.description}`),
    };
  }
  return scenarios;
}

/** Runs the official conformance suite against the server at `url`, with `options` of its command line. */
export async function conformance(url, options) {
  const results = scratch();
  const run = await finished(process.execPath, [suite, 'server', '--url', url, '-o', results, ...options], { seconds: 200 });
  return { code: run.code, scenarios: verdicts(results, /^server-(.*)-\d{4}-\d\d-\d\dT[\dA-Z-]+$/), output: run.out + run.err };
}

/** Runs it against a client that is started with the suite's server as its last argument. */
export async function clientConformance(command, options) {
  const results = scratch();
  const run = await finished(process.execPath, [suite, 'client', '--command', command, '-o', results, ...options], { seconds: 200 });
  return { code: run.code, scenarios: verdicts(results, /^(.*)-\d{4}-\d\d-\d\dT[\dA-Z-]+$/), output: run.out + run.err };
}

export const modernMeta = (capabilities = {}) => ({
  'io.modelcontextprotocol/protocolVersion': kModern,
  'io.modelcontextprotocol/clientInfo': { name: 'judge', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': capabilities,
});

/** One modern request. `body` is the parsed answer, the last message of a stream if it was one. */
export async function post(url, method, params = {}, { headers = {}, id = 1, capabilities } = {}) {
  const name = params.name ?? params.uri ?? params.taskId;
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-protocol-version': kModern,
      'mcp-method': method,
      ...(name === undefined ? {} : { 'mcp-name': name }),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id, method, params: { ...params, _meta: modernMeta(capabilities) } }),
  });
  return read(response);
}

/** One request of the older revisions, in `session` unless it is an initialize. */
export async function postLegacy(url, method, params = {}, { headers = {}, id = 1, session } = {}) {
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      ...(session ? { 'mcp-session-id': session, 'mcp-protocol-version': '2025-11-25' } : {}),
      ...headers,
    },
    body: JSON.stringify({ jsonrpc: '2.0', ...(id === null ? {} : { id }), method, params }),
  });
  return read(response);
}

async function read(response) {
  const text = await response.text();
  let body = null;
  try {
    const stream = (response.headers.get('content-type') ?? '').startsWith('text/event-stream');
    const data = stream ? text.split('\n').filter((line) => line.startsWith('data:') && line.length > 6).at(-1)?.slice(5) : text;
    body = data ? JSON.parse(data) : null;
  } catch {
    body = null;
  }
  return { status: response.status, headers: response.headers, body, text };
}

/**
 * Passes requests on to `target` with an Authorization header, for programs that cannot be told to send one. Its own
 * name in Host and Origin becomes the target's; any other, such as a foreign one, goes through as it is.
 */
export async function authorizing(target, authorization) {
  const to = new URL(target);
  const port = await freePort();
  const server = http.createServer((incoming, outgoing) => {
    const headers = { ...incoming.headers, authorization: authorization() };
    for (const name of ['host', 'origin']) {
      if (headers[name]) headers[name] = headers[name].replace(`:${port}`, `:${to.port}`);
    }
    const onwards = http.request({ host: '127.0.0.1', port: to.port, method: incoming.method, path: incoming.url, headers }, (reply) => {
      outgoing.writeHead(reply.statusCode, reply.headers);
      reply.pipe(outgoing);
    });
    onwards.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onwards.destroy());
    incoming.pipe(onwards);
  });
  await new Promise((done) => server.listen(port, '127.0.0.1', done));
  cleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://localhost:${port}${to.pathname}`;
}
