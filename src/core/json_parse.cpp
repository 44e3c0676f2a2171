// Boost.JSON's own parser keeps the last of two equal member names, reads 1e400 as infinity and rounds long
// decimals off by a bit; its event parser lets us do better in the same single pass.
#include <algorithm>
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <forward_list>

#include "core/json.h"

namespace core::json {
namespace {

using ErrorCode = boost::system::error_code;
using boost::json::string_view;

class Builder {
 public:
  // NOLINTBEGIN(readability-identifier-naming): the names boost::json::basic_parser asks for.
  static constexpr std::size_t max_object_size = Object::max_size();
  static constexpr std::size_t max_array_size = Array::max_size();
  static constexpr std::size_t max_key_size = boost::json::string::max_size();
  static constexpr std::size_t max_string_size = boost::json::string::max_size();
  // NOLINTEND(readability-identifier-naming)

  enum class Refusal { none, duplicate_key, number_range };

  Builder(std::string_view text, bool refuse_duplicates)
      : text_(text), refuse_duplicates_(refuse_duplicates), stack_({}, scratch_, sizeof scratch_) {
    stack_.reset();
    names_.reserve(kUsualNames);
    first_name_.reserve(kUsualDepth);
  }

  Refusal refusal() const { return refusal_; }
  Value release() { return stack_.release(); }

  bool on_document_begin(ErrorCode&) { return true; }
  bool on_document_end(ErrorCode&) { return true; }
  bool on_object_begin(ErrorCode&) {
    first_name_.push_back(names_.size());
    return true;
  }
  bool on_object_end(std::size_t count, ErrorCode& error) {
    stack_.push_object(count);
    bool unique = !refuse_duplicates_ || names_are_unique();
    names_.resize(first_name_.back());
    first_name_.pop_back();
    return unique || refuse(Refusal::duplicate_key, error);
  }
  bool on_array_begin(ErrorCode&) { return true; }
  bool on_array_end(std::size_t count, ErrorCode&) {
    stack_.push_array(count);
    return true;
  }
  bool on_key_part(string_view part, std::size_t, ErrorCode&) {
    stack_.push_chars(part);
    partial_name_ += part;
    return true;
  }
  bool on_key(string_view part, std::size_t, ErrorCode&) {
    stack_.push_key(part);
    names_.push_back(keep(part));
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
  bool on_number_part(string_view, ErrorCode&) { return true; }
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
      if (std::isinf(number)) return refuse(Refusal::number_range, error);
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
  bool on_comment_part(string_view, ErrorCode&) { return true; }
  bool on_comment(string_view, ErrorCode&) { return true; }

 private:
  bool refuse(Refusal why, ErrorCode& error) {
    refusal_ = why;
    error = boost::json::make_error_code(boost::json::error::syntax);
    return false;
  }

  // A name without escapes stays where it is in the text; others are copied.
  std::string_view keep(string_view last_part) {
    if (!refuse_duplicates_) {
      partial_name_.clear();
      return {};
    }
    bool in_text = std::less_equal<>{}(text_.data(), last_part.data()) &&
                   std::less_equal<>{}(last_part.data() + last_part.size(), text_.data() + text_.size());
    if (partial_name_.empty() && in_text) return {last_part.data(), last_part.size()};
    partial_name_ += last_part;
    unescaped_.push_front(std::move(partial_name_));
    partial_name_.clear();
    return unescaped_.front();
  }

  // Of the object that just ended. Sorting keeps a hostile object of a million members cheap; a few are
  // compared faster than sorted.
  bool names_are_unique() {
    auto begin = names_.begin() + static_cast<std::ptrdiff_t>(first_name_.back());
    if (names_.end() - begin <= kFewNames) {
      for (auto name = begin; name != names_.end(); ++name) {
        if (std::find(begin, name, *name) != name) return false;
      }
      return true;
    }
    std::sort(begin, names_.end());
    return std::adjacent_find(begin, names_.end()) == names_.end();
  }

  // Of a message of the usual size; more is found on the heap.
  static constexpr std::size_t kUsualNames = 32;
  static constexpr std::size_t kUsualDepth = 8;
  static constexpr std::ptrdiff_t kFewNames = 8;

  std::string_view text_;
  const bool refuse_duplicates_;
  Refusal refusal_ = Refusal::none;
  unsigned char scratch_[1024];
  boost::json::value_stack stack_;
  std::vector<std::string_view> names_;  // of the objects that are open, outermost first
  std::vector<std::size_t> first_name_;  // where each open object's names begin
  std::forward_list<std::string> unescaped_;
  std::string partial_name_;
};

std::unexpected<Error> syntax(std::string_view what, std::size_t offset) {
  return fail(ErrorKind::invalid_input, "core.json.syntax",
              fmt::format("The text is not JSON: {} at byte {}.", what, offset));
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
    boost::json::basic_parser<Builder> parser(options, text, !limits.allow_duplicate_keys);
    ErrorCode error;
    std::size_t consumed = parser.write_some(false, text.data(), text.size(), error);
    if (parser.handler().refusal() == Builder::Refusal::duplicate_key) {
      return fail(ErrorKind::invalid_input, "core.json.duplicate_key",
                  fmt::format("A member name stands twice in the object that ends at byte {}.", consumed));
    }
    if (parser.handler().refusal() == Builder::Refusal::number_range) {
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
    return parser.handler().release();
  } catch (const std::exception& thrown) {
    return fail(ErrorKind::too_large, "core.json.too_large",
                fmt::format("The JSON text does not fit into memory: {}.", thrown.what()));
  }
}

}  // namespace core::json
