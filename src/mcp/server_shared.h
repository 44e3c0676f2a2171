// What the sessions of one server share.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/lane.h"
#include "mcp/codec.h"
#include "mcp/prompt_registry.h"
#include "mcp/questions.h"
#include "mcp/request_state.h"
#include "mcp/resource_registry.h"
#include "mcp/server.h"
#include "mcp/tool_registry.h"

namespace mcp {

// Counts handlers that run or are queued, so that shutdown can wait for them.
class Work {
 public:
  void begin();
  void end();
  // True when nothing runs any more.
  bool wait(std::chrono::milliseconds at_most);

 private:
  std::mutex mutex_;
  std::condition_variable idle_;
  std::size_t running_ = 0;
};

struct ServerShared {
  explicit ServerShared(ServerOptions settings);

  const Codec& codec(Revision revision) const { return codecs[static_cast<std::size_t>(revision)]; }
  core::Lane& lane(RunsOn where) { return where == RunsOn::local ? local : upstream; }
  // Empty when as many questions are open as may be.
  Budget::Reservation reserve_question();
  std::string next_trace_id();
  // From now on the session hears what is said to all. Again is harmless.
  void enlist(const std::shared_ptr<Session>& session);
  std::vector<std::shared_ptr<Session>> live_sessions();
  void note_modern_call();
  Offer offer() const;
  // For each session: what was listed differs now.
  void tell_list_changed(std::string_view method, bool ListenFilter::* kind);

  const ServerOptions options;
  ToolRegistry tools;
  ResourceRegistry resources;
  PromptRegistry prompts;
  std::vector<Codec> codecs;  // by revision
  Budget questions;
  Budget watches;  // resources that sessions and listeners watch
  RequestStates states;
  Alarms alarms;
  Work work;

  std::function<void(std::shared_ptr<Session>)> legacy_ready;
  std::function<void()> first_modern_call;
  std::atomic<bool> modern_called = false;

  std::mutex sessions_mutex;
  std::vector<std::weak_ptr<Session>> sessions;
  std::size_t sessions_swept = 64;  // how many were left by the last sweep

  const std::string trace_prefix;
  std::atomic<std::uint64_t> traces = 0;

  // Last, so that they are joined before anything a handler may use goes.
  core::Lane local;
  core::Lane upstream;
};

}  // namespace mcp
