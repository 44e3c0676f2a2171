#include "authserver/scopes.h"

#include <algorithm>
#include <array>

#include "authserver/problem.h"

namespace authserver {
namespace {

using core::Result;
using Scopes = std::vector<std::string>;

constexpr std::array<std::string_view, 7> kOpenId{"openid", "email",          "profile", "address",
                                                  "phone",  "offline_access", "groups"};
constexpr std::size_t kMaxScopes = 300;

bool contains(const Scopes& scopes, std::string_view scope) {
  return std::ranges::find(scopes, scope) != scopes.end();
}

bool client_may_have(const Client& client, std::string_view scope) {
  return std::ranges::any_of(client.scopes, [&](std::string_view allowed) {
    if (allowed.ends_with(".*")) return scope.starts_with(allowed.substr(0, allowed.size() - 1));
    return allowed == scope;
  });
}

// What is left of the org's scopes for this client.
Result<Scopes> without_what_the_client_may_not_have(const Client& client, const Scopes& requested) {
  Scopes granted;
  bool asked_for_org_scopes = false;
  bool got_org_scopes = false;
  for (const std::string& scope : requested) {
    bool of_the_org = !is_openid_scope(scope);
    asked_for_org_scopes = asked_for_org_scopes || of_the_org;
    if (of_the_org && !client_may_have(client, scope)) continue;
    got_org_scopes = got_org_scopes || of_the_org;
    granted.push_back(scope);
  }
  if (asked_for_org_scopes && !got_org_scopes) return problem("no_org_scopes_granted");
  return granted;
}

core::Status check_known(const Server& server, const Scopes& requested) {
  for (const std::string& scope : requested) {
    if (!is_openid_scope(scope) && !contains(server.settings.resource_scopes, scope)) {
      return problem("no_matching_scope");
    }
  }
  return {};
}

}  // namespace

bool is_openid_scope(std::string_view scope) {
  return std::ranges::find(kOpenId, scope) != kOpenId.end();
}

Scopes openid_scopes() {
  return {kOpenId.begin(), kOpenId.end()};
}

Result<Scopes> split_scopes(std::string_view text) {
  Scopes scopes;
  while (!text.empty()) {
    std::size_t end = std::min(text.find(' '), text.size());
    std::string_view scope = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (scope.empty() || contains(scopes, scope)) continue;
    for (char c : scope) {
      auto byte = static_cast<unsigned char>(c);
      if (byte <= 0x20 || byte >= 0x7f || c == '"' || c == '\\') return problem("invalid_scope");
    }
    if (scopes.size() == kMaxScopes) return problem("invalid_scope");
    scopes.emplace_back(scope);
  }
  return scopes;
}

std::string join_scopes(const Scopes& scopes) {
  std::string text;
  for (const std::string& scope : scopes) {
    if (!text.empty()) text += ' ';
    text += scope;
  }
  return text;
}

Result<Scopes> scopes_for_client_credentials(const Server& server, const Client& client,
                                             std::string_view requested) {
  ASSIGN_OR_RETURN(Scopes scopes, split_scopes(requested));
  if (scopes.empty()) return problem("no_default_scopes");
  RETURN_IF_ERROR(check_known(server, scopes));
  for (const std::string& scope : scopes) {
    if (is_openid_scope(scope)) return problem("openid_not_allowed_client_creds");
    if (scope.ends_with(".self")) return problem("client_credentials_self_scope_requested");
  }
  return without_what_the_client_may_not_have(client, scopes);
}

Result<Scopes> scopes_for_user(const Server& server, const Client& client, std::string_view requested) {
  ASSIGN_OR_RETURN(Scopes scopes, split_scopes(requested));
  if (scopes.empty()) return problem("missing_scopes");
  RETURN_IF_ERROR(check_known(server, scopes));
  bool refreshes = contains(client.grants, kRefreshToken);
  for (const std::string& scope : scopes) {
    if (scope == "offline_access") {
      if (!refreshes) return problem("illegal_scope", {scope});
    } else if (is_openid_scope(scope) && !contains(scopes, "openid")) {
      return problem("openid_scope_required");
    }
  }
  return without_what_the_client_may_not_have(client, scopes);
}

}  // namespace authserver
