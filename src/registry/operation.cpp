#include "registry/operation.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>
#include <ranges>
#include <utility>

#include "registry/api.h"
#include "rest/paging.h"

namespace registry {
namespace {

using core::json::Object;
using core::json::Value;

constexpr std::array<std::pair<OperationStatus, std::string_view>, 4> kStatuses{{
    {OperationStatus::scheduled, "SCHEDULED"},
    {OperationStatus::in_progress, "IN_PROGRESS"},
    {OperationStatus::completed, "COMPLETED"},
    {OperationStatus::failed, "FAILED"},
}};

bool is_finished(OperationStatus status) {
  return status == OperationStatus::completed || status == OperationStatus::failed;
}

std::int64_t stamp(core::WallTime time) {
  return time.time_since_epoch().count();
}

Row to_row(const Operation& operation) {
  Row row{.kind = Kind::operation, .id = operation.id, .parent = operation.subject};
  row.status = to_string(operation.status);
  row.name = area_of(operation.subject);
  row.created = operation.created;
  row.body = Object{{"type", operation.type}};
  if (operation.started) row.body["started"] = stamp(*operation.started);
  if (operation.completed) row.body["completed"] = stamp(*operation.completed);
  if (operation.resource)
    row.body["resource"] = Object{{"id", operation.resource->id},
                                  {"type", operation.resource->type},
                                  {"status", operation.resource->status},
                                  {"href", operation.resource->href}};
  if (operation.error)
    row.body["error"] = Object{{"code", operation.error->code}, {"message", operation.error->message}};
  return row;
}

core::Result<std::optional<core::WallTime>> time_at(const core::json::Reader& body, std::string_view key) {
  ASSIGN_OR_RETURN(const auto number, body.at(key).optional_integer());
  if (!number) return std::optional<core::WallTime>{};
  return std::optional(core::WallTime{std::chrono::milliseconds{*number}});
}

core::Status read_body(const core::json::Reader& body, Operation& operation) {
  ASSIGN_OR_RETURN(operation.type, body.at("type").string());
  ASSIGN_OR_RETURN(operation.started, time_at(body, "started"));
  ASSIGN_OR_RETURN(operation.completed, time_at(body, "completed"));
  if (const core::json::Reader at = body.at("resource"); at.present()) {
    OperationResource resource;
    ASSIGN_OR_RETURN(resource.id, at.at("id").string());
    ASSIGN_OR_RETURN(resource.type, at.at("type").string());
    ASSIGN_OR_RETURN(resource.status, at.at("status").string());
    ASSIGN_OR_RETURN(resource.href, at.at("href").string());
    operation.resource = std::move(resource);
  }
  if (const core::json::Reader at = body.at("error"); at.present()) {
    OperationError error;
    ASSIGN_OR_RETURN(error.code, at.at("code").string());
    ASSIGN_OR_RETURN(error.message, at.at("message").string());
    operation.error = std::move(error);
  }
  return {};
}

core::Result<Operation> read_operation(const Row& row) {
  Operation operation{.id = row.id, .type = {}, .subject = row.parent};
  operation.created = row.created;
  const Value body(row.body);
  core::Status done = read_body(core::json::Reader(body), operation);
  const auto* status = std::find_if(kStatuses.begin(), kStatuses.end(),
                                    [&](const auto& each) { return each.second == row.status; });
  if (!done || status == kStatuses.end())
    return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                      fmt::format("the stored operation {} is not one of this program's", row.id),
                      "Something else wrote to the database; restore it from a backup.");
  operation.status = status->first;
  return operation;
}

core::Status insert(Transaction& tx, const Operation& operation) {
  Row row = to_row(operation);
  return tx.insert(row);
}

// Changes one that is not finished; `edit` does.
template <class Edit>
core::Status change(Transaction& tx, std::string_view id, const Edit& edit) {
  if (id.empty()) return {};
  ASSIGN_OR_RETURN(const auto held, tx.hold(Kind::operation, id));
  if (!held) return {};
  ASSIGN_OR_RETURN(Operation operation, read_operation(*held));
  if (is_finished(operation.status)) return {};
  edit(operation);
  Row row = to_row(operation);
  row.version = held->version;
  return tx.update(row);
}

void end(const Service& service, Operation& operation, OperationStatus status) {
  operation.status = status;
  if (!operation.started) operation.started = service.now();
  operation.completed = service.now();
}

core::Result<std::vector<Operation>> operations_of(Reader& reader, Query query) {
  std::vector<Operation> operations;
  for (;;) {
    ASSIGN_OR_RETURN(const auto rows, reader.list(query));
    for (const Row& row : rows) {
      ASSIGN_OR_RETURN(auto operation, read_operation(row));
      operations.push_back(std::move(operation));
    }
    if (rows.size() < query.limit) return operations;
    query.after = rows.back().id;
  }
}

}  // namespace

std::string_view to_string(OperationStatus status) {
  for (const auto& [value, name] : kStatuses)
    if (value == status) return name;
  return "FAILED";
}

std::string_view area_of(std::string_view subject) {
  for (const std::string_view prefix : {"ems", "eas", "rsc"})
    if (subject.starts_with(prefix)) return "resource-servers";
  return "workload-principals";
}

core::Result<std::string> start_operation(Transaction& tx, const Service& service, std::string_view type,
                                          std::string_view subject, std::string_view work_kind,
                                          core::json::Object body) {
  const Operation operation{
      .id = service.new_id("op-"), .type = std::string(type), .subject = std::string(subject)};
  RETURN_IF_ERROR(insert(tx, operation));
  body["operation"] = operation.id;
  RETURN_IF_ERROR(tx.schedule({.id = fmt::format("{}/{}/{}", work_kind, subject, operation.id),
                               .kind = std::string(work_kind),
                               .subject = std::string(subject),
                               .body = std::move(body),
                               .due = service.now()}));
  return operation.id;
}

core::json::Object write_actor(const Actor& actor) {
  return {{"id", actor.id}, {"type", actor.type}, {"name", actor.name}};
}

Actor actor_of(const Work& work) {
  const auto* actor = work.body.if_contains("actor");
  if (actor == nullptr) return {.id = "system", .type = "SystemPrincipal", .name = "Agent Registry"};
  return {.id = std::string(core::json::string_or_empty(*actor, "id")),
          .type = std::string(core::json::string_or_empty(*actor, "type")),
          .name = std::string(core::json::string_or_empty(*actor, "name"))};
}

core::Result<std::string> record_operation(Transaction& tx, const Service& service, std::string_view type,
                                           std::string_view subject, OperationResource resource) {
  Operation operation{
      .id = service.new_id("op-"), .type = std::string(type), .subject = std::string(subject)};
  operation.resource = std::move(resource);
  end(service, operation, OperationStatus::completed);
  RETURN_IF_ERROR(insert(tx, operation));
  return operation.id;
}

core::Status begin_operation(Transaction& tx, const Service& service, std::string_view id) {
  return change(tx, id, [&](Operation& operation) {
    operation.status = OperationStatus::in_progress;
    if (!operation.started) operation.started = service.now();
  });
}

core::Status finish_operation(Transaction& tx, const Service& service, std::string_view id,
                              OperationResource resource) {
  return change(tx, id, [&](Operation& operation) {
    end(service, operation, OperationStatus::completed);
    operation.resource = std::move(resource);
  });
}

core::Status finish_operation(Transaction& tx, const Service& service, std::string_view id,
                              OperationError error) {
  return change(tx, id, [&](Operation& operation) {
    end(service, operation, OperationStatus::failed);
    operation.error = std::move(error);
  });
}

core::Status fail_operations_of(Transaction& tx, const Service& service, std::string_view subject,
                                const OperationError& error) {
  ASSIGN_OR_RETURN(const auto running, running_operations(tx, subject));
  for (const Operation& operation : running)
    RETURN_IF_ERROR(finish_operation(tx, service, operation.id, error));
  return {};
}

core::Result<std::optional<Operation>> find_operation(Reader& reader, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::operation, id));
  if (!row) return std::optional<Operation>{};
  ASSIGN_OR_RETURN(auto operation, read_operation(*row));
  return std::optional(std::move(operation));
}

core::Result<std::vector<Operation>> running_operations(Reader& reader, std::string_view subject) {
  return operations_of(
      reader,
      {.kind = Kind::operation, .parent = std::string(subject), .statuses = {"SCHEDULED", "IN_PROGRESS"}});
}

core::Result<std::optional<Operation>> last_operation(Reader& reader, std::string_view subject,
                                                      std::string_view type) {
  ASSIGN_OR_RETURN(auto all,
                   operations_of(reader, {.kind = Kind::operation, .parent = std::string(subject)}));
  const auto newest_first = std::views::reverse(all);
  const auto found = std::ranges::find(newest_first, type, &Operation::type);
  if (found == newest_first.end()) return std::nullopt;
  return std::optional(std::move(*found));
}

core::json::Object show(const Service& service, const Operation& operation) {
  Object shown{{"id", operation.id},
               {"type", operation.type},
               {"status", to_string(operation.status)},
               {"created", core::to_rfc3339(operation.created)}};
  if (operation.started) shown["started"] = core::to_rfc3339(*operation.started);
  if (operation.completed) shown["completed"] = core::to_rfc3339(*operation.completed);
  if (operation.resource)
    shown["resource"] = Object{{"id", operation.resource->id},
                               {"type", operation.resource->type},
                               {"status", operation.resource->status},
                               {"_links", Object{{"self", Object{{"href", operation.resource->href}}}}}};
  if (operation.error)
    shown["errorDetails"] = Object{{"code", operation.error->code}, {"message", operation.error->message}};
  shown["_links"] =
      Object{{"self", Object{{"href", service.url(fmt::format("/{}/api/v1/operations/{}",
                                                              area_of(operation.subject), operation.id))}}}};
  return shown;
}

namespace {

constexpr std::string_view kResources = "resource-servers";
constexpr std::string_view kPrincipals = "workload-principals";

template <const std::string_view& area>
core::Result<rest::Reply> list_operations(const ApiRequest& request) {
  Query query{.kind = Kind::operation};
  query.texts.push_back(
      {.match = Query::Text::Match::equals, .field = Query::Text::Field::name, .text = std::string(area)});
  return list_reply(request, std::move(query), "op-", [&](const Row& row) -> core::Result<Object> {
    ASSIGN_OR_RETURN(const auto operation, read_operation(row));
    return show(request.service, operation);
  });
}

template <const std::string_view& area>
core::Result<rest::Reply> get_operation(const ApiRequest& request) {
  ASSIGN_OR_RETURN(const auto operation, find_operation(*request.service.store, request.param(0)));
  if (!operation || area_of(operation->subject) != area) return no_such(request.param(0), "Operation");
  return rest::json_reply(show(request.service, *operation));
}

using net::Method;
using Takes = ApiRoute::Takes;
constexpr std::string_view kListed = "List operations, the oldest first";
constexpr std::string_view kGot = "Ask what became of a request that was accepted";
constexpr std::array<ApiRoute, 2> kResourceRoutes{{
    {Method::get, "", "listResourceServerOperations", kListed, list_operations<kResources>, Takes::page},
    {Method::get, "/{operationId}", "getResourceServerOperation", kGot, get_operation<kResources>},
}};
constexpr std::array<ApiRoute, 2> kPrincipalRoutes{{
    {Method::get, "", "listWorkloadPrincipalOperations", kListed, list_operations<kPrincipals>, Takes::page},
    {Method::get, "/{operationId}", "getWorkloadPrincipalOperation", kGot, get_operation<kPrincipals>},
}};

}  // namespace

void add_operation_routes(rest::Router& router, const Service& service, std::string_view area,
                          std::string_view scope) {
  const std::string base = fmt::format("/{}/api/v1/operations", area);
  add_routes(router, service, {.base = base, .tag = "Operations", .read = scope, .manage = {}},
             area == kResources ? kResourceRoutes : kPrincipalRoutes);
}

}  // namespace registry
