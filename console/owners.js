// People who answer for an agent, chosen among those the registry knows.
import { h, replace } from './dom.js';
import { all, change, kOwners, kUsers, orNothing, rowsOf, get } from './api.js';
import { ask, checkbox, notice } from './widgets.js';

export const nameOfUser = (user) => [user.profile?.firstName, user.profile?.lastName].filter(Boolean).join(' ') || user.profile?.displayName || user.profile?.login || user.login || user.id;
const loginOf = (user) => user.profile?.login ?? user.login ?? user.id;

export async function readPeople(signal) {
  const read = await orNothing(all(kUsers, { signal }));
  return (read?.rows ?? []).filter((user) => !['DEPROVISIONED', 'SUSPENDED'].includes(user.status));
}

/** The principals of one agent: [{id, orn, profile: {name}}]. */
export async function readOwners(agent, signal) {
  const body = await orNothing(get(kOwners, { signal, query: { filter: `parentResourceOrn eq "${agent.orn}"` } }));
  return body ? rowsOf(body).flatMap((row) => row.principals ?? []) : [];
}

/** Check boxes with people; `chosen` holds ids. */
export function peopleChoice(people, chosen = []) {
  if (people.length === 0) return notice('warn', h('p', {}, 'The registry knows nobody whom you may choose. People come to be known by signing in.'));
  const place = h('div', { class: 'people' });
  const picked = new Set(chosen);
  const filter = h('input', { type: 'search', 'aria-label': 'Find a person', placeholder: 'Find a person', autocomplete: 'off', on: { input: show } });
  function show() {
    const text = filter.value?.trim().toLowerCase() ?? '';
    const fits = people.filter((user) => picked.has(user.id) || !text || `${nameOfUser(user)} ${loginOf(user)}`.toLowerCase().includes(text)).slice(0, 50);
    replace(place, fits.length === 0 ? h('p', { class: 'quiet' }, 'Nobody fits.') : fits.map((user) => checkbox('owner', nameOfUser(user), { value: user.id, checked: picked.has(user.id), hint: loginOf(user) === nameOfUser(user) ? undefined : loginOf(user), on: { change: (event) => {
      if (event.target.checked) picked.add(user.id);
      else picked.delete(user.id);
    } } })));
  }
  show();
  return h('fieldset', { class: 'choice' }, h('legend', {}, 'Owners'), people.length > 8 && filter, place);
}

/** ORN of a person in the org that `orn` (of something else) names. */
export function ornOfUser(orn, id) {
  const [, partition, , org] = String(orn).split(':');
  return `orn:${partition}:directory:${org}:users:${id}`;
}

export const setOwners = (agent, ids) => change('PUT', kOwners, { body: { resourceOrns: [agent.orn], principalOrns: ids.map((id) => ornOfUser(agent.orn, id)) } });

export async function changeOwners(agent, owners, signal) {
  const people = await readPeople(signal);
  return ask({
    title: 'Owners',
    content: [h('p', {}, 'One to five people; two are better, so that somebody is there.'), peopleChoice(people, owners.map((owner) => owner.id))],
    action: 'Save',
    act: (data) => {
      const ids = data.getAll('owner');
      if (ids.length < 1 || ids.length > 5) throw new Error('Choose one to five people.');
      return setOwners(agent, ids);
    },
  });
}
