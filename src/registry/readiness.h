// Whether an MCP server is fit for use: 25 checks over what was observed and what is configured, each a row
// of one table (docs/registry.md shows it), and the report made of their results.
//
// Checks ask nobody and change nothing.
#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "registry/discovery.h"
#include "registry/mcp_server.h"
#include "registry/service.h"

namespace registry {

// What is judged, as it is stored or would be stored.
struct Subject {
  struct Client {  // a client registration at that authorization server
    ClientAuthSettings settings;
    bool opens = true;       // its secret can be read
    bool consented = false;  // somebody has come back through the callback URL with a grant
  };
  // A custom authorization server of this org.
  struct Local {
    bool exists = false;
    std::string why_not{};  // why it gives no access tokens for ID-JAGs; empty: it does
  };
  struct AuthServer {
    McpAuthServer entity;
    std::vector<Client> clients{};
    Local local{};          // of entity.okta
    bool stored = true;     // false: found just now
    bool supplied = false;  // an administrator entered its endpoints
  };

  McpServer server;
  std::vector<AuthServer> auth_servers{};
  std::string callback_url{};        // ours, registered with external authorization servers
  bool allow_http_loopback = false;  // Settings::allow_http_loopback
  bool strict_resource = false;      // Settings::strict_resource
  core::WallTime now{};
};

enum class Outcome { pass, warn, fail, skip };
std::string_view to_string(Outcome outcome);  // "PASS"

// What a failure calls for.
enum class Gravity {
  permanent,  // the same in a minute: validation has failed
  transient,  // asked again before it counts
  security,   // somebody else's metadata: an ACTIVE server is demoted at once
  missing,    // something is still to be supplied; no failed validation
};
std::string_view to_string(Gravity gravity);

// What a failure stands in the way of. `xaa` and `sts` only make an authorization server unfit for that; the
// others make validation fail.
enum class Blocks {
  nothing,     // it never fails, it warns
  all,         // any server
  discovered,  // servers whose authorization servers are found from metadata
  external,    // an external authorization server
  xaa,
  sts,
};
std::string_view to_string(Blocks blocks);

enum class CheckScope { server, auth_server };

// What one check is about: the observation, the subject, and of checks with CheckScope::auth_server the one
// authorization server (with what its issuer said, where that was asked).
struct CheckInput {
  const Observation& seen;
  const Subject& subject;
  const Subject::AuthServer* auth_server = nullptr;
  const IssuerSeen* issuer = nullptr;
};

struct Finding {
  Outcome outcome = Outcome::pass;
  std::size_t message = 0;       // which of the check's messages, of warn and fail
  core::json::Object details{};  // what stands in the message's braces, and more
  Gravity gravity = Gravity::permanent;
};

struct Check {
  std::string_view id;     // "R07"
  std::string_view name;   // "prm.resource"
  std::string_view title;  // "The metadata is about this server"
  CheckScope scope;
  Blocks blocks;
  std::string_view part;                    // of Observation::took
  std::array<std::string_view, 2> needs{};  // nothing is said where one of these has failed
  // "metadata resource '{got}' does not match '{expected}'": the names are members of Finding::details.
  std::array<std::string_view, 3> messages{};
  std::string_view cure{};  // what an administrator does next
  Finding (*run)(const CheckInput& input) = nullptr;
};
std::span<const Check> readiness_checks();
// The table as Markdown, as it stands in docs/registry.md.
std::string draw_readiness_checks();

struct CheckResult {
  const Check* check = nullptr;
  Outcome outcome = Outcome::skip;
  Gravity gravity = Gravity::permanent;
  bool blocking = false;  // validation fails by it
  std::string message{};  // of warn, fail and skip
  core::json::Object details{};
  std::chrono::milliseconds took{};
};

struct AuthServerReport {
  std::string id;
  std::string issuer;
  std::vector<CheckResult> checks{};

  const CheckResult* find(std::string_view id) const;
  // The gravest failure that is no matter of configuration; null: it may count as verified, unless something
  // is to be supplied first.
  const CheckResult* failure() const;
  bool incomplete() const;
};

struct Report {
  core::WallTime at{};
  std::vector<CheckResult> checks{};             // of the server itself
  std::vector<AuthServerReport> auth_servers{};  // in the subject's order

  // The failures that validation fails by, the gravest first; none: ready.
  std::vector<const CheckResult*> blocking() const;
  bool ready() const { return blocking().empty(); }
  bool has_security_failure() const;
  // Not ready, and every blocking failure may pass by itself.
  bool is_transient() const;
};

// Runs all checks that apply. Failures of one authorization server fail the whole only when no other is
// without, or when they are about security.
Report assess(const Observation& seen, const Subject& subject);

// Changes of observed members: {"added":[{"member","value"}],"removed":[...],"changed":[{"member","from",
// "to"}]}; empty when nothing differs. Lists are compared as sets.
core::json::Object drift_between(const core::json::Object& before, const core::json::Object& after);

// {"id":"R07","name","title","result":"FAIL","blocking","message","details","cure","durationMs"}
core::json::Object show(const CheckResult& result);

}  // namespace registry
