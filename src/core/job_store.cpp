#include "core/job_store.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <tuple>

namespace core {
namespace {

class MemoryJobStore final : public JobStore {
 public:
  Status insert(const JobRecord& record, const json::Value& checkpoint, const JobLimits& limits,
                WallTime now) override {
    std::lock_guard lock(mutex_);
    std::erase_if(rows_, [&](const auto& row) {
      const JobRecord& old = row.second.record;
      return expired(old, now) || (!has_ended(old.job.state) && old.lease + limits.orphans <= now);
    });
    std::size_t live = 0;
    std::size_t of_principal = 0;
    for (const auto& [id, row] : rows_) {
      if (has_ended(row.record.job.state) || row.record.lease <= now) continue;
      ++live;
      if (row.record.job.principal == record.job.principal) ++of_principal;
    }
    if (live >= limits.live) return fail(too_many_jobs(limits.live, false));
    if (of_principal >= limits.live_per_principal)
      return fail(too_many_jobs(limits.live_per_principal, true));
    drop_oldest(limits.ended_per_principal, record.job.principal);
    drop_oldest(limits.ended, std::nullopt);
    rows_.emplace(record.job.id, Row{record, checkpoint});
    return {};
  }

  Result<std::optional<JobRecord>> find(std::string_view id) override {
    std::lock_guard lock(mutex_);
    auto found = rows_.find(id);
    if (found == rows_.end()) return std::nullopt;
    return found->second.record;
  }

  Result<bool> replace(const JobRecord& record) override {
    std::lock_guard lock(mutex_);
    auto found = rows_.find(record.job.id);
    if (found == rows_.end() || found->second.record.job.revision + 1 != record.job.revision) return false;
    found->second.record = record;
    return true;
  }

  Status renew(std::string_view owner, WallTime lease) override {
    std::lock_guard lock(mutex_);
    for (auto& [id, row] : rows_) {
      if (row.record.owner == owner && !has_ended(row.record.job.state)) row.record.lease = lease;
    }
    return {};
  }

  Status save_checkpoint(std::string_view id, const json::Value& checkpoint) override {
    std::lock_guard lock(mutex_);
    if (auto found = rows_.find(id); found != rows_.end()) found->second.checkpoint = checkpoint;
    return {};
  }

  Result<json::Value> checkpoint(std::string_view id) override {
    std::lock_guard lock(mutex_);
    auto found = rows_.find(id);
    return found == rows_.end() ? json::Value() : found->second.checkpoint;
  }

  Result<std::vector<JobRecord>> list(std::string_view principal,
                                      std::optional<std::pair<WallTime, std::string>> before,
                                      std::size_t limit, WallTime now) override {
    std::lock_guard lock(mutex_);
    std::vector<const JobRecord*> found;
    for (const auto& [id, row] : rows_) {
      const JobSnapshot& job = row.record.job;
      if (job.principal != principal || expired(row.record, now)) continue;
      if (before && std::tie(job.created, job.id) >= std::tie(before->first, before->second)) continue;
      found.push_back(&row.record);
    }
    std::ranges::sort(found, [](const JobRecord* a, const JobRecord* b) {
      return std::tie(a->job.created, a->job.id) > std::tie(b->job.created, b->job.id);
    });
    std::vector<JobRecord> page;
    page.reserve(std::min(limit, found.size()));
    for (const JobRecord* record : found) {
      if (page.size() == limit) break;
      page.push_back(*record);
    }
    return page;
  }

 private:
  struct Row {
    JobRecord record;
    json::Value checkpoint;
  };

  static bool expired(const JobRecord& record, WallTime now) {
    return record.job.expires && *record.job.expires <= now;
  }

  // Makes room for one more, by whoever ended first.
  void drop_oldest(std::size_t limit, const std::optional<std::string>& principal) {
    std::vector<std::pair<WallTime, std::string>> ended;
    for (const auto& [id, row] : rows_) {
      const JobSnapshot& job = row.record.job;
      if (has_ended(job.state) && (!principal || job.principal == *principal)) {
        ended.emplace_back(job.updated, id);
      }
    }
    if (ended.size() < limit) return;
    std::ranges::sort(ended);
    ended.resize(ended.size() - limit + 1);
    for (const auto& [when, id] : ended) rows_.erase(id);
  }

  std::mutex mutex_;
  std::map<std::string, Row, std::less<>> rows_;
};

}  // namespace

Error too_many_jobs(std::size_t limit, bool of_principal) {
  return {
      .kind = ErrorKind::rate_limited,
      .code = "core.job.too_many",
      .message = of_principal
                     ? fmt::format("{} of your jobs are running or wait for answers, as many as may.", limit)
                     : fmt::format("{} jobs are running or wait for answers, as many as may.", limit),
      .hint = "Wait until some have ended, or cancel one, then try again.",
      .upstream = std::nullopt};
}

std::shared_ptr<JobStore> memory_job_store() {
  return std::make_shared<MemoryJobStore>();
}

}  // namespace core
