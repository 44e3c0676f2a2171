// `serve --http` is told to end while it works. The org is this test's own, and answers when it is told to.
#include <condition_variable>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <signal.h>
#include <stop_token>

#include "core/scratch_directory.h"
#include "http_service.h"

namespace e2e {
namespace {

namespace json = core::json;
using testing::HasSubstr;

class HttpEnd : public testing::Test {
 protected:
  void SetUp() override {
    auto org = net::HttpServer::start({}, [this](const net::ServerRequest& request) {
      std::unique_lock lock(mutex_);
      ++asked_;
      changed_.notify_all();
      // As long as it takes, or until the server behind the request gives up.
      changed_.wait(lock, request.stop, [this] { return may_answer_; });
      return net::ServerResponse{.status = 200,
                                 .headers = {{"Content-Type", "application/json"}},
                                 .body = request.method == net::Method::get
                                             ? R"([{"id":"00u1","profile":{"login":"a@example.com"}}])"
                                             : R"({"id":"00g1","profile":{"name":"x"}})"};
    });
    ASSERT_TRUE(org);
    org_ = *std::move(org);
    service_ = std::make_unique<HttpService>(
        std::vector<std::string>{},
        Environment{{"OKTA_ORG_URL", "http://127.0.0.1:" + std::to_string(org_->port())},
                    {"OKTA_API_TOKEN", "00secretsecretsecretsecretsecret"},
                    {"OKTA_MCP_STATE_DIR", state_.path()}});
    ASSERT_TRUE(service_->up()) << service_->stderr_text();
  }
  void wait_until_asked() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return asked_ > 0; });
  }
  void answer() {
    const std::lock_guard lock(mutex_);
    may_answer_ = true;
    changed_.notify_all();
  }
  Ask asks(std::string tool, json::Object arguments = {}) const {
    return call(service_->url(), "", std::move(tool), std::move(arguments));
  }
  std::string audit() const {
    return run({program("okta-mcp-server"), "audit", "show"}, {{"OKTA_MCP_STATE_DIR", state_.path()}}).out;
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  int asked_ = 0;
  bool may_answer_ = false;
  core::ScratchDirectory state_;
  Caller caller_;
  std::unique_ptr<net::HttpServer> org_;
  std::unique_ptr<HttpService> service_;
};

TEST_F(HttpEnd, ACallThatReadsIsAnswered) {
  OpenRequest slow(caller_, asks("list_users"));
  wait_until_asked();
  EXPECT_EQ(service_->end(), 0);
  const auto body = slow.finish();
  EXPECT_TRUE(slow.ok());
  EXPECT_EQ(slow.status(), 200);
  EXPECT_THAT(body, HasSubstr("\"isError\":true"));
}

TEST_F(HttpEnd, AWriteThatIsUnderWaySettles) {
  OpenRequest slow(caller_, asks("create_group", {{"profile", json::Object{{"name", "x"}}}}));
  wait_until_asked();
  service_->signal(SIGTERM);
  // New requests are refused from then on: the stop was heard, and the write is still waited for.
  EXPECT_TRUE(eventually([&] {
    const auto late =
        caller_.http().send({}, as_request({.url = service_->url(), .method = "server/discover"}));
    return !late || late->status == 503;
  }));
  answer();
  EXPECT_EQ(service_->wait(), 0);
  EXPECT_THAT(slow.finish(), HasSubstr("Done"));
  EXPECT_THAT(audit(), HasSubstr(R"("result":"ok")"));
}

TEST_F(HttpEnd, AWriteWithoutAnAnswerIsUnknown) {
  OpenRequest slow(caller_, asks("create_group", {{"profile", json::Object{{"name", "x"}}}}));
  wait_until_asked();
  EXPECT_EQ(service_->end(), 0);
  EXPECT_THAT(audit(), HasSubstr(R"("result":"unknown")")) << slow.finish();
}

TEST_F(HttpEnd, SubscriptionsAndStreamsEndInOrder) {
  OpenRequest listening(caller_, {.url = service_->url(),
                                  .method = "subscriptions/listen",
                                  .params = {{"notifications", json::Object{{"toolsListChanged", true}}}}});
  ASSERT_TRUE(listening.sees("notifications/subscriptions/acknowledged"));

  const json::Object hello{
      {"jsonrpc", "2.0"},
      {"id", 1},
      {"method", "initialize"},
      {"params", json::Object{{"protocolVersion", "2025-06-18"},
                              {"capabilities", json::Object{}},
                              {"clientInfo", json::Object{{"name", "t"}, {"version", "1"}}}}}};
  net::HttpRequest legacy{
      .method = net::Method::post,
      .url = service_->url(),
      .headers = {{"Content-Type", "application/json"}, {"Accept", "application/json, text/event-stream"}},
      .body = json::write(hello)};
  const auto opened = caller_.send(legacy);
  const std::string session(opened.headers.get("Mcp-Session-Id"));
  ASSERT_FALSE(session.empty()) << all_of(opened);
  legacy.headers.add("Mcp-Session-Id", session);
  legacy.headers.add("MCP-Protocol-Version", "2025-06-18");
  legacy.body = R"({"jsonrpc":"2.0","method":"notifications/initialized"})";
  EXPECT_EQ(caller_.send(legacy).status, 202);
  OpenRequest stream(caller_, net::HttpRequest{.url = service_->url(),
                                               .headers = {{"Accept", "text/event-stream"},
                                                           {"Mcp-Session-Id", session},
                                                           {"MCP-Protocol-Version", "2025-06-18"}}});
  ASSERT_TRUE(eventually([&] { return stream.status() != 0; }));
  EXPECT_EQ(stream.status(), 200);

  EXPECT_EQ(service_->end(), 0);
  EXPECT_THAT(listening.finish(), HasSubstr("\"result\""));
  EXPECT_TRUE(listening.ok());
  stream.finish();
  EXPECT_TRUE(stream.ok());
}

// An issuer that does not answer, whose keys are asked for meanwhile.
TEST_F(HttpEnd, ATokenThatIsBeingCheckedIsTurnedAway) {
  const Issuer known;
  const std::string issuer = "http://127.0.0.1:" + std::to_string(org_->port()) + "/oauth2/default";
  HttpService service({"--issuer", issuer}, {{"OKTA_ORG_URL", "https://acme.okta.com"},
                                             {"OKTA_API_TOKEN", "00secretsecretsecretsecretsecret"},
                                             {"OKTA_MCP_STATE_DIR", state_.path()}});
  ASSERT_TRUE(service.up()) << service.stderr_text();
  const auto token = known.token("ada@acme.example", "users.read", service.url(), {{"iss", issuer}});
  OpenRequest waiting(caller_, call(service.url(), token, "list_users"));
  wait_until_asked();
  EXPECT_EQ(service.end(), 0);
  EXPECT_THAT(waiting.finish(), testing::Not(HasSubstr("\"result\"")));
}

TEST_F(HttpEnd, ASecondSignalChangesNothing) {
  service_->signal(SIGINT);
  service_->signal(SIGTERM);
  EXPECT_EQ(service_->wait(), 0);
}

}  // namespace
}  // namespace e2e
