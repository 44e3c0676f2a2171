#include "mcp/call.h"

#include <fmt/format.h>

#include "core/log.h"
#include "mcp/form.h"
#include "mcp/server_shared.h"
#include "mcp/session_impl.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

constexpr auto kProgressInterval = std::chrono::milliseconds{100};

const Object kNoArguments;

const Object& arguments_of(const Object& params) {
  const Value* found = params.if_contains("arguments");
  return found ? found->get_object() : kNoArguments;
}

}  // namespace

Call::Call(CallStart start, Reply reply)
    : start_(std::move(start)), arguments_(arguments_of(start_.params)), reply_(std::move(reply)) {}

Call::~Call() = default;

CallBinding Call::binding() const {
  return {method::kToolsCall, start_.tool.name, arguments_, start_.principal};
}

void Call::begin() {
  if (start_.envelope.modern() && !open_retry()) return;
  launch();
}

bool Call::open_retry() {
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
  ServerShared& shared = start_.impl.shared();
  auto opened = shared.states.open(request_state->get_string(), binding());
  if (!opened) {
    finish_error(code::kInvalidParams, core::describe(opened.error()));
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
  if (!shared.states.consume(opened->nonce)) {
    finish_error(code::kInvalidParams, "The requestState was used before.");
    return false;
  }
  if (!round.questions.empty()) {  // page MRTR: what is missing is asked for again
    ask_modern(round);
    return false;
  }
  responses_ = std::move(round.responses);
  state_ = std::move(round.state);
  return true;
}

void Call::launch() {
  if (start_.tool.runs_on == RunsOn::reader) {
    run();
    return;
  }
  if (!registered_) {
    if (!start_.impl.add_call(reply_.id(), shared_from_this())) {
      finish_error(code::kInvalidRequest, "A request with this id is still being worked on.");
      return;
    }
    std::lock_guard lock(mutex_);
    registered_ = true;
  }
  ServerShared& shared = start_.impl.shared();
  shared.work.begin();
  auto accepted =
      shared.lane(start_.tool.runs_on).submit([self = shared_from_this(), &work = shared.work]() mutable {
        self->run();
        self.reset();
        work.end();
      });
  if (!accepted) {
    shared.work.end();
    finish(error_result(core::describe(accepted.error())));
  }
}

core::Result<Outcome> Call::call_handler() {
  core::Context context;
  context.stop = stop_.get_token();
  context.deadline = start_.impl.shared().options.clock->steady() + start_.impl.shared().options.call_timeout;
  context.principal = start_.principal;
  context.trace_id = start_.trace_id;
  context.notifier = this;
  ToolCall call{.arguments = arguments_,
                .can_ask = start_.envelope.abilities.form,
                .responses = std::move(responses_),
                .state = std::move(state_)};
  return start_.tool.handler(context, call);
}

void Call::run() noexcept {
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::finished) return;  // cancelled while it was queued
  }
  if (stop_.stop_requested()) {
    finish(error_result("The server is shutting down; the call was not started."));
    return;
  }
  try {
    auto outcome = call_handler();
    if (!outcome) {
      finish(error_result(core::describe(outcome.error())));
    } else if (auto* complete = std::get_if<Complete>(&*outcome)) {
      finish(complete->result);
    } else {
      ask(std::get<NeedInput>(*std::move(outcome)));
    }
  } catch (const std::exception& thrown) {
    core::log(core::LogLevel::error, "mcp", "a tool handler threw",
              {{"tool", start_.tool.name}, {"what", thrown.what()}, {"trace", start_.trace_id}});
    finish_error(code::kInternalError,
                 fmt::format("The tool {} failed by a defect of this server.", start_.tool.name));
  }
}

void Call::ask(NeedInput need) {
  if (need.questions.empty()) {
    core::log(core::LogLevel::error, "mcp", "a tool asked nothing", {{"tool", start_.tool.name}});
    finish_error(code::kInternalError,
                 fmt::format("The tool {} failed by a defect of this server.", start_.tool.name));
  } else if (start_.envelope.abilities.form) {
    if (start_.envelope.modern()) {
      ask_modern({.questions = std::move(need.questions), .responses = {}, .state = std::move(need.state)});
    } else {
      ask_legacy(std::move(need));
    }
  } else if (start_.envelope.modern()) {
    finish_error(code::kMissingRequiredClientCapability, "This call needs a client that can show a form.",
                 missing_form_capability_data());
  } else {
    finish(
        error_result("This call needs a client that can show a form (elicitation); this one declared none."));
  }
}

void Call::ask_modern(const OpenRound& round) {
  ServerShared& shared = start_.impl.shared();
  auto reservation = shared.reserve_question();
  if (!reservation) {
    finish(start_.impl.too_many_questions());
    return;
  }
  std::string state = shared.states.seal(binding(), round, std::move(reservation));
  finish_text(start_.envelope.codec->input_required_result(round.questions, state));
}

void Call::ask_legacy(NeedInput need) {
  auto reservation = start_.impl.shared().reserve_question();
  if (!reservation) {
    finish(start_.impl.too_many_questions());
    return;
  }
  if (!registered_ && !start_.impl.add_call(reply_.id(), shared_from_this())) {
    finish_error(code::kInvalidRequest, "A request with this id is still being worked on.");
    return;
  }
  {
    std::lock_guard lock(mutex_);
    registered_ = true;
    if (phase_ == Phase::finished) return;
    phase_ = Phase::waiting;
    reservation_ = std::move(reservation);
    unanswered_ = need.questions.size();
    responses_.clear();
    state_ = std::move(need.state);
  }
  for (auto& [key, question] : need.questions) {
    std::string params = start_.envelope.codec->form_params(question);
    auto done = [self = shared_from_this(), key, question](const Value* elicit_result) {
      if (!elicit_result) return self->answered(key, {});
      auto answer = read_answer(*elicit_result, question);
      if (!answer) {
        core::log(core::LogLevel::warning, "mcp", "an elicitation answer was refused; it counts as cancelled",
                  {{"tool", self->start_.tool.name}, {"why", answer.error().message}});
      }
      self->answered(key, answer ? *std::move(answer) : InputResponse{});
    };
    auto id = start_.impl.open_question(params, std::move(done));
    if (!id) {
      finish(error_result("The server is shutting down; the question was not asked and nothing was done."));
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
  {
    std::lock_guard lock(mutex_);
    questions.swap(open_questions_);
  }
  if (!end(false)) return;
  stop_.request_stop();
  for (std::int64_t id : questions) start_.impl.withdraw_question(id, "the call was cancelled");
  reply_.drop();
}

void Call::shut_down() {
  stop_.request_stop();
  {
    std::lock_guard lock(mutex_);
    if (phase_ != Phase::waiting) return;  // its handler answers
  }
  finish(error_result("The server is shutting down; the question was not answered and nothing was done."));
}

bool Call::end(bool flush_progress) {
  bool registered = false;
  {
    std::lock_guard lock(mutex_);
    if (phase_ == Phase::finished) return false;
    phase_ = Phase::finished;
    registered = registered_;
    reservation_.release();
    open_questions_.clear();
    if (flush_progress && held_progress_) {
      start_.impl.send(encode_notification(method::kProgress, *held_progress_), Delivery::droppable);
    }
  }
  if (registered) start_.impl.remove_call(reply_.id());
  return true;
}

void Call::finish(const ToolResult& result) {
  finish_text(start_.envelope.codec->call_result(result));
}

void Call::finish_text(std::string_view result) {
  if (end(true)) reply_.result(result);
}

void Call::finish_error(int code, std::string_view message, std::string_view data) {
  if (end(true)) reply_.error(code, message, data);
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
  start_.impl.send(encode_notification(method::kProgress, params), Delivery::droppable);
}

void Call::log(core::LogLevel level, std::string_view logger, const Value& data) {
  std::lock_guard lock(mutex_);
  if (phase_ == Phase::finished) return;
  if (!start_.envelope.modern()) {
    start_.impl.log(level, logger, data);
  } else if (start_.envelope.log_level && level >= *start_.envelope.log_level) {
    start_.impl.send(
        encode_notification(method::kMessage, start_.envelope.codec->message_params(level, logger, data)),
        Delivery::droppable);
  }
}

}  // namespace mcp
