// `admin-token`: whoever may read the store and its key file administers the registry anyway; this gives them
// an access token for its API.
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

#include "commands.h"
#include "core/json.h"
#include "foundation.h"
#include "oauth/token_endpoint.h"
#include "registry/registry.h"

namespace {

constexpr std::chrono::hours kLongest{24};

}  // namespace

int cmd_admin_token(const StoreFlags& store, const std::string& scopes, const std::string& ttl,
                    bool as_json) {
  const auto lifetime = parse_duration(ttl);
  if (!lifetime) return complain(lifetime.error());
  if (*lifetime > kLongest)
    return complain({.kind = core::ErrorKind::invalid_input,
                     .code = "app.ttl",
                     .message = "An administrator's token lives at most 24 hours.",
                     .hint = "Mint another one when it has ended."});
  const auto foundation = Foundation::open({.store = store});
  if (!foundation) return complain(foundation.error());
  const registry::Service& service = (*foundation)->service();
  const auto tokens = registry::TokenService::create(service, registry::token_options(service));
  if (!tokens) return complain(tokens.error());
  const auto wanted = scopes.empty() ? registry::TokenService::api_scopes() : oauth::split_scopes(scopes);
  const auto token =
      (*tokens)->mint_admin_token(fmt::format("operator-uid-{}", ::getuid()), wanted, *lifetime);
  if (!token) return complain(token.error());
  if (as_json) {
    std::printf("%s\n", core::json::write(core::json::Object{{"access_token", *token},
                                                             {"token_type", "Bearer"},
                                                             {"expires_in", lifetime->count()},
                                                             {"scope", oauth::join_scopes(wanted)},
                                                             {"issuer", service.settings.issuer}})
                            .c_str());
  } else {
    std::printf("%s\n", token->c_str());
  }
  return 0;
}
