#include "admin/answer_scrub.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "core/log.h"
#include "core/text.h"

namespace admin {
namespace {

namespace json = core::json;

constexpr std::string_view kRedacted = "[redacted]";
constexpr std::size_t kMaxSteps = 32;

// Beyond core::is_secret_name: what lets its bearer act for somebody else in Okta's API.
constexpr std::array<std::string_view, 9> kOneTime = {
    "activationToken", "recoveryToken", "sessionToken",     "stateToken",    "passCode",
    "activationUrl",   "recoveryUrl",   "resetPasswordUrl", "activationLink"};

// RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1; RFC 8037 section 2.
constexpr std::array<std::string_view, 8> kPrivateKeyParts = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

template <std::size_t N>
bool one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_secret(const json::Object& owner, std::string_view owner_name, std::string_view name,
               const json::Value& value) {
  if (owner.contains("kty") && one_of(kPrivateKeyParts, name)) return true;
  if (value.is_object()) {
    // An empty object only says that there is a password.
    return owner_name == "credentials" && name == "password" && !value.get_object().empty();
  }
  if (!value.is_string() && !value.is_number()) return false;
  return core::is_secret_name(name) || one_of(kOneTime, name);
}

bool is_link(std::string_view name) {
  return name == "_links" || name == "_embedded";
}

json::Value scrub_string(std::string_view text, ScrubCount& count) {
  std::string shown = core::clean(text, {.line_breaks = core::LineBreaks::keep}, &count.invisible);
  return json::Value(core::redact(shown));
}

json::Value scrub_named(const json::Value& value, std::string_view name, const ScrubOptions& options,
                        ScrubCount& count) {
  if (value.is_string()) return scrub_string(value.get_string(), count);
  if (value.is_array()) {
    json::Array out;
    out.reserve(value.get_array().size());
    for (const auto& element : value.get_array()) out.push_back(scrub_named(element, name, options, count));
    return out;
  }
  if (!value.is_object()) return value;
  json::Object out;
  for (const auto& member : value.get_object()) {
    std::string_view key = member.key();
    if (member.value().is_null() && !options.keep_nulls) continue;
    if (is_link(key) && !options.keep_links) continue;
    if (is_secret(value.get_object(), name, key, member.value())) {
      out[core::clean(key)] = kRedacted;
      ++count.secrets;
    } else {
      out[core::clean(key, {}, &count.invisible)] = scrub_named(member.value(), key, options, count);
    }
  }
  return out;
}

std::optional<std::size_t> index(std::string_view step) {
  std::size_t value = 0;
  auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), value);
  if (error != std::errc{} || end != step.data() + step.size()) return std::nullopt;
  return value;
}

// One walk down a path. Lists on the way spread it into several.
struct Walk {
  const std::vector<std::string>& steps;
  ScrubCount& count;
  std::vector<json::Value> found;
  bool spread = false;
  bool only_look = false;

  void go(const json::Value& value, std::size_t step, std::string_view name) {
    if (step == steps.size()) {
      found.push_back(only_look ? json::Value()
                                : scrub_named(value, name, {.keep_nulls = true, .keep_links = true}, count));
      return;
    }
    const std::string& wanted = steps[step];
    if (value.is_array()) {
      const json::Array& elements = value.get_array();
      if (auto place = index(wanted)) {
        if (*place < elements.size()) go(elements[*place], step + 1, name);
        return;
      }
      spread = true;
      for (const auto& element : elements) {
        if (only_look && !found.empty()) return;
        go(element, step, name);
      }
      return;
    }
    if (!value.is_object()) return;
    const json::Value* member = value.get_object().if_contains(wanted);
    if (!member) return;
    if (is_secret(value.get_object(), name, wanted, *member)) {
      found.emplace_back(kRedacted);
      ++count.secrets;
      return;
    }
    go(*member, step + 1, wanted);
  }
};

}  // namespace

json::Value scrub(const json::Value& value, const ScrubOptions& options, ScrubCount& count) {
  return scrub_named(value, "", options, count);
}

FieldPath::FieldPath(std::string_view dotted) {
  while (steps_.size() < kMaxSteps) {
    auto dot = dotted.find('.');
    steps_.emplace_back(dotted.substr(0, dot));
    if (dot == std::string_view::npos) break;
    dotted.remove_prefix(dot + 1);
  }
}

bool FieldPath::exists_in(const json::Value& item) const {
  ScrubCount ignored;
  Walk walk{.steps = steps_, .count = ignored, .only_look = true};
  walk.go(item, 0, "");
  return !walk.found.empty();
}

std::optional<json::Value> FieldPath::take(const json::Value& item, ScrubCount& count) const {
  Walk walk{.steps = steps_, .count = count};
  walk.go(item, 0, "");
  if (walk.spread) {
    json::Array all;
    for (auto& value : walk.found) all.push_back(std::move(value));
    return all;
  }
  if (walk.found.empty()) return std::nullopt;
  return std::move(walk.found.front());
}

}  // namespace admin
