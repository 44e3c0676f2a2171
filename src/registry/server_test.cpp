#include "registry/server.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

#include "core/json.h"
#include "registry/openapi.h"
#include "registry/org_tokens.h"
#include "registry/test_description.h"
#include "registry/test_store.h"

namespace registry {
namespace {

using core::json::string_or_empty;

net::ServerRequest request(net::Method method, std::string target, std::string_view token = {},
                           std::string body = {}, std::string_view type = "application/json") {
  net::ServerRequest made{
      .method = method, .target = target, .body = std::move(body), .peer = "192.0.2.7:4711"};
  const std::size_t mark = target.find('?');
  made.path = target.substr(0, mark);
  if (mark != std::string::npos) made.query = target.substr(mark + 1);
  if (!token.empty()) made.headers.set("Authorization", "Bearer " + std::string(token));
  if (!made.body.empty()) made.headers.set("Content-Type", std::string(type));
  return made;
}

// Tokens are the caller's name, a colon, and scopes with commas.
std::expected<rest::Caller, rest::Problem> by_name(const net::ServerRequest& from) {
  const std::string_view header = from.headers.get("Authorization");
  const std::size_t colon = header.find(':');
  if (!header.starts_with("Bearer ") || colon == std::string_view::npos)
    return std::unexpected(rest::invalid_token());
  rest::Caller caller{.kind = rest::Caller::Kind::user, .id = std::string(header.substr(7, colon - 7))};
  std::string scopes(header.substr(colon + 1));
  for (char& c : scopes) c = c == ',' ? ' ' : c;
  std::size_t start = 0;
  while (start < scopes.size()) {
    const std::size_t end = std::min(scopes.find(' ', start), scopes.size());
    caller.scopes.push_back(scopes.substr(start, end - start));
    start = end + 1;
  }
  return caller;
}

class ServerTest : public test::ServiceFixture {
 protected:
  std::unique_ptr<Server> make(ServerOptions options) {
    options.service = service_;
    if (!options.authenticate) options.authenticate = by_name;
    auto server = Server::create(std::move(options));
    EXPECT_TRUE(server.has_value());
    return server ? *std::move(server) : nullptr;
  }
};

TEST_F(ServerTest, EveryRouteIsDescribedWithItsScopeAndItsParameters) {
  const auto server = make({.service = service_});
  const auto response = server->handle(request(net::Method::get, "/openapi.json"));
  ASSERT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
  const auto description = core::json::parse(response.body);
  ASSERT_TRUE(description.has_value());
  EXPECT_EQ(string_or_empty(*description, "openapi"), "3.1.0");
  const auto& paths = description->at("paths").get_object();
  std::set<std::string> operations;
  const auto given = TokenService::api_scopes();
  std::size_t described = 0;
  for (const auto& path : paths) described += path.value().get_object().size();
  EXPECT_EQ(described, server->router().routes().size());
  for (const auto& route : server->router().routes()) {
    SCOPED_TRACE(route->path + " " + std::string(net::to_string(route->method)));
    EXPECT_FALSE(route->operation.empty());
    EXPECT_TRUE(operations.insert(route->operation).second) << "operationId twice: " << route->operation;
    EXPECT_FALSE(route->about.empty());
    EXPECT_FALSE(route->tag.empty());
    EXPECT_TRUE(route->scope.empty() || std::ranges::find(given, route->scope) != given.end())
        << route->scope << " is given to nobody";
    const auto* item = paths.if_contains(route->path);
    ASSERT_NE(item, nullptr);
    const auto* operation = item->get_object().if_contains(test::lower(net::to_string(route->method)));
    ASSERT_NE(operation, nullptr);
    EXPECT_EQ(string_or_empty(*operation, "operationId"), route->operation);
    const auto& security = operation->at("security").get_array();
    if (route->scope.empty()) {
      EXPECT_TRUE(security.empty());
    } else {
      EXPECT_EQ(core::json::write(security), "[{\"oauth2\":[\"" + route->scope + "\"]}]");
    }
    std::size_t in_path = 0;
    if (const auto* list = operation->get_object().if_contains("parameters"))
      for (const auto& parameter : list->get_array())
        in_path += string_or_empty(parameter, "in") == "path" ? 1 : 0;
    EXPECT_EQ(in_path, static_cast<std::size_t>(std::ranges::count(route->path, '{')));
  }
}

TEST_F(ServerTest, EveryRouteAsksForATokenAndForItsScope) {
  const auto server = make({.service = service_, .failed_logins_per_minute = 10'000});
  const auto description = test::description_of(*server);
  std::size_t guarded = 0;
  for (const auto& route : server->router().routes()) {
    if (route->scope.empty()) continue;
    ++guarded;
    SCOPED_TRACE(route->path + " " + std::string(net::to_string(route->method)));
    const std::string path = test::filled(route->path);
    const auto nobody = request(route->method, path);
    const auto refused = server->handle(nobody);
    EXPECT_EQ(refused.status, 401);
    test::expect_described(description, nobody, refused);
    const auto poor = request(route->method, path, fmt::format("u{}:okta.other.read", guarded));
    const auto denied = server->handle(poor);
    EXPECT_EQ(denied.status, 403);
    EXPECT_TRUE(denied.body.contains("E0000006"));
    EXPECT_TRUE(denied.headers.get("WWW-Authenticate").contains("error=\"insufficient_scope\""));
    EXPECT_TRUE(denied.headers.get("WWW-Authenticate").contains("scope=\"" + route->scope + "\""));
    test::expect_described(description, poor, denied);
  }
  EXPECT_GT(guarded, 20u);
}

TEST_F(ServerTest, ManageCoversReadAndNotTheOtherWayRound) {
  EXPECT_TRUE(covers({"okta.users.read"}, "okta.users.read"));
  EXPECT_TRUE(covers({"okta.users.manage"}, "okta.users.read"));
  EXPECT_FALSE(covers({"okta.users.read"}, "okta.users.manage"));
  EXPECT_FALSE(covers({"okta.users.manage"}, "okta.userspace.read"));
  EXPECT_FALSE(covers({}, "okta.users.read"));
}

TEST_F(ServerTest, AnAnswerCarriesItsIdAndNoOtherSitesRights) {
  const auto server = make({.service = service_});
  auto asked = request(net::Method::get, "/api/v1/users", "ada:okta.users.read");
  asked.headers.set("Origin", "https://evil.example");
  const auto first = server->handle(asked);
  const auto second = server->handle(asked);
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.headers.get("X-Okta-Request-Id").size(), 32u);
  EXPECT_NE(first.headers.get("X-Okta-Request-Id"), second.headers.get("X-Okta-Request-Id"));
  EXPECT_FALSE(first.headers.has("Access-Control-Allow-Origin"));
  EXPECT_EQ(first.headers.get("X-Content-Type-Options"), "nosniff");
  EXPECT_EQ(first.headers.get("Cache-Control"), "no-store");
  EXPECT_TRUE(first.headers.get("Content-Security-Policy").contains("frame-ancestors 'none'"));
  EXPECT_FALSE(first.headers.get("Strict-Transport-Security").empty());
  EXPECT_EQ(first.headers.get("X-Rate-Limit-Limit"), "1200");
  EXPECT_EQ(second.headers.get("X-Rate-Limit-Remaining"), "1198");
}

TEST_F(ServerTest, WhatIsNotThereSaysWhatIs) {
  const auto server = make({.service = service_});
  const struct {
    net::Method method;
    std::string_view path;
    int status;
    std::string_view code, allow;
  } rows[] = {
      {net::Method::put, "/api/v1/users", 405, "E0000022", "GET, POST"},
      {net::Method::patch, "/api/v1/logs", 405, "E0000022", "GET"},
      {net::Method::options, "/api/v1/users", 405, "E0000022", "GET, POST"},
      {net::Method::get, "/api/v1/users/", 405, "E0000022", ""},
      {net::Method::get, "/api/v1/nothing", 404, "E0000008", ""},
      {net::Method::get, "/", 404, "E0000008", ""},
      {net::Method::get, "/api/v1/users/%zz", 400, "E0000001", ""},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.path);
    const auto response = server->handle(request(row.method, std::string(row.path), "a:okta.users.read"));
    EXPECT_EQ(response.status, row.status);
    EXPECT_TRUE(response.body.contains(row.code)) << response.body;
    EXPECT_EQ(response.headers.get("Allow"), row.allow);
  }
  const auto head = server->handle(request(net::Method::head, "/api/v1/users", "a:okta.users.read"));
  EXPECT_EQ(head.status, 200);
}

TEST_F(ServerTest, OneCallersLimitIsNotAnothers) {
  const auto server = make({.service = service_, .limits = {.otherwise = 2}});
  const auto call = [&](std::string_view who) {
    return server->handle(request(net::Method::get, "/api/v1/users", std::string(who) + ":okta.users.read"));
  };
  EXPECT_EQ(call("ada").status, 200);
  EXPECT_EQ(call("ada").status, 200);
  const auto third = call("ada");
  EXPECT_EQ(third.status, 429);
  EXPECT_TRUE(third.body.contains("E0000047"));
  EXPECT_EQ(third.headers.get("X-Rate-Limit-Remaining"), "0");
  EXPECT_EQ(call("grace").status, 200);
  clock().advance(std::chrono::seconds{61});
  EXPECT_EQ(call("ada").status, 200);
}

TEST_F(ServerTest, WrongTokensOfOneAddressAreCountedAndRightOnesAreNot) {
  const auto server = make({.service = service_, .failed_logins_per_minute = 2});
  const auto wrong = request(net::Method::get, "/api/v1/users", "no-such-token");
  EXPECT_EQ(server->handle(wrong).status, 401);
  EXPECT_EQ(server->handle(wrong).status, 401);
  EXPECT_EQ(server->handle(wrong).status, 429);
  EXPECT_EQ(server->handle(request(net::Method::get, "/api/v1/users", "a:okta.users.read")).status, 200);
  auto elsewhere = wrong;
  elsewhere.peer = "192.0.2.8:4711";
  EXPECT_EQ(server->handle(elsewhere).status, 401);
}

TEST_F(ServerTest, SizesAreBounded) {
  const auto server = make({.service = service_});
  const auto large = server->handle(request(net::Method::post, "/api/v1/users", "a:okta.users.manage",
                                            std::string(Server::kMaxBody + 1, 'x')));
  EXPECT_EQ(large.status, 413);
  std::string query = "/api/v1/users?";
  for (int i = 0; i < 70; ++i) query += fmt::format("a{}=1&", i);
  EXPECT_EQ(server->handle(request(net::Method::get, query, "a:okta.users.read")).status, 400);
}

TEST_F(ServerTest, PagesGoBeforeTheApiAndKeepTheirOwnHeaders) {
  const auto server =
      make({.service = service_, .pages = {[](const net::ServerRequest& from) {
                                   if (from.path != "/login") return std::optional<net::ServerResponse>();
                                   return std::optional(net::ServerResponse{
                                       .headers = {{"Content-Security-Policy", "default-src 'self'"}},
                                       .body = "page"});
                                 }}});
  const auto page = server->handle(request(net::Method::get, "/login"));
  EXPECT_EQ(page.body, "page");
  EXPECT_EQ(page.headers.get("Content-Security-Policy"), "default-src 'self'");
  EXPECT_EQ(page.headers.get("X-Content-Type-Options"), "nosniff");
}

TEST_F(ServerTest, TokenRequestsAreCountedByGrantAndOutcome) {
  const auto server = make({.service = service_, .pages = {[](const net::ServerRequest& from) {
                                                   const bool good = from.body.contains("id-jag");
                                                   return std::optional(net::ServerResponse{
                                                       .status = good ? 200 : 400,
                                                       .body = good ? "{}" : R"({"error":"invalid_scope"})"});
                                                 }}});
  const auto ask = [&](std::string path, std::string body) {
    server->handle(request(net::Method::post, std::move(path), {}, std::move(body),
                           "application/x-www-form-urlencoded"));
  };
  ask("/oauth2/v1/token",
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&requested_token_type=urn%3Aietf%"
      "3Aparams%3Aoauth%3Atoken-type%3Aid-jag");
  ask("/oauth2/aus1/v1/token", "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer");
  ask("/oauth2/v1/token", "grant_type=made-up-by-somebody");
  const std::string text = parts_.metrics.text();
  for (const std::string_view line :
       {R"(okta_registry_token_grants_total{server="org",grant="id_jag",outcome="granted"} 1)",
        R"(okta_registry_token_grants_total{server="custom",grant="jwt_bearer",outcome="invalid_scope"} 1)",
        R"(okta_registry_token_grants_total{server="org",grant="other",outcome="invalid_scope"} 1)",
        R"(okta_registry_requests_total{route="/oauth2",status="400"} 2)"}) {
    EXPECT_TRUE(text.contains(line)) << line << "\n" << text;
  }
  EXPECT_FALSE(text.contains("made-up"));
}

TEST_F(ServerTest, NothingIsMadeWithoutItsParts) {
  auto options = ServerOptions{.service = service_};
  EXPECT_FALSE(Server::create(std::move(options)).has_value());
}

}  // namespace
}  // namespace registry
