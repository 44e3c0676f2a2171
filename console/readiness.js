// The readiness report: every dependency that was checked, what was found, and what cures it.
import { announce, focusOn, h, replace } from './dom.js';
import { change, get, kServers, orNothing, path } from './api.js';
import { attempt, badge, button, checkbox, empty, notice, section, table, when } from './widgets.js';

const kOrder = { FAIL: 0, WARN: 1, SKIP: 2, PASS: 3 };

export const stateOfCheck = (check) => check.result ?? 'SKIP';

/** Checks of the server itself and of each of its authorization servers, each with where it belongs. */
export function checksOf(report) {
  const own = (report?.checks ?? []).map((check) => ({ ...check, about: '' }));
  const theirs = (report?.authorizationServers ?? []).flatMap((server) => (server.checks ?? []).map((check) => ({ ...check, about: server.issuer ?? server.id })));
  return [...own, ...theirs];
}

export const failing = (report) => checksOf(report).filter((check) => stateOfCheck(check) === 'FAIL');

function counts(checks) {
  const found = { PASS: 0, WARN: 0, FAIL: 0, SKIP: 0 };
  for (const check of checks) found[stateOfCheck(check)] += 1;
  return [`${checks.length} checks`, found.FAIL && `${found.FAIL} failed`, found.WARN && `${found.WARN} with a warning`, `${found.PASS} passed`, found.SKIP && `${found.SKIP} skipped`].filter(Boolean).join(' · ');
}

function details(check) {
  const value = check.details;
  if (value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0)) return null;
  return h('details', {}, h('summary', {}, 'Details'), h('pre', {}, typeof value === 'string' ? value : JSON.stringify(value, null, 2)));
}

function checkTable(caption, checks) {
  return table(caption, [
    { name: 'Result', cell: (check) => [badge(stateOfCheck(check)), check.blocking && stateOfCheck(check) === 'FAIL' && h('div', { class: 'why' }, 'Validation fails by it')] },
    { name: 'Check', cell: (check) => [h('div', { class: 'strong' }, check.title ?? check.name ?? check.id), h('div', { class: 'quiet' }, [check.id, check.title && check.name].filter(Boolean).join(' · '))] },
    { name: 'What was found', cell: (check) => [
      h('div', { class: 'break' }, check.message ?? ''),
      check.cure && stateOfCheck(check) !== 'PASS' && h('div', { class: 'cure' }, h('strong', {}, 'Cure: '), check.cure),
      details(check),
    ] },
    { name: 'Took', cell: (check) => (check.durationMs === undefined ? '–' : `${check.durationMs} ms`) },
  ], checks, { row: (check) => ({ class: `check-${stateOfCheck(check).toLowerCase()}` }) });
}

/** The tables alone. `only`: what needs attention. */
export function reportTables(report, only) {
  const wanted = (checks) => (only ? checks.filter((check) => ['FAIL', 'WARN'].includes(stateOfCheck(check))) : checks);
  const sorted = (checks) => [...checks].sort((a, b) => kOrder[stateOfCheck(a)] - kOrder[stateOfCheck(b)]);
  const parts = [];
  const own = wanted(report.checks ?? []);
  if (own.length > 0) parts.push(h('h3', {}, 'The server itself'), checkTable('Checks of the server itself', sorted(own)));
  for (const server of report.authorizationServers ?? []) {
    const theirs = wanted(server.checks ?? []);
    if (theirs.length === 0) continue;
    parts.push(h('h3', { class: 'break' }, `Authorization server ${server.issuer ?? server.id}`), checkTable(`Checks of ${server.issuer ?? server.id}`, sorted(theirs)));
  }
  if (parts.length === 0) parts.push(empty(only ? 'Nothing needs attention' : 'No checks', only ? 'No check failed, and none warned.' : 'The report holds no checks.'));
  return parts;
}

const said = (value) => (value === undefined ? h('span', { class: 'quiet' }, 'nothing') : h('code', { class: 'break' }, typeof value === 'string' ? value : JSON.stringify(value)));

/** How its metadata differs from what it was at the check before; nothing when it never did. */
function drift(report) {
  const { at, added = [], removed = [], changed = [] } = report.drift ?? {};
  const rows = [...changed, ...added.map(({ member, value }) => ({ member, to: value })), ...removed.map(({ member, value }) => ({ member, from: value }))];
  if (rows.length === 0) return null;
  return [h('h3', {}, 'What changed in its metadata, noticed ', when(at)), table('What changed in its metadata', [
    { name: 'Member', cell: (row) => h('code', { class: 'break' }, row.member) },
    { name: 'Before', cell: (row) => said(row.from) },
    { name: 'Now', cell: (row) => said(row.to) },
  ], rows)];
}

export const readReport = (id, signal) => orNothing(get(path(kServers, id, 'readiness'), { signal }));

/** The section of a server's page. `changed` hears of a new report. */
export function readinessSection(id, report, { signal, changed }) {
  const place = h('div', {});
  const trouble = h('div', {});
  let only = false;
  const run = button('Run the checks now', () => attempt(run, trouble, async () => {
    announce('The checks are running');
    replace(run, 'Checking …');
    try {
      await change('POST', path(kServers, id, 'readiness'), { signal });
    } finally {
      replace(run, 'Run the checks now');
    }
    const fresh = await readReport(id, signal);
    announce(fresh ? `The checks are done: ${counts(checksOf(fresh))}` : 'The checks are done');
    await changed?.(fresh);
  }), { id: 'run-checks' });
  function show() {
    if (!report) {
      replace(place, empty('No report yet', 'The checks run when a server is registered, before it is activated, and from time to time.'));
      return;
    }
    const bad = failing(report).filter((check) => check.blocking).length;
    replace(place,
      notice(report.ready ? 'good' : 'bad', h('p', {}, h('strong', {}, report.ready ? 'Ready' : `Not ready: ${bad === 1 ? 'one check' : `${bad} checks`} must pass first`), ` · ${counts(checksOf(report))} · `, when(report.checkedAt))),
      h('div', { class: 'filter' }, checkbox('attention', 'Show only what needs attention', { checked: only, on: { change: (event) => {
        only = event.target.checked;
        show();
        focusOn(place.querySelector('input[name=attention]'));
      } } })),
      drift(report),
      reportTables(report, only));
  }
  show();
  return section('Readiness', 'readiness', h('p', { class: 'actions' }, run), trouble, place);
}
