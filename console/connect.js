// A new connection of an agent: what it may get tokens for. Connections by XAA and by STS to MCP servers are
// made here; the other types that the API has are offered as it lists them (potential connections).
import { h, replace } from './dom.js';
import { all, change, get, kAgents, kCustom, kPotential, kServers, kSettings, orNothing, path, rowsOf } from './api.js';
import { ask, choice, field, input, nameOf, notice, problem, select, splitWords } from './widgets.js';

export const kTypeNames = {
  IDENTITY_ASSERTION_CUSTOM_AS: 'XAA to a custom authorization server',
  IDENTITY_ASSERTION_APP_INSTANCE: 'XAA to an application',
  IDENTITY_ASSERTION_MCP_SERVER: 'XAA to an MCP server',
  IDENTITY_ASSERTION_A2A_SERVER: 'XAA to another agent',
  IDENTITY_ASSERTION_VIRTUAL_MCP_SERVER: 'XAA to a virtual MCP server',
  STS_ACCESS_TOKEN: 'STS: a token people consented to',
  STS_VAULT_SECRET: 'A vaulted secret',
  STS_SERVICE_ACCOUNT: 'A service account',
};

const kPlain = [
  ['IDENTITY_ASSERTION_MCP_SERVER', 'XAA', 'A person’s sign-in is exchanged for a token; nobody has to consent.'],
  ['STS_ACCESS_TOKEN', 'STS', 'Each person consents once at the external authorization server.'],
  ['IDENTITY_ASSERTION_A2A_SERVER', 'Another agent', 'XAA to an agent that has an address of its own.'],
  ['IDENTITY_ASSERTION_CUSTOM_AS', 'An authorization server', 'XAA to whatever takes the tokens of an Okta custom one.'],
  ['STS_VAULT_SECRET', 'Vaulted secret', 'A secret that the registry keeps.'],
  ['STS_SERVICE_ACCOUNT', 'Service account', 'A name and password that the registry keeps.'],
];

/** What a connection leads to: {kind, id, text} for people, the graph and links. */
export function targetOf(connection) {
  const id = (orn) => String(orn ?? '').split(':').at(-1);
  const { resource, authorizationServer, secret, serviceAccount, app, agent } = connection;
  if (resource?.orn?.includes(':resource-servers:mcp:')) return { kind: 'server', id: id(resource.orn), orn: resource.orn, through: authorizationServer?.id ?? id(authorizationServer?.orn) };
  if (/client[_-]auth[_-]settings/.test(resource?.orn ?? '')) return { kind: 'settings', id: id(resource.orn), orn: resource.orn };
  if (resource?.orn) return { kind: 'resource', id: id(resource.orn), orn: resource.orn };
  if (authorizationServer?.orn) return { kind: 'custom', id: id(authorizationServer.orn), orn: authorizationServer.orn };
  const other = secret ?? serviceAccount ?? app ?? agent;
  return { kind: 'other', id: id(other?.orn), orn: other?.orn ?? '' };
}

const kTargets = ['resource', 'authorizationServer', 'secret', 'app', 'serviceAccount'];
// What a potential connection leads to, as a create body says it.
const bodyOf = (row) => Object.fromEntries(kTargets.filter((name) => row[name]).map((name) => [name, row[name].orn ? { orn: row[name].orn } : { id: row[name].id }]));
const potentialName = (row) => [row.resource, row.secret, row.serviceAccount, row.authorizationServer].find((target) => target?.name)?.name ?? row.resourceIndicator;

async function potential(type, signal) {
  const body = await orNothing(get(kPotential, { signal, query: { limit: 200, filter: `connectionType eq "${type}"` } }));
  return body ? rowsOf(body) : [];
}

/** Asks and adds; resolves to whether a connection was added. */
export async function addConnection(agent, signal) {
  const [servers, custom, settings] = await Promise.all([
    all(kServers, { signal, query: { search: 'status eq "ACTIVE"' } }),
    orNothing(all(kCustom, { signal })),
    orNothing(all(kSettings, { signal })),
  ]);
  const ready = servers.rows.filter((row) => row.connectable !== false);
  const place = h('div', {});
  let type = 'IDENTITY_ASSERTION_MCP_SERVER';
  let condition = 'ALL_SCOPES';
  let choices = [];
  let turn = 0;

  const failed = (error) => error.name !== 'AbortError' && replace(place, problem(error));
  const none = (text) => replace(place, notice('warn', h('p', {}, text)));

  function scopeChoice() {
    const scopes = h('div', {});
    const show = () => replace(scopes, condition === 'ALL_SCOPES' ? [] : field('Which scopes', input('scopes', { required: true }), { hint: 'With spaces between.' }));
    show();
    return [choice('Scopes', 'condition', [['ALL_SCOPES', 'Allow all'], ['INCLUDE_ONLY', 'Only allow some'], ['EXCLUDE', 'Allow all but some']], condition, (value) => {
      condition = value;
      show();
    }), scopes];
  }

  async function showXaa(mine) {
    if (ready.length === 0) {
      none('No MCP server is active and connectable. Register and activate one first.');
      return;
    }
    const through = h('div', {});
    const linked = async (server) => {
      const read = await all(`${kServers}/${encodeURIComponent(server)}/authorization-servers`, { signal });
      if (mine !== turn || list.value !== server) return;
      choices = read.rows.filter((row) => row.status === 'ACTIVE' && row.capabilities?.xaa === true);
      replace(through, choices.length === 0
        ? notice('warn', h('p', {}, 'No authorization server of it supports XAA. Connect by STS, or link an Okta custom one to it.'))
        : field('Authorization server', select('through', choices.map((row) => [row.id, custom?.rows.find((one) => one.id === row.id)?.name ?? row.issuer]), choices[0].id)));
    };
    const list = select('server', ready.map((row) => [row.id, `${nameOf(row)} – ${row.resourceUrl}`]), ready[0].id, { on: { change: (event) => linked(event.target.value).catch(failed) } });
    replace(place, field('MCP server', list), through, scopeChoice());
    await linked(ready[0].id);
  }

  async function show() {
    turn += 1;
    const mine = turn;
    choices = [];
    if (type === 'IDENTITY_ASSERTION_MCP_SERVER') {
      await showXaa(mine);
      return;
    }
    if (type === 'STS_ACCESS_TOKEN') {
      const rows = settings?.rows ?? [];
      choices = rows;
      if (rows.length === 0) none('There is no client registration with an external authorization server yet. Add one on the server’s page.');
      else replace(place, field('Client registration', select('settings', rows.map((row) => [row.id, `${row.name ?? row.id} – ${row.issuer ?? ''}`]), rows[0].id)));
      return;
    }
    replace(place);
    const rows = await potential(type, signal);
    if (mine !== turn) return;
    choices = rows;
    if (rows.length === 0) none('There is nothing of that kind to connect to.');
    else replace(place, field(kTypeNames[type], select('other', rows.map((row, index) => [String(index), potentialName(row)]), '0')), type.startsWith('IDENTITY') && scopeChoice());
  }
  await show();

  function body(data) {
    if (choices.length === 0) throw new Error('There is nothing to connect to; see above.');
    const xaa = type.startsWith('IDENTITY') ? { scopeCondition: condition, scopes: condition === 'ALL_SCOPES' ? ['*'] : splitWords(data.get('scopes')) } : {};
    if (type === 'IDENTITY_ASSERTION_MCP_SERVER') {
      const server = ready.find((row) => row.id === data.get('server'));
      const through = choices.find((row) => row.id === data.get('through'));
      return { connectionType: type, resource: { orn: server.orn }, authorizationServer: through.orn ? { orn: through.orn } : { id: through.id }, ...xaa };
    }
    if (type === 'STS_ACCESS_TOKEN') return { connectionType: type, resource: { orn: choices.find((row) => row.id === data.get('settings')).orn } };
    return { connectionType: type, ...bodyOf(choices[Number(data.get('other'))]), ...xaa };
  }

  return ask({
    title: 'Add a connection',
    content: [choice('Kind', 'type', kPlain, type, (value) => {
      type = value;
      show().catch(failed);
    }), place],
    action: 'Connect',
    act: (data) => change('POST', path(kAgents, agent, 'connections'), { body: body(data) }),
  });
}

export const scopesOf = (connection) => (connection.scopeCondition === 'INCLUDE_ONLY' ? `only ${connection.scopes?.join(', ')}` : connection.scopeCondition === 'EXCLUDE' ? `all but ${connection.scopes?.join(', ')}` : connection.scopeCondition === 'ALL_SCOPES' ? 'all' : '–');

