#include "oauth/jwt.h"

#include <gtest/gtest.h>

#include "core/json.h"
#include "oauth/client_assertion_verifier.h"

namespace oauth {
namespace {

using boost::json::object;
using boost::json::value;
using std::chrono::seconds;

template <class T>
std::string code(const core::Result<T>& result) {
  return result ? "ok" : result.error().code;
}

constexpr std::int64_t kNow = 1'800'000'000;

const Key& key() {
  static const Key key = Key::generate(Algorithm::es256)->with_kid("k1");
  return key;
}

object claims(std::initializer_list<std::pair<const char*, value>> changes = {}) {
  object out{{"iss", "https://issuer"}, {"aud", "https://us"}, {"sub", "somebody"}, {"iat", kNow},
             {"exp", kNow + 300},       {"jti", "j1"}};
  for (const auto& [name, change] : changes) {
    if (change.is_null()) {
      out.erase(name);
    } else {
      out[name] = change;
    }
  }
  return out;
}

JwtRules rules() {
  return {.jws = {.algorithms = {Algorithm::es256}, .types = {"JWT"}},
          .issuer = "https://issuer",
          .audiences = {"https://us", "https://us/too"},
          .leeway = seconds{10}};
}

std::string verify(const object& claims, JwtRules rule = rules()) {
  core::FakeClock clock(core::WallTime{seconds{kNow}});
  auto verifier = JwtVerifier::create(std::move(rule), clock);
  return code(verifier->verify(*sign_jwt(key(), claims), KeySet({key()})));
}

TEST(JwtVerifier, GivesEvidence) {
  core::FakeClock clock(core::WallTime{seconds{kNow}});
  auto verifier = JwtVerifier::create(rules(), clock);
  ASSERT_EQ(code(verifier), "ok");
  auto jwt =
      verifier->verify(*sign_jwt(key(), claims({{"scp", value{"a", "b"}}, {"n", 1}})), KeySet({key()}));
  ASSERT_EQ(code(jwt), "ok");
  EXPECT_EQ(jwt->issuer(), "https://issuer");
  EXPECT_EQ(jwt->subject(), "somebody");
  EXPECT_EQ(jwt->id(), "j1");
  EXPECT_EQ(jwt->strings("aud"), std::vector<std::string>{"https://us"});
  EXPECT_EQ(jwt->strings("scp"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(jwt->string("n"), "");
  EXPECT_TRUE(jwt->strings("none").empty());
  EXPECT_EQ(jwt->expires_at(), core::WallTime{seconds{kNow + 300}});
  EXPECT_EQ(jwt->issued_at(), core::WallTime{seconds{kNow}});
  EXPECT_EQ(jwt->header().at("typ"), "JWT");
  EXPECT_EQ(jwt->key().kid(), "k1");
}

TEST(JwtVerifier, ClaimsThatAreRefused) {
  struct Row {
    const char* what;
    object claims;
    const char* code;
  };
  const Row rows[] = {
      {"good", claims(), "ok"},
      {"no iss", claims({{"iss", nullptr}}), "oauth.jwt.missing_claim"},
      {"other iss", claims({{"iss", "https://issuer/"}}), "oauth.jwt.issuer"},
      {"iss is a number", claims({{"iss", 1}}), "oauth.jwt.claim"},
      {"no aud", claims({{"aud", nullptr}}), "oauth.jwt.missing_claim"},
      {"other aud", claims({{"aud", "https://them"}}), "oauth.jwt.audience"},
      {"aud among others", claims({{"aud", value{"https://them", "https://us/too"}}}), "ok"},
      {"empty aud", claims({{"aud", boost::json::array{}}}), "oauth.jwt.audience"},
      {"aud of numbers", claims({{"aud", value{"https://us", 1}}}), "oauth.jwt.claim"},
      {"no exp", claims({{"exp", nullptr}}), "oauth.jwt.missing_claim"},
      {"exp is text", claims({{"exp", "1800000300"}}), "oauth.jwt.claim"},
      {"exp negative", claims({{"exp", -1}}), "oauth.jwt.claim"},
      {"exp absurd", claims({{"exp", 1e300}}), "oauth.jwt.claim"},
      {"exp with a fraction", claims({{"exp", static_cast<double>(kNow) + 0.5}}), "ok"},
      {"exp in the leeway", claims({{"exp", kNow - 9}}), "ok"},
      {"exp at its end", claims({{"exp", kNow - 10}}), "oauth.jwt.expired"},
      {"nbf in the leeway", claims({{"nbf", kNow + 10}}), "ok"},
      {"nbf ahead", claims({{"nbf", kNow + 11}}), "oauth.jwt.not_yet_valid"},
      {"iat in the leeway", claims({{"iat", kNow + 10}}), "ok"},
      {"iat ahead", claims({{"iat", kNow + 11}}), "oauth.jwt.issued_ahead"},
      {"iat is text", claims({{"iat", "now"}}), "oauth.jwt.claim"},
      {"no iat", claims({{"iat", nullptr}}), "ok"},
      {"sub is a number", claims({{"sub", 7}}), "oauth.jwt.claim"},
      {"jti is a list", claims({{"jti", boost::json::array{}}}), "oauth.jwt.claim"},
  };
  for (const Row& row : rows) EXPECT_EQ(verify(row.claims), row.code) << row.what;
}

TEST(JwtVerifier, AgeLifetimeAndRequiredClaims) {
  JwtRules aged = rules();
  aged.max_age = seconds{100};
  EXPECT_EQ(verify(claims({{"iat", kNow - 110}}), aged), "ok");
  EXPECT_EQ(verify(claims({{"iat", kNow - 111}}), aged), "oauth.jwt.too_old");
  EXPECT_EQ(verify(claims({{"iat", nullptr}}), aged), "oauth.jwt.missing_claim");
  JwtRules brief = rules();
  brief.max_lifetime = seconds{3600};
  EXPECT_EQ(verify(claims({{"exp", kNow + 3610}}), brief), "ok");
  EXPECT_EQ(verify(claims({{"exp", kNow + 3611}}), brief), "oauth.jwt.lifetime");
  JwtRules demanding = rules();
  demanding.required_claims = {"cid"};
  EXPECT_EQ(verify(claims(), demanding), "oauth.jwt.missing_claim");
  EXPECT_EQ(verify(claims({{"cid", "c"}}), demanding), "ok");
}

TEST(JwtVerifier, PayloadsThatAreRefused) {
  core::FakeClock clock(core::WallTime{seconds{kNow}});
  auto verifier = JwtVerifier::create(rules(), clock);
  struct Row {
    const char* payload;
    const char* code;
  };
  for (const Row& row : {Row{"[]", "oauth.jwt.malformed"}, Row{"", "oauth.jwt.malformed"},
                         Row{"{\"iss\":\"\xff\"}", "oauth.jwt.malformed"},
                         Row{R"({"iss":"https://issuer","iss":"x"})", "oauth.jwt.duplicate"}}) {
    auto token = sign_compact(key(), row.payload, {{"typ", "JWT"}});
    EXPECT_EQ(code(verifier->verify(*token, KeySet({key()}))), row.code) << row.payload;
  }
  EXPECT_EQ(code(verifier->verify(*sign_jwt(key(), claims(), "at+jwt"), KeySet({key()}))), "oauth.jwt.type");
  EXPECT_EQ(code(verifier->verify(*sign_jwt(key(), claims(), ""), KeySet({key()}))), "oauth.jwt.type");
  EXPECT_EQ(code(verifier->verify(*sign_jwt(*Key::generate(Algorithm::es256), claims()), KeySet({key()}))),
            "oauth.jwt.signature");
}

TEST(JwtVerifier, IsNotMadeWithoutItsThreeRules) {
  core::FakeClock clock;
  for (int missing = 0; missing < 3; ++missing) {
    JwtRules rule = rules();
    if (missing == 0) rule.issuer.clear();
    if (missing == 1) rule.audiences.clear();
    if (missing == 2) rule.jws.algorithms.clear();
    EXPECT_EQ(code(JwtVerifier::create(rule, clock)), "oauth.jwt.rules") << missing;
  }
}

object assertion(std::initializer_list<std::pair<const char*, value>> changes = {}) {
  object out = claims({{"iss", "client"}, {"sub", "client"}, {"aud", "https://org/token"}});
  for (const auto& [name, change] : changes) {
    if (change.is_null()) {
      out.erase(name);
    } else {
      out[name] = change;
    }
  }
  return out;
}

TEST(ClientAssertion, FollowsRfc7523AndOktasLimits) {
  core::FakeClock clock(core::WallTime{seconds{kNow}});
  struct Row {
    const char* what;
    object claims;
    const char* code;
  };
  const Row rows[] = {
      {"good", assertion(), "ok"},
      {"no jti", assertion({{"jti", nullptr}}), "ok"},
      {"no iat", assertion({{"iat", nullptr}}), "ok"},
      {"other iss", assertion({{"iss", "other"}}), "oauth.client_assertion.issuer"},
      {"no iss", assertion({{"iss", nullptr}}), "oauth.client_assertion.issuer"},
      {"other sub", assertion({{"sub", "other"}}), "oauth.client_assertion.subject"},
      {"no exp", assertion({{"exp", nullptr}}), "oauth.client_assertion.expiration"},
      {"long jti", assertion({{"jti", boost::json::string(256, 'x')}}), "oauth.client_assertion.id"},
      {"other aud", assertion({{"aud", "https://org"}}), "oauth.jwt.audience"},
      {"an hour", assertion({{"exp", kNow + 3600}}), "ok"},
      {"two hours", assertion({{"exp", kNow + 7200}}), "oauth.jwt.lifetime"},
      {"expired", assertion({{"exp", kNow - 10}}), "oauth.jwt.expired"},
      {"nbf ahead", assertion({{"nbf", kNow + 60}}), "oauth.jwt.not_yet_valid"},
      {"iat ahead", assertion({{"iat", kNow + 60}}), "oauth.jwt.issued_ahead"},
  };
  ClientAssertionRules rule{.audiences = {"https://org/token"}};
  for (const Row& row : rows) {
    auto token = sign_jwt(key(), row.claims);
    EXPECT_EQ(code(verify_client_assertion(*token, "client", KeySet({key()}), rule, clock)), row.code)
        << row.what;
  }
  auto token = *sign_jwt(key(), assertion());
  auto verified = verify_client_assertion(token, "client", KeySet({key().public_key()}), rule, clock);
  ASSERT_EQ(code(verified), "ok");
  EXPECT_EQ(verified->client_id(), "client");
  EXPECT_EQ(verified->id(), "j1");
  EXPECT_EQ(verified->expires_at(), core::WallTime{seconds{kNow + 300}});
  EXPECT_EQ(*claimed_client_id(token), "client");
  EXPECT_EQ(code(claimed_client_id(*sign_jwt(key(), assertion({{"sub", nullptr}})))),
            "oauth.client_assertion.subject");
  EXPECT_EQ(code(claimed_client_id("nonsense")), "oauth.jwt.malformed");
  Key eddsa = *Key::generate(Algorithm::eddsa);
  EXPECT_EQ(
      code(verify_client_assertion(*sign_jwt(eddsa, assertion()), "client", KeySet({eddsa}), rule, clock)),
      "oauth.jwt.algorithm");
}

}  // namespace
}  // namespace oauth
