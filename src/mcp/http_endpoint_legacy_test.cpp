// Protocol revisions with sessions over HTTP.
#include <algorithm>
#include <gmock/gmock.h>

#include "mcp/http_test_peer.h"

namespace mcp {
namespace {

using core::json::Value;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::HttpPeer;
using testing::HttpReply;
using testing::messages;
using ::testing::Not;

constexpr std::string_view kPing = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";

std::string last_id(std::string_view events) {
  auto at = events.rfind("id: ");
  if (at == std::string_view::npos) return {};
  return std::string(events.substr(at + 4, events.find('\n', at) - at - 4));
}

struct LegacyHttp : ::testing::Test {
  HttpPeer peer;
  void SetUp() override { peer.add_tools(); }

  net::TestSocket call(const std::string& session, std::string_view tool, std::string_view id = "1") {
    return peer.send(peer.head("POST", HttpPeer::legacy_head(session)),
                     HttpPeer::legacy_call(tool, "{}", id));
  }
  net::TestSocket resume(const std::string& session, const std::string& last) {
    return peer.open_stream(session, fmt::format("Last-Event-ID: {}\r\nConnection: close\r\n", last));
  }
};

TEST_F(LegacyHttp, ASessionLivesFromInitializeToDelete) {
  HttpReply reply = peer.legacy(
      "", HttpPeer::legacy_body("initialize", R"({"protocolVersion":"2025-11-25","capabilities":{}})"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(core::json::string_or_empty(reply.json(), "result.protocolVersion"), "2025-11-25");
  std::string session = reply.header("Mcp-Session-Id");
  EXPECT_FALSE(session.empty());
  EXPECT_TRUE(std::ranges::all_of(session, [](char c) { return c > 0x20 && c < 0x7f; })) << session;
  EXPECT_EQ(peer.endpoint->sessions(), 1u);

  reply = peer.legacy(session, kPing);
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, R"({"jsonrpc":"2.0","id":1,"result":{}})");
  EXPECT_EQ(peer.legacy(session, R"({"jsonrpc":"2.0","id":9,"result":{}})").status, 202);
  reply = peer.legacy(session, HttpPeer::legacy_body("no/such"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.code(), -32601);
  reply = peer.legacy(session, HttpPeer::legacy_body("initialize", R"({"protocolVersion":"2025-11-25"})"));
  EXPECT_EQ(reply.code(), -32600);

  auto end = [&] { return peer.get_reply("DELETE", HttpPeer::legacy_head(session)).status; };
  EXPECT_EQ(end(), 200);
  EXPECT_EQ(end(), 404);
  EXPECT_EQ(peer.legacy(session, kPing).status, 404);
  EXPECT_EQ(peer.get_reply("GET", HttpPeer::legacy_head(session)).status, 404);
  EXPECT_EQ(peer.endpoint->sessions(), 0u);
}

TEST_F(LegacyHttp, WhatIsNoSessionIsRefused) {
  std::string session = peer.open_session();
  std::string other = session;
  other[other.size() / 2] = other[other.size() / 2] == 'A' ? 'B' : 'A';
  EXPECT_EQ(peer.legacy("", kPing).status, 400);
  EXPECT_EQ(peer.legacy("00000000-0000-4000-8000-000000000000", kPing).status, 404);
  EXPECT_EQ(peer.legacy(other, kPing).status, 404);
  EXPECT_EQ(peer.legacy(std::string(3000, 'A'), kPing).status, 404);
  EXPECT_EQ(peer.legacy(session, kPing, "MCP-Protocol-Version: 1999-01-01\r\n").status, 400);
  EXPECT_EQ(peer.legacy(session, kPing, fmt::format("Mcp-Session-Id: {}\r\n", session)).status, 400);
  EXPECT_EQ(peer.get_reply("GET", "Accept: text/event-stream\r\n").status, 400);
  EXPECT_EQ(peer.get_reply("DELETE", "").status, 400);
  EXPECT_EQ(peer.get_reply("POST",
                           fmt::format("Content-Type: application/json\r\nAccept: application/json\r\n"
                                       "Mcp-Session-Id: {}\r\n",
                                       session),
                           kPing)
                .status,
            406);
  EXPECT_EQ(peer.get_reply("GET", fmt::format("Accept: application/json\r\nMcp-Session-Id: {}\r\n", session))
                .status,
            406);
  // A failed handshake leaves nothing behind.
  HttpReply reply = peer.legacy("", HttpPeer::legacy_body("initialize", "{}"));
  EXPECT_EQ(reply.code(), -32602);
  EXPECT_EQ(reply.header("Mcp-Session-Id"), "");
  EXPECT_EQ(peer.endpoint->sessions(), 1u);
}

TEST_F(LegacyHttp, UnknownVersionsGetTheNewestLegacyOne) {
  for (const char* version : {"2099-01-01", "2026-07-28", "2024-10-07"}) {
    HttpReply reply = peer.legacy(
        "", HttpPeer::legacy_body("initialize", fmt::format(R"({{"protocolVersion":"{}"}})", version)));
    EXPECT_EQ(core::json::string_or_empty(reply.json(), "result.protocolVersion"), "2025-11-25") << version;
  }
}

TEST_F(LegacyHttp, TheFirstMessageMakesAStreamWithIds) {
  std::string session = peer.open_session("2025-11-25");
  HttpReply reply = peer.legacy(session, HttpPeer::legacy_call("progress"));
  EXPECT_EQ(reply.header("Content-Type"), "text/event-stream");
  // Page Transports: an event id and no data first, so that the client can come back at any time.
  EXPECT_TRUE(reply.body.starts_with("id: ")) << reply.body;
  EXPECT_THAT(reply.body.substr(0, reply.body.find("\n\n")), HasSubstr("\nretry: 1000\ndata: "));
  EXPECT_EQ(messages(reply.body).size(), 3u);

  std::string older = peer.open_session("2025-06-18");
  reply = peer.legacy(older, HttpPeer::legacy_call("progress"));
  EXPECT_TRUE(reply.body.starts_with("event: message\nid: ")) << reply.body;
  EXPECT_THAT(reply.body, Not(HasSubstr("retry")));
}

TEST_F(LegacyHttp, ARequestThatWaitsGetsItsStreamAtOnce) {
  std::string session = peer.open_session("2025-11-25");
  auto socket = call(session, "gated");
  EXPECT_THAT(socket.read_until("\n\n"), HasSubstr("retry: 1000"));
  peer.gate.open();
  EXPECT_THAT(socket.read_until("0\r\n\r\n"), HasSubstr("went on"));
}

TEST_F(LegacyHttp, BeforeThatTheAnswerIsJson) {
  std::string session = peer.open_session("2025-06-18");
  auto socket = call(session, "gated");
  ASSERT_TRUE(peer.gate.await_arrivals(1));
  peer.gate.open();
  std::string reply = socket.read_until("}]}}");
  EXPECT_THAT(reply, HasSubstr("application/json"));
  EXPECT_THAT(reply, HasSubstr("went on"));
}

TEST_F(LegacyHttp, QuestionsTravelOnTheStreamOfTheirRequest) {
  std::string session = peer.open_session("2025-11-25", R"({"elicitation":{}})");
  auto socket = call(session, "ask");
  std::string events = socket.read_until("data: {");
  events = "data: {" + socket.read_until("\n\n");
  Value question = messages(events).front();
  EXPECT_EQ(core::json::string_or_empty(question, "method"), "elicitation/create");
  HttpReply reply = peer.legacy(
      session,
      fmt::format(R"({{"jsonrpc":"2.0","id":{},"result":{{"action":"accept","content":{{"name":"Ann"}}}}}})",
                  core::json::write(*core::json::find(question, "id"))));
  EXPECT_EQ(reply.status, 202);
  EXPECT_THAT(socket.read_until("0\r\n\r\n"), HasSubstr("accept"));
}

TEST_F(LegacyHttp, ABrokenConnectionCancelsNothing) {
  std::string session = peer.open_session();
  auto socket = call(session, "gated");
  std::string primed = last_id(socket.read_until("\n\n"));
  ASSERT_TRUE(peer.gate.await_arrivals(1));
  socket.close();
  auto other = call(session, "progress", "2");
  EXPECT_THAT(other.read_until("0\r\n\r\n"), HasSubstr("done"));

  auto waiting = resume(session, primed);
  EXPECT_THAT(waiting.read_until("\r\n\r\n"), HasSubstr("text/event-stream"));
  peer.gate.open();
  std::string rest = waiting.read_to_end();
  EXPECT_THAT(rest, HasSubstr("went on"));
  EXPECT_THAT(rest, Not(HasSubstr("done")));  // nothing of another stream

  // Once more, now that it is over: the same answer, and the end.
  HttpReply again = testing::parse_reply(resume(session, primed).read_to_end());
  ASSERT_EQ(messages(again.body).size(), 1u) << again.body;
  EXPECT_THAT(again.body, HasSubstr("went on"));
  // And from the end: nothing is left.
  again = testing::parse_reply(resume(session, last_id(again.body)).read_to_end());
  EXPECT_EQ(again.status, 200);
  EXPECT_EQ(messages(again.body).size(), 0u);
}

TEST_F(LegacyHttp, AHandlerMayLetTheConnectionGo) {
  peer.add(testing::simple_tool(
      "later",
      [this](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
        context.notifier->hang_up();
        peer.gate.wait(context.stop);
        return Complete{text_result("resumed")};
      },
      RunsOn::upstream));
  std::string session = peer.open_session();
  auto socket = call(session, "later");
  std::string events = socket.read_until("0\r\n\r\n");
  EXPECT_THAT(events, HasSubstr("retry: 1000"));
  EXPECT_THAT(events, Not(HasSubstr("resumed")));
  auto again = resume(session, last_id(events));
  again.read_until("\r\n\r\n");
  peer.gate.open();
  EXPECT_THAT(again.read_to_end(), HasSubstr("resumed"));
}

TEST_F(LegacyHttp, IdsOfOtherLogsAreRefused) {
  std::string session = peer.open_session();
  for (const char* id : {"nonsense", "abcdefgh-1-1", "", "abcdefgh-0-0"}) {
    HttpReply reply = testing::parse_reply(resume(session, id).read_to_end());
    EXPECT_EQ(reply.status, 400) << id;
  }
}

TEST_F(LegacyHttp, UnrelatedMessagesTravelOnTheGeneralStreamAlone) {
  bool shown = true;
  peer.server->set_visible([&](const Tool& tool) { return shown || tool.name != "echo"; });
  std::string session = peer.open_session();
  peer.legacy(session, HttpPeer::legacy_body("tools/list"));
  shown = false;
  peer.server->tools_changed();  // nobody reads yet: it waits for the one who will

  auto stream = peer.open_stream(session);
  EXPECT_THAT(stream.read_until("\n\n"), HasSubstr("retry: 1000"));
  std::string missed = stream.read_until("\n\n");
  EXPECT_THAT(missed, HasSubstr("notifications/tools/list_changed"));

  HttpReply taken = testing::parse_reply(peer.open_stream(session, "Connection: close\r\n").read_to_end());
  EXPECT_EQ(taken.status, 409);

  auto call_stream = call(session, "gated");
  call_stream.read_until("\n\n");
  shown = true;
  peer.server->tools_changed();
  std::string heard = stream.read_until("\n\n");
  EXPECT_THAT(heard, HasSubstr("list_changed"));
  peer.gate.open();
  std::string answered = call_stream.read_until("0\r\n\r\n");
  EXPECT_THAT(answered, Not(HasSubstr("list_changed")));
  EXPECT_THAT(answered, HasSubstr("went on"));

  peer.tick_until_readable(stream);
  EXPECT_THAT(stream.read_until("\n\n"), HasSubstr(":\n\n"));

  // With the id the client comes back, and the old connection goes.
  auto back = peer.open_stream(session, fmt::format("Last-Event-ID: {}\r\n", last_id(missed)));
  EXPECT_THAT(back.read_until("\n\n"), HasSubstr("list_changed"));
  EXPECT_THAT(stream.read_until("0\r\n\r\n"), EndsWith("0\r\n\r\n"));
  peer.endpoint->drain();
  EXPECT_THAT(back.read_until("0\r\n\r\n"), EndsWith("0\r\n\r\n"));
}

TEST_F(LegacyHttp, AnswersStillGoOutWhileTheServerStops) {
  peer.add(testing::simple_tool(
      "stubborn",
      [this](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
        return Complete{text_result(peer.gate.wait({}) ? "went on" : "stopped")};
      },
      RunsOn::upstream));
  std::string session = peer.open_session();
  auto socket = call(session, "stubborn");
  socket.read_until("\n\n");
  ASSERT_TRUE(peer.gate.await_arrivals(1));
  peer.endpoint->drain();
  std::jthread stopping([&] { peer.http->stop(std::chrono::seconds{20}); });
  while (net::TestSocket::connect(peer.http->port()).fd() >= 0) std::this_thread::yield();
  peer.gate.open();
  EXPECT_THAT(socket.read_until("0\r\n\r\n"), HasSubstr("went on"));
}

TEST_F(LegacyHttp, OnlyACancellationCancels) {
  std::string session = peer.open_session();
  auto socket = call(session, "gated", "7");
  socket.read_until("\n\n");
  ASSERT_TRUE(peer.gate.await_arrivals(1));
  EXPECT_EQ(
      peer.legacy(session, R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7}})")
          .status,
      202);
  EXPECT_TRUE(peer.gate.await_stopped());
  EXPECT_EQ(messages(socket.read_until("0\r\n\r\n")).size(), 0u);
}

TEST_F(LegacyHttp, AnIdInUseIsRefused) {
  std::string session = peer.open_session();
  auto socket = call(session, "gated", "7");
  ASSERT_TRUE(peer.gate.await_arrivals(1));
  HttpReply reply = peer.legacy(session, HttpPeer::legacy_call("gated", "{}", "7"));
  EXPECT_EQ(reply.status, 200);
  EXPECT_THAT(reply.body, HasSubstr("-32600"));
  peer.gate.open();
  EXPECT_THAT(socket.read_until("0\r\n\r\n"), HasSubstr("went on"));
}

TEST_F(LegacyHttp, BatchesBelongToTheirRevision) {
  const std::string batch = fmt::format(R"([{},{{"jsonrpc":"2.0","method":"notifications/x"}},{}])", kPing,
                                        HttpPeer::legacy_call("echo", R"({"text":"b"})", "2"));
  std::string session = peer.open_session("2025-03-26");
  HttpReply reply = peer.legacy(session, batch);
  EXPECT_EQ(reply.status, 200);
  Value answers = reply.json();
  ASSERT_TRUE(answers.is_array()) << reply.body;
  EXPECT_EQ(answers.get_array().size(), 2u);
  EXPECT_EQ(peer.legacy(session, R"([{"jsonrpc":"2.0","method":"notifications/x"}])").status, 202);
  std::string newer = peer.open_session("2025-06-18");
  reply = peer.legacy(newer, batch);
  EXPECT_EQ(reply.status, 400);
  EXPECT_EQ(reply.code(), -32600);
}

TEST_F(LegacyHttp, EventsFirstInAcceptMeansAStream) {
  std::string session = peer.open_session();
  HttpReply reply = peer.get_reply(
      "POST",
      fmt::format("Content-Type: application/json\r\nAccept: text/event-stream, application/json\r\n"
                  "Mcp-Session-Id: {}\r\n",
                  session),
      kPing);
  EXPECT_EQ(reply.header("Content-Type"), "text/event-stream");
  EXPECT_EQ(messages(reply.body).size(), 1u);
}

TEST(LegacyHttpLimits, SessionsExpire) {
  HttpPeer peer({.sessions = {.idle = std::chrono::minutes{30}, .lifetime = std::chrono::hours{2}}});
  std::string idle = peer.open_session();
  std::string used = peer.open_session();
  auto held = std::string(peer.open_session());
  auto stream = peer.open_stream(held);
  stream.read_until("\n\n");
  peer.tick(std::chrono::minutes{20});
  EXPECT_EQ(peer.legacy(used, kPing).status, 200);
  peer.tick(std::chrono::minutes{20});
  EXPECT_EQ(peer.legacy(idle, kPing).status, 404);
  EXPECT_EQ(peer.legacy(used, kPing).status, 200);
  EXPECT_EQ(peer.legacy(held, kPing).status, 200);  // somebody reads its stream
  EXPECT_EQ(peer.endpoint->sessions(), 2u);
  peer.tick(std::chrono::minutes{81});
  EXPECT_EQ(peer.legacy(used, kPing).status, 404);
  EXPECT_EQ(peer.legacy(held, kPing).status, 404);
  EXPECT_THAT(stream.read_until("0\r\n\r\n"), EndsWith("0\r\n\r\n"));
}

TEST(LegacyHttpLimits, OnlySoManyRequestsWait) {
  HttpPeer peer({.sessions = {.streams = 1}});
  peer.add_tools();
  std::string session = peer.open_session();
  auto socket = peer.send(peer.head("POST", HttpPeer::legacy_head(session)), HttpPeer::legacy_call("gated"));
  socket.read_until("\n\n");
  EXPECT_EQ(peer.legacy(session, kPing).status, 429);
  peer.gate.open();
  socket.read_until("0\r\n\r\n");
  EXPECT_EQ(peer.legacy(session, kPing).status, 200);
}

TEST(LegacyHttpLimits, TheSessionThatRestedLongestMakesRoom) {
  HttpPeer peer({.sessions = {.sessions = 2}});
  std::string first = peer.open_session();
  auto stream = peer.open_stream(first);
  stream.read_until("\n\n");
  peer.tick();
  std::string second = peer.open_session();
  peer.tick();
  std::string third = peer.open_session();
  EXPECT_EQ(peer.endpoint->sessions(), 2u);
  auto third_stream = peer.open_stream(third);
  third_stream.read_until("\n\n");
  // Both are being read: there is no room, neither for the second again nor for a new one.
  EXPECT_EQ(peer.legacy(second, kPing).status, 404);
  HttpReply full =
      peer.legacy("", HttpPeer::legacy_body("initialize", R"({"protocolVersion":"2025-11-25"})"));
  EXPECT_EQ(full.status, 503);
}

TEST(LegacyHttpInstances, TakeUpEachOthersSessionsWithOneKey) {
  auto key = std::make_shared<const core::Sealer>(core::Sealer::ephemeral());
  HttpPeer one({.session_key = key});
  HttpPeer two({.session_key = key});
  HttpPeer stranger;
  two.add_tools();
  std::string session = one.open_session("2025-06-18", R"({"elicitation":{}})");
  EXPECT_EQ(stranger.legacy(session, kPing).status, 404);
  EXPECT_EQ(two.legacy(session, kPing).status, 200);
  EXPECT_EQ(two.endpoint->sessions(), 1u);

  // Revision and abilities came along.
  auto socket = two.send(two.head("POST", HttpPeer::legacy_head(session)), HttpPeer::legacy_call("ask"));
  std::string events = socket.read_until("data: {");
  EXPECT_THAT(events, Not(HasSubstr("retry")));
  EXPECT_THAT(socket.read_until("\n\n"), HasSubstr("elicitation/create"));
  // What is left of its time did, too.
  two.tick(std::chrono::hours{24});
  EXPECT_EQ(two.legacy(session, kPing).status, 404);
}

}  // namespace
}  // namespace mcp
