// One request to a token endpoint: what it uses up, and what its event will tell. Inside the token service
// only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "authserver/store.h"
#include "core/json.h"
#include "core/result.h"
#include "registry/org_tokens.h"
#include "registry/service.h"
#include "registry/store.h"
#include "registry/token_cache.h"
#include "registry/workload_principal.h"

namespace registry {

// The records of an authorization server as one request sees them. Client assertions and DPoP proofs are of
// single use; they are used up in the transaction that gives what they were shown for, so that a request
// costs one transaction and a crash in between costs nobody his assertion.
class RequestStore final : public authserver::Store {
 public:
  // `records` outlives it; `area` keeps authorization servers apart ("org", "aus...").
  RequestStore(authserver::Store& records, std::string_view area) : records_(records), area_(area) {}

  core::Result<std::optional<authserver::Client>> find_client(std::string_view id) override;
  core::Result<std::optional<authserver::Record>> find(authserver::RecordKind kind, std::string_view key,
                                                       core::WallTime now) override;
  core::Result<bool> compare_and_set(authserver::RecordKind kind, std::string_view key,
                                     std::uint64_t expected, std::string value, core::WallTime expires_at,
                                     core::WallTime now) override;

  // Errors: authserver.client_assertion_already_used, authserver.dpop_proof_already_used.
  core::Status use_up(Transaction& tx) const;
  bool has_to_use_up() const { return !pending_.empty(); }
  // The client that was found last: who asks, once it is authenticated.
  const std::optional<authserver::Client>& client() const { return client_; }

 private:
  struct Single {
    authserver::RecordKind kind;
    std::string id;
    std::chrono::milliseconds keep;
  };

  authserver::Store& records_;
  std::string area_;
  std::vector<Single> pending_;
  std::optional<authserver::Client> client_;
};

// The actor of an event that a client causes.
Actor client_actor(const authserver::Client& client);
Actor principal_actor(const WorkloadPrincipal& principal);

struct TokenRequest {
  const Service& service;
  const TokenOptions& options;
  TokenCache& cache;
  RequestStore& records;
  std::string transaction;  // of its events
  // What the event says, filled in on the way.
  std::string event_type{};
  Actor actor{};
  std::vector<EventTarget> targets{};
  core::json::Object debug{};
  std::optional<core::Error> failure{};
  bool settled = false;  // its transaction is done
};

// In the transaction that grants: uses up what the request came with, and tells it. `token` is the target
// that was issued, the last one.
core::Status settle(TokenRequest& request, Transaction& tx, EventTarget token);
// After everything else: uses up and tells what no grant has settled, with the failure if there was one.
core::Status settle_rest(TokenRequest& request);

// `grant`, watched: who asked and how it went is noted in the request, which outlives it.
std::shared_ptr<const authserver::Grant> watched(std::shared_ptr<const authserver::Grant> grant,
                                                 TokenRequest& request);

}  // namespace registry
