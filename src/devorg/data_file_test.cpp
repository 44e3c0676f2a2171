#include "devorg/data_file.h"

#include <filesystem>
#include <gtest/gtest.h>
#include <unistd.h>

#include "devorg/test_org.h"

namespace devorg {
namespace {

class DataFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("devorg_test_" + std::to_string(::getpid()) + ".db");
    clean();
  }
  void TearDown() override { clean(); }
  void clean() {
    for (const auto* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(path_.string() + suffix);
  }
  std::unique_ptr<TestOrg> open(std::uint32_t users = 60, std::uint64_t seed = 5) {
    note_.clear();
    auto opened =
        DataFile::open(path_, {.users = users, .seed = seed, .now = core::FakeClock().now()}, note_);
    EXPECT_TRUE(opened) << core::describe(opened.error());
    return std::make_unique<TestOrg>(std::move(opened->org), std::move(opened->journal));
  }
  std::filesystem::path path_;
  std::string note_;
};

// Everything that can be read, before and after a restart.
std::vector<std::string> everything(TestOrg& org) {
  std::vector<std::string> bodies;
  std::vector<std::string> targets{
      "/api/v1/users?limit=200",
      "/api/v1/groups",
      "/api/v1/groups/rules?limit=200",
      "/api/v1/apps?limit=200",
      "/api/v1/meta/schemas/user/default",
      "/api/v1/users?limit=200&" + TestOrg::query("filter", R"(status eq "DEPROVISIONED")"),
      "/api/v1/logs?limit=1000&since=" + core::to_rfc3339(org.clock.now() - std::chrono::hours(1))};
  for (const auto* type : {"OKTA_SIGN_ON", "PASSWORD", "ACCESS_POLICY"})
    targets.push_back(std::string("/api/v1/policies?expand=rules&type=") + type);
  for (std::size_t i = 0; i < org.org().groups.size(); ++i)
    if (!org.org().groups[i].removed)
      targets.push_back("/api/v1/groups/" + org.org().groups[i].id + "/users");
  for (const auto& app : org.org().apps) {
    if (app.removed) continue;
    targets.push_back("/api/v1/apps/" + app.id + "/users?limit=500");
    targets.push_back("/api/v1/apps/" + app.id + "/groups?limit=200");
  }
  for (const auto& target : targets) bodies.push_back(target + " " + org.get(target).raw.body);
  return bodies;
}

TEST_F(DataFileTest, ARestartChangesNothing) {
  std::vector<std::string> before;
  {
    auto org = open();
    const std::string schema =
        R"({"definitions":{"custom":{"properties":{"shoe":{"title":"Shoe","type":"integer"}}}}})";
    ASSERT_EQ(org->post("/api/v1/meta/schemas/user/default", schema).status(), 200);
    const std::string ada =
        org->post("/api/v1/users?activate=false", new_user("ada@x.example", R"(,"shoe":38)")).text("id");
    const std::string bob =
        org->post("/api/v1/users", new_user("bob@x.example", R"(,"department":"Engineering")")).text("id");
    ASSERT_EQ(
        org->post(
               "/api/v1/users/" + ada,
               R"({"profile":{"title":"Changed"},"credentials":{"recovery_question":{"question":"Why?","answer":"because"}}})")
            .status(),
        200);
    const std::string group = org->post("/api/v1/groups", R"({"profile":{"name":"Kept"}})").text("id");
    ASSERT_EQ(org->put("/api/v1/groups/" + group + "/users/" + ada).status(), 204);
    // Generated things change and go, too.
    const std::string active = org->user_in(UserStatus::active);
    ASSERT_EQ(org->post("/api/v1/users/" + active + "/lifecycle/suspend").status(), 200);
    const std::string gone = org->org().users.at(9).id();
    org->del("/api/v1/users/" + gone);
    org->del("/api/v1/users/" + gone);
    ASSERT_EQ(org->get("/api/v1/users/" + gone).status(), 404);
    const std::string payroll = org->group("Payroll");
    const std::string member = org->walk("/api/v1/groups/" + payroll + "/users").empty()
                                   ? bob
                                   : org->walk("/api/v1/groups/" + payroll + "/users")[0];
    org->del("/api/v1/groups/" + payroll + "/users/" + member);
    ASSERT_EQ(org->del("/api/v1/groups/" + org->group("Beta Testers")).status(), 204);
    const std::string app =
        org->post("/api/v1/apps",
                  R"({"label":"A","signOnMode":"BOOKMARK","settings":{"app":{"url":"https://a.example"}}})")
            .text("id");
    ASSERT_EQ(org->post("/api/v1/apps/" + app + "/users", R"({"id":")" + bob + R"("})").status(), 200);
    ASSERT_EQ(org->put("/api/v1/apps/" + app + "/groups/" + group, R"({"priority":4})").status(), 200);
    const std::string policy = org->post("/api/v1/policies", R"({"type":"PASSWORD","name":"P"})").text("id");
    ASSERT_EQ(
        org->post("/api/v1/policies/" + policy + "/rules", R"({"type":"PASSWORD","name":"R"})").status(),
        200);
    const std::string rule = org->get("/api/v1/groups/rules").body.at(0).at("id").as_string().c_str();
    ASSERT_EQ(org->post("/api/v1/groups/rules/" + rule + "/lifecycle/deactivate").status(), 204);
    before = everything(*org);
  }
  auto org = open(10, 99);
  EXPECT_NE(note_.find("--seed 5 --users 60"), std::string::npos) << note_;
  const auto after = everything(*org);
  ASSERT_EQ(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(after[i], before[i]);
}

TEST_F(DataFileTest, RefusesWhatItDoesNotUnderstand) {
  const auto code = [&] {
    std::string note;
    const auto opened = DataFile::open(path_, {.users = 5, .seed = 1, .now = core::FakeClock().now()}, note);
    return opened ? std::string("ok") : opened.error().code;
  };
  const auto change = [&](const std::string& sql) {
    auto database = core::Database::open(path_);
    ASSERT_TRUE(database);
    ASSERT_TRUE((*database)->execute(sql));
  };
  EXPECT_EQ(code(), "ok");
  change("INSERT INTO entity (kind, id, row) VALUES ('1-user', '00uX', '{}')");
  EXPECT_NE(code(), "ok");
  change("DELETE FROM entity; INSERT INTO entity (kind, id, row) VALUES ('9-later', 'x', '{}')");
  EXPECT_EQ(code(), "devorg.data");
  change("DELETE FROM entity; UPDATE meta SET value = '2' WHERE key = 'version'");
  EXPECT_EQ(code(), "devorg.data");
  change(
      "UPDATE meta SET value = '1' WHERE key = 'version'; UPDATE meta SET value = '999' WHERE key = "
      "'generator'");
  EXPECT_EQ(code(), "devorg.data");
  change("UPDATE meta SET value = 'x' WHERE key = 'generator'");
  EXPECT_EQ(code(), "devorg.data");
}

}  // namespace
}  // namespace devorg
