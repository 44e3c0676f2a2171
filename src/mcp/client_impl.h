// What the parts of mcp::Client share. Inside room mcp only.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/lane.h"
#include "mcp/client.h"
#include "mcp/mirrored_headers.h"

namespace mcp {

// A function that is not called any more once it was taken away, however many threads know it.
template <class... Arguments>
class Detachable {
 public:
  explicit Detachable(std::function<void(Arguments...)> function) : function_(std::move(function)) {}
  void call(Arguments... arguments) {
    std::lock_guard lock(mutex_);
    if (function_) function_(arguments...);
  }
  void detach() {  // waits for a call under way
    std::lock_guard lock(mutex_);
    function_ = nullptr;
  }

 private:
  std::mutex mutex_;
  std::function<void(Arguments...)> function_;
};

using ProgressWatcher = Detachable<const Progress&>;
using EventSink = Detachable<std::string_view, const core::json::Object&>;

struct Client::Impl {
  Impl(std::unique_ptr<ClientTransport> way, ClientOptions settings)
      : options(std::move(settings)), transport(std::move(way)) {}

  // ---- handshake (client_handshake.cpp)
  core::Status shake_hands();
  enum class Discovery { agreed, unknown };  // unknown: the server may be a legacy one
  core::Result<Discovery> discover();
  core::Status initialize(Revision asked);
  core::Status begin_again(std::uint64_t seen_session);
  core::json::Object capabilities(Revision spoken) const;
  core::json::Object client_info() const { return {{"name", options.name}, {"version", options.version}}; }

  // ---- one request (client.cpp)
  struct Extras {
    std::vector<net::Headers::Field> mirrored = {};
    bool endless = false;
    std::optional<std::int64_t> id = {};  // chosen before, by who must know it
    bool handshake = false;
  };
  // What came back, a JSON-RPC error among it.
  core::Result<Received> ask(std::string_view method, core::json::Object params, const CallOptions& call,
                             const Extras& extras);
  // Its result object.
  core::Result<core::json::Object> request(std::string_view method, core::json::Object params,
                                           const CallOptions& call, const Extras& extras);
  void cancel(const RequestId& id, std::string_view method, std::string_view reason);
  core::json::Object modern_meta(Revision spoken) const;

  // ---- what comes unasked (client_questions.cpp)
  void receive(Message message);
  void receive_notification(const Notification& notification);
  bool receive_progress(const core::json::Object& params);
  void receive_request(Request request);
  void answer_request(const Request& request);
  bool url_question_fits(const core::json::Object& params) const;
  // An ElicitResult, CreateMessageResult or ListRootsResult. Error mcp.client.question when it was not
  // offered.
  core::Result<core::json::Object> answer_question(std::string_view method, const core::json::Object& params);

  // ---- features (client_calls.cpp)
  core::Result<core::json::Array> list(std::string_view method, std::string_view member);
  core::Result<core::json::Object> with_rounds(std::string_view method, core::json::Object params,
                                               const CallOptions& call, const Extras& extras);
  core::Result<core::json::Object> answer_round(const core::json::Object& result);
  core::Status answer_links(const core::json::Value* data);
  std::vector<net::Headers::Field> mirrored(std::string_view tool, const core::json::Object& arguments);

  bool modern() const {
    std::lock_guard lock(mutex);
    return revision && is_modern(*revision);
  }

  const ClientOptions options;
  const std::unique_ptr<ClientTransport> transport;
  std::atomic<std::int64_t> serial{0};
  std::atomic<std::size_t> open_questions{0};
  std::atomic<bool> closed{false};

  std::mutex session_mutex;  // held while a session begins

  mutable std::mutex mutex;  // of what follows
  std::optional<Revision> revision;
  core::json::Object server;
  std::uint64_t session = 0;                                         // counts the handshakes
  std::map<std::string, std::shared_ptr<ProgressWatcher>> watchers;  // by progress token, as JSON
  std::map<std::string, std::shared_ptr<EventSink>> subscriptions;   // by id of the listen request, as JSON
  std::map<std::uint64_t, std::shared_ptr<EventSink>> listeners;     // legacy subscriptions
  std::map<std::string, std::vector<HeaderParameter>, std::less<>> header_parameters;  // by tool
  std::vector<std::string> dropped_tools;

  // Last: its tasks use everything above.
  core::Lane questions{{.name = "mcp-client", .workers = 4, .queue = 256}};
};

// The error that a JSON-RPC error is to the caller.
core::Error rpc_error(const RpcError& problem);
std::unexpected<core::Error> protocol_error(std::string message);

}  // namespace mcp
