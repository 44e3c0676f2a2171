#include "mcp/form.h"

#include <cmath>
#include <fmt/format.h>

namespace mcp {
namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;

core::Status mismatch(std::string_view member, std::string_view what) {
  return core::fail(core::ErrorKind::invalid_input, "mcp.form.mismatch",
                    fmt::format("The form member \"{}\" {}.", member, what));
}

std::string_view string_member(const Object& object, std::string_view key) {
  const Value* found = object.if_contains(key);
  return found && found->is_string() ? std::string_view(found->get_string()) : std::string_view{};
}

std::optional<double> number_member(const Object& object, std::string_view key) {
  const Value* found = object.if_contains(key);
  return found && found->is_number() ? std::optional(found->to_number<double>()) : std::nullopt;
}

// Of `enum`, or of `oneOf`/`anyOf` with a `const` each (titled choices). True where the schema lists no
// choices.
bool among_choices(const Object& schema, const Value& value) {
  if (const Value* plain = schema.if_contains("enum"); plain && plain->is_array()) {
    for (const Value& choice : plain->get_array()) {
      if (choice == value) return true;
    }
    return false;
  }
  for (std::string_view key : {"oneOf", "anyOf"}) {
    const Value* titled = schema.if_contains(key);
    if (!titled || !titled->is_array()) continue;
    for (const Value& choice : titled->get_array()) {
      const Object* option = choice.if_object();
      const Value* constant = option ? option->if_contains("const") : nullptr;
      if (constant && *constant == value) return true;
    }
    return false;
  }
  return true;
}

// Characters, not bytes, as JSON Schema counts them.
std::size_t length_of(std::string_view text) {
  std::size_t count = 0;
  for (char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

bool within(const Object& schema, std::string_view low, std::string_view high, double number) {
  auto least = number_member(schema, low), most = number_member(schema, high);
  return !(least && number < *least) && !(most && number > *most);
}

core::Status check_choices(std::string_view name, const Object& schema, const Value& value) {
  if (!value.is_array()) return mismatch(name, "must be an array");
  const Array& chosen = value.get_array();
  if (!within(schema, "minItems", "maxItems", static_cast<double>(chosen.size()))) {
    return mismatch(name, "has too few or too many items");
  }
  const Value* items = schema.if_contains("items");
  for (const Value& item : chosen) {
    if (!item.is_string()) return mismatch(name, "must hold strings");
    if (items && items->is_object() && !among_choices(items->get_object(), item)) {
      return mismatch(name, "holds something that was not offered");
    }
  }
  return {};
}

core::Status check_member(std::string_view name, const Object& schema, const Value& value) {
  std::string_view type = string_member(schema, "type");
  if (type == "array") return check_choices(name, schema, value);
  if (type == "boolean") {
    if (!value.is_bool()) return mismatch(name, "must be true or false");
  } else if (type == "number" || type == "integer") {
    if (!value.is_number()) return mismatch(name, "must be a number");
    double number = value.to_number<double>();
    if (type == "integer" && number != std::floor(number)) return mismatch(name, "must be an integer");
    if (!within(schema, "minimum", "maximum", number)) return mismatch(name, "is out of range");
  } else {
    if (!value.is_string()) return mismatch(name, "must be a string");
    if (!within(schema, "minLength", "maxLength", static_cast<double>(length_of(value.get_string())))) {
      return mismatch(name, "is too short or too long");
    }
  }
  return among_choices(schema, value) ? core::Status{} : mismatch(name, "is not one of the choices");
}

}  // namespace

core::Status check_form(const Object& requested_schema, const Object& content) {
  static const Object kNone;
  const Value* declared = requested_schema.if_contains("properties");
  const Object& properties = declared && declared->is_object() ? declared->get_object() : kNone;
  if (const Value* required = requested_schema.if_contains("required"); required && required->is_array()) {
    for (const Value& name : required->get_array()) {
      if (name.is_string() && !content.contains(name.get_string()))
        return mismatch(name.get_string(), "is missing");
    }
  }
  for (const auto& member : content) {
    const Value* schema = properties.if_contains(member.key());
    if (!schema || !schema->is_object()) return mismatch(member.key(), "was not asked for");
    RETURN_IF_ERROR(check_member(member.key(), schema->get_object(), member.value()));
  }
  return {};
}

std::optional<Answer> parse_action(const Value& elicit_result) {
  const Object* object = elicit_result.if_object();
  if (!object) return std::nullopt;
  std::string_view action = string_member(*object, "action");
  if (action == "accept") return Answer::accept;
  if (action == "decline") return Answer::decline;
  if (action == "cancel") return Answer::cancel;
  return std::nullopt;
}

std::string_view to_string(Answer answer) {
  switch (answer) {
    case Answer::accept:
      return "accept";
    case Answer::decline:
      return "decline";
    case Answer::cancel:
      return "cancel";
  }
  return "cancel";
}

core::Result<InputResponse> read_answer(const Value& result, const Question& question) {
  if (std::holds_alternative<SamplingQuestion>(question) || std::holds_alternative<RootsQuestion>(question)) {
    const Object* members = result.if_object();
    if (!members) {
      return core::fail(core::ErrorKind::invalid_input, "mcp.form.malformed", "An answer is an object.");
    }
    return InputResponse{Answer::accept, *members};
  }
  auto action = parse_action(result);
  if (!action) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.form.malformed",
                      "An answer is an object whose action is accept, decline or cancel.");
  }
  const auto* form = std::get_if<FormQuestion>(&question);
  if (*action != Answer::accept || !form) return InputResponse{*action, {}};
  const Value* content = result.get_object().if_contains("content");
  if (content && !content->is_object()) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.form.malformed",
                      "The content of an answer is an object.");
  }
  InputResponse answer{Answer::accept, content ? content->get_object() : Object{}};
  RETURN_IF_ERROR(check_form(form->requested_schema, answer.content));
  return answer;
}

}  // namespace mcp
