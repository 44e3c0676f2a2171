#include "http_options.h"

#include <gtest/gtest.h>

#include "caller_logins.h"
#include "core/encoding.h"

namespace {

TEST(HttpFlags, NobodyGetsInUnaskedFromOutside) {
  const auto flags = [](std::string listen) { return HttpFlags{.listen = std::move(listen)}; };
  auto tls = [](HttpFlags with) {
    with.tls_cert = "cert.pem";
    with.tls_key = "key.pem";
    return with;
  };
  auto issuer = [](HttpFlags with) {
    with.issuers = {"https://example.okta.com/oauth2/default"};
    return with;
  };
  auto url = [](HttpFlags with, std::string public_url) {
    with.public_url = std::move(public_url);
    return with;
  };
  auto half_tls = flags("127.0.0.1:1");
  half_tls.tls_cert = "cert.pem";
  auto caller = flags("127.0.0.1:1");
  caller.identity = "caller";
  auto nobody = flags("127.0.0.1:1");
  nobody.identity = "nobody";
  auto several = flags("127.0.0.1:1");
  several.instances = 2;
  const std::string proxy = "https://mcp.example.com/mcp";
  const struct {
    std::string_view what;
    HttpFlags given;
    std::string token;
    std::string_view error;  // empty: fine
  } rows[] = {
      {"loopback alone", flags("127.0.0.1:8080"), "", ""},
      {"socket alone", flags("unix:/run/x.sock"), "", ""},
      {"loopback with a token", flags("[::1]:8080"), "0123456789abcdef", ""},
      {"outside, open", tls(flags("10.0.0.1:443")), "", "app.http.open"},
      {"outside, in the clear", issuer(flags("10.0.0.1:80")), "", "app.http.clear"},
      {"outside, in the clear behind http", url(issuer(flags("10.0.0.1:80")), "http://mcp.example.com/mcp"),
       "", "app.http.clear"},
      {"outside with TLS and issuer", tls(issuer(flags("10.0.0.1:443"))), "", ""},
      {"outside with TLS and token", tls(flags("10.0.0.1:443")), "0123456789abcdef", ""},
      {"outside behind a proxy", url(issuer(flags("0.0.0.0:8080")), proxy), "", ""},
      {"any address and no name", tls(issuer(flags("0.0.0.0:443"))), "", "app.http.public_url"},
      {"a name that is none", url(flags("127.0.0.1:1"), "mcp.example.com"), "", "app.http.public_url"},
      {"a name of something else", url(flags("127.0.0.1:1"), "https://mcp.example.com/"), "",
       "app.http.public_url"},
      {"half of TLS", half_tls, "", "app.http.tls"},
      {"issuer and token", issuer(flags("127.0.0.1:1")), "0123456789abcdef", "app.http.guard"},
      {"callers of no issuer", caller, "", "app.http.identity"},
      {"callers", issuer(caller), "", ""},
      {"several of no common address", several, "", "app.http.instances"},
      {"several", url(several, "http://127.0.0.1:1/mcp"), "", ""},
      {"an unknown identity", nobody, "", "app.http.identity"},
  };
  for (const auto& row : rows) {
    const auto options = check_http_flags(row.given, core::Secret(row.token));
    EXPECT_EQ(options.has_value() ? "" : options.error().code, row.error) << row.what;
    if (!options) {
      EXPECT_FALSE(options.error().hint.empty()) << row.what;
    }
  }
}

TEST(HttpFlags, TheEndpointIsWhatClientsCall) {
  const auto url_of = [](HttpFlags flags, std::uint16_t port) {
    return check_http_flags(flags, core::Secret(flags.issuers.empty() ? "0123456789abcdef" : ""))
        ->endpoint_url(port);
  };
  EXPECT_EQ(url_of({.listen = "127.0.0.1:0"}, 8123), "http://127.0.0.1:8123/mcp");
  EXPECT_EQ(url_of({.listen = "[::1]:0", .tls_cert = "c", .tls_key = "k"}, 8123), "https://[::1]:8123/mcp");
  EXPECT_EQ(url_of({.listen = "unix:/run/x"}, 0), "http://localhost/mcp");
  EXPECT_EQ(url_of({.listen = "0.0.0.0:80", .public_url = "https://mcp.example.com/mcp"}, 80),
            "https://mcp.example.com/mcp");
}

TEST(OktaIssuer, AnOrgsOwnIsRefused) {
  const struct {
    std::string_view issuer;
    bool fine;
  } rows[] = {{"https://example.okta.com", false},
              {"https://example.okta.com/", false},
              {"https://example.oktapreview.com", false},
              {"https://login.example.com", false},  // the org's custom domain
              {"https://example.okta.com/oauth2/default", true},
              {"https://login.example.com/oauth2/aus1", true},
              {"https://idp.example.org", true},
              {"https://idp.example.org/realms/a", true},
              {"not a url", true}};
  for (const auto& row : rows) {
    const auto checked = check_okta_issuer(row.issuer, "https://login.example.com");
    EXPECT_EQ(checked.has_value(), row.fine) << row.issuer;
    if (!checked) {
      EXPECT_EQ(checked.error().code, "app.http.org_issuer");
    }
  }
}

std::string token_with(std::string_view payload) {
  return core::base64url_encode(R"({"alg":"RS256"})") + "." + core::base64url_encode(payload) + ".c2ln";
}

TEST(CallerLogins, ALoginBelongsToThePersonOktaNames) {
  const std::string principal = "https://example.okta.com/oauth2/default#Ada@Example.com";
  const struct {
    std::string token;
    std::optional<bool> own;
  } rows[] = {
      {token_with(R"({"sub":"ada@example.com","uid":"00u1"})"), true},
      {token_with(R"({"sub":"eve@example.com","uid":"00u2"})"), false},
      {token_with(R"({"uid":"00u2"})"), false},
      {token_with(R"({"sub":["ada@example.com"]})"), std::nullopt},
      {token_with(R"({"cid":"0oa1"})"), std::nullopt},
      {token_with("[]"), std::nullopt},
      {"opaque", std::nullopt},
      {"a.b", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& row : rows) EXPECT_EQ(belongs_to(row.token, principal), row.own) << row.token;
  EXPECT_EQ(belongs_to(token_with(R"({"sub":"a","uid":"00u1"})"), "https://i#00u1"), true);
  EXPECT_EQ(belongs_to(token_with(R"({"sub":"a","uid":"00u1"})"), "https://i#00U1"), false)
      << "ids are exact";
  EXPECT_EQ(belongs_to(token_with(R"({"sub":"a","uid":""})"), "local"), false);
  EXPECT_EQ(belongs_to(token_with(R"({"sub":"","uid":""})"), "https://i#"), std::nullopt);
}

}  // namespace
