// What the mock registry is made of: headers, names that test a page, the checks it reports on.
export const kTypes = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml' };
const kPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";
export const kSafety = { 'Content-Security-Policy': kPolicy, 'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer', 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Resource-Policy': 'same-origin' };
export const kLong = 'Quarterly Reconciliation and Intercompany Settlement Assistant for the Consolidated Subsidiaries in Northern Europe';
export const kHostile = '<img src=x onerror="globalThis.broken=1"> & "quoted"';

export const kChecks = [
  ['R01', 'url.syntax', 'The address is well-formed'], ['R02', 'url.policy', 'The address may be asked'], ['R03', 'net.reachable', 'The server can be reached'],
  ['R04', 'mcp.handshake', 'It speaks MCP'], ['R05', 'mcp.challenge', 'It says where its metadata is'], ['R06', 'prm.fetch', 'Its metadata can be read'],
  ['R07', 'prm.resource', 'The metadata is about this server'], ['R08', 'prm.as_list', 'It names authorization servers'], ['R09', 'prm.scopes', 'It names its scopes'], ['R25', 'time.skew', 'Its clock is right'],
];
export const kIssuerChecks = [['R10', 'as.metadata', 'Its metadata can be read'], ['R11', 'as.issuer', 'The metadata is about this issuer'], ['R12', 'as.token_endpoint', 'It has a token endpoint'], ['R13', 'as.authorization_endpoint', 'It has an authorization endpoint'], ['R14', 'as.grants', 'It has the grants that are needed'], ['R20', 'sts.client', 'A client is registered there']];
