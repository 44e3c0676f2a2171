// The prompts a server offers, checked when they are added.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/json.h"
#include "core/result.h"
#include "mcp/codec.h"
#include "mcp/listing.h"
#include "mcp/prompt.h"

namespace mcp {

class PromptRegistry {
 public:
  explicit PromptRegistry(std::size_t page_size = 100) : prompts_("prompts", page_size) {}

  // Before anyone asks; see Server::add_prompt for the rules.
  core::Status add(Prompt prompt);
  const Prompt* find(std::string_view name) const;
  bool empty() const { return prompts_.empty(); }
  // Some prompt has a completer.
  bool can_complete() const { return can_complete_; }

  void set_visible(std::function<bool(const Prompt&)> visible) { prompts_.set_visible(std::move(visible)); }
  // Asks again what is visible; true when that changed.
  bool refresh() { return prompts_.refresh(); }

  // The result of prompts/list; null for a bad cursor. Thread-safe.
  std::shared_ptr<const std::string> list(const Codec& codec, std::string_view cursor = {}) {
    return prompts_.page(codec, cursor);
  }

 private:
  Listing<Prompt> prompts_;
  std::unordered_map<std::string_view, const Prompt*> by_name_;
  bool can_complete_ = false;
};

// The arguments of prompts/get as PromptGet promises them. Hosts send "" for what a person left empty, so
// that counts as not given. Error mcp.prompt.arguments.
core::Result<PromptArguments> read_prompt_arguments(const Prompt& prompt,
                                                    const core::json::Object& arguments);

}  // namespace mcp
