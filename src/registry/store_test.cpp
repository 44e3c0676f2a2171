#include "registry/store.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <set>
#include <stdexcept>
#include <thread>

#include "core/postgres.h"
#include "core/sqlite.h"
#include "registry/test_store.h"

namespace registry {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::string code_of(const core::Status& status) {
  return status ? "ok" : status.error().code;
}

Row server(const std::string& id) {
  return {.kind = Kind::mcp_server, .id = id, .status = "PENDING", .body = {{"id", id}}};
}

std::vector<std::string> ids_of(const core::Result<std::vector<Row>>& rows) {
  if (!rows) return {"error " + rows.error().code};
  std::vector<std::string> ids;
  ids.reserve(rows->size());
  for (const auto& row : *rows) ids.push_back(row.id);
  return ids;
}

class StoreTest : public test::AnyStore {
 protected:
  core::Status insert(const Row& row) {
    return store_->transaction([&](Transaction& tx) {
      Row copy = row;
      return tx.insert(copy);
    });
  }
  core::Status remove(Kind kind, std::string_view id) {
    return store_->transaction([&](Transaction& tx) { return tx.remove(kind, id); });
  }
  std::optional<Row> get(Kind kind, std::string_view id) {
    auto row = other_->get(kind, id);
    EXPECT_TRUE(row);
    return row ? *row : std::nullopt;
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, test::kBackends, test::name_of);

TEST(KindNames, DifferAndAreTheirOwn) {
  std::set<std::string_view> names;
  for (int i = 0; i <= static_cast<int>(Kind::operation); ++i) names.insert(to_string(static_cast<Kind>(i)));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(Kind::operation) + 1);
  EXPECT_EQ(to_string(Kind::mcp_server), "mcp_server");
  EXPECT_EQ(to_string(Kind::custom_as), "custom_as");
  EXPECT_EQ(to_string(Kind::service_account), "service_account");
  EXPECT_EQ(to_string(Kind::operation), "operation");
}

TEST_P(StoreTest, GivesBackWhatWasInserted) {
  const Row row{
      .kind = Kind::mcp_auth_server,
      .id = "ems1/eas1",
      .parent = "ems1",
      .unique = "https://as.example/ü",
      .status = "ACTIVE",
      .name = "Älter 'quoted' \"x\" \\ %",
      .detected_name = "Detected",
      .refs = {"ems1", "rsc1", "ems1"},
      .body = {{"a", {1, 2.5, "x", nullptr, true}}, {"nul", std::string("\0", 1)}, {"o", {{"k", "v"}}}}};
  ASSERT_EQ(code_of(store_->transaction([&](Transaction& tx) -> core::Status {
              Row copy = row;
              RETURN_IF_ERROR(tx.insert(copy));
              EXPECT_EQ(copy.version, 1);
              EXPECT_EQ(copy.created, place_.clock.now());
              EXPECT_EQ(copy.updated, place_.clock.now());
              return {};
            })),
            "ok");
  for (Store* store : {store_.get(), other_.get()}) {
    const auto found = *store->get(Kind::mcp_auth_server, "ems1/eas1");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->parent, row.parent);
    EXPECT_EQ(found->unique, row.unique);
    EXPECT_EQ(found->status, row.status);
    EXPECT_EQ(found->name, row.name);
    EXPECT_EQ(found->detected_name, row.detected_name);
    EXPECT_EQ(found->refs, row.refs);
    EXPECT_EQ(found->body, row.body);
    EXPECT_EQ(found->version, 1);
    EXPECT_EQ(found->created, place_.clock.now());
    EXPECT_EQ((*store->find_unique(Kind::mcp_auth_server, row.unique))->id, row.id);
  }
  EXPECT_FALSE(get(Kind::mcp_server, "ems1/eas1")) << "kinds are apart";
  EXPECT_FALSE(get(Kind::mcp_auth_server, "EMS1/eas1")) << "ids are compared byte by byte";
}

TEST_P(StoreTest, RefusesASecondRowAndGoesOn) {
  Row first = server("ems1");
  first.unique = "https://a.example/mcp";
  ASSERT_EQ(code_of(insert(first)), "ok");
  EXPECT_EQ(code_of(store_->transaction([&](Transaction& tx) -> core::Status {
              Row again = server("ems1");
              EXPECT_EQ(code_of(tx.insert(again)), "registry.store.exists");
              Row same = server("ems2");
              same.unique = first.unique;
              EXPECT_EQ(code_of(tx.insert(same)), "registry.UNIQUE_CONSTRAINT");
              EXPECT_EQ(same.version, 0);
              Row third = server("ems3");
              return tx.insert(third);
            })),
            "ok");
  EXPECT_THAT(ids_of(store_->list({.kind = Kind::mcp_server})), ElementsAre("ems1", "ems3"));
}

TEST_P(StoreTest, UniqueValuesAreOfAKind) {
  Row row = server("ems1");
  row.unique = "x";
  ASSERT_EQ(code_of(insert(row)), "ok");
  row.kind = Kind::user;
  EXPECT_EQ(code_of(insert(row)), "ok") << "of another kind";
  EXPECT_EQ(code_of(insert(server("ems2"))), "ok");
  EXPECT_EQ(code_of(insert(server("ems3"))), "ok") << "none is not a value";
  EXPECT_FALSE(*store_->find_unique(Kind::mcp_server, ""));
  EXPECT_FALSE(*store_->find_unique(Kind::mcp_server, "X"));
  ASSERT_EQ(code_of(remove(Kind::mcp_server, "ems1")), "ok");
  row = server("ems4");
  row.unique = "x";
  EXPECT_EQ(code_of(insert(row)), "ok") << "free again";
}

TEST_P(StoreTest, TakesLongUniqueValues) {
  Row row = server("ems1");
  for (int i = 0; i < 4000; ++i) row.unique += static_cast<char>('a' + i * 7 % 26);
  ASSERT_EQ(code_of(insert(row)), "ok");
  EXPECT_EQ((*store_->find_unique(Kind::mcp_server, row.unique))->unique, row.unique);
  row.id = "ems2";
  EXPECT_EQ(code_of(insert(row)), "registry.UNIQUE_CONSTRAINT");
  row.unique.back() = '!';
  EXPECT_EQ(code_of(insert(row)), "ok");
}

TEST_P(StoreTest, UpdatesTheVersionThatWasRead) {
  ASSERT_EQ(code_of(insert(server("ems1"))), "ok");
  const auto start = place_.clock.now();
  place_.clock.advance(seconds{5});
  Row row = *get(Kind::mcp_server, "ems1");
  row.status = "ACTIVE";
  row.body["more"] = 1;
  const Row stale = row;
  ASSERT_EQ(code_of(store_->transaction([&](Transaction& tx) { return tx.update(row); })), "ok");
  EXPECT_EQ(row.version, 2);
  const Row stored = *get(Kind::mcp_server, "ems1");
  EXPECT_EQ(stored.version, 2);
  EXPECT_EQ(stored.status, "ACTIVE");
  EXPECT_EQ(stored.body, row.body);
  EXPECT_EQ(stored.created, start);
  EXPECT_EQ(stored.updated, start + seconds{5});

  Row copy = stale;
  EXPECT_EQ(code_of(other_->transaction([&](Transaction& tx) { return tx.update(copy); })),
            "registry.store.changed");
  copy = server("ems9");
  copy.version = 1;
  EXPECT_EQ(code_of(other_->transaction([&](Transaction& tx) { return tx.update(copy); })),
            "registry.store.changed")
      << "there is none";
  EXPECT_EQ(get(Kind::mcp_server, "ems1")->version, 2);
}

TEST_P(StoreTest, AStampTellsARowFromWhatItWas) {
  EXPECT_EQ(other_->stamp(Kind::mcp_server, "ems1").value(), std::nullopt);
  ASSERT_EQ(code_of(insert(server("ems1"))), "ok");
  Row row = *get(Kind::mcp_server, "ems1");
  const Stamp first = stamp_of(row);
  EXPECT_EQ(other_->stamp(Kind::mcp_server, "ems1").value(), first);
  EXPECT_EQ(other_->stamp(Kind::mcp_auth_server, "ems1").value(), std::nullopt) << "of another kind";
  EXPECT_EQ(other_->stamp(Kind::mcp_server, std::string_view("\0", 1)).value(), std::nullopt);

  // What was rolled back and what came instead have the same version.
  std::optional<Stamp> lost;
  place_.clock.advance(milliseconds{1});
  ASSERT_EQ(code_of(store_->transaction([&](Transaction& tx) -> core::Status {
              Row change = row;
              RETURN_IF_ERROR(tx.update(change));
              ASSIGN_OR_RETURN(lost, tx.stamp(Kind::mcp_server, "ems1"));
              return core::fail(core::ErrorKind::conflict, "no", "Thought better of it.");
            })),
            "no");
  EXPECT_EQ(other_->stamp(Kind::mcp_server, "ems1").value(), first);
  place_.clock.advance(milliseconds{1});
  ASSERT_EQ(code_of(store_->transaction([&](Transaction& tx) { return tx.update(row); })), "ok");
  const auto second = other_->stamp(Kind::mcp_server, "ems1").value();
  EXPECT_EQ(second, stamp_of(row));
  ASSERT_TRUE(lost);
  EXPECT_EQ(lost->version, second->version);
  EXPECT_NE(lost, second);
}

TEST_P(StoreTest, AnUpdateMayNotTakeAnothersUniqueValue) {
  Row one = server("ems1"), two = server("ems2");
  one.unique = "one";
  two.unique = "two";
  ASSERT_EQ(code_of(insert(one)), "ok");
  ASSERT_EQ(code_of(insert(two)), "ok");
  ASSERT_EQ(code_of(store_->transaction([&](Transaction& tx) -> core::Status {
              Row row = **tx.hold(Kind::mcp_server, "ems2");
              row.unique = "one";
              EXPECT_EQ(code_of(tx.update(row)), "registry.UNIQUE_CONSTRAINT");
              EXPECT_EQ(row.version, 1);
              row.unique = "three";
              return tx.update(row);
            })),
            "ok");
  EXPECT_EQ((*store_->find_unique(Kind::mcp_server, "one"))->id, "ems1");
  EXPECT_EQ((*store_->find_unique(Kind::mcp_server, "three"))->id, "ems2");
  EXPECT_FALSE(*store_->find_unique(Kind::mcp_server, "two"));
}

TEST_P(StoreTest, AllOrNothing) {
  const auto done = store_->transaction([&](Transaction& tx) -> core::Status {
    Row row = server("ems1");
    RETURN_IF_ERROR(tx.insert(row));
    RETURN_IF_ERROR(tx.emit({.type = "a.b", .actor = {.id = "00u1", .type = "User"}}));
    RETURN_IF_ERROR(tx.schedule({.id = "w", .kind = "validate", .due = place_.clock.now()}));
    EXPECT_TRUE(*tx.consume("jti", hours{1}));
    return core::fail(core::ErrorKind::conflict, "test.no", "No.");
  });
  EXPECT_EQ(code_of(done), "test.no");
  EXPECT_FALSE(get(Kind::mcp_server, "ems1"));
  EXPECT_THAT(*store_->events({}), IsEmpty());
  EXPECT_FALSE(*store_->claim("n", seconds{1}));
  EXPECT_EQ(code_of(store_->transaction([&](Transaction& tx) -> core::Status {
              EXPECT_TRUE(*tx.consume("jti", hours{1}));
              return {};
            })),
            "ok");
}

TEST_P(StoreTest, SeesItsOwnChangesAndNobodyElseDoes) {
  ASSERT_EQ(code_of(insert(server("ems1"))), "ok");
  EXPECT_EQ(code_of(store_->transaction([&](Transaction& tx) -> core::Status {
              Row row = **tx.hold(Kind::mcp_server, "ems1");
              row.status = "ACTIVE";
              row.unique = "u";
              RETURN_IF_ERROR(tx.update(row));
              Row more = server("ems2");
              RETURN_IF_ERROR(tx.insert(more));
              EXPECT_EQ((*tx.get(Kind::mcp_server, "ems1"))->status, "ACTIVE");
              EXPECT_EQ((*tx.find_unique(Kind::mcp_server, "u"))->id, "ems1");
              EXPECT_THAT(ids_of(tx.list({.kind = Kind::mcp_server})), ElementsAre("ems1", "ems2"));
              for (Store* store : {store_.get(), other_.get()}) {
                EXPECT_EQ((*store->get(Kind::mcp_server, "ems1"))->status, "PENDING");
                EXPECT_THAT(ids_of(store->list({.kind = Kind::mcp_server})), ElementsAre("ems1"));
              }
              return {};
            })),
            "ok");
  EXPECT_EQ(get(Kind::mcp_server, "ems1")->status, "ACTIVE");
}

TEST_P(StoreTest, HasOneWayToChangeItWithinATransaction) {
  EXPECT_EQ(code_of(store_->transaction([&](Transaction& tx) -> core::Status {
              RETURN_IF_ERROR(tx.schedule({.id = "w", .kind = "k", .due = place_.clock.now()}));
              EXPECT_EQ(code_of(store_->transaction([](Transaction&) { return core::Status(); })),
                        "registry.store.nested");
              EXPECT_EQ(code_of(store_->state().put("a", "b", hours{1})), "registry.store.nested");
              EXPECT_EQ(store_->renew({.id = "w", .kind = "k", .fence = 1}, seconds{1}).error().code,
                        "registry.store.nested");
              EXPECT_TRUE(store_->state().get("a"));
              return {};
            })),
            "ok");
  EXPECT_TRUE(*store_->claim("n", seconds{1})) << "the transaction itself was not harmed";
}

TEST_P(StoreTest, ThrowingEndsOnlyItsOwnTransaction) {
  EXPECT_THROW(static_cast<void>(store_->transaction([&](Transaction& tx) -> core::Status {
                 Row row = server("ems1");
                 RETURN_IF_ERROR(tx.insert(row));
                 throw std::runtime_error("defect");
               })),
               std::runtime_error);
  EXPECT_EQ(code_of(insert(server("ems2"))), "ok");
  EXPECT_THAT(ids_of(store_->list({.kind = Kind::mcp_server})), ElementsAre("ems2"));
}

TEST_P(StoreTest, RefusesTextThatTheDatabasesTakeDifferently) {
  for (const std::string& bad : {std::string("a\0b", 3), std::string("\xC3"), std::string("\xED\xA0\x80")}) {
    Row row = server("ems1");
    row.name = bad;
    EXPECT_EQ(code_of(insert(row)), "registry.store.text");
    row = server("ems1");
    row.refs = {bad};
    EXPECT_EQ(code_of(insert(row)), "registry.store.text");
    EXPECT_EQ(code_of(insert(server(bad))), "registry.store.text");
    EXPECT_FALSE(get(Kind::mcp_server, bad));
    EXPECT_THAT(ids_of(store_->list({.kind = Kind::mcp_server, .parent = bad})), IsEmpty());
  }
  EXPECT_EQ(code_of(insert(server(""))), "registry.store.limit");
  EXPECT_EQ(code_of(insert(server(std::string(513, 'x')))), "registry.store.limit");
  EXPECT_EQ(code_of(insert(server(std::string(512, 'x')))), "ok");
  Row row = server("ems1");
  row.body["x"] = std::string(1u << 20, 'x');
  EXPECT_EQ(code_of(insert(row)), "registry.store.limit");
}

TEST_P(StoreTest, RemovesARowWithAllThatFindsIt) {
  Row row = server("ems1");
  row.name = "Alpha";
  row.refs = {"aus1"};
  const Query by_ref{.kind = Kind::mcp_server, .refers_to = "aus1"};
  const Query by_name{.kind = Kind::mcp_server,
                      .texts = {{.match = Query::Text::Match::contains, .text = "lph"}}};
  for (int round = 0; round < 2; ++round) {
    ASSERT_EQ(code_of(insert(row)), "ok");
    EXPECT_THAT(ids_of(store_->list(by_ref)), ElementsAre("ems1"));
    EXPECT_THAT(ids_of(store_->list(by_name)), ElementsAre("ems1"));
    ASSERT_EQ(code_of(remove(Kind::mcp_server, "ems1")), "ok");
    EXPECT_THAT(ids_of(store_->list(by_ref)), IsEmpty());
    EXPECT_THAT(ids_of(store_->list(by_name)), IsEmpty());
  }
  EXPECT_EQ(code_of(remove(Kind::mcp_server, "ems1")), "ok") << "there is none";
}

TEST_P(StoreTest, PrunesTheOldestOfAKind) {
  const auto operation = [](const std::string& id, const std::string& status) {
    return Row{.kind = Kind::operation, .id = id, .status = status};
  };
  ASSERT_EQ(code_of(insert(operation("op-1", "COMPLETED"))), "ok");
  ASSERT_EQ(code_of(insert(operation("op-2", "IN_PROGRESS"))), "ok");
  ASSERT_EQ(code_of(insert(server("ems1"))), "ok");
  place_.clock.advance(hours{1});
  ASSERT_EQ(code_of(insert(operation("op-3", "COMPLETED"))), "ok");
  const auto now = place_.clock.now();
  EXPECT_EQ(*store_->prune(Kind::operation, now - hours{1}, {"COMPLETED"}), 0u) << "not older than that";
  EXPECT_EQ(*store_->prune(Kind::operation, now, {"COMPLETED", "FAILED"}), 1u);
  EXPECT_THAT(ids_of(store_->list({.kind = Kind::operation})), ElementsAre("op-2", "op-3"));
  EXPECT_EQ(*store_->prune(Kind::operation, now + milliseconds{1}, {}), 2u);
  EXPECT_TRUE(get(Kind::mcp_server, "ems1"));
}

TEST_P(StoreTest, KeepsRecords) {
  core::StateStore& state = store_->state();
  ASSERT_TRUE(state.put("keys/a/1", "v1", hours{1}));
  const auto record = *other_->state().get("keys/a/1");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->value, "v1");
  EXPECT_EQ(record->expires, place_.clock.now() + hours{1});
  EXPECT_FALSE(*state.put_if_absent("keys/a/1", "v2", hours{1}));
  EXPECT_FALSE(*state.replace_if_version("keys/a/1", record->version + 1, "v2", hours{1}));
  const auto next = *state.replace_if_version("keys/a/1", record->version, "v2", hours{1});
  ASSERT_TRUE(next);
  EXPECT_FALSE(*state.remove_if_version("keys/a/1", record->version));
  ASSERT_TRUE(state.put("keys/a/2", "v", hours{2}));
  ASSERT_TRUE(state.put("keys/b/1", "v", hours{2}));
  EXPECT_EQ(state.list("keys/a/")->size(), 2u);
  EXPECT_TRUE(*state.consume("id", hours{2}));
  EXPECT_FALSE(*other_->state().consume("id", hours{2}));
  place_.clock.advance(hours{1});
  EXPECT_FALSE(*state.get("keys/a/1"));
  EXPECT_TRUE(*state.get("keys/a/2"));
  EXPECT_EQ(*store_->forget_expired(), 1u);
  EXPECT_EQ(state.append("log", [](std::string_view) { return "line"; }).error().code,
            "registry.store.unavailable");
  EXPECT_EQ(state.remote(), GetParam() == test::Backend::postgres);
}

TEST_P(StoreTest, BacksUpWhileOpen) {
  ASSERT_EQ(code_of(insert(server("ems1"))), "ok");
  const std::string path = place_.directory() + "/copy.db";
  const auto done = store_->backup(path);
  if (GetParam() == test::Backend::postgres) {
    EXPECT_THAT(core::describe(done.error()), HasSubstr("pg_dump"));
    return;
  }
  ASSERT_EQ(code_of(done), "ok");
  const auto mode = std::filesystem::status(path).permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_EQ(code_of(store_->backup(path)), "registry.store.unavailable") << "nothing is written over";
  ASSERT_EQ(code_of(insert(server("ems2"))), "ok");
  auto copy = open_store({.url = core::Secret("sqlite:" + path), .migrate = false});
  ASSERT_TRUE(copy) << core::describe(copy.error());
  EXPECT_THAT(ids_of((*copy)->list({.kind = Kind::mcp_server})), ElementsAre("ems1"));
  EXPECT_EQ(code_of(store_->backup(place_.directory() + "/none/copy.db")), "registry.store.unavailable");
}

TEST(OpenStore, RefusesWhatIsNoStore) {
  for (const std::string& url :
       {std::string{}, std::string("sqlite:"), std::string("mysql://root:pass-word@h/d"),
        std::string("/var/lib/registry.db")}) {
    const auto store = open_store({.url = core::Secret(url)});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, "registry.store.setting");
    EXPECT_THAT(core::describe(store.error()), Not(HasSubstr("pass-word")));
  }
  EXPECT_EQ(open_store({.url = core::Secret("sqlite:/nonexistent/registry.db")}).error().code,
            "registry.store.unavailable");
  const auto nobody = open_store({.url = core::Secret("postgresql://u:pass-word@127.0.0.1:1/d")});
  EXPECT_EQ(nobody.error().code, "registry.store.unavailable");
  EXPECT_THAT(core::describe(nobody.error()), Not(HasSubstr("pass-word")));
}

TEST(OpenStore, LeavesOthersDatabasesAlone) {
  const core::ScratchDirectory scratch;
  const std::string path = scratch.path() + "/other.db";
  {
    auto other = core::Database::open(path);
    ASSERT_TRUE(other);
    ASSERT_TRUE((*other)->execute("CREATE TABLE theirs (a TEXT)"));
  }
  EXPECT_EQ(open_store({.url = core::Secret("sqlite:" + path)}).error().code, "registry.store.setting");
}

// A database as it lies there, by its own words.
class Format : public testing::TestWithParam<test::Backend> {
 protected:
  void SetUp() override {
    if (!place_.available()) GTEST_SKIP() << core::test::PostgresServer::kAbsent;
  }
  void run(const std::string& sql) {
    if (GetParam() == test::Backend::sqlite) {
      auto database = core::Database::open(place_.directory() + "/registry.db");
      ASSERT_TRUE(database);
      ASSERT_TRUE((*database)->execute(sql));
    } else {
      core::Postgres postgres({.connection = core::Secret(place_.url())});
      ASSERT_TRUE(postgres.run("SET search_path = okta_agent_registry", {}));
      ASSERT_TRUE(postgres.run(sql, {}));
    }
  }
  core::Result<std::unique_ptr<Store>> open(bool migrate) {
    return open_store({.url = core::Secret(place_.url()), .migrate = migrate});
  }
  test::StorePlace place_{GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Stores, Format, test::kBackends, test::name_of);

TEST_P(Format, IsMadeOnlyWhenAsked) {
  EXPECT_EQ(open(false).error().code, "registry.store.older");
  EXPECT_TRUE(open(true));
  EXPECT_TRUE(open(false));
}

TEST_P(Format, OfANewerVersionIsRefused) {
  ASSERT_TRUE(open(true));
  run("UPDATE schema_version SET version = version + 1");
  for (const bool migrate : {true, false}) {
    const auto store = open(migrate);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, "registry.store.newer");
    EXPECT_THAT(core::describe(store.error()), HasSubstr("Update this program"));
    EXPECT_THAT(core::describe(store.error()), Not(HasSubstr("s3cr3t-word")));
  }
}

TEST_P(Format, IsMadeOnceByManyAtOnce) {
  std::vector<std::string> outcomes(6);
  {
    std::vector<std::jthread> nodes;
    nodes.reserve(outcomes.size());
    for (auto& outcome : outcomes) {
      nodes.emplace_back([this, &outcome] {
        const auto store = open(true);
        outcome = store ? "ok" : core::describe(store.error());
      });
    }
  }
  EXPECT_THAT(outcomes, testing::Each("ok"));
}

}  // namespace
}  // namespace registry
