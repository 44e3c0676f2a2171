// Lists, mirrored arguments and questions, over HTTP.
#include <condition_variable>
#include <gmock/gmock.h>
#include <set>

#include "mcp/test_http_server.h"
#include "mcp/test_peer.h"

namespace mcp {
namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;
using net::HttpRequest;
using net::HttpResponse;
using std::chrono::seconds;
using ::testing::ElementsAre;
using testing::event;
using testing::id_of;
using testing::json;
using testing::json_answer;
using testing::reply;
using testing::ScriptedServer;
using testing::sse;

// ---- Lists

TEST(ClientOverHttp, ReadsListsToTheirEndAndNoFurther) {
  struct Row {
    const char* name;
    std::function<std::string(std::size_t page, std::string_view cursor)> page;  // the result's members
    const char* expected;  // number of entries, or error code
  };
  const Row rows[] = {
      {"three pages",
       [](std::size_t page, std::string_view) {
         return page < 3 ? fmt::format(R"("tools":[{{"name":"a"}},{{"name":"b"}}],"nextCursor":"c{}")", page)
                         : std::string(R"("tools":[{"name":"c"}])");
       },
       "5"},
      {"null ends", [](auto, auto) { return std::string(R"("tools":[],"nextCursor":null)"); }, "0"},
      {"the same cursor", [](auto, auto) { return std::string(R"("tools":[],"nextCursor":"x")"); },
       "mcp.client.protocol"},
      {"two that alternate",
       [](std::size_t page, auto) { return fmt::format(R"("tools":[],"nextCursor":"{}")", page % 2); },
       "mcp.client.protocol"},
      {"no end", [](std::size_t page, auto) { return fmt::format(R"("tools":[],"nextCursor":"{}")", page); },
       "mcp.client.limit"},
      {"too many entries",
       [](std::size_t page, auto) { return fmt::format(R"("tools":[1,1,1,1,1],"nextCursor":"{}")", page); },
       "mcp.client.limit"},
      {"too many bytes",
       [](std::size_t page, auto) {
         return fmt::format(R"("tools":[],"x":"{}","nextCursor":"{}")", std::string(9000, 'x'), page);
       },
       "mcp.client.limit"},
      {"a long cursor",
       [](auto, auto) { return fmt::format(R"("tools":[],"nextCursor":"{}")", std::string(66'000, 'x')); },
       "mcp.client.limit"},
      {"no list", [](auto, auto) { return std::string(R"("tools":{})"); }, "mcp.client.protocol"},
  };
  for (const Row& row : rows) {
    ScriptedServer server;
    std::size_t pages = 0;
    server.on("tools/list", [&](const auto&, const Object& message) {
      const auto cursor = core::json::string_or_empty(message, "params.cursor");
      return json_answer(reply(message, fmt::format(R"("result":{{{}}})", row.page(++pages, cursor))));
    });
    auto client = server.client({.limits = {.list_pages = 20, .list_items = 40, .list_bytes = 80'000}});
    auto tools = client->list_tools();
    EXPECT_EQ(tools ? std::to_string(tools->size()) : tools.error().code, row.expected) << row.name;
    EXPECT_LE(pages, 20u) << row.name;
  }
}

TEST(ClientOverHttp, MirrorsArgumentsAndLearnsThemWhenTheServerComplains) {
  ScriptedServer server;
  server.on("tools/list", [](const auto&, const Object& message) {
    return json_answer(reply(message, R"("result":{"tools":[
      {"name":"good","inputSchema":{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"},
        "n":{"type":"integer","x-mcp-header":"N"},"deep":{"type":"object","properties":{"on":{"type":"boolean","x-mcp-header":"On"}}}}}},
      {"name":"bad","inputSchema":{"type":"object","properties":{"a":{"type":"number","x-mcp-header":"A"}}}}]})"));
  });
  server.on("tools/call", [](const HttpRequest& request, const Object& message) {
    if (!request.headers.has("Mcp-Param-Region")) {
      return json_answer(reply(message, R"("error":{"code":-32020,"message":"Header mismatch"})"), 400);
    }
    EXPECT_EQ(request.headers.get("Mcp-Param-Region"), "=?base64?IGE=?=");
    EXPECT_EQ(request.headers.get("Mcp-Param-N"), "42");
    EXPECT_EQ(request.headers.get("Mcp-Param-On"), "true");
    return json_answer(reply(message, R"("result":{"content":[]})"));
  });
  auto client = server.client();
  auto result = client->call_tool("good", {{"region", " a"}, {"n", 42.0}, {"deep", {{"on", true}}}});
  ASSERT_TRUE(result) << core::describe(result.error());
  EXPECT_EQ(server.sent("tools/list").size(), 1u);
  EXPECT_THAT(client->dropped_tools(), ElementsAre("bad"));
  EXPECT_EQ(client->list_tools()->size(), 1u);
  EXPECT_EQ(client->call_tool("good").error().message, "-32020: Header mismatch")
      << "asked once, not for ever";
}

// ---- Questions

TEST(ClientOverHttp, AnswersRoundsWithExactlyWhatTheyCarry) {
  ScriptedServer server;
  std::vector<Object> calls;
  server.on("tools/call", [&](const auto&, const Object& message) {
    calls.push_back(message);
    switch (calls.size()) {
      case 1:
        return json_answer(reply(
            message, R"("result":{"resultType":"input_required","requestState":"s\u00e41","inputRequests":{
          "q":{"method":"elicitation/create","params":{"message":"m","requestedSchema":{"type":"object","properties":{"age":{"type":"integer","default":30}}}}},
          "r":{"method":"roots/list"}}})"));
      case 2:
        return json_answer(reply(
            message,
            R"("result":{"resultType":"input_required","inputRequests":{"s":{"method":"sampling/createMessage","params":{}}}})"));
      case 3:
        return json_answer(
            reply(message, R"("result":{"resultType":"input_required","requestState":"only"})"));
      default:
        return json_answer(reply(message, R"("result":{"content":[]})"));
    }
  });
  ClientOptions options;
  options.on_elicitation = [](const Object& params) {
    InputResponse response{.action = Answer::accept};
    fill_defaults(params, response);
    return response;
  };
  options.on_roots = []() -> core::Result<Array> { return Array{Object{{"uri", "file:///x"}}}; };
  options.on_sampling = [](const Object&) -> core::Result<Object> { return Object{{"role", "assistant"}}; };
  auto client = server.client(options);
  auto result = client->call_tool("t", {{"a", 1}});
  ASSERT_TRUE(result) << core::describe(result.error());
  ASSERT_EQ(calls.size(), 4u);
  std::set<std::string> ids;
  for (const auto& call : calls) {
    ids.insert(id_of(call));
    EXPECT_EQ(call.at("params").at("arguments"), json(R"({"a":1})"));
  }
  EXPECT_EQ(ids.size(), 4u) << "each round is a request of its own";
  const auto params = [&](std::size_t i) { return calls[i].at("params").as_object(); };
  EXPECT_EQ(params(1).at("requestState"), Value("s\xc3\xa4"
                                                "1"));
  EXPECT_EQ(params(1).at("inputResponses"),
            json(R"({"q":{"action":"accept","content":{"age":30}},"r":{"roots":[{"uri":"file:///x"}]}})"));
  EXPECT_FALSE(params(2).contains("requestState")) << "there was none in that round";
  EXPECT_EQ(params(2).at("inputResponses"), json(R"({"s":{"role":"assistant"}})"));
  EXPECT_EQ(params(3).at("requestState"), Value("only"));
  EXPECT_FALSE(params(3).contains("inputResponses"));
}

TEST(ClientOverHttp, RefusesRoundsThatLeadNowhere) {
  struct Row {
    const char* result;
    const char* code;
  };
  const Row rows[] = {
      {R"({"resultType":"input_required"})", "mcp.client.protocol"},
      {R"({"resultType":"input_required","inputRequests":[]})", "mcp.client.protocol"},
      {R"({"resultType":"input_required","requestState":"again"})", "mcp.client.limit"},
      {R"({"resultType":"input_required","inputRequests":{"a":{"method":"sampling/createMessage","params":{}}}})",
       "mcp.client.question"},
      {R"({"resultType":"input_required","inputRequests":{"a":{"method":"elicitation/create","params":{"mode":"url","url":"https://x"}}}})",
       "mcp.client.question"},
      {R"({"resultType":"input_required","inputRequests":{"a":7}})", "mcp.client.question"},
      {R"({"resultType":"input_required","inputRequests":{"a":{},"b":{},"c":{}}})", "mcp.client.limit"},
  };
  for (const Row& row : rows) {
    ScriptedServer server;
    server.call_says(fmt::format(R"("result":{})", row.result));
    ClientOptions options{.limits = {.rounds = 4, .questions = 2}};
    options.on_elicitation = [](const Object&) { return InputResponse{.action = Answer::decline}; };
    auto client = server.client(std::move(options));
    auto result = client->call_tool("t");
    ASSERT_FALSE(result.has_value()) << row.result;
    EXPECT_EQ(result.error().code, row.code) << row.result << core::describe(result.error());
    EXPECT_LE(server.sent("tools/call").size(), 4u);
  }
}

TEST(ClientOverHttp, AnswersALegacyServersQuestionsAndNoMoreThanItMust) {
  ScriptedServer server(Revision::v2025_11_25);
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Object> answers;
  server.on("answer", [&](const auto&, const Object& message) {
    std::lock_guard lock(mutex);
    answers.push_back(message);
    changed.notify_all();
    return HttpResponse{.status = 202};
  });
  server.on("tools/call", [&](const auto&, const Object& message) {
    return sse(event(R"({"jsonrpc":"2.0","id":"q","method":"elicitation/create","params":{"message":"m"}})") +
               event(R"({"jsonrpc":"2.0","id":7,"method":"ping"})") +
               event(R"({"jsonrpc":"2.0","id":8,"method":"sampling/createMessage","params":{}})") +
               event(reply(message, R"("result":{"content":[]})")));
  });
  auto client = server.client({.on_elicitation = [](const Object&) {
    return InputResponse{.action = Answer::accept, .content = {{"a", 1}}};
  }});
  ASSERT_TRUE(client->call_tool("t"));
  std::unique_lock lock(mutex);
  ASSERT_TRUE(changed.wait_for(lock, seconds{20}, [&] { return answers.size() == 3; }));
  std::map<std::string, Object> by_id;
  for (const auto& answer : answers) by_id[id_of(answer)] = answer;
  EXPECT_EQ(by_id["\"q\""].at("result"), json(R"({"action":"accept","content":{"a":1}})"));
  EXPECT_EQ(by_id["7"].at("result"), Value(Object{}));
  EXPECT_EQ(by_id["8"].at("error").at("code"), Value(-32601));
}

}  // namespace
}  // namespace mcp
