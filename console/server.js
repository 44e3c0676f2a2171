// One MCP server: its state and what may be done about it, its readiness, authorization servers, client
// registrations and tools.
import { focusOn, h, replace } from './dom.js';
import { all, call, change, get, kServers, kSettings, orNothing, path } from './api.js';
import { ask, badge, button, changer, checkbox, code, empty, facts, field, input, link, nameOf, notice, section, table, when, words, yesNo } from './widgets.js';
import { connectableReason, serverFacts, stateOf, whyOf } from './servers.js';
import { readinessSection, readReport } from './readiness.js';
import { addAuthServer, addRegistration, editAuthServer } from './mend.js';

/** All that a page about a server shows. */
export async function readServer(id, signal) {
  const [server, servers, settings, report] = await Promise.all([
    get(path(kServers, id), { signal }),
    all(path(kServers, id, 'authorization-servers'), { signal }),
    orNothing(all(kSettings, { signal, query: { mcpServerId: id } })),
    readReport(id, signal),
  ]);
  return { server, authServers: servers.rows, settings: settings?.rows ?? [], report };
}

export function abilities(row) {
  const able = row.capabilities ?? {};
  const line = (name, value, why) => h('div', { class: 'why' }, yesNo(value, name, `no ${name}`), !value && why && h('div', { class: 'quiet' }, why));
  return [line('XAA', able.xaa === true, able.xaaReason), line('STS', able.sts === true, able.stsReason)];
}

/** `act`: changes are offered. */
export function authServerTable(id, rows, { act } = {}) {
  if (rows.length === 0) return empty('No authorization servers', 'None was found in its metadata. Add one by hand.');
  const base = (row) => path(kServers, id, 'authorization-servers', row.id);
  const columns = [
    { name: 'Issuer', cell: (row) => [h('div', { class: 'strong break' }, row.issuer ?? row.id), h('div', { class: 'quiet break' }, `${row.type === 'OKTA' ? 'Okta custom' : 'External'} · ${row.origin === 'MANUAL' ? 'added by hand' : 'found in metadata'} · ${row.id}`)] },
    { name: 'Status', cell: (row) => [badge(row.status), row.missing?.map((text) => h('div', { class: 'why' }, `Missing: ${text}`))] },
    { name: 'Connectivity', cell: (row) => [badge(row.connectivity), row.connectivityReason && h('div', { class: 'why' }, row.connectivityReason)] },
    { name: 'Supports', cell: abilities },
    { name: 'Endpoints', cell: (row) => (row.type === 'OKTA' || !(row.authorizationEndpoint || row.tokenEndpoint) ? '–' : facts([
      ['Authorization', row.authorizationEndpoint && h('span', { class: 'break' }, row.authorizationEndpoint)],
      ['Token', row.tokenEndpoint && h('span', { class: 'break' }, row.tokenEndpoint)],
      ['Grants', row.grantTypes?.join(', ')],
    ])) },
  ];
  if (act) {
    columns.push({ name: 'Actions', cell: (row) => h('div', { class: 'row-actions' },
      row.status === 'INACTIVE' && button('Activate', (event) => act(event.target, () => change('POST', `${base(row)}/lifecycle/activate`), `${row.issuer} is active`), { 'aria-label': `Activate ${row.issuer}` }),
      row.status === 'ACTIVE' && button('Deactivate', (event) => act(event.target, () => change('POST', `${base(row)}/lifecycle/deactivate`), `${row.issuer} is inactive`), { 'aria-label': `Deactivate ${row.issuer}` }),
      row.type === 'EXTERNAL' && button('Change', () => act(null, () => editAuthServer(id, row), 'Changed'), { 'aria-label': `Change ${row.issuer}` }),
      row._links?.delete && button('Remove', () => act(null, () => ask({
        title: 'Remove this authorization server?',
        content: [h('p', { class: 'break' }, row.issuer ?? row.id), h('p', {}, 'Its client registrations and what people consented to go with it.')],
        action: 'Remove', danger: true,
        act: () => change('DELETE', base(row)),
      }), 'Removed'), { 'aria-label': `Remove ${row.issuer}` })) });
  }
  return table('Authorization servers', columns, rows);
}

function settingsTable(rows, authServers, act) {
  if (rows.length === 0) return empty('No client registrations', 'STS needs one: how this registry is a client of the external authorization server.');
  const issuer = (row) => row.issuer ?? authServers.find((one) => one.id === row.authorizationServerId)?.issuer ?? '';
  return table('Client registrations', [
    { name: 'Name', cell: (row) => [h('div', { class: 'strong' }, row.name ?? row.id), h('div', { class: 'quiet break' }, row.id)] },
    { name: 'At', cell: (row) => h('span', { class: 'break' }, issuer(row)) },
    { name: 'Client', cell: (row) => [h('code', { class: 'break' }, row.clientId ?? '–'), h('div', { class: 'quiet' }, row.registrationType === 'DYNAMIC' ? 'registered by the registry' : 'entered by hand')] },
    { name: 'Scopes', cell: (row) => words(row.scopes) },
    { name: 'Status', cell: (row) => badge(row.status) },
    { name: 'Actions', cell: (row) => button('Remove', () => act(null, () => ask({
      title: 'Remove this client registration?',
      content: h('p', {}, `${row.name ?? row.id}: without a registration there is no STS with this authorization server. What people consented to under it is forgotten.`),
      action: 'Remove', danger: true,
      act: () => change('DELETE', path(kSettings, row.id)),
    }), 'Removed'), { 'aria-label': `Remove ${row.name ?? row.id}` }) },
  ], rows);
}

function toolsSection(id, signal) {
  const place = h('div', {}, h('p', { class: 'loading' }, 'Loading …'));
  (async () => {
    try {
      const read = await orNothing(all(path(kServers, id, 'tools'), { signal }));
      const rows = read?.rows ?? [];
      replace(place, rows.length === 0
        ? empty('No tools known', 'They are listed once the registry has called the server with a token that may see them.')
        : table('Tools', [
          { name: 'Tool', cell: (row) => [h('div', { class: 'strong break' }, row.title ?? row.name), row.title && row.title !== row.name && h('code', { class: 'quiet break' }, row.name)] },
          { name: 'What it does', cell: (row) => h('span', { class: 'break' }, row.description ?? '') },
          { name: 'Hints', cell: (row) => words([row.annotations?.readOnlyHint && 'reads only', row.annotations?.destructiveHint && 'may destroy'].filter(Boolean)) },
          { name: 'Seen', cell: (row) => when(row.lastSeen ?? row.lastUpdated ?? row.created) },
        ], rows));
    } catch (error) {
      if (error.name !== 'AbortError') replace(place, notice('bad', h('p', {}, error.message)));
    }
  })();
  return section('Tools', 'tools', place);
}

export async function deactivateServer(server) {
  return ask({
    title: `Deactivate ${nameOf(server)}?`,
    content: [h('p', {}, 'No new tokens are issued for it from now on, for any agent. Nothing else of it changes; it can be activated again.'),
      checkbox('revoke', 'Revoke the tokens that were issued, too', { hint: 'Those of this registry’s own authorization servers; elsewhere they last until they expire.' })],
    action: 'Deactivate', danger: true,
    act: (data) => change('POST', path(kServers, server.id, 'lifecycle', 'deactivate'), { query: { revoke: data.has('revoke') ? 'true' : '' } }),
  });
}

export async function serverView({ params, signal, title }) {
  const id = params.id;
  const page = h('div', {});
  const trouble = h('div', {});
  let state = await readServer(id, signal);

  const act = (control, action, done) => changer({ signal, page, trouble, show, reread: async () => {
    state = await readServer(id, signal);
  } })(control, action, () => `${done}. ${nameOf(state.server)} is ${state.server.status.toLowerCase()}.`);
  const post = (...parts) => () => change('POST', path(kServers, id, ...parts), { signal });

  function actions(server) {
    return h('p', { class: 'actions' },
      server.status === 'INACTIVE' && button('Activate', (event) => act(event.target, post('lifecycle', 'activate'), 'Activated'), { kind: 'primary' }),
      ['PENDING', 'INVALID'].includes(server.status) && link(server.status === 'PENDING' ? 'Finish the registration' : 'Mend it', `#/servers/${encodeURIComponent(id)}/setup`, { kind: 'primary' }),
      server.status === 'ACTIVE' && button('Deactivate', () => act(null, () => deactivateServer(server), 'Deactivated'), { kind: 'danger' }),
      button('Validate', (event) => act(event.target, post('lifecycle', 'validate'), 'Validated')),
      button('Read its metadata again', (event) => act(event.target, post('refresh'), 'Metadata read')),
      button('Rename', () => act(null, () => rename(server), 'Saved')),
      link('In the graph', `#/connections?server=${encodeURIComponent(id)}`, { kind: 'quiet' }),
      server.status !== 'ACTIVE' && button('Delete', () => act(null, async () => {
        const done = await ask({
          title: `Delete ${nameOf(server)}?`,
          content: h('p', {}, 'Its authorization servers, client registrations and what people consented to go with it. The same address may be registered again.'),
          action: 'Delete', danger: true,
          act: () => change('DELETE', path(kServers, id)),
        });
        if (done) location.hash = '#/servers';
        return done;
      }, 'Deleted')));
  }

  function rename(server) {
    return ask({
      title: 'Rename this server',
      content: [field('Name', input('displayName', { value: server.metadata?.displayName ?? '', maxlength: '255' }), { optional: true, hint: 'Empty: the name that it gives itself.' }),
        field('Description', h('textarea', { name: 'description', rows: '3', maxlength: '1000', value: server.metadata?.description ?? '' }), { optional: true })],
      action: 'Save',
      act: async (data) => {
        const { etag } = await call('GET', path(kServers, id), { signal });
        await change('PATCH', path(kServers, id), { merge: true, match: etag, body: { displayName: data.get('displayName').trim() || null, description: data.get('description').trim() || null } });
      },
    });
  }

  function show() {
    const { server, authServers, settings, report } = state;
    title(nameOf(server));
    const why = whyOf(server);
    replace(page,
      h('p', { class: 'crumbs' }, link('MCP servers', '#/servers')),
      h('h1', { class: 'break' }, nameOf(server)),
      h('p', { class: 'states' }, stateOf(server), yesNo(server.connectable, 'Connectable', 'Not connectable')),
      trouble,
      why.length > 0 && notice(server.status === 'INVALID' ? 'bad' : server.status === 'PENDING' || server.degraded || server.connectable === false ? 'warn' : 'plain',
        why.length === 1 ? h('p', {}, why[0]) : h('ul', {}, why.map((text) => h('li', {}, text))), connectableReason(server) && h('p', {}, connectableReason(server))),
      actions(server),
      serverFacts(server),
      readinessSection(id, report, { signal, changed: async () => {
        state = await readServer(id, signal);
        show();
        focusOn(page.querySelector('#run-checks'));
      } }),
      section('Authorization servers', 'authorization-servers',
        h('p', { class: 'actions' }, button('Add an authorization server', () => act(null, () => addAuthServer(id, signal), 'Added'))),
        authServerTable(id, authServers, { act })),
      (settings.length > 0 || authServers.some((row) => row.type === 'EXTERNAL')) && section('Client registrations', 'registrations',
        h('p', { class: 'actions' }, button('Add a client registration', () => act(null, () => addRegistration(id, authServers), 'Added'))),
        settingsTable(settings, authServers, act)),
      server.oauthClient && section('As a client of others', 'oauth-client', facts([['Client', code(server.oauthClient.clientId)], ['Status', badge(server.oauthClient.status)], ['Connections', String(server.oauthClient.connectionCount ?? 0)]])),
      toolsSection(id, signal));
  }
  show();
  return page;
}
