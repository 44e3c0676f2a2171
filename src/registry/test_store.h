// Stores for tests, on both backends, and a Service over one. One PostgreSQL server for all tests of a
// program, a database of its own for each test.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "core/key_ring.h"
#include "core/metrics.h"
#include "core/random.h"
#include "core/scratch_directory.h"
#include "core/test_postgres.h"
#include "net/fake_http_client.h"
#include "registry/service.h"
#include "registry/store.h"

namespace registry::test {

enum class Backend { sqlite, postgres };

inline std::string name_of(const testing::TestParamInfo<Backend>& info) {
  return info.param == Backend::sqlite ? "sqlite" : "postgres";
}

// Starting one costs a second. Null where PostgreSQL is not installed.
inline core::test::PostgresServer* shared_postgres() {
  static const std::unique_ptr<core::test::PostgresServer> server = core::test::PostgresServer::start();
  return server.get();
}

// A database that is empty at first. Nodes are further stores on it.
class StorePlace {
 public:
  explicit StorePlace(Backend backend) : backend_(backend) {
    if (backend == Backend::sqlite) {
      url_ = fmt::format("sqlite:{}/registry.db", scratch_.path());
    } else if (shared_postgres() != nullptr) {
      static int databases = 0;
      name_ = fmt::format("registry_{}", ++databases);
      if (shared_postgres()->sql("CREATE DATABASE " + name_)) url_ = shared_postgres()->uri("tester", name_);
    }
  }
  bool available() const { return !url_.empty(); }
  Backend backend() const { return backend_; }
  const std::string& url() const { return url_; }
  const std::string& directory() const { return scratch_.path(); }
  core::Result<std::unique_ptr<Store>> open() {
    return open_store({.url = core::Secret(url_), .clock = &clock});
  }
  // Until PostgreSQL has noticed the end of every process that had this place open: events are read up to the
  // oldest transaction that runs, and that of a killed process runs until then.
  bool wait_for_the_dead() const {
    if (backend_ == Backend::sqlite) return true;
    return shared_postgres()->sql(fmt::format(
        "DO $$ BEGIN FOR i IN 1..3000 LOOP PERFORM pg_stat_clear_snapshot(); IF NOT EXISTS (SELECT FROM "
        "pg_stat_activity WHERE datname = '{}') THEN RETURN; END IF; PERFORM pg_sleep(0.01); END LOOP; RAISE "
        "'somebody is still there'; END $$",
        name_));
  }

  core::FakeClock clock;

 private:
  const Backend backend_;
  core::ScratchDirectory scratch_;
  std::string name_;  // of the database
  std::string url_;
};

// The place as place_, two nodes' stores as store_ and other_.
//
//   INSTANTIATE_TEST_SUITE_P(Stores, MyTest, kBackends, name_of);
class AnyStore : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (!place_.available()) GTEST_SKIP() << core::test::PostgresServer::kAbsent;
    auto store = place_.open();
    ASSERT_TRUE(store) << core::describe(store.error());
    store_ = *std::move(store);
    auto other = place_.open();
    ASSERT_TRUE(other) << core::describe(other.error());
    other_ = *std::move(other);
  }
  StorePlace place_{GetParam()};
  std::unique_ptr<Store> store_, other_;
};

inline const auto kBackends = testing::Values(Backend::sqlite, Backend::postgres);

// Everything that a Service points to. `outside` answers as the test tells it.
struct ServiceParts {
  explicit ServiceParts(Backend backend = Backend::sqlite) : place(backend) {
    if (!place.available()) return;
    auto opened = place.open();
    if (!opened) {
      ADD_FAILURE() << core::describe(opened.error());
      return;
    }
    store = *std::move(opened);
    vault = std::make_unique<core::KeyRing>(
        store->state(), place.clock,
        core::KeyRingOptions{.name = "vault",
                             .guard = std::make_shared<const core::Sealer>(core::Sealer::ephemeral())},
        random);
    service = {.settings = {.issuer = "https://org.example", .node = "node-1"},
               .names = ResourceNames("00oTestOrg0000000000"),
               .store = store.get(),
               .clock = &place.clock,
               .random = &random,
               .vault = vault.get(),
               .outside = &outside,
               .metrics = &metrics};
  }

  StorePlace place;
  core::SeededRandom random{5};
  core::Metrics metrics;
  net::FakeHttpClient outside;
  std::unique_ptr<Store> store;
  std::unique_ptr<core::KeyRing> vault;
  Service service{.settings = {}, .names = ResourceNames("00oTestOrg0000000000")};
};

// A Service over SQLite as service_; its parts as parts_.
class ServiceFixture : public testing::Test {
 protected:
  core::FakeClock& clock() { return parts_.place.clock; }
  net::FakeHttpClient& outside() { return parts_.outside; }
  Store& store() { return *parts_.store; }

  ServiceParts parts_;
  Service& service_ = parts_.service;
};

// The same over each backend.
class AnyService : public testing::TestWithParam<Backend> {
 protected:
  void SetUp() override {
    if (!parts_.place.available()) GTEST_SKIP() << core::test::PostgresServer::kAbsent;
    ASSERT_NE(parts_.store, nullptr);
  }
  core::FakeClock& clock() { return parts_.place.clock; }
  net::FakeHttpClient& outside() { return parts_.outside; }
  Store& store() { return *parts_.store; }

  ServiceParts parts_{GetParam()};
  Service& service_ = parts_.service;
};

}  // namespace registry::test
