#include "oauth/issuer_metadata.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "net/fake_http_client.h"

namespace oauth {
namespace {

using testing::ElementsAre;

const std::string kTenant = "https://login.example.com/tenant";
const std::string kFirst = "https://login.example.com/.well-known/oauth-authorization-server/tenant";
const std::string kSecond = "https://login.example.com/.well-known/openid-configuration/tenant";
const std::string kThird = "https://login.example.com/tenant/.well-known/openid-configuration";

std::string document(std::string_view issuer, std::string_view more = "") {
  return fmt::format(R"({{"issuer":"{}","jwks_uri":"https://login.example.com/keys"{}}})", issuer, more);
}

std::vector<std::string> urls(const net::FakeHttpClient& http) {
  const auto requests = http.requests();
  std::vector<std::string> out;
  out.reserve(requests.size());
  for (const auto& request : requests) out.push_back(request.url);
  return out;
}

TEST(IssuerMetadata, PlacesInTheOrderOfTheSpecification) {
  EXPECT_THAT(issuer_metadata_urls(kTenant), ElementsAre(kFirst, kSecond, kThird));
  EXPECT_THAT(issuer_metadata_urls(kTenant + "/"), ElementsAre(kFirst, kSecond, kThird));
  for (const char* root : {"https://login.example.com", "https://login.example.com/"}) {
    EXPECT_THAT(issuer_metadata_urls(root),
                ElementsAre("https://login.example.com/.well-known/oauth-authorization-server",
                            "https://login.example.com/.well-known/openid-configuration"))
        << root;
  }
  for (const char* bad :
       {"", "login.example.com", "http://login.example.com", "https://login.example.com?x=1",
        "https://login.example.com/?", "https://login.example.com#f", "https://user@login.example.com"}) {
    EXPECT_TRUE(issuer_metadata_urls(bad).empty()) << bad;
    const auto status = check_issuer_url(bad);
    ASSERT_FALSE(status) << bad;
    EXPECT_EQ(status.error().code, "oauth.issuer.url");
  }
}

TEST(IssuerMetadata, TheFirstPlaceThatHasItIsTheLastThatIsAsked) {
  const std::vector<std::string> places{kFirst, kSecond, kThird};
  for (std::size_t there = 0; there < places.size(); ++there) {
    net::FakeHttpClient http;
    for (std::size_t i = 0; i < there; ++i) http.reply(404);
    http.reply(200, document(kTenant, R"(,"introspection_endpoint":"https://login.example.com/i","x":1)"));
    const auto metadata = fetch_issuer_metadata({}, http, kTenant);
    ASSERT_TRUE(metadata) << metadata.error().message;
    EXPECT_EQ(metadata->issuer, kTenant);
    EXPECT_EQ(metadata->jwks_uri, "https://login.example.com/keys");
    EXPECT_EQ(metadata->introspection_endpoint, "https://login.example.com/i");
    EXPECT_EQ(metadata->document.at("x"), 1);
    EXPECT_EQ(urls(http),
              std::vector<std::string>(places.begin(), places.begin() + static_cast<long>(there) + 1));
  }
}

TEST(IssuerMetadata, WhatItRefuses) {
  struct Row {
    const char* what;
    std::vector<std::pair<int, std::string>> answers;
    const char* code;
  };
  const std::string other = document("https://login.example.com");
  const Row rows[] = {
      {"nowhere", {{404, ""}, {404, ""}, {404, ""}}, "oauth.issuer.missing"},
      {"broken", {{404, ""}, {500, ""}, {404, ""}}, "oauth.issuer.missing"},
      {"redirects", {{302, ""}, {302, ""}, {302, ""}}, "oauth.issuer.missing"},
      {"a page", {{200, "<html>"}, {404, ""}, {404, ""}}, "oauth.issuer.document"},
      {"a list", {{200, "[]"}, {404, ""}, {404, ""}}, "oauth.issuer.document"},
      {"of another issuer", {{200, other}, {200, "<html>"}, {404, ""}}, "oauth.issuer.mismatch"},
      {"a slash more", {{200, document(kTenant + "/")}, {404, ""}, {404, ""}}, "oauth.issuer.mismatch"},
      {"no issuer", {{200, "{}"}, {404, ""}, {404, ""}}, "oauth.issuer.mismatch"},
      {"issuer twice",
       {{200, R"({"issuer":"x","issuer":"y"})"}, {404, ""}, {404, ""}},
       "oauth.issuer.document"},
      {"keys over http",
       {{200, R"({"issuer":"https://login.example.com/tenant","jwks_uri":"http://login.example.com/k"})"},
        {404, ""},
        {404, ""}},
       "oauth.issuer.document"},
      {"keys on this machine",
       {{200, R"({"issuer":"https://login.example.com/tenant","jwks_uri":"https://127.0.0.1/k"})"},
        {404, ""},
        {404, ""}},
       "oauth.issuer.document"},
  };
  for (const Row& row : rows) {
    net::FakeHttpClient http;
    for (const auto& [status, body] : row.answers) http.reply(status, body);
    const auto metadata = fetch_issuer_metadata({}, http, kTenant);
    ASSERT_FALSE(metadata) << row.what;
    EXPECT_EQ(metadata.error().code, row.code) << row.what;
    EXPECT_EQ(http.unused(), 0u) << row.what;
  }
}

TEST(IssuerMetadata, AnotherIssuersDocumentDoesNotHideTheRightOne) {
  net::FakeHttpClient http;
  http.reply(200, document("https://login.example.com"));
  http.reply(404);
  http.reply(200, document(kTenant));
  EXPECT_TRUE(fetch_issuer_metadata({}, http, kTenant));
}

TEST(IssuerMetadata, AServerThatIsAwayIsAskedOnce) {
  net::FakeHttpClient http;
  http.fail("net.connect");
  const auto metadata = fetch_issuer_metadata({}, http, kTenant);
  ASSERT_FALSE(metadata);
  EXPECT_EQ(metadata.error().code, "net.connect");
  EXPECT_EQ(http.count(), 1u);
  const auto request = http.requests().at(0);
  EXPECT_LE(request.total_timeout, std::chrono::seconds{5});
  EXPECT_LE(request.max_response_bytes, 256u << 10);
}

TEST(IssuerMetadata, LoopbackLeadsToLoopback) {
  EXPECT_TRUE(may_lead_to("http://127.0.0.1:4400", "http://127.0.0.1:4400/keys"));
  EXPECT_TRUE(may_lead_to("http://localhost:4400", "https://login.example.com/keys"));
  EXPECT_FALSE(may_lead_to("https://login.example.com", "http://localhost/keys"));
  EXPECT_FALSE(may_lead_to("https://login.example.com", "https://user@login.example.com/keys"));
  EXPECT_FALSE(may_lead_to("https://login.example.com", "file:///etc/passwd"));
}

}  // namespace
}  // namespace oauth
