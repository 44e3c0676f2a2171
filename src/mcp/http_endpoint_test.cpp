// What both eras share over HTTP: who may come in, and what is no request at all.
#include <gmock/gmock.h>

#include "mcp/http_test_peer.h"

namespace mcp {
namespace {

using core::json::Value;
using ::testing::HasSubstr;
using testing::HttpPeer;
using testing::HttpReply;
using ::testing::Not;

TEST(HttpEndpointOptions, AreChecked) {
  testing::Peer peer;
  auto code = [&](HttpEndpointOptions options) {
    auto made = HttpEndpoint::create(*peer.server, std::move(options));
    return made ? "" : made.error().code;
  };
  EXPECT_EQ(code({.path = "mcp"}), "mcp.http.path");
  EXPECT_EQ(code({.path = ""}), "mcp.http.path");
  EXPECT_EQ(code({.path = "/mcp?x"}), "mcp.http.path");
  EXPECT_EQ(code({.keep_alive = std::chrono::milliseconds{1}}), "mcp.http.keep_alive");
  EXPECT_EQ(code({.origins = {.allowed_origins = {"x"}}}), "mcp.http.origin");
}

TEST(HttpEndpoint, ServesOnePathAndThreeMethods) {
  HttpPeer peer;
  peer.add_tools();
  const std::string body = HttpPeer::modern_body("tools/list");
  const std::string head = HttpPeer::modern_head("tools/list");
  for (const char* path : {"/", "/mcp/", "/mcp/x", "/MCP", "/.well-known/oauth-protected-resource"}) {
    HttpReply reply = peer.get_reply("POST", head, body, path);
    EXPECT_EQ(reply.status, 404) << path;
    EXPECT_THAT(reply.body, HasSubstr("The MCP endpoint is /mcp."));
  }
  EXPECT_EQ(peer.get_reply("POST", head, body, "/mcp?access_token=x").status, 200);
  for (const char* method : {"HEAD", "PUT", "PATCH", "OPTIONS"}) {
    HttpReply reply = peer.get_reply(method, head);
    EXPECT_EQ(reply.status, 405) << method;
    EXPECT_EQ(reply.header("Allow"), "POST, GET, DELETE") << method;
  }
}

TEST(HttpEndpoint, PagesOfAllowedOriginsMayUseIt) {
  HttpPeer peer({.origins = {.allowed_origins = {"https://app.example.com"}}});
  peer.add_tools();
  const std::string ask =
      "Origin: https://app.example.com\r\nAccess-Control-Request-Method: POST\r\n"
      "Access-Control-Request-Headers: mcp-method, mcp-param-region\r\n";
  HttpReply reply = peer.get_reply("OPTIONS", ask);
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.header("Access-Control-Allow-Origin"), "https://app.example.com");
  EXPECT_EQ(reply.header("Access-Control-Allow-Headers"), "mcp-method, mcp-param-region");
  EXPECT_EQ(reply.header("Access-Control-Allow-Methods"), "POST, GET, DELETE");
  EXPECT_EQ(reply.header("Vary"), "Origin");

  const std::string head = HttpPeer::modern_head("tools/list");
  reply = peer.get_reply("POST", head + "Origin: https://app.example.com\r\n",
                         HttpPeer::modern_body("tools/list"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Access-Control-Allow-Origin"), "https://app.example.com");
  EXPECT_THAT(reply.header("Access-Control-Expose-Headers"), HasSubstr("Mcp-Session-Id"));

  for (const char* origin : {"https://evil.example", "http://localhost", "null"}) {
    reply = peer.get_reply("POST", head + fmt::format("Origin: {}\r\n", origin),
                           HttpPeer::modern_body("tools/list"));
    EXPECT_EQ(reply.status, 403) << origin;
    EXPECT_EQ(reply.header("Access-Control-Allow-Origin"), "") << origin;
    reply = peer.get_reply("OPTIONS",
                           fmt::format("Origin: {}\r\nAccess-Control-Request-Method: POST\r\n", origin));
    EXPECT_EQ(reply.header("Access-Control-Allow-Origin"), "") << origin;
  }
}

TEST(HttpEndpoint, RefusesAForeignHostOnLoopback) {
  HttpPeer peer;
  auto socket = net::TestSocket::connect(peer.http->port());
  std::string body = HttpPeer::modern_body("tools/list");
  socket.send(fmt::format(
      "POST /mcp HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n{}Content-Length: {}\r\n\r\n{}",
      HttpPeer::modern_head("tools/list"), body.size(), body));
  EXPECT_EQ(testing::parse_reply(socket.read_to_end()).status, 403);
}

TEST(HttpEndpoint, RequestsThatAreNoneGetTheirStatus) {
  HttpPeer peer({}, {}, {.max_body_bytes = 1000});
  const std::string head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\n" + HttpPeer::modern_head("tools/list");
  const std::string body = HttpPeer::modern_body("tools/list");
  const std::string length = fmt::format("Content-Length: {}\r\n", body.size());
  struct Row {
    std::string_view what;
    std::string text;
    int status;
  };
  const Row rows[] = {
      {"both lengths", head + length + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"folded header", head + "X-Folded: a\r\n b\r\n" + length + "\r\n" + body, 400},
      {"too large", head + "Content-Length: 1001\r\n\r\n", 413},
      {"two hosts", head + "Host: localhost\r\n" + length + "\r\n" + body, 400},
  };
  for (const Row& row : rows) {
    auto socket = net::TestSocket::connect(peer.http->port());
    socket.send(row.text);
    EXPECT_EQ(testing::parse_reply(socket.read_to_end()).status, row.status) << row.what;
  }
  // A body that never ends holds nothing up.
  auto endless = net::TestSocket::connect(peer.http->port());
  endless.send(head + length + "\r\n{");
  EXPECT_EQ(peer.modern("tools/list").status, 404);  // a server without tools does not know the method
  EXPECT_EQ(peer.modern("server/discover").status, 200);
}

TEST(HttpEndpoint, AThousandIdleConnectionsAreNoTrouble) {
  if (net::raise_descriptor_limit() < 4000) GTEST_SKIP() << "the hard limit of open descriptors is too low";
  HttpPeer peer;
  std::vector<net::TestSocket> idle;
  idle.reserve(1000);
  for (int i = 0; i < 1000; ++i) idle.push_back(net::TestSocket::connect(peer.http->port()));
  EXPECT_EQ(peer.modern("server/discover").status, 200);
}

// Takes the principal from a header; `slow` asks for a worker.
class FakeGuard final : public Guard {
 public:
  std::optional<Authorized> try_authorize(const net::ServerRequest& request) override {
    if (request.headers.get("X-User") == "slow") return std::nullopt;
    return decide(request);
  }
  Authorized authorize(const core::Context&, const net::ServerRequest& request) override {
    return decide(request);
  }
  bool permits(const Caller& caller, const std::vector<std::string>& needed) const override {
    return caller.principal == "admin" || needed.empty();
  }
  net::ServerResponse insufficient_scope(const std::vector<std::string>& needed) const override {
    return {.status = 403,
            .headers = {{"WWW-Authenticate",
                         fmt::format("Bearer error=\"insufficient_scope\", scope=\"{}\"", needed.front())}}};
  }
  std::optional<net::ServerResponse> metadata_response(const net::ServerRequest& request) const override {
    if (request.path != "/.well-known/oauth-protected-resource") return std::nullopt;
    return net::ServerResponse{.headers = {{"Content-Type", "application/json"}}, .body = "{}"};
  }

 private:
  static Authorized decide(const net::ServerRequest& request) {
    if (request.headers.get("X-User").empty()) {
      return net::ServerResponse{.status = 401, .headers = {{"WWW-Authenticate", "Bearer"}}};
    }
    return Caller{.principal = std::string(request.headers.get("X-User")),
                  .scopes = std::vector<std::string>{}};
  }
};

struct GuardedHttp : ::testing::Test {
  FakeGuard guard;
  HttpPeer peer{{.guard = &guard}};

  void SetUp() override {
    Tool tool = testing::simple_tool(
        "who", [](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
          return Complete{text_result("for " + context.principal)};
        });
    peer.add(tool);
    tool.name = "scoped";
    tool.scopes = {"org.manage"};
    peer.add(std::move(tool));
  }
  HttpReply call(std::string_view tool, std::string_view user) {
    std::string as = user.empty() ? "" : fmt::format("X-User: {}\r\n", user);
    return peer.get_reply("POST", HttpPeer::modern_head("tools/call", tool) + as,
                          HttpPeer::modern_body("tools/call", HttpPeer::call_params(tool)));
  }
};

TEST_F(GuardedHttp, NobodyComesInWithoutItsWord) {
  HttpReply reply = call("who", "");
  EXPECT_EQ(reply.status, 401);
  EXPECT_EQ(reply.header("WWW-Authenticate"), "Bearer");
  EXPECT_EQ(reply.body, "");
  // Before anything is read of the body, behind the door.
  EXPECT_EQ(peer.get_reply("POST", "Content-Type: text/plain\r\n", "{").status, 401);
  EXPECT_EQ(peer.get_reply("POST", "Origin: http://evil.example\r\n", "{").status, 403);
  EXPECT_EQ(peer.get_reply("GET", "Mcp-Session-Id: x\r\n").status, 401);
  EXPECT_EQ(peer.get_reply("GET", "", "", "/.well-known/oauth-protected-resource").status, 200);
  EXPECT_EQ(
      peer.get_reply("GET", "Origin: http://evil.example\r\n", "", "/.well-known/oauth-protected-resource")
          .status,
      403);
}

TEST_F(GuardedHttp, CallsRunAsTheCaller) {
  EXPECT_THAT(call("who", "ann").body, HasSubstr("for ann"));
  EXPECT_THAT(call("who", "slow").body, HasSubstr("for slow"));  // on a worker
}

TEST_F(GuardedHttp, ScopesAreAskedForBeforeTheCall) {
  HttpReply reply = call("scoped", "ann");
  EXPECT_EQ(reply.status, 403);
  EXPECT_THAT(reply.header("WWW-Authenticate"), HasSubstr("scope=\"org.manage\""));
  EXPECT_EQ(call("scoped", "admin").status, 200);

  std::string session = peer.open_session("2025-03-26", "{}", "X-User: ann\r\n");
  EXPECT_EQ(peer.legacy(session, HttpPeer::legacy_call("scoped"), "X-User: ann\r\n").status, 403);
  EXPECT_EQ(peer.legacy(session, "[" + HttpPeer::legacy_call("scoped") + "]", "X-User: ann\r\n").status, 403);
  EXPECT_EQ(peer.legacy(session, HttpPeer::legacy_call("who"), "X-User: ann\r\n").status, 200);
}

TEST_F(GuardedHttp, ASessionIsNobodyElses) {
  std::string session = peer.open_session("2025-11-25", "{}", "X-User: ann\r\n");
  for (const char* user : {"bob", "admin", "slow"}) {
    std::string as = fmt::format("X-User: {}\r\n", user);
    EXPECT_EQ(peer.legacy(session, HttpPeer::legacy_body("ping"), as).status, 404) << user;
    EXPECT_EQ(peer.get_reply("GET", HttpPeer::legacy_head(session, as)).status, 404) << user;
    EXPECT_EQ(peer.get_reply("DELETE", HttpPeer::legacy_head(session, as)).status, 404) << user;
  }
  EXPECT_EQ(peer.legacy(session, HttpPeer::legacy_body("ping"), "X-User: ann\r\n").status, 200);
}

TEST_F(GuardedHttp, ARequestStateIsNobodyElses) {
  peer.add(testing::simple_tool("ask", testing::ask_name));
  auto ask = [&](std::string_view more, std::string_view user) {
    return peer.get_reply(
        "POST", HttpPeer::modern_head("tools/call", "ask") + fmt::format("X-User: {}\r\n", user),
        HttpPeer::modern_body("tools/call", R"("name":"ask")" + std::string(more), R"({"elicitation":{}})"));
  };
  Value asked = ask("", "ann").json();
  std::string retry = fmt::format(
      R"(,"inputResponses":{{"name":{{"action":"accept","content":{{"name":"x"}}}}}},"requestState":"{}")",
      core::json::string_or_empty(asked, "result.requestState"));
  EXPECT_EQ(ask(retry, "bob").code(), -32602);
  EXPECT_THAT(ask(retry, "ann").body, HasSubstr("accept"));
}

}  // namespace
}  // namespace mcp
