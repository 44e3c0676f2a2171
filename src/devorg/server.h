// The local org as an HTTP service: who calls, may they, how often, and then the route. Also /dev/faults,
// which makes it misbehave on request.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/secret.h"
#include "devorg/faults.h"
#include "devorg/routes.h"
#include "rest/rate_limiter.h"

namespace devorg {

// What an OAuth access token says, once it was verified.
struct TokenClaims {
  std::string client_id;
  std::string client_name;
  std::string user_id;  // empty for a service app
  std::vector<std::string> scopes;
  net::Headers headers{};  // go with the answer, such as DPoP-Nonce
};

// Why a token does not do, as it stands in WWW-Authenticate.
struct TokenRefusal {
  int status = 401;
  std::string error = "invalid_token";
  std::string description = "The access token is invalid.";
  bool of_dpop = false;  // the challenge is DPoP's, not Bearer's
  net::Headers headers{};
};

// The org authorization server, as far as this room's server needs it.
struct AuthorizationHooks {
  // Answers /oauth2, /.well-known, /activate; nullopt for a path that is none of its own.
  std::function<std::optional<net::ServerResponse>(const net::ServerRequest&)> handle;
  // The claims of the token in the request's Authorization, whose scheme is Bearer or DPoP.
  std::function<std::expected<TokenClaims, TokenRefusal>(const net::ServerRequest&)> verify;
  // As challenges name them, separated by spaces; empty without DPoP.
  std::string dpop_algorithms{};
};

struct ServerOptions {
  core::Secret api_token;  // of the SSWS scheme; empty refuses the scheme
  rest::RateLimits limits{.otherwise = 12'000};
  std::vector<FaultRule> faults;
};

class Server {
 public:
  Server(std::unique_ptr<Service> service, ServerOptions options, core::Clock& clock);

  // Both before requests come.
  void set_base_url(std::string url) { service_->set_base_url(std::move(url)); }
  void set_authorization(AuthorizationHooks hooks) { authorization_ = std::move(hooks); }
  // Also before. A route that names its scope demands that one, and runs without the org's lock.
  void add_routes(const std::function<void(rest::Router&)>& add) { add(router_); }

  // Thread-safe; this is what net::HttpServer calls.
  net::ServerResponse handle(const net::ServerRequest& request);

  Service& service() { return *service_; }
  const rest::Router& router() const { return router_; }

 private:
  rest::Answer<rest::Reply> management(const net::ServerRequest& request, net::Headers& headers);
  rest::Answer<rest::Caller> authenticate(const net::ServerRequest& request, std::string_view scope,
                                          net::Headers& headers);
  std::string challenge(const net::ServerRequest& request, bool of_dpop, std::string_view scope,
                        std::string_view error, std::string_view description) const;
  rest::Answer<bool> authorize(const net::ServerRequest& request, const rest::Caller& caller,
                               const rest::Route& route);
  net::ServerResponse development(const net::ServerRequest& request);
  net::ServerResponse answer(const net::ServerRequest& request);
  net::ServerResponse spoil(net::ServerResponse response, const FaultRule& fault);

  std::unique_ptr<Service> service_;
  ServerOptions options_;
  SortedResults results_;
  rest::Router router_;
  rest::RateLimiter limiter_;
  Faults faults_;
  AuthorizationHooks authorization_;
};

}  // namespace devorg
