#include "registry/custom_as_api.h"

#include <fmt/format.h>
#include <utility>

#include "registry/api.h"
#include "rest/body.h"

namespace registry {

using core::ErrorKind;
using core::Result;
using core::json::Object;

void add_routes(rest::Router& router, const Service& service, std::span<const CustomAsRoute> routes) {
  for (const CustomAsRoute& route : routes) {
    const bool reads = route.method == net::Method::get;
    const bool has_body = (route.method == net::Method::post || route.method == net::Method::put) &&
                          !route.path.ends_with("activate");
    auto handler = [&service, has_body,
                    handle = route.handle](const rest::Call& call) -> rest::Answer<rest::Reply> {
      CustomAsCall in{.service = service,
                      .http = call,
                      .actor = actor_of(call.caller),
                      .transaction = service.new_id("trs")};
      if (has_body) {
        ASSIGN_OR_RETURN(in.body, rest::read_object(call));
      }
      return answer(handle(in));
    };
    router.add({.method = route.method,
                .path = std::string(kCustomAsApi) + std::string(route.path),
                .operation = std::string(route.operation),
                .handler = std::move(handler),
                .changes = !reads,
                .scope = reads ? "okta.authorizationServers.read" : "okta.authorizationServers.manage",
                .about = std::string(route.about),
                .tag = "AuthorizationServer"});
  }
}

void add_custom_as_routes(rest::Router& router, const Service& service) {
  add_custom_as_server_routes(router, service);
  add_custom_as_scope_routes(router, service);
  add_custom_as_claim_routes(router, service);
  add_custom_as_policy_routes(router, service);
}

static std::unexpected<core::Error> absent(std::string_view id, std::string_view kind_name) {
  return refuse(ErrorKind::not_found, "NOT_FOUND", fmt::format("Resource not found: {} ({})", id, kind_name));
}

Result<Row> server_of_path(Reader& reader, const CustomAsCall& call) {
  ASSIGN_OR_RETURN(auto row, reader.get(Kind::custom_as, call.param(0)));
  if (!row) return absent(call.param(0), "AuthorizationServer");
  return *std::move(row);
}

Result<Row> row_below(Reader& reader, Kind kind, std::string_view id, std::string_view parent,
                      std::string_view kind_name) {
  ASSIGN_OR_RETURN(auto row, reader.get(kind, id));
  if (!row || row->parent != parent) return absent(id, kind_name);
  return *std::move(row);
}

core::Status change_below(const CustomAsCall& call,
                          const std::function<core::Status(Transaction& tx, const Row& server)>& change) {
  return call.service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(auto server, tx.hold(Kind::custom_as, call.param(0)));
    if (!server) return absent(call.param(0), "AuthorizationServer");
    RETURN_IF_ERROR(change(tx, *server));
    return tx.update(*server);
  });
}

core::Status emit(Transaction& tx, const CustomAsCall& call, std::string_view type,
                  std::vector<EventTarget> targets) {
  return tx.emit({.type = std::string(type),
                  .actor = call.actor,
                  .targets = std::move(targets),
                  .transaction = call.transaction});
}

Object link(const Service& service, std::string_view path, std::initializer_list<std::string_view> allow) {
  core::json::Array verbs;
  verbs.reserve(allow.size());
  for (const std::string_view verb : allow) verbs.emplace_back(verb);
  return {{"href", service.url(path)}, {"hints", Object{{"allow", std::move(verbs)}}}};
}

std::string custom_as_path(std::string_view server) {
  return fmt::format("{}/{}", kCustomAsApi, server);
}

}  // namespace registry
