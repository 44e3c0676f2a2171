#include "net/http.h"

#include <algorithm>
#include <array>

namespace net {
namespace {

struct MethodName {
  Method method;
  std::string_view name;
};
constexpr std::array kMethods{
    MethodName{Method::get, "GET"},         MethodName{Method::head, "HEAD"},
    MethodName{Method::post, "POST"},       MethodName{Method::put, "PUT"},
    MethodName{Method::patch, "PATCH"},     MethodName{Method::delete_, "DELETE"},
    MethodName{Method::options, "OPTIONS"},
};

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

}  // namespace

std::string_view to_string(Method method) {
  for (const auto& row : kMethods) {
    if (row.method == method) return row.name;
  }
  return {};
}

std::optional<Method> parse_method(std::string_view text) {
  for (const auto& row : kMethods) {
    if (row.name == text) return row.method;  // methods are case-sensitive, RFC 9110 section 9.1
  }
  return std::nullopt;
}

void Headers::add(std::string name, std::string value) {
  fields_.emplace_back(std::move(name), std::move(value));
}

void Headers::set(std::string_view name, std::string value) {
  auto first = std::ranges::find_if(
      fields_, [&](const Field& field) { return equals_ignoring_case(field.first, name); });
  if (first == fields_.end()) {
    fields_.emplace_back(std::string(name), std::move(value));
    return;
  }
  first->second = std::move(value);
  const auto rest = std::remove_if(std::next(first), fields_.end(), [&](const Field& field) {
    return equals_ignoring_case(field.first, name);
  });
  fields_.erase(rest, fields_.end());
}

void Headers::remove(std::string_view name) {
  std::erase_if(fields_, [&](const Field& field) { return equals_ignoring_case(field.first, name); });
}

std::string_view Headers::get(std::string_view name) const {
  for (const auto& [key, value] : fields_) {
    if (equals_ignoring_case(key, name)) return value;
  }
  return {};
}

bool Headers::has(std::string_view name) const {
  return std::ranges::any_of(fields_,
                             [&](const Field& field) { return equals_ignoring_case(field.first, name); });
}

std::vector<std::string_view> Headers::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (const auto& [key, value] : fields_) {
    if (equals_ignoring_case(key, name)) values.emplace_back(value);
  }
  return values;
}

bool same_letters(std::string_view a, std::string_view b) {
  if (a == b) return true;  // as most names are written
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool is_valid_field(std::string_view name, std::string_view value) {
  constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
  const auto in_token = [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') || kTokenMarks.contains(c);
  };
  return !name.empty() && std::ranges::all_of(name, in_token) &&
         value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

std::string media_type(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  const auto first = type.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  type = type.substr(first, type.find_last_not_of(" \t") - first + 1);
  std::string text(type);
  std::ranges::transform(text, text.begin(), lower);
  return text;
}

}  // namespace net
