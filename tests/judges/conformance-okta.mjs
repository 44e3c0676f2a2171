// The scenarios of the official conformance suite that need no fixture, against okta-mcp-server itself with a local org
// behind it: without OAuth, and with it, where a proxy adds the token that the suite cannot be told to send.
import { check, devOrg, equal, judge, serverEnvironment, show } from './lib.mjs';
import { authorizing, conformance, httpServer } from './http-lib.mjs';
import { authorizationServer, challenge, codeGrant, protectedServer } from './oauth-lib.mjs';
import { kWithoutFixture } from './conformance-list.mjs';

/** The suite runs whatever the revision has; what needs fixtures fails and is not looked at. */
async function scenarios(what, url) {
  let passed = 0;
  let all = 0;
  for (const [revision, names] of Object.entries(kWithoutFixture)) {
    const { scenarios: found, output } = await conformance(url, ['--suite', 'all', '--spec-version', revision, '--timeout', '10000']);
    for (const name of names) {
      all++;
      if (!check(found[name], `${what}, ${revision} ${name}: was not run: ${show(output.slice(-600))}`)) continue;
      check(found[name].passed > 0, `${what}, ${revision} ${name}: nothing was checked`);
      if (equal(found[name].failed, [], `${what}, ${revision} ${name}`) && found[name].passed > 0) passed++;
    }
  }
  console.log(`${what}: ${passed} of ${all} scenarios`);
}

await judge(async () => {
  const org = await devOrg();
  const open = await httpServer('okta-mcp-server', ['serve', '--http', '127.0.0.1:0', '--calls-per-minute', '0'], { env: serverEnvironment(org.settings), clean: true });
  await scenarios('OAuth off', open.url);

  const redirectUri = 'http://127.0.0.1:1/callback';
  const as = await authorizationServer({ redirectUri });
  const server = await protectedServer(org, as, { args: ['--calls-per-minute', '0'] });
  const bare = await fetch(server.url, { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' });
  equal(bare.status, 401, 'OAuth on: no token');
  const metadata = await (await fetch(challenge(bare).resource_metadata)).json();
  const { access_token: token } = await codeGrant(as, { resource: metadata.resource, scope: metadata.scopes_supported.join(' '), redirectUri });
  await scenarios('OAuth on', await authorizing(server.url, () => `Bearer ${token}`));
});
