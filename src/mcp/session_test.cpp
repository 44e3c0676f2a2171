// Lifecycle, dispatch and notifications of a session, as a peer sees them.
#include "mcp/session.h"

#include <gtest/gtest.h>
#include <latch>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using core::json::find;
using core::json::string_or_empty;
using testing::error_code;
using testing::json;
using testing::Object;
using testing::Peer;
using testing::says;
using testing::simple_tool;
using testing::text_of;
using testing::Value;

TEST(Session, NegotiatesLegacyRevisions) {
  struct Row {
    std::string_view asked, answered;
  };
  for (const auto& row :
       {Row{"2024-11-05", "2024-11-05"}, Row{"2025-03-26", "2025-03-26"}, Row{"2025-06-18", "2025-06-18"},
        Row{"2025-11-25", "2025-11-25"}, Row{"2026-07-28", "2025-11-25"}, Row{"2099-01-01", "2025-11-25"},
        Row{"2024-10-07", "2025-11-25"}, Row{"", "2025-11-25"}}) {
    Peer peer;
    Value answer = peer.initialize(row.asked);
    EXPECT_EQ(string_or_empty(answer, "result.protocolVersion"), row.answered) << row.asked;
    EXPECT_EQ(string_or_empty(answer, "result.serverInfo.name"), "under-test");
    EXPECT_EQ(to_string(peer.session->revision()), row.answered);
    EXPECT_EQ(peer.session->client().name, "peer");
  }
}

TEST(Session, RefusesWhatComesBeforeInitialize) {
  Peer peer;
  peer.add(simple_tool("t", says("x")));
  peer.connect();
  EXPECT_EQ(find(peer.ask(1, "ping"), "result")->get_object().size(), 0u);
  EXPECT_EQ(error_code(peer.ask(2, "tools/list")), code::kInvalidRequest);
  EXPECT_EQ(error_code(peer.ask(3, "tools/call", Peer::call("t"))), code::kInvalidRequest);
  EXPECT_EQ(error_code(peer.ask(4, "logging/setLevel", {{"level", "info"}})), code::kInvalidRequest);
  EXPECT_EQ(error_code(peer.ask(5, "no/such")), code::kMethodNotFound);
}

TEST(Session, RefusesASecondInitialize) {
  Peer peer;
  peer.initialize("2025-06-18");
  EXPECT_EQ(error_code(peer.ask(1, "initialize", {{"protocolVersion", "2025-11-25"}})),
            code::kInvalidRequest);
  EXPECT_EQ(to_string(peer.session->revision()), "2025-06-18");
}

TEST(Session, ChecksInitializeParams) {
  for (std::string_view params :
       {"{}", R"({"protocolVersion":7})", R"({"protocolVersion":"2025-06-18","capabilities":[]})",
        R"({"protocolVersion":"2025-06-18","clientInfo":"x"})"}) {
    Peer peer;
    peer.connect();
    EXPECT_EQ(error_code(peer.ask(1, "initialize", json(params).get_object())), code::kInvalidParams)
        << params;
    EXPECT_EQ(string_or_empty(peer.initialize("2025-06-18"), "result.protocolVersion"), "2025-06-18")
        << "a refused initialize is not an initialize";
  }
}

TEST(Session, ServesBothErasOnOneConnection) {
  Peer peer;
  peer.add(simple_tool("t", says("x")));
  peer.connect();
  EXPECT_EQ(string_or_empty(peer.ask(1, "server/discover", Peer::modern()), "result.resultType"), "complete");
  peer.initialize("2025-03-26");
  EXPECT_EQ(find(peer.ask(2, "tools/list"), "result.resultType"), nullptr);
  EXPECT_EQ(string_or_empty(peer.ask(3, "tools/list", Peer::modern()), "result.resultType"), "complete");
  EXPECT_EQ(find(peer.ask(4, "tools/call", Peer::call("t")), "result.resultType"), nullptr);
  EXPECT_EQ(string_or_empty(peer.ask(5, "tools/call", Peer::modern(Peer::call("t"))), "result.resultType"),
            "complete");
}

TEST(Session, RefusesModernRequestsStepByStep) {
  Peer peer;
  peer.connect();
  EXPECT_EQ(error_code(peer.ask(1, "server/discover")), code::kInvalidParams);
  for (std::string_view gone : {"initialize", "ping", "logging/setLevel", "resources/subscribe", "no/such"}) {
    EXPECT_EQ(error_code(peer.ask(2, gone, Peer::modern())), code::kMethodNotFound) << gone;
  }
  Object params = Peer::modern();
  params["_meta"].get_object()["io.modelcontextprotocol/protocolVersion"] = "2099-01-01";
  Value answer = peer.ask(3, "tools/list", params);
  EXPECT_EQ(error_code(answer), code::kUnsupportedProtocolVersion);
  EXPECT_EQ(*find(answer, "error.data"), json(R"({"supported":["2026-07-28"],"requested":"2099-01-01"})"));
  EXPECT_EQ(error_code(peer.ask(4, "no/such", params)), code::kUnsupportedProtocolVersion)
      << "version before method";
}

TEST(Session, ChecksToolsRequests) {
  struct Row {
    std::string_view method, params;
  };
  Peer peer;
  peer.add(simple_tool("t", says("x")));
  peer.initialize("2025-11-25");
  for (const auto& row :
       {Row{"tools/call", "{}"}, Row{"tools/call", R"({"name":7})"}, Row{"tools/call", R"({"name":"zz"})"},
        Row{"tools/call", R"({"name":"t","arguments":[]})"},
        Row{"tools/call", R"({"name":"t","arguments":"x"})"},
        Row{"tools/call", R"({"name":"t","_meta":{"progressToken":[]}})"},
        Row{"tools/list", R"({"cursor":"x"})"}, Row{"tools/list", R"({"cursor":7})"},
        Row{"logging/setLevel", "{}"}, Row{"logging/setLevel", R"({"level":"loud"})"},
        Row{"logging/setLevel", R"({"level":"INFO"})"}}) {
    EXPECT_EQ(error_code(peer.ask(1, row.method, json(row.params).get_object())), code::kInvalidParams)
        << row.method << row.params;
  }
  EXPECT_EQ(text_of(peer.ask(2, "tools/call", {{"name", "t"}})), "x") << "no arguments means none";
}

TEST(Session, LivesOnAfterBadInput) {
  Peer peer;
  peer.initialize("2025-11-25");
  for (std::string_view bad :
       {"{", "nonsense", "\xFF\xFE", "[]", "7", R"({"jsonrpc":"2.0","id":1,"method":"\ud800"})",
        R"({"jsonrpc":"2.0","id":null,"method":"ping"})"}) {
    peer.raw(bad);
    Value answer = peer.outlet->take_answer(nullptr);
    EXPECT_NE(error_code(answer), 0) << bad;
  }
  peer.session->receive_oversized();
  EXPECT_EQ(error_code(peer.outlet->take_answer(nullptr)), code::kInvalidRequest);
  peer.raw("");
  peer.raw("  \r");
  peer.notify("notifications/unheard_of", {{"a", 1}});
  peer.notify("notifications/cancelled", {{"requestId", 99}});
  peer.notify("notifications/cancelled");
  peer.raw(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":[]})");
  peer.raw(R"({"jsonrpc":"2.0","id":99,"result":{}})");
  peer.raw(R"({"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m"}})");
  EXPECT_TRUE(peer.outlet->take_all().empty()) << "none of these is answered";
  EXPECT_NE(find(peer.ask("still", "ping"), "result"), nullptr);
}

TEST(Session, SaysWhatToolsSay) {
  Peer peer;
  peer.add(simple_tool("fails", [](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
    return core::fail(core::ErrorKind::unavailable, "x", "It is down.", "Try later.");
  }));
  peer.add(simple_tool("throws", [](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
    throw std::runtime_error("inner detail");
  }));
  peer.add(simple_tool("broken_text", says("cut \xE2\x82")));
  peer.add(simple_tool("asks_nothing", [](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
    return NeedInput{};
  }));
  peer.initialize("2025-11-25");
  Value failed = peer.ask(1, "tools/call", Peer::call("fails"));
  EXPECT_EQ(text_of(failed), "It is down. Try later.");
  EXPECT_EQ(*find(failed, "result.isError"), Value(true));
  Value thrown = peer.ask(2, "tools/call", Peer::call("throws"));
  EXPECT_EQ(error_code(thrown), code::kInternalError);
  EXPECT_EQ(core::json::write(thrown).find("inner detail"), std::string::npos);
  EXPECT_EQ(text_of(peer.ask(3, "tools/call", Peer::call("broken_text"))), "cut \xEF\xBF\xBD");
  EXPECT_EQ(error_code(peer.ask(4, "tools/call", Peer::call("asks_nothing"))), code::kInternalError);
}

TEST(Session, HandlersLearnWhatTheCallCarries) {
  Peer peer({.call_timeout = std::chrono::seconds{7}});
  std::string trace, other_trace;
  peer.add(simple_tool("t", [&](const core::Context& context, const ToolCall& call) -> core::Result<Outcome> {
    other_trace = std::exchange(trace, context.trace_id);
    EXPECT_EQ(context.deadline, peer.clock.steady() + std::chrono::seconds{7});
    EXPECT_EQ(context.principal, "local");
    return Complete{
        text_result(core::json::write(call.arguments) + (call.round.can.form ? " can ask" : " cannot ask"))};
  }));
  peer.initialize("2025-06-18", {{"elicitation", Object{}}});
  EXPECT_EQ(text_of(peer.ask(1, "tools/call", Peer::call("t", {{"a", 1}}))), R"({"a":1} can ask)");
  EXPECT_EQ(text_of(peer.ask(2, "tools/call", Peer::modern(Peer::call("t")))), "{} cannot ask")
      << "a modern request has its own capabilities only";
  EXPECT_FALSE(trace.empty());
  EXPECT_NE(trace, other_trace);
  Object params = Peer::call("t");
  params["_meta"] = Object{{"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}};
  peer.ask(3, "tools/call", params);
  EXPECT_EQ(trace, "0af7651916cd43dd8448eb211c80319c");
}

// ---- Batches

TEST(Batches, AreAnsweredAsOneWhenAllIsDone) {
  Peer peer;
  std::latch go(1);
  peer.add(simple_tool("fast", says("f")));
  peer.add(simple_tool(
      "slow",
      [&](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
        go.wait();
        return Complete{text_result("s")};
      },
      RunsOn::local));
  peer.initialize("2025-03-26");
  peer.raw(R"([{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"slow"}},
                {"jsonrpc":"2.0","method":"notifications/unheard_of"},
                {"jsonrpc":"2.0","id":2,"method":"tools/call","params":{"name":"fast"}},
                {"jsonrpc":"2.0","id":3,"method":"no/such"}, 7,
                {"jsonrpc":"2.0","id":4,"method":"initialize","params":{"protocolVersion":"2025-06-18"}},
                {"jsonrpc":"2.0","id":5,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}])");
  EXPECT_TRUE(peer.outlet->take_all().empty());
  go.count_down();
  Value batch = peer.outlet->take_if([](const Value& value) { return value.is_array(); });
  std::map<std::string, Value> answers;
  for (const Value& answer : batch.as_array()) answers[core::json::write(answer.at("id"))] = answer;
  ASSERT_EQ(batch.as_array().size(), 6u);
  EXPECT_EQ(text_of(answers["1"]), "s");
  EXPECT_EQ(text_of(answers["2"]), "f");
  EXPECT_EQ(error_code(answers["3"]), code::kMethodNotFound);
  EXPECT_EQ(error_code(answers["null"]), code::kInvalidRequest);
  EXPECT_EQ(error_code(answers["4"]), code::kInvalidRequest) << "initialize cannot be batched";
  EXPECT_EQ(error_code(answers["5"]), code::kInvalidRequest) << "2026-07-28 has no batches";
}

TEST(Batches, OfNotificationsAreNotAnswered) {
  Peer peer;
  peer.initialize("2025-03-26");
  peer.raw(R"([{"jsonrpc":"2.0","method":"notifications/unheard_of"}])");
  EXPECT_TRUE(peer.outlet->take_all().empty());
}

TEST(Batches, LoseThePartThatWasCancelled) {
  Peer peer;
  peer.add(simple_tool(
      "waits",
      [&](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
        peer.clock.wait_until(core::SteadyTime::max(), context.stop);
        return Complete{text_result("too late")};
      },
      RunsOn::local));
  peer.initialize("2024-11-05");
  peer.raw(
      R"([{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"waits"}},{"jsonrpc":"2.0","id":2,"method":"ping"}])");
  peer.notify("notifications/cancelled", {{"requestId", 1}});
  Value batch = peer.outlet->take_if([](const Value& value) { return value.is_array(); });
  ASSERT_EQ(batch.as_array().size(), 1u);
  EXPECT_EQ(batch.as_array()[0].at("id"), Value(2));
}

TEST(Batches, ExistInTwoRevisionsOnly) {
  for (std::string_view version : {"2025-06-18", "2025-11-25"}) {
    Peer peer;
    peer.initialize(version);
    peer.raw(R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])");
    EXPECT_EQ(error_code(peer.outlet->take_answer(nullptr)), code::kInvalidRequest) << version;
  }
  Peer peer;
  peer.connect();
  peer.raw(R"([{"jsonrpc":"2.0","id":1,"method":"ping"}])");
  EXPECT_EQ(error_code(peer.outlet->take_answer(nullptr)), code::kInvalidRequest);
}

// ---- Progress and logging

TEST(Progress, OnlyGrowsIsRateLimitedAndKeepsTheLast) {
  Peer peer;
  peer.add(simple_tool("works", [&](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
    context.progress(1, 10, "sent: the first");
    context.progress(2, 10, "dropped: too soon");
    context.progress(2, 10, "dropped: not more");
    context.progress(1, 10, "dropped: less");
    peer.clock.advance(std::chrono::milliseconds{100});
    context.progress(3, 10, "sent: in time");
    context.progress(4, 10, "dropped: too soon");
    context.progress(5.5, 10, "sent at the end");
    return Complete{text_result("done")};
  }));
  peer.initialize("2025-11-25");
  Object params = Peer::call("works");
  params["_meta"] = Object{{"progressToken", "tok"}};
  peer.request(1, "tools/call", params);
  auto messages = peer.outlet->take_all();
  std::vector<std::string> seen;
  for (const auto& text : messages) {
    Value message = json(text);
    if (string_or_empty(message, "method") == "notifications/progress") {
      EXPECT_EQ(string_or_empty(message, "params.progressToken"), "tok");
      seen.emplace_back(string_or_empty(message, "params.message"));
    }
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"sent: the first", "sent: in time", "sent at the end"}));
  EXPECT_NE(messages.back().find("\"result\""), std::string::npos) << "nothing comes after the answer";
}

TEST(Progress, OfCompletionIsSentAtOnce) {
  Peer peer;
  peer.add(simple_tool("works", [&](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
    context.progress(0, 2, "");
    context.progress(2, 2, "");
    EXPECT_EQ(peer.outlet->take_all().size(), 2u);
    return Complete{text_result("done")};
  }));
  peer.connect();
  Object params = Peer::modern(Peer::call("works"));
  params["_meta"].get_object()["progressToken"] = 5;
  EXPECT_EQ(text_of(peer.ask(1, "tools/call", params)), "done");
}

TEST(Progress, NeedsATokenAndARunningCall) {
  Peer peer;
  core::Notifier* kept = nullptr;
  std::latch go(1);
  peer.add(simple_tool(
      "works",
      [&](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
        kept = context.notifier;
        context.progress(1, 10, "");
        go.wait();
        kept->progress(2, 10, "after a cancel");
        kept->log(core::LogLevel::error, "l", "after a cancel");
        return Complete{text_result("done")};
      },
      RunsOn::local));
  peer.initialize("2025-11-25");
  Object params = Peer::call("works");
  params["_meta"] = Object{{"progressToken", 7}};
  peer.request(1, "tools/call", params);
  peer.outlet->take_method("notifications/progress");
  peer.notify("notifications/cancelled", {{"requestId", 1}});
  go.count_down();
  ASSERT_TRUE(peer.server->settle(std::chrono::seconds{20}));
  EXPECT_TRUE(peer.outlet->take_all().empty());
  peer.ask(2, "tools/call", Peer::call("works"));
  for (const auto& text : peer.outlet->take_all()) EXPECT_EQ(text.find("progress"), std::string::npos);
}

TEST(Logging, OfLegacySessionsFollowsTheirLevel) {
  Peer peer;
  peer.connect();
  peer.server->log(core::LogLevel::error, "l", "before the handshake");
  peer.ask(0, "initialize", {{"protocolVersion", "2025-06-18"}});
  peer.server->log(core::LogLevel::error, "l", "before initialized");
  EXPECT_TRUE(peer.outlet->take_all().empty());
  peer.notify("notifications/initialized");
  peer.server->log(core::LogLevel::debug, "l", "below info");
  peer.server->log(core::LogLevel::info, "okta", Object{{"a", 1}});
  EXPECT_EQ(*find(peer.outlet->take_method("notifications/message"), "params"),
            json(R"({"level":"info","logger":"okta","data":{"a":1}})"));
  EXPECT_TRUE(peer.outlet->take_all().empty());
  EXPECT_EQ(find(peer.ask(1, "logging/setLevel", {{"level", "error"}}), "result")->get_object().size(), 0u);
  peer.server->log(core::LogLevel::warning, "l", "below");
  peer.server->log(core::LogLevel::critical, "l", "above");
  auto left = peer.outlet->take_all();
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(string_or_empty(json(left[0]), "params.data"), "above");
}

TEST(Logging, OfModernRequestsNeedsTheirLevel) {
  Peer peer;
  peer.add(simple_tool("logs", [](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
    context.notifier->log(core::LogLevel::info, "l", "info");
    context.notifier->log(core::LogLevel::error, "l", "error");
    return Complete{text_result("done")};
  }));
  peer.connect();
  peer.request(1, "tools/call", Peer::modern(Peer::call("logs")));
  EXPECT_EQ(peer.outlet->take_all().size(), 1u) << "the answer alone";
  Object params = Peer::modern(Peer::call("logs"));
  params["_meta"].get_object()["io.modelcontextprotocol/logLevel"] = "warning";
  peer.request(2, "tools/call", params);
  auto messages = peer.outlet->take_all();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(string_or_empty(json(messages[0]), "params.data"), "error");
  peer.server->log(core::LogLevel::emergency, "l", "outside a request");
  EXPECT_TRUE(peer.outlet->take_all().empty());
}

TEST(Logging, OfOneCallIsLimited) {
  Peer peer;
  peer.add(simple_tool("chats", [&](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
    for (int second = 0; second < 2; ++second) {
      // What the client did not ask for takes no room from what it did.
      for (int i = 0; i < 1000; ++i) context.notifier->log(core::LogLevel::debug, "l", i);
      for (int i = 0; i < 1000; ++i) context.notifier->log(core::LogLevel::info, "l", i);
      peer.clock.advance(std::chrono::seconds{1});
    }
    return Complete{text_result("done")};
  }));
  auto lines = [&] {
    auto messages = peer.outlet->take_all();
    return std::ranges::count_if(messages, [](const std::string& text) {
      return string_or_empty(json(text), "method") == "notifications/message";
    });
  };
  peer.initialize("2025-11-25");
  peer.outlet->take_all();
  peer.request(1, "tools/call", Peer::call("chats"));
  EXPECT_EQ(lines(), 200);
  Object params = Peer::modern(Peer::call("chats"));
  params["_meta"].get_object()["io.modelcontextprotocol/logLevel"] = "info";
  peer.request(2, "tools/call", params);
  EXPECT_EQ(lines(), 200);
}

// ---- Lists and listeners

TEST(ToolsChanged, ReachesLegacySessionsAndModernListeners) {
  Peer peer;
  bool hidden = false;
  peer.add(simple_tool("a", says("x")));
  peer.add(simple_tool("b", says("x")));
  peer.server->set_visible([&](const Tool& tool) { return tool.name != "b" || !hidden; });
  peer.connect();
  peer.server->tools_changed();
  peer.request("sub", "subscriptions/listen",
               Peer::modern({{"notifications", {{"toolsListChanged", true}, {"promptsListChanged", true}}}}));
  peer.request(9, "subscriptions/listen", Peer::modern({{"notifications", Object{}}}));
  auto acknowledged = peer.outlet->take_all();
  ASSERT_EQ(acknowledged.size(), 2u);
  EXPECT_EQ(
      json(acknowledged[0]).at("params"),
      json(
          R"({"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/subscriptionId":"sub"}})"));
  EXPECT_EQ(json(acknowledged[1]).at("params"),
            json(R"({"notifications":{},"_meta":{"io.modelcontextprotocol/subscriptionId":9}})"));
  EXPECT_EQ(error_code(peer.ask(9, "subscriptions/listen", Peer::modern({{"notifications", Object{}}}))),
            code::kInvalidRequest);

  hidden = true;
  peer.server->tools_changed();
  peer.server->tools_changed();
  auto changed = peer.outlet->take_all();
  ASSERT_EQ(changed.size(), 1u) << "once, to the listener that asked";
  EXPECT_EQ(json(changed[0]), json(R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed",
      "params":{"_meta":{"io.modelcontextprotocol/subscriptionId":"sub"}}})"));

  peer.notify("notifications/cancelled", {{"requestId", "sub"}});
  peer.initialize("2025-11-25");
  hidden = false;
  peer.server->tools_changed();
  changed = peer.outlet->take_all();
  ASSERT_EQ(changed.size(), 1u);
  EXPECT_EQ(changed[0], R"({"jsonrpc":"2.0","method":"notifications/tools/list_changed"})");

  peer.session->close();
  auto last = peer.outlet->take_all();
  ASSERT_EQ(last.size(), 2u);
  EXPECT_EQ(
      *find(json(last[0]), "result._meta"),
      json(
          R"({"io.modelcontextprotocol/subscriptionId":9,"io.modelcontextprotocol/serverInfo":{"name":"under-test","version":"1"}})"));
  EXPECT_EQ(json(last[1]),
            json(R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":9}})"));
}

TEST(Listen, ChecksItsParamsAndItsLimit) {
  Peer peer({.max_listeners = 2});
  peer.connect();
  EXPECT_EQ(error_code(peer.ask(1, "subscriptions/listen", Peer::modern())), code::kInvalidParams);
  EXPECT_EQ(error_code(peer.ask(1, "subscriptions/listen",
                                Peer::modern({{"notifications", {{"toolsListChanged", 1}}}}))),
            code::kInvalidParams);
  for (int id : {1, 2}) {
    peer.request(id, "subscriptions/listen", Peer::modern({{"notifications", Object{}}}));
    EXPECT_EQ(peer.outlet->take_all().size(), 1u);
  }
  EXPECT_EQ(error_code(peer.ask(3, "subscriptions/listen", Peer::modern({{"notifications", Object{}}}))),
            code::kInternalError);
}

// ---- Callbacks of the application

TEST(Callbacks, FireWhenTheClientIsKnown) {
  Peer peer;
  int ready = 0, modern = 0;
  std::shared_ptr<Session> kept;
  peer.server->on_legacy_ready([&](std::shared_ptr<Session> session) {
    ++ready;
    kept = std::move(session);
  });
  peer.server->on_first_modern_call([&] { ++modern; });
  peer.add(simple_tool("t", says("x")));
  peer.connect();
  peer.notify("notifications/initialized");
  peer.ask(1, "server/discover", Peer::modern());
  EXPECT_EQ(ready + modern, 0) << "neither before a handshake nor for a probe";
  peer.initialize("2025-11-25");
  peer.notify("notifications/initialized");
  EXPECT_EQ(ready, 1);
  EXPECT_EQ(kept, peer.session);
  peer.ask(2, "tools/list");
  EXPECT_EQ(modern, 0);
  peer.ask(3, "tools/list", Peer::modern());
  peer.ask(4, "tools/call", Peer::modern(Peer::call("none")));
  EXPECT_EQ(modern, 1);
}

TEST(ServerOptionsTest, AreChecked) {
  EXPECT_EQ(Server::create({.info = {.name = "n"}}).error().code, "mcp.server.info");
  EXPECT_EQ(Server::create({.info = {.name = "n", .version = "1"}, .instructions = std::string(2049, 'x')})
                .error()
                .code,
            "mcp.server.instructions");
  EXPECT_EQ(Server::create({.info = {.name = "n", .version = "1"}, .page_size = 0}).error().code,
            "mcp.server.page_size");
  EXPECT_EQ(Server::create({.info = {.name = "n", .version = "1"}, .tools_page_size = 0}).error().code,
            "mcp.server.page_size");
  EXPECT_EQ(
      Server::create({.info = {.name = "n", .version = "1", .icons = {{.src = "ftp://x"}}}}).error().code,
      "mcp.icon");
}

// ---- The end

TEST(Session, StopsItsCallsWhenItCloses) {
  Peer peer({.local = {.name = "local", .workers = 1}});
  std::latch started(1);
  peer.add(simple_tool(
      "waits",
      [&](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
        started.count_down();
        bool slept = peer.clock.wait_until(core::SteadyTime::max(), context.stop);
        return Complete{text_result(slept ? "slept" : "stopped")};
      },
      RunsOn::local));
  peer.initialize("2025-11-25");
  peer.request(1, "tools/call", Peer::call("waits"));
  peer.request(2, "tools/call", Peer::call("waits"));
  started.wait();
  peer.session->close();
  EXPECT_TRUE(peer.server->settle(std::chrono::seconds{20}));
  EXPECT_EQ(text_of(peer.outlet->take_answer(1)), "stopped");
  EXPECT_EQ(text_of(peer.outlet->take_answer(2)), "The server is shutting down; the call was not started.");
  peer.request(3, "ping");
  EXPECT_TRUE(peer.outlet->take_all().empty()) << "what comes after the end is ignored";
}

TEST(Session, AnswersAFullLaneAtOnce) {
  Peer peer({.local = {.name = "local", .workers = 1, .queue = 1}});
  std::latch started(1), go(1);
  peer.add(simple_tool(
      "waits",
      [&](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
        started.count_down();
        go.wait();
        return Complete{text_result("done")};
      },
      RunsOn::local));
  peer.initialize("2025-11-25");
  peer.request(1, "tools/call", Peer::call("waits"));
  started.wait();
  peer.request(2, "tools/call", Peer::call("waits"));
  Value full = peer.ask(3, "tools/call", Peer::call("waits"));
  EXPECT_EQ(*find(full, "result.isError"), Value(true));
  EXPECT_NE(text_of(full).find("local lane"), std::string::npos) << text_of(full);
  EXPECT_EQ(error_code(peer.ask(2, "tools/call", Peer::call("waits"))), code::kInvalidRequest)
      << "an id in use";
  go.count_down();
  EXPECT_EQ(text_of(peer.outlet->take_answer(1)), "done");
  EXPECT_EQ(text_of(peer.outlet->take_answer(2)), "done");
  EXPECT_EQ(text_of(peer.ask(3, "tools/call", Peer::call("waits"))), "done") << "a finished id is free again";
}

TEST(Session, DropsTheAnswerOfACancelledCall) {
  Peer peer;
  std::latch started(1);
  peer.add(simple_tool(
      "waits",
      [&](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
        started.count_down();
        EXPECT_FALSE(peer.clock.wait_until(core::SteadyTime::max(), context.stop));
        return Complete{text_result("too late")};
      },
      RunsOn::upstream));
  peer.initialize("2025-11-25");
  peer.request("1", "tools/call", Peer::call("waits"));
  started.wait();
  peer.notify("notifications/cancelled", {{"requestId", 1}});
  EXPECT_FALSE(peer.server->settle(std::chrono::milliseconds{1})) << "1 is not \"1\"";
  peer.notify("notifications/cancelled", {{"requestId", "1"}, {"reason", "enough"}});
  ASSERT_TRUE(peer.server->settle(std::chrono::seconds{20}));
  EXPECT_TRUE(peer.outlet->take_all().empty());
}

}  // namespace
}  // namespace mcp
