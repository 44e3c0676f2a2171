// `keys list` and `keys rotate`: what the authorization servers sign with.
#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <unistd.h>

#include "commands.h"
#include "core/clock.h"
#include "core/json.h"
#include "foundation.h"
#include "registry/custom_as.h"
#include "registry/signing_keys.h"

namespace {

using core::json::Array;
using core::json::Object;

core::Result<std::vector<registry::SigningKey>> keys_of(const registry::Service& service,
                                                        const std::string& server) {
  ASSIGN_OR_RETURN(auto keys, registry::read_signing_keys(*service.store, service, server));
  if (keys.empty())
    return core::fail(core::ErrorKind::not_found, "app.keys",
                      fmt::format("There are no keys of \"{}\".", server),
                      "It is org, or the id of a custom authorization server (aus...); the org's are made "
                      "when `okta-agent-registry serve` starts first.");
  return keys;
}

void print(const std::vector<registry::SigningKey>& keys, bool as_json) {
  if (as_json) {
    Array list;
    list.reserve(keys.size());
    for (const auto& key : keys) {
      list.push_back(Object{{"kid", key.key.kid()},
                            {"status", registry::to_string(key.state)},
                            {"alg", oauth::to_string(key.key.algorithm())},
                            {"since", core::to_rfc3339(key.changed)},
                            {"jwk", key.key.public_jwk()}});
    }
    std::printf("%s\n", core::json::write(list).c_str());
    return;
  }
  for (const auto& key : keys)
    std::printf("%-8s %-6s since %s  %s\n", std::string(registry::to_string(key.state)).c_str(),
                std::string(oauth::to_string(key.key.algorithm())).c_str(),
                core::to_rfc3339(key.changed).c_str(), key.key.kid().c_str());
}

core::Status rotate(const registry::Service& service, const std::string& server) {
  ASSIGN_OR_RETURN(const auto keys, keys_of(service, server));
  const auto active =
      std::ranges::find(keys, registry::SigningKey::State::active, &registry::SigningKey::state);
  if (active == keys.end())
    return core::fail(core::ErrorKind::conflict, "app.keys", "No key of it is ACTIVE.",
                      "Look with `okta-agent-registry keys list`.");
  return registry::rotate_signing_keys(
      service, server, active->key.algorithm(), active->key.kid(),
      {.id = "system", .type = "SystemPrincipal", .name = fmt::format("keys rotate, uid {}", ::getuid())});
}

}  // namespace

int cmd_keys_list(const StoreFlags& store, const std::string& server, bool as_json) {
  const auto foundation = Foundation::open({.store = store, .migrate = false, .needs_issuer = false});
  if (!foundation) return complain(foundation.error());
  const auto keys = keys_of((*foundation)->service(), server);
  if (!keys) return complain(keys.error());
  print(*keys, as_json);
  return 0;
}

int cmd_keys_rotate(const StoreFlags& store, const std::string& server, bool as_json) {
  const auto foundation = Foundation::open({.store = store, .migrate = false, .needs_issuer = false});
  if (!foundation) return complain(foundation.error());
  if (const auto done = rotate((*foundation)->service(), server); !done) return complain(done.error());
  return cmd_keys_list(store, server, as_json);
}
