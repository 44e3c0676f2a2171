// Okta's own Node SDK, signed in with an API token, with a private key, and with a private key and DPoP, walks the
// local org: what it creates it reads, changes, moves through its lifecycle and deletes, and long lists it follows
// page by page.
import { createPrivateKey } from 'node:crypto';
import okta from '@okta/okta-sdk-nodejs';

import { check, devOrg, equal, judge, show } from './lib.mjs';

/** What a call that must fail failed with. */
async function refusal(promise) {
  try {
    await promise;
  } catch (error) {
    return { status: error.status, code: error.errorCode ?? error.error ?? error.name, message: error.message };
  }
  return { status: 'none', code: 'none', message: 'it was allowed' };
}

async function expectRefusal(promise, status, code, what) {
  const found = await refusal(promise);
  check(found.status === status && found.code === code, `${what}: expected ${status} ${code}, found ${show(found)}`);
}

async function all(collection) {
  const found = [];
  await (await collection).each((element) => {
    found.push(element);
  });
  return found;
}

const ids = (list) => list.map((element) => element.id).sort();

async function walkUsers(client, org, mode) {
  const { userApi } = client;
  const expected = await org.list('/api/v1/users?limit=200');
  const paged = await all(userApi.listUsers({ limit: 17 }));
  equal(ids(paged), ids(expected), `${mode}: listUsers gives every user once, 17 a page`);
  check(!paged.some((user) => user.status === 'DEPROVISIONED'), `${mode}: a plain list leaves DEPROVISIONED users out`);

  const login = `sdk.${mode}@judge.example`.toLowerCase();
  const profile = { firstName: 'Sdk', lastName: mode, email: login, login };
  const staged = await userApi.createUser({ body: { profile }, activate: false });
  equal(staged.status, 'STAGED', `${mode}: created without activation`);
  await expectRefusal(userApi.createUser({ body: { profile } }), 400, 'E0000001', `${mode}: the login is taken`);
  await expectRefusal(userApi.createUser({ body: { profile: { firstName: 'x' } } }), 400, 'E0000001', `${mode}: a profile without a login`);

  await userApi.activateUser({ userId: staged.id, sendEmail: false });
  if (mode === 'DPoP') {
    // The SDK signs the escaped path, and Okta wants it decoded (okta/okta-sdk-nodejs issue 521).
    const refused = await refusal(userApi.getUser({ userId: login }));
    equal(refused.status, 400, `${mode}: a login in the path: ${show(refused)}`);
  }
  const active = await userApi.getUser({ userId: mode === 'DPoP' ? staged.id : login });
  check(['PROVISIONED', 'ACTIVE'].includes(active.status), `${mode}: activated: ${active.status}`);
  await expectRefusal(userApi.getUser({ userId: '00uNobodyAtAll000000' }), 404, 'E0000007', `${mode}: an unknown user`);

  const updated = await userApi.updateUser({ userId: staged.id, user: { profile: { department: 'Judging' } } });
  equal(updated.profile.department, 'Judging', `${mode}: a partial update changes what it names`);
  equal(updated.profile.lastName, mode, `${mode}: and keeps the rest`);
  const replaced = await userApi.replaceUser({ userId: staged.id, user: { profile: { ...profile, nickName: 'Jay' } } });
  equal(replaced.profile.nickName, 'Jay', `${mode}: a replacement sets what it names`);
  check(replaced.profile.department === undefined || replaced.profile.department === null, `${mode}: and drops the rest`);

  const someone = expected.find((user) => user.status === 'ACTIVE');
  await userApi.suspendUser({ userId: someone.id });
  equal((await userApi.getUser({ userId: someone.id })).status, 'SUSPENDED', `${mode}: suspended`);
  equal((await refusal(userApi.suspendUser({ userId: someone.id }))).status, 400, `${mode}: nobody is suspended twice`);
  await userApi.unsuspendUser({ userId: someone.id });
  equal((await userApi.getUser({ userId: someone.id })).status, 'ACTIVE', `${mode}: and back`);

  await userApi.deleteUser({ userId: staged.id });
  equal((await userApi.getUser({ userId: staged.id })).status, 'DEPROVISIONED', `${mode}: the first delete only deactivates`);
  await userApi.deleteUser({ userId: staged.id });
  await expectRefusal(userApi.getUser({ userId: staged.id }), 404, 'E0000007', `${mode}: the second one deletes`);
}

async function walkGroups(client, org, mode) {
  const { groupApi, userApi } = client;
  equal(ids(await all(groupApi.listGroups({ limit: 3 }))), ids(await org.list('/api/v1/groups?limit=200')), `${mode}: listGroups gives every group once, 3 a page`);

  const name = `Judges by ${mode}`;
  const group = await groupApi.createGroup({ group: { profile: { name, description: 'first' } } });
  equal((await groupApi.getGroup({ groupId: group.id })).profile.name, name, `${mode}: the group is there`);
  await expectRefusal(groupApi.createGroup({ group: { profile: { name } } }), 400, 'E0000001', `${mode}: the name is taken`);
  const renamed = await groupApi.replaceGroup({ groupId: group.id, group: { profile: { name: `${name} 2`, description: 'second' } } });
  equal(renamed.profile.description, 'second', `${mode}: the group is replaced`);

  const members = (await org.list('/api/v1/users?limit=200')).filter((user) => user.status === 'ACTIVE').slice(0, 7);
  for (const user of members) await groupApi.assignUserToGroup({ groupId: group.id, userId: user.id });
  equal(ids(await all(groupApi.listGroupUsers({ groupId: group.id, limit: 2 }))), ids(members), `${mode}: members, 2 a page`);
  check((await all(userApi.listUserGroups({ userId: members[0].id }))).some((g) => g.id === group.id), `${mode}: the user's groups name it`);
  await groupApi.unassignUserFromGroup({ groupId: group.id, userId: members[0].id });
  equal(ids(await all(groupApi.listGroupUsers({ groupId: group.id }))), ids(members.slice(1)), `${mode}: one less`);

  const rule = await groupApi.createGroupRule({
    groupRule: {
      type: 'group_rule',
      name: `Rule ${mode}`,
      conditions: { expression: { value: 'user.department=="Judging"', type: 'urn:okta:expression:1.0' } },
      actions: { assignUserToGroups: { groupIds: [group.id] } },
    },
  });
  equal(rule.status, 'INACTIVE', `${mode}: a new rule is inactive`);
  await groupApi.activateGroupRule({ ruleId: rule.id });
  equal((await groupApi.getGroupRule({ ruleId: rule.id })).status, 'ACTIVE', `${mode}: and can be activated`);
  await groupApi.deactivateGroupRule({ ruleId: rule.id });
  await groupApi.deleteGroupRule({ ruleId: rule.id });

  await groupApi.deleteGroup({ groupId: group.id });
  await expectRefusal(groupApi.getGroup({ groupId: group.id }), 404, 'E0000007', `${mode}: the group is gone`);
}

async function walkApplications(client, org, mode) {
  const { applicationApi, groupApi } = client;
  equal(ids(await all(applicationApi.listApplications({ limit: 4 }))), ids(await org.list('/api/v1/apps?limit=200')), `${mode}: listApplications, 4 a page`);

  const label = `Judged by ${mode}`;
  const bookmark = { name: 'bookmark', label, signOnMode: 'BOOKMARK', settings: { app: { requestIntegration: false, url: 'https://judge.example/a' } } };
  const app = await applicationApi.createApplication({ application: bookmark, activate: true });
  equal(app.status, 'ACTIVE', `${mode}: the application is active`);
  equal((await applicationApi.getApplication({ appId: app.id })).label, label, `${mode}: and there`);
  const replaced = await applicationApi.replaceApplication({ appId: app.id, application: { ...bookmark, label: `${label} 2` } });
  equal(replaced.label, `${label} 2`, `${mode}: relabelled`);

  const user = (await org.list('/api/v1/users?limit=200')).find((one) => one.status === 'ACTIVE');
  await applicationApi.assignUserToApplication({ appId: app.id, appUser: { id: user.id, scope: 'USER', credentials: { userName: user.profile.login } } });
  check((await all(applicationApi.listApplicationUsers({ appId: app.id }))).some((one) => one.id === user.id), `${mode}: the user is assigned`);
  await applicationApi.unassignUserFromApplication({ appId: app.id, userId: user.id });
  const group = (await org.list('/api/v1/groups?limit=200')).find((one) => one.type === 'OKTA_GROUP');
  await applicationApi.assignGroupToApplication({ appId: app.id, groupId: group.id, applicationGroupAssignment: { priority: 0 } });
  check((await all(applicationApi.listApplicationGroupAssignments({ appId: app.id }))).some((one) => one.id === group.id), `${mode}: the group is assigned`);
  check((await all(groupApi.listAssignedApplicationsForGroup({ groupId: group.id, limit: 200 }))).some((one) => one.id === app.id), `${mode}: the group's applications name it`);
  await applicationApi.unassignApplicationFromGroup({ appId: app.id, groupId: group.id });

  const active = await refusal(applicationApi.deleteApplication({ appId: app.id }));
  equal(active.status, 403, `${mode}: an active application is not deleted: ${show(active)}`);
  await applicationApi.deactivateApplication({ appId: app.id });
  equal((await applicationApi.getApplication({ appId: app.id })).status, 'INACTIVE', `${mode}: deactivated`);
  await applicationApi.activateApplication({ appId: app.id });
  await applicationApi.deactivateApplication({ appId: app.id });
  await applicationApi.deleteApplication({ appId: app.id });
  await expectRefusal(applicationApi.getApplication({ appId: app.id }), 404, 'E0000007', `${mode}: the application is gone`);
}

async function walkPolicies(client, org, mode) {
  const { policyApi } = client;
  const type = 'OKTA_SIGN_ON';
  equal(ids(await all(policyApi.listPolicies({ type }))), ids(await org.list(`/api/v1/policies?type=${type}`)), `${mode}: listPolicies`);
  const group = (await org.list('/api/v1/groups?limit=200')).find((one) => one.type === 'OKTA_GROUP');
  const body = { type, name: `Policy ${mode}`, description: 'first', conditions: { people: { groups: { include: [group.id] } } } };
  const policy = await policyApi.createPolicy({ policy: body, activate: true });
  equal(policy.status, 'ACTIVE', `${mode}: the policy is active`);
  const replaced = await policyApi.replacePolicy({ policyId: policy.id, policy: { ...body, description: 'second' } });
  equal(replaced.description, 'second', `${mode}: the policy is replaced`);

  const rule = {
    type: 'SIGN_ON',
    name: `Rule ${mode}`,
    conditions: { network: { connection: 'ANYWHERE' } },
    actions: { signon: { access: 'ALLOW', requireFactor: false, session: { usePersistentCookie: false, maxSessionIdleMinutes: 120, maxSessionLifetimeMinutes: 0 } } },
  };
  const made = await policyApi.createPolicyRule({ policyId: policy.id, policyRule: rule });
  const place = { policyId: policy.id, ruleId: made.id };
  equal((await policyApi.getPolicyRule(place)).name, rule.name, `${mode}: the rule is there`);
  await policyApi.replacePolicyRule({ ...place, policyRule: { ...rule, name: `${rule.name} 2` } });
  await policyApi.deactivatePolicyRule(place);
  const off = await policyApi.getPolicyRule(place);
  equal([off.name, off.status], [`${rule.name} 2`, 'INACTIVE'], `${mode}: the rule is renamed and inactive`);
  await policyApi.activatePolicyRule(place);
  equal(ids(await all(policyApi.listPolicyRules({ policyId: policy.id }))), [made.id], `${mode}: the policy has one rule`);
  await policyApi.deletePolicyRule(place);
  await expectRefusal(policyApi.getPolicyRule(place), 404, 'E0000007', `${mode}: the rule is gone`);

  await policyApi.deactivatePolicy({ policyId: policy.id });
  equal((await policyApi.getPolicy({ policyId: policy.id })).status, 'INACTIVE', `${mode}: the policy is inactive`);
  await policyApi.activatePolicy({ policyId: policy.id });
  await policyApi.deletePolicy({ policyId: policy.id });
  await expectRefusal(policyApi.getPolicy({ policyId: policy.id }), 404, 'E0000007', `${mode}: the policy is gone`);
}

async function walkLog(client, org, mode) {
  const { systemLogApi } = client;
  const until = new Date();
  const since = new Date(until - 3 * 86_400_000);
  const window = { since: since.toISOString(), until: until.toISOString() };
  const expected = await org.list(`/api/v1/logs?since=${window.since}&until=${window.until}&limit=1000`);
  const paged = await all(systemLogApi.listLogEvents({ ...window, limit: 20 }));
  check(expected.length > 40, `${mode}: three days have more than two pages of events (${expected.length})`);
  equal(paged.map((event) => event.uuid), expected.map((event) => event.uuid), `${mode}: every event once and in order, 20 a page`);
  const logins = await all(systemLogApi.listLogEvents({ ...window, limit: 1000, filter: 'eventType eq "user.session.start"' }));
  equal(logins.length, expected.filter((event) => event.eventType === 'user.session.start').length, `${mode}: a filter leaves the logins`);
  const newest = await all(systemLogApi.listLogEvents({ ...window, limit: 1000, sortOrder: 'DESCENDING' }));
  equal(newest[0]?.uuid, expected.at(-1)?.uuid, `${mode}: descending starts with the newest`);
}

async function walkAll(client, org, mode) {
  for (const walk of [walkUsers, walkGroups, walkApplications, walkPolicies, walkLog]) {
    try {
      await walk(client, org, mode);
    } catch (error) {
      check(false, `${mode}: ${walk.name} broke off: ${error.message}\n${error.stack}`);
    }
  }
}

function settingsOf(org) {
  const { OKTA_CLIENT_ID: clientId, OKTA_SCOPES: scopes, OKTA_PRIVATE_KEY: keyText, OKTA_KEY_ID: keyId } = org.settings;
  // PEM on one line, with \n for its line ends, so that it fits into a variable.
  const pem = keyText.replaceAll('\\n', '\n');
  const privateKey = JSON.stringify({ ...createPrivateKey(pem).export({ format: 'jwk' }), kid: keyId });
  // The SDK would answer a second read from its memory.
  const common = { orgUrl: org.url, cacheMiddleware: null };
  return { common, key: { ...common, authorizationMode: 'PrivateKey', clientId, privateKey, keyId }, scopes };
}

await judge(async () => {
  const org = await devOrg({ users: 90, args: ['--dpop', 'off'] });
  const { common, key, scopes } = settingsOf(org);
  await walkAll(new okta.Client({ ...common, token: org.token }), org, 'SSWS');
  const bearer = new okta.Client({ ...key, scopes: scopes.split(/[\s,]+/) });
  await walkAll(bearer, org, 'PrivateKey');
  equal([bearer.oauth.isDPoP, bearer.oauth.accessToken.token_type], [false, 'Bearer'], 'PrivateKey: no DPoP where it is off');

  const reader = new okta.Client({ ...key, scopes: ['okta.users.read'] });
  check((await all(reader.userApi.listUsers({ limit: 200 }))).length > 0, 'a token with okta.users.read reads users');
  await expectRefusal(reader.groupApi.createGroup({ group: { profile: { name: 'not allowed' } } }), 403, 'E0000006', 'and makes no group');
  const stranger = new okta.Client({ ...common, token: '00notTheToken' });
  await expectRefusal(all(stranger.userApi.listUsers({})), 401, 'E0000011', 'a wrong API token');

  // The SDK takes up DPoP when the org demands a nonce.
  const strict = await devOrg({ users: 90, args: ['--dpop', 'required'] });
  const ofStrict = settingsOf(strict);
  const unbound = new okta.Client({ ...ofStrict.common, token: strict.token });
  check((await all(unbound.userApi.listUsers({ limit: 200 }))).length > 0, 'an API token does where apps need DPoP');
  const bound = new okta.Client({ ...ofStrict.key, scopes: ofStrict.scopes.split(/[\s,]+/) });
  await walkAll(bound, strict, 'DPoP');
  equal([bound.oauth.isDPoP, bound.oauth.accessToken.token_type], [true, 'DPoP'], 'DPoP: the token is bound');
  const narrow = new okta.Client({ ...ofStrict.key, scopes: ['okta.users.read'] });
  await expectRefusal(narrow.groupApi.createGroup({ group: { profile: { name: 'not allowed' } } }), 403, 'E0000006', 'DPoP: a scope that is missing');

  // A stolen token is of no use to whoever lacks the key.
  const stolen = await fetch(`${strict.url}/api/v1/users`, { headers: { authorization: `Bearer ${bound.oauth.accessToken.access_token}` } });
  equal(stolen.status, 400, 'DPoP: the token as a bearer token');
  check(/^DPoP algs="RS256 .*error="invalid_request"/.test(stolen.headers.get('www-authenticate') ?? ''), `DPoP: and says why: ${stolen.headers.get('www-authenticate')}`);
});
