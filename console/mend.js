// The two things that most servers lack: an authorization server, and a client registration with one.
import { h, replace } from './dom.js';
import { all, change, kCustom, kServers, kSettings, orNothing, path } from './api.js';
import { ask, checkbox, choice, field, input, notice, select, splitWords } from './widgets.js';

export const callbackUrl = () => `${location.origin}/oauth2/v1/sts/callback`;

/** Asks and adds; resolves to whether one was added. */
export async function addAuthServer(server, signal) {
  const custom = (await orNothing(all(kCustom, { signal })))?.rows.filter((row) => row.status === 'ACTIVE') ?? [];
  const place = h('div', {});
  let type = custom.length > 0 ? 'OKTA' : 'EXTERNAL';
  function show() {
    if (type === 'OKTA') {
      replace(place, custom.length > 0
        ? field('Authorization server', select('custom', custom.map((row) => [row.id, `${row.name} (${row.id})`]), custom[0].id), { hint: 'XAA works with no further settings.' })
        : notice('warn', h('p', {}, 'There is no active Okta custom authorization server yet. Create one under Authorization servers.')));
      return;
    }
    replace(place,
      field('Issuer', input('issuer', { type: 'url', required: true, placeholder: 'https://login.example.com' }), { hint: 'Exactly as its metadata says. It cannot be changed later.' }),
      field('Authorization endpoint', input('authorizationEndpoint', { type: 'url' }), { optional: true, hint: 'Empty: taken from its metadata.' }),
      field('Token endpoint', input('tokenEndpoint', { type: 'url' }), { optional: true, hint: 'Empty: taken from its metadata.' }),
      h('fieldset', { class: 'choice' }, h('legend', {}, 'Grant types'), checkbox('grant', 'authorization_code', { value: 'authorization_code', checked: true }), checkbox('grant', 'refresh_token', { value: 'refresh_token', checked: true, hint: 'Without it people consent again each time a token expires.' })));
  }
  show();
  return ask({
    title: 'Add an authorization server',
    content: [choice('Kind', 'type', [
      ['OKTA', 'Okta custom', 'One of this registry’s own. Agents exchange a person’s sign-in for a token (XAA); nobody has to consent.'],
      ['EXTERNAL', 'External', 'Somebody else’s. Each person consents once, and the registry keeps the token (STS).'],
    ], type, (value) => {
      type = value;
      show();
    }), place],
    action: 'Add',
    act: (data) => {
      const chosen = custom.find((row) => row.id === data.get('custom'));
      const given = (name) => data.get(name)?.trim() || undefined;
      const body = type === 'OKTA'
        ? { type, orn: chosen?.orn ?? chosen?.id }
        : { type, issuer: given('issuer'), authorizationEndpoint: given('authorizationEndpoint'), tokenEndpoint: given('tokenEndpoint'), grantTypes: data.getAll('grant') };
      return change('POST', path(kServers, server, 'authorization-servers'), { body });
    },
  });
}

/** What its metadata does not say, or says wrongly, and whether XAA is allowed toward it. */
export function editAuthServer(server, row) {
  return ask({
    title: 'Change this authorization server',
    content: [
      h('p', { class: 'break' }, row.issuer),
      field('Authorization endpoint', input('authorizationEndpoint', { type: 'url', value: row.authorizationEndpoint ?? '' })),
      field('Token endpoint', input('tokenEndpoint', { type: 'url', value: row.tokenEndpoint ?? '' })),
      h('fieldset', { class: 'choice' }, h('legend', {}, 'Grant types'), ['authorization_code', 'refresh_token'].map((grant) => checkbox('grant', grant, { value: grant, checked: row.grantTypes?.includes(grant) }))),
      checkbox('xaa', 'Allow XAA toward it', { checked: row.xaaEnabled === true, hint: 'Only where it takes ID-JAGs of this registry. Off unless you say so.' }),
    ],
    action: 'Save',
    act: (data) => {
      const others = (row.grantTypes ?? []).filter((grant) => !['authorization_code', 'refresh_token'].includes(grant));
      const body = { grantTypes: [...data.getAll('grant'), ...others], xaaEnabled: data.has('xaa') };
      for (const name of ['authorizationEndpoint', 'tokenEndpoint']) {
        const given = data.get(name).trim();
        if (given !== (row[name] ?? '')) body[name] = given || null;
      }
      return change('PATCH', path(kServers, server, 'authorization-servers', row.id), { merge: true, body });
    },
  });
}

/** As above, for a client registration with one of the external `authServers`. */
export function addRegistration(server, authServers, chosen) {
  const external = authServers.filter((row) => row.type === 'EXTERNAL');
  const place = h('div', {});
  let kind = 'MANUAL';
  function show() {
    if (kind === 'DYNAMIC') {
      replace(place, notice('plain', h('p', {}, 'The registry registers itself there (RFC 7591) and keeps what it is given.')));
      return;
    }
    replace(place,
      notice('plain', h('p', {}, 'Register this callback address there: ', h('code', { class: 'break' }, callbackUrl()))),
      field('Client ID', input('clientId', { required: true })),
      field('Client secret', input('clientSecret', { type: 'password', autocomplete: 'new-password' }), { optional: true, hint: 'Kept sealed; it is never shown again.' }),
      field('Client authentication', select('authMethod', [['client_secret_basic', 'client_secret_basic'], ['client_secret_post', 'client_secret_post'], ['none', 'none (public client)']], 'client_secret_basic')));
  }
  show();
  return ask({
    title: 'Add a client registration',
    content: [
      field('Authorization server', select('authServer', external.map((row) => [row.id, row.issuer]), chosen ?? external[0]?.id)),
      field('Name', input('name', { required: true, maxlength: '255' })),
      choice('Registration', 'kind', [['MANUAL', 'Manual', 'You have registered a client there and enter its credentials.'], ['DYNAMIC', 'Dynamic', 'Where the authorization server lets clients register themselves. This cannot be changed later.']], kind, (value) => {
        kind = value;
        show();
      }),
      place,
      field('Scopes', input('scopes'), { optional: true, hint: 'What people are asked to consent to, with spaces between.' }),
    ],
    action: 'Add',
    act: (data) => change('POST', kSettings, { body: {
      name: data.get('name').trim(),
      mcpServerId: server,
      authorizationServerId: data.get('authServer'),
      registrationType: kind,
      clientId: kind === 'MANUAL' ? data.get('clientId').trim() : undefined,
      clientSecret: kind === 'MANUAL' ? data.get('clientSecret') || undefined : undefined,
      tokenEndpointAuthMethod: kind === 'MANUAL' ? data.get('authMethod') : undefined,
      scopes: splitWords(data.get('scopes')),
    } }),
  });
}
