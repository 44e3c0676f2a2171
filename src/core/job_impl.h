// Inside Jobs: the jobs that run here, and who watches which (job.cpp: records and watchers; job_run.cpp: the
// work, and the clock).
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

#include "core/job.h"
#include "core/job_store.h"

namespace core {

// Delivers the newest snapshot, one call at a time; what is older than the last one delivered is dropped.
class JobWatcher {
 public:
  explicit JobWatcher(std::function<void(const JobSnapshot&)> changed) : changed_(std::move(changed)) {}
  void offer(const JobSnapshot& snapshot);
  void close();

 private:
  const std::function<void(const JobSnapshot&)> changed_;
  std::mutex mutex_;
  std::optional<JobSnapshot> next_;
  std::optional<std::uint64_t> seen_;
  bool delivering_ = false;
  bool closed_ = false;
};

class Jobs::Impl : public std::enable_shared_from_this<Jobs::Impl> {
 public:
  explicit Impl(JobsOptions given);

  Result<JobSnapshot> start(JobOptions given, JobWork work);
  // Unknown when it is another principal's or has expired.
  Result<JobRecord> look(std::string_view id, std::string_view principal);
  // Fails it here when the process that ran it is gone.
  Result<JobRecord> adopt(JobRecord record);
  Result<JobSnapshot> cancel(std::string_view id, std::string_view principal);
  Result<JobSnapshot> answer(std::string_view id, std::string_view principal, json::Object answers);
  Result<std::unique_ptr<JobWatch>> watch(std::string_view id, std::string_view principal,
                                          std::function<void(const JobSnapshot&)> changed);
  void stop();
  bool settle(std::chrono::milliseconds at_most);
  void end_all();
  WallTime now() const { return options.clock->now(); }

  const JobsOptions options;

 private:
  friend class RunningJob;
  // A job of this process that has not ended.
  struct Live {
    JobRecord record;  // as last written or read
    JobWork work;
    std::stop_source stop;
    json::Value checkpoint;
    int launched = 0;                       // the round its work was last called for
    std::optional<SteadyTime> stored;       // when its progress was last written
    std::optional<JobProgress> unstored;    // said since
    std::optional<Result<JobStep>> unsaid;  // what came of it, while the store takes no writes
  };
  // Returns the altered record, or nullopt to leave it as it is.
  using Change = std::function<std::optional<JobRecord>(const JobRecord&)>;

  // Compare-and-set until it holds; the record as it is afterwards.
  Result<JobRecord> change(std::string_view id, const Change& alter);
  Result<JobRecord> current(std::string_view id);
  // Takes over what was written or read: cache, watchers, stop token, next round.
  void settled(const JobRecord& record);
  void forget(std::string_view id);
  void unwatch(const std::string& id, const std::shared_ptr<JobWatcher>& watcher);
  Error too_large(std::string_view what) const;

  // job_run.cpp
  Status launch(const std::string& id);
  void run(const std::string& id);
  void take_step(const std::string& id, Result<JobStep> step);
  Status record_step(const std::string& id, const Result<JobStep>& step);
  void fail_job(const std::string& id, Error error);
  void progress(const std::string& id, JobProgress said);
  Status save(const std::string& id, json::Value checkpoint);
  void start_ticker();  // under mutex_
  void keep_time(const std::stop_token& stop);
  void tick();
  void tick_live(const std::string& id);

  const std::string owner_;
  std::mutex mutex_;  // of what follows; never held while the store, the work or a watcher runs
  std::condition_variable_any changed_;
  bool stopped_ = false;
  std::map<std::string, std::shared_ptr<Live>, std::less<>> live_;
  std::multimap<std::string, std::shared_ptr<JobWatcher>, std::less<>> watchers_;
  std::size_t running_ = 0;  // work functions that run or are queued
  SteadyTime renewed_{};
  std::jthread ticker_;
  Lane lane_;
};

Error unknown_job();
// The record after `event`; nullopt when the table has no such transition.
std::optional<JobRecord> after(const JobRecord& record, JobEvent event);

}  // namespace core
