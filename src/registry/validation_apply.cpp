#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "registry/capabilities.h"
#include "registry/operation.h"
#include "registry/transitions.h"
#include "registry/validation.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;

constexpr std::chrono::seconds kLongestBackoff{300};

struct Applying {
  Transaction& tx;
  const Service& service;
  const Work& work;
  Actor actor;
  std::string transaction;
  bool will_retry = false;  // a failure that may pass does not count yet
};

// How often a server is looked at before a failure that may pass counts as one. ACTIVE ones have
// failures_until_invalid instead, INVALID ones nothing to lose.
int attempts_allowed(Status status) {
  switch (status) {
    case Status::pending:
      return 8;
    case Status::inactive:
      return 3;
    case Status::active:
    case Status::invalid:
      break;
  }
  return 1;
}

std::chrono::seconds backoff(int attempts) {
  const int exponent = std::clamp(attempts - 1, 0, 9);
  return std::min(std::chrono::seconds(1 << exponent), kLongestBackoff);
}

Array array_of(const std::vector<std::string>& texts) {
  Array list;
  list.reserve(texts.size());
  for (const std::string& text : texts) list.emplace_back(text);
  return list;
}

// ---- authorization servers ----

// What the metadata changed in the stored row, for the event; empty: nothing.
Object changes_between(const McpAuthServer& stored, const McpAuthServer& now) {
  Object changes;
  const auto text = [&](std::string_view name, const std::string McpAuthServer::* member) {
    if (stored.*member != now.*member) changes[name] = Object{{"from", stored.*member}, {"to", now.*member}};
  };
  const auto list = [&](std::string_view name, const std::vector<std::string> McpAuthServer::* member) {
    if (stored.*member != now.*member)
      changes[name] = Object{{"from", array_of(stored.*member)}, {"to", array_of(now.*member)}};
  };
  text("authorizationEndpoint", &McpAuthServer::authorization_endpoint);
  text("tokenEndpoint", &McpAuthServer::token_endpoint);
  text("registrationEndpoint", &McpAuthServer::registration_endpoint);
  text("revocationEndpoint", &McpAuthServer::revocation_endpoint);
  text("jwksUri", &McpAuthServer::jwks_uri);
  list("grantTypes", &McpAuthServer::grant_types);
  list("tokenEndpointAuthMethodsSupported", &McpAuthServer::token_endpoint_auth_methods);
  list("authorizationGrantProfilesSupported", &McpAuthServer::grant_profiles);
  list("scopesSupported", &McpAuthServer::scopes_supported);
  return changes;
}

core::Status write(Transaction& tx, McpAuthServer& as) {
  Row row = to_row(as);
  RETURN_IF_ERROR(as.version == 0 ? tx.insert(row) : tx.update(row));
  as.version = row.version;
  as.created = row.created;
  as.updated = row.updated;
  return {};
}

// What does not count yet, or is no failure: noted, not moved.
core::Status note(Transaction& tx, const Service& service, McpAuthServer& as, Connectivity connectivity,
                  const std::string& reason, bool counts) {
  if (!counts && as.connectivity == connectivity && as.reason == reason) return {};
  as.connectivity = connectivity;
  as.reason = reason;
  as.checked = service.now();
  if (counts) ++as.failures;
  return write(tx, as);
}

core::Status judge(const Applying& in, McpAuthServer& as, const AuthServerReport& report) {
  if (const CheckResult* failure = report.failure()) {
    const bool security = failure->gravity == Gravity::security;
    const bool passing = failure->gravity == Gravity::transient;
    if (passing && in.will_retry && as.status != Status::active)
      return note(in.tx, in.service, as, Connectivity::verifying, failure->message, false);
    const bool forgiven = as.status == Status::active || (as.status == Status::inactive && passing);
    if (forgiven && !security && as.failures + 1 < in.service.settings.failures_until_invalid)
      return note(in.tx, in.service, as, Connectivity::failed, failure->message, true);
    return move_auth_server(in.tx, in.service, as, AuthServerEvent::verification_failed, in.actor,
                            in.transaction, failure->message);
  }
  if (report.incomplete() && as.status != Status::active) {
    const auto lacking = std::ranges::find_if(
        report.checks, [](const CheckResult& result) { return result.outcome == Outcome::fail; });
    return note(in.tx, in.service, as, Connectivity::unverified, lacking->message, false);
  }
  // A custom one is vouched for by the store, in every moment; this is for its first look.
  const CheckResult* local = report.find("R19");
  if (as.okta && as.status == Status::pending && local && local->outcome == Outcome::fail)
    return note(in.tx, in.service, as, Connectivity::unverified, local->message, false);
  return move_auth_server(in.tx, in.service, as, AuthServerEvent::verified, in.actor, in.transaction);
}

core::Status apply_auth_server(const Applying& in, const Subject::AuthServer& subject,
                               const AuthServerReport& report) {
  McpAuthServer as = subject.entity;
  if (!subject.stored) {
    ASSIGN_OR_RETURN(const auto known, auth_servers_of(in.tx, as.server));
    if (std::ranges::any_of(known, [&](const auto& each) { return each.issuer == as.issuer; })) return {};
    RETURN_IF_ERROR(write(in.tx, as));
    RETURN_IF_ERROR(emit_auth_server_event(in.tx, as, "create", in.actor, in.transaction));
    return judge(in, as, report);
  }
  ASSIGN_OR_RETURN(const auto row, in.tx.hold(Kind::mcp_auth_server, auth_server_row_id(as.server, as.id)));
  // Removed or configured anew meanwhile: this says nothing about it.
  if (!row || row->version != as.version) return {};
  ASSIGN_OR_RETURN(const McpAuthServer stored, read_mcp_auth_server(*row));
  if (Object changes = changes_between(stored, as); !changes.empty()) {
    RETURN_IF_ERROR(write(in.tx, as));
    RETURN_IF_ERROR(
        emit_auth_server_event(in.tx, as, "update", in.actor, in.transaction, std::move(changes)));
  }
  return judge(in, as, report);
}

// Not listed any more. One with a client registration is kept, out of use: nobody outside deletes what an
// administrator entered.
core::Status retire(const Applying& in, const McpAuthServer& vanished) {
  const std::string id = auth_server_row_id(vanished.server, vanished.id);
  ASSIGN_OR_RETURN(const auto row, in.tx.hold(Kind::mcp_auth_server, id));
  if (!row) return {};
  ASSIGN_OR_RETURN(auto as, read_mcp_auth_server(*row));
  ASSIGN_OR_RETURN(const auto settings, settings_of(in.tx, as.server, as.id));
  if (settings.empty()) {
    McpAuthServer gone = as;
    const auto removed =
        move_auth_server(in.tx, in.service, gone, AuthServerEvent::remove, in.actor, in.transaction);
    if (removed || removed.error().code != "registry.RESOURCE_IN_USE") return removed;
  }
  return move_auth_server(in.tx, in.service, as, AuthServerEvent::verification_failed, in.actor,
                          in.transaction, fmt::format("issuer {} is not listed by the resource", as.issuer));
}

// ---- the server ----

bool is_about_it(const Report& report) {
  const auto check = std::ranges::find_if(
      report.checks, [](const CheckResult& result) { return result.check->id == "R07"; });
  return check != report.checks.end() && (check->outcome == Outcome::pass || check->outcome == Outcome::warn);
}

// True when it is something else than before.
bool take_detected(McpServer& server, const Observation& seen, const Report& report) {
  if (!seen.resource || !is_about_it(report)) return false;
  McpServer::Detected now{
      .resource_name = seen.resource->resource_name,
      .scopes_supported = seen.resource->scopes_supported.value_or(std::vector<std::string>{}),
      .refreshed = seen.at};
  const bool same = server.detected && server.detected->resource_name == now.resource_name &&
                    server.detected->scopes_supported == now.scopes_supported;
  server.detected = std::move(now);
  return !same;
}

std::vector<std::string> reasons_of(const Report& report) {
  std::vector<std::string> reasons;
  for (const CheckResult* result : report.blocking()) {
    if (reasons.size() == 20) break;
    reasons.push_back(result->message);
  }
  return reasons;
}

std::string reason_for(const Work& work) {
  return std::string(core::json::string_or_empty(work.body, "reason"));
}

core::Result<Verdict> fail_server(const Applying& in, const Report& report, McpServer& server) {
  std::vector<std::string> reasons = reasons_of(report);
  Verdict verdict{.code = std::string(kValidationFailed), .message = reasons.front()};
  if (in.will_retry) {
    verdict.again = in.service.now() + backoff(in.work.attempts);
    return verdict;
  }
  const int until = in.service.settings.failures_until_invalid;
  if (server.status == Status::active && !report.has_security_failure() && server.failures + 1 < until) {
    ++server.failures;
    Row row = to_row(server);
    RETURN_IF_ERROR(in.tx.update(row));
    server.version = row.version;
    return verdict;
  }
  RETURN_IF_ERROR(move_server(in.tx, in.service, server, ServerEvent::validation_failed, in.actor,
                              in.transaction, std::move(reasons)));
  return verdict;
}

core::Result<Verdict> pass_server(const Applying& in, bool changed, McpServer& server) {
  const bool activate = reason_for(in.work) == "activate";
  const Status before = server.status;
  // A check that finds everything as it was writes nothing, so that versions stay good.
  const bool quiet = reason_for(in.work) == "schedule" && !changed && server.failures == 0 &&
                     (before == Status::active || before == Status::inactive);
  if (!quiet) {
    RETURN_IF_ERROR(move_server(in.tx, in.service, server, ServerEvent::validated, in.actor, in.transaction));
  }
  if (!activate || before == Status::active) return Verdict{.good = true};
  if (before != Status::inactive) {
    return Verdict{
        .code = "INVALID_STATE_TRANSITION",
        .message = fmt::format("The MCP server {} was {} when it was to be activated; it is {} now.",
                               server.id, to_string(before), to_string(server.status))};
  }
  const auto moved = move_server(in.tx, in.service, server, ServerEvent::activate, in.actor, in.transaction);
  if (moved) return Verdict{.good = true};
  constexpr std::string_view kRoom = "registry.";
  const core::Error& error = moved.error();
  if (error.kind != core::ErrorKind::conflict || !error.code.starts_with("registry.NOT_CONNECTABLE"))
    return std::unexpected(error);
  return Verdict{.code = error.code.substr(kRoom.size()), .message = error.message};
}

}  // namespace

core::Result<Verdict> apply_report(Transaction& tx, const Service& service, const Work& work,
                                   const Validation& validation, const Observation& seen,
                                   const Report& report, McpServer& server) {
  Applying in{.tx = tx, .service = service, .work = work, .actor = actor_of(work), .transaction = work.id};
  const bool passing =
      report.is_transient() || std::ranges::any_of(report.auth_servers, [](const AuthServerReport& each) {
        const CheckResult* failure = each.failure();
        return failure && failure->gravity == Gravity::transient;
      });
  const bool more_attempts = work.attempts < attempts_allowed(server.status);
  in.will_retry = report.is_transient() && more_attempts;
  // One authorization server in trouble beside others in order: a server that is not in use yet waits for it.
  const bool waits = passing && report.ready() && server.status == Status::pending && more_attempts;

  const auto& subjects = validation.subject.auth_servers;
  for (std::size_t i = 0; i < subjects.size(); ++i) {
    Applying each = in;
    each.will_retry = in.will_retry || waits;
    RETURN_IF_ERROR(apply_auth_server(each, subjects[i], report.auth_servers[i]));
  }
  for (const McpAuthServer& vanished : validation.vanished) RETURN_IF_ERROR(retire(in, vanished));

  const bool changed = take_detected(server, seen, report);
  Verdict verdict;
  if (waits) {
    verdict.again = service.now() + backoff(work.attempts);
  } else if (report.ready()) {
    ASSIGN_OR_RETURN(verdict, pass_server(in, changed, server));
  } else {
    ASSIGN_OR_RETURN(verdict, fail_server(in, report, server));
  }
  RETURN_IF_ERROR(write_tools(tx, service, server, seen.tools, in.actor, in.transaction));
  ASSIGN_OR_RETURN(auto drift, write_report(tx, service, server, validation, seen, report));
  if (!drift.empty()) {
    RETURN_IF_ERROR(emit_server_event(tx, service, server, "update", in.actor, in.transaction,
                                      {{"mcp_server_detected_metadata", std::move(drift)}}));
  }
  return verdict;
}

}  // namespace registry
