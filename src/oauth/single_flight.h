// Callers that ask the same question at the same time: one asks, the others wait for its answer.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "core/context.h"
#include "core/lane.h"
#include "core/result.h"

namespace oauth {

// Thread-safe. T is copied to everybody who waited.
template <class T>
class SingleFlight {
 public:
  using Work = std::function<core::Result<T>()>;

  // `work` runs on the calling thread, or not at all: then the answer is that of whoever runs it already.
  // Waiting ends with the context: oauth.cancelled, oauth.timeout. When the one who asked was cancelled, one
  // of those who wait asks anew.
  core::Result<T> run(const core::Context& context, const std::string& question, const Work& work) {
    for (;;) {
      auto [flight, mine] = board(question);
      if (mine) {
        core::Result<T> answer = work();
        land(question, *flight, answer);
        return answer;
      }
      auto answer = wait(context, *flight);
      if (answer || answer.error().kind != core::ErrorKind::cancelled || context.cancelled()) return answer;
    }
  }

 private:
  struct Flight {
    std::optional<core::Result<T>> answer;
  };

  std::pair<std::shared_ptr<Flight>, bool> board(const std::string& question) {
    std::lock_guard lock(mutex_);
    auto [place, mine] = flights_.try_emplace(question);
    if (mine) place->second = std::make_shared<Flight>();
    return {place->second, mine};
  }

  void land(const std::string& question, Flight& flight, const core::Result<T>& answer) {
    {
      std::lock_guard lock(mutex_);
      flight.answer = answer;
      flights_.erase(question);
    }
    landed_.notify_all();
  }

  core::Result<T> wait(const core::Context& context, const Flight& flight) {
    const core::Parked parked;
    std::unique_lock lock(mutex_);
    const auto landed = [&] { return flight.answer.has_value(); };
    // libstdc++ adds to the time point it is given, so the far end of time would overflow.
    constexpr auto kNever = std::chrono::steady_clock::time_point::max();
    const bool there = context.deadline == kNever
                           ? landed_.wait(lock, context.stop, landed)
                           : landed_.wait_until(lock, context.stop, context.deadline, landed);
    if (there) return *flight.answer;
    if (context.cancelled()) {
      return core::fail(core::ErrorKind::cancelled, "oauth.cancelled", "The request was given up.");
    }
    return core::fail(core::ErrorKind::timeout, "oauth.timeout",
                      "The authorization server did not answer in time.");
  }

  std::mutex mutex_;
  std::condition_variable_any landed_;
  std::map<std::string, std::shared_ptr<Flight>> flights_;
};

}  // namespace oauth
