// The servers themselves, their lifecycle and keys.
#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <utility>

#include "registry/custom_as.h"
#include "registry/custom_as_api.h"
#include "registry/members.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::Result;
using core::json::Array;
using core::json::Object;
using net::Method;
using Takes = ApiRoute::Takes;

constexpr std::size_t kMaxAudiences = 20;
constexpr TextRule kDescription{.least = 0, .most = 1000, .lines = true};

Result<Object> show(Reader& reader, const Service& service, const CustomAs& server) {
  ASSIGN_OR_RETURN(const auto keys, read_signing_keys(reader, service, server.id));
  Object signing{{"rotationMode", server.rotates ? "AUTO" : "MANUAL"}, {"use", "sig"}};
  if (!keys.empty()) {
    signing["lastRotated"] = core::to_rfc3339(keys.front().changed);
    if (server.rotates) signing["nextRotation"] = core::to_rfc3339(keys.front().changed + kKeyLifetime);
    signing["kid"] = keys.front().key.kid();
  }
  signing["alg"] = oauth::to_string(server.algorithm);

  const std::string path = custom_as_path(server.id);
  const std::string_view verb = server.active ? "deactivate" : "activate";
  Array metadata;
  for (const std::string_view document : {"oauth-authorization-server", "openid-configuration"}) {
    Object entry = link(service, fmt::format("/oauth2/{}/.well-known/{}", server.id, document), {"GET"});
    entry["name"] = document;
    metadata.emplace_back(std::move(entry));
  }
  Object links{{"self", link(service, path, {"GET", "DELETE", "PUT"})},
               {"scopes", link(service, path + "/scopes", {"GET"})},
               {"claims", link(service, path + "/claims", {"GET"})},
               {"policies", link(service, path + "/policies", {"GET"})},
               {"metadata", std::move(metadata)},
               {"rotateKey", link(service, path + "/credentials/lifecycle/keyRotate", {"POST"})}};
  links[verb] = link(service, fmt::format("{}/lifecycle/{}", path, verb), {"POST"});
  return Object{{"id", server.id},
                {"name", server.name},
                {"description", server.description},
                {"audiences", Array(server.audiences.begin(), server.audiences.end())},
                {"issuer", issuer_of(service, server.id)},
                {"issuerMode", server.issuer_mode},
                {"status", server.active ? "ACTIVE" : "INACTIVE"},
                {"created", core::to_rfc3339(server.created)},
                {"lastUpdated", core::to_rfc3339(server.updated)},
                {"credentials", Object{{"signing", std::move(signing)}}},
                {"default", false},
                {"_links", std::move(links)}};
}

Result<rest::Reply> reply_of(const ApiRequest& request, const CustomAs& server, int status = 200) {
  ASSIGN_OR_RETURN(const auto body, show(*request.service.store, request.service, server));
  return entity_reply(body, server.version, status);
}

EventTarget target_of(const CustomAs& server) {
  return {.id = server.id, .type = "AuthorizationServer", .name = server.name};
}

core::Status read_signing(const Members& body, CustomAs& server) {
  ASSIGN_OR_RETURN(const auto credentials, body.optional_object("credentials"));
  if (!credentials) return {};
  RETURN_IF_ERROR(credentials->only({"signing"}));
  ASSIGN_OR_RETURN(const auto signing, credentials->optional_object("signing"));
  if (!signing) return {};
  RETURN_IF_ERROR(signing->only({"rotationMode", "use", "alg", "kid", "lastRotated", "nextRotation"}));
  ASSIGN_OR_RETURN(const auto mode, signing->optional_choice("rotationMode", {"AUTO", "MANUAL"}));
  RETURN_IF_ERROR(signing->optional_choice("use", {"sig"}));
  ASSIGN_OR_RETURN(const auto algorithm, signing->optional_choice("alg", {"RS256", "ES256"}));
  if (mode) server.rotates = *mode == "AUTO";
  if (!algorithm) return {};
  const auto wanted = *oauth::parse_algorithm(*algorithm);
  if (server.version != 0 && wanted != server.algorithm) {
    return refuse(ErrorKind::invalid_input, "IMMUTABLE_PROPERTY",
                  "The algorithm of an authorization server cannot be changed. Make another server.",
                  signing->path_of("alg"));
  }
  server.algorithm = wanted;
  return {};
}

// What a request says, into `server`. Members that only we write are taken as they come back from a GET, and
// count for nothing.
core::Status read_body(const Object& object, CustomAs& server) {
  const Members body(object);
  RETURN_IF_ERROR(body.only({"name", "description", "audiences", "issuerMode", "credentials", "id", "issuer",
                             "status", "created", "lastUpdated", "default", "_links"}));
  ASSIGN_OR_RETURN(server.name, body.text("name", {.most = 100}));
  ASSIGN_OR_RETURN(auto description, body.optional_text("description", kDescription));
  ASSIGN_OR_RETURN(auto audiences, body.optional_texts("audiences", 1, kMaxAudiences, {.most = 1000}));
  ASSIGN_OR_RETURN(auto mode, body.optional_choice("issuerMode", {"ORG_URL", "DYNAMIC"}));
  if (!audiences) return required("audiences");
  server.description = std::move(description).value_or("");
  server.audiences = *std::move(audiences);
  server.issuer_mode = std::move(mode).value_or("ORG_URL");
  return read_signing(body, server);
}

bool has_name_part(const Row& row, std::string_view part) {
  const auto same = [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
  };
  const std::string_view name = row.name;
  return !std::ranges::search(name, part, same).empty();
}

Result<rest::Reply> list(const ApiRequest& request) {
  const rest::Page& page = request.page;
  const std::string q = request.call.query_value("q");
  Store& store = *request.service.store;
  std::vector<Row> rows;
  Query query{.kind = Kind::custom_as, .after = page.after, .limit = Store::kMaxPage};
  for (bool more = true; more && rows.size() <= page.limit;) {
    ASSIGN_OR_RETURN(auto found, store.list(query));
    more = found.size() == query.limit;
    if (more) query.after = found.back().id;
    for (Row& row : found) {
      if (q.empty() || has_name_part(row, q)) rows.push_back(std::move(row));
    }
  }
  const std::string next = cut_to_page(rows, page);
  Array body;
  body.reserve(rows.size());
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(const auto server, read_custom_as(row));
    ASSIGN_OR_RETURN(auto shown, show(store, request.service, server));
    body.emplace_back(std::move(shown));
  }
  return array_reply(request, body, next);
}

Result<rest::Reply> create(const ApiRequest& request) {
  const Service& service = request.service;
  CustomAs server{.id = service.new_id("aus"), .name = {}};
  RETURN_IF_ERROR(read_body(request.body, server));
  ASSIGN_OR_RETURN(const auto keys, make_signing_keys(service, server.algorithm));
  CustomAs stored;
  const core::Status done = service.store->transaction([&](Transaction& tx) {
    stored = server;
    return insert_custom_as(tx, service, stored, keys, request.actor, request.transaction);
  });
  RETURN_IF_ERROR(done);
  return reply_of(request, stored, 201);
}

Result<rest::Reply> get(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const Row row, server_of_path(*request.service.store, request));
  ASSIGN_OR_RETURN(const auto server, read_custom_as(row));
  return reply_of(request, server);
}

// Holds, changes and writes the server in the path, with the event.
Result<CustomAs> change(const ApiRequest& request, std::string_view event,
                        const std::function<Result<bool>(CustomAs& server)>& what) {
  CustomAs server;
  const core::Status done = request.service.store->transaction([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(tx.hold(Kind::custom_as, request.param(0)));
    ASSIGN_OR_RETURN(const Row row, server_of_path(tx, request));
    RETURN_IF_ERROR(check_version(request.call, row.version));
    ASSIGN_OR_RETURN(server, read_custom_as(row));
    ASSIGN_OR_RETURN(const bool changed, what(server));
    if (!changed) return {};
    Row next = to_row(server);
    RETURN_IF_ERROR(tx.update(next));
    server.version = next.version;
    server.updated = next.updated;
    return emit(tx, request, event, {target_of(server)});
  });
  RETURN_IF_ERROR(done);
  return server;
}

Result<rest::Reply> replace(const ApiRequest& request) {
  const auto apply = [&](CustomAs& server) -> Result<bool> {
    RETURN_IF_ERROR(read_body(request.body, server));
    return true;
  };
  ASSIGN_OR_RETURN(const auto server, change(request, "oauth2.as.updated", apply));
  return reply_of(request, server);
}

// Repeating it changes nothing, as at Okta.
Result<rest::Reply> set_active(const ApiRequest& request, bool active) {
  RETURN_IF_ERROR(change(
      request, active ? "oauth2.as.activated" : "oauth2.as.deactivated",
      [&](CustomAs& server) -> Result<bool> { return std::exchange(server.active, active) != active; }));
  return rest::no_content();
}
Result<rest::Reply> activate(const ApiRequest& request) {
  return set_active(request, true);
}
Result<rest::Reply> deactivate(const ApiRequest& request) {
  return set_active(request, false);
}

// Whoever would be left without it keeps it: MCP servers that it is linked to, and connections.
core::Status check_unused(Transaction& tx, const std::string& id) {
  constexpr std::array<std::pair<Kind, std::string_view>, 2> kUsers{
      {{Kind::connection, "connection"}, {Kind::mcp_auth_server, "authorization server of an MCP server"}}};
  for (const auto& [kind, what] : kUsers) {
    ASSIGN_OR_RETURN(const auto users, tx.list({.kind = kind, .refers_to = id, .limit = 1}));
    if (users.empty()) continue;
    return refuse(ErrorKind::conflict, "RESOURCE_IN_USE",
                  fmt::format("The authorization server is in use: {} {} needs it. Remove that first.", what,
                              users.front().id));
  }
  return {};
}

Result<rest::Reply> remove(const ApiRequest& request) {
  constexpr std::array<Kind, 4> kBelow{Kind::as_scope, Kind::as_claim, Kind::as_policy, Kind::signing_key};
  const core::Status done = request.service.store->transaction([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(tx.hold(Kind::custom_as, request.param(0)));
    ASSIGN_OR_RETURN(const Row row, server_of_path(tx, request));
    RETURN_IF_ERROR(check_version(request.call, row.version));
    RETURN_IF_ERROR(check_unused(tx, row.id));
    for (const Kind kind : kBelow) {
      ASSIGN_OR_RETURN(const auto rows, all_rows(tx, {.kind = kind, .parent = row.id}));
      for (const Row& below : rows) RETURN_IF_ERROR(tx.remove(kind, below.id));
    }
    ASSIGN_OR_RETURN(const auto rules, all_rows(tx, {.kind = Kind::as_rule, .refers_to = row.id}));
    for (const Row& rule : rules) RETURN_IF_ERROR(tx.remove(Kind::as_rule, rule.id));
    RETURN_IF_ERROR(tx.remove(Kind::custom_as, row.id));
    return emit(tx, request, "oauth2.as.deleted",
                {{.id = row.id, .type = "AuthorizationServer", .name = row.name}});
  });
  RETURN_IF_ERROR(done);
  return rest::no_content();
}

Object show_key(const ApiRequest& request, const SigningKey& key) {
  Object view = public_view(key);
  view["_links"] = Object{
      {"self", link(request.service,
                    fmt::format("{}/credentials/keys/{}", custom_as_path(request.param(0)), key.key.kid()),
                    {"GET"})}};
  return view;
}

Result<std::vector<SigningKey>> keys_of(const ApiRequest& request) {
  Store& store = *request.service.store;
  RETURN_IF_ERROR(server_of_path(store, request));
  return read_signing_keys(store, request.service, request.param(0));
}

Result<rest::Reply> list_keys(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const auto keys, keys_of(request));
  Array body;
  body.reserve(keys.size());
  for (const SigningKey& key : keys) body.emplace_back(show_key(request, key));
  return rest::json_reply(body);
}

Result<rest::Reply> get_key(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const auto keys, keys_of(request));
  for (const SigningKey& key : keys) {
    if (key.key.kid() == request.param(1)) return rest::json_reply(show_key(request, key));
  }
  return no_such(request.param(1), "JsonWebKey");
}

Result<rest::Reply> rotate_keys(const ApiRequest& request) {
  const Members body(request.body);
  RETURN_IF_ERROR(body.only({"use"}));
  RETURN_IF_ERROR(body.optional_choice("use", {"sig"}));
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const Row row, server_of_path(*service.store, request));
  ASSIGN_OR_RETURN(const auto server, read_custom_as(row));
  ASSIGN_OR_RETURN(const auto keys, ensure_signing_keys(service, server.id, server.algorithm));
  RETURN_IF_ERROR(
      rotate_signing_keys(service, server.id, server.algorithm, keys.front().key.kid(), request.actor));
  return list_keys(request);
}

constexpr std::array<ApiRoute, 10> kRoutes{{
    {Method::get, "", "listAuthorizationServers", "List custom authorization servers", list, Takes::page,
     rest::PageRules{}},
    {Method::post, "", "createAuthorizationServer",
     "Create a custom authorization server, with keys and a policy for connected agents", create,
     Takes::object},
    {Method::get, "/{authServerId}", "getAuthorizationServer", "Retrieve a custom authorization server", get},
    {Method::put, "/{authServerId}", "replaceAuthorizationServer", "Replace a custom authorization server",
     replace, Takes::object},
    {Method::delete_, "/{authServerId}", "deleteAuthorizationServer",
     "Delete a custom authorization server that nothing needs", remove},
    {Method::post, "/{authServerId}/lifecycle/activate", "activateAuthorizationServer",
     "Activate a custom authorization server", activate},
    {Method::post, "/{authServerId}/lifecycle/deactivate", "deactivateAuthorizationServer",
     "Deactivate a custom authorization server: it gives no tokens from then on", deactivate},
    {Method::get, "/{authServerId}/credentials/keys", "listAuthorizationServerKeys", "List its keys",
     list_keys},
    {Method::get, "/{authServerId}/credentials/keys/{keyId}", "getAuthorizationServerKey",
     "Retrieve one of its keys", get_key},
    {Method::post, "/{authServerId}/credentials/lifecycle/keyRotate", "rotateAuthorizationServerKeys",
     "Rotate its keys: the next one signs, the one before only verifies", rotate_keys, Takes::object},
}};

}  // namespace

void add_custom_as_server_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kCustomAsArea, kRoutes);
}

}  // namespace registry
