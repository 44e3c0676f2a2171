// okta-mcp-server signs in at glewlwyd, an authorization server by another author than oidc-provider's and stricter in
// places: it answers slow_down, and reads proofs and assertions in its own way.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import * as jose from 'jose';

import { check, cleanup, equal, freePort, judge, scratch, serverEnvironment, sharedDir, skip, until } from './lib.mjs';
import { Browser, clientKeys, deviceGrant, gate, keyJwt, keyJwtWithDpop, kTokenSeconds, oneUser, replaced } from './sign-in-lib.mjs';

const kScopes = 'okta.users.read okta.groups.read';
// What a person's sign-in asks for besides; glewlwyd refuses scopes it does not know.
const kPersonScopes = ['profile', 'email', 'offline_access'];

/**
 * glewlwyd under Okta's paths: its API prefix and the name of its OIDC module make /oauth2/v1/token, which assertions
 * and proofs are signed for; the other name of the device endpoint is mapped by the gate.
 */
async function glewlwyd(keys) {
  const beds = path.join(sharedDir, 'testbeds');
  if (!fs.existsSync(beds)) skip(`${beds} is not here`);
  for (const file of ['/usr/bin/glewlwyd', '/etc/glewlwyd/glewlwyd.conf', '/usr/bin/sqlite3', '/usr/bin/openssl', '/usr/bin/curl', '/usr/bin/python3']) {
    if (!fs.existsSync(file)) skip(`${file} is missing; scripts/install ci installs it`);
  }
  const place = scratch();
  const [outside, inside] = [await freePort(), await freePort()];
  const api = await oneUser();
  const org = await gate(outside, (target) => (target.startsWith('/api/') ? api : `http://127.0.0.1:${inside}`), {
    paths: { '/oauth2/v1/device/authorize': '/oauth2/v1/device_authorization' },
    // Debian's glewlwyd fails (500) at an assertion with a proof when client_id does not stand in the form as well,
    // where it is optional (RFC 7521 section 4.2).
    ask: (target, form) => {
      if (target === '/oauth2/v1/token' && form.client_assertion) form.client_id = jose.decodeJwt(form.client_assertion).iss;
    },
    // Its own interval is 5 seconds. Who is told less polls too fast for it, and is told slow_down.
    tell: (target, answer) => {
      if (target !== '/oauth2/v1/device/authorize') return false;
      answer.interval = 1;
      return true;
    },
  });
  const bed = (name) => fs.readFileSync(path.join(beds, 'glewlwyd', name), 'utf8');
  const home = path.join(place, 'glewlwyd');
  fs.mkdirSync(home);
  const scopes = kPersonScopes.map((scope) => `"${scope}"`).join(',');
  fs.writeFileSync(
    path.join(home, 'setup.sh'),
    replaced(bed('setup.sh'), [
      ["sed -e 's/^#bind_address", `sed -e 's/^port=.*/port=${inside}/' -e 's/^api_prefix=.*/api_prefix="oauth2"/' -e 's/^#bind_address`],
      ['external_url="http://127.0.0.1:4593"', `external_url="${org.url}"`],
      ['B=http://127.0.0.1:4593/api', `B=http://127.0.0.1:${inside}/oauth2`],
      ['[k.pub]', 'k.pubs'],
      ['for s in okta.users.read okta.groups.read', `for s in okta.users.read okta.groups.read ${kPersonScopes.join(' ')}`],
      ['scope:["okta.users.read","okta.groups.read"]', `scope:["openid","okta.users.read","okta.groups.read",${scopes}]`],
      ['"openid","okta.users.read","okta.groups.read"]}\'', `"openid","okta.users.read","okta.groups.read",${scopes}]}'`],
      ['{"scope":"okta.users.read"}', `{"scope":"${kScopes} openid ${kPersonScopes.join(' ')}"}`],
    ]),
  );
  fs.writeFileSync(
    path.join(home, 'plugin.py'),
    replaced(bed('plugin.py'), [
      ['"name":"oidc"', '"name":"v1"'],
      ['http://127.0.0.1:4593/api/oidc', `${org.url}/oauth2/v1`],
      ['"access-token-duration":3600', `"access-token-duration":${kTokenSeconds}`],
      ['"refresh-token-rolling":True', '"refresh-token-rolling":True,"refresh-token-one-use":"always"'],
      ['"allowed-scope":["openid"', `"allowed-scope":["openid",${scopes}`],
    ]),
  );
  fs.writeFileSync(path.join(place, 'client-key.json'), JSON.stringify({ pubs: Object.values(keys).map((key) => key.pub) }));
  const state = path.join(place, 'run/glewlwyd');
  cleanup(() => {
    const pid = path.join(state, 'g.pid');
    if (fs.existsSync(pid)) process.kill(Number(fs.readFileSync(pid, 'utf8')));
  });
  const out = fs.openSync(path.join(place, 'setup.log'), 'w');
  const setup = () => fs.readFileSync(path.join(place, 'setup.log'), 'utf8');
  try {
    // Not a pipe: the server it starts would keep it open.
    execFileSync('bash', ['setup.sh'], { cwd: home, env: { PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`, RUN: path.join(place, 'run') }, stdio: ['ignore', out, out], timeout: 60_000 });
  } catch (error) {
    throw new Error(`${error.message}\n${setup()}`);
  }
  const jar = fs.readFileSync(path.join(home, 'jar2'), 'utf8').split('\n').map((line) => line.replace(/^#HttpOnly_/, '').split('\t')).filter((parts) => parts.length === 7);
  return { org, cookies: jar.map((parts) => [parts[5], parts[6]]), setup };
}

await judge(async () => {
  const keys = await clientKeys();
  const { org, cookies, setup } = await glewlwyd(keys);
  const settings = (extra) => ({ ...serverEnvironment({ OKTA_ORG_URL: org.url, OKTA_SCOPES: kScopes, ...extra }), OKTA_LOG_LEVEL: 'info' });
  const byKey = (client, key) => settings({ OKTA_CLIENT_ID: client, OKTA_PRIVATE_KEY: JSON.stringify(key.prv), OKTA_KEY_ID: key.kid });
  check(!/ [45]\d\d$/m.test(setup()), `glewlwyd is set up: ${setup()}`);

  for (const [alg, key] of Object.entries(keys)) {
    await keyJwt(org, alg, byKey('0oaServiceApp', key));
    org.demand = ['0oaServiceDpop'];
    await keyJwtWithDpop(org, alg, byKey('0oaServiceDpop', key), 'invalid_dpop_proof');
  }

  // Alice is signed in and has consented: she opens the link, and goes on.
  const slowedDown = () => org.seen.filter((entry) => entry.error === 'slow_down').length;
  for (const dpop of [false, true]) {
    await deviceGrant(org, {
      dpop,
      env: settings({ OKTA_CLIENT_ID: '0oaNativeDevice' }),
      confirm: async ({ link }) => {
        const before = slowedDown();
        await until(() => slowedDown() > before, 'slow_down');
        const alice = new Browser(cookies);
        await alice.open(link);
        const page = await alice.open(`${link}&g_continue`);
        check(page.url.includes('prompt=deviceComplete'), `the page after confirming: ${page.url}`);
      },
    });
  }
  // Each sign-in was told once, and kept to it: the server would have said it again.
  equal(slowedDown(), 4, 'times that polling was too fast');
});
