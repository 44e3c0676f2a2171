// The journal on disk (--data FILE): one SQLite table of rows by kind and id, laid over the org that the seed
// makes.
#pragma once

#include <memory>
#include <string>

#include "core/sqlite.h"
#include "devorg/generate.h"
#include "devorg/journal.h"

namespace devorg {

class DataFile final : public Journal {
 public:
  static constexpr int kVersion = 1;

  struct Opened {
    std::unique_ptr<Org> org;
    std::unique_ptr<Journal> journal;
  };
  // A new file remembers `options` (seed, size, start time). An old one is loaded with its own seed and size,
  // which win over `options`; a difference is reported through `note`. Errors: devorg.data for a file of a
  // newer version, of another generator, or with rows that do not fit.
  static core::Result<Opened> open(const std::string& path, GenerateOptions options, std::string& note);

  void put(std::string_view kind, std::string_view id, const boost::json::value& row) override;

 private:
  DataFile(std::unique_ptr<core::Database> database, core::Statement write)
      : database_(std::move(database)), write_(std::move(write)) {}
  std::unique_ptr<core::Database> database_;
  core::Statement write_;  // goes before the database does
};

}  // namespace devorg
