#include "admin/approval.h"

#include <atomic>
#include <filesystem>
#include <gtest/gtest.h>
#include <optional>
#include <regex>
#include <thread>

#include "core/file.h"
#include "core/scratch_directory.h"
#include "core/test_state.h"

namespace admin {
namespace {

using core::Secret;

class ApprovalTest : public core::test::AnyState {
 protected:
  void SetUp() override {
    AnyState::SetUp();
    if (!store_) return;
    approvals_.emplace(*store_, clock_);
    elsewhere_.emplace(*other_, clock_);
  }
  Plan plan(std::string title = "Delete group \"A\" (00g1)") {
    Plan made{.tool = "delete_group", .org_url = "https://example.okta.com", .title = std::move(title)};
    made.steps = {{{.method = net::Method::delete_, .path = "/api/v1/groups/00g1"}}};
    return made;
  }
  testing::AssertionResult set() {
    auto done = approvals_->set_passphrase(Secret("correct horse"));
    return done ? testing::AssertionSuccess() : testing::AssertionFailure() << core::describe(done.error());
  }
  bool taken(const Plan& which) {
    auto result = approvals_->take_release(which);
    EXPECT_TRUE(result);
    return result && *result;
  }
  void alter(const std::string& key, const char* from, const char* to) {
    const std::string text = (*store_->get(key))->value;
    const std::string altered = std::regex_replace(text, std::regex(from), to);
    ASSERT_NE(altered, text);
    ASSERT_TRUE(store_->put(key, altered, std::chrono::hours{1}));
  }

  core::FakeClock& clock_ = place_.clock;
  std::optional<Approvals> approvals_, elsewhere_;  // two instances
};

INSTANTIATE_TEST_SUITE_P(On, ApprovalTest,
                         testing::Values(core::test::StateKind::directory, core::test::StateKind::postgres),
                         core::test::name_of);

TEST_P(ApprovalTest, WithoutAPassphraseNothingIsReleased) {
  ASSERT_TRUE(approvals_->save(plan()));
  auto released = approvals_->release(plan().id(), Secret("whatever it is"));
  ASSERT_FALSE(released);
  EXPECT_EQ(released.error().code, "admin.approval.no_passphrase");
  EXPECT_FALSE(taken(plan()));
}

TEST_P(ApprovalTest, ReleasedOnceForThatPlanOnly) {
  ASSERT_TRUE(set());
  ASSERT_TRUE(approvals_->save(plan()));
  EXPECT_EQ(approvals_->release(plan().id(), Secret("wrong horse")).error().code,
            "admin.approval.passphrase");
  EXPECT_FALSE(taken(plan()));
  ASSERT_TRUE(approvals_->release(plan().id(), Secret("correct horse")));
  EXPECT_FALSE(taken(plan("Delete group \"B\" (00g2)")));
  EXPECT_TRUE(taken(plan()));
  EXPECT_FALSE(taken(plan())) << "a release is used once";
}

TEST_P(ApprovalTest, OneInstanceOfManyUsesARelease) {
  ASSERT_TRUE(set());
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(approvals_->save(plan()));
    EXPECT_EQ(elsewhere_->pending()->size(), 1u);
    ASSERT_TRUE(elsewhere_->release(plan().id(), Secret("correct horse")));
    std::atomic<int> used = 0;
    {
      std::vector<std::jthread> callers;
      for (int i = 0; i < 4; ++i) {
        callers.emplace_back([&, i] {
          auto mine = (i % 2 == 0 ? approvals_ : elsewhere_)->take_release(plan());
          ASSERT_TRUE(mine) << core::describe(mine.error());
          if (*mine) ++used;
        });
      }
    }
    EXPECT_EQ(used, 1);
  }
}

TEST_P(ApprovalTest, OneCallersReleaseIsNoOthers) {
  Plan ada = plan(), eve = plan();
  ada.caller = "https://issuer.example#ada";
  eve.caller = "https://issuer.example#eve";
  ASSERT_TRUE(set());
  ASSERT_TRUE(approvals_->save(ada));
  EXPECT_NE(approvals_->load(ada.id())->text.find("asked by https://issuer.example#ada"), std::string::npos);
  EXPECT_EQ(approvals_->load(ada.id())->org, "https://example.okta.com");
  ASSERT_TRUE(approvals_->release(ada.id(), Secret("correct horse")));
  EXPECT_FALSE(taken(eve));
  EXPECT_FALSE(taken(plan()));
  EXPECT_TRUE(taken(ada));
}

TEST_P(ApprovalTest, Expires) {
  ASSERT_TRUE(set());
  ASSERT_TRUE(approvals_->save(plan()));
  ASSERT_TRUE(approvals_->release(plan().id(), Secret("correct horse")));
  clock_.advance(Approvals::kReleasedFor);
  EXPECT_FALSE(taken(plan()));
  ASSERT_TRUE(approvals_->save(plan()));
  clock_.advance(Approvals::kPendingFor);
  EXPECT_EQ(approvals_->load(plan().id()).error().code, "admin.approval.expired");
  EXPECT_TRUE(approvals_->pending()->empty());
}

TEST_P(ApprovalTest, AForgedReleaseIsRefused) {
  ASSERT_TRUE(set());
  ASSERT_TRUE(approvals_->save(plan()));
  ASSERT_TRUE(approvals_->release(plan().id(), Secret("correct horse")));
  alter("releases/" + plan().id(), "\"expires\":\"20", "\"expires\":\"21");
  EXPECT_FALSE(taken(plan()));
}

TEST_P(ApprovalTest, ASwappedTextIsAnotherPlan) {
  ASSERT_TRUE(set());
  ASSERT_TRUE(approvals_->save(plan()));
  alter("plans/" + plan().id(), "Delete group", "Rename group");
  EXPECT_EQ(approvals_->release(plan().id(), Secret("correct horse")).error().code, "admin.approval.unknown");
}

TEST_P(ApprovalTest, IdsThatAreNoneAreUnknown) {
  for (std::string_view id :
       {"../approval", "pln_../../../../../../x", "", "pln_", "pln_0123456789abcdef012g"}) {
    EXPECT_EQ(approvals_->load(std::string(id)).error().code, "admin.approval.unknown") << id;
  }
}

TEST_P(ApprovalTest, ThePassphraseIsNotInTheState) {
  EXPECT_FALSE(*approvals_->passphrase_set());
  ASSERT_TRUE(set());
  EXPECT_TRUE(*elsewhere_->passphrase_set());
  const auto records = store_->list("approval/");
  for (const auto& record : *records) {
    EXPECT_EQ(record.value.find("correct"), std::string::npos);
  }
  EXPECT_TRUE(approvals_->check_passphrase(Secret("correct horse")));
  EXPECT_FALSE(approvals_->check_passphrase(Secret("correct hors")));
  EXPECT_EQ(approvals_->set_passphrase(Secret("short")).error().code, "admin.approval.weak");
}

TEST(ApprovalFile, APassphraseOfAnOlderVersionIsTakenOver) {
  core::ScratchDirectory scratch;
  core::FakeClock clock;
  const std::string file = scratch.path() + "/approval.json";
  auto before = core::directory_state(scratch.path() + "/before", clock);
  ASSERT_TRUE(Approvals(*before, clock).set_passphrase(Secret("correct horse")));
  ASSERT_TRUE(core::write_file_atomically(file, (*before->get("approval/passphrase"))->value));

  auto state = core::directory_state(scratch.path() + "/now", clock);
  Approvals approvals(*state, clock, file);
  EXPECT_TRUE(*approvals.passphrase_set());
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_TRUE(approvals.check_passphrase(Secret("correct horse")));
  ASSERT_TRUE(core::write_file_atomically(file, "{}"));
  EXPECT_TRUE(approvals.check_passphrase(Secret("correct horse"))) << "what the state has goes first";
}

}  // namespace
}  // namespace admin
