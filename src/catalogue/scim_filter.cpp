#include "catalogue/scim_filter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <optional>

#include "core/json.h"

namespace catalogue {

namespace {

using core::ErrorKind;

struct OperatorName {
  std::string_view name;
  Operator op;
};
constexpr std::array<OperatorName, 10> kOperators{{{"eq", Operator::eq},
                                                   {"ne", Operator::ne},
                                                   {"co", Operator::co},
                                                   {"sw", Operator::sw},
                                                   {"ew", Operator::ew},
                                                   {"pr", Operator::pr},
                                                   {"gt", Operator::gt},
                                                   {"ge", Operator::ge},
                                                   {"lt", Operator::lt},
                                                   {"le", Operator::le}}};

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}
bool is_alpha(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
// RFC 7643 section 2.1 attribute names, with ':' for schema URNs and '.' for sub-attributes.
bool is_path_char(char c) {
  return is_alpha(c) || is_digit(c) || c == '_' || c == '-' || c == '$' || c == '.' || c == ':';
}

bool equals_keyword(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() &&
         std::equal(text.begin(), text.end(), lower.begin(), [](char a, char b) {
           return (a >= 'A' && a <= 'Z' ? static_cast<char>(a - 'A' + 'a') : a) == b;
         });
}

// Recursive descent, or before and: `or` binds loosest (RFC 7644: precedence grouping, not, and, or).
class Parser {
 public:
  Parser(std::string_view text, const FilterLimits& limits) : text_(text), limits_(limits) {}

  core::Result<FilterNode> parse() {
    if (text_.size() > limits_.max_bytes)
      return core::fail(
          ErrorKind::too_large, "catalogue.filter.too_large",
          fmt::format("The expression has {} bytes; the limit is {}.", text_.size(), limits_.max_bytes));
    ASSIGN_OR_RETURN(auto node, any_of());
    skip_space();
    if (at_ < text_.size())
      return unexpected(text_[at_] == ')' ? "')' has no opening '('" : "expected 'and' or 'or'");
    return node;
  }

 private:
  core::Result<FilterNode> any_of() { return list("or", FilterNode::Kind::any_of); }
  core::Result<FilterNode> all_of() { return list("and", FilterNode::Kind::all_of); }

  core::Result<FilterNode> list(std::string_view keyword, FilterNode::Kind kind) {
    const auto part = [&] { return kind == FilterNode::Kind::any_of ? all_of() : term(); };
    ASSIGN_OR_RETURN(auto first, part());
    if (!accept(keyword)) return first;
    FilterNode node{.kind = kind};
    node.children.push_back(std::move(first));
    do {
      ASSIGN_OR_RETURN(auto next, part());
      node.children.push_back(std::move(next));
    } while (accept(keyword));
    return node;
  }

  core::Result<FilterNode> term() {
    skip_space();
    if (at_ == text_.size()) return unexpected("expected a property");
    if (text_[at_] == '(') return group();
    if (accept("not")) {
      skip_space();
      if (at_ == text_.size() || text_[at_] != '(') return unexpected("expected '(' after 'not'");
      ASSIGN_OR_RETURN(auto inner, group());
      FilterNode node{.kind = FilterNode::Kind::negation};
      node.children.push_back(std::move(inner));
      return node;
    }
    return comparison();
  }

  core::Result<FilterNode> group() {
    if (++depth_ > limits_.max_depth)
      return core::fail(
          ErrorKind::too_large, "catalogue.filter.too_large",
          fmt::format("Parentheses are nested deeper than {} at character {}.", limits_.max_depth, at_ + 1));
    ++at_;
    ASSIGN_OR_RETURN(auto node, any_of());
    skip_space();
    if (at_ == text_.size() || text_[at_] != ')') return unexpected("expected ')'");
    ++at_;
    --depth_;
    return node;
  }

  core::Result<FilterNode> comparison() {
    if (++comparisons_ > limits_.max_comparisons)
      return core::fail(ErrorKind::too_large, "catalogue.filter.too_large",
                        fmt::format("The expression has more than {} comparisons.", limits_.max_comparisons));
    FilterNode node{.path_offset = at_};
    const std::string_view path = word();
    if (path.empty() || !is_alpha(path.front())) {
      at_ = node.path_offset;
      return unexpected("expected a property");
    }
    if (path.ends_with('.') || path.find("..") != std::string_view::npos)
      return unexpected(fmt::format("'{}' is no property", path));
    node.path = std::string(path);
    if (at_ < text_.size() && text_[at_] == '[') return unexpected("'[' is not supported");

    skip_space();
    const std::size_t operator_at = at_;
    const std::string_view name = word();
    const auto* found = std::find_if(kOperators.begin(), kOperators.end(), [&](const OperatorName& entry) {
      return equals_keyword(name, entry.name);
    });
    if (found == kOperators.end()) {
      at_ = operator_at;
      return unexpected(fmt::format("expected an operator after '{}'", node.path));
    }
    node.op = found->op;
    if (node.op == Operator::pr) return node;
    if (at_ < text_.size() && !is_space(text_[at_])) return unexpected("expected a space after the operator");
    skip_space();
    node.value_offset = at_;
    ASSIGN_OR_RETURN(node.value, literal());
    return node;
  }

  core::Result<Literal> literal() {
    if (at_ == text_.size()) return unexpected("expected a value");
    const char c = text_[at_];
    if (c == '"') return string();
    if (c == '-' || is_digit(c)) return number();
    const std::size_t start = at_;
    const std::string_view name = word();
    if (name == "true") return Literal(true);
    if (name == "false") return Literal(false);
    if (name == "null") return Literal(nullptr);
    at_ = start;
    return unexpected("expected a value in double quotes, a number, true, false or null");
  }

  core::Result<Literal> number() {
    const std::size_t start = at_;
    while (at_ < text_.size() && (is_digit(text_[at_]) || std::string_view("+-.eE").contains(text_[at_])))
      ++at_;
    const std::string_view digits = text_.substr(start, at_ - start);
    double value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc{} || end != digits.data() + digits.size() || !std::isfinite(value)) {
      at_ = start;
      return unexpected("expected a number");
    }
    return Literal(value);
  }

  // JSON's string syntax; core::json checks escapes, surrogates and UTF-8.
  core::Result<Literal> string() {
    const std::size_t start = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) {
      at_ = start;
      return unexpected("the string has no closing quote");
    }
    ++at_;
    auto value =
        core::json::parse(text_.substr(start, at_ - start), {.max_bytes = limits_.max_bytes, .max_depth = 1});
    if (!value || !value->is_string()) {
      at_ = start;
      return unexpected("the string has a broken escape or is not UTF-8");
    }
    return Literal(std::string(value->get_string()));
  }

  std::string_view word() {
    const std::size_t start = at_;
    while (at_ < text_.size() && is_path_char(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  // Takes the keyword when it stands here as a whole word.
  bool accept(std::string_view keyword) {
    skip_space();
    const std::size_t start = at_;
    if (equals_keyword(word(), keyword)) return true;
    at_ = start;
    return false;
  }

  void skip_space() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }

  std::unexpected<core::Error> unexpected(std::string_view what) const {
    return core::fail(ErrorKind::invalid_input, "catalogue.filter.syntax",
                      fmt::format("{} at character {}", what, at_ + 1));
  }

  std::string_view text_;
  const FilterLimits& limits_;
  std::size_t at_ = 0;
  std::size_t depth_ = 0;
  std::size_t comparisons_ = 0;
};

void write_node(const FilterNode& node, std::string& out) {
  switch (node.kind) {
    case FilterNode::Kind::comparison:
      out += node.path;
      out += ' ';
      out += to_string(node.op);
      if (node.op == Operator::pr) return;
      out += ' ';
      if (const auto* flag = std::get_if<bool>(&node.value)) {
        out += *flag ? "true" : "false";
      } else if (const auto* number = std::get_if<double>(&node.value)) {
        out += fmt::format("{}", *number);
      } else if (const auto* text = std::get_if<std::string>(&node.value)) {
        out += core::json::write(boost::json::string(*text));
      } else {
        out += "null";
      }
      return;
    case FilterNode::Kind::negation:
      out += "not (";
      write_node(node.children.front(), out);
      out += ')';
      return;
    case FilterNode::Kind::all_of:
    case FilterNode::Kind::any_of:
      for (std::size_t i = 0; i < node.children.size(); ++i) {
        if (i > 0) out += node.kind == FilterNode::Kind::all_of ? " and " : " or ";
        const bool nested = node.children[i].kind == FilterNode::Kind::all_of ||
                            node.children[i].kind == FilterNode::Kind::any_of;
        if (nested) out += '(';
        write_node(node.children[i], out);
        if (nested) out += ')';
      }
      return;
  }
}

}  // namespace

std::string_view to_string(Operator op) {
  return kOperators[static_cast<std::size_t>(op)].name;
}

core::Result<FilterNode> parse_filter(std::string_view text, const FilterLimits& limits) {
  return Parser(text, limits).parse();
}

std::string to_text(const FilterNode& node) {
  std::string out;
  write_node(node, out);
  return out;
}

std::string fold_case(std::string_view utf8) {
  std::string out;
  out.reserve(utf8.size());
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    const auto lead = static_cast<unsigned char>(utf8[i]);
    if (lead < 0x80) {
      out += lead >= 'A' && lead <= 'Z' ? static_cast<char>(lead + 32) : utf8[i];
      continue;
    }
    const bool two_bytes = lead >= 0xC3 && lead <= 0xD1 && i + 1 < utf8.size();
    if (!two_bytes) {
      out += utf8[i];
      continue;
    }
    unsigned code = ((lead & 0x1Fu) << 6) | (static_cast<unsigned char>(utf8[++i]) & 0x3Fu);
    if ((code >= 0xC0 && code <= 0xDE && code != 0xD7) || (code >= 0x391 && code <= 0x3A9 && code != 0x3A2) ||
        (code >= 0x410 && code <= 0x42F)) {
      code += 0x20;
    } else if ((code >= 0x100 && code <= 0x137 && code != 0x130 && code != 0x131) ||
               (code >= 0x14A && code <= 0x177)) {
      code |= 1u;  // upper case is even in these blocks
    } else if ((code >= 0x139 && code <= 0x148) || (code >= 0x179 && code <= 0x17E)) {
      code += code & 1u;  // and odd in these
    } else if (code >= 0x400 && code <= 0x40F) {
      code += 0x50;
    }
    out += static_cast<char>(0xC0u | (code >> 6));
    out += static_cast<char>(0x80u | (code & 0x3Fu));
  }
  return out;
}

}  // namespace catalogue
