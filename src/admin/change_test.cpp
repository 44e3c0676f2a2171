// Writes, from the call to the org: what is asked, what is sent, what is written down.
#include <filesystem>
#include <gtest/gtest.h>

#include "admin/fake_org.h"
#include "admin/toolset.h"
#include "core/scratch_directory.h"

namespace admin {
namespace {

namespace json = core::json;

constexpr std::string_view kAda =
    R"({"id":"00u00000000000000ada","status":"ACTIVE","lastUpdated":"2026-01-01T00:00:00.000Z",
        "profile":{"login":"ada@example.com","firstName":"Ada","lastName":"Lovelace","title":"Analyst"}})";
constexpr std::string_view kGroup =
    R"({"id":"00g00000000000000001","type":"OKTA_GROUP","profile":{"name":"Engineering","description":"All of it",
        "costCentre":"17"}})";

class ChangeTest : public testing::Test {
 protected:
  ChangeTest() { make(); }

  void make(bool read_only = false) {
    services_ = std::make_unique<Services>(
        ServicesOptions{.principal = "tester", .state_dir = dir_, .read_only = read_only},
        [this]() -> core::Result<okta::Org*> { return &org_; }, [this] { return org_.tokens_.granted; },
        clock_);
  }

  core::Result<okta::Response> answer(const std::string& line) {
    if (auto special = special_.find(line); special != special_.end()) return special->second();
    if (line.starts_with("GET /api/v1/users/00u00000000000000ada") ||
        line.starts_with("GET /api/v1/users/ada%40")) {
      return answer_json(ada_);
    }
    if (line.starts_with("GET /api/v1/groups/00g00000000000000001/users")) return answer_json("[{},{},{}]");
    if (line.starts_with("GET /api/v1/groups/00g00000000000000001")) return answer_json(group_);
    if (line.starts_with("GET /api/v1/groups?")) return answer_json("[" + group_ + "]");
    if (line.starts_with("GET ")) return answer_not_found();
    return answer_json("", 204);
  }

  mcp::Outcome run(std::string_view tool, std::string_view arguments) {
    arguments_ = json::parse(arguments)->as_object();
    mcp::ToolCall call{.arguments = arguments_, .round = {.can = {.form = can_ask_}}};
    return finish(call_tool(*services_, tool, {}, call));
  }

  // The client comes back with an answer to the question.
  mcp::Outcome answer_question(std::string_view tool, const mcp::NeedInput& question, mcp::Answer action,
                               json::Object content) {
    mcp::ToolCall call{.arguments = arguments_, .round = {.can = {.form = true}, .state = question.state}};
    call.round.responses["confirm"] = {.action = action, .content = std::move(content)};
    return finish(call_tool(*services_, tool, {}, call));
  }

  static mcp::Outcome finish(core::Result<mcp::Outcome> outcome) {
    EXPECT_TRUE(outcome) << (outcome ? "" : outcome.error().message);
    return outcome ? *std::move(outcome) : mcp::Outcome{mcp::Complete{}};
  }
  static std::string text_of(const mcp::Outcome& outcome) {
    const auto* complete = std::get_if<mcp::Complete>(&outcome);
    if (!complete || complete->result.content.empty()) return "(a question)";
    return std::string(mcp::text_of(complete->result.content[0]));
  }
  static bool failed(const mcp::Outcome& outcome) {
    const auto* complete = std::get_if<mcp::Complete>(&outcome);
    return complete && complete->result.is_error;
  }
  std::vector<std::string> audited() {
    std::vector<std::string> out;
    auto lines = services_->audit().tail(100);
    EXPECT_TRUE(lines);
    for (const auto& line : *lines) {
      out.push_back(std::string(line.at("phase").as_string()) + " " +
                    std::string(json::string_or_empty(line, "result")));
    }
    return out;
  }

  core::ScratchDirectory scratch_;
  const std::string dir_ = scratch_.path();
  core::FakeClock clock_;
  std::string ada_{kAda};
  std::string group_{kGroup};
  bool can_ask_ = true;
  std::map<std::string, std::function<core::Result<okta::Response>()>> special_;
  FakeOrg org_{[this](const std::string& line, const okta::Request&) { return answer(line); }};
  std::unique_ptr<Services> services_;
  json::Object arguments_;
};

const std::string kDeactivate = "POST /api/v1/users/00u00000000000000ada/lifecycle/deactivate";

TEST_F(ChangeTest, DestructiveToolsAskAndShowWhoIsMeant) {
  auto outcome = run("deactivate_user", R"({"user_id":"ada@example.com"})");
  auto* question = std::get_if<mcp::NeedInput>(&outcome);
  ASSERT_TRUE(question);
  const auto& message = std::get<mcp::FormQuestion>(question->questions.at("confirm")).message;
  for (std::string_view part :
       {"ada@example.com", "00u00000000000000ada", "Ada Lovelace", "ACTIVE", "https://example"}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " in\n" << message;
  }
  EXPECT_TRUE(org_.writes().empty());
}

TEST_F(ChangeTest, OnlyAClearYesChangesAnything) {
  struct {
    mcp::Answer action;
    std::string_view content;
    bool done;
  } cases[] = {
      {mcp::Answer::accept, R"({"confirm":true})", true},
      {mcp::Answer::accept, R"({"confirm":false})", false},
      {mcp::Answer::accept, "{}", false},
      {mcp::Answer::accept, R"({"confirm":"true"})", false},
      {mcp::Answer::accept, R"({"confirm":1})", false},
      {mcp::Answer::decline, R"({"confirm":true})", false},
      {mcp::Answer::cancel, R"({"confirm":true})", false},
  };
  for (const auto& c : cases) {
    std::size_t before = org_.writes().size();
    auto asked = run("deactivate_user", R"({"user_id":"ada@example.com"})");
    auto* question = std::get_if<mcp::NeedInput>(&asked);
    ASSERT_TRUE(question);
    auto outcome =
        answer_question("deactivate_user", *question, c.action, json::parse(c.content)->as_object());
    EXPECT_EQ(org_.writes().size(), before + (c.done ? 1 : 0)) << c.content;
    EXPECT_EQ(failed(outcome), !c.done) << c.content;
  }
  EXPECT_EQ(org_.writes().front(), kDeactivate);
}

TEST_F(ChangeTest, AnswersToAnotherStateAreAskedAgain) {
  auto asked = run("deactivate_user", R"({"user_id":"ada@example.com"})");
  auto question = std::get<mcp::NeedInput>(asked);
  ada_.replace(ada_.find("Analyst"), 7, "Manager");  // changed by somebody else meanwhile
  auto outcome = answer_question("deactivate_user", question, mcp::Answer::accept, {{"confirm", true}});
  EXPECT_TRUE(std::holds_alternative<mcp::NeedInput>(outcome));
  EXPECT_TRUE(org_.writes().empty());
}

TEST_F(ChangeTest, AClientThatCannotAskLeavesAPlan) {
  can_ask_ = false;
  auto outcome = run("deactivate_user", R"({"user_id":"ada@example.com"})");
  EXPECT_TRUE(failed(outcome));
  EXPECT_TRUE(org_.writes().empty());
  auto pending = *services_->approvals().pending();
  ASSERT_EQ(pending.size(), 1u);
  EXPECT_NE(text_of(outcome).find(pending[0].id), std::string::npos);

  ASSERT_TRUE(services_->approvals().set_passphrase(core::Secret("correct horse")));
  ASSERT_TRUE(services_->approvals().release(pending[0].id, core::Secret("correct horse")));
  EXPECT_FALSE(failed(run("deactivate_user", R"({"user_id":"ada@example.com"})")));
  EXPECT_EQ(org_.writes(), std::vector<std::string>{kDeactivate});
  EXPECT_TRUE(failed(run("deactivate_user", R"({"user_id":"ada@example.com"})"))) << "released once";
  EXPECT_EQ(org_.writes().size(), 1u);
}

TEST_F(ChangeTest, TheWordOfConfirmDeleteConfirmsNothing) {
  auto outcome =
      run("confirm_delete_group", R"({"group_id":"00g00000000000000001","confirmation":"DELETE"})");
  EXPECT_TRUE(std::holds_alternative<mcp::NeedInput>(outcome));
  EXPECT_TRUE(org_.writes().empty());
}

TEST_F(ChangeTest, EachWriteIsWrittenDownBeforeAndAfter) {
  EXPECT_FALSE(failed(run("add_user_to_group", R"({"group_id":"Engineering","user_id":"ada@example.com"})")));
  EXPECT_EQ(org_.writes(),
            std::vector<std::string>{"PUT /api/v1/groups/00g00000000000000001/users/00u00000000000000ada"});
  EXPECT_EQ(audited(), (std::vector<std::string>{"intent ", "outcome ok"}));
  special_[kDeactivate] = [] {
    return core::Result<okta::Response>(
        core::fail(core::ErrorKind::unavailable, "okta.unknown_outcome", "The connection broke."));
  };
  auto question = std::get<mcp::NeedInput>(run("deactivate_user", R"({"user_id":"ada@example.com"})"));
  auto outcome = answer_question("deactivate_user", question, mcp::Answer::accept, {{"confirm", true}});
  EXPECT_TRUE(failed(outcome));
  question = std::get<mcp::NeedInput>(run("deactivate_user", R"({"user_id":"ada@example.com"})"));
  answer_question("deactivate_user", question, mcp::Answer::decline, {});
  EXPECT_EQ(audited(), (std::vector<std::string>{"intent ", "outcome ok", "intent ", "outcome unknown",
                                                 "refused declined"}));
}

TEST_F(ChangeTest, AuditLinesAndPlansNameTheOrg) {
  run("add_user_to_group", R"({"group_id":"Engineering","user_id":"ada@example.com"})");
  const auto lines = services_->audit().tail(10);
  ASSERT_TRUE(lines);
  ASSERT_EQ(lines->size(), 2u);
  for (const auto& line : *lines) EXPECT_EQ(json::string_or_empty(line, "org"), "https://example.okta.com");
  can_ask_ = false;
  run("deactivate_user", R"({"user_id":"ada@example.com"})");
  const auto pending = *services_->approvals().pending();
  ASSERT_EQ(pending.size(), 1u);
  EXPECT_EQ(pending[0].org, "https://example.okta.com");
}

TEST_F(ChangeTest, WithoutAnAuditLineNothingIsSent) {
  std::filesystem::create_directory(dir_ + "/audit.jsonl");
  EXPECT_TRUE(failed(run("add_user_to_group", R"({"group_id":"Engineering","user_id":"ada@example.com"})")));
  EXPECT_TRUE(org_.writes().empty());
}

TEST_F(ChangeTest, ReplacingUpdatesKeepWhatTheyWereNotGiven) {
  auto outcome = run("update_group", R"({"group_id":"Engineering","profile":{"description":"Most of it"}})");
  EXPECT_FALSE(failed(outcome)) << text_of(outcome);
  auto sent = org_.last_request();
  EXPECT_EQ(sent.method, net::Method::put);
  EXPECT_EQ(json::write(*sent.body),
            R"({"profile":{"name":"Engineering","description":"Most of it","costCentre":"17"}})");
  EXPECT_NE(text_of(outcome).find("profile.description"), std::string::npos) << "the difference is shown";
}

TEST_F(ChangeTest, NullClears) {
  run("update_group", R"({"group_id":"Engineering","profile":{"costCentre":null}})");
  EXPECT_EQ(json::write(*org_.last_request().body),
            R"({"profile":{"name":"Engineering","description":"All of it"}})");
  run("update_user", R"({"user_id":"ada@example.com","profile":{"title":null}})");
  EXPECT_EQ(json::write(*org_.last_request().body), R"({"profile":{"title":null}})")
      << "Okta's partial update clears by null";
}

TEST_F(ChangeTest, AChangeBySomebodyElseStopsAReplacement) {
  int reads = 0;
  special_["GET /api/v1/groups/00g00000000000000001"] = [&] {
    return answer_json(++reads == 1 ? group_
                                    : R"({"id":"00g00000000000000001","profile":{"name":"Renamed"}})");
  };
  auto outcome = run("update_group", R"({"group_id":"00g00000000000000001","profile":{"description":"x"}})");
  EXPECT_TRUE(failed(outcome));
  EXPECT_TRUE(org_.writes().empty());
}

// With the manage scope alone, Okta decides whether it may read; when it may not, nothing is replaced.
TEST_F(ChangeTest, AnUpdateThatMayNotReadFirstIsRefused) {
  org_.tokens_.granted = {"okta.groups.manage", "okta.users.read"};
  const auto refuse = [] {
    core::Error error{core::ErrorKind::forbidden, "okta.E0000006", "No.", "A role.", std::nullopt};
    error.upstream = core::UpstreamProblem{.status = 403, .code = "E0000006"};
    return core::Result<okta::Response>(std::unexpected(error));
  };
  const std::string_view update = R"({"group_id":"00g00000000000000001","profile":{"description":"x"}})";
  EXPECT_FALSE(failed(run("update_group", update))) << "Okta let it read";
  const auto writes = org_.writes();

  special_["GET /api/v1/groups/00g00000000000000001"] = refuse;
  const auto outcome = run("update_group", update);
  EXPECT_TRUE(failed(outcome));
  for (std::string_view part : {"okta.groups.read", "replaces", "Nothing was changed", "E0000006"}) {
    EXPECT_NE(text_of(outcome).find(part), std::string::npos) << part << " in " << text_of(outcome);
  }
  EXPECT_EQ(org_.writes(), writes);

  // With the scope, the refusal is about something else, and keeps Okta's words.
  org_.tokens_.granted = {"okta.groups.manage", "okta.groups.read"};
  const auto by_role = run("update_group", update);
  EXPECT_TRUE(failed(by_role));
  EXPECT_EQ(text_of(by_role).find("okta.groups.read"), std::string::npos);
  EXPECT_EQ(org_.writes(), writes);
}

TEST_F(ChangeTest, AManageScopeAloneListsTheReads) {
  org_.tokens_.granted = {"okta.users.manage"};
  const struct {
    std::string_view tool;
    bool listed;
  } cases[] = {{"list_users", true}, {"create_user", true}, {"list_groups", false}, {"get_logs", false}};
  for (const auto& c : cases) EXPECT_EQ(is_available(*services_, *find_tool(c.tool)), c.listed) << c.tool;
  const std::string status = text_of(run("get_scope_status", "{}"));
  EXPECT_NE(status.find("Manage was granted without okta.users.read"), std::string::npos) << status;
}

TEST_F(ChangeTest, TheStatusComparesScopes) {
  services_ = std::make_unique<Services>(
      ServicesOptions{.state_dir = dir_,
                      .configured_scopes = {"okta.users.read", "okta.logs.read"},
                      .notices = {"OKTA_ORG_URL is read as something."}},
      [this]() -> core::Result<okta::Org*> { return &org_; }, [this] { return org_.tokens_.granted; },
      clock_);
  org_.tokens_.requested = {"okta.users.read", "okta.logs.read", "openid"};
  auto status = *json::parse(text_of(run("get_scope_status", "{}")));
  EXPECT_TRUE(status.at("granted_scopes").is_null());
  EXPECT_EQ(json::write(status.at("notices")), R"(["OKTA_ORG_URL is read as something."])");
  org_.tokens_.granted = {"okta.users.read", "openid", "okta.apps.read"};
  status = *json::parse(text_of(run("get_scope_status", "{}")));
  EXPECT_EQ(json::write(status.at("configured_scopes")), R"(["okta.users.read","okta.logs.read"])");
  EXPECT_EQ(json::write(status.at("requested_scopes")), R"(["okta.users.read","okta.logs.read","openid"])");
  EXPECT_EQ(json::write(status.at("configured_but_not_granted")), R"(["okta.logs.read"])");
  EXPECT_EQ(json::write(status.at("granted_but_not_configured")), R"(["okta.apps.read"])");
  EXPECT_EQ(status.at("scopes_in_words").as_array().size(), 2u);
}

TEST_F(ChangeTest, NothingToDoSendsNothing) {
  auto outcome = run("update_group", R"({"group_id":"Engineering","profile":{"description":"All of it"}})");
  EXPECT_FALSE(failed(outcome));
  EXPECT_TRUE(org_.writes().empty());
}

TEST_F(ChangeTest, DeletingAnActiveUserIsRefused) {
  auto outcome = run("delete_deactivated_user", R"({"user_id":"ada@example.com"})");
  EXPECT_TRUE(failed(outcome));
  EXPECT_NE(text_of(outcome).find("DEPROVISIONED"), std::string::npos);
  EXPECT_TRUE(org_.writes().empty());
}

TEST_F(ChangeTest, CreatesUsersInGroups) {
  auto outcome = run("create_user",
                     R"({"profile":{"login":"b@example.com"},"groups":["Engineering"],"activate":false})");
  EXPECT_FALSE(failed(outcome)) << text_of(outcome);
  EXPECT_EQ(org_.writes(), std::vector<std::string>{"POST /api/v1/users?activate=false"});
  EXPECT_EQ(json::write(*org_.last_request().body),
            R"({"profile":{"login":"b@example.com"},"groupIds":["00g00000000000000001"]})");
}

TEST_F(ChangeTest, SeveralMatchesChangeNothing) {
  special_["GET /api/v1/groups?search=profile.name%20eq%20%22Twins%22&limit=200"] = [] {
    return answer_json(R"([{"id":"00g00000000000000002","type":"OKTA_GROUP","profile":{"name":"Twins"}},
                           {"id":"00g00000000000000003","type":"APP_GROUP","profile":{"name":"Twins"}}])");
  };
  auto outcome = run("add_user_to_group", R"({"group_id":"Twins","user_id":"ada@example.com"})");
  EXPECT_TRUE(failed(outcome));
  for (std::string_view part : {"00g00000000000000002", "00g00000000000000003", "APP_GROUP"}) {
    EXPECT_NE(text_of(outcome).find(part), std::string::npos) << part;
  }
  EXPECT_TRUE(org_.writes().empty());
}

TEST_F(ChangeTest, ReadOnlyRefusesWrites) {
  make(true);
  EXPECT_TRUE(failed(run("create_group", R"({"profile":{"name":"x"}})")));
  EXPECT_TRUE(org_.lines().empty());
}

TEST_F(ChangeTest, EveryDestructiveToolAsksFirst) {
  int seen = 0;
  for (const auto& row : all_tools()) {
    if (row.effect != Effect::destructive) continue;
    ++seen;
    EXPECT_EQ(row.handler, nullptr) << row.name << " must go through run_change";
    EXPECT_FALSE(row.subject.empty()) << row.name << " must show what it takes away";
    EXPECT_FALSE(row.impact.empty()) << row.name;
    EXPECT_FALSE(row.verb.empty()) << row.name;
  }
  EXPECT_EQ(seen, 18);
}

}  // namespace
}  // namespace admin
