#include "oauth/www_authenticate.h"

#include <algorithm>

namespace oauth {
namespace {

constexpr std::size_t kMaxChallenges = 16;
constexpr std::size_t kMaxParameters = 32;

bool is_tchar(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

bool is_token68(char c) {
  return is_tchar(c) || c == '/' || c == '=';
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool blanks() {
    const auto end = std::min(rest_.find_first_not_of(" \t"), rest_.size());
    rest_.remove_prefix(end);
    return end > 0;
  }
  // Empty list elements are allowed (section 5.6.1.2).
  bool commas() {
    bool some = false;
    blanks();
    while (take(',')) {
      some = true;
      blanks();
    }
    return some;
  }
  bool take(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  template <class Test>
  std::string_view run(Test test) {
    std::size_t end = 0;
    while (end < rest_.size() && test(rest_[end])) ++end;
    const auto found = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return found;
  }
  // nullopt: no closing quote.
  std::optional<std::string> quoted() {
    std::string value;
    while (!rest_.empty()) {
      char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return value;
      if (c == '\\') {
        if (rest_.empty()) return std::nullopt;
        c = rest_.front();
        rest_.remove_prefix(1);
      }
      value += c;
    }
    return std::nullopt;
  }
  std::string_view rest() const { return rest_; }
  void back_to(std::string_view rest) { rest_ = rest; }

 private:
  std::string_view rest_;
};

// name BWS "=" BWS ( token / quoted-string ). False, with nothing taken, when what follows is none.
enum class Found { parameter, none, broken };
Found read_parameter(Scanner& in, std::pair<std::string, std::string>& parameter) {
  const auto start = in.rest();
  const auto name = in.run(is_tchar);
  in.blanks();
  if (name.empty() || !in.take('=')) {
    in.back_to(start);
    return Found::none;
  }
  in.blanks();
  parameter.first = lower(name);
  if (in.take('"')) {
    auto value = in.quoted();
    if (!value) return Found::broken;
    parameter.second = std::move(*value);
    return Found::parameter;
  }
  const auto value = in.run(is_tchar);
  if (value.empty()) {
    in.back_to(start);
    return Found::none;
  }
  // "abc=/d" is a token68, not a parameter with something behind it.
  if (!in.done() && !in.rest().starts_with(',') && !in.rest().starts_with(' ') &&
      !in.rest().starts_with('\t')) {
    in.back_to(start);
    return Found::none;
  }
  parameter.second = value;
  return Found::parameter;
}

// After the scheme. False: the rest of the field cannot be trusted.
bool read_parameters(Scanner& in, ReceivedChallenge& challenge) {
  for (bool first = true;; first = false) {
    if (!first) {
      const auto before = in.rest();
      if (!in.commas()) return in.done();
      if (in.done()) return true;
      std::pair<std::string, std::string> parameter;
      switch (read_parameter(in, parameter)) {
        case Found::broken:
          return false;
        case Found::none:  // the next challenge
          in.back_to(before);
          return true;
        case Found::parameter:
          break;
      }
      if (challenge.parameters.size() < kMaxParameters) challenge.parameters.push_back(std::move(parameter));
      continue;
    }
    std::pair<std::string, std::string> parameter;
    switch (read_parameter(in, parameter)) {
      case Found::broken:
        return false;
      case Found::none:
        challenge.token68 = std::string(in.run(is_token68));
        break;
      case Found::parameter:
        challenge.parameters.push_back(std::move(parameter));
        break;
    }
  }
}

}  // namespace

std::string_view ReceivedChallenge::get(std::string_view name) const {
  const std::string* found = nullptr;
  for (const auto& [key, value] : parameters) {
    if (key != name) continue;
    if (found && *found != value) return {};
    found = &value;
  }
  return found ? std::string_view(*found) : std::string_view{};
}

std::vector<ReceivedChallenge> read_challenges(std::string_view field) {
  std::vector<ReceivedChallenge> challenges;
  Scanner in(field);
  in.commas();
  while (!in.done() && challenges.size() < kMaxChallenges) {
    ReceivedChallenge challenge;
    challenge.scheme = std::string(in.run(is_tchar));
    if (challenge.scheme.empty()) break;
    const bool more = in.blanks() && !in.done() && !in.rest().starts_with(',');
    const bool sound = !more || read_parameters(in, challenge);
    challenges.push_back(std::move(challenge));
    if (!sound) break;
    if (!in.done() && !in.commas()) break;
  }
  return challenges;
}

std::vector<ReceivedChallenge> read_challenges(const net::Headers& headers) {
  std::vector<ReceivedChallenge> all;
  for (const auto field : headers.all("WWW-Authenticate")) {
    for (auto& challenge : read_challenges(field)) {
      if (all.size() < kMaxChallenges) all.push_back(std::move(challenge));
    }
  }
  return all;
}

}  // namespace oauth
