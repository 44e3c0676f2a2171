// The registry over one Service, put together: tokens, API, sign-in, consent, console, and the worker. What a
// process adds is a listener that calls handle().
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "net/http_server.h"
#include "registry/org_tokens.h"
#include "registry/server.h"
#include "registry/service.h"
#include "registry/worker.h"

namespace registry {

struct RegistryOptions {
  rest::RateLimits limits{.otherwise = 1200};  // requests of the API a minute of one caller
  std::size_t worker_threads = 2;
  std::chrono::milliseconds work_lease{60'000};  // as WorkerOptions::lease
};

class Registry {
 public:
  // What `service` points to outlives the registry. Errors: those of TokenService::create, Server::create and
  // Worker::create.
  static core::Result<std::unique_ptr<Registry>> create(const Service& service, RegistryOptions options = {});
  ~Registry();
  Registry(const Registry&) = delete;
  Registry& operator=(const Registry&) = delete;

  // The worker, with the recurring work scheduled. Errors are those of the store.
  core::Status start();
  // Waits for the work that is being done.
  void stop();

  // Thread-safe.
  net::ServerResponse handle(const net::ServerRequest& request) { return server_->handle(request); }

  const TokenService& tokens() const { return *tokens_; }
  const Server& server() const { return *server_; }
  Worker& worker() { return *worker_; }

 private:
  explicit Registry(const Service& service) : service_(service) {}

  const Service service_;
  std::unique_ptr<TokenService> tokens_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<Worker> worker_;
};

// As a token service on its own asks for them: people, and the clients that are no workload principals.
TokenOptions token_options(const Service& service);

}  // namespace registry
