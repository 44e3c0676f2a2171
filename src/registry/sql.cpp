#include "registry/sql.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

#include "core/text.h"

namespace registry {
namespace {

struct Word {
  std::string_view ours, sqlite, postgres;
};
constexpr auto kWords = std::to_array<Word>({
    {"FOR_UPDATE", "", "FOR UPDATE"},
    {"SKIP_LOCKED", "", "FOR UPDATE SKIP LOCKED"},
    {"EACH(", "json_each(", "json_array_elements_text("},
    {"INSTR(", "instr(", "strpos("},
    {"KEYTEXT", "TEXT", "text COLLATE \"C\""},
    {"NUMBER_KEY", "INTEGER PRIMARY KEY", "bigint PRIMARY KEY"},
    {"WITHOUT ROWID", "WITHOUT ROWID", ""},
});
constexpr std::string_view kIndexed = "INDEXED BY ";

}  // namespace

std::string in_dialect(Dialect dialect, std::string_view sql) {
  const bool postgres = dialect == Dialect::postgres;
  std::string out;
  out.reserve(sql.size());
  while (!sql.empty()) {
    if (postgres && sql.starts_with(kIndexed)) {
      sql.remove_prefix(kIndexed.size());
      sql.remove_prefix(std::min(sql.find(' '), sql.size()));
      continue;
    }
    const auto* word =
        std::ranges::find_if(kWords, [&](const Word& row) { return sql.starts_with(row.ours); });
    if (word != kWords.end()) {
      out += postgres ? word->postgres : word->sqlite;
      sql.remove_prefix(word->ours.size());
      continue;
    }
    out += postgres && sql.front() == '?' ? '$' : sql.front();
    sql.remove_prefix(1);
  }
  return out;
}

core::Error unavailable(core::Error error) {
  if (error.code.starts_with("registry.")) return error;
  if (error.code == "core.postgres.rights" && error.hint.empty()) {
    error.hint =
        "Let the role own the schema okta_agent_registry, or the database: CREATE SCHEMA okta_agent_registry "
        "AUTHORIZATION role.";
  }
  error.kind = core::ErrorKind::unavailable;
  error.code = "registry.store.unavailable";
  if (error.hint.empty()) error.hint = "Check the store's URL, the network, the disk and the database.";
  return error;
}

bool storable(std::string_view text) {
  return !text.contains('\0') && core::valid_utf8(text);
}

std::int64_t to_number(std::string_view text) {
  std::int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}
std::string to_text(std::int64_t number) {
  return fmt::format("{}", number);
}
std::string to_text(core::WallTime time) {
  return to_text(time.time_since_epoch().count());
}
core::WallTime to_time(std::string_view text) {
  return core::WallTime{std::chrono::milliseconds{to_number(text)}};
}

}  // namespace registry
