#include "registry/work_table.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/random.h"
#include "core/seal.h"

namespace registry::work_table {
namespace {

const std::string kSchedule =
    "INSERT INTO work (id, kind, subject, body, due, ready, node, fence, attempts) VALUES (?1, ?2, ?3, ?4, "
    "CAST(?5 AS BIGINT), CAST(?5 AS BIGINT), '', 0, 0) ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, "
    "subject = excluded.subject, body = excluded.body, due = excluded.due, ready = excluded.ready, node = "
    "'', "
    "fence = 0, attempts = 0";
const std::string kFinish = "DELETE FROM work WHERE id = ?1 AND fence = CAST(?2 AS BIGINT) RETURNING id";
const std::string kRetry =
    "UPDATE work SET due = CAST(?3 AS BIGINT), ready = CAST(?3 AS BIGINT), node = '', fence = 0 WHERE id = "
    "?1 "
    "AND fence = CAST(?2 AS BIGINT) RETURNING id";
const std::string kWaits = "SELECT id FROM work WHERE ready <= CAST(?1 AS BIGINT) LIMIT 1";
const std::string kClaim =
    "WITH next AS MATERIALIZED (SELECT id FROM work WHERE ready <= CAST(?1 AS BIGINT) ORDER BY ready LIMIT 1 "
    "SKIP_LOCKED) UPDATE work SET ready = CAST(?2 AS BIGINT), node = ?3, fence = CAST(?4 AS BIGINT), "
    "attempts = "
    "attempts + 1 WHERE id = (SELECT id FROM next) RETURNING id, kind, subject, body, due, attempts, fence";
const std::string kRenew =
    "UPDATE work SET ready = CAST(?3 AS BIGINT) WHERE id = ?1 AND fence = CAST(?2 AS BIGINT) RETURNING id";

const std::string kConsume =
    "INSERT INTO used (id, expires) VALUES (?1, CAST(?3 AS BIGINT)) ON CONFLICT (id) DO UPDATE SET expires = "
    "excluded.expires WHERE used.expires <= CAST(?2 AS BIGINT) RETURNING id";
const std::string kForgetUsed =
    "DELETE FROM used WHERE id IN (SELECT id FROM used WHERE expires <= CAST(?1 AS BIGINT) ORDER BY expires "
    "LIMIT CAST(?2 AS BIGINT) SKIP_LOCKED) RETURNING id";
const std::string kForgetRecords =
    "DELETE FROM records WHERE key IN (SELECT key FROM records WHERE expires <= CAST(?1 AS BIGINT) ORDER BY "
    "expires LIMIT CAST(?2 AS BIGINT) SKIP_LOCKED) RETURNING version";

constexpr std::size_t kMaxKey = 512;  // bytes of an id
constexpr std::size_t kMaxBody = 1u << 20;

std::unexpected<core::Error> lost(const Work& work) {
  return core::fail(core::ErrorKind::conflict, "registry.store.lease_lost",
                    fmt::format("The work {} is another's now, or was scheduled anew.", work.id),
                    "Whoever has it does it.");
}

core::Status check(const Work& work, std::string_view body) {
  const bool good = !work.id.empty() && work.id.size() <= kMaxKey && work.kind.size() <= kMaxKey &&
                    work.subject.size() <= kMaxKey && body.size() <= kMaxBody && storable(work.id) &&
                    storable(work.kind) && storable(work.subject) && storable(body);
  if (good) return {};
  return core::fail(core::ErrorKind::internal, "registry.store.limit",
                    "The work to be scheduled has no id, is too large, or is not UTF-8.");
}

// Sixty-two random bits, not 0: who has an old one does not guess the next.
std::string new_fence() {
  return to_text(static_cast<std::int64_t>((core::system_random().number() >> 2) + 1));
}

}  // namespace

core::Status schedule(SqlLine& line, const Work& work) {
  std::string body;
  core::json::append(body, work.body);
  RETURN_IF_ERROR(check(work, body));
  const std::string due = to_text(work.due);
  RETURN_IF_ERROR(
      line.run(kSchedule, std::array<std::string_view, 5>{work.id, work.kind, work.subject, body, due}));
  return {};
}

core::Status finish(SqlLine& line, const Work& work) {
  if (work.fence == 0) return lost(work);
  const std::string fence = to_text(work.fence);
  ASSIGN_OR_RETURN(const auto gone, line.run(kFinish, std::array<std::string_view, 2>{work.id, fence}));
  return gone.empty() ? core::Status(lost(work)) : core::Status();
}

core::Status retry(SqlLine& line, const Work& work, core::WallTime due) {
  if (work.fence == 0) return lost(work);
  const std::string fence = to_text(work.fence), when = to_text(due);
  ASSIGN_OR_RETURN(const auto kept, line.run(kRetry, std::array<std::string_view, 3>{work.id, fence, when}));
  return kept.empty() ? core::Status(lost(work)) : core::Status();
}

core::Result<bool> waits(SqlLine& line, core::WallTime now) {
  const std::string at = to_text(now);
  ASSIGN_OR_RETURN(const auto rows, line.run(kWaits, std::array<std::string_view, 1>{at}));
  return !rows.empty();
}

core::Result<std::optional<Work>> claim(SqlLine& line, std::string_view node, core::WallTime now,
                                        std::chrono::milliseconds lease) {
  const std::string at = to_text(now), until = to_text(now + lease), fence = new_fence();
  ASSIGN_OR_RETURN(auto rows, line.run(kClaim, std::array<std::string_view, 4>{at, until, node, fence}));
  if (rows.empty()) return std::nullopt;
  auto& row = rows.front();
  Work work{.id = std::move(row[0]), .kind = std::move(row[1]), .subject = std::move(row[2])};
  work.due = to_time(row[4]);
  work.attempts = static_cast<int>(to_number(row[5]));
  work.fence = to_number(row[6]);
  // What somebody else broke goes to its handler all the same: here it would stand before all other work.
  if (auto body = core::json::parse(row[3], {.max_depth = 128}); body && body->is_object()) {
    work.body = std::move(body->get_object());
  }
  return work;
}

core::Result<bool> renew(SqlLine& line, const Work& work, core::WallTime until) {
  if (work.fence == 0) return false;
  const std::string fence = to_text(work.fence), when = to_text(until);
  ASSIGN_OR_RETURN(const auto kept, line.run(kRenew, std::array<std::string_view, 3>{work.id, fence, when}));
  return !kept.empty();
}

core::Result<bool> consume(SqlLine& line, std::string_view id, core::WallTime now,
                           std::chrono::milliseconds keep) {
  // A short key, whatever the id is: it may be anybody's text.
  const std::string key = core::base64url_encode(core::sha256(id));
  const auto lasts = std::clamp(keep, std::chrono::milliseconds{1}, core::StateStore::kForever);
  const std::string at = to_text(now), until = to_text(now + lasts);
  ASSIGN_OR_RETURN(const auto made, line.run(kConsume, std::array<std::string_view, 3>{key, at, until}));
  return !made.empty();
}

core::Result<std::size_t> forget(SqlLine& line, core::WallTime now, std::size_t limit) {
  const std::string at = to_text(now), most = to_text(static_cast<std::int64_t>(limit));
  const std::array<std::string_view, 2> values{at, most};
  ASSIGN_OR_RETURN(const auto used, line.run(kForgetUsed, values));
  ASSIGN_OR_RETURN(const auto records, line.run(kForgetRecords, values));
  return used.size() + records.size();
}

}  // namespace registry::work_table
