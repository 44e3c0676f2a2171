// Connections as a graph: agent → connection → server → authorization server; and the same as a table.
import { h, replace, s } from './dom.js';
import { all, kAgents, kCustom, kServers, kSettings, orNothing, path } from './api.js';
import { badge, empty, field, input, link, nameOf, notice, scroller, select, table } from './widgets.js';
import { agentName } from './agents.js';
import { kTypeNames, scopesOf, targetOf } from './connect.js';
import { curve, kNode, layout, reach } from './graph_layout.js';

const kMostAgents = 200;
// More than that in one picture is no picture any more; the table has them all.
const kMostDrawn = 60;
const kAtOnce = 6;
const kColumns = ['Agents', 'Connections', 'MCP servers and others', 'Authorization servers'];

/** `work` for each item, a few at a time: a browser and a registry have better things to do. */
async function inTurns(items, work) {
  const results = new Array(items.length);
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(kAtOnce, items.length) }, async () => {
    while (next < items.length) {
      const at = next;
      next += 1;
      results[at] = await work(items[at]);
    }
  }));
  return results;
}

async function read(signal) {
  const [agents, servers, settings, custom] = await Promise.all([
    all(kAgents, { signal, most: kMostAgents }),
    all(kServers, { signal }),
    orNothing(all(kSettings, { signal })),
    orNothing(all(kCustom, { signal })),
  ]);
  const connections = await inTurns(agents.rows, async (agent) => (await orNothing(all(path(kAgents, agent.id, 'connections'), { signal })))?.rows ?? []);
  const byId = (rows) => new Map((rows ?? []).map((row) => [row.id, row]));
  const state = { more: agents.more, servers: byId(servers.rows), settings: byId(settings?.rows), custom: byId(custom?.rows) };
  // Only of servers that something leads to: each costs a request.
  const rows = agents.rows.flatMap((agent, index) => connections[index].map((connection) => ({ agent, connection, ...resolve(connection, state) })));
  const wanted = [...new Set(rows.map((row) => row.server?.id).filter(Boolean))];
  const lists = await inTurns(wanted, async (id) => (await orNothing(all(path(kServers, id, 'authorization-servers'), { signal })))?.rows ?? []);
  const authServers = new Map(wanted.map((id, index) => [id, byId(lists[index])]));
  for (const row of rows) {
    const custom = state.custom.get(row.through);
    const linked = authServers.get(row.server?.id)?.get(row.through);
    row.authServer = linked && custom ? { ...linked, name: custom.name } : (linked ?? custom);
  }
  return { rows, agents: agents.rows, more: state.more };
}

function resolve(connection, state) {
  const to = targetOf(connection);
  if (to.kind === 'server') return { server: state.servers.get(to.id), target: to.id, through: to.through };
  if (to.kind === 'settings') {
    const settings = state.settings.get(to.id);
    const id = settings?.mcpServerId;
    return { server: state.servers.get(id), target: id ?? to.id, through: settings?.authorizationServerId, settings };
  }
  if (to.kind === 'custom') return { target: '', through: to.id };
  return { target: to.id, through: '' };
}

/** Why no token comes this way; empty when one does. */
export function broken({ agent, connection, server }) {
  if (agent.status !== 'ACTIVE') return `the agent is ${agent.status.toLowerCase()}`;
  if (connection.status !== 'ACTIVE') return `the connection is ${connection.status.toLowerCase()}`;
  if (server && server.status !== 'ACTIVE') return `the server is ${server.status.toLowerCase()}`;
  if (server && server.connectable === false) return 'the server is not connectable';
  return '';
}

function picture(rows) {
  const columns = [new Map(), new Map(), new Map(), new Map()];
  const edges = new Map();
  const tie = (from, to, bad) => {
    const key = `${from} ${to}`;
    edges.set(key, { from, to, bad: bad && (edges.get(key)?.bad ?? true) });
  };
  for (const row of rows) {
    const bad = broken(row) !== '';
    const a = `a:${row.agent.id}`;
    const c = `c:${row.connection.id}`;
    columns[0].set(a, { id: a, name: agentName(row.agent), note: row.agent.status, status: row.agent.status, href: `#/agents/${encodeURIComponent(row.agent.id)}` });
    columns[1].set(c, { id: c, name: kTypeNames[row.connection.connectionType] ?? row.connection.connectionType, note: `${row.connection.status} · ${scopesOf(row.connection)}`, status: row.connection.status, href: `#/agents/${encodeURIComponent(row.agent.id)}` });
    tie(a, c, bad);
    let last = c;
    if (row.target) {
      const t = `t:${row.target}`;
      columns[2].set(t, row.server
        ? { id: t, name: nameOf(row.server), note: row.server.status + (row.server.connectable === false ? ' · not connectable' : ''), status: row.server.status, href: `#/servers/${encodeURIComponent(row.server.id)}` }
        : { id: t, name: row.target, note: '', status: 'ACTIVE' });
      tie(c, t, bad);
      last = t;
    }
    if (row.through) {
      const o = `o:${row.through}`;
      const status = row.authServer?.status ?? '';
      columns[3].set(o, { id: o, name: row.authServer?.name ?? row.authServer?.issuer ?? row.through, note: `${row.through.startsWith('aus') ? 'Okta custom' : 'external'}${status ? ` · ${status}` : ''}`, status: status || 'ACTIVE', href: row.through.startsWith('aus') ? `#/authorization-servers/${encodeURIComponent(row.through)}` : row.server && `#/servers/${encodeURIComponent(row.server.id)}` });
      tie(last, o, bad);
    }
  }
  return { columns: columns.map((column) => [...column.values()]), edges: [...edges.values()] };
}

const shorten = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);

// As in console.css: SVG text neither wraps nor ends in an ellipsis by itself.
const kFonts = { name: '600 13.5px system-ui, sans-serif', note: '11.5px system-ui, sans-serif' };
const canvas = document.createElement('canvas').getContext('2d');

/** The text as long as it fits into a node. */
function fit(text, font) {
  canvas.font = kFonts[font];
  const room = kNode.width - 32;
  if (canvas.measureText(text).width <= room) return text;
  let length = Math.min(text.length, 80);
  while (length > 1 && canvas.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
  return `${text.slice(0, length).trimEnd()}…`;
}

function draw(rows) {
  const { columns, edges } = picture(rows);
  const { at, order, width, height } = layout(columns, edges);
  const lines = edges.map((edge) => s('path', { class: edge.bad ? 'edge bad' : 'edge', d: curve(at.get(edge.from), at.get(edge.to)), 'marker-end': 'url(#arrow)' }));
  const boxes = new Map();
  function light(id) {
    const lit = id ? reach(id, edges) : null;
    root.classList.toggle('lit', Boolean(lit));
    for (const [key, box] of boxes) box.classList.toggle('on', Boolean(lit?.has(key)));
    edges.forEach((edge, index) => lines[index].classList.toggle('on', Boolean(lit?.has(edge.from) && lit.has(edge.to))));
  }
  for (const node of order.flat()) {
    const { x, y } = at.get(node.id);
    const inside = [
      s('title', {}, `${node.name}${node.note ? `, ${node.note}` : ''}`),
      s('rect', { width: kNode.width, height: kNode.height, rx: 8 }),
      s('rect', { class: 'bar', width: 5, height: kNode.height - 16, x: 8, y: 8, rx: 2 }),
      s('text', { x: 22, y: 22, class: 'name' }, fit(node.name, 'name')),
      s('text', { x: 22, y: 40, class: 'note' }, fit(node.note, 'note')),
    ];
    const props = { class: `node ${node.status.toLowerCase()}`, transform: `translate(${x} ${y})`, on: { mouseenter: () => light(node.id), mouseleave: () => light(null), focus: () => light(node.id), blur: () => light(null) } };
    boxes.set(node.id, node.href ? s('a', { ...props, href: node.href }, inside) : s('g', props, inside));
  }
  const root = s('svg', { class: 'graph', viewBox: `-2 -2 ${width + 4} ${height + 4}`, width: width + 4, height: height + 4, role: 'group', 'aria-label': 'Connections, drawn. The table below says the same.' },
    s('defs', {}, s('marker', { id: 'arrow', viewBox: '0 0 8 8', refX: 7, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: 'userSpaceOnUse', orient: 'auto' }, s('path', { d: 'M0 0 8 4 0 8z', class: 'arrow' }))),
    kColumns.map((name, index) => s('text', { class: 'column', x: index * kNode.column, y: 14 }, name)),
    lines,
    [...boxes.values()]);
  return scroller('graph-frame', 'Drawing of the connections', root);
}

function rowTable(rows) {
  return table('Connections', [
    { name: 'Agent', cell: (row) => [link(agentName(row.agent), `#/agents/${encodeURIComponent(row.agent.id)}`, { class: 'strong' }), h('div', {}, badge(row.agent.status))] },
    { name: 'Connection', cell: (row) => [kTypeNames[row.connection.connectionType] ?? row.connection.connectionType, h('div', { class: 'quiet' }, `Scopes: ${scopesOf(row.connection)}`), h('div', {}, badge(row.connection.status))] },
    { name: 'Leads to', cell: (row) => (row.server ? [link(nameOf(row.server), `#/servers/${encodeURIComponent(row.server.id)}`, { class: 'strong' }), h('div', {}, badge(row.server.status))] : h('code', { class: 'break' }, row.target || '–')) },
    { name: 'Authorization server', cell: (row) => (row.through ? [h('span', { class: 'break' }, row.authServer?.name ?? row.authServer?.issuer ?? row.through), row.authServer && h('div', {}, badge(row.authServer.status))] : '–') },
    { name: 'Tokens', cell: (row) => (broken(row) ? [badge('FAIL', 'No'), h('div', { class: 'why' }, broken(row))] : badge('PASS', 'Yes')) },
  ], rows);
}

export async function graphView({ query, signal, title }) {
  title('Connections');
  const { rows, agents, more } = await read(signal);
  const wanted = { agent: query.get('agent') ?? '', server: query.get('server') ?? '', text: query.get('text') ?? '', state: query.get('state') ?? '' };
  const servers = new Map(rows.filter((row) => row.server).map((row) => [row.server.id, row.server]));
  const fits = rows.filter((row) => {
    if (wanted.agent && row.agent.id !== wanted.agent) return false;
    if (wanted.server && row.server?.id !== wanted.server) return false;
    if (wanted.state && (broken(row) === '') !== (wanted.state === 'working')) return false;
    const text = `${agentName(row.agent)} ${row.server ? nameOf(row.server) : row.target} ${row.authServer?.issuer ?? ''} ${row.authServer?.name ?? ''}`.toLowerCase();
    return text.includes(wanted.text.toLowerCase());
  });
  const search = h('form', { role: 'search', 'aria-label': 'Connections', class: 'search', on: {
    submit: (event) => {
      event.preventDefault();
      const given = new URLSearchParams([...new FormData(search)].filter(([, value]) => value !== ''));
      location.hash = given.size > 0 ? `#/connections?${given}` : '#/connections';
    },
  } },
  field('Agent', select('agent', [['', 'Any'], ...agents.map((agent) => [agent.id, shorten(agentName(agent), 40)])], wanted.agent)),
  field('MCP server', select('server', [['', 'Any'], ...[...servers.values()].map((server) => [server.id, shorten(nameOf(server), 40)])], wanted.server)),
  field('Tokens', select('state', [['', 'Any'], ['working', 'Issued'], ['broken', 'Refused']], wanted.state)),
  field('Name contains', input('text', { type: 'search', value: wanted.text })),
  h('p', { class: 'actions' }, h('button', { type: 'submit', class: 'button' }, 'Search')));
  const body = h('div', {});
  if (rows.length === 0) {
    replace(body, empty('No connections yet', 'Connect an agent to an active MCP server on the agent’s page.', link('Agents', '#/agents', { kind: 'primary' })));
  } else if (fits.length === 0) {
    replace(body, empty('No connection fits', 'Widen the filters.', link('Show all', '#/connections')));
  } else {
    replace(body,
      fits.length > kMostDrawn ? notice('plain', h('p', {}, `${fits.length} connections: the first ${kMostDrawn} are drawn, the table has all. Choose an agent or a server to see less.`)) : null,
      draw(fits.slice(0, kMostDrawn)),
      h('ul', { class: 'legend' }, h('li', {}, h('span', { class: 'line' }), ' tokens are issued'), h('li', {}, h('span', { class: 'line bad' }), ' tokens are refused')),
      h('h2', {}, 'The same as a table'), rowTable(fits));
  }
  return [h('h1', {}, 'Connections'), more && notice('warn', h('p', {}, `There are more agents than the ${kMostAgents} that are shown.`)), search, body];
}
