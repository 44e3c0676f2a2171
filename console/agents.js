// The list of AI agents.
import { h } from './dom.js';
import { kAgents, page } from './api.js';
import { badge, empty, link, pages, table, when } from './widgets.js';

export const agentName = (agent) => agent.profile?.name || agent.name || agent.id;

function showAgents(rows, number) {
  if (rows.length === 0) {
    return number > 1 ? empty('Nothing more', 'The agents that stood here are gone.')
      : empty('No agents yet', 'An agent has a key or a secret, owners, and connections to what it may use.', link('Create an agent', '#/agents/new', { kind: 'primary' }));
  }
  return table('Agents', [
    { name: 'Agent', cell: (row) => [link(agentName(row), `#/agents/${encodeURIComponent(row.id)}`, { class: 'strong' }), row.profile?.description && h('div', { class: 'quiet break' }, row.profile.description)] },
    { name: 'Status', cell: (row) => [badge(row.status), row.missing?.map((text) => h('div', { class: 'why' }, `Missing: ${text}`))] },
    { name: 'Client', cell: (row) => h('code', { class: 'break' }, row.oauthClient?.clientId ?? row.id) },
    { name: 'Platform', cell: (row) => row.platform || '–' },
    { name: 'Updated', cell: (row) => when(row.lastUpdated) },
  ], rows);
}

export async function agentsView({ signal, title }) {
  title('Agents');
  const list = pages((after) => page(kAgents, { limit: 20, after }, signal), showAgents, { name: 'agents' });
  await list.open();
  return [h('div', { class: 'head' }, h('h1', {}, 'Agents'), h('p', { class: 'actions' }, link('Create an agent', '#/agents/new', { kind: 'primary' }))), list.node];
}
