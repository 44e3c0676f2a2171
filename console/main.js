// The shell: which view an address shows, who is signed in, where the focus goes.
import { announce, focusOn, h, replace } from './dom.js';
import * as session from './session.js';
import { button, loading, notice, problem } from './widgets.js';
import { serversView } from './servers.js';
import { serverView } from './server.js';
import { registerView, setupView } from './register.js';
import { agentsView } from './agents.js';
import { agentView } from './agent.js';
import { newAgentView } from './agent_new.js';
import { authServerView, authServersView } from './auth_servers.js';
import { graphView } from './graph.js';
import { operationsView } from './operations.js';
import { eventsView, lineageView } from './events.js';

// Address, view, and the menu's entry that it belongs to. A view is an async function of
// {params, query, signal, title(text)} and gives the nodes of the page; `signal` fires when it is left.
const kViews = [
  ['#/servers', serversView, '#/servers'],
  ['#/servers/new', registerView, '#/servers'],
  ['#/servers/{id}', serverView, '#/servers'],
  ['#/servers/{id}/setup', setupView, '#/servers'],
  ['#/authorization-servers', authServersView, '#/authorization-servers'],
  ['#/authorization-servers/{id}', authServerView, '#/authorization-servers'],
  ['#/agents', agentsView, '#/agents'],
  ['#/agents/new', newAgentView, '#/agents'],
  ['#/agents/{id}', agentView, '#/agents'],
  ['#/connections', graphView, '#/connections'],
  ['#/operations', operationsView, '#/operations'],
  ['#/events', eventsView, '#/events'],
  ['#/events/lineage/{id}', lineageView, '#/events'],
];

const main = document.getElementById('main');
const menu = document.getElementById('menu');
let leave = null;
let shown = false; // no view before this page's first one: then the focus stays where the browser puts it
let drawn = 0;

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function match(address) {
  const parts = address.split('/');
  let found = null;
  for (const [template, view, entry] of kViews) {
    const wanted = template.split('/');
    if (wanted.length !== parts.length) continue;
    const params = {};
    const fits = wanted.every((part, index) => {
      if (!part.startsWith('{')) return part === parts[index];
      params[part.slice(1, -1)] = decode(parts[index]);
      return parts[index] !== '';
    });
    // A row without parameters wins.
    if (fits && (!found || Object.keys(params).length === 0)) found = { view, entry, params };
  }
  return found;
}

function mark(entry) {
  menu.hidden = false;
  for (const anchor of menu.querySelectorAll('a')) {
    if (anchor.getAttribute('href') === entry) anchor.setAttribute('aria-current', 'page');
    else anchor.removeAttribute('aria-current');
  }
}

function title(text) {
  document.title = `${text} · Agent registry`;
}

function arrived() {
  const heading = main.querySelector('h1');
  if (shown) {
    focusOn(heading ?? main);
    window.scrollTo(0, 0);
  }
  shown = true;
  announce(document.title);
}

function signInPage(trouble) {
  title('Sign in');
  menu.hidden = true;
  const place = h('div', {});
  const go = button('Sign in', async () => {
    try {
      await session.signIn(location.hash || '#/servers');
    } catch (error) {
      replace(place, problem(error));
    }
  }, { kind: 'primary' });
  replace(main, h('div', { class: 'sheet' }, h('h1', {}, 'Sign in'),
    h('p', {}, 'The console shows and changes what this registry keeps: MCP servers, agents, and what connects them. It acts with your own rights, and stores nothing in this browser.'),
    trouble && notice('bad', h('p', {}, trouble)), place, h('p', { class: 'actions' }, go)));
  arrived();
}

async function draw(trouble = '') {
  leave?.abort();
  leave = new AbortController();
  const { signal } = leave;
  drawn += 1;
  const turn = drawn;
  if (!location.hash.startsWith('#/')) history.replaceState(null, '', '#/servers');
  const [address, query = ''] = location.hash.split('?');
  const found = match(address);
  // A slow view must not flash an empty page; a quick one needs no word about waiting.
  const waiting = setTimeout(() => replace(main, loading()), shown ? 250 : 0);
  try {
    await session.accessToken();
    if (turn !== drawn) return;
    if (!found) {
      title('Page not found');
      mark('');
      replace(main, h('h1', {}, 'Page not found'), h('p', {}, 'The console has no page at this address.'), h('p', { class: 'actions' }, h('a', { href: '#/servers' }, 'MCP servers')));
    } else {
      mark(found.entry);
      const nodes = await found.view({ params: found.params, query: new URLSearchParams(query), signal, title, again: () => draw() });
      if (turn !== drawn) return;
      clearTimeout(waiting);
      replace(main, nodes);
    }
    clearTimeout(waiting);
    arrived();
  } catch (error) {
    if (error.name === 'AbortError' || turn !== drawn) return;
    clearTimeout(waiting);
    if (error instanceof session.SignInNeeded) {
      signInPage(typeof trouble === 'string' ? trouble : '');
    } else if (error instanceof session.SignInProblem) {
      signInPage(error.message);
    } else {
      title('Something went wrong');
      replace(main, h('h1', {}, error.status === 404 ? 'Not found' : 'This page could not be shown'), problem(error, () => draw()));
      arrived();
    }
  } finally {
    clearTimeout(waiting);
  }
}

session.onChange((person) => {
  replace(document.getElementById('person'), person && [h('span', { class: 'login', title: person.login }, person.login), button('Sign out', async () => {
    leave?.abort();
    drawn += 1;
    await session.signOut();
  })]);
});

document.querySelector('.skip').addEventListener('click', (event) => {
  // The fragment is the view's address, so the jump is made by hand.
  event.preventDefault();
  focusOn(main.querySelector('h1') ?? main);
});

window.addEventListener('hashchange', () => draw());
const callback = session.readCallback();
if (callback) history.replaceState(null, '', `/console/${callback.route}`);
draw(callback?.error);
