// What the registry remembers: rows of every kind of entity, events, and work that is due. One transaction
// changes rows, writes the events that tell of it and schedules what follows, so that no crash keeps one
// without the other.
//
//   core::Status done = store.transaction([&](Transaction& tx) -> core::Status {
//     ASSIGN_OR_RETURN(auto row, tx.hold(Kind::mcp_server, id));  // nobody else changes it
//     ...
//     RETURN_IF_ERROR(tx.update(row));
//     return tx.emit(event);
//   });
//
// Two backends, one meaning: SQLite (a file, write-ahead log) and PostgreSQL (nodes share it); the tests of
// this room run on both. A row's body is JSON, the entities are entities.h's.
//
// Errors of every function: registry.store.unavailable (the reason in the message; after a failed transaction
// nobody knows whether it took effect), registry.store.newer (a later version of this program made it),
// registry.store.limit (something is larger than a row may be), registry.store.text (not UTF-8, or with a
// NUL), and those named below. Whatever else `work` makes of an error of a statement, its transaction is lost
// with it; after registry.store.exists, .changed and registry.UNIQUE_CONSTRAINT it may go on.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"
#include "core/secret.h"
#include "core/state_store.h"

namespace registry {

// Stored by name (to_string); a new kind goes anywhere.
enum class Kind {
  mcp_server,            // ems
  mcp_auth_server,       // "ems.../eas..." or "ems.../aus...", parent the server
  tool,                  // "ems.../emt...", parent the server
  readiness,             // the latest report; id and parent the server
  client_auth_settings,  // rsc
  workload_principal,    // wlp: AI agents (parent "ai-agents"), MCP servers as clients (parent the server)
  jwk,                   // pks, parent the workload principal
  client_secret,         // ocs, parent the workload principal
  connection,            // mcn, parent the workload principal
  delegation_link,       // dlk
  custom_as,             // aus
  as_scope,              // scp, parent the custom_as
  as_claim,              // ocl, parent the custom_as
  as_policy,             // 00p, parent the custom_as
  as_rule,               // 0pr, parent "aus.../00p..."
  signing_key,           // a key's kid, parent the custom_as, or "org"
  identity_provider,     // 0oa
  user,                  // 00u
  vault_secret,          // a uuid
  service_account,       // a uuid
  grant,                 // what a person allowed at an external server; parent the client_auth_settings
  interaction,           // a consent that is under way
  operation,             // op-
  principal_url,         // a URL that a workload principal is known by; parent the workload principal
  revocation,            // tokens taken back; id their subject (revocation.h)
};
std::string_view to_string(Kind kind);

struct Row {
  Kind kind{};
  std::string id;
  std::string parent{};             // of lists; may be empty
  std::string unique{};             // no two rows of a kind have the same; empty: none
  std::string status{};             // of searches
  std::string name{};               // of searches, compared without case by its first 256 characters
  std::string detected_name{};      // as `name`
  std::vector<std::string> refs{};  // ids of the rows that this one needs; asked by Query::refers_to
  core::json::Object body{};
  std::int64_t version = 0;  // 0: not stored yet; grows by one with each update
  core::WallTime created{};  // given by insert()
  core::WallTime updated{};
};

// Tells a row from what it was before and what it will be: who keeps what he made of a row may go on with it
// while the stamp is the same. The time is in it because a version that was rolled back is given again.
struct Stamp {
  std::int64_t version = 0;
  core::WallTime updated{};
  bool operator==(const Stamp&) const = default;
};
inline Stamp stamp_of(const Row& row) {
  return {.version = row.version, .updated = row.updated};
}

// Conditions are joined by AND; those that are empty do not count. Rows come by id, which grows with time.
struct Query {
  Kind kind{};
  std::string parent{};
  std::string refers_to{};
  std::vector<std::string> statuses{};  // any of these
  struct Text {
    enum class Match { equals, starts_with, contains } match{};
    enum class Field { name, detected_name } field{};
    std::string text;
  };
  std::vector<Text> texts{};
  std::string after{};      // the last id of the page before
  std::size_t limit = 200;  // at most kMaxPage
};

struct Actor {
  std::string id;    // "00u...", "wlp...", "0oa...", "system"
  std::string type;  // "User", "WorkloadPrincipal", "PublicClientApp", "SystemPrincipal"
  std::string name{};
};

struct EventTarget {
  std::string id;
  std::string type;  // "McpServer", "AuthServer", "WorkloadPrincipal", "access_token", ...
  std::string name{};
  core::json::Object detail{};  // as `detailEntry`
};

// One line of the System Log, in Okta's shape and with its event names (docs/registry.md).
struct Event {
  std::string type;  // "resource_servers.mcp_server.activate"
  Actor actor;
  std::vector<EventTarget> targets{};
  bool success = true;
  std::string reason{};       // of a failure
  std::string transaction{};  // what belongs together
  core::json::Object debug{};
  // Given by emit().
  std::int64_t number = 0;
  std::string id{};
  core::WallTime published{};
};

struct EventQuery {
  std::int64_t after = 0;     // the number of the last one seen
  std::string type_prefix{};  // "resource_servers.mcp_server."
  std::string about{};        // a target's id
  std::optional<core::WallTime> since{};
  bool newest_first = false;  // then `after`, where it is not 0, is the number to go down from
  std::size_t limit = 100;    // at most kMaxPage
};

// Something to be done by whichever node comes first. `id` names it: scheduling it again replaces what is
// there and takes it from who is at it.
struct Work {
  std::string id;    // "validate/ems..."
  std::string kind;  // "validate"
  std::string subject{};
  core::json::Object body{};
  core::WallTime due{};
  int attempts = 0;        // claims so far, this one included
  std::int64_t fence = 0;  // given by claim(); who comes with an old one is refused
};

class Reader {
 public:
  virtual ~Reader() = default;
  virtual core::Result<std::optional<Row>> get(Kind kind, std::string_view id) = 0;
  // Of what get() would return, without reading its body.
  virtual core::Result<std::optional<Stamp>> stamp(Kind kind, std::string_view id) = 0;
  virtual core::Result<std::optional<Row>> find_unique(Kind kind, std::string_view unique) = 0;
  virtual core::Result<std::vector<Row>> list(const Query& query) = 0;
};

// Within a transaction, on its thread. Its reads see what it wrote.
class Transaction : public Reader {
 public:
  // As get(), and nobody else changes the row until the end. What is to be changed, or must not change
  // meanwhile, is read so; in this order, so that two do not wait for each other: server, authorization
  // server, settings, workload principal, connection, the rest.
  virtual core::Result<std::optional<Row>> hold(Kind kind, std::string_view id) = 0;
  // Errors: registry.store.exists (kind and id), registry.UNIQUE_CONSTRAINT (Row::unique is taken).
  virtual core::Status insert(Row& row) = 0;
  // Error registry.store.changed unless `row.version` is the stored one; then it grows.
  virtual core::Status update(Row& row) = 0;
  virtual core::Status remove(Kind kind, std::string_view id) = 0;  // no error when there is none

  virtual core::Status emit(Event event) = 0;

  virtual core::Status schedule(Work work) = 0;
  // The end of claimed work. Error registry.store.lease_lost when another one has it, or it was scheduled
  // anew: then nothing of this transaction takes effect.
  virtual core::Status finish(const Work& work) = 0;
  virtual core::Status retry(const Work& work, core::WallTime due) = 0;

  // True exactly once for an id until `keep` has passed, whichever node asks (ID-JAGs, assertions).
  virtual core::Result<bool> consume(std::string_view id, std::chrono::milliseconds keep) = 0;
};

// Thread-safe. Its reads see what was committed, nothing is held.
class Store : public Reader {
 public:
  static constexpr std::size_t kMaxPage = 1000;

  // All of it or, when `work` fails, nothing; that error is returned. `work` may run more than once (a
  // deadlock or a serialization failure is tried again) and on another thread, so it changes nothing outside
  // of `tx`, and waits for nothing: others' transactions may wait for its end. Within `work` the store
  // changes through `tx` only: another transaction(), claim(), or change of state() is refused
  // (registry.store.nested). A KeyRing may make a key when it seals: seal before.
  virtual core::Status transaction(const std::function<core::Status(Transaction& tx)>& work) = 0;

  virtual core::Result<std::vector<Event>> events(const EventQuery& query) = 0;

  // Due work that nobody holds, for `lease` from now; nullopt when there is none. Nobody waits for it: two
  // nodes never get the same.
  virtual core::Result<std::optional<Work>> claim(std::string_view node, std::chrono::milliseconds lease) = 0;
  // False: it is another's now.
  virtual core::Result<bool> renew(const Work& work, std::chrono::milliseconds lease) = 0;

  // Removes at most kMaxPage rows of a kind that were not changed since, those first that were not for the
  // longest; `statuses`: only rows in one of these. Says how many.
  virtual core::Result<std::size_t> prune(Kind kind, core::WallTime changed_before,
                                          const std::vector<std::string>& statuses) = 0;
  // Removes some ids of consume() and records of state() whose time is over. Says how many; 0: there are
  // none.
  virtual core::Result<std::size_t> forget_expired() = 0;

  // Records with an expiry in the same database: codes, tokens, nonces, sealing keys (authserver::Store and
  // core::KeyRing stand on it). Its logs are not there: registry.store.unavailable. Changes are transactions
  // of their own.
  virtual core::StateStore& state() = 0;

  // A copy that can be opened by itself, while others write. SQLite only; for PostgreSQL: pg_dump.
  virtual core::Status backup(const std::string& path) = 0;

  virtual std::string where() const = 0;  // for people, without secrets
};

struct StoreOptions {
  core::Secret url;              // sqlite:PATH, or postgresql://... as libpq takes it
  core::Clock* clock = nullptr;  // outlives the store; null: the system's. Times of leases are its.
  std::size_t connections = 8;   // PostgreSQL: at most; SQLite: readers
  bool migrate = true;           // false: an older schema is registry.store.older
};

// Opens it, and brings its schema up to date. Errors also: registry.store.setting (not such a URL; the
// message does not repeat it).
core::Result<std::unique_ptr<Store>> open_store(StoreOptions options);

}  // namespace registry
