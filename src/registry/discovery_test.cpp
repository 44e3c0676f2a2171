// Discovery over sockets, through the client that guards them.
#include "registry/discovery.h"

#include <atomic>
#include <cstdlib>
#include <fmt/format.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>

#include "core/json.h"
#include "net/guarded.h"
#include "net/http_client.h"
#include "net/http_server.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using net::ServerRequest;
using net::ServerResponse;
using testing::ElementsAre;
using testing::HasSubstr;

class DiscoveryTest : public testing::Test {
 protected:
  void serve(std::function<ServerResponse(const ServerRequest&)> handler) {
    auto server = net::HttpServer::start({}, std::move(handler));
    ASSERT_TRUE(server);
    server_ = *std::move(server);
    origin_ = fmt::format("http://127.0.0.1:{}", server_->port());
  }
  Observation look(bool allow_loopback = true) {
    auto guard = net::Guard::create({.allow_http_loopback = allow_loopback});
    EXPECT_TRUE(guard);
    const auto http = net::make_http_client({.user_agent = "test/1"});
    const auto outside = net::make_guarded_client(*http, *std::move(guard));
    Service service{.settings = {.issuer = "https://org.example"}, .names = ResourceNames("00o1")};
    service.clock = &core::system_clock();
    service.outside = outside.get();
    return observe({}, service,
                   {.resource_url = origin_ + "/mcp", .own_issuers = "https://org.example/oauth2/"});
  }
  static ServerResponse json(const Object& body, int status = 200) {
    return {
        .status = status, .headers = {{"Content-Type", "application/json"}}, .body = core::json::write(body)};
  }

  std::unique_ptr<net::HttpServer> server_;
  std::string origin_;
};

TEST_F(DiscoveryTest, AProtectedServer) {
  serve([this](const ServerRequest& request) -> ServerResponse {
    if (request.path == "/mcp" && request.method == net::Method::post)
      return {.status = 401,
              .headers = {{"WWW-Authenticate", fmt::format("Bearer resource_metadata=\"{}/prm\"", origin_)}}};
    if (request.path == "/prm") return {.status = 302, .headers = {{"Location", "/moved"}}};
    if (request.path == "/moved")
      return json({{"resource", origin_ + "/mcp"},
                   {"authorization_servers", Array{core::json::Value(origin_ + "/idp"),
                                                   core::json::Value("https://org.example/oauth2/aus1")}}});
    if (request.path == "/idp/.well-known/oauth-authorization-server")
      return json({{"issuer", origin_ + "/idp"},
                   {"token_endpoint", origin_ + "/token"},
                   {"jwks_uri", origin_ + "/keys"}});
    if (request.path == "/keys") return json({{"keys", Array{}}});
    return {.status = 404};
  });
  const Observation seen = look();
  EXPECT_TRUE(seen.endpoint.is_protected());
  EXPECT_FALSE(seen.endpoint.answered());
  EXPECT_THAT(seen.endpoint.methods, ElementsAre("server/discover"));
  ASSERT_TRUE(seen.skew_seconds);
  EXPECT_LE(std::abs(*seen.skew_seconds), 60);
  ASSERT_TRUE(seen.resource);
  EXPECT_EQ(seen.resource->resource, origin_ + "/mcp");
  ASSERT_EQ(seen.issuers.size(), 2u);
  ASSERT_TRUE(seen.issuers[0].metadata);
  EXPECT_EQ(seen.issuers[0].metadata->token_endpoint, origin_ + "/token");
  EXPECT_EQ(seen.issuers[0].tried.size(), 4u) << "Okta's place comes last";
  ASSERT_TRUE(seen.issuers[0].keys);
  EXPECT_EQ(seen.issuers[0].keys->usable, 0u);
  EXPECT_FALSE(seen.issuers[1].asked);
}

TEST_F(DiscoveryTest, ARedirectInwardAndAPageInstead) {
  std::atomic<int> inner{0};
  auto secret = net::HttpServer::start({}, [&](const ServerRequest&) {
    ++inner;
    return ServerResponse{.body = "{}"};
  });
  ASSERT_TRUE(secret);
  const std::string target = fmt::format("http://rebound.localhost:{}/latest/meta-data/", (*secret)->port());
  serve([&](const ServerRequest& request) -> ServerResponse {
    if (request.path == "/.well-known/oauth-protected-resource/mcp")
      return {.status = 302, .headers = {{"Location", target}}};
    return {.headers = {{"Content-Type", "text/html"}},
            .body = "<!doctype html>" + std::string(1u << 20, ' ')};
  });
  const Observation seen = look();
  EXPECT_EQ(inner, 0);
  EXPECT_FALSE(seen.resource);
  EXPECT_FALSE(seen.endpoint.answered());
  ASSERT_EQ(seen.metadata_tried.size(), 3u);
  EXPECT_EQ(seen.metadata_tried[0].code, "net.url");
  EXPECT_EQ(seen.metadata_tried[1].code, "net.too_large");
  for (const Attempt& attempt : seen.metadata_tried) EXPECT_FALSE(is_transient(attempt)) << attempt.code;
}

TEST_F(DiscoveryTest, LoopbackIsInsideUnlessAllowed) {
  std::atomic<int> requests{0};
  serve([&](const ServerRequest&) {
    ++requests;
    return ServerResponse{};
  });
  const Observation seen = look(false);
  EXPECT_EQ(requests, 0);
  EXPECT_EQ(seen.endpoint.status, 0);
  EXPECT_THAT(seen.endpoint.problem, HasSubstr("not encrypted"));
}

}  // namespace
}  // namespace registry
