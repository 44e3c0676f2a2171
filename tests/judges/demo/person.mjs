// The person of ./demo --agents, and their browser: opens each link that comes on stdin, one a line, and answers the
// forms on the way. Says on stdout what a person would have seen.
//
//   person.mjs LOGIN
import { createInterface } from 'node:readline';

import { Browser, unescaped } from '../sign-in-lib.mjs';

const [login] = process.argv.slice(2);
const browser = new Browser();
const has = (page, text) => page.text.includes(text);
const titleOf = (page) => unescaped(/<title>([^<]*)<\/title>/.exec(page.text)?.[1] ?? '').trim();

/** What a person would fill in and press on the page, and how that is called. */
function answer(page) {
  if (has(page, 'value="continue"')) return [{ decision: 'continue' }, 'continues'];
  if (has(page, 'value="approve"')) return [{ login, decision: 'approve' }, `signs in as ${login}`];
  if (has(page, 'name="login"')) return [{ login, password: 'any' }, `signs in as ${login}`];
  return [{}, 'agrees'];
}

for await (const link of createInterface({ input: process.stdin })) {
  try {
    let page = await browser.open(link);
    for (let step = 0; step < 8 && has(page, '<form'); step++) {
      const [values, deed] = answer(page);
      console.log(`  person  ${new URL(page.url).origin}  "${titleOf(page)}": ${deed}`);
      page = await browser.submit(page, values);
    }
    const alert = /role="alert"[^>]*>([^<]*)/.exec(page.text)?.[1];
    console.log(`  person  ${new URL(page.url).origin}  "${alert ? unescaped(alert) : titleOf(page)}"`);
  } catch (error) {
    console.log(`  person  is lost: ${error.message}`);
  }
}
