// JSON from outside: strict parsing with limits, and a reader that says where a value is wrong.
//
//   core::json::Reader in(value);                      // "$"
//   ASSIGN_OR_RETURN(auto name, in.at("name").string());
//   ASSIGN_OR_RETURN(auto limit, in.at("limit").integer_in(1, 200));
//   RETURN_IF_ERROR(in.only({"name", "limit"}));       // closed objects
// A failure reads "expected an integer from 1 to 200 at $.limit".
#pragma once

#include <boost/json.hpp>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace core::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;

struct ParseLimits {
  std::size_t max_bytes = 64u << 20;
  std::size_t max_depth = 64;
  bool allow_duplicate_keys = false;  // when allowed, the last one stays
};

// RFC 8259. Refuses invalid UTF-8, lone surrogates in escapes, numbers beyond a double, and what exceeds the
// limits. Names are compared after unescaping. Integers beyond 64 bits become the nearest double. Errors:
// core.json.syntax, core.json.too_large, core.json.duplicate_key (each with the byte offset).
Result<Value> parse(std::string_view text, const ParseLimits& limits = {});

// Compact. Numbers keep their value; doubles print without Boost's exponent form (1E0 → 1.0).
std::string write(const Value& value);
// The same, behind what is there already; a string comes in its quotes. Text that is not UTF-8 goes out as it
// is.
void append(std::string& out, const Value& value);
void append(std::string& out, const Object& object);
void append_string(std::string& out, std::string_view text);

// Members by a dotted path ("profile.login"); null pointer when any step is missing.
const Value* find(const Value& value, std::string_view dotted_path);
const Value* find(const Object& object, std::string_view dotted_path);
// The string there, or empty.
std::string_view string_or_empty(const Value& value, std::string_view dotted_path);
std::string_view string_or_empty(const Object& object, std::string_view dotted_path);

// Points at a value inside a document and knows the path to it. Holds references: the document outlives it.
class Reader {
 public:
  explicit Reader(const Value& value, std::string path = "$") : value_(&value), path_(std::move(path)) {}

  bool present() const { return value_ != nullptr && !value_->is_null(); }
  const std::string& path() const { return path_; }
  const Value* value() const { return value_; }

  // A member that may be missing; the typed readers below then fail, the optional_ ones do not.
  Reader at(std::string_view key) const;
  Result<std::vector<Reader>> elements() const;

  Result<std::string> string() const;
  Result<std::int64_t> integer() const;
  Result<std::int64_t> integer_in(std::int64_t low, std::int64_t high) const;
  Result<double> number() const;
  Result<bool> boolean() const;
  Result<const Object*> object() const;
  Result<const Array*> array() const;
  Result<std::vector<std::string>> strings() const;

  // Missing or null gives nullopt; any other type is still an error.
  Result<std::optional<std::string>> optional_string() const;
  Result<std::optional<std::int64_t>> optional_integer() const;
  Result<std::optional<bool>> optional_boolean() const;

  // Fails on any member whose name is not listed.
  Status only(std::initializer_list<std::string_view> keys) const;

 private:
  Reader(const Value* value, std::string path) : value_(value), path_(std::move(path)) {}
  std::unexpected<Error> expected(std::string_view what) const;

  const Value* value_;
  std::string path_;
};

}  // namespace core::json
