// Inside a session: the dispatch tables (dispatch.cpp), and the state that several threads touch
// (session.cpp).
#pragma once

#include <atomic>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/job.h"
#include "mcp/call.h"
#include "mcp/codec.h"
#include "mcp/era.h"
#include "mcp/jsonrpc.h"
#include "mcp/outlet.h"
#include "mcp/questions.h"
#include "mcp/reply.h"
#include "mcp/session.h"
#include "mcp/task_use.h"

namespace mcp {

class SessionImpl {
 public:
  SessionImpl(Session& owner, ServerShared& shared, std::shared_ptr<Outlet> outlet);

  // ---- What Session and Server offer; see there.
  void receive(std::string_view text);
  void accept(Incoming&& incoming, const Origin& origin);
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
  // To a legacy client past `initialized`, and to the listeners whose filter has `kind`.
  void list_changed(std::string_view method, bool ListenFilter::* kind);
  void resource_updated(std::string_view uri);
  void add_watched(std::set<std::string>& uris) const;
  bool wants_log(core::LogLevel level) const;  // legacy
  // Legacy only: after `initialized`, at or above the session's level.
  void log(core::LogLevel level, std::string_view logger, const core::json::Value& data, Outlet& outlet);

  static bool serves_modern(ServerShared& shared, std::string_view method);

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
                                            std::shared_ptr<Outlet> outlet, QuestionDone done,
                                            std::string_view related_task = {});
  // Takes a question back, without calling `done`.
  void withdraw_question(std::int64_t id, std::string_view reason);
  std::string too_many_questions() const;
  // Of a job's question, by key: whoever claims it puts it to the client, nobody else of this session does.
  bool claim_question(const std::string& job, const std::string& key);
  void release_question(const std::string& job, const std::string& key);
  // 2025-11-25: tells the client how the task it was given gets on.
  void follow_task(const std::string& job, const Origin& origin, std::string progress_token);

 private:
  struct OpenQuestion {
    QuestionDone done;
    Alarms::Key alarm;
    std::shared_ptr<Outlet> outlet;
  };
  struct Listener {
    RequestId id;
    std::shared_ptr<Outlet> outlet;
    ListenFilter filter;
    std::vector<Budget::Reservation> watches;  // one for each of filter.uris
    std::vector<std::unique_ptr<core::JobWatch>> task_watches = {};
  };
  // A request on its way to the function that serves it.
  struct Served {
    Request& request;
    const RequestMeta& meta;  // of the request
    const Envelope& envelope;
    const Origin& origin;
  };
  using Handler = void (SessionImpl::*)(const Served&, Reply);
  struct Method {
    std::string_view name;
    Handler handler;
    bool Offer::* needs = nullptr;   // a server without it does not know the method
    bool before_initialize = false;  // legacy
  };
  static const Method* find_method(bool modern, std::string_view name);
  static bool offered(ServerShared& shared, const Method& method);

  // dispatch.cpp
  void dispatch(Message&& message, const Origin& origin, const std::shared_ptr<BatchReply>& batch);
  void dispatch_batch(Batch batch, const Origin& origin);
  void on_request(Request&& request, const Origin& origin, const std::shared_ptr<BatchReply>& batch);
  void on_notification(Notification& notification);
  void on_response(Response& response);
  void on_cancelled(const core::json::Object& params);
  void on_initialized();
  void initialize(const Served& served, Reply reply);
  void ping(const Served& served, Reply reply);
  void set_level(const Served& served, Reply reply);
  void discover(const Served& served, Reply reply);
  void tools_list(const Served& served, Reply reply);
  void tools_call(const Served& served, Reply reply);

  // dispatch_features.cpp
  void listen(const Served& served, Reply reply);
  void resources_list(const Served& served, Reply reply);
  void templates_list(const Served& served, Reply reply);
  void resources_read(const Served& served, Reply reply);
  void subscribe(const Served& served, Reply reply);
  void unsubscribe(const Served& served, Reply reply);
  void prompts_list(const Served& served, Reply reply);
  void prompts_get(const Served& served, Reply reply);
  void complete(const Served& served, Reply reply);
  using Page = std::function<std::shared_ptr<const std::string>(std::string_view cursor)>;
  static void answer_page(const Served& served, Reply reply, const Page& page);
  void start_call(const Served& served, Reply reply, std::string_view method, std::string name,
                  RunsOn runs_on, CallHandler handler);

  // dispatch_tasks.cpp
  void tasks_get(const Served& served, Reply reply);
  void tasks_update(const Served& served, Reply reply);
  void tasks_cancel(const Served& served, Reply reply);
  void tasks_result(const Served& served, Reply reply);
  void tasks_list(const Served& served, Reply reply);
  std::optional<core::JobSnapshot> find_task(const Served& served, Reply& reply);
  // The ids of params.notifications.taskIds that may be watched.
  std::expected<std::vector<std::string>, Refusal> read_task_filter(const Served& served) const;
  void watch_tasks(const RequestId& subscription, const std::vector<std::string>& tasks,
                   const std::string& principal);
  void task_changed(const RequestId& subscription, const core::JobSnapshot& job);
  struct FollowedTask;
  void followed_task_changed(FollowedTask& seen, const core::JobSnapshot& job);

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
  std::map<std::string, Budget::Reservation, std::less<>> watched_;  // resources/subscribe
  std::set<std::string> claimed_;                                    // "job/key"
  std::map<std::string, std::unique_ptr<core::JobWatch>> followed_;  // tasks of a 2025-11-25 client, by id
};

}  // namespace mcp
