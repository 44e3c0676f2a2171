#include "registry/transitions.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

#include "registry/capabilities.h"
#include "registry/client_auth_settings.h"
#include "registry/operation.h"

namespace registry {
namespace {

using core::ErrorKind;
using enum Status;

// "Okta for AI Agents: MCP servers", lifecycle of an MCP server. There are no other transitions.
constexpr std::array kServerTransitions{
    ServerTransition{pending, ServerEvent::validated, ServerGuard::complete, inactive,
                     "registration and configuration are complete", "it can be activated"},
    ServerTransition{pending, ServerEvent::validation_failed, ServerGuard::none, invalid, "",
                     "invalidReasons say why"},
    ServerTransition{pending, ServerEvent::remove, ServerGuard::unused, std::nullopt,
                     "no connection and no OAuth client of it is left", "its URL may be registered again"},
    ServerTransition{inactive, ServerEvent::activate, ServerGuard::connectable, active,
                     "an ACTIVE authorization server supports XAA or STS", "connections are accepted"},
    ServerTransition{inactive, ServerEvent::validation_failed, ServerGuard::none, invalid, "",
                     "invalidReasons say why"},
    ServerTransition{inactive, ServerEvent::remove, ServerGuard::unused, std::nullopt,
                     "no connection and no OAuth client of it is left", "its URL may be registered again"},
    ServerTransition{active, ServerEvent::deactivate, ServerGuard::none, inactive, "",
                     "tokens are refused at once, on every node"},
    ServerTransition{active, ServerEvent::validation_failed, ServerGuard::none, invalid,
                     "several times in a row, or once where security is concerned",
                     "tokens are refused at once; invalidReasons say why"},
    ServerTransition{invalid, ServerEvent::validated, ServerGuard::none, inactive, "mended",
                     "it can be activated"},
    ServerTransition{invalid, ServerEvent::remove, ServerGuard::unused, std::nullopt,
                     "no connection and no OAuth client of it is left", "its URL may be registered again"},
};

constexpr std::array kAuthServerTransitions{
    AuthServerTransition{pending, AuthServerEvent::verified, AuthServerGuard::automatic, active,
                         "found in metadata, or an Okta custom one", "it counts for connectable"},
    AuthServerTransition{pending, AuthServerEvent::verified, AuthServerGuard::manual, inactive,
                         "entered by hand", "an administrator activates it"},
    AuthServerTransition{pending, AuthServerEvent::verification_failed, AuthServerGuard::none, invalid, "",
                         "connectivity FAILED with the reason"},
    AuthServerTransition{pending, AuthServerEvent::remove, AuthServerGuard::unused, std::nullopt,
                         "no connection needs it", "its client registrations go, too"},
    AuthServerTransition{inactive, AuthServerEvent::activate, AuthServerGuard::verified, active,
                         "connectivity is VERIFIED, and it supports XAA or STS", "it counts for connectable"},
    AuthServerTransition{inactive, AuthServerEvent::verification_failed, AuthServerGuard::none, invalid, "",
                         "connectivity FAILED with the reason"},
    AuthServerTransition{inactive, AuthServerEvent::remove, AuthServerGuard::unused, std::nullopt,
                         "no connection needs it", "its client registrations go, too"},
    AuthServerTransition{active, AuthServerEvent::deactivate, AuthServerGuard::none, inactive, "",
                         "it does not count for connectable; the server stays what it is"},
    AuthServerTransition{active, AuthServerEvent::verification_failed, AuthServerGuard::none, invalid,
                         "several times in a row, or once where security is concerned",
                         "connectivity FAILED with the reason; the server stays what it is"},
    AuthServerTransition{active, AuthServerEvent::remove, AuthServerGuard::unused, std::nullopt,
                         "no connection needs it", "its client registrations go, too"},
    AuthServerTransition{invalid, AuthServerEvent::verified, AuthServerGuard::was_active, active,
                         "it was ACTIVE, or never INACTIVE", "it counts for connectable"},
    AuthServerTransition{invalid, AuthServerEvent::verified, AuthServerGuard::was_inactive, inactive,
                         "it was INACTIVE, or was entered by hand", ""},
    AuthServerTransition{invalid, AuthServerEvent::remove, AuthServerGuard::unused, std::nullopt,
                         "no connection needs it", "its client registrations go, too"},
};

constexpr std::array kServerEvents{
    std::pair{ServerEvent::validated, std::string_view("validated")},
    std::pair{ServerEvent::validation_failed, std::string_view("validation failed")},
    std::pair{ServerEvent::activate, std::string_view("activate")},
    std::pair{ServerEvent::deactivate, std::string_view("deactivate")},
    std::pair{ServerEvent::remove, std::string_view("delete")},
};
constexpr std::array kAuthServerEvents{
    std::pair{AuthServerEvent::verified, std::string_view("verified")},
    std::pair{AuthServerEvent::verification_failed, std::string_view("verification failed")},
    std::pair{AuthServerEvent::activate, std::string_view("activate")},
    std::pair{AuthServerEvent::deactivate, std::string_view("deactivate")},
    std::pair{AuthServerEvent::remove, std::string_view("delete")},
};

std::string_view name_of(std::optional<Status> status) {
  return status ? to_string(*status) : std::string_view("DELETED");
}

// The event's name in the System Log; what is no request of an administrator is an update.
template <class Event>
std::string_view log_verb(Event event) {
  switch (event) {
    case Event::activate:
      return "activate";
    case Event::deactivate:
      return "deactivate";
    case Event::remove:
      return "delete";
    default:
      return "update";
  }
}

template <class Table>
std::string draw(const Table& table) {
  std::string text = "| from | event | when | to | then |\n|---|---|---|---|---|\n";
  for (const auto& row : table)
    text += fmt::format("| {} | {} | {} | {} | {} |\n", to_string(row.from), to_string(row.event), row.when,
                        name_of(row.to), row.effect);
  return text;
}

// Requests first in the order of the events; only they are verbs.
template <class Table, class Event>
void add_verb(std::vector<std::string_view>& verbs, const Table& table, Status status, Event event) {
  if (std::any_of(table.begin(), table.end(),
                  [&](const auto& row) { return row.from == status && row.event == event; }))
    verbs.push_back(to_string(event));
}

std::unexpected<core::Error> not_from_here(std::string message, Status status,
                                           const std::vector<std::string_view>& verbs) {
  auto refusal = refuse(ErrorKind::conflict, "INVALID_STATE_TRANSITION", std::move(message), "status");
  refusal.error().hint = verbs.empty()
                             ? fmt::format("Nothing can be requested in {}.", to_string(status))
                             : fmt::format("Allowed in {}: {}.", to_string(status), fmt::join(verbs, ", "));
  return refusal;
}

template <class Entity>
core::Status write(Transaction& tx, Entity& entity) {
  Row row = to_row(entity);
  RETURN_IF_ERROR(tx.update(row));
  entity.version = row.version;
  entity.updated = row.updated;
  return {};
}

core::json::Object change(std::string_view member, std::string_view from, std::string_view to) {
  return {{member, core::json::Object{{"from", from}, {"to", to}}}};
}

core::json::Array array_of(const std::vector<std::string>& texts) {
  core::json::Array array;
  array.reserve(texts.size());
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

// ---- MCP servers ----

core::Status check_unused(Transaction& tx, const McpServer& server) {
  ASSIGN_OR_RETURN(const auto connections,
                   tx.list({.kind = Kind::connection, .refers_to = server.id, .limit = 1}));
  if (!connections.empty())
    return refuse(
        ErrorKind::conflict, "RESOURCE_IN_USE",
        fmt::format("The MCP server {} is used by the connection {} of {}; delete that connection first.",
                    server.id, connections.front().id, connections.front().parent),
        "id");
  ASSIGN_OR_RETURN(const auto clients,
                   tx.list({.kind = Kind::workload_principal, .parent = server.id, .limit = 1}));
  if (!clients.empty())
    return refuse(ErrorKind::conflict, "RESOURCE_IN_USE",
                  fmt::format("The MCP server {} has the OAuth client {}; delete that client first.",
                              server.id, clients.front().id),
                  "id");
  return {};
}

core::Status remove_children(Transaction& tx, Kind kind, const std::string& parent) {
  for (;;) {
    ASSIGN_OR_RETURN(const auto rows, tx.list({.kind = kind, .parent = parent}));
    if (rows.empty()) return {};
    for (const Row& row : rows) RETURN_IF_ERROR(tx.remove(kind, row.id));
  }
}

core::Status remove_auth_server(Transaction& tx, const Service& service, const McpAuthServer& as,
                                const Actor& actor, const std::string& transaction) {
  ASSIGN_OR_RETURN(const auto settings, settings_of(tx, as.server, as.id));
  for (const auto& each : settings) RETURN_IF_ERROR(remove_settings(tx, service, each, actor, transaction));
  RETURN_IF_ERROR(tx.remove(Kind::mcp_auth_server, auth_server_row_id(as.server, as.id)));
  return emit_auth_server_event(tx, as, "delete", actor, transaction);
}

core::Status remove_server(Transaction& tx, const Service& service, const McpServer& server,
                           const Actor& actor, const std::string& transaction) {
  ASSIGN_OR_RETURN(const auto auth_servers, auth_servers_of(tx, server.id));
  for (const auto& as : auth_servers)
    RETURN_IF_ERROR(remove_auth_server(tx, service, as, actor, transaction));
  RETURN_IF_ERROR(remove_children(tx, Kind::tool, server.id));
  RETURN_IF_ERROR(tx.remove(Kind::readiness, server.id));
  RETURN_IF_ERROR(tx.remove(Kind::mcp_server, server.id));
  return fail_operations_of(tx, service, server.id,
                            {.code = "E0000007", .message = "The MCP server was deleted meanwhile."});
}

// PENDING and incomplete: it stays so and says what is missing.
bool confirms(const McpServer& server, ServerEvent event) {
  return (event == ServerEvent::validated &&
          (server.status == inactive || server.status == active || !server.missing.empty())) ||
         (event == ServerEvent::validation_failed && server.status == invalid);
}

std::string refused_server(const McpServer& server, ServerEvent event) {
  // Okta's own words (event type resource_servers.mcp_server.delete, error_message).
  if (event == ServerEvent::remove)
    return fmt::format("Cannot delete a resource server in {} status. Server must be deactivated first.",
                       to_string(server.status));
  return fmt::format("The MCP server {} is {}, where {} is not possible.", server.id,
                     to_string(server.status), to_string(event));
}

}  // namespace

std::string_view to_string(ServerEvent event) {
  return kServerEvents.at(static_cast<std::size_t>(event)).second;
}
std::string_view to_string(AuthServerEvent event) {
  return kAuthServerEvents.at(static_cast<std::size_t>(event)).second;
}

std::span<const ServerTransition> server_transitions() {
  return kServerTransitions;
}
std::span<const AuthServerTransition> auth_server_transitions() {
  return kAuthServerTransitions;
}

std::string draw_server_states() {
  return draw(kServerTransitions);
}
std::string draw_auth_server_states() {
  return draw(kAuthServerTransitions);
}

std::vector<std::string_view> server_verbs(Status status) {
  std::vector<std::string_view> verbs;
  add_verb(verbs, kServerTransitions, status, ServerEvent::activate);
  add_verb(verbs, kServerTransitions, status, ServerEvent::deactivate);
  verbs.emplace_back("validate");
  add_verb(verbs, kServerTransitions, status, ServerEvent::remove);
  return verbs;
}

std::vector<std::string_view> auth_server_verbs(Status status) {
  std::vector<std::string_view> verbs;
  add_verb(verbs, kAuthServerTransitions, status, AuthServerEvent::activate);
  add_verb(verbs, kAuthServerTransitions, status, AuthServerEvent::deactivate);
  add_verb(verbs, kAuthServerTransitions, status, AuthServerEvent::remove);
  return verbs;
}

core::Status emit_server_event(Transaction& tx, const Service& service, const McpServer& server,
                               std::string_view verb, const Actor& actor, const std::string& transaction,
                               core::json::Object changes) {
  EventTarget target{.id = server.id,
                     .type = "McpServer",
                     .name = server.display_name.empty() ? server.resource_url : server.display_name};
  target.detail = {{"orn", service.names.mcp_server(server.id)},
                   {"mcp_server_resource_url", server.resource_url},
                   {"mcp_server_status", verb == "delete" ? "DELETED" : to_string(server.status)}};
  if (server.detected)
    target.detail["mcp_server_detected_metadata"] =
        core::json::Object{{"mcpServerResourceName", server.detected->resource_name},
                           {"mcpServerScopesSupported", array_of(server.detected->scopes_supported)}};
  Event event{.type = fmt::format("resource_servers.mcp_server.{}", verb), .actor = actor};
  event.targets.push_back(std::move(target));
  event.transaction = transaction;
  if (!changes.empty()) event.debug["changeDetails"] = std::move(changes);
  return tx.emit(std::move(event));
}

core::Status emit_auth_server_event(Transaction& tx, const McpAuthServer& as, std::string_view verb,
                                    const Actor& actor, const std::string& transaction,
                                    core::json::Object changes) {
  EventTarget target{.id = as.id, .type = "AuthServer", .name = as.issuer};
  target.detail = {{"auth_server_issuer", as.issuer},
                   {"auth_server_type", as.okta ? "OKTA" : "EXTERNAL"},
                   {"auth_server_status", verb == "delete" ? "DELETED" : to_string(as.status)},
                   {"auth_server_connectivity", to_string(as.connectivity)}};
  Event event{.type = fmt::format("resource_servers.mcp_server.auth_server.{}", verb), .actor = actor};
  event.targets.push_back(std::move(target));
  event.targets.push_back({.id = as.server, .type = "McpServer"});
  event.reason = as.connectivity == Connectivity::failed ? as.reason : std::string{};
  event.transaction = transaction;
  if (!changes.empty()) event.debug["changeDetails"] = std::move(changes);
  return tx.emit(std::move(event));
}

static core::Result<const ServerTransition*> transition_for(Transaction& tx, const Service& service,
                                                            const McpServer& server, ServerEvent event) {
  const auto* row = std::find_if(kServerTransitions.begin(), kServerTransitions.end(), [&](const auto& each) {
    return each.from == server.status && each.event == event;
  });
  if (row == kServerTransitions.end())
    return not_from_here(refused_server(server, event), server.status, server_verbs(server.status));
  if (row->guard == ServerGuard::unused) RETURN_IF_ERROR(check_unused(tx, server));
  if (row->guard == ServerGuard::connectable) {
    ASSIGN_OR_RETURN(const auto capabilities, capabilities_of(tx, service, server));
    if (!capabilities.connectable)
      return refuse(ErrorKind::conflict, "NOT_CONNECTABLE",
                    fmt::format("The MCP server {} stays {}: {}.", server.id, to_string(server.status),
                                capabilities.reason),
                    "status");
  }
  return row;
}

core::Status check_server_move(Transaction& tx, const Service& service, const McpServer& server,
                               ServerEvent event) {
  ASSIGN_OR_RETURN(const auto* row, transition_for(tx, service, server, event));
  static_cast<void>(row);
  return {};
}

core::Status move_server(Transaction& tx, const Service& service, McpServer& server, ServerEvent event,
                         const Actor& actor, const std::string& transaction,
                         std::vector<std::string> reasons) {
  if (event == ServerEvent::validation_failed) {
    server.invalid_reasons = std::move(reasons);
    server.missing.clear();
  }
  if (event == ServerEvent::validated) {
    server.failures = 0;
    server.invalid_reasons.clear();
    server.missing.clear();
    if (server.status == pending) {
      ASSIGN_OR_RETURN(auto capabilities, capabilities_of(tx, service, server));
      server.missing = std::move(capabilities.missing);
    }
  }
  if (confirms(server, event)) return write(tx, server);

  ASSIGN_OR_RETURN(const auto* row, transition_for(tx, service, server, event));
  if (!row->to) {
    RETURN_IF_ERROR(remove_server(tx, service, server, actor, transaction));
    return emit_server_event(tx, service, server, "delete", actor, transaction);
  }
  const Status from = server.status;
  server.status = *row->to;
  server.failures = 0;
  RETURN_IF_ERROR(write(tx, server));
  return emit_server_event(tx, service, server, log_verb(event), actor, transaction,
                           change("mcp_server_status", to_string(from), to_string(server.status)));
}

namespace {

// ---- Their authorization servers ----

core::Status check_unused(Transaction& tx, const McpAuthServer& as) {
  if (!as.okta) return {};  // remove_settings() looks
  Query query{.kind = Kind::connection, .refers_to = as.server};
  for (;;) {
    ASSIGN_OR_RETURN(const auto rows, tx.list(query));
    for (const Row& row : rows)
      if (std::find(row.refs.begin(), row.refs.end(), as.id) != row.refs.end())
        return refuse(
            ErrorKind::conflict, "RESOURCE_IN_USE",
            fmt::format("The authorization server {} of {} is used by the connection {} of {}; delete "
                        "that connection first.",
                        as.id, as.server, row.id, row.parent),
            "id");
    if (rows.size() < query.limit) return {};
    query.after = rows.back().id;
  }
}

core::Status check_can_be_used(Transaction& tx, const Service& service, const McpAuthServer& as) {
  if (as.connectivity != Connectivity::verified)
    return refuse(
        ErrorKind::conflict, "NOT_CONNECTABLE",
        fmt::format("The authorization server {} stays {}: its connectivity is {}{}{}; validate the MCP "
                    "server first.",
                    as.id, to_string(as.status), to_string(as.connectivity), as.reason.empty() ? "" : ": ",
                    as.reason),
        "connectivity");
  ASSIGN_OR_RETURN(const auto its, capabilities_of(tx, service, as));
  if (!its.xaa && !its.sts)
    return refuse(
        ErrorKind::conflict, "NOT_CONNECTABLE",
        fmt::format("The authorization server {} stays {}: it supports neither XAA ({}) nor STS ({}).", as.id,
                    to_string(as.status), its.why_not_xaa, its.why_not_sts),
        "capabilities");
  return {};
}

bool is_automatic(const McpAuthServer& as) {
  return as.okta || as.origin == McpAuthServer::Origin::discovered;
}

// Guards that choose between rows; the others refuse.
bool fits(AuthServerGuard guard, const McpAuthServer& as) {
  switch (guard) {
    case AuthServerGuard::automatic:
      return is_automatic(as);
    case AuthServerGuard::manual:
      return !is_automatic(as);
    case AuthServerGuard::was_active:
      return !as.was_inactive;
    case AuthServerGuard::was_inactive:
      return as.was_inactive;
    default:
      return true;
  }
}

bool confirms(const McpAuthServer& as, AuthServerEvent event) {
  return (event == AuthServerEvent::verified && (as.status == inactive || as.status == active)) ||
         (event == AuthServerEvent::verification_failed && as.status == invalid);
}

void note_check(const Service& service, McpAuthServer& as, AuthServerEvent event, std::string reason) {
  if (event == AuthServerEvent::verified) {
    as.connectivity = Connectivity::verified;
    as.failures = 0;
  } else if (event == AuthServerEvent::verification_failed) {
    as.connectivity = Connectivity::failed;
    ++as.failures;
    if (as.status != invalid)
      as.was_inactive = as.status == inactive || (as.status == pending && !is_automatic(as));
  } else {
    return;
  }
  as.reason = std::move(reason);
  as.checked = service.now();
}

}  // namespace

core::Status move_auth_server(Transaction& tx, const Service& service, McpAuthServer& as,
                              AuthServerEvent event, const Actor& actor, const std::string& transaction,
                              std::string reason) {
  note_check(service, as, event, std::move(reason));
  if (confirms(as, event)) return write(tx, as);

  const auto* row =
      std::find_if(kAuthServerTransitions.begin(), kAuthServerTransitions.end(), [&](const auto& each) {
        return each.from == as.status && each.event == event && fits(each.guard, as);
      });
  if (row == kAuthServerTransitions.end())
    return not_from_here(fmt::format("The authorization server {} is {}, where {} is not possible.", as.id,
                                     to_string(as.status), to_string(event)),
                         as.status, auth_server_verbs(as.status));
  if (row->guard == AuthServerGuard::unused) RETURN_IF_ERROR(check_unused(tx, as));
  if (row->guard == AuthServerGuard::verified) RETURN_IF_ERROR(check_can_be_used(tx, service, as));
  if (!row->to) return remove_auth_server(tx, service, as, actor, transaction);
  const Status from = as.status;
  as.status = *row->to;
  if (as.status != invalid) as.was_inactive = false;
  RETURN_IF_ERROR(write(tx, as));
  return emit_auth_server_event(tx, as, "update", actor, transaction,
                                change("auth_server_status", to_string(from), to_string(as.status)));
}

}  // namespace registry
