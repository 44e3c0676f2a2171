// The servers themselves, their lifecycle and keys.
#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <utility>

#include "registry/api.h"
#include "registry/custom_as.h"
#include "registry/custom_as_api.h"
#include "registry/members.h"
#include "rest/paging.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::Result;
using core::json::Array;
using core::json::Object;

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

Result<rest::Reply> reply_of(const CustomAsCall& call, const CustomAs& server, int status = 200) {
  ASSIGN_OR_RETURN(const auto body, show(*call.service.store, call.service, server));
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

Result<rest::Reply> list(const CustomAsCall& call) {
  auto page = rest::read_page(call.http, {});
  if (!page) return bad("limit", "must be a whole number of at least 1");
  const std::string q = call.http.query_value("q");
  Store& store = *call.service.store;
  std::vector<Row> rows;
  Query query{.kind = Kind::custom_as, .after = page->after, .limit = Store::kMaxPage};
  for (bool more = true; more && rows.size() <= page->limit;) {
    ASSIGN_OR_RETURN(auto found, store.list(query));
    more = found.size() == query.limit;
    if (more) query.after = found.back().id;
    for (Row& row : found) {
      if (q.empty() || has_name_part(row, q)) rows.push_back(std::move(row));
    }
  }
  std::string next;
  if (rows.size() > page->limit) {
    rows.resize(page->limit);
    next = rows.back().id;
  }
  Array body;
  body.reserve(rows.size());
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(const auto server, read_custom_as(row));
    ASSIGN_OR_RETURN(auto shown, show(store, call.service, server));
    body.emplace_back(std::move(shown));
  }
  rest::Reply reply = rest::json_reply(body);
  rest::add_links(reply, call.http, call.service.settings.issuer, page->limit, next);
  return reply;
}

Result<rest::Reply> create(const CustomAsCall& call) {
  const Service& service = call.service;
  CustomAs server{.id = service.new_id("aus"), .name = {}};
  RETURN_IF_ERROR(read_body(call.body, server));
  ASSIGN_OR_RETURN(const auto keys, make_signing_keys(service, server.algorithm));
  CustomAs stored;
  const core::Status done = service.store->transaction([&](Transaction& tx) {
    stored = server;
    return insert_custom_as(tx, service, stored, keys, call.actor, call.transaction);
  });
  RETURN_IF_ERROR(done);
  return reply_of(call, stored, 201);
}

Result<rest::Reply> get(const CustomAsCall& call) {
  ASSIGN_OR_RETURN(const Row row, server_of_path(*call.service.store, call));
  ASSIGN_OR_RETURN(const auto server, read_custom_as(row));
  return reply_of(call, server);
}

// Holds, changes and writes the server in the path, with the event.
Result<CustomAs> change(const CustomAsCall& call, std::string_view event,
                        const std::function<Result<bool>(CustomAs& server)>& what) {
  CustomAs server;
  const core::Status done = call.service.store->transaction([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(tx.hold(Kind::custom_as, call.param(0)));
    ASSIGN_OR_RETURN(const Row row, server_of_path(tx, call));
    RETURN_IF_ERROR(check_version(call.http, row.version));
    ASSIGN_OR_RETURN(server, read_custom_as(row));
    ASSIGN_OR_RETURN(const bool changed, what(server));
    if (!changed) return {};
    Row next = to_row(server);
    RETURN_IF_ERROR(tx.update(next));
    server.version = next.version;
    server.updated = next.updated;
    return emit(tx, call, event, {target_of(server)});
  });
  RETURN_IF_ERROR(done);
  return server;
}

Result<rest::Reply> replace(const CustomAsCall& call) {
  const auto apply = [&](CustomAs& server) -> Result<bool> {
    RETURN_IF_ERROR(read_body(call.body, server));
    return true;
  };
  ASSIGN_OR_RETURN(const auto server, change(call, "oauth2.as.updated", apply));
  return reply_of(call, server);
}

// Repeating it changes nothing, as at Okta.
Result<rest::Reply> set_active(const CustomAsCall& call, bool active) {
  RETURN_IF_ERROR(change(
      call, active ? "oauth2.as.activated" : "oauth2.as.deactivated",
      [&](CustomAs& server) -> Result<bool> { return std::exchange(server.active, active) != active; }));
  return rest::no_content();
}
Result<rest::Reply> activate(const CustomAsCall& call) {
  return set_active(call, true);
}
Result<rest::Reply> deactivate(const CustomAsCall& call) {
  return set_active(call, false);
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

Result<rest::Reply> remove(const CustomAsCall& call) {
  constexpr std::array<Kind, 4> kBelow{Kind::as_scope, Kind::as_claim, Kind::as_policy, Kind::signing_key};
  const core::Status done = call.service.store->transaction([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(tx.hold(Kind::custom_as, call.param(0)));
    ASSIGN_OR_RETURN(const Row row, server_of_path(tx, call));
    RETURN_IF_ERROR(check_version(call.http, row.version));
    RETURN_IF_ERROR(check_unused(tx, row.id));
    for (const Kind kind : kBelow) {
      ASSIGN_OR_RETURN(const auto rows, all_rows(tx, {.kind = kind, .parent = row.id}));
      for (const Row& below : rows) RETURN_IF_ERROR(tx.remove(kind, below.id));
    }
    ASSIGN_OR_RETURN(const auto rules, all_rows(tx, {.kind = Kind::as_rule, .refers_to = row.id}));
    for (const Row& rule : rules) RETURN_IF_ERROR(tx.remove(Kind::as_rule, rule.id));
    RETURN_IF_ERROR(tx.remove(Kind::custom_as, row.id));
    return emit(tx, call, "oauth2.as.deleted",
                {{.id = row.id, .type = "AuthorizationServer", .name = row.name}});
  });
  RETURN_IF_ERROR(done);
  return rest::no_content();
}

Object show_key(const CustomAsCall& call, const SigningKey& key) {
  Object view = public_view(key);
  view["_links"] = Object{
      {"self",
       link(call.service, fmt::format("{}/credentials/keys/{}", custom_as_path(call.param(0)), key.key.kid()),
            {"GET"})}};
  return view;
}

Result<std::vector<SigningKey>> keys_of(const CustomAsCall& call) {
  Store& store = *call.service.store;
  RETURN_IF_ERROR(server_of_path(store, call));
  return read_signing_keys(store, call.service, call.param(0));
}

Result<rest::Reply> list_keys(const CustomAsCall& call) {
  ASSIGN_OR_RETURN(const auto keys, keys_of(call));
  Array body;
  body.reserve(keys.size());
  for (const SigningKey& key : keys) body.emplace_back(show_key(call, key));
  return rest::json_reply(body);
}

Result<rest::Reply> get_key(const CustomAsCall& call) {
  ASSIGN_OR_RETURN(const auto keys, keys_of(call));
  for (const SigningKey& key : keys) {
    if (key.key.kid() == call.param(1)) return rest::json_reply(show_key(call, key));
  }
  return refuse(ErrorKind::not_found, "NOT_FOUND",
                fmt::format("Resource not found: {} (JsonWebKey)", call.param(1)));
}

Result<rest::Reply> rotate_keys(const CustomAsCall& call) {
  const Members body(call.body);
  RETURN_IF_ERROR(body.only({"use"}));
  RETURN_IF_ERROR(body.optional_choice("use", {"sig"}));
  const Service& service = call.service;
  ASSIGN_OR_RETURN(const Row row, server_of_path(*service.store, call));
  ASSIGN_OR_RETURN(const auto server, read_custom_as(row));
  ASSIGN_OR_RETURN(const auto keys, ensure_signing_keys(service, server.id, server.algorithm));
  RETURN_IF_ERROR(
      rotate_signing_keys(service, server.id, server.algorithm, keys.front().key.kid(), call.actor));
  return list_keys(call);
}

constexpr std::array<CustomAsRoute, 10> kRoutes{{
    {net::Method::get, "", "listAuthorizationServers", "List custom authorization servers", list},
    {net::Method::post, "", "createAuthorizationServer",
     "Create a custom authorization server, with keys and a policy for connected agents", create},
    {net::Method::get, "/{authServerId}", "getAuthorizationServer", "Retrieve a custom authorization server",
     get},
    {net::Method::put, "/{authServerId}", "replaceAuthorizationServer",
     "Replace a custom authorization server", replace},
    {net::Method::delete_, "/{authServerId}", "deleteAuthorizationServer",
     "Delete a custom authorization server that nothing needs", remove},
    {net::Method::post, "/{authServerId}/lifecycle/activate", "activateAuthorizationServer",
     "Activate a custom authorization server", activate},
    {net::Method::post, "/{authServerId}/lifecycle/deactivate", "deactivateAuthorizationServer",
     "Deactivate a custom authorization server: it gives no tokens from then on", deactivate},
    {net::Method::get, "/{authServerId}/credentials/keys", "listAuthorizationServerKeys", "List its keys",
     list_keys},
    {net::Method::get, "/{authServerId}/credentials/keys/{keyId}", "getAuthorizationServerKey",
     "Retrieve one of its keys", get_key},
    {net::Method::post, "/{authServerId}/credentials/lifecycle/keyRotate", "rotateAuthorizationServerKeys",
     "Rotate its keys: the next one signs, the one before only verifies", rotate_keys},
}};

}  // namespace

void add_custom_as_server_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kRoutes);
}

}  // namespace registry
