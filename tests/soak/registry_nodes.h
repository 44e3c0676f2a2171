// Nodes of okta-agent-registry as processes on one store, to be killed and started anew.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

#include "core/scratch_directory.h"
#include "core/test_postgres.h"

namespace soak {

// Where the nodes keep everything: a PostgreSQL server of this run's own, or a SQLite file.
class Place {
 public:
  // Null where PostgreSQL is wanted and is not installed.
  static std::unique_ptr<Place> create(bool postgres);

  const std::string& store() const { return store_; }
  std::string key_file() const { return scratch_.path() + "/key"; }
  std::string log_of(std::size_t node) const;

 private:
  Place() = default;
  core::ScratchDirectory scratch_;
  std::unique_ptr<core::test::PostgresServer> postgres_;
  std::string store_;
};

// kill(), start(), freeze(), thaw() and watch() from one thread, which outlives the processes (they end with
// it); the rest from any.
class Nodes {
 public:
  static constexpr std::string_view kIssuer = "https://agents.example.com";
  static constexpr std::size_t kMost = 8;

  Nodes(const Place& place, std::size_t count, std::string program, int lease_seconds);
  ~Nodes();
  Nodes(const Nodes&) = delete;
  Nodes& operator=(const Nodes&) = delete;

  std::size_t size() const { return nodes_.size(); }
  // Empty while it starts.
  std::string url(std::size_t node) const;
  std::vector<std::string> urls() const;  // of those that serve
  // How often it was killed so far; a request whose node was killed meanwhile may have got no answer.
  int lives(std::size_t node) const;
  int deaths() const;

  void start(std::size_t node);
  // False, and a fault, when it had ended by itself.
  bool kill(std::size_t node);
  // Stops it where it is, and lets it go on: what it had claimed is another's by then. One that is frozen may
  // be killed.
  void freeze(std::size_t node);
  void thaw(std::size_t node);
  // Looks which of them serve by now. False when one has ended by itself, or does not serve after two
  // minutes.
  bool watch();

  std::string fault() const;  // the first; empty: none
  // Warnings and errors in their logs, by what they say.
  const std::map<std::string, int>& complaints() const { return complaints_; }

 private:
  struct Node {
    pid_t process = -1;
    std::string url;
    std::int64_t started_ms = 0;
    int lives = 0;
  };
  void read_log(std::size_t node);
  bool fail(std::size_t node, std::string_view what);

  const Place& place_;
  const std::string program_;
  const int lease_seconds_;
  mutable std::mutex mutex_;
  std::vector<Node> nodes_;
  std::string fault_;
  std::map<std::string, int> complaints_;
};

}  // namespace soak
