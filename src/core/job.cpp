#include "core/job.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

#include "core/job_impl.h"

namespace core {
namespace {

using enum JobState;

constexpr std::array<JobTransition, 8> kTransitions = {{
    {working, JobEvent::ask, input_required},
    {working, JobEvent::complete, completed},
    {working, JobEvent::fail, failed},
    {working, JobEvent::cancel, cancelled},
    {working, JobEvent::orphan, failed},
    {input_required, JobEvent::answered, working},
    {input_required, JobEvent::cancel, cancelled},
    {input_required, JobEvent::orphan, failed},
}};

constexpr std::array<std::string_view, 5> kStateNames = {"working", "input_required", "completed", "failed",
                                                         "cancelled"};
std::optional<std::pair<WallTime, std::string>> read_cursor(std::string_view cursor) {
  auto dot = cursor.find('.');
  std::int64_t created = 0;
  auto [end, error] = std::from_chars(cursor.data(), cursor.data() + std::min(dot, cursor.size()), created);
  if (dot == std::string_view::npos || error != std::errc{} || end != cursor.data() + dot)
    return std::nullopt;
  return std::pair{WallTime{std::chrono::milliseconds{created}}, std::string(cursor.substr(dot + 1))};
}

class WatchHandle final : public JobWatch {
 public:
  explicit WatchHandle(std::function<void()> end) : end_(std::move(end)) {}
  ~WatchHandle() override { end_(); }

 private:
  const std::function<void()> end_;
};

}  // namespace

std::span<const JobTransition> job_transitions() {
  return kTransitions;
}

std::optional<JobState> next_state(JobState from, JobEvent event) {
  for (const JobTransition& row : kTransitions) {
    if (row.from == from && row.event == event) return row.to;
  }
  return std::nullopt;
}

std::string_view to_string(JobState state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

std::optional<JobState> parse_job_state(std::string_view name) {
  for (std::size_t i = 0; i < kStateNames.size(); ++i) {
    if (kStateNames[i] == name) return static_cast<JobState>(i);
  }
  return std::nullopt;
}

Error unknown_job() {
  return {.kind = ErrorKind::not_found,
          .code = "core.job.unknown",
          .message = "There is no such job.",
          .hint = "It may have been forgotten some time after its end, or belong to another login.",
          .upstream = std::nullopt};
}

std::optional<JobRecord> after(const JobRecord& record, JobEvent event) {
  auto state = next_state(record.job.state, event);
  if (!state) return std::nullopt;
  JobRecord next = record;
  next.job.state = *state;
  next.job.questions.clear();
  next.answer_by.reset();
  if (event == JobEvent::answered) ++next.round;
  if (event == JobEvent::orphan) {
    next.job.error = Error{.kind = ErrorKind::unavailable,
                           .code = std::string(kJobOwnerEnded),
                           .message = "The server that ran it ended.",
                           .hint = "What it had done by then stays done. Check, then start it again.",
                           .upstream = std::nullopt};
  }
  return next;
}

void JobWatcher::offer(const JobSnapshot& snapshot) {
  std::unique_lock lock(mutex_);
  if (closed_ || (seen_ && snapshot.revision <= *seen_)) return;
  seen_ = snapshot.revision;
  next_ = snapshot;
  if (delivering_) return;  // whoever delivers takes this one too
  delivering_ = true;
  while (next_ && !closed_) {
    JobSnapshot now = *std::exchange(next_, std::nullopt);
    lock.unlock();
    changed_(now);
    lock.lock();
  }
  delivering_ = false;
}

void JobWatcher::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
}

Jobs::Impl::Impl(JobsOptions given)
    : options(std::move(given)), owner_(options.random->token(12)), lane_(options.lane) {}

Result<JobRecord> Jobs::Impl::current(std::string_view id) {
  {
    std::lock_guard lock(mutex_);
    if (auto found = live_.find(id); found != live_.end()) {
      JobRecord record = found->second->record;
      if (found->second->unstored) record.job.progress = *found->second->unstored;
      return record;
    }
  }
  ASSIGN_OR_RETURN(auto found, options.store->find(id));
  if (!found) return fail(unknown_job());
  return *std::move(found);
}

Result<JobRecord> Jobs::Impl::change(std::string_view id, const Change& alter) {
  constexpr int kAttempts = 100;
  ASSIGN_OR_RETURN(JobRecord seen, current(id));
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    auto next = alter(seen);
    if (!next) return seen;
    WallTime time = std::max(now(), seen.job.updated);
    next->job.revision = seen.job.revision + 1;
    next->job.updated = time;
    if (next->owner == owner_) next->lease = time + options.lease;
    if (has_ended(next->job.state)) {
      next->job.expires = time + next->keep;
      next->answers.clear();
      next->asked.clear();
    }
    ASSIGN_OR_RETURN(bool written, options.store->replace(*next));
    if (written) {
      settled(*next);
      return *std::move(next);
    }
    ASSIGN_OR_RETURN(auto found, options.store->find(id));
    if (!found) {
      forget(id);
      return fail(unknown_job());
    }
    seen = *std::move(found);
    settled(seen);
  }
  return fail(ErrorKind::conflict, "core.job.busy", "The job changes too quickly to be changed.",
              "Try again.");
}

void Jobs::Impl::settled(const JobRecord& record) {
  const std::string& id = record.job.id;
  std::vector<std::shared_ptr<JobWatcher>> watchers;
  std::shared_ptr<Live> ended;
  bool due = false;
  {
    std::lock_guard lock(mutex_);
    if (auto found = live_.find(id); found != live_.end()) {
      Live& live = *found->second;
      if (record.job.revision > live.record.job.revision) live.record = record;
      if (has_ended(live.record.job.state)) {
        ended = found->second;
        live_.erase(found);
      } else if (live.record.job.state == JobState::working && live.record.round > live.launched) {
        live.launched = live.record.round;
        due = true;
      }
    }
    auto [from, to] = watchers_.equal_range(id);
    for (auto it = from; it != to; ++it) watchers.push_back(it->second);
    if (has_ended(record.job.state)) watchers_.erase(from, to);
  }
  for (const auto& watcher : watchers) watcher->offer(record.job);
  if (ended) ended->stop.request_stop();
  if (due) {
    if (auto launched = launch(id); !launched) fail_job(id, launched.error());
  }
}

void Jobs::Impl::forget(std::string_view id) {
  std::shared_ptr<Live> gone;
  {
    std::lock_guard lock(mutex_);
    auto found = live_.find(id);
    if (found == live_.end()) return;
    gone = std::move(found->second);
    live_.erase(found);
  }
  gone->stop.request_stop();
}

Result<JobSnapshot> Jobs::Impl::start(JobOptions given, JobWork work) {
  if (json::write(given.checkpoint).size() > options.max_result_bytes) return fail(too_large("checkpoint"));
  JobRecord record;
  record.job.id = options.random->token(16);
  record.job.kind = std::move(given.kind);
  record.job.principal = std::move(given.principal);
  record.job.title = std::move(given.title);
  record.job.created = record.job.updated = now();
  record.job.revision = 1;
  record.owner = owner_;
  record.lease = record.job.created + options.lease;
  record.keep = std::clamp(given.keep, std::chrono::milliseconds{0}, options.max_keep);

  auto live = std::make_shared<Live>();
  live->record = record;
  live->work = std::move(work);
  live->checkpoint = std::move(given.checkpoint);
  {
    std::lock_guard lock(mutex_);
    if (stopped_) return fail(ErrorKind::unavailable, "core.job.stopped", "The server is shutting down.");
  }
  RETURN_IF_ERROR(options.store->insert(record, live->checkpoint,
                                        {.live = options.max_live,
                                         .live_per_principal = options.max_live_per_principal,
                                         .ended = options.max_ended,
                                         .ended_per_principal = options.max_ended_per_principal,
                                         .orphans = options.max_keep},
                                        record.job.created));
  {
    std::lock_guard lock(mutex_);
    if (live_.empty()) renewed_ = options.clock->steady();
    live_.emplace(record.job.id, live);
    start_ticker();
  }
  if (auto launched = launch(record.job.id); !launched) {
    fail_job(record.job.id, launched.error());
    return fail(std::move(launched).error());
  }
  return record.job;
}

Result<JobRecord> Jobs::Impl::look(std::string_view id, std::string_view principal) {
  ASSIGN_OR_RETURN(auto record, current(id));
  const JobSnapshot& job = record.job;
  if (job.principal != principal || (job.expires && *job.expires <= now())) return fail(unknown_job());
  return adopt(std::move(record));
}

Result<JobRecord> Jobs::Impl::adopt(JobRecord record) {
  auto orphaned = [this](const JobRecord& seen) -> std::optional<JobRecord> {
    if (seen.owner == owner_ || seen.lease > now()) return std::nullopt;
    return after(seen, JobEvent::orphan);
  };
  if (!orphaned(record)) return record;
  return change(record.job.id, orphaned);
}

Result<JobSnapshot> Jobs::Impl::cancel(std::string_view id, std::string_view principal) {
  RETURN_IF_ERROR(look(id, principal));
  ASSIGN_OR_RETURN(auto record,
                   change(id, [](const JobRecord& seen) { return after(seen, JobEvent::cancel); }));
  return std::move(record.job);
}

Result<JobSnapshot> Jobs::Impl::answer(std::string_view id, std::string_view principal,
                                       json::Object answers) {
  RETURN_IF_ERROR(look(id, principal));
  ASSIGN_OR_RETURN(auto record, change(id, [&](const JobRecord& seen) -> std::optional<JobRecord> {
                     if (seen.job.state != JobState::input_required) return std::nullopt;
                     JobRecord next = seen;
                     for (const auto& [key, answer] : answers) {
                       if (next.job.questions.erase(key) != 0) next.answers[key] = answer;
                     }
                     if (next.job.questions.size() == seen.job.questions.size()) return std::nullopt;
                     return next.job.questions.empty() ? after(next, JobEvent::answered) : next;
                   }));
  return std::move(record.job);
}

Result<std::unique_ptr<JobWatch>> Jobs::Impl::watch(std::string_view id, std::string_view principal,
                                                    std::function<void(const JobSnapshot&)> changed) {
  RETURN_IF_ERROR(look(id, principal));
  auto watcher = std::make_shared<JobWatcher>(std::move(changed));
  std::string name(id);
  {
    std::lock_guard lock(mutex_);
    watchers_.emplace(name, watcher);
    start_ticker();
  }
  auto unwatch = [self = weak_from_this(), name, watcher] {
    watcher->close();
    if (auto alive = self.lock()) alive->unwatch(name, watcher);
  };
  auto handle = std::make_unique<WatchHandle>(unwatch);
  // Looked at again, now that no change can be missed.
  ASSIGN_OR_RETURN(auto record, look(id, principal));
  if (has_ended(record.job.state)) this->unwatch(name, watcher);
  watcher->offer(record.job);
  return handle;
}

void Jobs::Impl::unwatch(const std::string& id, const std::shared_ptr<JobWatcher>& watcher) {
  std::lock_guard lock(mutex_);
  auto [from, to] = watchers_.equal_range(id);
  for (auto it = from; it != to; ++it) {
    if (it->second != watcher) continue;
    watchers_.erase(it);
    return;
  }
}

// ---- What the header offers

Result<std::unique_ptr<Jobs>> Jobs::create(JobsOptions options) {
  using std::chrono::milliseconds;
  if (!options.store || !options.clock || !options.random || options.max_live == 0 ||
      options.max_live_per_principal == 0 || options.max_ended == 0 || options.max_ended_per_principal == 0 ||
      options.lease <= milliseconds{0} || options.poll <= milliseconds{0}) {
    return fail(ErrorKind::invalid_input, "core.job.options",
                "Jobs need a store, a clock, randomness, and limits above zero.");
  }
  return std::unique_ptr<Jobs>(new Jobs(std::make_shared<Impl>(std::move(options))));
}

Jobs::Jobs(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}

Jobs::~Jobs() {
  impl_->stop();
  impl_->end_all();
}

Result<JobSnapshot> Jobs::start(JobOptions options, JobWork work) {
  return impl_->start(std::move(options), std::move(work));
}

Result<JobSnapshot> Jobs::get(std::string_view id, std::string_view principal) {
  ASSIGN_OR_RETURN(auto record, impl_->look(id, principal));
  return std::move(record.job);
}

Result<json::Value> Jobs::checkpoint(std::string_view id, std::string_view principal) {
  RETURN_IF_ERROR(impl_->look(id, principal));
  return impl_->options.store->checkpoint(id);
}

Result<JobSnapshot> Jobs::cancel(std::string_view id, std::string_view principal) {
  return impl_->cancel(id, principal);
}

Result<JobSnapshot> Jobs::answer(std::string_view id, std::string_view principal, json::Object answers) {
  return impl_->answer(id, principal, std::move(answers));
}

Result<Jobs::Page> Jobs::list(std::string_view principal, std::string_view cursor, std::size_t limit) {
  std::optional<std::pair<WallTime, std::string>> before;
  if (!cursor.empty()) {
    before = read_cursor(cursor);
    if (!before) return fail(ErrorKind::invalid_input, "core.job.cursor", "The cursor is none of ours.");
  }
  // One more than asked for tells whether there is a next page.
  ASSIGN_OR_RETURN(auto records, impl_->options.store->list(principal, before, limit + 1, impl_->now()));
  Page page;
  bool more = records.size() > limit;
  if (more) records.pop_back();
  page.jobs.reserve(records.size());
  for (JobRecord& record : records) {
    ASSIGN_OR_RETURN(auto seen, impl_->adopt(std::move(record)));
    page.jobs.push_back(std::move(seen.job));
  }
  if (more && !page.jobs.empty()) {
    const JobSnapshot& last = page.jobs.back();
    page.next = fmt::format("{}.{}", last.created.time_since_epoch().count(), last.id);
  }
  return page;
}

Result<std::unique_ptr<JobWatch>> Jobs::watch(std::string_view id, std::string_view principal,
                                              std::function<void(const JobSnapshot&)> changed) {
  return impl_->watch(id, principal, std::move(changed));
}

void Jobs::stop() {
  impl_->stop();
}

bool Jobs::settle(std::chrono::milliseconds at_most) {
  return impl_->settle(at_most);
}

const JobsOptions& Jobs::options() const {
  return impl_->options;
}

}  // namespace core
