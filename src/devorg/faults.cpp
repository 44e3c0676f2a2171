#include "devorg/faults.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

#include "core/json.h"

namespace devorg {

namespace {

constexpr std::array<std::string_view, 6> kNames{"429", "500", "503html", "reset", "truncate", "slow"};
constexpr std::size_t kMaxRules = 100;

std::unexpected<core::Error> bad(std::string message) {
  return core::fail(
      core::ErrorKind::invalid_input, "devorg.fault", std::move(message),
      "Write METHOD PATH=FAULT[:TIMES], with FAULT one of 429, 500, 503html, reset, truncate, slow.");
}

core::Result<FaultKind> parse_kind(std::string_view name) {
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return bad(fmt::format("There is no fault called '{}'.", name));
  return static_cast<FaultKind>(found - kNames.begin());
}

core::Result<std::string> check_match(std::string match) {
  const std::size_t space = match.find(' ');
  if (space == std::string::npos || space == 0 || space + 1 == match.size())
    return bad(fmt::format("'{}' is not a method and a path.", match));
  const std::string_view method = std::string_view(match).substr(0, space);
  if (method != "*" && !net::parse_method(method)) return bad(fmt::format("'{}' is no HTTP method.", method));
  return match;
}

bool fits(std::string_view match, const net::ServerRequest& request) {
  const std::size_t space = match.find(' ');
  const std::string_view method = match.substr(0, space);
  std::string_view path = match.substr(space + 1);
  if (method != "*" && method != net::to_string(request.method)) return false;
  if (!path.ends_with('*')) return request.path == path;
  path.remove_suffix(1);
  return std::string_view(request.path).starts_with(path);
}

}  // namespace

std::string_view to_string(FaultKind kind) {
  return kNames[static_cast<std::size_t>(kind)];
}

core::Result<FaultRule> parse_fault(std::string_view text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos) return bad(fmt::format("'{}' names no fault.", text));
  FaultRule rule;
  ASSIGN_OR_RETURN(rule.match, check_match(std::string(text.substr(0, equals))));
  std::string_view fault = text.substr(equals + 1);
  const std::size_t colon = fault.find(':');
  if (colon != std::string_view::npos) {
    const std::string_view count = fault.substr(colon + 1);
    const auto [end, error] = std::from_chars(count.data(), count.data() + count.size(), rule.times);
    if (error != std::errc{} || end != count.data() + count.size() || rule.times < -1)
      return bad(fmt::format("'{}' is no number of times.", count));
  }
  ASSIGN_OR_RETURN(rule.kind, parse_kind(fault.substr(0, colon)));
  return rule;
}

core::Result<FaultRule> read_fault(const boost::json::value& json) {
  const core::json::Reader in(json);
  RETURN_IF_ERROR(in.only({"match", "fault", "times", "delayMs"}));
  FaultRule rule;
  ASSIGN_OR_RETURN(auto match, in.at("match").string());
  ASSIGN_OR_RETURN(rule.match, check_match(std::move(match)));
  ASSIGN_OR_RETURN(const auto fault, in.at("fault").string());
  ASSIGN_OR_RETURN(rule.kind, parse_kind(fault));
  if (in.at("times").present()) {
    ASSIGN_OR_RETURN(const auto times, in.at("times").integer_in(-1, 1'000'000));
    rule.times = static_cast<int>(times);
  }
  if (in.at("delayMs").present()) {
    ASSIGN_OR_RETURN(const auto delay, in.at("delayMs").integer_in(0, 600'000));
    rule.delay = std::chrono::milliseconds(delay);
  }
  return rule;
}

void Faults::add(FaultRule rule) {
  std::lock_guard lock(mutex_);
  if (rules_.size() >= kMaxRules) rules_.erase(rules_.begin());
  rules_.push_back(std::move(rule));
}

void Faults::clear() {
  std::lock_guard lock(mutex_);
  rules_.clear();
}

boost::json::array Faults::list() const {
  std::lock_guard lock(mutex_);
  boost::json::array out;
  for (const auto& rule : rules_)
    out.push_back(boost::json::object{{"match", rule.match},
                                      {"fault", to_string(rule.kind)},
                                      {"times", rule.times},
                                      {"delayMs", rule.delay.count()}});
  return out;
}

std::optional<FaultRule> Faults::strike(const net::ServerRequest& request) {
  std::lock_guard lock(mutex_);
  for (auto rule = rules_.begin(); rule != rules_.end(); ++rule) {
    if (!fits(rule->match, request)) continue;
    FaultRule struck = *rule;
    if (struck.times == 1) {
      rules_.erase(rule);
    } else if (struck.times > 1) {
      --rule->times;
    }
    return struck;
  }
  return std::nullopt;
}

}  // namespace devorg
