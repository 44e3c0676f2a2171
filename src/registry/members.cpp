#include "registry/members.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/text.h"
#include "registry/service.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Object;
using core::json::Value;

std::unexpected<core::Error> bad(std::string location, std::string_view what) {
  std::string message = fmt::format("{}: {}", location, what);
  return refuse(ErrorKind::invalid_input, "INVALID_FORMAT", std::move(message), std::move(location));
}

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

}  // namespace

core::Status Members::only(std::span<const std::string_view> names) const {
  for (const auto& member : object_) {
    const std::string_view key = member.key();
    if (std::ranges::find(names, key) != names.end()) continue;
    return refuse(ErrorKind::invalid_input, "UNKNOWN_PROPERTY",
                  fmt::format("{}: is not a member that can be given here; these are: {}.", path_of(key),
                              fmt::join(names, ", ")),
                  path_of(key));
  }
  return {};
}

core::Status Members::only(std::initializer_list<std::string_view> names) const {
  return only(std::span<const std::string_view>(names.begin(), names.size()));
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
  return refuse(ErrorKind::invalid_input, "REQUIRED_PROPERTY", fmt::format("{}: is required", path_of(name)),
                path_of(name));
}

core::Result<Members> Members::object(std::string_view name) const {
  ASSIGN_OR_RETURN(auto object, optional_object(name));
  if (object) return *std::move(object);
  return refuse(ErrorKind::invalid_input, "REQUIRED_PROPERTY", fmt::format("{}: is required", path_of(name)),
                path_of(name));
}

core::Result<std::optional<std::string>> Members::optional_text(std::string_view name,
                                                                const TextRule& rule) const {
  const Value* value = object_.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  ASSIGN_OR_RETURN(std::string text, checked(*value, path_of(name), rule));
  return text;
}

core::Result<std::optional<bool>> Members::optional_flag(std::string_view name) const {
  const Value* value = object_.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_bool()) return bad(path_of(name), "must be true or false");
  return value->get_bool();
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
