// One request whose handler may take long or ask (tools/call, prompts/get, resources/read), from its request
// to its answer: which thread runs the handler, how its questions travel, what happens when the client
// cancels, and what the handler says meanwhile.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "core/context.h"
#include "core/job.h"
#include "mcp/era.h"
#include "mcp/question.h"
#include "mcp/questions.h"
#include "mcp/reply.h"
#include "mcp/request_state.h"
#include "mcp/server.h"
#include "mcp/session.h"
#include "mcp/task.h"
#include "mcp/tool.h"

namespace mcp {

class SessionImpl;

// The text of a result that says that the tool failed (isError).
struct FailedResult {
  std::string text;
};

// The text of a result, an error of the protocol, or a question. A handler's Error becomes a result with
// isError for tools/call, and the JSON-RPC error -32603 for other methods.
using CallOutcome = std::variant<std::string, FailedResult, RpcError, NeedInput, Started>;
using CallHandler = std::function<core::Result<CallOutcome>(const core::Context&,
                                                            const core::json::Object& arguments, Round)>;

struct CallStart {
  std::shared_ptr<Session> session;  // kept alive while the call lives
  SessionImpl& impl;
  Origin origin;
  Envelope envelope;
  std::string_view method;  // static text
  std::string name;         // of the tool or prompt, the URI of the resource
  RunsOn runs_on = RunsOn::upstream;
  core::json::Object params;   // `arguments` is an object or absent
  std::string progress_token;  // JSON text, or empty
  std::string trace_id;
  std::optional<std::chrono::milliseconds> keep = std::nullopt;  // see Round::keep
  CallHandler handler = {};
};

class Call final : public core::Notifier, public std::enable_shared_from_this<Call> {
 public:
  Call(CallStart start, Reply reply);
  ~Call() override;

  // On the reading thread. Answers itself, at once or later.
  void begin();
  // Instead of begin(): answers with what the job left behind, when it has ended (2025-11-25: tasks/result).
  // Cancelling such a request leaves the job alone.
  void begin_following(const std::string& job);
  // The client gave up: the stop token fires, open questions are withdrawn, no answer is sent.
  void cancel();
  // The session ends: the stop token fires; a call that waits for a person is answered now.
  void shut_down();

  void progress(double done, std::optional<double> total, std::string_view message) override;
  void log(core::LogLevel level, std::string_view logger, const core::json::Value& data) override;
  void hang_up() override;

 private:
  enum class Phase { running, waiting, following, finished };

  bool read_retry();  // modern: are requestState and inputResponses well-formed? false when answered
  bool open_retry();  // what they bring; may wait for a store. False when answered
  void launch();      // runs the handler where the tool says
  void run() noexcept;
  core::Result<CallOutcome> call_handler();
  void ask(NeedInput need);
  void ask_legacy(NeedInput need);
  void ask_modern(const OpenRound& round);
  void answered(const std::string& key, InputResponse response);
  CallBinding binding() const;
  bool enrol();  // so that the call can be cancelled; false when answered

  // call_job.cpp: what the handler started goes on without a worker of ours.
  void started(const std::string& job);
  void follow(const std::string& job, bool owned);
  void job_changed(const core::JobSnapshot& snapshot);
  void job_ended(const core::JobSnapshot& snapshot);
  void ask_for_job(const core::JobSnapshot& snapshot);
  bool ask_one_for_job(const std::string& key, const Question& question);
  void answer_job(core::json::Object answers);
  void cancel_job(const std::string& job);

  void finish(std::string_view result, CallReport::Outcome outcome = CallReport::Outcome::answered);
  void report(CallReport::Outcome outcome) const;
  void finish_failed(const std::string& why);
  void finish_retry_error(const core::Error& error);
  void finish_error(int code, std::string_view message, std::string_view data = {});
  // The one place where a call ends; false when it had ended already.
  bool end(bool flush_progress);
  bool log_line_allowed();
  void say(std::string notification);  // on the stream of this request, when the peer reads it

  const CallStart start_;
  const core::json::Object& arguments_;
  const core::SteadyTime began_;
  Reply reply_;
  std::stop_source stop_;
  // Set before the handler is called again; the handler is never called twice at a time.
  std::map<std::string, InputResponse> responses_;
  core::json::Value state_;
  bool is_retry_ = false;  // until open_retry() has seen to it

  std::mutex mutex_;  // of what follows
  Phase phase_ = Phase::running;
  bool registered_ = false;
  Budget::Reservation reservation_;
  std::size_t unanswered_ = 0;
  std::vector<std::int64_t> open_questions_;
  std::optional<double> last_progress_;
  bool completed_progress_ = false;
  core::SteadyTime last_progress_time_{};
  std::optional<std::string> held_progress_;  // the newest one that came too soon after the last
  core::SteadyTime log_window_{};
  int log_lines_ = 0;  // since log_window_
  // While following.
  std::string job_;
  bool owns_job_ = false;  // it was started for this call
  std::unique_ptr<core::JobWatch> job_watch_;
  std::set<std::string> job_questions_;  // keys put to the client by this call
};

}  // namespace mcp
