// A new connection of an agent: what it may get tokens for. Connections by XAA and by STS to MCP servers are
// made here; the other types that the API has are offered as it lists them (potential connections).
import { h, replace } from './dom.js';
import { all, change, get, kAgents, kCustom, kPotential, kServers, kSettings, orNothing, path, rowsOf } from './api.js';
import { ask, choice, field, input, nameOf, notice, select, splitWords } from './widgets.js';

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

const ornOf = (row) => row.orn ?? row.resource?.orn ?? row.secret?.orn ?? row.serviceAccount?.orn ?? '';

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

  const none = (text) => replace(place, notice('warn', h('p', {}, text)));

  async function showXaa(mine) {
    if (ready.length === 0) {
      none('No MCP server is active and connectable. Register and activate one first.');
      return;
    }
    const through = h('div', {});
    const linked = async (server) => {
      const read = await all(`${kServers}/${encodeURIComponent(server)}/authorization-servers`, { signal });
      if (mine !== turn) return;
      choices = read.rows.filter((row) => row.capabilities?.xaa === true);
      replace(through, choices.length === 0
        ? notice('warn', h('p', {}, 'No authorization server of it supports XAA. Connect by STS, or link an Okta custom one to it.'))
        : field('Authorization server', select('through', choices.map((row) => [row.id, custom?.rows.find((one) => one.id === row.id)?.name ?? row.issuer]), choices[0].id)));
    };
    const list = select('server', ready.map((row) => [row.id, `${nameOf(row)} – ${row.resourceUrl}`]), ready[0].id, { on: { change: (event) => linked(event.target.value) } });
    const scopes = h('div', {});
    const showScopes = () => replace(scopes, condition === 'ALL_SCOPES' ? [] : field('Scopes', input('scopes', { required: true }), { hint: 'With spaces between.' }));
    showScopes();
    replace(place, field('MCP server', list), through,
      choice('Scopes', 'condition', [['ALL_SCOPES', 'Allow all'], ['INCLUDE_ONLY', 'Only allow some'], ['EXCLUDE', 'Allow all but some']], condition, (value) => {
        condition = value;
        showScopes();
      }), scopes);
    await linked(ready[0].id);
  }

  async function show() {
    turn += 1;
    const mine = turn;
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
    const rows = (await potential(type, signal)).filter((row) => ornOf(row));
    if (mine !== turn) return;
    choices = rows;
    if (rows.length === 0) none('There is nothing of that kind to connect to.');
    else replace(place, field(kTypeNames[type], select('other', rows.map((row) => [ornOf(row), row.name ?? row.displayName ?? ornOf(row)]), ornOf(rows[0]))));
  }
  await show();

  function body(data) {
    if (choices.length === 0) throw new Error('There is nothing to connect to; see above.');
    if (type === 'IDENTITY_ASSERTION_MCP_SERVER') {
      const server = ready.find((row) => row.id === data.get('server'));
      const through = choices.find((row) => row.id === data.get('through'));
      const scopes = condition === 'ALL_SCOPES' ? ['*'] : splitWords(data.get('scopes'));
      return { connectionType: type, resource: { orn: server.orn }, authorizationServer: through.orn ? { orn: through.orn } : { id: through.id }, scopeCondition: condition, scopes };
    }
    if (type === 'STS_ACCESS_TOKEN') {
      const chosen = choices.find((row) => row.id === data.get('settings'));
      return { connectionType: type, resource: { orn: chosen.orn } };
    }
    const chosen = choices.find((row) => ornOf(row) === data.get('other'));
    if (type === 'STS_VAULT_SECRET') return { connectionType: type, secret: { orn: ornOf(chosen) } };
    return { connectionType: type, app: { orn: chosen.app?.orn ?? ornOf(chosen).replace(/:service_accounts:.*$/, '') }, serviceAccount: { orn: ornOf(chosen) } };
  }

  return ask({
    title: 'Add a connection',
    content: [choice('Kind', 'type', kPlain, type, (value) => {
      type = value;
      show();
    }), place],
    action: 'Connect',
    act: (data) => change('POST', path(kAgents, agent, 'connections'), { body: body(data) }),
  });
}

export const scopesOf = (connection) => (connection.scopeCondition === 'INCLUDE_ONLY' ? `only ${connection.scopes?.join(', ')}` : connection.scopeCondition === 'EXCLUDE' ? `all but ${connection.scopes?.join(', ')}` : connection.scopeCondition === 'ALL_SCOPES' ? 'all' : '–');

