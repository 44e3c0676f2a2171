// Requests that take longer than their answer, as they go on.
import { announce, h, pause, replace } from './dom.js';
import { kAgentOperations, kServerOperations, orNothing, page, started } from './api.js';
import { badge, button, empty, link, problem, table, when } from './widgets.js';

const kEveryMs = 2000;
const kShown = 50;

async function read(signal) {
  const lists = await Promise.all([kServerOperations, kAgentOperations].map((address) => orNothing(page(address, { limit: kShown }, signal))));
  const byId = new Map(started.map((operation) => [operation.id, operation]));
  for (const list of lists) for (const operation of list?.rows ?? []) byId.set(operation.id, operation);
  return [...byId.values()].sort((a, b) => String(b.created).localeCompare(String(a.created))).slice(0, kShown);
}

function lasted(operation) {
  const from = Date.parse(operation.started ?? operation.created);
  const to = Date.parse(operation.completed);
  return Number.isNaN(from) || Number.isNaN(to) ? '–' : `${((to - from) / 1000).toFixed(1)} s`;
}

function resource(operation) {
  const { id, type } = operation.resource ?? {};
  if (!id) return '–';
  if (id.startsWith('ems')) return link(id, `#/servers/${encodeURIComponent(id)}`);
  if (id.startsWith('wlp')) return link(id, `#/agents/${encodeURIComponent(id)}`);
  return h('span', { class: 'break' }, `${type ?? ''} ${id}`);
}

function show(rows) {
  if (rows.length === 0) return empty('No operations', 'Registrations, validations and activations are shown here while they run, and for a day after.');
  return table('Operations', [
    { name: 'Operation', cell: (row) => [h('div', { class: 'strong' }, row.type), h('div', { class: 'quiet break' }, row.id)] },
    { name: 'Status', cell: (row) => [badge(row.status), row.errorDetails?.message && h('div', { class: 'why break' }, row.errorDetails.message)] },
    { name: 'About', cell: resource },
    { name: 'Created', cell: (row) => when(row.created) },
    { name: 'Took', cell: lasted },
  ], rows);
}

export async function operationsView({ signal, title }) {
  title('Operations');
  const place = h('div', {});
  const trouble = h('div', {});
  let live = true;
  let before = '';
  const toggle = button('Pause', () => {
    live = !live;
    replace(toggle, live ? 'Pause' : 'Go on');
    announce(live ? 'The list is live' : 'The list stands still');
  });

  function put(rows) {
    const now = JSON.stringify(rows);
    // Only what changed is drawn, so that neither the focus nor a selection gets lost.
    if (now === before) return;
    const running = rows.filter((row) => ['SCHEDULED', 'IN_PROGRESS'].includes(row.status)).length;
    if (before !== '') announce(`${running} running of ${rows.length} operations`);
    before = now;
    const focused = place.contains(document.activeElement) ? document.activeElement.getAttribute('href') : null;
    replace(place, show(rows));
    if (focused) place.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
  put(await read(signal));
  (async () => {
    while (await pause(kEveryMs, signal)) {
      if (!live || document.visibilityState !== 'visible') continue;
      try {
        put(await read(signal));
        replace(trouble);
      } catch (error) {
        if (error.name === 'AbortError') return;
        replace(trouble, problem(error));
      }
    }
  })();
  return [h('div', { class: 'head' }, h('h1', {}, 'Operations'), h('p', { class: 'actions' }, toggle)), h('p', { class: 'lead' }, 'The newest first; the list is read again every two seconds.'), trouble, place];
}
