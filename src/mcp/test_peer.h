// For this room's tests: a server and a peer that speaks to it in memory.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/json.h"
#include "mcp/memory_outlet.h"
#include "mcp/server.h"

namespace mcp::testing {

using core::json::Array;
using core::json::Object;
using core::json::Value;

inline Value json(std::string_view text) {
  auto value = core::json::parse(text);
  EXPECT_TRUE(value.has_value()) << text;
  return value ? *std::move(value) : Value();
}

inline Tool simple_tool(std::string name, ToolHandler handler, RunsOn runs_on = RunsOn::reader) {
  return {.name = std::move(name),
          .description = "A tool for tests.",
          .input_schema = {{"type", "object"}},
          .runs_on = runs_on,
          .handler = std::move(handler)};
}

inline ToolHandler says(std::string text) {
  return [text](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
    return Complete{text_result(text)};
  };
}

// Asks for a name; then says what came back.
inline core::Result<Outcome> ask_name(const core::Context&, const ToolCall& call) {
  auto answer = call.round.responses.find("name");
  if (answer != call.round.responses.end()) {
    static constexpr std::string_view kActions[] = {"accept", "decline", "cancel"};
    return Complete{text_result(std::string(kActions[static_cast<int>(answer->second.action)]) + " " +
                                core::json::write(answer->second.content) + " " +
                                core::json::write(call.round.state))};
  }
  if (!call.round.can.form) return Complete{text_result("cannot ask")};
  Object schema = {{"type", "object"},
                   {"properties", {{"name", {{"type", "string"}, {"maxLength", 20}}}}},
                   {"required", {"name"}}};
  return NeedInput{{{"name", FormQuestion{"Who is it?", std::move(schema)}}}, "kept"};
}

inline ResourceReader fixed_reader(std::string text) {
  return [text](const core::Context&, const ResourceRead&) -> core::Result<ReadOutcome> {
    return std::vector<ResourceContents>{text_contents(text)};
  };
}

inline Resource simple_resource(std::string uri, ResourceReader read) {
  return {.uri = std::move(uri),
          .name = "a resource",
          .mime_type = "text/plain",
          .runs_on = RunsOn::reader,
          .read = std::move(read)};
}

inline ResourceTemplate simple_template(std::string uri_template, ResourceReader read) {
  return {.uri_template = std::move(uri_template),
          .name = "a template",
          .mime_type = "text/plain",
          .runs_on = RunsOn::reader,
          .read = std::move(read),
          .completes_on = RunsOn::reader};
}

// Says its arguments, one message each.
inline Prompt simple_prompt(std::string name) {
  return {.name = std::move(name),
          .description = "A prompt for tests.",
          .runs_on = RunsOn::reader,
          .get = [](const core::Context&, const PromptGet& get) -> core::Result<PromptOutcome> {
            PromptResult result;
            for (const auto& [key, value] : get.arguments) {
              result.messages.push_back({Role::user, text_content(key + "=" + value)});
            }
            return result;
          },
          .completes_on = RunsOn::reader};
}

class Peer {
 public:
  explicit Peer(ServerOptions options = {}) {
    options.info = {.name = "under-test", .version = "1"};
    options.clock = &clock;
    server = *Server::create(std::move(options));
  }
  ~Peer() {
    if (session) session->close();
    server->settle(std::chrono::seconds{20});
  }

  void add(Tool tool) {
    auto status = server->add_tool(std::move(tool));
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }

  void connect() {
    outlet = std::make_shared<MemoryOutlet>();
    session = server->connect(outlet);
  }

  void raw(std::string_view text) { session->receive(text); }
  void send(const Value& message) { session->receive(core::json::write(message)); }

  void request(const Value& id, std::string_view method, Object params = {}) {
    send(Object{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}, {"params", std::move(params)}});
  }
  void notify(std::string_view method, Object params = {}) {
    send(Object{{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
  }
  // The answer to a request sent now.
  Value ask(const Value& id, std::string_view method, Object params = {}) {
    request(id, method, std::move(params));
    return outlet->take_answer(id);
  }

  // Connects and shakes hands.
  Value initialize(std::string_view version, Object capabilities = {}) {
    if (!session) connect();
    Value answer = ask("init", "initialize",
                       {{"protocolVersion", version},
                        {"capabilities", std::move(capabilities)},
                        {"clientInfo", {{"name", "peer"}, {"version", "2"}}}});
    notify("notifications/initialized");
    return answer;
  }

  static Object modern(Object params = {}, Object capabilities = {}) {
    params["_meta"] = Object{{"io.modelcontextprotocol/protocolVersion", "2026-07-28"},
                             {"io.modelcontextprotocol/clientCapabilities", std::move(capabilities)}};
    return params;
  }
  static Object modern_form(Object params = {}) {
    return modern(std::move(params), {{"elicitation", Object{}}});
  }
  static Object call(std::string_view tool, Object arguments = {}) {
    return {{"name", tool}, {"arguments", std::move(arguments)}};
  }

  core::FakeClock clock;
  std::unique_ptr<Server> server;
  std::shared_ptr<MemoryOutlet> outlet;
  std::shared_ptr<Session> session;
};

// Of a result or error answer.
inline std::string text_of(const Value& answer) {
  const Value* content = core::json::find(answer, "result.content");
  if (!content || !content->is_array() || content->get_array().empty())
    return "no text: " + core::json::write(answer);
  return std::string(core::json::string_or_empty(content->get_array()[0], "text"));
}
inline int error_code(const Value& answer) {
  const Value* code = core::json::find(answer, "error.code");
  return code && code->is_int64() ? static_cast<int>(code->get_int64()) : 0;
}

}  // namespace mcp::testing
