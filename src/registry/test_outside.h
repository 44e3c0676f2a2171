// The world outside in tests of discovery: documents by URL, and an MCP endpoint that is protected, open, or
// in trouble.
#pragma once

#include <fmt/format.h>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "core/json.h"
#include "net/fake_http_client.h"

namespace registry::test {

inline constexpr std::string_view kResource = "https://mcp.example.com/mcp";
inline constexpr std::string_view kResourceDocument =
    "https://mcp.example.com/.well-known/oauth-protected-resource/mcp";
inline constexpr std::string_view kIssuer = "https://idp.example.com";
inline constexpr std::string_view kIssuerDocument =
    "https://idp.example.com/.well-known/oauth-authorization-server";
inline constexpr std::string_view kJwks = "https://idp.example.com/keys";

class Outside {
 public:
  using Answer = net::FakeHttpClient::Answer;

  // A server that has everything, behind an external authorization server that has everything.
  Outside() {
    resource = {{"resource", kResource},
                {"resource_name", "Example"},
                {"authorization_servers", core::json::Array{core::json::Value(kIssuer)}},
                {"scopes_supported", core::json::Array{"read", "write"}}};
    issuer = {{"issuer", kIssuer},
              {"authorization_endpoint", "https://idp.example.com/authorize"},
              {"token_endpoint", "https://idp.example.com/token"},
              {"jwks_uri", kJwks},
              {"grant_types_supported", core::json::Array{"authorization_code", "refresh_token"}},
              {"code_challenge_methods_supported", core::json::Array{"S256"}},
              {"token_endpoint_auth_methods_supported", core::json::Array{"client_secret_basic"}},
              {"scopes_supported", core::json::Array{"read", "write"}}};
    // RFC 7517 appendix A.1.
    jwks = core::json::parse(R"({"keys":[{"kty":"EC","crv":"P-256","use":"sig","kid":"1",
      "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
      "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]})")
               ->get_object();
  }

  void install(net::FakeHttpClient& http) {
    http.answer_with(
        [this](const core::Context&, const net::HttpRequest& request) { return answer(request); });
  }

  // These may be changed between two observations.
  core::json::Object resource;
  core::json::Object issuer;
  core::json::Object jwks;
  bool protects = true;  // else initialize and tools/list are answered
  core::json::Array tools{core::json::Object{
      {"name", "echo"}, {"description", "Says it again."}, {"inputSchema", {{"type", "object"}}}}};
  std::map<std::string, Answer, std::less<>> instead;  // by URL: this takes the place of everything else
  std::string date;                                    // header of the MCP endpoint
  std::function<void()> meanwhile;                     // once, in the middle of an observation

  static net::HttpResponse json(const core::json::Value& value, int status = 200) {
    return {.status = status,
            .headers = {{"Content-Type", "application/json"}},
            .body = core::json::write(value)};
  }
  static Answer failure(std::string code) {
    return core::fail(core::ErrorKind::unavailable, std::move(code), "The test made this request fail.");
  }

 private:
  Answer answer(const net::HttpRequest& request) {
    if (auto now = std::exchange(meanwhile, nullptr)) now();
    if (const auto found = instead.find(request.url); found != instead.end()) return found->second;
    if (request.url == kResource && request.method == net::Method::post) return endpoint(request);
    if (request.url == kResourceDocument) return json(resource);
    if (request.url == kIssuerDocument) return json(issuer);
    if (request.url == kJwks) return json(jwks);
    return net::HttpResponse{.status = 404, .headers = {{"Content-Type", "text/html"}}, .body = "<html>no"};
  }

  Answer endpoint(const net::HttpRequest& request) const {
    net::HttpResponse response;
    if (protects) {
      response.status = 401;
      response.headers.add("WWW-Authenticate",
                           fmt::format("Bearer resource_metadata=\"{}\"", kResourceDocument));
    } else {
      response = legacy(request);
    }
    if (!date.empty()) response.headers.add("Date", date);
    return response;
  }

  net::HttpResponse legacy(const net::HttpRequest& request) const {
    const auto message = core::json::parse(request.body);
    const auto method = core::json::string_or_empty(*message, "method");
    core::json::Object result;
    if (method == "initialize") {
      result = {{"protocolVersion", "2025-11-25"},
                {"capabilities", core::json::Object{{"tools", core::json::Object{}}}},
                {"serverInfo", core::json::Object{{"name", "example"}, {"version", "1"}}}};
    } else if (method == "tools/list") {
      result["tools"] = tools;
    } else if (method.starts_with("notifications/")) {
      return {.status = 202};
    } else {
      return {.status = 404};
    }
    return json(core::json::Object{
        {"jsonrpc", "2.0"}, {"id", message->get_object().at("id")}, {"result", std::move(result)}});
  }
};

}  // namespace registry::test
