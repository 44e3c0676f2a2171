#include "registry/workload_api.h"

#include <algorithm>
#include <fmt/format.h>

#include "rest/body.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using core::json::Value;

constexpr rest::PageRules kPages{.default_limit = 20, .maximum = 200, .clamp = false};
constexpr std::string_view kMergePatch = "application/merge-patch+json";
constexpr std::string_view kMcpServers = "/mcp-servers/";

rest::Problem wrong_media_type() {
  return rest::other(400, "E0000021",
                     "Bad request.  Accept and/or Content-Type headers likely do not match supported values.",
                     {rest::Cause("Send the change as application/merge-patch+json (RFC 7396).")});
}

rest::Answer<rest::Reply> serve(const Service& service, const WorkloadRoute& route, const rest::Call& call) {
  using Takes = WorkloadRoute::Takes;
  WorkloadRequest request{
      .service = service, .call = call, .actor = actor_of(call.caller), .transaction = service.new_id("trn")};
  // Its form only; the tag is compared with the row that is held.
  if (auto form = check_if_match_syntax(call); !form) return rest::refuse(std::move(form).error());
  switch (route.takes) {
    case Takes::nothing:
      break;
    case Takes::merge_patch:
      if (net::media_type(call.http.headers.get("content-type")) != kMergePatch)
        return rest::refuse(wrong_media_type());
      [[fallthrough]];
    case Takes::object: {
      ASSIGN_OR_RETURN(request.body, rest::read_object(call));
      break;
    }
    case Takes::optional_object: {
      ASSIGN_OR_RETURN(request.body, rest::read_optional_object(call));
      break;
    }
    case Takes::page: {
      ASSIGN_OR_RETURN(request.page, rest::read_page(call, kPages));
      break;
    }
  }
  auto reply = route.handle(request);
  if (!reply) return rest::refuse(problem_of(reply.error()));
  return *std::move(reply);
}

void collect(const catalogue::FilterNode& node, std::string_view path, std::optional<std::string>& out) {
  using Kind = catalogue::FilterNode::Kind;
  if (node.kind == Kind::all_of) {
    for (const auto& child : node.children) collect(child, path, out);
  }
  if (node.kind != Kind::comparison || node.path != path || node.op != catalogue::Operator::eq) return;
  if (const auto* text = std::get_if<std::string>(&node.value)) out = *text;
}

// "/workload-principals/api/v1/mcp-servers/ems.../..."
bool of_mcp_server(const WorkloadRequest& request) {
  std::string_view path = request.call.http.path;
  path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
  return path.starts_with(fmt::format("{}{}", kWorkloadApi.substr(1), kMcpServers));
}

core::Result<Row> find_principal_row(Reader& reader, const WorkloadRequest& request) {
  const std::string& id = request.param(0);
  if (of_mcp_server(request)) {
    ASSIGN_OR_RETURN(auto row, reader.find_unique(Kind::workload_principal, "server:" + id));
    if (row) return *std::move(row);
    ASSIGN_OR_RETURN(const auto server, reader.get(Kind::mcp_server, id));
    if (!server) return not_found(id, "McpServer");
    return not_found(id, "OAuth client of the MCP server");
  }
  ASSIGN_OR_RETURN(auto row, reader.get(Kind::workload_principal, id));
  if (row) {
    ASSIGN_OR_RETURN(const auto principal, read_workload_principal(*row));
    if (principal.type == WorkloadPrincipal::Type::ai_agent) return *std::move(row);
  }
  return not_found(id, "AIAgent");
}

}  // namespace

void add_routes(rest::Router& router, const Service& service, std::string_view tag,
                std::span<const WorkloadRoute> routes) {
  for (const WorkloadRoute& route : routes) {
    const bool relative = !route.path.starts_with("/governance/");
    router.add({.method = route.method,
                .path = relative ? fmt::format("{}{}", kWorkloadApi, route.path) : std::string(route.path),
                .operation = std::string(route.operation),
                .handler = [&service, route](const rest::Call& call) { return serve(service, route, call); },
                .changes = route.changes,
                .scope = route.changes ? "okta.aiAgents.manage" : "okta.aiAgents.read",
                .about = std::string(route.about),
                .tag = std::string(tag)});
  }
}

void add_workload_routes(rest::Router& router, const Service& service) {
  add_agent_routes(router, service);
  add_credential_routes(router, service);
  add_connection_routes(router, service);
  add_delegation_link_routes(router, service);
  add_owner_routes(router, service);
  add_oauth_client_routes(router, service);
}

std::unexpected<core::Error> not_found(std::string_view id, std::string_view kind) {
  return core::fail(ErrorKind::not_found, "registry.NOT_FOUND",
                    fmt::format("Resource not found: {} ({})", id, kind));
}

rest::Reply page_reply(const WorkloadRequest& request, Array data, std::string_view next_after) {
  rest::Reply reply;
  rest::add_links(reply, request.call, request.service.settings.issuer, request.page.limit, next_after);
  Object links;
  for (const std::string_view link : reply.headers.all("link")) {  // <URL>; rel="next"
    const std::size_t end = link.find('>');
    Object target;
    target["href"] = link.substr(1, end - 1);
    links[link.ends_with("\"next\"") ? "next" : "self"] = std::move(target);
  }
  Object body;
  body["data"] = std::move(data);
  body["_links"] = std::move(links);
  rest::Reply out = rest::json_reply(body);
  for (const auto& [name, value] : reply.headers) out.headers.add(name, value);
  return out;
}

core::Result<rest::Reply> in_transaction(const WorkloadRequest& request,
                                         const std::function<core::Result<rest::Reply>(Transaction&)>& work) {
  rest::Reply reply;
  RETURN_IF_ERROR(request.service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(reply, work(tx));
    return {};
  }));
  return reply;
}

core::Result<std::vector<Row>> rows_of_page(Reader& reader, const rest::Page& page, Query query,
                                            const std::function<core::Result<bool>(const Row&)>& fits) {
  std::vector<Row> out;
  query.after = page.after;
  query.limit = fits ? Store::kMaxPage : page.limit + 1;
  for (;;) {
    ASSIGN_OR_RETURN(std::vector<Row> rows, reader.list(query));
    const bool last = rows.size() < query.limit;
    if (!rows.empty()) query.after = rows.back().id;
    for (Row& row : rows) {
      if (fits) {
        ASSIGN_OR_RETURN(const bool fit, fits(row));
        if (!fit) continue;
      }
      out.push_back(std::move(row));
      if (out.size() > page.limit) return out;
    }
    if (last) return out;
  }
}

core::Result<rest::Reply> show_page(const WorkloadRequest& request, std::vector<Row> rows,
                                    const std::function<core::Result<Object>(const Row&)>& show) {
  std::string next;
  if (rows.size() > request.page.limit) {
    rows.resize(request.page.limit);
    next = rows.back().id;
  }
  Array data;
  data.reserve(rows.size());
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(Object shown, show(row));
    data.emplace_back(std::move(shown));
  }
  return page_reply(request, std::move(data), next);
}

core::Result<std::optional<catalogue::BoundFilter>> read_filter(
    const rest::Call& call, const catalogue::FilterCapabilities& capabilities) {
  const std::string_view name = call.has_query("filter") ? "filter" : "search";
  const std::string text = call.query_value(name);
  if (text.empty()) return std::nullopt;
  auto filter = catalogue::compile_filter(text, capabilities);
  if (!filter)
    return refuse(ErrorKind::invalid_input, "INVALID_FILTER", filter.error().message, std::string(name));
  return *std::move(filter);
}

std::optional<std::string> demanded(const catalogue::BoundFilter& filter, std::string_view path) {
  std::optional<std::string> out;
  collect(filter.root(), path, out);
  return out;
}

core::Result<bool> wants_revocation(const WorkloadRequest& request) {
  for (const auto& member : request.body) {
    if (member.key() == "revoke" && member.value().is_bool()) continue;
    return refuse(ErrorKind::invalid_input, "INVALID_FORMAT",
                  fmt::format("{}: the body may hold \"revoke\": true or false, nothing else.",
                              std::string_view(member.key())),
                  std::string(member.key()));
  }
  if (const Value* flag = request.body.if_contains("revoke")) return flag->get_bool();
  const std::string text = request.call.query_value("revoke");
  if (text == "true") return true;
  if (text.empty() || text == "false") return false;
  return refuse(ErrorKind::invalid_input, "INVALID_FORMAT", "revoke: must be true or false", "revoke");
}

core::Result<Row> row_of_path(Reader& reader, Kind kind, std::string_view id, const WorkloadPrincipal& owner,
                              std::string_view kind_name) {
  ASSIGN_OR_RETURN(auto row, reader.get(kind, id));
  if (!row || row->parent != owner.id) return not_found(id, kind_name);
  return *std::move(row);
}

core::Result<Row> hold_row_of_path(Transaction& tx, Kind kind, std::string_view id,
                                   const WorkloadPrincipal& owner, std::string_view kind_name) {
  ASSIGN_OR_RETURN(auto row, tx.hold(kind, id));
  if (!row || row->parent != owner.id) return not_found(id, kind_name);
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

core::Result<WorkloadPrincipal> principal_of_path(Reader& reader, const WorkloadRequest& request) {
  ASSIGN_OR_RETURN(const Row row, find_principal_row(reader, request));
  return read_workload_principal(row);
}

core::Result<WorkloadPrincipal> hold_principal_of_path(Transaction& tx, const WorkloadRequest& request) {
  ASSIGN_OR_RETURN(const Row row, find_principal_row(tx, request));
  ASSIGN_OR_RETURN(const auto held, tx.hold(Kind::workload_principal, row.id));
  if (!held) return not_found(request.param(0), "AIAgent");
  return read_workload_principal(*held);
}

std::string collection_path(const WorkloadRequest& request, std::string_view name) {
  return fmt::format("{}/{}/{}/{}", kWorkloadApi, of_mcp_server(request) ? "mcp-servers" : "ai-agents",
                     request.param(0), name);
}

}  // namespace registry
