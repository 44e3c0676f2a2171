// An AI agent gets a token for an MCP server at the registry, in a person's name, and calls a tool. Needs Node.js 22.18.
//   REGISTRY=https://agents.example.com AGENT=wlp... KEY=agent.pem KEY_ID=... PERSON=person.jwt \
//   SERVER=https://mcp.example.com/mcp SCOPE=tools.call node agent.ts TOOL [ARGUMENTS]
import { randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

const { REGISTRY, AGENT, KEY, KEY_ID, PERSON, SERVER, SCOPE } = process.env as Record<string, string>;
const [tool, input = '{}'] = process.argv.slice(2);

// A token of this endpoint. The agent proves with its key who it is (RFC 7523): for this endpoint, for a minute.
async function token(endpoint: string, form: Record<string, string>): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { iss: AGENT, sub: AGENT, aud: endpoint, iat: now, exp: now + 60, jti: randomUUID() };
  const text = `${part({ alg: 'RS256', kid: KEY_ID })}.${part(claims)}`;
  const client_assertion = `${text}.${sign('sha256', Buffer.from(text), readFileSync(KEY)).toString('base64url')}`;
  const client_assertion_type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  const body = new URLSearchParams({ ...form, client_assertion, client_assertion_type });
  const answer = await (await fetch(endpoint, { method: 'POST', body })).json();
  if (!answer.access_token) throw new Error(`${answer.error}: ${answer.error_description}`);
  return answer.access_token;
}

// The person's ID token becomes an ID-JAG for the authorization server that the MCP server names, and that an access token.
const { origin, pathname } = new URL(SERVER);
const about = await (await fetch(`${origin}/.well-known/oauth-protected-resource${pathname}`)).json();
const issuer: string = about.authorization_servers[0];
const idJag = await token(`${REGISTRY}/oauth2/v1/token`, {
  grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange', requested_token_type: 'urn:ietf:params:oauth:token-type:id-jag',
  subject_token: readFileSync(PERSON, 'utf8').trim(), subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
  audience: issuer, resource: SERVER, scope: SCOPE,
});
const access = await token(`${issuer}/v1/token`, { grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: idJag, resource: SERVER });

// MCP over Streamable HTTP: a session, then the call. Answers are JSON, or JSON in an event stream.
const headers: Record<string, string> = { Authorization: `Bearer ${access}`, 'Content-Type': 'application/json', Accept: 'application/json, text/event-stream' };
async function mcp(message: object) {
  const response = await fetch(SERVER, { method: 'POST', headers, body: JSON.stringify({ jsonrpc: '2.0', ...message }) });
  headers['MCP-Session-Id'] ??= response.headers.get('mcp-session-id') ?? '';
  const line = (await response.text()).split('\n').findLast((text) => /^(data: *)?\{/.test(text));
  return line ? JSON.parse(line.replace(/^data: */, '')) : {};
}
const protocolVersion = '2025-11-25';
await mcp({ id: 1, method: 'initialize', params: { protocolVersion, capabilities: {}, clientInfo: { name: 'sample', version: '1' } } });
headers['MCP-Protocol-Version'] = protocolVersion;
await mcp({ method: 'notifications/initialized' });
const answer = await mcp({ id: 2, method: 'tools/call', params: { name: tool, arguments: JSON.parse(input) } });
console.log(answer.result?.content[0].text ?? answer);
