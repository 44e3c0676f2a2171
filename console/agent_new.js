// A new agent: what it is, its key, its owners, and then ACTIVE if everything went in.
import { h, replace } from './dom.js';
import { call, change, follow, kAgents, path } from './api.js';
import { choice, field, form, input, link, notice } from './widgets.js';
import { kindChoice, kKeyPromise, makeKey, readPublicJwk, saveKey } from './keys.js';
import { peopleChoice, readPeople, setOwners } from './owners.js';

export async function newAgentView({ signal, title }) {
  title('Create an agent');
  const people = await readPeople(signal);
  const place = h('div', {});
  const progress = h('p', { class: 'loading', role: 'status' });
  progress.hidden = true;
  let credential = 'new';
  // What was done already, so that a second try does not do it again.
  let agent = null;
  let key = null;
  let keyAdded = false;

  function show() {
    if (credential === 'new') replace(place, kindChoice(), notice('plain', h('p', {}, kKeyPromise)));
    else if (credential === 'own') replace(place, field('Public JWK', h('textarea', { name: 'jwk', rows: '6', spellcheck: 'false', class: 'mono', required: true })));
    else if (credential === 'cimd') replace(place, field('Address of its client metadata', input('cimd', { type: 'url', required: true, placeholder: 'https://agent.example.com/client.json' }), { hint: 'A client ID metadata document: the address is the client’s id, and its keys are read from there.' }));
    else replace(place, notice('plain', h('p', {}, 'Add a key or a secret later on the agent’s page; it can be activated then.')));
  }
  show();

  function say(text) {
    progress.hidden = !text;
    replace(progress, text);
  }

  async function submit(values, data) {
    try {
      const owners = data.getAll('owner');
      if (owners.length > 5) throw new Error('Choose at most five owners.');
      const own = credential === 'own' ? readPublicJwk(values.jwk) : null;
      if (!agent) {
        say('Creating the agent …');
        const answer = await call('POST', kAgents, { signal, body: {
          profile: { name: values.name.trim(), description: values.description.trim() || undefined },
          platform: values.platform.trim() || undefined,
          oauthClient: credential === 'cimd' ? { type: 'CIMD', clientId: values.cimd.trim() } : undefined,
        } });
        const id = answer.body?.id ?? (await follow(answer.location, { signal })).resource.id;
        agent = (await call('GET', path(kAgents, id), { signal })).body;
      }
      if (['new', 'own'].includes(credential) && !keyAdded) {
        say('Adding its key …');
        key ??= own ? { publicJwk: own } : await makeKey(values.alg);
        await call('POST', path(kAgents, agent.id, 'credentials', 'jwks'), { signal, body: key.publicJwk });
        keyAdded = true;
        if (key.privateJwk) saveKey(agent.id, key.privateJwk);
      }
      if (owners.length > 0) {
        say('Naming its owners …');
        await setOwners(agent, owners);
      }
      if (owners.length > 0 && credential !== 'later') {
        say('Activating it …');
        await change('POST', path(kAgents, agent.id, 'lifecycle', 'activate'), { signal });
      }
      location.hash = `#/agents/${encodeURIComponent(agent.id)}`;
    } finally {
      say('');
    }
  }

  return [
    h('p', { class: 'crumbs' }, link('Agents', '#/agents')),
    h('h1', {}, 'Create an agent'),
    form([
      h('h2', {}, 'What it is'),
      field('Name', input('name', { required: true, minlength: '3', maxlength: '255' }), { hint: 'At least three characters; no other agent has it.' }),
      field('Description', h('textarea', { name: 'description', rows: '2', maxlength: '1000' }), { optional: true }),
      field('Platform', input('platform', { maxlength: '100', placeholder: 'AWS_BEDROCK_AGENTCORE' }), { optional: true, hint: 'Where it runs, for people to read.' }),
      h('h2', {}, 'How it proves who it is'),
      choice('Credential', 'credential', [
        ['new', 'A new key, made in this browser'],
        ['own', 'A key that I have: paste its public part'],
        ['cimd', 'Keys at an address of its own (CIMD)'],
        ['later', 'Later'],
      ], 'new', (value) => {
        credential = value;
        show();
      }),
      place,
      h('h2', {}, 'Who answers for it'),
      h('p', { class: 'hint' }, 'Without an owner it cannot be activated. One to five people.'),
      peopleChoice(people),
      progress,
    ], { action: 'Create the agent', name: 'Create an agent', submit, cancel: () => {
      location.hash = '#/agents';
    } }),
  ];
}
