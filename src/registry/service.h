// What the parts of the registry share, and how they are bound to HTTP.
//
// A part is a few functions over Service; the routes of an area are added by its add_..._routes(), and work
// that is due goes to the handler of its kind. No part keeps state of its own, so that any node may serve any
// request.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/key_ring.h"
#include "core/metrics.h"
#include "core/random.h"
#include "net/http_client.h"
#include "registry/names.h"
#include "registry/store.h"
#include "rest/router.h"

namespace registry {

struct Settings {
  std::string
      issuer;        // "https://agents.example.com": of the org, and the origin in links; no slash at the end
  std::string node;  // of this process, in leases and logs
  int failures_until_invalid = 3;            // of an ACTIVE server, in a row
  std::chrono::seconds check_interval{600};  // of every server that is not PENDING
  std::chrono::seconds drift_interval{600};  // of its metadata
  bool allow_http_loopback = false;          // resources and issuers on loopback by plain http
  bool strict_resource = false;  // a slash too many in a server's metadata is a failure, not a warning
  std::chrono::seconds operation_retention{24 * 3600};
};

// Immutable; everything it points to outlives it and is thread-safe.
struct Service {
  Settings settings;
  ResourceNames names;
  Store* store = nullptr;
  core::Clock* clock = nullptr;
  core::Random* random = nullptr;
  // Seals what others' secrets are in at rest; guarded by the key file.
  core::KeyRing* vault = nullptr;
  // For everything that a registered URL leads to: refuses inner networks, follows no proxy (net/guarded.h).
  net::HttpClient* outside = nullptr;
  core::Metrics* metrics = nullptr;

  core::WallTime now() const { return clock->now(); }
  std::string url(std::string_view path) const { return settings.issuer + std::string(path); }
  std::string new_id(std::string_view prefix) const { return registry::new_id(prefix, *clock, *random); }
};

// A refusal by rule. `reason` is Okta's, for programs, in capitals ("INVALID_STATE_TRANSITION"), and stands
// in errorCauses[].reason; `location` names the member. The kind decides the status: invalid_input 400,
// forbidden 403, not_found 404, conflict 409.
std::unexpected<core::Error> refuse(core::ErrorKind kind, std::string_view reason, std::string message,
                                    std::string location = {});

// The one place where this room's errors become Okta's envelope; also of other rooms' errors.
rest::Problem problem_of(const core::Error& error);

// Who is behind an API call, for events.
Actor actor_of(const rest::Caller& caller);

// Answers 202 without a body and with the operation's URL in Location.
rest::Reply accepted(const Service& service, std::string_view base, std::string_view operation);

// What is done about claimed work. It ends the work itself, in its transaction (finish or retry); an error
// leaves it to be claimed again when the lease has run out.
using WorkHandler = std::function<core::Status(const core::Context&, const Service&, const Work&)>;
using WorkHandlers = std::map<std::string, WorkHandler, std::less<>>;

// Each area's routes and work.
void add_mcp_server_routes(rest::Router& router, const Service& service);
void add_workload_routes(rest::Router& router, const Service& service);
void add_custom_as_routes(rest::Router& router, const Service& service);
void add_person_routes(rest::Router& router, const Service& service);
void add_log_routes(rest::Router& router, const Service& service);
void add_secret_routes(rest::Router& router, const Service& service);  // vaulted secrets, service accounts
void add_discovery_work(WorkHandlers& handlers);
void add_mcp_server_work(WorkHandlers& handlers);  // client registrations that are ended elsewhere
void add_sts_work(WorkHandlers& handlers);

}  // namespace registry
