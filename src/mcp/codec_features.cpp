// What is listed, read, got and completed, as each revision writes it.
#include <algorithm>
#include <fmt/format.h>

#include "core/encoding.h"
#include "mcp/codec.h"
#include "mcp/json_text.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

std::string strings_text(std::span<const std::string> strings) {
  std::string out = "[";
  for (const std::string& each : strings) {
    if (out.size() > 1) out += ',';
    core::json::append_string(out, each);
  }
  return out += ']';
}

template <class Item, class Write>
std::string array_text(std::span<const Item> items, Write write) {
  std::string out = "[";
  for (const Item& item : items) {
    if (out.size() > 1) out += ',';
    out += write(item);
  }
  return out += ']';
}

template <class Item, class Write>
std::string page_text(std::string_view key, std::span<const Item* const> items, std::string_view next_cursor,
                      std::string_view envelope, Write write) {
  ObjectText out;
  out.raw(key, array_text(items, [&](const Item* item) { return write(*item); }))
      .optional_string("nextCursor", next_cursor)
      .members(envelope);
  return std::move(out).close();
}

}  // namespace

std::string icons_text(std::span<const Icon> icons) {
  return array_text(icons, [](const Icon& icon) {
    ObjectText out;
    out.string("src", icon.src).optional_string("mimeType", icon.mime_type);
    if (!icon.sizes.empty()) out.raw("sizes", strings_text(icon.sizes));
    if (icon.theme != Icon::Theme::any)
      out.string("theme", icon.theme == Icon::Theme::light ? "light" : "dark");
    return std::move(out).close();
  });
}

void Codec::add_icons_and_meta(ObjectText& out, std::span<const Icon> icons, const Object& meta) const {
  if (rules_.icons && !icons.empty()) out.raw("icons", icons_text(icons));
  if (rules_.item_meta && !meta.empty()) out.object("_meta", meta);
}

void Codec::add_hints(ObjectText& out, const ResourceHints& hints) const {
  bool modified = rules_.item_meta && !hints.last_modified.empty();
  if (hints.audience.empty() && !hints.priority && !modified) return;
  ObjectText text;
  if (!hints.audience.empty()) text.raw("audience", strings_text(hints.audience));
  if (hints.priority) text.value("priority", Value(*hints.priority));
  if (modified) text.string("lastModified", hints.last_modified);
  out.raw("annotations", std::move(text).close());
}

std::string Codec::tool_text(const Tool& tool) const {
  ObjectText out;
  out.string("name", tool.name);
  if (rules_.titles) out.optional_string("title", tool.title);
  out.string("description", tool.description).object("inputSchema", tool.input_schema);
  if (rules_.structured_output && tool.output_schema) out.object("outputSchema", *tool.output_schema);
  if (rules_.tool_annotations) {
    ObjectText hints;
    if (!rules_.titles) hints.optional_string("title", tool.title);
    // All four, always: some hosts refuse tools that leave one to its default.
    hints.boolean("readOnlyHint", tool.annotations.read_only)
        .boolean("destructiveHint", tool.annotations.destructive)
        .boolean("idempotentHint", tool.annotations.idempotent)
        .boolean("openWorldHint", tool.annotations.open_world);
    out.raw("annotations", std::move(hints).close());
  }
  if (rules_.tasks && !rules_.result_envelope && tool.tasks != TaskSupport::never) {
    out.raw("execution", tool.tasks == TaskSupport::required ? R"({"taskSupport":"required"})"
                                                             : R"({"taskSupport":"optional"})");
  }
  add_icons_and_meta(out, tool.icons, tool.meta);
  return std::move(out).close();
}

std::string Codec::resource_text(const Resource& resource) const {
  ObjectText out;
  out.string("uri", resource.uri).string("name", resource.name);
  if (rules_.titles) out.optional_string("title", resource.title);
  out.optional_string("description", resource.description).optional_string("mimeType", resource.mime_type);
  if (resource.size) out.raw("size", std::to_string(*resource.size));
  add_hints(out, resource.hints);
  add_icons_and_meta(out, resource.icons, resource.meta);
  return std::move(out).close();
}

std::string Codec::template_text(const ResourceTemplate& resource_template) const {
  ObjectText out;
  out.string("uriTemplate", resource_template.uri_template).string("name", resource_template.name);
  if (rules_.titles) out.optional_string("title", resource_template.title);
  out.optional_string("description", resource_template.description)
      .optional_string("mimeType", resource_template.mime_type);
  add_hints(out, resource_template.hints);
  add_icons_and_meta(out, resource_template.icons, resource_template.meta);
  return std::move(out).close();
}

std::string Codec::prompt_text(const Prompt& prompt) const {
  ObjectText out;
  out.string("name", prompt.name);
  if (rules_.titles) out.optional_string("title", prompt.title);
  out.optional_string("description", prompt.description);
  if (!prompt.arguments.empty()) {
    std::span<const PromptArgument> arguments = prompt.arguments;
    out.raw(
        "arguments", array_text(arguments, [&](const PromptArgument& argument) {
          ObjectText text;
          text.string("name", argument.name);
          if (rules_.titles) text.optional_string("title", argument.title);
          text.optional_string("description", argument.description).boolean("required", argument.required);
          return std::move(text).close();
        }));
  }
  add_icons_and_meta(out, prompt.icons, prompt.meta);
  return std::move(out).close();
}

std::string Codec::list_result(std::span<const Tool* const> tools, std::string_view next_cursor) const {
  return page_text("tools", tools, next_cursor, list_envelope_,
                   [this](const Tool& tool) { return tool_text(tool); });
}

std::string Codec::list_result(std::span<const Resource* const> resources,
                               std::string_view next_cursor) const {
  return page_text("resources", resources, next_cursor, list_envelope_,
                   [this](const Resource& resource) { return resource_text(resource); });
}

std::string Codec::list_result(std::span<const ResourceTemplate* const> templates,
                               std::string_view next_cursor) const {
  return page_text("resourceTemplates", templates, next_cursor, list_envelope_,
                   [this](const ResourceTemplate& each) { return template_text(each); });
}

std::string Codec::list_result(std::span<const Prompt* const> prompts, std::string_view next_cursor) const {
  return page_text("prompts", prompts, next_cursor, list_envelope_,
                   [this](const Prompt& prompt) { return prompt_text(prompt); });
}

std::string Codec::contents_text(const ResourceContents& part, std::string_view uri,
                                 std::string_view mime_type) const {
  ObjectText out;
  out.string("uri", part.uri.empty() ? uri : std::string_view(part.uri))
      .optional_string("mimeType", part.mime_type.empty() ? mime_type : std::string_view(part.mime_type));
  if (part.binary) {
    out.string("blob", core::base64_encode(part.data));
  } else {
    out.string("text", part.data);
  }
  if (rules_.item_meta && !part.meta.empty()) out.object("_meta", part.meta);
  return std::move(out).close();
}

std::string Codec::read_result(std::span<const ResourceContents> contents, std::string_view uri,
                               std::string_view mime_type, const CacheHint& cache) const {
  ObjectText out;
  out.raw("contents", array_text(contents, [&](const ResourceContents& part) {
            return contents_text(part, uri, mime_type);
          }));
  if (rules_.result_envelope) {
    out.raw("ttlMs", std::to_string(cache.ttl.count()))
        .string("cacheScope", cache.shared ? "public" : "private");
  }
  out.members(envelope_);
  return std::move(out).close();
}

std::string Codec::prompt_result(const PromptResult& result) const {
  std::span<const PromptMessage> messages = result.messages;
  ObjectText out;
  out.optional_string("description", result.description)
      .raw("messages", array_text(messages,
                                  [this](const PromptMessage& message) {
                                    ObjectText text;
                                    text.string("role", message.role == Role::user ? "user" : "assistant")
                                        .appended("content", [&](std::string& out_text) {
                                          append_content(out_text, message.content);
                                        });
                                    return std::move(text).close();
                                  }))
      .members(envelope_);
  return std::move(out).close();
}

std::string Codec::completion_result(const CompletionResult& result) const {
  bool cut = result.values.size() > kMaxCompletions;
  std::span<const std::string> values = result.values;
  ObjectText completion;
  completion.raw("values", strings_text(values.first(std::min(values.size(), kMaxCompletions))));
  if (result.total) {
    completion.raw("total", std::to_string(*result.total));
  } else if (cut && !result.has_more) {
    completion.raw("total", std::to_string(values.size()));
  }
  completion.boolean("hasMore", cut || result.has_more);
  ObjectText out;
  out.raw("completion", std::move(completion).close()).members(envelope_);
  return std::move(out).close();
}

std::string missing_resource_data(std::string_view uri) {
  return std::move(ObjectText().string("uri", uri)).close();
}

}  // namespace mcp
