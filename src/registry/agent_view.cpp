#include "registry/agent_view.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "authserver/server.h"
#include "core/encoding.h"
#include "net/url.h"
#include "registry/agent_states.h"
#include "registry/api.h"
#include "registry/cimd.h"
#include "registry/members.h"
#include "registry/workload_api.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;

constexpr std::string_view kTokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::array<std::string_view, 4> kAuthMethods{"none", "client_secret_basic", "client_secret_post",
                                                       "private_key_jwt"};
constexpr std::string_view kCimd = "CIMD";
constexpr std::string_view kSignOn = "NEW_OIDC_APP";
constexpr std::size_t kMaxRedirects = 20;
constexpr std::array<std::string_view, 4> kReadOnly{"id", "orn", "status", "created"};
// Taken as well, whatever they say: of a representation that is a little older they differ.
constexpr std::array<std::string_view, 2> kIgnored{"lastUpdated", "_links"};

Array to_array(const std::vector<std::string>& texts) {
  Array out;
  out.reserve(texts.size());
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

Object client_members(const WorkloadPrincipal& agent) {
  Object client;
  if (!agent.cimd_url.empty()) client["type"] = kCimd;
  client["clientId"] = agent.client_id();
  client["tokenEndpointAuthMethod"] = agent.auth_method;
  if (!agent.jwks_uri.empty()) client["jwksUri"] = agent.jwks_uri;
  client["dpopBoundAccessTokens"] = agent.dpop_required;
  return client;
}

// RFC 8252 section 7: besides https, a loopback address (by http) or a scheme of the application's own.
core::Status check_redirect_uri(const std::string& uri) {
  constexpr std::string_view kLocation = "signOnProvider.redirectUris";
  const auto parsed = net::parse_url(uri);
  const std::size_t colon = uri.find(':');
  const std::string_view scheme = std::string_view(uri).substr(0, colon);
  if (colon == std::string::npos || uri.find('#') != std::string::npos)
    return bad(std::string(kLocation), "must be absolute URIs without a fragment");
  if (parsed) {
    if (parsed->has_userinfo || (parsed->scheme == "http" && !net::is_loopback_host(parsed->host)))
      return bad(std::string(kLocation), "must be https, or http on loopback, without a user name");
    return {};
  }
  // Section 7.1: a private scheme is a reversed domain name.
  if (scheme == "http" || scheme == "https" || scheme.find('.') == std::string_view::npos)
    return bad(std::string(kLocation), "must be https, http on loopback, or a private scheme with a dot");
  return {};
}

core::Status apply_client(const Service& service, const Members& in, bool create, WorkloadPrincipal& agent) {
  RETURN_IF_ERROR(in.only({"type", "clientId", "clientIdMatchPattern", "tokenEndpointAuthMethod",
                           "grantTypes", "jwksUri", "dpopBoundAccessTokens"}));
  ASSIGN_OR_RETURN(const auto type, in.optional_choice("type", {kCimd}));
  ASSIGN_OR_RETURN(auto client_id, in.optional_text("clientId", {.most = 2048}));
  ASSIGN_OR_RETURN(auto pattern, in.optional_text("clientIdMatchPattern", {.most = 2048}));
  if (create && type) {
    if (!client_id) client_id = pattern;
    if (!client_id || (pattern && *pattern != *client_id))
      return bad(in.path_of("clientId"), "must be the URL of the client ID metadata document");
    RETURN_IF_ERROR(check_client_id_url(*client_id, service.settings.allow_http_loopback));
    agent.cimd_url = *client_id;
  } else if (create && (client_id || pattern)) {
    return bad(in.path_of("clientId"), "is given by the registry, unless type is CIMD");
  } else if ((client_id && *client_id != agent.client_id()) || (pattern && *pattern != agent.client_id()) ||
             (type && agent.cimd_url.empty())) {
    return refuse(ErrorKind::invalid_input, "IMMUTABLE_PROPERTY",
                  fmt::format("{}: cannot be changed. Register another agent.", in.path_of("clientId")),
                  in.path_of("clientId"));
  }

  ASSIGN_OR_RETURN(auto method, in.optional_choice("tokenEndpointAuthMethod", kAuthMethods));
  agent.auth_method = std::move(method).value_or("private_key_jwt");
  ASSIGN_OR_RETURN(auto jwks_uri, in.optional_text("jwksUri", {.most = 2048}));
  agent.jwks_uri = std::move(jwks_uri).value_or("");
  if (!agent.jwks_uri.empty()) RETURN_IF_ERROR(check_url(service, agent.jwks_uri, in.path_of("jwksUri")));
  ASSIGN_OR_RETURN(const auto dpop, in.optional_flag("dpopBoundAccessTokens"));
  agent.dpop_required = dpop.value_or(false);
  if (!agent.jwks_uri.empty() && agent.auth_method != "private_key_jwt")
    return bad(in.path_of("jwksUri"), "is for private_key_jwt");
  if (!agent.cimd_url.empty() && (agent.auth_method != "private_key_jwt" || !agent.jwks_uri.empty()))
    return bad(in.path_of("tokenEndpointAuthMethod"),
               "is private_key_jwt with the keys of the document, where type is CIMD");
  return {};
}

core::Status apply_sign_on(const Members& in, WorkloadPrincipal& agent) {
  RETURN_IF_ERROR(in.only({"type", "appInstanceId", "redirectUris"}));
  RETURN_IF_ERROR(in.choice("type", {kSignOn}));
  ASSIGN_OR_RETURN(const auto app, in.optional_text("appInstanceId"));
  if (app && *app != agent.id) return bad(in.path_of("appInstanceId"), "is the agent itself, and is given");
  ASSIGN_OR_RETURN(auto uris, in.optional_texts("redirectUris", 1, kMaxRedirects, {.most = 2048}));
  if (!uris) {
    return required(in.path_of("redirectUris"));
  }
  for (const std::string& uri : *uris) RETURN_IF_ERROR(check_redirect_uri(uri));
  if (!agent.cimd_url.empty())
    return bad("signOnProvider", "its redirect_uris are those of its client ID metadata document");
  agent.redirect_uris = *std::move(uris);
  return {};
}

}  // namespace

std::vector<std::string> grants_of(const WorkloadPrincipal& principal) {
  std::vector<std::string> grants{std::string(kTokenExchange), std::string(kJwtBearer)};
  if (!principal.redirect_uris.empty() || !principal.cimd_url.empty()) {
    grants.emplace_back(authserver::kAuthorizationCode);
    grants.emplace_back(authserver::kRefreshToken);
  }
  return grants;
}

Object changeable(const WorkloadPrincipal& agent) {
  Object out;
  Object profile;
  profile["name"] = agent.name;
  if (!agent.description.empty()) profile["description"] = agent.description;
  out["profile"] = std::move(profile);
  if (!agent.platform.empty()) out["platform"] = agent.platform;
  if (!agent.external_id.empty()) out["externalId"] = agent.external_id;
  if (!agent.resource_url.empty()) out["resourceUrl"] = agent.resource_url;
  out["oauthClient"] = client_members(agent);
  if (!agent.redirect_uris.empty()) {
    Object provider;
    provider["type"] = kSignOn;
    provider["appInstanceId"] = agent.id;
    provider["redirectUris"] = to_array(agent.redirect_uris);
    out["signOnProvider"] = std::move(provider);
  }
  return out;
}

Object show(const Service& service, const WorkloadPrincipal& agent) {
  Object out;
  out["id"] = agent.id;
  out["orn"] = orn_of(service, agent);
  out["status"] = to_string(agent.status);
  out["created"] = core::to_rfc3339(agent.created);
  out["lastUpdated"] = core::to_rfc3339(agent.updated);
  for (const auto& member : changeable(agent)) out[member.key()] = member.value();
  out["oauthClient"].as_object()["grantTypes"] = to_array(grants_of(agent));

  const std::string path = fmt::format("{}/ai-agents/{}", kWorkloadApi, agent.id);
  Object links;
  const auto link = [&](std::string_view name, const std::string& url) {
    Object target;
    target["href"] = url;
    links[name] = std::move(target);
  };
  link("self", service.url(path));
  for (const std::string_view verb : agent_verbs(agent.status))
    link(verb, service.url(verb == "delete" ? path : fmt::format("{}/lifecycle/{}", path, verb)));
  link("connections", service.url(path + "/connections"));
  link("jwks", service.url(path + "/credentials/jwks"));
  link("secrets", service.url(path + "/credentials/secrets"));
  link("delegationLinks", service.url(fmt::format("{}/delegation-links?filter={}", kWorkloadApi,
                                                  core::percent_encode(fmt::format(
                                                      "to.resourceOrn eq \"{}\"", orn_of(service, agent))))));
  out["_links"] = std::move(links);
  return out;
}

core::Status apply_body(const Service& service, const Object& body, bool create, WorkloadPrincipal& agent) {
  const Members in(body);
  std::vector<std::string_view> known{"profile",     "platform",    "externalId",
                                      "resourceUrl", "oauthClient", "signOnProvider"};
  if (!create) {
    known.insert(known.end(), kReadOnly.begin(), kReadOnly.end());
    known.insert(known.end(), kIgnored.begin(), kIgnored.end());
  }
  RETURN_IF_ERROR(in.only(known));
  if (!create) RETURN_IF_ERROR(same_as_shown(in, show(service, agent), kReadOnly));

  ASSIGN_OR_RETURN(const Members profile, in.object("profile"));
  RETURN_IF_ERROR(profile.only({"name", "description"}));
  ASSIGN_OR_RETURN(agent.name, profile.text("name", {.least = 3}));
  ASSIGN_OR_RETURN(auto description,
                   profile.optional_text("description", {.least = 0, .most = 1000, .lines = true}));
  agent.description = std::move(description).value_or("");
  ASSIGN_OR_RETURN(auto platform, in.optional_text("platform", {.most = 100}));
  agent.platform = std::move(platform).value_or("");
  ASSIGN_OR_RETURN(auto external_id, in.optional_text("externalId"));
  agent.external_id = std::move(external_id).value_or("");

  ASSIGN_OR_RETURN(auto resource, in.optional_text("resourceUrl", {.most = 2048}));
  if (!agent.resource_url.empty() && resource.value_or("") != agent.resource_url) {
    return refuse(ErrorKind::invalid_input, "IMMUTABLE_PROPERTY",
                  "resourceUrl: is written once and cannot be changed. Register another agent.",
                  "resourceUrl");
  }
  if (resource) {
    RETURN_IF_ERROR(check_url(service, *resource, "resourceUrl"));
    agent.resource_url = *std::move(resource);
  }

  ASSIGN_OR_RETURN(const auto client, in.optional_object("oauthClient"));
  const Object none;
  RETURN_IF_ERROR(apply_client(service, client.value_or(Members(none, "oauthClient")), create, agent));
  agent.redirect_uris.clear();
  ASSIGN_OR_RETURN(const auto provider, in.optional_object("signOnProvider"));
  if (provider) RETURN_IF_ERROR(apply_sign_on(*provider, agent));
  // Last, since they follow from what was set.
  if (client && client->has("grantTypes")) {
    constexpr std::array<std::string_view, 1> kGrantTypes{"grantTypes"};
    const Object shown = show(service, agent);
    RETURN_IF_ERROR(same_as_shown(*client, shown.at("oauthClient").as_object(), kGrantTypes));
  }
  return {};
}

}  // namespace registry
