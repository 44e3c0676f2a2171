// What the judges share: our programs as child processes, checks that count, and an honest way to be skipped.
//
// ctest reads the exit code: 0 passed, 77 skipped (with the reason printed), anything else failed.
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

export const here = import.meta.dirname;
export const sharedDir = process.env.SHARED_DIR ?? path.resolve(here, '../../../shared');
const binDir = process.env.BIN_DIR ?? path.resolve(here, '../../build/dev/bin');

/** Path of one of our programs. A missing one is a failure, never a reason to skip. */
export function program(name) {
  const file = path.join(binDir, name);
  if (!fs.existsSync(file)) throw new Error(`${file} is missing; build it first`);
  return file;
}

const cleanups = [];
export function cleanup(action) {
  cleanups.push(action);
}

/** Does what was asked of cleanup(), the latest first. judge() does it by itself. */
export async function cleanUp() {
  for (const action of cleanups.splice(0).reverse()) {
    try {
      await action();
    } catch (error) {
      console.log(`cleaning up: ${error.message}`);
    }
  }
}

/** A directory of this run's own, removed at its end. */
export function scratch() {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'judge-'));
  cleanup(() => fs.rmSync(directory, { recursive: true, force: true }));
  return directory;
}

let checks = 0;
const failures = [];

/** Counts a check; `what` is said only when it fails. */
export function check(condition, what) {
  checks++;
  if (!condition) {
    failures.push(what);
    console.log(`FAILED: ${what}`);
  }
  return Boolean(condition);
}

export const show = (value) => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text === undefined ? 'undefined' : text.length > 600 ? `${text.slice(0, 600)}...` : text;
};

export function equal(found, expected, what) {
  return check(JSON.stringify(found) === JSON.stringify(expected), `${what}: expected ${show(expected)}, found ${show(found)}`);
}

class Skip extends Error {}
export function skip(reason) {
  throw new Skip(reason);
}

/** Runs a judge: ends the process with what ctest should know. A judge that checked nothing has failed. */
export async function judge(body) {
  let code = 1;
  try {
    await body();
    code = checks > 0 && failures.length === 0 ? 0 : 1;
    console.log(`${checks - failures.length} checks passed, ${failures.length} failed`);
  } catch (error) {
    if (error instanceof Skip) {
      console.log(`SKIPPED: ${error.message}`);
      code = 77;
    } else {
      console.log(error.stack ?? error);
    }
  }
  await cleanUp();
  process.exit(code);
}

export async function until(condition, what, seconds = 30, every = 25) {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(every)) {
    const value = await condition();
    if (value) return value;
  }
  throw new Error(`${what}: not within ${seconds} s`);
}

/** A port that was free a moment ago, for programs that cannot be given 0. */
export async function freePort() {
  const server = net.createServer();
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Starts a process that runs until the judge ends; its output goes to a file. `clean`: `env` is all of its environment. */
export function start(command, args, { cwd, env = {}, clean = false } = {}) {
  const log = path.join(scratch(), 'log');
  const out = fs.openSync(log, 'w');
  const child = spawn(command, args, { cwd, env: clean ? env : { ...process.env, ...env }, stdio: ['ignore', out, out] });
  fs.closeSync(out);
  const ended = new Promise((done) => child.on('exit', done).on('error', done));
  cleanup(async () => {
    child.kill('SIGTERM');
    const late = setTimeout(() => child.kill('SIGKILL'), 5000);
    await ended;
    clearTimeout(late);
  });
  return { child, ended, output: () => fs.readFileSync(log, 'utf8') };
}

/** The shell assignments of a file, as a shell understands them. */
function sourced(file) {
  const text = execFileSync('/bin/sh', ['-c', 'set -a; . "$1"; exec env -0', 'sh', file], {
    env: { PATH: '/usr/bin:/bin' },
    encoding: 'utf8',
  });
  return Object.fromEntries(
    text.split('\0').filter((line) => line.startsWith('OKTA_')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
}

/**
 * A local org with deterministic data. `settings` are what okta-mcp-server needs with a private key, `nativeClient`
 * is the id of the app a person signs in to; `api` asks
 * the org directly with the API token, past everything that is judged.
 */
export async function devOrg({ users = 120, seed = 7, args = [] } = {}) {
  const file = path.join(scratch(), 'env');
  const org = start(program('okta-dev-org'), ['--listen', '127.0.0.1:0', '--users', String(users), '--seed', String(seed), '--env-file', file, ...args]);
  await until(
    () => {
      if (org.child.exitCode !== null) throw new Error(`okta-dev-org ended with ${org.child.exitCode}: ${org.output()}`);
      return fs.existsSync(file) && /OKTA_DEV_API_TOKEN/.test(fs.readFileSync(file, 'utf8'));
    },
    'okta-dev-org',
  );
  const all = sourced(file);
  const { OKTA_DEV_API_TOKEN: token, OKTA_DEV_DEVICE_CLIENT_ID: nativeClient, ...settings } = all;
  const url = settings.OKTA_ORG_URL;
  async function api(method, target, body) {
    const response = await fetch(target.startsWith('http') ? target : url + target, {
      method,
      headers: { authorization: `SSWS ${token}`, accept: 'application/json', ...(body ? { 'content-type': 'application/json' } : {}) },
      body: body ? JSON.stringify(body) : undefined,
    });
    const text = await response.text();
    let parsed = null;
    try {
      parsed = text === '' ? null : JSON.parse(text);
    } catch {
      parsed = text;
    }
    const next = /<([^>]*)>; *rel="next"/.exec(response.headers.get('link') ?? '')?.[1];
    return { status: response.status, body: parsed, next, headers: response.headers };
  }
  /** Every element of a list, page by page. */
  async function list(target) {
    const elements = [];
    for (let next = target; next; ) {
      const page = await api('GET', next);
      if (page.status !== 200) throw new Error(`${next}: ${page.status} ${show(page.body)}`);
      elements.push(...page.body);
      next = page.body.length > 0 ? page.next : undefined;
    }
    return elements;
  }
  return { url, token, settings, nativeClient, api, list, output: org.output };
}

/** Environment of okta-mcp-server, with a state directory of its own. */
export function serverEnvironment(settings) {
  return {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
    HOME: scratch(),
    ...settings,
    OKTA_MCP_STATE_DIR: path.join(scratch(), 'state'),
    OKTA_LOG_LEVEL: 'warning',
  };
}

export const textOf = (result) => (result.content ?? []).filter((c) => c.type === 'text').map((c) => c.text).join('\n');
