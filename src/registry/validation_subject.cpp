#include <algorithm>
#include <utility>

#include "oauth/issuer_metadata.h"
#include "registry/capabilities.h"
#include "registry/client_auth_settings.h"
#include "registry/custom_as.h"
#include "registry/validation.h"

namespace registry {
namespace {

using core::json::Object;

core::Result<Subject::Client> read_client(Reader& reader, const Service& service,
                                          ClientAuthSettings settings) {
  Subject::Client client{.settings = std::move(settings)};
  if (!client.settings.sealed_secret.empty())
    client.opens = open_secret(service, client.settings).has_value();
  ASSIGN_OR_RETURN(const auto grants,
                   reader.list({.kind = Kind::grant, .parent = client.settings.id, .limit = 1}));
  client.consented = !grants.empty();
  return client;
}

core::Result<Subject::Local> read_local(Reader& reader, const Service& service, const McpAuthServer& as) {
  Subject::Local local;
  if (!as.okta) return local;
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::custom_as, as.id));
  local.exists = row.has_value();
  ASSIGN_OR_RETURN(const auto its, capabilities_of(reader, service, as));
  local.why_not = its.why_not_xaa;
  return local;
}

void add_probe(const Service& service, const Subject::AuthServer& as, const Subject::Client& client,
               ObservationPlan& plan) {
  if (!client.settings.active || !client.opens) return;
  ObservationPlan::Probe probe{.settings = client.settings.id,
                               .issuer = as.entity.issuer,
                               .token_endpoint = as.entity.token_endpoint,
                               .client_id = client.settings.client_id,
                               .auth_method = client.settings.auth_method};
  if (!client.settings.sealed_secret.empty()) {
    auto secret = open_secret(service, client.settings);
    if (!secret) return;
    probe.secret = *std::move(secret);
  }
  plan.probes.push_back(std::move(probe));
}

// What an issuer said before and does not say any more was not entered by an administrator.
class Former {
 public:
  Former(const Object& report, const std::string& issuer) {
    const auto* servers = core::json::find(report, "observed.authorizationServers");
    if (!servers || !servers->is_object()) return;
    const auto* found = servers->get_object().if_contains(issuer);
    if (found && found->is_object()) members_ = &found->get_object();
  }
  bool said(std::string_view member, const std::string& text) const {
    const auto* value = members_ ? members_->if_contains(member) : nullptr;
    return value && value->is_string() && std::string_view(value->get_string()) == text;
  }
  bool listed(std::string_view member) const { return members_ && members_->if_contains(member); }

 private:
  const Object* members_ = nullptr;
};

// An administrator's entry of a MANUAL one stays; of a discovered one the metadata is right where it says
// something.
void take(std::string& stored, const std::string& found, bool manual, bool said_before) {
  if (!found.empty() && (!manual || stored.empty() || said_before))
    stored = found;
  else if (found.empty() && said_before)
    stored.clear();
}
void take(std::vector<std::string>& stored, const std::optional<std::vector<std::string>>& found, bool manual,
          bool said_before) {
  if (found && (!manual || stored.empty() || said_before))
    stored = *found;
  else if (!found && said_before && !manual)
    stored.clear();
}

void take_metadata(McpAuthServer& as, const AuthServerSeen& found, const Former& former) {
  const bool manual = as.origin == McpAuthServer::Origin::manual;
  const auto text = [&](std::string_view member, std::string McpAuthServer::* stored,
                        const std::string& seen) {
    take(as.*stored, seen, manual, !(as.*stored).empty() && former.said(member, as.*stored));
  };
  text("authorization_endpoint", &McpAuthServer::authorization_endpoint, found.authorization_endpoint);
  text("token_endpoint", &McpAuthServer::token_endpoint, found.token_endpoint);
  text("registration_endpoint", &McpAuthServer::registration_endpoint, found.registration_endpoint);
  text("revocation_endpoint", &McpAuthServer::revocation_endpoint, found.revocation_endpoint);
  text("jwks_uri", &McpAuthServer::jwks_uri, found.jwks_uri);
  const auto list = [&](std::string_view member, std::vector<std::string> McpAuthServer::* stored,
                        const std::optional<std::vector<std::string>>& seen) {
    take(as.*stored, seen, manual, !manual && former.listed(member));
  };
  // RFC 8414 section 2: what is meant where nothing is said.
  auto grants = found.grant_types;
  if (!grants) grants = std::vector<std::string>{"authorization_code", "implicit"};
  list("grant_types_supported", &McpAuthServer::grant_types, grants);
  list("authorization_grant_profiles_supported", &McpAuthServer::grant_profiles, found.grant_profiles);
  list("token_endpoint_auth_methods_supported", &McpAuthServer::token_endpoint_auth_methods,
       found.token_endpoint_auth_methods);
  list("scopes_supported", &McpAuthServer::scopes_supported, found.scopes_supported);
  as.iss_in_response = found.iss_in_response;
}

// The list counts when it is about this server and has something in it.
const std::vector<std::string>* trusted_list(const Observation& seen, const Subject& subject) {
  if (!seen.resource || !seen.resource->authorization_servers ||
      seen.resource->authorization_servers->empty())
    return nullptr;
  const Report report = assess(seen, subject);
  const auto about = std::ranges::find_if(
      report.checks, [](const CheckResult& result) { return result.check->id == "R07"; });
  const bool ours =
      about != report.checks.end() && (about->outcome == Outcome::pass || about->outcome == Outcome::warn);
  return ours ? &*seen.resource->authorization_servers : nullptr;
}

core::Status add_found(Reader& reader, const Service& service, const std::vector<std::string>& list,
                       Validation& validation) {
  auto& known = validation.subject.auth_servers;
  std::size_t found = 0;
  for (const std::string& issuer : list) {
    const bool usable = oauth::check_issuer_url(issuer).has_value() &&
                        oauth::may_lead_to(validation.subject.server.resource_url, issuer);
    if (!usable || std::ranges::any_of(known, [&](const auto& as) { return as.entity.issuer == issuer; }))
      continue;
    if (++found > kMaxIssuers) return {};
    const std::string_view own = custom_as_of(service, issuer);
    Subject::AuthServer as{.entity = {.server = validation.subject.server.id,
                                      .id = own.empty() ? service.new_id("eas") : std::string(own),
                                      .okta = !own.empty(),
                                      .issuer = issuer},
                           .stored = false};
    ASSIGN_OR_RETURN(as.local, read_local(reader, service, as.entity));
    known.push_back(std::move(as));
  }
  return {};
}

void drop_vanished(const std::vector<std::string>& list, Validation& validation) {
  auto& known = validation.subject.auth_servers;
  const auto gone = [&](const Subject::AuthServer& as) {
    return as.entity.origin == McpAuthServer::Origin::discovered &&
           std::ranges::find(list, as.entity.issuer) == list.end();
  };
  for (const auto& as : known)
    if (gone(as)) validation.vanished.push_back(as.entity);
  std::erase_if(known, gone);
}

}  // namespace

core::Result<Versions> versions_of(Reader& reader, std::string_view server) {
  Versions versions;
  ASSIGN_OR_RETURN(const auto auth_servers, auth_servers_of(reader, server));
  for (const McpAuthServer& as : auth_servers) {
    versions[as.id] = as.version;
    ASSIGN_OR_RETURN(const auto settings, settings_of(reader, server, as.id));
    for (const ClientAuthSettings& each : settings) versions[each.id] = each.version;
  }
  return versions;
}

core::Result<std::optional<Validation>> begin_validation(Reader& reader, const Service& service,
                                                         std::string_view server, bool probe) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::mcp_server, server));
  if (!row) return std::nullopt;
  Validation validation;
  Subject& subject = validation.subject;
  ASSIGN_OR_RETURN(subject.server, read_mcp_server(*row));
  subject.callback_url = service.url("/oauth2/v1/sts/callback");
  subject.allow_http_loopback = service.settings.allow_http_loopback;
  subject.strict_resource = service.settings.strict_resource;
  subject.now = service.now();
  ASSIGN_OR_RETURN(const auto report, reader.get(Kind::readiness, server));
  if (report) validation.before = report->body;
  ASSIGN_OR_RETURN(validation.versions, versions_of(reader, server));
  ASSIGN_OR_RETURN(auto auth_servers, auth_servers_of(reader, server));
  for (McpAuthServer& entity : auth_servers) {
    Subject::AuthServer as{.entity = std::move(entity)};
    as.supplied =
        !as.entity.token_endpoint.empty() &&
        (as.entity.origin == McpAuthServer::Origin::manual ||
         !Former(validation.before, as.entity.issuer).said("token_endpoint", as.entity.token_endpoint));
    ASSIGN_OR_RETURN(auto settings, settings_of(reader, server, as.entity.id));
    for (ClientAuthSettings& each : settings) {
      ASSIGN_OR_RETURN(auto client, read_client(reader, service, std::move(each)));
      if (probe) add_probe(service, as, client, validation.plan);
      as.clients.push_back(std::move(client));
    }
    ASSIGN_OR_RETURN(as.local, read_local(reader, service, as.entity));
    if (!as.entity.okta) validation.plan.issuers.push_back(as.entity.issuer);
    subject.auth_servers.push_back(std::move(as));
  }
  validation.plan.resource_url = subject.server.resource_url;
  validation.plan.own_issuers = service.url("/oauth2/");
  return validation;
}

core::Status take_over(Reader& reader, const Service& service, const Observation& seen,
                       Validation& validation) {
  Subject& subject = validation.subject;
  if (const auto* list = trusted_list(seen, subject); list && !subject.server.manual) {
    drop_vanished(*list, validation);
    RETURN_IF_ERROR(add_found(reader, service, *list, validation));
  }
  for (Subject::AuthServer& as : subject.auth_servers) {
    const IssuerSeen* issuer = seen.issuer(as.entity.issuer);
    if (as.entity.okta || !issuer || !issuer->metadata || issuer->metadata->issuer != as.entity.issuer)
      continue;
    take_metadata(as.entity, *issuer->metadata, Former(validation.before, as.entity.issuer));
  }
  return {};
}

}  // namespace registry
