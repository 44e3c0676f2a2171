// Okta custom authorization servers: this registry's own, where ID-JAGs are redeemed.
import { announce, h, replace } from './dom.js';
import { all, change, get, kCustom, orNothing, page, path } from './api.js';
import { ask, badge, button, changer, checkbox, empty, facts, field, input, link, pages, section, select, splitWords, table, when, words } from './widgets.js';

function showServers(rows, number) {
  if (rows.length === 0) {
    return number > 1 ? empty('Nothing more', 'The servers that stood here are gone.')
      : empty('No authorization servers yet', 'An MCP server that is linked to one supports XAA. External ones are added on the page of their MCP server.');
  }
  return table('Authorization servers', [
    { name: 'Name', cell: (row) => [link(row.name, `#/authorization-servers/${encodeURIComponent(row.id)}`, { class: 'strong' }), row.description && h('div', { class: 'quiet break' }, row.description)] },
    { name: 'Status', cell: (row) => badge(row.status) },
    { name: 'Issuer', cell: (row) => h('code', { class: 'break' }, row.issuer) },
    { name: 'Audiences', cell: (row) => words(row.audiences) },
    { name: 'Updated', cell: (row) => when(row.lastUpdated) },
  ], rows);
}

export async function authServersView({ signal, title }) {
  title('Authorization servers');
  const list = pages((after) => page(kCustom, { limit: 20, after }, signal), showServers, { name: 'authorization servers' });
  const trouble = h('div', {});
  const create = async () => {
    let made = null;
    const done = await ask({
      title: 'Create an authorization server',
      content: [field('Name', input('name', { required: true, maxlength: '255' })),
        field('Description', h('textarea', { name: 'description', rows: '2', maxlength: '1000' }), { optional: true }),
        field('Audience', input('audience', { required: true, type: 'url', placeholder: 'https://mcp.example.com' }), { hint: 'Of tokens that are asked for without a resource. Those for an MCP server carry its address.' }),
        field('Signatures', select('alg', [['RS256', 'RS256 – what Okta’s clients expect'], ['ES256', 'ES256']], 'RS256'))],
      action: 'Create',
      act: async (data) => {
        const body = { name: data.get('name').trim(), description: data.get('description').trim() || undefined, audiences: [data.get('audience').trim()] };
        if (data.get('alg') !== 'RS256') body.credentials = { signing: { alg: data.get('alg') } };
        made = (await change('POST', kCustom, { body })).body;
      },
    });
    if (!done) return;
    announce('Created');
    if (made?.id) location.hash = `#/authorization-servers/${encodeURIComponent(made.id)}`;
    else await list.open();
  };
  await list.open();
  return [
    h('div', { class: 'head' }, h('h1', {}, 'Authorization servers'), h('p', { class: 'actions' }, button('Create one', create, { kind: 'primary' }))),
    h('p', { class: 'lead' }, 'This registry’s own (Okta custom). Agents bring them an ID-JAG and get an access token (XAA).'),
    trouble,
    list.node,
  ];
}

async function readOne(id, signal) {
  const base = path(kCustom, id);
  const rows = async (address) => (await orNothing(all(address, { signal, query: { limit: '' } })))?.rows ?? [];
  const [server, scopes, claims, policies, keys] = await Promise.all([get(base, { signal }), rows(`${base}/scopes`), rows(`${base}/claims`), rows(`${base}/policies`), rows(`${base}/credentials/keys`)]);
  const rules = await Promise.all(policies.map((policy) => rows(`${base}/policies/${encodeURIComponent(policy.id)}/rules`)));
  return { server, scopes, claims, keys, policies: policies.map((policy, index) => ({ ...policy, rules: rules[index] })) };
}

const grants = (rule) => (rule.conditions?.grantTypes?.include ?? []).map((type) => type.replace('urn:ietf:params:oauth:grant-type:', ''));

export async function authServerView({ params, signal, title }) {
  const base = path(kCustom, params.id);
  const sheet = h('div', {});
  const trouble = h('div', {});
  let state = await readOne(params.id, signal);

  const act = changer({ signal, page: sheet, trouble, show, reread: async () => {
    state = await readOne(params.id, signal);
  } });

  function show() {
    const { server, scopes, claims, policies, keys } = state;
    title(server.name);
    replace(sheet,
      h('p', { class: 'crumbs' }, link('Authorization servers', '#/authorization-servers')),
      h('h1', { class: 'break' }, server.name),
      h('p', { class: 'states' }, badge(server.status)),
      trouble,
      h('p', { class: 'actions' },
        server.status === 'ACTIVE' && button('Deactivate', () => act(null, () => ask({ title: `Deactivate ${server.name}?`, content: h('p', {}, 'It gives out no tokens until it is activated again. MCP servers that rely on it alone are not connectable meanwhile.'), action: 'Deactivate', danger: true, act: () => change('POST', `${base}/lifecycle/deactivate`) }), 'Deactivated'), { kind: 'danger' }),
        server.status === 'INACTIVE' && button('Activate', (event) => act(event.target, () => change('POST', `${base}/lifecycle/activate`), 'Activated'), { kind: 'primary' }),
        server.status === 'INACTIVE' && button('Delete', () => act(null, async () => {
          const done = await ask({ title: `Delete ${server.name}?`, content: h('p', {}, 'Its scopes, policies and keys go with it.'), action: 'Delete', danger: true, act: () => change('DELETE', base) });
          if (done) location.hash = '#/authorization-servers';
          return done;
        }, 'Deleted'))),
      facts([
        ['Issuer', h('code', { class: 'break' }, server.issuer)],
        ['Description', server.description],
        ['Audiences', words(server.audiences)],
        ['Identifier', h('code', {}, server.id)],
        ['Created', when(server.created)],
        ['Updated', when(server.lastUpdated)],
      ]),
      section('Scopes', 'scopes',
        h('p', { class: 'actions' }, button('Add a scope', () => act(null, () => ask({
          title: 'Add a scope',
          content: [field('Name', input('name', { required: true })), field('Description', input('description'), { optional: true }), checkbox('default', 'Given where a request names no scope'), checkbox('publish', 'Show it in the metadata', { checked: true })],
          action: 'Add',
          act: (data) => {
            const names = splitWords(data.get('name'));
            if (names.length !== 1) throw new Error('One scope, without spaces.');
            return change('POST', `${base}/scopes`, { body: { name: names[0], description: data.get('description').trim() || undefined, default: data.has('default'), metadataPublish: data.has('publish') ? 'ALL_CLIENTS' : 'NO_CLIENTS' } });
          },
        }), 'The scope was added', '#scopes'))),
        scopes.length === 0 ? empty('No scopes', 'Tokens for MCP servers need at least one.')
          : table('Scopes', [
            { name: 'Scope', cell: (row) => h('code', { class: 'break' }, row.name) },
            { name: 'Description', cell: (row) => row.description || '–' },
            { name: 'Kind', cell: (row) => words([row.default && 'default', row.metadataPublish === 'ALL_CLIENTS' && 'published', row.system && 'system'].filter(Boolean)) },
            { name: 'Actions', cell: (row) => !row.system && button('Delete', () => act(null, () => ask({ title: `Delete the scope ${row.name}?`, content: h('p', {}, 'Requests that name it are refused from then on.'), action: 'Delete', danger: true, act: () => change('DELETE', `${base}/scopes/${encodeURIComponent(row.id)}`) }), 'Deleted', '#scopes'), { 'aria-label': `Delete the scope ${row.name}` }) },
          ], scopes)),
      section('Access policies', 'policies', policies.length === 0 ? empty('No policies', 'Without a rule that allows JWT bearer no agent gets a token here.')
        : policies.map((policy) => h('div', { class: 'card' }, h('h3', {}, policy.name, ' ', badge(policy.status)),
          h('p', { class: 'quiet' }, `Priority ${policy.priority ?? '–'}, for ${(policy.conditions?.clients?.include ?? []).join(', ') || 'no clients'}`),
          policy.rules.length === 0 ? h('p', {}, 'No rules.') : table(`Rules of ${policy.name}`, [
            { name: 'Rule', cell: (row) => row.name },
            { name: 'Status', cell: (row) => badge(row.status) },
            { name: 'Grants', cell: (row) => words(grants(row)) },
            { name: 'Scopes', cell: (row) => words(row.conditions?.scopes?.include) },
            { name: 'Tokens last', cell: (row) => (row.actions?.token?.accessTokenLifetimeMinutes ? `${row.actions.token.accessTokenLifetimeMinutes} min` : '–') },
          ], policy.rules)))),
      section('Claims', 'claims', claims.length === 0 ? empty('No claims of its own', 'Tokens carry the standard ones.') : table('Claims', [
        { name: 'Claim', cell: (row) => h('code', {}, row.name) },
        { name: 'Value', cell: (row) => h('code', { class: 'break' }, row.value ?? '') },
        { name: 'Status', cell: (row) => badge(row.status) },
      ], claims)),
      section('Keys', 'keys', keys.length === 0 ? empty('No keys shown', 'They stand at its keys endpoint.') : table('Keys', [
        { name: 'Key', cell: (row) => h('code', { class: 'break' }, row.kid) },
        { name: 'Kind', cell: (row) => [row.alg, row.kty].filter(Boolean).join(' ') },
        { name: 'Status', cell: (row) => badge(row.status) },
      ], keys)));
  }
  show();
  return sheet;
}
