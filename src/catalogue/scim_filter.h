// Okta's filter and search expressions (SCIM filters, RFC 7644 section 3.4.2.2, as Okta limits them).
//
//   ASSIGN_OR_RETURN(auto filter, parse_filter(R"(profile.department eq "Sales" and status eq "ACTIVE")"));
//   ASSIGN_OR_RETURN(auto bound, bind_filter(std::move(filter), users_search()));
//   if (bound.matches(JsonSubject(user))) ...
// parse_filter() knows the grammar, bind_filter() knows what one list of Okta's allows. Value paths
// (`emails[type eq "work"]`) are refused: no list of Okta's takes them.
// Everything here is immutable after construction and safe to share between threads.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <forward_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/result.h"

namespace catalogue {

enum class Operator : std::uint8_t { eq, ne, co, sw, ew, pr, gt, ge, lt, le };
std::string_view to_string(Operator op);

using Literal = std::variant<std::nullptr_t, bool, double, std::string>;

struct FilterNode {
  enum class Kind { comparison, all_of, any_of, negation } kind = Kind::comparison;
  std::vector<FilterNode> children;  // all_of, any_of: two or more; negation: one
  std::string path;                  // comparison: "profile.login"
  Operator op = Operator::eq;
  Literal value = nullptr;       // comparison, except pr
  std::size_t path_offset = 0;   // where the path starts in the expression, in bytes
  std::size_t value_offset = 0;  // where the operator's value starts
};

struct FilterLimits {
  std::size_t max_bytes = 8192;
  std::size_t max_depth = 32;  // of parentheses and negations
  std::size_t max_comparisons = 256;
};

// Errors: catalogue.filter.syntax and catalogue.filter.too_large; the message names the character (from 1).
core::Result<FilterNode> parse_filter(std::string_view text, const FilterLimits& limits = {});

// Writes an expression that parses to the same tree; strings escaped as JSON.
std::string to_text(const FilterNode& node);

// ---- What a list allows ----

enum class FilterType : std::uint8_t { text, time, number, boolean, any };

// Operators as bits, so that a row of a table is one line.
using OperatorSet = std::uint16_t;
constexpr OperatorSet bit(Operator op) {
  return static_cast<OperatorSet>(1u << static_cast<unsigned>(op));
}

struct FilterProperty {
  std::string_view path;  // exact, or with a final "*": "profile.*"
  OperatorSet operators = 0;
  FilterType type = FilterType::text;
};

struct FilterCapabilities {
  std::string_view name;                       // "users search"
  std::span<const FilterProperty> properties;  // the first row that fits wins
  bool negation = false;                       // whether `not` is allowed
  bool ignores_case = false;                   // of string values; property names are always exact
};

const FilterCapabilities& users_search();   // GET /api/v1/users?search=
const FilterCapabilities& users_filter();   // GET /api/v1/users?filter=
const FilterCapabilities& groups_search();  // GET /api/v1/groups?search=
const FilterCapabilities& groups_filter();  // GET /api/v1/groups?filter=
const FilterCapabilities& apps_filter();    // GET /api/v1/apps?filter=
const FilterCapabilities& logs_filter();    // GET /api/v1/logs?filter=

// The row for a property; nullptr when the list does not know it. Also tells what may stand in sortBy.
const FilterProperty* find_property(const FilterCapabilities& capabilities, std::string_view path);

// ---- Evaluation ----

// The values a subject has at one path. Views stay valid as long as the subject and this object.
class FilterValues {
 public:
  struct Value {
    enum class Kind { text, time, number, boolean } kind = Kind::text;
    std::string_view text;
    std::int64_t time = 0;  // Unix milliseconds
    double number = 0;
    bool flag = false;
  };

  void add_text(std::string_view borrowed) {
    values_.push_back({.kind = Value::Kind::text, .text = borrowed});
  }
  void add_owned_text(std::string text);
  void add_time(std::int64_t unix_ms) { values_.push_back({.kind = Value::Kind::time, .time = unix_ms}); }
  void add_number(double number) { values_.push_back({.kind = Value::Kind::number, .number = number}); }
  void add_boolean(bool flag) { values_.push_back({.kind = Value::Kind::boolean, .flag = flag}); }
  void clear();
  std::span<const Value> values() const { return values_; }

 private:
  std::vector<Value> values_;
  std::forward_list<std::string> owned_;  // its strings never move
};

// Something a filter looks at. An absent or null property adds nothing; an array adds each element.
class FilterSubject {
 public:
  virtual ~FilterSubject() = default;
  virtual void collect(std::string_view path, FilterValues& out) const = 0;
};

// A JSON document. Arrays on the way are descended into ("target.id" over an array of targets).
class JsonSubject final : public FilterSubject {
 public:
  explicit JsonSubject(const boost::json::value& document) : document_(document) {}
  void collect(std::string_view path, FilterValues& out) const override;

 private:
  const boost::json::value& document_;
};

class BoundFilter {
 public:
  bool matches(const FilterSubject& subject) const;
  const FilterNode& root() const { return root_; }

 private:
  friend core::Result<BoundFilter> bind_filter(FilterNode node, const FilterCapabilities& capabilities);
  struct Test {
    FilterNode::Kind kind = FilterNode::Kind::comparison;
    std::vector<Test> children;
    std::string path;
    Operator op = Operator::eq;
    FilterType type = FilterType::text;
    Literal value = nullptr;
    std::int64_t time = 0;
  };
  static core::Result<Test> bind(const FilterNode& node, const FilterCapabilities& capabilities);
  bool evaluate(const Test& test, const FilterSubject& subject, FilterValues& scratch) const;
  bool compare(const Test& test, const FilterValues::Value& value) const;

  FilterNode root_;
  Test test_;
  bool ignores_case_ = false;
};

// Errors: catalogue.filter.property, .operator, .value, .date (each names the property and its character).
core::Result<BoundFilter> bind_filter(FilterNode node, const FilterCapabilities& capabilities);

// parse_filter() and bind_filter() in one step.
core::Result<BoundFilter> compile_filter(std::string_view text, const FilterCapabilities& capabilities);

// Lower case for comparing: ASCII, Latin-1, Latin Extended-A, Greek and Cyrillic; marks stay (Okta: "isaac"
// does not find "isáàc").
std::string fold_case(std::string_view utf8);

}  // namespace catalogue
