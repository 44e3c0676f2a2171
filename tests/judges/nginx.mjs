// Two instances of okta-mcp-server behind nginx, serving one client of each era. What a person confirmed or a plan holds
// counts once, whichever instance hears of it. Instances that share no state refuse changes and go on reading.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

import { check, devOrg, equal, freePort, judge, scratch, serverEnvironment, show, skip, start, textOf, until } from './lib.mjs';
import { httpServer, kModern, post } from './http-lib.mjs';

const kArguments = (port, publicUrl) => ['serve', '--http', `127.0.0.1:${port}`, '--public-url', publicUrl, '--instances', '2'];
// What instances with one state directory share, those with their own do not.
const kState = (directory) => ({ OKTA_MCP_STATE_DIR: directory });

/** nginx in front of the instances: sessions of the older revisions stay with one, everything else goes round. */
async function nginx(port, instances) {
  const work = scratch();
  const servers = instances.map((instance) => `server 127.0.0.1:${instance.port};`).join(' ');
  fs.writeFileSync(
    path.join(work, 'nginx.conf'),
    `${process.getuid() === 0 ? 'user root;' : ''}
daemon off; pid ${work}/pid; error_log ${work}/error.log; worker_processes 1;
events { worker_connections 256; }
http {
  client_body_temp_path ${work}/t1; proxy_temp_path ${work}/t2; fastcgi_temp_path ${work}/t3; uwsgi_temp_path ${work}/t4; scgi_temp_path ${work}/t5;
  log_format who '$upstream_addr $status $http_mcp_session_id $http_mcp_method';
  access_log ${work}/access.log who;
  upstream sessions { hash $http_mcp_session_id consistent; ${servers} keepalive 8; }
  upstream anyone { ${servers} keepalive 8; }
  map $http_mcp_session_id $pool { '' anyone; default sessions; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://$pool; proxy_http_version 1.1; proxy_set_header Connection ''; proxy_set_header Host $http_host;
      proxy_buffering off; proxy_read_timeout 1h;
    }
  }
}
`,
  );
  const server = start('nginx', ['-p', work, '-c', path.join(work, 'nginx.conf'), '-e', path.join(work, 'error.log')]);
  const url = `http://localhost:${port}/mcp`;
  await until(() => fetch(url).then(() => true, () => {
    if (server.child.exitCode !== null) throw new Error(`nginx ended: ${server.output()} ${fs.readFileSync(path.join(work, 'error.log'), 'utf8')}`);
    return false;
  }), 'nginx');
  const requests = () => fs.readFileSync(path.join(work, 'access.log'), 'utf8').trim().split('\n').map((line) => line.split(' '));
  // Why nginx answered for itself, for whoever reads a failure.
  const complaints = () => fs.readFileSync(path.join(work, 'error.log'), 'utf8').trim();
  return { url, requests, complaints };
}

/** Two instances and what is in front of them. */
async function installation(org, environments) {
  const port = await freePort();
  const instances = [];
  for (const env of environments) {
    // Says where clients find it, which is nginx, so its own place has to be known.
    const own = await freePort();
    await httpServer('okta-mcp-server', kArguments(own, `http://localhost:${port}/mcp`), { env: { ...serverEnvironment(org.settings), ...env }, clean: true });
    instances.push({ port: own, url: `http://localhost:${own}/mcp` });
  }
  return { ...(await nginx(port, instances)), instances };
}

async function client(url, name, mode, answer) {
  const made = new Client({ name: 'nginx-judge', version: '1' }, { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode } });
  made.setRequestHandler('elicitation/create', async ({ params }) => answer(params));
  await made.connect(new StreamableHTTPClientTransport(new URL(url)));
  equal(made.getNegotiatedProtocolVersion() === kModern, name === 'modern', `${name}: revision`);
  return made;
}

const yes = ({ requestedSchema }) => ({
  action: 'accept',
  content: Object.fromEntries(
    Object.entries(requestedSchema.properties).map(([key, schema]) => [key, schema.type === 'boolean' ? true : (schema.const ?? schema.enum?.[0] ?? 'yes')]),
  ),
});

/** One client's whole life through nginx: reads, a change, a change that is asked about. */
async function life(place, org, name, mode) {
  const { url } = place;
  let asked = 0;
  const mcp = await client(url, name, mode, (params) => {
    asked++;
    return yes(params);
  });
  const call = async (tool, args) => {
    const result = await mcp.callTool({ name: tool, arguments: args });
    return { text: textOf(result), isError: result.isError === true };
  };
  for (let i = 0; i < 6; i++) check(!(await call('list_users', { limit: 2 })).isError, `${name}: read ${i}`);
  const many = await Promise.all(Array.from({ length: 12 }, () => call('list_users', { limit: 1 })));
  check(many.every((one) => !one.isError), `${name}: reads side by side`);
  const login = `${name}@nginx.example`;
  const created = await call('create_user', { profile: { firstName: 'N', lastName: name, email: login, login } });
  check(!created.isError, `${name}: create_user: ${show(created.text)}`);
  const gone = await call('deactivate_user', { user_id: login });
  check(!gone.isError && asked === 1, `${name}: deactivate_user asked ${asked} times: ${show(gone.text)}`);
  equal((await org.api('GET', `/api/v1/users/${login}`)).body.status, 'DEPROVISIONED', `${name}: done`);
  await mcp.close();
}

/** What was confirmed on one instance, said again to the other: the state opens once in the whole installation. */
async function replay(place, org) {
  const user = (await org.list('/api/v1/users?limit=20')).find((one) => one.status === 'ACTIVE');
  const [one, other] = place.instances.map((instance) => instance.url);
  const capabilities = { elicitation: { form: {} } };
  const params = { name: 'deactivate_user', arguments: { user_id: user.profile.login } };
  const { result } = (await post(one, 'tools/call', params, { capabilities })).body;
  if (!check(result?.requestState, `a question: ${show(result)}`)) return;
  const [key, question] = Object.entries(result.inputRequests)[0];
  const answer = { ...params, requestState: result.requestState, inputResponses: { [key]: yes(question.params) } };
  const done = await post(other, 'tools/call', answer, { capabilities });
  check(done.body?.result && !done.body.result.isError, `asked on one instance, answered on the other: ${show(done.text)}`);
  await org.api('POST', `/api/v1/users/${user.id}/lifecycle/activate?sendEmail=false`);
  for (const [name, url] of [['the first', one], ['the second', other]]) {
    const again = await post(url, 'tools/call', answer, { capabilities });
    equal(again.body?.error?.code, -32602, `the same answer again, on ${name} instance: ${show(again.text)}`);
  }
  check((await org.api('GET', `/api/v1/users/${user.id}`)).body.status !== 'DEPROVISIONED', 'nothing was done a second time');
}

await judge(async () => {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
  } catch {
    skip('nginx is not installed (scripts/install test).');
  }
  const org = await devOrg();
  const common = path.join(scratch(), 'state');
  fs.mkdirSync(common, { mode: 0o700 });
  const place = await installation(org, [kState(common), kState(common)]);
  for (const [name, mode] of [['legacy', 'legacy'], ['modern', { pin: kModern }]]) {
    await life(place, org, name, mode).catch((error) => check(false, `${name}: ${error.message} ${place.complaints()}`));
  }
  const requests = place.requests();
  const instancesOf = (wanted) => new Set(requests.filter(wanted).map(([upstream]) => upstream)).size;
  equal(instancesOf(([, , session, method]) => session === '-' && method === 'tools/call'), 2, 'modern calls went to both instances');
  equal(instancesOf(([, , session]) => session !== '-'), 1, 'one legacy session stayed with one instance');
  await replay(place, org);

  const apart = await installation(org, [kState(path.join(scratch(), 'a')), kState(path.join(scratch(), 'b'))]);
  const mcp = await client(apart.url, 'modern', { pin: kModern }, yes);
  for (let i = 0; i < 4; i++) {
    const read = await mcp.callTool({ name: 'list_users', arguments: { limit: 1 } });
    check(!read.isError, `apart: reads go on: ${show(textOf(read))}`);
    const change = await mcp.callTool({ name: 'create_group', arguments: { profile: { name: `apart ${i}` } } });
    check(change.isError && /state|instance|share/i.test(textOf(change)), `apart: a change is refused with the reason: ${show(textOf(change))}`);
  }
  equal((await org.list('/api/v1/groups?q=apart')).length, 0, 'apart: nothing was changed');
  await mcp.close();
});
