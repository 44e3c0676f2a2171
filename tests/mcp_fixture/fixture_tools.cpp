#include "fixture_tools.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/lane.h"
#include "fixture_parts.h"

namespace fixture {
namespace {

// An empty WAV.
constexpr std::string_view kWav = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

using core::json::Array;
using core::json::Object;
using core::json::Value;
using mcp::Answer;
using mcp::Complete;
using mcp::NeedInput;
using mcp::Outcome;
using mcp::RunsOn;
using mcp::Tool;
using mcp::ToolCall;
using std::chrono::milliseconds;

Outcome blocks(std::vector<mcp::Content> content) {
  return Complete{{.content = std::move(content)}};
}

// False when the call was cancelled meanwhile.
bool pause(const core::Context& context, milliseconds time) {
  core::Parked parked;
  core::Clock& clock = core::system_clock();
  return clock.wait_until(clock.steady() + time, context.stop);
}

// Asks `question` under `key` once, then says what came back.
mcp::ToolHandler asks(std::string key, mcp::FormQuestion question) {
  return [key = std::move(key), question = std::move(question)](const core::Context&,
                                                                const ToolCall& call) -> Result {
    auto answer = call.round.responses.find(key);
    if (answer == call.round.responses.end()) return NeedInput{{{key, question}}, nullptr};
    static constexpr std::string_view kActions[] = {"accept", "decline", "cancel"};
    return text(
        "Elicitation completed: action=" + std::string(kActions[static_cast<int>(answer->second.action)]) +
        ", content=" + core::json::write(answer->second.content));
  };
}

std::vector<Tool> content_tools() {
  auto fixed = [](Outcome outcome) {
    return
        [outcome = std::move(outcome)](const core::Context&, const ToolCall&) -> Result { return outcome; };
  };
  Object image = {{"type", "image"}, {"data", kPng}, {"mimeType", "image/png"}};
  Object resource = {{"type", "resource"},
                     {"resource",
                      {{"uri", "test://embedded-resource"},
                       {"mimeType", "text/plain"},
                       {"text", "This is an embedded resource content."}}}};
  Object mixed = {{"type", "resource"},
                  {"resource",
                   {{"uri", "test://mixed-content-resource"},
                    {"mimeType", "application/json"},
                    {"text", R"({"test":"data","value":123})"}}}};
  Object sound = {{"type", "audio"}, {"data", kWav}, {"mimeType", "audio/wav"}};
  Object link = {{"type", "resource_link"}, {"uri", "test://linked"}, {"name", "linked"}};

  std::vector<Tool> tools;
  tools.push_back(tool(
      "echo", "Says back what it was told.",
      [](const core::Context&, const ToolCall& call) -> Result { return text(argument(call, "message")); },
      RunsOn::reader, string_argument("message")));
  tools.push_back(tool("test_simple_text", "One text block.",
                       fixed(text("This is a simple text response for testing.")), RunsOn::reader));
  tools.push_back(tool("test_image_content", "One image.", fixed(blocks({image}))));
  tools.push_back(tool("test_audio_content", "One sound.", fixed(blocks({sound}))));
  tools.push_back(tool("test_embedded_resource", "One embedded resource.", fixed(blocks({resource}))));
  tools.push_back(tool("test_resource_link", "One resource link.", fixed(blocks({link}))));
  tools.push_back(tool("test_multiple_content_types", "Text, image and resource.",
                       fixed(blocks({mcp::text_content("Multiple content types test:"), image, mixed}))));
  tools.push_back(
      tool("test_error_handling", "Fails on purpose.",
           fixed(Complete{mcp::error_result("This tool intentionally returns an error for testing")})));
  tools.push_back(tool("test_error_value", "Fails with an error value.",
                       [](const core::Context&, const ToolCall&) -> Result {
                         return core::fail(core::ErrorKind::unavailable, "fixture.down",
                                           "The other side did not answer.", "Try again later.");
                       }));
  tools.push_back(tool("test_throw", "Throws.", [](const core::Context&, const ToolCall&) -> Result {
    throw std::runtime_error("thrown on purpose");
  }));

  Tool structured =
      tool("test_structured", "Structured content.", fixed(Complete{{.structured = Object{{"answer", 42}}}}));
  structured.title = "Structured";
  structured.output_schema = {{"type", "object"}, {"properties", {{"answer", {{"type", "integer"}}}}}};
  tools.push_back(std::move(structured));

  tools.push_back(
      tool("json_schema_2020_12_tool", "Its schema must survive.", fixed(text("ok")), RunsOn::local,
           core::json::parse(R"({"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object",
      "$defs":{"address":{"$anchor":"addressDef","type":"object",
        "properties":{"street":{"type":"string"},"city":{"type":"string"}}}},
      "properties":{"name":{"type":"string"},"address":{"$ref":"#/$defs/address"},
        "contactMethod":{"type":"string","enum":["phone","email"]},"phone":{"type":"string"},"email":{"type":"string"}},
      "allOf":[{"anyOf":[{"required":["phone"]},{"required":["email"]}]}],
      "if":{"properties":{"contactMethod":{"const":"phone"}},"required":["contactMethod"]},
      "then":{"required":["phone"]},"else":{"required":["email"]},"additionalProperties":false})")
               ->get_object()));
  return tools;
}

std::vector<Tool> notifying_tools() {
  std::vector<Tool> tools;
  tools.push_back(tool("test_tool_with_logging", "Three log lines, 50 ms apart.",
                       [](const core::Context& context, const ToolCall&) -> Result {
                         for (const char* line : {"Tool execution started", "Tool processing data",
                                                  "Tool execution completed"}) {
                           context.notifier->log(core::LogLevel::info, "fixture", line);
                           pause(context, milliseconds{50});
                         }
                         return text("done");
                       }));
  tools.push_back(
      tool("test_logging_tool", "One log line.", [](const core::Context& context, const ToolCall&) -> Result {
        context.notifier->log(core::LogLevel::info, "fixture", "only when logLevel was requested");
        return text("done");
      }));
  tools.push_back(tool("test_tool_with_progress", "0, 50 and 100 of 100.",
                       [](const core::Context& context, const ToolCall&) -> Result {
                         // Further apart than the server's rate limit, so that each is sent.
                         for (double done : {0.0, 50.0, 100.0}) {
                           context.progress(done, 100.0, "working");
                           pause(context, milliseconds{110});
                         }
                         return text("done");
                       }));
  tools.push_back(tool("test_reconnection", "Lets go of the connection and answers a little later.",
                       [](const core::Context& context, const ToolCall&) -> Result {
                         context.notifier->hang_up();
                         pause(context, milliseconds{100});
                         return text("resumed");
                       }));
  tools.push_back(tool(
      "wait", "Waits until it is cancelled, at most a minute.",
      [](const core::Context& context, const ToolCall&) -> Result {
        bool slept = pause(context, std::chrono::minutes{1});
        return text(slept ? "a minute passed" : "stopped");
      },
      RunsOn::upstream));
  return tools;
}

std::vector<Tool> asking_tools() {
  auto choices = [](std::vector<std::string_view> values, std::vector<std::string_view> titles) {
    Array list;
    for (std::size_t i = 0; i < values.size(); ++i)
      list.push_back(Object{{"const", values[i]}, {"title", titles[i]}});
    return list;
  };
  Array options = {"option1", "option2", "option3"};
  mcp::FormQuestion defaults = form(
      "Please review the defaults.",
      {{"name", {{"type", "string"}, {"default", "John Doe"}}},
       {"age", {{"type", "integer"}, {"default", 30}}},
       {"score", {{"type", "number"}, {"default", 95.5}}},
       {"status", {{"type", "string"}, {"enum", {"active", "inactive", "pending"}}, {"default", "active"}}},
       {"verified", {{"type", "boolean"}, {"default", true}}}},
      {});
  mcp::FormQuestion enums = form(
      "Please choose.",
      {{"untitledSingle", {{"type", "string"}, {"enum", options}}},
       {"titledSingle",
        {{"type", "string"},
         {"oneOf",
          choices({"value1", "value2", "value3"}, {"First Option", "Second Option", "Third Option"})}}},
       {"legacyEnum",
        {{"type", "string"},
         {"enum", {"opt1", "opt2", "opt3"}},
         {"enumNames", {"Option One", "Option Two", "Option Three"}}}},
       {"untitledMulti", {{"type", "array"}, {"items", {{"type", "string"}, {"enum", options}}}}},
       {"titledMulti",
        {{"type", "array"},
         {"items",
          {{"anyOf",
            choices({"value1", "value2", "value3"}, {"First Choice", "Second Choice", "Third Choice"})}}}}}},
      {});

  std::vector<Tool> tools;
  tools.push_back(tool(
      "test_elicitation", "Asks for a name and an address.",
      [](const core::Context& context, const ToolCall& call) -> Result {
        return asks("answer", form(argument(call, "message"),
                                   {{"username", string_schema()}, {"email", string_schema()}},
                                   {"username", "email"}))(context, call);
      },
      RunsOn::local, string_argument("message")));
  tools.push_back(tool("test_elicitation_sep1034_defaults", "Asks with defaults.", asks("answer", defaults)));
  tools.push_back(tool("test_elicitation_sep1330_enums", "Asks with choices.", asks("answer", enums)));
  tools.push_back(tool("test_streaming_elicitation", "Asks one question.",
                       asks("q", form("q?", {{"name", string_schema()}}, {"name"}))));

  mcp::FormQuestion name = form("What is your name?", {{"name", string_schema()}}, {"name"});
  tools.push_back(tool("test_input_required_result_elicitation", "Asks for a name and greets.",
                       [name](const core::Context&, const ToolCall& call) -> Result {
                         auto answer = call.round.responses.find("user_name");
                         if (answer == call.round.responses.end())
                           return NeedInput{{{"user_name", name}}, nullptr};
                         if (answer->second.action != Answer::accept) return text("Nobody to greet.");
                         return text("Hello, " + std::string(answer->second.content.at("name").get_string()) +
                                     "!");
                       }));
  auto confirm = [](const core::Context&, const ToolCall& call) -> Result {
    auto answer = call.round.responses.find("confirm");
    if (answer == call.round.responses.end()) {
      return NeedInput{{{"confirm", form("Please confirm", {{"ok", {{"type", "boolean"}}}}, {"ok"})}},
                       Object{{"step", "asked"}}};
    }
    bool said_yes =
        answer->second.action == Answer::accept && call.round.state == Value(Object{{"step", "asked"}});
    return text(said_yes ? "state-ok" : "not confirmed");
  };
  tools.push_back(tool("test_input_required_result_request_state", "Needs its state back.", confirm));
  tools.push_back(
      tool("test_input_required_result_tampered_state", "Needs its state back unaltered.", confirm));
  tools.push_back(tool("test_input_required_result_multi_round", "Asks twice.",
                       [name](const core::Context&, const ToolCall& call) -> Result {
                         if (call.round.responses.empty()) return NeedInput{{{"step1", name}}, nullptr};
                         auto answer = call.round.responses.begin();
                         if (answer->second.action != Answer::accept) return text("Never mind.");
                         if (answer->first == "step1") {
                           mcp::FormQuestion color = form("Step 2: What is your favorite color?",
                                                          {{"color", string_schema()}}, {"color"});
                           return NeedInput{{{"step2", color}}, answer->second.content};
                         }
                         return text(std::string(call.round.state.at("name").get_string()) + " likes " +
                                     std::string(answer->second.content.at("color").get_string()));
                       }));
  tools.push_back(tool("confirm_or_plan", "Asks where it can, otherwise says what it would do.",
                       [confirm](const core::Context& context, const ToolCall& call) -> Result {
                         if (!call.round.can.form) return text("plan-1: nothing was done");
                         return confirm(context, call);
                       }));
  return tools;
}

}  // namespace

core::Status add_tools(mcp::Server& server) {
  for (auto make : {content_tools, notifying_tools, asking_tools}) {
    for (Tool& row : make()) RETURN_IF_ERROR(server.add_tool(std::move(row)));
  }

  auto extra_shown = std::make_shared<std::atomic<bool>>(false);
  RETURN_IF_ERROR(
      server.add_tool(tool("test_trigger_tool_change", "Shows or hides the tool extra.",
                           [&server, extra_shown](const core::Context&, const ToolCall&) -> Result {
                             *extra_shown = !*extra_shown;
                             server.tools_changed();
                             return text("ok");
                           })));
  RETURN_IF_ERROR(
      server.add_tool(tool("extra", "Comes and goes.",
                           [](const core::Context&, const ToolCall&) -> Result { return text("extra"); })));
  server.set_visible([extra_shown](const Tool& row) { return row.name != "extra" || *extra_shown; });
  return {};
}

core::Status add_everything(mcp::Server& server, core::Jobs& jobs) {
  for (auto add : {add_tools, add_asking_tools, add_resources, add_prompts}) RETURN_IF_ERROR(add(server));
  return add_task_tools(server, jobs);
}

}  // namespace fixture
