// The part of `doctor` that signs in: credentials, grant, DPoP, scopes, admin rights, rate limits.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/json.h"
#include "doctor.h"
#include "oauth/key_loading.h"
#include "runtime.h"

namespace {

namespace json = core::json;

constexpr std::chrono::seconds kStepTimeout{15};

core::Context bounded() {
  return {.deadline = std::chrono::steady_clock::now() + kStepTimeout, .principal = "doctor"};
}

// The cheapest read of each area, and the scope that lets a token make it.
struct Area {
  std::string_view name;
  std::string_view scope;
  std::string_view path;
  std::string_view parameter;
  std::string_view value;
};
constexpr std::array kAreas{
    Area{"users", "okta.users.read", "/api/v1/users", "limit", "1"},
    Area{"groups", "okta.groups.read", "/api/v1/groups", "limit", "1"},
    Area{"applications", "okta.apps.read", "/api/v1/apps", "limit", "1"},
    Area{"policies", "okta.policies.read", "/api/v1/policies", "type", "OKTA_SIGN_ON"},
    Area{"logs", "okta.logs.read", "/api/v1/logs", "limit", "1"},
};

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::ranges::find(list, item) != list.end();
}

class Login {
 public:
  Login(const Settings& settings, Runtime& runtime, Findings& findings)
      : settings_(settings), runtime_(runtime), findings_(findings) {}

  void run() {
    if (!credentials() || !sign_in()) return;
    scopes();
    rights();
    rate_limits();
  }

 private:
  bool credentials() {
    constexpr auto kCheck = "credentials";
    if (!settings_.api_token.empty()) {
      findings_.ok(kCheck, "An API token (SSWS).");
      return true;
    }
    if (settings_.private_key.empty()) {
      findings_.ok(kCheck, "None: a person signs in with a browser.");
      return true;
    }
    const auto key = oauth::load_private_key(settings_.private_key.reveal(), settings_.key_id);
    if (!key) {
      findings_.fail(kCheck, key.error());
      return false;
    }
    findings_.ok(kCheck, fmt::format("{} private key of {} bits, key id {}, thumbprint {}.",
                                     key->type() == oauth::KeyType::rsa ? "An RSA" : "An EC", key->bits(),
                                     key->kid(), key->thumbprint()));
    return true;
  }

  bool sign_in() {
    constexpr auto kCheck = "sign-in";
    auto token = runtime_.token(bounded());
    if (!token) {
      findings_.fail(kCheck, token.error());
      return false;
    }
    token_ = *std::move(token);
    if (!settings_.api_token.empty()) {
      findings_.skip(kCheck, "An API token is not asked for: the next checks show whether it is accepted.");
      return true;
    }
    findings_.ok(kCheck, fmt::format("By {}, token good until {}.", runtime_.method(),
                                     core::to_rfc3339(token_->expires_at)));
    if (token_->scheme == "DPoP") {
      findings_.ok("dpop", "The org binds tokens to a key of this server (DPoP); a stolen token is useless.");
    } else {
      findings_.ok("dpop", "The org does not ask this app for DPoP; tokens are bearer tokens.");
    }
    return true;
  }

  void scopes() {
    constexpr auto kCheck = "scopes";
    if (!settings_.api_token.empty()) {
      return findings_.ok(kCheck, "An API token has none: its rights are those of the admin who made it.");
    }
    if (token_->scopes.empty()) {
      return findings_.warn(kCheck, "The org did not say what it granted.",
                            "okta-mcp-server tools --granted cannot narrow the list then.");
    }
    std::vector<std::string> missing;
    for (const auto& scope : settings_.scopes) {
      if (!contains(token_->scopes, scope)) missing.push_back(scope);
    }
    if (missing.empty()) {
      return findings_.ok(kCheck,
                          fmt::format("All {} configured scopes are granted.", settings_.scopes.size()));
    }
    findings_.warn(
        kCheck,
        fmt::format("Configured but not granted: {}. Tools that need them are not offered.",
                    fmt::join(missing, ", ")),
        "Grant them in the Okta Admin Console > Applications > Applications > (the app) > Okta API "
        "Scopes, check the admin role of whoever signs in, or take them out of OKTA_SCOPES.");
  }

  // A granted scope is worth what the admin role behind it allows, so each area is read once.
  void rights() {
    constexpr auto kCheck = "admin rights";
    auto org = runtime_.org();
    if (!org) return findings_.fail(kCheck, org.error());
    std::vector<std::string> allowed;
    std::vector<std::string> refused;
    const bool token_only = !settings_.api_token.empty();
    for (const auto& area : kAreas) {
      if (!token_only && !contains(token_->scopes, area.scope)) continue;
      const auto answer = (*org)->get(bounded(), std::string(area.path),
                                      {{std::string(area.parameter), std::string(area.value)}});
      if (answer) {
        allowed.emplace_back(area.name);
        continue;
      }
      if (answer.error().kind != core::ErrorKind::forbidden) {
        return findings_.fail(kCheck, answer.error());
      }
      refused.emplace_back(area.name);
    }
    if (allowed.empty() && refused.empty()) {
      return findings_.skip(kCheck, "They cannot be known: no read scope is granted, so nothing was read.");
    }
    const std::string role = own_role(**org);
    const std::string suffix = role.empty() ? "" : fmt::format(" Role: {}.", role);
    if (refused.empty()) {
      return findings_.ok(kCheck, fmt::format("May read {}.{}", fmt::join(allowed, ", "), suffix));
    }
    std::string found =
        fmt::format("The scopes are granted, but Okta refuses to show {}", fmt::join(refused, ", "));
    if (!allowed.empty()) found += fmt::format("; {} can be read", fmt::join(allowed, ", "));
    const std::string cure =
        token_only || settings_.private_key.empty()
            ? "Whoever signs in needs an admin role that covers them: Security > Administrators."
            : "The app needs an admin role that covers them: (the app) > Admin roles > Edit assignments.";
    if (allowed.empty()) {
      findings_.fail(kCheck, found + "." + suffix, cure);
    } else {
      findings_.warn(kCheck, found + "." + suffix, cure);
    }
  }

  // Only a token with okta.roles.read may ask; empty when it is not known.
  std::string own_role(okta::Org& org) {
    if (!contains(token_->scopes, "okta.roles.read")) return {};
    const std::string path = settings_.private_key.empty()
                                 ? "/api/v1/users/me/roles"
                                 : "/oauth2/v1/clients/" + settings_.client_id + "/roles";
    const auto answer = org.get(bounded(), path);
    if (!answer || !answer->body.is_array()) return {};
    std::vector<std::string> labels;
    for (const auto& role : answer->body.get_array()) {
      if (const auto label = json::string_or_empty(role, "label"); !label.empty()) labels.emplace_back(label);
    }
    return fmt::format("{}", fmt::join(labels, ", "));
  }

  void rate_limits() {
    constexpr auto kCheck = "rate limits";
    auto org = runtime_.org();
    if (!org) return;
    const json::Object buckets = (*org)->rate_limits();
    std::string found;
    std::string tight;
    for (const auto& bucket : buckets) {
      const auto* limit = json::find(bucket.value(), "limit");
      const auto* remaining = json::find(bucket.value(), "remaining");
      if (!limit || !remaining || !limit->is_int64() || !remaining->is_int64()) continue;
      found += fmt::format("{}{} {} of {}", found.empty() ? "" : ", ", std::string_view(bucket.key()),
                           remaining->get_int64(), limit->get_int64());
      if (remaining->get_int64() * 10 < limit->get_int64()) {
        tight += (tight.empty() ? "" : ", ") + std::string(bucket.key());
      }
    }
    if (found.empty()) return findings_.skip(kCheck, "No answer carried any.");
    if (tight.empty()) return findings_.ok(kCheck, fmt::format("Left this minute: {}.", found));
    findings_.warn(kCheck, fmt::format("Nearly used up: {}. Left this minute: {}.", tight, found),
                   "Other clients use the org's budget too: Reports > Rate Limits shows which.");
  }

  const Settings& settings_;
  Runtime& runtime_;
  Findings& findings_;
  std::shared_ptr<const oauth::AccessToken> token_;
};

}  // namespace

void examine_login(const Settings& settings, Runtime& runtime, Findings& findings) {
  Login(settings, runtime, findings).run();
}
