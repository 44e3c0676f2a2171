#include "oauth/token_error.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <fmt/format.h>
#include <utility>

#include "core/log.h"

namespace oauth {
namespace {

using core::ErrorKind;

constexpr std::array<std::string_view, 4> kOpenIdScopes = {"openid", "profile", "email", "offline_access"};

enum class Who { anyone, key, person };  // which kind of sign-in a row speaks to

// The wordings looked for are parts of the descriptions in Okta's own list of OAuth errors
// (developer.okta.com/docs/reference/error-codes, section OpenID Connect and Okta OAuth 2.0). First match
// wins. In `what` and `hint`: {app} the app's page in the admin console, {scopes}, {grant}, {org}, {clock}.
struct Row {
  std::string_view error;
  std::string_view wording;  // lower case; "" for any
  Who who = Who::anyone;
  ErrorKind kind;
  std::string_view what;
  std::string_view hint;
};

constexpr std::string_view kDpopWhat =
    "The org gave a token that is bound to a key (DPoP), although no proof of a key was sent.";
constexpr std::string_view kDpopHint =
    "Something between this machine and the org may add or drop the DPoP header. In {app} > General > "
    "General Settings, switch off \"Require Demonstrating Proof of Possession (DPoP) "
    "header "
    "in token requests\".";

constexpr std::array kRows = {
    // What is left of DPoP when the token endpoint has done what the org asked for (dpop.h).
    Row{"use_dpop_nonce", "", Who::anyone, ErrorKind::unavailable,
        "The org keeps asking for another DPoP nonce than the one it gave.",
        "Try again. If it stays so, something between this machine and the org keeps or drops the DPoP-Nonce "
        "header."},
    Row{"invalid_dpop_proof", "binding in refresh", Who::person, ErrorKind::unauthenticated,
        "The stored login is bound to another key than the one stored with it.", "Sign in again."},
    Row{"invalid_dpop_proof", "is issued", Who::anyone, ErrorKind::unauthenticated,
        "The org does not accept the time in the DPoP proof, which was made a moment ago.",
        "{clock}Check this machine's date and time zone (timedatectl)."},
    Row{"invalid_dpop_proof", "is expired", Who::anyone, ErrorKind::unauthenticated,
        "The org does not accept the time in the DPoP proof, which was made a moment ago.",
        "{clock}Check this machine's date and time zone (timedatectl)."},
    Row{"invalid_dpop_proof", "already been used", Who::anyone, ErrorKind::unavailable,
        "The org has seen this DPoP proof before.", "Try again: each attempt makes a new one."},
    Row{"invalid_dpop_proof", "header is missing", Who::anyone, ErrorKind::protocol,
        "The app demands DPoP, and the proof that was sent did not reach the org.",
        "Something between this machine and the org drops the DPoP header. If that cannot be mended, switch "
        "off "
        "\"Require Demonstrating Proof of Possession (DPoP) header in token requests\" in {app} > General > "
        "General "
        "Settings."},
    Row{"invalid_dpop_proof", "", Who::anyone, ErrorKind::protocol, "The org does not accept the DPoP proof.",
        "Check that OKTA_ORG_URL is the address that the org knows itself by, then sign in again "
        "(okta-mcp-server "
        "logout, then login). If it stays so, switch off \"Require Demonstrating Proof of Possession (DPoP) "
        "header "
        "in token requests\" in {app} > General > General Settings."},

    Row{"invalid_client", "signature algorithm", Who::anyone, ErrorKind::unauthenticated,
        "The app does not accept signatures made with this kind of key.",
        "Add the public half of this key to {app} > General > Client Credentials and set OKTA_KEY_ID to the "
        "key id shown there, or use an RSA key (RS256)."},
    Row{"invalid_client", "signature is invalid", Who::anyone, ErrorKind::unauthenticated,
        "The private key does not match the public key that the app has under this key id.",
        "Set OKTA_PRIVATE_KEY to the private half of the key that OKTA_KEY_ID names, or add the public half "
        "of "
        "this one to {app} > General > Client Credentials."},
    Row{"invalid_client", "kid", Who::anyone, ErrorKind::unauthenticated,
        "The app has no key with this key id.",
        "Compare OKTA_KEY_ID with the key ids in {app} > General > Client Credentials; the key must be "
        "active "
        "there."},
    Row{"invalid_client", "is expired", Who::anyone, ErrorKind::unauthenticated,
        "The org takes the signed assertion for expired, although it was made a moment ago.",
        "{clock}Check this machine's date and time zone (timedatectl)."},
    Row{"invalid_client", "before the current time", Who::anyone, ErrorKind::unauthenticated,
        "The org says that the signed assertion comes from the future.",
        "{clock}Check this machine's date and time zone (timedatectl)."},
    Row{"invalid_client", "too far into the future", Who::anyone, ErrorKind::unauthenticated,
        "The org says that the signed assertion is valid for too long.",
        "{clock}Check this machine's date and time zone (timedatectl)."},
    Row{"invalid_client", "already been used", Who::anyone, ErrorKind::unavailable,
        "The org has seen this signed assertion before.", "Try again: each attempt makes a new one."},
    Row{"invalid_client", "audience", Who::anyone, ErrorKind::unauthenticated,
        "The org knows itself by another address than {org}.",
        "Set OKTA_ORG_URL to the org's own address (https://example.okta.com, or its custom domain), without "
        "-admin and without a path."},
    Row{"invalid_client", "jwkset configured", Who::anyone, ErrorKind::unauthenticated,
        "The app has no public key registered.",
        "In {app} > General > Client Credentials choose \"Public key / Private key\" and add the public half "
        "of "
        "OKTA_PRIVATE_KEY."},
    Row{"invalid_client", "jwks_uri", Who::anyone, ErrorKind::unauthenticated,
        "The org cannot use the keys behind the app's jwks_uri.",
        "Check the URL in {app} > General > Client Credentials: it must serve a JWK Set that holds the "
        "public "
        "half of OKTA_PRIVATE_KEY."},
    Row{"invalid_client", "application_type", Who::anyone, ErrorKind::unauthenticated,
        "OKTA_CLIENT_ID names an app that is not a service app.",
        "Signing in with a private key needs an app of type \"API Services\"; create one and set "
        "OKTA_CLIENT_ID "
        "to its client id."},
    Row{"invalid_client", "private_key_jwt", Who::anyone, ErrorKind::unauthenticated,
        "The app is not set to authenticate with a key.",
        "In {app} > General > Client Credentials choose \"Public key / Private key\" and add the public half "
        "of "
        "OKTA_PRIVATE_KEY."},
    Row{"invalid_client", "signing key", Who::anyone, ErrorKind::unauthenticated,
        "The app's key of this id is not a signing key.",
        "Set \"use\" to \"sig\" for the key in {app} > General > Client Credentials."},
    Row{"invalid_client", "'use' parameter", Who::anyone, ErrorKind::unauthenticated,
        "The app's key of this id is not a signing key.",
        "Set \"use\" to \"sig\" for the key in {app} > General > Client Credentials."},
    Row{"invalid_client", "no client credentials", Who::person, ErrorKind::unauthenticated,
        "The app demands a secret or a key, which a sign-in by a person does not send.",
        "Use a native app with client authentication \"None\" and the Device Authorization grant, or set "
        "OKTA_PRIVATE_KEY and OKTA_KEY_ID."},
    Row{"invalid_client", "client_id", Who::anyone, ErrorKind::unauthenticated,
        "{org} has no active app with this client id.",
        "Compare OKTA_CLIENT_ID with the client id in {app} > General, check that the app is active, and "
        "that "
        "OKTA_ORG_URL is the org it belongs to."},
    Row{"invalid_client", "", Who::key, ErrorKind::unauthenticated, "{org} does not accept this client.",
        "Either OKTA_CLIENT_ID names no active app of this org, or OKTA_KEY_ID is not a key of that app, or "
        "OKTA_PRIVATE_KEY is not the private half of that key; all three stand in {app} > General. {clock}"},
    Row{"invalid_client", "", Who::person, ErrorKind::unauthenticated, "{org} does not accept this client.",
        "Either OKTA_CLIENT_ID names no active app of this org, or the app demands client authentication: it "
        "must be a native app with client authentication \"None\" ({app} > General)."},

    Row{"invalid_scope", "no scopes were requested", Who::anyone, ErrorKind::invalid_input,
        "The request named no scope.",
        "Set OKTA_SCOPES, for example to \"okta.users.read okta.groups.read\"."},
    Row{"invalid_scope", "", Who::anyone, ErrorKind::forbidden,
        "The scope is not granted to the app: {scopes}.",
        "Grant it in {app} > Okta API Scopes, or take it out of OKTA_SCOPES."},

    Row{"access_denied", "not assigned", Who::person, ErrorKind::forbidden,
        "The person who signed in is not assigned to the app.",
        "Assign the person, or a group they are in, under {app} > Assignments."},
    Row{"access_denied", "scope", Who::anyone, ErrorKind::forbidden,
        "The org refused scopes to this sign-in: {scopes}.",
        "Grant them in {app} > Okta API Scopes, check that whoever signs in has an admin role that covers "
        "them, "
        "or take them out of OKTA_SCOPES."},
    Row{"access_denied", "network zone", Who::anyone, ErrorKind::forbidden,
        "The app may not be used from this network.",
        "Allow this machine's address in the network zones of {app} > General, or run from an allowed "
        "network."},
    Row{"access_denied", "policy", Who::anyone, ErrorKind::forbidden,
        "A policy of the org denied the sign-in.",
        "Look at the failed event in Reports > System Log, then at the policy it names and at {app} > Sign "
        "On."},
    Row{"access_denied", "", Who::person, ErrorKind::forbidden,
        "The sign-in was declined, or the org does not let this person in.",
        "Start again and confirm it as an administrator who is assigned to the app."},
    Row{"access_denied", "", Who::key, ErrorKind::forbidden, "The org denied the request.",
        "Check in {app} that the app is active, has an admin role (Admin roles) and may be used from this "
        "network; Reports > System Log names the reason."},

    Row{"unauthorized_client", "confidential client", Who::anyone, ErrorKind::forbidden,
        "The app has no credentials of its own, which this grant needs.",
        "Signing in with a private key needs an app of type \"API Services\"."},
    Row{"unauthorized_client", "", Who::person, ErrorKind::forbidden,
        "The grant type {grant} is not enabled for the app.",
        "Enable {grant} in {app} > General > General Settings > Grant type, or sign in by a grant that is "
        "enabled there: `okta-mcp-server login` (Device Authorization) or `okta-mcp-server login --browser` "
        "(Authorization Code)."},
    Row{"unauthorized_client", "", Who::anyone, ErrorKind::forbidden,
        "The grant type {grant} is not enabled for the app.",
        "Enable {grant} in {app} > General > General Settings > Grant type, or use the client id of an app "
        "that "
        "has it."},
    Row{"unsupported_grant_type", "", Who::anyone, ErrorKind::forbidden,
        "The grant type {grant} is not enabled for the app.",
        "Enable {grant} in {app} > General > General Settings > Grant type, or use the client id of an app "
        "that "
        "has it."},

    Row{"authorization_pending", "", Who::anyone, ErrorKind::unauthenticated,
        "The person has not confirmed the sign-in yet.", "Open the link and confirm the code."},
    Row{"slow_down", "", Who::anyone, ErrorKind::rate_limited, "The org asks for a slower pace.",
        "Wait a few seconds."},
    Row{"expired_token", "", Who::anyone, ErrorKind::unauthenticated,
        "The sign-in code expired before anyone confirmed it.",
        "Start again: that gives a new link and code."},
    Row{"too_many_user_codes", "", Who::anyone, ErrorKind::rate_limited,
        "Too many sign-ins have been started and not finished.", "Wait some minutes, then start again."},

    Row{"invalid_grant", "refresh", Who::anyone, ErrorKind::unauthenticated,
        "The stored login has ended: its refresh token was revoked, has expired, or was used from elsewhere.",
        "Sign in again. If nobody revoked it, look in Reports > System Log for "
        "app.oauth2.token.detect_reuse: then a copy of it is in other hands, so end the person's sessions "
        "and "
        "tokens; a copied or restored state directory does the same."},
    Row{"invalid_grant", "another client", Who::anyone, ErrorKind::unauthenticated,
        "The stored login belongs to another client.", "Sign in again."},
    Row{"invalid_grant", "", Who::person, ErrorKind::unauthenticated, "This sign-in is no longer valid.",
        "Sign in again."},

    Row{"invalid_grant", "", Who::key, ErrorKind::unauthenticated, "The org does not accept this grant.",
        "Check that the app is an \"API Services\" app ({app} > General)."},

    Row{"invalid_request", "", Who::anyone, ErrorKind::protocol,
        "The org did not accept the form of the request.", "Check that OKTA_ORG_URL is an Okta org."},
    Row{"server_error", "", Who::anyone, ErrorKind::unavailable, "The org failed while making the token.",
        "Try again in a minute; status.okta.com shows known trouble."},
    Row{"temporarily_unavailable", "", Who::anyone, ErrorKind::unavailable,
        "The org is overloaded or under maintenance.",
        "Try again in a minute; status.okta.com shows known trouble."},
};

constexpr std::string_view kApp = "the Okta Admin Console > Applications > Applications > (the app)";

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

bool is_person(Grant grant) {
  return grant != Grant::client_credentials;
}

bool applies(const Row& row, const Refusal& refusal, std::string_view description) {
  if (row.error != refusal.error) return false;
  if (row.who != Who::anyone && (row.who == Who::person) != is_person(refusal.grant)) return false;
  return row.wording.empty() || description.contains(row.wording);
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// The scopes a refusal is about. Okta names them, or leaves the reader to find out which of those requested
// it was.
std::string scopes_in_question(const Refusal& refusal) {
  auto scopes = named_scopes(refusal.description);
  if (!scopes.empty()) return fmt::format("{}", fmt::join(scopes, ", "));
  for (const auto& scope : refusal.scopes) {
    // Asked for by every sign-in of a person; OKTA_SCOPES does not hold them.
    if (std::ranges::find(kOpenIdScopes, scope) == kOpenIdScopes.end()) scopes.push_back(scope);
  }
  if (scopes.empty()) return "the org did not say which";
  return fmt::format("{}{}", scopes.size() > 1 ? "one of " : "", fmt::join(scopes, ", "));
}

std::string fill(std::string_view pattern, const Refusal& refusal) {
  const std::string clock = clock_advice(refusal.skew);
  std::string text(pattern);
  replace(text, "{app}", kApp);
  replace(text, "{grant}", display_name(refusal.grant));
  replace(text, "{org}", refusal.org);
  replace(text, "{clock}", clock.empty() ? "" : clock + " ");
  replace(text, "{scopes}", scopes_in_question(refusal));
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

ErrorKind kind_of_status(int status) {
  if (status == 401) return ErrorKind::unauthenticated;
  if (status == 403) return ErrorKind::forbidden;
  if (status == 429) return ErrorKind::rate_limited;
  return status >= 500 ? ErrorKind::unavailable : ErrorKind::protocol;
}

bool is_plain_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

}  // namespace

std::string_view display_name(Grant grant) {
  switch (grant) {
    case Grant::client_credentials:
      return "Client Credentials";
    case Grant::device_authorization:
    case Grant::device_code:
      return "Device Authorization";
    case Grant::authorization_code:
      return "Authorization Code";
    case Grant::refresh_token:
      return "Refresh Token";
  }
  return "";
}

core::Error explain(const Refusal& refusal) {
  core::Error error;
  error.kind = kind_of_status(refusal.status);
  error.code = is_plain_name(refusal.error) ? "oauth." + refusal.error : "oauth.refused";
  error.upstream = core::UpstreamProblem{.status = refusal.status,
                                         .code = clean_text(refusal.error, 64),
                                         .summary = quoted(refusal.description),
                                         .request_id = clean_text(refusal.request_id, 100)};
  const std::string said =
      error.upstream->summary.empty()
          ? fmt::format("Okta's answer: {}.", error.upstream->code)
          : fmt::format("Okta's answer: {}, \"{}\".", error.upstream->code, error.upstream->summary);
  if (refusal.status == 429) {
    error.code = "oauth.rate_limited";
    error.message = "The org's rate limit for sign-ins is used up. " + said;
    error.hint = "Wait a minute, then try again.";
    return error;
  }
  const std::string description = lower(refusal.description);
  const auto row =
      std::ranges::find_if(kRows, [&](const Row& each) { return applies(each, refusal, description); });
  if (row == kRows.end()) {
    error.message = "The org refused the request. " + said;
    error.hint = "Reports > System Log in the Okta Admin Console names the reason.";
    return error;
  }
  error.kind = row->kind;
  error.message = fill(row->what, refusal) + " " + said;
  error.hint = fill(row->hint, refusal);
  return error;
}

core::Error dpop_demanded() {
  return {ErrorKind::unsupported, "oauth.dpop_demanded", std::string(kDpopWhat), fill(kDpopHint, {}),
          std::nullopt};
}

std::vector<std::string> named_scopes(std::string_view description) {
  std::vector<std::string> scopes;
  const auto open = description.find('[');
  const auto close = description.find(']', open == std::string_view::npos ? 0 : open);
  if (open == std::string_view::npos || close == std::string_view::npos) return scopes;
  std::string_view list = description.substr(open + 1, close - open - 1);
  while (!list.empty() && scopes.size() < 50) {
    const auto begin = list.find_first_not_of(", ");
    if (begin == std::string_view::npos) break;
    const auto end = std::min(list.find_first_of(", ", begin), list.size());
    scopes.push_back(clean_text(list.substr(begin, end - begin), 100));
    list.remove_prefix(end);
  }
  return scopes;
}

std::string clock_advice(std::chrono::milliseconds skew) {
  const auto minutes = std::chrono::round<std::chrono::minutes>(std::chrono::abs(skew)).count();
  if (std::chrono::abs(skew) < std::chrono::minutes{1}) return {};
  constexpr decltype(minutes) kHour = 60;
  constexpr decltype(minutes) kDay = 24 * kHour;
  const auto [unit, length] = minutes >= 2 * kDay    ? std::pair{"day", kDay}
                              : minutes >= 2 * kHour ? std::pair{"hour", kHour}
                                                     : std::pair{"minute", decltype(minutes){1}};
  const auto count = minutes / length;
  const std::string span = fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s");
  return fmt::format("This machine's clock is {} {} the org's: set it right (timedatectl set-ntp true).",
                     span, skew.count() < 0 ? "ahead of" : "behind");
}

std::string clean_text(std::string_view text, std::size_t max) {
  std::string out;
  for (char c : text) {
    if (out.size() >= max) return out + "...";
    const bool printable = c >= 0x20 && c < 0x7f;
    if (printable) {
      out += c;
    } else if (out.empty() || out.back() != '?') {
      out += '?';  // one mark for a run of bytes that are none of ours to print
    }
  }
  return out;
}

std::string quoted(std::string_view text) {
  std::string out = core::redact(clean_text(text));
  std::ranges::replace(out, '"', '\'');
  while (out.ends_with('.') || out.ends_with(' ')) out.pop_back();
  return out;
}

}  // namespace oauth
