#include "core/grace_stop.h"

namespace core {

GraceStop::GraceStop(std::stop_token original, std::chrono::milliseconds grace)
    : watcher_([this, original = std::move(original), grace](const std::stop_token& over) {
        // Made before the lock and gone after it: a callback may run inside its own registration, and its
        // destructor waits for one that runs elsewhere. Both would otherwise wait for the lock held here.
        std::stop_callback wake(original, [this] {
          // The lock keeps the wake-up from falling between the waiter's look and its sleep.
          {
            std::lock_guard held(mutex_);
          }
          wake_.notify_all();
        });
        std::unique_lock lock(mutex_);
        wake_.wait(lock, over, [&] { return original.stop_requested(); });
        if (over.stop_requested()) return;
        wake_.wait_for(lock, over, grace, [] { return false; });
        if (!over.stop_requested()) late_.request_stop();
      }) {}

}  // namespace core
