#include "devorg/user_lifecycle.h"

#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>

#include "devorg/test_org.h"

namespace devorg {
namespace {

constexpr std::string_view kActions[] = {"activate",  "reactivate", "deactivate",      "suspend",
                                         "unsuspend", "unlock",     "expire_password", "reset_password"};

// What each action does in each status: the new status, or the code of the refusal. Written from the
// operations' descriptions and the recorded refusals, not from the table under test.
struct Expected {
  UserStatus from;
  // activate, reactivate, deactivate, suspend, unsuspend, unlock, expire_password, reset_password
  std::array<std::string_view, 8> outcome;
};
constexpr std::string_view kActive = "E0000016", kNoSuspend = "E0000001", kNoUnlock = "E0000032",
                           kNo = "E0000038";
constexpr Expected kExpected[] = {
    {UserStatus::staged, {"PROVISIONED", kNo, "DEPROVISIONED", kNoSuspend, kNoSuspend, kNoUnlock, kNo, kNo}},
    {UserStatus::provisioned,
     {kActive, "PROVISIONED", "DEPROVISIONED", kNoSuspend, kNoSuspend, kNoUnlock, kNo, kNo}},
    {UserStatus::active,
     {kActive, kNo, "DEPROVISIONED", "SUSPENDED", kNoSuspend, kNoUnlock, "PASSWORD_EXPIRED", "RECOVERY"}},
    {UserStatus::recovery,
     {kActive, "PROVISIONED", "DEPROVISIONED", kNoSuspend, kNoSuspend, kNoUnlock, "PASSWORD_EXPIRED",
      "RECOVERY"}},
    {UserStatus::password_expired,
     {kActive, kNo, "DEPROVISIONED", kNoSuspend, kNoSuspend, kNoUnlock, "PASSWORD_EXPIRED", "RECOVERY"}},
    {UserStatus::locked_out,
     {kActive, kNo, "DEPROVISIONED", kNoSuspend, kNoSuspend, "ACTIVE", "PASSWORD_EXPIRED", "RECOVERY"}},
    {UserStatus::suspended, {kActive, kNo, "DEPROVISIONED", kNoSuspend, "ACTIVE", kNoUnlock, kNo, kNo}},
    {UserStatus::deprovisioned, {"PROVISIONED", kNo, kNo, kNoSuspend, kNoSuspend, kNoUnlock, kNo, kNo}},
};

TEST(UserLifecycleTest, EveryActionInEveryStatus) {
  TestOrg org(1200);
  for (const auto& row : kExpected) {
    for (std::size_t i = 0; i < std::size(kActions); ++i) {
      const std::string user = org.user_in(row.from);
      ASSERT_FALSE(user.empty()) << to_string(row.from);
      const std::string name =
          std::string(kActions[i]) + " of a user who is " + std::string(to_string(row.from));
      const std::size_t before = org.org().log.size();
      const Answer answer = org.post("/api/v1/users/" + user + "/lifecycle/" + std::string(kActions[i]));
      const std::string status = org.get("/api/v1/users/" + user).text("status");
      if (row.outcome[i].starts_with("E0")) {
        EXPECT_EQ(answer.code(), row.outcome[i]) << name;
        EXPECT_EQ(status, to_string(row.from)) << name << " changed something";
        EXPECT_EQ(org.org().log.size(), before) << name << " left a trace";
      } else {
        EXPECT_EQ(answer.status(), 200) << name << ": " << answer.problem();
        EXPECT_EQ(status, row.outcome[i]) << name;
        EXPECT_GT(org.org().log.size(), before) << name << " left no trace";
      }
    }
  }
}

// The page for people is drawn from the same table.
TEST(UserLifecycleTest, TheDocumentationShowsTheTable) {
  std::ifstream file(std::string(PROJECT_SOURCE_DIR) + "/docs/okta-dev-org.md");
  ASSERT_TRUE(file);
  std::string page((std::istreambuf_iterator<char>(file)), {});
  std::string expected = "| action | from | to |\n|---|---|---|\n";
  for (const auto& row : user_transitions()) {
    const std::string_view password = !row.has_password   ? ""
                                      : *row.has_password ? ", with a password"
                                                          : ", without a password";
    expected += fmt::format("| {} | {}{} | {} |\n", to_string(row.action), to_string(row.from), password,
                            to_string(row.to));
  }
  EXPECT_NE(page.find(expected), std::string::npos) << "the table should be:\n" << expected;
}

TEST(UserLifecycleTest, AStagedUserWithAPasswordBecomesActiveAtOnce) {
  TestOrg org;
  const std::string body =
      R"({"profile":{"firstName":"P","lastName":"W","login":"p.w@x.example","email":"p.w@x.example"},
    "credentials":{"password":{"value":"Correct-Horse-7"}}})";
  const Answer made = org.post("/api/v1/users?activate=false", body);
  EXPECT_EQ(made.text("status"), "STAGED");
  EXPECT_EQ(org.post("/api/v1/users/p.w@x.example/lifecycle/activate").status(), 200);
  EXPECT_EQ(org.get("/api/v1/users/p.w@x.example").text("status"), "ACTIVE");
}

TEST(UserLifecycleTest, TheRefusalsSayWhatRealOnesSay) {
  TestOrg org(600);
  const auto refuse = [&](UserStatus status, std::string_view action) {
    return org.post("/api/v1/users/" + org.user_in(status) + "/lifecycle/" + std::string(action)).problem();
  };
  EXPECT_EQ(refuse(UserStatus::active, "unlock"),
            "E0000032 Unlock is not allowed for this user. | The user is not locked out.");
  EXPECT_EQ(refuse(UserStatus::active, "reactivate"),
            "E0000038 This operation is not allowed in the user's current status.");
  EXPECT_EQ(refuse(UserStatus::active, "activate"),
            "E0000016 Activation failed because the user is already active");
}

TEST(UserLifecycleTest, WhatTheCallsAnswer) {
  TestOrg org(600);
  const std::string active = org.user_in(UserStatus::active);
  const std::string base = "/api/v1/users/" + active + "/lifecycle/";
  EXPECT_EQ(org.post(base + "suspend").raw.body, "{}");
  EXPECT_EQ(org.post(base + "unsuspend").raw.body, "{}");
  const Answer expired = org.post(base + "expire_password");
  EXPECT_EQ(expired.text("status"), "PASSWORD_EXPIRED");
  EXPECT_EQ(expired.text("id"), active);
  const Answer temporary = org.post(base + "expire_password_with_temp_password");
  EXPECT_EQ(temporary.text("tempPassword").size(), 12u);
  EXPECT_TRUE(org.post(base + "reset_password?sendEmail=false")
                  .text("resetPasswordUrl")
                  .starts_with("http://org.test/reset_password/"));
  EXPECT_EQ(org.post(base + "reset_password?sendEmail=true").raw.body, "{}");
  EXPECT_EQ(org.post(base + "reset_factors").raw.body, "{}");
  const std::string staged = org.user_in(UserStatus::staged);
  const Answer activated = org.post("/api/v1/users/" + staged + "/lifecycle/activate?sendEmail=false");
  EXPECT_TRUE(activated.text("activationUrl").ends_with(activated.text("activationToken")));
  EXPECT_EQ(org.post(base + "explode").code(), "E0000008");
}

TEST(UserLifecycleTest, DeletingTakesTwoSteps) {
  TestOrg org;
  const std::string user = org.user_in(UserStatus::active);
  const std::size_t people = org.walk("/api/v1/groups/" + org.group("Everyone") + "/users").size();
  EXPECT_EQ(org.del("/api/v1/users/" + user).status(), 204);
  EXPECT_EQ(org.get("/api/v1/users/" + user).text("status"), "DEPROVISIONED");
  EXPECT_EQ(org.del("/api/v1/users/" + user).status(), 204);
  const Answer gone = org.get("/api/v1/users/" + user);
  EXPECT_EQ(gone.status(), 404);
  EXPECT_EQ(gone.problem(), "E0000007 Not found: Resource not found: " + user + " (User)");
  EXPECT_EQ(org.del("/api/v1/users/" + user).status(), 404);
  EXPECT_EQ(org.walk("/api/v1/groups/" + org.group("Everyone") + "/users").size(), people - 1);
}

TEST(UserLifecycleTest, DeactivationTakesTheAppsAndKeepsTheGroups) {
  TestOrg org;
  const std::string user = org.user_in(UserStatus::active);
  ASSERT_EQ(
      org.post("/api/v1/apps",
               R"({"label":"A","signOnMode":"BOOKMARK","settings":{"app":{"url":"https://a.example"}}})")
          .status(),
      200);
  const std::string mine = org.org().apps.back().id;
  ASSERT_EQ(org.post("/api/v1/apps/" + mine + "/users", R"({"id":")" + user + R"("})").status(), 200);
  const auto groups = org.walk("/api/v1/users/" + user + "/groups");
  ASSERT_GT(groups.size(), 1u);
  const std::size_t before = org.org().log.size();
  EXPECT_EQ(org.post("/api/v1/users/" + user + "/lifecycle/deactivate").status(), 200);
  EXPECT_EQ(org.get("/api/v1/apps/" + mine + "/users/" + user).status(), 404);
  EXPECT_EQ(org.get("/api/v1/users/" + user + "/appLinks").raw.body, "[]");
  EXPECT_EQ(org.walk("/api/v1/users/" + user + "/groups"), groups);
  EXPECT_EQ(org.events_after(before),
            (std::vector<std::string>{"application.user_membership.remove", "user.lifecycle.deactivate"}));
}

}  // namespace
}  // namespace devorg
