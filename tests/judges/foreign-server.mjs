// An MCP server that nobody here wrote (@modelcontextprotocol/server-everything, which knows nothing of tokens), and an
// OAuth front of ours before it: protected resource metadata (RFC 9728), a challenge, access tokens verified by jose.
import http from 'node:http';
import path from 'node:path';
import * as jose from 'jose';

import { cleanup, freePort, here, show, start, textOf, until } from './lib.mjs';
import { postLegacy } from './http-lib.mjs';

const kMetadata = '/.well-known/oauth-protected-resource/mcp';
// It would listen on every address of the machine, and whoever reaches it may use it.
const kLoopback = `import net from 'node:net';
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) { return listen.call(this, { port: Number(port), host: '127.0.0.1' }, ...rest); };`;

/** server-everything over Streamable HTTP. Gives its endpoint. */
export async function everything() {
  const port = await freePort();
  const main = path.join(here, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
  const server = start(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(kLoopback)}`, main, 'streamableHttp'], { env: { PORT: String(port) } });
  const url = `http://127.0.0.1:${port}/mcp`;
  await until(async () => {
    if (server.child.exitCode !== null) throw new Error(`server-everything ended with ${server.child.exitCode}: ${show(server.output())}`);
    return fetch(url).catch(() => null);
  }, 'server-everything');
  return url;
}

/**
 * The front of `upstream`, which takes access tokens of `issuer` that are for it and have `scope`.
 *
 * `metadata` of the answer is what it publishes, for tests to change; `calls` counts what it let through.
 */
export async function oauthFront({ upstream, issuer, scope = 'tools.call', name = 'Everything' }) {
  const keys = async () => {
    const about = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
    if (about.issuer !== issuer) throw new Error(`${issuer} calls itself ${about.issuer}`);
    return jose.createRemoteJWKSet(new URL(about.jwks_uri));
  };
  let known;
  const state = { calls: 0 };

  const refuse = (response, status, error, text) => response
    .writeHead(status, { 'content-type': 'application/json', 'www-authenticate': `Bearer ${error ? `error="${error}", error_description="${text}", ` : ''}scope="${scope}", resource_metadata="${state.origin}${kMetadata}"` })
    .end(JSON.stringify({ error: error ?? 'unauthorized' }));

  const admitted = async (request, response) => {
    const [, token] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '') ?? [];
    if (!token) return refuse(response, 401);
    try {
      known ??= await keys();
      const { payload } = await jose.jwtVerify(token, known, { issuer, audience: state.url, requiredClaims: ['exp'] });
      // Okta's are a list, RFC 9068's a text.
      const granted = payload.scp ?? String(payload.scope ?? '').split(' ');
      if (!granted.includes(scope)) return refuse(response, 403, 'insufficient_scope', `The token lacks ${scope}.`);
    } catch (error) {
      return refuse(response, 401, 'invalid_token', error.code ?? 'The token cannot be verified.');
    }
    state.calls++;
    // The token is for the front; the connection is one of its own (RFC 9110 section 7.6.1).
    const { authorization: _token, host: _host, connection: _connection, ...headers } = request.headers;
    const passed = http.request(upstream, { method: request.method, headers }, (answer) => {
      const { connection: _theirs, ...passedOn } = answer.headers;
      response.writeHead(answer.statusCode, passedOn);
      answer.pipe(response);
    });
    passed.on('error', () => response.headersSent || response.writeHead(502).end());
    response.on('close', () => passed.destroy());
    request.pipe(passed);
  };

  const server = http.createServer((request, response) => {
    const asked = new URL(request.url, 'http://front').pathname;
    if (asked === kMetadata) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(state.metadata));
    else if (asked === '/mcp') admitted(request, response);
    else response.writeHead(404).end();
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  cleanup(() => {
    server.closeAllConnections();
    server.close();
  });
  state.origin = `http://127.0.0.1:${server.address().port}`;
  state.url = `${state.origin}/mcp`;
  state.metadata = { resource: state.url, resource_name: name, authorization_servers: [issuer], scopes_supported: [scope], bearer_methods_supported: ['header'] };
  return state;
}

/** The text that a tool answers, in a session of its own; the refused request where there is no session. */
export async function callTool(url, token, name, args) {
  const headers = { authorization: `Bearer ${token}` };
  const begun = await postLegacy(url, 'initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'judge', version: '1' } }, { headers });
  if (begun.status !== 200) return begun;
  const session = begun.headers.get('mcp-session-id');
  await postLegacy(url, 'notifications/initialized', {}, { headers, session, id: null });
  const answer = await postLegacy(url, 'tools/call', { name, arguments: args }, { headers, session, id: 2 });
  return textOf(answer.body?.result ?? {}) || show(answer.body);
}
