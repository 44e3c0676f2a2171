// The resources and templates a server offers, checked when they are added, and which of them a URI means.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/result.h"
#include "mcp/codec.h"
#include "mcp/listing.h"
#include "mcp/resource.h"
#include "mcp/uri_template.h"

namespace mcp {

// What is read at a URI. Exactly one of the two is set; both live as long as the registry.
struct FoundResource {
  const Resource* resource = nullptr;
  const ResourceTemplate* resource_template = nullptr;
  UriVariables variables;

  explicit operator bool() const { return resource || resource_template; }
  const std::string& name() const { return resource ? resource->name : resource_template->name; }
  const std::string& mime_type() const {
    return resource ? resource->mime_type : resource_template->mime_type;
  }
  const CacheHint& cache() const { return resource ? resource->cache : resource_template->cache; }
  RunsOn runs_on() const { return resource ? resource->runs_on : resource_template->runs_on; }
  const ResourceReader& read() const { return resource ? resource->read : resource_template->read; }
  const std::vector<std::string>& scopes() const {
    return resource ? resource->scopes : resource_template->scopes;
  }
};

// A template and what its text means; both null when there is none.
struct TemplateRef {
  const ResourceTemplate* resource_template = nullptr;
  const UriTemplate* pattern = nullptr;

  explicit operator bool() const { return resource_template != nullptr; }
};

class ResourceRegistry {
 public:
  explicit ResourceRegistry(std::size_t page_size = 100)
      : resources_("resources", page_size), templates_("templates", page_size) {}

  // Before anyone asks; see Server::add_resource and add_resource_template for the rules.
  core::Status add(Resource resource);
  core::Status add(ResourceTemplate resource_template);
  bool empty() const { return resources_.empty() && templates_.empty(); }
  // A ui:// resource is offered (MCP Apps).
  bool has_ui() const { return has_ui_; }
  // Some template has a completer.
  bool can_complete() const { return can_complete_; }

  FoundResource find(std::string_view uri) const;
  // By the template's own text. Valid until the next add().
  TemplateRef find_template(std::string_view text) const;

  void set_visible(std::function<bool(const Resource&)> resource,
                   std::function<bool(const ResourceTemplate&)> resource_template);
  // Asks again what is visible; true when that changed.
  bool refresh();

  // The results of resources/list and resources/templates/list; null for a bad cursor. Thread-safe.
  std::shared_ptr<const std::string> list(const Codec& codec, std::string_view cursor = {}) {
    return resources_.page(codec, cursor);
  }
  std::shared_ptr<const std::string> list_templates(const Codec& codec, std::string_view cursor = {}) {
    return templates_.page(codec, cursor);
  }

 private:
  Listing<Resource> resources_;
  Listing<ResourceTemplate> templates_;
  std::unordered_map<std::string_view, const Resource*> by_uri_;
  std::vector<std::pair<UriTemplate, const ResourceTemplate*>> patterns_;  // in order of registration
  bool has_ui_ = false;
  bool can_complete_ = false;
};

}  // namespace mcp
