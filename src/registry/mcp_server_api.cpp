#include "registry/mcp_server_api.h"

#include <fmt/format.h>
#include <utility>

namespace registry {

core::Result<McpServer> get_server(Reader& reader, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::mcp_server, id));
  if (!row) return no_such(id, "McpServer");
  return read_mcp_server(*row);
}

core::Result<McpServer> hold_server(Transaction& tx, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_server, id));
  if (!row) return no_such(id, "McpServer");
  return read_mcp_server(*row);
}

core::Result<McpAuthServer> get_auth_server(Reader& reader, std::string_view server, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::mcp_auth_server, auth_server_row_id(server, id)));
  if (!row) return no_such(id, "AuthorizationServer");
  return read_mcp_auth_server(*row);
}

core::Result<McpAuthServer> hold_auth_server(Transaction& tx, std::string_view server, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_auth_server, auth_server_row_id(server, id)));
  if (!row) return no_such(id, "AuthorizationServer");
  return read_mcp_auth_server(*row);
}

std::string server_href(const Service& service, std::string_view id) {
  return service.url(fmt::format("{}/mcp-servers/{}", kResourceServers, id));
}

std::string auth_server_href(const Service& service, const McpAuthServer& auth_server) {
  return fmt::format("{}/authorization-servers/{}", server_href(service, auth_server.server), auth_server.id);
}

core::Status schedule_validation(Transaction& tx, const Service& service, std::string_view server) {
  return tx.schedule({.id = fmt::format("validate/{}", server),
                      .kind = "validate",
                      .subject = std::string(server),
                      .body = {{"reason", "manual"}},
                      .due = service.now()});
}

void add_link(core::json::Object& links, std::string_view relation, std::string href,
              std::string_view method) {
  links[relation] = core::json::Object{
      {"href", std::move(href)},
      {"hints", core::json::Object{{"allow", core::json::Array{core::json::Value(method)}}}}};
}

}  // namespace registry
