#!/usr/bin/env node
// Holds core::estimate_tokens() against the real o200k_base on recorded Okta answers and on made-up ones.
//
//   SHARED_DIR=... BIN_DIR=... node judge.mjs [--show N]
//
// Only recordings that the table was not fitted on are judged (corpus.mjs). Asserted: every answer of the encoder to at
// least 500 recorded bodies, and every made-up list of users, log events and identifiers, is estimated at 0 to 15 %
// above its true count. Recorded bodies as they are, some of a few dozen bytes, are reported and held to looser bounds.
// Exit 77: nothing to judge, the recordings are absent. --show prints the N lowest and highest of each form.
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { makeRandom, logRows, recordings, userRows } from './corpus.mjs';

const { SHARED_DIR: shared, BIN_DIR: bin } = process.env;
const [flag, n] = process.argv.slice(2);
if (!shared || !bin) {
  console.error('usage: SHARED_DIR=... BIN_DIR=... node judge.mjs [--show N]');
  process.exit(2);
}
if (!existsSync(`${shared}/okta-recordings`)) {
  console.log('SKIPPED: the recorded answers are not there.');
  process.exit(77);
}
const program = `${bin}/answers_of_json`;
const count = (text) => countTokens(text, { disallowedSpecial: new Set() });

const bodies = [...new Set(recordings(shared, 'judge').map(({ body }) => body))];
const random = makeRandom(77);
const people = ['Anna Kowalska', 'José Álvarez Núñez', 'Li Wei', 'Siobhán O’Brien', 'Jürgen Weiß', 'Nguyễn Thị Hoa',
  'Олена Шевченко', '田中 花子', 'محمد الأحمد', 'Priya Raghunathan', 'Tom Baker', 'Grace Hopper', 'Łukasz Żak',
  'Σοφία Παπαδοπούλου', 'Thabo Mokoena'].map((name) => ({ name,
  mail: `${name.normalize('NFKD').replace(/[^A-Za-z]+/g, '.').replace(/^\.|\.$/g, '').toLowerCase() || 'user'}@example.com` }));
const made = [];
for (let i = 0; i < 60; ++i) {
  made.push(...userRows(random, people, 5 + i), ...logRows(random, people, 3 + i));
  made.push(Array.from({ length: 20 }, () => random.id(random.pick(['00u', '00g', '0oa', 'rul']))).join('\n'));
  made.push(random.base64(2000), random.base64url(2000), Array.from({ length: 20 }, random.uuid).join(','));
}

const ask = (texts) => execFileSync(program, { input: texts.map((text) => JSON.stringify(text) + '\n').join(''),
  maxBuffer: 2 ** 30 }).toString().trim().split('\n').map((line) => JSON.parse(line));
const judged = ask(bodies);
const madeUp = ask(made).map((answer) => ({ ...answer, form: 'made up' }));

const groups = new Map();
for (const { form, text, estimate } of [...judged, ...madeUp]) {
  const tokens = count(text);
  if (tokens === 0) continue;
  if (!groups.has(form)) groups.set(form, []);
  groups.get(form).push({ ratio: estimate / tokens, tokens, estimate, text });
}
// Bodies as they are come without the head and fence that an answer has; rounding alone is 5 % of 20 tokens.
const LOOSE = { 'as it is': { low: 0.97, high: 1.25, share: 0.97, from: 20 } };
let answers = 0, failed = 0;
for (const [form, list] of groups) {
  const bound = LOOSE[form] ?? { low: 1, high: 1.15, share: 1, from: 1 };
  const rows = list.filter(({ tokens }) => tokens >= bound.from).sort((a, b) => a.ratio - b.ratio);
  const at = (share) => rows[Math.min(rows.length - 1, Math.floor(rows.length * share))].ratio.toFixed(3);
  const within = rows.filter(({ ratio }) => ratio >= 1 && ratio <= 1.15).length;
  const outside = rows.filter(({ ratio }) => ratio < bound.low || ratio > bound.high);
  const ok = outside.length === 0 && within >= bound.share * rows.length;
  if (!(form in LOOSE) && form !== 'made up') answers += rows.length;
  if (!ok) ++failed;
  console.log(`${ok ? 'ok  ' : 'FAIL'} ${form.padEnd(16)} ${String(rows.length).padStart(5)} texts, ${within} within 0..+15 %; ` +
    `min ${at(0)}, 1 % ${at(0.01)}, median ${at(0.5)}, 99 % ${at(0.99)}, max ${at(1)}`);
  if (flag === '--show') {
    for (const row of [...rows.slice(0, Number(n)), ...rows.slice(-Number(n))]) {
      console.log(`     ${row.ratio.toFixed(3)} ${row.estimate}/${row.tokens} ${JSON.stringify(row.text.slice(0, 400))}`);
    }
  }
}
console.log(`${bodies.length} recorded bodies, ${answers} answers made of them`);
if (bodies.length < 500 || answers < 500) {
  console.log('FAIL fewer than 500 recorded answers');
  ++failed;
}
process.exit(failed === 0 ? 0 : 1);
