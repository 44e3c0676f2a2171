#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fixture_parts.h"
#include "fixture_tools.h"

namespace fixture {
namespace {

using mcp::Prompt;
using mcp::PromptGet;
using mcp::PromptMessage;
using mcp::PromptOutcome;
using mcp::PromptResult;
using mcp::Role;

using PromptAnswer = core::Result<PromptOutcome>;

Prompt prompt(std::string name, std::string description, std::vector<mcp::PromptArgument> arguments,
              mcp::PromptWriter get) {
  return {.name = std::move(name),
          .description = std::move(description),
          .arguments = std::move(arguments),
          .runs_on = mcp::RunsOn::reader,
          .get = std::move(get)};
}

PromptResult says(std::vector<mcp::Content> contents) {
  PromptResult result;
  for (mcp::Content& content : contents) result.messages.push_back({Role::user, std::move(content)});
  return result;
}

core::Result<mcp::CompletionResult> complete(const core::Context&, const mcp::CompletionRequest& request) {
  mcp::CompletionResult result;
  for (std::string_view value : {"test1", "test2", "other"}) {
    if (value.starts_with(request.value)) result.values.emplace_back(value);
  }
  // What was filled in already comes first.
  for (const auto& [name, value] : request.arguments)
    result.values.insert(result.values.begin(), name + "=" + value);
  result.total = result.values.size();
  return result;
}

std::vector<Prompt> prompts() {
  std::vector<Prompt> made;
  made.push_back(prompt("test_simple_prompt", "One message.", {}, [](const core::Context&, const PromptGet&) {
    return PromptAnswer(says({mcp::text_content("This is a simple prompt for testing.")}));
  }));

  Prompt with_arguments =
      prompt("test_prompt_with_arguments", "Repeats its arguments.",
             {{.name = "arg1", .title = "First", .description = "First test argument", .required = true},
              {.name = "arg2", .description = "Second test argument", .required = true}},
             [](const core::Context&, const PromptGet& get) {
               return PromptAnswer(
                   says({mcp::text_content("Prompt with arguments: arg1='" + get.arguments.at("arg1") +
                                           "', arg2='" + get.arguments.at("arg2") + "'")}));
             });
  with_arguments.title = "With arguments";
  with_arguments.complete = complete;
  with_arguments.completes_on = mcp::RunsOn::reader;
  made.push_back(std::move(with_arguments));

  made.push_back(prompt(
      "test_prompt_with_embedded_resource", "Embeds a resource.",
      {{.name = "resourceUri", .description = "URI of the resource", .required = true}},
      [](const core::Context&, const PromptGet& get) {
        core::json::Object embedded = {{"type", "resource"},
                                       {"resource",
                                        {{"uri", get.arguments.at("resourceUri")},
                                         {"mimeType", "text/plain"},
                                         {"text", "Embedded resource content for testing."}}}};
        return PromptAnswer(
            says({std::move(embedded), mcp::text_content("Please process the embedded resource above.")}));
      }));
  made.push_back(
      prompt("test_prompt_with_image", "Holds an image.", {}, [](const core::Context&, const PromptGet&) {
        core::json::Object image = {{"type", "image"}, {"data", kPng}, {"mimeType", "image/png"}};
        return PromptAnswer(says({std::move(image), mcp::text_content("Please analyze the image above.")}));
      }));
  made.push_back(prompt(
      "test_input_required_result_prompt", "Asks for its context.", {},
      [](const core::Context&, const PromptGet& get) -> PromptAnswer {
        auto answer = get.round.responses.find("user_context");
        if (answer == get.round.responses.end()) {
          return mcp::NeedInput{{{"user_context", form("What context should the prompt use?",
                                                       {{"context", string_schema()}}, {"context"})}},
                                nullptr};
        }
        if (answer->second.action != mcp::Answer::accept) {
          return says({mcp::text_content("No context was given.")});
        }
        return says({mcp::text_content(std::string(answer->second.content.at("context").get_string()))});
      }));
  made.push_back(prompt("extra", "Comes and goes.", {}, [](const core::Context&, const PromptGet&) {
    return PromptAnswer(says({mcp::text_content("extra")}));
  }));
  return made;
}

}  // namespace

core::Status add_prompts(mcp::Server& server) {
  for (Prompt& each : prompts()) RETURN_IF_ERROR(server.add_prompt(std::move(each)));
  auto extra_shown = std::make_shared<std::atomic<bool>>(false);
  server.set_prompts_visible(
      [extra_shown](const Prompt& each) { return each.name != "extra" || *extra_shown; });
  return server.add_tool(tool("test_trigger_prompt_change", "Shows or hides the prompt extra.",
                              [&server, extra_shown](const core::Context&, const mcp::ToolCall&) -> Result {
                                *extra_shown = !*extra_shown;
                                server.prompts_changed();
                                return text("ok");
                              }));
}

}  // namespace fixture
