// The registry's REST API as the views use it: Okta's envelope of errors, pages, operations.
import { accessToken, dropToken } from './session.js';
import { pause } from './dom.js';

export const kServers = '/resource-servers/api/v1/mcp-servers';
export const kSettings = '/resource-servers/api/v1/client-auth-settings';
export const kServerOperations = '/resource-servers/api/v1/operations';
export const kAgents = '/workload-principals/api/v1/ai-agents';
export const kLinks = '/workload-principals/api/v1/delegation-links';
export const kPotential = '/workload-principals/api/v1/potential-connections';
export const kAgentOperations = '/workload-principals/api/v1/operations';
export const kOwners = '/governance/api/v1/resource-owners';
export const kCustom = '/api/v1/authorizationServers';
export const kUsers = '/api/v1/users';
export const kLogs = '/api/v1/logs';

const kMaxRows = 1000;

/** What the API refused, as it said it. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body?.errorSummary || `The registry answered with HTTP ${status}.`);
    this.status = status;
    this.code = body?.errorCode ?? '';
    this.id = body?.errorId ?? '';
    this.causes = Array.isArray(body?.errorCauses) ? body.errorCauses : [];
  }
  /** `reason` of the first cause that has one: "INVALID_STATE_TRANSITION". */
  get reason() {
    return this.causes.find((cause) => cause?.reason)?.reason ?? '';
  }
}

/** The operation ended, and not well. */
export class OperationFailed extends Error {
  constructor(operation) {
    super(operation.errorDetails?.message || 'The operation failed.');
    this.operation = operation;
    this.code = operation.errorDetails?.code ?? '';
    this.causes = [];
  }
}

/** Operations that this page started, newest first; the list that the API keeps may be longer. */
export const started = [];

export const path = (...parts) => parts.map((part, index) => (index === 0 ? part : encodeURIComponent(part))).join('/');

async function send(method, address, { query, body, merge, form, match, signal } = {}) {
  const url = new URL(address, location.origin);
  // Links in answers carry the issuer's origin; the token goes to this origin only.
  const target = new URL(url.pathname + url.search, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') target.searchParams.set(name, value);
  }
  const headers = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = merge ? 'application/merge-patch+json' : 'application/json';
  if (match) headers['If-Match'] = match;
  const bearer = await accessToken();
  headers.Authorization = `Bearer ${bearer}`;
  const answer = await fetch(target, {
    method,
    headers,
    body: form ?? (body === undefined ? undefined : JSON.stringify(body)),
    signal,
    cache: 'no-store',
    credentials: 'omit',
  }).catch((error) => {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, { errorSummary: 'The registry did not answer. It may be down, or the network between here and it.' });
  });
  return { answer, bearer };
}

/** {status, body, etag, location, links}. Throws ApiError, and session.js's errors. */
export async function call(method, address, options = {}) {
  let { answer, bearer } = await send(method, address, options);
  if (answer.status === 401) {
    // Its time may be over on the server's clock, or somebody revoked it.
    dropToken(bearer);
    ({ answer, bearer } = await send(method, address, options));
  }
  const text = await answer.text();
  let body = null;
  if (text) {
    try {
      body = JSON.parse(text);
    } catch {
      if (answer.ok) throw new ApiError(answer.status, { errorSummary: `The registry answered ${method} ${address} with something that is not JSON.` });
    }
  }
  if (!answer.ok) {
    if (answer.status === 429) {
      const reset = Number(answer.headers.get('X-Rate-Limit-Reset')) * 1000 - Date.now();
      const wait = reset > 0 ? ` Try again in ${Math.ceil(reset / 1000)} seconds.` : '';
      throw new ApiError(429, { ...body, errorSummary: `${body?.errorSummary ?? 'Too many requests.'}${wait}` });
    }
    throw new ApiError(answer.status, body);
  }
  return {
    status: answer.status,
    body,
    etag: answer.headers.get('ETag') ?? '',
    location: answer.headers.get('Location') ?? '',
    next: nextCursor(body, answer.headers.get('Link') ?? ''),
  };
}

function nextCursor(body, link) {
  const href = body?._links?.next?.href ?? /<([^>]+)>\s*;\s*rel="?next"?/.exec(link)?.[1];
  return href && URL.canParse(href, location.origin) ? (new URL(href, location.origin).searchParams.get('after') ?? '') : '';
}

export const get = async (address, options) => (await call('GET', address, options)).body;
export const rowsOf = (body) => (Array.isArray(body) ? body : Array.isArray(body?.data) ? body.data : []);

/** One page: {rows, next}. */
export async function page(address, query, signal) {
  const { body, next } = await call('GET', address, { query, signal });
  return { rows: rowsOf(body), next };
}

/** All pages, bounded; {rows, more}: whether there is more than was read. */
export async function all(address, { query = {}, signal, most = kMaxRows } = {}) {
  const rows = [];
  let after = '';
  do {
    const read = await page(address, { limit: 200, ...query, after }, signal);
    rows.push(...read.rows);
    after = read.next;
  } while (after && rows.length < most);
  return { rows, more: Boolean(after) };
}

/** Absent rather than refused: what this registry, or this person's role, does not offer. */
export async function orNothing(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof ApiError && [403, 404, 405].includes(error.status)) return null;
    throw error;
  }
}

/**
 * Sends a change and waits for what it started. Resolves to {body, operation}; throws OperationFailed.
 * `onState` hears each state of the operation.
 */
export async function change(method, address, options = {}) {
  const answer = await call(method, address, options);
  if (answer.status !== 202 || !answer.location) return { body: answer.body, operation: null };
  const operation = await follow(answer.location, options);
  return { body: null, operation };
}

/** Waits for an operation, up to two minutes: slower and slower, so that a long one costs few requests. */
export async function follow(address, { signal, onState } = {}) {
  const until = Date.now() + 120_000;
  let delay = 250;
  let last = '';
  for (;;) {
    const operation = await get(address, { signal });
    remember(operation);
    if (operation.status !== last) onState?.(operation.status);
    last = operation.status;
    if (operation.status === 'COMPLETED') return operation;
    if (operation.status === 'FAILED') throw new OperationFailed(operation);
    if (Date.now() > until) {
      throw new OperationFailed({ ...operation, errorDetails: { message: 'The operation takes longer than two minutes. It goes on by itself; see Operations.' } });
    }
    if (!(await pause(delay, signal))) throw new DOMException('left', 'AbortError');
    delay = Math.min(delay * 1.5, 2000);
  }
}

function remember(operation) {
  const at = started.findIndex((one) => one.id === operation.id);
  if (at >= 0) started[at] = operation;
  else started.unshift(operation);
  started.length = Math.min(started.length, 100);
}
