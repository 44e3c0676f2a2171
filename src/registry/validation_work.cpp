// Work of the kinds "validate" (one server) and "schedule" (those that nobody looked at for too long).
//
// Every server that is not PENDING has a piece of work "check/ems..." that schedules itself again at its end;
// it begins when the server leaves PENDING. "schedule/all" goes through the reports, page after page, and
// begins it anew where it was lost.
#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <utility>

#include "registry/operation.h"
#include "registry/service.h"
#include "registry/validation.h"

namespace registry {
namespace {

using core::json::Object;

constexpr int kMostReruns = 4;              // because of changes under way
constexpr std::size_t kSchedulePage = 200;  // reports looked at by one run
constexpr std::chrono::seconds kBetweenPages{1};
constexpr std::chrono::seconds kGrace{300};         // beyond two intervals, before a check counts as lost
constexpr std::chrono::seconds kRecheckAtMost{60};  // of an ACTIVE server that has failed

std::string text(const Work& work, std::string_view member) {
  return std::string(core::json::string_or_empty(work.body, member));
}

std::chrono::seconds interval(const Service& service) {
  return std::max(std::chrono::seconds(1),
                  std::min(service.settings.check_interval, service.settings.drift_interval));
}

std::string check_id(std::string_view server) {
  return fmt::format("check/{}", server);
}

// Between 90 % and 110 % of the interval, so that servers registered together drift apart.
std::chrono::milliseconds spread(const Service& service, std::string_view server) {
  const auto whole = std::chrono::duration_cast<std::chrono::milliseconds>(interval(service));
  const auto hash = static_cast<std::int64_t>(std::hash<std::string_view>{}(server) % 1000);
  return whole * 9 / 10 + whole * hash / 5000;
}

core::Status schedule_check(Transaction& tx, std::string_view server, core::WallTime due) {
  return tx.schedule({.id = check_id(server),
                      .kind = "validate",
                      .subject = std::string(server),
                      .body = {{"reason", "schedule"}},
                      .due = due});
}

// Whether there is a check due some time, after this piece of work.
core::Status continue_checks(Transaction& tx, const Service& service, const Work& work, Status before,
                             const McpServer& server) {
  const bool own = work.id == check_id(server.id);
  if (server.status == Status::pending || (!own && before != Status::pending && server.failures == 0))
    return {};
  auto wait = spread(service, server.id);
  if (server.failures != 0) wait = std::min<std::chrono::milliseconds>(wait, kRecheckAtMost);
  return schedule_check(tx, server.id, service.now() + wait);
}

core::Status end_operation(Transaction& tx, const Service& service, const Work& work, const McpServer& server,
                           const Verdict& verdict) {
  const std::string operation = text(work, "operation");
  if (operation.empty()) return {};
  if (!verdict.good)
    return finish_operation(tx, service, operation,
                            OperationError{.code = verdict.code, .message = verdict.message});
  return finish_operation(
      tx, service, operation,
      OperationResource{.id = server.id,
                        .type = "mcp_server",
                        .status = std::string(to_string(server.status)),
                        .href = service.url("/resource-servers/api/v1/mcp-servers/" + server.id)});
}

// Deleted meanwhile, which has ended its operations.
core::Status forget(const Service& service, const Work& work) {
  return service.store->transaction([&](Transaction& tx) -> core::Status {
    const std::string operation = text(work, "operation");
    if (!operation.empty()) {
      RETURN_IF_ERROR(finish_operation(
          tx, service, operation,
          OperationError{.code = "E0000007", .message = "The MCP server was deleted meanwhile."}));
    }
    return tx.finish(work);
  });
}

core::Status apply(const Service& service, const Work& work, const Validation& validation,
                   const Observation& seen, const Report& report) {
  return service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_server, work.subject));
    if (!row) return tx.finish(work);
    ASSIGN_OR_RETURN(auto server, read_mcp_server(*row));
    ASSIGN_OR_RETURN(const auto versions, versions_of(tx, server.id));
    // Configured while we looked. The next look sees it all; if that never ends, what still fits counts.
    if (versions != validation.versions && work.attempts < kMostReruns) return tx.retry(work, service.now());
    const Status before = server.status;
    ASSIGN_OR_RETURN(const auto verdict, apply_report(tx, service, work, validation, seen, report, server));
    if (verdict.again) return tx.retry(work, *verdict.again);
    RETURN_IF_ERROR(end_operation(tx, service, work, server, verdict));
    // First: it fails when the work is another's by now, and with it everything above.
    RETURN_IF_ERROR(tx.finish(work));
    return continue_checks(tx, service, work, before, server);
  });
}

core::Status validate(const core::Context& context, const Service& service, const Work& work) {
  const auto* probe = work.body.if_contains("probe");
  ASSIGN_OR_RETURN(auto validation, begin_validation(*service.store, service, work.subject,
                                                     probe && probe->is_bool() && probe->get_bool()));
  if (!validation) return forget(service, work);
  if (const std::string operation = text(work, "operation"); !operation.empty()) {
    RETURN_IF_ERROR(
        service.store->transaction([&](Transaction& tx) { return begin_operation(tx, service, operation); }));
  }
  const Observation seen = observe(context, service, validation->plan);
  // Cut off, it says nothing about the server.
  if (context.cancelled()) {
    return core::fail(core::ErrorKind::cancelled, "registry.validation.cancelled",
                      fmt::format("The validation of {} was cut off; it begins again.", work.subject));
  }
  RETURN_IF_ERROR(take_over(*service.store, service, seen, *validation));
  const Report report = assess(seen, validation->subject);
  return apply(service, work, *validation, seen, report);
}

core::Status schedule(const core::Context&, const Service& service, const Work& work) {
  return service.store->transaction([&](Transaction& tx) -> core::Status {
    Query query{.kind = Kind::readiness, .after = text(work, "after"), .limit = kSchedulePage};
    ASSIGN_OR_RETURN(const auto page, tx.list(query));
    const auto now = service.now();
    const auto lost = now - 2 * interval(service) - kGrace;
    for (const Row& report : page) {
      if (report.status == to_string(Status::pending) || report.updated >= lost) continue;
      // Due in the order in which they were forgotten.
      RETURN_IF_ERROR(schedule_check(tx, report.id, report.updated + interval(service)));
    }
    RETURN_IF_ERROR(tx.finish(work));
    const bool more = page.size() == kSchedulePage;
    return tx.schedule({.id = work.id,
                        .kind = work.kind,
                        .subject = work.subject,
                        .body = more ? Object{{"after", page.back().id}} : Object{},
                        .due = now + (more ? kBetweenPages : interval(service))});
  });
}

}  // namespace

void add_discovery_work(WorkHandlers& handlers) {
  handlers["validate"] = validate;
  handlers["schedule"] = schedule;
}

core::Status schedule_discovery_work(const Service& service) {
  return service.store->transaction([&](Transaction& tx) {
    return tx.schedule({.id = "schedule/all", .kind = "schedule", .subject = "all", .due = service.now()});
  });
}

}  // namespace registry
