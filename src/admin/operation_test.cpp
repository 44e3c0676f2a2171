// The tools for AI agents: what is accepted and done later is followed to its end.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "admin/fake_org.h"
#include "admin/toolset.h"
#include "core/scratch_directory.h"

namespace admin {
namespace {

namespace json = core::json;

constexpr std::string_view kOperation = "/resource-servers/api/v1/operations/op-1";

// Nobody sleeps: who waits moves the time.
class MovingClock final : public core::Clock {
 public:
  core::WallTime now() const override { return inner_.now(); }
  core::SteadyTime steady() const override { return inner_.steady(); }
  bool wait_until(core::SteadyTime when, std::stop_token stop) override {
    if (stop.stop_requested()) return false;
    if (when > steady()) inner_.advance(std::chrono::ceil<std::chrono::milliseconds>(when - steady()));
    return true;
  }

 private:
  core::FakeClock inner_;
};

class OperationTest : public testing::Test {
 protected:
  void SetUp() override {
    services_ = std::make_unique<Services>(
        ServicesOptions{.principal = "tester", .state_dir = scratch_.path(), .toolset = "agents"},
        [this]() -> core::Result<okta::Org*> { return &org_; }, [this] { return org_.tokens_.granted; },
        clock_);
  }

  core::Result<okta::Response> answer(const std::string& line) {
    if (line == fmt::format("GET {}", kOperation)) {
      const std::size_t at = std::min(asked_++, outcomes_.size() - 1);
      if (outcomes_[at].empty())
        return core::fail(core::ErrorKind::unavailable, "net.connect", "Nobody answers.");
      return okta::Response{.status = 200, .body = *json::parse(outcomes_[at])};
    }
    if (line.starts_with("POST ")) return okta::Response{.status = 202, .location = std::string(kOperation)};
    return okta::Response{
        .status = 200,
        .body =
            json::Object{{"id", "ems1"}, {"status", "INACTIVE"}, {"resourceUrl", "https://mcp.example/mcp"}}};
  }
  core::Result<mcp::Outcome> run(std::string_view tool, const json::Object& arguments) {
    return call_tool(*services_, tool, {}, {.arguments = arguments, .round = {.can = {.form = true}}});
  }
  static std::string text_of(const core::Result<mcp::Outcome>& outcome) {
    if (!outcome) return core::describe(outcome.error());
    const auto* complete = std::get_if<mcp::Complete>(&*outcome);
    if (!complete || complete->result.content.empty()) return "(a question)";
    return std::string(mcp::text_of(complete->result.content[0]));
  }

  core::ScratchDirectory scratch_;
  MovingClock clock_;
  std::vector<std::string> outcomes_;
  std::size_t asked_ = 0;
  FakeOrg org_{[this](const std::string& line, const okta::Request&) { return answer(line); }};
  std::unique_ptr<Services> services_;
};

TEST_F(OperationTest, RegisteringSaysHowItEnded) {
  outcomes_ = {R"({"id":"op-1","status":"SCHEDULED"})", R"({"id":"op-1","status":"IN_PROGRESS"})",
               R"({"id":"op-1","status":"COMPLETED","resource":{"id":"ems1","status":"INACTIVE"}})"};
  const auto text = text_of(
      run("register_mcp_server", {{"resource_url", "https://mcp.example/mcp"}, {"display_name", "Files"}}));
  EXPECT_NE(text.find("Done: Register MCP server https://mcp.example/mcp"), std::string::npos) << text;
  EXPECT_NE(text.find("ems1"), std::string::npos) << text;
  EXPECT_EQ(asked_, 3u);
  const auto sent = org_.requests();
  ASSERT_FALSE(sent.empty());
  EXPECT_EQ(sent.front().path, "/resource-servers/api/v1/mcp-servers");
  ASSERT_TRUE(sent.front().body);
  EXPECT_EQ(json::write(*sent.front().body),
            R"({"resourceUrl":"https://mcp.example/mcp","displayName":"Files"})");
}

TEST_F(OperationTest, AFailureIsAnErrorInOktasWords) {
  outcomes_ = {R"({"id":"op-1","status":"FAILED","errorDetails":{"code":"E0000001",)"
               R"("message":"No authorization servers found"}})"};
  const auto outcome = run("activate_mcp_server", {{"server_id", "ems1"}});
  EXPECT_NE(text_of(outcome).find("No authorization servers found"), std::string::npos) << text_of(outcome);
}

TEST_F(OperationTest, WhatTakesLongerIsSaidToBeUnderWay) {
  outcomes_ = {R"({"id":"op-1","status":"IN_PROGRESS"})"};
  const auto begin = clock_.steady();
  const auto text = text_of(run("activate_mcp_server", {{"server_id", "ems1"}}));
  EXPECT_NE(text.find("IN_PROGRESS"), std::string::npos) << text;
  EXPECT_LE(clock_.steady() - begin, std::chrono::seconds{15});
}

TEST_F(OperationTest, AnUnreadableOutcomeIsNotTakenForOne) {
  outcomes_ = {""};
  const auto text = text_of(run("activate_mcp_server", {{"server_id", "ems1"}}));
  EXPECT_NE(text.find("could not be read"), std::string::npos) << text;
  EXPECT_NE(text.find(kOperation), std::string::npos) << text;
}

TEST_F(OperationTest, WhatStopsAnAgentIsAskedForFirst) {
  for (const auto* tool : {"deactivate_mcp_server", "delete_mcp_server"}) {
    const auto outcome = run(tool, {{"server_id", "ems1"}});
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(std::holds_alternative<mcp::NeedInput>(*outcome)) << tool;
  }
  EXPECT_TRUE(org_.writes().empty());
}

}  // namespace
}  // namespace admin
