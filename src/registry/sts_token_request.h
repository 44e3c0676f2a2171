// One request to an external authorization server's token endpoint, and what comes back: as RFC 6749 has it,
// and as servers send it that were there before. Their answers may be forms, carry errors with status 200,
// separate scopes by commas, or give numbers as text.
#pragma once

#include <chrono>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/secret.h"
#include "net/http_client.h"
#include "net/url.h"
#include "registry/mcp_server.h"
#include "registry/service.h"

namespace registry {

struct ExternalTokens {
  core::Secret access_token;
  core::Secret refresh_token;                      // empty: none was given
  std::vector<std::string> scopes{};               // granted; empty: the server did not say
  std::optional<std::chrono::seconds> lifetime{};  // expires_in; nullopt: the server did not say, or never
};

enum class RefusalKind {
  grant,    // code or refresh token are not good (any more): only the person can help
  client,   // our registration, or how we ask: an administrator can help
  passing,  // may pass by itself: network, 429, 5xx
  broken,   // not an answer that can be used
};
std::string_view to_string(RefusalKind kind);

struct TokenRefusal {
  RefusalKind kind = RefusalKind::broken;
  std::string error;          // the server's, or ours: "invalid_grant", "net.timeout", "answer_unreadable"
  std::string description{};  // printable ASCII, short; no secrets of ours
  std::chrono::seconds retry_after{0};
};
using TokenOutcome = std::expected<ExternalTokens, TokenRefusal>;

// An answer of at most kMaxTokenAnswer bytes. No exception, whatever it holds.
inline constexpr std::size_t kMaxTokenAnswer = 64u << 10;
TokenOutcome read_token_answer(const net::HttpResponse& response);
// "a b", "a,b": separated by commas only where there is no space.
std::vector<std::string> split_granted_scopes(std::string_view text);

// POST with the client's authentication; `form` is wiped. A request whose answer was lost, or that could not
// be sent, is made once more, at once: within the grace that servers give for rotated refresh tokens. 10
// seconds for each.
TokenOutcome request_external_tokens(const core::Context& context, const Service& service,
                                     const McpAuthServer& server, const ClientAuthSettings& settings,
                                     net::Query form);

// Of the settings, for a request; the form's or the header's. Errors: those of the vault, and
// registry.sts.auth_method.
core::Status authenticate_client(const Service& service, const ClientAuthSettings& settings,
                                 net::HttpRequest& request, net::Query& form);

}  // namespace registry
