// An org that misbehaves: each kind of trouble is named, and the server lives on.
#include <atomic>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/scratch_directory.h"
#include "mcp/stdio_client.h"
#include "net/http_server.h"
#include "process.h"

namespace e2e {
namespace {

namespace json = core::json;
using testing::HasSubstr;

class TroubleTest : public testing::Test {
 protected:
  void SetUp() override {
    auto server = net::HttpServer::start({}, [this](const net::ServerRequest& request) {
      if (request.method != net::Method::get) ++writes_;
      return answer_;
    });
    ASSERT_TRUE(server);
    org_ = *std::move(server);
    auto client =
        mcp::StdioClient::start({.argv = {program("okta-mcp-server")},
                                 .env = {{"OKTA_ORG_URL", "http://127.0.0.1:" + std::to_string(org_->port())},
                                         {"OKTA_API_TOKEN", "00secretsecretsecretsecretsecret"},
                                         {"OKTA_MCP_STATE_DIR", state_.path()},
                                         {"OKTA_LOG_LEVEL", "debug"},
                                         {"PATH", "/usr/bin:/bin"}},
                                 .inherit_env = false});
    ASSERT_TRUE(client) << client.error().message;
    client_ = *std::move(client);
  }

  // The text of a failed call; everything that may show it is searched for the token.
  std::string failure(std::string_view tool, json::Object arguments) {
    auto result = client_->call_tool(tool, std::move(arguments));
    EXPECT_TRUE(result) << (result ? "" : result.error().message);
    if (!result) return {};
    EXPECT_TRUE(result->contains("isError") && result->at("isError").as_bool()) << mcp::result_text(*result);
    std::string text = mcp::result_text(*result);
    EXPECT_EQ((text + client_->stderr_text()).find("00secret"), std::string::npos);
    return text;
  }
  std::string read_failure() { return failure("get_user", {{"user_id", "00u00000000000000abc"}}); }

  net::ServerResponse answer_;
  std::atomic<int> writes_{0};
  std::unique_ptr<net::HttpServer> org_;
  core::ScratchDirectory state_;
  std::unique_ptr<mcp::StdioClient> client_;
};

TEST_F(TroubleTest, Html) {
  answer_ = {.status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<html>Sign in</html>"};
  EXPECT_THAT(read_failure(), HasSubstr("web page"));
}

TEST_F(TroubleTest, HalfABody) {
  answer_ = {.status = 200,
             .headers = {{"Content-Type", "application/json"}},
             .body = R"({"id":"00u1","profile":{"login":"a@example.com"}})",
             .fault = net::Fault::truncate_body};
  EXPECT_FALSE(read_failure().empty());
}

TEST_F(TroubleTest, EmptyRefusals) {
  for (int status : {403, 404, 500}) {
    answer_ = {.status = status};
    EXPECT_THAT(read_failure(), HasSubstr(std::to_string(status))) << status;
  }
}

TEST_F(TroubleTest, ARefusedTokenIsNamedOnce) {
  answer_ = {.status = 401};
  EXPECT_THAT(read_failure(), HasSubstr("OKTA_API_TOKEN"));
  EXPECT_THAT(read_failure(), HasSubstr("OKTA_API_TOKEN"));
}

TEST_F(TroubleTest, ABrokenConnectionLeavesAWriteUnknownAndUnrepeated) {
  answer_ = {.fault = net::Fault::reset_without_answer};
  std::string text = failure("create_group", {{"profile", json::Object{{"name", "x"}}}});
  EXPECT_EQ(writes_, 1) << "a POST is never sent twice";
  auto audit = run({program("okta-mcp-server"), "audit", "show"}, {{"OKTA_MCP_STATE_DIR", state_.path()}});
  EXPECT_THAT(audit.out, HasSubstr(R"("result":"unknown")")) << text;
}

TEST_F(TroubleTest, OktasWordsArrive) {
  answer_ = {
      .status = 400,
      .headers = {{"Content-Type", "application/json"}, {"X-Okta-Request-Id", "req-17"}},
      .body =
          R"({"errorCode":"E0000001","errorSummary":"Api validation failed: login","errorLink":"E0000001",)"
          R"("errorId":"oae1","errorCauses":[{"errorSummary":"login: already taken"}]})"};
  std::string text = failure("create_user", {{"profile", json::Object{{"login", "a@example.com"}}}});
  for (auto part : {"E0000001", "already taken", "req-17"}) EXPECT_THAT(text, HasSubstr(part));
}

}  // namespace
}  // namespace e2e
