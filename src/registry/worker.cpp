#include "registry/worker.h"

#include <algorithm>
#include <fmt/format.h>
#include <list>
#include <mutex>
#include <thread>
#include <vector>

#include "core/log.h"

namespace registry {
namespace {

using std::chrono::milliseconds;

constexpr std::size_t kMaxThreads = 64;
constexpr milliseconds kLongestPoll{500};
constexpr int kForgetRounds = 100;

core::Status check(const Service& service, const WorkerOptions& options) {
  const auto bad = [](std::string_view what) {
    return core::fail(core::ErrorKind::internal, "registry.worker.setting",
                      fmt::format("The worker cannot run: {}.", what));
  };
  if (service.store == nullptr || service.clock == nullptr) return bad("it has no store or no clock");
  if (options.threads < 1 || options.threads > kMaxThreads) return bad("it takes 1 to 64 threads");
  if (options.lease < milliseconds{1000}) return bad("a lease lasts at least a second");
  if (options.poll < milliseconds{10} || options.poll > kLongestPoll)
    return bad("it looks for work every 10 to 500 milliseconds");
  if (options.prune < milliseconds{1000}) return bad("it removes what is over at most each second");
  return {};
}

void complain(std::string_view what, const core::Error& error, const Work* work = nullptr,
              core::LogLevel level = core::LogLevel::warning) {
  boost::json::object fields{{"code", error.code}, {"reason", core::describe(error)}};
  if (work != nullptr) {
    fields["work"] = work->id;
    fields["attempt"] = work->attempts;
  }
  core::log(level, "registry", what, fields);
}

}  // namespace

struct Worker::Impl {
  Impl(const Service& given, WorkHandlers given_handlers, const WorkerOptions& given_options)
      : service(given), handlers(std::move(given_handlers)), options(given_options) {}

  // Work in a handler's hands.
  struct Held {
    const Work& work;
    std::stop_source stop{};
  };

  const Service service;
  const WorkHandlers handlers;
  const WorkerOptions options;

  std::mutex mutex;  // of what follows
  std::list<Held> held;
  std::vector<std::jthread> threads;

  bool wait(milliseconds time, const std::stop_token& stop) const {
    return service.clock->wait_until(service.clock->steady() + time, stop);
  }

  void look(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      if (!run_once(stop) && !wait(options.poll, stop)) return;
    }
  }

  bool run_once(const std::stop_token& stop) {
    auto work = service.store->claim(service.settings.node, options.lease);
    if (!work) {
      complain("work cannot be claimed", work.error());
      return false;
    }
    if (!*work) return false;
    perform(**work, stop);
    return true;
  }

  void perform(const Work& work, const std::stop_token& stop) {
    const auto handler = handlers.find(work.kind);
    if (handler == handlers.end()) {
      complain("work is left to others",
               {.kind = core::ErrorKind::unsupported,
                .code = "registry.worker.kind",
                .message = fmt::format("This node has no handler for work of kind {}.", work.kind),
                .hint = {},
                .upstream = std::nullopt},
               &work);
      return;
    }
    std::list<Held>::iterator mine;
    {
      std::lock_guard lock(mutex);
      mine = held.emplace(held.end(), work);
    }
    core::Context context{.stop = mine->stop.get_token(), .principal = "system", .trace_id = work.id};
    core::Status done;
    {
      const std::stop_callback ends(stop, [mine] { mine->stop.request_stop(); });
      done = handler->second(context, service, work);
    }
    {
      std::lock_guard lock(mutex);
      held.erase(mine);
    }
    if (done) return;
    const bool lost = done.error().code == "registry.store.lease_lost";
    complain(lost ? "work was another's by its end" : "work failed and is left to its lease", done.error(),
             &work, lost ? core::LogLevel::info : core::LogLevel::warning);
  }

  // Far enough from the end of the lease to be late once.
  void renew(const std::stop_token& stop) {
    while (wait(options.lease / 3, stop)) {
      // Handlers of a store that answers slowly must not wait for this lock: the works are copied.
      std::vector<std::pair<Work, std::stop_source>> now;
      {
        std::lock_guard lock(mutex);
        now.reserve(held.size());
        for (const auto& one : held) now.emplace_back(one.work, one.stop);
      }
      for (auto& [work, end] : now) {
        const auto kept = service.store->renew(work, options.lease);
        if (!kept) {
          complain("a lease cannot be renewed", kept.error(), &work);
        } else if (!*kept) {
          // Also when the handler has just ended it; then nobody listens.
          end.request_stop();
        }
      }
    }
  }

  void tidy(const std::stop_token& stop) {
    do {
      if (auto done = prune(); !done) complain("what is over cannot be removed", done.error());
    } while (wait(options.prune, stop));
  }

  core::Status prune() const {
    const core::WallTime now = service.now();
    Store& store = *service.store;
    RETURN_IF_ERROR(
        store.prune(Kind::operation, now - service.settings.operation_retention, {"COMPLETED", "FAILED"}));
    RETURN_IF_ERROR(store.prune(Kind::interaction, now - options.unfinished, {}));
    for (int round = 0; round < kForgetRounds; ++round) {
      ASSIGN_OR_RETURN(const std::size_t gone, store.forget_expired());
      if (gone == 0) break;
    }
    return {};
  }
};

Worker::Worker(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Worker::~Worker() {
  stop();
}

core::Result<std::unique_ptr<Worker>> Worker::create(const Service& service, WorkHandlers handlers,
                                                     WorkerOptions options) {
  RETURN_IF_ERROR(check(service, options));
  return std::unique_ptr<Worker>(new Worker(std::make_unique<Impl>(service, std::move(handlers), options)));
}

void Worker::start() {
  Impl& impl = *impl_;
  std::lock_guard lock(impl.mutex);
  if (!impl.threads.empty()) return;
  impl.threads.reserve(impl.options.threads + 2);
  for (std::size_t i = 0; i < impl.options.threads; ++i) {
    impl.threads.emplace_back([&impl](const std::stop_token& stop) { impl.look(stop); });
  }
  impl.threads.emplace_back([&impl](const std::stop_token& stop) { impl.renew(stop); });
  impl.threads.emplace_back([&impl](const std::stop_token& stop) { impl.tidy(stop); });
}

void Worker::stop() {
  std::vector<std::jthread> ending;
  {
    std::lock_guard lock(impl_->mutex);
    ending.swap(impl_->threads);
  }
  for (auto& thread : ending) thread.request_stop();
  ending.clear();  // joins
}

bool Worker::run_once() {
  return impl_->run_once({});
}

core::Status Worker::prune() {
  return impl_->prune();
}

}  // namespace registry
