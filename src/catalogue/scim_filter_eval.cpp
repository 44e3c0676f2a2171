// Binding a filter to what a list of Okta's allows, and evaluating it.
#include <algorithm>
#include <fmt/format.h>

#include "catalogue/scim_filter.h"
#include "core/clock.h"

namespace catalogue {

namespace {

using core::ErrorKind;

bool fits(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with('*')) return pattern == path;
  pattern.remove_suffix(1);
  return path.size() > pattern.size() && path.starts_with(pattern);
}

void collect_json(const boost::json::value& value, std::string_view path, FilterValues& out) {
  if (const auto* array = value.if_array()) {
    for (const auto& element : *array) collect_json(element, path, out);
    return;
  }
  if (path.empty()) {
    if (const auto* text = value.if_string()) out.add_text({text->data(), text->size()});
    if (value.is_number()) out.add_number(value.to_number<double>());
    if (const auto* flag = value.if_bool()) out.add_boolean(*flag);
    return;
  }
  const auto* object = value.if_object();
  if (!object) return;
  const std::size_t dot = path.find('.');
  if (const auto* member = object->if_contains(path.substr(0, dot)))
    collect_json(*member, dot == std::string_view::npos ? std::string_view{} : path.substr(dot + 1), out);
}

template <class T>
bool ordered(Operator op, const T& left, const T& right) {
  switch (op) {
    case Operator::gt:
      return left > right;
    case Operator::ge:
      return left >= right;
    case Operator::lt:
      return left < right;
    case Operator::le:
      return left <= right;
    default:
      return left == right;
  }
}

bool compare_text(Operator op, std::string_view left, std::string_view right) {
  switch (op) {
    case Operator::co:
      return left.find(right) != std::string_view::npos;
    case Operator::sw:
      return left.starts_with(right);
    case Operator::ew:
      return left.ends_with(right);
    default:
      return ordered(op, left, right);
  }
}

// True when the first characters are ASCII and not the same letter; `folded` is lower case already.
bool differs_at_once(std::string_view text, std::string_view folded) {
  if (text.empty() || folded.empty()) return text.empty() != folded.empty();
  const char first = text.front();
  if (static_cast<unsigned char>(first) >= 0x80) return false;
  return (first >= 'A' && first <= 'Z' ? static_cast<char>(first + 32) : first) != folded.front();
}

}  // namespace

void FilterValues::add_owned_text(std::string text) {
  owned_.push_front(std::move(text));
  add_text(owned_.front());
}

void FilterValues::clear() {
  values_.clear();
  owned_.clear();
}

void JsonSubject::collect(std::string_view path, FilterValues& out) const {
  collect_json(document_, path, out);
}

const FilterProperty* find_property(const FilterCapabilities& capabilities, std::string_view path) {
  const auto row = std::find_if(capabilities.properties.begin(), capabilities.properties.end(),
                                [&](const FilterProperty& property) { return fits(property.path, path); });
  return row == capabilities.properties.end() ? nullptr : &*row;
}

core::Result<BoundFilter::Test> BoundFilter::bind(const FilterNode& node,
                                                  const FilterCapabilities& capabilities) {
  Test test{.kind = node.kind, .path = node.path, .op = node.op, .value = node.value};
  if (node.kind != FilterNode::Kind::comparison) {
    if (node.kind == FilterNode::Kind::negation && !capabilities.negation)
      return core::fail(ErrorKind::invalid_input, "catalogue.filter.operator",
                        fmt::format("{} does not support 'not'", capabilities.name));
    for (const auto& child : node.children) {
      ASSIGN_OR_RETURN(auto bound, bind(child, capabilities));
      test.children.push_back(std::move(bound));
    }
    return test;
  }

  const FilterProperty* property = find_property(capabilities, node.path);
  const std::size_t at = node.path_offset + 1;
  if (!property)
    return core::fail(
        ErrorKind::invalid_input, "catalogue.filter.property",
        fmt::format("{} does not support '{}' at character {}", capabilities.name, node.path, at));
  if ((property->operators & bit(node.op)) == 0)
    return core::fail(ErrorKind::invalid_input, "catalogue.filter.operator",
                      fmt::format("{} does not support '{}' on '{}' at character {}", capabilities.name,
                                  to_string(node.op), node.path, at));
  test.type = property->type;
  if (node.op == Operator::pr) return test;

  const auto wrong_value = [&](std::string_view expected) {
    return core::fail(ErrorKind::invalid_input, "catalogue.filter.value",
                      fmt::format("'{} {}' expects {} at character {}", node.path, to_string(node.op),
                                  expected, node.value_offset + 1));
  };
  const bool is_text = std::holds_alternative<std::string>(node.value);
  const bool is_null = std::holds_alternative<std::nullptr_t>(node.value);
  if ((node.op == Operator::co || node.op == Operator::sw || node.op == Operator::ew) && !is_text)
    return wrong_value("a string");
  if (node.op != Operator::eq && node.op != Operator::ne &&
      (is_null || std::holds_alternative<bool>(node.value)))
    return wrong_value("a string or a number");
  if (is_null) return test;
  switch (property->type) {
    case FilterType::time: {
      if (!is_text) return wrong_value("a date in quotes");
      const auto time = core::parse_rfc3339(std::get<std::string>(node.value));
      if (!time)
        return core::fail(ErrorKind::invalid_input, "catalogue.filter.date",
                          fmt::format("'{}' is no date at character {}", std::get<std::string>(node.value),
                                      node.value_offset + 1));
      test.time = time->time_since_epoch().count();
      break;
    }
    case FilterType::text:
      if (!is_text) return wrong_value("a string");
      break;
    case FilterType::number:
      if (!std::holds_alternative<double>(node.value)) return wrong_value("a number");
      break;
    case FilterType::boolean:
      if (!std::holds_alternative<bool>(node.value)) return wrong_value("true or false");
      break;
    case FilterType::any:
      break;
  }
  if (capabilities.ignores_case && is_text) test.value = fold_case(std::get<std::string>(node.value));
  return test;
}

bool BoundFilter::compare(const Test& test, const FilterValues::Value& value) const {
  using Kind = FilterValues::Value::Kind;
  const Operator op = test.op == Operator::ne ? Operator::eq : test.op;
  if (test.type == FilterType::time) {
    if (value.kind == Kind::time) return ordered(op, value.time, test.time);
    if (value.kind != Kind::text) return false;
    const auto time = core::parse_rfc3339(value.text);
    return time && ordered(op, time->time_since_epoch().count(), test.time);
  }
  if (const auto* text = std::get_if<std::string>(&test.value)) {
    if (value.kind != Kind::text) return false;
    if (!ignores_case_) return compare_text(op, value.text, *text);
    // Most values differ in the first letter; ASCII needs no folded copy to see that.
    if ((op == Operator::eq || op == Operator::sw) && differs_at_once(value.text, *text)) return false;
    return compare_text(op, fold_case(value.text), *text);
  }
  if (const auto* number = std::get_if<double>(&test.value))
    return value.kind == Kind::number && ordered(op, value.number, *number);
  if (const auto* flag = std::get_if<bool>(&test.value))
    return value.kind == Kind::boolean && value.flag == *flag;
  return false;
}

bool BoundFilter::evaluate(const Test& test, const FilterSubject& subject, FilterValues& scratch) const {
  switch (test.kind) {
    case FilterNode::Kind::all_of:
      return std::all_of(test.children.begin(), test.children.end(),
                         [&](const Test& child) { return evaluate(child, subject, scratch); });
    case FilterNode::Kind::any_of:
      return std::any_of(test.children.begin(), test.children.end(),
                         [&](const Test& child) { return evaluate(child, subject, scratch); });
    case FilterNode::Kind::negation:
      return !evaluate(test.children.front(), subject, scratch);
    case FilterNode::Kind::comparison:
      break;
  }
  scratch.clear();
  subject.collect(test.path, scratch);
  const auto values = scratch.values();
  // RFC 7644: "present" means a non-empty value.
  const bool present = std::any_of(values.begin(), values.end(), [](const FilterValues::Value& value) {
    return value.kind != FilterValues::Value::Kind::text || !value.text.empty();
  });
  if (test.op == Operator::pr) return present;
  if (std::holds_alternative<std::nullptr_t>(test.value)) return (test.op == Operator::eq) != present;
  const bool any = std::any_of(values.begin(), values.end(),
                               [&](const FilterValues::Value& value) { return compare(test, value); });
  return test.op == Operator::ne ? !any : any;
}

bool BoundFilter::matches(const FilterSubject& subject) const {
  FilterValues scratch;
  return evaluate(test_, subject, scratch);
}

core::Result<BoundFilter> bind_filter(FilterNode node, const FilterCapabilities& capabilities) {
  BoundFilter filter;
  ASSIGN_OR_RETURN(filter.test_, BoundFilter::bind(node, capabilities));
  filter.root_ = std::move(node);
  filter.ignores_case_ = capabilities.ignores_case;
  return filter;
}

core::Result<BoundFilter> compile_filter(std::string_view text, const FilterCapabilities& capabilities) {
  ASSIGN_OR_RETURN(auto node, parse_filter(text));
  return bind_filter(std::move(node), capabilities);
}

}  // namespace catalogue
