// Who is signed in: an access token, in this page's memory and nowhere else.
//
// The code is asked for by fetch() with prompt=none: where the session cookie is good, the answer is a redirect
// to the callback whose address holds the code, and the PKCE verifier never leaves this memory. Only without a
// session does the whole page go to the authorization endpoint; the code it comes back with belongs to a
// verifier that nobody kept, is dropped unredeemed, and the session that now exists is asked as above. So
// nothing has to be stored for the way there and back.

const kClientId = 'okta-registry-console';
const kCallback = '/console/callback';
const kEndSession = '/oauth2/v1/logout';
export const kScopes = [
  'openid',
  'profile',
  'okta.resourceServers.mcpServers.read',
  'okta.resourceServers.mcpServers.manage',
  'okta.aiAgents.read',
  'okta.aiAgents.manage',
  'okta.authorizationServers.read',
  'okta.authorizationServers.manage',
  'okta.users.read',
  'okta.logs.read',
];
// Errors of the authorization endpoint (RFC 6749 section 4.1.2.1, OpenID Connect Core section 3.1.2.6). Whoever
// makes a link chooses what stands in it, so only known codes are shown.
const kRefusals = {
  access_denied: 'The sign-in was refused, or your account may not use this console.',
  login_required: 'You are not signed in.',
  interaction_required: 'The sign-in needs your attention.',
  consent_required: 'The sign-in needs your attention.',
  invalid_scope: 'Your role allows none of what this console asks for.',
  unauthorized_client: 'This registry does not know its console as a client.',
  server_error: 'The registry could not sign you in. Try again; its log says why.',
  temporarily_unavailable: 'The registry is busy. Try again in a moment.',
};
const kEarlyMs = 60_000;

export class SignInNeeded extends Error {}
/** What stands in the way of a sign-in and does not go away by signing in. */
export class SignInProblem extends Error {}

let token = null; // {value, until, scopes, login}
let metadata = null;
let asking = null;
let leaving = false; // signing out: a token that came now would outlive the sign-out
const watchers = new Set();

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
const random = (bytes) => base64url(crypto.getRandomValues(new Uint8Array(bytes)));

function changed() {
  for (const watcher of watchers) watcher(current());
}
export function onChange(watcher) {
  watchers.add(watcher);
}
export function current() {
  return token ? { login: token.login, scopes: token.scopes } : null;
}
/** False only when the token is known not to have the scope. */
export function allows(scope) {
  return !token || !token.scopes || token.scopes.includes(scope);
}

/** Of the claims only the name is read, to show it; the API judges the token. */
function nameIn(jwt) {
  try {
    const part = jwt.split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0))));
    const name = claims.preferred_username ?? claims.email ?? claims.name ?? claims.sub;
    return typeof name === 'string' ? name : '';
  } catch {
    return '';
  }
}

async function readMetadata() {
  if (metadata) return metadata;
  const answer = await fetch('/.well-known/oauth-authorization-server', { headers: { Accept: 'application/json' } });
  if (!answer.ok) throw new SignInProblem(`The registry's sign-in settings could not be read (HTTP ${answer.status}).`);
  const read = await answer.json();
  for (const name of ['issuer', 'authorization_endpoint', 'token_endpoint']) {
    if (!URL.canParse(read[name])) throw new SignInProblem(`The registry's sign-in settings have no ${name}.`);
    if (new URL(read[name]).origin !== location.origin) {
      throw new SignInProblem(`This registry's address is ${new URL(read[name]).origin}, and you opened it at ${location.origin}. Open the console at its own address.`);
    }
  }
  metadata = read;
  return metadata;
}

async function authorizationUrl(settings, verifier, state, more = {}) {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier)));
  const url = new URL(settings.authorization_endpoint);
  for (const [name, value] of Object.entries({
    client_id: kClientId,
    response_type: 'code',
    redirect_uri: settings.issuer.replace(/\/$/, '') + kCallback,
    scope: kScopes.join(' '),
    state,
    code_challenge: base64url(digest),
    code_challenge_method: 'S256',
    ...more,
  })) {
    url.searchParams.set(name, value);
  }
  return url;
}

async function askQuietly() {
  if (!globalThis.isSecureContext) {
    throw new SignInProblem('Browsers sign in over https, or over http to this very machine. Open the console that way.');
  }
  const settings = await readMetadata();
  const verifier = random(48);
  const state = random(16);
  const asked = await fetch(await authorizationUrl(settings, verifier, state, { prompt: 'none' }), {
    credentials: 'same-origin',
    cache: 'no-store',
    headers: { Accept: 'text/html' },
  }).catch(() => null); // an identity provider's origin, which the page may not fetch
  const at = asked ? new URL(asked.url) : null;
  if (!at || at.pathname !== kCallback) throw new SignInNeeded();
  if (at.searchParams.get('state') !== state) throw new SignInProblem('The sign-in came back with the state of another one.');
  const issuer = at.searchParams.get('iss'); // RFC 9207
  if (issuer !== null && issuer !== settings.issuer) throw new SignInProblem('The sign-in came back from another issuer.');
  const code = at.searchParams.get('code');
  if (!code) {
    const error = at.searchParams.get('error') ?? '';
    if (/^(login|interaction|consent|account_selection)_required$/.test(error)) throw new SignInNeeded();
    throw new SignInProblem(refusal(error));
  }
  const answer = await fetch(settings.token_endpoint, {
    method: 'POST',
    headers: { Accept: 'application/json' },
    cache: 'no-store',
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: settings.issuer.replace(/\/$/, '') + kCallback,
      client_id: kClientId,
      code_verifier: verifier,
    }),
  });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok || typeof body.access_token !== 'string') {
    throw new SignInProblem(`The registry gave no access token (HTTP ${answer.status}${body.error ? `, ${body.error}` : ''}).`);
  }
  token = {
    value: body.access_token,
    until: Date.now() + (Number(body.expires_in) || 300) * 1000,
    scopes: typeof body.scope === 'string' ? body.scope.split(' ') : null,
    login: nameIn(body.id_token ?? body.access_token),
  };
  changed();
}

export function refusal(error) {
  return kRefusals[error] ?? 'The sign-in did not succeed.';
}

/** An access token. Throws SignInNeeded or SignInProblem. */
export async function accessToken() {
  if (leaving) throw new SignInNeeded();
  if (token && token.until - kEarlyMs > Date.now()) return token.value;
  // A program that drives this page, such as a test, may hand over a token before the scripts run. Other
  // origins cannot set it; a frame's or element's name makes no string.
  const handed = globalThis.oktaRegistryConsoleToken;
  if (typeof handed === 'string') {
    token = { value: handed, until: Number.POSITIVE_INFINITY, scopes: null, login: nameIn(handed) };
    changed();
    return handed;
  }
  asking ??= askQuietly().finally(() => {
    asking = null;
  });
  await asking;
  return token.value;
}

/** The API refused it. */
export function dropToken(value) {
  if (token?.value === value && typeof globalThis.oktaRegistryConsoleToken !== 'string') token = null;
}

/** Leaves this page for the sign-in; `route` ("#/servers") is where it comes back to. */
export async function signIn(route) {
  const settings = await readMetadata();
  const state = `${random(16)}.${base64url(new TextEncoder().encode(route))}`;
  location.assign(await authorizationUrl(settings, random(48), state));
}

/** What the callback's address says: where to go on, and what went wrong. Nothing of it is trusted. */
export function readCallback() {
  if (location.pathname !== kCallback) return null;
  const query = new URLSearchParams(location.search);
  let route = '#/servers';
  try {
    const part = (query.get('state') ?? '').split('.')[1].replace(/-/g, '+').replace(/_/g, '/');
    const text = new TextDecoder().decode(Uint8Array.from(atob(part), (c) => c.charCodeAt(0)));
    if (text.startsWith('#/')) route = text;
  } catch {
    // Not a state of ours: the first page then.
  }
  return { route, error: query.has('error') ? refusal(query.get('error')) : '' };
}

/** The token is revoked and the session ends; the page is left for that, and comes back to the sign-in. */
export async function signOut() {
  const settings = await readMetadata();
  leaving = true;
  await asking?.catch(() => undefined);
  const value = token?.value;
  token = null;
  if (value && settings.revocation_endpoint) {
    await fetch(settings.revocation_endpoint, {
      method: 'POST',
      body: new URLSearchParams({ token: value, token_type_hint: 'access_token', client_id: kClientId }),
    }).catch(() => undefined);
  }
  // OpenID Connect RP-Initiated Logout 1.0; from a page of the same origin it asks nothing.
  const url = new URL(kEndSession, location.origin);
  url.searchParams.set('client_id', kClientId);
  url.searchParams.set('post_logout_redirect_uri', `${settings.issuer.replace(/\/$/, '')}/console/`);
  location.assign(url);
}
