// Callers of a server: what scopes they need, and that each works with their own login where each has one.
#include "admin/entrance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "admin/fake_org.h"
#include "admin/toolset.h"
#include "core/scratch_directory.h"
#include "mcp/memory_outlet.h"

namespace admin {
namespace {

namespace json = core::json;

TEST(CallerScopes, AreOktasWithoutThePrefix) {
  EXPECT_EQ(caller_scopes(*find_tool("list_users")), std::vector<std::string>{"users.read"});
  EXPECT_EQ(caller_scopes(*find_tool("delete_group")), std::vector<std::string>{"groups.manage"});
  EXPECT_EQ(caller_scopes(*find_tool("run_report")), (std::vector<std::string>{"logs.read", "users.read"}));
  EXPECT_TRUE(caller_scopes(*find_tool("get_scope_status")).empty());
  for (const ToolRow& row : all_tools()) {
    EXPECT_EQ(caller_scopes(row).empty(), row.area == Area::server) << row.name;
  }
  EXPECT_EQ(all_caller_scopes(),
            (std::vector<std::string>{"aiAgents.manage", "aiAgents.read", "apps.manage", "apps.read",
                                      "groups.manage", "groups.read", "logs.read", "policies.manage",
                                      "policies.read", "resourceServers.mcpServers.manage",
                                      "resourceServers.mcpServers.read", "users.manage", "users.read"}));
}

TEST(CallerScopes, ManagingIncludesReadingOfTheSameArea) {
  const struct {
    std::string_view granted, needed;
    bool covers;
  } rows[] = {
      {"users.read", "users.read", true},        {"users.manage", "users.read", true},
      {"users.read", "users.manage", false},     {"groups.manage", "users.read", false},
      {"users.manage", "users.manage.x", false}, {"", "users.read", false},
      {".manage", "users.read", false},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(caller_scope_covers(row.granted, row.needed), row.covers) << row.granted << " " << row.needed;
  }
}

class EntranceTest : public testing::Test, public Entrance {
 protected:
  const Orgs& described() const override { return *ada_orgs_; }
  core::Result<Entered> enter(const core::Context& context, const mcp::Round&) override {
    if (context.principal == "i#ada") return ada_orgs_;
    if (context.principal == "i#bob") return bob_orgs_;
    if (context.principal == "i#mallory") {
      return core::fail(core::ErrorKind::unauthenticated, "test.nobody", "Nobody signed in.", "Try again.");
    }
    return mcp::NeedInput{
        {{"sign-in", mcp::UrlQuestion{"Sign in", "https://example.okta.com/activate", "e"}}}, 1};
  }

  std::shared_ptr<const Orgs> visit(const core::Context&) override { return ada_orgs_; }

  // What a client hears that calls list_groups as `principal`, over HTTP.
  json::Value call(const std::string& principal, json::Object params = {}) {
    auto server = mcp::Server::create({.info = {.name = "t", .version = "1"}});
    EXPECT_TRUE(add_tools(**server, *this).has_value());
    auto outlet = std::make_shared<mcp::MemoryOutlet>();
    params["name"] = "list_groups";
    params["_meta"] = json::Object{{"io.modelcontextprotocol/protocolVersion", "2026-07-28"},
                                   {"io.modelcontextprotocol/clientCapabilities",
                                    json::Object{{"elicitation", json::Object{{"url", json::Object{}}}}}}};
    (*server)->connect(outlet)->accept(
        mcp::Message(mcp::Request{mcp::RequestId::of(1), "tools/call", std::move(params)}),
        {.outlet = outlet, .caller = {.principal = principal}});
    return outlet->take_answer(1);
  }

  static FakeOrg::Answer group_named(std::string name) {
    return [name](const std::string&, const okta::Request&) {
      return answer_json(R"([{"id":"00g1","type":"OKTA_GROUP","profile":{"name":")" + name + R"("}}])");
    };
  }
  struct One {
    One(const std::string& dir, core::Clock& clock, FakeOrg::Answer answer)
        : org(std::move(answer)),
          services(
              {.principal = "t", .state_dir = dir}, [this]() -> core::Result<okta::Org*> { return &org; },
              [] { return std::nullopt; }, clock) {}
    FakeOrg org;
    Services services;
  };

  core::ScratchDirectory scratch_;
  core::FakeClock clock_;
  One ada_{scratch_.path(), clock_, group_named("Adas")};
  One bob_{scratch_.path(), clock_, group_named("Bobs")};
  const std::shared_ptr<const Orgs> ada_orgs_ = std::make_shared<const Orgs>(ada_.services);
  const std::shared_ptr<const Orgs> bob_orgs_ = std::make_shared<const Orgs>(bob_.services);
};

TEST_F(EntranceTest, EachCallerReachesTheirOwn) {
  EXPECT_THAT(json::write(call("i#ada")), testing::HasSubstr("Adas"));
  EXPECT_THAT(json::write(call("i#bob")), testing::HasSubstr("Bobs"));
  EXPECT_EQ(ada_.org.lines().size(), 1u);
  EXPECT_EQ(bob_.org.lines().size(), 1u);
}

TEST_F(EntranceTest, WhoIsNotSignedInIsAskedFirst) {
  const json::Value asked = call("i#eve");
  const json::Value* url = json::find(asked, "result.inputRequests.sign-in.params.url");
  ASSERT_TRUE(url) << json::write(asked);
  EXPECT_EQ(*url, "https://example.okta.com/activate");
  EXPECT_TRUE(ada_.org.lines().empty());
}

TEST_F(EntranceTest, WhyNobodyMayEnterIsAnAnswer) {
  const json::Value told = call("i#mallory");
  EXPECT_EQ(*json::find(told, "result.isError"), json::Value(true));
  EXPECT_THAT(json::write(told), testing::HasSubstr("Nobody signed in."));
  EXPECT_TRUE(ada_.org.lines().empty());
}

}  // namespace
}  // namespace admin
