#include <fmt/format.h>

#include "core/job_impl.h"
#include "core/log.h"

namespace core {
namespace {

Error defect(std::string_view kind, std::string_view what) {
  log(LogLevel::error, "jobs", what, {{"kind", std::string(kind)}});
  return {.kind = ErrorKind::internal,
          .code = std::string(kJobThrew),
          .message = "The job failed by a defect of this server.",
          .hint = {},
          .upstream = std::nullopt};
}

}  // namespace

class RunningJob final : public JobContext {
 public:
  RunningJob(Jobs::Impl& jobs, const JobRecord& record, std::stop_token stop, json::Value checkpoint)
      : jobs_(jobs), record_(record), stop_(std::move(stop)), checkpoint_(std::move(checkpoint)) {}

  const std::string& id() const override { return record_.job.id; }
  const std::string& principal() const override { return record_.job.principal; }
  std::stop_token stop() const override { return stop_; }
  void progress(double done, std::optional<double> total, std::string_view message) override {
    jobs_.progress(id(), {done, total, std::string(message)});
  }
  int round() const override { return record_.round; }
  const json::Object& answers() const override { return record_.answers; }
  const json::Value& checkpoint() const override { return checkpoint_; }
  Status save(json::Value checkpoint) override { return jobs_.save(id(), std::move(checkpoint)); }

 private:
  Jobs::Impl& jobs_;
  const JobRecord& record_;
  const std::stop_token stop_;
  const json::Value checkpoint_;
};

Error Jobs::Impl::too_large(std::string_view what) const {
  return {.kind = ErrorKind::too_large,
          .code = "core.job.too_large",
          .message = fmt::format("The job's {} has more than {} bytes.", what, options.max_result_bytes),
          .hint = "Ask for less at a time.",
          .upstream = std::nullopt};
}

Status Jobs::Impl::launch(const std::string& id) {
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return {};  // end_all() records it
    ++running_;
  }
  auto accepted = lane_.submit([this, id] {
    run(id);
    {
      std::lock_guard lock(mutex_);
      --running_;
    }
    changed_.notify_all();
  });
  if (accepted) return {};
  std::lock_guard lock(mutex_);
  --running_;
  return accepted;
}

void Jobs::Impl::run(const std::string& id) {
  std::shared_ptr<Live> live;
  JobRecord record;
  json::Value checkpoint;
  {
    std::lock_guard lock(mutex_);
    auto found = live_.find(id);
    if (found == live_.end() || stopped_) return;  // cancelled while it was queued, or the end has come
    live = found->second;
    record = live->record;
    checkpoint = live->checkpoint;
  }
  auto call = [&]() -> Result<JobStep> {
    try {
      RunningJob context(*this, record, live->stop.get_token(), std::move(checkpoint));
      return live->work(context);
    } catch (const std::exception& thrown) {
      return fail(defect(record.job.kind, thrown.what()));
    }
  };
  take_step(id, call());
}

void Jobs::Impl::take_step(const std::string& id, Result<JobStep> step) {
  auto recorded = record_step(id, step);
  if (recorded || recorded.error().kind == ErrorKind::not_found) return;
  log(LogLevel::error, "jobs", "what came of a job cannot be stored yet",
      {{"why", describe(recorded.error())}});
  std::lock_guard lock(mutex_);
  if (auto found = live_.find(id); found != live_.end()) found->second->unsaid = std::move(step);
}

Status Jobs::Impl::record_step(const std::string& id, const Result<JobStep>& step) {
  auto end = [&](JobEvent event, const auto& alter) -> Status {
    auto changed = change(id, [&](const JobRecord& seen) {
      auto next = after(seen, event);
      if (next) alter(*next);
      return next;
    });
    if (!changed) return std::unexpected(std::move(changed).error());
    return {};
  };
  auto failure = [&](const Error& error) {
    return end(JobEvent::fail, [&](JobRecord& next) {
      next.job.error = error;
      next.job.error->upstream.reset();
    });
  };
  if (!step) {
    bool stopped = false;
    {
      std::lock_guard lock(mutex_);
      stopped = stopped_;
    }
    // Told to stop by the end of the process, it did; that is not its own failure.
    if (stopped && step.error().kind == ErrorKind::cancelled) return end(JobEvent::orphan, [](JobRecord&) {});
    return failure(step.error());
  }
  if (const auto* result = std::get_if<json::Value>(&*step)) {
    if (json::write(*result).size() > options.max_result_bytes) return failure(too_large("result"));
    return end(JobEvent::complete, [&](JobRecord& next) { next.job.result = *result; });
  }
  const auto& asked = std::get<JobQuestions>(*step);
  std::string text;
  json::append(text, asked.questions);
  if (text.size() > options.max_result_bytes) return failure(too_large("list of questions"));
  ASSIGN_OR_RETURN(auto record, current(id));
  bool fresh = !asked.questions.empty();
  for (const auto& question : asked.questions) {
    for (const auto& used : record.asked) fresh = fresh && used != question.key();
  }
  if (!fresh)
    return failure(defect(record.job.kind, "a job asked nothing, or under a key it had used before"));
  return end(JobEvent::ask, [&](JobRecord& next) {
    next.job.questions = asked.questions;
    next.answers.clear();
    next.answer_by = now() + asked.timeout;
    for (const auto& question : asked.questions) next.asked.emplace_back(question.key());
  });
}

void Jobs::Impl::fail_job(const std::string& id, Error error) {
  take_step(id, std::unexpected(std::move(error)));
}

void Jobs::Impl::progress(const std::string& id, JobProgress said) {
  {
    std::lock_guard lock(mutex_);
    auto found = live_.find(id);
    if (found == live_.end()) return;
    Live& live = *found->second;
    SteadyTime time = options.clock->steady();
    live.unstored = said;
    if (live.stored && time - *live.stored < options.progress_interval) return;
    live.stored = time;
  }
  auto stored = change(id, [&](const JobRecord& seen) -> std::optional<JobRecord> {
    if (seen.job.state != JobState::working) return std::nullopt;
    JobRecord next = seen;
    next.job.progress = said;
    return next;
  });
  if (!stored && stored.error().kind != ErrorKind::not_found) {
    log(LogLevel::debug, "jobs", "the progress of a job was not stored", {{"why", describe(stored.error())}});
  }
}

Status Jobs::Impl::save(const std::string& id, json::Value checkpoint) {
  if (json::write(checkpoint).size() > options.max_result_bytes) return fail(too_large("checkpoint"));
  RETURN_IF_ERROR(options.store->save_checkpoint(id, checkpoint));
  std::lock_guard lock(mutex_);
  if (auto found = live_.find(id); found != live_.end()) found->second->checkpoint = std::move(checkpoint);
  return {};
}

void Jobs::Impl::stop() {
  std::vector<std::shared_ptr<Live>> running;
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopped_, true)) return;
    running.reserve(live_.size());
    for (const auto& [id, live] : live_) running.push_back(live);
  }
  for (const auto& live : running) live->stop.request_stop();
}

bool Jobs::Impl::settle(std::chrono::milliseconds at_most) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, at_most, [this] { return running_ == 0; });
}

void Jobs::Impl::end_all() {
  if (ticker_.joinable()) {
    ticker_.request_stop();
    ticker_.join();
  }
  std::vector<std::string> left;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return running_ == 0; });
    left.reserve(live_.size());
    for (const auto& [id, live] : live_) left.push_back(id);
  }
  for (const auto& id : left) {
    auto ended = change(id, [](const JobRecord& seen) { return after(seen, JobEvent::orphan); });
    if (!ended)
      log(LogLevel::warning, "jobs", "the end of a job was not stored", {{"why", ended.error().message}});
  }
}

void Jobs::Impl::start_ticker() {
  if (!ticker_.joinable() && !stopped_) {
    ticker_ = std::jthread([this](const std::stop_token& stop) { keep_time(stop); });
  }
  changed_.notify_all();
}

void Jobs::Impl::keep_time(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [this] { return !live_.empty() || !watchers_.empty(); })) return;
    }
    if (!options.clock->wait_until(options.clock->steady() + options.poll, stop)) return;
    tick();
  }
}

void Jobs::Impl::tick() {
  std::vector<std::string> ours;
  std::vector<std::string> watched;
  bool renew = false;
  {
    std::lock_guard lock(mutex_);
    for (const auto& [id, live] : live_) ours.push_back(id);
    for (const auto& [id, watcher] : watchers_) {
      if (!live_.contains(id) && (watched.empty() || watched.back() != id)) watched.push_back(id);
    }
    SteadyTime time = options.clock->steady();
    renew = !ours.empty() && time - renewed_ >= options.lease / 3;
    if (renew) renewed_ = time;
  }
  if (renew) {
    if (auto renewed = options.store->renew(owner_, now() + options.lease); !renewed) {
      log(LogLevel::warning, "jobs", "the lease of the running jobs was not renewed",
          {{"why", renewed.error().message}});
    }
  }
  for (const auto& id : ours) tick_live(id);
  for (const auto& id : watched) {
    auto found = options.store->find(id);
    if (!found || !*found) continue;
    if (auto record = adopt(**std::move(found))) settled(*record);
  }
}

void Jobs::Impl::tick_live(const std::string& id) {
  auto found = options.store->find(id);
  if (!found) return;  // the store will be there again
  if (!*found) return forget(id);
  settled(**found);
  std::optional<Result<JobStep>> unsaid;
  {
    std::lock_guard lock(mutex_);
    if (auto live = live_.find(id); live != live_.end())
      unsaid = std::exchange(live->second->unsaid, std::nullopt);
  }
  if (unsaid) return take_step(id, *std::move(unsaid));
  if (!(*found)->answer_by || *(*found)->answer_by > now()) return;
  auto given_up = change(id, [this](const JobRecord& seen) -> std::optional<JobRecord> {
    if (!seen.answer_by || *seen.answer_by > now()) return std::nullopt;
    auto next = after(seen, JobEvent::answered);
    if (!next) return std::nullopt;
    for (const auto& question : seen.job.questions) next->answers[question.key()] = nullptr;
    return next;
  });
  if (!given_up)
    log(LogLevel::debug, "jobs", "a question was not ended", {{"why", given_up.error().message}});
}

}  // namespace core
