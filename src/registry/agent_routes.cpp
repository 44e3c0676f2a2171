// AI agents: what acts on behalf of people. Every accepted change is done within its request; the 202 and the
// operation are Okta's way of saying so.
#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "registry/agent_view.h"
#include "registry/operation.h"
#include "registry/revocation.h"
#include "registry/workload_api.h"
#include "rest/body.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using core::json::Value;
using Takes = ApiRoute::Takes;

// Newest first needs all of them at hand.
constexpr std::size_t kMaxBackwards = 10'000;

using catalogue::bit;
using catalogue::Operator;
constexpr std::array<catalogue::FilterProperty, 3> kFilterProperties{{
    {"status", bit(Operator::eq)},
    {"profile.name",
     static_cast<catalogue::OperatorSet>(bit(Operator::eq) | bit(Operator::co) | bit(Operator::sw))},
    {"id", bit(Operator::eq)},
}};
constexpr catalogue::FilterCapabilities kFilter{
    .name = "AI agents", .properties = kFilterProperties, .ignores_case = true};

// What of the filter the store can look for by itself.
void narrow(const catalogue::FilterNode& node, Query& query) {
  using NodeKind = catalogue::FilterNode::Kind;
  if (node.kind == NodeKind::all_of) {
    for (const auto& child : node.children) narrow(child, query);
  }
  const auto* text = std::get_if<std::string>(&node.value);
  if (node.kind != NodeKind::comparison || text == nullptr) return;
  // The first one only: two that differ find nothing, which the filter itself sees to.
  if (node.path == "status" && query.statuses.empty()) {
    const AgentStatus statuses[] = {AgentStatus::staged, AgentStatus::active, AgentStatus::inactive};
    for (const AgentStatus status : statuses) {
      if (net::equals_ignoring_case(*text, to_string(status)))
        query.statuses = {std::string(to_string(status))};
    }
  }
  using Match = Query::Text::Match;
  if (node.path == "profile.name") {
    const Match match = node.op == Operator::eq   ? Match::equals
                        : node.op == Operator::sw ? Match::starts_with
                                                  : Match::contains;
    query.texts.push_back({.match = match, .field = Query::Text::Field::name, .text = *text});
  }
}

// For the filter; cheaper than what is shown.
Value filtered_view(const Row& row) {
  Object profile;
  profile["name"] = row.name;
  Object out;
  out["id"] = row.id;
  out["status"] = row.status;
  out["profile"] = std::move(profile);
  return out;
}

core::Result<std::vector<Row>> newest_first(Reader& reader, const rest::Page& page, Query query,
                                            const std::function<core::Result<bool>(const Row&)>& fits) {
  ASSIGN_OR_RETURN(std::vector<Row> rows,
                   rows_of_page(reader, {.limit = kMaxBackwards}, std::move(query), fits));
  if (rows.size() > kMaxBackwards) {
    return refuse(
        ErrorKind::invalid_input, "INVALID_FORMAT",
        fmt::format("sortOrder: desc is for at most {} agents; narrow them by a filter.", kMaxBackwards),
        "sortOrder");
  }
  std::ranges::reverse(rows);
  if (!page.after.empty()) std::erase_if(rows, [&](const Row& row) { return row.id >= page.after; });
  if (rows.size() > page.limit + 1) rows.resize(page.limit + 1);
  return rows;
}

core::Result<rest::Reply> list_agents(const ApiRequest& request) {
  Query query{.kind = Kind::workload_principal, .parent = "ai-agents"};
  ASSIGN_OR_RETURN(const auto filter, read_filter(request.call, kFilter));
  std::function<core::Result<bool>(const Row&)> fits;
  if (filter) {
    narrow(filter->root(), query);
    fits = [&](const Row& row) -> core::Result<bool> {
      const Value view = filtered_view(row);
      return filter->matches(catalogue::JsonSubject(view));
    };
  }
  const std::string order = request.call.query_value("orderBy");
  const std::string direction = request.call.query_value("sortOrder");
  if (!order.empty() && order != "createdDate")
    return refuse(ErrorKind::invalid_input, "INVALID_FORMAT", "orderBy: must be createdDate", "orderBy");
  if (!direction.empty() && direction != "asc" && direction != "desc")
    return refuse(ErrorKind::invalid_input, "INVALID_FORMAT", "sortOrder: must be asc or desc", "sortOrder");
  Store& store = *request.service.store;
  auto rows = direction == "desc" ? newest_first(store, request.page, std::move(query), fits)
                                  : rows_of_page(store, request.page, std::move(query), fits);
  if (!rows) return std::unexpected(std::move(rows).error());
  return show_page(request, *std::move(rows), [&](const Row& row) -> core::Result<Object> {
    ASSIGN_OR_RETURN(const auto agent, read_workload_principal(row));
    return show(request.service, agent);
  });
}

core::Result<rest::Reply> get_agent(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const auto agent, principal_of_path(*request.service.store, request));
  return entity_reply(show(request.service, agent), agent.version);
}

// An operation that is done, and the answer that leads to it.
core::Result<rest::Reply> done(Transaction& tx, const ApiRequest& request, std::string_view verb,
                               const WorkloadPrincipal& agent, std::string_view status) {
  const Service& service = request.service;
  OperationResource resource{.id = agent.id,
                             .type = "ai_agent",
                             .status = std::string(status),
                             .href = service.url(fmt::format("{}/ai-agents/{}", kWorkloadApi, agent.id))};
  ASSIGN_OR_RETURN(const std::string operation,
                   record_operation(tx, service, fmt::format("ai-agent:{}", verb), agent.id, resource));
  return accepted(service, kWorkloadApi, operation);
}

// URLs are unique among all agents, which rows of their own see to.
core::Status put_url(Transaction& tx, const WorkloadPrincipal& agent, std::string_view what,
                     const std::string& url, std::string_view member) {
  const std::string id = fmt::format("{}/{}", agent.id, what);
  if (url.empty()) return {};
  ASSIGN_OR_RETURN(const auto there, tx.get(Kind::principal_url, id));
  if (there) return {};
  Row row{
      .kind = Kind::principal_url, .id = id, .parent = agent.id, .unique = fmt::format("{}:{}", what, url)};
  auto inserted = tx.insert(row);
  if (!inserted && inserted.error().code == "registry.UNIQUE_CONSTRAINT") {
    return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT",
                  fmt::format("{}: another AI agent has this URL.", member), std::string(member));
  }
  return inserted;
}

core::Status named(core::Status written, const WorkloadPrincipal& agent) {
  if (!written && written.error().code == "registry.UNIQUE_CONSTRAINT") {
    return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT",
                  fmt::format("profile.name: another AI agent has the name '{}'.", agent.name),
                  "profile.name");
  }
  return written;
}

core::Status put_urls(Transaction& tx, const WorkloadPrincipal& agent) {
  RETURN_IF_ERROR(put_url(tx, agent, "cimd", agent.cimd_url, "oauthClient.clientId"));
  return put_url(tx, agent, "resource", agent.resource_url, "resourceUrl");
}

core::Status emit_sign_on_change(Transaction& tx, const ApiRequest& request, bool had,
                                 const WorkloadPrincipal& agent) {
  const bool has = !agent.redirect_uris.empty();
  if (had == has) return {};
  return emit_principal_event(tx, agent, has ? "sign_on_provider.add" : "sign_on_provider.remove",
                              request.actor, request.transaction);
}

core::Result<rest::Reply> register_agent(const ApiRequest& request) {
  const Service& service = request.service;
  WorkloadPrincipal made{.id = service.new_id("wlp")};
  RETURN_IF_ERROR(apply_body(service, request.body, true, made));
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    Row row = to_row(made);
    RETURN_IF_ERROR(named(tx.insert(row), made));
    ASSIGN_OR_RETURN(const auto agent, read_workload_principal(row));
    RETURN_IF_ERROR(put_urls(tx, agent));
    RETURN_IF_ERROR(emit_principal_event(tx, agent, "register", request.actor, request.transaction));
    RETURN_IF_ERROR(emit_sign_on_change(tx, request, false, agent));
    return done(tx, request, "Register", agent, to_string(agent.status));
  });
}

// `body_of` gives the whole of what can be changed.
core::Result<rest::Reply> change_agent(const ApiRequest& request, std::string_view verb,
                                       const std::function<Object(const WorkloadPrincipal&)>& body_of) {
  const Service& service = request.service;
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    ASSIGN_OR_RETURN(WorkloadPrincipal agent, hold_principal_of_path(tx, request));
    RETURN_IF_ERROR(check_version(request.call, agent.version));
    const bool had_sign_on = !agent.redirect_uris.empty();
    RETURN_IF_ERROR(apply_body(service, body_of(agent), false, agent));
    if (agent.status == AgentStatus::active) {
      ASSIGN_OR_RETURN(const auto missing, missing_of(tx, agent));
      if (!missing.empty()) {
        return refuse(
            ErrorKind::conflict, "MISSING_PREREQUISITE",
            fmt::format("The AI agent is ACTIVE and would lack {}. Deactivate it, or add that before.",
                        fmt::join(missing, ", and ")),
            "oauthClient.tokenEndpointAuthMethod");
      }
    }
    Row row = to_row(agent);
    RETURN_IF_ERROR(named(tx.update(row), agent));
    RETURN_IF_ERROR(put_urls(tx, agent));
    RETURN_IF_ERROR(emit_principal_event(tx, agent, "update", request.actor, request.transaction));
    RETURN_IF_ERROR(emit_sign_on_change(tx, request, had_sign_on, agent));
    return done(tx, request, verb, agent, to_string(agent.status));
  });
}

core::Result<rest::Reply> replace_agent(const ApiRequest& request) {
  return change_agent(request, "Replace", [&](const WorkloadPrincipal&) { return request.body; });
}

core::Result<rest::Reply> patch_agent(const ApiRequest& request) {
  return change_agent(request, "Patch", [&](const WorkloadPrincipal& agent) {
    Value target(changeable(agent));
    const Value patch(request.body);
    rest::merge_patch(target, patch);
    return target.as_object();
  });
}

core::Result<rest::Reply> move(const ApiRequest& request, AgentEvent event, std::string_view verb,
                               bool revoke) {
  const Service& service = request.service;
  return in_transaction(request, [&](Transaction& tx) -> core::Result<rest::Reply> {
    ASSIGN_OR_RETURN(WorkloadPrincipal agent, hold_principal_of_path(tx, request));
    RETURN_IF_ERROR(check_version(request.call, agent.version));
    RETURN_IF_ERROR(move_agent(tx, service, agent, event, request.actor, request.transaction));
    if (revoke) {
      RETURN_IF_ERROR(revoke_tokens_of(tx, service, agent.client_id(), service.now()));
      RETURN_IF_ERROR(tx.emit({.type = "app.oauth2.token.revoke.implicit.client",
                               .actor = request.actor,
                               .targets = {target_of(agent)},
                               .transaction = request.transaction}));
    }
    return done(tx, request, verb, agent, event == AgentEvent::remove ? "DELETED" : to_string(agent.status));
  });
}

core::Result<rest::Reply> activate_agent(const ApiRequest& request) {
  return move(request, AgentEvent::activate, "Activate", false);
}
core::Result<rest::Reply> deactivate_agent(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const bool revoke, wants_revocation(request));
  return move(request, AgentEvent::deactivate, "Deactivate", revoke);
}
core::Result<rest::Reply> delete_agent(const ApiRequest& request) {
  return move(request, AgentEvent::remove, "Delete", false);
}

constexpr ApiArea kArea{
    .base = kWorkloadApi, .tag = "AI agents", .read = kReadAgents, .manage = kManageAgents};

using net::Method;
constexpr std::array<ApiRoute, 8> kRoutes{{
    {Method::get, "/ai-agents", "listAIAgents", "List AI agents", list_agents, Takes::page},
    {Method::post, "/ai-agents", "registerAIAgent", "Register an AI agent", register_agent, Takes::object},
    {Method::get, "/ai-agents/{agentId}", "getAIAgent", "Retrieve an AI agent", get_agent},
    {Method::put, "/ai-agents/{agentId}", "replaceAIAgent", "Replace an AI agent", replace_agent,
     Takes::object},
    {Method::patch, "/ai-agents/{agentId}", "patchAIAgent", "Update an AI agent by a merge patch",
     patch_agent, Takes::merge_patch},
    {Method::delete_, "/ai-agents/{agentId}", "deleteAIAgent", "Delete an AI agent", delete_agent},
    {Method::post, "/ai-agents/{agentId}/lifecycle/activate", "activateAIAgent", "Activate an AI agent",
     activate_agent},
    {Method::post, "/ai-agents/{agentId}/lifecycle/deactivate", "deactivateAIAgent",
     "Deactivate an AI agent: no new tokens; with revoke=true those issued are taken back, too",
     deactivate_agent, Takes::optional_object},
}};

}  // namespace

void add_agent_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kArea, kRoutes);
  add_operation_routes(router, service, "workload-principals", kReadAgents);
}

}  // namespace registry
