#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/encoding.h"
#include "fixture_parts.h"
#include "fixture_tools.h"

namespace fixture {
namespace {

using core::json::Object;
using mcp::ReadOutcome;
using mcp::Resource;
using mcp::ResourceContents;
using mcp::ResourceRead;
using mcp::ResourceTemplate;

mcp::ResourceReader fixed(ResourceContents contents) {
  return [contents = std::move(contents)](const core::Context&,
                                          const ResourceRead&) -> core::Result<ReadOutcome> {
    return std::vector<ResourceContents>{contents};
  };
}

Resource resource(std::string uri, std::string mime_type, ResourceContents contents) {
  std::string name = uri.substr(uri.find("//") + 2);
  std::string description = "Fixture " + uri + ".";
  return {.uri = std::move(uri),
          .name = std::move(name),
          .description = std::move(description),
          .mime_type = std::move(mime_type),
          .runs_on = mcp::RunsOn::reader,
          .read = fixed(std::move(contents))};
}

std::vector<Resource> resources() {
  std::vector<Resource> made;
  const std::string static_text = "This is the content of the static text resource.";
  Resource text = resource("test://static-text", "text/plain", mcp::text_contents(static_text));
  text.title = "Static text";
  text.size = static_text.size();
  text.hints = {.audience = {"user"}, .priority = 0.5, .last_modified = "2026-01-01T00:00:00Z"};
  text.icons = {
      {.src = "data:image/png;base64," + std::string(kPng), .mime_type = "image/png", .sizes = {"1x1"}}};
  text.cache = {.ttl = std::chrono::minutes{1}, .shared = true};
  made.push_back(std::move(text));
  made.push_back(resource("test://static-binary", "image/png",
                          mcp::binary_contents(core::base64_decode(kPng).value_or(std::string{}))));
  made.push_back(
      resource("test://watched-resource", "text/plain", mcp::text_contents("Watched resource content")));
  made.push_back(resource("test://extra", "text/plain", mcp::text_contents("Comes and goes.")));

  Resource page = resource("ui://fixture/page", "text/html;profile=mcp-app",
                           mcp::text_contents("<!doctype html><title>Fixture</title><p>Hello.</p>"));
  page.meta = {{"ui", {{"prefersBorder", true}}}};
  made.push_back(std::move(page));

  Resource asking = resource("test://asks", "text/plain", {});
  asking.read = [](const core::Context&, const ResourceRead& read) -> core::Result<ReadOutcome> {
    auto answer = read.round.responses.find("reason");
    if (answer == read.round.responses.end()) {
      return mcp::NeedInput{{{"reason", form("Why do you read this?", {{"why", string_schema()}}, {"why"})}},
                            nullptr};
    }
    return std::vector<ResourceContents>{mcp::text_contents(core::json::write(answer->second.content))};
  };
  made.push_back(std::move(asking));
  return made;
}

ResourceTemplate data_template() {
  return {.uri_template = "test://template/{id}/data",
          .name = "template",
          .title = "Data by id",
          .description = "Fixture template.",
          .mime_type = "application/json",
          .runs_on = mcp::RunsOn::reader,
          .read = [](const core::Context&, const ResourceRead& read) -> core::Result<ReadOutcome> {
            const std::string& id = read.variables.at("id");
            if (id == "missing")
              return core::fail(core::ErrorKind::not_found, "fixture.missing", "No such data.");
            return std::vector<ResourceContents>{mcp::text_contents(core::json::write(
                Object{{"id", id}, {"templateTest", true}, {"data", "Data for ID: " + id}}))};
          },
          .complete = [](const core::Context&,
                         const mcp::CompletionRequest& request) -> core::Result<mcp::CompletionResult> {
            mcp::CompletionResult result;
            for (int i = 0; i < 1000; ++i) {
              std::string id = std::to_string(i);
              if (id.starts_with(request.value)) result.values.push_back(std::move(id));
            }
            result.total = result.values.size();
            return result;
          },
          .completes_on = mcp::RunsOn::reader};
}

}  // namespace

core::Status add_resources(mcp::Server& server) {
  for (Resource& each : resources()) RETURN_IF_ERROR(server.add_resource(std::move(each)));
  RETURN_IF_ERROR(server.add_resource_template(data_template()));

  auto extra_shown = std::make_shared<std::atomic<bool>>(false);
  server.set_resources_visible(
      [extra_shown](const Resource& each) { return each.uri != "test://extra" || *extra_shown; });
  RETURN_IF_ERROR(
      server.add_tool(tool("test_trigger_resource_change", "Shows or hides the resource extra.",
                           [&server, extra_shown](const core::Context&, const mcp::ToolCall&) -> Result {
                             *extra_shown = !*extra_shown;
                             server.resources_changed();
                             return text("ok");
                           })));
  RETURN_IF_ERROR(server.add_tool(tool("test_trigger_resource_update", "Changes the watched resource.",
                                       [&server](const core::Context&, const mcp::ToolCall&) -> Result {
                                         server.resource_updated("test://watched-resource");
                                         return text("ok");
                                       })));
  mcp::Tool app = tool("test_ui_tool", "Shows a page where the host can.",
                       [](const core::Context&, const mcp::ToolCall&) -> Result { return text("Hello."); });
  app.icons = {{.src = "data:image/png;base64," + std::string(kPng), .mime_type = "image/png"}};
  app.meta = {{"ui", {{"resourceUri", "ui://fixture/page"}}}};
  return server.add_tool(std::move(app));
}

}  // namespace fixture
