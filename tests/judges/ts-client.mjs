// The official TypeScript client lists and calls tools over stdio in each of its modes, and what a tool says it
// did is looked up in the org itself.
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { check, devOrg, equal, judge, program, serverEnvironment, show, textOf } from './lib.mjs';

const kModes = { legacy: 'legacy', modern: { pin: '2026-07-28' }, auto: 'auto' };

async function connect(mode, settings, onQuestion) {
  const transport = new StdioClientTransport({
    command: program('okta-mcp-server'),
    args: ['serve'],
    env: serverEnvironment(settings),
    stderr: 'inherit',
  });
  const client = new Client(
    { name: 'ts-client-judge', version: '1' },
    { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode } },
  );
  client.setRequestHandler('elicitation/create', async (request) => onQuestion(request.params));
  await client.connect(transport);
  return client;
}

await judge(async () => {
  const org = await devOrg();
  const someone = (await org.list('/api/v1/users?limit=200'))[3];
  const group = (await org.list('/api/v1/groups?limit=200')).find((g) => g.type === 'OKTA_GROUP');

  for (const [name, mode] of Object.entries(kModes)) {
    let answer = { action: 'decline' };
    const questions = [];
    const client = await connect(mode, org.settings, (question) => {
      questions.push(question);
      return answer;
    });
    const call = async (tool, args) => {
      const result = await client.callTool({ name: tool, arguments: args });
      return { text: textOf(result), isError: result.isError === true, result };
    };
    const protocol = client.getNegotiatedProtocolVersion?.();
    console.log(`${name}: negotiated ${protocol}`);
    equal(protocol === '2026-07-28', name !== 'legacy', `${name}: the newest revision is spoken exactly when asked for`);

    const { tools } = await client.listTools();
    check(tools.length >= 30, `${name}: ${tools.length} tools listed`);
    for (const tool of tools) {
      check(tool.title && tool.description && tool.inputSchema.type === 'object', `${name}: ${tool.name} says what it is`);
      equal(tool.inputSchema.additionalProperties, false, `${name}: ${tool.name} has a closed schema`);
      check(typeof tool.annotations?.readOnlyHint === 'boolean', `${name}: ${tool.name} says whether it only reads`);
    }

    const listed = await call('list_users', { limit: 5, format: 'json' });
    check(!listed.isError && listed.text.includes('@'), `${name}: list_users answers users: ${show(listed.text)}`);
    const found = await call('get_user', { user_id: someone.profile.login });
    check(!found.isError && found.text.includes(someone.id), `${name}: get_user by login finds ${someone.id}: ${show(found.text)}`);

    const login = `ada.${name}@judge.example`;
    const profile = { firstName: 'Ada', lastName: `Judge ${name}`, email: login, login };
    const created = await call('create_user', { profile });
    check(!created.isError, `${name}: create_user: ${show(created.text)}`);
    const user = (await org.api('GET', `/api/v1/users/${encodeURIComponent(login)}`)).body;
    equal(user.status, 'PROVISIONED', `${name}: the user is there, activated and without a password yet`);
    equal(user.profile.lastName, profile.lastName, `${name}: as asked for`);

    const joined = await call('add_user_to_group', { group_id: group.profile.name, user_id: login });
    check(!joined.isError, `${name}: add_user_to_group by names: ${show(joined.text)}`);
    const groups = (await org.api('GET', `/api/v1/users/${user.id}/groups`)).body;
    check(groups.some((g) => g.id === group.id), `${name}: the user is a member`);

    questions.length = 0;
    const declined = await call('deactivate_user', { user_id: login });
    check(questions.length === 1, `${name}: a person was asked once, not ${questions.length} times`);
    check(questions[0]?.message?.includes(login), `${name}: the question names the user: ${show(questions[0]?.message)}`);
    equal((await org.api('GET', `/api/v1/users/${user.id}`)).body.status, user.status, `${name}: declined, so nothing changed (${show(declined.text)})`);

    answer = { action: 'accept', content: acceptance(questions[0]?.requestedSchema) };
    const accepted = await call('deactivate_user', { user_id: login });
    check(!accepted.isError, `${name}: deactivate_user, accepted: ${show(accepted.text)}`);
    equal((await org.api('GET', `/api/v1/users/${user.id}`)).body.status, 'DEPROVISIONED', `${name}: accepted, so it is done`);

    const unknown = await call('get_user', { user_id: 'nobody@judge.example' });
    check(unknown.isError, `${name}: an unknown user is an error result: ${show(unknown.text)}`);
    const undeclared = await call('get_user', { user_id: login, confirm: true }).catch((error) => ({ isError: true, text: error.message }));
    check(undeclared.isError, `${name}: an undeclared argument is refused`);
    await client.close();
  }
});

/** Says yes to whatever the form asks. */
export function acceptance(schema) {
  return Object.fromEntries(
    Object.entries(schema?.properties ?? {}).map(([key, property]) => [
      key,
      property.type === 'boolean' ? true : (property.const ?? property.enum?.[0] ?? 'yes'),
    ]),
  );
}
