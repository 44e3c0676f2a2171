// What an administrator does from an address to a token that is stopped: register, read a failed check, mend, activate,
// create an agent, connect, deactivate. Drives any registry's console; nothing here knows which.
//
//   BASE_URL=https://agents.example.com TOKEN=... RESOURCE_URL=https://mcp.example.com/mcp MEND='command' \
//     tests/judges/run console/journey.mjs
//
// RESOURCE_URL is a server that fails one blocking check at first, names one external authorization server, and passes
// after MEND has run. CHECK is what the failed check says (a part of it).
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';

import { check, equal, judge, scratch, skip } from '../lib.mjs';
import { click, focused, follow, inspect, noFaults, openBrowser, openPage, picture, press, says, settled, textOf, type } from './browser.mjs';

const kAgent = 'Journey agent';

/** `mend()` puts right what the failed check, whose message contains `failure`, is about. */
export async function journey(tab, { resourceUrl, failure, mend, owner = true, prefix = 'journey' }) {
  const { page } = tab;
  const shoot = async (name) => {
    await picture(tab, `${prefix}-${name}`);
    await inspect(tab, `${prefix} ${name}`);
  };

  // Register.
  await page.goto(`${tab.origin}/console/#/servers/new`);
  await settled(tab);
  await shoot('1-register');
  await type(tab, 'Address', resourceUrl);
  await type(tab, 'Name', 'Journey server');
  await press(tab, 'Register and look');
  await says(tab, 'Register Journey server', 'the second step of the wizard');

  // Read the failed check with its cure.
  await says(tab, failure, 'the failed check');
  await says(tab, 'Cure:');
  check((await textOf(tab)).includes('Invalid'), 'a server that failed validation is shown as invalid');
  await shoot('2-failed-check');

  // Mend, and check again: what is missing now is a client registration.
  await mend();
  await press(tab, 'Check again');
  await says(tab, 'Add a client registration');
  await page.waitForFunction((text) => !document.querySelector('main').innerText.includes(text), {}, failure);
  check(!(await textOf(tab, 'main .states')).includes('Invalid'), 'the mended server is no longer invalid');
  await shoot('3-missing');
  await press(tab, 'Add a client registration');
  await type(tab, 'Name', 'Journey registration');
  await type(tab, 'Client ID', 'journey-client');
  await type(tab, 'Client secret', 'journey-secret');
  await type(tab, 'Scopes', 'crm.read');
  await shoot('4-registration');
  await press(tab, 'Add');
  await says(tab, 'Everything is there.');
  await shoot('5-activation');

  // Activate.
  await press(tab, 'Activate');
  await says(tab, 'The server is active.');
  await shoot('6-active');
  noFaults(tab, 'registering');

  // An agent whose private key stays here.
  const downloads = scratch();
  const session = await page.createCDPSession();
  await session.send('Browser.setDownloadBehavior', { behavior: 'allow', downloadPath: downloads, browserContextId: tab.context.id });
  const sent = [];
  page.on('request', (request) => {
    if (/\/credentials\/jwks$/.test(new URL(request.url()).pathname) && request.method() === 'POST') sent.push(JSON.parse(request.postData()));
  });
  await follow(tab, 'Agents');
  await says(tab, 'Create an agent');
  await follow(tab, 'Create an agent');
  await says(tab, 'How it proves who it is');
  await type(tab, 'Name', kAgent);
  if (owner) await page.evaluate(() => document.querySelector('input[name=owner]').click());
  await shoot('7-agent');
  await press(tab, 'Create the agent');
  await page.waitForFunction(() => /^#\/agents\/wlp/.test(location.hash));
  await says(tab, 'Deactivate (kill switch)');
  equal(sent.length, 1, 'one key is sent');
  equal(Object.keys(sent[0]).sort(), ['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'], 'only the public part of the key is sent');
  const saved = await page.waitForFunction(() => true).then(async () => {
    for (let turn = 0; turn < 100; turn += 1) {
      const file = fs.readdirSync(downloads).find((name) => name.endsWith('.jwk.json'));
      if (file) return JSON.parse(fs.readFileSync(`${downloads}/${file}`, 'utf8'));
      await new Promise((done) => setTimeout(done, 50));
    }
    return {};
  });
  check(typeof saved.d === 'string' && saved.x === sent[0]?.x && saved.kid === sent[0]?.kid, 'the private key is saved as a file');

  // Connect it.
  await press(tab, 'Add a connection');
  await says(tab, 'Each person consents once');
  await page.evaluate(() => [...document.querySelectorAll('dialog input[type=radio]')].find((one) => one.value === 'STS_ACCESS_TOKEN').click());
  await type(tab, 'Client registration', 'Journey registration');
  await shoot('8-connect');
  await press(tab, 'Connect');
  await says(tab, 'STS: a token people consented to');
  check((await focused(tab)).startsWith('h2'), 'the focus is at the section that changed');
  await shoot('9-connected');
  await follow(tab, 'In the graph');
  await says(tab, 'The same as a table');
  check((await textOf(tab)).includes('Journey server'), 'the graph leads to the server');
  await shoot('10-graph');

  // The kill switch.
  await page.goBack();
  await says(tab, 'Deactivate (kill switch)');
  await press(tab, 'Deactivate (kill switch)');
  await says(tab, 'it gets no new tokens');
  await click(tab, 'checkbox', 'Revoke the tokens that it has, too');
  await shoot('11-kill-switch');
  await press(tab, 'Deactivate now');
  await says(tab, 'It gets no tokens and cannot be connected until it is activated.');
  await shoot('12-deactivated');
  noFaults(tab, 'the agent');
}

if (process.argv[1] === import.meta.filename) {
  await judge(async () => {
    const { BASE_URL, TOKEN, RESOURCE_URL, MEND, CHECK = '' } = process.env;
    if (!BASE_URL || !TOKEN || !RESOURCE_URL || !MEND) skip('BASE_URL, TOKEN, RESOURCE_URL and MEND say which registry');
    const origin = new URL(BASE_URL).origin;
    const tab = await openPage(await openBrowser(), origin, { token: TOKEN });
    // A report that is not there yet, and whatever this registry does not offer.
    tab.expected.push('/readiness', '/operations');
    await journey(tab, { resourceUrl: RESOURCE_URL, failure: CHECK, mend: () => execFileSync('/bin/sh', ['-c', MEND], { stdio: 'inherit' }), prefix: 'real' });
  });
}
