#include "admin/resolve.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/text.h"

namespace admin {
namespace {

namespace json = core::json;
using core::ErrorKind;
using core::fail;

constexpr std::size_t kShownCandidates = 10;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// Decides among what Okta found: exactly one may carry the exact name.
core::Result<Resolved> choose(std::string_view noun, std::string_view wanted, std::string_view name_path,
                              const std::vector<json::Value>& found) {
  std::vector<const json::Value*> exact;
  for (const auto& item : found) {
    if (json::string_or_empty(item, name_path) == wanted) exact.push_back(&item);
  }
  auto list = [&](const auto& items) {
    std::string text;
    std::size_t shown = 0;
    for (const json::Value* item : items) {
      if (shown++ == kShownCandidates) {
        text += fmt::format("; and {} more", items.size() - kShownCandidates);
        break;
      }
      if (!text.empty()) text += "; ";
      text += fmt::format("{} = {}", json::string_or_empty(*item, "id"),
                          core::clean(json::string_or_empty(*item, name_path)));
      if (auto type = json::string_or_empty(*item, "type"); !type.empty()) text += fmt::format(" ({})", type);
    }
    return text;
  };
  if (exact.size() == 1) {
    return Resolved{std::string(json::string_or_empty(*exact[0], "id")), std::string(wanted)};
  }
  if (exact.size() > 1) {
    return fail(ErrorKind::conflict, "admin.resolve.several",
                fmt::format("{} {}s are called {}; nothing was changed.", exact.size(), noun, quoted(wanted)),
                fmt::format("Ask which one is meant and give its id: {}.", list(exact)));
  }
  std::vector<const json::Value*> near;
  near.reserve(found.size());
  for (const auto& item : found) near.push_back(&item);
  return fail(ErrorKind::not_found, "admin.resolve.none",
              fmt::format("No {} is called {}.", noun, quoted(wanted)),
              near.empty() ? fmt::format("List the {}s to find the exact name or id.", noun)
                           : fmt::format("Names are matched exactly. Similar: {}.", list(near)));
}

// The elements of one page, copied out.
core::Result<std::vector<json::Value>> first_page(okta::Org& org, const core::Context& context,
                                                  std::string path, net::Query query) {
  ASSIGN_OR_RETURN(auto response, org.get(context, std::move(path), std::move(query)));
  std::vector<json::Value> items;
  if (response.body.is_array()) {
    for (auto& item : response.body.get_array()) items.push_back(std::move(item));
  }
  return items;
}

core::Result<Resolved> resolve_application(okta::Org& org, const core::Context& context,
                                           std::string_view text) {
  ASSIGN_OR_RETURN(auto found,
                   first_page(org, context, "/api/v1/apps", {{"q", std::string(text)}, {"limit", "200"}}));
  return choose("application", text, "label", found);
}

// Okta lists policies by type only, so a name is looked for in every type.
core::Result<Resolved> resolve_policy(okta::Org& org, const core::Context& context, std::string_view text) {
  std::vector<json::Value> found;
  for (std::string_view type :
       {"OKTA_SIGN_ON", "PASSWORD", "MFA_ENROLL", "ACCESS_POLICY", "PROFILE_ENROLLMENT", "IDP_DISCOVERY",
        "POST_AUTH_SESSION", "ENTITY_RISK", "DEVICE_SIGNAL_COLLECTION"}) {
    auto page = first_page(org, context, "/api/v1/policies", {{"type", std::string(type)}});
    if (!page) {
      // An org without the feature refuses its type; that is no reason to stop looking.
      if (page.error().kind == ErrorKind::invalid_input || page.error().kind == ErrorKind::not_found)
        continue;
      return std::unexpected(std::move(page).error());
    }
    for (auto& item : *page) {
      if (json::string_or_empty(item, "name") == text) found.push_back(std::move(item));
    }
  }
  return choose("policy", text, "name", found);
}

core::Result<Resolved> resolve_rule(okta::Org& org, const core::Context& context, std::string_view policy_id,
                                    std::string_view text) {
  ASSIGN_OR_RETURN(auto found,
                   first_page(org, context,
                              fmt::format("/api/v1/policies/{}/rules", core::percent_encode(policy_id)), {}));
  return choose("policy rule", text, "name", found);
}

}  // namespace

bool looks_like_id(std::string_view text) {
  // Older ids are shorter in documentation only; real ones have 20 characters and begin with 0 or a resource
  // prefix.
  return text.size() == 20 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
         });
}

core::Result<Resolved> resolve_user(okta::Org& org, const core::Context& context, std::string_view text) {
  if (looks_like_id(text)) return Resolved{std::string(text), std::string(text)};
  // Okta takes a login in the path (getUser), but not one that holds a slash.
  if (text.find('/') == std::string_view::npos) {
    auto direct = org.get(context, "/api/v1/users/" + core::percent_encode(text));
    if (direct) {
      return Resolved{std::string(json::string_or_empty(direct->body, "id")),
                      std::string(json::string_or_empty(direct->body, "profile.login"))};
    }
    if (direct.error().kind != ErrorKind::not_found) return std::unexpected(std::move(direct).error());
  } else {
    ASSIGN_OR_RETURN(auto found,
                     first_page(org, context, "/api/v1/users",
                                {{"search", "profile.login eq " + quoted(text)}, {"limit", "10"}}));
    if (!found.empty()) return choose("user", text, "profile.login", found);
  }
  // Only to tell who might have been meant: a name is never taken for a login.
  ASSIGN_OR_RETURN(auto similar,
                   first_page(org, context, "/api/v1/users", {{"q", std::string(text)}, {"limit", "10"}}));
  return choose("user", text, "profile.login", similar);
}

core::Result<Resolved> resolve_group(okta::Org& org, const core::Context& context, std::string_view text) {
  if (looks_like_id(text)) return Resolved{std::string(text), std::string(text)};
  ASSIGN_OR_RETURN(auto found, first_page(org, context, "/api/v1/groups",
                                          {{"search", "profile.name eq " + quoted(text)}, {"limit", "200"}}));
  // Search lags behind writes; q does not need the index.
  if (found.empty()) {
    ASSIGN_OR_RETURN(
        found, first_page(org, context, "/api/v1/groups", {{"q", std::string(text)}, {"limit", "200"}}));
  }
  return choose("group", text, "profile.name", found);
}

core::Status resolve_identifiers(Services& services, const ToolRow& row, const core::Context& context,
                                 Arguments& arguments) {
  for (const Param& param : row.params) {
    std::string text(arguments.text(param.name));
    if (text.empty()) continue;
    bool named = param.type == Type::user || param.type == Type::group || param.type == Type::application ||
                 param.type == Type::policy || param.type == Type::policy_rule;
    if (!named) continue;
    if (looks_like_id(text)) {
      arguments.add_resolved(param.name, {text, text});
      continue;
    }
    ASSIGN_OR_RETURN(okta::Org * org, services.org());
    auto look_up = [&]() -> core::Result<Resolved> {
      switch (param.type) {
        case Type::group:
          return resolve_group(*org, context, text);
        case Type::application:
          return resolve_application(*org, context, text);
        case Type::policy:
          return resolve_policy(*org, context, text);
        case Type::policy_rule:
          return resolve_rule(*org, context, arguments.id("policy_id"), text);
        default:
          return resolve_user(*org, context, text);
      }
    };
    ASSIGN_OR_RETURN(auto resolved, look_up());
    arguments.add_resolved(param.name, std::move(resolved));
  }
  return {};
}

}  // namespace admin
