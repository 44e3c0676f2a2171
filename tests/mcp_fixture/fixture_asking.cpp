#include <string>
#include <utility>

#include "fixture_parts.h"
#include "fixture_tools.h"

namespace fixture {
namespace {

using core::json::Object;
using core::json::Value;
using mcp::InputResponse;
using mcp::NeedInput;
using mcp::Question;
using mcp::ToolCall;

mcp::SamplingQuestion sample(std::string prompt, int max_tokens) {
  Object message = {{"role", "user"}, {"content", {{"type", "text"}, {"text", std::move(prompt)}}}};
  core::json::Array messages;
  messages.emplace_back(std::move(message));
  return {{{"messages", std::move(messages)}, {"maxTokens", max_tokens}}};
}

mcp::FormQuestion ask_name() {
  return form("What is your name?", {{"name", string_schema()}}, {"name"});
}

const InputResponse* answer_to(const ToolCall& call, std::string_view key) {
  auto found = call.round.responses.find(std::string(key));
  return found == call.round.responses.end() ? nullptr : &found->second;
}

// Asks once, then says what came back.
mcp::ToolHandler asks(std::string key, Question question, std::string before) {
  return [key = std::move(key), question = std::move(question), before = std::move(before)](
             const core::Context&, const ToolCall& call) -> Result {
    const InputResponse* answer = answer_to(call, key);
    if (!answer) return NeedInput{{{key, question}}, nullptr};
    if (answer->action != mcp::Answer::accept) return text(before + "nothing");
    const Value* said = core::json::find(answer->content, "content.text");
    return text(before + (said && said->is_string() ? std::string(said->get_string())
                                                    : core::json::write(answer->content)));
  };
}

Result ask_three(const core::Context&, const ToolCall& call) {
  const InputResponse* name = answer_to(call, "user_name");
  const InputResponse* greeting = answer_to(call, "greeting");
  const InputResponse* roots = answer_to(call, "client_roots");
  if (!name || !greeting || !roots) {
    return NeedInput{{{"user_name", ask_name()},
                      {"greeting", sample("Generate a greeting", 50)},
                      {"client_roots", mcp::RootsQuestion{}}},
                     Object{{"asked", 3}}};
  }
  return text(core::json::write(Object{
      {"user_name", name->content}, {"greeting", greeting->content}, {"client_roots", roots->content}}));
}

// Only what the client declared.
Result ask_what_it_can(const core::Context&, const ToolCall& call) {
  NeedInput need;
  if (call.round.can.form) need.questions.emplace("form", ask_name());
  if (call.round.can.sampling) need.questions.emplace("sample", sample("Say hello.", 5));
  if (call.round.can.roots) need.questions.emplace("roots", mcp::RootsQuestion{});
  if (need.questions.empty()) return text("The client can answer nothing.");
  if (call.round.responses.empty()) return need;
  return text(std::to_string(call.round.responses.size()) + " answers");
}

}  // namespace

core::Status add_asking_tools(mcp::Server& server) {
  constexpr auto kLocal = mcp::RunsOn::local;
  mcp::Tool tools[] = {
      tool(
          "test_sampling", "Lets the client's model answer a prompt.",
          [](const core::Context& context, const ToolCall& call) -> Result {
            return asks("sample", sample(argument(call, "prompt"), 100), "LLM response: ")(context, call);
          },
          kLocal, string_argument("prompt")),
      tool("test_missing_capability", "Needs a client that lends its model.",
           asks("sample", sample("Say hello.", 1), "")),
      tool("test_input_required_result_sampling", "Asks the client's model for a capital.",
           asks("capital_question", sample("What is the capital of France?", 100), "")),
      tool("test_input_required_result_list_roots", "Asks for the client's roots.",
           asks("client_roots", mcp::RootsQuestion{}, "")),
      tool("test_input_required_result_multiple_inputs", "Asks for three things at once.", ask_three),
      tool("test_input_required_result_capabilities", "Asks for what the client can answer.",
           ask_what_it_can),
  };
  for (mcp::Tool& each : tools) RETURN_IF_ERROR(server.add_tool(std::move(each)));
  return server.add_tool(tool(
      "test_x_mcp_header", "Says its arguments; one of them is mirrored into a header.",
      [](const core::Context&, const ToolCall& call) -> Result {
        return text(core::json::write(call.arguments));
      },
      mcp::RunsOn::reader,
      {{"type", "object"}, {"properties", {{"region", {{"type", "string"}, {"x-mcp-header", "Region"}}}}}}));
}

}  // namespace fixture
