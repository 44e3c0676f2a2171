// Every tool that writes, each with its effect read back from the local org through Okta's own SDK; and, for each
// that a person must confirm, that declining leaves things as they were.
import okta from '@okta/okta-sdk-nodejs';
import { Client } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';

import { check, devOrg, equal, judge, program, serverEnvironment, show, textOf } from './lib.mjs';

/** What the SDK finds, or the status it failed with. */
const found = (promise) => promise.catch((error) => ({ gone: error.status }));
const kGone = { gone: 404 };

async function all(collection) {
  const list = [];
  await (await collection).each((element) => {
    list.push(element.id);
  });
  return list;
}

await judge(async () => {
  const org = await devOrg({ users: 30 });
  const sdk = new okta.Client({ orgUrl: org.url, token: org.token, cacheMiddleware: null });
  const { userApi, groupApi, applicationApi, policyApi } = sdk;

  let yes = true;
  let questions = 0;
  const client = new Client({ name: 'writes-judge', version: '1' }, { capabilities: { elicitation: { form: {} } }, versionNegotiation: { mode: 'auto' } });
  client.setRequestHandler('elicitation/create', async (request) => {
    questions++;
    if (!yes) return { action: 'decline' };
    const properties = Object.entries(request.params.requestedSchema?.properties ?? {});
    return { action: 'accept', content: Object.fromEntries(properties.map(([key, property]) => [key, property.type === 'boolean' ? true : (property.const ?? property.enum?.[0] ?? 'yes')])) };
  });
  await client.connect(new StdioClientTransport({ command: program('okta-mcp-server'), args: ['serve'], env: serverEnvironment(org.settings), stderr: 'inherit' }));

  const done = new Set();
  async function call(tool, args) {
    questions = 0;
    const result = await client.callTool({ name: tool, arguments: args });
    return { isError: result.isError === true, text: textOf(result), asked: questions };
  }
  /** Runs a tool, and compares what `read` finds afterwards. */
  async function writes(tool, args, read, expected) {
    done.add(tool);
    const result = await call(tool, args);
    check(!result.isError, `${tool}: ${show(result.text)}`);
    equal(result.asked, 0, `${tool}: asks nobody`);
    equal(await read(), expected, `${tool}: its effect`);
  }
  /** The same for a tool that a person must confirm: declined first, then accepted. */
  async function confirmed(tool, args, read, expected) {
    done.add(tool);
    const before = await read();
    yes = false;
    const declined = await call(tool, args);
    equal(declined.asked, 1, `${tool}: asks once`);
    equal(await read(), before, `${tool}: declined, so nothing changed (${show(declined.text)})`);
    yes = true;
    const accepted = await call(tool, args);
    check(!accepted.isError && accepted.asked === 1, `${tool}: ${show(accepted.text)}`);
    equal(await read(), expected, `${tool}: its effect`);
  }
  /** A call that must fail and change nothing. */
  async function fails(tool, args, why) {
    const result = await call(tool, args);
    check(result.isError && result.text.length > 20, `${tool} must fail (${why}): ${show(result.text)}`);
  }

  // Users
  const login = 'write@judge.example';
  const profile = { firstName: 'Wanda', lastName: 'Write', email: login, login, department: 'Judging' };
  const readUser = async () => {
    const user = await found(userApi.getUser({ userId: login }));
    return user.gone ? user : [user.status, user.profile.lastName, user.profile.department ?? null];
  };
  await writes('create_user', { profile, activate: false }, readUser, ['STAGED', 'Write', 'Judging']);
  await fails('create_user', { profile }, 'the login is taken');
  await writes('update_user', { user_id: login, profile: { lastName: 'Rewrite', department: null } }, readUser, ['STAGED', 'Rewrite', null]);
  await fails('update_user', { user_id: login, profile: { email: 'not an address' } }, 'no email address');
  const { id: userId } = await userApi.getUser({ userId: login });

  // Groups
  const readGroup = (groupId) => async () => {
    const group = await found(groupApi.getGroup({ groupId }));
    return group.gone ? group : [group.profile.name, group.profile.description];
  };
  const groupNamed = async (name) => (await org.list(`/api/v1/groups?q=${encodeURIComponent(name)}`)).find((group) => group.profile.name === name)?.id;
  for (const remove of ['delete_group', 'confirm_delete_group']) {
    const name = `Writers for ${remove}`;
    await writes('create_group', { profile: { name, description: 'first' } }, async () => readGroup(await groupNamed(name))(), [name, 'first']);
    const id = await groupNamed(name);
    await fails('create_group', { profile: { name } }, 'the name is taken');
    await writes('update_group', { group_id: name, profile: { description: 'second' } }, readGroup(id), [name, 'second']);
    const isMember = async () => (await all(groupApi.listGroupUsers({ groupId: id }))).includes(userId);
    await writes('add_user_to_group', { group_id: id, user_id: login }, isMember, true);
    await fails('add_user_to_group', { group_id: 'no such group', user_id: login }, 'no such group');
    await confirmed('remove_user_from_group', { group_id: name, user_id: login }, isMember, false);
    await confirmed(remove, { group_id: id, ...(remove.startsWith('confirm') ? { confirmation: 'DELETE' } : {}) }, readGroup(id), kGone);
  }

  // Applications
  const readApp = (appId) => async () => {
    const app = await found(applicationApi.getApplication({ appId }));
    return app.gone ? app : [app.label, app.status, app.settings?.app?.url];
  };
  for (const remove of ['delete_application', 'confirm_delete_application']) {
    const label = `Written for ${remove}`;
    const url = 'https://judge.example/a';
    const config = { name: 'bookmark', label, signOnMode: 'BOOKMARK', settings: { app: { requestIntegration: false, url } } };
    const appLabelled = async () => (await org.list('/api/v1/apps?limit=200')).find((app) => app.label === label)?.id;
    await writes('create_application', { app_config: config }, async () => readApp(await appLabelled())(), [label, 'ACTIVE', url]);
    const id = await appLabelled();
    await fails('create_application', { app_config: { label: 'no sign-on mode' } }, 'no sign-on mode');
    const relabelled = `${label}, again`;
    await writes('update_application', { app_id: label, app_config: { label: relabelled } }, readApp(id), [relabelled, 'ACTIVE', url]);
    await fails(remove, { app_id: id, ...(remove.startsWith('confirm') ? { confirmation: 'DELETE' } : {}) }, 'it is active');
    await confirmed('deactivate_application', { app_id: relabelled }, readApp(id), [relabelled, 'INACTIVE', url]);
    await writes('activate_application', { app_id: id }, readApp(id), [relabelled, 'ACTIVE', url]);
    await confirmed('deactivate_application', { app_id: id }, readApp(id), [relabelled, 'INACTIVE', url]);
    await confirmed(remove, { app_id: id, ...(remove.startsWith('confirm') ? { confirmation: 'DELETE' } : {}) }, readApp(id), kGone);
  }

  // Policies and rules
  const everyone = (await org.list('/api/v1/groups?q=Everyone')).find((group) => group.profile.name === 'Everyone').id;
  const name = 'Written sign-on';
  const policy = { type: 'OKTA_SIGN_ON', name, description: 'first', conditions: { people: { groups: { include: [everyone] } } } };
  const policyNamed = async () => (await org.list('/api/v1/policies?type=OKTA_SIGN_ON')).find((one) => one.name === name)?.id;
  const readPolicy = (policyId) => async () => {
    const one = await found(policyApi.getPolicy({ policyId }));
    return one.gone ? one : [one.description, one.status, one.conditions?.people?.groups?.include];
  };
  await writes('create_policy', { policy_data: policy }, async () => readPolicy(await policyNamed())(), ['first', 'ACTIVE', [everyone]]);
  const policyId = await policyNamed();
  await fails('create_policy', { policy_data: { type: 'OKTA_SIGN_ON' } }, 'a policy has a name');
  await writes('update_policy', { policy_id: policyId, policy_data: { description: 'second' } }, readPolicy(policyId), ['second', 'ACTIVE', [everyone]]);
  await confirmed('deactivate_policy', { policy_id: policyId }, readPolicy(policyId), ['second', 'INACTIVE', [everyone]]);
  await writes('activate_policy', { policy_id: name }, readPolicy(policyId), ['second', 'ACTIVE', [everyone]]);

  const signon = { access: 'ALLOW', requireFactor: false, session: { usePersistentCookie: false, maxSessionIdleMinutes: 60, maxSessionLifetimeMinutes: 0 } };
  const rule = { type: 'SIGN_ON', name: 'Written rule', conditions: { network: { connection: 'ANYWHERE' } }, actions: { signon } };
  const firstRule = async () => (await org.list(`/api/v1/policies/${policyId}/rules`))[0]?.id;
  const readRule = (ruleId) => async () => {
    const one = await found(policyApi.getPolicyRule({ policyId, ruleId }));
    return one.gone ? one : [one.name, one.status, one.actions?.signon?.session?.maxSessionIdleMinutes];
  };
  await writes('create_policy_rule', { policy_id: policyId, rule_data: rule }, async () => readRule(await firstRule())(), ['Written rule', 'ACTIVE', 60]);
  const ruleId = await firstRule();
  const place = { policy_id: policyId, rule_id: ruleId };
  await fails('create_policy_rule', { policy_id: policyId, rule_data: { type: 'SIGN_ON' } }, 'a rule has a name');
  await writes('update_policy_rule', { ...place, rule_data: { name: 'Rewritten rule' } }, readRule(ruleId), ['Rewritten rule', 'ACTIVE', 60]);
  await confirmed('deactivate_policy_rule', place, readRule(ruleId), ['Rewritten rule', 'INACTIVE', 60]);
  await writes('activate_policy_rule', { policy_id: name, rule_id: 'Rewritten rule' }, readRule(ruleId), ['Rewritten rule', 'ACTIVE', 60]);
  await confirmed('delete_policy_rule', place, readRule(ruleId), kGone);
  await fails('delete_policy_rule', place, 'it is gone');
  await confirmed('delete_policy', { policy_id: policyId }, readPolicy(policyId), kGone);
  await fails('deactivate_policy', { policy_id: policyId }, 'it is gone');

  // The end of the user
  await fails('delete_deactivated_user', { user_id: login }, 'not deactivated yet');
  await confirmed('deactivate_user', { user_id: login }, async () => (await readUser())[0], 'DEPROVISIONED');
  await confirmed('delete_deactivated_user', { user_id: userId }, readUser, kGone);
  await fails('deactivate_user', { user_id: userId }, 'it is gone');

  const { tools } = await client.listTools();
  const writing = tools.filter((tool) => !tool.annotations.readOnlyHint).map((tool) => tool.name);
  equal([...done].sort(), writing.sort(), 'the tools judged are the tools that write');
  await client.close();
});
