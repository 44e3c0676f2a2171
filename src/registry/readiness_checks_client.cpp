// Checks of this org's registrations as a client of an external authorization server.
#include <algorithm>
#include <array>
#include <vector>

#include "registry/readiness_checks.h"

namespace registry {
namespace {

constexpr std::size_t kMaxScopes = 500;  // more are not shown by Okta's console
Finding not_applicable() {
  return {.outcome = Outcome::skip};
}

bool has(const std::vector<std::string>& list, std::string_view item) {
  return std::ranges::find(list, item) != list.end();
}

std::vector<const Subject::Client*> active_clients(const CheckInput& in) {
  std::vector<const Subject::Client*> clients;
  clients.reserve(in.auth_server->clients.size());
  for (const auto& client : in.auth_server->clients)
    if (client.settings.active) clients.push_back(&client);
  return clients;
}

bool has_expired(const Subject::Client& client, core::WallTime now) {
  return client.settings.secret_expires && *client.settings.secret_expires <= now;
}

}  // namespace

Finding check_client_auth(const CheckInput& in) {
  const auto clients = active_clients(in);
  const bool published = in.issuer && in.issuer->metadata;
  std::vector<std::string> methods = in.auth_server->entity.token_endpoint_auth_methods;
  if (methods.empty() && published) methods.emplace_back("client_secret_basic");  // RFC 8414 section 2
  if (in.auth_server->entity.okta || clients.empty() || methods.empty()) return not_applicable();
  for (const auto* client : clients)
    if (has(methods, client->settings.auth_method)) return {.details = {{"client", client->settings.id}}};
  core::json::Array offered;
  for (const std::string& method : methods) offered.emplace_back(shown(method));
  return {.outcome = Outcome::fail,
          .details = {{"method", clients.front()->settings.auth_method}, {"offered", std::move(offered)}},
          .gravity = Gravity::missing};
}

Finding check_client(const CheckInput& in) {
  if (in.auth_server->entity.okta) return not_applicable();
  Finding finding{.outcome = Outcome::fail,
                  .details = {{"issuer", shown(in.auth_server->entity.issuer)}},
                  .gravity = Gravity::missing};
  for (const auto* client : active_clients(in)) {
    finding.details["client"] = client->settings.id;
    if (!client->opens) {
      finding.message = 1;
    } else if (has_expired(*client, in.subject.now)) {
      finding.message = 2;
    } else {
      return {.details = {{"client", client->settings.id}}};
    }
  }
  return finding;
}

Finding check_client_probe(const CheckInput& in) {
  if (!in.issuer || in.issuer->probes.empty()) return not_applicable();
  constexpr std::array<std::string_view, 3> kRejected{"invalid_client", "unauthorized_client",
                                                      "incorrect_client_credentials"};
  constexpr std::array<std::string_view, 2> kAccepted{"invalid_grant", "bad_verification_code"};
  Finding unclear{.outcome = Outcome::pass};
  for (const ClientProbed& probe : in.issuer->probes) {
    core::json::Object details{{"issuer", shown(in.issuer->issuer)},
                               {"client", probe.settings},
                               {"error", shown(probe.error.empty() ? probe.attempt.problem : probe.error)}};
    if (std::ranges::find(kRejected, probe.error) != kRejected.end())
      return {.outcome = Outcome::fail, .details = std::move(details), .gravity = Gravity::missing};
    if (std::ranges::find(kAccepted, probe.error) == kAccepted.end())
      unclear = {.outcome = Outcome::warn, .message = 1, .details = std::move(details)};
  }
  return unclear;
}

Finding check_client_scopes(const CheckInput& in) {
  std::vector<std::string> advertised = in.auth_server->entity.scopes_supported;
  if (in.seen.resource && in.seen.resource->scopes_supported)
    advertised.insert(advertised.end(), in.seen.resource->scopes_supported->begin(),
                      in.seen.resource->scopes_supported->end());
  const auto clients = active_clients(in);
  if (clients.empty()) return not_applicable();
  for (const auto* client : clients) {
    if (client->settings.scopes.size() > kMaxScopes)
      return {.outcome = Outcome::warn, .message = 1, .details = {{"client", client->settings.id}}};
    if (advertised.empty()) continue;
    for (const std::string& scope : client->settings.scopes) {
      if (!has(advertised, scope) && scope != "offline_access" && scope != "openid")
        return {.outcome = Outcome::warn,
                .details = {{"scope", shown(scope)}, {"client", client->settings.id}}};
    }
  }
  return {};
}

Finding check_callback(const CheckInput& in) {
  const auto clients = active_clients(in);
  if (clients.empty()) return not_applicable();
  core::json::Object details{{"url", in.subject.callback_url}};
  if (!in.subject.callback_url.starts_with("https://"))
    return {.outcome = Outcome::warn, .message = 1, .details = std::move(details)};
  if (std::ranges::none_of(clients, [](const auto* client) { return client->consented; }))
    return {.outcome = Outcome::warn, .details = std::move(details)};
  return {.details = std::move(details)};
}

}  // namespace registry
