// One request whose handler may take long or ask (tools/call, prompts/get, resources/read), from its request
// to its answer: which thread runs the handler, how its questions travel, what happens when the client
// cancels, and what the handler says meanwhile.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

#include "core/context.h"
#include "mcp/era.h"
#include "mcp/question.h"
#include "mcp/questions.h"
#include "mcp/reply.h"
#include "mcp/request_state.h"
#include "mcp/session.h"
#include "mcp/tool.h"

namespace mcp {

class SessionImpl;

// The text of a result, an error of the protocol, or a question. A handler's Error becomes a result with
// isError for tools/call, and the JSON-RPC error -32603 for other methods.
using CallOutcome = std::variant<std::string, RpcError, NeedInput>;
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
  CallHandler handler;
};

class Call final : public core::Notifier, public std::enable_shared_from_this<Call> {
 public:
  Call(CallStart start, Reply reply);
  ~Call() override;

  // On the reading thread. Answers itself, at once or later.
  void begin();
  // The client gave up: the stop token fires, open questions are withdrawn, no answer is sent.
  void cancel();
  // The session ends: the stop token fires; a call that waits for a person is answered now.
  void shut_down();

  void progress(double done, std::optional<double> total, std::string_view message) override;
  void log(core::LogLevel level, std::string_view logger, const core::json::Value& data) override;

 private:
  enum class Phase { running, waiting, finished };

  bool open_retry();  // modern: what requestState and inputResponses bring; false when answered
  void launch();      // runs the handler where the tool says
  void run() noexcept;
  core::Result<CallOutcome> call_handler();
  void ask(NeedInput need);
  void ask_legacy(NeedInput need);
  void ask_modern(const OpenRound& round);
  void answered(const std::string& key, InputResponse response);
  CallBinding binding() const;

  void finish(std::string_view result);
  void finish_failed(const std::string& why);
  void finish_error(int code, std::string_view message, std::string_view data = {});
  // The one place where a call ends; false when it had ended already.
  bool end(bool flush_progress);
  void say(std::string notification);  // on the stream of this request, when the peer reads it

  const CallStart start_;
  const core::json::Object& arguments_;
  Reply reply_;
  std::stop_source stop_;
  // Set before the handler is called again; the handler is never called twice at a time.
  std::map<std::string, InputResponse> responses_;
  core::json::Value state_;

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
};

}  // namespace mcp
