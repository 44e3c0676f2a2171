// External authorization servers as they are where the standards were not there yet, each with its pages for people: one
// shaped like GitHub's OAuth apps, one like GitLab's.
import { createHash, randomBytes } from 'node:crypto';

import { check } from './lib.mjs';
import { listen } from './sts-lib.mjs';

const sha256 = (text) => createHash('sha256').update(text).digest('base64url');
const random = (prefix) => prefix + randomBytes(20).toString('hex');
const form = (fields) => new URLSearchParams(fields).toString();
const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);

/** What both have: a session, a question, codes for one use. `kind` says where they are, and how they answer. */
async function site(kind, redirectUri) {
  const state = {
    client: { id: random('Iv1.'), secret: random(kind.secretPrefix) },
    seconds: kind.seconds,  // of access tokens
    codes: new Map(),
    access: new Map(),  // token => { sub, scope, family, until }
    refresh: new Map(),  // token => { sub, scope, family, used }
    asked: [],  // the grants of the token endpoint, as they came
    secrets: new Set(),
  };
  state.secrets.add(state.client.secret);
  const sessions = new Map();
  const family = (id) => {
    for (const tokens of [state.access, state.refresh]) for (const [token, entry] of tokens) if (entry.family === id) tokens.delete(token);
  };
  /** The person takes back what they allowed, or the server finds out that a refresh token was stolen. */
  state.endFamilyOf = (token) => family((state.access.get(token) ?? state.refresh.get(token)).family);
  state.verify = async (token) => {
    const response = await fetch(`${state.origin}${kind.user}`, { headers: { authorization: `Bearer ${token}` } });
    return response.ok ? response.json() : null;
  };

  const issue = (sub, scope, of) => {
    const access = random(kind.accessPrefix);
    state.access.set(access, { sub, scope, family: of, until: state.seconds ? Date.now() + state.seconds * 1000 : Infinity });
    state.secrets.add(access);
    const answer = { access_token: access, token_type: kind.tokenType, scope: scope.split(' ').join(kind.separator) };
    if (!kind.rotates) return answer;
    const refresh = random('');
    state.refresh.set(refresh, { sub, scope, family: of, used: false });
    state.secrets.add(refresh);
    return { ...answer, expires_in: state.seconds, refresh_token: refresh, created_at: Math.floor(Date.now() / 1000) };
  };
  const code = (fields) => {
    const entry = state.codes.get(fields.code);
    state.codes.delete(fields.code);
    if (!entry || entry.redirectUri !== fields.redirect_uri || entry.challenge !== sha256(fields.code_verifier ?? '')) return null;
    return issue(entry.sub, entry.scope, random('family'));
  };
  const refresh = (fields) => {
    const entry = state.refresh.get(fields.refresh_token);
    if (!entry) return null;
    if (entry.used) {
      family(entry.family);
      return null;
    }
    entry.used = true;
    for (const [token, { family: of }] of state.access) if (of === entry.family) state.access.delete(token);
    return issue(entry.sub, entry.scope, entry.family);
  };
  const token = (request, body) => {
    const fields = Object.fromEntries(new URLSearchParams(body));
    const basic = Buffer.from((request.headers.authorization ?? '').replace(/^Basic /, ''), 'base64').toString().split(':').map(decodeURIComponent);
    const [id, secret] = basic.length === 2 ? basic : [fields.client_id, fields.client_secret];
    state.asked.push(fields);
    if (id !== state.client.id || secret !== state.client.secret) return kind.refusal('client');
    const answer = fields.grant_type === 'refresh_token' && kind.rotates ? refresh(fields) : fields.grant_type === 'authorization_code' ? code(fields) : null;
    return answer ? kind.answer(answer) : kind.refusal('grant');
  };

  const page = (title, inner) => [200, `<!doctype html><html lang="en"><title>${title}</title><h1>${title}</h1><form method="post">${inner}</form>`];
  const back = (uri, fields) => [302, '', { location: `${uri}?${form(fields)}` }];
  const authorize = (request, url, body) => {
    const query = Object.fromEntries(url.searchParams);
    if (query.client_id !== state.client.id || query.redirect_uri !== redirectUri || query.response_type !== 'code') return [404, 'no such application'];
    check(query.state?.length >= 32 && query.code_challenge_method === 'S256', `${kind.name}: the request has a state, and PKCE`);
    const fields = Object.fromEntries(new URLSearchParams(body));
    if (fields.login) {
      const session = random('s');
      sessions.set(session, fields.login);
      return [302, '', { location: url.pathname + url.search, 'set-cookie': `${kind.name}=${session}; Path=/; HttpOnly; SameSite=Lax` }];
    }
    const sub = sessions.get(new RegExp(`${kind.name}=(\\w+)`).exec(request.headers.cookie ?? '')?.[1]);
    if (!sub) return page('Sign in', '<input name="login"><input name="password" type="password"><button type="submit">Sign in</button>');
    if (!fields.authorize) return page(`Authorize for ${escaped(sub)}`, `<p>${escaped(query.scope ?? '')}</p><button type="submit" name="authorize" value="1">Authorize</button><button type="submit" class="no" name="authorize" value="0">Cancel</button>`);
    if (fields.authorize !== '1') return back(redirectUri, { error: 'access_denied', error_description: 'The user has denied your application access.', state: query.state });
    const made = random('');
    state.secrets.add(made);
    state.codes.set(made, { sub, scope: query.scope ?? '', redirectUri, challenge: query.code_challenge });
    return back(redirectUri, { code: made, state: query.state });
  };

  state.origin = await listen((request, url, body) => {
    if (url.pathname === kind.authorize) return authorize(request, url, body);
    if (url.pathname === kind.token && request.method === 'POST') return token(request, body);
    if (url.pathname === kind.user) {
      const entry = state.access.get(/^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]);
      return entry && entry.until > Date.now() ? [200, { sub: entry.sub, scope: entry.scope }] : [401, { message: 'Bad credentials' }];
    }
    return kind.metadata?.(state.issuer, url.pathname) ?? [404, '<!doctype html><title>Page not found</title>'];
  });
  state.issuer = state.origin + kind.issuer;
  state.authorizationEndpoint = state.origin + kind.authorize;
  state.tokenEndpoint = state.origin + kind.token;
  return state;
}

/** No metadata; forms as answers, errors among them with status 200; commas between scopes; tokens that never end. */
export const githubShaped = (redirectUri) => site({
  name: 'github',
  issuer: '/login/oauth',
  authorize: '/login/oauth/authorize',
  token: '/login/oauth/access_token',
  user: '/user',
  secretPrefix: 'ghs_',
  accessPrefix: 'gho_',
  tokenType: 'bearer',
  separator: ',',
  answer: (fields) => [200, form(fields), { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }],
  refusal: (of) => [200, form(of === 'client'
    ? { error: 'incorrect_client_credentials', error_description: 'The client_id and/or client_secret passed are incorrect.', error_uri: 'https://docs.github.com/' }
    : { error: 'bad_verification_code', error_description: 'The code passed is incorrect or expired.', error_uri: 'https://docs.github.com/' }), { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' }],
}, redirectUri);

/** Refresh tokens for one use: whoever comes with a used one ends what the person allowed, for everybody. */
export const gitlabShaped = (redirectUri) => site({
  name: 'gitlab',
  issuer: '',
  authorize: '/oauth/authorize',
  token: '/oauth/token',
  user: '/oauth/token/info',
  secretPrefix: 'gloas-',
  accessPrefix: '',
  tokenType: 'Bearer',
  separator: ' ',
  seconds: 7200,
  rotates: true,
  metadata: (issuer, asked) => (asked !== '/.well-known/oauth-authorization-server' ? undefined : [200, {
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    revocation_endpoint: `${issuer}/oauth/revoke`,
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'client_credentials', 'device_code', 'refresh_token'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    code_challenge_methods_supported: ['plain', 'S256'],
    scopes_supported: ['api', 'read_user'],
  }]),
  answer: (fields) => [200, fields],
  refusal: (of) => (of === 'client'
    ? [401, { error: 'invalid_client', error_description: 'Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.' }]
    : [400, { error: 'invalid_grant', error_description: 'The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.' }]),
}, redirectUri);
