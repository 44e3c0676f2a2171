#include "core/jsonc_edit.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/text.h"

namespace core::jsonc {
namespace {

constexpr std::size_t kMaxBytes = 16u << 20;
constexpr int kMaxDepth = 200;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string place_in(std::string_view text, std::size_t offset) {
  if (text.starts_with(kByteOrderMark)) {
    text.remove_prefix(kByteOrderMark.size());
    offset -= std::min(offset, kByteOrderMark.size());
  }
  const std::string_view before = text.substr(0, offset);
  const auto line = std::ranges::count(before, '\n') + 1;
  const std::string_view in_line =
      before.substr(before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1);
  const auto column =
      std::ranges::count_if(in_line, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return fmt::format("line {}, column {}", line, column + 1);
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Passes white space and comments. `at` ends on what follows, or at the end of the text.
struct Gap {
  std::size_t end = 0;
  std::optional<std::size_t> comment;       // where the first one begins
  std::optional<std::size_t> unterminated;  // a /* without */
};

Gap pass_gap(std::string_view text, std::size_t at) {
  Gap gap;
  for (;;) {
    while (at < text.size() && is_blank(text[at])) ++at;
    const std::string_view rest = text.substr(at);
    if (rest.starts_with("//")) {
      if (!gap.comment) gap.comment = at;
      at = std::min(text.find('\n', at), text.size());
    } else if (rest.starts_with("/*")) {
      if (!gap.comment) gap.comment = at;
      const auto close = text.find("*/", at + 2);
      if (close == std::string_view::npos) {
        gap.unterminated = at;
        break;
      }
      at = close + 2;
    } else {
      break;
    }
  }
  gap.end = at;
  return gap;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  // nullopt: there is no value at all.
  Result<std::optional<Node>> document() {
    at_ = text_.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0;
    RETURN_IF_ERROR(gap());
    if (at_ == text_.size()) return std::optional<Node>{};
    ASSIGN_OR_RETURN(Node root, value(0));
    RETURN_IF_ERROR(gap());
    if (at_ != text_.size()) return expected("the end of the file");
    return std::optional(std::move(root));
  }
  std::optional<std::size_t> first_extension() const { return first_extension_; }

 private:
  std::unexpected<Error> expected(std::string_view what) const {
    return fail(ErrorKind::invalid_input, "core.jsonc.syntax",
                fmt::format("expected {} at {}", what, place_in(text_, at_)));
  }
  char next() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void note_extension(std::size_t where) {
    if (!first_extension_ || where < *first_extension_) first_extension_ = where;
  }
  Status gap() {
    const Gap passed = pass_gap(text_, at_);
    if (passed.comment) note_extension(*passed.comment);
    at_ = passed.end;
    if (passed.unterminated) {
      at_ = *passed.unterminated;
      return expected("the end of the comment that begins");
    }
    return {};
  }

  Result<Node> value(int depth) {
    if (depth > kMaxDepth) {
      return fail(ErrorKind::too_large, "core.jsonc.too_large",
                  fmt::format("more than {} levels at {}", kMaxDepth, place_in(text_, at_)));
    }
    switch (next()) {
      case '{':
        return object(depth);
      case '[':
        return array(depth);
      case '"': {
        Node node{.kind = Node::Kind::string, .begin = at_};
        RETURN_IF_ERROR(string());
        node.end = at_;
        return node;
      }
      default:
        return scalar();
    }
  }

  Result<Node> scalar() {
    Node node{.kind = Node::Kind::scalar, .begin = at_};
    const std::string_view rest = text_.substr(at_);
    const auto length = static_cast<std::size_t>(std::ranges::find_if_not(rest,
                                                                          [](char c) {
                                                                            return (c >= '0' && c <= '9') ||
                                                                                   (c >= 'a' && c <= 'z') ||
                                                                                   (c >= 'A' && c <= 'Z') ||
                                                                                   c == '-' || c == '+' ||
                                                                                   c == '.';
                                                                          }) -
                                                 rest.begin());
    if (length == 0 || !json::parse(rest.substr(0, length))) return expected("a value");
    at_ += length;
    node.end = at_;
    return node;
  }

  // Leaves at_ behind the closing quote; returns what stands between, unescaped.
  Result<std::string> string() {
    const std::size_t begin = at_;
    for (++at_; next() != '"'; ++at_) {
      if (at_ >= text_.size() || text_[at_] == '\n') {
        at_ = begin;
        return expected("the closing quote of the text that begins");
      }
      if (text_[at_] == '\\') ++at_;
    }
    ++at_;
    const auto read = json::parse(text_.substr(begin, at_ - begin));
    if (!read) {
      at_ = begin;
      return expected("a text with valid escapes");
    }
    return std::string(read->as_string());
  }

  Result<Node> object(int depth) {
    Node node{.kind = Node::Kind::object, .begin = at_++};
    RETURN_IF_ERROR(gap());
    while (next() != '}') {
      if (next() != '"') return expected("a name in double quotes, or }");
      Node::Member member{.begin = at_};
      ASSIGN_OR_RETURN(member.name, string());
      RETURN_IF_ERROR(gap());
      if (next() != ':') return expected("a colon");
      ++at_;
      RETURN_IF_ERROR(gap());
      ASSIGN_OR_RETURN(member.value, value(depth + 1));
      node.members.push_back(std::move(member));
      RETURN_IF_ERROR(separator('}', "a comma or }"));
    }
    node.end = ++at_;
    return node;
  }

  Result<Node> array(int depth) {
    Node node{.kind = Node::Kind::array, .begin = at_++};
    RETURN_IF_ERROR(gap());
    while (next() != ']') {
      ASSIGN_OR_RETURN(Node element, value(depth + 1));
      node.elements.push_back(std::move(element));
      RETURN_IF_ERROR(separator(']', "a comma or ]"));
    }
    node.end = ++at_;
    return node;
  }

  Status separator(char close, std::string_view what) {
    RETURN_IF_ERROR(gap());
    if (next() == close) return {};
    if (next() != ',') return expected(what);
    const std::size_t comma = at_++;
    RETURN_IF_ERROR(gap());
    if (next() == close) note_extension(comma);
    return {};
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::optional<std::size_t> first_extension_;
};

json::Value value_of(std::string_view text, const Node& node) {
  switch (node.kind) {
    case Node::Kind::object: {
      json::Object object;
      for (const auto& member : node.members) object[member.name] = value_of(text, member.value);
      return object;
    }
    case Node::Kind::array: {
      json::Array array;
      array.reserve(node.elements.size());
      for (const auto& element : node.elements) array.push_back(value_of(text, element));
      return array;
    }
    default:
      // The parser has read it once already.
      return json::parse(text.substr(node.begin, node.end - node.begin)).value_or(json::Value{});
  }
}

std::string joined(const Path& path, std::size_t steps) {
  std::string out;
  for (std::size_t i = 0; i < steps; ++i) out += (i == 0 ? "" : ".") + path[i];
  return out.empty() ? "the top" : out;
}

// Children of either kind of container, as far as their place goes.
std::vector<std::pair<std::size_t, std::size_t>> spans(const Node& container) {
  std::vector<std::pair<std::size_t, std::size_t>> out;
  out.reserve(container.members.size() + container.elements.size());
  for (const auto& member : container.members) out.emplace_back(member.begin, member.value.end);
  for (const auto& element : container.elements) out.emplace_back(element.begin, element.end);
  return out;
}

// Behind the comments that follow on the same line; a line comment runs to its end.
std::size_t behind_comments_of_line(std::string_view text, std::size_t at) {
  for (;;) {
    std::size_t word = at;
    while (word < text.size() && (text[word] == ' ' || text[word] == '\t')) ++word;
    const std::string_view rest = text.substr(word);
    if (rest.starts_with("//")) {
      const std::size_t end = std::min(text.find('\n', word), text.size());
      return end > word && text[end - 1] == '\r' ? end - 1 : end;
    }
    if (!rest.starts_with("/*")) return at;
    const std::size_t close = text.find("*/", word + 2) + 2;
    if (text.substr(word, close - word).contains('\n')) return at;
    at = close;
  }
}

bool all_simple(const json::Array& array) {
  return std::ranges::none_of(array,
                              [](const json::Value& each) { return each.is_object() || each.is_array(); });
}

}  // namespace

Result<Document> Document::parse(std::string text) {
  if (text.size() > kMaxBytes) {
    return fail(ErrorKind::too_large, "core.jsonc.too_large", fmt::format("larger than {} bytes", kMaxBytes));
  }
  if (!valid_utf8(text)) {
    return fail(ErrorKind::invalid_input, "core.jsonc.syntax", "the text is not UTF-8");
  }
  Document document;
  document.text_ = std::move(text);
  Parser parser(document.text_);
  ASSIGN_OR_RETURN(auto root, parser.document());
  document.first_extension_ = parser.first_extension();
  const auto newline = document.text_.find('\n');
  if (newline != std::string::npos && newline > 0 && document.text_[newline - 1] == '\r') {
    document.line_end_ = "\r\n";
  }
  if (!root) {
    const bool begins_a_line =
        document.text_.empty() || document.text_ == kByteOrderMark || document.text_.ends_with('\n');
    document.text_ += (begins_a_line ? "{}" : document.line_end_ + "{}") + document.line_end_;
    ASSIGN_OR_RETURN(root, Parser(document.text_).document());
  }
  document.root_ = *std::move(root);
  document.learn_style();
  return document;
}

// The first container whose first child stands on a line of its own shows the step.
void Document::learn_style() {
  std::vector<const Node*> level{&root_};
  while (!level.empty()) {
    std::vector<const Node*> below;
    for (const Node* node : level) {
      const auto children = spans(*node);
      if (!children.empty() && starts_its_line(children.front().first)) {
        const std::string outer = indent_of_line(node->begin);
        const std::string inner = indent_of_line(children.front().first);
        if (inner.size() > outer.size() && inner.starts_with(outer)) {
          unit_ = inner.substr(outer.size());
          return;
        }
      }
      for (const auto& member : node->members) below.push_back(&member.value);
      for (const auto& element : node->elements) below.push_back(&element);
    }
    level = std::move(below);
  }
}

std::string Document::place(std::size_t offset) const {
  return place_in(text_, offset);
}

Result<const Node*> Document::find(const Path& path, std::size_t steps) const {
  const Node* node = &root_;
  for (std::size_t step = 0; step < steps; ++step) {
    if (node->kind != Node::Kind::object) {
      return fail(ErrorKind::conflict, "core.jsonc.shape",
                  fmt::format("expected an object ({}) at {}", joined(path, step), place(node->begin)));
    }
    const Node* found = nullptr;
    for (const auto& member : node->members) {
      if (member.name != path[step]) continue;
      if (found) {
        return fail(
            ErrorKind::conflict, "core.jsonc.duplicate",
            fmt::format("{} stands a second time at {}", joined(path, step + 1), place(member.begin)));
      }
      found = &member.value;
    }
    if (!found) return nullptr;
    node = found;
  }
  return node;
}

Result<std::optional<json::Value>> Document::get(const Path& path) const {
  ASSIGN_OR_RETURN(const Node* node, find(path, path.size()));
  if (!node) return std::optional<json::Value>{};
  return std::optional(value_of(text_, *node));
}

Status Document::set(const Path& path, const json::Value& value) {
  ASSIGN_OR_RETURN(const Node* present, find(path, path.size()));
  if (present) {
    if (value_of(text_, *present) == value) return {};
    return replace(present->begin, present->end, print(value, indent_of_line(present->begin)));
  }
  // The deepest object that is there takes a member; what is missing below it comes with the value.
  std::size_t steps = path.size() - 1;
  const Node* parent = nullptr;
  for (;; --steps) {
    ASSIGN_OR_RETURN(parent, find(path, steps));
    if (parent) break;
  }
  if (parent->kind != Node::Kind::object) {
    return fail(ErrorKind::conflict, "core.jsonc.shape",
                fmt::format("expected an object ({}) at {}", joined(path, steps), place(parent->begin)));
  }
  json::Value nested = value;
  for (std::size_t step = path.size() - 1; step > steps; --step) {
    json::Object around;
    around[path[step]] = std::move(nested);
    nested = std::move(around);
  }
  return insert(*parent,
                json::write(json::Value(path[steps])) + ": " + print(nested, indent_of_children(*parent)));
}

Status Document::append(const Path& path, const json::Value& value) {
  ASSIGN_OR_RETURN(const Node* present, find(path, path.size()));
  if (!present) return set(path, json::Array{value});
  if (present->kind != Node::Kind::array) {
    return fail(
        ErrorKind::conflict, "core.jsonc.shape",
        fmt::format("expected an array ({}) at {}", joined(path, path.size()), place(present->begin)));
  }
  return insert(*present, print(value, indent_of_children(*present)));
}

Status Document::insert(const Node& container, std::string_view item) {
  const auto children = spans(container);
  const std::string inner = indent_of_children(container);
  const std::string outer = indent_of_line(container.begin);
  const std::size_t close = container.end - 1;
  std::string changed;
  std::size_t at = container.begin + 1;
  bool trailing_comma = false;
  if (children.empty()) {
    changed = text_.substr(0, at);
  } else {
    const std::size_t last = children.back().second;
    const Gap gap = pass_gap(text_, last);
    trailing_comma = text_[gap.end] == ',';
    at = trailing_comma ? gap.end + 1 : last;
    changed = text_.substr(0, at) + (trailing_comma ? "" : ",");
  }
  const std::size_t behind = behind_comments_of_line(text_, at);
  changed += text_.substr(at, behind - at);
  changed += line_end_ + inner + std::string(item) + (trailing_comma ? "," : "");
  std::string rest = text_.substr(behind, close - behind);
  if (!rest.contains('\n')) {
    // The bracket moves to a line of its own; what stood before it stays only when that is a comment.
    if (std::ranges::all_of(rest, is_blank)) rest.clear();
    rest += line_end_ + outer;
  }
  changed += rest;
  changed += text_.substr(close);
  ASSIGN_OR_RETURN(*this, parse(std::move(changed)));
  return {};
}

Status Document::replace(std::size_t begin, std::size_t end, std::string_view with) {
  ASSIGN_OR_RETURN(*this, parse(text_.substr(0, begin) + std::string(with) + text_.substr(end)));
  return {};
}

std::string Document::print(const json::Value& value, const std::string& indent) const {
  const std::string inner = indent + unit_;
  if (const auto* object = value.if_object(); object && !object->empty()) {
    std::string out = "{";
    for (const auto& member : *object) {
      if (out.size() > 1) out += ",";
      out += line_end_ + inner + json::write(json::Value(member.key())) + ": " + print(member.value(), inner);
    }
    return out + line_end_ + indent + "}";
  }
  if (const auto* array = value.if_array(); array && !array->empty()) {
    const bool flat = all_simple(*array);
    std::string out = "[";
    for (const auto& each : *array) {
      if (out.size() > 1) out += flat ? ", " : ",";
      out += flat ? json::write(each) : line_end_ + inner + print(each, inner);
    }
    return out + (flat ? "" : line_end_ + indent) + "]";
  }
  return json::write(value);
}

std::string Document::indent_of_line(std::size_t offset) const {
  const auto newline = text_.rfind('\n', offset == 0 ? 0 : offset - 1);
  std::size_t begin = newline == std::string::npos || newline >= offset ? 0 : newline + 1;
  if (begin == 0 && text_.starts_with(kByteOrderMark)) begin = kByteOrderMark.size();
  std::size_t end = begin;
  while (end < offset && (text_[end] == ' ' || text_[end] == '\t')) ++end;
  return text_.substr(begin, end - begin);
}

bool Document::starts_its_line(std::size_t offset) const {
  std::size_t at = offset;
  while (at > 0 && (text_[at - 1] == ' ' || text_[at - 1] == '\t')) --at;
  return at > 0 && text_[at - 1] == '\n';
}

std::string Document::indent_of_children(const Node& container) const {
  const auto children = spans(container);
  if (!children.empty() && starts_its_line(children.back().first)) {
    return indent_of_line(children.back().first);
  }
  return indent_of_line(container.begin) + unit_;
}

}  // namespace core::jsonc
