// Which definitions with external linkage a source has, read from its text.
#include <algorithm>
#include <cctype>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "rules.h"

namespace architecture {
namespace {

struct Token {
  std::string text;
  std::size_t line;
};
using Tokens = std::vector<Token>;

bool word_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

// Words and single characters ("::" is one), without comments, preprocessor lines and what literals say.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  Tokens read() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        fresh_ = true;
        ++at_;
      } else if (std::isspace(static_cast<unsigned char>(c))) {
        ++at_;
      } else if (c == '#' && fresh_) {
        skip_directive();
      } else if (text_.substr(at_).starts_with("//")) {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else if (text_.substr(at_).starts_with("/*")) {
        skip_to("*/");
      } else if (c == '"' || c == '\'') {
        skip_literal(c);
      } else {
        take_token();
      }
    }
    return std::move(tokens_);
  }

 private:
  void skip_directive() {
    while (at_ < text_.size() && (text_[at_] != '\n' || text_[at_ - 1] == '\\')) {
      if (text_[at_] == '\n') ++line_;
      ++at_;
    }
  }

  void skip_to(std::string_view end) {
    const std::size_t stop = text_.find(end, at_);
    const std::size_t next = stop == std::string_view::npos ? text_.size() : stop + end.size();
    line_ += static_cast<std::size_t>(std::count(text_.begin() + static_cast<std::ptrdiff_t>(at_),
                                                 text_.begin() + static_cast<std::ptrdiff_t>(next), '\n'));
    at_ = next;
  }

  void skip_literal(char quote) {
    fresh_ = false;
    const bool raw =
        quote == '"' && !tokens_.empty() && tokens_.back().text.ends_with('R') && text_[at_ - 1] == 'R';
    tokens_.push_back({"\"", line_});
    if (raw) {
      const std::size_t open = text_.find('(', at_);
      skip_to(fmt::format("){}\"", text_.substr(at_ + 1, open - at_ - 1)));
      return;
    }
    for (++at_; at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n'; ++at_)
      if (text_[at_] == '\\') ++at_;
    ++at_;
  }

  void take_token() {
    fresh_ = false;
    std::size_t end = at_ + 1;
    if (word_char(text_[at_])) {
      // A ' inside of a number parts its digits.
      const bool number = std::isdigit(static_cast<unsigned char>(text_[at_])) != 0;
      while (end < text_.size() && (word_char(text_[end]) || (number && text_[end] == '\''))) ++end;
    } else if (text_.substr(at_).starts_with("::")) {
      end = at_ + 2;
    }
    tokens_.push_back({std::string(text_.substr(at_, end - at_)), line_});
    at_ = end;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  bool fresh_ = true;  // nothing on the line so far
  Tokens tokens_;
};

bool is_word(const Token& token) {
  return word_char(token.text.front());
}

bool has(const Tokens& tokens, std::string_view text) {
  return std::ranges::find(tokens, text, &Token::text) != tokens.end();
}

// The index behind the bracket that `tokens[at]` opens.
std::size_t behind(const Tokens& tokens, std::size_t at, std::string_view open, std::string_view close) {
  std::size_t depth = 0;
  for (; at < tokens.size(); ++at) {
    if (tokens[at].text == open) ++depth;
    if (tokens[at].text == close && --depth == 0) return at + 1;
  }
  return at;
}

struct Definition {
  std::string name;  // "type Case", "constant kMost", "f(int)"
  std::size_t line;
};

// "type Case", of "struct [[nodiscard]] Case final : Base"; "type Case<int>" of a specialisation.
std::optional<Definition> type_of(const Tokens& head) {
  constexpr std::string_view kKeys[] = {"struct", "class", "union", "enum"};
  if (head.empty() || std::ranges::find(kKeys, head.front().text) == std::end(kKeys)) return std::nullopt;
  std::size_t at = 1;
  if (at < head.size() && (head[at].text == "class" || head[at].text == "struct")) ++at;
  while (at < head.size() && head[at].text == "[") at = behind(head, at, "[", "]");
  if (at < head.size() && head[at].text == "alignas") at = behind(head, at + 1, "(", ")");
  if (at >= head.size() || !is_word(head[at])) return std::nullopt;
  // "struct Outer::Inner {" is Outer's.
  std::string name = head[at].text;
  if (at + 1 < head.size() && head[at + 1].text == "<") {
    const std::size_t end = behind(head, at + 1, "<", ">");
    for (std::size_t i = at + 1; i < end; ++i) name += head[i].text;
  } else if (at + 1 < head.size() && head[at + 1].text == "::") {
    return std::nullopt;
  }
  return Definition{"type " + name, head[at].line};
}

// Parameters as they are spelt, without their names and defaults: two of one type may differ in both.
std::string spelt(const Tokens& head, std::size_t from, std::size_t to) {
  std::string all;
  std::vector<std::string> words;
  std::size_t depth = 0;
  bool in_default = false;
  const auto flush = [&] {
    // The last word is the name, unless it is all there is, or a template closes behind it.
    if (words.size() > 1 && word_char(words.back().front()) && words[words.size() - 2] != "::" &&
        words[words.size() - 2] != "const")
      words.pop_back();
    for (const auto& word : words) all += word + " ";
    words.clear();
    in_default = false;
  };
  for (std::size_t at = from; at < to; ++at) {
    const std::string& text = head[at].text;
    if (text == "<" || text == "(" || text == "{" || text == "[") ++depth;
    if (text == ">" || text == ")" || text == "}" || text == "]") --depth;
    if (depth == 0 && text == ",") {
      flush();
      all += ", ";
      continue;
    }
    if (depth == 0 && text == "=") in_default = true;
    if (!in_default) words.push_back(text);
  }
  flush();
  return all;
}

std::optional<Definition> function_of(const Tokens& head) {
  constexpr auto kNone = static_cast<std::size_t>(-1);
  std::size_t angle = 0;
  std::size_t called_at = kNone;  // where the name begins
  for (std::size_t at = 0; at < head.size(); ++at) {
    if (head[at].text == "operator") called_at = at;
    const bool in_operator = called_at != kNone;
    if (!in_operator && head[at].text == "<") ++angle;
    if (head[at].text == ">" && angle > 0) --angle;
    if (!in_operator && angle == 0 && head[at].text == "=") return std::nullopt;
    if (head[at].text != "(" || angle > 0 || at == 0) continue;
    if (!in_operator) called_at = at - 1;
    const Token& name = head[called_at];
    if (name.text == "decltype" || name.text == "noexcept" || name.text == "alignas") {
      at = behind(head, at, "(", ")") - 1;
      called_at = kNone;
      continue;
    }
    const std::size_t end = behind(head, at, "(", ")");
    constexpr std::string_view kTests[] = {"TEST", "TEST_F", "TEST_P", "TYPED_TEST", "TYPED_TEST_P"};
    if (at == 1 && std::ranges::find(kTests, name.text) != std::end(kTests) && end == at + 5)
      return Definition{fmt::format("type {}_{}_Test", head[at + 1].text, head[at + 3].text), name.line};
    // "Room::Type::member(" is the type's.
    if (called_at > 0 && head[called_at - 1].text == "::") return std::nullopt;
    std::string called;
    for (std::size_t i = called_at; i < at; ++i) called += head[i].text;
    if (!word_char(called.front())) return std::nullopt;
    return Definition{fmt::format("{}({})", called, spelt(head, at + 1, end - 1)), name.line};
  }
  return std::nullopt;
}

std::optional<Definition> inline_variable_of(const Tokens& head) {
  if (!has(head, "inline")) return std::nullopt;
  for (std::size_t at = 0, angle = 0; at <= head.size(); ++at) {
    const std::string_view text = at < head.size() ? std::string_view(head[at].text) : ";";
    if (text == "<") ++angle;
    if (text == ">" && angle > 0) --angle;
    if (angle > 0 || at == 0 || (text != "=" && text != "[" && text != ";" && text != "{")) continue;
    if (!is_word(head[at - 1])) return std::nullopt;
    return Definition{"constant " + head[at - 1].text, head[at - 1].line};
  }
  return std::nullopt;
}

// What stands between two ends of statements at namespace scope.
std::optional<Definition> definition_of(Tokens head, bool has_body) {
  while (head.size() > 1 && head.front().text == "template")
    head.erase(head.begin(), head.begin() + static_cast<std::ptrdiff_t>(behind(head, 1, "<", ">")));
  if (head.empty() || has(head, "using") || has(head, "typedef") || has(head, "static_assert"))
    return std::nullopt;
  if (has_body) {
    if (auto type = type_of(head)) return type;
  }
  if (has(head, "static")) return std::nullopt;
  if (has_body) {
    if (auto function = function_of(head)) return function;
  }
  // A declaration of a function has no body; anything else that is inline is a variable.
  return !has_body && function_of(head) ? std::nullopt : inline_variable_of(head);
}

// With their namespaces in front: "net::type Url".
std::vector<Definition> definitions_of(const Source& source) {
  const Tokens tokens = Lexer(source.text).read();
  std::vector<Definition> found;
  std::vector<std::string> scopes;  // of namespaces; empty ones have no name
  Tokens head;
  const auto keep = [&](bool has_body) {
    const bool hidden = std::ranges::find(scopes, "") != scopes.end();
    auto one = hidden ? std::nullopt : definition_of(head, has_body);
    if (one) {
      std::string name;
      for (const auto& scope : scopes) name += scope + "::";
      found.push_back({name + one->name, one->line});
    }
  };
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    const std::string& text = tokens[at].text;
    if (text == ";") {
      keep(false);
      head.clear();
    } else if (text == "}") {
      if (!scopes.empty()) scopes.pop_back();
      head.clear();
    } else if (text == "(") {
      const std::size_t end = behind(tokens, at, "(", ")");
      head.insert(head.end(), tokens.begin() + static_cast<std::ptrdiff_t>(at),
                  tokens.begin() + static_cast<std::ptrdiff_t>(end));
      at = end - 1;
    } else if (text != "{") {
      head.push_back(tokens[at]);
    } else if (has(head, "namespace")) {
      std::string name;
      for (const Token& word : head)
        if (word.text != "namespace" && word.text != "inline") name += word.text;
      scopes.push_back(std::move(name));
      head.clear();
    } else if (head.size() == 2 && head.front().text == "extern") {
      scopes.emplace_back("C");
      head.clear();
    } else {
      keep(true);
      at = behind(tokens, at, "{", "}") - 1;
      // "struct X {...};" and "x = {...};" end by a semicolon, a function does not; in either case nothing of
      // what follows belongs to it.
      head.clear();
    }
  }
  return found;
}

}  // namespace

Violations check_one_definition(const std::vector<Source>& sources) {
  // By folder and name: where it is defined first.
  std::map<std::pair<std::string, std::string>, std::pair<std::string, std::size_t>> first;
  Violations found;
  for (const Source& source : sources) {
    const std::string folder = source.path.substr(0, source.path.rfind('/'));
    for (const Definition& one : definitions_of(source)) {
      // A folder may hold several programs.
      if (one.name.starts_with("main(")) continue;
      const auto [there, fresh] = first.try_emplace({folder, one.name}, source.path, one.line);
      if (fresh || there->second.first == source.path) continue;
      found.push_back(
          fmt::format("{}:{}: {} is defined in {}:{}, too; put one of them into an unnamed namespace",
                      source.path, one.line, one.name, there->second.first, there->second.second));
    }
  }
  return found;
}

}  // namespace architecture
