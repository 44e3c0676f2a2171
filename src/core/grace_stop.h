// A stop that comes later: for work that must not be torn in the middle (docs/architecture.md, rule 14).
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace core {

// token() is stopped once `original` has been stopped for `grace`. One thread, for as long as the object
// lives.
class GraceStop {
 public:
  GraceStop(std::stop_token original, std::chrono::milliseconds grace);

  std::stop_token token() const { return late_.get_token(); }

 private:
  std::stop_source late_;
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::jthread watcher_;  // last: it uses the others
};

}  // namespace core
