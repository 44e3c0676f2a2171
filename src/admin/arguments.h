// A tool's arguments: the schema a client sees, and the check against that same declaration.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "admin/tool_row.h"
#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"

namespace admin {

// JSON Schema 2020-12, closed (additionalProperties false).
core::json::Object input_schema(const ToolRow& row);

// What a name or login turned out to be.
struct Resolved {
  std::string id;
  std::string name;  // as Okta shows it; equal to id when nobody had to look
};

// Checked arguments. Null counts as not given, except inside objects, where it clears a field.
class Arguments {
 public:
  // Errors: admin.argument.unknown, admin.argument.missing, admin.argument.type, admin.argument.value; the
  // message names the parameter, the hint lists what is allowed.
  static core::Result<Arguments> check(const ToolRow& row, const core::json::Object& given,
                                       core::WallTime now);

  const core::json::Object& given() const { return values_; }
  bool has(std::string_view name) const { return values_.if_contains(name) != nullptr; }
  std::string_view text(std::string_view name) const;  // empty when absent
  std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
  bool boolean(std::string_view name, bool otherwise = false) const;
  std::vector<std::string> list(std::string_view name) const;
  const core::json::Object* object(std::string_view name) const;

  // A parameter that is a list resolves to several.
  void add_resolved(std::string_view name, Resolved what) {
    resolved_[std::string(name)].push_back(std::move(what));
  }
  std::span<const Resolved> resolved(std::string_view name) const;
  // The id behind an id parameter; what was given when it has not been resolved.
  std::string id(std::string_view name) const;
  std::string display_name(std::string_view name) const;

 private:
  core::json::Object values_;
  std::map<std::string, std::vector<Resolved>, std::less<>> resolved_;  // none is empty
};

// "/api/v1/users/{user_id}" with the resolved ids in place, percent-encoded.
std::string expand_path(std::string_view path_template, const Arguments& arguments);

}  // namespace admin
