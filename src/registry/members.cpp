#include "registry/members.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.h"
#include "registry/service.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Object;
using core::json::Value;

constexpr std::size_t kShownName = 100;  // characters

core::Result<std::string> checked(const Value& value, std::string location, const TextRule& rule) {
  if (!value.is_string()) return bad(std::move(location), "must be a string");
  std::string text(value.get_string());
  if (text.size() < rule.least) {
    return bad(std::move(location), rule.least == 1
                                        ? std::string("must not be empty")
                                        : fmt::format("must have at least {} characters", rule.least));
  }
  if (text.size() > rule.most)
    return bad(std::move(location), fmt::format("must have at most {} bytes", rule.most));
  const core::CleanOptions options{.line_breaks =
                                       rule.lines ? core::LineBreaks::keep : core::LineBreaks::visible};
  std::size_t removed = 0;
  const std::string cleaned = core::clean(text, options, &removed);
  if (removed > 0 || (!rule.lines && cleaned != text))
    return bad(std::move(location), "has characters that cannot be seen, or line breaks");
  return text;
}

// Whether what was sent says nothing else than what is shown.
bool part_of(const Value& sent, const Value& shown) {
  if (!sent.is_object() || !shown.is_object()) return sent == shown;
  return std::ranges::all_of(sent.get_object(), [&](const auto& member) {
    const Value* there = shown.get_object().if_contains(member.key());
    return there != nullptr && part_of(member.value(), *there);
  });
}

std::span<const std::string_view> span_of(Members::Names names) {
  return {names.begin(), names.size()};
}

}  // namespace

std::unexpected<core::Error> bad(std::string location, std::string_view what) {
  std::string message = fmt::format("{}: {}", location, what);
  return refuse(ErrorKind::invalid_input, "INVALID_FORMAT", std::move(message), std::move(location));
}

std::unexpected<core::Error> required(std::string location) {
  std::string message = fmt::format("{}: is required", location);
  return refuse(ErrorKind::invalid_input, "REQUIRED_PROPERTY", std::move(message), std::move(location));
}

core::Status Members::only(std::span<const std::string_view> names,
                           std::span<const std::string_view> fixed) const {
  for (const auto& member : object_) {
    const std::string_view key = member.key();
    if (std::ranges::find(names, key) != names.end()) continue;
    // A name is as long as the body lets it be.
    const std::string path = path_of(core::shorten(key, kShownName));
    if (std::ranges::find(fixed, key) != fixed.end())
      return refuse(ErrorKind::invalid_input, "IMMUTABLE_PROPERTY",
                    names.empty() ? fmt::format("{}: cannot be changed here.", path)
                                  : fmt::format("{}: cannot be changed; these can be: {}.", path,
                                                fmt::join(names, ", ")),
                    path);
    return refuse(ErrorKind::invalid_input, "UNKNOWN_PROPERTY",
                  fmt::format("{}: is not a member that can be given here; these are: {}.", path,
                              fmt::join(names, ", ")),
                  path);
  }
  return {};
}

core::Status Members::only(Names names, Names fixed) const {
  return only(span_of(names), span_of(fixed));
}

bool Members::is_null(std::string_view name) const {
  const Value* value = object_.if_contains(name);
  return value != nullptr && value->is_null();
}

std::string Members::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : fmt::format("{}.{}", path_, name);
}

core::Result<std::string> Members::text(std::string_view name, const TextRule& rule) const {
  ASSIGN_OR_RETURN(auto text, optional_text(name, rule));
  if (text) return *std::move(text);
  return required(path_of(name));
}

core::Result<std::string> Members::choice(std::string_view name,
                                          std::span<const std::string_view> choices) const {
  ASSIGN_OR_RETURN(auto text, optional_choice(name, choices));
  if (text) return *std::move(text);
  return required(path_of(name));
}

core::Result<std::string> Members::choice(std::string_view name, Names choices) const {
  return choice(name, span_of(choices));
}

core::Result<Members> Members::object(std::string_view name) const {
  ASSIGN_OR_RETURN(auto object, optional_object(name));
  if (object) return *std::move(object);
  return required(path_of(name));
}

core::Result<std::optional<std::string>> Members::optional_text(std::string_view name,
                                                                const TextRule& rule) const {
  const Value* value = object_.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  ASSIGN_OR_RETURN(std::string text, checked(*value, path_of(name), rule));
  return text;
}

core::Result<std::optional<std::string>> Members::optional_choice(
    std::string_view name, std::span<const std::string_view> choices) const {
  const Value* value = object_.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (value->is_string()) {
    const auto found = std::ranges::find(choices, std::string_view(value->get_string()));
    if (found != choices.end()) return std::string(*found);
  }
  return bad(path_of(name), choices.size() == 1 ? fmt::format("must be {}", choices.front())
                                                : fmt::format("must be one of {}", fmt::join(choices, ", ")));
}

core::Result<std::optional<std::string>> Members::optional_choice(std::string_view name,
                                                                  Names choices) const {
  return optional_choice(name, span_of(choices));
}

core::Result<std::optional<bool>> Members::optional_flag(std::string_view name) const {
  const Value* value = object_.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_bool()) return bad(path_of(name), "must be true or false");
  return value->get_bool();
}

core::Result<std::optional<std::int64_t>> Members::optional_integer(std::string_view name, std::int64_t least,
                                                                    std::int64_t most) const {
  const Value* value = object_.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_int64() || value->get_int64() < least || value->get_int64() > most)
    return bad(path_of(name), fmt::format("must be a whole number from {} to {}", least, most));
  return value->get_int64();
}

core::Result<core::Secret> Members::optional_secret(std::string_view name, std::size_t most) const {
  const Value* value = object_.if_contains(name);
  if (value == nullptr || value->is_null()) return core::Secret();
  if (!value->is_string()) return bad(path_of(name), "must be a string");
  const std::string_view text = value->get_string();
  if (text.size() > most) return bad(path_of(name), fmt::format("must have at most {} bytes", most));
  if (std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return bad(path_of(name), "has control characters, or line breaks");
  return core::Secret(std::string(text));
}

core::Result<std::optional<Members>> Members::optional_object(std::string_view name) const {
  const Value* value = object_.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_object()) return bad(path_of(name), "must be an object");
  return Members(value->get_object(), path_of(name));
}

core::Result<std::optional<std::vector<std::string>>> Members::optional_texts(std::string_view name,
                                                                              std::size_t least,
                                                                              std::size_t most,
                                                                              const TextRule& rule) const {
  const Value* value = object_.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_array()) return bad(path_of(name), "must be an array of strings");
  const auto& array = value->get_array();
  if (array.size() < least) return bad(path_of(name), fmt::format("must have at least {} entries", least));
  if (array.size() > most) return bad(path_of(name), fmt::format("must have at most {} entries", most));
  std::vector<std::string> out;
  out.reserve(array.size());
  for (const Value& entry : array) {
    ASSIGN_OR_RETURN(std::string text, checked(entry, path_of(name), rule));
    if (std::ranges::find(out, text) != out.end())
      return bad(path_of(name), fmt::format("has '{}' twice", text));
    out.push_back(std::move(text));
  }
  return out;
}

core::Status same_as_shown(const Members& sent, const Object& shown,
                           std::span<const std::string_view> names) {
  for (const std::string_view name : names) {
    const Value* value = sent.members().if_contains(name);
    if (value == nullptr) continue;
    const Value* there = shown.if_contains(name);
    if (there != nullptr && part_of(*value, *there)) continue;
    return refuse(
        ErrorKind::invalid_input, "IMMUTABLE_PROPERTY",
        fmt::format("{}: cannot be changed. Leave it out, or send what a GET shows.", sent.path_of(name)),
        sent.path_of(name));
  }
  return {};
}

}  // namespace registry
