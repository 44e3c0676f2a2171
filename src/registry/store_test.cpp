#include "registry/store.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <set>
#include <thread>

#include "registry/test_store.h"

namespace registry {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test::Backend;
using testing::ElementsAre;
using testing::IsEmpty;

std::string code_of(const core::Status& status) {
  return status ? "ok" : status.error().code;
}

Row server(const std::string& id, const std::string& name = {}, const std::string& status = "PENDING") {
  return {.kind = Kind::mcp_server, .id = id, .status = status, .name = name, .body = {{"id", id}}};
}

std::vector<std::string> ids_of(const core::Result<std::vector<Row>>& rows) {
  if (!rows) return {"error " + rows.error().code};
  std::vector<std::string> ids;
  for (const auto& row : *rows) ids.push_back(row.id);
  return ids;
}

class StoreTest : public test::AnyStore {
 protected:
  core::Status insert(Row row) {
    return store_->transaction([&](Transaction& tx) {
      Row copy = row;
      return tx.insert(copy);
    });
  }
  std::optional<Row> get(Kind kind, std::string_view id) {
    auto row = store_->get(kind, id);
    EXPECT_TRUE(row);
    return row ? *row : std::nullopt;
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, StoreTest, test::kBackends, test::name_of);

TEST_P(StoreTest, GivesBackWhatWasInserted) {
  Row row{.kind = Kind::mcp_auth_server,
          .id = "ems1/eas1",
          .parent = "ems1",
          .unique = "https://as.example/ü",
          .status = "ACTIVE",
          .name = "Älter 'quoted' \"x\" \\ %",
          .detected_name = "Detected",
          .refs = {"ems1", "rsc1"},
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
}

TEST_P(StoreTest, FindsByPartOfAName) {
  ASSERT_EQ(code_of(insert(server("ems1", "Alpha Server"))), "ok");
  ASSERT_EQ(code_of(insert(server("ems2", "Beta Server"))), "ok");
  Query query{.kind = Kind::mcp_server, .texts = {{.match = Query::Text::Match::contains, .text = "SERV"}}};
  EXPECT_THAT(ids_of(store_->list(query)), ElementsAre("ems1", "ems2"));
  query.texts[0] = {.match = Query::Text::Match::starts_with, .text = "b"};
  EXPECT_THAT(ids_of(store_->list(query)), ElementsAre("ems2"));
  query.texts[0] = {.match = Query::Text::Match::equals, .text = "alpha server"};
  query.statuses = {"PENDING", "ACTIVE"};
  EXPECT_THAT(ids_of(store_->list(query)), ElementsAre("ems1"));
}

TEST_P(StoreTest, KeepsEventsWorkAndUses) {
  ASSERT_EQ(
      code_of(store_->transaction([&](Transaction& tx) -> core::Status {
        RETURN_IF_ERROR(tx.emit({.type = "a.b.c",
                                 .actor = {.id = "00u1", .type = "User"},
                                 .targets = {{.id = "ems1", .type = "McpServer"}}}));
        RETURN_IF_ERROR(tx.schedule({.id = "validate/ems1", .kind = "validate", .due = place_.clock.now()}));
        EXPECT_TRUE(*tx.consume("jti", seconds{10}));
        EXPECT_FALSE(*tx.consume("jti", seconds{10}));
        return {};
      })),
      "ok");
  auto events = store_->events({.type_prefix = "a.", .about = {}});
  ASSERT_TRUE(events) << core::describe(events.error());
  EXPECT_EQ(events->size(), 1u);
  events = store_->events({.about = "ems1", .since = place_.clock.now(), .newest_first = true});
  ASSERT_TRUE(events) << core::describe(events.error());
  EXPECT_EQ(events->size(), 1u);
  auto work = store_->claim("n1", seconds{5});
  ASSERT_TRUE(work) << core::describe(work.error());
  ASSERT_TRUE(*work);
  EXPECT_FALSE(*other_->claim("n2", seconds{5}));
  ASSERT_TRUE(store_->state().put("a/b", "v", hours{1}));
  EXPECT_EQ((*other_->state().get("a/b"))->value, "v");
}

}  // namespace
}  // namespace registry
