// Checks answers of a service that runs against its own OpenAPI description.
//
//   const auto description = test::description_of(server);
//   test::expect_described(description, request, server.handle(request));
#pragma once

#include <algorithm>
#include <cctype>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "net/http_server.h"
#include "registry/server.h"

namespace registry::test {

inline std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  return out;
}

// A path of that template: "/api/v1/users/{id}" → "/api/v1/users/x".
inline std::string filled(std::string_view path_template) {
  std::string out;
  bool inside = false;
  for (const char c : path_template) {
    if (c == '{') out += 'x';
    inside = c == '{' || (inside && c != '}');
    if (!inside && c != '}') out += c;
  }
  return out;
}

inline core::json::Value description_of(Server& server) {
  net::ServerRequest request{.target = "/openapi.json", .path = "/openapi.json", .peer = "127.0.0.1:1"};
  auto parsed = core::json::parse(server.handle(request).body);
  EXPECT_TRUE(parsed.has_value());
  return parsed ? *std::move(parsed) : core::json::Value();
}

// The template that a path falls under; the one with the most literal segments.
inline std::string template_of(const core::json::Value& description, std::string_view path) {
  const auto split = [](std::string_view text) {
    std::vector<std::string_view> parts;
    for (std::size_t start = 1; start <= text.size();) {
      const std::size_t end = std::min(text.find('/', start), text.size());
      parts.push_back(text.substr(start, end - start));
      start = end + 1;
    }
    return parts;
  };
  const auto wanted = split(path);
  std::string best;
  std::size_t literals = 0;
  for (const auto& entry : description.at("paths").get_object()) {
    const auto parts = split(entry.key());
    if (parts.size() != wanted.size()) continue;
    std::size_t same = 0;
    bool fits = true;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      if (parts[i] == wanted[i]) {
        ++same;
      } else if (!parts[i].starts_with('{')) {
        fits = false;
      }
    }
    if (fits && (best.empty() || same > literals)) {
      best = std::string(entry.key());
      literals = same;
    }
  }
  return best;
}

// The path, the method and the status are described; a refusal has the common error's members and no others;
// what was accepted says where its operation is.
inline void expect_described(const core::json::Value& description, const net::ServerRequest& request,
                             const net::ServerResponse& response) {
  SCOPED_TRACE(
      fmt::format("{} {} answered {}", net::to_string(request.method), request.target, response.status));
  const std::string path = template_of(description, request.path);
  ASSERT_FALSE(path.empty()) << "the path is not described";
  const auto& item = description.at("paths").at(path).get_object();
  const auto* operation = item.if_contains(lower(net::to_string(request.method)));
  ASSERT_NE(operation, nullptr) << "the method is not described";
  const auto& responses = operation->at("responses").get_object();
  const std::string status = std::to_string(response.status);
  EXPECT_TRUE(responses.contains(status) || responses.contains(status.substr(0, 1) + "XX"))
      << "the status is not described";
  if (response.status == 202) {
    EXPECT_FALSE(response.headers.get("Location").empty());
    EXPECT_TRUE(response.body.empty());
  }
  if (response.status < 400) return;
  const auto body = core::json::parse(response.body);
  ASSERT_TRUE(body.has_value()) << response.body;
  const auto& schema = description.at("components").at("schemas").at("Error").get_object();
  for (const auto& required : schema.at("required").get_array())
    EXPECT_TRUE(body->get_object().contains(std::string_view(required.get_string()))) << response.body;
  for (const auto& member : body->get_object())
    EXPECT_TRUE(schema.at("properties").get_object().contains(member.key())) << response.body;
}

}  // namespace registry::test
