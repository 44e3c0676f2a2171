#include "core/json.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <iterator>

namespace core::json {
namespace {

void write_number(double value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::string text = fmt::format("{}", value);
  out += text;
  // 5.0 stays a double for whoever reads it back.
  if (text.find_first_of(".e") == std::string::npos) out += ".0";
}

std::string_view kind_name(const Value& value) {
  switch (value.kind()) {
    case boost::json::kind::object:
      return "an object";
    case boost::json::kind::array:
      return "an array";
    case boost::json::kind::string:
      return "a string";
    case boost::json::kind::bool_:
      return "a boolean";
    case boost::json::kind::null:
      return "null";
    default:
      return "a number";
  }
}

}  // namespace

// RFC 8259 section 7. Copies runs of plain characters at once; most strings are one run.
void append_string(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out += text.substr(plain, i - plain);
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    }
  }
  out += text.substr(plain);
  out += '"';
}

void append(std::string& out, const Object& object) {
  out += '{';
  bool first = true;
  for (const auto& member : object) {
    if (!first) out += ',';
    first = false;
    append_string(out, member.key());
    out += ':';
    append(out, member.value());
  }
  out += '}';
}

void append(std::string& out, const Value& value) {
  switch (value.kind()) {
    case boost::json::kind::object:
      append(out, value.get_object());
      break;
    case boost::json::kind::array: {
      out += '[';
      bool first = true;
      for (const auto& element : value.get_array()) {
        if (!first) out += ',';
        first = false;
        append(out, element);
      }
      out += ']';
      break;
    }
    case boost::json::kind::double_:
      write_number(value.get_double(), out);
      break;
    case boost::json::kind::string:
      append_string(out, value.get_string());
      break;
    case boost::json::kind::int64:
      out += fmt::format_int(value.get_int64()).c_str();
      break;
    case boost::json::kind::uint64:
      out += fmt::format_int(value.get_uint64()).c_str();
      break;
    case boost::json::kind::bool_:
      out += value.get_bool() ? "true" : "false";
      break;
    case boost::json::kind::null:
      out += "null";
      break;
  }
}

std::string write(const Value& value) {
  std::string out;
  append(out, value);
  return out;
}

const Value* find(const Value& value, std::string_view dotted_path) {
  if (dotted_path.empty()) return &value;
  return value.is_object() ? find(value.get_object(), dotted_path) : nullptr;
}

const Value* find(const Object& object, std::string_view dotted_path) {
  auto dot = dotted_path.find('.');
  const Value* member = object.if_contains(dotted_path.substr(0, dot));
  if (!member || dot == std::string_view::npos) return member;
  return find(*member, dotted_path.substr(dot + 1));
}

std::string_view string_or_empty(const Value& value, std::string_view dotted_path) {
  return value.is_object() ? string_or_empty(value.get_object(), dotted_path) : std::string_view{};
}

std::string_view string_or_empty(const Object& object, std::string_view dotted_path) {
  const Value* found = find(object, dotted_path);
  if (!found || !found->is_string()) return {};
  const auto& text = found->get_string();
  return {text.data(), text.size()};
}

std::unexpected<Error> Reader::expected(std::string_view what) const {
  std::string found = value_ ? fmt::format("found {}", kind_name(*value_)) : "it is missing";
  return fail(ErrorKind::invalid_input, "core.json.type",
              fmt::format("Expected {} at {}; {}.", what, path_, found));
}

Reader Reader::at(std::string_view key) const {
  std::string path = path_ + "." + std::string(key);
  if (!value_ || !value_->is_object()) return Reader(nullptr, std::move(path));
  return Reader(value_->get_object().if_contains(key), std::move(path));
}

Result<std::vector<Reader>> Reader::elements() const {
  ASSIGN_OR_RETURN(const Array* all, array());
  std::vector<Reader> readers;
  readers.reserve(all->size());
  for (std::size_t i = 0; i < all->size(); ++i) {
    readers.push_back(Reader(&(*all)[i], fmt::format("{}[{}]", path_, i)));
  }
  return readers;
}

Result<std::string> Reader::string() const {
  if (!value_ || !value_->is_string()) return expected("a string");
  return std::string(value_->get_string());
}

Result<std::int64_t> Reader::integer() const {
  if (value_ && value_->is_int64()) return value_->get_int64();
  // JSON Schema's integer includes 5.0.
  if (value_ && value_->is_double()) {
    double number = value_->get_double();
    if (number == std::floor(number) && std::abs(number) < 9.0e15) return static_cast<std::int64_t>(number);
  }
  return expected("an integer");
}

Result<std::int64_t> Reader::integer_in(std::int64_t low, std::int64_t high) const {
  auto number = integer();
  if (!number || *number < low || *number > high) {
    return expected(fmt::format("an integer from {} to {}", low, high));
  }
  return number;
}

Result<double> Reader::number() const {
  if (!value_ || !value_->is_number()) return expected("a number");
  return value_->to_number<double>();
}

Result<bool> Reader::boolean() const {
  if (!value_ || !value_->is_bool()) return expected("a boolean");
  return value_->get_bool();
}

Result<const Object*> Reader::object() const {
  if (!value_ || !value_->is_object()) return expected("an object");
  return &value_->get_object();
}

Result<const Array*> Reader::array() const {
  if (!value_ || !value_->is_array()) return expected("an array");
  return &value_->get_array();
}

Result<std::vector<std::string>> Reader::strings() const {
  ASSIGN_OR_RETURN(auto readers, elements());
  std::vector<std::string> out;
  out.reserve(readers.size());
  for (const auto& reader : readers) {
    ASSIGN_OR_RETURN(out.emplace_back(), reader.string());
  }
  return out;
}

Result<std::optional<std::string>> Reader::optional_string() const {
  if (!present()) return std::optional<std::string>{};
  ASSIGN_OR_RETURN(std::optional<std::string> text, string());
  return text;
}

Result<std::optional<std::int64_t>> Reader::optional_integer() const {
  if (!present()) return std::optional<std::int64_t>{};
  ASSIGN_OR_RETURN(std::optional<std::int64_t> number, integer());
  return number;
}

Result<std::optional<bool>> Reader::optional_boolean() const {
  if (!present()) return std::optional<bool>{};
  ASSIGN_OR_RETURN(std::optional<bool> flag, boolean());
  return flag;
}

Status Reader::only(std::initializer_list<std::string_view> keys) const {
  ASSIGN_OR_RETURN(const Object* members, object());
  for (const auto& member : *members) {
    if (std::find(keys.begin(), keys.end(), std::string_view(member.key())) == keys.end()) {
      return fail(ErrorKind::invalid_input, "core.json.unknown_member",
                  fmt::format("Unknown member \"{}\" at {}.", std::string_view(member.key()), path_));
    }
  }
  return {};
}

}  // namespace core::json
