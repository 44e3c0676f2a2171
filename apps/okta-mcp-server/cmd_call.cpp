// `call` and `report`: the tools from a terminal or a script, the same way as through MCP. A destructive tool
// asks the person at the terminal; without one it leaves a plan behind.
#include <cstdio>
#include <fmt/format.h>

#include "admin/toolset.h"
#include "commands.h"
#include "core/file.h"
#include "core/text.h"
#include "runtimes.h"
#include "terminal.h"

namespace {

namespace json = core::json;

// key=value: JSON where it is JSON and not a string parameter, else text.
json::Value value_of(const std::string& text, std::string_view tool, std::string_view key) {
  for (const auto& row : admin::all_tools()) {
    if (row.name != tool) continue;
    for (const auto& param : admin::all_params(row)) {
      if (param.name != key) continue;
      bool structured = param.type == admin::Type::integer || param.type == admin::Type::boolean ||
                        param.type == admin::Type::object || param.type == admin::Type::string_list ||
                        param.type == admin::Type::group_list;
      if (!structured) return json::Value(text);
      if (auto parsed = json::parse(text)) return *parsed;
      if (param.type != admin::Type::string_list && param.type != admin::Type::group_list)
        return json::Value(text);
      json::Array items;  // a,b,c
      for (std::size_t start = 0; start <= text.size();) {
        auto comma = std::min(text.find(',', start), text.size());
        items.emplace_back(text.substr(start, comma - start));
        start = comma + 1;
      }
      return items;
    }
  }
  return json::Value(text);
}

core::Result<json::Object> arguments_from(const std::string& tool, const std::string& args_json,
                                          const std::vector<std::string>& assignments) {
  json::Object arguments;
  if (!args_json.empty()) {
    ASSIGN_OR_RETURN(auto parsed, json::parse(args_json));
    if (!parsed.is_object()) {
      return core::fail(core::ErrorKind::invalid_input, "app.args", "--args must be a JSON object.");
    }
    arguments = parsed.get_object();
  }
  for (const auto& assignment : assignments) {
    auto equals = assignment.find('=');
    if (equals == std::string::npos) {
      return core::fail(core::ErrorKind::invalid_input, "app.args",
                        fmt::format("\"{}\" is not key=value.", assignment));
    }
    std::string key = assignment.substr(0, equals);
    arguments[key] = value_of(assignment.substr(equals + 1), tool, key);
  }
  return arguments;
}

// The question of a destructive tool, at the terminal.
core::Result<mcp::InputResponse> ask(const mcp::FormQuestion& question) {
  ASSIGN_OR_RETURN(Terminal terminal, Terminal::open());
  terminal.say(question.message + "\n\n");
  ASSIGN_OR_RETURN(std::string answer, terminal.ask("Type yes to do it: "));
  mcp::InputResponse response{.action = answer == "yes" ? mcp::Answer::accept : mcp::Answer::decline};
  if (answer == "yes") response.content["confirm"] = true;
  return response;
}

class ProgressLine final : public core::Notifier {
 public:
  void progress(double, std::optional<double>, std::string_view message) override {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
  }
  void log(core::LogLevel, std::string_view, const json::Value&) override {}
};

// The org that `arguments` name, or the only one there is; takes the name out of them.
core::Result<admin::Services*> choose_org(const admin::Orgs& orgs, const std::string& tool,
                                          json::Object& arguments) {
  const admin::ToolRow* row = admin::find_tool(tool);
  return row ? orgs.take(*row, arguments) : &orgs.standard();
}

core::Result<mcp::ToolResult> run(Runtime& runtime, const std::string& tool, const json::Object& arguments) {
  ProgressLine progress;
  core::Context context{
      .principal = "terminal", .trace_id = core::system_random().alphanumeric(12), .notifier = &progress};
  mcp::ToolCall call{.arguments = arguments, .round = {.can = {.form = Terminal::open().has_value()}}};
  for (;;) {
    ASSIGN_OR_RETURN(auto outcome, admin::call_tool(runtime.services(), tool, context, call));
    if (auto* complete = std::get_if<mcp::Complete>(&outcome)) return std::move(complete->result);
    auto& needs = std::get<mcp::NeedInput>(outcome);
    for (const auto& [key, question] : needs.questions) {
      ASSIGN_OR_RETURN(call.round.responses[key], ask(std::get<mcp::FormQuestion>(question)));
    }
    call.round.state = std::move(needs.state);
  }
}

}  // namespace

int cmd_call(const Configuration& configuration, const std::string& tool, const std::string& args_json,
             const std::vector<std::string>& assignments, bool as_json) {
  auto arguments = arguments_from(tool, args_json, assignments);
  if (!arguments) return complain(arguments.error());
  Runtimes runtimes(configuration, [](const Settings&) { return SignInListener{.on_prompt = print_prompt}; });
  auto services = choose_org(runtimes.orgs(), tool, *arguments);
  if (!services) return complain(services.error());
  Runtime& runtime = runtimes.of(**services);
  if (auto signed_in = runtime.sign_in_and_wait(); !signed_in) return complain(signed_in.error());
  auto result = run(runtime, tool, *arguments);
  if (!result) return complain(result.error());
  if (as_json) {
    json::Array content;
    for (const mcp::Content& block : result->content) content.push_back(mcp::write_content(block));
    std::printf(
        "%s\n",
        json::write(json::Object{{"content", std::move(content)}, {"isError", result->is_error}}).c_str());
  } else {
    for (const mcp::Content& block : result->content) {
      const std::string_view text = mcp::text_of(block);
      std::printf("%.*s\n", static_cast<int>(text.size()), text.data());
    }
  }
  return result->is_error ? 1 : 0;
}

int cmd_report(const Configuration& configuration, const std::string& name, std::optional<int> days,
               const std::string& template_file) {
  json::Object arguments{{"name", name}};
  if (days) arguments["days"] = *days;
  if (!template_file.empty()) {
    auto text = core::read_file(template_file, 1u << 20);
    if (!text) return complain(text.error());
    if (!*text) {
      return complain({core::ErrorKind::invalid_input, "app.args",
                       fmt::format("There is no file {}.", template_file), "", std::nullopt});
    }
    arguments["template"] = **text;
  }
  return cmd_call(configuration, "run_report", json::write(arguments), {}, false);
}
