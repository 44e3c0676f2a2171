#include "registry/custom_as_api.h"

#include <fmt/format.h>
#include <utility>

namespace registry {

using core::ErrorKind;
using core::Result;
using core::json::Object;

void add_custom_as_routes(rest::Router& router, const Service& service) {
  add_custom_as_server_routes(router, service);
  add_custom_as_scope_routes(router, service);
  add_custom_as_claim_routes(router, service);
  add_custom_as_policy_routes(router, service);
}

Result<Row> server_of_path(Reader& reader, const ApiRequest& request) {
  ASSIGN_OR_RETURN(auto row, reader.get(Kind::custom_as, request.param(0)));
  if (!row) return no_such(request.param(0), "AuthorizationServer");
  return *std::move(row);
}

Result<Row> row_below(Reader& reader, Kind kind, std::string_view id, std::string_view parent,
                      std::string_view kind_name) {
  ASSIGN_OR_RETURN(auto row, reader.get(kind, id));
  if (!row || row->parent != parent) return no_such(id, kind_name);
  return *std::move(row);
}

core::Status change_below(const ApiRequest& request,
                          const std::function<core::Status(Transaction& tx, const Row& server)>& change) {
  return request.service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(auto server, tx.hold(Kind::custom_as, request.param(0)));
    if (!server) return no_such(request.param(0), "AuthorizationServer");
    RETURN_IF_ERROR(change(tx, *server));
    return tx.update(*server);
  });
}

core::Status emit(Transaction& tx, const ApiRequest& request, std::string_view type,
                  std::vector<EventTarget> targets) {
  return tx.emit({.type = std::string(type),
                  .actor = request.actor,
                  .targets = std::move(targets),
                  .transaction = request.transaction});
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
