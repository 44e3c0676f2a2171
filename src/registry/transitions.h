// How MCP servers and their authorization servers change state: two tables, read from top to bottom, drawn in
// docs/registry.md from the same rows.
//
// What is not in a table is refused: registry.INVALID_STATE_TRANSITION (conflict), which names the current
// state and the verbs that it allows.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "registry/mcp_server.h"
#include "registry/service.h"
#include "registry/store.h"

namespace registry {

enum class ServerEvent { validated, validation_failed, activate, deactivate, remove };
std::string_view to_string(ServerEvent event);  // "validation failed"

enum class AuthServerEvent { verified, verification_failed, activate, deactivate, remove };
std::string_view to_string(AuthServerEvent event);

// Checked before a row is taken; rows of the same state and event differ in it.
enum class ServerGuard { none, complete, connectable, unused };
enum class AuthServerGuard { none, automatic, manual, verified, was_active, was_inactive, unused };

// `to` is empty where the entity goes (DELETED).
struct ServerTransition {
  Status from;
  ServerEvent event;
  ServerGuard guard;
  std::optional<Status> to;
  std::string_view when;    // the guard, for people
  std::string_view effect;  // what else happens, for people
};
struct AuthServerTransition {
  Status from;
  AuthServerEvent event;
  AuthServerGuard guard;
  std::optional<Status> to;
  std::string_view when;
  std::string_view effect;
};
std::span<const ServerTransition> server_transitions();
std::span<const AuthServerTransition> auth_server_transitions();

// The tables as Markdown, as they stand in docs/registry.md.
std::string draw_server_states();
std::string draw_auth_server_states();

// Requests that make sense in a state: "activate", "deactivate", "validate", "delete".
std::vector<std::string_view> server_verbs(Status status);
std::vector<std::string_view> auth_server_verbs(Status status);

// Takes the transition, writes the row (or removes it, with all that belongs to it) and emits the event.
// `server` is as read by Transaction::hold() in this transaction, with whatever else the caller changed in it
// (detected metadata, what is missing), and afterwards as stored. `reasons` (of validation_failed) become its
// invalid reasons.
//
// validated on INACTIVE and ACTIVE, and validation_failed on INVALID, confirm a state: the row is written,
// nothing is moved and no event is emitted. So does validated on PENDING while something is missing; then
// `server.missing` says what. How many failures in a row an ACTIVE server is forgiven is decided by who
// validates; here validation_failed makes it INVALID.
//
// Errors besides the store's, all conflicts: INVALID_STATE_TRANSITION; NOT_CONNECTABLE (activate);
// RESOURCE_IN_USE (remove, while a connection or its OAuth client needs it).
core::Status move_server(Transaction& tx, const Service& service, McpServer& server, ServerEvent event,
                         const Actor& actor, const std::string& transaction,
                         std::vector<std::string> reasons = {});

// The refusal that move_server() would give now, without a change.
core::Status check_server_move(Transaction& tx, const Service& service, const McpServer& server,
                               ServerEvent event);

// As move_server(); the server's row is held by the caller, too. `verified` and `verification_failed` also
// set the connectivity, its reason, the time of the check and the failures in a row; they confirm INACTIVE
// and ACTIVE, or INVALID. activate wants verified connectivity and something to activate: XAA, or a client
// registration for STS (NOT_CONNECTABLE). remove takes its client registrations with it, and is refused while
// a connection needs one of them (RESOURCE_IN_USE): who finds it gone from the metadata then makes it
// INVALID.
core::Status move_auth_server(Transaction& tx, const Service& service, McpAuthServer& auth_server,
                              AuthServerEvent event, const Actor& actor, const std::string& transaction,
                              std::string reason = {});

// The events that are about an authorization server which was found or linked ("create") or changed without
// changing its state ("update").
core::Status emit_auth_server_event(Transaction& tx, const McpAuthServer& auth_server, std::string_view verb,
                                    const Actor& actor, const std::string& transaction,
                                    core::json::Object changes = {});
// And of a server: "register", "update".
core::Status emit_server_event(Transaction& tx, const Service& service, const McpServer& server,
                               std::string_view verb, const Actor& actor, const std::string& transaction,
                               core::json::Object changes = {});

}  // namespace registry
