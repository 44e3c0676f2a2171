// A resource server with two issuers behind it, for tests of who may call.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/json.h"
#include "mcp/resource_server.h"
#include "oauth/test_issuer.h"

namespace mcp::test {

// Method and headers as a client would send them to the endpoint.
inline net::ServerRequest request(net::Headers headers = {}, std::string query = {}) {
  return {.method = net::Method::post,
          .target = query.empty() ? "/mcp" : "/mcp?" + query,
          .path = "/mcp",
          .query = std::move(query),
          .headers = std::move(headers)};
}
inline net::ServerRequest bearer(std::string_view token) {
  return request({{"Authorization", "Bearer " + std::string(token)}});
}

inline std::string principal_of(const Authorized& outcome) {
  const auto* caller = std::get_if<Caller>(&outcome);
  return caller ? caller->principal : "(refused)";
}
// The refusal; an empty answer and a failed test when there is none.
inline net::ServerResponse refused(const Authorized& outcome) {
  const auto* response = std::get_if<net::ServerResponse>(&outcome);
  EXPECT_NE(response, nullptr) << "expected a refusal, got " << principal_of(outcome);
  return response ? *response : net::ServerResponse{.status = 0};
}
inline std::string error_of(const net::ServerResponse& response) {
  const auto body = core::json::parse(response.body);
  return body ? std::string(core::json::string_or_empty(*body, "error")) : "(no JSON)";
}
inline std::string challenge_of(const net::ServerResponse& response) {
  return std::string(response.headers.get("WWW-Authenticate"));
}
// Everything that goes to the client.
inline std::string all_of(const net::ServerResponse& response) {
  std::string text = std::to_string(response.status) + "\n";
  for (const auto& [name, value] : response.headers) text += name + ": " + value + "\n";
  return text + response.body;
}

struct Bench {
  oauth::test::TestIssuer issuer;
  oauth::test::TestIssuer other{"https://second.example.com"};
  net::FakeHttpClient http{oauth::test::network({&issuer, &other})};
  core::FakeClock clock;
  core::SeededRandom random{7};
  std::unique_ptr<ResourceServer> server;

  Bench() { make(options()); }
  ResourceServerOptions options() {
    ResourceServerOptions options{.resource = oauth::test::kResource,
                                  .issuers = {},
                                  .scopes_supported = {"mcp:read", "mcp:write", "offline_access"},
                                  .first_scopes = {"mcp:read"},
                                  .http = http,
                                  .clock = clock,
                                  .random = random};
    options.issuers.push_back({.issuer = issuer.name()});
    options.issuers.push_back({.issuer = other.name()});
    return options;
  }
  void make(ResourceServerOptions options) {
    auto made = ResourceServer::create(std::move(options));
    ASSERT_TRUE(made) << made.error().message;
    server = *std::move(made);
  }
  // As the transport does it.
  Authorized authorize(const net::ServerRequest& request) {
    if (auto known = server->try_authorize(request)) return *std::move(known);
    return server->authorize({}, request);
  }
};

}  // namespace mcp::test
