#include "registry/client_auth_settings.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "core/context.h"
#include "registry/dynamic_registration.h"
#include "registry/mcp_server_api.h"
#include "registry/members.h"
#include "registry/operation.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Object;
using net::Method;
using rest::Reply;
using Takes = ApiRoute::Takes;

constexpr std::string_view kMasked = "********";
constexpr std::string_view kPurpose = "STS";  // the only one
constexpr std::size_t kMostScopes = 500;
constexpr std::size_t kLongestSecret = 4096;
constexpr TextRule kClientId{.most = 512};
constexpr std::string_view kUnregister = "unregister-client";
constexpr int kUnregisterAttempts = 6;
constexpr std::chrono::minutes kUnregisterPause{5};  // times the attempts so far
constexpr std::array<std::string_view, 3> kAuthMethods{"client_secret_basic", "client_secret_post", "none"};

core::json::Array array_of(const std::vector<std::string>& texts) {
  core::json::Array array;
  array.reserve(texts.size());
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

std::string href_of(const Service& service, std::string_view id) {
  return service.url(fmt::format("{}/client-auth-settings/{}", kResourceServers, id));
}

core::Status emit(Transaction& tx, const ClientAuthSettings& settings, std::string_view verb,
                  const Actor& actor, const std::string& transaction, Object changes = {}) {
  EventTarget target{.id = settings.id, .type = "ClientAuthSettings", .name = settings.name};
  target.detail = {{"issuer", settings.issuer},
                   {"clientId", settings.client_id},
                   {"registrationType", settings.dynamic ? "DYNAMIC" : "MANUAL"},
                   {"status", verb == "delete" ? "DELETED" : (settings.active ? "ACTIVE" : "INACTIVE")}};
  Event event{.type = fmt::format("resource_servers.client_authentication_settings.{}", verb),
              .actor = actor};
  event.targets.push_back(std::move(target));
  event.targets.push_back({.id = settings.auth_server, .type = "AuthServer", .name = settings.issuer});
  event.targets.push_back({.id = settings.server, .type = "McpServer"});
  event.transaction = transaction;
  if (!changes.empty()) event.debug["changeDetails"] = std::move(changes);
  return tx.emit(std::move(event));
}

std::string registration_context(std::string_view settings) {
  return secret_context(settings) + "/registration";
}

core::Result<ClientAuthSettings> get_settings(registry::Reader& reader, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::client_auth_settings, id));
  if (!row) return no_such(id, "ClientAuthSettings");
  return read_client_auth_settings(*row);
}

core::Result<ClientAuthSettings> hold_settings(Transaction& tx, std::string_view id) {
  // Which server they belong to never changes; it is held first (Transaction::hold()).
  ASSIGN_OR_RETURN(const auto seen, get_settings(tx, id));
  ASSIGN_OR_RETURN(const auto server, tx.hold(Kind::mcp_server, seen.server));
  if (!server) return no_such(id, "ClientAuthSettings");
  ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::client_auth_settings, id));
  if (!row) return no_such(id, "ClientAuthSettings");
  return read_client_auth_settings(*row);
}

// ---- What a request says ----

struct Wanted {
  std::string name, auth_server, issuer, server, client_id;
  core::Secret secret;
  std::string auth_method;
  std::vector<std::string> scopes;
  bool dynamic = false;
};

// RFC 6749 section 3.3: a scope is printable ASCII without space, quote and backslash.
core::Status check_scopes(const std::vector<std::string>& scopes) {
  for (const auto& scope : scopes)
    if (!std::all_of(scope.begin(), scope.end(),
                     [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; }))
      return bad("scopes",
                 "must hold names without space, quote, backslash and characters outside of ASCII (RFC "
                 "6749, section 3.3); give each scope as an element of its own");
  return {};
}

core::Status check_secret_of(std::string_view method, bool has_secret) {
  if (method == "none" && has_secret)
    return bad("clientSecret", "goes not with tokenEndpointAuthMethod none; remove one of the two");
  if (method != "none" && !has_secret) return required("clientSecret");
  return {};
}

core::Result<std::vector<std::string>> read_scopes(const Members& in) {
  ASSIGN_OR_RETURN(auto scopes, in.optional_texts("scopes", 0, kMostScopes));
  auto list = std::move(scopes).value_or(std::vector<std::string>{});
  RETURN_IF_ERROR(check_scopes(list));
  return list;
}

core::Status read_client(const Members& in, Wanted& wanted) {
  if (wanted.dynamic) {
    for (const std::string_view member : {"clientId", "clientSecret", "tokenEndpointAuthMethod"})
      if (in.has(member))
        return bad(std::string(member),
                   "comes from the authorization server when registrationType is DYNAMIC; leave it out");
    return {};
  }
  ASSIGN_OR_RETURN(wanted.client_id, in.text("clientId", kClientId));
  ASSIGN_OR_RETURN(wanted.secret, in.optional_secret("clientSecret", kLongestSecret));
  ASSIGN_OR_RETURN(auto method, in.optional_choice("tokenEndpointAuthMethod", kAuthMethods));
  wanted.auth_method = method ? *std::move(method) : (wanted.secret.empty() ? "none" : "client_secret_basic");
  return check_secret_of(wanted.auth_method, !wanted.secret.empty());
}

core::Result<Wanted> read_wanted(const Object& body) {
  const Members in(body);
  RETURN_IF_ERROR(in.only({"name", "authorizationServerId", "issuer", "mcpServerId", "registrationType",
                           "clientId", "clientSecret", "scopes", "tokenEndpointAuthMethod", "purpose"}));
  Wanted wanted;
  ASSIGN_OR_RETURN(wanted.name, in.text("name"));
  ASSIGN_OR_RETURN(auto auth_server, in.optional_text("authorizationServerId"));
  ASSIGN_OR_RETURN(auto issuer, in.optional_text("issuer", {.most = 2048}));
  ASSIGN_OR_RETURN(auto server, in.optional_text("mcpServerId"));
  // Either of the two, or both.
  if (!auth_server && !issuer) return required("authorizationServerId");
  wanted.auth_server = std::move(auth_server).value_or("");
  wanted.issuer = std::move(issuer).value_or("");
  wanted.server = std::move(server).value_or("");
  RETURN_IF_ERROR(in.optional_choice("purpose", {kPurpose}));
  ASSIGN_OR_RETURN(const auto type, in.optional_choice("registrationType", {"MANUAL", "DYNAMIC"}));
  wanted.dynamic = type && *type == "DYNAMIC";
  ASSIGN_OR_RETURN(wanted.scopes, read_scopes(in));
  RETURN_IF_ERROR(read_client(in, wanted));
  return wanted;
}

// The one external authorization server that a request means.
core::Result<McpAuthServer> find_auth_server(registry::Reader& reader, const Wanted& wanted) {
  Query query{.kind = Kind::mcp_auth_server, .parent = wanted.server};
  query.refers_to = wanted.auth_server;
  if (!wanted.issuer.empty())
    query.texts.push_back(
        {.match = Query::Text::Match::equals, .field = Query::Text::Field::name, .text = wanted.issuer});
  std::vector<McpAuthServer> found;
  ASSIGN_OR_RETURN(const auto rows, reader.list(query));
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(auto as, read_mcp_auth_server(row));
    if (wanted.issuer.empty() || as.issuer == wanted.issuer) found.push_back(std::move(as));
  }
  const std::string member = wanted.auth_server.empty() ? "issuer" : "authorizationServerId";
  if (found.empty())
    return bad(member, fmt::format("no MCP server has the authorization server {}; link it first",
                                   wanted.auth_server.empty() ? wanted.issuer : wanted.auth_server));
  if (found.front().okta)
    return bad(member,
               fmt::format("{} is an Okta custom authorization server: XAA needs no client registration",
                           found.front().id));
  if (found.size() > 1)
    return bad(member,
               "several MCP servers have an authorization server of this issuer; give "
               "authorizationServerId or mcpServerId, too");
  return found.front();
}

// Registers this org at the authorization server itself.
core::Status register_dynamically(const Service& service, const McpAuthServer& as,
                                  ClientAuthSettings& settings) {
  ASSIGN_OR_RETURN(const auto client,
                   register_client(core::Context{}, service, as, settings.name, settings.scopes));
  settings.client_id = client.client_id;
  settings.auth_method = client.auth_method;
  settings.scopes = client.scopes;
  settings.secret_expires = client.secret_expires;
  settings.registration_uri = client.registration_uri;
  if (!client.client_secret.empty()) {
    ASSIGN_OR_RETURN(settings.sealed_secret,
                     service.vault->seal(client.client_secret.reveal(), secret_context(settings.id)));
  }
  if (!client.registration_token.empty()) {
    ASSIGN_OR_RETURN(
        settings.sealed_registration_token,
        service.vault->seal(client.registration_token.reveal(), registration_context(settings.id)));
  }
  return {};
}

// The registration at the other side is ended by work, so that it is not forgotten when that side is down.
core::Status schedule_unregistration(Transaction& tx, const Service& service,
                                     const ClientAuthSettings& settings) {
  if (settings.registration_uri.empty() || settings.sealed_registration_token.empty()) return {};
  return tx.schedule(
      {.id = fmt::format("{}/{}", kUnregister, settings.id),
       .kind = std::string(kUnregister),
       .subject = settings.id,
       .body = {{"uri", settings.registration_uri}, {"sealedToken", settings.sealed_registration_token}},
       .due = service.now()});
}

core::Status unregister(const core::Context& context, const Service& service, const Work& work) {
  core::Status done;
  auto token = service.vault->open(core::json::string_or_empty(work.body, "sealedToken"),
                                   registration_context(work.subject));
  if (token)
    done = unregister_client(context, service, std::string(core::json::string_or_empty(work.body, "uri")),
                             core::Secret(*std::move(token)));
  return service.store->transaction([&](Transaction& tx) -> core::Status {
    if (done || work.attempts >= kUnregisterAttempts) return tx.finish(work);
    return tx.retry(work, service.now() + kUnregisterPause * work.attempts);
  });
}

// ---- Routes ----

core::Result<ClientAuthSettings> make_settings(const Service& service, Wanted wanted) {
  ASSIGN_OR_RETURN(const auto as, find_auth_server(*service.store, wanted));
  ClientAuthSettings settings{.id = service.new_id("rsc"),
                              .name = std::move(wanted.name),
                              .server = as.server,
                              .auth_server = as.id,
                              .issuer = as.issuer,
                              .client_id = std::move(wanted.client_id)};
  settings.dynamic = wanted.dynamic;
  settings.scopes = std::move(wanted.scopes);
  if (wanted.dynamic) {
    RETURN_IF_ERROR(register_dynamically(service, as, settings));
    return settings;
  }
  settings.auth_method = std::move(wanted.auth_method);
  if (!wanted.secret.empty()) {
    ASSIGN_OR_RETURN(settings.sealed_secret,
                     service.vault->seal(wanted.secret.reveal(), secret_context(settings.id)));
  }
  return settings;
}

// What was registered at the other side is of no use when it could not be kept.
void abandon(const Service& service, const ClientAuthSettings& settings) {
  if (!settings.dynamic) return;
  static_cast<void>(service.store->transaction(
      [&](Transaction& tx) { return schedule_unregistration(tx, service, settings); }));
}

core::Result<Reply> create_settings(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(auto wanted, read_wanted(request.body));
  ASSIGN_OR_RETURN(auto settings, make_settings(service, std::move(wanted)));
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto server, hold_server(tx, settings.server));
    ASSIGN_OR_RETURN(const auto as, hold_auth_server(tx, settings.server, settings.auth_server));
    Row row = to_row(settings);
    row.version = 0;  // also when this is tried again
    RETURN_IF_ERROR(tx.insert(row));
    settings.created = row.created;
    settings.updated = row.updated;
    settings.version = row.version;
    RETURN_IF_ERROR(emit(tx, settings, "create", request.actor, request.transaction));
    return schedule_validation(tx, service, server.id);
  });
  if (!done) abandon(service, settings);
  if (!done && done.error().code == "registry.UNIQUE_CONSTRAINT")
    return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT",
                  fmt::format("{} has client authentication settings with the name {} already.",
                              settings.auth_server, settings.name),
                  "name");
  RETURN_IF_ERROR(done);
  Reply reply = entity_reply(show(service, settings), settings.version, 201);
  reply.headers.add("Location", href_of(service, settings.id));
  return reply;
}

core::Result<Reply> list_settings(const ApiRequest& request) {
  const Service& service = request.service;
  Query query{.kind = Kind::client_auth_settings};
  query.refers_to = request.call.query_value("mcpServerId");
  if (request.call.has_query("authorizationServerId")) {
    Wanted of;
    of.server = request.call.query_value("mcpServerId");
    of.auth_server = request.call.query_value("authorizationServerId");
    ASSIGN_OR_RETURN(const auto as, find_auth_server(*service.store, of));
    query.refers_to = auth_server_row_id(as.server, as.id);
  }
  return list_reply(request, std::move(query), "rsc", [&](const Row& row) -> core::Result<Object> {
    ASSIGN_OR_RETURN(const auto settings, read_client_auth_settings(row));
    return show(service, settings);
  });
}

core::Result<Reply> read_settings(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto settings, get_settings(*service.store, request.param(0)));
  return entity_reply(show(service, settings), settings.version);
}

void note(Object& changes, std::string_view member, std::string_view from, std::string_view to) {
  if (from != to) changes[member] = Object{{"from", from}, {"to", to}};
}

core::Status patch_scopes(const Members& in, ClientAuthSettings& settings, Object& changes) {
  if (!in.has("scopes")) return {};
  ASSIGN_OR_RETURN(auto next, read_scopes(in));
  if (next != settings.scopes)
    changes["scopes"] = Object{{"from", array_of(settings.scopes)}, {"to", array_of(next)}};
  settings.scopes = std::move(next);
  return {};
}

// Client id, secret and method belong together.
core::Status patch_client(const Service& service, const Members& in, ClientAuthSettings& settings,
                          Object& changes) {
  if (in.has("clientId")) {
    ASSIGN_OR_RETURN(auto id, in.text("clientId", kClientId));
    note(changes, "clientId", settings.client_id, id);
    settings.client_id = std::move(id);
  }
  if (in.has("clientSecret")) {
    ASSIGN_OR_RETURN(const core::Secret secret, in.optional_secret("clientSecret", kLongestSecret));
    settings.sealed_secret.clear();
    settings.secret_expires.reset();
    if (!secret.empty()) {
      ASSIGN_OR_RETURN(settings.sealed_secret,
                       service.vault->seal(secret.reveal(), secret_context(settings.id)));
    }
    changes["clientSecret"] = Object{{"from", kMasked}, {"to", kMasked}};
  }
  if (in.has("tokenEndpointAuthMethod")) {
    ASSIGN_OR_RETURN(auto method, in.choice("tokenEndpointAuthMethod", kAuthMethods));
    note(changes, "tokenEndpointAuthMethod", settings.auth_method, method);
    settings.auth_method = std::move(method);
  }
  return check_secret_of(settings.auth_method, !settings.sealed_secret.empty());
}

core::Status patch(const Service& service, const Object& body, ClientAuthSettings& settings,
                   Object& changes) {
  std::vector<std::string_view> known{"name", "scopes"};
  std::vector<std::string_view> fixed{"id",
                                      "orn",
                                      "status",
                                      "created",
                                      "lastUpdated",
                                      "issuer",
                                      "mcpServerId",
                                      "authorizationServerId",
                                      "registrationType",
                                      "purpose"};
  // What the authorization server gave stays what it gave.
  auto& client = settings.dynamic ? fixed : known;
  client.insert(client.end(), {"clientId", "clientSecret", "tokenEndpointAuthMethod"});
  const Members in(body);
  RETURN_IF_ERROR(in.only(known, fixed));
  if (in.has("name")) {
    ASSIGN_OR_RETURN(auto name, in.text("name"));
    note(changes, "name", settings.name, name);
    settings.name = std::move(name);
  }
  RETURN_IF_ERROR(patch_scopes(in, settings, changes));
  return settings.dynamic ? core::Status{} : patch_client(service, in, settings, changes);
}

core::Result<Reply> patch_settings(const ApiRequest& request) {
  const Service& service = request.service;
  ClientAuthSettings settings;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(settings, hold_settings(tx, request.param(0)));
    RETURN_IF_ERROR(check_version(request.call, settings.version));
    Object changes;
    RETURN_IF_ERROR(patch(service, request.body, settings, changes));
    if (changes.empty()) return {};
    Row row = to_row(settings);
    RETURN_IF_ERROR(tx.update(row));
    settings.version = row.version;
    settings.updated = row.updated;
    RETURN_IF_ERROR(emit(tx, settings, "update", request.actor, request.transaction, std::move(changes)));
    return schedule_validation(tx, service, settings.server);
  });
  RETURN_IF_ERROR(done);
  return entity_reply(show(service, settings), settings.version);
}

template <bool active>
core::Result<Reply> set_active(const ApiRequest& request) {
  const Service& service = request.service;
  ClientAuthSettings settings;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(settings, hold_settings(tx, request.param(0)));
    if (settings.active == active) {
      auto refusal = refuse(ErrorKind::conflict, "INVALID_STATE_TRANSITION",
                            fmt::format("The client authentication settings {} are {} already.", settings.id,
                                        active ? "ACTIVE" : "INACTIVE"),
                            "status");
      refusal.error().hint =
          active ? "Allowed in ACTIVE: deactivate, delete." : "Allowed in INACTIVE: activate, delete.";
      return refusal;
    }
    settings.active = active;
    Row row = to_row(settings);
    RETURN_IF_ERROR(tx.update(row));
    settings.version = row.version;
    settings.updated = row.updated;
    Object changes;
    note(changes, "status", active ? "INACTIVE" : "ACTIVE", active ? "ACTIVE" : "INACTIVE");
    RETURN_IF_ERROR(emit(tx, settings, "update", request.actor, request.transaction, std::move(changes)));
    return active ? schedule_validation(tx, service, settings.server) : core::Status{};
  });
  RETURN_IF_ERROR(done);
  return entity_reply(show(service, settings), settings.version);
}

core::Result<Reply> delete_settings(const ApiRequest& request) {
  const Service& service = request.service;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto settings, hold_settings(tx, request.param(0)));
    RETURN_IF_ERROR(check_version(request.call, settings.version));
    return remove_settings(tx, service, settings, request.actor, request.transaction);
  });
  RETURN_IF_ERROR(done);
  return rest::no_content();
}

constexpr ApiArea kArea{.base = "/resource-servers/api/v1/client-auth-settings",
                        .tag = "ClientAuthSettings",
                        .read = kReadServers,
                        .manage = kManageServers};

constexpr std::array<ApiRoute, 7> kRoutes{{
    {Method::post, "", "createClientAuthSettings",
     "Register this org as a client of an external authorization server", create_settings, Takes::object},
    {Method::get, "", "listClientAuthSettings", "List client registrations", list_settings, Takes::page},
    {Method::get, "/{settingsId}", "getClientAuthSettings",
     "Retrieve a client registration: the OAuth client, its credentials and the trust in the issuer",
     read_settings},
    {Method::patch, "/{settingsId}", "updateClientAuthSettings", "Change name, scopes or credentials",
     patch_settings, Takes::merge_patch},
    {Method::delete_, "/{settingsId}", "deleteClientAuthSettings",
     "Delete a client registration and the grants that people gave under it", delete_settings},
    {Method::post, "/{settingsId}/lifecycle/activate", "activateClientAuthSettings",
     "Let a client registration be used", set_active<true>},
    {Method::post, "/{settingsId}/lifecycle/deactivate", "deactivateClientAuthSettings",
     "Keep a client registration from being used", set_active<false>},
}};

}  // namespace

std::string secret_context(std::string_view settings) {
  return fmt::format("client-auth-settings/{}", settings);
}

core::Result<core::Secret> open_secret(const Service& service, const ClientAuthSettings& settings) {
  if (settings.sealed_secret.empty()) return core::Secret();
  ASSIGN_OR_RETURN(auto text, service.vault->open(settings.sealed_secret, secret_context(settings.id)));
  return core::Secret(std::move(text));
}

core::json::Object show(const Service& service, const ClientAuthSettings& settings) {
  const std::string_view status = settings.active ? "ACTIVE" : "INACTIVE";
  Object credentials{{"type", settings.sealed_secret.empty() ? "none" : "client_secret"}, {"status", status}};
  Object shown{{"id", settings.id},
               {"orn", service.names.client_auth_settings(settings.id)},
               {"name", settings.name},
               {"status", status},
               {"purpose", kPurpose},
               {"registrationType", settings.dynamic ? "DYNAMIC" : "MANUAL"},
               {"mcpServerId", settings.server},
               {"authorizationServerId", settings.auth_server},
               {"issuer", settings.issuer},
               {"clientId", settings.client_id},
               {"tokenEndpointAuthMethod", settings.auth_method},
               {"scopes", array_of(settings.scopes)},
               {"created", core::to_rfc3339(settings.created)},
               {"lastUpdated", core::to_rfc3339(settings.updated)}};
  if (!settings.sealed_secret.empty()) {
    shown["clientSecret"] = kMasked;
    credentials["clientSecret"] = kMasked;
  }
  if (settings.secret_expires) credentials["expires"] = core::to_rfc3339(*settings.secret_expires);
  shown["oauthClient"] =
      Object{{"clientId", settings.client_id},
             {"status", status},
             {"tokenEndpointAuthMethod", settings.auth_method},
             {"grantTypes", core::json::Array{"authorization_code", "refresh_token"}},
             {"redirectUris", core::json::Array{core::json::Value(service.url("/oauth2/v1/sts/callback"))}}};
  shown["credentials"] = std::move(credentials);
  shown["trust"] = Object{{"issuer", settings.issuer},
                          {"authorizationServerId", settings.auth_server},
                          {"mcpServerId", settings.server}};
  Object links;
  const std::string href = href_of(service, settings.id);
  add_link(links, "self", href, "GET");
  if (settings.active)
    add_link(links, "deactivate", href + "/lifecycle/deactivate", "POST");
  else
    add_link(links, "activate", href + "/lifecycle/activate", "POST");
  add_link(links, "delete", href, "DELETE");
  shown["_links"] = std::move(links);
  return shown;
}

core::Status remove_settings(Transaction& tx, const Service& service, const ClientAuthSettings& settings,
                             const Actor& actor, const std::string& transaction) {
  ASSIGN_OR_RETURN(const auto connections,
                   tx.list({.kind = Kind::connection, .refers_to = settings.id, .limit = 1}));
  if (!connections.empty())
    return refuse(
        ErrorKind::conflict, "RESOURCE_IN_USE",
        fmt::format("The client authentication settings {} are used by the connection {} of {}; delete "
                    "that connection first.",
                    settings.id, connections.front().id, connections.front().parent),
        "id");
  for (const Kind kind : {Kind::grant, Kind::interaction}) {
    for (;;) {
      ASSIGN_OR_RETURN(const auto rows, tx.list({.kind = kind, .parent = settings.id}));
      if (rows.empty()) break;
      for (const Row& row : rows) RETURN_IF_ERROR(tx.remove(kind, row.id));
    }
  }
  RETURN_IF_ERROR(schedule_unregistration(tx, service, settings));
  RETURN_IF_ERROR(tx.remove(Kind::client_auth_settings, settings.id));
  return emit(tx, settings, "delete", actor, transaction);
}

void add_mcp_server_work(WorkHandlers& handlers) {
  handlers[std::string(kUnregister)] = unregister;
}

void add_client_auth_settings_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kArea, kRoutes);
}

}  // namespace registry
