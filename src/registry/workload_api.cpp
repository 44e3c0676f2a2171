#include "registry/workload_api.h"

#include <algorithm>
#include <fmt/format.h>

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using core::json::Value;

constexpr std::string_view kMcpServers = "/mcp-servers/";

void collect(const catalogue::FilterNode& node, std::string_view path, std::optional<std::string>& out) {
  using Kind = catalogue::FilterNode::Kind;
  if (node.kind == Kind::all_of) {
    for (const auto& child : node.children) collect(child, path, out);
  }
  if (node.kind != Kind::comparison || node.path != path || node.op != catalogue::Operator::eq) return;
  if (const auto* text = std::get_if<std::string>(&node.value)) out = *text;
}

// "/workload-principals/api/v1/mcp-servers/ems.../..."
bool of_mcp_server(const ApiRequest& request) {
  std::string_view path = request.call.http.path;
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  return path.starts_with(fmt::format("{}{}", kWorkloadApi.substr(1), kMcpServers));
}

core::Result<Row> find_principal_row(Reader& reader, const ApiRequest& request) {
  const std::string& id = request.param(0);
  if (of_mcp_server(request)) {
    ASSIGN_OR_RETURN(auto row, reader.find_unique(Kind::workload_principal, "server:" + id));
    if (row) return *std::move(row);
    ASSIGN_OR_RETURN(const auto server, reader.get(Kind::mcp_server, id));
    if (!server) return no_such(id, "McpServer");
    return no_such(id, "OAuth client of the MCP server");
  }
  ASSIGN_OR_RETURN(auto row, reader.get(Kind::workload_principal, id));
  if (row) {
    ASSIGN_OR_RETURN(const auto principal, read_workload_principal(*row));
    if (principal.type == WorkloadPrincipal::Type::ai_agent) return *std::move(row);
  }
  return no_such(id, "AIAgent");
}

}  // namespace

void add_workload_routes(rest::Router& router, const Service& service) {
  add_agent_routes(router, service);
  add_credential_routes(router, service);
  add_connection_routes(router, service);
  add_delegation_link_routes(router, service);
  add_owner_routes(router, service);
  add_oauth_client_routes(router, service);
}

core::Result<rest::Reply> in_transaction(const ApiRequest& request,
                                         const std::function<core::Result<rest::Reply>(Transaction&)>& work) {
  rest::Reply reply;
  RETURN_IF_ERROR(request.service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(reply, work(tx));
    return {};
  }));
  return reply;
}

core::Result<std::optional<catalogue::BoundFilter>> read_filter(
    const rest::Call& call, const catalogue::FilterCapabilities& capabilities) {
  const std::string_view name = call.has_query("filter") ? "filter" : "search";
  return read_filter(call, name, capabilities);
}

std::optional<std::string> demanded(const catalogue::BoundFilter& filter, std::string_view path) {
  std::optional<std::string> out;
  collect(filter.root(), path, out);
  return out;
}

core::Result<Row> row_of_path(Reader& reader, Kind kind, std::string_view id, const WorkloadPrincipal& owner,
                              std::string_view kind_name) {
  ASSIGN_OR_RETURN(auto row, reader.get(kind, id));
  if (!row || row->parent != owner.id) return no_such(id, kind_name);
  return *std::move(row);
}

core::Result<Row> hold_row_of_path(Transaction& tx, Kind kind, std::string_view id,
                                   const WorkloadPrincipal& owner, std::string_view kind_name) {
  ASSIGN_OR_RETURN(auto row, tx.hold(kind, id));
  if (!row || row->parent != owner.id) return no_such(id, kind_name);
  return *std::move(row);
}

Object links_of(const Service& service, std::string_view path, bool active) {
  Object links;
  const auto add = [&](std::string_view name, std::string_view suffix, std::string_view verb) {
    Object hints;
    hints["allow"] = Array{verb};
    Object link;
    link["href"] = service.url(fmt::format("{}{}", path, suffix));
    link["hints"] = std::move(hints);
    links[name] = std::move(link);
  };
  add("self", "", "GET");
  if (active) {
    add("deactivate", "/lifecycle/deactivate", "POST");
  } else {
    add("activate", "/lifecycle/activate", "POST");
    add("delete", "", "DELETE");
  }
  return links;
}

core::Result<WorkloadPrincipal> principal_of_path(Reader& reader, const ApiRequest& request) {
  ASSIGN_OR_RETURN(const Row row, find_principal_row(reader, request));
  return read_workload_principal(row);
}

core::Result<WorkloadPrincipal> hold_principal_of_path(Transaction& tx, const ApiRequest& request) {
  ASSIGN_OR_RETURN(const Row row, find_principal_row(tx, request));
  ASSIGN_OR_RETURN(const auto held, tx.hold(Kind::workload_principal, row.id));
  if (!held) return no_such(request.param(0), "AIAgent");
  return read_workload_principal(*held);
}

std::string collection_path(const ApiRequest& request, std::string_view name) {
  return fmt::format("{}/{}/{}/{}", kWorkloadApi, of_mcp_server(request) ? "mcp-servers" : "ai-agents",
                     request.param(0), name);
}

}  // namespace registry
