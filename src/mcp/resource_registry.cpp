#include "mcp/resource_registry.h"

#include <algorithm>
#include <fmt/format.h>

namespace mcp {
namespace {

constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxDescription = 2048;  // where hosts cut it
constexpr std::string_view kUiScheme = "ui://";
constexpr std::string_view kUiMimeType = "text/html;profile=mcp-app";  // of MCP Apps, and the only one

std::unexpected<core::Error> bad(std::string_view reason, std::string message) {
  return core::fail(core::ErrorKind::invalid_input, fmt::format("mcp.resource.{}", reason),
                    std::move(message));
}

// What resources and templates have in common. `where` is the URI or the template.
template <class Item>
core::Status check(const Item& item, std::string_view where) {
  auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (item.name.empty() || item.name.size() > kMaxName || std::ranges::any_of(item.name, control)) {
    return bad("name", fmt::format("The name of {} is not 1 to {} printable bytes.", where, kMaxName));
  }
  if (item.description.size() > kMaxDescription) {
    return bad("description", fmt::format("The description of {} has {} bytes; it may have {}.", where,
                                          item.description.size(), kMaxDescription));
  }
  auto known = [](const std::string& who) { return who == "user" || who == "assistant"; };
  if (!std::ranges::all_of(item.hints.audience, known)) {
    return bad("audience", fmt::format("The audience of {} is neither \"user\" nor \"assistant\".", where));
  }
  if (item.hints.priority && !(*item.hints.priority >= 0 && *item.hints.priority <= 1)) {
    return bad("priority", fmt::format("The priority of {} is not between 0 and 1.", where));
  }
  if (item.cache.ttl.count() < 0) return bad("cache", fmt::format("{} has a negative ttl.", where));
  if (!item.read) return bad("reader", fmt::format("{} has no function that reads it.", where));
  if (where.starts_with(kUiScheme) && item.mime_type != kUiMimeType) {
    return bad("ui",
               fmt::format("{} is a ui:// resource and must have the MIME type {}.", where, kUiMimeType));
  }
  return check_icons(item.icons, where);
}

}  // namespace

core::Status ResourceRegistry::add(Resource resource) {
  if (!is_uri(resource.uri)) {
    return bad("uri", fmt::format("\"{}\" is not an absolute URI of RFC 3986.", resource.uri));
  }
  RETURN_IF_ERROR(check(resource, resource.uri));
  if (by_uri_.contains(resource.uri)) {
    return core::fail(core::ErrorKind::conflict, "mcp.resource.duplicate",
                      fmt::format("There are two resources {}.", resource.uri));
  }
  has_ui_ = has_ui_ || resource.uri.starts_with(kUiScheme);
  std::string uri = resource.uri;
  const Resource& kept = resources_.add(std::move(resource), uri);
  by_uri_.emplace(kept.uri, &kept);
  return {};
}

core::Status ResourceRegistry::add(ResourceTemplate resource_template) {
  ASSIGN_OR_RETURN(auto pattern, UriTemplate::parse(resource_template.uri_template));
  RETURN_IF_ERROR(check(resource_template, resource_template.uri_template));
  if (find_template(resource_template.uri_template)) {
    return core::fail(core::ErrorKind::conflict, "mcp.resource.duplicate",
                      fmt::format("There are two templates {}.", resource_template.uri_template));
  }
  has_ui_ = has_ui_ || resource_template.uri_template.starts_with(kUiScheme);
  can_complete_ = can_complete_ || resource_template.complete;
  std::string text = resource_template.uri_template;
  const ResourceTemplate& kept = templates_.add(std::move(resource_template), text);
  patterns_.emplace_back(std::move(pattern), &kept);
  return {};
}

FoundResource ResourceRegistry::find(std::string_view uri) const {
  if (auto found = by_uri_.find(uri); found != by_uri_.end()) return {.resource = found->second};
  if (!is_uri(uri)) return {};
  for (const auto& [pattern, resource_template] : patterns_) {
    if (auto variables = pattern.match(uri)) {
      return {.resource_template = resource_template, .variables = *std::move(variables)};
    }
  }
  return {};
}

TemplateRef ResourceRegistry::find_template(std::string_view text) const {
  auto found =
      std::ranges::find_if(patterns_, [&](const auto& each) { return each.second->uri_template == text; });
  return found == patterns_.end() ? TemplateRef{} : TemplateRef{found->second, &found->first};
}

void ResourceRegistry::set_visible(std::function<bool(const Resource&)> resource,
                                   std::function<bool(const ResourceTemplate&)> resource_template) {
  resources_.set_visible(std::move(resource));
  templates_.set_visible(std::move(resource_template));
}

bool ResourceRegistry::refresh() {
  bool resources = resources_.refresh();
  return templates_.refresh() || resources;
}

}  // namespace mcp
