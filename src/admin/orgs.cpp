#include "admin/orgs.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace admin {
namespace {

namespace json = core::json;
using core::ErrorKind;
using core::fail;

bool must_name_org(const ToolRow& row) {
  return row.effect != Effect::read;
}

}  // namespace

std::string Orgs::names() const {
  std::vector<std::string_view> names;
  names.reserve(orgs_.size());
  for (const auto& org : orgs_) names.push_back(org.name);
  return fmt::format("The orgs are: {}.", fmt::join(names, ", "));
}

Services* Orgs::find(std::string_view name) const {
  if (name.empty()) return &standard();
  auto org = std::ranges::find_if(orgs_, [&](const Named& one) { return one.name == name; });
  return org == orgs_.end() ? nullptr : org->services;
}

void Orgs::describe(const ToolRow& row, json::Object& schema) const {
  if (!several()) return;
  json::Array names;
  names.reserve(orgs_.size());
  for (const auto& org : orgs_) names.emplace_back(org.name);
  json::Object param{{"type", "string"}};
  if (!must_name_org(row)) param["description"] = fmt::format("default {}", orgs_[standard_].name);
  param["enum"] = std::move(names);
  json::Value& properties = schema["properties"];
  if (!properties.is_object()) properties = json::Object{};
  properties.get_object()[kOrgParam] = std::move(param);
  if (!must_name_org(row)) return;
  json::Value& required = schema["required"];
  if (!required.is_array()) required = json::Array{};
  required.get_array().emplace_back(kOrgParam);
}

core::Result<Services*> Orgs::take(const ToolRow& row, json::Object& arguments) const {
  if (!several()) return &standard();
  const json::Value* given = arguments.if_contains(kOrgParam);
  if (!given || given->is_null()) {
    arguments.erase(kOrgParam);
    if (!must_name_org(row)) return &standard();
    return fail(ErrorKind::invalid_input, "admin.argument.missing",
                fmt::format("{} needs \"org\": a change has to name the org it is for.", row.name), names());
  }
  if (!given->is_string()) {
    return fail(ErrorKind::invalid_input, "admin.argument.type", "\"org\" must be a string.", names());
  }
  const std::string_view wanted = given->get_string();
  Services* found = wanted.empty() ? nullptr : find(wanted);
  if (!found) {
    return fail(ErrorKind::invalid_input, "admin.argument.value",
                fmt::format("\"org\" cannot be \"{}\".", wanted.substr(0, 80)), names());
  }
  arguments.erase(kOrgParam);
  return found;
}

}  // namespace admin
