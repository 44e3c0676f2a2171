// 500 generated search, filter and log expressions: what the local org answers must be what scim2-parse-filter, a
// SCIM filter parser by others, finds in the same data. What Okta refuses must be refused.
import scim from 'scim2-parse-filter';

import { check, devOrg, equal, judge } from './lib.mjs';

const kSeed = 20261121;

/** mulberry32: the same expressions in every run. */
function dice(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return { chance: (p) => next() < p, pick: (list) => list[Math.floor(next() * list.length)], below: (n) => Math.floor(next() * n) };
}

const text = (path, ...operators) => ({ path, operators, kind: 'text' });
const time = (path, ...operators) => ({ path, operators, kind: 'time' });
const other = (path, ...operators) => ({ path, operators, kind: 'other' });

const kTimes = ['gt', 'ge', 'lt', 'le'];

// What each list allows, from the parameter descriptions of listUsers, listGroups, listApplications and
// listLogEvents in Okta's OpenAPI. `case`: whether string values are compared with regard to case; where Okta does
// not say, only expressions that give the same either way are used.
const kLists = [
  {
    name: 'users search', path: '/api/v1/users', parameter: 'search', count: 200, case: 'ignored', data: 'users',
    properties: [
      text('status', 'eq', 'sw'), text('id', 'eq', 'sw'), text('type.id', 'eq'),
      time('created', ...kTimes), time('activated', 'pr', ...kTimes), time('statusChanged', ...kTimes), time('lastUpdated', 'eq', ...kTimes),
      text('profile.firstName', 'eq', 'sw', 'co'), text('profile.lastName', 'eq', 'sw', 'co'), text('profile.email', 'eq', 'sw', 'co'), text('profile.login', 'eq', 'sw', 'co'),
      text('profile.department', 'eq', 'sw', 'pr', 'gt', 'lt'), text('profile.title', 'eq', 'sw', 'pr'), text('profile.city', 'eq', 'sw', 'pr'),
      text('profile.employeeNumber', 'eq', 'sw', 'pr'), text('profile.costCenter', 'eq', 'pr'), text('profile.managerId', 'eq', 'pr'),
    ],
  },
  {
    name: 'users filter', path: '/api/v1/users', parameter: 'filter', count: 80, case: 'exact', data: 'users',
    properties: [
      text('status', 'eq'), text('id', 'eq'), time('lastUpdated', 'eq', ...kTimes), text('profile.login', 'eq'), text('profile.email', 'eq'),
      text('profile.firstName', 'eq'), text('profile.lastName', 'eq'),
    ],
  },
  {
    name: 'groups search', path: '/api/v1/groups', parameter: 'search', count: 60, case: 'either', data: 'groups',
    properties: [
      text('id', 'eq', 'sw'), text('type', 'eq', 'sw'), time('created', ...kTimes), time('lastUpdated', ...kTimes), time('lastMembershipUpdated', ...kTimes),
      text('profile.name', 'eq', 'sw', 'co'), text('profile.description', 'eq', 'sw', 'co'),
    ],
  },
  {
    name: 'groups filter', path: '/api/v1/groups', parameter: 'filter', count: 30, case: 'either', data: 'groups',
    properties: [text('id', 'eq'), text('type', 'eq'), time('lastUpdated', ...kTimes), time('lastMembershipUpdated', ...kTimes)],
  },
  {
    name: 'apps filter', path: '/api/v1/apps', parameter: 'filter', count: 30, case: 'either', data: 'apps',
    properties: [text('id', 'eq'), text('status', 'eq'), text('name', 'eq')],
  },
  {
    name: 'log filter', path: '/api/v1/logs', parameter: 'filter', count: 100, case: 'either', data: 'logs', key: 'uuid', negation: true,
    properties: [
      text('eventType', 'eq', 'ne', 'sw', 'co', 'ew'), text('outcome.result', 'eq', 'ne'), text('severity', 'eq', 'ne'), text('actor.id', 'eq', 'ne', 'pr'),
      text('actor.alternateId', 'eq', 'co', 'sw', 'ew'), text('actor.displayName', 'eq', 'sw'), text('target.id', 'eq'), text('target.type', 'eq', 'pr'),
      text('target.displayName', 'eq', 'co'), text('displayMessage', 'eq', 'co'), text('client.ipAddress', 'eq', 'sw'), time('published', ...kTimes), text('uuid', 'eq'),
    ],
  },
];

// Okta refuses these with 400 (the reason is Okta's documentation of each parameter).
const kRefusals = [
  ['users', 'search', 'lastLogin gt "2026-01-01T00:00:00.000Z"', 'lastLogin is not searchable'],
  ['users', 'search', 'passwordChanged gt "2026-01-01T00:00:00.000Z"', 'nor is passwordChanged'],
  ['users', 'search', 'status ne "ACTIVE"', 'ne is not supported'],
  ['users', 'search', 'profile.department ne "Sales"', 'ne is not supported on profiles either'],
  ['users', 'search', 'profile.department co "Sal"', 'co is for names, email and login only'],
  ['users', 'search', 'status co "ACT"', 'co is for names, email and login only'],
  ['users', 'search', 'not (status eq "ACTIVE")', 'not is not supported'],
  ['users', 'search', 'Status eq "ACTIVE"', 'property names are case sensitive'],
  ['users', 'search', 'status eq', 'a value is missing'],
  ['users', 'search', 'status eq "ACTIVE', 'the quote does not end'],
  ['users', 'search', 'status eq ACTIVE', 'a string takes quotes'],
  ['users', 'search', '(status eq "ACTIVE"', 'a parenthesis is open'],
  ['users', 'search', 'status eq "ACTIVE")', 'a parenthesis too many'],
  ['users', 'search', 'status eq "ACTIVE" and', 'a half expression'],
  ['users', 'search', 'status like "ACTIVE"', 'no such operator'],
  ['users', 'search', 'status eq "ACTIVE" xor status eq "STAGED"', 'no such connective'],
  ['users', 'search', 'and', 'no expression at all'],
  ['users', 'search', 'created gt "yesterday"', 'not a time'],
  ['users', 'filter', 'profile.department eq "Sales"', 'the department is not filterable'],
  ['users', 'filter', 'lastLogin gt "2026-01-01T00:00:00.000Z"', 'nor is lastLogin'],
  ['users', 'filter', 'created gt "2026-01-01T00:00:00.000Z"', 'nor is created'],
  ['users', 'filter', 'profile.login sw "a"', 'only eq'],
  ['users', 'filter', 'profile.firstName co "a"', 'only eq'],
  ['users', 'filter', 'status gt "ACTIVE"', 'order is for lastUpdated only'],
  ['users', 'filter', 'status pr', 'only eq'],
  ['users', 'filter', 'not (status eq "ACTIVE")', 'not is not supported'],
  ['users', 'filter', 'status ne "ACTIVE"', 'ne is not supported'],
  ['groups', 'search', 'objectClass eq "okta:user_group"', 'objectClass is not searchable'],
  ['groups', 'search', 'type co "OKTA"', 'co is for name and description only'],
  ['groups', 'filter', 'profile.name eq "Everyone"', 'the name is not filterable'],
  ['groups', 'filter', 'created gt "2026-01-01T00:00:00.000Z"', 'nor is created'],
  ['apps', 'filter', 'label eq "Slack"', 'the label is not filterable'],
  ['apps', 'filter', 'status ne "ACTIVE"', 'ne is not supported'],
  ['logs', 'filter', 'eventType eq', 'a value is missing'],
  ['logs', 'filter', 'eventType eq "user.session.start', 'the quote does not end'],
  ['logs', 'filter', 'target[type eq "User"]', 'no value paths'],
  ['logs', 'filter', 'eventType resembles "user"', 'no such operator'],
];

/** Nulls are absent to Okta, present to the parser's evaluation. */
const without = (value) => {
  if (Array.isArray(value)) return value.map(without);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== null).map(([key, member]) => [key, without(member)]));
};
const lower = (value) => {
  if (typeof value === 'string') return value.toLowerCase();
  if (Array.isArray(value)) return value.map(lower);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, lower(member)]));
};
const lowerFilter = (filter) => ({
  ...filter,
  ...(filter.compValue === undefined ? {} : { compValue: lower(filter.compValue) }),
  ...(filter.filter ? { filter: lowerFilter(filter.filter) } : {}),
  ...(filter.filters ? { filters: filter.filters.map(lowerFilter) } : {}),
});

const valuesAt = (value, path) => {
  if (Array.isArray(value)) return value.flatMap((element) => valuesAt(element, path));
  if (path.length === 0) return value === undefined || value === null ? [] : [value];
  if (value === null || typeof value !== 'object') return [];
  return valuesAt(value[path[0]], path.slice(1));
};

function comparison(list, data, random) {
  for (;;) {
    const property = random.pick(list.properties);
    const operator = random.pick(property.operators);
    if (operator === 'pr') return `${property.path} pr`;
    const values = valuesAt(random.pick(data), property.path.split('.'));
    if (values.length === 0) continue;
    let value = String(random.pick(values));
    if (/["\\]/.test(value)) continue;  // scim2-parse-filter reads escapes in its own way
    if (property.kind === 'text') {
      if (operator === 'sw') value = value.slice(0, 1 + random.below(value.length));
      if (operator === 'ew') value = value.slice(random.below(value.length));
      if (operator === 'co') {
        const from = random.below(value.length);
        value = value.slice(from, from + 1 + random.below(value.length - from));
      }
      if (random.chance(0.1)) value += '#nobody';
      if (list.case === 'ignored' && random.chance(0.3)) value = random.chance(0.5) ? value.toUpperCase() : value.toLowerCase();
    }
    return `${property.path} ${random.chance(0.1) ? operator.toUpperCase() : operator} ${JSON.stringify(value)}`;
  }
}

function expression(list, data, random, depth = 0) {
  if (depth >= 3 || random.chance(0.45)) {
    const one = comparison(list, data, random);
    return list.negation && random.chance(0.2) ? `not (${one})` : one;
  }
  // Sometimes both connectives without parentheses: `and` binds tighter.
  if (random.chance(0.2) && depth === 0) {
    return `${comparison(list, data, random)} or ${comparison(list, data, random)} and ${comparison(list, data, random)}`;
  }
  const parts = Array.from({ length: 2 + random.below(2) }, () => expression(list, data, random, depth + 1));
  const joined = parts.join(random.chance(0.5) ? ' and ' : ' or ');
  return depth === 0 && parts.every((part) => !/ (and|or) /i.test(part)) ? joined : `(${joined})`;
}

await judge(async () => {
  const org = await devOrg({ users: 400 });
  const window = { since: new Date(Date.now() - 5 * 86_400_000).toISOString(), until: new Date().toISOString() };
  const bounds = `since=${window.since}&until=${window.until}&limit=1000`;
  const data = {
    users: [...(await org.list('/api/v1/users?limit=200')), ...(await org.list(`/api/v1/users?limit=200&filter=${encodeURIComponent('status eq "DEPROVISIONED"')}`))],
    groups: await org.list('/api/v1/groups?limit=200'),
    apps: await org.list('/api/v1/apps?limit=200'),
    logs: await org.list(`/api/v1/logs?${bounds}`),
  };
  for (const [name, rows] of Object.entries(data)) {
    console.log(`${name}: ${rows.length}`);
    check(rows.length >= 10, `there is something to search among the ${name}`);
    data[name] = rows.map(without);
  }
  check(new Set(data.users.map((user) => user.status)).size >= 4, 'users are in at least four states');

  const random = dice(kSeed);
  let asked = 0;
  let some = 0;
  for (const list of kLists) {
    const rows = data[list.data];
    const key = list.key ?? 'id';
    const folded = rows.map(lower);
    for (let done = 0; done < list.count; ) {
      const wanted = expression(list, rows, random);
      const parsed = scim.parse(wanted);
      const exact = rows.filter(scim.filter(parsed)).map((row) => row[key]).sort();
      const ignoring = rows.filter((_, i) => scim.filter(lowerFilter(parsed))(folded[i])).map((row) => row[key]).sort();
      if (list.case === 'either' && JSON.stringify(exact) !== JSON.stringify(ignoring)) continue;
      const expected = list.case === 'exact' ? exact : ignoring;
      const limits = list.data === 'logs' ? bounds : 'limit=200';
      let found;
      try {
        found = (await org.list(`${list.path}?${limits}&${list.parameter}=${encodeURIComponent(wanted)}`)).map((row) => row[key]).sort();
      } catch (error) {
        found = error.message;
      }
      equal(found, expected, `${list.name}: ${wanted}`);
      done++;
      asked++;
      if (expected.length > 0) some++;
    }
  }
  console.log(`${asked} expressions, ${some} of them with results`);
  equal(asked, 500, 'expressions asked');
  check(some > 250, `most expressions should find something, not ${some}`);

  for (const [list, parameter, wanted, why] of kRefusals) {
    const limits = list === 'logs' ? bounds : 'limit=10';
    const { status, body } = await org.api('GET', `/api/v1/${list}?${limits}&${parameter}=${encodeURIComponent(wanted)}`);
    check(status === 400 && /^E0000\d{3}$/.test(body?.errorCode ?? ''), `${list} ${parameter} must refuse ${wanted} (${why}): ${status} ${body?.errorCode ?? ''}`);
  }
});
