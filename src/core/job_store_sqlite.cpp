#include <mutex>
#include <string>

#include "core/job_store.h"
#include "core/sqlite.h"

namespace core {
namespace {

constexpr int kSchema = 1;
// `body` is what no query asks for.
constexpr std::string_view kTables = R"(
CREATE TABLE IF NOT EXISTS jobs (
  id TEXT PRIMARY KEY, principal TEXT NOT NULL, live INTEGER NOT NULL, owner TEXT NOT NULL,
  lease INTEGER NOT NULL, revision INTEGER NOT NULL, created INTEGER NOT NULL, updated INTEGER NOT NULL,
  expires INTEGER, body TEXT NOT NULL, checkpoint TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS jobs_by_principal ON jobs (principal, created, id);
CREATE INDEX IF NOT EXISTS jobs_by_end ON jobs (live, updated);
CREATE INDEX IF NOT EXISTS jobs_by_owner ON jobs (owner) WHERE live = 1;
PRAGMA user_version = 1;)";
constexpr std::string_view kColumns =
    "id, principal, owner, lease, revision, created, updated, expires, body";

std::string millis(WallTime time) {
  return std::to_string(time.time_since_epoch().count());
}
WallTime time_of(std::int64_t milliseconds) {
  return WallTime{std::chrono::milliseconds{milliseconds}};
}
std::int64_t number(std::string_view text) {
  return text.empty() ? 0 : std::stoll(std::string(text));
}

json::Object error_object(const Error& error) {
  return {{"kind", to_string(error.kind)},
          {"code", error.code},
          {"message", error.message},
          {"hint", error.hint}};
}

Error read_error(const json::Object& object) {
  Error error{.code = std::string(json::string_or_empty(object, "code")),
              .message = std::string(json::string_or_empty(object, "message")),
              .hint = std::string(json::string_or_empty(object, "hint")),
              .upstream = std::nullopt};
  for (int i = 0; i <= static_cast<int>(ErrorKind::internal); ++i) {
    auto kind = static_cast<ErrorKind>(i);
    if (to_string(kind) == json::string_or_empty(object, "kind")) error.kind = kind;
  }
  return error;
}

std::string body_of(const JobRecord& record) {
  const JobSnapshot& job = record.job;
  json::Object body = {{"kind", job.kind},
                       {"title", job.title},
                       {"state", to_string(job.state)},
                       {"done", job.progress.done},
                       {"message", job.progress.message},
                       {"keep", record.keep.count()},
                       {"round", record.round}};
  if (job.progress.total) body["total"] = *job.progress.total;
  if (!job.questions.empty()) body["questions"] = job.questions;
  if (!record.answers.empty()) body["answers"] = record.answers;
  if (!record.asked.empty()) body["asked"] = record.asked;
  if (record.answer_by) body["answer_by"] = record.answer_by->time_since_epoch().count();
  if (job.state == JobState::completed) body["result"] = job.result;
  if (job.error) body["error"] = error_object(*job.error);
  std::string text;
  json::append(text, body);
  return text;
}

Result<JobRecord> read_row(const std::vector<std::string_view>& row) {
  // Our own text; nested as deeply as a result was, plus one.
  ASSIGN_OR_RETURN(auto body, json::parse(row[8], {.max_depth = 256}));
  json::Reader in(body);
  ASSIGN_OR_RETURN(auto state_name, in.at("state").string());
  auto state = parse_job_state(state_name);
  if (!state) return fail(ErrorKind::internal, "core.job.broken", "The job's record cannot be read.");
  ASSIGN_OR_RETURN(auto done, in.at("done").number());
  ASSIGN_OR_RETURN(auto keep, in.at("keep").integer());
  ASSIGN_OR_RETURN(auto round, in.at("round").integer());
  json::Object& members = body.get_object();

  JobRecord record;
  record.job = {.id = std::string(row[0]),
                .kind = std::string(json::string_or_empty(members, "kind")),
                .principal = std::string(row[1]),
                .title = std::string(json::string_or_empty(members, "title")),
                .state = *state,
                .progress = {.done = done,
                             .total = std::nullopt,
                             .message = std::string(json::string_or_empty(members, "message"))},
                .questions = {},
                .result = {},
                .error = std::nullopt,
                .created = time_of(number(row[5])),
                .updated = time_of(number(row[6])),
                .expires = std::nullopt,
                .revision = static_cast<std::uint64_t>(number(row[4]))};
  if (!row[7].empty()) record.job.expires = time_of(number(row[7]));
  if (in.at("total").present()) {
    ASSIGN_OR_RETURN(record.job.progress.total, in.at("total").number());
  }
  if (auto* found = members.if_contains("questions"); found && found->is_object()) {
    record.job.questions = std::move(found->get_object());
  }
  if (auto* found = members.if_contains("answers"); found && found->is_object()) {
    record.answers = std::move(found->get_object());
  }
  if (auto* found = members.if_contains("asked"); found && found->is_array()) {
    record.asked = std::move(found->get_array());
  }
  if (auto* found = members.if_contains("result")) record.job.result = std::move(*found);
  if (auto* found = members.if_contains("error"); found && found->is_object()) {
    record.job.error = read_error(found->get_object());
  }
  ASSIGN_OR_RETURN(auto answer_by, in.at("answer_by").optional_integer());
  if (answer_by) record.answer_by = time_of(*answer_by);
  record.owner = std::string(row[2]);
  record.lease = time_of(number(row[3]));
  record.keep = std::chrono::milliseconds{keep};
  record.round = static_cast<int>(round);
  return record;
}

class SqliteJobStore final : public JobStore {
 public:
  explicit SqliteJobStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  Status prepare() {
    int version = 0;
    {
      ASSIGN_OR_RETURN(auto asked, database_->prepare("PRAGMA user_version"));
      RETURN_IF_ERROR(asked.query({}, [&](const auto& row) {
        version = static_cast<int>(number(row[0]));
        return Status{};
      }));
    }
    if (version > kSchema) {
      return fail(ErrorKind::unsupported, "core.job.newer",
                  "The jobs in the state directory were written by a newer version of this program.",
                  "Use that version, or another state directory.");
    }
    if (version == kSchema) return {};
    return database_->transaction([&] { return database_->execute(std::string(kTables)); });
  }

  Status insert(const JobRecord& record, const json::Value& checkpoint, const JobLimits& limits,
                WallTime now) override {
    std::lock_guard lock(mutex_);
    return database_->transaction([&]() -> Status {
      const std::string& principal = record.job.principal;
      RETURN_IF_ERROR(run("DELETE FROM jobs WHERE expires <= ?1 OR (live = 1 AND lease <= ?2)",
                          {millis(now), millis(now - limits.orphans)}));
      ASSIGN_OR_RETURN(auto live,
                       count("SELECT count(*) FROM jobs WHERE live = 1 AND lease > ?1", {millis(now)}));
      if (live >= limits.live) return fail(too_many_jobs(limits.live, false));
      ASSIGN_OR_RETURN(auto mine,
                       count("SELECT count(*) FROM jobs WHERE live = 1 AND lease > ?1 AND principal = ?2",
                             {millis(now), principal}));
      if (mine >= limits.live_per_principal) return fail(too_many_jobs(limits.live_per_principal, true));
      // All but the newest, of which there may be one less than the limit.
      RETURN_IF_ERROR(
          run("DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE live = 0 AND principal = ?1 "
              "ORDER BY updated DESC, id DESC LIMIT -1 OFFSET ?2)",
              {principal, std::to_string(limits.ended_per_principal - 1)}));
      RETURN_IF_ERROR(
          run("DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE live = 0 "
              "ORDER BY updated DESC, id DESC LIMIT -1 OFFSET ?1)",
              {std::to_string(limits.ended - 1)}));
      return run(
          "INSERT INTO jobs VALUES (?1, ?2, 1, ?3, ?4, ?5, ?6, ?7, NULL, ?8, ?9)",
          {record.job.id, principal, record.owner, millis(record.lease), std::to_string(record.job.revision),
           millis(record.job.created), millis(record.job.updated), body_of(record), json::write(checkpoint)});
    });
  }

  Result<std::optional<JobRecord>> find(std::string_view id) override {
    std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(auto rows, records("WHERE id = ?1", {id}));
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
  }

  Result<bool> replace(const JobRecord& record) override {
    std::lock_guard lock(mutex_);
    const JobSnapshot& job = record.job;
    ASSIGN_OR_RETURN(auto update,
                     database_->prepare("UPDATE jobs SET live = ?2, owner = ?3, lease = ?4, revision = ?5, "
                                        "updated = ?6, expires = nullif(?7, ''), body = ?8 "
                                        "WHERE id = ?1 AND revision = ?9 RETURNING id"));
    bool written = false;
    RETURN_IF_ERROR(update.query({job.id, has_ended(job.state) ? "0" : "1", record.owner,
                                  millis(record.lease), std::to_string(job.revision), millis(job.updated),
                                  job.expires ? millis(*job.expires) : std::string(), body_of(record),
                                  std::to_string(job.revision - 1)},
                                 [&](const auto&) {
                                   written = true;
                                   return Status{};
                                 }));
    return written;
  }

  Status renew(std::string_view owner, WallTime lease) override {
    std::lock_guard lock(mutex_);
    return run("UPDATE jobs SET lease = ?2 WHERE owner = ?1 AND live = 1", {owner, millis(lease)});
  }

  Status save_checkpoint(std::string_view id, const json::Value& checkpoint) override {
    std::lock_guard lock(mutex_);
    return run("UPDATE jobs SET checkpoint = ?2 WHERE id = ?1", {id, json::write(checkpoint)});
  }

  Result<json::Value> checkpoint(std::string_view id) override {
    std::lock_guard lock(mutex_);
    ASSIGN_OR_RETURN(auto select, database_->prepare("SELECT checkpoint FROM jobs WHERE id = ?1"));
    json::Value found;
    RETURN_IF_ERROR(select.query({id}, [&](const auto& row) -> Status {
      ASSIGN_OR_RETURN(found, json::parse(row[0], {.max_depth = 256}));
      return {};
    }));
    return found;
  }

  Result<std::vector<JobRecord>> list(std::string_view principal,
                                      std::optional<std::pair<WallTime, std::string>> before,
                                      std::size_t limit, WallTime now) override {
    std::lock_guard lock(mutex_);
    if (!before) {
      return records(
          "WHERE principal = ?1 AND (expires IS NULL OR expires > ?2) "
          "ORDER BY created DESC, id DESC LIMIT CAST(?3 AS INTEGER)",
          {principal, millis(now), std::to_string(limit)});
    }
    return records(
        "WHERE principal = ?1 AND (expires IS NULL OR expires > ?2) "
        "AND (created, id) < (CAST(?4 AS INTEGER), ?5) "
        "ORDER BY created DESC, id DESC LIMIT CAST(?3 AS INTEGER)",
        {principal, millis(now), std::to_string(limit), millis(before->first), before->second});
  }

 private:
  // Under mutex_, all of them.
  Status run(std::string_view sql, std::initializer_list<std::string_view> parameters) {
    ASSIGN_OR_RETURN(auto statement, database_->prepare(sql));
    return statement.run(parameters);
  }

  Result<std::size_t> count(std::string_view sql, std::initializer_list<std::string_view> parameters) {
    ASSIGN_OR_RETURN(auto statement, database_->prepare(sql));
    std::size_t counted = 0;
    RETURN_IF_ERROR(statement.query(parameters, [&](const auto& row) {
      counted = static_cast<std::size_t>(number(row[0]));
      return Status{};
    }));
    return counted;
  }

  Result<std::vector<JobRecord>> records(std::string_view where,
                                         std::initializer_list<std::string_view> parameters) {
    std::string sql = "SELECT ";
    sql.append(kColumns).append(" FROM jobs ").append(where);
    ASSIGN_OR_RETURN(auto select, database_->prepare(sql));
    std::vector<JobRecord> found;
    RETURN_IF_ERROR(select.query(parameters, [&](const auto& row) -> Status {
      ASSIGN_OR_RETURN(auto record, read_row(row));
      found.push_back(std::move(record));
      return {};
    }));
    return found;
  }

  std::mutex mutex_;
  const std::unique_ptr<Database> database_;
};

}  // namespace

Result<std::shared_ptr<JobStore>> sqlite_job_store(const std::string& path) {
  ASSIGN_OR_RETURN(auto database, Database::open(path));
  auto store = std::make_shared<SqliteJobStore>(std::move(database));
  RETURN_IF_ERROR(store->prepare());
  return store;
}

}  // namespace core
