// Boost.JSON's own parser keeps the last of two equal member names, reads 1e400 as infinity and rounds long
// decimals off by a bit; its event parser lets us do better, in a single pass unless a name stands twice.
#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"

namespace core::json {
namespace {

using ErrorCode = boost::system::error_code;
using boost::json::string_view;

// What boost::json::basic_parser asks of a handler; here nothing comes of any event.
struct Events {
  // NOLINTBEGIN(readability-identifier-naming): its names
  static constexpr std::size_t max_object_size = Object::max_size();
  static constexpr std::size_t max_array_size = Array::max_size();
  static constexpr std::size_t max_key_size = boost::json::string::max_size();
  static constexpr std::size_t max_string_size = boost::json::string::max_size();
  // NOLINTEND(readability-identifier-naming)

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode&) { return true; }
  bool on_object_end(std::size_t, ErrorCode&) { return true; }
  bool on_array_begin(ErrorCode&) { return true; }
  bool on_array_end(std::size_t, ErrorCode&) { return true; }
  bool on_key_part(string_view, std::size_t, ErrorCode&) { return true; }
  bool on_key(string_view, std::size_t, ErrorCode&) { return true; }
  bool on_string_part(string_view, std::size_t, ErrorCode&) { return true; }
  bool on_string(string_view, std::size_t, ErrorCode&) { return true; }
  bool on_number_part(string_view, ErrorCode&) { return true; }
  bool on_int64(std::int64_t, string_view, ErrorCode&) { return true; }
  bool on_uint64(std::uint64_t, string_view, ErrorCode&) { return true; }
  bool on_double(double, string_view, ErrorCode&) { return true; }
  bool on_bool(bool, ErrorCode&) { return true; }
  bool on_null(ErrorCode&) { return true; }
  bool on_comment_part(string_view, ErrorCode&) { return true; }
  bool on_comment(string_view, ErrorCode&) { return true; }
};

bool refuse(ErrorCode& error) {
  error = boost::json::make_error_code(boost::json::error::syntax);
  return false;
}

class Builder : public Events {
 public:
  Builder() : stack_({}, scratch_, sizeof scratch_) { stack_.reset(); }

  bool met_number_out_of_range() const { return number_out_of_range_; }
  std::size_t members() const { return members_; }  // that were read, in all objects
  Value release() { return stack_.release(); }

  bool on_object_end(std::size_t count, ErrorCode&) {
    members_ += count;
    stack_.push_object(count);
    return true;
  }
  bool on_array_end(std::size_t count, ErrorCode&) {
    stack_.push_array(count);
    return true;
  }
  bool on_key_part(string_view part, std::size_t, ErrorCode&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_key(string_view part, std::size_t, ErrorCode&) {
    stack_.push_key(part);
    return true;
  }
  bool on_string_part(string_view part, std::size_t, ErrorCode&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(string_view part, std::size_t, ErrorCode&) {
    stack_.push_string(part);
    return true;
  }
  bool on_int64(std::int64_t number, string_view, ErrorCode&) {
    stack_.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, string_view, ErrorCode&) {
    stack_.push_uint64(number);
    return true;
  }
  bool on_double(double number, string_view digits, ErrorCode& error) {
    // The whole text lies in one buffer, so `digits` is the whole number.
    double exact = number;
    auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), exact);
    if (problem == std::errc::result_out_of_range) {
      // Too small to tell from zero is rounding; too large has no value at all.
      number_out_of_range_ = std::isinf(number);
      if (number_out_of_range_) return refuse(error);
      exact = 0;
    }
    stack_.push_double(exact);
    return true;
  }
  bool on_bool(bool value, ErrorCode&) {
    stack_.push_bool(value);
    return true;
  }
  bool on_null(ErrorCode&) {
    stack_.push_null();
    return true;
  }

 private:
  bool number_out_of_range_ = false;
  std::size_t members_ = 0;
  unsigned char scratch_[1024];
  boost::json::value_stack stack_;
};

// Of two members with one name the value keeps the last, so it then has fewer than were read.
std::size_t members_of(const Value& value) {
  std::size_t count = 0;
  if (const Object* object = value.if_object()) {
    count = object->size();
    for (const auto& member : *object) count += members_of(member.value());
  } else if (const Array* array = value.if_array()) {
    for (const Value& element : *array) count += members_of(element);
  }
  return count;
}

// Stops at the end of the first object in which a name stands twice.
class DuplicateFinder : public Events {
 public:
  bool on_object_begin(ErrorCode&) {
    open_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t, ErrorCode& error) {
    std::vector<std::string> names = std::move(open_.back());
    open_.pop_back();
    std::sort(names.begin(), names.end());
    return std::adjacent_find(names.begin(), names.end()) == names.end() || refuse(error);
  }
  bool on_key_part(string_view part, std::size_t, ErrorCode&) {
    name_ += part;
    return true;
  }
  bool on_key(string_view part, std::size_t, ErrorCode&) {
    name_ += part;
    open_.back().push_back(std::exchange(name_, {}));
    return true;
  }

 private:
  std::vector<std::vector<std::string>> open_;  // the names in each open object, outermost first
  std::string name_;                            // of the member that is being read
};

std::unexpected<Error> syntax(std::string_view what, std::size_t offset) {
  return fail(ErrorKind::invalid_input, "core.json.syntax",
              fmt::format("The text is not JSON: {} at byte {}.", what, offset));
}

// Where it stands is looked for only when there is one: nearly every text has none.
std::unexpected<Error> duplicate_key(std::string_view text, const boost::json::parse_options& options) {
  boost::json::basic_parser<DuplicateFinder> parser(options);
  ErrorCode error;
  std::size_t consumed = parser.write_some(false, text.data(), text.size(), error);
  return fail(ErrorKind::invalid_input, "core.json.duplicate_key",
              fmt::format("A member name stands twice in the object that ends at byte {}.", consumed));
}

}  // namespace

Result<Value> parse(std::string_view text, const ParseLimits& limits) {
  if (text.size() > limits.max_bytes) {
    return fail(ErrorKind::too_large, "core.json.too_large",
                fmt::format("The JSON text has {} bytes; the limit is {}.", text.size(), limits.max_bytes));
  }
  boost::json::parse_options options;
  options.max_depth = limits.max_depth;
  try {
    boost::json::basic_parser<Builder> parser(options);
    ErrorCode error;
    std::size_t consumed = parser.write_some(false, text.data(), text.size(), error);
    if (parser.handler().met_number_out_of_range()) {
      return syntax("a number too large to represent", consumed);
    }
    if (error == boost::json::error::too_deep) {
      return fail(ErrorKind::too_large, "core.json.too_large",
                  fmt::format("The JSON text nests deeper than {} levels.", limits.max_depth));
    }
    if (error) return syntax(error.message(), consumed);
    if (auto rest = text.find_first_not_of(" \t\r\n", consumed); rest != std::string_view::npos) {
      return syntax("more text after the value", rest);
    }
    Value value = parser.handler().release();
    if (!limits.allow_duplicate_keys && members_of(value) != parser.handler().members()) {
      return duplicate_key(text, options);
    }
    return value;
  } catch (const std::exception& thrown) {
    return fail(ErrorKind::too_large, "core.json.too_large",
                fmt::format("The JSON text does not fit into memory: {}.", thrown.what()));
  }
}

}  // namespace core::json
