// Registration in four steps: the address, what was found, what is missing and its cures, activation. From the
// second on the steps are a page of the server's own, so that one can leave and come back.
import { h, replace } from './dom.js';
import { all, call, change, follow, kServers, path } from './api.js';
import { button, changer, empty, facts, field, form, input, link, nameOf, notice, section, words, yesNo } from './widgets.js';
import { connectableReason, stateOf, whyOf } from './servers.js';
import { authServerTable, readServer } from './server.js';
import { checksOf, failing, reportTables, stateOfCheck } from './readiness.js';
import { addAuthServer, addRegistration, editAuthServer } from './mend.js';

const kSteps = ['Address', 'What was found', 'What is missing', 'Activation'];

function steps(current) {
  return h('ol', { class: 'steps', 'aria-label': 'Steps' }, kSteps.map((name, index) => h('li', { class: index < current ? 'done' : index === current ? 'now' : 'later', 'aria-current': index === current ? 'step' : undefined },
    h('span', { class: 'number', 'aria-hidden': 'true' }, index < current ? '✓' : String(index + 1)), name, index < current && h('span', { class: 'unseen' }, ' (done)'))));
}

/** A registration that failed leaves a server behind, which its operation does not name. */
async function findByAddress(resourceUrl, signal) {
  const { rows } = await all(kServers, { signal });
  return rows.find((row) => row.resourceUrl === resourceUrl);
}

export async function registerView({ signal, title }) {
  title('Register an MCP server');
  const progress = h('p', { class: 'loading', role: 'status' });
  progress.hidden = true;
  function say(text) {
    progress.hidden = false;
    replace(progress, text);
  }
  async function submit(values) {
    const resourceUrl = values.resourceUrl.trim();
    say('Registering …');
    try {
      const answer = await call('POST', kServers, { signal, body: {
        resourceUrl, displayName: values.displayName.trim() || undefined, description: values.description.trim() || undefined,
      } });
      let id = answer.body?.id;
      if (!id) {
        try {
          const operation = await follow(answer.location, { signal, onState: (state) => say(state === 'SCHEDULED' ? 'Accepted, waiting for its turn …' : 'Reading its metadata and running the checks …') });
          id = operation.resource?.id;
        } catch (error) {
          if (error.name === 'AbortError') throw error;
          // What failed is told on the next page, with the cures.
          id = (await findByAddress(resourceUrl, signal))?.id;
          if (!id) throw error;
        }
        id ??= (await findByAddress(resourceUrl, signal))?.id;
      }
      location.hash = `#/servers/${encodeURIComponent(id)}/setup`;
    } finally {
      progress.hidden = true;
    }
  }
  return [
    h('p', { class: 'crumbs' }, link('MCP servers', '#/servers')),
    h('h1', {}, 'Register an MCP server'),
    steps(0),
    form([
      field('Address', input('resourceUrl', { type: 'url', required: true, placeholder: 'https://mcp.example.com/mcp' }), { hint: 'Where MCP clients send their requests. Every character counts, also a slash at the end; it cannot be changed later.' }),
      field('Name', input('displayName', { maxlength: '255' }), { optional: true, hint: 'Empty: the name that it gives itself.' }),
      field('Description', h('textarea', { name: 'description', rows: '3', maxlength: '1000' }), { optional: true }),
      progress,
    ], { action: 'Register and look', submit, name: 'Register an MCP server', cancel: () => {
      location.hash = '#/servers';
    } }),
  ];
}

/** Which of the steps a server is at: those before it are done. */
function stepOf(server) {
  if (server.status === 'ACTIVE') return 4;
  if (server.status === 'INACTIVE' && server.connectable) return 3;
  return 2;
}

function found(state) {
  const { server, authServers, report } = state;
  const checks = checksOf(report);
  const at = (result) => checks.filter((check) => stateOfCheck(check) === result).length;
  return section('What was found', 'found',
    facts([
      ['Name', server.detectedMetadata?.resourceName ?? h('span', { class: 'quiet' }, 'It gives itself no name')],
      ['Scopes', words(server.detectedMetadata?.scopesSupported, 'none named')],
      ['Checks', report ? `${at('PASS')} passed, ${at('WARN')} with a warning, ${at('FAIL')} failed` : 'not run yet'],
      ['Connectable', [yesNo(server.connectable), connectableReason(server) && h('span', { class: 'quiet' }, ` ${connectableReason(server)}`)]],
    ]),
    authServers.length === 0
      ? notice('warn', h('p', {}, h('strong', {}, 'No authorization servers found. '), 'Its metadata names none, or could not be read.'))
      : authServerTable(server.id, authServers));
}

export async function setupView({ params, signal, title }) {
  const id = params.id;
  const page = h('div', {});
  const trouble = h('div', {});
  let state = await readServer(id, signal);

  const act = (control, action, done) => changer({ signal, page, trouble, show, reread: async () => {
    state = await readServer(id, signal);
  } })(control, action, () => `${done}. ${nameOf(state.server)} is ${state.server.status.toLowerCase()}.`, '.now-part h2');
  // Whoever added something wants to know whether that was all.
  const thenCheck = (add) => async () => {
    if (!(await add())) return false;
    await change('POST', path(kServers, id, 'lifecycle', 'validate'), { signal });
    return true;
  };

  function missing() {
    const { server, authServers, report } = state;
    const why = ['PENDING', 'INVALID'].includes(server.status) || server.connectable === false ? whyOf(server) : [];
    const bad = failing(report);
    const external = authServers.filter((row) => row.type === 'EXTERNAL');
    const bare = external.find((row) => !row.authorizationEndpoint || !row.tokenEndpoint);
    const withoutSts = external.find((row) => row.capabilities?.sts !== true);
    return h('div', { class: 'now-part' }, section('What is missing', 'missing',
      why.length > 0 && notice(server.status === 'INVALID' ? 'bad' : 'warn', h('ul', {}, why.map((text) => h('li', {}, text)))),
      connectableReason(server) && server.connectable === false && h('p', {}, connectableReason(server)),
      h('p', {}, 'Mend what the server says about itself there; what it does not say can be supplied here. Then check again.'),
      h('p', { class: 'actions' },
        button('Check again', (event) => act(event.target, () => change('POST', path(kServers, id, 'lifecycle', 'validate'), { signal }), 'Checked'), { kind: 'primary' }),
        button('Add an authorization server', () => act(null, thenCheck(() => addAuthServer(id, signal)), 'Added')),
        bare && button('Supply its endpoints', () => act(null, thenCheck(() => editAuthServer(id, bare)), 'Saved')),
        withoutSts && button('Add a client registration', () => act(null, thenCheck(() => addRegistration(id, authServers, withoutSts.id)), 'Added'))),
      report && (bad.length > 0 ? reportTables(report, true) : empty('No check failed', 'What is missing has to be supplied by you: see above.'))));
  }

  function activation() {
    const { server } = state;
    return h('div', { class: 'now-part' }, section('Activation', 'activation',
      notice('good', h('p', {}, h('strong', {}, 'Everything is there. '), 'An active server accepts connections of agents. The checks run once more before.')),
      h('p', { class: 'actions' }, button('Activate', (event) => act(event.target, () => change('POST', path(kServers, id, 'lifecycle', 'activate'), { signal }), 'Activated'), { kind: 'primary' }),
        link('Not now', `#/servers/${encodeURIComponent(server.id)}`, { kind: 'quiet' }))));
  }

  function finished() {
    return h('div', { class: 'now-part' }, section('Done', 'done',
      notice('good', h('p', {}, h('strong', {}, 'The server is active. '), state.server.connectable ? 'Agents can be connected to it.' : 'It is not connectable, so no tokens are issued for it yet.')),
      h('p', { class: 'actions' }, link('Connect an agent', '#/agents', { kind: 'primary' }), link('Its page', `#/servers/${encodeURIComponent(id)}`, { kind: 'quiet' }))));
  }

  function show() {
    const { server } = state;
    title(`Register ${nameOf(server)}`);
    const step = stepOf(server);
    replace(page,
      h('p', { class: 'crumbs' }, link('MCP servers', '#/servers'), ' › ', link(nameOf(server), `#/servers/${encodeURIComponent(id)}`)),
      h('h1', { class: 'break' }, `Register ${nameOf(server)}`),
      steps(step),
      h('p', { class: 'states' }, stateOf(server), h('code', { class: 'break' }, server.resourceUrl)),
      trouble,
      step === 2 && missing(),
      step === 3 && activation(),
      step === 4 && finished(),
      found(state));
  }
  show();
  return page;
}
