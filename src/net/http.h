// HTTP messages as plain values, shared by client and server (RFC 9110).
#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace net {

enum class Method { get, head, post, put, patch, delete_, options };

std::string_view to_string(Method method);
std::optional<Method> parse_method(std::string_view text);

// Header fields in the order they came; names compare without regard to case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;

  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}

  void reserve(std::size_t fields) { fields_.reserve(fields); }
  void add(std::string name, std::string value);
  void set(std::string_view name, std::string value);  // replaces every field of that name
  void remove(std::string_view name);
  // The first value; empty when there is none (has() tells the difference).
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;

  auto begin() const { return fields_.begin(); }
  auto end() const { return fields_.end(); }
  std::size_t size() const { return fields_.size(); }

 private:
  std::vector<Field> fields_;
};

// A media type without its parameters, lower case: "application/json; charset=utf-8" → "application/json".
std::string media_type(std::string_view content_type);

// For header names and for values that are tokens: ASCII letters compare without regard to case.
bool same_letters(std::string_view a, std::string_view b);  // of the same length
inline bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return a.size() == b.size() && same_letters(a, b);
}

// True when both can stand in a message: the name is a token (RFC 9110 section 5.1), the value has no line
// break and no NUL, so that neither can start a header or a message of its own.
bool is_valid_field(std::string_view name, std::string_view value);

}  // namespace net
