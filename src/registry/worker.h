// Does what is due: claims work from the store, keeps its lease while a handler is at it, and forgets what is
// over. Every node runs one; which node does a piece of work does not matter.
//
//   ASSIGN_OR_RETURN(auto worker, Worker::create(service, std::move(handlers), {}));
//   worker->start();
//   ...
//   worker->stop();   // handlers see Context::stop
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "core/result.h"
#include "registry/service.h"

namespace registry {

struct WorkerOptions {
  std::size_t threads = 2;                  // pieces of work at once; 1 to 64
  std::chrono::milliseconds lease{60'000};  // renewed each third of it; at least one second
  std::chrono::milliseconds poll{250};      // between two looks when there is nothing to do; 10 to 500 ms
  std::chrono::milliseconds prune{60'000};  // between two removals of what is over; at least a second
  std::chrono::milliseconds unfinished{86'400'000};  // sign-ins and consents that nobody ended
};

// A handler ends its work itself (finish or retry, in its transaction). One that fails is logged, and its
// work is anybody's again when the lease has run out; so is work of a kind that has no handler here. A
// handler whose lease is lost (another node has it, or it was scheduled anew) sees Context::stop.
class Worker {
 public:
  // `service` is copied; what it points to outlives the worker. Error registry.worker.setting: an option is
  // out of its bounds.
  static core::Result<std::unique_ptr<Worker>> create(const Service& service, WorkHandlers handlers,
                                                      WorkerOptions options = {});
  ~Worker();  // stop()
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start();
  // Waits for the handlers that run. Nothing happens when it is stopped already.
  void stop();

  // One look, on the caller's thread: true when there was work. For tests and commands that end.
  bool run_once();
  // Removes finished operations after Settings::operation_retention, sign-ins and consents that are over, and
  // expired records. Errors are those of the store.
  core::Status prune();

 private:
  struct Impl;
  explicit Worker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace registry
