#include "core/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace core::json {
namespace {

std::unexpected<Error> syntax(std::string_view what, std::size_t offset) {
  return fail(ErrorKind::invalid_input, "core.json.syntax",
              fmt::format("The text is not JSON: {} at byte {}.", what, offset));
}

// Walks well-formed JSON and looks for an object that has the same member name twice.
// Names are compared after unescaping, so "a" and "\u0061" are the same.
class DuplicateKeys {
 public:
  explicit DuplicateKeys(std::string_view text) : text_(text) {}

  std::optional<std::size_t> find() {
    std::vector<Scope> scopes;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      char c = text_[i];
      if (c == '{') {
        scopes.push_back({.object = true});
      } else if (c == '[') {
        scopes.push_back({.object = false});
      } else if (c == '}' || c == ']') {
        if (!scopes.empty()) scopes.pop_back();
      } else if (c == ',') {
        if (!scopes.empty()) scopes.back().expects_key = scopes.back().object;
      } else if (c == '"') {
        std::size_t begin = i;
        i = end_of_string(i);
        if (!scopes.empty() && scopes.back().object && scopes.back().expects_key) {
          scopes.back().expects_key = false;
          if (!scopes.back().add(text_.substr(begin, i - begin + 1))) return begin;
        }
      }
    }
    return std::nullopt;
  }

 private:
  struct Scope {
    bool object = false;
    bool expects_key = true;
    std::vector<std::string> seen;

    bool add(std::string_view quoted) {
      std::string name;
      if (quoted.find('\\') == std::string_view::npos) {
        name = quoted.substr(1, quoted.size() - 2);
      } else {
        boost::system::error_code error;
        auto value = boost::json::parse(quoted, error);
        name = error ? std::string(quoted) : std::string(value.as_string());
      }
      auto place = std::lower_bound(seen.begin(), seen.end(), name);
      if (place != seen.end() && *place == name) return false;
      seen.insert(place, std::move(name));
      return true;
    }
  };

  std::size_t end_of_string(std::size_t quote) const {
    std::size_t i = quote + 1;
    while (i < text_.size() && text_[i] != '"') i += text_[i] == '\\' ? 2 : 1;
    return std::min(i, text_.size() - 1);
  }

  std::string_view text_;
};

void write_number(double value, std::string& out) {
  if (!std::isfinite(value)) {
    out += "null";
    return;
  }
  std::string text = fmt::format("{}", value);
  out += text;
}

void write_into(const Value& value, std::string& out) {
  switch (value.kind()) {
    case boost::json::kind::object: {
      out += '{';
      bool first = true;
      for (const auto& member : value.get_object()) {
        if (!first) out += ',';
        first = false;
        out += boost::json::serialize(member.key());
        out += ':';
        write_into(member.value(), out);
      }
      out += '}';
      break;
    }
    case boost::json::kind::array: {
      out += '[';
      bool first = true;
      for (const auto& element : value.get_array()) {
        if (!first) out += ',';
        first = false;
        write_into(element, out);
      }
      out += ']';
      break;
    }
    case boost::json::kind::double_: write_number(value.get_double(), out); break;
    case boost::json::kind::string: out += boost::json::serialize(value.get_string()); break;
    case boost::json::kind::int64: out += fmt::format_int(value.get_int64()).c_str(); break;
    case boost::json::kind::uint64: out += fmt::format_int(value.get_uint64()).c_str(); break;
    case boost::json::kind::bool_: out += value.get_bool() ? "true" : "false"; break;
    case boost::json::kind::null: out += "null"; break;
  }
}

std::string_view kind_name(const Value& value) {
  switch (value.kind()) {
    case boost::json::kind::object: return "an object";
    case boost::json::kind::array: return "an array";
    case boost::json::kind::string: return "a string";
    case boost::json::kind::bool_: return "a boolean";
    case boost::json::kind::null: return "null";
    default: return "a number";
  }
}

}  // namespace

Result<Value> parse(std::string_view text, const ParseLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return fail(ErrorKind::too_large, "core.json.too_large",
                fmt::format("The JSON text has {} bytes; the limit is {}.", text.size(), limits.max_bytes));
  }
  boost::json::parse_options options;
  options.max_depth = limits.max_depth;
  boost::json::parser parser({}, options);
  boost::system::error_code error;
  std::size_t consumed = 0;
  try {
    consumed = parser.write_some(text.data(), text.size(), error);
  } catch (const std::exception& thrown) {
    return fail(ErrorKind::too_large, "core.json.too_large",
                fmt::format("The JSON text does not fit into memory: {}.", thrown.what()));
  }
  if (error) {
    if (error == boost::json::error::too_deep) {
      return fail(ErrorKind::too_large, "core.json.too_large",
                  fmt::format("The JSON text nests deeper than {} levels.", limits.max_depth));
    }
    return syntax(error.message(), consumed);
  }
  if (auto rest = text.find_first_not_of(" \t\r\n", consumed); rest != std::string_view::npos) {
    return syntax("more text after the value", rest);
  }
  if (!limits.allow_duplicate_keys) {
    if (auto offset = DuplicateKeys(text).find()) {
      return fail(ErrorKind::invalid_input, "core.json.duplicate_key",
                  fmt::format("A member name stands twice in one object, the second time at byte {}.", *offset));
    }
  }
  return parser.release();
}

std::string write(const Value& value) {
  std::string out;
  write_into(value, out);
  return out;
}

const Value* find(const Value& value, std::string_view dotted_path) {
  const Value* current = &value;
  while (!dotted_path.empty()) {
    auto dot = dotted_path.find('.');
    std::string_view key = dotted_path.substr(0, dot);
    dotted_path = dot == std::string_view::npos ? std::string_view{} : dotted_path.substr(dot + 1);
    if (!current->is_object()) return nullptr;
    current = current->get_object().if_contains(key);
    if (!current) return nullptr;
  }
  return current;
}

std::string_view string_or_empty(const Value& value, std::string_view dotted_path) {
  const Value* found = find(value, dotted_path);
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
