#include "registry/request_fields.h"

#include <algorithm>
#include <fmt/format.h>

#include "registry/service.h"

namespace registry {

namespace {

using core::ErrorKind;
using core::json::Value;

std::unexpected<core::Error> wrong(std::string path, std::string_view expected) {
  return refuse(ErrorKind::invalid_input, "INVALID_FORMAT", fmt::format("{} must be {}.", path, expected),
                path);
}

bool is_plain(std::string_view text) {
  return std::ranges::none_of(text, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

}  // namespace

std::string RequestFields::path_of(std::string_view name) const {
  return where_.empty() ? std::string(name) : fmt::format("{}.{}", where_, name);
}

const Value* RequestFields::take(std::string_view name) {
  known_.emplace(name);
  const Value* value = object_->if_contains(name);
  return value && !value->is_null() ? value : nullptr;
}

bool RequestFields::has(std::string_view name) const {
  const Value* value = object_->if_contains(name);
  return value && !value->is_null();
}

core::Result<std::optional<std::string>> RequestFields::text(std::string_view name, std::size_t max) {
  const Value* value = take(name);
  if (!value) return std::nullopt;
  const auto* text = value->if_string();
  if (!text || text->size() > max || !is_plain({text->data(), text->size()}))
    return wrong(path_of(name), fmt::format("text of at most {} bytes", max));
  return std::string(text->data(), text->size());
}

core::Result<std::string> RequestFields::required_text(std::string_view name, std::size_t max) {
  ASSIGN_OR_RETURN(auto found, text(name, max));
  if (!found || found->empty())
    return refuse(ErrorKind::invalid_input, "REQUIRED", fmt::format("{} is required.", path_of(name)),
                  path_of(name));
  return *std::move(found);
}

core::Result<std::optional<std::string>> RequestFields::choice(
    std::string_view name, std::initializer_list<std::string_view> choices) {
  ASSIGN_OR_RETURN(auto found, text(name, 64));
  if (!found || std::ranges::find(choices, *found) != choices.end()) return found;
  std::string list;
  for (const auto one : choices) list += fmt::format("{}{}", list.empty() ? "" : ", ", one);
  return wrong(path_of(name), fmt::format("one of {}", list));
}

core::Result<std::optional<bool>> RequestFields::flag(std::string_view name) {
  const Value* value = take(name);
  if (!value) return std::nullopt;
  if (!value->is_bool()) return wrong(path_of(name), "true or false");
  return value->get_bool();
}

core::Result<std::optional<std::vector<std::string>>> RequestFields::texts(std::string_view name,
                                                                           std::size_t max_count,
                                                                           std::size_t max) {
  const Value* value = take(name);
  if (!value) return std::nullopt;
  const auto* array = value->if_array();
  const std::string expected = fmt::format("a list of at most {} texts of at most {} bytes", max_count, max);
  if (!array || array->size() > max_count) return wrong(path_of(name), expected);
  std::vector<std::string> list;
  list.reserve(array->size());
  for (const auto& element : *array) {
    const auto* text = element.if_string();
    if (!text || text->empty() || text->size() > max || !is_plain({text->data(), text->size()}))
      return wrong(path_of(name), expected);
    list.emplace_back(text->data(), text->size());
  }
  return list;
}

core::Result<std::optional<RequestFields>> RequestFields::object(std::string_view name) {
  const Value* value = take(name);
  if (!value) return std::nullopt;
  if (!value->is_object()) return wrong(path_of(name), "an object");
  return RequestFields(value->get_object(), path_of(name));
}

void RequestFields::ignore(std::initializer_list<std::string_view> names) {
  for (const auto name : names) known_.emplace(name);
}

core::Status RequestFields::done() const {
  for (const auto& member : *object_) {
    const std::string_view name = member.key();
    if (known_.contains(name)) continue;
    const std::string path = path_of(name.substr(0, 100));
    return refuse(ErrorKind::invalid_input, "UNKNOWN_MEMBER",
                  fmt::format("There is no member {} here.", path), path);
  }
  return {};
}

}  // namespace registry
