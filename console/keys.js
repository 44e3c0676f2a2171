// Keys of agents, made in this browser: the private part is saved as a file here and sent to nobody.
import { h } from './dom.js';
import { ask, choice, field, notice, save } from './widgets.js';
import { call, path, kAgents } from './api.js';

// Web Crypto's names. ES256 is small and quick; RS256 is what Okta's own clients expect by default.
const kKinds = {
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  RS256: { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
};
// RFC 7517 and RFC 7518: what may leave.
const kPublicMembers = ['kty', 'crv', 'x', 'y', 'n', 'e'];

const base64url = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

/** RFC 7638: the key's name follows from the key. */
async function thumbprint(jwk) {
  const members = jwk.kty === 'EC' ? ['crv', 'kty', 'x', 'y'] : ['e', 'kty', 'n'];
  const text = JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]])));
  return base64url(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));
}

/** {publicJwk, privateJwk} */
export async function makeKey(alg) {
  const pair = await crypto.subtle.generateKey(kKinds[alg], true, ['sign', 'verify']);
  const whole = await crypto.subtle.exportKey('jwk', pair.privateKey);
  const publicPart = Object.fromEntries(kPublicMembers.filter((name) => whole[name] !== undefined).map((name) => [name, whole[name]]));
  const kid = await thumbprint(publicPart);
  const { key_ops: _operations, ext: _extractable, ...privatePart } = whole;
  return { publicJwk: { ...publicPart, use: 'sig', alg, kid }, privateJwk: { ...privatePart, use: 'sig', alg, kid } };
}

export function saveKey(agent, jwk) {
  save(`${agent}-${jwk.kid.slice(0, 8)}.private.jwk.json`, 'application/json', `${JSON.stringify(jwk, null, 2)}\n`);
}

export const kindChoice = (name = 'alg') => choice('Kind of key', name, [
  ['ES256', 'ES256', 'Elliptic curve P-256: small and quick.'],
  ['RS256', 'RS256', 'RSA, 2048 bits: for clients that know nothing else.'],
], 'ES256');

export const kKeyPromise = 'The private key is saved as a file on this machine and goes nowhere else. Only the public part is sent.';

/** Reads a public JWK that somebody pasted; a private one is refused before it leaves. */
export function readPublicJwk(text) {
  let jwk;
  try {
    jwk = JSON.parse(text);
  } catch {
    throw new Error('This is not JSON. Paste one JWK, with kty and its members.');
  }
  if (Array.isArray(jwk?.keys)) throw new Error('This is a set of keys. Paste one of them.');
  if (typeof jwk !== 'object' || jwk === null || !['RSA', 'EC'].includes(jwk.kty)) throw new Error('A key of kty RSA or EC is expected.');
  if (['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth'].some((name) => name in jwk)) throw new Error('This is a private key. It was not sent; paste the public part only.');
  return { use: 'sig', ...jwk };
}

/** Asks and adds a key to an agent; resolves to whether one was added. */
export function addKey(agent) {
  const own = h('div', {}, field('Public JWK', h('textarea', { name: 'jwk', rows: '6', spellcheck: 'false', class: 'mono' })));
  own.hidden = true;
  const made = h('div', {}, kindChoice(), notice('plain', h('p', {}, kKeyPromise)));
  return ask({
    title: 'Add a key',
    content: [choice('Where from', 'from', [['new', 'Make one in this browser'], ['own', 'I have one: paste its public part']], 'new', (value) => {
      own.hidden = value === 'new';
      made.hidden = value !== 'new';
    }), made, own],
    action: 'Add the key',
    act: async (data) => {
      const collection = path(kAgents, agent, 'credentials', 'jwks');
      if (data.get('from') === 'own') {
        await call('POST', collection, { body: readPublicJwk(data.get('jwk')) });
        return;
      }
      const { publicJwk, privateJwk } = await makeKey(data.get('alg'));
      await call('POST', collection, { body: publicJwk });
      saveKey(agent, privateJwk);
    },
  });
}

