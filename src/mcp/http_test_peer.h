// For the tests of the HTTP transport: an endpoint behind a real server on loopback, and a client that sends
// exactly what it is told.
#pragma once

#include <atomic>
#include <condition_variable>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <memory>
#include <mutex>
#include <poll.h>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "mcp/http_endpoint.h"
#include "mcp/server.h"
#include "mcp/test_peer.h"
#include "net/http_server.h"
#include "net/test_socket.h"

namespace mcp::testing {

// Where a handler waits until the test lets it go on, or its call is stopped.
class Gate {
 public:
  // False: stopped.
  bool wait(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    bool opened = changed_.wait(lock, stop, [&] { return open_; });
    if (!opened) ++stopped_;
    changed_.notify_all();
    return opened;
  }
  void open() {
    std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  bool await_arrivals(int count) {
    return await([&] { return arrived_ >= count; });
  }
  bool await_stopped() {
    return await([&] { return stopped_ > 0; });
  }

 private:
  template <class Condition>
  bool await(Condition condition) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20}, condition);
  }
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = false;
  int arrived_ = 0;
  int stopped_ = 0;
};

// Counts how often somebody began to wait: on the endpoint's clock only its timer does.
class TimerClock final : public core::Clock {
 public:
  explicit TimerClock(core::FakeClock& inner) : inner_(inner) {}
  core::WallTime now() const override { return inner_.now(); }
  core::SteadyTime steady() const override { return inner_.steady(); }
  bool wait_until(core::SteadyTime when, std::stop_token stop) override {
    ++waits_;
    waits_.notify_all();
    return inner_.wait_until(when, std::move(stop));
  }
  int waits() const { return waits_; }
  void await_more_than(int waits) const { waits_.wait(waits); }

 private:
  core::FakeClock& inner_;
  std::atomic<int> waits_ = 0;
};

struct HttpReply {
  int status = 0;
  std::string head;
  std::string body;  // without its chunks

  std::string header(std::string_view name) const {
    auto at = head.find(fmt::format("\r\n{}: ", name));
    if (at == std::string::npos) return {};
    at += name.size() + 4;
    return head.substr(at, head.find("\r\n", at) - at);
  }
  Value json() const { return testing::json(body); }
  int code() const {
    const Value* found = nullptr;
    Value parsed = json();
    found = core::json::find(parsed, "error.code");
    return found ? static_cast<int>(found->get_int64()) : 0;
  }
};

// The messages in a stream of events, in order; comments and events without data are left out.
inline std::vector<Value> messages(std::string_view events) {
  std::vector<Value> found;
  for (std::size_t at = events.find("data: {"); at != std::string_view::npos;
       at = events.find("data: {", at + 1)) {
    found.push_back(json(events.substr(at + 6, events.find('\n', at) - at - 6)));
  }
  return found;
}

inline HttpReply parse_reply(std::string_view text) {
  HttpReply reply;
  auto end = text.find("\r\n\r\n");
  if (end == std::string_view::npos || text.size() < 12) return reply;
  reply.head = text.substr(0, end + 2);
  reply.status = std::atoi(text.data() + 9);
  std::string_view rest = text.substr(end + 4);
  if (reply.header("Transfer-Encoding") != "chunked") {
    reply.body = rest;
    return reply;
  }
  while (!rest.empty()) {
    std::size_t size = std::strtoul(std::string(rest.substr(0, 16)).c_str(), nullptr, 16);
    rest.remove_prefix(rest.find("\r\n") + 2);
    if (size == 0) break;
    reply.body += rest.substr(0, size);
    rest.remove_prefix(std::min(size + 2, rest.size()));
  }
  return reply;
}

class HttpPeer {
 public:
  explicit HttpPeer(HttpEndpointOptions options = {}, ServerOptions server_options = {},
                    net::HttpServerOptions http_options = {}) {
    server_options.info = {.name = "under-test", .version = "1"};
    server_options.clock = &clock;
    server = *Server::create(std::move(server_options));
    options.clock = &timer;
    auto made = HttpEndpoint::create(*server, std::move(options));
    EXPECT_TRUE(made.has_value());
    endpoint = *std::move(made);
    auto started = net::HttpServer::start_exchanges(
        std::move(http_options), [this](auto exchange) { endpoint->handle(std::move(exchange)); });
    EXPECT_TRUE(started.has_value());
    http = *std::move(started);
  }
  ~HttpPeer() {
    gate.open();
    endpoint->drain();
    http->stop(std::chrono::seconds{20});
    server->settle(std::chrono::seconds{20});
  }

  void add(Tool tool) {
    auto status = server->add_tool(std::move(tool));
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  // Says its argument `text`; waits at the gate; reports progress; asks for a name.
  void add_tools() {
    add(simple_tool("echo", [](const core::Context&, const ToolCall& call) -> core::Result<Outcome> {
      return Complete{text_result(std::string(core::json::string_or_empty(call.arguments, "text")))};
    }));
    add(simple_tool(
        "gated",
        [this](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
          return Complete{text_result(gate.wait(context.stop) ? "went on" : "stopped")};
        },
        RunsOn::upstream));
    add(simple_tool("progress", [](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
      context.progress(0, 2, "begun");
      context.progress(2, 2, "over");
      return Complete{text_result("done")};
    }));
    add(simple_tool("ask", ask_name));
  }

  // ---- Raw

  net::TestSocket send(std::string_view head, std::string_view body = {}) const {
    auto socket = net::TestSocket::connect(http->port());
    socket.send(fmt::format("{}Content-Length: {}\r\n\r\n{}", head, body.size(), body));
    return socket;
  }
  std::string head(std::string_view method, std::string_view headers, std::string_view path = "/mcp") const {
    return fmt::format("{} {} HTTP/1.1\r\nHost: localhost\r\n{}", method, path, headers);
  }
  // The whole answer; the connection is closed behind it.
  HttpReply get_reply(std::string_view method, std::string_view headers, std::string_view body = {},
                      std::string_view path = "/mcp") const {
    return parse_reply(
        send(head(method, std::string(headers) + "Connection: close\r\n", path), body).read_to_end());
  }

  // ---- Modern

  static std::string modern_body(std::string_view method, std::string_view params = "",
                                 std::string_view capabilities = "{}", std::string_view id = "1") {
    return fmt::format(
        R"({{"jsonrpc":"2.0","id":{},"method":"{}","params":{{{}{}"_meta":{{"progressToken":"p1",)"
        R"("io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
        R"("io.modelcontextprotocol/clientCapabilities":{}}}}}}})",
        id, method, params, params.empty() ? "" : ",", capabilities);
  }
  static std::string modern_head(std::string_view method, std::string_view name = "") {
    std::string out = fmt::format(
        "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
        "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: {}\r\n",
        method);
    if (!name.empty()) out += fmt::format("Mcp-Name: {}\r\n", name);
    return out;
  }
  static std::string call_params(std::string_view tool, std::string_view arguments = "{}") {
    return fmt::format(R"("name":"{}","arguments":{})", tool, arguments);
  }
  HttpReply modern(std::string_view method, std::string_view params = "", std::string_view name = "") const {
    return get_reply("POST", modern_head(method, name), modern_body(method, params));
  }
  HttpReply modern_call(std::string_view tool, std::string_view arguments = "{}") const {
    return modern("tools/call", call_params(tool, arguments), tool);
  }

  // ---- Legacy

  static std::string legacy_head(std::string_view session, std::string_view more = "") {
    std::string out = "Content-Type: application/json\r\nAccept: application/json, text/event-stream\r\n" +
                      std::string(more);
    if (!session.empty()) out += fmt::format("Mcp-Session-Id: {}\r\n", session);
    return out;
  }
  static std::string legacy_body(std::string_view method, std::string_view params = "{}",
                                 std::string_view id = "1") {
    return fmt::format(R"({{"jsonrpc":"2.0","id":{},"method":"{}","params":{}}})", id, method, params);
  }
  static std::string legacy_call(std::string_view tool, std::string_view arguments = "{}",
                                 std::string_view id = "1") {
    return legacy_body("tools/call",
                       "{" + call_params(tool, arguments) + R"(,"_meta":{"progressToken":"p1"}})", id);
  }
  HttpReply legacy(std::string_view session, std::string_view body, std::string_view more = "") const {
    return get_reply("POST", legacy_head(session, more), body);
  }
  // Shakes hands; the session's id.
  std::string open_session(std::string_view version = "2025-11-25", std::string_view capabilities = "{}",
                           std::string_view more = "") const {
    auto reply = legacy(
        "",
        legacy_body(
            "initialize",
            fmt::format(
                R"({{"protocolVersion":"{}","capabilities":{},"clientInfo":{{"name":"c","version":"1"}}}})",
                version, capabilities)),
        more);
    EXPECT_EQ(reply.status, 200) << reply.body;
    auto session = reply.header("Mcp-Session-Id");
    EXPECT_EQ(legacy(session, R"({"jsonrpc":"2.0","method":"notifications/initialized"})", more).status, 202);
    return session;
  }
  net::TestSocket open_stream(std::string_view session, std::string_view more = "") const {
    return send(
        head("GET", fmt::format("Accept: text/event-stream\r\nMcp-Session-Id: {}\r\n{}", session, more)));
  }

  // Moves the clock, and returns when the endpoint's timer has done what was due.
  void tick(std::chrono::milliseconds by = std::chrono::seconds{15}) {
    timer.await_more_than(0);
    int before = timer.waits();
    clock.advance(by);
    timer.await_more_than(before);
  }
  // A stream on which something is still on its way needs no comment, so it may take more than one tick.
  void tick_until_readable(const net::TestSocket& socket) {
    pollfd wanted{socket.fd(), POLLIN, 0};
    for (int i = 0; i < 100 && ::poll(&wanted, 1, i == 0 ? 0 : 100) == 0; ++i) tick();
  }

  core::FakeClock clock;
  TimerClock timer{clock};
  Gate gate;
  std::unique_ptr<Server> server;
  std::unique_ptr<HttpEndpoint> endpoint;
  std::unique_ptr<net::HttpServer> http;
};

}  // namespace mcp::testing
