#include "authserver/client_authentication.h"

#include <array>

#include "authserver/problem.h"
#include "core/encoding.h"
#include "oauth/client_assertion_verifier.h"

namespace authserver {
namespace {

using core::Result;

constexpr std::string_view kAssertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
constexpr std::string_view kBasic = "Basic ";

struct Translation {
  std::string_view from;  // error code of room oauth
  std::string_view to;    // name in the problem table
};
constexpr std::array<Translation, 12> kAssertionErrors{{
    {"oauth.client_assertion.issuer", "client_assertion_invalid_issuer"},
    {"oauth.client_assertion.subject", "client_assertion_invalid_subject"},
    {"oauth.client_assertion.expiration", "client_assertion_expiration_required"},
    {"oauth.jwt.audience", "client_assertion_invalid_audience"},
    {"oauth.jwt.missing_claim", "client_assertion_invalid_audience"},  // `aud` is the only one left to miss
    {"oauth.jwt.expired", "client_assertion_expired_token"},
    {"oauth.jwt.lifetime", "client_assertion_expires_too_far_in_future"},
    {"oauth.jwt.issued_ahead", "client_assertion_issued_at_in_future"},
    {"oauth.jwt.not_yet_valid", "client_assertion_issued_at_in_future"},
    {"oauth.jwt.signature", "client_assertion_invalid_signature"},
    {"oauth.jwt.unknown_key", "client_assertion_invalid_kid"},
    {"oauth.jwt.algorithm", "client_assertion_invalid_signature_algorithm"},
}};

std::unexpected<core::Error> assertion_problem(const core::Error& error) {
  for (const Translation& row : kAssertionErrors) {
    if (row.from == error.code) return problem(row.to);
  }
  return problem("client_assertion_invalid_jwt");
}

Result<Client> by_assertion(const Server& server, const Form& form, std::string_view assertion,
                            std::string_view endpoint) {
  if (form.get("client_assertion_type") != kAssertionType) return problem("client_assertion_type_invalid");
  auto claimed = oauth::claimed_client_id(assertion);
  if (!claimed) return assertion_problem(claimed.error());
  auto named = form.get("client_id");
  if (named && *named != *claimed) return problem("client_assertion_invalid_subject");
  ASSIGN_OR_RETURN(auto client, server.store->find_client(*claimed));
  if (!client) return problem("client_assertion_invalid_subject");
  if (client->auth_method != AuthMethod::private_key_jwt) return problem("invalid_client");
  if (client->keys.keys().empty()) return problem("client_assertion_jwks_not_configured");

  auto verified =
      oauth::verify_client_assertion(assertion, client->id, client->keys,
                                     {.audiences = {server.settings.endpoint(endpoint)}}, *server.clock);
  if (!verified) return assertion_problem(verified.error());
  if (!verified->id().empty()) {
    // The record outlives the assertion by more than any leeway, so that it cannot be used again in between.
    ASSIGN_OR_RETURN(bool first,
                     server.store->compare_and_set(
                         RecordKind::assertion_id, hash_secret(client->id + "\n" + verified->id()), 0, "{}",
                         verified->expires_at() + std::chrono::minutes{5}, server.now()));
    if (!first) return problem("client_assertion_already_used");
  }
  return *std::move(client);
}

Result<Client> by_secret(const Server& server, std::string_view id, std::string_view secret,
                         AuthMethod method) {
  ASSIGN_OR_RETURN(auto client, server.store->find_client(id));
  if (!client) return problem("invalid_client_id");
  if (client->auth_method != method) return problem("invalid_client");
  const std::string hash = hash_secret(secret);
  bool known = false;
  for (const std::string& good : client->secret_hashes) known |= core::constant_time_equal(good, hash);
  if (!known) return problem("invalid_client_secret");
  return *std::move(client);
}

// RFC 6749 section 2.3.1: both halves are form-encoded before they are joined and base64-encoded.
Result<Client> by_basic(const Server& server, std::string_view credentials) {
  auto decoded = core::base64_decode(credentials);
  if (!decoded) return problem("invalid_basic_auth_creds");
  std::size_t colon = decoded->find(':');
  if (colon == std::string::npos) return problem("invalid_basic_auth_creds");
  auto id = core::percent_decode(decoded->substr(0, colon), true);
  auto secret = core::percent_decode(decoded->substr(colon + 1), true);
  if (!id || !secret) return problem("invalid_basic_auth_creds");
  return by_secret(server, *id, *secret, AuthMethod::client_secret_basic);
}

}  // namespace

Result<Client> authenticate_client(const Server& server, const net::ServerRequest& request, const Form& form,
                                   std::string_view endpoint) {
  std::string_view authorization = request.headers.get("Authorization");
  bool basic = !authorization.empty();
  auto secret = form.get("client_secret");
  auto assertion = form.get("client_assertion");
  if (basic + secret.has_value() + assertion.has_value() > 1) return problem("multiple_client_credentials");
  if (assertion) return by_assertion(server, form, *assertion, endpoint);
  auto id = form.get("client_id");
  if (basic) {
    if (!authorization.starts_with(kBasic)) return problem("invalid_basic_auth_creds");
    ASSIGN_OR_RETURN(Client client, by_basic(server, authorization.substr(kBasic.size())));
    if (id && *id != client.id) return problem("invalid_client_id");
    return client;
  }
  if (!id) return problem("missing_client_credentials");
  if (secret) return by_secret(server, *id, *secret, AuthMethod::client_secret_post);
  ASSIGN_OR_RETURN(auto client, server.store->find_client(*id));
  if (!client) return problem("invalid_client_id");
  if (client->auth_method != AuthMethod::none) return problem("invalid_client");
  return *std::move(client);
}

}  // namespace authserver
