// What others wrote, for ./demo --agents: server-everything behind two OAuth fronts. One takes tokens of a custom
// authorization server of the registry, the other those of oidc-provider, which knows nothing of the registry.
//
//   servers.mjs CUSTOM_ISSUER STS_CALLBACK
//
// Prints one line of JSON when all of it serves, and ends with SIGTERM.
import { cleanUp } from '../lib.mjs';
import { everything, oauthFront } from '../foreign-server.mjs';
import { authorizationServer } from '../oauth-lib.mjs';

const [customIssuer, callback] = process.argv.slice(2);
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, async () => {
    await cleanUp();
    process.exit(0);
  });
}
const upstream = await everything();
const elsewhere = await authorizationServer({ redirectUri: callback, resourceScopes: ['tools.call'] });
const ours = await oauthFront({ upstream, issuer: customIssuer });
const theirs = await oauthFront({ upstream, issuer: elsewhere.issuer, name: 'Everything, elsewhere' });
console.log(JSON.stringify({ everything: ours.url, elsewhere: theirs.url, issuer: elsewhere.issuer }));
