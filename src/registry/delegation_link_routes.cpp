// Which client may hand its token to which workload principal. Deleting a link stops new exchanges at once;
// tokens that were issued live on.
#include <array>
#include <fmt/format.h>

#include "registry/members.h"
#include "registry/workload_api.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Object;
using Takes = ApiRoute::Takes;

constexpr std::string_view kName = "DelegationLink";
constexpr std::string_view kFromType = "OKTA_AUTHORIZATION_SERVER";
constexpr TextRule kOrn{.most = 512};

constexpr std::array<catalogue::FilterProperty, 2> kFilterProperties{{
    {"to.resourceOrn", catalogue::bit(catalogue::Operator::eq)},
    {"from.clientOrn", catalogue::bit(catalogue::Operator::eq)},
}};
constexpr catalogue::FilterCapabilities kFilter{.name = "delegation links", .properties = kFilterProperties};

// A workload principal's name; empty for other names.
std::string principal_in(const Service& service, std::string_view orn) {
  for (const std::string_view kind : {"workload-principals:ai-agents", "workload-principals:mcp"}) {
    const std::string_view id = service.names.id_of(orn, kind);
    if (!id.empty()) return std::string(id);
  }
  return {};
}

// "orn:okta:idp:00o...:apps:oidc_client:0oa..." gives "0oa...". Clients of custom authorization servers that
// are no workload principals are not kept here; the token says which one it was issued to.
std::string app_in(const Service& service, std::string_view orn) {
  const std::string middle = fmt::format(":{}:apps:", service.names.org_id());
  const std::size_t at = orn.find(middle);
  if (!orn.starts_with("orn:") || at == std::string_view::npos) return {};
  const std::string_view app = orn.substr(at + middle.size());
  const std::string_view id = app.substr(app.rfind(':') + 1);
  return id.starts_with("0oa") && id.find_first_of(" /") == std::string_view::npos ? std::string(id)
                                                                                   : std::string();
}

// Where a token for the principal as a resource comes from: the custom authorization server that its MCP
// server is linked with, or by which other agents are connected to it. Empty when there is none (yet).
core::Result<std::string> custom_as_of_principal(Reader& reader, const WorkloadPrincipal& principal) {
  if (principal.type == WorkloadPrincipal::Type::mcp_server) {
    ASSIGN_OR_RETURN(const auto rows,
                     reader.list({.kind = Kind::mcp_auth_server, .parent = principal.server}));
    for (const Row& row : rows) {
      std::string id = row.id.substr(row.id.find('/') + 1);
      if (id.starts_with("aus")) return id;
    }
    return std::string();
  }
  ASSIGN_OR_RETURN(const auto rows,
                   reader.list({.kind = Kind::connection, .refers_to = principal.id, .limit = 50}));
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(const Connection connection, read_connection(row));
    if (connection.agent == principal.id && !connection.custom_as.empty()) return connection.custom_as;
  }
  return std::string();
}

Object shown(const Service& service, const DelegationLink& link) {
  Object from;
  from["type"] = kFromType;
  from["clientOrn"] = link.client_orn;
  from["tokenType"] = link.id_token ? "ID_TOKEN" : "ACCESS_TOKEN";
  Object to;
  to["resourceOrn"] = link.resource_orn;
  if (!link.custom_as.empty()) to["authorizationServerOrn"] = service.names.custom_as(link.custom_as);
  Object self;
  self["href"] = service.url(fmt::format("{}/delegation-links/{}", kWorkloadApi, link.id));
  Object links;
  links["self"] = std::move(self);
  Object out;
  out["id"] = link.id;
  out["created"] = core::to_rfc3339(link.created);
  out["from"] = std::move(from);
  out["to"] = std::move(to);
  out["_links"] = std::move(links);
  return out;
}

core::Result<DelegationLink> read_body(const ApiRequest& request) {
  const Service& service = request.service;
  const Members in(request.body);
  RETURN_IF_ERROR(in.only({"from", "to"}));
  ASSIGN_OR_RETURN(const Members from, in.object("from"));
  RETURN_IF_ERROR(from.only({"type", "clientOrn", "tokenType"}));
  RETURN_IF_ERROR(from.choice("type", {kFromType}));
  ASSIGN_OR_RETURN(const std::string token_type, from.choice("tokenType", {"ACCESS_TOKEN", "ID_TOKEN"}));
  ASSIGN_OR_RETURN(const Members to, in.object("to"));
  RETURN_IF_ERROR(to.only({"resourceOrn"}));

  DelegationLink link{.id = service.new_id("dlk"), .id_token = token_type == "ID_TOKEN"};
  ASSIGN_OR_RETURN(link.client_orn, from.text("clientOrn", kOrn));
  link.client = principal_in(service, link.client_orn);
  if (link.client.empty()) link.client = app_in(service, link.client_orn);
  if (link.client.empty())
    return bad("from.clientOrn", "must be a name of a client: ...:workload-principals:... or ...:apps:...");
  ASSIGN_OR_RETURN(link.resource_orn, to.text("resourceOrn", kOrn));
  link.principal = principal_in(service, link.resource_orn);
  if (link.principal.empty()) {
    return bad(
        "to.resourceOrn",
        "must be a name of a workload principal (...:workload-principals:...), not of a resource server");
  }
  if (link.principal == link.client)
    return bad("to.resourceOrn", "a workload principal needs no link to itself");
  return link;
}

core::Result<WorkloadPrincipal> hold_named(Transaction& tx, const Service& service, const std::string& id,
                                           const std::string& orn) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::workload_principal, id));
  if (!row) return no_such(orn, "WorkloadPrincipal");
  ASSIGN_OR_RETURN(WorkloadPrincipal principal, read_workload_principal(*row));
  if (orn_of(service, principal) != orn) return no_such(orn, "WorkloadPrincipal");
  return principal;
}

core::Result<rest::Reply> create_link(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const DelegationLink asked, read_body(request));
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    DelegationLink link = asked;
    const bool client_is_ours = !principal_in(service, link.client_orn).empty();
    // In one order, so that two links of the same two do not wait for each other.
    if (client_is_ours && link.client < link.principal)
      RETURN_IF_ERROR(hold_named(tx, service, link.client, link.client_orn));
    ASSIGN_OR_RETURN(const auto principal, hold_named(tx, service, link.principal, link.resource_orn));
    if (client_is_ours && link.client > link.principal)
      RETURN_IF_ERROR(hold_named(tx, service, link.client, link.client_orn));
    ASSIGN_OR_RETURN(link.custom_as, custom_as_of_principal(tx, principal));
    Row row = to_row(link);
    auto inserted = tx.insert(row);
    if (!inserted && inserted.error().code == "registry.UNIQUE_CONSTRAINT") {
      return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT",
                    "There is a link from this client to it already.", "from.clientOrn");
    }
    RETURN_IF_ERROR(inserted);
    ASSIGN_OR_RETURN(link, read_delegation_link(row));
    RETURN_IF_ERROR(emit_link_event(tx, link, "create", request.actor, request.transaction));
    return entity_reply(shown(service, link), link.version, 201);
  });
}

core::Result<rest::Reply> list_links(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto filter, read_filter(request.call, kFilter));
  Query query{.kind = Kind::delegation_link};
  std::function<core::Result<bool>(const Row&)> fits;
  if (filter) {
    if (const auto to = demanded(*filter, "to.resourceOrn")) query.parent = principal_in(service, *to);
    if (const auto from = demanded(*filter, "from.clientOrn")) {
      query.refers_to = principal_in(service, *from);
      if (query.refers_to.empty()) query.refers_to = app_in(service, *from);
    }
    fits = [&](const Row& row) -> core::Result<bool> {
      ASSIGN_OR_RETURN(const DelegationLink link, read_delegation_link(row));
      const core::json::Value view(shown(service, link));
      return filter->matches(catalogue::JsonSubject(view));
    };
  }
  ASSIGN_OR_RETURN(auto rows, rows_of_page(*service.store, request.page, std::move(query), fits));
  return show_page(request, std::move(rows), [&](const Row& row) -> core::Result<Object> {
    ASSIGN_OR_RETURN(const DelegationLink link, read_delegation_link(row));
    return shown(service, link);
  });
}

core::Result<rest::Reply> get_link(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const auto row, request.service.store->get(Kind::delegation_link, request.param(0)));
  if (!row) return no_such(request.param(0), kName);
  ASSIGN_OR_RETURN(const DelegationLink link, read_delegation_link(*row));
  return entity_reply(shown(request.service, link), link.version);
}

core::Result<rest::Reply> delete_link(const ApiRequest& request) {
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::delegation_link, request.param(0)));
    if (!row) return no_such(request.param(0), kName);
    RETURN_IF_ERROR(check_version(request.call, row->version));
    ASSIGN_OR_RETURN(const DelegationLink link, read_delegation_link(*row));
    RETURN_IF_ERROR(tx.remove(Kind::delegation_link, link.id));
    RETURN_IF_ERROR(emit_link_event(tx, link, "delete", request.actor, request.transaction));
    return rest::no_content();
  });
}

constexpr ApiArea kArea{
    .base = kWorkloadApi, .tag = "Delegation links", .read = kReadAgents, .manage = kManageAgents};

using net::Method;
constexpr std::array<ApiRoute, 4> kRoutes{{
    {Method::get, "/delegation-links", "listDelegationLinks", "List delegation links", list_links,
     Takes::page},
    {Method::post, "/delegation-links", "createDelegationLink",
     "Let a client hand its token to a workload principal", create_link, Takes::object},
    {Method::get, "/delegation-links/{linkId}", "getDelegationLink", "Retrieve a delegation link", get_link},
    {Method::delete_, "/delegation-links/{linkId}", "deleteDelegationLink", "Delete a delegation link",
     delete_link},
}};

}  // namespace

void add_delegation_link_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kArea, kRoutes);
}

}  // namespace registry
