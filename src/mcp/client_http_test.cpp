// The client over HTTP against servers that behave, and servers that do not.
#include <atomic>
#include <gmock/gmock.h>

#include "core/encoding.h"
#include "mcp/test_http_server.h"
#include "mcp/test_peer.h"
#include "oauth/dpop.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;
using net::HttpRequest;
using net::HttpResponse;
using ::testing::ElementsAre;
using testing::event;
using ::testing::HasSubstr;
using testing::id_of;
using testing::json;
using testing::json_answer;
using testing::kUrl;
using testing::reply;
using testing::ScriptedServer;
using testing::sse;
using ::testing::StartsWith;

// ---- What goes out

TEST(ClientOverHttp, SpeaksModernHeaders) {
  ScriptedServer server;
  server.call_says(R"("result":{"content":[]})");
  auto client = server.client({.name = "n", .version = "v"});
  ASSERT_TRUE(client->call_tool("wär me", {{"a", 1}}));
  const auto call = server.sent("tools/call").at(0);
  EXPECT_EQ(call.headers.get("MCP-Protocol-Version"), "2026-07-28");
  EXPECT_EQ(call.headers.get("Mcp-Method"), "tools/call");
  EXPECT_EQ(call.headers.get("Mcp-Name"), "=?base64?d8OkciBtZQ==?=");
  EXPECT_EQ(call.headers.get("Accept"), "application/json, text/event-stream");
  EXPECT_EQ(call.headers.get("Content-Type"), "application/json");
  EXPECT_FALSE(call.headers.has("Mcp-Session-Id"));
  const auto meta = json(call.body).at("params").at("_meta").as_object();
  EXPECT_EQ(meta.at("io.modelcontextprotocol/protocolVersion"), Value("2026-07-28"));
  EXPECT_EQ(meta.at("io.modelcontextprotocol/clientInfo"), json(R"({"name":"n","version":"v"})"));
  EXPECT_EQ(meta.at("io.modelcontextprotocol/clientCapabilities"), Value(Object{}));
  EXPECT_TRUE(server.sent("GET").empty());
  client->close();
  EXPECT_TRUE(server.sent("DELETE").empty()) << "there is no session";
  EXPECT_EQ(client->call_tool("x").error().code, "mcp.client.closed");
}

TEST(ClientOverHttp, KeepsALegacySession) {
  ScriptedServer server(Revision::v2025_11_25);
  server.on("tools/call", [](const auto&, const Object& message) {
    auto response = json_answer(reply(message, R"("result":{"content":[]})"));
    response.headers.add("Mcp-Session-Id", "stolen");  // only initialize names the session
    return response;
  });
  auto client = server.client();
  ASSERT_TRUE(client->call_tool("a"));
  ASSERT_TRUE(client->call_tool("a"));
  const auto hello = server.sent("initialize").at(0);
  EXPECT_FALSE(hello.headers.has("Mcp-Session-Id"));
  EXPECT_FALSE(hello.headers.has("MCP-Protocol-Version"));
  for (const auto& call : server.sent("tools/call")) {
    EXPECT_EQ(call.headers.get("Mcp-Session-Id"), "session-1");
    EXPECT_EQ(call.headers.get("MCP-Protocol-Version"), "2025-11-25");
    EXPECT_FALSE(call.headers.has("Mcp-Method"));
    EXPECT_FALSE(json(call.body).at("params").as_object().contains("_meta"));
  }
  EXPECT_EQ(server.sent("GET").size(), 1u) << "405 is an answer";
  client.reset();
  EXPECT_EQ(server.sent("DELETE").at(0).headers.get("Mcp-Session-Id"), "session-1");
}

TEST(ClientOverHttp, ASessionIdThatIsNoneIsNotSentBack) {
  for (std::string id :
       {std::string("a b"), std::string("a\tb"), std::string(2000, 'a'), std::string("\xc3\xa4")}) {
    ScriptedServer server(Revision::v2025_11_25);
    server.on("initialize", [&](const auto&, const Object& message) {
      auto response = json_answer(reply(message, R"("result":{"protocolVersion":"2025-11-25"})"));
      response.headers.add("Mcp-Session-Id", id);
      return response;
    });
    auto client = server.client();
    EXPECT_FALSE(server.sent("notifications/initialized").at(0).headers.has("Mcp-Session-Id"));
  }
}

TEST(ClientOverHttp, BeginsAnEndedSessionAnewOnce) {
  ScriptedServer server(Revision::v2025_11_25);
  std::atomic<bool> always{false};
  server.on("tools/call", [&](const HttpRequest& request, const Object& message) {
    if (always || request.headers.get("Mcp-Session-Id") == "session-1") return HttpResponse{.status = 404};
    return json_answer(reply(message, R"("result":{"content":[]})"));
  });
  auto client = server.client();
  EXPECT_TRUE(client->call_tool("a"));
  EXPECT_EQ(server.sessions, 2);
  EXPECT_EQ(server.sent("tools/call").size(), 2u);
  always = true;
  EXPECT_EQ(client->call_tool("a").error().code, "mcp.client.session_ended");
  EXPECT_EQ(server.sessions, 3) << "once for each request";
}

// One token bound to a key, and what the transport said of it.
class BoundToken final : public TokenProvider {
 public:
  BoundToken() {
    auto bound = std::make_shared<oauth::AccessToken>();
    bound->value = core::Secret("bound");
    bound->scheme = oauth::kDpopScheme;
    bound->dpop = binding_.begin().value();
    token_ = std::move(bound);
  }
  core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context&,
                                                                std::string_view) override {
    return token_;
  }
  core::Result<bool> challenged(const core::Context&, const AuthorizationChallenge&) override {
    ++challenges;
    return false;
  }
  std::atomic<int> challenges{0};

 private:
  oauth::DpopBinding binding_{core::system_clock(), core::system_random()};
  std::shared_ptr<const oauth::AccessToken> token_;
};

TEST(ClientOverHttp, TakesUpTheNonceOfAServerThatWantsOneInEachProof) {
  BoundToken tokens;
  ScriptedServer server;
  server.tokens = &tokens;
  const auto demand = [](std::string_view nonce) {
    HttpResponse refusal{.status = 401};
    refusal.headers.add("WWW-Authenticate", R"(Bearer, DPoP error="use_dpop_nonce", algs="ES256")");
    refusal.headers.add("DPoP-Nonce", std::string(nonce));
    return refusal;
  };
  const auto nonce_of = [](const HttpRequest& request) {
    const auto proof = request.headers.get("DPoP");
    const auto first = proof.find('.') + 1;
    const auto claims = core::base64url_decode(proof.substr(first, proof.rfind('.') - first)).value_or("{}");
    return std::string(core::json::string_or_empty(json(claims).as_object(), "nonce"));
  };
  server.on("tools/call", [&](const HttpRequest& request, const Object& message) {
    EXPECT_EQ(request.headers.get("Authorization"), "DPoP bound");
    if (nonce_of(request) != "fresh") return demand("fresh");
    return json_answer(reply(message, R"("result":{"content":[]})"));
  });
  auto client = server.client();
  ASSERT_TRUE(client->call_tool("a"));
  ASSERT_TRUE(client->call_tool("a"));
  EXPECT_EQ(server.sent("tools/call").size(), 3u) << "the nonce is known from then on";
  EXPECT_EQ(tokens.challenges, 0) << "the token was never in doubt";

  int asked = 0;
  server.on("tools/call", [&](const auto&, const auto&) { return demand(std::to_string(++asked)); });
  EXPECT_FALSE(client->call_tool("a"));
  EXPECT_EQ(asked, 1 + oauth::kDpopNonceRetries);
  EXPECT_EQ(tokens.challenges, 1);
}

// ---- What comes back

struct HostileRow {
  const char* name;
  std::function<HttpResponse(const Object&)> answer;
  const char* code;
  const char* says = "";
};

std::vector<HostileRow> hostile_rows() {
  const auto fixed = [](HttpResponse response) { return [response](const Object&) { return response; }; };
  const auto redirect = [&](int status, std::string to) {
    return fixed({.status = status, .headers = {{"Location", std::move(to)}}});
  };
  std::vector<HostileRow> rows;
  rows.push_back({"HtmlPage",
                  fixed({.status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<p>"}),
                  "mcp.client.media_type", "text/html"});
  rows.push_back(
      {"NoType", fixed({.status = 200, .body = "{}"}), "mcp.client.media_type", "no content type"});
  rows.push_back({"Accepted", fixed({.status = 202}), "mcp.client.media_type"});
  rows.push_back({"EmptyJson", fixed(json_answer("")), "mcp.client.protocol", "no response"});
  rows.push_back({"NoJson", fixed(json_answer("{]")), "mcp.client.protocol", "no message"});
  rows.push_back({"NotRpc", fixed(json_answer(R"({"a":1})")), "mcp.client.protocol", "no message"});
  rows.push_back(
      {"Deep", fixed(json_answer(std::string(100, '[') + std::string(100, ']'))), "mcp.client.protocol"});
  rows.push_back({"AnotherId", fixed(json_answer(R"({"jsonrpc":"2.0","id":4711,"result":{}})")),
                  "mcp.client.protocol", "not asked"});
  rows.push_back({"SameIdAsString",
                  [](const Object& m) {
                    return json_answer(
                        fmt::format(R"({{"jsonrpc":"2.0","id":"{}","result":{{}}}})", id_of(m)));
                  },
                  "mcp.client.protocol", "not asked"});
  rows.push_back(
      {"NullId", fixed(json_answer(R"({"jsonrpc":"2.0","id":null,"result":{}})")), "mcp.client.protocol"});
  rows.push_back({"ResultAndError",
                  [](const Object& m) {
                    return json_answer(reply(m, R"("result":{},"error":{"code":1,"message":"m"})"));
                  },
                  "mcp.client.protocol"});
  rows.push_back({"ResultIsNoObject", [](const Object& m) { return json_answer(reply(m, R"("result":7)")); },
                  "mcp.client.protocol", "not an object"});
  rows.push_back({"Error",
                  [](const Object& m) {
                    return json_answer(reply(m, R"("error":{"code":-32602,"message":"no\u202etool\n"})"));
                  },
                  "mcp.client.rpc", "-32602: notool"});
  rows.push_back({"LongError",
                  [](const Object& m) {
                    return json_answer(reply(
                        m, fmt::format(R"("error":{{"code":-1,"message":"{}"}})", std::string(50'000, 'x'))));
                  },
                  "mcp.client.rpc", "…"});
  rows.push_back(
      {"ErrorStatusWithRpc",
       [](const Object& m) { return json_answer(reply(m, R"("error":{"code":-32601,"message":"m"})"), 404); },
       "mcp.client.rpc", "-32601"});
  rows.push_back(
      {"ErrorStatusNullId",
       fixed(json_answer(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m"}})", 400)),
       "mcp.client.rpc", "-32700"});
  rows.push_back({"ErrorStatusAlone",
                  fixed({.status = 503, .headers = {{"Content-Type", "text/plain"}}, .body = "later"}),
                  "mcp.client.http_503", "503"});
  rows.push_back(
      {"NoEntryEvenWithRpc",
       [](const Object& m) { return json_answer(reply(m, R"("error":{"code":-1,"message":"m"})"), 401); },
       "mcp.client.http_401"});
  rows.push_back({"TooLong", fixed(json_answer(std::string(70'000, ' '))), "mcp.client.too_large", "65536"});
  rows.push_back({"RedirectElsewhere", redirect(307, "https://evil.example/mcp"), "mcp.client.redirect",
                  "https://evil.example"});
  rows.push_back({"RedirectToHttp", redirect(308, "http://mcp.example/mcp"), "mcp.client.redirect"});
  rows.push_back(
      {"RedirectToAnotherPort", redirect(308, "https://mcp.example:8443/mcp"), "mcp.client.redirect"});
  rows.push_back({"RedirectWithUser", redirect(307, "https://a:b@mcp.example/mcp"), "mcp.client.redirect"});
  rows.push_back({"RedirectThatChangesTheMethod", redirect(302, "/mcp2"), "mcp.client.redirect", "method"});
  rows.push_back({"RedirectNowhere", redirect(307, ""), "mcp.client.redirect"});
  rows.push_back({"RedirectLoop", redirect(307, "/mcp"), "mcp.client.redirect", "more than 3"});
  rows.push_back({"StreamWithoutResponse",
                  fixed(sse(event(R"({"jsonrpc":"2.0","method":"notifications/message","params":{}})"))),
                  "mcp.client.protocol", "ended before"});
  rows.push_back({"StreamOfNothing", fixed(sse(": hello\n\n")), "mcp.client.protocol", "ended before"});
  rows.push_back({"StreamOfNonsense", fixed(sse(event("hello"))), "mcp.client.protocol", "no message"});
  rows.push_back(
      {"StreamOfAnotherType",
       [](const Object& m) { return sse("event: other\ndata: " + reply(m, R"("result":{})") + "\n\n"); },
       "mcp.client.protocol", "ended before"});
  rows.push_back({"StreamAnswersAnother", fixed(sse(event(R"({"jsonrpc":"2.0","id":4711,"result":{}})"))),
                  "mcp.client.protocol", "ended before"});
  rows.push_back(
      {"HugeEvent", fixed(sse("data: " + std::string(70'000, 'x'))), "mcp.client.too_large", "65536"});
  std::string flood;
  for (int i = 0; i < 60; ++i)
    flood += event(R"({"jsonrpc":"2.0","method":"notifications/message","params":{}})");
  rows.push_back({"Flood",
                  [flood](const Object& m) { return sse(flood + event(reply(m, R"("result":{})"))); },
                  "mcp.client.limit", "50 messages"});
  return rows;
}

TEST(ClientOverHttp, EndsEveryBadAnswerWithItsError) {
  for (const HostileRow& row : hostile_rows()) {
    ScriptedServer server;
    server.on("tools/call", [&](const auto&, const Object& message) { return row.answer(message); });
    auto client = server.client({.limits = {.message_bytes = 65'536, .answer_messages = 50}});
    auto result = client->call_tool("t");
    ASSERT_FALSE(result.has_value()) << row.name;
    EXPECT_EQ(result.error().code, row.code) << row.name << ": " << core::describe(result.error());
    EXPECT_THAT(core::describe(result.error()), HasSubstr(row.says)) << row.name;
    EXPECT_LT(result.error().message.size(), 1000u) << row.name;
    for (const auto& request : server.http.requests()) {
      EXPECT_THAT(request.url, StartsWith("https://mcp.example/")) << row.name;
    }
    server.call_says(R"("result":{"content":[]})");
    EXPECT_TRUE(client->call_tool("t")) << row.name << ": the client goes on";
  }
}

TEST(ClientOverHttp, FollowsARedirectOnTheSameOriginWithAllItHas) {
  ScriptedServer server;
  server.on("tools/call", [](const HttpRequest& request, const Object& message) {
    if (request.url == kUrl) return HttpResponse{.status = 307, .headers = {{"Location", "../other?x=1"}}};
    EXPECT_EQ(request.url, "https://mcp.example/other?x=1");
    return json_answer(reply(message, R"("result":{"content":[]})"));
  });
  auto client = server.client();
  ASSERT_TRUE(client->call_tool("t"));
  const auto calls = server.sent("tools/call");
  ASSERT_EQ(calls.size(), 2u);
  EXPECT_EQ(calls[0].body, calls[1].body);
  EXPECT_EQ(calls[1].headers.get("Mcp-Name"), "t");
}

TEST(ClientOverHttp, ReadsProgressAndNotificationsBeforeTheResponse) {
  ScriptedServer server;
  server.on("tools/call", [](const auto&, const Object& message) {
    const auto token = core::json::write(message.at("params").at("_meta").at("progressToken"));
    std::string text = "\xef\xbb\xbf: hi\r\n\r\n";
    text += event(fmt::format(
        R"({{"jsonrpc":"2.0","method":"notifications/progress","params":{{"progressToken":{},"progress":1.5,"total":3,"message":"m"}}}})",
        token));
    text += event(
        R"({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"other","progress":9}})");
    text += event(
        R"({"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}})");  // not in this era
    return sse(text + event(reply(message, R"("result":{"content":[]})")));
  });
  std::vector<std::string> heard;
  auto client = server.client(
      {.on_notification = [&](std::string_view method, const Object&) { heard.emplace_back(method); }});
  std::vector<Progress> seen;
  ASSERT_TRUE(client->call_tool("t", {}, {.on_progress = [&](const Progress& p) { seen.push_back(p); }}));
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen[0].done, 1.5);
  EXPECT_EQ(seen[0].total, 3);
  EXPECT_EQ(seen[0].message, "m");
  EXPECT_THAT(heard, ElementsAre("notifications/progress"));
  EXPECT_TRUE(server.sent("answer").empty());
}

TEST(ClientOverHttp, RepeatsWhatOnlyReadsWhenAnIdleConnectionHasEnded) {
  for (const bool reads : {true, false}) {
    ScriptedServer server;
    std::atomic<int> calls{0};
    server.on(reads ? "tools/list" : "tools/call",
              [&](const auto&, const Object& message) -> net::FakeHttpClient::Answer {
                if (++calls == 1) return core::fail(core::ErrorKind::unavailable, "net.reset", "Broken.");
                return json_answer(reply(message, R"("result":{"tools":[],"content":[]})"));
              });
    auto client = server.client();
    if (reads) {
      EXPECT_TRUE(client->list_tools());
    } else {
      EXPECT_EQ(client->call_tool("t").error().code, "net.reset");
    }
    EXPECT_EQ(calls, reads ? 2 : 1);
  }
}

// ---- Broken streams of the legacy era

TEST(ClientOverHttp, TakesUpABrokenStreamWhereItEnded) {
  ScriptedServer server(Revision::v2025_11_25);
  std::atomic<int> tries{0};
  std::string pending;
  server.on("tools/call", [&](const auto&, const Object& message) {
    pending = reply(message, R"("result":{"content":[]})");
    return sse("id: a1\nretry: 1\ndata: \n\n");
  });
  server.on("GET", [&](const HttpRequest& request, const auto&) {
    if (!request.headers.has("Last-Event-ID")) return HttpResponse{.status = 405};
    if (++tries == 1) {
      EXPECT_EQ(request.headers.get("Last-Event-ID"), "a1");
      return sse("id: a2\ndata:\n\n");
    }
    EXPECT_EQ(request.headers.get("Last-Event-ID"), "a2");
    EXPECT_EQ(request.headers.get("Accept"), "text/event-stream");
    EXPECT_EQ(request.headers.get("Mcp-Session-Id"), "session-1");
    return sse("id: a3\ndata: " + pending + "\n\n");
  });
  auto client = server.client();
  auto result = client->call_tool("t");
  ASSERT_TRUE(result) << core::describe(result.error());
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(server.sent("tools/call").size(), 1u) << "the call itself is never repeated";
}

TEST(ClientOverHttp, TakesABrokenStreamUpOnlySoOften) {
  ScriptedServer server(Revision::v2025_11_25);
  server.on("tools/call", [&](const auto&, const auto&) { return sse("id: a\nretry: 0\ndata:\n\n"); });
  server.on("GET", [&](const HttpRequest& request, const auto&) {
    return request.headers.has("Last-Event-ID") ? sse(":\n\n") : HttpResponse{.status = 405};
  });
  auto client = server.client({.limits = {.resumptions = 3}});
  EXPECT_EQ(client->call_tool("t").error().code, "mcp.client.protocol");
  EXPECT_EQ(server.sent("GET").size(), 4u) << "one for the background, three for the call";
}

TEST(ClientOverHttp, ModernStreamsAreNotTakenUp) {
  ScriptedServer server;
  server.on("tools/call", [&](const auto&, const auto&) { return sse("id: a\ndata:\n\n"); });
  auto client = server.client();
  EXPECT_EQ(client->call_tool("t").error().code, "mcp.client.protocol");
  EXPECT_TRUE(server.sent("GET").empty());
}

}  // namespace
}  // namespace mcp
