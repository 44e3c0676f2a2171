// What the judges of okta-agent-registry share: the program as a process, and its API for an administrator.
import { execFileSync } from 'node:child_process';
import path from 'node:path';

import { freePort, program, scratch, show, start, until } from './lib.mjs';

/**
 * A registry on loopback with an empty SQLite file. `call` asks the API, `made` does and fails unless it was done, `done`
 * does what is accepted now and done later, to its end. `answers` are all texts that the API has given so far, `place` is
 * the directory of its store, `output` what it has written.
 */
export async function registry() {
  const origin = `http://127.0.0.1:${await freePort()}`;
  const place = scratch();
  const store = ['--store', `sqlite:${path.join(place, 'registry.db')}`, '--issuer', origin];
  const server = start(program('okta-agent-registry'), [...store, 'serve', '--listen', new URL(origin).host, '--allow-http-loopback']);
  await until(async () => {
    if (server.child.exitCode !== null) throw new Error(`okta-agent-registry ended with ${server.child.exitCode}: ${show(server.output())}`);
    return (await fetch(`${origin}/.well-known/oauth-authorization-server`).catch(() => null))?.ok;
  }, 'the registry serves');
  const token = execFileSync(program('okta-agent-registry'), [...store, 'admin-token'], { encoding: 'utf8' }).trim();
  const answers = [];
  const call = async (method, where, body, type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json') => {
    const response = await fetch(where.startsWith('http') ? where : origin + where, {
      method,
      headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': type } : {}) },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    answers.push(text);
    return { status: response.status, body: text ? JSON.parse(text) : null, location: response.headers.get('location') };
  };
  /** Gives the operation as it ended: with what it made. */
  const done = async (method, where, body) => {
    const accepted = await call(method, where, body);
    if (accepted.status !== 202) throw new Error(`${method} ${where}: ${show(accepted)}`);
    let operation;
    await until(async () => {
      operation = (await call('GET', accepted.location)).body;
      return ['COMPLETED', 'FAILED'].includes(operation.status);
    }, `${method} ${where} ends`);
    return operation;
  };
  const made = async (where, body, method = 'POST') => {
    const answer = await call(method, where, body);
    if (answer.status >= 300) throw new Error(`${method} ${where}: ${show(answer)}`);
    return answer.body;
  };
  return { origin, place, call, done, made, answers, output: server.output };
}
