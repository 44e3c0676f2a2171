#include "devorg/oauth_routes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <regex>

#include "core/json.h"
#include "net/url.h"
#include "oauth/dpop_verifier.h"
#include "oauth/jws.h"

namespace devorg {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string code(const auto& result) {
  return result ? "ok" : result.error().code;
}

const oauth::Key& signing_key() {
  static const oauth::Key key = oauth::Key::generate(oauth::Algorithm::rs256)->with_kid("s1");
  return key;
}
const oauth::Key& service_key() {
  static const oauth::Key key = *oauth::Key::generate(oauth::Algorithm::es256);
  return key;
}

class OrgAuthorizationServerTest : public testing::Test {
 protected:
  OrgAuthorizationServerOptions options() {
    OrgAuthorizationServerOptions options;
    options.issuer = "http://127.0.0.1:4400";
    options.service_keys = {service_key()};
    options.scopes = {"okta.users.read", "okta.users.manage"};
    options.find_user = [](std::string_view login) -> std::optional<authserver::User> {
      if (login == "ada@example.com") return authserver::User{"00uAda", "ada@example.com", "ada@example.com"};
      if (login == "eve@example.com") return authserver::User{"00uEve", "eve@example.com", "eve@example.com"};
      return std::nullopt;
    };
    options.administrators = [] {
      return std::vector<authserver::User>{{"00uAda", "ada@example.com"},
                                           {"00uGone", "gone@example.com"},
                                           {"00uOdd", "\"><script>@example.com"}};
    };
    options.signing_key = signing_key();
    options.clock = &clock_;
    options.random = &random_;
    return options;
  }

  void SetUp() override { start(options()); }

  void start(OrgAuthorizationServerOptions with) {
    auto created = OrgAuthorizationServer::create(std::move(with));
    ASSERT_EQ(code(created), "ok");
    org_ = *std::move(created);
  }

  net::ServerResponse get(std::string path, std::string query = "") {
    net::ServerRequest request;
    request.path = std::move(path);
    request.query = std::move(query);
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

  static std::string text(const net::ServerResponse& response, std::string_view name) {
    auto body = core::json::parse(response.body);
    return body ? std::string(core::json::string_or_empty(*body, name)) : "";
  }

  // As the sed of the header's example does it.
  static std::string csrf(const net::ServerResponse& response) {
    std::smatch match;
    static const std::regex kToken("name=\"csrf_token\" value=\"([^\"]*)\"");
    return std::regex_search(response.body, match, kToken) ? match[1].str() : "";
  }

  net::ServerResponse start_device(const char* scope = "openid offline_access okta.users.read") {
    return post("/oauth2/v1/device/authorize",
                {{"client_id", std::string(kDevDeviceClient)}, {"scope", scope}});
  }

  net::ServerResponse poll(const net::ServerResponse& device, const net::Headers& headers = {}) {
    return post("/oauth2/v1/token",
                {{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
                 {"client_id", std::string(kDevDeviceClient)},
                 {"device_code", text(device, "device_code")}},
                headers);
  }

  // A request of the API, as the org sees it.
  std::expected<TokenClaims, TokenRefusal> ask(std::string authorization, const net::Headers& headers = {}) {
    net::ServerRequest request;
    request.path = "/api/v1/users";
    request.headers = headers;
    request.headers.set("Authorization", std::move(authorization));
    return org_->hooks().verify(request);
  }

  // A DPoP header; `claims` besides iat and jti.
  net::Headers proof(boost::json::object claims) {
    claims["iat"] = core::to_unix_seconds(clock_.now());
    claims["jti"] = random_.uuid();
    return {{"DPoP", *oauth::sign_compact(service_key(), core::json::write(claims),
                                          {{"typ", "dpop+jwt"}, {"jwk", service_key().public_jwk()}})}};
  }

  core::FakeClock clock_;
  core::SeededRandom random_{1};
  std::unique_ptr<OrgAuthorizationServer> org_;
};

TEST_F(OrgAuthorizationServerTest, AnswersItsPathsAndNoOthers) {
  EXPECT_EQ(get("/oauth2/v1/keys").status, 200);
  EXPECT_EQ(get("/oauth2/v1/userinfo").status, 401);
  EXPECT_EQ(get("/oauth2/v1/token").status, 405);
  EXPECT_EQ(text(get("/.well-known/openid-configuration"), "issuer"), "http://127.0.0.1:4400");
  EXPECT_EQ(text(get("/.well-known/oauth-authorization-server"), "token_endpoint"),
            "http://127.0.0.1:4400/oauth2/v1/token");
  for (const char* path :
       {"/", "/oauth2/v1/token/", "/oauth2/default/v1/token", "/api/v1/users", "/activate/x"}) {
    EXPECT_EQ(get(path).status, 0) << path;
  }
}

TEST_F(OrgAuthorizationServerTest, TheServiceClientSignsInWithItsKey) {
  std::int64_t now = core::to_unix_seconds(clock_.now());
  auto answer =
      post("/oauth2/v1/token",
           {{"grant_type", "client_credentials"},
            {"scope", "okta.users.read okta.users.manage"},
            {"client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
            // The service's key was given without a name and is registered under its thumbprint.
            {"client_assertion", *oauth::sign_jwt(service_key().with_kid(service_key().thumbprint()),
                                                  {{"iss", kDevServiceClient},
                                                   {"sub", kDevServiceClient},
                                                   {"aud", "http://127.0.0.1:4400/oauth2/v1/token"},
                                                   {"iat", now},
                                                   {"exp", now + 300},
                                                   {"jti", "1"}})}});
  ASSERT_EQ(answer.status, 200) << answer.body;
  auto jwt = org_->verify_access_token(text(answer, "access_token"));
  ASSERT_EQ(code(jwt), "ok");
  EXPECT_EQ(jwt->string("cid"), kDevServiceClient);
  EXPECT_THAT(jwt->strings("scp"), testing::ElementsAre("okta.users.read", "okta.users.manage"));

  auto claims = ask("Bearer " + text(answer, "access_token"));
  ASSERT_TRUE(claims);
  EXPECT_EQ(claims->client_id, kDevServiceClient);
  EXPECT_EQ(claims->client_name, "Development service app");
  EXPECT_EQ(claims->user_id, "");
  EXPECT_EQ(ask("DPoP " + text(answer, "access_token")).error().description,
            "The presented access_token is not DPoP bound.");
  EXPECT_EQ(ask("Bearer x").error().error, "invalid_token");
}

TEST_F(OrgAuthorizationServerTest, TokensBoundToAKeyNeedAProofWithEachRequest) {
  auto with = options();
  with.dpop = Dpop::required;
  with.dpop_nonce = DpopNonce::everywhere;
  start(std::move(with));
  auto device = start_device("okta.users.read");
  post("/activate", {{"csrf_token", csrf(get("/activate"))},
                     {"user_code", text(device, "user_code")},
                     {"login", "ada@example.com"},
                     {"decision", "approve"}});
  const boost::json::object here{{"htm", "POST"}, {"htu", "http://127.0.0.1:4400/oauth2/v1/token"}};
  EXPECT_EQ(text(poll(device), "error_description"), "The DPoP proof JWT header is missing.");
  auto challenged = poll(device, proof(here));
  ASSERT_EQ(text(challenged, "error"), "use_dpop_nonce");
  auto with_nonce = here;
  with_nonce["nonce"] = std::string(challenged.headers.get("DPoP-Nonce"));
  auto tokens = poll(device, proof(with_nonce));
  ASSERT_EQ(tokens.status, 200) << tokens.body;
  const std::string token = text(tokens, "access_token");

  auto stolen = ask("Bearer " + token);
  ASSERT_FALSE(stolen);
  EXPECT_EQ(stolen.error().status, 400);
  EXPECT_TRUE(stolen.error().of_dpop);
  EXPECT_EQ(stolen.error().error, "invalid_request");
  boost::json::object api{{"htm", "GET"},
                          {"htu", "http://127.0.0.1:4400/api/v1/users"},
                          {"ath", oauth::access_token_hash(token)}};
  auto nonceless = ask("DPoP " + token, proof(api));
  ASSERT_FALSE(nonceless);
  EXPECT_EQ(nonceless.error().status, 401);
  EXPECT_EQ(nonceless.error().error, "use_dpop_nonce");
  api["nonce"] = std::string(nonceless.error().headers.get("DPoP-Nonce"));
  auto good = ask("DPoP " + token, proof(api));
  ASSERT_TRUE(good) << good.error().description;
  EXPECT_EQ(good->user_id, "00uAda");
  EXPECT_EQ(good->headers.get("DPoP-Nonce"), api["nonce"].as_string());
  api["htm"] = "POST";
  EXPECT_EQ(ask("DPoP " + token, proof(api)).error().description,
            "'htm' claim in the DPoP proof JWT is invalid.");
}

TEST_F(OrgAuthorizationServerTest, DpopCanBeSwitchedOff) {
  auto with = options();
  with.dpop = Dpop::off;
  start(std::move(with));
  EXPECT_EQ(get("/.well-known/oauth-authorization-server").body.find("dpop"), std::string::npos);
  EXPECT_EQ(org_->hooks().dpop_algorithms, "");
  auto refused = ask("DPoP x");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().status, 401);
  EXPECT_FALSE(refused.error().of_dpop);
}

TEST_F(OrgAuthorizationServerTest, ADeviceIsApprovedWithTwoRequestsFromAShell) {
  auto device = start_device();
  ASSERT_EQ(device.status, 200) << device.body;
  EXPECT_EQ(text(poll(device), "error"), "authorization_pending");
  auto done = post("/activate", {{"csrf_token", csrf(get("/activate"))},
                                 {"user_code", text(device, "user_code")},
                                 {"login", "ada@example.com"},
                                 {"decision", "approve"}});
  EXPECT_EQ(done.status, 200) << done.body;
  EXPECT_THAT(done.body, HasSubstr("Device activated"));
  auto tokens = poll(device);
  ASSERT_EQ(tokens.status, 200) << tokens.body;
  auto jwt = org_->verify_access_token(text(tokens, "access_token"));
  ASSERT_EQ(code(jwt), "ok");
  EXPECT_EQ(jwt->string("uid"), "00uAda");
  EXPECT_FALSE(text(tokens, "refresh_token").empty());
  EXPECT_FALSE(text(tokens, "id_token").empty());
}

TEST_F(OrgAuthorizationServerTest, APersonSeesWhatIsAskedAndRefuses) {
  auto device = start_device();
  auto entered =
      post("/activate", {{"csrf_token", csrf(get("/activate"))}, {"user_code", text(device, "user_code")}});
  EXPECT_EQ(entered.status, 200);
  auto linked = get("/activate", "user_code=" + text(device, "user_code"));
  for (const auto& shown : {entered, linked}) {
    EXPECT_THAT(shown.body, HasSubstr("Development device app"));
    EXPECT_THAT(shown.body, HasSubstr("<li>okta.users.read</li>"));
    EXPECT_THAT(shown.body, HasSubstr("<option value=\"ada@example.com\">"));
    EXPECT_THAT(shown.body, Not(HasSubstr("<script")));
    EXPECT_THAT(shown.headers.get("Content-Security-Policy"), HasSubstr("frame-ancestors 'none'"));
  }
  auto refused =
      post("/activate",
           {{"csrf_token", csrf(linked)}, {"user_code", text(device, "user_code")}, {"decision", "deny"}});
  EXPECT_THAT(refused.body, HasSubstr("Refused"));
  EXPECT_EQ(text(poll(device), "error"), "access_denied");
}

TEST_F(OrgAuthorizationServerTest, EverythingShownIsEscaped) {
  auto answer = get("/activate", "user_code=%22%3E%3Cscript%3Ealert(1)%3C/script%3E");
  EXPECT_EQ(answer.status, 400);
  EXPECT_THAT(answer.body, Not(HasSubstr("<script")));
  auto listed = get("/activate", "user_code=" + text(start_device(), "user_code"));
  EXPECT_THAT(listed.body, HasSubstr("&quot;&gt;&lt;script&gt;@example.com"));
}

TEST_F(OrgAuthorizationServerTest, FormsThatAreRefused) {
  auto device = start_device();
  std::string user_code = text(device, "user_code");
  std::string good = csrf(get("/activate"));
  ASSERT_FALSE(good.empty());
  struct Row {
    const char* what;
    net::Query fields;
    net::Headers headers;
    int status;
  };
  auto form = [&](std::string token, std::string login, std::string decision,
                  std::string entered) -> net::Query {
    return {{"csrf_token", token}, {"user_code", entered}, {"login", login}, {"decision", decision}};
  };
  const std::string kAda = "ada@example.com";
  const Row rows[] = {
      {"no token", form("", kAda, "approve", user_code), {}, 403},
      {"altered token", form(good.substr(0, good.size() - 2) + "AA", kAda, "approve", user_code), {}, 403},
      {"not a token", form("x", kAda, "approve", user_code), {}, 403},
      {"another site", form(good, kAda, "approve", user_code), {{"Origin", "https://evil.example"}}, 403},
      {"no site", form(good, kAda, "approve", user_code), {{"Origin", "null"}}, 403},
      {"another port of this machine",
       form(good, kAda, "approve", user_code),
       {{"Origin", "http://127.0.0.1:9999"}, {"Host", "127.0.0.1:4400"}},
       403},
      {"a rebound name",
       form(good, kAda, "approve", user_code),
       {{"Origin", "http://evil.example:4400"}, {"Host", "evil.example:4400"}},
       403},
      {"wrong code", form(good, kAda, "approve", "BCDFGHJK"), {}, 400},
      {"no code", form(good, kAda, "approve", ""), {}, 400},
      {"nobody", form(good, "", "approve", user_code), {}, 400},
      {"not an administrator", form(good, "eve@example.com", "approve", user_code), {}, 400},
      {"an administrator who is gone", form(good, "gone@example.com", "approve", user_code), {}, 400},
      {"another decision", form(good, kAda, "maybe", user_code), {}, 400},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(post("/activate", row.fields, row.headers).status, row.status) << row.what;
    clock_.advance(std::chrono::seconds{5});
    EXPECT_EQ(text(poll(device), "error"), "authorization_pending") << row.what;
  }
  net::ServerRequest request;
  request.path = "/activate";
  request.method = net::Method::post;
  request.headers.set("Content-Type", "text/plain");
  EXPECT_EQ(org_->handle(request)->status, 400);
  request.method = net::Method::delete_;
  EXPECT_EQ(org_->handle(request)->status, 405);

  auto same = form(good, kAda, "approve", user_code);
  EXPECT_EQ(post("/activate", same, {{"Origin", "http://localhost:4400"}, {"Host", "localhost:4400"}}).status,
            200);
  EXPECT_EQ(post("/activate", same).status, 400) << "decided already";
}

TEST_F(OrgAuthorizationServerTest, AFormIsGoodForHalfAnHour) {
  auto device = start_device();
  std::string token = csrf(get("/activate"));
  clock_.advance(std::chrono::minutes{30});
  EXPECT_EQ(post("/activate", {{"csrf_token", token}, {"user_code", text(device, "user_code")}}).status, 403);
}

TEST_F(OrgAuthorizationServerTest, ClientsCanBeRestricted) {
  auto with = options();
  with.device_scopes = {"okta.users.read"};
  with.device_may_refresh = false;
  with.service_keys.clear();
  start(std::move(with));
  EXPECT_EQ(text(start_device("openid offline_access okta.users.read"), "error"), "invalid_scope");
  EXPECT_EQ(text(start_device("okta.users.manage"), "error"), "consent_required");
  EXPECT_EQ(start_device("openid okta.users.read").status, 200);
}

TEST_F(OrgAuthorizationServerTest, KnowsTheScopesOfEveryOperation) {
  auto with = options();
  with.scopes.clear();
  start(std::move(with));
  EXPECT_EQ(start_device("okta.users.manage okta.logs.read okta.policies.read okta.apps.manage").status, 200);
  EXPECT_EQ(text(start_device("okta.users.destroy"), "error_description"),
            "One or more scopes are not configured for the authorization server resource.");
}

TEST_F(OrgAuthorizationServerTest, ClientIdsLookLikeOktas) {
  EXPECT_EQ(kDevServiceClient.size(), 20u);
  EXPECT_EQ(kDevDeviceClient.size(), 20u);
}

TEST_F(OrgAuthorizationServerTest, SaysWhatIsMissing) {
  auto broken = [&](auto change) {
    auto with = options();
    change(with);
    return code(OrgAuthorizationServer::create(std::move(with)));
  };
  EXPECT_EQ(broken([](auto& o) { o.issuer.clear(); }), "authserver.server_error");
  EXPECT_EQ(broken([](auto& o) { o.clock = nullptr; }), "authserver.server_error");
  EXPECT_EQ(broken([](auto& o) { o.find_user = nullptr; }), "authserver.server_error");
  EXPECT_EQ(broken([](auto& o) { o.administrators = nullptr; }), "authserver.server_error");
  EXPECT_EQ(broken([](auto& o) { o.signing_key = service_key(); }), "authserver.server_error");
  EXPECT_EQ(broken([](auto& o) { o.signing_key.reset(); }), "ok");
}

}  // namespace
}  // namespace devorg
