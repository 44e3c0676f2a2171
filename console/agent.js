// One agent: its state and the kill switch, keys, secrets, owners, connections, delegation links.
import { announce, h, replace } from './dom.js';
import { all, call, change, get, kAgents, kLinks, kServers, kSettings, orNothing, path } from './api.js';
import { ask, badge, button, changer, checkbox, empty, facts, field, input, link, nameOf, notice, section, select, splitWords, table, when } from './widgets.js';
import { agentName } from './agents.js';
import { addKey } from './keys.js';
import { changeOwners, readOwners, readPeople, nameOfUser } from './owners.js';
import { addConnection, kTypeNames, scopesOf, targetOf } from './connect.js';

async function read(id, signal) {
  const base = path(kAgents, id);
  const agent = await get(base, { signal });
  const rows = async (address, options) => (await orNothing(all(address, { signal, ...options })))?.rows ?? [];
  const [keys, secrets, connections, owners, people, servers, settings, links] = await Promise.all([
    rows(`${base}/credentials/jwks`),
    rows(`${base}/credentials/secrets`),
    rows(`${base}/connections`),
    readOwners(agent, signal),
    readPeople(signal),
    rows(kServers),
    rows(kSettings),
    rows(kLinks, { query: { filter: `to.resourceOrn eq "${agent.orn ?? ''}"` } }),
  ]);
  return { agent, keys, secrets, connections, owners, people, servers, settings, links };
}

/** What its way to authenticate wants and is not there; empty: nothing. */
function lacksCredential({ agent, keys, secrets }) {
  const method = agent.oauthClient?.tokenEndpointAuthMethod ?? 'private_key_jwt';
  const has = (rows) => rows.some((row) => row.status === 'ACTIVE');
  if (agent.oauthClient?.type === 'CIMD' || agent.oauthClient?.jwksUri || method === 'none') return '';
  if (method === 'private_key_jwt') return has(keys) ? '' : 'a key';
  return has(secrets) ? '' : 'a secret';
}

function edit(agent) {
  const client = agent.oauthClient ?? {};
  return ask({
    title: 'Change this agent',
    content: [
      field('Name', input('name', { required: true, minlength: '3', maxlength: '255', value: agentName(agent) })),
      field('Description', h('textarea', { name: 'description', rows: '2', maxlength: '1000', value: agent.profile?.description ?? '' }), { optional: true }),
      field('Platform', input('platform', { maxlength: '100', value: agent.platform ?? '' }), { optional: true }),
      client.type !== 'CIMD' && field('It authenticates with', select('method', [['private_key_jwt', 'a key (private_key_jwt)'], ['client_secret_basic', 'a secret (client_secret_basic)'], ['client_secret_post', 'a secret (client_secret_post)'], ['none', 'nothing (none)']], client.tokenEndpointAuthMethod)),
      client.type !== 'CIMD' && field('Redirect addresses of its sign-on app', h('textarea', { name: 'redirects', rows: '2', class: 'mono', value: agent.signOnProvider?.redirectUris?.join('\n') ?? '' }), { optional: true, hint: 'Where people come back to after they signed in to it; one a line.' }),
      checkbox('dpop', 'Its tokens are bound to a key (DPoP)', { checked: client.dpopBoundAccessTokens === true }),
    ],
    action: 'Save',
    act: (data) => {
      const redirects = splitWords(data.get('redirects'));
      const body = {
        profile: { name: data.get('name').trim(), description: data.get('description').trim() || null },
        platform: data.get('platform').trim() || null,
        oauthClient: { dpopBoundAccessTokens: data.has('dpop') },
      };
      if (client.type !== 'CIMD') {
        body.oauthClient.tokenEndpointAuthMethod = data.get('method');
        body.signOnProvider = redirects.length > 0 ? { type: 'NEW_OIDC_APP', redirectUris: redirects } : null;
      }
      return change('PATCH', path(kAgents, agent.id), { merge: true, body });
    },
  });
}

/** The kill switch; resolves to whether it was thrown. */
export function deactivateAgent(agent) {
  return ask({
    title: `Deactivate ${agentName(agent)}?`,
    content: [h('p', {}, 'From now on it gets no new tokens, from any node of this registry. Its keys, owners and connections stay as they are; it can be activated again.'),
      checkbox('revoke', 'Revoke the tokens that it has, too', { hint: 'Introspection calls them inactive at once. Servers that do not ask go on taking them until they expire.' })],
    action: 'Deactivate now', danger: true,
    act: (data) => change('POST', path(kAgents, agent.id, 'lifecycle', 'deactivate'), { query: { revoke: data.has('revoke') ? 'true' : '' } }),
  });
}

function showSecret(secret) {
  return ask({
    title: 'The new secret',
    content: [notice('warn', h('p', {}, 'This is the only time it is shown. Copy it to where the agent finds it.')),
      h('p', {}, h('code', { class: 'break', tabindex: '0', 'aria-label': 'Secret' }, secret)),
      h('p', { class: 'actions' }, button('Copy', async (event) => {
        await navigator.clipboard.writeText(secret);
        replace(event.target, 'Copied');
        announce('Copied');
      }))],
    action: 'I have it',
    act: async () => undefined,
  });
}

export async function agentView({ params, signal, title }) {
  const id = params.id;
  const base = path(kAgents, id);
  const page = h('div', {});
  const trouble = h('div', {});
  let state = await read(id, signal);

  const act = changer({ signal, page, trouble, show, reread: async () => {
    state = await read(id, signal);
  } });

  /** Activate, deactivate and delete of something that has these verbs. */
  function verbs(address, row, name, focus, revocable) {
    const deactivate = (query) => change('POST', `${address}/lifecycle/deactivate`, { query });
    return h('div', { class: 'row-actions' },
      row.status === 'ACTIVE' && button('Deactivate', (event) => act(event.target, () => (revocable ? ask({
        title: `Deactivate ${name}?`,
        content: [h('p', {}, 'No new tokens come this way from now on.'), checkbox('revoke', 'Revoke the tokens that came this way, too')],
        action: 'Deactivate', danger: true,
        act: (data) => deactivate({ revoke: data.has('revoke') ? 'true' : '' }),
      }) : deactivate()), `${name} is inactive`, focus), { 'aria-label': `Deactivate ${name}` }),
      row.status === 'INACTIVE' && button('Activate', (event) => act(event.target, () => change('POST', `${address}/lifecycle/activate`), `${name} is active`, focus), { 'aria-label': `Activate ${name}` }),
      row.status === 'INACTIVE' && button('Delete', () => act(null, () => ask({ title: `Delete ${name}?`, content: h('p', {}, 'This cannot be undone.'), action: 'Delete', danger: true, act: () => change('DELETE', address) }), `${name} was deleted`, focus), { 'aria-label': `Delete ${name}` }));
  }

  function target(connection) {
    const to = targetOf(connection);
    const settings = to.kind === 'settings' ? state.settings.find((row) => row.id === to.id) : null;
    const serverId = to.kind === 'server' ? to.id : settings?.mcpServerId;
    const server = state.servers.find((row) => row.id === serverId);
    return [server ? link(nameOf(server), `#/servers/${encodeURIComponent(server.id)}`, { class: 'strong' }) : h('code', { class: 'break' }, to.orn || to.id),
      server && server.status !== 'ACTIVE' && h('div', { class: 'why' }, 'The server is not active: no tokens.'),
      server?.status === 'ACTIVE' && server.connectable === false && h('div', { class: 'why' }, 'The server is not connectable: no tokens.'),
      settings && h('div', { class: 'quiet' }, `by ${settings.name ?? settings.id}`)];
  }

  function show() {
    const { agent, keys, secrets, connections, owners, people, links } = state;
    const name = agentName(agent);
    title(name);
    const missing = agent.status === 'STAGED' ? [owners.length === 0 && 'an owner', lacksCredential(state)].filter(Boolean) : [];
    const ownerName = (owner) => {
      const person = people.find((one) => one.id === owner.id);
      return person ? nameOfUser(person) : (owner.profile?.name ?? owner.id);
    };
    replace(page,
      h('p', { class: 'crumbs' }, link('Agents', '#/agents')),
      h('h1', { class: 'break' }, name),
      h('p', { class: 'states' }, badge(agent.status)),
      trouble,
      missing.length > 0 && notice('warn', h('p', {}, 'Before it can be activated it needs:'), h('ul', {}, missing.map((text) => h('li', {}, text)))),
      agent.status === 'INACTIVE' && notice('plain', h('p', {}, 'It gets no tokens and cannot be connected until it is activated.')),
      h('p', { class: 'actions' },
        ['STAGED', 'INACTIVE'].includes(agent.status) && button('Activate', (event) => act(event.target, () => change('POST', `${base}/lifecycle/activate`, { signal }), `${name} is active`), { kind: 'primary' }),
        agent.status === 'ACTIVE' && button('Deactivate (kill switch)', () => act(null, () => deactivateAgent(agent), `${name} is inactive`), { kind: 'danger' }),
        button('Change', () => act(null, () => edit(agent), 'Saved')),
        link('In the graph', `#/connections?agent=${encodeURIComponent(id)}`, { kind: 'quiet' }),
        link('Its events', `#/events?about=${encodeURIComponent(id)}`, { kind: 'quiet' }),
        agent.status !== 'ACTIVE' && button('Delete', () => act(null, async () => {
          const done = await ask({ title: `Delete ${name}?`, content: h('p', {}, 'Its keys, secrets, connections and delegation links go with it.'), action: 'Delete', danger: true, act: () => change('DELETE', base) });
          if (done) location.hash = '#/agents';
          return done;
        }, 'Deleted'))),
      facts([
        ['Client ID', h('code', { class: 'break' }, agent.oauthClient?.clientId ?? agent.id)],
        ['Authenticates with', agent.oauthClient?.tokenEndpointAuthMethod],
        ['Redirect addresses', agent.signOnProvider?.redirectUris?.join(', ')],
        ['Description', agent.profile?.description],
        ['Platform', agent.platform],
        ['Its own address', agent.resourceUrl && h('code', { class: 'break' }, agent.resourceUrl)],
        ['Resource name', agent.orn && h('code', { class: 'break' }, agent.orn)],
        ['Created', when(agent.created)],
        ['Updated', agent.lastUpdated && when(agent.lastUpdated)],
      ]),
      section('Connections', 'connections',
        h('p', { class: 'actions' }, button('Add a connection', () => act(null, () => addConnection(id, signal), 'Connected', '#connections'))),
        connections.length === 0 ? empty('No connections', 'It can sign in, and gets no tokens for anything.')
          : table('Connections', [
            { name: 'To', cell: target },
            { name: 'How', cell: (row) => kTypeNames[row.connectionType] ?? row.connectionType },
            { name: 'Scopes', cell: scopesOf },
            { name: 'Resource', cell: (row) => h('code', { class: 'break' }, row.resourceIndicator ?? '–') },
            { name: 'Status', cell: (row) => badge(row.status) },
            { name: 'Actions', cell: (row) => verbs(`${base}/connections/${encodeURIComponent(row.id)}`, row, `connection ${row.id}`, '#connections', true) },
          ], connections)),
      section('Owners', 'owners',
        h('p', { class: 'actions' }, button(owners.length > 0 ? 'Change the owners' : 'Name owners', () => act(null, () => changeOwners(agent, owners, signal), 'The owners are saved', '#owners'))),
        owners.length === 0 ? empty('Nobody owns it', 'Without an owner it cannot be activated.') : h('ul', { class: 'plain-list' }, owners.map((owner) => h('li', {}, ownerName(owner))))),
      section('Keys', 'keys',
        h('p', { class: 'actions' }, button('Add a key', () => act(null, () => addKey(id), 'The key was added', '#keys'))),
        keys.length === 0 ? empty('No keys', 'With a key it authenticates by private_key_jwt.')
          : table('Keys', [
            { name: 'Key', cell: (row) => [h('code', { class: 'break' }, row.kid ?? row.id), h('div', { class: 'quiet break' }, row.id)] },
            { name: 'Kind', cell: (row) => [row.alg, row.kty, row.crv].filter(Boolean).join(' ') },
            { name: 'Status', cell: (row) => badge(row.status) },
            { name: 'Added', cell: (row) => when(row.created) },
            { name: 'Actions', cell: (row) => verbs(`${base}/credentials/jwks/${encodeURIComponent(row.id)}`, row, `key ${row.kid ?? row.id}`, '#keys') },
          ], keys)),
      section('Secrets', 'secrets',
        h('p', { class: 'actions' }, button('Make a secret', () => act(null, async () => {
          const { body } = await call('POST', `${base}/credentials/secrets`, { signal, body: {} });
          await showSecret(body.client_secret);
          return true;
        }, 'The secret was made', '#secrets'))),
        secrets.length === 0 ? empty('No secrets', 'A key is safer: its private part never leaves the agent.')
          : table('Secrets', [
            { name: 'Secret', cell: (row) => h('code', { class: 'break' }, row.id) },
            { name: 'Status', cell: (row) => badge(row.status) },
            { name: 'Made', cell: (row) => when(row.created) },
            { name: 'Actions', cell: (row) => verbs(`${base}/credentials/secrets/${encodeURIComponent(row.id)}`, row, `secret ${row.id}`, '#secrets') },
          ], secrets)),
      section('Delegation links', 'links',
        links.length === 0 ? empty('No delegation links', 'A link lets another client hand its access token to this agent.')
          : table('Delegation links', [
            { name: 'From', cell: (row) => h('code', { class: 'break' }, row.from?.clientOrn) },
            { name: 'Token', cell: (row) => (row.from?.tokenType === 'ID_TOKEN' ? 'ID token' : 'Access token') },
            { name: 'Made', cell: (row) => when(row.created) },
            { name: 'Actions', cell: (row) => button('Delete', () => act(null, () => ask({ title: 'Delete this delegation link?', content: h('p', {}, 'New exchanges stop at once; tokens that were issued live on.'), action: 'Delete', danger: true, act: () => change('DELETE', path(kLinks, row.id)) }), 'Deleted', '#links'), { 'aria-label': `Delete delegation link ${row.id}` }) },
          ], links)));
  }
  show();
  return page;
}
