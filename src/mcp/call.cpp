#include "mcp/call.h"

#include <fmt/format.h>
#include <utility>

#include "core/log.h"
#include "mcp/form.h"
#include "mcp/server_shared.h"
#include "mcp/session_impl.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

constexpr auto kProgressInterval = std::chrono::milliseconds{100};
constexpr int kLogLinesPerSecond = 100;

const Object kNoArguments;

const Object& arguments_of(const Object& params) {
  const Value* found = params.if_contains("arguments");
  return found ? found->get_object() : kNoArguments;
}

}  // namespace

Call::Call(CallStart start, Reply reply)
    : start_(std::move(start)),
      arguments_(arguments_of(start_.params)),
      began_(start_.impl.shared().options.clock->steady()),
      reply_(std::move(reply)) {}

Call::~Call() = default;

CallBinding Call::binding() const {
  return {start_.method, start_.name, arguments_, start_.origin.caller.principal};
}

void Call::begin() {
  if (start_.envelope.modern() && !read_retry()) return;
  launch();
}

bool Call::read_retry() {
  const Value* request_state = start_.params.if_contains("requestState");
  const Value* input = start_.params.if_contains("inputResponses");
  if (input && !input->is_object()) {
    finish_error(code::kInvalidParams, "params.inputResponses must be an object.");
    return false;
  }
  if (!request_state) return true;  // a first call; answers without a state belong to nothing
  if (!request_state->is_string()) {
    finish_error(code::kInvalidParams, "params.requestState must be a string.");
    return false;
  }
  is_retry_ = true;
  return true;
}

bool Call::open_retry() {
  const Value* input = start_.params.if_contains("inputResponses");
  ServerShared& shared = start_.impl.shared();
  auto opened = shared.states.open(start_.params.at("requestState").get_string(), binding());
  if (!opened) {
    finish_retry_error(opened.error());
    return false;
  }
  OpenRound& round = opened->round;
  for (auto question = round.questions.begin(); question != round.questions.end();) {
    const Value* given = input ? input->get_object().if_contains(question->first) : nullptr;
    if (!given) {
      ++question;
      continue;
    }
    auto answer = read_answer(*given, question->second);
    if (!answer) {
      finish_error(code::kInvalidParams, fmt::format("params.inputResponses.{}: {}", question->first,
                                                     core::describe(answer.error())));
      return false;
    }
    round.responses[question->first] = *std::move(answer);
    question = round.questions.erase(question);
  }
  const auto mine = shared.states.consume(*opened);
  if (!mine) {
    finish_retry_error(mine.error());
    return false;
  }
  if (!*mine) {
    finish_error(code::kInvalidParams, "The requestState was used before.");
    return false;
  }
  if (!round.questions.empty()) {  // page MRTR: what is missing is asked for again
    ask_modern(round);
    return false;
  }
  if (!round.job.empty()) {
    Object answers;
    for (const auto& [key, response] : round.responses) answers[key] = write_response(response);
    {
      std::lock_guard lock(mutex_);
      job_ = round.job;
    }
    answer_job(std::move(answers));
    follow(round.job, true);
    return false;
  }
  responses_ = std::move(round.responses);
  state_ = std::move(round.state);
  return true;
}

// The client's mistake, or a store that is not there.
void Call::finish_retry_error(const core::Error& error) {
  if (error.kind == core::ErrorKind::invalid_input) {
    finish_error(code::kInvalidParams, core::describe(error));
  } else {
    finish_failed(core::describe(error));
  }
}

bool Call::enrol() {
  if (registered_) return true;
  if (!start_.impl.add_call(reply_.id(), shared_from_this())) {
    finish_error(code::kInvalidRequest, "A request with this id is still being worked on.");
    return false;
  }
  std::lock_guard lock(mutex_);
  registered_ = true;
  return true;
}

void Call::launch() {
  // What a retry brings may have to be looked up in a store, so it never runs on the reader.
  const RunsOn where = is_retry_ && start_.runs_on == RunsOn::reader ? RunsOn::local : start_.runs_on;
  if (where == RunsOn::reader) {
    run();
    return;
  }
  if (!enrol()) return;
  ServerShared& shared = start_.impl.shared();
  shared.work.begin();
  auto accepted = shared.lane(where).submit([self = shared_from_this(), &work = shared.work]() mutable {
    self->run();
    self.reset();
    work.end();
  });
  if (!accepted) {
    shared.work.end();
    finish_failed(core::describe(accepted.error()));
  }
}

core::Result<CallOutcome> Call::call_handler() {
  core::Context context;
  context.stop = stop_.get_token();
  context.deadline = start_.impl.shared().options.clock->steady() + start_.impl.shared().options.call_timeout;
  context.principal = start_.origin.caller.principal;
  context.trace_id = start_.trace_id;
  context.notifier = this;
  return start_.handler(context, arguments_,
                        {.can = start_.envelope.abilities,
                         .responses = std::move(responses_),
                         .state = std::move(state_),
                         .keep = start_.keep});
}

void Call::run() noexcept {
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::finished) return;  // cancelled while it was queued
  }
  if (stop_.stop_requested()) {
    finish_failed("The server is shutting down; the call was not started.");
    return;
  }
  try {
    if (std::exchange(is_retry_, false) && !open_retry()) return;
    auto outcome = call_handler();
    if (!outcome) {
      finish_failed(core::describe(outcome.error()));
    } else if (auto* result = std::get_if<std::string>(&*outcome)) {
      finish(*result);
    } else if (auto* failed = std::get_if<FailedResult>(&*outcome)) {
      finish(failed->text, CallReport::Outcome::failed);
    } else if (auto* error = std::get_if<RpcError>(&*outcome)) {
      finish_error(error->code, error->message,
                   error->data ? core::json::write(*error->data) : std::string{});
    } else if (auto* job = std::get_if<Started>(&*outcome)) {
      started(job->job);
    } else {
      ask(std::get<NeedInput>(*std::move(outcome)));
    }
  } catch (const std::exception& thrown) {
    core::log(core::LogLevel::error, "mcp", "a handler threw",
              {{"method", start_.method},
               {"name", start_.name},
               {"what", thrown.what()},
               {"trace", start_.trace_id}});
    finish_error(code::kInternalError, fmt::format("{} failed by a defect of this server.", start_.name));
  }
}

void Call::ask(NeedInput need) {
  if (need.questions.empty()) {
    core::log(core::LogLevel::error, "mcp", "a handler asked nothing",
              {{"method", start_.method}, {"name", start_.name}});
    finish_error(code::kInternalError, fmt::format("{} failed by a defect of this server.", start_.name));
    return;
  }
  std::vector<const Question*> beyond;  // what the client cannot answer
  for (const auto& [key, question] : need.questions) {
    if (!can_answer(start_.envelope.abilities, question)) beyond.push_back(&question);
  }
  if (start_.envelope.modern()) {
    if (beyond.empty()) {
      ask_modern({.questions = std::move(need.questions), .responses = {}, .state = std::move(need.state)});
    } else {
      finish_error(
          code::kMissingRequiredClientCapability,
          fmt::format("{} needs a client that answers {}.", start_.name, question_method(*beyond.front())),
          missing_capability_data(beyond));
    }
  } else if (beyond.empty()) {
    ask_legacy(std::move(need));
  } else {
    finish_failed(
        fmt::format("This call needs a client that answers {}; this one declared no such capability.",
                    question_method(*beyond.front())));
  }
}

void Call::ask_modern(const OpenRound& round) {
  ServerShared& shared = start_.impl.shared();
  auto reservation = shared.reserve_question();
  if (!reservation) {
    finish_failed(start_.impl.too_many_questions());
    return;
  }
  const auto state = shared.states.seal(binding(), round, std::move(reservation));
  if (!state) return finish_failed(core::describe(state.error()));
  finish(start_.envelope.codec->input_required_result(round.questions, *state), CallReport::Outcome::asked);
}

void Call::ask_legacy(NeedInput need) {
  auto reservation = start_.impl.shared().reserve_question();
  if (!reservation) {
    finish_failed(start_.impl.too_many_questions());
    return;
  }
  if (!enrol()) return;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::finished) return;
    phase_ = Phase::waiting;
    reservation_ = std::move(reservation);
    unanswered_ = need.questions.size();
    responses_.clear();
    state_ = std::move(need.state);
  }
  for (auto& [key, question] : need.questions) {
    auto done = [self = shared_from_this(), key, question](const Value* result) {
      if (!result) return self->answered(key, {});
      auto answer = read_answer(*result, question);
      if (!answer) {
        core::log(core::LogLevel::warning, "mcp", "an answer was refused; it counts as cancelled",
                  {{"name", self->start_.name}, {"why", answer.error().message}});
      }
      self->answered(key, answer ? *std::move(answer) : InputResponse{});
    };
    auto id =
        start_.impl.open_question(question, *start_.envelope.codec, start_.origin.outlet, std::move(done));
    if (!id) {
      finish_failed("The server is shutting down; the question was not asked and nothing was done.");
      return;
    }
    std::unique_lock lock(mutex_);
    if (phase_ == Phase::finished) {  // cancelled while we were asking
      lock.unlock();
      start_.impl.withdraw_question(*id, "the call was cancelled");
      return;
    }
    open_questions_.push_back(*id);
  }
}

void Call::answered(const std::string& key, InputResponse response) {
  {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::waiting) return;
    responses_[key] = std::move(response);
    if (--unanswered_ != 0) return;
    phase_ = Phase::running;
    open_questions_.clear();
    reservation_.release();
  }
  launch();
}

void Call::cancel() {
  std::vector<std::int64_t> questions;
  std::string job;
  {
    std::lock_guard lock(mutex_);
    questions.swap(open_questions_);
    if (phase_ == Phase::following && owns_job_) job = job_;
  }
  if (!end(false)) return;
  stop_.request_stop();
  if (!job.empty()) cancel_job(job);
  for (std::int64_t id : questions) start_.impl.withdraw_question(id, "the call was cancelled");
  report(CallReport::Outcome::cancelled);
  reply_.drop();
}

void Call::shut_down() {
  stop_.request_stop();
  std::string job;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::following) {
      if (owns_job_) job = job_;
    } else if (phase_ != Phase::waiting) {
      return;  // its handler answers
    }
  }
  if (!job.empty()) return cancel_job(job);  // whose end is the answer
  finish_failed("The server is shutting down; the question was not answered and nothing was done.");
}

bool Call::end(bool flush_progress) {
  bool registered = false;
  std::unique_ptr<core::JobWatch> watch;  // goes after the lock
  std::set<std::string> asked;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::finished) return false;
    phase_ = Phase::finished;
    watch = std::move(job_watch_);
    asked.swap(job_questions_);
    registered = registered_;
    reservation_.release();
    open_questions_.clear();
    if (flush_progress && held_progress_) {
      say(encode_notification(method::kProgress, *held_progress_));
    }
  }
  for (const auto& key : asked) start_.impl.release_question(job_, key);
  if (registered) start_.impl.remove_call(reply_.id());
  return true;
}

void Call::report(CallReport::Outcome outcome) const {
  const ServerOptions& options = start_.impl.shared().options;
  if (!options.on_call) return;
  options.on_call({.method = start_.method,
                   .name = start_.method == method::kResourcesRead ? std::string_view{} : start_.name,
                   .outcome = outcome,
                   .took = options.clock->steady() - began_});
}

void Call::finish(std::string_view result, CallReport::Outcome outcome) {
  if (!end(true)) return;
  report(outcome);
  reply_.result(result);
}

void Call::finish_failed(const std::string& why) {
  if (start_.method == method::kToolsCall) {
    finish(start_.envelope.codec->call_result(error_result(why)), CallReport::Outcome::failed);
  } else {
    finish_error(code::kInternalError, why);
  }
}

void Call::finish_error(int code, std::string_view message, std::string_view data) {
  if (!end(true)) return;
  report(CallReport::Outcome::failed);
  reply_.error(code, message, data);
}

void Call::say(std::string notification) {
  send_text(*start_.origin.outlet, std::move(notification), Delivery::droppable);
}

void Call::progress(double done, std::optional<double> total, std::string_view message) {
  if (start_.progress_token.empty()) return;
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::finished || (last_progress_ && !(done > *last_progress_))) return;
  auto now = start_.impl.shared().options.clock->steady();
  bool completes = total && done >= *total && !completed_progress_;
  bool due = !last_progress_ || now - last_progress_time_ >= kProgressInterval || completes;
  last_progress_ = done;
  std::string params = start_.envelope.codec->progress_params(start_.progress_token, done, total, message);
  if (!due) {
    held_progress_ = std::move(params);
    return;
  }
  completed_progress_ |= completes;
  held_progress_.reset();
  last_progress_time_ = now;
  say(encode_notification(method::kProgress, params));
}

void Call::log(core::LogLevel level, std::string_view logger, const Value& data) {
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::finished) return;
  const bool modern = start_.envelope.modern();
  const bool wanted = modern ? start_.envelope.log_level && level >= *start_.envelope.log_level
                             : start_.impl.wants_log(level);
  if (!wanted || !log_line_allowed()) return;
  if (modern) {
    say(encode_notification(method::kMessage, start_.envelope.codec->message_params(level, logger, data)));
  } else {
    start_.impl.log(level, logger, data, *start_.origin.outlet);
  }
}

// Page Logging: "rate limit log messages".
bool Call::log_line_allowed() {
  auto now = start_.impl.shared().options.clock->steady();
  if (now - log_window_ >= std::chrono::seconds{1}) {
    log_window_ = now;
    log_lines_ = 0;
  }
  return ++log_lines_ <= kLogLinesPerSecond;
}

void Call::hang_up() {
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::finished) start_.origin.outlet->hang_up();
}

}  // namespace mcp
