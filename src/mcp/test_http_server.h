// For tests of the client over HTTP: a server in memory that says what it is told to.
#pragma once

#include <atomic>
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/client.h"
#include "mcp/http_client_transport.h"
#include "net/fake_http_client.h"

namespace mcp::testing {

using core::json::Object;
using core::json::Value;
using net::HttpRequest;
using net::HttpResponse;

inline constexpr std::string_view kUrl = "https://mcp.example/mcp";
inline constexpr std::string_view kDiscovered =
    R"("result":{"supportedVersions":["2026-07-28"],"capabilities":{"tools":{}},"resultType":"complete","ttlMs":0,"cacheScope":"private","_meta":{"io.modelcontextprotocol/serverInfo":{"name":"s","version":"1"}}})";

inline HttpResponse json_answer(std::string body, int status = 200) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}
inline HttpResponse sse(std::string body) {
  return {.status = 200,
          .headers = {{"Content-Type", "text/event-stream; charset=utf-8"}},
          .body = std::move(body)};
}
inline std::string id_of(const Object& message) {
  const Value* id = message.if_contains("id");
  return id ? core::json::write(*id) : "null";
}
// {"jsonrpc":"2.0","id":ID,REST}
inline std::string reply(const Object& message, std::string_view rest) {
  return fmt::format(R"({{"jsonrpc":"2.0","id":{},{}}})", id_of(message), rest);
}

// A server in memory: what it says to each method; everything else is a defect of the test.
class ScriptedServer {
 public:
  using Handler = std::function<net::FakeHttpClient::Answer(const HttpRequest&, const Object& message)>;

  explicit ScriptedServer(Revision revision = Revision::v2026_07_28) : revision_(revision) {
    http.answer_with([this](const core::Context&, const HttpRequest& request) { return answer(request); });
    on("server/discover",
       [](const auto&, const Object& message) { return json_answer(reply(message, kDiscovered)); });
    on("initialize", [this](const auto&, const Object& message) {
      auto response = json_answer(reply(
          message,
          fmt::format(
              R"("result":{{"protocolVersion":"{}","capabilities":{{"tools":{{}}}},"serverInfo":{{"name":"s","version":"1"}}}})",
              to_string(revision_))));
      response.headers.add("Mcp-Session-Id", fmt::format("session-{}", ++sessions));
      return response;
    });
    on("notifications/initialized", [](const auto&, const auto&) { return HttpResponse{.status = 202}; });
    on("notifications/cancelled", [](const auto&, const auto&) { return HttpResponse{.status = 202}; });
    on("GET", [](const auto&, const auto&) { return HttpResponse{.status = 405}; });
    on("DELETE", [](const auto&, const auto&) { return HttpResponse{.status = 200}; });
  }

  void on(const std::string& method, Handler handler) {
    std::lock_guard lock(mutex_);
    handlers_[method] = std::move(handler);
  }
  // Answers tools/call with this JSON behind the id.
  void call_says(std::string rest) {
    on("tools/call", [rest = std::move(rest)](const auto&, const Object& message) {
      return json_answer(reply(message, rest));
    });
  }

  core::Result<std::unique_ptr<Client>> connect(ClientOptions options = {}) {
    HttpTransportOptions way{
        .url = std::string(kUrl), .http = http, .tokens = tokens, .limits = options.limits};
    way.limits.retry_floor = std::chrono::milliseconds{1};
    if (!is_modern(revision_) && !options.revision) options.revision = revision_;
    auto transport = make_http_transport(std::move(way));
    if (!transport) return std::unexpected(transport.error());
    return Client::connect(*std::move(transport), std::move(options));
  }
  std::unique_ptr<Client> client(ClientOptions options = {}) {
    auto made = connect(std::move(options));
    EXPECT_TRUE(made.has_value()) << core::describe(made.error());
    return made ? *std::move(made) : nullptr;
  }

  std::vector<HttpRequest> sent(std::string_view method) {
    std::vector<HttpRequest> found;
    for (const auto& request : http.requests()) {
      if (method_of(request) == method) found.push_back(request);
    }
    return found;
  }

  net::FakeHttpClient http;
  TokenProvider* tokens = nullptr;  // of the clients made after it was set
  std::atomic<int> sessions{0};

 private:
  static std::string method_of(const HttpRequest& request) {
    if (request.method == net::Method::get) return "GET";
    if (request.method == net::Method::delete_) return "DELETE";
    auto message = core::json::parse(request.body);
    if (!message) return "?";
    const auto method = core::json::string_or_empty(*message, "method");
    return method.empty() ? "answer" : std::string(method);
  }
  net::FakeHttpClient::Answer answer(const HttpRequest& request) {
    Handler handler;
    {
      std::lock_guard lock(mutex_);
      const auto found = handlers_.find(method_of(request));
      if (found != handlers_.end()) handler = found->second;
    }
    auto message = core::json::parse(request.body).value_or(Object{});
    if (!handler) {
      ADD_FAILURE() << "unexpected " << request.body;
      return HttpResponse{.status = 500};
    }
    return handler(request, message.get_object());
  }

  const Revision revision_;
  std::mutex mutex_;
  std::map<std::string, Handler> handlers_;
};

inline std::string event(std::string_view data) {
  return fmt::format("event: message\ndata: {}\n\n", data);
}

}  // namespace mcp::testing
