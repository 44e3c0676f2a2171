#include "net/http_server.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <fmt/format.h>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <utility>
#include <vector>

#include "core/lane.h"
#include "net/http_exchange.h"
#include "net/http_listener.h"
#include "net/http_session.h"
#include "net/server_loop.h"
#include "net/server_shared.h"
#include "net/server_tls.h"

namespace net {
namespace {

// Connections beyond the limit that are told so; further ones are closed without a word.
constexpr std::size_t kRefusedAtOnce = 64;
constexpr std::size_t kMaxDescriptors = 1u << 20;

// Plain handlers and the workers they run on.
class HandlerPool {
 public:
  HandlerPool(const HttpServerOptions& options, HttpHandler handler)
      : handler_(std::move(handler)),
        lane_({.name = "http", .workers = options.workers, .queue = options.queue}) {}
  // Waits for handlers; what is still queued is not handed to them any more.
  ~HandlerPool() { closing_ = true; }
  HandlerPool(const HandlerPool&) = delete;
  HandlerPool& operator=(const HandlerPool&) = delete;

  void submit(const std::shared_ptr<Exchange>& exchange) {
    const auto queued = lane_.submit([this, exchange] {
      if (!closing_) exchange->respond(call(exchange->request()));
    });
    if (queued) return;
    exchange->respond({.status = 503,
                       .headers = {{"Retry-After", "1"}, {"Content-Type", "text/plain; charset=utf-8"}},
                       .body = "More requests wait than this server takes; try again soon.\n"});
  }

 private:
  ServerResponse call(const ServerRequest& request) {
    try {
      return handler_(request);
    } catch (const std::exception& error) {
      log_thrown(request, error.what());
    } catch (...) {
      log_thrown(request, "not a std::exception");
    }
    return failure_answer();
  }

  const HttpHandler handler_;
  std::atomic<bool> closing_{false};
  core::Lane lane_;  // last: its workers use the others
};

struct Thread {
  std::shared_ptr<ServerLoop> loop;
  std::unique_ptr<Listener> listener;  // null where another loop accepts
  std::thread thread;
};

class Server final : public HttpServer, private Gate {
 public:
  // `pool` is where `handler` runs its work, if it has one: ended while the loops still run.
  Server(HttpServerOptions options, ExchangeHandler handler, std::unique_ptr<HandlerPool> pool)
      : shared_(std::move(options), std::move(handler)), pool_(std::move(pool)) {}

  ~Server() override { stop(std::chrono::milliseconds{0}); }

  core::Status listen() {
    RETURN_IF_ERROR(reload_tls());
    const auto& options = shared_.options;
    const auto count = static_cast<std::size_t>(std::max(1, options.io_threads));
    const bool is_unix = !options.unix_path.empty();
    port_ = options.port;
    std::vector<std::shared_ptr<ServerLoop>> loops;
    for (std::size_t i = 0; i < count; ++i) {
      Thread thread;
      ASSIGN_OR_RETURN(thread.loop, ServerLoop::create());
      loops.push_back(thread.loop);
      if (i == 0 || !is_unix) {
        // The second thread takes the port the first was given.
        ASSIGN_OR_RETURN(thread.listener, Listener::open(options, port_, count > 1, thread.loop));
        port_ = thread.listener->port();
      }
      threads_.push_back(std::move(thread));
    }
    for (auto& thread : threads_) {
      if (!thread.listener) continue;
      thread.listener->start(is_unix ? loops : std::vector{thread.loop}, *this);
    }
    for (auto& thread : threads_) {
      thread.thread = std::thread([loop = thread.loop] { loop->run(); });
    }
    return {};
  }

  std::uint16_t port() const override { return port_; }

  core::Status reload_tls() override {
    if (!shared_.options.tls) return {};
    ASSIGN_OR_RETURN(auto context, TlsContext::load(*shared_.options.tls));
    std::lock_guard lock(tls_mutex_);
    tls_ = std::move(context);
    return {};
  }

  void stop(std::chrono::milliseconds grace) override {
    std::lock_guard once(stop_mutex_);
    if (std::exchange(stopped_, true)) return;
    shared_.draining = true;
    for (auto& thread : threads_) {
      on_loop(thread, [&thread] {
        if (thread.listener) thread.listener->close();
        thread.loop->for_each_session([](Session& session) { session.drain(); });
      });
    }
    shared_.wait_until_quiet(grace);
    for (auto& thread : threads_) {
      on_loop(thread,
              [&thread] { thread.loop->for_each_session([](Session& session) { session.close(); }); });
    }
    pool_.reset();  // their answers find closed sessions
    for (auto& thread : threads_) {
      thread.loop->stop();
      if (thread.thread.joinable()) thread.thread.join();
    }
    threads_.clear();
  }

 private:
  static void on_loop(Thread& thread, ServerLoop::Task task) {
    if (thread.thread.joinable()) thread.loop->post(std::move(task));
  }

  // On that loop's thread.
  void admit(ServerLoop& loop, Accepted&& accepted) override {
    const auto connections = shared_.connections.load();
    const auto limit = shared_.options.max_connections;
    if (shared_.draining || connections >= limit + kRefusedAtOnce) return;  // closes it
    start_session(shared_, loop, std::move(accepted), tls(),
                  connections < limit ? Admission::served : Admission::refused);
  }

  std::shared_ptr<TlsContext> tls() {
    if (!shared_.options.tls) return nullptr;
    std::lock_guard lock(tls_mutex_);
    return tls_;
  }

  ServerShared shared_;
  std::unique_ptr<HandlerPool> pool_;
  std::vector<Thread> threads_;
  std::uint16_t port_ = 0;
  std::mutex tls_mutex_;
  std::shared_ptr<TlsContext> tls_;  // under tls_mutex_
  std::mutex stop_mutex_;
  bool stopped_ = false;
};

core::Result<std::unique_ptr<HttpServer>> start_server(HttpServerOptions options, ExchangeHandler handler,
                                                       std::unique_ptr<HandlerPool> pool) {
  try {
    auto server = std::make_unique<Server>(std::move(options), std::move(handler), std::move(pool));
    RETURN_IF_ERROR(server->listen());
    return server;
  } catch (const std::exception& error) {
    return core::fail(core::ErrorKind::unavailable, "net.listen",
                      fmt::format("Cannot start the HTTP server: {}.", error.what()));
  }
}

}  // namespace

core::Result<std::unique_ptr<HttpServer>> HttpServer::start_exchanges(HttpServerOptions options,
                                                                      ExchangeHandler handler) {
  return start_server(std::move(options), std::move(handler), nullptr);
}

core::Result<std::unique_ptr<HttpServer>> HttpServer::start(HttpServerOptions options, HttpHandler handler) {
  auto pool = std::make_unique<HandlerPool>(options, std::move(handler));
  // The server owns the pool, and calls this only while it does.
  auto submit = [&pool = *pool](const std::shared_ptr<Exchange>& exchange) { pool.submit(exchange); };
  return start_server(std::move(options), std::move(submit), std::move(pool));
}

std::size_t raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const auto wanted = std::min<rlim_t>(limit.rlim_max, kMaxDescriptors);
  if (wanted > limit.rlim_cur) {
    const auto before = limit.rlim_cur;
    limit.rlim_cur = wanted;
    if (::setrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_cur = before;
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace net
