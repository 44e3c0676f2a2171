// Long work that outlives the call that began it: bulk changes, snapshots, reports. A job runs on a worker,
// says how far it is, may need answers of a person, can be cancelled, and leaves its result behind for a
// while.
//
//   ASSIGN_OR_RETURN(auto jobs, core::Jobs::create({.store = core::memory_job_store()}));
//   ASSIGN_OR_RETURN(auto job, jobs->start({.kind = "report", .principal = context.principal}, work));
//   jobs->get(job.id, context.principal);
//
// What became of a job lies in a JobStore (job_store.h). Over a file, the processes that share it see each
// other's jobs: any of them may cancel or answer, the one that runs the job notices within JobsOptions::poll.
// A job whose process died is reported as failed once its lease has run out.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/lane.h"
#include "core/random.h"
#include "core/result.h"

namespace core {

class JobStore;  // job_store.h

enum class JobState { working, input_required, completed, failed, cancelled };
enum class JobEvent {
  ask,       // the work needs answers
  answered,  // the last of them is there
  complete,
  fail,
  cancel,
  orphan,  // the process that ran it is gone
};

struct JobTransition {
  JobState from;
  JobEvent event;
  JobState to;
};
// The whole state machine. What has no row does not happen: an ended job stays as it ended.
std::span<const JobTransition> job_transitions();
std::optional<JobState> next_state(JobState from, JobEvent event);

std::string_view to_string(JobState state);
std::optional<JobState> parse_job_state(std::string_view name);
constexpr bool has_ended(JobState state) {
  return state == JobState::completed || state == JobState::failed || state == JobState::cancelled;
}

struct JobProgress {
  double done = 0;
  std::optional<double> total;
  std::string message;  // what it is doing; may be shown to people
};

struct JobSnapshot {
  std::string id;
  std::string kind;
  std::string principal;
  std::string title;
  JobState state = JobState::working;
  JobProgress progress;
  json::Object questions;      // of input_required: what is still unanswered, by key
  json::Value result;          // of completed
  std::optional<Error> error;  // of failed; without `upstream`
  WallTime created;
  WallTime updated;
  std::optional<WallTime> expires;  // of an ended job: when it is forgotten
  std::uint64_t revision = 0;       // grows with each change
};

// Error codes of jobs that failed without having said so.
inline constexpr std::string_view kJobOwnerEnded = "core.job.owner_ended";  // unavailable
inline constexpr std::string_view kJobThrew = "core.job.threw";             // internal

// Returned by a work function that needs answers: its worker is freed, and it is called again with them. A
// key is used once in the life of a job; one used before fails the job.
struct JobQuestions {
  json::Object questions;  // by key; not empty; opaque to this room
  // Afterwards what is unanswered counts as answered with null.
  std::chrono::milliseconds timeout = std::chrono::hours{1};
};
using JobStep = std::variant<json::Value, JobQuestions>;

// What the work function sees of its job. Thread-safe; valid during the call only.
class JobContext {
 public:
  virtual ~JobContext() = default;
  virtual const std::string& id() const = 0;
  virtual const std::string& principal() const = 0;
  // Fires when the job is cancelled, by whichever process, and when this process ends.
  virtual std::stop_token stop() const = 0;
  virtual void progress(double done, std::optional<double> total, std::string_view message) = 0;
  // How often it was called before: 0 the first time, one more after each JobQuestions.
  virtual int round() const = 0;
  // The answers to the questions it returned last, by key.
  virtual const json::Object& answers() const = 0;
  // What was saved last, by this job or the one it goes on from (JobOptions::checkpoint); null at first.
  virtual const json::Value& checkpoint() const = 0;
  // Stored before it returns; a cancelled job may still note where it stopped. Errors: core.job.too_large,
  // the store's.
  virtual Status save(json::Value checkpoint) = 0;
};

// An Error fails the job; so does an exception (kJobThrew).
using JobWork = std::function<Result<JobStep>(JobContext&)>;

struct JobOptions {
  std::string kind;  // what it does: "report"
  std::string principal = "local";
  std::string title;  // for people
  // How long its result is kept after its end; at most JobsOptions::max_keep.
  std::chrono::milliseconds keep = std::chrono::hours{1};
  // To go on where an earlier job stopped: that job's checkpoint (Jobs::checkpoint()).
  json::Value checkpoint;
};

struct JobsOptions {
  std::shared_ptr<JobStore> store;
  Clock* clock = &system_clock();     // outlives the jobs, as does `random`
  Random* random = &system_random();  // ids are 128 bits of it
  LaneOptions lane{.name = "jobs", .workers = 8, .queue = 256};
  std::size_t max_live = 256;               // not ended, of all processes on the store
  std::size_t max_live_per_principal = 32;  // as above
  std::size_t max_ended = 4096;             // kept results; the oldest go first
  std::size_t max_ended_per_principal = 512;
  std::size_t max_result_bytes = 8u << 20;  // of a result, of a checkpoint, of one round's questions
  std::chrono::milliseconds max_keep = std::chrono::hours{24};
  // A job counts as orphaned when its process has not renewed its lease for so long.
  std::chrono::milliseconds lease = std::chrono::seconds{30};
  std::chrono::milliseconds poll = std::chrono::seconds{1};  // for what other processes changed
  std::chrono::milliseconds progress_interval = std::chrono::milliseconds{250};  // between stored progress
};

// Ends what Jobs::watch() began. A call of the watcher that is under way may still finish.
class JobWatch {
 public:
  virtual ~JobWatch() = default;
};

// Thread-safe.
class Jobs {
 public:
  // Errors: core.job.options (no store, or a limit of zero).
  static Result<std::unique_ptr<Jobs>> create(JobsOptions options);
  // As stop(), then waits for the work functions. What has not ended is recorded as failed (kJobOwnerEnded).
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  // The job is in the store before this returns. Errors: core.job.too_many (names the limit),
  // core.job.stopped, core.job.too_large (checkpoint), core.lane.full, the store's.
  Result<JobSnapshot> start(JobOptions options, JobWork work);

  // Another principal's job is as unknown as one that does not exist: core.job.unknown (not_found).
  Result<JobSnapshot> get(std::string_view id, std::string_view principal);
  Result<json::Value> checkpoint(std::string_view id, std::string_view principal);
  // Cancelled at once and for good; the work is told and may take a while to stop. The result is the job as
  // it is then: one that had ended stays as it was. Errors: core.job.unknown, the store's.
  Result<JobSnapshot> cancel(std::string_view id, std::string_view principal);
  // Answers some or all of the questions; keys that are not outstanding are ignored. Errors: as cancel().
  Result<JobSnapshot> answer(std::string_view id, std::string_view principal, json::Object answers);

  struct Page {
    std::vector<JobSnapshot> jobs;  // newest first
    std::string next;               // cursor of the next page; empty at the end
  };
  // `cursor` is empty or the `next` of a page. Error: core.job.cursor (invalid_input).
  Result<Page> list(std::string_view principal, std::string_view cursor, std::size_t limit);

  // Calls `changed` with the job as it is now, before returning, and again when it has changed; the calls for
  // one watch come one at a time and in order, changes in quick succession as one. `changed` runs without
  // locks held on whatever thread made the change and must be quick. The last call has an ended job. Error:
  // core.job.unknown.
  Result<std::unique_ptr<JobWatch>> watch(std::string_view id, std::string_view principal,
                                          std::function<void(const JobSnapshot&)> changed);

  // No new jobs; the stop tokens of the running ones fire.
  void stop();
  // True when no work function runs any more.
  bool settle(std::chrono::milliseconds at_most);

  const JobsOptions& options() const;

  class Impl;  // job_impl.h

 private:
  explicit Jobs(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

}  // namespace core
