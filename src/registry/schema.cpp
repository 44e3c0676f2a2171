// The tables, and how one version of them becomes the next.
#include <fmt/format.h>
#include <span>

#include "registry/events.h"
#include "registry/sql.h"

namespace registry {
namespace {

// A version is what its statements add to the one before. Once released, it does not change.
constexpr std::string_view kFirst[] = {
    // Row, and the forms under which it is looked for: `uniq` and the names folded and cut (entities.cpp).
    ("CREATE TABLE entities (kind KEYTEXT NOT NULL, id KEYTEXT NOT NULL, parent KEYTEXT NOT NULL, "
     "uniq KEYTEXT, status KEYTEXT NOT NULL, name_folded KEYTEXT NOT NULL, detected_folded KEYTEXT NOT NULL, "
     "version BIGINT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL, unique_text TEXT NOT NULL, "
     "name TEXT NOT NULL, detected TEXT NOT NULL, refs TEXT NOT NULL, body TEXT NOT NULL, "
     "PRIMARY KEY (kind, id))"),
    "CREATE UNIQUE INDEX entities_by_unique ON entities (kind, uniq)",
    "CREATE INDEX entities_by_parent ON entities (kind, parent, id)",
    "CREATE INDEX entities_by_status ON entities (kind, status, id)",
    "CREATE INDEX entities_by_name ON entities (kind, name_folded, id)",
    "CREATE INDEX entities_by_detected ON entities (kind, detected_folded, id)",
    "CREATE INDEX entities_by_age ON entities (kind, updated)",
    ("CREATE TABLE entity_refs (kind KEYTEXT NOT NULL, ref KEYTEXT NOT NULL, id KEYTEXT NOT NULL, "
     "PRIMARY KEY (kind, ref, id)) WITHOUT ROWID"),
    // Every three, and every five, neighbouring characters of a name; the name stands here too, so that most
    // of what does not match is passed over without its row being read.
    ("CREATE TABLE grams (gram KEYTEXT NOT NULL, id KEYTEXT NOT NULL, name KEYTEXT NOT NULL, "
     "PRIMARY KEY (gram, id)) WITHOUT ROWID"),
    ("CREATE TABLE records (key KEYTEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL, version BIGINT NOT NULL, "
     "expires BIGINT NOT NULL) WITHOUT ROWID"),
    "CREATE INDEX records_by_expiry ON records (expires)",
    "CREATE TABLE used (id KEYTEXT NOT NULL PRIMARY KEY, expires BIGINT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX used_by_expiry ON used (expires)",
    ("CREATE TABLE events (number NUMBER_KEY, id KEYTEXT NOT NULL, type KEYTEXT NOT NULL, "
     "published BIGINT NOT NULL, body TEXT NOT NULL)"),
    "CREATE INDEX events_by_type ON events (type, number)",
    "CREATE INDEX events_by_time ON events (published, number)",
    ("CREATE TABLE event_targets (target KEYTEXT NOT NULL, number BIGINT NOT NULL, "
     "PRIMARY KEY (target, number)) WITHOUT ROWID"),
    // PostgreSQL's event numbers count from here (events.cpp).
    "CREATE TABLE event_base (base BIGINT NOT NULL)",
    "INSERT INTO event_base (base) VALUES (0)",
    // `ready`: when it may be claimed, which is `due` or the end of a lease.
    ("CREATE TABLE work (id KEYTEXT NOT NULL PRIMARY KEY, kind KEYTEXT NOT NULL, subject KEYTEXT NOT NULL, "
     "body TEXT NOT NULL, due BIGINT NOT NULL, ready BIGINT NOT NULL, node TEXT NOT NULL, fence BIGINT NOT "
     "NULL, "
     "attempts BIGINT NOT NULL) WITHOUT ROWID"),
    "CREATE INDEX work_by_ready ON work (ready)",
};

constexpr std::span<const std::string_view> kVersions[] = {kFirst};
constexpr auto kNewest = static_cast<std::int64_t>(std::size(kVersions));

std::unexpected<core::Error> wrong_version(const SqlBackend& backend, std::int64_t version) {
  if (version > kNewest) {
    return core::fail(core::ErrorKind::unsupported, "registry.store.newer",
                      fmt::format("{} was written by a newer version of this program (format {}, this one "
                                  "knows {}).",
                                  backend.where(), version, kNewest),
                      "Update this program.");
  }
  return core::fail(
      core::ErrorKind::unavailable, "registry.store.older",
      fmt::format("{} has format {}, this program needs {}.", backend.where(), version, kNewest),
      "Run `okta-agent-registry migrate` once.");
}

}  // namespace

core::Status bring_up_to_date(SqlBackend& backend, bool migrate) {
  std::int64_t version = 0;
  RETURN_IF_ERROR(backend.read([&](SqlLine& line) -> core::Status {
    ASSIGN_OR_RETURN(const auto there, backend.schema_version(line));
    version = there.value_or(0);
    return {};
  }));
  if (version == kNewest)
    return backend.dialect() == Dialect::sqlite ? core::Status() : backend.write(events::raise_numbers);
  if (version > kNewest || !migrate) return wrong_version(backend, version);
  return backend.write([&](SqlLine& line) -> core::Status {
    RETURN_IF_ERROR(backend.hold_schema(line));
    // Another node may have been quicker.
    ASSIGN_OR_RETURN(const auto there, backend.schema_version(line));
    if (!there) {
      RETURN_IF_ERROR(line.run("CREATE TABLE schema_version (version BIGINT NOT NULL)"));
      RETURN_IF_ERROR(line.run("INSERT INTO schema_version (version) VALUES (0)"));
    }
    std::int64_t at = there.value_or(0);
    if (at > kNewest) return wrong_version(backend, at);
    for (; at < kNewest; ++at) {
      for (const auto statement : kVersions[at]) RETURN_IF_ERROR(line.run(std::string(statement)));
    }
    RETURN_IF_ERROR(line.run(fmt::format("UPDATE schema_version SET version = {}", at)));
    return {};
  });
}

}  // namespace registry
