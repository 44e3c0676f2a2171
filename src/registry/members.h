// The members of a request's body, closed and bounded: the one way to read them. A refusal names the member
// by its path ("profile.name"), with a reason for programs: REQUIRED_PROPERTY, INVALID_FORMAT,
// UNKNOWN_PROPERTY, IMMUTABLE_PROPERTY (all 400).
//
//   const Members in(request.body);
//   RETURN_IF_ERROR(in.only({"name", "protocol"}));
//   ASSIGN_OR_RETURN(const std::string name, in.text("name", {.most = 100}));
//   ASSIGN_OR_RETURN(const Members protocol, in.object("protocol"));
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "core/secret.h"

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
  using Names = std::initializer_list<std::string_view>;

  explicit Members(const core::json::Object& object, std::string path = {})
      : object_(object), path_(std::move(path)) {}

  // Refuses other members; IMMUTABLE_PROPERTY for those of `fixed`, which the entity has but a request does
  // not change.
  core::Status only(Names names, Names fixed = {}) const;
  core::Status only(std::span<const std::string_view> names,
                    std::span<const std::string_view> fixed = {}) const;

  bool has(std::string_view name) const { return object_.contains(name); }  // null, too
  bool is_null(std::string_view name) const;
  std::string path_of(std::string_view name) const;

  core::Result<std::string> text(std::string_view name, const TextRule& rule = {}) const;
  // One of these, exactly.
  core::Result<std::string> choice(std::string_view name, std::span<const std::string_view> choices) const;
  core::Result<std::string> choice(std::string_view name, Names choices) const;
  core::Result<Members> object(std::string_view name) const;

  // Absent or null: nullopt.
  core::Result<std::optional<std::string>> optional_text(std::string_view name,
                                                         const TextRule& rule = {}) const;
  core::Result<std::optional<std::string>> optional_choice(std::string_view name,
                                                           std::span<const std::string_view> choices) const;
  core::Result<std::optional<std::string>> optional_choice(std::string_view name, Names choices) const;
  core::Result<std::optional<bool>> optional_flag(std::string_view name) const;
  core::Result<std::optional<std::int64_t>> optional_integer(std::string_view name, std::int64_t least,
                                                             std::int64_t most) const;
  core::Result<std::optional<Members>> optional_object(std::string_view name) const;
  // Each of them once.
  core::Result<std::optional<std::vector<std::string>>> optional_texts(std::string_view name,
                                                                       std::size_t least, std::size_t most,
                                                                       const TextRule& rule = {}) const;
  // Up to `most` bytes without control characters; empty as well when it is "". Leaves no other copy behind
  // than the body's own.
  core::Result<core::Secret> optional_secret(std::string_view name, std::size_t most) const;

  const core::json::Object& members() const { return object_; }

 private:
  const core::json::Object& object_;
  std::string path_;
};

// That a member which cannot be changed says what is there already; objects may say a part of it.
core::Status same_as_shown(const Members& sent, const core::json::Object& shown,
                           std::span<const std::string_view> names);

// What only the caller knows to be wrong: INVALID_FORMAT "LOCATION: WHAT", REQUIRED_PROPERTY.
std::unexpected<core::Error> bad(std::string location, std::string_view what);
std::unexpected<core::Error> required(std::string location);

}  // namespace registry
