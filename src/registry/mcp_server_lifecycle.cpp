#include "registry/mcp_server_lifecycle.h"

#include <functional>
#include <utility>

#include "registry/api.h"
#include "registry/mcp_server_api.h"
#include "registry/members.h"
#include "registry/operation.h"
#include "registry/revocation.h"
#include "registry/transitions.h"
#include "rest/body.h"

namespace registry {
namespace {

using rest::Answer;
using rest::Call;
using rest::Reply;

// Within the server's transaction; gives the operation that the answer leads to.
using Accept = std::function<core::Result<std::string>(Transaction&, McpServer&)>;

Answer<Reply> accept(const Service& service, const Call& call, const Accept& work) {
  std::string operation;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(auto server, hold_server(tx, call.param(0)));
    ASSIGN_OR_RETURN(operation, work(tx, server));
    return {};
  });
  if (!done) return rest::refuse(problem_of(done.error()));
  return accepted(service, kResourceServers, operation);
}

// Whether a request joins an operation that has begun, or only one that waits: what has begun may have looked
// before the caller's last change.
enum class Join { running, waiting };

core::Result<std::string> join_or_start(Transaction& tx, const Service& service, const Call& call,
                                        const McpServer& server, std::string_view type,
                                        std::string_view reason, Join join) {
  ASSIGN_OR_RETURN(const auto running, running_operations(tx, server.id));
  for (const Operation& operation : running)
    if (operation.type == type && (join == Join::running || operation.status == OperationStatus::scheduled))
      return operation.id;
  return start_operation(tx, service, type, server.id, "validate",
                         {{"reason", reason}, {"actor", write_actor(actor_of(call.caller))}});
}

// {"revoke": true}: tokens issued so far are taken back, too.
Answer<bool> wants_revocation(const Call& call) {
  ASSIGN_OR_RETURN(const auto body, rest::read_optional_object(call));
  ASSIGN_OR_RETURN(const bool by_query, rest::read_flag(call, "revoke", false));
  const Members in(body);
  if (const auto known = answer(in.only({"revoke"})); !known) return rest::refuse(known.error());
  ASSIGN_OR_RETURN(const auto flag, answer(in.optional_flag("revoke")));
  return flag.value_or(by_query);
}

// Done now.
core::Result<std::string> move_now(Transaction& tx, const Service& service, const Call& call,
                                   McpServer& server, ServerEvent event, std::string_view type) {
  RETURN_IF_ERROR(move_server(tx, service, server, event, actor_of(call.caller), service.random->uuid()));
  const bool gone = event == ServerEvent::remove;
  return record_operation(tx, service, type, server.id,
                          {.id = server.id,
                           .type = "mcp_server",
                           .status = std::string(gone ? "DELETED" : to_string(server.status)),
                           .href = server_href(service, server.id)});
}

}  // namespace

Answer<Reply> activate_server(const Service& service, const Call& call) {
  return accept(service, call, [&](Transaction& tx, McpServer& server) -> core::Result<std::string> {
    // What is refused for certain is refused at once; the rest is found out by the checks.
    RETURN_IF_ERROR(check_server_move(tx, service, server, ServerEvent::activate));
    return join_or_start(tx, service, call, server, "mcp-server:Activate", "activate", Join::running);
  });
}

Answer<Reply> deactivate_server(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const bool revoke, wants_revocation(call));
  return accept(service, call, [&](Transaction& tx, McpServer& server) -> core::Result<std::string> {
    if (revoke) RETURN_IF_ERROR(revoke_tokens_of(tx, service, server.id, service.now()));
    return move_now(tx, service, call, server, ServerEvent::deactivate, "mcp-server:Deactivate");
  });
}

Answer<Reply> validate_server(const Service& service, const Call& call) {
  return accept(service, call, [&](Transaction& tx, McpServer& server) {
    return join_or_start(tx, service, call, server, "mcp-server:Validate", "manual", Join::waiting);
  });
}

Answer<Reply> refresh_server(const Service& service, const Call& call) {
  return accept(service, call, [&](Transaction& tx, McpServer& server) {
    return join_or_start(tx, service, call, server, "mcp-server:Refresh", "manual", Join::waiting);
  });
}

Answer<Reply> delete_server(const Service& service, const Call& call) {
  RETURN_IF_ERROR(check_if_match_syntax(call));
  return accept(service, call, [&](Transaction& tx, McpServer& server) -> core::Result<std::string> {
    RETURN_IF_ERROR(check_version(call, server.version));
    return move_now(tx, service, call, server, ServerEvent::remove, "mcp-server:Delete");
  });
}

}  // namespace registry
