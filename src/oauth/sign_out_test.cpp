#include "oauth/sign_out.h"

#include <gtest/gtest.h>

#include "oauth/test_sign_in.h"

namespace oauth {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class SignOutTest : public testing::Test {
 protected:
  static TokenKey key(std::vector<std::string> scopes = {"okta.users.read"}) {
    return {
        .org = test::kOrg, .client_id = "0oa1", .grant = "authorization_code", .scopes = std::move(scopes)};
  }
  void save(const TokenKey& where, std::string refresh = "refresh+s3cr3t") {
    ASSERT_TRUE(store_.save(where, {.access_token = core::Secret("access-s3cr3t"),
                                    .refresh_token = core::Secret(std::move(refresh)),
                                    .scopes = where.scopes}));
  }
  bool is_stored(const TokenKey& where) { return store_.load(where)->has_value(); }
  std::vector<std::string> asked() const {
    std::vector<std::string> out;
    const auto requests = http_.requests();
    out.reserve(requests.size());
    for (const auto& request : requests) out.push_back(request.body);
    return out;
  }

  MemoryTokenStore store_;
  net::FakeHttpClient http_;
};

TEST_F(SignOutTest, ForgetsAndHasBothTokensRevoked) {
  save(key());
  save(key({"okta.logs.read"}));
  http_.reply(200);
  http_.reply(200);
  const auto outcome = sign_out({}, http_, store_, key());
  ASSERT_TRUE(outcome);
  EXPECT_TRUE(outcome->found);
  EXPECT_TRUE(outcome->revoked);
  EXPECT_FALSE(is_stored(key()));
  EXPECT_FALSE(is_stored(key({"okta.logs.read"})));
  EXPECT_EQ(http_.requests().at(0).url, test::kOrg + "/oauth2/v1/revoke");
  EXPECT_THAT(asked(), ElementsAre("client_id=0oa1&token_type_hint=refresh_token&token=refresh%2Bs3cr3t",
                                   "client_id=0oa1&token_type_hint=access_token&token=access-s3cr3t"));
}

TEST_F(SignOutTest, AsksNobodyWhereThereIsNoLogin) {
  const auto outcome = sign_out({}, http_, store_, key());
  ASSERT_TRUE(outcome);
  EXPECT_FALSE(outcome->found);
  EXPECT_FALSE(outcome->revoked);
  EXPECT_EQ(http_.count(), 0u);
}

TEST_F(SignOutTest, HasTheAccessTokenRevokedWhereThereIsNoOther) {
  save(key(), "");
  http_.reply(200);
  EXPECT_TRUE(sign_out({}, http_, store_, key())->revoked);
  EXPECT_THAT(asked(), ElementsAre(HasSubstr("access_token")));
}

TEST_F(SignOutTest, ForgetsAlsoWhenTheOrgCannotBeAskedOrRefuses) {
  const auto failures = {core::Result<net::HttpResponse>(test::network_failure("net.dns")),
                         core::Result<net::HttpResponse>(test::refusal(401, "invalid_client", "s3cr3t")),
                         core::Result<net::HttpResponse>(net::HttpResponse{.status = 503})};
  for (const auto& failure : failures) {
    save(key());
    http_.push(failure);
    http_.clear_requests();
    const auto outcome = sign_out({}, http_, store_, key());
    ASSERT_TRUE(outcome);
    EXPECT_TRUE(outcome->found);
    EXPECT_FALSE(outcome->revoked);
    ASSERT_TRUE(outcome->problem);
    EXPECT_THAT(test::everything(*outcome->problem), Not(HasSubstr("s3cr3t")));
    EXPECT_FALSE(is_stored(key()));
    EXPECT_EQ(http_.count(), 1u) << "an org that does not answer is not asked twice";
  }
}

TEST_F(SignOutTest, DoesNotWaitForEverForALoginThatSomebodyHolds) {
  save(key());
  http_.reply(200);
  http_.reply(200);
  const auto held = store_.lock({}, key());
  ASSERT_TRUE(held);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_TRUE(sign_out({.stop = stop.get_token()}, http_, store_, key())->found);
  EXPECT_FALSE(is_stored(key()));
}

}  // namespace
}  // namespace oauth
