#include "oauth/token_error.h"

#include <gtest/gtest.h>

#include "core/file.h"
#include "core/json.h"
#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using core::ErrorKind;
using testing::HasSubstr;

Refusal refusal_of(std::string_view error, std::string_view description,
                   Grant grant = Grant::client_credentials, int status = 400) {
  return {.status = status,
          .error = std::string(error),
          .description = std::string(description),
          .grant = grant,
          .org = test::kOrg,
          .scopes = {"okta.users.read", "okta.logs.read"}};
}

// Okta's own wording for a situation, by its internal name, and what the person must be pointed at.
struct Situation {
  std::string_view internal;
  Grant grant;
  ErrorKind kind;
  std::string_view in_message;
  std::string_view in_hint;
};

constexpr auto kKey = Grant::client_credentials;
constexpr auto kPerson = Grant::device_code;

constexpr Situation kSituations[] = {
    {"invalid_client", kKey, ErrorKind::unauthenticated, "does not accept this client", "OKTA_KEY_ID"},
    {"invalid_client_id", kKey, ErrorKind::unauthenticated, "no active app", "OKTA_CLIENT_ID"},
    {"client_assertion_invalid_issuer", kKey, ErrorKind::unauthenticated, "no active app", "OKTA_CLIENT_ID"},
    {"client_assertion_invalid_subject", kKey, ErrorKind::unauthenticated, "no active app", "OKTA_CLIENT_ID"},
    {"client_assertion_invalid_kid", kKey, ErrorKind::unauthenticated, "no key with this key id",
     "OKTA_KEY_ID"},
    {"client_assertion_invalid_signature", kKey, ErrorKind::unauthenticated, "does not match the public key",
     "OKTA_PRIVATE_KEY"},
    {"client_assertion_invalid_signature_algorithm", kKey, ErrorKind::unauthenticated, "this kind of key",
     "RS256"},
    {"client_assertion_expired_token", kKey, ErrorKind::unauthenticated, "expired", "date and time"},
    {"client_assertion_issued_at_in_future", kKey, ErrorKind::unauthenticated, "future", "date and time"},
    {"client_assertion_expires_too_far_in_future", kKey, ErrorKind::unauthenticated, "too long",
     "date and time"},
    {"client_assertion_already_used", kKey, ErrorKind::unavailable, "before", "Try again"},
    {"client_assertion_invalid_audience", kKey, ErrorKind::unauthenticated, "another address",
     "OKTA_ORG_URL"},
    {"client_assertion_jwks_not_configured", kKey, ErrorKind::unauthenticated, "no public key", "Public key"},
    {"client_assertion_not_signed_with_signing_key", kKey, ErrorKind::unauthenticated, "not a signing key",
     "use"},
    {"client_assertion_invalid_key_use", kKey, ErrorKind::unauthenticated, "not a signing key", "use"},
    {"jwks_uri_error", kKey, ErrorKind::unauthenticated, "jwks_uri", "JWK Set"},
    {"invalid_application_type_client_credentials", kKey, ErrorKind::unauthenticated, "not a service app",
     "API Services"},
    {"unsupported_auth_method_client_creds", kKey, ErrorKind::unauthenticated, "authenticate with a key",
     "Private key"},
    {"missing_client_credentials", kPerson, ErrorKind::unauthenticated, "demands a secret", "native app"},
    {"invalid_client", kPerson, ErrorKind::unauthenticated, "does not accept this client", "native app"},
    {"invalid_scope", kKey, ErrorKind::forbidden, "one of okta.users.read, okta.logs.read",
     "Okta API Scopes"},
    {"illegal_scopes", kKey, ErrorKind::forbidden, "okta.users.read", "OKTA_SCOPES"},
    {"no_matching_scope", kKey, ErrorKind::forbidden, "okta.users.read", "Okta API Scopes"},
    {"missing_scopes", kKey, ErrorKind::invalid_input, "no scope", "OKTA_SCOPES"},
    {"access_denied", kPerson, ErrorKind::forbidden, "declined", "administrator"},
    {"access_denied", kKey, ErrorKind::forbidden, "denied", "Admin roles"},
    {"user_not_assigned", kPerson, ErrorKind::forbidden, "not assigned", "Assignments"},
    {"no_scope_allowed", kPerson, ErrorKind::forbidden, "okta.users.read", "admin role"},
    {"no_matching_policy", kPerson, ErrorKind::forbidden, "policy", "System Log"},
    {"disallowed_network_zone", kKey, ErrorKind::forbidden, "network", "network zones"},
    {"unauthorized_client", kKey, ErrorKind::forbidden, "Client Credentials", "Grant type"},
    {"unauthorized_client", kPerson, ErrorKind::forbidden, "Device Authorization", "Grant type"},
    {"unauthorized_client", Grant::authorization_code, ErrorKind::forbidden, "Authorization Code",
     "okta-mcp-server login"},
    {"unsupported_grant_type", Grant::refresh_token, ErrorKind::forbidden, "Refresh Token", "Grant type"},
    {"confidential_client_required", kKey, ErrorKind::forbidden, "no credentials", "API Services"},
    {"invalid_dpop_proof", kKey, ErrorKind::protocol, "does not accept the DPoP proof", "switch off"},
    {"invalid_dpop_proof_missing_header", kKey, ErrorKind::protocol, "did not reach the org", "switch off"},
    {"invalid_dpop_proof_invalid_signature", kKey, ErrorKind::protocol, "does not accept the DPoP proof",
     "OKTA_ORG_URL"},
    {"invalid_dpop_proof_jwt_issued_in_future", kKey, ErrorKind::unauthenticated,
     "the time in the DPoP proof", "timedatectl"},
    {"invalid_dpop_proof_jwt_too_old", kPerson, ErrorKind::unauthenticated, "the time in the DPoP proof",
     "timedatectl"},
    {"invalid_dpop_proof_jwt_expired", kKey, ErrorKind::unauthenticated, "the time in the DPoP proof",
     "timedatectl"},
    {"invalid_dpop_proof_invalid_public_key_binding", Grant::refresh_token, ErrorKind::unauthenticated,
     "another key", "Sign in again"},
    {"dpop_proof_already_used", kKey, ErrorKind::unavailable, "seen this DPoP proof before", "Try again"},
    {"use_dpop_nonce", kPerson, ErrorKind::unavailable, "another DPoP nonce", "DPoP-Nonce"},
    {"authorization_pending", kPerson, ErrorKind::unauthenticated, "not confirmed", "confirm"},
    {"slow_down", kPerson, ErrorKind::rate_limited, "slower", "Wait"},
    {"expired_token", kPerson, ErrorKind::unauthenticated, "expired", "Start again"},
    {"too_many_user_codes", kPerson, ErrorKind::rate_limited, "rate limit", "Wait"},
    {"invalid_device_code", kPerson, ErrorKind::unauthenticated, "no longer valid", "Sign in again"},
    {"invalid_refresh_token", Grant::refresh_token, ErrorKind::unauthenticated, "login has ended", "Sign in"},
    {"mismatched_client", Grant::refresh_token, ErrorKind::unauthenticated, "another client", "Sign in"},
    {"invalid_grant", kKey, ErrorKind::unauthenticated, "not accept this grant", "API Services"},
    {"user_rate_limited", kPerson, ErrorKind::rate_limited, "rate limit", "Wait"},
    {"server_error", kKey, ErrorKind::unavailable, "failed", "Try again"},
    {"temporarily_unavailable", kKey, ErrorKind::unavailable, "overloaded", "Try again"},
};

TEST(TokenError, SaysInPlainWordsWhatEachOfOktasSituationsMeans) {
  const auto text = core::read_file(SHARED_DIR "/okta-reference/oauth2-error-codes.json");
  if (!text || !*text) GTEST_SKIP() << "Okta's list of OAuth errors is not on this machine";
  const auto list = core::json::parse(**text);
  ASSERT_TRUE(list);
  for (const auto& situation : kSituations) {
    SCOPED_TRACE(situation.internal);
    const core::json::Value* found = nullptr;
    for (const auto& entry : list->at("errors").as_array()) {
      if (core::json::string_or_empty(entry, "internalErrorCode") == situation.internal) found = &entry;
    }
    ASSERT_NE(found, nullptr);
    const auto code = core::json::string_or_empty(*found, "errorCode");
    const auto error =
        explain(refusal_of(code, core::json::string_or_empty(*found, "errorDescription"), situation.grant,
                           static_cast<int>(found->at("statusCode").as_int64())));
    EXPECT_EQ(core::to_string(error.kind), core::to_string(situation.kind));
    EXPECT_THAT(error.message, HasSubstr(situation.in_message));
    EXPECT_THAT(error.message, HasSubstr(code));
    EXPECT_THAT(error.hint, HasSubstr(situation.in_hint));
  }
}

TEST(TokenError, LeavesNoPlaceholderAndNoEmptyTextForAnyErrorOktaKnows) {
  const auto text = core::read_file(SHARED_DIR "/okta-reference/oauth2-error-codes.json");
  if (!text || !*text) GTEST_SKIP() << "Okta's list of OAuth errors is not on this machine";
  const auto list = core::json::parse(**text);
  ASSERT_TRUE(list);
  for (const auto& entry : list->at("errors").as_array()) {
    for (const Grant grant : {Grant::client_credentials, Grant::device_code, Grant::authorization_code}) {
      const auto error = explain(refusal_of(core::json::string_or_empty(entry, "errorCode"),
                                            core::json::string_or_empty(entry, "errorDescription"), grant,
                                            static_cast<int>(entry.at("statusCode").as_int64())));
      EXPECT_FALSE(error.message.empty());
      EXPECT_FALSE(error.hint.empty());
      EXPECT_FALSE(error.hint.contains('{')) << error.hint;
      EXPECT_NE(error.kind, ErrorKind::internal);
    }
  }
}

TEST(TokenError, NamesTheScopesThatOktaListsInItsDescription) {
  const auto error = explain(refusal_of("invalid_scope",
                                        "The following scopes are not allowed for this request: "
                                        "[okta.users.manage, okta.apps.read]."));
  EXPECT_THAT(error.message, HasSubstr("not granted to the app: okta.users.manage, okta.apps.read."));
  EXPECT_EQ(error.code, "oauth.invalid_scope");
  EXPECT_TRUE(named_scopes("no brackets").empty());
  EXPECT_TRUE(named_scopes("an end ] before [ a beginning").empty());
  EXPECT_TRUE(named_scopes("[]").empty());
}

TEST(TokenError, TakesTheRateLimitFromTheStatusWhateverTheErrorSays) {
  EXPECT_EQ(explain(refusal_of("invalid_grant", "", kPerson, 429)).code, "oauth.rate_limited");
}

TEST(TokenError, SaysHowFarTheClockIsOff) {
  using std::chrono::minutes;
  using std::chrono::seconds;
  EXPECT_EQ(clock_advice(seconds{59}), "");
  EXPECT_THAT(clock_advice(minutes{-7}), HasSubstr("7 minutes ahead of"));
  EXPECT_THAT(clock_advice(seconds{61}), HasSubstr("1 minute behind"));
  EXPECT_THAT(clock_advice(minutes{300}), HasSubstr("5 hours behind"));
  EXPECT_THAT(clock_advice(minutes{60 * 24 * 400}), HasSubstr("400 days behind"));

  auto refusal = refusal_of("invalid_client", "The client_assertion token is expired.");
  refusal.skew = minutes{-12};
  EXPECT_THAT(explain(refusal).hint, HasSubstr("12 minutes ahead of"));
}

TEST(TokenError, ShowsNothingOfAnOutsiderThatCouldMislead) {
  const auto error = explain(refusal_of("INVALID client\n",
                                        "line\r\n\x1b[31mtwo \xe2\x80\xae"
                                        "abc. \"quoted\""));
  EXPECT_EQ(error.code, "oauth.refused");
  EXPECT_EQ(error.upstream->summary, "line?[31mtwo ?abc. 'quoted'");
  EXPECT_EQ(clean_text(std::string(1000, 'x')).size(), 303u);
  const std::string token = "eyJhbGciOiJSUzI1NiJ9." + std::string(60, 'a') + ".sig";
  EXPECT_FALSE(explain(refusal_of("invalid_client", "bad assertion " + token)).message.contains("aaaa"));
}

}  // namespace
}  // namespace oauth
