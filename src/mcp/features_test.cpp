// Resources, prompts and completion as a client meets them, in both eras.
#include <atomic>
#include <gtest/gtest.h>
#include <thread>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::Array;
using testing::error_code;
using testing::fixed_reader;
using testing::json;
using testing::Object;
using testing::Peer;
using testing::says;
using testing::simple_prompt;
using testing::simple_resource;
using testing::simple_template;
using testing::simple_tool;
using testing::Value;

class Features : public ::testing::Test, public Peer {
 protected:
  Features() : Peer({.page_size = 2}) {}

  void offer(Resource resource) {
    auto status = server->add_resource(std::move(resource));
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  void offer(ResourceTemplate resource_template) {
    auto status = server->add_resource_template(std::move(resource_template));
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  void offer(Prompt prompt) {
    auto status = server->add_prompt(std::move(prompt));
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  // In the modern way, on a connection of its own.
  Value now(std::string_view method, Object params = {}, Object capabilities = {}) {
    if (!session) connect();
    return ask(++serial_, method, modern(std::move(params), std::move(capabilities)));
  }
  Value complete(Object ref, std::string_view argument, std::string_view value, Object more = {}) {
    more["ref"] = std::move(ref);
    more["argument"] = Object{{"name", argument}, {"value", value}};
    return now("completion/complete", std::move(more));
  }

 private:
  int serial_ = 0;
};

constexpr std::string_view kFeatureMethods[] = {
    "tools/list",     "tools/call",   "resources/list", "resources/templates/list",
    "resources/read", "prompts/list", "prompts/get",    "completion/complete"};

TEST_F(Features, WhatIsNotOfferedIsNeitherDeclaredNorFound) {
  Value legacy = initialize("2025-11-25");
  EXPECT_EQ(*core::json::find(legacy, "result.capabilities"), json(R"({"logging":{}})"));
  for (std::string_view method : kFeatureMethods) {
    EXPECT_EQ(error_code(ask(1, method, {{"uri", "a:b"}, {"name", "x"}})), -32601) << method;
    EXPECT_EQ(error_code(now(method, {{"uri", "a:b"}, {"name", "x"}})), -32601) << method;
  }
  EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", "a:b"}})), -32601);
  EXPECT_EQ(error_code(ask(1, "resources/unsubscribe", {{"uri", "a:b"}})), -32601);
  Value discovered = now("server/discover");
  EXPECT_EQ(*core::json::find(discovered, "result.capabilities"), json(R"({"logging":{}})"));
}

TEST_F(Features, DeclaresWhatIsOffered) {
  offer(simple_template("test://{id}", fixed_reader("x")));
  Prompt prompt = simple_prompt("p");
  prompt.arguments = {{.name = "a"}};
  prompt.complete = [](const core::Context&, const CompletionRequest&) { return CompletionResult{}; };
  offer(std::move(prompt));
  Resource app = simple_resource("ui://app", fixed_reader("<html>"));
  app.mime_type = "text/html;profile=mcp-app";
  offer(std::move(app));
  struct Row {
    std::string_view revision;
    std::string_view capabilities;
  };
  for (
      const auto& [revision, capabilities] : {
          Row{"2024-11-05",
              R"({"logging":{},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true}})"},
          Row{"2025-11-25",
              R"({"completions":{},"logging":{},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true}})"},
      }) {
    session = nullptr;
    Value answer = initialize(revision);
    EXPECT_EQ(*core::json::find(answer, "result.capabilities"), json(capabilities)) << revision;
  }
  Value discovered = now("server/discover");
  EXPECT_EQ(
      *core::json::find(discovered, "result.capabilities"),
      json(
          R"({"completions":{},"extensions":{"io.modelcontextprotocol/ui":{}},"logging":{},"prompts":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true}})"));
}

TEST_F(Features, LegacyMethodsAreGone) {
  offer(simple_resource("test://r", fixed_reader("x")));
  for (std::string_view method :
       {"resources/subscribe", "resources/unsubscribe", "logging/setLevel", "ping"}) {
    EXPECT_EQ(error_code(now(method, {{"uri", "test://r"}})), -32601) << method;
  }
}

TEST_F(Features, ReadsAResource) {
  Resource resource = simple_resource("test://r", fixed_reader("hello"));
  resource.cache = {.ttl = std::chrono::seconds{3}, .shared = true};
  offer(std::move(resource));
  offer(simple_resource("test://two",
                        [](const core::Context&, const ResourceRead& read) -> core::Result<ReadOutcome> {
                          auto bytes = binary_contents(std::string("\x00\xff", 2), "image/png");
                          bytes.uri = "test://two/b";
                          bytes.meta = {{"k", "v"}};
                          return std::vector<ResourceContents>{text_contents(std::string(read.uri)), bytes};
                        }));
  Value modern = now("resources/read", {{"uri", "test://r"}});
  EXPECT_EQ(*core::json::find(modern, "result.contents"),
            json(R"([{"uri":"test://r","mimeType":"text/plain","text":"hello"}])"));
  EXPECT_EQ(*core::json::find(modern, "result.ttlMs"), 3000);
  EXPECT_EQ(*core::json::find(modern, "result.cacheScope"), "public");
  EXPECT_EQ(*core::json::find(modern, "result.resultType"), "complete");
  Value two = now("resources/read", {{"uri", "test://two"}});
  EXPECT_EQ(
      *core::json::find(two, "result.contents"),
      json(
          R"([{"uri":"test://two","mimeType":"text/plain","text":"test://two"},{"uri":"test://two/b","mimeType":"image/png","blob":"AP8=","_meta":{"k":"v"}}])"));
  EXPECT_EQ(*core::json::find(two, "result.cacheScope"), "private");

  session = nullptr;
  initialize("2025-03-26");
  Value legacy = ask(1, "resources/read", {{"uri", "test://two"}});
  EXPECT_EQ(
      legacy.at("result"),
      json(
          R"({"contents":[{"uri":"test://two","mimeType":"text/plain","text":"test://two"},{"uri":"test://two/b","mimeType":"image/png","blob":"AP8="}]})"));
}

TEST_F(Features, ReadsByTemplate) {
  offer(simple_template("test://{id}/data{?q}",
                        [](const core::Context&, const ResourceRead& read) -> core::Result<ReadOutcome> {
                          std::string text;
                          for (const auto& [name, value] : read.variables) text += name + "=" + value + ";";
                          return std::vector<ResourceContents>{text_contents(text)};
                        }));
  Value answer = now("resources/read", {{"uri", "test://a%20b/data?q=1"}});
  EXPECT_EQ(core::json::string_or_empty(answer.at("result").at("contents").at(0), "text"), "id=a b;q=1;");
  EXPECT_EQ(core::json::string_or_empty(answer.at("result").at("contents").at(0), "uri"),
            "test://a%20b/data?q=1");
}

TEST_F(Features, SaysWhichResourceIsMissing) {
  offer(simple_resource("test://r", fixed_reader("x")));
  offer(simple_resource("test://empty",
                        [](const core::Context&, const ResourceRead&) -> core::Result<ReadOutcome> {
                          return std::vector<ResourceContents>{};
                        }));
  offer(simple_template("test://t/{id}",
                        [](const core::Context&, const ResourceRead&) -> core::Result<ReadOutcome> {
                          return core::fail(core::ErrorKind::not_found, "x", "nobody by that name");
                        }));
  initialize("2025-11-25");
  for (std::string_view uri : {"test://none", "test://empty", "test://t/1", "no uri at all", ""}) {
    Value modern = now("resources/read", {{"uri", uri}});
    EXPECT_EQ(error_code(modern), -32602) << uri;
    EXPECT_EQ(*core::json::find(modern, "error.data"), Value(Object{{"uri", uri}})) << uri;
    EXPECT_FALSE(modern.as_object().contains("result"));
    Value legacy = ask(1, "resources/read", {{"uri", uri}});
    EXPECT_EQ(error_code(legacy), -32002) << uri;
    EXPECT_EQ(*core::json::find(legacy, "error.data"), Value(Object{{"uri", uri}})) << uri;
  }
  for (const Value& uri : {Value(), Value(1), Value(Array{})}) {
    EXPECT_EQ(error_code(now("resources/read", {{"uri", uri}})), -32602);
  }
  EXPECT_EQ(error_code(now("resources/read")), -32602);
}

TEST_F(Features, TellsTheClientsFaultFromOurs) {
  auto failing = [](core::ErrorKind kind) {
    return [kind](const core::Context&, const auto&) -> core::Result<ReadOutcome> {
      return core::fail(kind, "x", "That failed.", "Do this.");
    };
  };
  offer(simple_resource("test://bad", failing(core::ErrorKind::invalid_input)));
  offer(simple_resource("test://down", failing(core::ErrorKind::unavailable)));
  offer(simple_resource("test://throws",
                        [](const core::Context&, const ResourceRead&) -> core::Result<ReadOutcome> {
                          throw std::runtime_error("a secret");
                        }));
  Value bad = now("resources/read", {{"uri", "test://bad"}});
  EXPECT_EQ(error_code(bad), -32602);
  EXPECT_NE(core::json::string_or_empty(bad, "error.message").find("Do this."), std::string::npos);
  EXPECT_EQ(error_code(now("resources/read", {{"uri", "test://down"}})), -32603);
  Value thrown = now("resources/read", {{"uri", "test://throws"}});
  EXPECT_EQ(error_code(thrown), -32603);
  EXPECT_EQ(core::json::write(thrown).find("secret"), std::string::npos);
}

TEST_F(Features, AReadRunsOnItsLaneAndCanBeCancelled) {
  std::atomic<bool> started = false;
  std::atomic<bool> stopped = false;
  Resource slow = simple_resource("test://slow", [&](const core::Context& context, const ResourceRead&) {
    started = true;
    started.notify_all();
    while (!context.cancelled()) std::this_thread::yield();
    stopped = true;
    stopped.notify_all();
    return core::Result<ReadOutcome>(std::vector<ResourceContents>{text_contents("late")});
  });
  slow.runs_on = RunsOn::upstream;
  offer(std::move(slow));
  connect();
  request(7, "resources/read", modern({{"uri", "test://slow"}}));
  started.wait(false);
  notify("notifications/cancelled", {{"requestId", 7}});
  stopped.wait(false);
  EXPECT_TRUE(server->settle(std::chrono::seconds{20}));
  for (const auto& message : outlet->take_all())
    EXPECT_EQ(message.find("\"id\":7"), std::string::npos) << message;
}

// Asks for a name in the middle of it.
template <class Outcome, class Done>
core::Result<Outcome> ask_who(const Round& round, Done done) {
  auto answer = round.responses.find("who");
  if (answer != round.responses.end()) {
    return done(core::json::write(answer->second.content) + " " + core::json::write(round.state));
  }
  return NeedInput{
      {{"who",
        FormQuestion{"Who?",
                     json(R"({"type":"object","properties":{"name":{"type":"string"}}})").get_object()}}},
      "kept"};
}

TEST_F(Features, AReadAndAPromptMayAsk) {
  offer(simple_resource("test://ask", [](const core::Context&, const ResourceRead& read) {
    return ask_who<ReadOutcome>(read.round, [](std::string text) -> core::Result<ReadOutcome> {
      return std::vector<ResourceContents>{text_contents(std::move(text))};
    });
  }));
  Prompt asking = simple_prompt("ask");
  asking.arguments = {{.name = "a"}};
  asking.get = [](const core::Context&, const PromptGet& get) {
    return ask_who<PromptOutcome>(get.round, [](std::string text) -> core::Result<PromptOutcome> {
      return PromptResult{.messages = {{Role::assistant, text_content(std::move(text))}}};
    });
  };
  offer(std::move(asking));
  const Object form = {{"elicitation", Object{}}};
  const Value answers = json(R"({"who":{"action":"accept","content":{"name":"Ada"}}})");
  struct Row {
    std::string_view method;
    Object params;
    Object other;  // another request of the same method
    std::string_view path;
  };
  for (const auto& [method, params, other, path] : {
           Row{"resources/read", {{"uri", "test://ask"}}, {{"uri", "test://none"}}, "result.contents"},
           Row{"prompts/get",
               {{"name", "ask"}, {"arguments", {{"a", "1"}}}},
               {{"name", "ask"}},
               "result.messages"},
       }) {
    Value first = now(method, params, form);
    ASSERT_EQ(core::json::string_or_empty(first, "result.resultType"), "input_required")
        << core::json::write(first);
    EXPECT_EQ(core::json::string_or_empty(first, "result.inputRequests.who.method"), "elicitation/create");
    EXPECT_FALSE(core::json::find(first, "result.ttlMs")) << "no caching hints on a question";
    Object again = params;
    again["requestState"] = *core::json::find(first, "result.requestState");
    again["inputResponses"] = answers;
    Object foreign = again;
    for (const auto& [key, value] : other) foreign[key] = value;
    if (method == "prompts/get") foreign.erase("arguments");
    EXPECT_EQ(error_code(now(method, foreign, form)), -32602) << "bound to its request";
    Value second = now(method, again, form);
    EXPECT_NE(core::json::write(second).find(R"({\"name\":\"Ada\"} \"kept\")"), std::string::npos)
        << core::json::write(second);
    EXPECT_TRUE(core::json::find(second, path));
    EXPECT_EQ(error_code(now(method, again, form)), -32602) << "once only";
    EXPECT_EQ(error_code(now(method, params)), -32021) << "only where it was declared";
  }
  session = nullptr;
  initialize("2025-11-25", form);
  for (std::string_view method : {"resources/read", "prompts/get"}) {
    request(Value(method), method,
            method == "prompts/get" ? Object{{"name", "ask"}} : Object{{"uri", "test://ask"}});
    Value question = outlet->take_method("elicitation/create");
    send(Object{{"jsonrpc", "2.0"},
                {"id", question.at("id")},
                {"result", {{"action", "accept"}, {"content", {{"name", "Ada"}}}}}});
    Value answer = outlet->take_answer(Value(method));
    EXPECT_NE(core::json::write(answer).find("Ada"), std::string::npos) << core::json::write(answer);
  }
}

TEST_F(Features, WritesAPrompt) {
  Prompt prompt = simple_prompt("p");
  prompt.arguments = {{.name = "a", .required = true}, {.name = "b"}};
  offer(std::move(prompt));
  Value got = now("prompts/get", {{"name", "p"}, {"arguments", {{"a", "1"}, {"b", ""}}}});
  EXPECT_EQ(*core::json::find(got, "result.messages"),
            json(R"([{"role":"user","content":{"type":"text","text":"a=1"}}])"));
  EXPECT_FALSE(core::json::find(got, "result.ttlMs"));
  struct Row {
    std::string_view params;
    std::string_view says;
  };
  for (const auto& [params, message] : {
           Row{R"({"name":"q"})", "Unknown prompt: q"},
           Row{R"({})", "params.name"},
           Row{R"({"name":1})", "params.name"},
           Row{R"({"name":"p"})", "needs the argument"},
           Row{R"({"name":"p","arguments":[]})", "params.arguments"},
           Row{R"({"name":"p","arguments":{"a":"1","c":"2"}})", "no argument"},
           Row{R"({"name":"p","arguments":{"a":"1"},"_meta":{}})", ""},
       }) {
    Object given = json(params).get_object();
    given.erase("_meta");
    Value answer = now("prompts/get", given);
    EXPECT_EQ(error_code(answer), message.empty() ? 0 : -32602) << params;
    EXPECT_NE(core::json::string_or_empty(answer, "error.message").find(message), std::string::npos)
        << params;
  }
}

TEST_F(Features, PagesEveryList) {
  for (int i = 0; i < 5; ++i) {
    std::string n = std::to_string(i);
    offer(simple_resource("test://r" + n, fixed_reader(n)));
    offer(simple_template("test://t" + n + "/{id}", fixed_reader(n)));
    offer(simple_prompt("p" + n));
    add(simple_tool("t" + n, says(n)));
  }
  struct Row {
    std::string_view method;
    std::string_view member;
    std::size_t pages;
  };
  for (const auto& [method, member, pages] : {
           Row{"resources/list", "resources", 3},
           Row{"resources/templates/list", "resourceTemplates", 3},
           Row{"prompts/list", "prompts", 3},
           Row{"tools/list", "tools", 1},
       }) {
    std::size_t entries = 0;
    std::size_t seen = 0;
    Object params;
    for (bool more = true; more && seen < 10;) {
      Value page = now(method, params);
      ASSERT_EQ(error_code(page), 0) << core::json::write(page);
      ++seen;
      entries += page.at("result").at(member).get_array().size();
      EXPECT_EQ(core::json::string_or_empty(page, "result.cacheScope"), "private");
      const Value* next = core::json::find(page, "result.nextCursor");
      more = next != nullptr;
      if (more) params["cursor"] = *next;
    }
    EXPECT_EQ(seen, pages) << method;
    EXPECT_EQ(entries, 5u) << method;
    EXPECT_EQ(error_code(now(method, {{"cursor", ""}})), 0) << method;
    EXPECT_EQ(error_code(now(method, {{"cursor", nullptr}})), 0) << method;
    for (const Value& bad : {Value("x"), Value(1), Value(Object{})}) {
      EXPECT_EQ(error_code(now(method, {{"cursor", bad}})), -32602) << method;
    }
  }
}

TEST_F(Features, Completes) {
  Prompt prompt = simple_prompt("p");
  prompt.arguments = {{.name = "a"}, {.name = "b"}};
  prompt.complete = [](const core::Context&,
                       const CompletionRequest& request) -> core::Result<CompletionResult> {
    if (request.value == "bad") return core::fail(core::ErrorKind::invalid_input, "x", "Not like that.");
    if (request.value == "down") return core::fail(core::ErrorKind::unavailable, "x", "Not now.");
    std::string known;
    for (const auto& [name, value] : request.arguments) known += name + "=" + value;
    return CompletionResult{.values = {std::string(request.ref), std::string(request.argument), known},
                            .total = 9};
  };
  offer(std::move(prompt));
  offer(simple_prompt("silent"));
  ResourceTemplate many = simple_template("test://{id}", fixed_reader("x"));
  many.complete = [](const core::Context&, const CompletionRequest&) {
    CompletionResult result;
    for (int i = 0; i < 150; ++i) result.values.push_back(std::to_string(i));
    return result;
  };
  offer(std::move(many));
  const Object ref = {{"type", "ref/prompt"}, {"name", "p"}};
  const Object by_uri = {{"type", "ref/resource"}, {"uri", "test://{id}"}};

  Value answer = complete(ref, "a", "x", {{"context", {{"arguments", {{"b", "2"}}}}}});
  EXPECT_EQ(*core::json::find(answer, "result.completion"),
            json(R"({"values":["p","a","b=2"],"total":9,"hasMore":false})"));
  EXPECT_EQ(core::json::string_or_empty(answer, "result.resultType"), "complete");
  Value cut = complete(by_uri, "id", "");
  EXPECT_EQ(cut.at("result").at("completion").at("values").get_array().size(), 100u);
  EXPECT_EQ(*core::json::find(cut, "result.completion.hasMore"), true);
  EXPECT_EQ(*core::json::find(cut, "result.completion.total"), 150);

  EXPECT_EQ(error_code(complete(ref, "a", "bad")), -32602);
  EXPECT_EQ(error_code(complete(ref, "a", "down")), -32603);
  EXPECT_EQ(error_code(complete(ref, "c", "")), -32602);
  EXPECT_EQ(error_code(complete(by_uri, "a", "")), -32602);
  EXPECT_EQ(error_code(complete({{"type", "ref/prompt"}, {"name", "q"}}, "a", "")), -32602);
  EXPECT_EQ(error_code(complete({{"type", "ref/resource"}, {"uri", "test://1"}}, "id", "")), -32602);
  EXPECT_EQ(error_code(complete({{"type", "ref/tool"}, {"name", "p"}}, "a", "")), -32602);
  EXPECT_EQ(error_code(complete({}, "a", "")), -32602);
  EXPECT_EQ(error_code(complete(ref, "a", std::string(1025, 'x'))), -32602);
  EXPECT_EQ(error_code(complete(ref, "a", "", {{"context", {{"arguments", {{"b", 2}}}}}})), -32602);
  EXPECT_EQ(error_code(complete(ref, "a", "", {{"context", 1}})), -32602);
  EXPECT_EQ(error_code(now("completion/complete", {{"ref", ref}})), -32602);
  EXPECT_EQ(error_code(complete(ref, "a", "", {{"arguments", "no object"}})), 0)
      << "unknown members are ignored";

  session = nullptr;
  initialize("2025-03-26");
  Value old = ask(1, "completion/complete",
                  {{"ref", ref},
                   {"argument", {{"name", "a"}, {"value", "x"}}},
                   {"context", {{"arguments", {{"b", "2"}}}}}});
  EXPECT_EQ(old.at("result"), json(R"({"completion":{"values":["p","a",""],"total":9,"hasMore":false}})"))
      << "this revision has no context";
}

TEST_F(Features, APromptWithoutCompleterSuggestsNothing) {
  Prompt silent = simple_prompt("silent");
  silent.arguments = {{.name = "a"}};
  offer(std::move(silent));
  const Object ref = {{"type", "ref/prompt"}, {"name", "silent"}};
  EXPECT_EQ(error_code(complete(ref, "a", "")), -32601) << "no completer at all";
  Prompt other = simple_prompt("other");
  other.complete = [](const core::Context&, const CompletionRequest&) { return CompletionResult{}; };
  offer(std::move(other));
  EXPECT_EQ(*core::json::find(complete(ref, "a", ""), "result.completion"),
            json(R"({"values":[],"hasMore":false})"));
}

TEST_F(Features, TellsOfTheFirstModernRequestThatIsNoProbe) {
  int calls = 0;
  server->on_first_modern_call([&] { ++calls; });
  offer(simple_prompt("p"));
  now("server/discover");
  EXPECT_EQ(calls, 0);
  now("prompts/list");
  now("prompts/get", {{"name", "p"}});
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace mcp
