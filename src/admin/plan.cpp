#include "admin/plan.h"

#include <fmt/format.h>

#include "core/seal.h"
#include "core/text.h"

namespace admin {
namespace {

namespace json = core::json;

void collect(const json::Value& before, const json::Value& after, const std::string& path,
             std::vector<Difference>& out) {
  if (before == after) return;
  if (!before.is_object() || !after.is_object()) {
    out.push_back({path, before, after});
    return;
  }
  auto under = [&](std::string_view key) {
    return path.empty() ? std::string(key) : path + "." + std::string(key);
  };
  for (const auto& member : before.get_object()) {
    const json::Value* other = after.get_object().if_contains(member.key());
    collect(member.value(), other ? *other : json::Value(nullptr), under(member.key()), out);
  }
  for (const auto& member : after.get_object()) {
    if (!before.get_object().if_contains(member.key())) {
      collect(json::Value(nullptr), member.value(), under(member.key()), out);
    }
  }
}

std::string show(const json::Value& value) {
  if (value.is_null()) return "(none)";
  if (value.is_string()) return "\"" + core::clean(value.get_string()) + "\"";
  return core::clean(json::write(value));
}

}  // namespace

std::string Step::line() const {
  std::string text = fmt::format("{} {}", net::to_string(request.method), request.path);
  if (!request.query.empty()) text += "?" + net::encode_query(request.query);
  return text;
}

std::string digest_of(std::string_view requests_digest, std::string_view text) {
  return core::sha256_hex(
      json::write(json::Object{{"version", 1}, {"requests", requests_digest}, {"text", text}}));
}

std::string Plan::digest() const {
  return digest_of(requests_digest(), text());
}

std::string Plan::requests_digest() const {
  json::Array requests;
  for (const Step& step : steps) {
    requests.push_back(json::Object{{"request", step.line()}, {"body", step.request.body.value_or(nullptr)}});
  }
  json::Object all{{"org", org_url},
                   {"tool", tool},
                   {"requests", std::move(requests)},
                   {"subject", subject ? subject->fingerprint : std::string{}}};
  if (!caller.empty()) all["caller"] = caller;
  return core::sha256_hex(json::write(all));
}

std::string Plan::id() const {
  return "pln_" + digest().substr(0, 20);
}

std::string Plan::text() const {
  std::string out = core::clean(title);
  for (const auto& fact : facts) out += "\n- " + core::clean(fact);
  for (const auto& change : changes) {
    out += fmt::format("\n- {}: {} -> {}", core::clean(change.path), show(change.before), show(change.after));
  }
  for (const auto& step : steps) out += "\n  " + core::clean(step.line());
  if (!caller.empty()) out += "\n  asked by " + core::clean(caller);
  out += fmt::format("{}{}", kOrgLine, org_url);
  return out;
}

std::vector<Difference> differences(const json::Value& before, const json::Value& after) {
  std::vector<Difference> out;
  collect(before, after, "", out);
  return out;
}

json::Value merge_patch(json::Value target, const json::Value& patch) {
  if (!patch.is_object()) return patch;
  if (!target.is_object()) target = json::Object{};
  json::Object& members = target.get_object();
  for (const auto& member : patch.get_object()) {
    if (member.value().is_null()) {
      members.erase(member.key());
    } else {
      json::Value& slot = members[member.key()];
      slot = merge_patch(std::move(slot), member.value());
    }
  }
  return target;
}

std::string fingerprint(const json::Value& body) {
  if (!body.is_object()) return core::sha256_hex(json::write(body));
  json::Object stable = body.get_object();
  for (std::string_view volatile_member : {"lastLogin", "_links", "_embedded"}) stable.erase(volatile_member);
  return core::sha256_hex(json::write(stable));
}

}  // namespace admin
