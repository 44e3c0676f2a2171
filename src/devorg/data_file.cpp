#include "devorg/data_file.h"

#include <charconv>
#include <fmt/format.h>
#include <map>

#include "core/json.h"
#include "core/log.h"
#include "devorg/persistence.h"

namespace devorg {

namespace {

using Meta = std::map<std::string, std::string, std::less<>>;

core::Result<Meta> read_meta(core::Database& database) {
  Meta meta;
  ASSIGN_OR_RETURN(auto select, database.prepare("SELECT key, value FROM meta"));
  RETURN_IF_ERROR(select.query({}, [&](const std::vector<std::string_view>& row) {
    meta[std::string(row[0])] = std::string(row[1]);
    return core::Status{};
  }));
  return meta;
}

core::Status create(core::Database& database, const GenerateOptions& options) {
  return database.transaction([&]() -> core::Status {
    RETURN_IF_ERROR(
        database.execute("CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT NOT NULL);"
                         "CREATE TABLE IF NOT EXISTS entity (sequence INTEGER PRIMARY KEY, kind TEXT NOT "
                         "NULL, id TEXT NOT NULL,"
                         " row TEXT NOT NULL, UNIQUE (kind, id))"));
    ASSIGN_OR_RETURN(auto insert, database.prepare("INSERT OR IGNORE INTO meta VALUES (?1, ?2)"));
    RETURN_IF_ERROR(insert.run({"version", std::to_string(DataFile::kVersion)}));
    RETURN_IF_ERROR(insert.run({"generator", std::to_string(kGeneratorVersion)}));
    RETURN_IF_ERROR(insert.run({"seed", std::to_string(options.seed)}));
    RETURN_IF_ERROR(insert.run({"users", std::to_string(options.users)}));
    return insert.run({"started", core::to_rfc3339(options.now)});
  });
}

core::Status take_over(const Meta& meta, GenerateOptions& options, const std::string& path) {
  const auto number = [&](std::string_view key) -> core::Result<std::uint64_t> {
    const auto found = meta.find(key);
    std::uint64_t value = 0;
    if (found != meta.end()) {
      const char* end = found->second.data() + found->second.size();
      const auto [stop, error] = std::from_chars(found->second.data(), end, value);
      if (error == std::errc{} && stop == end) return value;
    }
    return core::fail(core::ErrorKind::protocol, "devorg.data",
                      fmt::format("{} does not say its {}.", path, key),
                      "It is no data file of okta-dev-org; choose another one.");
  };
  ASSIGN_OR_RETURN(const auto version, number("version"));
  ASSIGN_OR_RETURN(const auto generator, number("generator"));
  if (version > DataFile::kVersion || generator != kGeneratorVersion)
    return core::fail(core::ErrorKind::unsupported, "devorg.data",
                      fmt::format("{} was made by another version of okta-dev-org.", path),
                      "Use that version, or start with a new file.");
  ASSIGN_OR_RETURN(options.seed, number("seed"));
  ASSIGN_OR_RETURN(const auto users, number("users"));
  options.users = static_cast<std::uint32_t>(std::min<std::uint64_t>(users, 0xFFFFFFFF));
  const auto started = meta.find("started");
  if (started == meta.end())
    return core::fail(core::ErrorKind::protocol, "devorg.data",
                      fmt::format("{} does not say its start.", path));
  ASSIGN_OR_RETURN(options.now, core::parse_rfc3339(started->second));
  return {};
}

}  // namespace

core::Result<DataFile::Opened> DataFile::open(const std::string& path, GenerateOptions options,
                                              std::string& note) {
  ASSIGN_OR_RETURN(auto database, core::Database::open(path));
  const GenerateOptions asked = options;
  RETURN_IF_ERROR(create(*database, options));
  ASSIGN_OR_RETURN(const auto meta, read_meta(*database));
  RETURN_IF_ERROR(take_over(meta, options, path));
  if (asked.seed != options.seed || asked.users != options.users)
    note = fmt::format("{} was made with --seed {} --users {}, which are used.", path, options.seed,
                       options.users);

  ASSIGN_OR_RETURN(auto org, generate(options));
  ASSIGN_OR_RETURN(auto select,
                   database->prepare("SELECT kind, id, row FROM entity ORDER BY kind, sequence"));
  RETURN_IF_ERROR(select.query({}, [&](const std::vector<std::string_view>& row) -> core::Status {
    ASSIGN_OR_RETURN(const auto json, core::json::parse(row[2]));
    return restore(*org, row[0], row[1], json);
  }));
  // The sequence stays when a row is replaced, so that new users keep their order.
  ASSIGN_OR_RETURN(auto write, database->prepare("INSERT INTO entity (kind, id, row) VALUES (?1, ?2, ?3)"
                                                 " ON CONFLICT (kind, id) DO UPDATE SET row = excluded.row"));
  Opened opened{.org = std::move(org)};
  opened.journal.reset(new DataFile(std::move(database), std::move(write)));
  return opened;
}

void DataFile::put(std::string_view kind, std::string_view id, const boost::json::value& row) {
  // The change itself stands; a full disk must not turn it into half an answer.
  if (const auto written = write_.run({kind, id, core::json::write(row)}); !written)
    core::log(core::LogLevel::error, "devorg", "the data file was not written",
              {{"reason", core::describe(written.error())}});
}

}  // namespace devorg
