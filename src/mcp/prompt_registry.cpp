#include "mcp/prompt_registry.h"

#include <algorithm>
#include <fmt/format.h>

#include "mcp/contains.h"

namespace mcp {
namespace {

constexpr std::size_t kMaxName = 128;
constexpr std::size_t kMaxDescription = 2048;  // where hosts cut it
constexpr std::size_t kMaxArguments = 64;

bool valid_name(std::string_view name) {
  auto character = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
  };
  return !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, character);
}

core::Status check(const Prompt& prompt) {
  auto bad = [&](std::string_view reason, std::string message) {
    return core::fail(core::ErrorKind::invalid_input, fmt::format("mcp.prompt.{}", reason),
                      std::move(message));
  };
  if (!valid_name(prompt.name)) {
    return bad("name", fmt::format("The prompt name \"{}\" is not 1 to {} of [A-Za-z0-9_.-].", prompt.name,
                                   kMaxName));
  }
  auto too_long = [&](std::string_view description) { return description.size() > kMaxDescription; };
  if (too_long(prompt.description)) {
    return bad("description",
               fmt::format("The description of prompt {} has over {} bytes.", prompt.name, kMaxDescription));
  }
  if (prompt.arguments.size() > kMaxArguments) {
    return bad("arguments", fmt::format("Prompt {} has over {} arguments.", prompt.name, kMaxArguments));
  }
  for (const PromptArgument& argument : prompt.arguments) {
    if (!valid_name(argument.name) ||
        std::ranges::count(prompt.arguments, argument.name, &PromptArgument::name) > 1) {
      return bad("arguments",
                 fmt::format("The argument \"{}\" of prompt {} is there twice or is not 1 to {} of "
                             "[A-Za-z0-9_.-].",
                             argument.name, prompt.name, kMaxName));
    }
    if (too_long(argument.description)) {
      return bad("description", fmt::format("The description of argument {} of prompt {} has over {} bytes.",
                                            argument.name, prompt.name, kMaxDescription));
    }
  }
  if (!prompt.get)
    return bad("writer", fmt::format("Prompt {} has no function that writes it.", prompt.name));
  return check_icons(prompt.icons, fmt::format("prompt {}", prompt.name));
}

}  // namespace

core::Status PromptRegistry::add(Prompt prompt) {
  RETURN_IF_ERROR(check(prompt));
  if (by_name_.contains(prompt.name)) {
    return core::fail(core::ErrorKind::conflict, "mcp.prompt.duplicate",
                      fmt::format("There are two prompts named {}.", prompt.name));
  }
  can_complete_ = can_complete_ || prompt.complete;
  std::string name = prompt.name;
  const Prompt& kept = prompts_.add(std::move(prompt), name);
  by_name_.emplace(kept.name, &kept);
  return {};
}

const Prompt* PromptRegistry::find(std::string_view name) const {
  auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second;
}

core::Result<PromptArguments> read_prompt_arguments(const Prompt& prompt,
                                                    const core::json::Object& arguments) {
  auto bad = [](std::string message) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.prompt.arguments", std::move(message));
  };
  PromptArguments read;
  for (const auto& [key, value] : arguments) {
    std::string_view name = key;
    if (!contains(prompt.arguments, name, &PromptArgument::name)) {
      return bad(fmt::format("Prompt {} has no argument \"{}\".", prompt.name, name.substr(0, 100)));
    }
    if (!value.is_string()) return bad(fmt::format("The argument \"{}\" must be a string.", name));
    if (!value.get_string().empty()) read.emplace(name, value.get_string());
  }
  for (const PromptArgument& argument : prompt.arguments) {
    if (argument.required && !read.contains(argument.name)) {
      return bad(fmt::format("Prompt {} needs the argument \"{}\".", prompt.name, argument.name));
    }
  }
  return read;
}

}  // namespace mcp
