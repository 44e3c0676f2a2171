// The tools that the suite's tasks-* scenarios ask for.
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <stdexcept>

#include "fixture_tools.h"
#include "mcp/task.h"

namespace fixture {
namespace {

using core::json::Object;
using core::json::Value;
using mcp::Complete;
using mcp::NeedInput;
using mcp::RunsOn;
using mcp::TaskStep;
using mcp::TaskSupport;
using std::chrono::milliseconds;

std::string text_argument(const mcp::ToolCall& call, std::string_view name) {
  return std::string(core::json::string_or_empty(call.arguments, name));
}

double number_argument(const mcp::ToolCall& call, std::string_view name) {
  const Value* given = call.arguments.if_contains(name);
  return given && given->is_number() ? given->to_number<double>() : 0;
}

Object schema(std::initializer_list<std::pair<std::string_view, std::string_view>> members) {
  Object properties;
  for (const auto& [name, type] : members) properties[name] = Object{{"type", type}};
  return {{"type", "object"}, {"properties", std::move(properties)}};
}

// Both members optional, because the suite answers either way.
mcp::FormQuestion question(std::string message) {
  return {.message = std::move(message),
          .requested_schema = {
              {"type", "object"},
              {"properties", {{"name", {{"type", "string"}}}, {"confirm", {{"type", "boolean"}}}}}}};
}

bool confirmed(const mcp::InputResponse& response) {
  const Value* said = response.content.if_contains("confirm");
  return response.action == mcp::Answer::accept && said && *said == true;
}

// False when the job was cancelled meanwhile.
bool pause(const core::Context& context, milliseconds time) {
  core::Parked parked;
  core::Clock& clock = core::system_clock();
  return clock.wait_until(clock.steady() + time, context.stop);
}

std::unexpected<core::Error> stopped() {
  return core::fail(core::ErrorKind::cancelled, "fixture.stopped", "The job was stopped.");
}

mcp::Tool task_tool(core::Jobs& jobs, std::string name, std::string description, TaskSupport support,
                    Object input_schema, std::function<mcp::TaskWork(const mcp::ToolCall&)> work) {
  mcp::Tool tool{
      .name = name, .description = std::move(description), .input_schema = std::move(input_schema)};
  tool.annotations = {.read_only = true, .destructive = false, .idempotent = true, .open_world = false};
  tool.runs_on = RunsOn::local;
  tool.tasks = support;
  tool.handler = [&jobs, name = std::move(name), work = std::move(work)](const core::Context& context,
                                                                         const mcp::ToolCall& call) {
    return mcp::start_task(jobs, context, call.round, {.kind = name, .title = name}, work(call));
  };
  return tool;
}

mcp::TaskWork slow_compute(const mcp::ToolCall& call) {
  double seconds = std::clamp(number_argument(call, "seconds"), 0.0, 3600.0);
  return [seconds, label = text_argument(call, "label")](const core::Context& context, core::JobContext&,
                                                         const mcp::Round&) -> core::Result<TaskStep> {
    constexpr int kSteps = 10;
    for (int step = 0; step < kSteps; ++step) {
      if (!pause(context, milliseconds{static_cast<std::int64_t>(seconds * 1000 / kSteps)})) return stopped();
      context.progress(step + 1, kSteps, "computing");
    }
    return Complete{mcp::text_result(fmt::format("computed {} for {} s", label, seconds))};
  };
}

mcp::TaskWork failing_job(const mcp::ToolCall&) {
  return [](const core::Context& context, core::JobContext&, const mcp::Round&) -> core::Result<TaskStep> {
    if (!pause(context, std::chrono::seconds{1})) return stopped();
    return Complete{mcp::error_result("This job fails on purpose.")};
  };
}

mcp::TaskWork protocol_error_job(const mcp::ToolCall&) {
  return [](const core::Context&, core::JobContext&, const mcp::Round&) -> core::Result<TaskStep> {
    throw std::runtime_error("thrown on purpose");
  };
}

mcp::TaskWork confirm_delete(const mcp::ToolCall& call) {
  return [file = text_argument(call, "filename")](const core::Context&, core::JobContext&,
                                                  const mcp::Round& round) -> core::Result<TaskStep> {
    auto answer = round.responses.find("confirm");
    if (answer == round.responses.end()) {
      return NeedInput{{{"confirm", question(fmt::format("Delete {}?", file))}}, nullptr};
    }
    return Complete{mcp::text_result(
        fmt::format("{} {}", file, confirmed(answer->second) ? "would be deleted" : "stays"))};
  };
}

mcp::TaskWork multi_input(const mcp::ToolCall&) {
  return [](const core::Context&, core::JobContext&, const mcp::Round& round) -> core::Result<TaskStep> {
    if (round.responses.empty()) {
      return NeedInput{{{"first", question("First?")}, {"second", question("Second?")}}, nullptr};
    }
    std::string said;
    for (const auto& [key, response] : round.responses) {
      said += fmt::format("{}: {}\n", key, core::json::string_or_empty(response.content, "name"));
    }
    return Complete{mcp::text_result(std::move(said))};
  };
}

// Its one question comes before the task.
mcp::Tool asks_first(core::Jobs& jobs) {
  mcp::Tool tool{.name = "test_tool_with_task",
                 .description = "Asks for a name, then greets as a task.",
                 .input_schema = schema({})};
  tool.annotations = {.read_only = true, .destructive = false, .idempotent = true, .open_world = false};
  tool.runs_on = RunsOn::local;
  tool.tasks = TaskSupport::required;
  tool.handler = [&jobs](const core::Context& context,
                         const mcp::ToolCall& call) -> core::Result<mcp::Outcome> {
    auto answer = call.round.responses.find("user_name");
    if (answer == call.round.responses.end()) {
      return NeedInput{{{"user_name", question("What is your name?")}}, nullptr};
    }
    auto greet = [name = std::string(core::json::string_or_empty(answer->second.content, "name"))](
                     const core::Context&, core::JobContext&, const mcp::Round&) -> core::Result<TaskStep> {
      return Complete{mcp::text_result("Hello, " + name + "!")};
    };
    return mcp::start_task(jobs, context, call.round, {.kind = "greeting", .title = "Greeting"}, greet);
  };
  return tool;
}

}  // namespace

core::Status add_task_tools(mcp::Server& server, core::Jobs& jobs) {
  mcp::Tool greet{
      .name = "greet", .description = "Greets at once.", .input_schema = schema({{"name", "string"}})};
  greet.annotations = {.read_only = true, .destructive = false, .idempotent = true, .open_world = false};
  greet.runs_on = RunsOn::reader;
  greet.handler = [](const core::Context&, const mcp::ToolCall& call) -> core::Result<mcp::Outcome> {
    return Complete{mcp::text_result("Hello, " + text_argument(call, "name") + "!")};
  };
  RETURN_IF_ERROR(server.add_tool(std::move(greet)));
  RETURN_IF_ERROR(server.add_tool(
      task_tool(jobs, "slow_compute", "Computes for some seconds, as a task.", TaskSupport::optional,
                schema({{"seconds", "number"}, {"label", "string"}}), slow_compute)));
  RETURN_IF_ERROR(server.add_tool(
      task_tool(jobs, "failing_job", "A task that fails.", TaskSupport::required, schema({}), failing_job)));
  RETURN_IF_ERROR(server.add_tool(task_tool(jobs, "protocol_error_job", "A task whose work throws.",
                                            TaskSupport::optional, schema({}), protocol_error_job)));
  RETURN_IF_ERROR(
      server.add_tool(task_tool(jobs, "confirm_delete", "A task that asks one question.",
                                TaskSupport::optional, schema({{"filename", "string"}}), confirm_delete)));
  RETURN_IF_ERROR(server.add_tool(task_tool(jobs, "multi_input", "A task that asks two questions at once.",
                                            TaskSupport::optional, schema({}), multi_input)));
  return server.add_tool(asks_first(jobs));
}

}  // namespace fixture
