#include "oauth/authorization_code.h"

#include <future>
#include <gtest/gtest.h>

#include "net/test_socket.h"
#include "oauth/test_sign_in.h"

namespace oauth {
namespace {

using std::chrono::minutes;
using test::field;
using test::kMark;
using test::kOrg;
using test::refusal;
using test::token_answer;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(PkceChallenge, IsThatOfRfc7636AppendixB) {
  EXPECT_EQ(pkce_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

class AuthorizationCodeTest : public testing::Test {
 protected:
  void start(TokenStore* store = nullptr) {
    auto sign_in = AuthorizationCode::create({.org_url = kOrg + "/",
                                              .client_id = "0oa1",
                                              .scopes = {"okta.users.read"},
                                              .http = http_,
                                              .clock = clock_,
                                              .random = random_,
                                              .store = store ? *store : store_,
                                              .port = 0});
    ASSERT_TRUE(sign_in) << core::describe(sign_in.error());
    sign_in_ = std::move(*sign_in);
    outcome_ = std::async(std::launch::async, [this] { return sign_in_->complete({}); });
    ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  }
  static net::Query query_of(const std::string& link) {
    return *net::parse_query(net::parse_url(link)->query);
  }
  static std::string parameter(const std::string& link, std::string_view name) {
    return net::query_value(query_of(link), name).value_or("(none)");
  }
  std::string state() const { return parameter(sign_in_->prompt().link, "state"); }

  // The browser is sent back with these parameters; what it then shows.
  std::string come_back(const std::string& query) const {
    const auto uri = *net::parse_url(sign_in_->prompt().redirect_uri);
    auto browser = net::TestSocket::connect(uri.port);
    browser.send(
        fmt::format("GET {}?{} HTTP/1.1\r\nHost: {}:{}\r\n\r\n", uri.path, query, uri.host, uri.port));
    return browser.read_message();
  }
  std::optional<StoredToken> stored() {
    auto found = store_.load(key_);
    return found ? std::move(*found) : std::nullopt;
  }

  const TokenKey key_{
      .org = kOrg, .client_id = "0oa1", .grant = "authorization_code", .scopes = {"okta.users.read"}};
  core::FakeClock clock_;
  core::SeededRandom random_{7};
  net::FakeHttpClient http_;
  MemoryTokenStore store_;
  std::unique_ptr<AuthorizationCode> sign_in_;
  std::future<core::Result<std::vector<std::string>>> outcome_;
};

TEST_F(AuthorizationCodeTest, SignsInAndKeepsTheLogin) {
  http_.push(token_answer("access-s3cr3t", "refresh-s3cr3t", 3600, "okta.users.read openid offline_access"));
  start();
  const auto& prompt = sign_in_->prompt();
  EXPECT_THAT(prompt.redirect_uri, testing::MatchesRegex("http://127\\.0\\.0\\.1:[0-9]+/callback"));
  EXPECT_EQ(prompt.expires_at, clock_.now() + minutes{10});
  EXPECT_TRUE(prompt.link.starts_with(kOrg + "/oauth2/v1/authorize?"));
  auto asked = query_of(prompt.link);
  const std::string challenge = parameter(prompt.link, "code_challenge");
  EXPECT_EQ(state().size(), 43u);
  EXPECT_EQ(asked, (net::Query{{"client_id", "0oa1"},
                               {"response_type", "code"},
                               {"scope", "okta.users.read openid profile email offline_access"},
                               {"redirect_uri", prompt.redirect_uri},
                               {"state", state()},
                               {"code_challenge", challenge},
                               {"code_challenge_method", "S256"}}));

  const auto page = come_back("code=code-s3cr3t%2B1&state=" + state());
  EXPECT_THAT(page, HasSubstr("HTTP/1.1 200"));
  EXPECT_THAT(page, HasSubstr("You can close this window."));
  const auto scopes = outcome_.get();
  ASSERT_TRUE(scopes) << core::describe(scopes.error());
  EXPECT_THAT(*scopes, ElementsAre("okta.users.read", "openid", "offline_access"));
  EXPECT_FALSE(sign_in_->short_lived());

  const auto request = http_.requests().at(0);
  EXPECT_EQ(request.url, test::kTokenUrl);
  const std::string verifier = field(request, "code_verifier");
  EXPECT_EQ(verifier.size(), 43u);
  EXPECT_EQ(pkce_challenge(verifier), challenge);
  EXPECT_THAT(prompt.link, Not(HasSubstr(verifier)));
  EXPECT_EQ(test::form_of(request), (net::Query{{"grant_type", "authorization_code"},
                                                {"client_id", "0oa1"},
                                                {"redirect_uri", prompt.redirect_uri},
                                                {"code", "code-s3cr3t+1"},
                                                {"code_verifier", verifier}}));
  const auto login = stored();
  ASSERT_TRUE(login);
  EXPECT_EQ(login->refresh_token.reveal(), "refresh-s3cr3t");
  EXPECT_EQ(login->expires_at, clock_.now() + std::chrono::hours{1});
}

TEST_F(AuthorizationCodeTest, EndsWithTheReasonThatTheOrgGives) {
  struct Case {
    std::string query;                // "STATE" stands for the state
    std::vector<test::Answer> token;  // the token endpoint's answers
    std::string code;
    std::string said;  // in the terminal and on the page
  };
  const Case cases[] = {
      {"error=access_denied&error_description=User+is+not+assigned+to+the+client+application.&state=STATE",
       {},
       "oauth.access_denied",
       "Assign the person"},
      {"error=access_denied&state=STATE", {}, "oauth.access_denied", "declined"},
      {"error=unauthorized_client&state=STATE", {}, "oauth.unauthorized_client", "Authorization Code"},
      {"error=login_required&error_description=%3Cimg%20src=x%3E&state=STATE",
       {},
       "oauth.login_required",
       "login_required"},
      {"error=Odd+Thing&state=STATE", {}, "oauth.refused", "Odd Thing"},
      {"error=access_denied&code=abcdefgh&state=STATE", {}, "oauth.access_denied", "declined"},
      {"state=STATE", {}, "oauth.bad_callback", "neither a code nor an error"},
      {"code=&state=STATE", {}, "oauth.bad_callback", "neither a code nor an error"},
      {"code=a&code=b&state=STATE", {}, "oauth.bad_callback", "more than one code"},
      {"error=a&error=b&state=STATE", {}, "oauth.bad_callback", "more than one error"},
      {"code=a&iss=x&iss=y&state=STATE", {}, "oauth.bad_callback", "more than one iss"},
      {"code=a%0d%0ab&state=STATE", {}, "oauth.bad_callback", "a code that is none"},
      {"code=" + std::string(5000, 'a') + "&state=STATE", {}, "oauth.bad_callback", "a code that is none"},
      {"code=abcdefgh&iss=https%3A%2F%2Fevil.example&state=STATE",
       {},
       "oauth.issuer",
       "https://evil.example"},
      {"code=abcdefgh&iss=https%3A%2F%2Facme.okta.test%2F&state=STATE", {}, "oauth.issuer", "OKTA_ORG_URL"},
      {"code=abcdefgh&iss=&state=STATE", {}, "oauth.issuer", "issuer"},
      {"error=access_denied&iss=https%3A%2F%2Fevil.example&state=STATE", {}, "oauth.issuer", "evil.example"},
      {"code=code-s3cr3t&state=STATE",
       {refusal(400, "invalid_grant", "PKCE verification failed for code-s3cr3t.")},
       "oauth.invalid_grant",
       "PKCE verification failed"},
      {"code=code-s3cr3t&state=STATE",
       {refusal(401, "invalid_client", "Client authentication failed.")},
       "oauth.invalid_client",
       "native app"},
      {"code=code-s3cr3t&state=STATE",
       {core::fail(core::ErrorKind::timeout, "net.timeout", "No answer in time.")},
       "net.timeout",
       "No answer in time"},
      {"code=code-s3cr3t&state=STATE",
       {token_answer("access-s3cr3t", "refresh-s3cr3t", 30)},
       "oauth.token_lifetime",
       "30 seconds"},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.query.substr(0, 80));
    for (const auto& answer : each.token) http_.push(answer);
    start();
    std::string query = each.query;
    query.replace(query.find("STATE"), 5, state());
    const auto page = come_back(query);
    const auto outcome = outcome_.get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, each.code);
    const auto said = core::describe(outcome.error());
    EXPECT_THAT(said, HasSubstr(each.said));
    EXPECT_THAT(page, HasSubstr("HTTP/1.1 400"));
    EXPECT_THAT(page, HasSubstr("You are not signed in"));
    EXPECT_THAT(page, HasSubstr(each.said));
    EXPECT_THAT(page, Not(HasSubstr("<img")));
    EXPECT_THAT(said + page, Not(HasSubstr(kMark)));
    EXPECT_EQ(http_.unused(), 0u);
    EXPECT_EQ(http_.count(), each.token.size()) << "no code is sent that is not to be trusted";
    http_.clear_requests();
    EXPECT_FALSE(stored());
  }
}

TEST_F(AuthorizationCodeTest, TakesTheOrgsOwnIssuer) {
  http_.push(token_answer("access-s3cr3t", "refresh-s3cr3t"));
  start();
  come_back("code=abcdefgh&iss=https%3A%2F%2Facme.okta.test&state=" + state());
  EXPECT_TRUE(outcome_.get());
}

TEST_F(AuthorizationCodeTest, AsksAgainWithoutOfflineAccessWhereTheOrgRefusesIt) {
  http_.push(token_answer("access-s3cr3t"));
  start();
  const std::string first = sign_in_->prompt().link;
  const auto onward = come_back(
      "error=invalid_scope&error_description=The+client+may+not+use+offline_access&state=" + state());
  EXPECT_THAT(onward, HasSubstr("HTTP/1.1 303"));
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  const auto at = onward.find("Location: ") + 10;
  const std::string second = onward.substr(at, onward.find("\r\n", at) - at);
  EXPECT_EQ(parameter(second, "scope"), "okta.users.read openid profile email");
  for (const auto* fresh : {"state", "code_challenge"}) {
    EXPECT_NE(parameter(second, fresh), parameter(first, fresh)) << fresh;
  }
  EXPECT_EQ(parameter(second, "redirect_uri"), parameter(first, "redirect_uri"));

  EXPECT_THAT(come_back("code=abcdefgh&state=" + parameter(second, "state")), HasSubstr("You are signed in"));
  ASSERT_TRUE(outcome_.get());
  EXPECT_TRUE(sign_in_->short_lived());
  EXPECT_EQ(pkce_challenge(field(http_.requests().at(0), "code_verifier")),
            parameter(second, "code_challenge"));
}

TEST_F(AuthorizationCodeTest, AsksAgainOnlyOnce) {
  start();
  const auto onward = come_back("error=invalid_scope&state=" + state());
  ASSERT_THAT(onward, HasSubstr("HTTP/1.1 303"));
  ASSERT_TRUE(test::eventually([&] { return clock_.waiters() == 1; }));
  const auto at = onward.find("Location: ") + 10;
  const std::string second = onward.substr(at, onward.find("\r\n", at) - at);
  come_back("error=invalid_scope&state=" + parameter(second, "state"));
  EXPECT_EQ(outcome_.get().error().code, "oauth.invalid_scope");
}

TEST_F(AuthorizationCodeTest, TellsWhenThePersonDoesNotComeBack) {
  start();
  clock_.advance(minutes{10});
  EXPECT_EQ(outcome_.get().error().code, "oauth.callback_timeout");
}

// Whatever is saved is refused.
class FullStore final : public TokenStore {
 public:
  core::Result<std::optional<StoredToken>> load(const TokenKey&) override {
    return std::optional<StoredToken>{};
  }
  core::Status save(const TokenKey&, const StoredToken&) override {
    return core::fail(core::ErrorKind::unavailable, "core.file.io", "No space left on device.");
  }
  core::Status erase(const TokenKey&) override { return {}; }
  core::Status erase_family(const TokenKey&) override { return {}; }
  core::Result<std::unique_ptr<StoreLock>> lock(const core::Context&, const TokenKey&) override {
    return std::make_unique<StoreLock>();
  }
  StoreReport report(const TokenKey&) override { return {}; }
  bool is_local() const override { return true; }
};

TEST_F(AuthorizationCodeTest, DoesNotCallItASignInWhenTheLoginCannotBeKept) {
  FullStore store;
  http_.push(token_answer("access-s3cr3t", "refresh-s3cr3t"));
  start(&store);
  EXPECT_THAT(come_back("code=abcdefgh&state=" + state()), HasSubstr("cannot be stored: No space left"));
  EXPECT_EQ(outcome_.get().error().code, "core.file.io");
}

TEST_F(AuthorizationCodeTest, IsNotMadeFromWrongSettings) {
  const auto code_of = [&](const std::string& org, const std::string& client,
                           std::vector<std::string> scopes) {
    const auto made = AuthorizationCode::create({.org_url = org,
                                                 .client_id = client,
                                                 .scopes = std::move(scopes),
                                                 .http = http_,
                                                 .clock = clock_,
                                                 .random = random_,
                                                 .store = store_,
                                                 .port = 0});
    return made ? std::string() : made.error().code;
  };
  EXPECT_EQ(code_of("http://acme.okta.test", "0oa1", {"a"}), "oauth.org_url");
  EXPECT_EQ(code_of(kOrg, "", {"a"}), "oauth.client_id");
  EXPECT_EQ(code_of(kOrg, "0oa1", {}), "oauth.scopes");
}

}  // namespace
}  // namespace oauth
