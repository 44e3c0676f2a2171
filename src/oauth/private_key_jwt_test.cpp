#include "oauth/private_key_jwt.h"

#include <gtest/gtest.h>
#include <latch>
#include <set>

#include "core/json.h"
#include "core/lane.h"
#include "oauth/jwt.h"
#include "oauth/sealed_file_store.h"
#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using core::ErrorKind;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using test::field;
using test::kMark;
using test::kOrg;
using test::kTokenUrl;
using test::token_answer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const Key& key_of(Algorithm algorithm) {
  static std::map<Algorithm, Key> keys;
  auto found = keys.find(algorithm);
  if (found == keys.end()) {
    auto key = Key::generate(algorithm);
    EXPECT_TRUE(key);
    found = keys.emplace(algorithm, key->with_kid("kid-1")).first;
  }
  return found->second;
}

class PrivateKeyJwtTest : public testing::Test {
 protected:
  std::unique_ptr<PrivateKeyJwt> make(Algorithm algorithm = Algorithm::es256,
                                      std::vector<std::string> scopes = {"okta.users.read",
                                                                         "okta.logs.read"}) {
    auto source = PrivateKeyJwt::create({.org_url = kOrg,
                                         .client_id = "0oa1",
                                         .scopes = std::move(scopes),
                                         .key = key_of(algorithm),
                                         .http = http_,
                                         .clock = clock_,
                                         .random = random_,
                                         .store = store_});
    EXPECT_TRUE(source);
    return std::move(*source);
  }
  static std::string value(const core::Result<std::shared_ptr<const AccessToken>>& token) {
    return token ? (*token)->value.reveal() : "error " + token.error().code;
  }

  core::FakeClock clock_;
  core::SeededRandom random_{7};
  net::FakeHttpClient http_;
  MemoryTokenStore memory_;
  TokenStore* store_ = nullptr;
};

TEST_F(PrivateKeyJwtTest, SendsExactlyTheScopesAndAnAssertionThatVerifies) {
  for (const Algorithm algorithm :
       {Algorithm::rs256, Algorithm::es256, Algorithm::es384, Algorithm::es512, Algorithm::ps256}) {
    SCOPED_TRACE(to_string(algorithm));
    http_.clear_requests();
    http_.push(token_answer("access-s3cr3t"));
    const auto source = make(algorithm);
    ASSERT_EQ(value(source->token({})), "access-s3cr3t");

    const auto request = http_.requests().at(0);
    EXPECT_EQ(request.url, kTokenUrl);
    EXPECT_EQ(test::form_of(request).size(), 4u);
    EXPECT_EQ(field(request, "grant_type"), "client_credentials");
    EXPECT_EQ(field(request, "scope"), "okta.users.read okta.logs.read");
    EXPECT_EQ(field(request, "client_assertion_type"),
              "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    const auto verifier = JwtVerifier::create({.jws = {.algorithms = {algorithm}, .require_kid = true},
                                               .issuer = "0oa1",
                                               .audiences = {kTokenUrl},
                                               .max_age = minutes{1},
                                               .max_lifetime = minutes{5},
                                               .required_claims = {"jti", "iat", "sub"}},
                                              clock_);
    ASSERT_TRUE(verifier) << verifier.error().message;
    const auto jwt =
        verifier->verify(field(request, "client_assertion"), KeySet({key_of(algorithm).public_key()}));
    ASSERT_TRUE(jwt) << jwt.error().message;
    EXPECT_EQ(jwt->subject(), "0oa1");
    EXPECT_EQ(core::json::string_or_empty(jwt->header(), "kid"), "kid-1");
    EXPECT_EQ(core::json::string_or_empty(jwt->header(), "alg"), to_string(algorithm));
    EXPECT_EQ(
        jwt->claims().at("exp").to_number<std::int64_t>() - jwt->claims().at("iat").to_number<std::int64_t>(),
        300);
  }
}

TEST_F(PrivateKeyJwtTest, NeverUsesAnAssertionIdTwice) {
  const auto source = make();
  std::set<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    http_.push(token_answer("access-s3cr3t", "", 90));
    ASSERT_TRUE(source->token({}));
    clock_.advance(seconds{60});
  }
  for (const auto& request : http_.requests()) {
    const auto jwt = peek(field(request, "client_assertion"));
    ASSERT_TRUE(jwt);
    ids.insert(std::string(jwt->claims.at("jti").as_string()));
  }
  EXPECT_EQ(ids.size(), 5u);
}

TEST_F(PrivateKeyJwtTest, RefusesToStartWithoutWhatItNeeds) {
  const Key nameless = *Key::generate(Algorithm::es256);
  const Key named = nameless.with_kid("k");
  struct Case {
    std::string org, client;
    std::vector<std::string> scopes;
    Key key;
    std::string code;
  };
  const Case cases[] = {
      {"", "0oa1", {"a"}, named, "oauth.org_url"},
      {kOrg, "", {"a"}, named, "oauth.client_id"},
      {kOrg, "0oa1", {}, named, "oauth.scopes"},
      {kOrg, "0oa1", {"a"}, nameless, "oauth.key_id"},
      {kOrg, "0oa1", {"a"}, named.public_key(), "oauth.key.use"},
  };
  for (const auto& each : cases) {
    const auto source = PrivateKeyJwt::create({.org_url = each.org,
                                               .client_id = each.client,
                                               .scopes = each.scopes,
                                               .key = each.key,
                                               .http = http_,
                                               .clock = clock_,
                                               .random = random_});
    ASSERT_FALSE(source);
    EXPECT_EQ(source.error().code, each.code);
  }
  EXPECT_EQ(http_.count(), 0u);
}

TEST_F(PrivateKeyJwtTest, RenewsAheadOfTheEndAndNeverGivesWhatEndsWithinAMinute) {
  struct Case {
    int lifetime;
    int kept;  // seconds for which one token serves
  };
  for (const auto& [lifetime, kept] :
       {Case{3600, 3300}, Case{1500, 1200}, Case{600, 480}, Case{300, 240}, Case{200, 140}, Case{61, 1}}) {
    SCOPED_TRACE(lifetime);
    const auto source = make();
    http_.push(token_answer("first-s3cr3t", "", lifetime));
    ASSERT_EQ(value(source->token({})), "first-s3cr3t");
    clock_.advance(seconds{kept} - std::chrono::milliseconds{1});
    EXPECT_EQ(value(source->token({})), "first-s3cr3t");
    clock_.advance(std::chrono::milliseconds{1});
    http_.push(token_answer("second-s3cr3t", "", lifetime));
    EXPECT_EQ(value(source->token({})), "second-s3cr3t");
  }
}

TEST_F(PrivateKeyJwtTest, GoesOnWithAGoodTokenWhenRenewingFailsButNotWithAStaleOne) {
  const auto source = make();
  http_.push(token_answer("first-s3cr3t"));
  const auto first = source->token({});
  ASSERT_TRUE(first);
  clock_.advance(minutes{56});
  http_.fail("net.timeout");
  EXPECT_EQ(value(source->token({})), "first-s3cr3t");
  // Not asked again at every call while the token serves.
  EXPECT_EQ(value(source->token({})), "first-s3cr3t");
  EXPECT_EQ(http_.count(), 2u);
  clock_.advance(seconds{30});
  http_.push(test::refusal(401, "invalid_client", "no"));
  EXPECT_EQ(value(source->token({})), "first-s3cr3t");
  EXPECT_EQ(http_.count(), 3u);

  clock_.advance(minutes{3});  // 30 seconds left
  http_.fail("net.timeout");
  EXPECT_EQ(value(source->token({})), "error net.timeout");
  clock_.advance(hours{1});
  http_.push(test::refusal(401, "invalid_client", "no"));
  EXPECT_EQ(value(source->token({})), "error oauth.invalid_client");
  EXPECT_EQ(field(http_.requests().back(), "grant_type"), "client_credentials");
}

TEST_F(PrivateKeyJwtTest, RefusesATokenThatCannotBeUsed) {
  const auto source = make();
  http_.push(token_answer("first-s3cr3t", "", 59));
  const auto token = source->token({});
  ASSERT_FALSE(token);
  EXPECT_EQ(token.error().code, "oauth.token_lifetime");
  EXPECT_THAT(token.error().message, HasSubstr("59 seconds"));
}

TEST_F(PrivateKeyJwtTest, FetchesAnewAfterARejection) {
  store_ = &memory_;
  const auto source = make();
  http_.push(token_answer("first-s3cr3t"));
  http_.push(token_answer("second-s3cr3t"));
  const auto first = source->token({});
  ASSERT_TRUE(first);
  source->reject(**first);
  EXPECT_EQ(value(source->token({})), "second-s3cr3t");
  // A late rejection of the old one does not cost the new one.
  source->reject(**first);
  EXPECT_EQ(value(source->token({})), "second-s3cr3t");
  EXPECT_EQ(http_.count(), 2u);
}

TEST_F(PrivateKeyJwtTest, HasNoTokenAfterARejectionWhoseReplacementFails) {
  store_ = &memory_;
  const auto source = make();
  http_.push(token_answer("first-s3cr3t"));
  const auto first = source->token({});
  ASSERT_TRUE(first);
  source->reject(**first);
  http_.push(test::refusal(503, "temporarily_unavailable", "later"));
  EXPECT_EQ(value(source->token({})), "error oauth.temporarily_unavailable");
}

TEST_F(PrivateKeyJwtTest, CorrectsItsClockByTheOrgsAndTriesOnceMore) {
  const auto source = make();
  // This machine is 20 minutes ahead: the org sees an assertion from the future.
  const auto org_time = clock_.now() - minutes{20};
  auto refused =
      test::refusal(401, "invalid_client", "The client_assertion token must be issued before now.");
  refused.headers.add("Date", core::to_http_date(org_time));
  http_.push(refused);
  http_.push(token_answer("first-s3cr3t"));
  ASSERT_EQ(value(source->token({})), "first-s3cr3t");
  const auto jwt = peek(field(http_.requests().at(1), "client_assertion"));
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt->claims.at("iat").to_number<std::int64_t>(), core::to_unix_seconds(org_time));
  // Expiry is counted from when the request left, so it needs no correction.
  EXPECT_EQ((*source->token({}))->expires_at, clock_.now() + hours{1});
}

TEST_F(PrivateKeyJwtTest, DoesNotRepeatARefusalWhoseClockWasRight) {
  const auto source = make();
  auto refused = test::refusal(401, "invalid_client", "The client_assertion JWT kid is invalid.");
  refused.headers.add("Date", core::to_http_date(clock_.now()));
  http_.push(refused);
  const auto token = source->token({});
  ASSERT_FALSE(token);
  EXPECT_EQ(http_.count(), 1u);
  EXPECT_THAT(token.error().hint, HasSubstr("OKTA_KEY_ID"));
}

TEST_F(PrivateKeyJwtTest, GivesUpAfterOneCorrection) {
  const auto source = make();
  for (int i = 1; i <= 2; ++i) {
    auto refused = test::refusal(401, "invalid_client", "The client_assertion token is expired.");
    refused.headers.add("Date", core::to_http_date(clock_.now() + i * minutes{30}));
    http_.push(refused);
  }
  const auto token = source->token({});
  ASSERT_FALSE(token);
  EXPECT_EQ(http_.count(), 2u);
  EXPECT_THAT(token.error().hint, HasSubstr("60 minutes behind"));
}

TEST_F(PrivateKeyJwtTest, MakesOneRequestForThirtyTwoCallers) {
  constexpr int kCallers = 32;
  std::latch all_here(kCallers);
  http_.answer_with([&](const core::Context&, const net::HttpRequest&) -> core::Result<net::HttpResponse> {
    all_here.wait();
    return token_answer("first-s3cr3t");
  });
  const auto source = make();
  std::atomic<int> good{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kCallers; ++i) {
      threads.emplace_back([&] {
        all_here.count_down();
        if (value(source->token({})) == "first-s3cr3t") ++good;
      });
    }
  }
  EXPECT_EQ(good, kCallers);
  EXPECT_EQ(http_.count(), 1u);
}

TEST_F(PrivateKeyJwtTest, GivesTheSameErrorToEveryoneWhoWaited) {
  std::atomic<bool> answer{false};
  http_.answer_with([&](const core::Context&, const net::HttpRequest&) -> core::Result<net::HttpResponse> {
    EXPECT_TRUE(test::eventually([&] { return answer.load(); }));
    return test::refusal(401, "invalid_client", "no");
  });
  const auto source = make();
  std::jthread leader([&] { (void)source->token({}); });
  ASSERT_TRUE(test::eventually([&] { return http_.count() == 1; }));
  std::atomic<int> failed{0};
  std::atomic<bool> other{false};
  {
    core::Lane lane({.workers = 1, .parked = 16});
    for (int i = 0; i < 9; ++i) {
      ASSERT_TRUE(lane.submit([&] {
        if (value(source->token({})) == "error oauth.invalid_client") ++failed;
      }));
    }
    // Whoever waits is parked, so that a lane of one worker takes them all, and other work besides.
    EXPECT_TRUE(test::eventually([&] { return lane.parked() == 9; }));
    ASSERT_TRUE(lane.submit([&] { other = true; }));
    EXPECT_TRUE(test::eventually([&] { return other.load(); }));
    answer = true;
  }
  EXPECT_EQ(failed, 9);
  EXPECT_EQ(http_.count(), 1u);
}

TEST_F(PrivateKeyJwtTest, LetsTheNextOneAskWhenTheOneWhoAskedGivesUp) {
  std::atomic<int> asked{0};
  std::stop_source impatient;
  http_.answer_with(
      [&](const core::Context& context, const net::HttpRequest&) -> core::Result<net::HttpResponse> {
        if (++asked > 1) return token_answer("first-s3cr3t");
        EXPECT_TRUE(test::eventually([&] { return context.cancelled(); }));
        return core::fail(ErrorKind::cancelled, "net.cancelled", "The request was cancelled.");
      });
  const auto source = make();
  std::string first, second;
  {
    std::jthread one([&] { first = value(source->token({.stop = impatient.get_token()})); });
    ASSERT_TRUE(test::eventually([&] { return asked == 1; }));
    std::jthread two([&] { second = value(source->token({})); });
    impatient.request_stop();
  }
  EXPECT_EQ(first, "error net.cancelled");
  EXPECT_EQ(second, "first-s3cr3t");
}

TEST_F(PrivateKeyJwtTest, LetsACallerGoWhoseTimeIsUp) {
  std::atomic<bool> answer{false};
  http_.answer_with([&](const core::Context&, const net::HttpRequest&) -> core::Result<net::HttpResponse> {
    EXPECT_TRUE(test::eventually([&] { return answer.load(); }));
    return token_answer("first-s3cr3t");
  });
  const auto source = make();
  std::jthread leader([&] { (void)source->token({}); });
  ASSERT_TRUE(test::eventually([&] { return http_.count() == 1; }));
  EXPECT_EQ(value(source->token({.deadline = std::chrono::steady_clock::now()})), "error oauth.timeout");
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(value(source->token({.stop = stop.get_token()})), "error oauth.cancelled");
  answer = true;
}

TEST_F(PrivateKeyJwtTest, StartsFromTheStoreWithoutAskingAnybody) {
  test::TempDir dir;
  auto files = SealedFileStore::create({.state_dir = dir.path() + "/state"});
  ASSERT_TRUE(files);
  store_ = files->get();
  http_.push(token_answer("first-s3cr3t", "", 3600, "okta.users.read"));
  ASSERT_TRUE(make()->token({}));

  const auto later = make();
  EXPECT_THAT(later->granted_scopes().value(), ElementsAre("okta.users.read"));
  EXPECT_EQ(value(later->token({})), "first-s3cr3t");
  EXPECT_EQ(http_.count(), 1u);

  // Other scopes are another login.
  const auto wider = make(Algorithm::es256, {"okta.users.manage"});
  EXPECT_FALSE(wider->granted_scopes());
  http_.push(token_answer("wider-s3cr3t", "", 3600, "okta.users.manage"));
  EXPECT_EQ(value(wider->token({})), "wider-s3cr3t");
  EXPECT_EQ(value(make()->token({})), "first-s3cr3t");

  // What has ended in the meantime is not handed out.
  clock_.advance(hours{2});
  const auto next_day = make();
  http_.push(test::refusal(401, "invalid_client", "no"));
  EXPECT_EQ(value(next_day->token({})), "error oauth.invalid_client");
}

TEST_F(PrivateKeyJwtTest, TakesWhatWasRequestedForGrantedWhenTheOrgDoesNotSay) {
  const auto source = make();
  EXPECT_FALSE(source->granted_scopes());
  http_.push(test::json(200, R"({"token_type":"Bearer","expires_in":3600,"access_token":"first-s3cr3t"})"));
  const auto token = source->token({});
  ASSERT_TRUE(token);
  EXPECT_TRUE((*token)->scopes.empty());
  EXPECT_THAT(source->granted_scopes().value(), ElementsAre("okta.users.read", "okta.logs.read"));
  EXPECT_EQ(source->method(), "private key JWT");
}

// A store on a broken disk.
class BrokenStore final : public TokenStore {
 public:
  core::Result<std::optional<StoredToken>> load(const TokenKey&) override { return broken(); }
  core::Status save(const TokenKey&, const StoredToken&) override { return broken(); }
  core::Status erase(const TokenKey&) override { return broken(); }
  core::Status erase_family(const TokenKey&) override { return broken(); }
  core::Result<std::unique_ptr<StoreLock>> lock(const core::Context&, const TokenKey&) override {
    return broken();
  }
  StoreReport report(const TokenKey&) override { return {}; }
  bool is_local() const override { return true; }

 private:
  static std::unexpected<core::Error> broken() {
    return core::fail(ErrorKind::unavailable, "core.file.io", "Cannot read the disk.");
  }
};

TEST_F(PrivateKeyJwtTest, WorksWithoutAStoreThatDoesNot) {
  test::LogCapture log;
  BrokenStore broken;
  store_ = &broken;
  const auto source = make();
  for (int i = 0; i < 3; ++i) {
    http_.push(token_answer("access-s3cr3t", "", 90));
    EXPECT_EQ(value(source->token({})), "access-s3cr3t");
    clock_.advance(minutes{2});
  }
  const std::string text = log.text();
  const auto first = text.find("cannot be stored");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(text.find("cannot be stored", first + 1), std::string::npos);
}

TEST_F(PrivateKeyJwtTest, LetsNoSecretOutThroughErrorsOrTheLog) {
  test::LogCapture log;
  store_ = &memory_;
  const auto source = make();
  std::string errors;
  http_.answer_with(
      [&](const core::Context&, const net::HttpRequest& request) -> core::Result<net::HttpResponse> {
        const std::string assertion = field(request, "client_assertion");
        switch (http_.count() % 4) {
          case 0:
            return test::refusal(401, "invalid_client", "cannot accept " + assertion);
          case 1:
            return test::json(200, R"({"access_token":"access-s3cr3t","token_type":"mac"})");
          case 2:
            return test::json(500, R"({"access_token":"access-s3cr3t)" + assertion);
          default:
            return token_answer("access-s3cr3t", "refresh-s3cr3t", 90);
        }
      });
  for (int i = 0; i < 8; ++i) {
    const auto token = source->token({});
    if (!token) errors += test::everything(token.error()) + "\n";
    clock_.advance(minutes{5});
  }
  for (const auto& request : http_.requests()) {
    const std::string assertion = field(request, "client_assertion");
    EXPECT_FALSE(errors.contains(assertion));
    EXPECT_FALSE(log.text().contains(assertion.substr(0, 60)));
  }
  EXPECT_THAT(errors, HasSubstr("invalid_client"));
  EXPECT_THAT(errors, Not(HasSubstr(kMark)));
  EXPECT_THAT(log.text(), HasSubstr("token request"));
  EXPECT_THAT(log.text(), Not(HasSubstr(kMark)));
  EXPECT_THAT(log.text(), Not(HasSubstr("PRIVATE KEY")));
}

}  // namespace
}  // namespace oauth
