#include "mcp/json_text.h"

#include <algorithm>
#include <vector>

namespace mcp {
namespace {

void append_canonical(std::string& out, const core::json::Value& value);

void append_canonical(std::string& out, const core::json::Object& object) {
  std::vector<const boost::json::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) members.push_back(&member);
  std::ranges::sort(members, {}, [](const auto* member) { return std::string_view(member->key()); });
  out += '{';
  for (const auto* member : members) {
    if (out.back() != '{') out += ',';
    core::json::append_string(out, member->key());
    out += ':';
    append_canonical(out, member->value());
  }
  out += '}';
}

void append_canonical(std::string& out, const core::json::Value& value) {
  if (value.is_object()) {
    append_canonical(out, value.get_object());
  } else if (value.is_array()) {
    out += '[';
    for (const auto& element : value.get_array()) {
      if (out.back() != '[') out += ',';
      append_canonical(out, element);
    }
    out += ']';
  } else {
    core::json::append(out, value);
  }
}

}  // namespace

void ObjectText::comma() {
  if (text_.size() > 1) text_ += ',';
}

void ObjectText::key(std::string_view name) {
  comma();
  core::json::append_string(text_, name);
  text_ += ':';
}

ObjectText& ObjectText::raw(std::string_view name, std::string_view json) {
  key(name);
  text_ += json;
  return *this;
}

ObjectText& ObjectText::string(std::string_view name, std::string_view text) {
  key(name);
  core::json::append_string(text_, text);
  return *this;
}

ObjectText& ObjectText::optional_string(std::string_view name, std::string_view text) {
  return text.empty() ? *this : string(name, text);
}

ObjectText& ObjectText::boolean(std::string_view name, bool flag) {
  return raw(name, flag ? "true" : "false");
}

ObjectText& ObjectText::value(std::string_view name, const core::json::Value& json) {
  key(name);
  core::json::append(text_, json);
  return *this;
}

ObjectText& ObjectText::object(std::string_view name, const core::json::Object& json) {
  key(name);
  core::json::append(text_, json);
  return *this;
}

ObjectText& ObjectText::members(std::string_view text) {
  if (text.empty()) return *this;
  comma();
  text_ += text;
  return *this;
}

std::string ObjectText::close() && {
  text_ += '}';
  return std::move(text_);
}

std::string canonical(const core::json::Object& object) {
  std::string out;
  append_canonical(out, object);
  return out;
}

}  // namespace mcp
