// The agent registry (room registry) as a part of the local org: agents, MCP servers, custom authorization
// servers and vault at Okta's paths, with the org's own people, authentication, limits and System Log.
//
// There is one issuer and one set of keys. Requests of workload principals at the org's token endpoints are
// the registry's to answer, those of the org's own apps the org's:
//
//   /resource-servers, /workload-principals, /governance, /privileged-access, /api/v1/authorizationServers
//   /oauth2/{aus}/..., /oauth2/v1/sts/...; /oauth2/v1/{authorize,token,introspect,revoke,userinfo} of agents
//   /login    where a person says who they are: any active person of the org, without a password
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/key_ring.h"
#include "core/random.h"
#include "core/result.h"
#include "devorg/server.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "oauth/jwk.h"
#include "registry/registry.h"
#include "registry/service.h"

namespace devorg {

struct AgentsOptions {
  std::string issuer;            // the org's URL
  std::string file;              // SQLite, made when it is missing
  core::Clock* clock = nullptr;  // both outlive it
  core::Random* random = nullptr;
};

// Thread-safe.
class Agents {
 public:
  // `service` outlives it. Errors: those of open_store() and of Registry::create().
  static core::Result<std::unique_ptr<Agents>> create(Service& service, AgentsOptions options);
  ~Agents();
  Agents(const Agents&) = delete;
  Agents& operator=(const Agents&) = delete;

  // The worker, which validates what is registered.
  core::Status start() { return registry_->start(); }

  // What the org signs with, so that its tokens and the registry's are one issuer's.
  core::Result<oauth::Key> signing_key() const;
  // Scopes that the org's apps need for the routes below.
  static std::vector<std::string> scopes() { return registry::TokenService::api_scopes(); }
  // Routes of the API that the org has not itself. They need no lock of the org's, and must not hold one.
  void add_routes(rest::Router& router) const;
  // The org's endpoints, with those that are the registry's answered by it.
  AuthorizationHooks join(AuthorizationHooks org) const;

 private:
  explicit Agents(AgentsOptions options) : options_(std::move(options)) {}
  std::optional<net::ServerResponse> handle(const net::ServerRequest& request) const;
  net::ServerResponse login(const net::ServerRequest& request) const;

  const AgentsOptions options_;
  std::unique_ptr<registry::Store> store_;
  std::unique_ptr<core::KeyRing> vault_;
  std::unique_ptr<net::HttpClient> http_, outside_;
  std::optional<registry::Service> parts_;  // of the registry
  std::unique_ptr<registry::Registry> registry_;
};

}  // namespace devorg
