// The registry as an HTTP service: who calls, may they, how often, and then the route; beside it the pages
// and endpoints that speak for themselves (tokens, sign-in, consent, console). It knows nothing of the
// process it runs in: net::HttpServer calls handle().
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "net/http_server.h"
#include "registry/service.h"
#include "rest/rate_limiter.h"
#include "rest/router.h"

namespace registry {

// Every route of the API, for this server or for another one that holds the same service (which outlives the
// router).
void add_all_routes(rest::Router& router, const Service& service);

// Whether a granted scope covers the wanted one: the same, or "manage" where "read" is wanted.
bool covers(const std::vector<std::string>& granted, std::string_view wanted);

// Who sent a request of the API, or the refusal.
using Authenticate = std::function<std::expected<rest::Caller, rest::Problem>(const net::ServerRequest&)>;
// Answers the paths that are its own.
using Pages = std::function<std::optional<net::ServerResponse>(const net::ServerRequest&)>;

struct ServerOptions {
  Service service;  // what it points to outlives the server
  Authenticate authenticate;
  std::vector<Pages> pages{};                  // asked in this order, before the API
  rest::RateLimits limits{.otherwise = 1200};  // requests a minute of one caller
  std::size_t failed_logins_per_minute = 300;  // of one address, at the API
};

class Server {
 public:
  static constexpr std::size_t kMaxBody = 1u << 20;

  // Error registry.server when something is missing in the options.
  static core::Result<std::unique_ptr<Server>> create(ServerOptions options);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Thread-safe.
  net::ServerResponse handle(const net::ServerRequest& request);

  const rest::Router& router() const { return router_; }
  const Service& service() const { return options_.service; }

 private:
  explicit Server(ServerOptions options);
  rest::Answer<rest::Reply> call(const net::ServerRequest& request, net::Headers& headers,
                                 std::string& operation);
  rest::Answer<rest::Caller> admit(const net::ServerRequest& request, const rest::Route& route,
                                   net::Headers& headers);
  net::ServerResponse answer(const net::ServerRequest& request, std::string& operation);
  void count(const net::ServerRequest& request, const net::ServerResponse& response,
             std::string_view operation, double seconds) const;

  const ServerOptions options_;
  rest::Router router_;
  rest::RateLimiter limiter_;
  rest::RateLimiter failed_logins_;  // by address
};

}  // namespace registry
