// The list of MCP servers: what state each is in, why, and whether agents can be connected to it.
import { h } from './dom.js';
import { kServers, page } from './api.js';
import { badge, empty, facts, field, input, link, nameOf, pages, select, table, when, yesNo } from './widgets.js';

/** Why a server is in its state: short texts, the most important first; empty when there is nothing to say. */
export function whyOf(server) {
  if (server.status === 'PENDING') return server.missing?.length ? server.missing.map((item) => `Missing: ${item}`) : ['Not validated yet'];
  if (server.status === 'INVALID') return server.invalidReasons ?? [];
  if (server.degraded) return ['Degraded: its last check failed; it becomes invalid when that goes on'];
  if (server.status === 'ACTIVE' && server.connectable === false) return ['Active, but no tokens are issued for it'];
  if (server.status === 'INACTIVE') return [server.connectable === false ? 'Validated; cannot be activated until it is connectable' : 'Validated, ready to be activated'];
  return [];
}

export const connectableReason = (server) => server.connectableReason ?? server.reason ?? server.capabilities?.reason ?? '';

export function stateOf(server) {
  return h('span', { class: 'states' }, badge(server.status), server.degraded && badge('WARN', 'Degraded'));
}

const quoted = (text) => JSON.stringify(text);

/** The search language of the API: SCIM, on the name that was given or on the one that was found. */
export function searchFor({ name, of, status }) {
  const terms = [];
  if (name) terms.push(`${of === 'found' ? 'detectedMetadata.resourceName' : 'metadata.displayName'} co ${quoted(name)}`);
  if (status) terms.push(`status eq ${quoted(status)}`);
  return terms.join(' and ');
}

function showServers(rows, number, wanted) {
  if (rows.length === 0) {
    if (wanted.name || wanted.status) return empty('No server fits', 'Change the name or the state that you look for.', link('Show all', '#/servers'));
    if (number > 1) return empty('Nothing more', 'The servers that stood here are gone.');
    return empty('No MCP servers yet', 'Register the first: give its address, and the registry finds out the rest.', link('Register a server', '#/servers/new', { kind: 'primary' }));
  }
  return table('MCP servers', [
    { name: 'Server', cell: (row) => [link(nameOf(row), `#/servers/${encodeURIComponent(row.id)}`, { class: 'strong' }), h('div', { class: 'quiet break' }, row.resourceUrl)] },
    { name: 'Status', cell: (row) => [stateOf(row), whyOf(row).slice(0, 2).map((text) => h('div', { class: 'why' }, text)), whyOf(row).length > 2 && h('div', { class: 'quiet' }, `and ${whyOf(row).length - 2} more`)] },
    { name: 'Connectable', cell: (row) => [yesNo(row.connectable), connectableReason(row) && h('div', { class: 'why quiet' }, connectableReason(row))] },
    { name: 'Authorization servers', cell: (row) => String(row.authorizationServerCount ?? '–') },
    { name: 'Updated', cell: (row) => when(row.lastUpdated) },
  ], rows);
}

export async function serversView({ query, signal, title }) {
  title('MCP servers');
  const wanted = { name: (query.get('name') ?? '').trim(), of: query.get('of') ?? '', status: query.get('status') ?? '' };
  const list = pages((after) => page(kServers, { limit: 20, search: searchFor(wanted), after }, signal), (rows, number) => showServers(rows, number, wanted), { name: 'servers' });
  const search = h('form', { role: 'search', 'aria-label': 'MCP servers', class: 'search', on: {
    submit: (event) => {
      event.preventDefault();
      const found = new URLSearchParams([...new FormData(search)].filter(([, value]) => value !== ''));
      location.hash = found.size > 0 ? `#/servers?${found}` : '#/servers';
    },
  } },
  field('Name contains', input('name', { type: 'search', value: wanted.name })),
  field('Which name', select('of', [['', 'As given here'], ['found', 'As found in its metadata']], wanted.of)),
  field('Status', select('status', [['', 'Any'], ['PENDING', 'Pending'], ['INACTIVE', 'Inactive'], ['ACTIVE', 'Active'], ['INVALID', 'Invalid']], wanted.status)),
  h('p', { class: 'actions' }, h('button', { type: 'submit', class: 'button' }, 'Search')));
  await list.open();
  return [
    h('div', { class: 'head' }, h('h1', {}, 'MCP servers'), h('p', { class: 'actions' }, link('Register a server', '#/servers/new', { kind: 'primary' }))),
    search,
    list.node,
  ];
}

export function serverFacts(server) {
  return facts([
    ['Address', h('code', { class: 'break' }, server.resourceUrl)],
    ['Name found', server.detectedMetadata?.resourceName],
    ['Description', server.metadata?.description],
    ['Scopes found', server.detectedMetadata?.scopesSupported?.join(', ')],
    ['Metadata read', server.detectedMetadata?.lastRefreshedAt && when(server.detectedMetadata.lastRefreshedAt)],
    ['Identifier', h('code', { class: 'break' }, server.id)],
    ['Resource name', server.orn && h('code', { class: 'break' }, server.orn)],
    ['Registered', server.created && when(server.created)],
    ['Updated', server.lastUpdated && when(server.lastUpdated)],
  ]);
}

