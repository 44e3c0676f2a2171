#include "registry/sts_grant.h"

#include <chrono>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <sstream>
#include <utility>

#include "registry/test_sts.h"

namespace registry {
namespace {

using core::WallTime;
using std::chrono::seconds;
using testing::HasSubstr;

// What may happen, written down a second time.
const std::map<std::pair<std::string, std::string>, std::string> kExpected{
    {{"NONE", "requested"}, "CONSENT_PENDING"},
    {{"NONE", "consented"}, "LINKED"},
    {{"NONE", "consent ended"}, "NONE"},
    {{"NONE", "revoked"}, "NONE"},
    {{"CONSENT_PENDING", "requested"}, "CONSENT_PENDING"},
    {{"CONSENT_PENDING", "consented"}, "LINKED"},
    {{"CONSENT_PENDING", "consent ended"}, "NONE"},
    {{"CONSENT_PENDING", "revoked"}, "CONSENT_PENDING"},
    {{"LINKED", "requested"}, "LINKED"},
    {{"LINKED", "consented"}, "LINKED"},
    {{"LINKED", "consent ended"}, "LINKED"},
    {{"LINKED", "refreshed"}, "LINKED"},
    {{"LINKED", "refresh refused"}, "NONE"},
    {{"LINKED", "registration changed"}, "NONE"},
    {{"LINKED", "revoked"}, "LINKED"},
};

TEST(GrantStates, EveryPairIsAsWrittenDown) {
  using enum GrantEvent;
  int allowed = 0;
  for (const GrantState from : {GrantState::none, GrantState::consent_pending, GrantState::linked}) {
    for (const GrantEvent event :
         {requested, consented, consent_ended, refreshed, refresh_refused, changed, revoked}) {
      const auto row = kExpected.find({std::string(to_string(from)), std::string(to_string(event))});
      const auto to = next_state(from, event);
      ASSERT_EQ(to.has_value(), row != kExpected.end()) << to_string(from) << " " << to_string(event);
      if (to) {
        EXPECT_EQ(to_string(*to), row->second);
        ++allowed;
      } else {
        EXPECT_EQ(to.error().code, "registry.INVALID_STATE_TRANSITION");
      }
    }
  }
  EXPECT_EQ(static_cast<std::size_t>(allowed), kExpected.size());
  EXPECT_EQ(grant_transitions().size(), kExpected.size());
}

TEST(GrantStates, TheDocumentHasTheTable) {
  std::ifstream file(PROJECT_SOURCE_DIR "/docs/tokens.md");
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr(draw_grant_states()));
}

constexpr WallTime kStart{seconds{1'800'000'000}};

TEST(Grant, FreshAndUsableByWhatIsLeft) {
  StsGrant grant{.has_access = true, .obtained = kStart, .expires = kStart + seconds{3600}};
  EXPECT_TRUE(grant.is_fresh(kStart + seconds{3539}));
  EXPECT_FALSE(grant.is_fresh(kStart + seconds{3540}));
  EXPECT_TRUE(grant.is_usable(kStart + seconds{3594}));
  EXPECT_FALSE(grant.is_usable(kStart + seconds{3595}));
  EXPECT_FALSE(grant.is_usable(kStart + seconds{9999}));

  // A short life is not all margin.
  grant.expires = kStart + seconds{20};
  EXPECT_TRUE(grant.is_fresh(kStart + seconds{14}));
  EXPECT_FALSE(grant.is_fresh(kStart + seconds{15}));

  grant.expires.reset();
  EXPECT_TRUE(grant.is_fresh(kStart + std::chrono::hours{24 * 365}));
  grant.has_access = false;
  EXPECT_FALSE(grant.is_usable(kStart));
}

class GrantTest : public test::ServiceFixture {
 protected:
  StsGrant grant(std::string id = "rsc1/00u1") const {
    return {.id = std::move(id),
            .settings = "rsc1",
            .user = "00u1",
            .server = "ems1",
            .issuer = "https://as",
            .client_id = "client-1"};
  }
  static ExternalTokens tokens(std::string access, std::string refresh,
                               std::optional<seconds> lifetime = {}) {
    return {.access_token = core::Secret(std::move(access)),
            .refresh_token = core::Secret(std::move(refresh)),
            .lifetime = lifetime};
  }
};

TEST_F(GrantTest, RowAndBack) {
  StsGrant before = grant();
  before.asked = {"a", "b"};
  before.scopes = {"a"};
  before.principals = {"wlp1", "wlp2"};
  before.lease = "lease-1";
  before.lease_until = kStart + seconds{30};
  before.failures = 2;
  before.retry_at = kStart + seconds{10};
  ASSERT_TRUE(take_tokens(service_, before, tokens("a-1", "r-1", seconds{60}), kStart));
  before.lease = "lease-2";
  const auto after = read_sts_grant(to_row(before));
  ASSERT_TRUE(after) << core::describe(after.error());
  EXPECT_EQ(after->asked, before.asked);
  EXPECT_EQ(after->scopes, before.scopes);
  EXPECT_EQ(after->principals, before.principals);
  EXPECT_EQ(after->sealed, before.sealed);
  EXPECT_EQ(after->expires, kStart + seconds{60});
  EXPECT_EQ(after->obtained, kStart);
  EXPECT_EQ(after->generation, 2);
  EXPECT_EQ(after->lease, "lease-2");
  EXPECT_EQ(after->token_hash, token_hash("a-1"));
  EXPECT_TRUE(after->has_access);
  EXPECT_TRUE(after->has_refresh);

  Row broken = to_row(before);
  broken.body.erase("sealed");
  EXPECT_EQ(read_sts_grant(broken).error().code, "registry.store.unavailable");
}

TEST_F(GrantTest, NothingOfATokenStandsInTheRow) {
  StsGrant stored = grant();
  ASSERT_TRUE(take_tokens(service_, stored, tokens("access-s3cr3t", "refresh-s3cr3t"), kStart));
  const Row row = to_row(stored);
  EXPECT_EQ(core::json::write(row.body).find("s3cr3t"), std::string::npos);
  EXPECT_EQ((row.name + row.unique).find("s3cr3t"), std::string::npos);
  const auto opened = open_tokens(service_, stored);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->access_token.reveal(), "access-s3cr3t");
  EXPECT_EQ(opened->refresh_token.reveal(), "refresh-s3cr3t");
}

TEST_F(GrantTest, SealedTokensAreBoundToTheirRow) {
  StsGrant mine = grant("rsc1/00u1");
  ASSERT_TRUE(take_tokens(service_, mine, tokens("a-1", ""), kStart));
  StsGrant theirs = grant("rsc1/00u2");
  theirs.sealed = mine.sealed;
  EXPECT_EQ(open_tokens(service_, theirs).error().code, "core.seal.broken");
}

TEST_F(GrantTest, ARefreshTokenStaysUntilAnotherComes) {
  StsGrant stored = grant();
  ASSERT_TRUE(take_tokens(service_, stored, tokens("a-1", "r-1"), kStart));
  ASSERT_TRUE(take_tokens(service_, stored, tokens("a-2", ""), kStart));
  EXPECT_EQ(open_tokens(service_, stored)->refresh_token.reveal(), "r-1");
  ASSERT_TRUE(take_tokens(service_, stored, tokens("a-3", "r-2"), kStart));
  EXPECT_EQ(open_tokens(service_, stored)->refresh_token.reveal(), "r-2");
  ASSERT_TRUE(forget_access(service_, stored));
  EXPECT_EQ(open_tokens(service_, stored)->refresh_token.reveal(), "r-2");
  EXPECT_TRUE(open_tokens(service_, stored)->access_token.empty());
  EXPECT_TRUE(stored.token_hash.empty());
}

TEST_F(GrantTest, AnUnknownLifetimeEndsOnlyWhereThereIsARefreshToken) {
  StsGrant stored = grant();
  ASSERT_TRUE(take_tokens(service_, stored, tokens("a-1", ""), kStart));
  EXPECT_FALSE(stored.expires);
  ASSERT_TRUE(take_tokens(service_, stored, tokens("a-1", "r-1"), kStart));
  EXPECT_EQ(stored.expires, kStart + std::chrono::hours{1});
}

}  // namespace
}  // namespace registry
