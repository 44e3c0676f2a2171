#include "registry/sign_in.h"

#include <gtest/gtest.h>

#include "authserver/server.h"
#include "core/encoding.h"
#include "core/html.h"
#include "core/json.h"
#include "core/seal.h"
#include "oauth/jwt.h"
#include "oauth/test_issuer.h"
#include "registry/session.h"
#include "registry/test_store.h"

namespace registry {
namespace {

using core::json::Object;
using net::Method;
using oauth::test::Change;
using oauth::test::Changes;

constexpr std::string_view kLogin = "https://login.example";

// An OpenID provider that has the person sign in at once: what its ID tokens say is the test's.
class Provider {
 public:
  explicit Provider(net::FakeHttpClient& http) : issuer_(std::string(kLogin)) {
    metadata = {{"issuer", kLogin},
                {"authorization_endpoint", std::string(kLogin) + "/authorize"},
                {"token_endpoint", std::string(kLogin) + "/token"},
                {"userinfo_endpoint", std::string(kLogin) + "/userinfo"},
                {"jwks_uri", std::string(kLogin) + "/keys"}};
    http.answer_with(
        [this](const core::Context&, const net::HttpRequest& request) { return answer(request); });
  }

  Object claims() const {
    return oauth::test::changed({{"iss", kLogin},
                                 {"sub", "s-1"},
                                 {"aud", "c1"},
                                 {"iat", now},
                                 {"exp", now + 300},
                                 {"nonce", nonce},
                                 {"email", "ada@example.com"},
                                 {"email_verified", true},
                                 {"given_name", "Ada"},
                                 {"name", "Ada Lovelace"}},
                                changes);
  }

  Object metadata;
  Changes changes;  // of the ID token's claims
  std::int64_t now = oauth::test::kIssuedNow;
  std::string nonce;  // of the authorization request
  std::optional<Object> userinfo;
  std::optional<oauth::Key> signer;  // instead of the provider's key
  bool refuses = false;
  net::Query last_form;
  std::string last_authorization;

 private:
  net::FakeHttpClient::Answer json(int status, const Object& body) const {
    return net::HttpResponse{
        .status = status, .headers = {{"Content-Type", "application/json"}}, .body = core::json::write(body)};
  }
  net::FakeHttpClient::Answer answer(const net::HttpRequest& request) {
    if (request.url.contains("/.well-known/")) {
      if (!request.url.starts_with(kLogin)) return net::HttpResponse{.status = 404};
      return json(200, metadata);
    }
    if (request.url == std::string(kLogin) + "/keys")
      return json(200, oauth::KeySet({issuer_.key().public_key()}).public_jwks());
    if (request.url == std::string(kLogin) + "/userinfo" && userinfo) return json(200, *userinfo);
    if (request.url == std::string(kLogin) + "/token") {
      last_form = net::parse_query(request.body).value();
      last_authorization = request.headers.get("Authorization");
      if (refuses) return json(400, {{"error", "invalid_client"}});
      const auto token = oauth::sign_jwt(signer ? *signer : issuer_.key(), claims());
      return json(200, {{"access_token", "at"}, {"token_type", "Bearer"}, {"id_token", *token}});
    }
    return net::HttpResponse{.status = 404};
  }
  oauth::test::TestIssuer issuer_;
};

class SignIn : public test::ServiceFixture {
 protected:
  void SetUp() override {
    service_.settings.issuer = "https://org.example";
    provider_.now = core::to_unix_seconds(clock().now());
    row_ = IdentityProvider{.id = "0oaProvider000000001",
                            .name = "Corp",
                            .issuer = std::string(kLogin),
                            .client_id = "c1",
                            .match = IdentityProvider::Match::login};
    row_.sealed_secret = *service_.vault->seal("very secret", IdentityProvider::secret_context(row_.id));
    save(row_);
  }
  template <class Entity>
  void save(Entity& entity) {
    const auto done = store().transaction([&](Transaction& tx) -> core::Status {
      Row row = to_row(entity);
      if (row.version == 0) {
        RETURN_IF_ERROR(tx.insert(row));
      } else {
        RETURN_IF_ERROR(tx.update(row));
      }
      entity.version = row.version;
      return {};
    });
    ASSERT_TRUE(done.has_value()) << core::describe(done.error());
  }
  Person add(std::string login, bool owner = false) {
    Person person{.id = service_.new_id("00u"), .login = login, .email = login};
    person.owner = owner;
    save(person);
    return person;
  }

  // A browser: keeps cookies.
  net::ServerResponse get(std::string target, net::Headers headers = {}) {
    net::ServerRequest request{.target = target, .headers = std::move(headers), .peer = "127.0.0.1:1"};
    const std::size_t mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark != std::string::npos) request.query = target.substr(mark + 1);
    return send(std::move(request));
  }
  net::ServerResponse post(std::string path, const net::Query& form, net::Headers headers = {}) {
    net::ServerRequest request{.method = Method::post,
                               .target = path,
                               .path = path,
                               .headers = std::move(headers),
                               .body = net::encode_form(form),
                               .peer = "127.0.0.1:1"};
    request.headers.set("Content-Type", "application/x-www-form-urlencoded");
    return send(std::move(request));
  }
  net::ServerResponse send(net::ServerRequest request) {
    std::string cookies;
    for (const auto& [name, value] : cookies_) cookies += (cookies.empty() ? "" : "; ") + name + "=" + value;
    if (!cookies.empty()) request.headers.set("Cookie", cookies);
    auto response = request.path == "/oauth2/v1/authorize" ? authorize(service_, org_, request)
                                                           : handle_sign_in(service_, request).value();
    for (const auto cookie : response.headers.all("Set-Cookie")) {
      const std::size_t equals = cookie.find('=');
      const std::string value(cookie.substr(equals + 1, cookie.find(';') - equals - 1));
      const std::string name(cookie.substr(0, equals));
      if (value.empty()) {
        cookies_.erase(name);
      } else {
        cookies_[name] = value;
      }
      EXPECT_TRUE(name.starts_with("__Host-")) << cookie;
      for (const std::string_view part : {"; Path=/", "; HttpOnly", "; SameSite=Lax", "; Secure"})
        EXPECT_TRUE(cookie.contains(part)) << cookie;
    }
    return response;
  }
  // To the provider; returns the answer that it sends the browser back with.
  std::string to_provider(std::string target = "/login?return=%2Fafter%3Fa%3D1") {
    const auto response = get(std::move(target));
    EXPECT_EQ(response.status, 303) << response.body;
    const auto url = net::parse_url(response.headers.get("Location"));
    if (!url || url->origin() != kLogin) {
      ADD_FAILURE() << response.headers.get("Location");
      return {};
    }
    asked_ = net::parse_query(url->query).value();
    provider_.nonce = net::query_value(asked_, "nonce").value_or("");
    return "/login/callback?" +
           net::encode_query({{"code", "abc"}, {"state", net::query_value(asked_, "state").value_or("")}});
  }
  net::ServerResponse sign_in() { return get(to_provider()); }
  std::optional<Session> session() {
    net::ServerRequest request;
    std::string cookies;
    for (const auto& [name, value] : cookies_) cookies += name + "=" + value + "; ";
    request.headers.set("Cookie", cookies);
    const auto found = session_of(service_, request);
    EXPECT_TRUE(found.has_value());
    return found ? *found : std::nullopt;
  }
  std::size_t count(std::string_view type) {
    return store().events({.type_prefix = std::string(type)})->size();
  }

  Provider provider_{parts_.outside};
  IdentityProvider row_;
  std::map<std::string, std::string> cookies_;
  net::Query asked_;
  authserver::MemoryStore memory_{{{.id = "wlp1",
                                    .name = "Agent",
                                    .grants = {"authorization_code"},
                                    .scopes = {"openid", "email", "okta.*"},
                                    .redirect_uris = {"http://127.0.0.1:16582/callback"}}}};
  authserver::Server org_{
      .settings = {.issuer = "https://org.example", .resource_scopes = {"okta.users.read"}},
      .store = &memory_,
      .clock = &parts_.place.clock,
      .random = &parts_.random,
      .grants = {authserver::authorization_code_grant()},
      .find_user = [this](std::string_view login) { return find_user(service_, login); }};
};

TEST_F(SignIn, APersonComesBackSignedInWhereTheyWantedToGo) {
  const Person ada = add("ada@example.com");
  const auto response = sign_in();
  ASSERT_EQ(response.status, 303) << response.body;
  EXPECT_EQ(response.headers.get("Location"), "/after?a=1");
  EXPECT_EQ(net::query_value(asked_, "code_challenge_method"), "S256");
  EXPECT_EQ(net::query_value(asked_, "redirect_uri"), "https://org.example/login/callback");
  EXPECT_EQ(net::query_value(asked_, "scope"), "openid profile email");
  EXPECT_EQ(net::query_value(asked_, "code_challenge"),
            core::base64url_encode(core::sha256(*net::query_value(provider_.last_form, "code_verifier"))));
  EXPECT_EQ(provider_.last_authorization, "Basic " + core::base64_encode("c1:very%20secret"));
  const auto found = session();
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->person.id, ada.id);
  EXPECT_EQ(found->provider, row_.id);
  EXPECT_EQ(find_person_by_identity(store(), row_.id, "s-1")->value().id, ada.id);
  EXPECT_EQ(count("user.session.start"), 1u);
  EXPECT_EQ(count("user.authentication.auth_via_IDP"), 1u);
  // Who is signed in is not asked again.
  EXPECT_EQ(get("/login?return=%2Fx").headers.get("Location"), "/x");
  clock().advance(kSessionLifetime);
  EXPECT_FALSE(session().has_value());
}

TEST_F(SignIn, AnAnswerCountsOnceInTheBrowserThatAsked) {
  add("ada@example.com");
  const std::string answer = to_provider();
  const auto cookies = cookies_;
  cookies_.clear();
  EXPECT_EQ(get(answer).status, 400) << "another browser";
  EXPECT_FALSE(session().has_value());
  cookies_ = cookies;
  EXPECT_EQ(get(answer).status, 303);
  EXPECT_EQ(get(answer).status, 400) << "a second time";
  const std::string late = to_provider("/login?again=1");
  clock().advance(kSignInPatience + std::chrono::seconds{1});
  EXPECT_EQ(get(late).status, 400) << "too late";
  EXPECT_EQ(get("/login/callback?code=a&state=made-up").status, 400);
}

TEST_F(SignIn, AnIdTokenThatDoesNotHoldSignsNobodyIn) {
  add("ada@example.com");
  const std::int64_t now = provider_.now;
  const struct {
    std::string_view what;
    Change change;
  } rows[] = {
      {"another issuer", Change("iss", "https://evil.example")},
      {"another audience", Change("aud", "c2")},
      {"another nonce", Change("nonce", "made-up")},
      {"no nonce", Change("nonce", core::json::Value())},
      {"expired", Change("exp", now - 61)},
      {"old", Change("iat", now - 3600)},
      {"from the future", Change("iat", now + 3600)},
      {"no subject", Change("sub", core::json::Value())},
      {"empty subject", Change("sub", "")},
      {"long subject", Change("sub", std::string(300, 'x'))},
      {"another party", Change("azp", "c2")},
      {"several audiences without a party", Change("aud", core::json::Array{"c1", "c2"})},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    provider_.changes = {row.change};
    const auto response = sign_in();
    EXPECT_EQ(response.status, 400);
    EXPECT_FALSE(session().has_value());
  }
  provider_.changes.clear();
  provider_.signer = oauth::Key::generate(oauth::Algorithm::es256)->with_kid("k1");
  EXPECT_EQ(sign_in().status, 400) << "another's key of that name";
  provider_.signer.reset();
  provider_.refuses = true;
  EXPECT_EQ(sign_in().status, 400);
  provider_.refuses = false;
  EXPECT_EQ(count("user.authentication"), 0u);
  EXPECT_EQ(sign_in().status, 303) << "and after all that the right one does";
}

TEST_F(SignIn, TheProvidersMetadataIsHeldToItsIssuer) {
  add("ada@example.com");
  provider_.metadata["issuer"] = "https://evil.example";
  EXPECT_EQ(get("/login").status, 502);
  provider_.metadata["issuer"] = kLogin;
  provider_.metadata["authorization_endpoint"] = "http://127.0.0.1/authorize";
  EXPECT_EQ(get("/login").status, 502);
  provider_.metadata["authorization_endpoint"] = std::string(kLogin) + "/authorize";
  provider_.metadata["authorization_response_iss_parameter_supported"] = true;
  EXPECT_EQ(get(to_provider()).status, 400) << "promised iss is missing (RFC 9207)";
  EXPECT_EQ(get(to_provider() + "&iss=https%3A%2F%2Fevil.example").status, 400);
  EXPECT_EQ(get(to_provider() + "&iss=https%3A%2F%2Flogin.example").status, 303);
}

TEST_F(SignIn, WhoIsUnknownIsRefusedOrMadeAsTheProviderIsSet) {
  EXPECT_EQ(sign_in().status, 400);
  EXPECT_EQ(count("user.session.start"), 1u) << "the failure is in the log";
  row_.create_people = true;
  save(row_);
  ASSERT_EQ(sign_in().status, 303);
  const auto made = session();
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->person.login, "ada@example.com");
  EXPECT_EQ(made->person.first_name, "Ada");
  EXPECT_FALSE(made->person.owner);
  EXPECT_EQ(count("user.lifecycle.create"), 1u);
  // The link counts from now on, whatever the address has become.
  provider_.changes = {Change("email", "countess@example.com")};
  cookies_.clear();
  ASSERT_EQ(sign_in().status, 303);
  EXPECT_EQ(session()->person.id, made->person.id);
  EXPECT_EQ(count("user.lifecycle.create"), 1u);
}

TEST_F(SignIn, AnAddressThatNobodyVerifiedIsNobodys) {
  add("ada@example.com", true);
  for (const auto& change :
       {Change("email_verified", false), Change("email_verified", core::json::Value())}) {
    provider_.changes = {change};
    EXPECT_EQ(sign_in().status, 400);
  }
  // What the ID token leaves out, userinfo may say, of the same subject.
  provider_.userinfo = Object{{"sub", "s-2"}, {"email_verified", true}};
  EXPECT_EQ(sign_in().status, 400);
  provider_.userinfo = Object{{"sub", "s-1"}, {"email_verified", true}};
  EXPECT_EQ(sign_in().status, 303);
}

TEST_F(SignIn, DomainsLinksAndStatesDecide) {
  const Person ada = add("ada@example.com");
  row_.allowed_domains = {"other.example"};
  save(row_);
  EXPECT_EQ(sign_in().status, 400);
  row_.allowed_domains = {"example.com"};
  row_.link_accounts = false;
  save(row_);
  EXPECT_EQ(sign_in().status, 400);
  row_.link_accounts = true;
  row_.match = IdentityProvider::Match::email;
  save(row_);
  EXPECT_EQ(sign_in().status, 303);
  // Another subject with the same address is not the same account.
  provider_.changes = {Change("sub", "s-9")};
  cookies_.clear();
  EXPECT_EQ(sign_in().status, 400);
  provider_.changes.clear();
  EXPECT_EQ(sign_in().status, 303);
  auto person = **find_person(store(), ada.id);
  person.status = PersonStatus::deprovisioned;
  save(person);
  EXPECT_FALSE(session().has_value()) << "deactivated people have no session";
  EXPECT_EQ(sign_in().status, 400);
  row_.active = false;
  save(row_);
  EXPECT_EQ(get("/login").status, 503);
}

TEST_F(SignIn, SessionsEndWhenTheyAreRevokedAndChangeAtSignIn) {
  const Person ada = add("ada@example.com");
  ASSERT_EQ(sign_in().status, 303);
  const auto before = cookies_;
  clock().advance(std::chrono::seconds{1});
  ASSERT_EQ(get(to_provider("/login?again=1")).status, 303);
  EXPECT_NE(cookies_, before);
  const auto after = cookies_;
  cookies_ = before;
  EXPECT_FALSE(session().has_value()) << "the session before it is over";
  cookies_ = after;
  ASSERT_TRUE(session().has_value());
  clock().advance(std::chrono::seconds{1});
  auto person = **find_person(store(), ada.id);
  person.sessions_from = clock().now();
  save(person);
  EXPECT_FALSE(session().has_value());
}

TEST_F(SignIn, SigningOutNeedsAFormOfOurs) {
  add("ada@example.com");
  ASSERT_EQ(sign_in().status, 303);
  const std::string token = session()->csrf_token;
  const auto page = get("/logout");
  EXPECT_TRUE(page.body.contains(core::html_escape(token)));
  EXPECT_EQ(post("/logout", {{"csrf_token", "wrong"}}).status, 403);
  EXPECT_EQ(post("/logout", {{"csrf_token", token}}, {{"Origin", "https://evil.example"}}).status, 403);
  EXPECT_EQ(post("/logout", {{"csrf_token", token}}, {{"Sec-Fetch-Site", "cross-site"}}).status, 403);
  ASSERT_TRUE(session().has_value());
  EXPECT_EQ(post("/logout", {{"csrf_token", token}}, {{"Origin", "https://org.example"}}).status, 200);
  EXPECT_FALSE(session().has_value());
  EXPECT_EQ(count("user.session.end"), 1u);
}

TEST_F(SignIn, EndSessionGoesBackToThisOriginOnly) {
  add("ada@example.com");
  ASSERT_EQ(sign_in().status, 303);
  const std::string target = "/oauth2/v1/logout?post_logout_redirect_uri=";
  EXPECT_EQ(get(target + "https%3A%2F%2Forg.example%2Fconsole%2F").status, 200) << "asks first";
  ASSERT_TRUE(session().has_value());
  const auto gone =
      get(target + "https%3A%2F%2Forg.example%2Fconsole%2F&state=s", {{"Sec-Fetch-Site", "same-origin"}});
  EXPECT_EQ(gone.headers.get("Location"), "/console/?state=s");
  EXPECT_FALSE(session().has_value());
  for (const std::string_view elsewhere : {"https%3A%2F%2Forg.example.evil%2F", "https%3A%2F%2Fevil.example",
                                           "https%3A%2F%2Forg.example%2F%2Fevil.example", "%2F%2Fevil"})
    EXPECT_EQ(get(target + std::string(elsewhere)).status, 200) << elsewhere;
}

TEST_F(SignIn, ReturnsStayOnThisOrigin) {
  for (const std::string_view bad :
       {"//evil.example", "/\\evil.example", "https://evil.example", "", "x", "/a b", "/a\nb", "/\xc3\xa4"})
    EXPECT_FALSE(is_local_target(bad)) << bad;
  for (const std::string_view good : {"/", "/console/", "/oauth2/v1/authorize?a=b%20c"})
    EXPECT_TRUE(is_local_target(good)) << good;
}

std::string ask(std::string_view more = {}, std::string_view scope = "openid%20email") {
  return "/oauth2/v1/authorize?response_type=code&client_id=wlp1&state=xyz&nonce=n1&redirect_uri=http%3A%2F%"
         "2F127.0.0.1%3A16582%2Fcallback&code_challenge_method=S256&code_challenge=" +
         core::base64url_encode(core::sha256("v")) + "&scope=" + std::string(scope) + std::string(more);
}

TEST_F(SignIn, TheAuthorizationEndpointHonoursTheSession) {
  const Person ada = add("ada@example.com");
  const auto first = get(ask());
  ASSERT_EQ(first.status, 303);
  const std::string to_login(first.headers.get("Location"));
  ASSERT_TRUE(to_login.starts_with("/login?return=")) << to_login;
  const auto back = get(to_provider(to_login));
  const auto code = get(std::string(back.headers.get("Location")));
  const std::string_view location = code.headers.get("Location");
  EXPECT_TRUE(location.starts_with("http://127.0.0.1:16582/callback?code=")) << location;
  EXPECT_TRUE(location.contains("state=xyz"));
  EXPECT_TRUE(location.contains("iss=https%3A%2F%2Forg.example"));

  EXPECT_TRUE(get(ask("&prompt=none")).headers.get("Location").contains("code="));
  EXPECT_TRUE(get(ask("&max_age=60")).headers.get("Location").contains("code="));
  clock().advance(std::chrono::seconds{61});
  const auto aged = get(ask("&max_age=60"));
  EXPECT_TRUE(aged.headers.get("Location").starts_with("/login?return="));
  EXPECT_TRUE(aged.headers.get("Location").ends_with("&again=1"));
  EXPECT_TRUE(get(ask("&prompt=login")).headers.get("Location").starts_with("/login?return="));
  EXPECT_TRUE(get(ask("&prompt=dance")).headers.get("Location").contains("error="));
  cookies_.clear();
  EXPECT_TRUE(get(ask("&prompt=none")).headers.get("Location").contains("error=login_required"));
  const auto unknown = get("/oauth2/v1/authorize?response_type=code&client_id=nobody");
  EXPECT_EQ(unknown.status, 400);
  EXPECT_FALSE(unknown.headers.has("Location"));
}

TEST_F(SignIn, ApiScopesAreForOwners) {
  auto ada = add("ada@example.com");
  ASSERT_EQ(sign_in().status, 303);
  EXPECT_TRUE(get(ask({}, "okta.users.read")).headers.get("Location").contains("error="));
  EXPECT_TRUE(get(ask({}, "openid%20okta.users.read")).headers.get("Location").contains("code="));
  auto person = **find_person(store(), ada.id);
  person.owner = true;
  save(person);
  EXPECT_TRUE(get(ask({}, "openid%20okta.users.read")).headers.get("Location").contains("code="));
}

TEST_F(SignIn, SeveralProvidersAreAChoice) {
  IdentityProvider second{.id = "0oaProvider000000002",
                          .name = "<b>Other</b>",
                          .issuer = "https://other.example",
                          .client_id = "c"};
  save(second);
  const auto page = get("/login?return=%2Fx");
  EXPECT_EQ(page.status, 200);
  EXPECT_TRUE(page.body.contains("idp=0oaProvider000000001"));
  EXPECT_FALSE(page.body.contains("<b>Other"));
  EXPECT_TRUE(get("/login?idp=0oaProvider000000001").headers.get("Location").starts_with(kLogin));
}

}  // namespace
}  // namespace registry
