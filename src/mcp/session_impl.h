// Inside a session: the dispatch tables (dispatch.cpp), and the state that several threads touch
// (session.cpp).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "mcp/call.h"
#include "mcp/era.h"
#include "mcp/jsonrpc.h"
#include "mcp/outlet.h"
#include "mcp/questions.h"
#include "mcp/reply.h"
#include "mcp/session.h"

namespace mcp {

class SessionImpl {
 public:
  SessionImpl(Session& owner, ServerShared& shared, std::shared_ptr<Outlet> outlet);

  // ---- What Session and Server offer; see there.
  void receive(std::string_view text);
  void refuse(const Rejected& rejected);
  void close();
  Revision revision() const;
  ClientInfo client() const;
  bool can_elicit_url() const;
  core::Status elicit_url(const UrlQuestion& question, std::function<void(Answer)> done);
  void elicitation_complete(std::string_view elicitation_id);
  void tools_changed();
  // Legacy only: after `initialized`, at or above the session's level.
  void log(core::LogLevel level, std::string_view logger, const core::json::Value& data);

  // ---- What calls need.
  ServerShared& shared() { return shared_; }
  void send(std::string message, Delivery delivery) { send_text(*outlet_, std::move(message), delivery); }
  // False when the id is in use.
  bool add_call(const RequestId& id, std::shared_ptr<Call> call);
  void remove_call(const RequestId& id);
  // Sends elicitation/create. `done` gets the client's result, or null for an error, a timeout or the end of
  // the session; it runs without locks held. nullopt when the session has ended.
  using QuestionDone = std::function<void(const core::json::Value* elicit_result)>;
  std::optional<std::int64_t> open_question(std::string_view params, QuestionDone done);
  // Takes a question back, without calling `done`.
  void withdraw_question(std::int64_t id, std::string_view reason);
  ToolResult too_many_questions() const;

 private:
  struct Question {
    QuestionDone done;
    Alarms::Key alarm;
  };
  struct Listener {
    RequestId id;
    bool tools_list_changed = false;
  };
  using Handler = void (SessionImpl::*)(Request&, const Envelope&, Reply);
  struct Method {
    std::string_view name;
    Handler handler;
    bool before_initialize = false;  // legacy
  };
  static const Method* find_method(bool modern, std::string_view name);

  // dispatch.cpp
  void dispatch(Message message, const std::shared_ptr<BatchReply>& batch);
  void dispatch_batch(Batch batch);
  void on_request(Request request, const std::shared_ptr<BatchReply>& batch);
  void on_notification(Notification& notification);
  void on_response(Response& response);
  void on_cancelled(const core::json::Object& params);
  void on_initialized();
  void initialize(Request& request, const Envelope& envelope, Reply reply);
  void ping(Request& request, const Envelope& envelope, Reply reply);
  void set_level(Request& request, const Envelope& envelope, Reply reply);
  void discover(Request& request, const Envelope& envelope, Reply reply);
  void listen(Request& request, const Envelope& envelope, Reply reply);
  void tools_list(Request& request, const Envelope& envelope, Reply reply);
  void tools_call(Request& request, const Envelope& envelope, Reply reply);

  // session.cpp
  std::optional<Question> take_question(std::int64_t id);
  void question_expired(std::int64_t id);

  Session& owner_;
  ServerShared& shared_;
  const std::shared_ptr<Outlet> outlet_;

  mutable std::mutex mutex_;  // of what follows; the reading thread alone writes the handshake
  bool closed_ = false;
  const Codec* legacy_ = nullptr;  // set by initialize
  bool initialized_ = false;       // after notifications/initialized
  ClientAbilities abilities_;
  ClientInfo client_;
  core::LogLevel log_level_ = core::LogLevel::info;  // until logging/setLevel
  std::map<RequestId, std::shared_ptr<Call>> calls_;
  std::map<std::int64_t, Question> questions_;
  std::int64_t question_serial_ = 0;
  std::vector<Listener> listeners_;
};

}  // namespace mcp
