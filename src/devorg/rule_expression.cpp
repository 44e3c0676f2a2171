#include "devorg/rule_expression.h"

#include <fmt/format.h>
#include <optional>

namespace devorg {

namespace {

using Test = RuleExpression::Test;
using Text = std::function<std::string(const RuleSubject&)>;

constexpr std::size_t kMaxBytes = 4096;
constexpr int kMaxDepth = 32;

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  core::Result<Test> parse() {
    ASSIGN_OR_RETURN(auto test, any_of());
    skip();
    if (at_ < text_.size()) return unexpected("the end");
    return test;
  }

 private:
  core::Result<Test> any_of() {
    ASSIGN_OR_RETURN(auto left, all_of());
    while (accept("||") || accept_word("or")) {
      ASSIGN_OR_RETURN(auto right, all_of());
      left = [left, right](const RuleSubject& subject) { return left(subject) || right(subject); };
    }
    return left;
  }

  core::Result<Test> all_of() {
    ASSIGN_OR_RETURN(auto left, term());
    while (accept("&&") || accept_word("and")) {
      ASSIGN_OR_RETURN(auto right, term());
      left = [left, right](const RuleSubject& subject) { return left(subject) && right(subject); };
    }
    return left;
  }

  core::Result<Test> term() {
    if (++depth_ > kMaxDepth) return unexpected("less nesting");
    auto test = inner_term();
    --depth_;
    return test;
  }

  core::Result<Test> inner_term() {
    skip();
    if (at_ < text_.size() && text_[at_] == '!' && text_.substr(at_, 2) != "!=") {
      ++at_;
      ASSIGN_OR_RETURN(auto inner, term());
      return Test([inner](const RuleSubject& subject) { return !inner(subject); });
    }
    if (accept("(")) {
      ASSIGN_OR_RETURN(auto inner, any_of());
      if (!accept(")")) return unexpected("')'");
      return inner;
    }
    if (accept_word("String.startsWith"))
      return call([](const std::string& a, const std::string& b) { return a.starts_with(b); });
    if (accept_word("String.stringContains"))
      return call([](const std::string& a, const std::string& b) { return a.find(b) != std::string::npos; });
    if (accept_word("isMemberOfGroupName")) return membership(true);
    if (accept_word("isMemberOfGroup")) return membership(false);
    return comparison();
  }

  template <class Compare>
  core::Result<Test> call(Compare compare) {
    if (!accept("(")) return unexpected("'('");
    ASSIGN_OR_RETURN(auto left, value());
    if (!accept(",")) return unexpected("','");
    ASSIGN_OR_RETURN(auto right, value());
    if (!accept(")")) return unexpected("')'");
    return Test([=](const RuleSubject& subject) { return compare(left(subject), right(subject)); });
  }

  core::Result<Test> membership(bool by_name) {
    if (!accept("(")) return unexpected("'('");
    ASSIGN_OR_RETURN(auto group, value());
    if (!accept(")")) return unexpected("')'");
    return Test([=](const RuleSubject& subject) {
      return by_name ? subject.member_of_name(group(subject)) : subject.member_of(group(subject));
    });
  }

  core::Result<Test> comparison() {
    ASSIGN_OR_RETURN(auto left, value());
    const bool equal = accept("==") || accept_word("eq");
    if (!equal && !accept("!=") && !accept_word("ne")) return unexpected("'==' or '!='");
    ASSIGN_OR_RETURN(auto right, value());
    return Test([=](const RuleSubject& subject) { return (left(subject) == right(subject)) == equal; });
  }

  core::Result<Text> value() {
    skip();
    if (at_ < text_.size() && (text_[at_] == '"' || text_[at_] == '\'')) return quoted(text_[at_]);
    if (accept_word("null")) return Text([](const RuleSubject&) { return std::string(); });
    if (accept_word("true")) return Text([](const RuleSubject&) { return std::string("true"); });
    if (accept_word("false")) return Text([](const RuleSubject&) { return std::string("false"); });
    if (!text_.substr(at_).starts_with("user.")) return unexpected("user.ATTRIBUTE or a string");
    at_ += 5;
    const std::size_t start = at_;
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    if (at_ == start) return unexpected("an attribute");
    std::string name(text_.substr(start, at_ - start));
    return Text([name](const RuleSubject& subject) { return subject.attribute(name); });
  }

  core::Result<Text> quoted(char quote) {
    ++at_;
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      out += text_[at_++];
    }
    if (at_ == text_.size()) return unexpected("a closing quote");
    ++at_;
    return Text([out](const RuleSubject&) { return out; });
  }

  static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  }
  void skip() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) ++at_;
  }
  bool accept(std::string_view token) {
    skip();
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }
  bool accept_word(std::string_view word) {
    skip();
    const std::string_view rest = text_.substr(at_);
    const bool lower = rest.starts_with(word);
    // AND and OR are written both ways.
    std::string upper(word);
    for (char& c : upper) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    if (!lower && !rest.starts_with(upper)) return false;
    if (rest.size() > word.size() && is_word(rest[word.size()])) return false;
    at_ += word.size();
    return true;
  }
  std::unexpected<core::Error> unexpected(std::string_view wanted) const {
    return core::fail(core::ErrorKind::invalid_input, "devorg.rule",
                      fmt::format("expected {} at character {}", wanted, at_ + 1));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace

core::Result<RuleExpression> RuleExpression::parse(std::string_view text) {
  if (text.size() > kMaxBytes)
    return core::fail(core::ErrorKind::too_large, "devorg.rule",
                      fmt::format("The expression is longer than {} bytes.", kMaxBytes));
  ASSIGN_OR_RETURN(auto test, Parser(text).parse());
  return RuleExpression(std::move(test));
}

}  // namespace devorg
