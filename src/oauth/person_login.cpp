#include "oauth/person_login.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/log.h"

namespace oauth {
namespace {

constexpr std::string_view kOfflineAccess = "offline_access";

}  // namespace

std::unexpected<core::Error> login_needed(const std::string& org) {
  return core::fail(core::ErrorKind::unauthenticated, std::string(kLoginNeeded),
                    fmt::format("Nobody is signed in to {}.", org), "Run okta-mcp-server login.");
}

PersonLogin::PersonLogin(PersonLoginOptions options)
    : options_(std::move(options)),
      cache_({.key = {.org = options_.endpoint.org(),
                      .client_id = options_.client_id,
                      .grant = std::string(options_.grant),
                      .scopes = options_.scopes,
                      .caller = options_.caller},
              .clock = options_.clock,
              .dpop = options_.dpop,
              .store = options_.store,
              .must_lock = true}) {}

core::Result<std::shared_ptr<const AccessToken>> PersonLogin::token(const core::Context& context) {
  return cache_.get(context, [this](const core::Context& caller, const StoredToken* held) {
    return refresh(caller, held);
  });
}

core::Result<StoredToken> PersonLogin::refresh(const core::Context& context, const StoredToken* held) {
  if (!held || held->refresh_token.empty()) {
    return core::fail(core::ErrorKind::unauthenticated, std::string(kLoginNeeded), "Nobody is signed in.",
                      "Make the call again.");
  }
  auto answer = options_.endpoint.request_token(context, Grant::refresh_token,
                                                {{"grant_type", "refresh_token"},
                                                 {"client_id", options_.client_id},
                                                 {"refresh_token", held->refresh_token.reveal()}});
  if (answer) return to_stored(std::move(*answer), options_.scopes, held, options_.clock.now());
  if (answer.error().code == "oauth.invalid_grant") {
    core::log(core::LogLevel::notice, "oauth", "the stored login has ended, a person has to sign in again",
              {{"grant", options_.grant}});
    if (options_.on_ended) {
      RETURN_IF_ERROR(options_.on_ended());
    }
  }
  return std::unexpected(std::move(answer).error());
}

std::vector<std::string> requested_scopes(const std::vector<std::string>& configured, bool lasting) {
  auto scopes = configured;
  for (std::string_view scope :
       {std::string_view("openid"), std::string_view("profile"), std::string_view("email"), kOfflineAccess}) {
    if (std::ranges::find(scopes, scope) == scopes.end()) scopes.emplace_back(scope);
  }
  if (!lasting) std::erase(scopes, kOfflineAccess);
  return scopes;
}

bool offline_access_refused(const core::Error& error) {
  if (!error.upstream || (error.code != "oauth.invalid_scope" && error.code != "oauth.access_denied")) {
    return false;
  }
  if (error.upstream->summary.contains(kOfflineAccess)) return true;
  return error.code == "oauth.invalid_scope" && named_scopes(error.upstream->summary).empty();
}

}  // namespace oauth
