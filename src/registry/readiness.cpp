#include "registry/readiness.h"

#include <algorithm>
#include <fmt/format.h>
#include <set>
#include <utility>

#include "registry/readiness_checks.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;

std::string plain(const Value& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (!value.is_array()) return core::json::write(value);
  std::string text;
  for (const Value& entry : value.get_array()) {
    if (!text.empty()) text += ", ";
    text += plain(entry);
  }
  return text;
}

// "{name}" becomes that member of the details.
std::string fill_in(std::string_view text, const Object& details) {
  std::string filled;
  while (!text.empty()) {
    const auto open = text.find('{');
    const auto close = text.find('}', open == std::string_view::npos ? text.size() : open);
    if (close == std::string_view::npos) break;
    filled += text.substr(0, open);
    if (const Value* value = details.if_contains(text.substr(open + 1, close - open - 1)))
      filled += plain(*value);
    text.remove_prefix(close + 1);
  }
  return filled.append(text);
}

// Checks of one scope, in the order of the table.
class Run {
 public:
  // `before`: checks of the server that have come to nothing.
  Run(const CheckInput& input, std::set<std::string_view> before)
      : input_(input), unmet_(std::move(before)) {}

  std::vector<CheckResult> all(CheckScope scope) {
    std::vector<CheckResult> results;
    for (const Check& check : readiness_checks()) {
      if (check.scope == scope) results.push_back(one(check));
    }
    return results;
  }
  const std::set<std::string_view>& unmet() const { return unmet_; }

 private:
  CheckResult one(const Check& check) {
    CheckResult result{.check = &check};
    for (const std::string_view need : check.needs) {
      if (!unmet_.contains(need)) continue;
      unmet_.insert(check.id);
      result.message = fmt::format("not looked at, because of {}", need);
      return result;
    }
    Finding finding = check.run(input_);
    result.outcome = finding.outcome;
    result.gravity = finding.gravity;
    result.details = std::move(finding.details);
    if (const auto took = input_.seen.took.find(check.part); took != input_.seen.took.end())
      result.took = took->second;
    if (result.outcome == Outcome::skip) result.message = "does not apply";
    if (result.outcome == Outcome::fail) unmet_.insert(check.id);
    if (result.outcome == Outcome::fail || result.outcome == Outcome::warn)
      result.message = fill_in(check.messages.at(finding.message), result.details);
    return result;
  }

  const CheckInput input_;
  std::set<std::string_view> unmet_;
};

bool is_failure(const CheckResult& result) {
  return result.outcome == Outcome::fail;
}

// Of an authorization server: no matter of configuration.
bool is_defect(const CheckResult& result) {
  return is_failure(result) && result.gravity != Gravity::missing;
}

int weight(Gravity gravity) {
  switch (gravity) {
    case Gravity::security:
      return 0;
    case Gravity::permanent:
      return 1;
    case Gravity::transient:
      return 2;
    case Gravity::missing:
      break;
  }
  return 3;
}

bool stops_validation(const CheckResult& result, const Subject& subject) {
  if (!is_failure(result)) return false;
  return result.check->blocks == Blocks::all ||
         (result.check->blocks == Blocks::discovered && !subject.server.manual);
}

void mark_blocking(Report& report, const Subject& subject) {
  for (CheckResult& result : report.checks) result.blocking = stops_validation(result, subject);
  const auto is_sound = [](const AuthServerReport& each) {
    return std::ranges::none_of(each.checks, [](const CheckResult& result) {
      return is_defect(result) && result.check->blocks == Blocks::external;
    });
  };
  const bool another_is_sound = std::ranges::any_of(report.auth_servers, is_sound);
  for (AuthServerReport& each : report.auth_servers) {
    for (CheckResult& result : each.checks) {
      if (!is_defect(result) || result.check->blocks != Blocks::external) continue;
      result.blocking = !another_is_sound || result.gravity == Gravity::security;
    }
  }
}

// ---- drift ----

using Members = std::vector<std::pair<std::string, Value>>;

// "resource.scopes_supported", "authorizationServers[https://idp.example].token_endpoint".
void flatten(const Object& object, const std::string& prefix, Members& into) {
  for (const auto& member : object) {
    const std::string_view key = member.key();
    std::string name = prefix;
    if (key.find("://") != std::string_view::npos)
      name += fmt::format("[{}]", key);
    else
      name += fmt::format("{}{}", prefix.empty() ? "" : ".", key);
    if (member.value().is_object())
      flatten(member.value().get_object(), name, into);
    else
      into.emplace_back(std::move(name), member.value());
  }
}

bool same(const Value& a, const Value& b) {
  if (!a.is_array() || !b.is_array()) return a == b;
  const auto sorted = [](const Array& list) {
    std::multiset<std::string> texts;
    for (const Value& entry : list) texts.insert(core::json::write(entry));
    return texts;
  };
  return sorted(a.get_array()) == sorted(b.get_array());
}

}  // namespace

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::pass:
      return "PASS";
    case Outcome::warn:
      return "WARN";
    case Outcome::fail:
      return "FAIL";
    case Outcome::skip:
      break;
  }
  return "SKIP";
}

std::string_view to_string(Gravity gravity) {
  switch (gravity) {
    case Gravity::permanent:
      return "PERMANENT";
    case Gravity::transient:
      return "TRANSIENT";
    case Gravity::security:
      return "SECURITY";
    case Gravity::missing:
      break;
  }
  return "MISSING";
}

const CheckResult* AuthServerReport::find(std::string_view check) const {
  const auto found =
      std::ranges::find_if(checks, [&](const CheckResult& result) { return result.check->id == check; });
  return found == checks.end() ? nullptr : &*found;
}

const CheckResult* AuthServerReport::failure() const {
  const CheckResult* gravest = nullptr;
  for (const CheckResult& result : checks) {
    if (is_defect(result) && (!gravest || weight(result.gravity) < weight(gravest->gravity)))
      gravest = &result;
  }
  return gravest;
}

bool AuthServerReport::incomplete() const {
  const auto fails = [&](std::string_view check) {
    const CheckResult* result = find(check);
    return result && is_failure(*result);
  };
  const auto lacks = [&](Blocks blocks) {
    return std::ranges::any_of(checks, [&](const CheckResult& result) {
      return is_failure(result) && result.check->blocks == blocks;
    });
  };
  if (lacks(Blocks::external)) return true;
  const CheckResult* profile = find("R18");
  const bool by_xaa = profile && profile->outcome == Outcome::pass && !lacks(Blocks::xaa);
  return !by_xaa && (fails("R13") || fails("R14"));
}

std::vector<const CheckResult*> Report::blocking() const {
  std::vector<const CheckResult*> found;
  const auto add = [&](const std::vector<CheckResult>& results) {
    for (const CheckResult& result : results)
      if (result.blocking) found.push_back(&result);
  };
  add(checks);
  for (const AuthServerReport& each : auth_servers) add(each.checks);
  std::ranges::stable_sort(found, {}, [](const CheckResult* result) { return weight(result->gravity); });
  return found;
}

bool Report::has_security_failure() const {
  const auto found = blocking();
  return !found.empty() && found.front()->gravity == Gravity::security;
}

bool Report::is_transient() const {
  const auto found = blocking();
  return !found.empty() && found.front()->gravity == Gravity::transient;
}

Report assess(const Observation& seen, const Subject& subject) {
  Report report{.at = seen.at};
  Run of_server({.seen = seen, .subject = subject}, {});
  report.checks = of_server.all(CheckScope::server);
  report.auth_servers.reserve(subject.auth_servers.size());
  for (const Subject::AuthServer& each : subject.auth_servers) {
    Run run(
        {.seen = seen, .subject = subject, .auth_server = &each, .issuer = seen.issuer(each.entity.issuer)},
        of_server.unmet());
    report.auth_servers.push_back(
        {.id = each.entity.id, .issuer = each.entity.issuer, .checks = run.all(CheckScope::auth_server)});
  }
  mark_blocking(report, subject);
  return report;
}

Object drift_between(const Object& before, const Object& after) {
  Members old_members;
  Members new_members;
  flatten(before, "", old_members);
  flatten(after, "", new_members);
  const auto find = [](const Members& members, const std::string& name) -> const Value* {
    const auto found = std::ranges::find(members, name, &Members::value_type::first);
    return found == members.end() ? nullptr : &found->second;
  };
  Array added;
  Array removed;
  Array changed;
  for (const auto& [name, value] : new_members) {
    const Value* old_value = find(old_members, name);
    if (!old_value) {
      added.push_back(Object{{"member", name}, {"value", value}});
    } else if (!same(*old_value, value)) {
      changed.push_back(Object{{"member", name}, {"from", *old_value}, {"to", value}});
    }
  }
  for (const auto& [name, value] : old_members) {
    if (!find(new_members, name)) removed.push_back(Object{{"member", name}, {"value", value}});
  }
  if (added.empty() && removed.empty() && changed.empty()) return {};
  return {{"added", std::move(added)}, {"removed", std::move(removed)}, {"changed", std::move(changed)}};
}

Object show(const CheckResult& result) {
  Object shown{{"id", result.check->id},       {"name", result.check->name},
               {"title", result.check->title}, {"result", to_string(result.outcome)},
               {"blocking", result.blocking},  {"durationMs", result.took.count()}};
  if (!result.message.empty()) shown["message"] = result.message;
  if (!result.details.empty()) shown["details"] = result.details;
  if (result.outcome == Outcome::fail) shown["gravity"] = to_string(result.gravity);
  if (result.outcome == Outcome::fail || result.outcome == Outcome::warn) shown["cure"] = result.check->cure;
  return shown;
}

}  // namespace registry
