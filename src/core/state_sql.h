// Of the state stores only: records, in the SQL that SQLite and PostgreSQL share. A backend brings the
// connection and its logs.
#pragma once

#include <array>
#include <atomic>
#include <span>

#include "core/random.h"
#include "core/state_store.h"

namespace core {

using SqlRow = std::vector<std::string>;
using SqlRows = std::vector<SqlRow>;
using SqlParameters = std::span<const std::string_view>;

class SqlStateStore : public StateStore {
 public:
  Result<std::optional<StateRecord>> get(std::string_view key) override;
  Status put(std::string_view key, std::string_view value, std::chrono::milliseconds keep) override;
  Result<std::optional<std::int64_t>> put_if_absent(std::string_view key, std::string_view value,
                                                    std::chrono::milliseconds keep) override;
  Result<std::optional<std::int64_t>> replace_if_version(std::string_view key, std::int64_t version,
                                                         std::string_view value,
                                                         std::chrono::milliseconds keep) override;
  Result<bool> remove_if_version(std::string_view key, std::int64_t version) override;
  Status remove(std::string_view key) override;
  Result<std::vector<StateRecord>> list(std::string_view prefix, std::string_view after) override;

 protected:
  enum class Sql { get, put, put_if_absent, replace, remove_version, remove, list, purge, count };
  // `now`: the SQL of the present time in milliseconds. Parameters are written ?1, ?2 ...; ?1 is clock_text()
  // in every statement.
  SqlStateStore(std::string_view now, char parameter_sign);

  virtual Result<SqlRows> run(Sql which, SqlParameters parameters) = 0;
  virtual std::string clock_text() const = 0;
  const std::string& text_of(Sql which) const { return sql_[static_cast<std::size_t>(which)]; }

  static Status check_log(std::string_view log);
  static Status check_line(std::string_view line);

 private:
  Result<std::optional<std::int64_t>> changed(Sql which, std::string_view key, std::string_view value,
                                              std::chrono::milliseconds keep, std::string_view version);
  void purge_now_and_then();

  std::array<std::string, static_cast<std::size_t>(Sql::count)> sql_;
  std::atomic<unsigned> puts_ = 0;
};

}  // namespace core
