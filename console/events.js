// The event log (Okta's System Log), and for tokens where each came from and what came of it.
import { h } from './dom.js';
import { kLogs, page } from './api.js';
import { badge, empty, facts, field, input, link, pages, section, select, table, when } from './widgets.js';

const kKinds = [
  ['', 'Any'],
  ['resource_servers.mcp_server', 'MCP servers'],
  ['resource_servers.mcp_server.auth_server', 'Their authorization servers'],
  ['resource_servers.client_authentication_settings', 'Client registrations'],
  ['workload_principal', 'Agents'],
  ['workload_principal.resource_connection', 'Connections'],
  ['workload_principal.delegation_link', 'Delegation links'],
  ['app.oauth2', 'Tokens'],
  ['user.', 'People'],
];
const kWindows = [['1', 'Last hour'], ['24', 'Last day'], ['168', 'Last week'], ['720', 'Last 30 days']];
const kMaxDepth = 10;

const debug = (event) => event.debugContext?.debugData ?? {};
const nameOfActor = (actor) => actor?.displayName || actor?.alternateId || actor?.id || '–';

/** The token that an event gave out: the last of its targets. */
function issued(event) {
  if (!event.eventType?.includes('.token.grant') || event.outcome?.result !== 'SUCCESS') return null;
  return event.target?.at(-1) ?? null;
}
const usedToken = (event) => debug(event).subjectTokenId ?? '';

const quoted = (text) => JSON.stringify(text);

export function filterOf({ kind, outcome, about, transaction }) {
  return [
    kind && `eventType sw ${quoted(kind)}`,
    outcome && `outcome.result eq ${quoted(outcome)}`,
    about && `(target.id eq ${quoted(about)} or actor.id eq ${quoted(about)})`,
    transaction && `transaction.id eq ${quoted(transaction)}`,
  ].filter(Boolean).join(' and ');
}

function targetLink(target) {
  const text = target.displayName || target.alternateId || target.id;
  if (target.id?.startsWith('ems')) return link(text, `#/servers/${encodeURIComponent(target.id)}`);
  if (target.id?.startsWith('wlp')) return link(text, `#/agents/${encodeURIComponent(target.id)}`);
  if (target.id?.startsWith('aus')) return link(text, `#/authorization-servers/${encodeURIComponent(target.id)}`);
  return text;
}

function targets(event) {
  return h('ul', { class: 'plain-list' }, (event.target ?? []).map((target) => h('li', { class: 'break' }, targetLink(target), h('span', { class: 'quiet' }, ` ${target.type ?? ''}`))));
}

function details(event) {
  const token = issued(event);
  return h('details', {}, h('summary', {}, 'Details'),
    facts([['Event', h('code', { class: 'break' }, event.uuid)], ['Transaction', event.transaction?.id && link(event.transaction.id, `#/events?transaction=${encodeURIComponent(event.transaction.id)}&hours=720`, { class: 'break' })], ['Reason', event.outcome?.reason]]),
    h('pre', { tabindex: '0', 'aria-label': 'Further data of the event' }, JSON.stringify({ target: event.target, debugData: debug(event) }, null, 2)),
    token && h('p', {}, link('Where the token came from', `#/events/lineage/${encodeURIComponent(token.id)}`)));
}

function eventTable(caption, rows) {
  return table(caption, [
    { name: 'Time', cell: (row) => when(row.published) },
    { name: 'Event', cell: (row) => [h('div', { class: 'strong' }, row.displayMessage || row.eventType), h('div', { class: 'quiet break' }, row.eventType)] },
    { name: 'Actor', cell: (row) => [h('span', { class: 'break' }, nameOfActor(row.actor)), h('div', { class: 'quiet' }, row.actor?.type)] },
    { name: 'About', cell: targets },
    { name: 'Outcome', cell: (row) => [badge(row.outcome?.result), row.outcome?.reason && h('div', { class: 'why break' }, row.outcome.reason)] },
    { name: 'More', cell: details },
  ], rows);
}

export async function eventsView({ query, signal, title }) {
  title('Event log');
  const wanted = Object.fromEntries(['kind', 'outcome', 'about', 'transaction'].map((name) => [name, (query.get(name) ?? '').trim()]));
  const hours = kWindows.some(([value]) => value === query.get('hours')) ? query.get('hours') : '24';
  const until = new Date();
  const since = new Date(until.getTime() - Number(hours) * 3_600_000);
  const filtered = Object.values(wanted).some(Boolean);
  const list = pages((after) => page(kLogs, { limit: 50, sortOrder: 'DESCENDING', since: since.toISOString(), filter: filterOf(wanted), after }, signal),
    (rows, number) => (rows.length > 0 ? eventTable('Events', rows)
      : number > 1 ? empty('Nothing more', 'There are no older events in this time.')
        : empty('No events', filtered ? 'None fits. Widen the time or the filters.' : 'Nothing happened in this time.')), { name: 'events' });
  const search = h('form', { role: 'search', 'aria-label': 'Events', class: 'search', on: {
    submit: (event) => {
      event.preventDefault();
      const given = new URLSearchParams([...new FormData(search)].filter(([, value]) => value !== ''));
      const address = `#/events?${given}`;
      // The same filters again mean: look again.
      if (address === location.hash) window.dispatchEvent(new HashChangeEvent('hashchange'));
      else location.hash = address;
    },
  } },
  field('Kind', select('kind', kKinds, wanted.kind)),
  field('Outcome', select('outcome', [['', 'Any'], ['SUCCESS', 'Success'], ['FAILURE', 'Failure']], wanted.outcome)),
  field('About', input('about', { type: 'search', value: wanted.about, placeholder: 'ems…, wlp…, 00u…' })),
  field('Transaction', input('transaction', { type: 'search', value: wanted.transaction })),
  field('Time', select('hours', kWindows, hours)),
  h('p', { class: 'actions' }, h('button', { type: 'submit', class: 'button' }, 'Search')));
  await list.open();
  return [h('h1', {}, 'Event log'), search, list.node];
}

const one = async (filter, signal, since) => (await page(kLogs, { limit: 20, sortOrder: 'DESCENDING', since, filter }, signal)).rows;

/** Events from the oldest token to the one asked for, then what was made of it. */
async function lineage(id, signal) {
  const since = new Date(Date.now() - 30 * 24 * 3_600_000).toISOString();
  const before = [];
  const seen = new Set();
  let token = id;
  while (token && !seen.has(token) && before.length < kMaxDepth) {
    seen.add(token);
    const event = (await one(`target.id eq ${quoted(token)} and eventType sw "app.oauth2"`, signal, since)).find((found) => issued(found)?.id === token);
    if (!event) break;
    before.unshift({ token, event });
    token = usedToken(event);
  }
  const origin = before.length > 0 ? usedToken(before[0].event) : '';
  const after = [];
  let next = [id];
  while (next.length > 0 && after.length < 50) {
    const found = (await Promise.all(next.slice(0, 10).map((used) => one(`debugContext.debugData.subjectTokenId eq ${quoted(used)}`, signal, since)))).flat();
    next = [];
    for (const event of found) {
      const made = issued(event)?.id;
      if (after.some((known) => known.event.uuid === event.uuid)) continue;
      after.push({ token: made ?? '', event });
      if (made && !seen.has(made)) {
        seen.add(made);
        next.push(made);
      }
    }
  }
  return { origin, before, after };
}

const kTokenNames = [[/id_jag/, 'ID-JAG'], [/oauth_sts/, 'STS token'], [/vaulted_secret/, 'Vaulted secret'], [/service_account/, 'Service account'], [/id_token/, 'ID token'], [/access_token|jwt_bearer|token\.grant/, 'Access token']];
const nameOfToken = (event) => kTokenNames.find(([pattern]) => pattern.test(event.eventType))?.[1] ?? 'Token';

function step(entry, chosen) {
  const { event, token } = entry;
  return h('li', { class: token === chosen ? 'step chosen' : 'step', 'aria-current': token === chosen ? 'true' : undefined },
    h('div', { class: 'strong' }, nameOfToken(event), ' ', badge(event.outcome?.result)),
    h('code', { class: 'break' }, token || 'no token was given out'),
    facts([['When', when(event.published)], ['For', nameOfActor(event.actor)], ['At', event.target?.find((target) => /server|resource/i.test(target.type ?? '')) && targetLink(event.target.find((target) => /server|resource/i.test(target.type ?? '')))], ['Scope', debug(event).grantedScopes ?? debug(event).scope], ['Audience', debug(event).audience]]),
    details(event));
}

export async function lineageView({ params, signal, title }) {
  title('Where a token came from');
  const { origin, before, after } = await lineage(params.id, signal);
  return [
    h('p', { class: 'crumbs' }, link('Event log', '#/events')),
    h('h1', {}, 'Where a token came from'),
    h('p', { class: 'lead break' }, 'Token ', h('code', {}, params.id)),
    section('Up to this token', 'before', before.length === 0 ? empty('Nothing is known of it', 'No event of the last 30 days gave out this token.')
      : h('ol', { class: 'lineage' }, origin && h('li', { class: 'step' }, h('div', { class: 'strong' }, 'The token it began with'), h('code', { class: 'break' }, origin), h('p', { class: 'quiet' }, 'A person’s sign-in; it was not an exchange that gave it out.')), before.map((entry) => step(entry, params.id)))),
    section('What was made of it', 'after', after.length === 0 ? empty('Nothing yet', 'It was not exchanged or redeemed.') : h('ol', { class: 'lineage' }, after.map((entry) => step(entry, params.id)))),
  ];
}
