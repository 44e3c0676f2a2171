#include "doctor.h"

#include <algorithm>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/clock.h"
#include "net/fake_http_client.h"

namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

// What is said of `check`: "verdict: found -> cure".
std::string said(const Findings& findings, std::string_view check) {
  const auto found = std::ranges::find(findings.all(), check, &Finding::check);
  if (found == findings.all().end()) return "nothing";
  return std::string(to_string(found->verdict)) + ": " + found->found + " -> " + found->cure;
}

// Nothing listens there; the fake client answers all the same.
constexpr auto kOrg = "http://127.0.0.1:9";

Findings look(net::FakeHttpClient& http) {
  Findings findings;
  Settings settings;
  settings.org_url = kOrg;
  examine_network(settings, http, {.variable = [](const char*) { return std::string{}; }}, findings);
  return findings;
}

TEST(Doctor, ComparesTheClocks) {
  struct Row {
    std::chrono::seconds off;
    const char* verdict;
    const char* says;
  };
  for (const auto& row : {Row{std::chrono::seconds(0), "ok: ", "Within a minute"},
                          Row{std::chrono::minutes(3), "warn: ", "3 minutes behind the org's"},
                          Row{std::chrono::hours(2), "fail: ", "2 hours behind the org's"},
                          Row{-std::chrono::hours(72), "fail: ", "3 days ahead of the org's"}}) {
    net::FakeHttpClient http;
    const auto date = core::system_clock().now() + row.off + std::chrono::milliseconds(500);
    http.reply(200, std::string(R"({"issuer":")") + kOrg + R"("})", {{"Date", core::to_http_date(date)}});
    const auto text = said(look(http), "clock");
    EXPECT_THAT(text, AllOf(testing::StartsWith(row.verdict), HasSubstr(row.says)));
    if (row.off != std::chrono::seconds(0)) {
      EXPECT_THAT(text, HasSubstr("timedatectl"));
    }
  }
  net::FakeHttpClient silent;
  silent.reply(200, std::string(R"({"issuer":")") + kOrg + R"("})");
  EXPECT_THAT(said(look(silent), "clock"), HasSubstr("skip: "));
}

TEST(Doctor, AStageThatFailsAlthoughTheOrgAnswersIsAWarning) {
  net::FakeHttpClient http;
  http.reply(200, std::string(R"({"issuer":")") + kOrg + R"("})");
  EXPECT_THAT(said(look(http), "connection"), HasSubstr("warn: "));
  net::FakeHttpClient down;
  down.fail("net.connect");
  const auto findings = look(down);
  EXPECT_THAT(said(findings, "connection"), HasSubstr("fail: "));
  EXPECT_THAT(said(findings, "org"), HasSubstr("skip: ")) << "one cause is named once";
}

TEST(Doctor, HostileAnswersAreShownAsText) {
  net::FakeHttpClient http;
  http.reply(302, "", {{"Location", "https://evil.example/\x1b[2J\xe2\x80\xae"}});
  const auto text = said(look(http), "org");
  EXPECT_THAT(text, AllOf(HasSubstr("fail: "), HasSubstr("https://evil.example/"), Not(HasSubstr("\x1b"))));
  net::FakeHttpClient other;
  other.reply(200, R"({"issuer":"https://x.example\u001b[31m"})");
  EXPECT_THAT(said(look(other), "org"), AllOf(HasSubstr("warn: "), Not(HasSubstr("\x1b"))));
}

TEST(Doctor, KnowsOktasHostsAndWhoIssuesTheirCertificates) {
  for (const auto* host : {"example.okta.com", "a.b.oktapreview.com", "x.okta-emea.com"}) {
    EXPECT_TRUE(is_okta_host(host)) << host;
  }
  for (const auto* host : {"okta.com.evil.example", "login.example.com", "notokta.com", "okta.com"}) {
    EXPECT_FALSE(is_okta_host(host)) << host;
  }
  for (const auto* issuer : {"DigiCert Inc", "Amazon", "Let's Encrypt"}) {
    EXPECT_TRUE(is_usual_issuer(issuer)) << issuer;
  }
  for (const auto* issuer : {"Zscaler Inc.", "ACME Proxy CA", "", "Not DigiCert"}) {
    EXPECT_FALSE(is_usual_issuer(issuer)) << issuer;
  }
}

TEST(Doctor, FindingsHideSecrets) {
  Findings findings;
  findings.fail("x", "The token eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlLXNpZ25hdHVyZQ is bad.",
                "");
  EXPECT_THAT(findings.all().front().found, Not(HasSubstr("eyJzdWIi")));
  EXPECT_TRUE(findings.any_failed());
  Findings fine;
  fine.ok("a", "b");
  fine.warn("c", "d", "e");
  fine.skip("f", "g");
  EXPECT_FALSE(fine.any_failed());
}

}  // namespace
