// /resource-servers/api/v1/mcp-servers/{id}/authorization-servers: linked by hand here, found in metadata by
// the readiness checks.
#include <array>
#include <fmt/format.h>
#include <optional>
#include <span>
#include <utility>

#include "registry/mcp_server_api.h"
#include "registry/members.h"
#include "registry/operation.h"
#include "registry/server_search.h"
#include "registry/transitions.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using net::Method;
using rest::Reply;
using Takes = ApiRoute::Takes;

constexpr std::size_t kMostAuthServers = 50;  // of one MCP server
constexpr std::size_t kMostListed = 500;      // scopes and the like of one authorization server

Array array_of(const std::vector<std::string>& texts) {
  Array array;
  array.reserve(texts.size());
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

// ---- What an administrator says about an external one: the same members in POST and PATCH ----

struct UrlMember {
  std::string_view name;
  std::string McpAuthServer::* value;
};
constexpr std::array kUrls{
    UrlMember{"authorizationEndpoint", &McpAuthServer::authorization_endpoint},
    UrlMember{"tokenEndpoint", &McpAuthServer::token_endpoint},
    UrlMember{"registrationEndpoint", &McpAuthServer::registration_endpoint},
    UrlMember{"revocationEndpoint", &McpAuthServer::revocation_endpoint},
    UrlMember{"jwksUri", &McpAuthServer::jwks_uri},
};
struct ListMember {
  std::string_view name;
  std::vector<std::string> McpAuthServer::* value;
};
constexpr std::array kLists{
    ListMember{"grantTypes", &McpAuthServer::grant_types},
    ListMember{"tokenEndpointAuthMethodsSupported", &McpAuthServer::token_endpoint_auth_methods},
    ListMember{"authorizationGrantProfilesSupported", &McpAuthServer::grant_profiles},
    ListMember{"scopesSupported", &McpAuthServer::scopes_supported},
};

core::Status read_urls(const Service& service, const Members& body, McpAuthServer& as, Object& changes) {
  for (const auto& [name, value] : kUrls) {
    if (!body.has(name)) continue;
    ASSIGN_OR_RETURN(auto text, body.optional_text(name, {.least = 0, .most = 2048}));
    std::string url = std::move(text).value_or("");
    if (!url.empty()) RETURN_IF_ERROR(check_url(service, url, name));
    if (url == as.*value) continue;
    changes[name] = Object{{"from", as.*value}, {"to", url}};
    as.*value = std::move(url);
  }
  return {};
}

core::Status read_lists(const Members& body, McpAuthServer& as, Object& changes) {
  for (const auto& [name, value] : kLists) {
    if (!body.has(name)) continue;
    ASSIGN_OR_RETURN(auto texts, body.optional_texts(name, 0, kMostListed));
    auto list = std::move(texts).value_or(std::vector<std::string>{});
    if (list == as.*value) continue;
    changes[name] = Object{{"from", array_of(as.*value)}, {"to", array_of(list)}};
    as.*value = std::move(list);
  }
  return {};
}

core::Status read_external(const Service& service, const Members& body, McpAuthServer& as, Object& changes) {
  RETURN_IF_ERROR(read_urls(service, body, as, changes));
  RETURN_IF_ERROR(read_lists(body, as, changes));
  ASSIGN_OR_RETURN(const auto xaa, body.optional_flag("xaaEnabled"));
  if (!body.has("xaaEnabled") || xaa.value_or(false) == as.xaa_enabled) return {};
  changes["xaaEnabled"] = Object{{"from", as.xaa_enabled}, {"to", !as.xaa_enabled}};
  as.xaa_enabled = !as.xaa_enabled;
  return {};
}

// ---- Link ----

core::Result<McpAuthServer> read_link(const Service& service, const std::string& server,
                                      const Object& object) {
  const Members body(object);
  ASSIGN_OR_RETURN(const std::string type, body.choice("type", {"OKTA", "EXTERNAL"}));
  McpAuthServer as{.server = server, .id = {}, .origin = McpAuthServer::Origin::manual, .issuer = {}};
  as.okta = type == "OKTA";
  if (as.okta) {
    RETURN_IF_ERROR(body.only({"type", "orn"}));
    ASSIGN_OR_RETURN(const std::string orn, body.text("orn", {.most = 512}));
    as.id = service.names.id_of(orn, "authorization_servers");
    if (as.id.empty())
      return bad("orn", fmt::format("must be the name of an authorization server of this org, as {}",
                                    service.names.custom_as("{authServerId}")));
    as.issuer = service.url("/oauth2/" + as.id);
    return as;
  }
  RETURN_IF_ERROR(
      body.only({"type", "issuer", "authorizationEndpoint", "tokenEndpoint", "registrationEndpoint",
                 "revocationEndpoint", "jwksUri", "grantTypes", "tokenEndpointAuthMethodsSupported",
                 "authorizationGrantProfilesSupported", "scopesSupported", "xaaEnabled"}));
  ASSIGN_OR_RETURN(as.issuer, body.text("issuer", {.most = 2048}));
  // RFC 8414 section 2: an issuer has neither query nor fragment.
  RETURN_IF_ERROR(check_url(service, as.issuer, "issuer", false));
  as.id = service.new_id("eas");
  Object changes;
  RETURN_IF_ERROR(read_external(service, body, as, changes));
  return as;
}

// An Okta custom one is verified by looking at it here, so that XAA is there at once.
core::Status verify_custom(Transaction& tx, const Service& service, McpAuthServer& as, const Actor& actor,
                           const std::string& transaction) {
  ASSIGN_OR_RETURN(const auto custom, tx.hold(Kind::custom_as, as.id));
  if (!custom)
    return bad("orn", fmt::format("there is no authorization server {}; create it at "
                                  "/api/v1/authorizationServers",
                                  as.id));
  if (custom->status != "ACTIVE") return {};
  return move_auth_server(tx, service, as, AuthServerEvent::verified, actor, transaction);
}

core::Status insert(Transaction& tx, McpAuthServer& as) {
  ASSIGN_OR_RETURN(const auto known, auth_servers_of(tx, as.server));
  for (const McpAuthServer& other : known)
    if (other.issuer == as.issuer || other.id == as.id)
      return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT",
                    fmt::format("The MCP server {} has this authorization server already: {} ({}).",
                                as.server, other.id, to_string(other.status)),
                    as.okta ? "orn" : "issuer");
  if (known.size() >= kMostAuthServers)
    return refuse(ErrorKind::conflict, "LIMIT_EXCEEDED",
                  fmt::format("An MCP server has at most {} authorization servers.", kMostAuthServers));
  Row row = to_row(as);
  RETURN_IF_ERROR(tx.insert(row));
  as.version = row.version;
  as.created = row.created;
  as.updated = row.updated;
  return {};
}

core::Result<Reply> link_auth_server(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto server, get_server(*service.store, request.param(0)));
  ASSIGN_OR_RETURN(const auto wanted, read_link(service, server.id, request.body));
  const Actor& actor = request.actor;
  std::string operation;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto held, hold_server(tx, server.id));
    McpAuthServer as = wanted;
    RETURN_IF_ERROR(insert(tx, as));
    ASSIGN_OR_RETURN(operation, start_operation(tx, service, "auth-server:Create", held.id, "validate",
                                                {{"reason", "manual"}, {"actor", write_actor(actor)}}));
    RETURN_IF_ERROR(emit_auth_server_event(tx, as, "create", actor, operation));
    return as.okta ? verify_custom(tx, service, as, actor, operation) : core::Status{};
  });
  RETURN_IF_ERROR(done);
  return accepted(service, kResourceServers, operation);
}

// ---- List, read, change ----

core::Result<Reply> list_auth_servers(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto server, get_server(*service.store, request.param(0)));
  std::optional<Query> query = Query{.kind = Kind::mcp_auth_server};
  if (const std::string filter = request.call.query_value("filter"); !filter.empty()) {
    ASSIGN_OR_RETURN(query, filter_auth_servers(filter));
  }
  if (query) query->parent = server.id;
  return list_reply(request, std::move(query), server.id + "/", [&](const Row& row) -> core::Result<Object> {
    ASSIGN_OR_RETURN(const auto as, read_mcp_auth_server(row));
    ASSIGN_OR_RETURN(const auto its, capabilities_of(*service.store, service, as));
    return show(service, as, its);
  });
}

core::Result<Reply> reply_with(const Service& service, const McpAuthServer& as) {
  ASSIGN_OR_RETURN(const auto its, capabilities_of(*service.store, service, as));
  return entity_reply(show(service, as, its), as.version);
}

core::Result<Reply> read_auth_server(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto as, get_auth_server(*service.store, request.param(0), request.param(1)));
  return reply_with(service, as);
}

constexpr std::array<std::string_view, 10> kChangeable{"authorizationEndpoint",
                                                       "tokenEndpoint",
                                                       "registrationEndpoint",
                                                       "revocationEndpoint",
                                                       "jwksUri",
                                                       "grantTypes",
                                                       "tokenEndpointAuthMethodsSupported",
                                                       "authorizationGrantProfilesSupported",
                                                       "scopesSupported",
                                                       "xaaEnabled"};
constexpr std::array<std::string_view, 17> kFixed{"id",
                                                  "orn",
                                                  "type",
                                                  "issuer",
                                                  "origin",
                                                  "status",
                                                  "connectivity",
                                                  "connectivityReason",
                                                  "lastCheckedAt",
                                                  "capabilities",
                                                  "connectable",
                                                  "connectableReason",
                                                  "missing",
                                                  "externalXaa",
                                                  "created",
                                                  "lastUpdated",
                                                  "_links"};

core::Status check_patch(const McpAuthServer& as, const Members& body) {
  if (!as.okta) return body.only(kChangeable, kFixed);
  // An Okta custom one is configured at /api/v1/authorizationServers.
  std::vector<std::string_view> all(kFixed.begin(), kFixed.end());
  all.insert(all.end(), kChangeable.begin(), kChangeable.end());
  return body.only(std::span<const std::string_view>{}, all);
}

// What was verified was something else.
void forget_verification(const Object& changes, McpAuthServer& as) {
  for (const auto& [name, value] : kUrls) {
    if (!changes.contains(name)) continue;
    as.connectivity = Connectivity::unverified;
    as.reason.clear();
  }
}

core::Result<Reply> patch_auth_server(const ApiRequest& request) {
  const Service& service = request.service;
  McpAuthServer as;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto server, hold_server(tx, request.param(0)));
    ASSIGN_OR_RETURN(as, hold_auth_server(tx, server.id, request.param(1)));
    RETURN_IF_ERROR(check_version(request.call, as.version));
    const Members in(request.body);
    RETURN_IF_ERROR(check_patch(as, in));
    Object changes;
    RETURN_IF_ERROR(read_external(service, in, as, changes));
    if (changes.empty()) return {};
    forget_verification(changes, as);
    Row row = to_row(as);
    RETURN_IF_ERROR(tx.update(row));
    as.version = row.version;
    as.updated = row.updated;
    RETURN_IF_ERROR(
        emit_auth_server_event(tx, as, "update", request.actor, request.transaction, std::move(changes)));
    return schedule_validation(tx, service, server.id);
  });
  RETURN_IF_ERROR(done);
  return reply_with(service, as);
}

// ---- Move ----

core::Status check_removal(const McpAuthServer& as) {
  if (as.okta || as.origin == McpAuthServer::Origin::manual || as.status == Status::invalid) return {};
  return refuse(ErrorKind::conflict, "DELETE_NOT_ALLOWED",
                fmt::format("The authorization server {} was found in the metadata of {} and would be found "
                            "again; deactivate it instead.",
                            as.id, as.server),
                "origin");
}

core::Result<Reply> move(const ApiRequest& request, AuthServerEvent event, std::string_view type) {
  const Service& service = request.service;
  const Actor& actor = request.actor;
  std::string operation;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto server, hold_server(tx, request.param(0)));
    ASSIGN_OR_RETURN(auto as, hold_auth_server(tx, server.id, request.param(1)));
    RETURN_IF_ERROR(check_version(request.call, as.version));
    const bool gone = event == AuthServerEvent::remove;
    if (gone) RETURN_IF_ERROR(check_removal(as));
    RETURN_IF_ERROR(move_auth_server(tx, service, as, event, actor, request.transaction));
    ASSIGN_OR_RETURN(operation,
                     record_operation(tx, service, type, server.id,
                                      {.id = as.id,
                                       .type = "auth_server",
                                       .status = std::string(gone ? "DELETED" : to_string(as.status)),
                                       .href = auth_server_href(service, as)}));
    return {};
  });
  RETURN_IF_ERROR(done);
  return accepted(service, kResourceServers, operation);
}

core::Result<Reply> activate(const ApiRequest& request) {
  return move(request, AuthServerEvent::activate, "auth-server:Activate");
}
core::Result<Reply> deactivate(const ApiRequest& request) {
  return move(request, AuthServerEvent::deactivate, "auth-server:Deactivate");
}
core::Result<Reply> remove(const ApiRequest& request) {
  return move(request, AuthServerEvent::remove, "auth-server:Delete");
}

// ---- What one looks like ----

void add_capabilities(Object& shown, const McpAuthServer& as, const AuthServerCapabilities& its) {
  Object capabilities{{"xaa", its.xaa}, {"sts", its.sts}};
  if (!its.xaa) capabilities["xaaReason"] = its.why_not_xaa;
  if (!its.sts) capabilities["stsReason"] = its.why_not_sts;
  shown["capabilities"] = std::move(capabilities);
  const bool able = its.xaa || its.sts;
  shown["connectable"] = able && as.status == Status::active;
  if (!able)
    shown["connectableReason"] =
        fmt::format("neither XAA ({}) nor STS ({})", its.why_not_xaa, its.why_not_sts);
  else if (as.status != Status::active)
    shown["connectableReason"] = fmt::format("it is {}, not ACTIVE", to_string(as.status));
  else
    shown["connectableReason"] = its.xaa ? (its.sts ? "XAA and STS" : "XAA") : "STS";
  shown["missing"] = array_of(its.missing);
}

void add_links(Object& shown, const Service& service, const McpAuthServer& as) {
  Object links;
  const std::string self = auth_server_href(service, as);
  add_link(links, "self", self, "GET");
  for (const std::string_view verb : auth_server_verbs(as.status)) {
    if (verb != "delete")
      add_link(links, verb, fmt::format("{}/lifecycle/{}", self, verb), "POST");
    else if (check_removal(as))
      add_link(links, verb, self, "DELETE");
  }
  add_link(links, "mcpServer", server_href(service, as.server), "GET");
  shown["_links"] = std::move(links);
}

constexpr std::array<ApiRoute, 7> kRoutes{{
    {Method::get, "/{mcpServerId}/authorization-servers", "listMcpServerAuthorizationServers",
     "List the authorization servers of an MCP server", list_auth_servers, Takes::page},
    {Method::post, "/{mcpServerId}/authorization-servers", "linkMcpServerAuthorizationServer",
     "Link an Okta custom authorization server, or an external one", link_auth_server, Takes::object},
    {Method::get, "/{mcpServerId}/authorization-servers/{authServerId}", "getMcpServerAuthorizationServer",
     "Retrieve an authorization server of an MCP server", read_auth_server},
    {Method::patch, "/{mcpServerId}/authorization-servers/{authServerId}",
     "updateMcpServerAuthorizationServer",
     "Change endpoints, grant types or XAA of an external authorization server", patch_auth_server,
     Takes::merge_patch},
    {Method::delete_, "/{mcpServerId}/authorization-servers/{authServerId}",
     "deleteMcpServerAuthorizationServer", "Unlink an authorization server that no connection needs", remove},
    {Method::post, "/{mcpServerId}/authorization-servers/{authServerId}/lifecycle/activate",
     "activateMcpServerAuthorizationServer", "Make a verified authorization server ACTIVE", activate},
    {Method::post, "/{mcpServerId}/authorization-servers/{authServerId}/lifecycle/deactivate",
     "deactivateMcpServerAuthorizationServer", "Get no tokens by an authorization server from now on",
     deactivate},
}};

}  // namespace

Object show(const Service& service, const McpAuthServer& as, const AuthServerCapabilities& capabilities) {
  Object shown{{"id", as.id},
               {"type", as.okta ? "OKTA" : "EXTERNAL"},
               {"origin", as.origin == McpAuthServer::Origin::manual ? "MANUAL" : "DISCOVERED"},
               {"issuer", as.issuer},
               {"status", to_string(as.status)},
               {"connectivity", to_string(as.connectivity)}};
  if (as.okta) shown["orn"] = service.names.custom_as(as.id);
  if (!as.reason.empty()) shown["connectivityReason"] = as.reason;
  if (as.checked != core::WallTime{}) shown["lastCheckedAt"] = core::to_rfc3339(as.checked);
  add_capabilities(shown, as, capabilities);
  if (!as.okta) {
    // Apart from what an external one is for, and off until it is set.
    shown["xaaEnabled"] = as.xaa_enabled;
    shown["externalXaa"] = Object{{"enabled", as.xaa_enabled}, {"supported", capabilities.xaa}};
    if (!capabilities.xaa) shown["externalXaa"].get_object()["reason"] = capabilities.why_not_xaa;
    for (const auto& [name, value] : kUrls)
      if (!(as.*value).empty()) shown[name] = as.*value;
    for (const auto& [name, value] : kLists) shown[name] = array_of(as.*value);
  }
  shown["created"] = core::to_rfc3339(as.created);
  shown["lastUpdated"] = core::to_rfc3339(as.updated);
  add_links(shown, service, as);
  return shown;
}

void add_auth_server_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kServersArea, kRoutes);
}

}  // namespace registry
