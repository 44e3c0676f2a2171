#include "registry/revocation.h"

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "registry/test_store.h"

namespace registry {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Revocation : public test::AnyService {
 protected:
  void revoke(std::string_view subject, core::WallTime until) {
    const auto done =
        store().transaction([&](Transaction& tx) { return revoke_tokens_of(tx, service_, subject, until); });
    ASSERT_TRUE(done) << core::describe(done.error());
  }
  bool revoked(std::vector<std::string> subjects, core::WallTime issued) {
    return is_revoked(store(), subjects, issued).value();
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, Revocation, test::kBackends, test::name_of);

TEST_P(Revocation, TakesBackWhatWasIssuedUpToThen) {
  const core::WallTime then{seconds{1'800'000'000}};
  EXPECT_FALSE(revoked({"wlp1", "mcn1", "ems1"}, then));
  revoke("wlp1", then + milliseconds{500});
  EXPECT_TRUE(revoked({"wlp1"}, then - seconds{100}));
  EXPECT_TRUE(revoked({"wlp1"}, then)) << "issued in the second in which it was revoked";
  EXPECT_FALSE(revoked({"wlp1"}, then + seconds{1}));
  EXPECT_FALSE(revoked({"wlp2"}, then));
  EXPECT_TRUE(revoked({"wlp2", "", "wlp1"}, then)) << "any subject of the token";
  EXPECT_FALSE(revoked({}, then));
}

TEST_P(Revocation, OnlyGrows) {
  const core::WallTime then{seconds{1'800'000'000}};
  revoke("https://agent.example/client.json", then);
  revoke("https://agent.example/client.json", then - seconds{50});
  EXPECT_TRUE(revoked({"https://agent.example/client.json"}, then));
  revoke("https://agent.example/client.json", then + seconds{50});
  EXPECT_TRUE(revoked({"https://agent.example/client.json"}, then + seconds{50}));
}

TEST_P(Revocation, GoesWithItsTransaction) {
  const core::WallTime then{seconds{1'800'000'000}};
  const auto failed = store().transaction([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(revoke_tokens_of(tx, service_, "wlp1", then));
    return core::fail(core::ErrorKind::conflict, "test", "no");
  });
  EXPECT_FALSE(failed);
  EXPECT_FALSE(revoked({"wlp1"}, then));
}

}  // namespace
}  // namespace registry
