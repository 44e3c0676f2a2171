// Inside a session: the dispatch tables (dispatch.cpp), and the state that several threads touch
// (session.cpp).
#pragma once

#include <atomic>
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
  void accept(Incoming incoming, const Origin& origin);
  void refuse(const Rejected& rejected, Outlet& outlet);
  Outlet& outlet() { return *outlet_; }
  void close();
  void abandon();
  // Before anything is received: goes on with a session another process opened.
  void resume(const Handshake& handshake);
  Revision revision() const;
  std::optional<Handshake> handshake() const;
  ClientInfo client() const;
  bool can_elicit_url() const;
  core::Status elicit_url(const UrlQuestion& question, std::function<void(Answer)> done);
  void elicitation_complete(std::string_view elicitation_id);
  void tools_changed();
  // Legacy only: after `initialized`, at or above the session's level.
  void log(core::LogLevel level, std::string_view logger, const core::json::Value& data, Outlet& outlet);

  std::atomic<bool> enlisted = false;  // for broadcasts; ServerShared's

  // ---- What calls need.
  ServerShared& shared() { return shared_; }
  // False when the id is in use.
  bool add_call(const RequestId& id, std::shared_ptr<Call> call);
  void remove_call(const RequestId& id);
  // Sends the question as a request. `done` gets the client's result, or null for an error, a timeout or the
  // end of the session; it runs without locks held. nullopt when the session has ended.
  using QuestionDone = std::function<void(const core::json::Value* result)>;
  std::optional<std::int64_t> open_question(const Question& question, const Codec& codec,
                                            std::shared_ptr<Outlet> outlet, QuestionDone done);
  // Takes a question back, without calling `done`.
  void withdraw_question(std::int64_t id, std::string_view reason);
  std::string too_many_questions() const;

 private:
  struct OpenQuestion {
    QuestionDone done;
    Alarms::Key alarm;
    std::shared_ptr<Outlet> outlet;
  };
  struct Listener {
    RequestId id;
    std::shared_ptr<Outlet> outlet;
    bool tools_list_changed = false;
  };
  // A request on its way to the function that serves it.
  struct Served {
    Request& request;
    const Envelope& envelope;
    const Origin& origin;
  };
  using Handler = void (SessionImpl::*)(const Served&, Reply);
  struct Method {
    std::string_view name;
    Handler handler;
    bool before_initialize = false;  // legacy
  };
  static const Method* find_method(bool modern, std::string_view name);

  // dispatch.cpp
  void dispatch(Message message, const Origin& origin, const std::shared_ptr<BatchReply>& batch);
  void dispatch_batch(Batch batch, const Origin& origin);
  void on_request(Request request, const Origin& origin, const std::shared_ptr<BatchReply>& batch);
  void on_notification(Notification& notification);
  void on_response(Response& response);
  void on_cancelled(const core::json::Object& params);
  void on_initialized();
  void initialize(const Served& served, Reply reply);
  void ping(const Served& served, Reply reply);
  void set_level(const Served& served, Reply reply);
  void discover(const Served& served, Reply reply);
  void listen(const Served& served, Reply reply);
  void tools_list(const Served& served, Reply reply);
  void tools_call(const Served& served, Reply reply);

  // session.cpp
  std::optional<OpenQuestion> take_question(std::int64_t id);
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
  std::map<std::int64_t, OpenQuestion> questions_;
  std::int64_t question_serial_ = 0;
  std::vector<Listener> listeners_;
};

}  // namespace mcp
