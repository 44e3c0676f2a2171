// An outlet that keeps what it is given: the in-memory transport of tests.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>

#include "core/json.h"
#include "mcp/outlet.h"

namespace mcp {

class MemoryOutlet final : public Outlet {
 public:
  void send(std::string message, Delivery) override {
    std::lock_guard lock(mutex_);
    messages_.push_back(std::move(message));
    arrived_.notify_all();
  }

  // Waits for the first message that `wanted` accepts, takes it out and returns it; null after `patience`.
  template <class Wanted>
  core::json::Value take_if(Wanted wanted, std::chrono::milliseconds patience = std::chrono::seconds{20}) {
    std::unique_lock lock(mutex_);
    core::json::Value found;
    arrived_.wait_for(lock, patience, [&] {
      for (auto message = messages_.begin(); message != messages_.end(); ++message) {
        auto value = core::json::parse(*message, {.max_depth = 256});
        if (!value || !wanted(*value)) continue;
        found = *std::move(value);
        messages_.erase(message);
        return true;
      }
      return false;
    });
    return found;
  }

  // The answer (result or error) to a request.
  core::json::Value take_answer(const core::json::Value& id) {
    return take_if([&](const core::json::Value& message) {
      const auto* object = message.if_object();
      const auto* answered = object ? object->if_contains("id") : nullptr;
      return answered && *answered == id && !object->contains("method");
    });
  }

  // The next request or notification with this method.
  core::json::Value take_method(std::string_view method) {
    return take_if([&](const core::json::Value& message) {
      return core::json::string_or_empty(message, "method") == method;
    });
  }

  // Everything not taken yet, in order.
  std::deque<std::string> take_all() {
    std::lock_guard lock(mutex_);
    return std::exchange(messages_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::string> messages_;
};

}  // namespace mcp
