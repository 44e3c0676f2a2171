// Protocol revision 2026-07-28 over HTTP.
#include <gmock/gmock.h>

#include "mcp/http_test_peer.h"

namespace mcp {
namespace {

using core::json::Value;
using ::testing::HasSubstr;
using testing::HttpPeer;
using testing::HttpReply;
using testing::messages;
using ::testing::Not;

struct ModernHttp : ::testing::Test {
  HttpPeer peer;
  void SetUp() override { peer.add_tools(); }
};

TEST_F(ModernHttp, AnswersInJson) {
  HttpReply reply = peer.modern("server/discover");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Type"), "application/json");
  EXPECT_EQ(reply.header("Mcp-Session-Id"), "");
  Value answer = reply.json();
  EXPECT_EQ(core::json::write(*core::json::find(answer, "result.supportedVersions")), R"(["2026-07-28"])");

  reply = peer.modern_call("echo", R"({"text":"hello"})");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Type"), "application/json");
  EXPECT_THAT(reply.body, HasSubstr(R"("content":[{"type":"text","text":"hello"}],"resultType":"complete")"));
}

TEST_F(ModernHttp, AnswersWithTheStatusOfTheTable) {
  const std::string list = HttpPeer::modern_body("tools/list");
  const std::string list_head = HttpPeer::modern_head("tools/list");
  struct Row {
    std::string_view what;
    std::string head, body;
    int status, code;
    std::string_view part;
  };
  auto call = [](std::string_view method, std::string_view name, std::string_view params) {
    return std::pair{HttpPeer::modern_head(method, name), HttpPeer::modern_body(method, params)};
  };
  auto row = [](std::string_view what, std::pair<std::string, std::string> sent, int status, int code,
                std::string_view part = "") {
    return Row{what, std::move(sent.first), std::move(sent.second), status, code, part};
  };
  const Row rows[] = {
      row("unknown method", call("no/such", "", ""), 404, -32601, R"("id":1)"),
      row("initialize", call("initialize", "", ""), 404, -32601),
      row("unknown tool", call("tools/call", "zz", R"("name":"zz")"), 200, -32602),
      row("bad cursor", call("tools/list", "", R"("cursor":"x")"), 200, -32602),
      row("no name header",
          {HttpPeer::modern_head("tools/call"), HttpPeer::modern_body("tools/call", R"("name":"echo")")}, 400,
          -32020),
      row("undeclared capability", call("tools/call", "needs", R"("name":"needs")"), 400, -32021,
          R"("requiredCapabilities":{"sampling":{}})"),
      row("altered requestState",
          call("tools/call", "ask", R"("name":"ask","requestState":"forged","inputResponses":{})"), 200,
          -32602),
      row("a batch", {list_head, "[" + list + "]"}, 400, -32600, R"("id":null)"),
      row("no UTF-8", {list_head, "{\"a\":\"\xff\"}"}, 400, -32700, R"("id":null)"),
      row("text", {"Content-Type: text/plain\r\n", list}, 415, -32600),
      row("foreign origin", {list_head + "Origin: http://evil.example\r\n", list}, 403, -32600),
      row("an opaque origin", {list_head + "Origin: null\r\n", list}, 403, -32600),
      row("no such method of HTTP", {list_head, ""}, 400, -32700),
  };
  peer.add(testing::simple_tool("needs", [](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
    return NeedInput{{{"q", SamplingQuestion{}}}, nullptr};
  }));
  for (const Row& each : rows) {
    HttpReply reply = peer.get_reply("POST", each.head, each.body);
    EXPECT_EQ(reply.status, each.status) << each.what << " " << reply.body;
    EXPECT_EQ(reply.code(), each.code) << each.what;
    EXPECT_THAT(reply.body, HasSubstr(each.part)) << each.what;
  }
}

TEST_F(ModernHttp, WhatIsSaidBeforeTheAnswerMakesItAStream) {
  HttpReply reply = peer.modern("tools/call", HttpPeer::call_params("progress"), "progress");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.header("Content-Type"), "text/event-stream");
  EXPECT_EQ(reply.header("Cache-Control"), "no-cache, no-transform");
  EXPECT_EQ(reply.header("X-Accel-Buffering"), "no");
  EXPECT_THAT(reply.body, Not(HasSubstr("id: ")));
  EXPECT_TRUE(reply.body.starts_with("event: message\ndata: {")) << reply.body;
  auto events = messages(reply.body);
  ASSERT_EQ(events.size(), 3u) << reply.body;
  EXPECT_EQ(core::json::string_or_empty(events[0], "params.progressToken"), "p1");
  EXPECT_EQ(core::json::find(events[1], "params.progress")->get_int64(), 2);
  EXPECT_NE(core::json::find(events[2], "result"), nullptr);
}

TEST_F(ModernHttp, AClientWithoutEventsGetsTheAnswerAlone) {
  HttpReply reply = peer.get_reply(
      "POST",
      "Content-Type: application/json\r\nAccept: application/json\r\nMCP-Protocol-Version: 2026-07-28\r\n"
      "Mcp-Method: tools/call\r\nMcp-Name: progress\r\n",
      HttpPeer::modern_body("tools/call", HttpPeer::call_params("progress")));
  EXPECT_EQ(reply.header("Content-Type"), "application/json");
  EXPECT_NE(core::json::find(reply.json(), "result"), nullptr);
  reply = peer.get_reply(
      "POST",
      "Content-Type: application/json\r\nAccept: text/event-stream\r\nMCP-Protocol-Version: 2026-07-28\r\n"
      "Mcp-Method: tools/list\r\n",
      HttpPeer::modern_body("tools/list"));
  EXPECT_EQ(reply.header("Content-Type"), "text/event-stream");
  EXPECT_EQ(messages(reply.body).size(), 1u);
}

TEST_F(ModernHttp, NotificationsAreTakenWithoutABody) {
  HttpReply reply =
      peer.get_reply("POST", "Content-Type: application/json\r\nMCP-Protocol-Version: 2026-07-28\r\n",
                     R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})");
  EXPECT_EQ(reply.status, 202);
  EXPECT_EQ(reply.body, "");
}

TEST_F(ModernHttp, HangingUpCancelsTheCall) {
  auto socket = peer.send(peer.head("POST", HttpPeer::modern_head("tools/call", "gated")),
                          HttpPeer::modern_body("tools/call", HttpPeer::call_params("gated")));
  ASSERT_TRUE(peer.gate.await_arrivals(1));
  socket.close();
  EXPECT_TRUE(peer.gate.await_stopped());
  ASSERT_TRUE(peer.server->settle(std::chrono::seconds{20}));
  // The call was told on the event loop, which is through with it when it answers somebody else.
  EXPECT_EQ(
      peer.get_reply("POST", HttpPeer::modern_head("tools/list"), HttpPeer::modern_body("tools/list")).status,
      200);
  EXPECT_EQ(peer.endpoint->open(), 0u);
}

TEST_F(ModernHttp, RequestsWithOneIdDoNotMeet) {
  auto first =
      peer.send(peer.head("POST", HttpPeer::modern_head("tools/call", "gated") + "Connection: close\r\n"),
                HttpPeer::modern_body("tools/call", HttpPeer::call_params("gated")));
  auto second =
      peer.send(peer.head("POST", HttpPeer::modern_head("tools/call", "gated") + "Connection: close\r\n"),
                HttpPeer::modern_body("tools/call", HttpPeer::call_params("gated")));
  ASSERT_TRUE(peer.gate.await_arrivals(2));
  peer.gate.open();
  EXPECT_THAT(first.read_to_end(), HasSubstr("went on"));
  EXPECT_THAT(second.read_to_end(), HasSubstr("went on"));
}

TEST_F(ModernHttp, QuestionsTravelInResults) {
  const std::string can = R"({"elicitation":{}})";
  auto ask = [&](std::string_view more) {
    return peer.get_reply("POST", HttpPeer::modern_head("tools/call", "ask"),
                          HttpPeer::modern_body("tools/call", R"("name":"ask")" + std::string(more), can));
  };
  HttpReply reply = ask("");
  EXPECT_EQ(reply.status, 200);
  Value asked = reply.json();
  EXPECT_EQ(core::json::string_or_empty(asked, "result.resultType"), "input_required");
  std::string state(core::json::string_or_empty(asked, "result.requestState"));
  std::string answered =
      R"(,"inputResponses":{"name":{"action":"accept","content":{"name":"Ann"}}},"requestState":")" + state +
      "\"";
  EXPECT_THAT(ask(answered).body, HasSubstr("accept"));
  HttpReply again = ask(answered);  // a state opens once
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(again.code(), -32602);
}

struct Subscribed : ModernHttp {
  net::TestSocket listen() {
    return peer.send(peer.head("POST", HttpPeer::modern_head("subscriptions/listen")),
                     HttpPeer::modern_body("subscriptions/listen",
                                           R"("notifications":{"toolsListChanged":true})", "{}", "9"));
  }
};

TEST_F(Subscribed, HearsWhatItAskedForUntilTheEnd) {
  bool shown = true;
  peer.server->set_visible([&](const Tool& tool) { return shown || tool.name != "echo"; });
  peer.modern("tools/list");
  auto socket = listen();
  std::string head = socket.read_until("\n\n");
  EXPECT_THAT(head, HasSubstr("text/event-stream"));
  EXPECT_THAT(head, HasSubstr("notifications/subscriptions/acknowledged"));
  EXPECT_THAT(head, HasSubstr(R"("io.modelcontextprotocol/subscriptionId":9)"));
  EXPECT_EQ(peer.endpoint->open(), 1u);

  shown = false;
  peer.server->tools_changed();
  EXPECT_THAT(socket.read_until("\n\n"), HasSubstr("notifications/tools/list_changed"));

  peer.tick_until_readable(socket);
  EXPECT_THAT(socket.read_until("\n\n"), HasSubstr(":\n\n"));

  peer.endpoint->drain();
  std::string end = socket.read_until("0\r\n\r\n");
  EXPECT_THAT(end, HasSubstr(R"("id":9,"result":{"resultType":"complete")"));
  EXPECT_EQ(messages(end).size(), 1u);  // no cancellation after the answer
  EXPECT_EQ(peer.endpoint->open(), 0u);
  HttpReply late = peer.modern("tools/list");
  EXPECT_EQ(late.status, 503);
  EXPECT_EQ(late.header("Retry-After"), "1");
}

TEST_F(Subscribed, IsForgottenWhenTheClientHangsUp) {
  auto socket = listen();
  socket.read_until("\n\n");
  socket.close();
  while (peer.endpoint->open() != 0) std::this_thread::yield();
}

TEST_F(ModernHttp, AStreamIsOpenedForACallThatTakesLong) {
  auto socket = peer.send(peer.head("POST", HttpPeer::modern_head("tools/call", "gated")),
                          HttpPeer::modern_body("tools/call", HttpPeer::call_params("gated")));
  ASSERT_TRUE(peer.gate.await_arrivals(1));
  while (peer.endpoint->open() == 0) std::this_thread::yield();
  peer.tick_until_readable(socket);
  EXPECT_THAT(socket.read_until("\n\n"), HasSubstr("text/event-stream"));
  peer.gate.open();
  EXPECT_THAT(socket.read_until("0\r\n\r\n"), HasSubstr("went on"));
}

TEST(ModernHttpLimits, OnlySoManyRequestsWait) {
  HttpPeer peer({.max_open = 1});
  peer.add_tools();
  auto first = peer.send(peer.head("POST", HttpPeer::modern_head("tools/call", "gated")),
                         HttpPeer::modern_body("tools/call", HttpPeer::call_params("gated")));
  while (peer.endpoint->open() == 0) std::this_thread::yield();
  EXPECT_EQ(peer.modern_call("echo").status, 503);
  peer.gate.open();
  EXPECT_THAT(first.read_until("}]"), HasSubstr("went on"));
  while (peer.endpoint->open() != 0) std::this_thread::yield();
  EXPECT_EQ(peer.modern_call("echo").status, 200);
}

TEST(ModernHttpHeaders, MirroredArgumentsMustAgree) {
  HttpPeer peer;
  Tool tool = testing::simple_tool("mirror", testing::says("ok"));
  tool.input_schema =
      testing::json(R"({"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}})")
          .get_object();
  peer.add(std::move(tool));
  auto call = [&](std::string_view header) {
    return peer.get_reply(
        "POST", HttpPeer::modern_head("tools/call", "mirror") + std::string(header),
        HttpPeer::modern_body("tools/call", HttpPeer::call_params("mirror", R"({"region":"eu"})")));
  };
  EXPECT_EQ(call("mcp-param-region: eu\r\n").status, 200);
  EXPECT_EQ(call("Mcp-Param-Region: us\r\n").status, 400);
  EXPECT_EQ(call("Mcp-Param-Region: us\r\n").code(), -32020);
  EXPECT_EQ(call("").code(), -32020);
}

}  // namespace
}  // namespace mcp
