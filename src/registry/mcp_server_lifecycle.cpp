#include "registry/mcp_server_lifecycle.h"

#include <functional>
#include <utility>

#include "registry/api.h"
#include "registry/mcp_server_api.h"
#include "registry/members.h"
#include "registry/operation.h"
#include "registry/revocation.h"
#include "registry/transitions.h"

namespace registry {
namespace {

using rest::Reply;

// Within the server's transaction; gives the operation that the answer leads to.
using Accept = std::function<core::Result<std::string>(Transaction&, McpServer&)>;

core::Result<Reply> accept(const ApiRequest& request, const Accept& work) {
  const Service& service = request.service;
  std::string operation;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(auto server, hold_server(tx, request.param(0)));
    ASSIGN_OR_RETURN(operation, work(tx, server));
    return {};
  });
  RETURN_IF_ERROR(done);
  return accepted(service, kResourceServers, operation);
}

// Whether a request joins an operation that has begun, or only one that waits: what has begun may have looked
// before the caller's last change.
enum class Join { running, waiting };

core::Result<std::string> join_or_start(Transaction& tx, const ApiRequest& request, const McpServer& server,
                                        std::string_view type, std::string_view reason, Join join) {
  ASSIGN_OR_RETURN(const auto running, running_operations(tx, server.id));
  for (const Operation& operation : running)
    if (operation.type == type && (join == Join::running || operation.status == OperationStatus::scheduled))
      return operation.id;
  return start_operation(tx, request.service, type, server.id, "validate",
                         {{"reason", reason}, {"actor", write_actor(request.actor)}});
}

// Done now.
core::Result<std::string> move_now(Transaction& tx, const ApiRequest& request, McpServer& server,
                                   ServerEvent event, std::string_view type) {
  const Service& service = request.service;
  RETURN_IF_ERROR(move_server(tx, service, server, event, request.actor, request.transaction));
  const bool gone = event == ServerEvent::remove;
  return record_operation(tx, service, type, server.id,
                          {.id = server.id,
                           .type = "mcp_server",
                           .status = std::string(gone ? "DELETED" : to_string(server.status)),
                           .href = server_href(service, server.id)});
}

}  // namespace

core::Result<Reply> activate_server(const ApiRequest& request) {
  const Service& service = request.service;
  return accept(request, [&](Transaction& tx, McpServer& server) -> core::Result<std::string> {
    // What is refused for certain is refused at once; the rest is found out by the checks.
    RETURN_IF_ERROR(check_server_move(tx, service, server, ServerEvent::activate));
    return join_or_start(tx, request, server, "mcp-server:Activate", "activate", Join::running);
  });
}

core::Result<Reply> deactivate_server(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const bool revoke, wants_revocation(request));
  return accept(request, [&](Transaction& tx, McpServer& server) -> core::Result<std::string> {
    if (revoke) RETURN_IF_ERROR(revoke_tokens_of(tx, service, server.id, service.now()));
    return move_now(tx, request, server, ServerEvent::deactivate, "mcp-server:Deactivate");
  });
}

core::Result<Reply> validate_server(const ApiRequest& request) {
  return accept(request, [&](Transaction& tx, McpServer& server) {
    return join_or_start(tx, request, server, "mcp-server:Validate", "manual", Join::waiting);
  });
}

core::Result<Reply> refresh_server(const ApiRequest& request) {
  return accept(request, [&](Transaction& tx, McpServer& server) {
    return join_or_start(tx, request, server, "mcp-server:Refresh", "manual", Join::waiting);
  });
}

core::Result<Reply> delete_server(const ApiRequest& request) {
  return accept(request, [&](Transaction& tx, McpServer& server) -> core::Result<std::string> {
    RETURN_IF_ERROR(check_version(request.call, server.version));
    return move_now(tx, request, server, ServerEvent::remove, "mcp-server:Delete");
  });
}

}  // namespace registry
