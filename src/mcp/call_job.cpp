// A call whose work goes on as a job: it gives the client a handle, or waits for the job without a worker.
#include <fmt/format.h>

#include "core/log.h"
#include "mcp/call.h"
#include "mcp/form.h"
#include "mcp/server_shared.h"
#include "mcp/session_impl.h"
#include "mcp/task_codec.h"

namespace mcp {

using core::json::Object;
using core::json::Value;

void Call::begin_following(const std::string& job) {
  follow(job, false);
}

void Call::started(const std::string& job) {
  if (!start_.envelope.abilities.tasks) return follow(job, true);
  ServerShared& shared = start_.impl.shared();
  auto snapshot = shared.options.jobs->get(job, start_.origin.caller.principal);
  if (!snapshot) return finish_failed(core::describe(snapshot.error()));
  if (!end(true)) return cancel_job(job);  // the client gave up before it had the handle
  reply_.result(create_task_result(*start_.envelope.codec, *snapshot, shared.options.task_poll_interval));
  if (!start_.envelope.modern()) start_.impl.follow_task(job, start_.origin, start_.progress_token);
}

void Call::follow(const std::string& job, bool owned) {
  if (!enrol()) {
    if (owned) cancel_job(job);
    return;
  }
  bool over = false;
  {
    std::lock_guard lock(mutex_);
    over = phase_ == Phase::finished;
    if (!over) phase_ = Phase::following;
    job_ = job;
    owns_job_ = owned;
  }
  if (over) {
    if (owned) cancel_job(job);
    return;
  }
  auto changed = [call = weak_from_this()](const core::JobSnapshot& snapshot) {
    if (auto alive = call.lock()) alive->job_changed(snapshot);
  };
  auto watch =
      start_.impl.shared().options.jobs->watch(job, start_.origin.caller.principal, std::move(changed));
  if (!watch) {
    finish_error(code::kInvalidParams, core::describe(watch.error()));
    return;
  }
  if (stop_.stop_requested()) {  // the session ended meanwhile
    if (owned) {
      cancel_job(job);
    } else {
      finish_failed("The server is shutting down.");
    }
  }
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::following) job_watch_ = *std::move(watch);
}

void Call::job_changed(const core::JobSnapshot& snapshot) {
  if (core::has_ended(snapshot.state)) return job_ended(snapshot);
  const core::JobProgress& said = snapshot.progress;
  if (said.done > 0 || !said.message.empty()) progress(said.done, said.total, said.message);
  if (snapshot.state == core::JobState::input_required) ask_for_job(snapshot);
}

void Call::job_ended(const core::JobSnapshot& snapshot) {
  const core::JobProgress& said = snapshot.progress;
  if (said.done > 0) progress(said.done, said.total, said.message);
  TaskEnd end = task_end(snapshot);
  if (const auto* error = std::get_if<RpcError>(&end)) return finish_error(error->code, error->message);
  std::string result = start_.envelope.codec->call_result(std::get<ToolResult>(end));
  // Page Tasks (2025-11-25): the answer to tasks/result must name the task, which its shape does not.
  finish(owns_job_ ? result : with_related_task(std::move(result), snapshot.id));
}

void Call::ask_for_job(const core::JobSnapshot& snapshot) {
  Object cannot;
  OpenRound round{.questions = {}, .responses = {}, .state = nullptr, .job = snapshot.id};
  for (const auto& member : snapshot.questions) {
    auto question = read_question(member.value());
    if (!question || !can_answer(start_.envelope.abilities, *question)) {
      cannot[member.key()] = nullptr;
    } else {
      round.questions.emplace(member.key(), *std::move(question));
    }
  }
  if (!cannot.empty()) return answer_job(std::move(cannot));  // what is left is asked when that has settled
  if (start_.envelope.modern()) return ask_modern(round);     // the job waits for the retry
  for (const auto& [key, question] : round.questions) {
    if (!start_.impl.claim_question(snapshot.id, key)) continue;
    bool over = false;
    {
      std::lock_guard lock(mutex_);
      over = phase_ != Phase::following;
      if (!over) job_questions_.insert(key);
    }
    if (over || !ask_one_for_job(key, question)) return start_.impl.release_question(snapshot.id, key);
  }
}

bool Call::ask_one_for_job(const std::string& key, const Question& question) {
  auto reservation = std::make_shared<Budget::Reservation>(start_.impl.shared().reserve_question());
  if (!*reservation) {
    core::log(core::LogLevel::warning, "mcp", "a job's question was not asked: too many wait for answers",
              {{"name", start_.name}});
    Object unanswered;
    unanswered[key] = nullptr;
    answer_job(std::move(unanswered));
    return true;
  }
  auto done = [self = shared_from_this(), key, question, reservation](const Value* result) {
    reservation->release();
    {
      std::lock_guard lock(self->mutex_);
      if (self->phase_ != Phase::following) return;  // asked again by whoever waits then
    }
    auto answer = result ? read_answer(*result, question) : core::Result<InputResponse>(InputResponse{});
    if (!answer) {
      core::log(core::LogLevel::warning, "mcp", "an answer was refused; it counts as cancelled",
                {{"name", self->start_.name}, {"why", answer.error().message}});
    }
    Object answers;
    answers[key] = write_response(answer ? *answer : InputResponse{});
    self->answer_job(std::move(answers));
  };
  auto id = start_.impl.open_question(question, *start_.envelope.codec, start_.origin.outlet, std::move(done),
                                      owns_job_ ? std::string_view{} : std::string_view(job_));
  if (!id) return false;  // the session has ended, and shut_down() deals with the call
  std::unique_lock lock(mutex_);
  if (phase_ != Phase::finished) {
    open_questions_.push_back(*id);
    return true;
  }
  lock.unlock();
  start_.impl.withdraw_question(*id, "the call was cancelled");
  return false;
}

void Call::answer_job(Object answers) {
  auto answered =
      start_.impl.shared().options.jobs->answer(job_, start_.origin.caller.principal, std::move(answers));
  if (!answered) {
    core::log(core::LogLevel::warning, "mcp", "a job's question was not answered",
              {{"name", start_.name}, {"why", answered.error().message}});
  }
}

void Call::cancel_job(const std::string& job) {
  auto cancelled = start_.impl.shared().options.jobs->cancel(job, start_.origin.caller.principal);
  if (!cancelled) {
    core::log(core::LogLevel::warning, "mcp", "a job was not cancelled",
              {{"name", start_.name}, {"why", cancelled.error().message}});
  }
}

}  // namespace mcp
