#include "authserver/client_authentication.h"

#include <gtest/gtest.h>
#include <thread>

#include "authserver/test_server.h"
#include "core/encoding.h"

namespace authserver {
namespace {

using boost::json::object;
using boost::json::value;

constexpr const char* kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

std::string code(const core::Result<Client>& result) {
  return result ? "ok" : result.error().code;
}

std::string authenticate(TestServer& test, const net::Query& fields, const net::Headers& headers = {},
                         const char* endpoint = "token") {
  auto request = form_request(fields, headers);
  auto form = Form::read(request);
  if (!form) return form.error().code;
  return code(authenticate_client(test.server, request, *form, endpoint));
}

std::string assert_with(TestServer& test, const std::string& assertion, const char* endpoint = "token") {
  return authenticate(test, {{"client_assertion_type", kAssertionType}, {"client_assertion", assertion}}, {},
                      endpoint);
}

TEST(ClientAssertionAtTheServer, EveryFaultHasOktasWords) {
  TestServer test;
  std::int64_t now = test.seconds();
  struct Row {
    const char* what;
    object changes;
    const char* code;
  };
  const Row rows[] = {
      {"good", {}, "ok"},
      {"no jti", {{"jti", nullptr}}, "ok"},
      {"an hour", {{"exp", now + 3600}}, "ok"},
      {"aud in a list", {{"aud", value{"https://acme.example/oauth2/v1/token", "https://other"}}}, "ok"},
      {"other iss", {{"iss", "0oaOther"}}, "authserver.client_assertion_invalid_issuer"},
      {"no iss", {{"iss", nullptr}}, "authserver.client_assertion_invalid_issuer"},
      {"unknown client",
       {{"iss", "0oaNone"}, {"sub", "0oaNone"}},
       "authserver.client_assertion_invalid_subject"},
      {"no sub", {{"sub", nullptr}}, "authserver.client_assertion_invalid_subject"},
      {"aud is the issuer",
       {{"aud", "https://acme.example"}},
       "authserver.client_assertion_invalid_audience"},
      {"aud is another endpoint",
       {{"aud", "https://acme.example/oauth2/v1/revoke"}},
       "authserver.client_assertion_invalid_audience"},
      {"no aud", {{"aud", nullptr}}, "authserver.client_assertion_invalid_audience"},
      {"no exp", {{"exp", nullptr}}, "authserver.client_assertion_expiration_required"},
      {"expired", {{"exp", now - 10}}, "authserver.client_assertion_expired_token"},
      {"two hours", {{"exp", now + 7200}}, "authserver.client_assertion_expires_too_far_in_future"},
      {"iat ahead", {{"iat", now + 60}}, "authserver.client_assertion_issued_at_in_future"},
      {"nbf ahead", {{"nbf", now + 60}}, "authserver.client_assertion_issued_at_in_future"},
      {"exp is text", {{"exp", "soon"}}, "authserver.client_assertion_invalid_jwt"},
      {"client without keys",
       {{"iss", "0oaNoKeys"}, {"sub", "0oaNoKeys"}},
       "authserver.client_assertion_jwks_not_configured"},
      {"client with a secret", {{"iss", "0oaBasic"}, {"sub", "0oaBasic"}}, "authserver.invalid_client"},
  };
  for (const Row& row : rows) EXPECT_EQ(assert_with(test, test.assertion(row.changes)), row.code) << row.what;
}

TEST(ClientAssertionAtTheServer, KeysAndShapes) {
  TestServer test;
  oauth::Key stranger = *oauth::Key::generate(oauth::Algorithm::es256);
  EXPECT_EQ(assert_with(test, test.assertion({}, stranger)), "authserver.client_assertion_invalid_signature");
  EXPECT_EQ(assert_with(test, test.assertion({}, stranger.with_kid("client-1"))),
            "authserver.client_assertion_invalid_signature");
  EXPECT_EQ(assert_with(test, test.assertion({}, test_client_key().with_kid("client-2"))),
            "authserver.client_assertion_invalid_kid");
  EXPECT_EQ(assert_with(test, test.assertion({}, test_client_key().with_kid(""))), "ok")
      << "kid may be left out";
  EXPECT_EQ(assert_with(test, test.assertion({}, *oauth::Key::generate(oauth::Algorithm::eddsa))),
            "authserver.client_assertion_invalid_signature_algorithm");
  EXPECT_EQ(assert_with(test, "nonsense"), "authserver.client_assertion_invalid_jwt");
  EXPECT_EQ(assert_with(test, std::string(20'000, 'a')), "authserver.client_assertion_invalid_jwt");
  EXPECT_EQ(authenticate(test, {{"client_assertion_type", "jwt"}, {"client_assertion", test.assertion()}}),
            "authserver.client_assertion_type_invalid");
  EXPECT_EQ(authenticate(test, {{"client_assertion", test.assertion()}}),
            "authserver.client_assertion_type_invalid");
  EXPECT_EQ(authenticate(test, {{"client_id", "0oaService"},
                                {"client_assertion_type", kAssertionType},
                                {"client_assertion", test.assertion()}}),
            "ok");
  EXPECT_EQ(authenticate(test, {{"client_id", "0oaBasic"},
                                {"client_assertion_type", kAssertionType},
                                {"client_assertion", test.assertion()}}),
            "authserver.client_assertion_invalid_subject");
  EXPECT_EQ(
      assert_with(test, test.assertion({{"aud", "https://acme.example/oauth2/v1/introspect"}}), "introspect"),
      "ok");
}

TEST(ClientAssertionAtTheServer, IsGoodForOneUse) {
  TestServer test;
  std::string assertion = test.assertion({{"jti", "once"}});
  EXPECT_EQ(assert_with(test, assertion), "ok");
  EXPECT_EQ(assert_with(test, assertion), "authserver.client_assertion_already_used");
  EXPECT_EQ(assert_with(test, test.assertion({{"jti", "once"}, {"sub", "0oaService"}})),
            "authserver.client_assertion_already_used")
      << "a new signature over the same jti is the same jti";
  // Refused assertions do not use their jti up.
  EXPECT_EQ(assert_with(test, test.assertion({{"jti", "later"}, {"aud", "x"}})),
            "authserver.client_assertion_invalid_audience");
  EXPECT_EQ(assert_with(test, test.assertion({{"jti", "later"}})), "ok");
  test.clock.advance(std::chrono::seconds{303});
  EXPECT_EQ(assert_with(test, assertion), "authserver.client_assertion_already_used")
      << "in the leeway behind exp";
}

TEST(ClientAssertionAtTheServer, OneOfManySimultaneousUsesWins) {
  TestServer test;
  std::string assertion = test.assertion();
  std::atomic<int> good = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { good += assert_with(test, assertion) == "ok"; });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(good, 1);
}

TEST(ClientSecret, BasicAndPost) {
  TestServer test;
  auto basic = [](std::string_view text) {
    return net::Headers{{"Authorization", "Basic " + core::base64_encode(text)}};
  };
  struct Row {
    const char* what;
    net::Query fields;
    net::Headers headers;
    const char* code;
  };
  const Row rows[] = {
      {"basic", {}, basic("0oaBasic:s3cret%3A+%25"), "ok"},
      {"basic with client_id", {{"client_id", "0oaBasic"}}, basic("0oaBasic:s3cret%3A+%25"), "ok"},
      {"basic, other client_id",
       {{"client_id", "0oaPost"}},
       basic("0oaBasic:s3cret%3A+%25"),
       "authserver.invalid_client_id"},
      {"basic, wrong", {}, basic("0oaBasic:wrong"), "authserver.invalid_client_secret"},
      {"basic, unknown", {}, basic("0oaNone:x"), "authserver.invalid_client_id"},
      {"basic, no colon", {}, basic("0oaBasic"), "authserver.invalid_basic_auth_creds"},
      {"basic, broken escape", {}, basic("0oaBasic:%zz"), "authserver.invalid_basic_auth_creds"},
      {"basic, not base64", {}, {{"Authorization", "Basic ~~"}}, "authserver.invalid_basic_auth_creds"},
      {"bearer", {}, {{"Authorization", "Bearer x"}}, "authserver.invalid_basic_auth_creds"},
      {"basic for a post client", {}, basic("0oaPost:posted"), "authserver.invalid_client"},
      {"post", {{"client_id", "0oaPost"}, {"client_secret", "posted"}}, {}, "ok"},
      {"post, wrong",
       {{"client_id", "0oaPost"}, {"client_secret", "x"}},
       {},
       "authserver.invalid_client_secret"},
      {"post, no id", {{"client_secret", "posted"}}, {}, "authserver.missing_client_credentials"},
      {"post for a basic client",
       {{"client_id", "0oaBasic"}, {"client_secret", "s3cret: %"}},
       {},
       "authserver.invalid_client"},
      {"a public client with a secret",
       {{"client_id", "0oaDevice"}, {"client_secret", "x"}},
       {},
       "authserver.invalid_client"},
      {"both",
       {{"client_id", "0oaPost"}, {"client_secret", "posted"}},
       basic("0oaBasic:s3cret%3A+%25"),
       "authserver.multiple_client_credentials"},
      {"public", {{"client_id", "0oaDevice"}}, {}, "ok"},
      {"confidential without proof", {{"client_id", "0oaBasic"}}, {}, "authserver.invalid_client"},
      {"unknown", {{"client_id", "0oaNone"}}, {}, "authserver.invalid_client_id"},
      {"nobody", {}, {}, "authserver.missing_client_credentials"},
      {"empty id", {{"client_id", ""}}, {}, "authserver.missing_client_credentials"},
  };
  for (const Row& row : rows) EXPECT_EQ(authenticate(test, row.fields, row.headers), row.code) << row.what;
}

TEST(FormRead, RefusesWhatIsNotAForm) {
  auto read = [](const net::ServerRequest& request) {
    auto form = Form::read(request);
    return form ? "ok" : form.error().code;
  };
  auto good = form_request({{"a", "1"}, {"b", ""}});
  EXPECT_EQ(read(good), "ok");
  EXPECT_EQ(Form::read(good)->get("a"), "1");
  EXPECT_EQ(Form::read(good)->get("b"), std::nullopt);
  EXPECT_EQ(Form::read(good)->get("c"), std::nullopt);
  auto changed = [&](auto change) {
    auto request = good;
    change(request);
    return read(request);
  };
  EXPECT_EQ(changed([](auto& r) { r.method = net::Method::get; }), "authserver.method_not_allowed");
  EXPECT_EQ(changed([](auto& r) { r.headers.set("Content-Type", "application/json"); }),
            "authserver.invalid_request");
  EXPECT_EQ(changed([](auto& r) {
              r.headers.set("Content-Type", "Application/X-WWW-form-urlencoded; charset=utf-8");
            }),
            "ok");
  EXPECT_EQ(changed([](auto& r) { r.headers.remove("Content-Type"); }), "authserver.invalid_request");
  EXPECT_EQ(changed([](auto& r) { r.body = "a=%zz"; }), "authserver.invalid_request");
  EXPECT_EQ(changed([](auto& r) { r.body = "a=1&a=1"; }), "authserver.duplicate_oauth_params");
  EXPECT_EQ(changed([](auto& r) { r.body = std::string(70'000, 'a'); }), "authserver.invalid_request");
  EXPECT_EQ(changed([](auto& r) {
              r.body = "a=1";
              for (int i = 0; i < 70; ++i) r.body += "&n" + std::to_string(i) + "=1";
            }),
            "authserver.invalid_request");
  EXPECT_EQ(changed([](auto& r) { r.query = "client_secret=x"; }), "authserver.client_credentials_in_query");
  EXPECT_EQ(changed([](auto& r) { r.query = "client_assertion=x"; }),
            "authserver.client_credentials_in_query");
  auto with_query = good;
  with_query.query = "client_id=0oaDevice";
  EXPECT_EQ(Form::read(with_query)->get("client_id"), "0oaDevice");
}

}  // namespace
}  // namespace authserver
