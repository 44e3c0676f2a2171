#include "admin/approval.h"

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <regex>

#include "core/file.h"
#include "core/scratch_directory.h"

namespace admin {
namespace {

using core::Secret;

class ApprovalTest : public testing::Test {
 protected:
  Plan plan(std::string title = "Delete group \"A\" (00g1)") {
    Plan made{.tool = "delete_group", .org_url = "https://example.okta.com", .title = std::move(title)};
    made.steps = {{{.method = net::Method::delete_, .path = "/api/v1/groups/00g1"}}};
    return made;
  }
  testing::AssertionResult set() {
    auto done = approvals_.set_passphrase(Secret("correct horse"));
    return done ? testing::AssertionSuccess() : testing::AssertionFailure() << core::describe(done.error());
  }
  bool taken(const Plan& which) {
    auto result = approvals_.take_release(which);
    EXPECT_TRUE(result);
    return result && *result;
  }

  core::ScratchDirectory scratch_;
  const std::string dir_ = scratch_.path();
  core::FakeClock clock_;
  Approvals approvals_{dir_, clock_};
};

TEST_F(ApprovalTest, WithoutAPassphraseNothingIsReleased) {
  ASSERT_TRUE(approvals_.save(plan()));
  auto released = approvals_.release(plan().id(), Secret("whatever it is"));
  ASSERT_FALSE(released);
  EXPECT_EQ(released.error().code, "admin.approval.no_passphrase");
  EXPECT_FALSE(taken(plan()));
}

TEST_F(ApprovalTest, ReleasedOnceForThatPlanOnly) {
  ASSERT_TRUE(set());
  ASSERT_TRUE(approvals_.save(plan()));
  EXPECT_EQ(approvals_.release(plan().id(), Secret("wrong horse")).error().code, "admin.approval.passphrase");
  EXPECT_FALSE(taken(plan()));
  ASSERT_TRUE(approvals_.release(plan().id(), Secret("correct horse")));
  EXPECT_FALSE(taken(plan("Delete group \"B\" (00g2)")));
  EXPECT_TRUE(taken(plan()));
  EXPECT_FALSE(taken(plan())) << "a release is used once";
}

TEST_F(ApprovalTest, Expires) {
  ASSERT_TRUE(set());
  ASSERT_TRUE(approvals_.save(plan()));
  ASSERT_TRUE(approvals_.release(plan().id(), Secret("correct horse")));
  clock_.advance(Approvals::kReleasedFor);
  EXPECT_FALSE(taken(plan()));
  ASSERT_TRUE(approvals_.save(plan()));
  clock_.advance(Approvals::kPendingFor);
  EXPECT_EQ(approvals_.load(plan().id()).error().code, "admin.approval.expired");
  EXPECT_TRUE(approvals_.pending().empty());
}

TEST_F(ApprovalTest, AForgedReleaseIsRefused) {
  ASSERT_TRUE(set());
  ASSERT_TRUE(approvals_.save(plan()));
  ASSERT_TRUE(approvals_.release(plan().id(), Secret("correct horse")));
  std::string file = dir_ + "/plans/" + plan().id() + ".release";
  std::string text = **core::read_file(file);
  std::string later = std::regex_replace(text, std::regex("\"expires\":\"20"), "\"expires\":\"21");
  ASSERT_NE(later, text);
  std::ofstream(file) << later;
  EXPECT_FALSE(taken(plan()));
}

TEST_F(ApprovalTest, ASwappedTextIsAnotherPlan) {
  ASSERT_TRUE(set());
  ASSERT_TRUE(approvals_.save(plan()));
  std::string file = dir_ + "/plans/" + plan().id() + ".json";
  std::string text = **core::read_file(file);
  std::ofstream(file) << std::regex_replace(text, std::regex("Delete group"), "Rename group");
  EXPECT_EQ(approvals_.release(plan().id(), Secret("correct horse")).error().code, "admin.approval.unknown");
}

TEST_F(ApprovalTest, IdsDoNotLeadOutOfTheFolder) {
  for (std::string_view id :
       {"../approval", "pln_../../../../../../x", "", "pln_", "pln_0123456789abcdef012g"}) {
    EXPECT_EQ(approvals_.load(std::string(id)).error().code, "admin.approval.unknown") << id;
  }
}

TEST_F(ApprovalTest, ThePassphraseIsNotOnDisk) {
  ASSERT_TRUE(set());
  EXPECT_EQ((*core::read_file(dir_ + "/approval.json"))->find("correct"), std::string::npos);
  EXPECT_TRUE(approvals_.check_passphrase(Secret("correct horse")));
  EXPECT_FALSE(approvals_.check_passphrase(Secret("correct hors")));
  EXPECT_EQ(approvals_.set_passphrase(Secret("short")).error().code, "admin.approval.weak");
}

}  // namespace
}  // namespace admin
