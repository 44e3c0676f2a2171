// Checks of one authorization server. The entity has what its metadata says already, where it says something.
#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "oauth/issuer_metadata.h"
#include "registry/readiness_checks.h"

namespace registry {
namespace {

constexpr std::string_view kJwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
constexpr std::string_view kIdJagProfile = "urn:ietf:params:oauth:grant-profile:id-jag";

Finding not_applicable() {
  return {.outcome = Outcome::skip};
}

bool has(const std::vector<std::string>& list, std::string_view item) {
  return std::ranges::find(list, item) != list.end();
}

const McpAuthServer& entity(const CheckInput& in) {
  return in.auth_server->entity;
}

// What its issuer published under its own name.
const AuthServerSeen* published(const CheckInput& in) {
  return in.issuer && in.issuer->metadata && in.issuer->metadata->issuer == entity(in).issuer
             ? &*in.issuer->metadata
             : nullptr;
}

bool was_answered(const Attempt& attempt) {
  return attempt.status != 0;
}

// It says that there is nothing, rather than that it is in trouble.
bool says_nothing_is_there(const Attempt& attempt) {
  return attempt.code == "registry.status" && attempt.status / 100 == 4 && !is_transient(attempt);
}

Finding check_address(const CheckInput& in, const std::string& address) {
  if (address.empty()) return {.outcome = Outcome::fail, .gravity = Gravity::missing};
  if (!oauth::may_lead_to(entity(in).issuer, address))
    return {.outcome = Outcome::fail, .message = 1, .details = {{"url", shown(address)}}};
  return {.details = {{"url", shown(address)}}};
}

}  // namespace

Finding check_issuer_metadata(const CheckInput& in) {
  if (entity(in).okta || !in.issuer || !in.issuer->asked) return not_applicable();
  if (in.issuer->metadata) return {.details = {{"url", shown(in.issuer->metadata->url)}}};
  const auto& tried = in.issuer->tried;
  Finding finding{.outcome = Outcome::fail,
                  .details = {{"issuer", shown(entity(in).issuer)}, {"tried", shown(tried)}}};
  if (std::ranges::any_of(tried, is_transient)) {
    finding.gravity = Gravity::transient;
  } else if (in.auth_server->supplied && std::ranges::all_of(tried, was_answered)) {
    finding.outcome = Outcome::warn;  // as with GitHub, which has none
  } else if (entity(in).status == Status::pending && std::ranges::all_of(tried, says_nothing_is_there)) {
    finding.gravity = Gravity::missing;  // endpoints can be supplied
  }
  return finding;
}

// RFC 8414 section 3.3.
Finding check_issuer(const CheckInput& in) {
  if (entity(in).okta || !in.issuer || !in.issuer->metadata) return not_applicable();
  const std::string& got = in.issuer->metadata->issuer;
  if (got == entity(in).issuer) return {};
  return {.outcome = Outcome::fail,
          .details = {{"expected", shown(entity(in).issuer)}, {"got", shown(got)}},
          .gravity = Gravity::security};
}

Finding check_token_endpoint(const CheckInput& in) {
  return entity(in).okta ? not_applicable() : check_address(in, entity(in).token_endpoint);
}

Finding check_authorization_endpoint(const CheckInput& in) {
  if (entity(in).okta) return not_applicable();
  Finding finding = check_address(in, entity(in).authorization_endpoint);
  finding.gravity = Gravity::missing;
  return finding;
}

Finding check_grants(const CheckInput& in) {
  if (entity(in).okta) return not_applicable();
  const auto& grants = entity(in).grant_types;
  if (!has(grants, "authorization_code"))
    return {
        .outcome = Outcome::fail, .details = {{"grant", "authorization_code"}}, .gravity = Gravity::missing};
  if (!has(grants, "refresh_token"))
    return {.outcome = Outcome::warn, .details = {{"grant", "refresh_token"}}};
  return {};
}

Finding check_pkce(const CheckInput& in) {
  const AuthServerSeen* metadata = published(in);
  if (entity(in).okta || !metadata) return not_applicable();
  if (metadata->code_challenge_methods && has(*metadata->code_challenge_methods, "S256")) return {};
  return {.outcome = Outcome::warn};
}

Finding check_jwks(const CheckInput& in) {
  if (entity(in).okta || !published(in)) return not_applicable();
  // Tokens by STS may be opaque; those by XAA are for the resource to verify.
  const bool xaa = entity(in).xaa_enabled;
  Finding finding{.outcome = xaa ? Outcome::fail : Outcome::warn, .gravity = Gravity::missing};
  if (!in.issuer->keys) return xaa ? finding : not_applicable();
  const KeysSeen& keys = *in.issuer->keys;
  finding.details["url"] = shown(keys.attempt.url);
  if (!keys.duplicate_kid.empty()) {
    finding.message = 2;
    finding.details["kid"] = shown(keys.duplicate_kid);
  } else if (!keys.attempt.problem.empty()) {
    finding.message = 1;
    finding.details["problem"] = shown(keys.attempt.problem);
  } else if (keys.usable != 0) {
    finding.outcome = Outcome::pass;
    finding.details["count"] = keys.usable;
  }
  return finding;
}

Finding check_id_jag_profile(const CheckInput& in) {
  if (entity(in).okta || !entity(in).xaa_enabled) return not_applicable();
  if (!has(entity(in).grant_profiles, kIdJagProfile))
    return {.outcome = Outcome::fail, .gravity = Gravity::missing};
  if (!has(entity(in).grant_types, kJwtBearer))
    return {.outcome = Outcome::fail,
            .message = 1,
            .details = {{"grant", kJwtBearer}},
            .gravity = Gravity::missing};
  return {};
}

Finding check_local(const CheckInput& in) {
  if (!entity(in).okta) return not_applicable();
  const Subject::Local& local = in.auth_server->local;
  Finding finding{.outcome = Outcome::fail,
                  .details = {{"id", entity(in).id}, {"why", shown(local.why_not)}},
                  .gravity = Gravity::missing};
  if (!local.exists) {
    finding.message = 1;
    finding.gravity = Gravity::permanent;
  } else if (local.why_not.empty()) {
    return {};
  }
  return finding;
}

}  // namespace registry
