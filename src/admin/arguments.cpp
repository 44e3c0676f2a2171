#include "admin/arguments.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/encoding.h"

namespace admin {
namespace {

namespace json = core::json;
using core::ErrorKind;
using core::fail;

constexpr std::size_t kMaxText = 64u << 10;
constexpr std::size_t kMaxListItems = 500;

bool is_identifier(Type type) {
  return type == Type::user || type == Type::group || type == Type::application || type == Type::policy ||
         type == Type::policy_rule;
}

std::unexpected<core::Error> wrong(const Param& param, std::string_view expected) {
  return fail(ErrorKind::invalid_input, "admin.argument.type",
              fmt::format("\"{}\" must be {}.", param.name, expected),
              param.about.empty() ? std::string{} : fmt::format("It means: {}.", param.about));
}

// What could leave its path segment, or hide from whoever reads the audit line.
core::Status check_identifier(const Param& param, std::string_view text) {
  auto refuse = [&](std::string_view why) {
    return fail(ErrorKind::invalid_input, "admin.argument.value",
                fmt::format("\"{}\" {}; nothing was sent to Okta.", param.name, why),
                "Give the id, or the exact login or name.");
  };
  if (text.find_first_not_of(' ') == std::string_view::npos) return refuse("is empty");
  if (text.size() > 255) return refuse("is longer than 255 bytes");
  for (char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return refuse("holds a control character");
  }
  std::string lower;
  for (char c : text) lower += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  for (std::string_view bad : {"..", "\\", "%2f", "%5c", "%2e"}) {
    if (lower.find(bad) != std::string::npos)
      return refuse(fmt::format("holds \"{}\", which no id or name needs", bad));
  }
  if (param.type == Type::user) {
    for (std::string_view bad : {"?", "#", " "}) {
      if (lower.find(bad) != std::string::npos)
        return refuse(fmt::format("holds \"{}\", which no login has", bad));
    }
  }
  return {};
}

core::Status check_text(const Param& param, std::string_view text) {
  if (text.size() > kMaxText) {
    return fail(ErrorKind::invalid_input, "admin.argument.value",
                fmt::format("\"{}\" is longer than {} bytes.", param.name, kMaxText));
  }
  if (param.choices.empty() ||
      std::find(param.choices.begin(), param.choices.end(), text) != param.choices.end()) {
    return {};
  }
  return fail(ErrorKind::invalid_input, "admin.argument.value",
              fmt::format("\"{}\" cannot be \"{}\".", param.name, text),
              fmt::format("Choose one of: {}.", fmt::join(param.choices, ", ")));
}

core::Result<json::Value> check_value(const Param& param, const json::Value& value, core::WallTime now) {
  switch (param.type) {
    case Type::integer: {
      json::Reader reader(value);
      auto number = reader.integer();
      bool ranged = param.minimum != 0 || param.maximum != 0;
      if (!number || (ranged && (*number < param.minimum || *number > param.maximum))) {
        return wrong(param, ranged ? fmt::format("an integer from {} to {}", param.minimum, param.maximum)
                                   : std::string("an integer"));
      }
      return json::Value(*number);
    }
    case Type::boolean:
      if (!value.is_bool()) return wrong(param, "true or false (not a string)");
      return value;
    case Type::object:
      if (!value.is_object()) return wrong(param, "a JSON object");
      return value;
    case Type::string_list:
    case Type::group_list: {
      if (!value.is_array() || value.get_array().size() > kMaxListItems) {
        return wrong(param, fmt::format("an array of at most {} strings", kMaxListItems));
      }
      for (const auto& element : value.get_array()) {
        if (!element.is_string()) return wrong(param, "an array of strings");
        RETURN_IF_ERROR(param.type == Type::group_list ? check_identifier(param, element.get_string())
                                                       : check_text(param, element.get_string()));
      }
      return value;
    }
    case Type::time: {
      if (!value.is_string()) return wrong(param, "a string");
      auto time = core::parse_time(value.get_string(), now);
      if (!time) {
        return fail(ErrorKind::invalid_input, "admin.argument.value",
                    fmt::format("\"{}\": {}", param.name, time.error().message), time.error().hint);
      }
      return json::Value(core::to_rfc3339(*time));
    }
    default:
      if (!value.is_string()) return wrong(param, "a string");
      if (is_identifier(param.type)) {
        RETURN_IF_ERROR(check_identifier(param, value.get_string()));
      } else {
        RETURN_IF_ERROR(check_text(param, value.get_string()));
      }
      return value;
  }
}

std::string_view schema_type(Type type) {
  switch (type) {
    case Type::integer:
      return "integer";
    case Type::boolean:
      return "boolean";
    case Type::object:
      return "object";
    case Type::string_list:
    case Type::group_list:
      return "array";
    default:
      return "string";
  }
}

}  // namespace

json::Object input_schema(const ToolRow& row) {
  json::Object properties;
  json::Array required;
  for (const Param& param : all_params(row)) {
    json::Object schema;
    schema["type"] = schema_type(param.type);
    if (!param.about.empty()) schema["description"] = param.about;
    if (!param.choices.empty()) {
      json::Array choices;
      for (auto choice : param.choices) choices.emplace_back(choice);
      schema["enum"] = std::move(choices);
    }
    if (param.type == Type::integer && (param.minimum != 0 || param.maximum != 0)) {
      schema["minimum"] = param.minimum;
      schema["maximum"] = param.maximum;
    }
    if (param.type == Type::string_list || param.type == Type::group_list) {
      schema["items"] = json::Object{{"type", "string"}};
    }
    properties[param.name] = std::move(schema);
    if (param.required) required.emplace_back(param.name);
  }
  json::Object schema;
  schema["type"] = "object";
  if (!properties.empty()) schema["properties"] = std::move(properties);
  if (!required.empty()) schema["required"] = std::move(required);
  schema["additionalProperties"] = false;
  return schema;
}

core::Result<Arguments> Arguments::check(const ToolRow& row, const json::Object& given, core::WallTime now) {
  Arguments arguments;
  std::vector<Param> params = all_params(row);
  for (const auto& member : given) {
    auto declared = std::find_if(params.begin(), params.end(), [&](const Param& param) {
      return param.name == std::string_view(member.key());
    });
    if (declared == params.end()) {
      std::vector<std::string_view> names;
      names.reserve(params.size());
      for (const Param& param : params) names.push_back(param.name);
      return fail(ErrorKind::invalid_input, "admin.argument.unknown",
                  fmt::format("{} has no parameter \"{}\".", row.name, std::string_view(member.key())),
                  names.empty() ? std::string("It takes none.")
                                : fmt::format("It takes: {}.", fmt::join(names, ", ")));
    }
    if (member.value().is_null()) continue;
    ASSIGN_OR_RETURN(arguments.values_[member.key()], check_value(*declared, member.value(), now));
  }
  for (const Param& param : params) {
    if (!param.required || arguments.has(param.name)) continue;
    return fail(ErrorKind::invalid_input, "admin.argument.missing",
                fmt::format("{} needs \"{}\".", row.name, param.name),
                param.about.empty() ? std::string{} : fmt::format("It means: {}.", param.about));
  }
  return arguments;
}

std::string_view Arguments::text(std::string_view name) const {
  const json::Value* value = values_.if_contains(name);
  if (!value || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

std::int64_t Arguments::integer(std::string_view name, std::int64_t otherwise) const {
  const json::Value* value = values_.if_contains(name);
  return value && value->is_int64() ? value->get_int64() : otherwise;
}

bool Arguments::boolean(std::string_view name, bool otherwise) const {
  const json::Value* value = values_.if_contains(name);
  return value && value->is_bool() ? value->get_bool() : otherwise;
}

std::vector<std::string> Arguments::list(std::string_view name) const {
  std::vector<std::string> out;
  const json::Value* value = values_.if_contains(name);
  if (!value || !value->is_array()) return out;
  for (const auto& element : value->get_array()) {
    if (element.is_string()) out.emplace_back(element.get_string());
  }
  return out;
}

const json::Object* Arguments::object(std::string_view name) const {
  const json::Value* value = values_.if_contains(name);
  return value && value->is_object() ? &value->get_object() : nullptr;
}

std::span<const Resolved> Arguments::resolved(std::string_view name) const {
  auto found = resolved_.find(name);
  return found != resolved_.end() ? std::span<const Resolved>(found->second) : std::span<const Resolved>();
}

std::string Arguments::id(std::string_view name) const {
  const auto found = resolved(name);
  return found.empty() ? std::string(text(name)) : found.front().id;
}

std::string Arguments::display_name(std::string_view name) const {
  const auto found = resolved(name);
  return found.empty() ? std::string(text(name)) : found.front().name;
}

std::string expand_path(std::string_view path_template, const Arguments& arguments) {
  std::string path;
  while (!path_template.empty()) {
    auto open = path_template.find('{');
    path += path_template.substr(0, open);
    if (open == std::string_view::npos) break;
    auto close = path_template.find('}', open);
    path += core::percent_encode(arguments.id(path_template.substr(open + 1, close - open - 1)));
    path_template.remove_prefix(close + 1);
  }
  return path;
}

}  // namespace admin
