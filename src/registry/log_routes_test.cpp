#include <gtest/gtest.h>

#include "core/encoding.h"
#include "core/json.h"
#include "registry/service.h"
#include "registry/test_store.h"
#include "rest/test_call.h"

namespace registry {
namespace {

using core::json::string_or_empty;
using core::json::Value;

class LogRoutes : public test::AnyService {
 protected:
  void SetUp() override {
    AnyService::SetUp();
    if (IsSkipped()) return;
    add_log_routes(router_, service_);
  }
  void emit(std::string type, std::string target, bool success = true) {
    const auto done = store().transaction([&](Transaction& tx) {
      return tx.emit({.type = type,
                      .actor = {.id = "00u1", .type = "User", .name = "Ada"},
                      .targets = {{.id = target, .type = "McpServer", .name = "One"}},
                      .success = success,
                      .reason = success ? "" : "it failed",
                      .transaction = "t1",
                      .debug = {{"subjectTokenId", "ID.1"}}});
    });
    ASSERT_TRUE(done.has_value()) << core::describe(done.error());
    clock().advance(std::chrono::seconds{1});
  }
  struct Got {
    int status = 0;
    Value body;
    std::string next;  // path and query
    std::size_t size() const { return body.is_array() ? body.get_array().size() : 9999; }
    std::string_view text(std::size_t index, std::string_view path) const {
      return string_or_empty(body.get_array().at(index), path);
    }
  };
  Got get(std::string target) {
    rest::TestCall made(std::move(target));
    auto match = router_.match(net::Method::get, made.request->path);
    auto reply = match->route->handler(made.call);
    Got got;
    got.status = reply ? reply->status : reply.error().status;
    got.body = core::json::parse(reply ? reply->body : rest::write_problem(reply.error(), "oae1")).value();
    if (!reply) return got;
    for (const auto link : reply->headers.all("Link"))
      if (link.ends_with("rel=\"next\""))
        got.next = std::string(link.substr(1, link.find('>') - 1))
                       .substr(std::string_view("https://org.example").size());
    return got;
  }
  rest::Router router_;
};

TEST_P(LogRoutes, AnEventHasOktasShape) {
  emit("resource_servers.mcp_server.activate", "ems1");
  emit("app.oauth2.token.grant.id_jag", "ems2", false);
  const auto got = get("/api/v1/logs");
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(got.text(0, "eventType"), "resource_servers.mcp_server.activate");
  EXPECT_EQ(got.text(0, "outcome.result"), "SUCCESS");
  EXPECT_EQ(got.text(0, "severity"), "INFO");
  EXPECT_EQ(got.text(0, "actor.id"), "00u1");
  EXPECT_EQ(got.text(0, "transaction.id"), "t1");
  EXPECT_EQ(got.text(0, "debugContext.debugData.subjectTokenId"), "ID.1");
  EXPECT_EQ(string_or_empty(got.body.at(0).at("target").at(0), "id"), "ems1");
  EXPECT_FALSE(got.text(0, "uuid").empty());
  EXPECT_TRUE(core::parse_rfc3339(got.text(0, "published")).has_value());
  EXPECT_EQ(got.text(1, "outcome.result"), "FAILURE");
  EXPECT_EQ(got.text(1, "outcome.reason"), "it failed");
}

TEST_P(LogRoutes, PollingSeesEveryEventOnce) {
  for (int i = 0; i < 5; ++i) emit("a.b", fmt::format("t{}", i));
  std::vector<std::string> seen;
  auto got = get("/api/v1/logs?limit=2");
  for (int rounds = 0; rounds < 10; ++rounds) {
    for (const auto& event : got.body.get_array())
      seen.emplace_back(string_or_empty(event.at("target").at(0), "id"));
    ASSERT_FALSE(got.next.empty());
    if (rounds == 5) emit("a.b", "late");
    got = get(got.next);
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"t0", "t1", "t2", "t3", "t4", "late"}));
}

TEST_P(LogRoutes, ABoundedRequestEnds) {
  const auto start = clock().now();
  for (int i = 0; i < 4; ++i) emit("a.b", fmt::format("t{}", i));
  const std::string until = core::percent_encode(core::to_rfc3339(start + std::chrono::seconds{2}));
  auto got = get("/api/v1/logs?limit=1&until=" + until);
  ASSERT_EQ(got.size(), 1u);
  got = get(got.next);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(string_or_empty(got.body.at(0).at("target").at(0), "id"), "t1");
  got = got.next.empty() ? got : get(got.next);
  EXPECT_TRUE(got.next.empty());
  const std::string since = core::percent_encode(core::to_rfc3339(start + std::chrono::seconds{2}));
  EXPECT_EQ(get("/api/v1/logs?since=" + since).size(), 2u);
}

TEST_P(LogRoutes, TheNewestComeFirstWhenAskedSo) {
  for (int i = 0; i < 3; ++i) emit("a.b", fmt::format("t{}", i));
  auto got = get("/api/v1/logs?sortOrder=DESCENDING&limit=2");
  ASSERT_EQ(got.size(), 2u);
  EXPECT_EQ(string_or_empty(got.body.at(0).at("target").at(0), "id"), "t2");
  got = get(got.next);
  ASSERT_EQ(got.size(), 1u);
  EXPECT_EQ(string_or_empty(got.body.at(0).at("target").at(0), "id"), "t0");
  EXPECT_TRUE(got.next.empty());
}

TEST_P(LogRoutes, FiltersNarrow) {
  emit("resource_servers.mcp_server.activate", "ems1");
  emit("resource_servers.mcp_server.update", "ems1");
  emit("resource_servers.mcp_server.update", "ems2");
  emit("workload_principal.register", "wlp1", false);
  const struct {
    std::string_view filter;
    std::size_t count;
  } rows[] = {
      {R"(eventType eq "resource_servers.mcp_server.update")", 2},
      {R"(eventType sw "resource_servers.")", 3},
      {R"(eventType sw "RESOURCE_SERVERS.")", 3},
      {R"(target.id eq "ems1")", 2},
      {R"(target.id eq "ems1" and eventType sw "resource_servers.mcp_server.up")", 1},
      {R"(target.id eq "ems2" or target.id eq "wlp1")", 2},
      {R"(outcome.result eq "FAILURE")", 1},
      {R"(not (eventType sw "resource_servers."))", 1},
      {R"(eventType eq "resource_servers.mcp_server")", 0},
  };
  for (const auto& row : rows) {
    const auto got = get("/api/v1/logs?filter=" + core::percent_encode(row.filter));
    EXPECT_EQ(got.size(), row.count) << row.filter;
  }
}

TEST_P(LogRoutes, BadParametersAreNamed) {
  const struct {
    std::string_view query, code;
  } rows[] = {{"since=yesterday", "E0000030"},
              {"until=2026-13-01", "E0000030"},
              {"since=2026-02-01T00:00:00Z&until=2026-01-01T00:00:00Z", "E0000001"},
              {"sortOrder=UP", "E0000001"},
              {"limit=0", "E0000001"},
              {"limit=1001", "E0000001"},
              {"after=abc", "E0000029"},
              {"after=-4", "E0000029"},
              {"filter=eventType", "E0000031"},
              {"filter=nothing%20eq%20%22x%22", "E0000031"},
              {"q=word", "E0000001"}};
  for (const auto& row : rows) {
    const auto got = get("/api/v1/logs?" + std::string(row.query));
    EXPECT_EQ(got.status, 400) << row.query;
    EXPECT_EQ(string_or_empty(got.body, "errorCode"), row.code) << row.query;
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, LogRoutes, test::kBackends, test::name_of);

}  // namespace
}  // namespace registry
