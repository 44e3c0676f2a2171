#!/usr/bin/env node
// Fits the table of src/core/tokens.cpp and prints src/core/tokens_table.cpp.
//
//   node fit.mjs SHARED_DIR ANSWERS_OF_JSON > ../../../src/core/tokens_table.cpp
//
// Input: half of the recordings (see corpus.mjs), Okta's OpenAPI and reference texts, names and descriptions of the
// machine's Debian package list, place names in many languages (ICU), Node's root certificates, made-up users, log events
// and identifiers; and the answers that our encoder (the program answers_of_json) makes of the fitting half.
// Contexts and hashes mirror Walk::cost() in tokens.cpp; judge.mjs finds out if the two part ways.
import bpe from 'gpt-tokenizer/bpeRanks/o200k_base';
import { encode } from 'gpt-tokenizer/encoding/o200k_base';
import { execFileSync, execSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import { PARTS, logRows, makeRandom, recordings, userRows } from './corpus.mjs';

const [shared, program] = process.argv.slice(2);
if (!program) {
  console.error('usage: node fit.mjs SHARED_DIR ANSWERS_OF_JSON');
  process.exit(2);
}
const BITS = { word: 14, foreign: 13, random: 10, known: 13 };
const KNOWN = 6000;    // parts with an exact cost
const DAMPING = 0.3;   // weight of a part is count^DAMPING: rare words must be guessed well too
const SMOOTHING = 0.3;
// Identifiers and keys differ from one another more than words do: a little above their mean.
const RAISE = { word: 1, foreign: 1, random: 1.015 };
const PRIOR = { word: 0.45, foreign: 0.6, random: 0.6 };

const texts = [];      // [weight, text]
const random = makeRandom(2026);
const leaves = (value) => (value && typeof value === 'object' ? Object.values(value).flatMap(leaves) : [value]);
const recorded = recordings(shared, 'fit');
for (const { value } of recorded) texts.push([0.5, leaves(value).map((leaf) => String(leaf ?? '')).join(',')]);
const answers = execFileSync(program, { maxBuffer: 2 ** 30,
  input: recorded.map(({ body }) => JSON.stringify(body) + '\n').join('') }).toString();
for (const line of answers.trim().split('\n')) texts.push([0.5, JSON.parse(line).text]);
for (const name of ['management-minimal', 'oauth-minimal', 'governance-combined-production-reference-minimal']) {
  const yaml = readFileSync(`${shared}/okta-openapi/${name}.yaml`, 'utf8');
  texts.push([0.15, yaml]);
  texts.push([0.3, [...yaml.matchAll(/^\s*([A-Za-z_]\w+):/gm)].map((m) => `"${m[1]}":`).join('true,')]);
  const values = [...yaml.matchAll(/^\s*(?:- |example: |default: )([A-Z][A-Z_0-9]+)\s*$/gm)].map((m) => m[1]);
  texts.push([0.3, values.map((v) => `"${v}",`).join('') + values.join(',')]);
}
for (const name of ['error-codes.json', 'event-types.json', 'oauth-scopes.json', 'okta-event-types.csv']) {
  texts.push([0.3, readFileSync(`${shared}/okta-reference/${name}`, 'utf8')]);
}
const packages = execSync('apt-cache dumpavail', { maxBuffer: 2 ** 30 }).toString().split('\n');
texts.push([0.3, packages.filter((line, i) => line.startsWith('Description:') && i % 20 === 0).join('\n').slice(0, 600_000)]);
const people = [...new Set(packages.filter((line) => /^(Original-)?Maintainer:/.test(line)))]
  .map((line) => /^[^:]*: "?([^"<]*?)"? *<(.*)>/.exec(line)).filter(Boolean)
  .map((m) => ({ name: m[1].trim(), mail: m[2] }))
  .filter((p) => !/team|list|group|pack|maint|debian/i.test(p.name));
texts.push(...userRows(random, people, 3000).map((text) => [1, text]));
texts.push(...logRows(random, people, 1000).map((text) => [1, text]));

const LANGUAGES = ('ar am hy az bn bg my ca zh zh-Hant hr cs da nl en et fil fi fr ka de el gu he hi hu is id ga it ja kn ' +
  'kk km ko ky lo lv lt mk ml mr mn ne no fa pl pt pa ro ru sr si sk sl es sw sv ta te th tr uk ur uz vi cy yo zu').split(' ');
for (const language of LANGUAGES) {
  const regions = new Intl.DisplayNames([language], { type: 'region' });
  const tongues = new Intl.DisplayNames([language], { type: 'language' });
  const words = [];
  for (let a = 65; a <= 90; ++a) {
    for (let b = 65; b <= 90; ++b) {
      const code = String.fromCharCode(a, b);
      const place = regions.of(code);
      if (place !== code) words.push(place);
    }
  }
  for (const tongue of LANGUAGES) words.push(tongues.of(tongue));
  texts.push([0.3, words.map((word) => `${word},ACTIVE\n"${word}",`).join('')]);
}
for (const [first, last] of [[0x1f300, 0x1f64f], [0x1f680, 0x1f6ff], [0x1f900, 0x1f9ff], [0x2600, 0x27bf]]) {
  for (let code = first; code <= last; ++code) {
    const emoji = String.fromCodePoint(code);
    texts.push([1, `Team ${emoji} Rocket,${emoji}\n`]);
  }
}
for (let i = 0; i < 400; ++i) {
  texts.push([0.2, random.id(random.pick(['00u', '00g', '0oa', 'rst', '00p', 'aus', 'oae', 'gaf', '0pr']))]);
  texts.push([0.2, random.hex(32)], [0.2, random.uuid()], [0.2, random.time()]);
  texts.push([0.1, random.base64(600)], [0.1, random.base64url(600)], [0.2, random.base64url(27)]);
}
// DER is far from random: keys and certificates in base64 need rates of their own.
for (const pem of rootCertificates) texts.push([2, pem.replace(/-----[^-]*-----|\n/g, '')]);

// --- parts, as Walk sees them ---
const classOf = (c) => (c >= 48 && c <= 57 ? 2 : c >= 97 && c <= 122 ? 1 : c >= 65 && c <= 90 ? 3 : c === 45 || c === 95 ? 4 : 0);
function randomRuns(text) {
  const flags = new Uint8Array(text.length);
  for (let i = 0; i < text.length;) {
    let kind = classOf(text.charCodeAt(i));
    if (kind === 0 || kind === 4) { ++i; continue; }
    let j = i, changes = 0, digits = 0, previous = kind;
    for (; j < text.length && (kind = classOf(text.charCodeAt(j))); ++j) {
      if (kind === 4) continue;
      if (kind !== previous && !(previous === 3 && kind === 1)) ++changes;
      if (kind === 2) ++digits;
      previous = kind;
    }
    const length = j - i;
    if (length >= 12 && digits > 0 && digits < length && changes * 5 >= length) flags.fill(1, i, j);
    i = j;
  }
  return flags;
}
const mix = (a, b, c, d) => Math.imul(a | (b << 8) | (c << 16) | (d << 24), 0x9e3779b1) >>> 0;

const counts = new Map();
for (const [weight, text] of texts) {
  const flags = randomRuns(text);
  for (const match of text.matchAll(PARTS)) {
    if (/^\p{N}/u.test(match[0])) continue;
    const key = (flags[match.index + match[0].length - 1] ? 'r' : 'w') + match[0];
    counts.set(key, (counts.get(key) ?? 0) + weight);
  }
}
const tokenBytes = (token) => (typeof bpe[token] === 'string' ? Buffer.byteLength(bpe[token]) : bpe[token].length);
const parts = [];
for (const [key, weight] of counts) {
  const bytes = Buffer.from(key.slice(1));
  const tokens = encode(key.slice(1), { disallowedSpecial: new Set() });
  const ends = new Uint8Array(bytes.length + 1);
  let at = 0;
  for (const token of tokens) ends[(at += tokenBytes(token))] = 1;
  const places = [];  // [table, slot, token ends here]
  let fingerprint = 0;
  for (let i = 1; i < bytes.length; ++i) {
    const a = i > 1 ? bytes[i - 2] : 0, b = bytes[i - 1], c = bytes[i];
    const last = i + 1 === bytes.length, d = last ? 1 : bytes[i + 1];
    const word = mix(a, b, c, d);
    fingerprint = (((fingerprint << 5) | (fingerprint >>> 27)) ^ word) >>> 0;
    if (key[0] === 'r') places.push(['random', mix(a, b, c, last ? 0 : 2) >>> (32 - BITS.random), ends[i]]);
    else if ((b | c) & 0x80) {
      places.push(['foreign', mix(i > 1 ? (a & 0x80 ? a : 1) : 0, b, c, last ? 1 : d >> 5) >>> (32 - BITS.foreign), ends[i]]);
    } else places.push(['word', word >>> (32 - BITS.word), ends[i]]);
  }
  parts.push({ weight, tokens: tokens.length, places, fingerprint, random: key[0] === 'r', bytes: bytes.length });
}

let rates;
function fitRates(except) {
  const sums = {};
  for (const name of ['word', 'foreign', 'random']) {
    sums[name] = [new Float64Array(1 << BITS[name]), new Float64Array(1 << BITS[name])];
  }
  for (const part of parts) {
    if (except.has(part)) continue;
    const weight = part.random ? part.weight : part.weight ** DAMPING;
    for (const [table, slot, end] of part.places) {
      sums[table][0][slot] += weight * end;
      sums[table][1][slot] += weight;
    }
  }
  rates = {};
  for (const name in sums) {
    rates[name] = sums[name][0].map((sum, i) =>
      Math.min(63, Math.round((64 * RAISE[name] * (sum + SMOOTHING * PRIOR[name])) / (sums[name][1][i] + SMOOTHING))));
  }
}
const guess = (part) => part.places.reduce((sum, [table, slot]) => sum + rates[table][slot] / 64, 1);
let known = new Set();
for (let round = 0; round < 4; ++round) {
  fitRates(known);
  known = new Set(parts
    .filter((part) => !part.random && part.weight >= 2 && part.bytes >= 2 && part.bytes <= 40 && part.tokens < 64)
    .map((part) => [part.weight ** 0.6 * Math.abs(part.tokens - guess(part)), part])
    .sort((a, b) => b[0] - a[0]).slice(0, KNOWN).map(([, part]) => part));
}
fitRates(known);

const slots = new Array(1 << BITS.known).fill(null);
for (const part of known) {
  let mixed = Math.imul(part.fingerprint, 0x85ebca6b) >>> 0;
  mixed = (mixed ^ (mixed >>> 15)) >>> 0;
  let slot = mixed >>> (32 - BITS.known);
  while (slots[slot]) slot = (slot + 1) % slots.length;
  slots[slot] = String.fromCharCode(48 + ((mixed >>> 6) & 63), 48 + (mixed & 63), 48 + part.tokens);
}

const literal = (text) => text.match(/.{1,104}/gs).map((line) => `    R"(${line})"`).join('\n');
const levels = (name) => literal([...rates[name]].map((x) => String.fromCharCode(48 + x)).join(''));
console.log(`// Generated by tests/judges/tokens/fit.mjs; do not edit. clang-format off: the lines are data.
// clang-format off
#include "core/tokens_table.h"

namespace core::tokens_table {

const char kWord[] =
${levels('word')};

const char kForeign[] =
${levels('foreign')};

const char kRandom[] =
${levels('random')};

const char kKnown[] =
${literal(slots.map((slot) => slot ?? '   ').join(''))};

}  // namespace core::tokens_table`);
console.error(`${texts.length} texts, ${parts.length} different parts, ${known.size} of them with an exact cost`);
