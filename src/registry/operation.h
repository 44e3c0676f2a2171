// Requests that take longer than their answer: accepted with 202 and a Location, done by a worker, polled at
// /resource-servers/api/v1/operations/{id} (or /workload-principals/...).
//
//   SCHEDULED -begin_operation-> IN_PROGRESS -finish_operation-> COMPLETED | FAILED
// What is finished stays so: finishing it again changes nothing.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"
#include "registry/service.h"
#include "registry/store.h"

namespace registry {

enum class OperationStatus { scheduled, in_progress, completed, failed };
std::string_view to_string(OperationStatus status);  // "IN_PROGRESS"

struct OperationResource {
  std::string id;
  std::string type;    // "mcp_server", "auth_server", "ai_agent"
  std::string status;  // "INACTIVE"; of what was deleted "DELETED"
  std::string href;    // absolute
};

struct OperationError {
  std::string code;  // Okta's ("E0000001"), or a reason ("NOT_CONNECTABLE")
  std::string message;
};

struct Operation {
  std::string id;       // op-...
  std::string type;     // "mcp-server:Register"
  std::string subject;  // the id of what it is about
  OperationStatus status = OperationStatus::scheduled;
  core::WallTime created{};
  std::optional<core::WallTime> started{};
  std::optional<core::WallTime> completed{};
  std::optional<OperationResource> resource{};  // COMPLETED
  std::optional<OperationError> error{};        // FAILED
};

// An operation and the work for it, in one transaction; gives its id. The work has the id
// "KIND/SUBJECT/OPERATION", `body` with the member "operation" added, and is due now.
core::Result<std::string> start_operation(Transaction& tx, const Service& service, std::string_view type,
                                          std::string_view subject, std::string_view work_kind,
                                          core::json::Object body = {});
// Who asked for work, as the member "actor" of its body; without one it is the system.
core::json::Object write_actor(const Actor& actor);
Actor actor_of(const Work& work);

// One that is done within the request.
core::Result<std::string> record_operation(Transaction& tx, const Service& service, std::string_view type,
                                           std::string_view subject, OperationResource resource);

// An id that is not (or no longer) there is no error in these three: whoever waits for it is gone.
core::Status begin_operation(Transaction& tx, const Service& service, std::string_view id);
core::Status finish_operation(Transaction& tx, const Service& service, std::string_view id,
                              OperationResource resource);
core::Status finish_operation(Transaction& tx, const Service& service, std::string_view id,
                              OperationError error);
// Ends all that are under way for something that was deleted.
core::Status fail_operations_of(Transaction& tx, const Service& service, std::string_view subject,
                                const OperationError& error);

core::Result<std::optional<Operation>> find_operation(Reader& reader, std::string_view id);
// Those under way for a subject, oldest first.
core::Result<std::vector<Operation>> running_operations(Reader& reader, std::string_view subject);
// The newest of that type, whatever its status.
core::Result<std::optional<Operation>> last_operation(Reader& reader, std::string_view subject,
                                                      std::string_view type);

// "resource-servers" or "workload-principals": under which API an operation on that subject is found.
std::string_view area_of(std::string_view subject);

// As the API shows it.
core::json::Object show(const Service& service, const Operation& operation);

// GET /AREA/api/v1/operations and .../operations/{id}.
void add_operation_routes(rest::Router& router, const Service& service, std::string_view area,
                          std::string_view scope);

}  // namespace registry
