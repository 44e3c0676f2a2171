// What the routes share: the org behind its lock, the clock, links, System Log entries, and the search index
// that lags behind writes.
//
// A handler that changes something tells the service before and after: before_user() keeps the version that
// search still shows, saved_user() writes the journal. The caller (server.cpp) holds `mutex` shared for
// routes that only read and exclusively for those that change.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/random.h"
#include "devorg/event_parts.h"
#include "devorg/journal.h"
#include "devorg/org.h"
#include "devorg/search_index.h"
#include "rest/router.h"

namespace devorg {

struct ServiceOptions {
  std::chrono::milliseconds search_lag{1000};  // how long search keeps showing the version before a write
};

class Service {
 public:
  Service(std::unique_ptr<Org> org, std::unique_ptr<Journal> journal, core::Clock& clock,
          core::Random& random, ServiceOptions options);

  Org& org() { return *org_; }
  const Org& org() const { return *org_; }
  std::shared_mutex& mutex() { return mutex_; }
  core::Random& random() { return random_; }

  core::WallTime now() const { return clock_.now(); }
  Seconds now_seconds() const { return static_cast<Seconds>(core::to_unix_seconds(clock_.now())); }

  // The origin in links, such as "http://127.0.0.1:4711"; set once the server listens, before requests come.
  void set_base_url(std::string url) { base_url_ = std::move(url); }
  const std::string& base_url() const { return base_url_; }
  std::string url(std::string_view path) const { return base_url_ + std::string(path); }

  // Writes a LogEvent with the caller as the actor.
  void record(const rest::Call& call, EventType type, boost::json::array targets,
              boost::json::object debug = {});

  // Search as it stands now.
  const SearchIndex& search() const { return search_; }

  void before_user(std::uint32_t user);
  void saved_user(std::uint32_t user);
  void before_group(std::uint32_t group);
  void saved_group(std::uint32_t group);
  void saved_group_rule(std::uint32_t rule);
  void saved_member(std::uint32_t group, std::uint32_t user);
  void saved_app(std::uint32_t app);
  void saved_app_user(std::uint32_t app, std::uint32_t user);
  void saved_policy(std::uint32_t policy);
  void saved_schema();

 private:
  std::unique_ptr<Org> org_;
  std::unique_ptr<Journal> journal_;
  core::Clock& clock_;
  core::Random& random_;
  SearchIndex search_;
  std::string base_url_ = "http://127.0.0.1";
  std::shared_mutex mutex_;
};

}  // namespace devorg
