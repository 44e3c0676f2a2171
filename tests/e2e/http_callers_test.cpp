// `serve --http --identity caller`: each caller signs in to Okta as themselves, and works with that login
// only.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <mutex>
#include <regex>

#include "core/scratch_directory.h"
#include "dev_org.h"
#include "http_service.h"

namespace e2e {
namespace {

namespace json = core::json;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class HttpCallers : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(org_.up());
    const auto people = org_.administrators();
    ASSERT_EQ(people.size(), 2u);
    ada_ = people[0];
    bob_ = people[1];
    serve();
  }
  void serve() {
    service_.reset();
    service_ = std::make_unique<HttpService>(
        std::vector<std::string>{"--issuer", issuer_.name(), "--identity", "caller", "--audience", kAudience,
                                 "--calls-per-minute", "0"},
        org_.device_settings(state_.path()));
    ASSERT_TRUE(service_->up()) << service_->stderr_text();
  }
  // What the tool says to this caller.
  Ask asks(const std::string& login, std::string tool, json::Object arguments = {}) const {
    return call(service_->url(), issuer_.token(login, kScopes, kAudience), std::move(tool),
                std::move(arguments));
  }
  std::string says(const std::string& login, std::string tool, json::Object arguments = {}) {
    return caller_.text(asks(login, std::move(tool), std::move(arguments)));
  }
  Ask makes_group(const std::string& login, const std::string& name) const {
    return asks(login, "create_group",
                {{"profile", json::Object{{"name", name}, {"description", "by HTTP"}}}});
  }
  static std::string code_in(const std::string& text) {
    std::smatch code;
    return std::regex_search(text, code, std::regex("\\b[A-Z]{4}-?[A-Z]{4}\\b")) ? code.str() : std::string{};
  }
  // Makes the call again until no sign-in is pending any more.
  std::string settled(const Ask& ask) {
    std::string text;
    EXPECT_TRUE(eventually([&] {
      text = caller_.text(ask);
      return text.find("/activate") == std::string::npos;
    }));
    return text;
  }
  // Who did it, as the org has it.
  std::string maker_of(const std::string& group) {
    const auto events = org_.get("/api/v1/logs?filter=eventType%20eq%20%22group.lifecycle.create%22");
    for (const auto& event : events.is_array() ? events.get_array() : json::Array{}) {
      if (json::write(event).find('"' + group + '"') == std::string::npos) continue;
      return std::string(json::string_or_empty(event, "actor.alternateId"));
    }
    return "nobody: " + json::write(events);
  }
  int revocations() const {
    const auto log = org_.log();
    int count = 0;
    for (auto at = log.find("/oauth2/v1/revoke"); at != std::string::npos;
         at = log.find("/oauth2/v1/revoke", at + 1)) {
      ++count;
    }
    return count;
  }

  static constexpr const char* kScopes = "users.read groups.read groups.manage";
  static constexpr const char* kAudience = "https://mcp.acme.example/mcp";
  DevOrg org_{{"--users", "60", "--administrators", "2", "--verbose"}};
  Issuer issuer_;
  core::ScratchDirectory state_;
  Caller caller_;
  std::string ada_, bob_;
  std::unique_ptr<HttpService> service_;
};

TEST_F(HttpCallers, EachWorksWithTheirOwnLogin) {
  // Ada's client can show text only.
  const auto pending = caller_.text(makes_group(ada_, "Made by Ada"));
  ASSERT_THAT(pending, HasSubstr(org_.url() + "/activate"));
  org_.confirm(code_in(pending), ada_);
  EXPECT_THAT(settled(makes_group(ada_, "Made by Ada")), HasSubstr("Done"));
  EXPECT_EQ(maker_of("Made by Ada"), ada_);

  // Bob's can open pages. Ada is signed in, and that is no help to him.
  auto ask = makes_group(bob_, "Made by Bob");
  ask.abilities = {{"elicitation", json::Object{{"url", json::Object{}}}}};
  const auto answer = caller_.send(ask);
  const auto body = body_of(answer);
  EXPECT_EQ(json::string_or_empty(body, "result.resultType"), "input_required") << answer.body;
  const auto* questions = json::find(body, "result");
  ASSERT_TRUE(questions && questions->is_object());
  const auto* requests = questions->get_object().if_contains("inputRequests");
  ASSERT_TRUE(requests) << answer.body;
  const std::string question = json::write(*requests);
  EXPECT_THAT(question, AllOf(HasSubstr(R"("mode":"url")"), HasSubstr("/activate")));
  org_.confirm(code_in(question), bob_);
  EXPECT_THAT(settled(makes_group(bob_, "Made by Bob")), HasSubstr("Done"));
  EXPECT_EQ(maker_of("Made by Bob"), bob_);

  // The logins outlive the process, apart from each other, and nobody reads them on disk.
  EXPECT_EQ(service_->end(), 0);
  EXPECT_EQ(
      run({"/bin/grep", "-rlE", "eyJ[A-Za-z0-9_-]{20}|" + ada_ + "|" + bob_, state_.path() + "/tokens"}, {})
          .out,
      "");
  serve();
  EXPECT_THAT(caller_.text(makes_group(bob_, "Again by Bob")), HasSubstr("Done"));
  EXPECT_THAT(caller_.text(makes_group(ada_, "Again by Ada")), HasSubstr("Done"));
  EXPECT_EQ(maker_of("Again by Bob"), bob_);
  EXPECT_EQ(maker_of("Again by Ada"), ada_);
  // Of the same name, vouched for by nobody it was signed in for.
  EXPECT_THAT(says("eve@acme.example", "list_users"), HasSubstr("/activate"));
  const auto audit =
      run({program("okta-mcp-server"), "audit", "show"}, {{"OKTA_MCP_STATE_DIR", state_.path()}});
  for (const auto& login : {ada_, bob_}) {
    EXPECT_THAT(audit.out, HasSubstr(R"("caller":")" + issuer_.name() + "#" + login + '"'));
  }
  EXPECT_EQ(revocations(), 0);
}

// A link that was passed on: whoever opens it signs in as themselves.
TEST_F(HttpCallers, AnotherPersonsLoginIsGivenUp) {
  const auto pending = caller_.text(makes_group(ada_, "Never made"));
  const auto first_code = code_in(pending);
  ASSERT_FALSE(first_code.empty()) << pending;
  org_.confirm(first_code, bob_);
  const auto refused = settled(makes_group(ada_, "Never made"));
  EXPECT_THAT(refused, AllOf(HasSubstr("another person"), HasSubstr("new link"), Not(HasSubstr(bob_))));
  EXPECT_EQ(json::write(org_.get("/api/v1/groups?q=Never%20made")), "[]");
  EXPECT_GE(revocations(), 1);

  // Not even after a restart.
  const auto again = caller_.text(makes_group(ada_, "Never made"));
  ASSERT_THAT(again, HasSubstr("/activate"));
  EXPECT_NE(code_in(again), first_code);
  serve();
  const auto anew = caller_.text(makes_group(ada_, "Made in the end"));
  ASSERT_THAT(anew, HasSubstr("/activate"));
  org_.confirm(code_in(anew), ada_);
  EXPECT_THAT(settled(makes_group(ada_, "Made in the end")), HasSubstr("Done"));
  EXPECT_EQ(maker_of("Made in the end"), ada_);
  // Nor is Bob served with what he signed in for.
  EXPECT_THAT(says(bob_, "list_users"), HasSubstr("/activate"));
}

TEST_F(HttpCallers, WhatOneChangesTheOthersHearOf) {
  constexpr auto kWatched = "okta://groups/Engineering";
  auto watching = caller_.connect(service_->url(), issuer_.token(ada_, kScopes, kAudience),
                                  {.revision = mcp::Revision::v2026_07_28});
  ASSERT_TRUE(watching);
  std::mutex mutex;
  std::vector<std::string> heard;
  const auto subscription =
      watching->listen({.resource_uris = {kWatched}}, [&](std::string_view, const json::Object& params) {
        std::lock_guard lock(mutex);
        heard.emplace_back(json::string_or_empty(params, "uri"));
      });
  ASSERT_TRUE(subscription) << core::describe(subscription.error());

  const auto change = asks(bob_, "update_group",
                           {{"group_id", "Engineering"}, {"profile", {{"description", "Changed by Bob"}}}});
  const auto pending = caller_.text(change);
  ASSERT_THAT(pending, HasSubstr("/activate"));
  org_.confirm(code_in(pending), bob_);
  EXPECT_THAT(settled(change), HasSubstr("Done"));
  EXPECT_TRUE(eventually([&] {
    std::lock_guard lock(mutex);
    return heard == std::vector<std::string>{kWatched};
  }));

  // Watching is as much as reading.
  auto narrow = caller_.connect(service_->url(), issuer_.token(ada_, "users.read", kAudience),
                                {.revision = mcp::Revision::v2026_07_28});
  ASSERT_TRUE(narrow);
  EXPECT_FALSE(narrow->listen({.resource_uris = {kWatched}}, {}));
  EXPECT_TRUE(narrow->listen({.resource_uris = {"okta://users/00u1"}}, {}));
}

// Both eras: the question is answered before the person has signed in, so the call says so, and a later one
// works.
TEST_F(HttpCallers, AClientThatOpensPagesIsAskedTo) {
  const struct {
    mcp::Revision revision;
    std::string login;
  } rows[] = {{mcp::Revision::v2025_11_25, ada_}, {mcp::Revision::v2026_07_28, bob_}};
  for (const auto& row : rows) {
    std::string link;
    int asked = 0;
    const auto open_page = [&](const json::Object& params) {
      ++asked;
      link = json::string_or_empty(params, "url");
      org_.confirm(code_in(json::write(params)), row.login);
      return mcp::InputResponse{.action = mcp::Answer::accept};
    };
    auto client =
        caller_.connect(service_->url(), issuer_.token(row.login, kScopes, kAudience),
                        {.revision = row.revision, .on_elicitation = open_page, .url_elicitation = true});
    ASSERT_TRUE(client);
    const auto first = client->call_tool("list_users", {{"limit", 2}});
    ASSERT_TRUE(first) << core::describe(first.error());
    EXPECT_THAT(link, HasSubstr(org_.url() + "/activate"));
    EXPECT_EQ(asked, 1);
    EXPECT_TRUE(eventually([&] {
      const auto result = client->call_tool("list_users", {{"limit", 2}});
      return result && mcp::result_text(*result).find("example") != std::string::npos &&
             mcp::result_text(*result).find("/activate") == std::string::npos;
    }));
  }
}

}  // namespace
}  // namespace e2e
