// Building JSON as text, for answers that are written once and never read by us.
#pragma once

#include <string>
#include <string_view>

#include "core/json.h"

namespace mcp {

// Members of one object, in the order they are added:
//   ObjectText result; result.string("name", name); result.raw("tools", list); return
//   std::move(result).close();
class ObjectText {
 public:
  ObjectText() : text_("{") {}
  explicit ObjectText(std::size_t expected_bytes) {
    text_.reserve(expected_bytes);
    text_ += '{';
  }
  ObjectText& raw(std::string_view key, std::string_view json);
  ObjectText& string(std::string_view key, std::string_view value);
  // Left out when empty, as optional members are.
  ObjectText& optional_string(std::string_view key, std::string_view value);
  ObjectText& boolean(std::string_view key, bool value);
  ObjectText& value(std::string_view key, const core::json::Value& value);
  ObjectText& object(std::string_view key, const core::json::Object& value);
  // A value that `append` writes behind what is there.
  template <class Append>
  ObjectText& appended(std::string_view name, Append&& append) {
    key(name);
    append(text_);
    return *this;
  }
  // Members that are text already: `"a":1,"b":2`. Empty adds nothing.
  ObjectText& members(std::string_view text);
  std::string close() &&;

 private:
  void comma();
  void key(std::string_view name);
  std::string text_;
};

// Same members in the same order, whatever order they came in: for digests.
std::string canonical(const core::json::Object& object);

}  // namespace mcp
