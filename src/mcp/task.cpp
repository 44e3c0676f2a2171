#include "mcp/task.h"

#include <fmt/format.h>
#include <memory>

#include "mcp/codec.h"
#include "mcp/form.h"
#include "mcp/request_state.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

// A handler that keeps asking what its client cannot be asked is broken.
constexpr int kMaxUnaskable = 16;

class JobNotifier final : public core::Notifier {
 public:
  explicit JobNotifier(core::JobContext& job) : job_(job) {}
  void progress(double done, std::optional<double> total, std::string_view message) override {
    job_.progress(done, total, message);
  }
  // Log lines belong to requests, and this work has none.
  void log(core::LogLevel, std::string_view, const Value&) override {}

 private:
  core::JobContext& job_;
};

// What lasts from one round to the next. A job is only ever continued by the process that started it.
struct Dialogue {
  TaskWork work;
  ClientAbilities can;
  std::string trace_id;
  std::chrono::milliseconds answer_within;
  Value state;
};

// The keys on the wire are never used twice in a job's life, the handler's may be: a round is added to them.
std::string wire_key(std::string_view key, int round) {
  return fmt::format("{}-{}", key, round + 1);
}

std::map<std::string, InputResponse> responses_of(const core::JobContext& job) {
  std::map<std::string, InputResponse> responses;
  for (const auto& answer : job.answers()) {
    std::string_view key = answer.key();
    responses.emplace(key.substr(0, key.rfind('-')), read_response(answer.value()));
  }
  return responses;
}

core::Result<core::JobStep> run(Dialogue& dialogue, core::JobContext& job) {
  JobNotifier notifier(job);
  core::Context context;
  context.stop = job.stop();
  context.principal = job.principal();
  context.trace_id = dialogue.trace_id;
  context.notifier = &notifier;
  Round round{.can = dialogue.can, .responses = responses_of(job), .state = std::move(dialogue.state)};
  for (int unaskable = 0; unaskable < kMaxUnaskable; ++unaskable) {
    ASSIGN_OR_RETURN(auto step, dialogue.work(context, job, std::move(round)));
    if (auto* complete = std::get_if<Complete>(&step)) return write_tool_result(complete->result);
    auto& need = std::get<NeedInput>(step);
    core::JobQuestions asked{.questions = {}, .timeout = dialogue.answer_within};
    round = {.can = dialogue.can, .responses = {}, .state = nullptr};
    bool can_all = true;
    for (const auto& [key, question] : need.questions) {
      can_all = can_all && can_answer(dialogue.can, question);
      asked.questions[wire_key(key, job.round())] = write_question(question);
      round.responses.emplace(key, InputResponse{});
    }
    if (can_all) {
      dialogue.state = std::move(need.state);
      return asked;
    }
    round.state = std::move(need.state);
  }
  throw std::logic_error("a task keeps asking what its client cannot answer");
}

}  // namespace

core::Result<Outcome> start_task(core::Jobs& jobs, const core::Context& context, const Round& round,
                                 TaskOptions options, TaskWork work) {
  auto dialogue = std::make_shared<Dialogue>(Dialogue{.work = std::move(work),
                                                      .can = round.can,
                                                      .trace_id = context.trace_id,
                                                      .answer_within = options.answer_within,
                                                      .state = nullptr});
  ASSIGN_OR_RETURN(auto job,
                   jobs.start({.kind = std::move(options.kind),
                               .principal = context.principal,
                               .title = std::move(options.title),
                               .keep = round.keep.value_or(options.keep),
                               .checkpoint = std::move(options.checkpoint)},
                              [dialogue](core::JobContext& running) { return run(*dialogue, running); }));
  return Started{std::move(job.id)};
}

Value write_tool_result(const ToolResult& result) {
  core::json::Array content;
  content.reserve(result.content.size());
  for (const Content& block : result.content) content.emplace_back(write_content(block));
  Object written;
  written["content"] = std::move(content);
  if (result.structured) written["structured"] = *result.structured;
  if (result.is_error) written["isError"] = true;
  return written;
}

ToolResult read_tool_result(const Value& written) {
  const Object* members = written.if_object();
  const Value* content = members ? members->if_contains("content") : nullptr;
  if (!content || !content->is_array()) return text_result(core::json::write(written));
  ToolResult result;
  for (const Value& block : content->get_array()) {
    if (block.is_object()) result.content.emplace_back(block.get_object());
  }
  if (const Value* structured = members->if_contains("structured")) result.structured = *structured;
  const Value* is_error = members->if_contains("isError");
  result.is_error = is_error && *is_error == true;
  return result;
}

Value write_response(const InputResponse& response) {
  return Object{{"action", to_string(response.action)}, {"content", response.content}};
}

InputResponse read_response(const Value& written) {
  InputResponse response{.action = parse_action(written).value_or(Answer::cancel), .content = {}};
  if (const auto* content = core::json::find(written, "content"); content && content->is_object()) {
    response.content = content->get_object();
  }
  return response;
}

}  // namespace mcp
