// A registry for the console alone: the console's files with the headers that the program gives them, and the
// API's paths with answers shaped as the program's. State changes as there; time passes by being asked.
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { createHash, randomUUID } from 'node:crypto';

import { kTypes, kSafety, kLong, kHostile, kChecks, kIssuerChecks } from './mock-data.mjs';

const kFiles = path.resolve(import.meta.dirname, '../../../console');

class Refusal extends Error {
  constructor(status, code, summary, causes = []) {
    super(summary);
    Object.assign(this, { status, code, causes });
  }
}
const notFound = (id) => new Refusal(404, 'E0000007', `Not found: Resource not found: ${id}`);
const conflict = (reason, text) => new Refusal(409, 'E0000001', text, [{ errorSummary: text, reason, location: 'status' }]);

/** A registry with something of everything; {empty: true}: without anything. */
export class MockRegistry {
  constructor({ empty = false } = {}) {
    this.org = '00o1mock';
    this.count = 0;
    this.clock = Date.UTC(2026, 10, 20, 8, 0, 0);
    this.servers = new Map();
    this.authServers = new Map(); // by server
    this.settings = new Map();
    this.reports = new Map();
    this.tools = new Map();
    this.custom = new Map();
    this.agents = new Map(); // {agent, keys, secrets, connections, owners}
    this.links = [];
    this.operations = new Map();
    this.events = [];
    this.people = [];
    this.requests = [];
    this.broken = new Set(['https://crm.example.com/mcp']); // whose metadata names another issuer
    this.signedIn = false;
    this.codes = new Map();
    this.tokens = new Map();
    this.rejected = [];
    if (!empty) this.fill();
  }

  id(prefix) {
    this.count += 1;
    return `${prefix}${String(this.count).padStart(4, '0')}Abc9xYz2`;
  }
  now() {
    this.clock += 1000;
    return new Date(this.clock).toISOString();
  }

  person(first, last, login) {
    const user = { id: this.id('00u'), status: 'ACTIVE', profile: { firstName: first, lastName: last, login, email: login } };
    this.people.push(user);
    return user;
  }

  server(resourceUrl, { status = 'PENDING', displayName, description, name, missing = [], invalidReasons = [], degraded = false } = {}) {
    const id = this.id('ems');
    const at = this.now();
    this.servers.set(id, { id, orn: `orn:okta:directory:${this.org}:resource-servers:mcp:${id}`, resourceUrl, registrationType: 'DISCOVERABLE', status, created: at, lastUpdated: at, metadata: { displayName, description }, detectedMetadata: name ? { resourceName: name, scopesSupported: ['tools.read', 'tools.call'], lastRefreshedAt: at } : undefined, missing, invalidReasons, degraded });
    this.authServers.set(id, []);
    this.tools.set(id, []);
    return this.servers.get(id);
  }

  external(server, issuer, { status = 'ACTIVE', origin = 'DISCOVERED', connectivity = 'VERIFIED', reason, endpoints = true } = {}) {
    const row = { id: this.id('eas'), type: 'EXTERNAL', origin, issuer, status, connectivity, connectivityReason: reason, xaaEnabled: false, grantTypes: endpoints ? ['authorization_code', 'refresh_token'] : [] };
    if (endpoints) Object.assign(row, { authorizationEndpoint: `${issuer}/authorize`, tokenEndpoint: `${issuer}/token` });
    this.authServers.get(server).push(row);
    return row;
  }

  customServer(name, status = 'ACTIVE') {
    const id = this.id('aus');
    const at = this.now();
    this.custom.set(id, { id, name, description: 'For the tools of the sales department', audiences: ['https://mcp.example.com'], issuer: `https://org.example/oauth2/${id}`, status, created: at, lastUpdated: at });
    return this.custom.get(id);
  }

  okta(server, custom) {
    this.authServers.get(server).push({ id: custom.id, type: 'OKTA', origin: 'MANUAL', issuer: custom.issuer, orn: `orn:okta:idp:${this.org}:authorization_servers:${custom.id}`, status: 'ACTIVE', connectivity: 'VERIFIED' });
  }

  registration(server, authServer, name) {
    const id = this.id('rsc');
    this.settings.set(id, { id, orn: `orn:okta:idp:${this.org}:client_auth_settings:${id}`, name, status: 'ACTIVE', registrationType: 'MANUAL', mcpServerId: server, authorizationServerId: authServer.id, issuer: authServer.issuer, clientId: 'registry-client-7f3a', clientSecret: '********', tokenEndpointAuthMethod: 'client_secret_basic', scopes: ['repo.read', 'issues.write'] });
    return this.settings.get(id);
  }

  agent(name, { status = 'ACTIVE', description, platform, owners = [], keys = 1 } = {}) {
    const id = this.id('wlp');
    const at = this.now();
    const agent = { id, orn: `orn:okta:directory:${this.org}:workload-principals:ai-agents:${id}`, status, created: at, lastUpdated: at, profile: { name, description }, platform, oauthClient: { clientId: id, tokenEndpointAuthMethod: 'private_key_jwt' } };
    this.agents.set(id, { agent, keys: Array.from({ length: keys }, (_, index) => ({ id: this.id('pks'), kid: `key-${index + 1}`, kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', status: 'ACTIVE', created: at })), secrets: [], connections: [], owners: owners.map((user) => user.id) });
    return agent;
  }

  connect(agent, body, status = 'ACTIVE') {
    const at = this.now();
    const made = { id: this.id('mcn'), status, created: at, lastUpdated: at, resourceIndicator: 'https://mcp.example.com/mcp', ...body };
    this.agents.get(agent.id).connections.push(made);
    return made;
  }

  emit(eventType, { actor, target = [], success = true, reason, debugData = {}, transaction } = {}) {
    this.events.unshift({ uuid: randomUUID(), published: this.now(), eventType, displayMessage: eventType.split('.').slice(-2).join(' ').replace(/_/g, ' '), severity: success ? 'INFO' : 'WARN', actor: actor ?? { id: '00u1', type: 'User', displayName: 'Ada Lovelace', alternateId: 'ada@example.com' }, outcome: { result: success ? 'SUCCESS' : 'FAILURE', reason: reason ?? null }, target, transaction: { type: 'WEB', id: transaction ?? this.id('trn') }, debugContext: { debugData } });
  }

  fill() {
    const ada = this.person('Ada', 'Lovelace', 'ada@example.com');
    const grace = this.person('Grace', 'Hopper', 'grace@example.com');
    for (let index = 0; index < 12; index += 1) this.person('Person', `Number ${index + 1}`, `person${index + 1}@example.com`);
    const sales = this.customServer('Sales tools');
    this.customServer('Old tools', 'INACTIVE');

    const crm = this.server('https://sales.example.com/mcp', { status: 'ACTIVE', displayName: 'Sales', name: 'Sales tools', description: 'Orders, customers and offers' });
    this.okta(crm.id, sales);
    this.tools.set(crm.id, [['find_customer', 'Finds a customer by name or number.', { readOnlyHint: true }], ['cancel_order', 'Cancels an order that was not sent yet.', { destructiveHint: true }]].map(([name, description, annotations]) => ({ id: this.id('emt'), name, description, annotations, lastUpdated: this.now() })));
    const code = this.server('https://code.example.com/mcp', { status: 'ACTIVE', displayName: kLong, name: 'Code hosting' });
    const codeAs = this.external(code.id, 'https://login.code.example.com');
    const codeClient = this.registration(code.id, codeAs, 'Code hosting, production');
    const lost = this.server('https://docs.example.com/mcp/with/a/rather/long/path/that/has/no/place/to/break?tenant=0123456789abcdef0123456789abcdef', { status: 'ACTIVE', displayName: 'Documents', degraded: true });
    this.external(lost.id, 'https://login.docs.example.com');
    const bad = this.server('https://weather.example.com/mcp', { status: 'INVALID', displayName: 'Weather', invalidReasons: ["metadata resource 'https://weather.example.com/' does not match 'https://weather.example.com/mcp'", 'no authorization server metadata for https://login.weather.example.com'] });
    this.external(bad.id, 'https://login.weather.example.com', { status: 'INVALID', connectivity: 'FAILED', reason: 'no authorization server metadata: HTTP 404', endpoints: false });
    const waiting = this.server('https://tickets.example.com/mcp', { status: 'PENDING', displayName: kHostile, missing: ['the token endpoint of https://login.tickets.example.com', 'a client registration with https://login.tickets.example.com'] });
    this.external(waiting.id, 'https://login.tickets.example.com', { status: 'PENDING', connectivity: 'UNVERIFIED', endpoints: false });
    for (const server of [crm, code, lost, bad, waiting]) this.check(server.id);
    this.reports.get(lost.id).drift = { at: this.now(), changed: [{ member: 'resource.scopes_supported', from: ['docs.read'], to: ['docs.read', 'docs.write'] }], added: [{ member: 'authorizationServers.https://login.docs.example.com.revocation_endpoint', value: 'https://login.docs.example.com/revoke' }], removed: [] };
    for (let index = 0; index < 30; index += 1) this.okta(this.server(`https://tools${index + 1}.example.com/mcp`, { status: 'INACTIVE', displayName: `Tools ${String(index + 1).padStart(2, '0')}` }).id, sales);

    const helper = this.agent('Sales helper', { owners: [ada, grace], description: 'Answers questions about orders', platform: 'AWS_BEDROCK_AGENTCORE', keys: 2 });
    const coder = this.agent(kLong, { owners: [grace] });
    const stopped = this.agent('Night shift', { status: 'INACTIVE', owners: [ada] });
    this.agent('Unfinished', { status: 'STAGED', keys: 0 });
    this.agents.get(helper.id).keys[1].status = 'INACTIVE';
    const xaa = (server) => ({ connectionType: 'IDENTITY_ASSERTION_MCP_SERVER', resource: { orn: server.orn, resourceType: 'MCP_SERVER' }, authorizationServer: { orn: `orn:okta:idp:${this.org}:authorization_servers:${sales.id}` }, scopeCondition: 'INCLUDE_ONLY', scopes: ['tools.read'], resourceIndicator: server.resourceUrl });
    const sts = (settings) => ({ connectionType: 'STS_ACCESS_TOKEN', resource: { orn: settings.orn, resourceType: 'MCP_SERVER' }, resourceIndicator: settings.orn });
    this.connect(helper, xaa(crm));
    this.connect(helper, sts(codeClient), 'INACTIVE');
    this.connect(coder, sts(codeClient));
    this.connect(coder, { connectionType: 'STS_VAULT_SECRET', secret: { orn: `orn:okta:pam:${this.org}:secrets:9b1deb4d-3b7d-4bad-9bdd-2b0d7b3dcb6d` } });
    this.connect(stopped, { ...xaa(crm), scopeCondition: 'ALL_SCOPES', scopes: ['*'] });
    this.links.push({ id: this.id('dlk'), from: { type: 'OKTA_AUTHORIZATION_SERVER', clientOrn: coder.orn, tokenType: 'ACCESS_TOKEN' }, to: { resourceOrn: helper.orn }, created: this.now() });

    const agentActor = { id: helper.id, type: 'PublicClientApp', displayName: 'Sales helper', alternateId: helper.id };
    this.emit('resource_servers.mcp_server.register', { target: [{ id: crm.id, type: 'McpServer', displayName: 'Sales' }] });
    this.emit('resource_servers.mcp_server.activate', { target: [{ id: crm.id, type: 'McpServer', displayName: 'Sales' }] });
    this.emit('workload_principal.register', { target: [{ id: helper.id, type: 'WorkloadPrincipal', displayName: 'Sales helper' }] });
    this.emit('app.oauth2.token.grant.id_jag', { actor: agentActor, target: [{ id: crm.id, type: 'McpServer', displayName: 'Sales' }, { id: 'JAG.1', type: 'id_jag', displayName: 'ID-JAG' }], debugData: { subjectTokenId: 'IDT.1', scope: 'tools.read', audience: sales.issuer } });
    this.emit('app.oauth2.as.token.grant.access_token', { actor: agentActor, target: [{ id: sales.id, type: 'AuthorizationServer', displayName: 'Sales tools' }, { id: 'AT.1', type: 'access_token', displayName: 'Access token' }], debugData: { subjectTokenId: 'JAG.1', scope: 'tools.read' } });
    this.emit('app.oauth2.token.grant.id_jag', { actor: { id: stopped.id, type: 'PublicClientApp', displayName: 'Night shift', alternateId: stopped.id }, success: false, reason: 'invalid_target', target: [{ id: crm.id, type: 'McpServer', displayName: 'Sales' }] });
    this.operations.set('op-1', { id: 'op-1', type: 'mcp-server:Register', status: 'COMPLETED', created: this.now(), started: this.now(), completed: this.now(), resource: { id: crm.id, type: 'mcp_server', status: 'INACTIVE' } });
    this.operations.set('op-2', { id: 'op-2', type: 'mcp-server:Activate', status: 'FAILED', created: this.now(), started: this.now(), completed: this.now(), errorDetails: { code: 'NOT_CONNECTABLE', message: 'No authorization server of it supports XAA or STS.' } });
  }

  // ---- What follows from what is there ----

  able(server, row) {
    const xaa = row.type === 'OKTA' || row.xaaEnabled;
    const sts = row.type === 'EXTERNAL' && Boolean(row.authorizationEndpoint && row.tokenEndpoint) && [...this.settings.values()].some((one) => one.authorizationServerId === row.id && one.status === 'ACTIVE');
    const capabilities = { xaa, sts };
    if (!xaa) capabilities.xaaReason = 'XAA toward external authorization servers is off unless it is set';
    if (!sts) capabilities.stsReason = row.type === 'OKTA' ? 'it is an Okta custom one' : row.tokenEndpoint ? `no client registration for ${row.issuer}` : 'it has no token endpoint';
    const links = row.origin === 'MANUAL' ? { delete: { href: '' } } : {};
    return { ...row, capabilities, missing: row.type === 'EXTERNAL' && !row.tokenEndpoint ? ['the token endpoint'] : [], _links: links };
  }

  shown(server) {
    const rows = this.authServers.get(server.id).map((row) => this.able(server, row));
    const active = rows.filter((row) => row.status === 'ACTIVE');
    const xaa = active.filter((row) => row.capabilities.xaa).map((row) => row.id);
    const sts = active.filter((row) => row.capabilities.sts).map((row) => row.id);
    const connectable = xaa.length + sts.length > 0;
    return { ...server, authorizationServerCount: rows.length, capabilities: { xaa, sts }, connectable, connectableReason: connectable ? [xaa.length && 'XAA', sts.length && 'STS'].filter(Boolean).join(' and ') : 'No active authorization server of it supports XAA or STS.' };
  }

  check(id) {
    const server = this.servers.get(id);
    const failed = server.status === 'INVALID';
    const one = ([checkId, name, title], result = 'PASS', more = {}) => ({ id: checkId, name, title, result, blocking: false, durationMs: 3 + (this.count % 40), message: '', ...more });
    const broken = this.broken.has(server.resourceUrl);
    const checks = kChecks.map((row) => {
      if (row[0] === 'R05') return one(row, 'WARN', { message: 'no resource_metadata in challenge; using well-known fallback', cure: 'Let the server answer 401 with WWW-Authenticate: Bearer resource_metadata="...".' });
      if (row[0] === 'R07' && failed && !broken) return one(row, 'FAIL', { blocking: true, message: server.invalidReasons[0], cure: 'Let `resource` in its metadata be the address that it is registered with, or register that one.', details: { expected: server.resourceUrl, got: 'https://weather.example.com/' } });
      return one(row);
    });
    const authServers = this.authServers.get(id).map((row) => ({ id: row.id, issuer: row.issuer, status: row.status, connectivity: row.connectivity, capabilities: this.able(server, row).capabilities, checks: kIssuerChecks.map((check) => {
      if (check[0] === 'R11' && broken) return one(check, 'FAIL', { blocking: true, message: `issuer mismatch: expected ${row.issuer}, got https://login.elsewhere.example`, cure: 'Let the authorization server name itself exactly as the server’s metadata does.', details: { expected: row.issuer, got: 'https://login.elsewhere.example' } });
      if (check[0] === 'R20' && row.type === 'EXTERNAL' && !this.able(server, row).capabilities.sts) return one(check, 'FAIL', { message: `no client registration for ${row.issuer}`, cure: 'Add a client registration with this authorization server.' });
      if (row.type === 'OKTA') return one(check, 'SKIP', { message: 'an Okta custom authorization server' });
      return one(check);
    }) }));
    const all = [...checks, ...authServers.flatMap((row) => row.checks)];
    this.reports.set(id, { serverId: id, status: server.status, ready: !all.some((check) => check.blocking), connectable: this.shown(server).connectable, checkedAt: this.now(), checks, authorizationServers: authServers });
  }

  validate(server) {
    if (server.resourceUrl === 'https://crm.example.com/mcp' && this.authServers.get(server.id).length === 0) {
      this.external(server.id, 'https://login.crm.example.com');
      server.detectedMetadata = { resourceName: 'CRM', scopesSupported: ['crm.read', 'crm.write'], lastRefreshedAt: this.now() };
    }
    const broken = this.broken.has(server.resourceUrl);
    for (const row of this.authServers.get(server.id)) {
      if (row.type !== 'EXTERNAL') continue;
      row.status = broken ? 'INVALID' : 'ACTIVE';
      row.connectivity = broken ? 'FAILED' : 'VERIFIED';
      row.connectivityReason = broken ? `issuer mismatch: expected ${row.issuer}, got https://login.elsewhere.example` : undefined;
    }
    if (broken) {
      server.status = 'INVALID';
      server.invalidReasons = [`issuer mismatch: expected https://login.crm.example.com, got https://login.elsewhere.example`];
    } else if (this.authServers.get(server.id).length === 0) {
      server.missing = ['an authorization server'];
    } else {
      const { connectable } = this.shown(server);
      server.invalidReasons = [];
      server.missing = server.status === 'PENDING' && !connectable ? [`a client registration with ${this.authServers.get(server.id)[0].issuer}`] : [];
      if (server.status === 'INVALID' || (server.status === 'PENDING' && connectable)) server.status = 'INACTIVE';
    }
    server.lastUpdated = this.now();
    this.check(server.id);
    return broken ? { code: 'R11', message: server.invalidReasons[0] } : null;
  }

  /** Ends when it was asked about twice; `effect` gives an error or nothing. */
  start(area, type, resource, effect) {
    const id = this.id('op-');
    const operation = { id, type, status: 'SCHEDULED', created: this.now() };
    this.operations.set(id, operation);
    Object.defineProperty(operation, 'step', { enumerable: false, value: () => {
      if (operation.status === 'SCHEDULED') {
        Object.assign(operation, { status: 'IN_PROGRESS', started: this.now() });
      } else if (operation.status === 'IN_PROGRESS') {
        const error = effect();
        Object.assign(operation, { status: error ? 'FAILED' : 'COMPLETED', completed: this.now() });
        if (error) operation.errorDetails = error;
        else operation.resource = resource();
      }
    } });
    return { status: 202, headers: { Location: `${this.origin}/${area}/api/v1/operations/${id}` } };
  }

  // ---- HTTP ----

  async listen() {
    this.http = http.createServer((request, response) => this.handle(request, response));
    await new Promise((done) => this.http.listen(0, '127.0.0.1', done));
    this.origin = `http://127.0.0.1:${this.http.address().port}`;
    return this.origin;
  }
  close() {
    this.http.closeAllConnections();
    return new Promise((done) => this.http.close(done));
  }

  async handle(request, response) {
    const url = new URL(request.url, this.origin);
    let body = '';
    for await (const piece of request) body += piece;
    let answer;
    try {
      answer = this.file(request, url) ?? this.oauth(request, url, body) ?? this.api(request, url, body);
    } catch (error) {
      if (!(error instanceof Refusal)) console.log(`mock: ${request.method} ${request.url}: ${error.stack}`);
      const refusal = error instanceof Refusal ? error : new Refusal(500, 'E0000009', 'Internal Server Error');
      this.rejected.push(`${refusal.status} ${request.method} ${request.url}`);
      answer = { status: refusal.status, body: { errorCode: refusal.code, errorSummary: refusal.message, errorLink: refusal.code, errorId: 'oae1mock', errorCauses: refusal.causes } };
    }
    const text = answer.body === undefined ? (answer.text ?? '') : JSON.stringify(answer.body);
    response.writeHead(answer.status ?? 200, { 'Content-Type': 'application/json', ...answer.headers });
    response.end(text);
  }

  file(request, url) {
    if (!url.pathname.startsWith('/console/')) return null;
    const name = ['/console/', '/console/callback'].includes(url.pathname) ? 'index.html' : url.pathname.slice(9);
    const file = path.join(kFiles, path.basename(name));
    if (!fs.existsSync(file)) return { status: 404, text: 'no such file', headers: { 'Content-Type': 'text/plain' } };
    return { text: fs.readFileSync(file, 'utf8'), headers: { ...kSafety, 'Content-Type': kTypes[path.extname(file)], 'Cache-Control': 'no-cache' } };
  }

  /** Code with PKCE, a session cookie, and prompt=none, as src/registry/console.h asks for. */
  oauth(request, url, body) {
    if (url.pathname === '/.well-known/oauth-authorization-server') {
      return { body: { issuer: this.origin, authorization_endpoint: `${this.origin}/oauth2/v1/authorize`, token_endpoint: `${this.origin}/oauth2/v1/token`, revocation_endpoint: `${this.origin}/oauth2/v1/revoke` } };
    }
    if (url.pathname === '/oauth2/v1/authorize') {
      const query = url.searchParams;
      const back = new URL(query.get('redirect_uri'));
      if (back.href !== `${this.origin}/console/callback` || query.get('client_id') !== 'okta-registry-console' || query.get('code_challenge_method') !== 'S256') throw new Refusal(400, 'E0000001', 'invalid_request');
      back.searchParams.set('state', query.get('state'));
      back.searchParams.set('iss', this.origin);
      const session = /(?:^|; )sid=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
      const headers = {};
      if (session !== 'ada') {
        if (query.get('prompt') === 'none') {
          back.searchParams.set('error', 'login_required');
          return { status: 302, headers: { Location: back.href } };
        }
        headers['Set-Cookie'] = 'sid=ada; Path=/; HttpOnly; SameSite=Lax';
      }
      const code = randomUUID();
      this.codes.set(code, { challenge: query.get('code_challenge'), scope: query.get('scope') });
      back.searchParams.set('code', code);
      return { status: 302, headers: { ...headers, Location: back.href } };
    }
    if (url.pathname === '/oauth2/v1/token') {
      const form = new URLSearchParams(body);
      const known = this.codes.get(form.get('code'));
      this.codes.delete(form.get('code'));
      const challenge = createHash('sha256').update(form.get('code_verifier') ?? '').digest('base64url');
      if (!known || known.challenge !== challenge) return { status: 400, body: { error: 'invalid_grant' } };
      const token = randomUUID();
      this.tokens.set(token, Date.now() + 3600_000);
      const claims = Buffer.from(JSON.stringify({ sub: '00u1', preferred_username: 'ada.lovelace@a-rather-long-company-name.example.com' })).toString('base64url');
      return { body: { token_type: 'Bearer', expires_in: 3600, access_token: token, id_token: `e30.${claims}.x`, scope: known.scope } };
    }
    if (url.pathname === '/oauth2/v1/revoke') {
      this.tokens.delete(new URLSearchParams(body).get('token'));
      return { body: {} };
    }
    if (url.pathname === '/oauth2/v1/logout') return { status: 302, headers: { Location: url.searchParams.get('post_logout_redirect_uri'), 'Set-Cookie': 'sid=; Path=/; Max-Age=0' } };
    return null;
  }

  api(request, url, body) {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (!this.tokens.has(token)) throw new Refusal(401, 'E0000011', 'Invalid token provided');
    this.requests.push(`${request.method} ${url.pathname}`);
    if (request.method === 'PATCH' && request.headers['content-type'] !== 'application/merge-patch+json') throw new Refusal(400, 'E0000021', 'Bad request.');
    const parts = url.pathname.split('/').filter(Boolean).map(decodeURIComponent);
    const sent = body ? JSON.parse(body) : {};
    const area = `/${parts.slice(0, 3).join('/')}`;
    const call = { method: request.method, query: url.searchParams, sent, url };
    if (area === '/resource-servers/api/v1') return this.resourceServers(parts.slice(3), call);
    if (area === '/workload-principals/api/v1') return this.workloads(parts.slice(3), call);
    if (area === '/governance/api/v1') return this.ownersOf(call);
    if (parts[0] === 'api' && parts[2] === 'logs') return this.logs(call);
    if (parts[0] === 'api' && parts[2] === 'users') return { body: this.people };
    if (parts[0] === 'api' && parts[2] === 'authorizationServers') return this.customServers(parts.slice(3), call);
    throw notFound(url.pathname);
  }

  list(rows, { query, url }) {
    const limit = Number(query.get('limit') ?? 20);
    if (!(limit >= 1 && limit <= 200)) throw new Refusal(400, 'E0000001', 'Api validation failed: limit');
    const from = query.get('after') ? rows.findIndex((row) => row.id === query.get('after')) + 1 : 0;
    const data = rows.slice(from, from + limit);
    const links = { self: { href: this.origin + url.pathname } };
    if (from + limit < rows.length) {
      const next = new URL(url);
      next.searchParams.set('after', data.at(-1).id);
      links.next = { href: next.href };
    }
    return { body: { data, _links: links } };
  }

  resourceServers([kind, id, sub, subId, verb, verb2], call) {
    const { method, query, sent } = call;
    if (kind === 'operations') {
      if (!id) return this.list([...this.operations.values()].reverse(), call);
      const operation = this.operations.get(id) ?? (() => { throw notFound(id); })();
      operation.step?.();
      return { body: operation };
    }
    if (kind === 'client-auth-settings') return this.clientSettings(id, call);
    if (!id) {
      if (method === 'POST') return this.register(sent);
      const search = query.get('search') ?? '';
      if (/\bor\b/.test(search)) throw new Refusal(400, 'E0000031', 'Invalid search criteria.');
      const status = /status eq "(\w+)"/.exec(search)?.[1];
      const given = /metadata\.displayName co "([^"]*)"/.exec(search)?.[1]?.toLowerCase();
      const found = /detectedMetadata\.resourceName co "([^"]*)"/.exec(search)?.[1]?.toLowerCase();
      const rows = [...this.servers.values()].filter((row) => (!status || row.status === status) && (!given || row.metadata.displayName?.toLowerCase().includes(given)) && (!found || row.detectedMetadata?.resourceName.toLowerCase().includes(found)));
      return this.list(rows.map((row) => this.shown(row)), call);
    }
    const server = this.servers.get(id) ?? (() => { throw notFound(id); })();
    const resource = () => ({ id, type: 'mcp_server', status: server.status });
    if (!sub && method === 'GET') return { body: this.shown(server), headers: { ETag: 'W/"1"' } };
    if (!sub && method === 'PATCH') {
      const unknown = Object.keys(sent).find((name) => !['displayName', 'description'].includes(name));
      if (unknown) throw new Refusal(400, 'E0000001', `Api validation failed: ${unknown}`, [{ errorSummary: `${unknown} cannot be changed.`, reason: 'IMMUTABLE_PROPERTY', location: unknown }]);
      for (const [name, value] of Object.entries(sent)) server.metadata[name] = value ?? undefined;
      return { body: this.shown(server) };
    }
    if (!sub && method === 'DELETE') {
      if (server.status === 'ACTIVE') throw conflict('INVALID_STATE_TRANSITION', 'Cannot delete a resource server in ACTIVE status. Server must be deactivated first.');
      return this.start('resource-servers', 'mcp-server:Delete', resource, () => {
        this.servers.delete(id);
      });
    }
    if (sub === 'tools') return this.list(this.tools.get(id), call);
    if (sub === 'readiness' && method === 'GET') {
      if (!this.reports.has(id)) throw notFound(id);
      return { body: this.reports.get(id) };
    }
    if (sub === 'refresh' || (sub === 'readiness' && method === 'POST') || subId === 'validate') return this.start('resource-servers', 'mcp-server:Validate', resource, () => this.validate(server));
    if (sub === 'lifecycle' && subId === 'activate') {
      if (server.status !== 'INACTIVE') throw conflict('INVALID_STATE_TRANSITION', `The server is ${server.status}. Allowed: validate, delete.`);
      return this.start('resource-servers', 'mcp-server:Activate', resource, () => {
        const failed = this.validate(server);
        if (failed) return failed;
        if (!this.shown(server).connectable) return { code: 'NOT_CONNECTABLE', message: 'No active authorization server of it supports XAA or STS.' };
        server.status = 'ACTIVE';
        this.emit('resource_servers.mcp_server.activate', { target: [{ id, type: 'McpServer', displayName: server.metadata.displayName }] });
        return null;
      });
    }
    if (sub === 'lifecycle' && subId === 'deactivate') {
      if (server.status !== 'ACTIVE') throw conflict('INVALID_STATE_TRANSITION', `The server is ${server.status}.`);
      server.status = 'INACTIVE';
      return this.start('resource-servers', 'mcp-server:Deactivate', resource, () => null);
    }
    if (sub === 'authorization-servers') return this.linked(server, subId, verb2 ?? verb, call);
    throw notFound(sub);
  }

  register({ resourceUrl, displayName, description, ...rest }) {
    if (Object.keys(rest).length > 0) throw new Refusal(400, 'E0000001', `Api validation failed: ${Object.keys(rest)[0]}`);
    if (!URL.canParse(resourceUrl) || new URL(resourceUrl).protocol !== 'https:') throw new Refusal(400, 'E0000001', 'Api validation failed: resourceUrl', [{ errorSummary: 'resourceUrl must be an absolute https URL without fragment', reason: 'INVALID_FORMAT', location: 'resourceUrl' }]);
    if ([...this.servers.values()].some((row) => row.resourceUrl === resourceUrl)) throw conflict('UNIQUE_CONSTRAINT', 'An MCP server with this resourceUrl is registered already.');
    const server = this.server(resourceUrl, { displayName, description });
    this.emit('resource_servers.mcp_server.register', { target: [{ id: server.id, type: 'McpServer', displayName }] });
    return this.start('resource-servers', 'mcp-server:Register', () => ({ id: server.id, type: 'mcp_server', status: server.status }), () => this.validate(server));
  }

  linked(server, asId, verb, call) {
    const { method, sent } = call;
    const rows = this.authServers.get(server.id);
    if (!asId && method === 'GET') return this.list(rows.map((row) => this.able(server, row)), call);
    if (!asId) {
      if (sent.type === 'OKTA') this.okta(server.id, this.custom.get(sent.orn.split(':').at(-1)));
      else this.external(server.id, sent.issuer, { origin: 'MANUAL', endpoints: Boolean(sent.tokenEndpoint) });
      return this.start('resource-servers', 'auth-server:Create', () => ({ id: server.id, type: 'mcp_server', status: server.status }), () => null);
    }
    const row = rows.find((one) => one.id === asId) ?? (() => { throw notFound(asId); })();
    if (method === 'DELETE') {
      rows.splice(rows.indexOf(row), 1);
      return { status: 204 };
    }
    if (method === 'PATCH') Object.assign(row, sent);
    else row.status = verb === 'activate' ? 'ACTIVE' : 'INACTIVE';
    return { body: this.able(server, row) };
  }

  clientSettings(id, call) {
    const { method, query, sent } = call;
    if (!id && method === 'GET') return this.list([...this.settings.values()].filter((row) => !query.get('mcpServerId') || row.mcpServerId === query.get('mcpServerId')), call);
    if (!id) {
      const row = this.authServers.get(sent.mcpServerId)?.find((one) => one.id === sent.authorizationServerId);
      if (!row) throw new Refusal(400, 'E0000001', 'Api validation failed: authorizationServerId');
      const made = this.registration(sent.mcpServerId, row, sent.name);
      Object.assign(made, { clientId: sent.clientId ?? 'dynamic-1', registrationType: sent.registrationType, scopes: sent.scopes });
      return { status: 201, body: made };
    }
    if (!this.settings.delete(id)) throw notFound(id);
    return { status: 204 };
  }

  workloads([kind, id, sub, kindOrId, subId, , verb], call) {
    const { method, sent } = call;
    if (kind === 'operations') {
      if (id) return this.resourceServers(['operations', id], call);
      return this.list([], call);
    }
    if (kind === 'delegation-links') {
      if (method === 'DELETE') {
        this.links = this.links.filter((row) => row.id !== id);
        return { status: 204 };
      }
      const orn = /to\.resourceOrn eq "([^"]*)"/.exec(call.query.get('filter') ?? '')?.[1];
      return this.list(this.links.filter((row) => !orn || row.to.resourceOrn === orn), call);
    }
    if (kind === 'potential-connections') {
      const type = /connectionType eq "(\w+)"/.exec(call.query.get('filter') ?? '')?.[1];
      const secret = `orn:okta:pam:${this.org}:secrets:1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed`;
      return this.list(type === 'STS_VAULT_SECRET' ? [{ id: '1', connectionType: type, secret: { orn: secret, name: 'Map service' }, resourceIndicator: secret }] : [], call);
    }
    if (!id && method === 'GET') return this.list([...this.agents.values()].map((row) => row.agent), call);
    if (!id) {
      if ([...this.agents.values()].some((row) => row.agent.profile.name === sent.profile.name)) throw conflict('UNIQUE_CONSTRAINT', 'Another agent has this name.');
      const agent = this.agent(sent.profile.name, { status: 'STAGED', keys: 0, ...sent.profile, platform: sent.platform });
      return this.start('workload-principals', 'ai-agent:Register', () => ({ id: agent.id, type: 'ai_agent', status: agent.status }), () => null);
    }
    const entry = this.agents.get(id) ?? (() => { throw notFound(id); })();
    const { agent } = entry;
    const resource = () => ({ id, type: 'ai_agent', status: agent.status });
    if (!sub && method === 'GET') return { body: agent };
    if (!sub && method === 'PATCH') {
      Object.assign(agent.profile, sent.profile);
      return this.start('workload-principals', 'ai-agent:Patch', resource, () => null);
    }
    if (!sub && method === 'DELETE') {
      this.agents.delete(id);
      return this.start('workload-principals', 'ai-agent:Delete', resource, () => null);
    }
    if (sub === 'lifecycle') {
      if (kindOrId === 'activate' && (entry.owners.length === 0 || entry.keys.length === 0)) throw new Refusal(400, 'E0000001', 'Api validation failed: status', [{ errorSummary: 'The agent needs an owner and a credential.', reason: 'MISSING_PREREQUISITE' }]);
      agent.status = kindOrId === 'activate' ? 'ACTIVE' : 'INACTIVE';
      this.emit(`workload_principal.${kindOrId}`, { target: [{ id, type: 'WorkloadPrincipal', displayName: agent.profile.name }], debugData: { tokensRevoked: call.query.get('revoke') === 'true' } });
      return this.start('workload-principals', `ai-agent:${kindOrId}`, resource, () => null);
    }
    if (sub === 'credentials') return this.credentials(entry, kindOrId === 'jwks' ? 'keys' : 'secrets', subId, verb, call);
    if (sub === 'connections') return this.connections(entry, kindOrId, call);
    throw notFound(sub);
  }

  credentials(entry, list, id, verb, call) {
    const { method, sent } = call;
    if (!id && method === 'GET') return this.list(entry[list], call);
    if (!id) {
      if (['d', 'p', 'q', 'k'].some((name) => name in sent)) throw new Refusal(400, 'E0000001', 'Api validation failed: a private key');
      const made = list === 'keys' ? { id: this.id('pks'), status: 'ACTIVE', created: this.now(), ...sent } : { id: this.id('ocs'), status: 'ACTIVE', created: this.now() };
      entry[list].push(made);
      return { status: 201, body: list === 'keys' ? made : { ...made, client_secret: 'kX9sExampleSecretThatIsShownOnce0123456789' } };
    }
    const row = entry[list].find((one) => one.id === id);
    if (method === 'DELETE') {
      entry[list].splice(entry[list].indexOf(row), 1);
      return { status: 204 };
    }
    if (verb === 'deactivate' && entry[list].filter((one) => one.status === 'ACTIVE').length === 1) throw conflict('DEACTIVATE_NOT_ALLOWED', 'The last active key cannot be deactivated.');
    row.status = verb === 'activate' ? 'ACTIVE' : 'INACTIVE';
    return { body: row };
  }

  connections(entry, id, call) {
    const { method, sent, url } = call;
    if (!id && method === 'GET') return this.list(entry.connections, call);
    if (!id) {
      if (entry.connections.some((row) => row.resource?.orn === sent.resource?.orn && row.connectionType === sent.connectionType)) throw conflict('DUPLICATE_CONNECTION', 'The agent has this connection already.');
      return { status: 201, body: this.connect(entry.agent, sent) };
    }
    const row = entry.connections.find((one) => one.id === id) ?? (() => { throw notFound(id); })();
    if (method === 'DELETE') {
      entry.connections.splice(entry.connections.indexOf(row), 1);
      return { status: 204 };
    }
    row.status = url.pathname.endsWith('/activate') ? 'ACTIVE' : 'INACTIVE';
    return { body: row };
  }

  ownersOf({ method, query, sent }) {
    const show = (entry) => ({ parentResourceOrn: entry.agent.orn, resource: { id: entry.agent.id, type: 'ai-agents', orn: entry.agent.orn }, principals: entry.owners.map((id) => ({ id, type: 'users', orn: `orn:okta:directory:${this.org}:users:${id}`, profile: { id, name: this.people.find((user) => user.id === id)?.profile.login } })) });
    const of = (orn) => [...this.agents.values()].find((entry) => entry.agent.orn === orn);
    if (method === 'GET') return { body: { data: [show(of(/"([^"]+)"/.exec(query.get('filter'))[1]))] } };
    const entry = of(sent.resourceOrns[0]);
    entry.owners = sent.principalOrns.map((orn) => orn.split(':').at(-1));
    return { body: { data: [show(entry)] } };
  }

  customServers([id, sub, subId], call) {
    const { method, sent } = call;
    if (!id && method === 'GET') return { body: [...this.custom.values()] };
    if (!id) return { status: 201, body: Object.assign(this.customServer(sent.name), sent) };
    const server = this.custom.get(id) ?? (() => { throw notFound(id); })();
    if (!sub) return { body: server };
    if (sub === 'lifecycle') {
      server.status = subId === 'activate' ? 'ACTIVE' : 'INACTIVE';
      return { status: 204 };
    }
    const scopes = (server.scopes ??= [{ id: this.id('scp'), name: 'tools.read', description: 'Read', default: true, metadataPublish: 'ALL_CLIENTS' }, { id: this.id('scp'), name: 'tools.call', metadataPublish: 'ALL_CLIENTS' }]);
    if (sub === 'scopes' && method === 'POST') {
      scopes.push({ id: this.id('scp'), ...sent });
      return { status: 201, body: scopes.at(-1) };
    }
    if (sub === 'scopes') return { body: scopes };
    if (sub === 'policies' && !subId) return { body: [{ id: '00p1', name: 'Default policy', status: 'ACTIVE', priority: 1, conditions: { clients: { include: ['ALL_CLIENTS'] } } }] };
    if (sub === 'policies') return { body: [{ id: '0pr1', name: 'Connected agents', status: 'ACTIVE', conditions: { grantTypes: { include: ['urn:ietf:params:oauth:grant-type:jwt-bearer'] }, scopes: { include: ['*'] } }, actions: { token: { accessTokenLifetimeMinutes: 60 } } }] };
    if (sub === 'claims') return { body: [] };
    return { body: [{ kid: 'Yf3kExample', kty: 'RSA', alg: 'RS256', status: 'ACTIVE' }] };
  }

  logs({ query, url }) {
    for (const name of query.keys()) if (!['since', 'until', 'filter', 'after', 'sortOrder', 'limit'].includes(name)) throw new Refusal(400, 'E0000001', `Api validation failed: ${name}`);
    const filter = query.get('filter') ?? '';
    const value = (pattern) => new RegExp(`${pattern} "([^"]*)"`).exec(filter)?.[1];
    const wanted = { kind: value('eventType sw'), outcome: value('outcome.result eq'), target: value('target.id eq'), actor: value('actor.id eq'), used: value('debugContext.debugData.subjectTokenId eq'), transaction: value('transaction.id eq') };
    const rows = this.events.filter((event) => (!wanted.kind || event.eventType.startsWith(wanted.kind))
      && (!wanted.outcome || event.outcome.result === wanted.outcome)
      && (!wanted.target || event.target.some((one) => one.id === wanted.target) || (wanted.actor && event.actor.id === wanted.actor))
      && (!wanted.used || event.debugContext.debugData.subjectTokenId === wanted.used)
      && (!wanted.transaction || event.transaction.id === wanted.transaction));
    const limit = Number(query.get('limit') ?? 100);
    const from = Number(query.get('after') ?? 0);
    const next = new URL(url);
    next.searchParams.set('after', String(from + limit));
    return { body: rows.slice(from, from + limit), headers: from + limit < rows.length ? { Link: `<${next.href}>; rel="next"` } : {} };
  }
}
