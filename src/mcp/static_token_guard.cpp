#include "mcp/static_token_guard.h"

#include "core/encoding.h"
#include "core/seal.h"
#include "mcp/challenge.h"
#include "oauth/presented_token.h"

namespace mcp {
namespace {

constexpr std::size_t kShortest = 16;

std::vector<Challenge> challenge(const OauthError& error) {
  std::vector<Challenge> all;
  all.push_back({.scheme = "Bearer",
                 .parameters = {{"realm", "mcp"},
                                {"error", std::string(error.error)},
                                {"error_description", std::string(error.description)}}});
  return all;
}

}  // namespace

core::Result<std::unique_ptr<StaticTokenGuard>> StaticTokenGuard::create(const core::Secret& token) {
  const auto read = oauth::presented_token({{"Authorization", "Bearer " + token.reveal()}});
  // A token that begins with a space is another one once it was sent.
  if (token.reveal().size() < kShortest || !read || (*read)->token.size() != token.reveal().size()) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.static_token",
                      "The token for callers is shorter than 16 characters, or has some that cannot be sent.",
                      "Make one with `openssl rand -hex 32`.");
  }
  return std::unique_ptr<StaticTokenGuard>(new StaticTokenGuard(core::sha256(token.reveal())));
}

Authorized StaticTokenGuard::decide(const net::ServerRequest& request) const {
  const auto token = oauth::presented_token(request.headers);
  if (!token) {
    const OauthError error{.error = "invalid_request",
                           .description = "The Authorization header is malformed."};
    return refusal(400, challenge(error), error);
  }
  if (!*token) return refusal(401, challenge({}), {});
  if ((*token)->scheme != oauth::TokenScheme::bearer ||
      !core::constant_time_equal(core::sha256((*token)->token), hash_)) {
    const OauthError error{.error = "invalid_token", .description = "The token is not the one set here."};
    return refusal(401, challenge(error), error);
  }
  return Caller{};
}

std::optional<Authorized> StaticTokenGuard::try_authorize(const net::ServerRequest& request) {
  return decide(request);
}

Authorized StaticTokenGuard::authorize(const core::Context&, const net::ServerRequest& request) {
  return decide(request);
}

bool StaticTokenGuard::permits(const Caller& caller, const std::vector<std::string>&) const {
  return !caller.scopes;
}

net::ServerResponse StaticTokenGuard::insufficient_scope(const std::vector<std::string>&) const {
  const OauthError error{.error = "insufficient_scope", .description = "The caller may not do this."};
  return refusal(403, challenge(error), error);
}

std::optional<net::ServerResponse> StaticTokenGuard::metadata_response(const net::ServerRequest&) const {
  return std::nullopt;
}

}  // namespace mcp
