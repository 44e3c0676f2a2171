// The members of a request's body, closed and bounded. A refusal names the member by its path
// ("profile.name"), with a reason for programs: REQUIRED_PROPERTY, INVALID_FORMAT, UNKNOWN_PROPERTY,
// IMMUTABLE_PROPERTY (all 400).
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace registry {

// Lengths in bytes. Text is UTF-8 that a person can see; lines where `lines` says so.
struct TextRule {
  std::size_t least = 1;
  std::size_t most = 255;
  bool lines = false;
};

// Holds a reference: the object outlives it.
class Members {
 public:
  explicit Members(const core::json::Object& object, std::string path = {})
      : object_(object), path_(std::move(path)) {}

  core::Status only(std::initializer_list<std::string_view> names) const;
  core::Status only(std::span<const std::string_view> names) const;

  bool has(std::string_view name) const { return object_.contains(name); }
  bool is_null(std::string_view name) const;
  std::string path_of(std::string_view name) const;

  core::Result<std::string> text(std::string_view name, const TextRule& rule = {}) const;
  core::Result<Members> object(std::string_view name) const;
  // Absent or null: nullopt.
  core::Result<std::optional<std::string>> optional_text(std::string_view name,
                                                         const TextRule& rule = {}) const;
  core::Result<std::optional<bool>> optional_flag(std::string_view name) const;
  core::Result<std::optional<Members>> optional_object(std::string_view name) const;
  core::Result<std::optional<std::vector<std::string>>> optional_texts(std::string_view name,
                                                                       std::size_t least, std::size_t most,
                                                                       const TextRule& rule = {}) const;

  const core::json::Object& members() const { return object_; }

 private:
  const core::json::Object& object_;
  std::string path_;
};

// That a member which cannot be changed says what is there already; objects may say a part of it.
core::Status same_as_shown(const Members& sent, const core::json::Object& shown,
                           std::span<const std::string_view> names);

}  // namespace registry
