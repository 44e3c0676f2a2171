// The samples for agent developers, as they stand: each gets a token at the registry and calls a tool of a server by
// others and of okta-mcp-server; and says why when it is refused.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import * as jose from 'jose';

import { check, devOrg, equal, here, judge, scratch, show, skip } from './lib.mjs';
import { everything, oauthFront } from './foreign-server.mjs';
import { finished } from './http-lib.mjs';
import { authorizationServer, protectedServer } from './oauth-lib.mjs';
import { agentClient, agentWithKey, completed, customServer, kServers, person, registry } from './registry-lib.mjs';

const samples = path.resolve(here, '../../samples');
const kPrograms = { 'agent.ts': [process.execPath, '--disable-warning=ExperimentalWarning'], 'agent.py': ['/usr/bin/python3'] };

await judge(async () => {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import jwt, cryptography'], { stdio: 'ignore' });
  } catch {
    if (process.env.CI === 'true') throw new Error('python3-jwt or python3-cryptography is missing');
    skip('python3-jwt or python3-cryptography is missing; run scripts/install test');
  }
  const reg = await registry();
  const people = await authorizationServer({ redirectUri: `${reg.origin}/login/callback` });
  const agent = await agentWithKey(reg, await person(reg, people));

  /** Registers the server that is made for an issuer, and connects the agent to it. */
  const connected = async (name, scopes, make) => {
    const as = await customServer(reg, name, scopes);
    const { url } = await make(`${reg.origin}/oauth2/${as.id}`);
    const { resource } = await completed(reg, 'POST', kServers, { resourceUrl: url, displayName: name });
    await completed(reg, 'POST', `${kServers}/${resource.id}/lifecycle/activate`);
    const { orn } = (await reg.call('GET', `${kServers}/${resource.id}`)).body;
    await reg.made(`${agent.where}/connections`, {
      connectionType: 'IDENTITY_ASSERTION_MCP_SERVER',
      resource: { orn },
      authorizationServer: { orn: `orn:okta:idp:${agent.org}:authorization_servers:${as.id}` },
      scopeCondition: 'INCLUDE_ONLY',
      scopes: scopes.slice(0, 1),
    });
    return url;
  };
  const upstream = await everything();
  const foreign = await connected('everything', ['tools.call', 'tools.list'], (issuer) => oauthFront({ upstream, issuer }));
  const org = await devOrg();
  const directory = await connected('directory', ['users.read', 'groups.read'], (issuer) => protectedServer(org, { issuer }));
  await completed(reg, 'POST', `${agent.where}/lifecycle/activate`);

  const place = scratch();
  fs.writeFileSync(path.join(place, 'agent.pem'), await jose.exportPKCS8(agent.privateKey));
  fs.writeFileSync(path.join(place, 'person.jwt'), (await (await agentClient(reg, agent)).signIn(people.log)).id_token);
  const env = { REGISTRY: reg.origin, AGENT: agent.id, KEY: path.join(place, 'agent.pem'), KEY_ID: 'k1', PERSON: path.join(place, 'person.jwt') };
  for (const [sample, [command, ...options]] of Object.entries(kPrograms)) {
    const file = path.join(samples, sample);
    const run = (server, scope, ...args) => finished(command, [...options, file, ...args], { env: { ...env, SERVER: server, SCOPE: scope } });
    const echoed = await run(foreign, 'tools.call', 'echo', JSON.stringify({ message: sample }));
    equal([echoed.code, echoed.out.trim()], [0, `Echo: ${sample}`], `${sample}: a server by others: ${show(echoed.err)}`);
    const listed = await run(directory, 'users.read', 'list_users', '{"limit": 2}');
    check(listed.code === 0 && listed.out.includes('@'), `${sample}: okta-mcp-server: ${show(listed)}`);
    const refused = await run(directory, 'groups.read', 'list_groups');
    check(refused.code !== 0 && refused.err.includes('invalid_scope'), `${sample}: beyond its connection: ${show(refused)}`);
  }
});
