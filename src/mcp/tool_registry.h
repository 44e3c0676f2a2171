// The tools a server offers: checked when they are added, listed in that order, each revision's list built
// once.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/result.h"
#include "mcp/codec.h"
#include "mcp/mirrored_headers.h"
#include "mcp/protocol.h"
#include "mcp/tool.h"

namespace mcp {

class ToolRegistry {
 public:
  // Before anyone asks; see Server::add_tool for the rules.
  core::Status add(Tool tool);
  const Tool* find(std::string_view name) const;
  // The arguments it mirrors into headers.
  std::span<const HeaderParameter> header_parameters(const Tool& tool) const;

  void set_visible(std::function<bool(const Tool&)> visible);
  // Asks again what is visible; true when that changed.
  bool refresh();

  // The result of tools/list. Thread-safe.
  std::shared_ptr<const std::string> list(const Codec& codec);

 private:
  std::vector<const Tool*> ask_visible() const;

  std::vector<std::unique_ptr<Tool>> tools_;
  std::unordered_map<std::string_view, const Tool*> by_name_;
  std::unordered_map<const Tool*, std::vector<HeaderParameter>> mirrored_;  // those that mirror any
  std::function<bool(const Tool&)> visible_;

  std::mutex mutex_;  // of what follows
  bool asked_ = false;
  std::vector<const Tool*> shown_;
  std::array<std::shared_ptr<const std::string>, kRevisions> lists_;
};

}  // namespace mcp
