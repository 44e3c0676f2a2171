// The console of the real okta-agent-registry: an administrator's way (console/journey.mjs) through the program itself,
// with an MCP server and an authorization server of our own on loopback, whose metadata is wrong at first.
import { execFileSync } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import * as jose from 'jose';

import { check, cleanup, equal, freePort, judge, program, scratch, show, start, until } from './lib.mjs';
import { go, inspect, noFaults, openBrowser, openPage, picture, settled, textOf } from './console/browser.mjs';
import { journey } from './console/journey.mjs';

/** An MCP server that wants tokens, and its authorization server, on two ports. */
async function resource() {
  const state = { issuerIsWrong: true };
  const { publicKey } = await jose.generateKeyPair('ES256');
  const jwk = { ...(await jose.exportJWK(publicKey)), kid: 'k1', alg: 'ES256', use: 'sig' };
  const listen = async (answer) => {
    const server = http.createServer((request, response) => {
      request.resume();
      const [status, body, headers = {}] = answer(new URL(request.url, 'http://x').pathname);
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers }).end(JSON.stringify(body));
    });
    await new Promise((done) => server.listen(0, '127.0.0.1', done));
    cleanup(() => new Promise((done) => { server.closeAllConnections(); server.close(done); }));
    return `http://127.0.0.1:${server.address().port}`;
  };
  const issuer = await listen((asked) => {
    if (asked === '/jwks') return [200, { keys: [jwk] }];
    if (!asked.startsWith('/.well-known/')) return [404, {}];
    return [200, {
      issuer: state.issuerIsWrong ? 'https://login.elsewhere.example' : issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      jwks_uri: `${issuer}/jwks`,
      response_types_supported: ['code'],
      grant_types_supported: ['authorization_code', 'refresh_token'],
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
      scopes_supported: ['crm.read'],
    }];
  });
  const origin = await listen((asked) => (asked === '/.well-known/oauth-protected-resource/mcp'
    ? [200, { resource: `${origin}/mcp`, resource_name: 'CRM', authorization_servers: [issuer], scopes_supported: ['crm.read'] }]
    : asked === '/mcp' ? [401, {}, { 'WWW-Authenticate': `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"` }] : [404, {}]));
  return { url: `${origin}/mcp`, mend: async () => { state.issuerIsWrong = false; } };
}

await judge(async () => {
  const browser = await openBrowser();
  const place = scratch();
  const origin = `http://127.0.0.1:${await freePort()}`;
  const env = { OKTA_REGISTRY_STORE: `sqlite:${path.join(place, 'registry.db')}`, OKTA_REGISTRY_ISSUER: origin };
  const store = ['--store', env.OKTA_REGISTRY_STORE, '--issuer', origin];
  const server = start(program('okta-agent-registry'), [...store, 'serve', '--listen', new URL(origin).host, '--allow-http-loopback', '--first-owner', 'ada@example.com'], { env });
  await until(async () => {
    if (server.child.exitCode !== null) throw new Error(`okta-agent-registry ended with ${server.child.exitCode}: ${show(server.output())}`);
    return (await fetch(`${origin}/console/`).catch(() => null))?.ok;
  }, 'the console is served');
  const token = execFileSync(program('okta-agent-registry'), [...store, 'admin-token'], { encoding: 'utf8', env: { ...process.env, ...env } }).trim();

  // Without a session the console asks for a sign-in, and the sign-in page is reached.
  const guest = await openPage(browser, origin);
  guest.expected.push('/oauth2/v1/authorize', '/login');
  await guest.page.goto(`${origin}/console/#/agents`);
  await settled(guest);
  check((await textOf(guest)).includes('Sign in'), `without a session the console asks for a sign-in: ${show(await textOf(guest))}`);
  noFaults(guest, 'without a session');
  await guest.context.close();

  const tab = await openPage(browser, origin, { token });
  tab.expected.push('/readiness');
  const what = await resource();
  await journey(tab, { resourceUrl: what.url, failure: 'https://login.elsewhere.example', mend: what.mend, prefix: 'registry' });
  for (const [name, hash] of [['servers', '#/servers'], ['operations', '#/operations'], ['events', '#/events'], ['authorization-servers', '#/authorization-servers'], ['agents', '#/agents']]) {
    await go(tab, hash);
    equal(await tab.page.$$eval('main .notice.bad', (nodes) => nodes.length), 0, `registry: ${name} shows no error`);
    await picture(tab, `registry-${name}`);
    await inspect(tab, `registry ${name}`);
    noFaults(tab, `registry: ${name}`);
  }
});
