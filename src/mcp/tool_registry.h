// The tools a server offers, checked when they are added.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "mcp/codec.h"
#include "mcp/listing.h"
#include "mcp/mirrored_headers.h"
#include "mcp/tool.h"

namespace mcp {

class ToolRegistry {
 public:
  explicit ToolRegistry(std::size_t page_size = 1000) : tools_("tools", page_size) {}

  // Before anyone asks; see Server::add_tool for the rules.
  core::Status add(Tool tool);
  const Tool* find(std::string_view name) const;
  // The arguments it mirrors into headers.
  std::span<const HeaderParameter> header_parameters(const Tool& tool) const;
  bool empty() const { return tools_.empty(); }

  void set_visible(std::function<bool(const Tool&)> visible) { tools_.set_visible(std::move(visible)); }
  // Asks again what is visible; true when that changed.
  bool refresh() { return tools_.refresh(); }

  // The result of tools/list; null for a bad cursor. Thread-safe.
  std::shared_ptr<const std::string> list(const Codec& codec, std::string_view cursor = {}) {
    return tools_.page(codec, cursor);
  }

 private:
  Listing<Tool> tools_;
  std::unordered_map<std::string_view, const Tool*> by_name_;
  std::unordered_map<const Tool*, std::vector<HeaderParameter>> mirrored_;  // those that mirror any
};

}  // namespace mcp
