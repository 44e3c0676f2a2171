#include "admin/completions.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/text.h"
#include "net/url.h"

namespace admin {
namespace {

namespace json = core::json;

constexpr std::string_view kAtOnce = "100";  // as many as a completion may hold

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
  return out;
}

struct Source {
  std::string_view path;
  std::string_view name;  // of the suggestion, in an element
};

Source source_of(Type type) {
  switch (type) {
    case Type::user:
      return {"/api/v1/users", "profile.login"};
    case Type::group:
      return {"/api/v1/groups", "profile.name"};
    case Type::application:
      return {"/api/v1/apps", "label"};
    case Type::policy:
      return {"/api/v1/policies", "name"};
    default:
      return {};
  }
}

// Only what is safe to show and comes back as it was: what a person picks is looked up letter by letter.
void add_names(const json::Value& page, std::string_view path, std::vector<std::string>& names) {
  if (!page.is_array()) return;
  for (const auto& element : page.get_array()) {
    const std::string_view name = json::string_or_empty(element, path);
    if (!name.empty() && core::clean(name) == name) names.emplace_back(name);
  }
}

}  // namespace

std::vector<std::string> ranked(const std::vector<std::string>& names, std::string_view typed) {
  const std::string wanted = lower(typed);
  std::vector<std::string> first, inside;
  for (const auto& name : names) {
    const auto at = lower(name).find(wanted);
    if (at == 0) first.push_back(name);
    if (at != 0 && at != std::string::npos) inside.push_back(name);
  }
  first.insert(first.end(), inside.begin(), inside.end());
  return first;
}

const Completions::Kept* Completions::find(const std::string& key) {
  const auto found = kept_.find(key);
  return found != kept_.end() && found->second.until > clock_->steady() ? &found->second : nullptr;
}

void Completions::keep(const std::string& key, Kept kept) {
  const auto now = clock_->steady();
  kept.until = now + kCompletionKept;
  if (kept_.size() >= kCompletionsKept) {
    std::erase_if(kept_, [&](const auto& entry) { return entry.second.until <= now; });
  }
  if (kept_.size() >= kCompletionsKept) kept_.clear();
  kept_[key] = std::move(kept);
}

core::Result<Completions::Kept> Completions::ask(const core::Context& context, Type type,
                                                 std::string_view typed, std::string_view org) {
  ASSIGN_OR_RETURN(auto entered, entrance_->enter(context, {}));
  const auto* orgs = std::get_if<std::shared_ptr<const Orgs>>(&entered);
  if (!orgs) return Kept{};
  Services* services = (*orgs)->find(org);
  if (!services) return Kept{.complete = true};
  ASSIGN_OR_RETURN(okta::Org * okta, services->org());
  const Source source = source_of(type);
  Kept kept;
  if (type == Type::policy) {
    // Lists come by type only; these are the types that people name policies of.
    for (std::string_view kind : {"OKTA_SIGN_ON", "ACCESS_POLICY", "PASSWORD", "MFA_ENROLL"}) {
      auto page = okta->get(context, std::string(source.path), {{"type", std::string(kind)}});
      if (page) add_names(page->body, source.name, kept.names);
      if (!page && page.error().kind != core::ErrorKind::invalid_input) return std::unexpected(page.error());
    }
    kept.complete = true;
    return kept;
  }
  net::Query query{{"limit", std::string(kAtOnce)}};
  if (!typed.empty()) query.emplace_back("q", std::string(typed));
  ASSIGN_OR_RETURN(auto page, okta->get(context, std::string(source.path), std::move(query)));
  add_names(page.body, source.name, kept.names);
  kept.complete = page.body.is_array() && page.body.get_array().size() < mcp::kMaxCompletions;
  return kept;
}

core::Result<mcp::CompletionResult> Completions::suggest(const core::Context& context, Type type,
                                                         std::string_view typed, std::string_view org) {
  if (source_of(type).path.empty()) return mcp::CompletionResult{};
  const auto key_of = [&](std::string_view text) {
    return fmt::format("{}\n{}\n{}\n{}", context.principal, org, static_cast<int>(type), lower(text));
  };
  auto result_of = [](const Kept& kept, std::vector<std::string> names) {
    mcp::CompletionResult result{.values = std::move(names), .has_more = !kept.complete};
    if (kept.complete) result.total = result.values.size();
    return result;
  };
  {
    std::lock_guard lock(mutex_);
    if (const Kept* exact = find(key_of(typed))) return result_of(*exact, exact->names);
    // A list that is whole answers every other letter too.
    if (const Kept* whole = find(key_of("")); whole && whole->complete) {
      return result_of(*whole, ranked(whole->names, typed));
    }
  }
  const bool by_type = type == Type::policy;
  ASSIGN_OR_RETURN(Kept kept, ask(context, type, typed, org));
  auto names = by_type ? ranked(kept.names, typed) : kept.names;
  auto result = result_of(kept, std::move(names));
  std::lock_guard lock(mutex_);
  keep(key_of(by_type ? std::string_view{} : typed), std::move(kept));
  return result;
}

}  // namespace admin
