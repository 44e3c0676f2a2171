// What the official conformance suite 0.2.0-alpha.12 has to run and pass: each scenario with the number of its checks
// that have to pass. A suite that runs less, or a server that passes less, fails the judge.
const both = {
  'completion-complete': 2,
  'dns-rebinding-protection': 2,
  'prompts-get-embedded-resource': 2,
  'prompts-get-simple': 2,
  'prompts-get-with-args': 2,
  'prompts-get-with-image': 2,
  'prompts-list': 2,
  'resources-list': 2,
  'resources-read-binary': 2,
  'resources-read-text': 2,
  'resources-templates-read': 2,
  'tools-call-audio': 2,
  'tools-call-embedded-resource': 2,
  'tools-call-error': 2,
  'tools-call-image': 2,
  'tools-call-mixed-content': 2,
  'tools-call-simple-text': 2,
  'tools-call-with-progress': 2,
};

// Required for the revision: 30 scenarios, and 37.
export const kRequired = {
  '2025-11-25': {
    ...both,
    'elicitation-sep1034-defaults': 6,
    'elicitation-sep1330-enums': 6,
    'logging-set-level': 2,
    ping: 2,
    'resources-subscribe': 2,
    'resources-unsubscribe': 2,
    'server-initialize': 3,
    'server-sse-multiple-streams': 2,
    'tools-call-elicitation': 2,
    'tools-call-sampling': 2,
    'tools-call-with-logging': 2,
    'tools-list': 3,
  },
  '2026-07-28': {
    ...both,
    caching: 8,
    'input-required-result-basic-elicitation': 3,
    'input-required-result-basic-list-roots': 3,
    'input-required-result-basic-sampling': 3,
    'input-required-result-capability-check': 2,
    // One more only warns: it answers a question that was never asked, which a server that seals its questions asks first.
    'input-required-result-ignore-extra-params': 1,
    'input-required-result-missing-input-response': 2,
    'input-required-result-multi-round': 4,
    'input-required-result-multiple-input-requests': 3,
    'input-required-result-non-tool-request': 3,
    'input-required-result-request-state': 3,
    'input-required-result-result-type': 2,
    'input-required-result-tampered-state': 2,
    'input-required-result-unsupported-methods': 2,
    'input-required-result-validate-input': 3,
    'sep-2164-resource-not-found': 4,
    'server-sse-multiple-streams': 2,
    'server-stateless': 30,
    'tools-list': 4,
  },
};

// Run with the required ones, not scored by the suite, and passed by us all the same.
export const kBeyond = {
  '2025-11-25': { 'json-schema-2020-12': 8, 'server-session-lifecycle': 3, 'server-sse-polling': 3 },
  '2026-07-28': { 'http-custom-header-server-validation': 10, 'http-header-validation': 14, 'json-schema-2020-12': 8 },
};

// The tasks extension (2026-07-28): the fewest checks each scenario has. `tasks-status-notifications` only says that it
// is skipped.
export const kTasks = {
  'tasks-capability-negotiation': 5,
  'tasks-dispatch-and-envelope': 9,
  'tasks-lifecycle': 9,
  'tasks-mrtr-composition': 2,
  'tasks-mrtr-input': 4,
  'tasks-request-headers': 5,
  'tasks-request-state-removal': 2,
  'tasks-required-task-error': 2,
  'tasks-status-notifications': 0,
  'tasks-wire-fields': 4,
};

// Failed by the suite's own fault, or by a decision of ours: check and reason.
export const kTasksExcused = {};

// The scenarios that need no fixture, so that any server must pass them.
export const kWithoutFixture = {
  '2025-11-25': ['server-initialize', 'server-session-lifecycle', 'ping', 'logging-set-level', 'tools-list', 'resources-list', 'prompts-list', 'server-sse-multiple-streams', 'dns-rebinding-protection'],
  '2026-07-28': ['tools-list', 'resources-list', 'prompts-list', 'caching', 'server-sse-multiple-streams', 'dns-rebinding-protection', 'sep-2164-resource-not-found', 'http-header-validation', 'input-required-result-unsupported-methods'],
};

// Of the client's side: what mcp-test-client has to pass.
export const kClient = {
  'auth/2025-03-26-oauth-endpoint-fallback': 7,
  'auth/2025-03-26-oauth-metadata-backcompat': 12,
  'auth/authorization-server-migration': 27,
  'auth/basic-cimd': 13,
  'auth/client-credentials-basic': 8,
  'auth/client-credentials-jwt': 8,
  'auth/dpop': 12,
  'auth/dpop-nonce': 14,
  'auth/enterprise-managed-authorization': 9,
  'auth/iss-normalized': 8,
  'auth/iss-not-advertised': 14,
  'auth/iss-supported': 14,
  'auth/iss-supported-missing': 8,
  'auth/iss-unexpected': 8,
  'auth/iss-wrong-issuer': 8,
  'auth/metadata-default': 18,
  'auth/metadata-issuer-mismatch': 3,
  'auth/metadata-var1': 18,
  'auth/metadata-var2': 18,
  'auth/metadata-var3': 18,
  'auth/offline-access-not-supported': 14,
  'auth/offline-access-scope': 12,
  'auth/pre-registration': 13,
  'auth/resource-mismatch': 2,
  'auth/scope-from-scopes-supported': 14,
  'auth/scope-from-www-authenticate': 14,
  'auth/scope-omitted-when-undefined': 14,
  'auth/scope-retry-limit': 10,
  'auth/scope-step-up': 22,
  'auth/token-endpoint-auth-basic': 19,
  'auth/token-endpoint-auth-none': 19,
  'auth/token-endpoint-auth-post': 19,
  'auth/wif-jwt-bearer': 8,
  'elicitation-sep1034-client-defaults': 5,
  'http-custom-headers': 18,
  'http-invalid-tool-headers': 12,
  'http-standard-headers': 10,
  'initialize': 1,
  'json-schema-2020-12-preservation': 9,
  'json-schema-ref-no-deref': 1,
  'request-metadata': 8,
  'sep-2322-client-request-state': 5,
  'sse-retry': 3,
  'tools_call': 2,
};

export const kClientNotServed = {
  'sep-2640-client-no-prefetch': 'the client does not do skills; the scenario has no check for one that does not',
  'sep-2640-client-verify-digest': 'as above',
  'sep-2640-client-verify-size': 'as above',
  'sep-2640-client-verify-frontmatter': 'as above',
};
