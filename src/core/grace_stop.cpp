#include "core/grace_stop.h"

namespace core {

GraceStop::GraceStop(std::stop_token original, std::chrono::milliseconds grace)
    : watcher_([this, original = std::move(original), grace](const std::stop_token& over) {
        std::unique_lock lock(mutex_);
        std::stop_callback wake(original, [this] {
          // The lock keeps the wake-up from falling between the waiter's look and its sleep.
          { std::lock_guard held(mutex_); }
          wake_.notify_all();
        });
        wake_.wait(lock, over, [&] { return original.stop_requested(); });
        if (over.stop_requested()) return;
        wake_.wait_for(lock, over, grace, [] { return false; });
        if (!over.stop_requested()) late_.request_stop();
      }) {}

}  // namespace core
