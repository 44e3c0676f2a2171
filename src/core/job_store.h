// Where jobs are recorded (job.h). One row a job; who changes it names the revision it has seen, so that of
// two changes at a time one fails and looks again. No row is ever locked while work runs.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/job.h"
#include "core/json.h"
#include "core/result.h"

namespace core {

struct JobRecord {
  JobSnapshot job;
  std::string owner;     // the Jobs object that runs it
  WallTime lease;        // until when its owner is believed alive
  json::Object answers;  // to the present round's questions, by key
  json::Array asked;     // every key ever used
  int round = 0;
  std::chrono::milliseconds keep{0};
  std::optional<WallTime> answer_by;  // of input_required
};

struct JobLimits {
  std::size_t live;
  std::size_t live_per_principal;
  std::size_t ended;
  std::size_t ended_per_principal;
  std::chrono::milliseconds orphans;  // how long the job of a dead process is kept when nobody asks for it
};

// Implementations are thread-safe and do not call back.
class JobStore {
 public:
  virtual ~JobStore() = default;
  // Forgets expired jobs, and the oldest ended ones beyond the limits, then adds this one. A live job whose
  // lease ran out does not count. Error: core.job.too_many.
  virtual Status insert(const JobRecord& record, const json::Value& checkpoint, const JobLimits& limits,
                        WallTime now) = 0;
  virtual Result<std::optional<JobRecord>> find(std::string_view id) = 0;
  // Writes `record` if the stored one has the revision before it; false when it has another, or is gone.
  virtual Result<bool> replace(const JobRecord& record) = 0;
  virtual Status renew(std::string_view owner, WallTime lease) = 0;
  virtual Status save_checkpoint(std::string_view id, const json::Value& checkpoint) = 0;
  virtual Result<json::Value> checkpoint(std::string_view id) = 0;
  // Newest first, those before (created, id) where given.
  virtual Result<std::vector<JobRecord>> list(std::string_view principal,
                                              std::optional<std::pair<WallTime, std::string>> before,
                                              std::size_t limit, WallTime now) = 0;
};

std::shared_ptr<JobStore> memory_job_store();
// Opens or creates the file. Errors: core.sqlite; core.job.newer when a newer version of this program made
// it.
Result<std::shared_ptr<JobStore>> sqlite_job_store(const std::string& path);

// The error of insert(), for implementations.
Error too_many_jobs(std::size_t limit, bool of_principal);

}  // namespace core
