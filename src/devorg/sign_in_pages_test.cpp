#include "devorg/sign_in_pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>

#include "core/json.h"
#include "devorg/oauth_routes.h"
#include "net/url.h"

namespace devorg {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr const char* kRedirect = "http://127.0.0.1:16582/callback";
// RFC 7636 appendix B.
constexpr const char* kVerifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
constexpr const char* kChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

const oauth::Key& signing_key() {
  static const oauth::Key key = oauth::Key::generate(oauth::Algorithm::rs256)->with_kid("s1");
  return key;
}

class AuthorizePageTest : public testing::Test {
 protected:
  void SetUp() override { start({kRedirect}); }

  void start(std::vector<std::string> redirect_uris) {
    auto created = OrgAuthorizationServer::create(
        {.issuer = "http://127.0.0.1:4400",
         .redirect_uris = std::move(redirect_uris),
         .scopes = {"okta.users.read"},
         .find_user = [](std::string_view login) -> std::optional<authserver::User> {
           if (login == "gone@example.com") return std::nullopt;
           return authserver::User{"00u1", std::string(login), std::string(login)};
         },
         .administrators =
             [] {
               return std::vector<authserver::User>{{"00uAda", "ada@example.com"},
                                                    {"00uBob", "bob@example.com"},
                                                    {"00uGone", "gone@example.com"}};
             },
         .signing_key = signing_key(),
         .clock = &clock_,
         .random = &random_});
    ASSERT_TRUE(created) << created.error().message;
    org_ = *std::move(created);
  }

  static net::Query question(const net::Query& changes = {}) {
    net::Query query{{"client_id", std::string(kDevDeviceClient)},
                     {"response_type", "code"},
                     {"redirect_uri", kRedirect},
                     {"scope", "openid okta.users.read"},
                     {"state", "a\"><b"},
                     {"code_challenge", kChallenge},
                     {"code_challenge_method", "S256"}};
    for (const auto& [name, value] : changes) {
      std::erase_if(query, [&](const auto& field) { return field.first == name; });
      query.emplace_back(name, value);
    }
    return query;
  }

  net::ServerResponse get(const net::Query& query, std::string path = "/oauth2/v1/authorize") {
    net::ServerRequest request;
    request.path = std::move(path);
    request.query = net::encode_query(query);
    return org_->handle(request).value_or(net::ServerResponse{.status = 0});
  }

  net::ServerResponse post(std::string path, const net::Query& fields, const net::Headers& headers = {}) {
    net::ServerRequest request;
    request.method = net::Method::post;
    request.path = std::move(path);
    request.headers = headers;
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    request.body = net::encode_form(fields);
    return org_->handle(request).value_or(net::ServerResponse{.status = 0});
  }

  // A field of the form as a browser would send it.
  static std::string field(const net::ServerResponse& response, const std::string& name) {
    std::smatch match;
    const std::regex pattern("name=\"" + name + "\" value=\"([^\"]*)\"");
    if (!std::regex_search(response.body, match, pattern)) return "";
    std::string value = match[1].str();
    for (const auto& [from, to] : {std::pair{"&quot;", "\""}, std::pair{"&lt;", "<"}, std::pair{"&gt;", ">"},
                                   std::pair{"&#39;", "'"}, std::pair{"&amp;", "&"}}) {
      for (std::size_t at = value.find(from); at != std::string::npos; at = value.find(from, at + 1))
        value.replace(at, std::string_view(from).size(), to);
    }
    return value;
  }

  net::Query answer(const net::ServerResponse& shown, std::string login = "ada@example.com",
                    std::string decision = "approve") {
    return {{"csrf_token", field(shown, "csrf_token")},
            {"request", field(shown, "request")},
            {"login", std::move(login)},
            {"decision", std::move(decision)}};
  }

  static std::string parameter(const net::ServerResponse& response, std::string_view name) {
    std::string_view location = response.headers.get("Location");
    auto query = net::parse_query(location.substr(location.find('?') + 1));
    return query ? net::query_value(*query, name).value_or("") : "";
  }

  core::FakeClock clock_;
  core::SeededRandom random_{1};
  std::unique_ptr<OrgAuthorizationServer> org_;
};

TEST_F(AuthorizePageTest, APersonApprovesAndTheClientGetsTokens) {
  auto shown = get(question({{"login_hint", "bob@example.com"}}));
  ASSERT_EQ(shown.status, 200) << shown.body;
  EXPECT_THAT(shown.body, HasSubstr("Development device app"));
  EXPECT_THAT(shown.body, HasSubstr("<li>okta.users.read</li>"));
  EXPECT_THAT(shown.body, HasSubstr("<option value=\"bob@example.com\" selected>"));
  EXPECT_THAT(shown.body, HasSubstr(kRedirect));
  EXPECT_THAT(shown.body, Not(HasSubstr("\"><b")));
  EXPECT_EQ(shown.headers.get("Content-Security-Policy"),
            "default-src 'none'; form-action 'self' http://127.0.0.1:16582; frame-ancestors 'none'; base-uri "
            "'none'");
  EXPECT_EQ(shown.headers.get("Cache-Control"), "no-store");

  auto sent = post("/oauth2/v1/authorize/confirm", answer(shown, "bob@example.com"));
  EXPECT_EQ(sent.status, 303);
  EXPECT_THAT(std::string(sent.headers.get("Location")), StartsWith(std::string(kRedirect) + "?code="));
  EXPECT_EQ(parameter(sent, "state"), "a\"><b");
  EXPECT_EQ(parameter(sent, "iss"), "http://127.0.0.1:4400");
  auto tokens = post("/oauth2/v1/token", {{"grant_type", "authorization_code"},
                                          {"client_id", std::string(kDevDeviceClient)},
                                          {"code", parameter(sent, "code")},
                                          {"redirect_uri", kRedirect},
                                          {"code_verifier", kVerifier}});
  ASSERT_EQ(tokens.status, 200) << tokens.body;
  auto jwt =
      org_->verify_access_token(core::json::string_or_empty(*core::json::parse(tokens.body), "access_token"));
  ASSERT_TRUE(jwt);
  EXPECT_EQ(jwt->subject(), "bob@example.com");
}

TEST_F(AuthorizePageTest, APersonRefuses) {
  auto sent = post("/oauth2/v1/authorize/confirm", answer(get(question()), "ada@example.com", "deny"));
  EXPECT_EQ(sent.status, 303);
  EXPECT_EQ(parameter(sent, "error"), "access_denied");
  EXPECT_EQ(parameter(sent, "code"), "");
}

TEST_F(AuthorizePageTest, TheRequestMayComeAsAForm) {
  auto shown = post("/oauth2/v1/authorize", question());
  EXPECT_EQ(shown.status, 200);
  EXPECT_EQ(post("/oauth2/v1/authorize/confirm", answer(shown)).status, 303);
}

TEST_F(AuthorizePageTest, WrongRequestsGoBackOrNowhere) {
  auto back = get(question({{"scope", "okta.nope.read"}}));
  EXPECT_EQ(back.status, 303);
  EXPECT_EQ(parameter(back, "error"), "invalid_scope");
  for (const net::Query& changes :
       {net::Query{{"redirect_uri", "https://evil.example/"}}, net::Query{{"client_id", "0oa<script>"}},
        net::Query{{"redirect_uri", ""}}}) {
    auto told = get(question(changes));
    EXPECT_EQ(told.status, 400);
    EXPECT_FALSE(told.headers.has("Location"));
    EXPECT_THAT(told.body, Not(HasSubstr("<script")));
    EXPECT_THAT(told.body, HasSubstr("role=\"alert\""));
  }
  net::ServerRequest request;
  request.path = "/oauth2/v1/authorize";
  request.query = "state=%zz";
  EXPECT_EQ(org_->handle(request)->status, 400);
  request.method = net::Method::put;
  EXPECT_EQ(org_->handle(request)->status, 405);
  request.path = "/oauth2/v1/authorize/confirm";
  request.method = net::Method::get;
  EXPECT_EQ(org_->handle(request)->status, 405);
}

TEST_F(AuthorizePageTest, DecisionsComeFromThePageThatWasShown) {
  auto shown = get(question());
  auto other = get(question({{"scope", "openid"}}));
  auto device_page = get({}, "/activate");
  struct Row {
    const char* what;
    std::string name;
    std::string value;
    net::Headers headers;
    int status;
  };
  const Row rows[] = {
      {"no token", "csrf_token", "", {}, 403},
      {"not a token", "csrf_token", "x", {}, 403},
      {"the token of another request", "csrf_token", field(other, "csrf_token"), {}, 403},
      {"the token of another page", "csrf_token", field(device_page, "csrf_token"), {}, 403},
      {"another request", "request", field(other, "request"), {}, 403},
      {"no request", "request", "", {}, 403},
      {"another site", "decision", "approve", {{"Origin", "https://evil.example"}}, 403},
      {"another port of this machine",
       "decision",
       "approve",
       {{"Origin", "http://127.0.0.1:9999"}, {"Host", "127.0.0.1:4400"}},
       403},
      {"another decision", "decision", "maybe", {}, 400},
      {"not an administrator", "login", "eve@example.com", {}, 400},
      {"an administrator who is gone", "login", "gone@example.com", {}, 400},
      {"nobody", "login", "", {}, 400},
  };
  for (const Row& row : rows) {
    auto fields = answer(shown);
    for (auto& [name, value] : fields)
      if (name == row.name) value = row.value;
    auto refused = post("/oauth2/v1/authorize/confirm", fields, row.headers);
    EXPECT_EQ(refused.status, row.status) << row.what;
    EXPECT_FALSE(refused.headers.has("Location")) << row.what;
  }
  EXPECT_EQ(post("/oauth2/v1/authorize/confirm", answer(shown), {{"Origin", "http://127.0.0.1:4400"}}).status,
            303);
  clock_.advance(std::chrono::minutes{30});
  EXPECT_EQ(post("/oauth2/v1/authorize/confirm", answer(shown)).status, 403);
}

TEST_F(AuthorizePageTest, FormsMayLeadToTheClientAndNowhereElse) {
  struct Row {
    const char* uri;
    const char* target;
  };
  for (const Row& row :
       {Row{"https://app.example/cb?x=1", "https://app.example;"}, Row{"http://[::1]:16582/cb", "http:;"},
        Row{"com.example.app:/cb", "com.example.app:;"}}) {
    start({row.uri});
    auto shown = get(question({{"redirect_uri", row.uri}}));
    ASSERT_EQ(shown.status, 200) << row.uri;
    EXPECT_THAT(std::string(shown.headers.get("Content-Security-Policy")),
                HasSubstr(std::string("form-action 'self' ") + row.target));
  }
}

TEST_F(AuthorizePageTest, RedirectUrisAreCheckedAtTheStart) {
  for (const char* bad : {"", "callback", "/callback", ":x", "com.example:", "http://app.example/cb",
                          "https://app.example/cb#x", "https://app.example/a b", "https://app.example/;x",
                          "https://app.example/\r\nX: y", "https://", "a/b:c"}) {
    auto created = OrgAuthorizationServer::create(
        {.issuer = "http://127.0.0.1:4400",
         .redirect_uris = {bad},
         .find_user = [](std::string_view) -> std::optional<authserver::User> { return std::nullopt; },
         .administrators = [] { return std::vector<authserver::User>{}; },
         .signing_key = signing_key(),
         .clock = &clock_,
         .random = &random_});
    ASSERT_FALSE(created) << bad;
    EXPECT_EQ(created.error().code, "devorg.redirect_uri") << bad;
  }
  start({});
  EXPECT_EQ(get(question()).status, 400) << "no redirect URI, no authorization codes";
}

}  // namespace
}  // namespace devorg
