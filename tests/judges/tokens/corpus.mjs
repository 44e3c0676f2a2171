// Texts to fit and to judge the token estimate on.
//
// The recordings are cut in two by the name of the cassette: the table is fitted on one half only, the judge reads
// the other, so that no recorded answer is judged by a table that has seen it.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

const FILES = ['okta-sdk-python-3.4.4-cassettes.jsonl.gz', 'okta-sdk-test-server-2017.jsonl.gz'];

// [{name, body, value}] of all recorded JSON bodies; which is 'fit' or 'judge'.
export function recordings(shared, which) {
  const wanted = which === 'fit' ? 1 : 0;
  const out = [];
  for (const file of FILES) {
    const lines = gunzipSync(readFileSync(`${shared}/okta-recordings/${file}`)).toString().split('\n');
    for (const line of lines) {
      if (!line) continue;
      const exchange = JSON.parse(line);
      if (!exchange.body) continue;
      if ((createHash('sha256').update(exchange.src).digest()[0] & 1) !== wanted) continue;
      let value;
      try {
        value = JSON.parse(exchange.body);
      } catch {
        continue;
      }
      if (typeof value !== 'object' || value === null) continue;
      out.push({ name: `${exchange.src}#${exchange.i}`, body: exchange.body, value });
    }
  }
  return out;
}

// What o200k_base splits a text into before it looks anything up; the parts are encoded one by one.
export const PARTS =
  /[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n\/]*|\s*[\r\n]+|\s+(?!\S)|\s+/gu;

// A small generator, so that every run makes the same texts.
export function makeRandom(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  const pick = (list) => list[Math.floor(next() * list.length)];
  const from = (alphabet, length) => Array.from({ length }, () => alphabet[Math.floor(next() * alphabet.length)]).join('');
  const digits = '0123456789';
  const lower = 'abcdefghijklmnopqrstuvwxyz';
  const base62 = lower.toUpperCase() + lower + digits;
  const hex = (length) => from(digits + 'abcdef', length);
  return {
    next, pick, hex,
    id: (prefix) => prefix + from(base62, 20 - prefix.length),
    base64: (length) => from(base62 + '+/', length),
    base64url: (length) => from(base62 + '-_', length),
    uuid: () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
    time: () => new Date(1.5e12 + next() * 3e11).toISOString(),
  };
}

const DEPARTMENTS = ['Engineering', 'Sales', 'Marketing', 'Finance', 'Human Resources', 'Legal', 'IT', 'Support',
  'Operations', 'Research and Development', 'Product Management', 'Customer Success', 'Security'];
const TITLES = ['Manager', 'Senior Engineer', 'Director', 'Analyst', 'Account Executive', 'Specialist', 'VP Sales'];
const STATUSES = ['ACTIVE', 'STAGED', 'DEPROVISIONED', 'SUSPENDED', 'PROVISIONED', 'LOCKED_OUT', 'PASSWORD_EXPIRED',
  'RECOVERY'];
const AGENTS = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
  'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  'okta-sdk-java/8.2.3 java/17 Linux/5.10', 'python-requests/2.31.0'];
const EVENTS = ['user.session.start', 'group.user_membership.add', 'group.user_membership.remove',
  'user.authentication.auth_via_mfa', 'policy.evaluate_sign_on', 'user.account.update_profile',
  'application.user_membership.add', 'user.lifecycle.deactivate', 'user.account.privilege.grant'];

const quoted = (cell) => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);

export function userRows(random, people, count) {
  const csv = ['login,status,firstName,lastName,department,title,created,lastLogin'];
  const json = [];
  const withId = random.next() < 0.5;
  for (let i = 0; i < count; ++i) {
    const { name, mail } = random.pick(people);
    const [firstName, ...rest] = name.split(' ');
    const lastName = rest.join(' ') || 'Smith';
    const plain = `${firstName}.${lastName}`.toLowerCase().replace(/[^a-z.]/g, '');
    const login = random.pick([mail, `${plain}@${random.pick(['example.com', 'acme.com', 'contoso.org'])}`]);
    const user = {
      id: random.id('00u'), status: random.pick(STATUSES), created: random.time(),
      lastLogin: random.pick([null, random.time(), random.time()]),
      profile: { login, firstName, lastName, email: login, department: random.pick(DEPARTMENTS),
        title: random.pick(TITLES), mobilePhone: `+1-555-${100 + Math.floor(random.next() * 900)}-0100` },
    };
    json.push(JSON.stringify(user));
    csv.push([login, user.status, firstName, lastName, user.profile.department, user.profile.title, user.created,
      user.lastLogin ?? '', ...(withId ? [user.id] : [])].map(quoted).join(','));
  }
  return [csv.join('\n'), json.join('\n')];
}

export function logRows(random, people, count) {
  const csv = ['published,eventType,actor,outcome,target,ip'];
  const json = [];
  for (let i = 0; i < count; ++i) {
    const actor = random.pick(people);
    const target = random.pick(people);
    const ip = Array.from({ length: 4 }, () => Math.floor(random.next() * 255)).join('.');
    const event = {
      actor: { id: random.id('00u'), type: 'User', alternateId: actor.mail, displayName: actor.name },
      client: { userAgent: { rawUserAgent: random.pick(AGENTS), os: 'Windows 10', browser: 'CHROME' }, ipAddress: ip,
        geographicalContext: { city: 'Berlin', country: 'Germany',
          geolocation: { lat: +(random.next() * 90).toFixed(4), lon: +(random.next() * 180).toFixed(4) } } },
      displayMessage: random.pick(['User login to Okta', 'Add user to group membership', 'Evaluation of sign-on policy']),
      eventType: random.pick(EVENTS), outcome: { result: random.pick(['SUCCESS', 'FAILURE', 'ALLOW', 'DENY']) },
      published: random.time(), severity: 'INFO', uuid: random.uuid(),
      debugContext: { debugData: { requestId: random.base64url(27), requestUri: '/api/v1/authn', dtHash: random.hex(64) } },
      transaction: { type: 'WEB', id: random.base64url(27) },
      target: [{ id: random.id('00u'), type: 'User', alternateId: target.mail, displayName: target.name },
        { id: random.id('00g'), type: 'UserGroup', alternateId: 'unknown', displayName: random.pick(DEPARTMENTS) }],
    };
    json.push(JSON.stringify(event));
    csv.push([event.published, event.eventType, actor.mail, event.outcome.result,
      `${target.mail}; ${event.target[1].displayName}`, ip].join(','));
  }
  return [csv.join('\n'), json.join('\n')];
}
