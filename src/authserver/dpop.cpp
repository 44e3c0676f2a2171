#include "authserver/dpop.h"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>

#include "authserver/authorization.h"
#include "authserver/problem.h"
#include "core/json.h"
#include "oauth/dpop_verifier.h"

namespace authserver {
namespace {

using boost::json::array;
using boost::json::object;
using core::Result;
using core::WallTime;
using std::chrono::milliseconds;

constexpr int kRaceTries = 8;
constexpr std::size_t kNonceBytes = 24;  // 32 characters, as Okta's
// The store forgets at a record's very last moment, and a proof is good up to and including its own.
constexpr std::chrono::minutes kRememberLonger{1};

struct Translation {
  std::string_view from;  // error code of room oauth
  std::string_view to;    // name in the problem table
};
constexpr std::array<Translation, 15> kProofErrors{{
    {"oauth.dpop.missing", "invalid_dpop_proof_missing_header"},
    {"oauth.dpop.multiple", "invalid_dpop_proof_multiple_headers_not_allowed"},
    {"oauth.dpop.malformed", "invalid_dpop_proof_invalid_jwt"},
    {"oauth.dpop.type", "invalid_dpop_proof_invalid_type"},
    {"oauth.dpop.algorithm", "invalid_dpop_proof_invalid_signature_algorithm"},
    {"oauth.dpop.signature", "invalid_dpop_proof_invalid_signature"},
    {"oauth.dpop.htm", "invalid_dpop_proof_invalid_htm"},
    {"oauth.dpop.htu", "invalid_dpop_proof_invalid_htu"},
    {"oauth.dpop.iat", "invalid_dpop_proof_invalid_iat"},
    {"oauth.dpop.issued_ahead", "invalid_dpop_proof_jwt_issued_in_future"},
    {"oauth.dpop.too_old", "invalid_dpop_proof_jwt_too_old"},
    {"oauth.dpop.expired", "invalid_dpop_proof_jwt_expired"},
    {"oauth.dpop.jti", "invalid_dpop_proof_invalid_jti"},
    {"oauth.dpop.ath", "dpop_proof_invalid_ath"},
    {"oauth.dpop.binding", "invalid_access_token_dpop_binding"},
}};

std::unexpected<core::Error> proof_problem(const core::Error& error, DpopNonceUse use) {
  if (error.code == "oauth.dpop.nonce") {
    return problem(use == DpopNonceUse::resource ? "resource_requires_dpop_nonce" : "use_dpop_nonce");
  }
  for (const Translation& row : kProofErrors) {
    if (row.from == error.code) return problem(row.to);
  }
  return problem("invalid_dpop_proof");
}

struct Nonce {
  std::string text;
  std::int64_t made_at = 0;  // milliseconds since 1970
};

// Those of the record that are still good.
std::vector<Nonce> read_nonces(const std::optional<Record>& record, std::int64_t oldest) {
  std::vector<Nonce> nonces;
  if (!record) return nonces;
  auto value = core::json::parse(record->value);
  if (!value || !value->is_array()) return nonces;
  for (const auto& entry : value->get_array()) {
    core::json::Reader in(entry);
    auto text = in.at("nonce").string();
    auto made_at = in.at("made_at").integer();
    if (text && made_at && *made_at > oldest) nonces.push_back({*std::move(text), *made_at});
  }
  return nonces;
}

std::string write_nonces(const std::vector<Nonce>& nonces) {
  array out;
  for (const Nonce& nonce : nonces) out.push_back(object{{"nonce", nonce.text}, {"made_at", nonce.made_at}});
  return core::json::write(out);
}

// The proof of this request under the server's rules, and for the first time.
Result<oauth::VerifiedDpopProof> first_use(const Server& server, const oauth::DpopRequest& request,
                                           DpopNonceUse use) {
  ASSIGN_OR_RETURN(auto nonces, dpop_nonces(server, use));
  auto proof = oauth::verify_dpop_proof(
      request, {.nonces = std::move(nonces), .htu = server.settings.dpop_htu}, *server.clock);
  if (!proof) return proof_problem(proof.error(), use);
  ASSIGN_OR_RETURN(bool first,
                   server.store->compare_and_set(
                       RecordKind::dpop_proof_id, hash_secret(proof->thumbprint() + "\n" + proof->id()), 0,
                       "{}", proof->replayable_until() + kRememberLonger, server.now()));
  if (!first) return problem("dpop_proof_already_used");
  return *std::move(proof);
}

}  // namespace

Result<std::vector<std::string>> dpop_nonces(const Server& server, DpopNonceUse use) {
  const Settings& settings = server.settings;
  bool at_resource = use == DpopNonceUse::resource;
  if (!settings.dpop || !(at_resource ? settings.dpop_api_nonce : settings.dpop_nonce)) {
    return std::vector<std::string>{};
  }
  std::string_view key = at_resource ? "resource" : "token_endpoint";
  for (int i = 0; i < kRaceTries; ++i) {
    WallTime now = server.now();
    auto ms = [](WallTime time) { return static_cast<std::int64_t>(time.time_since_epoch().count()); };
    ASSIGN_OR_RETURN(auto record, server.store->find(RecordKind::dpop_nonces, key, now));
    auto nonces = read_nonces(record, ms(now - settings.dpop_nonce_lifetime));
    if (nonces.empty() || nonces.front().made_at <= ms(now - settings.dpop_nonce_rotation)) {
      nonces.insert(nonces.begin(), {server.random->token(kNonceBytes), ms(now)});
      ASSIGN_OR_RETURN(bool written, server.store->compare_and_set(
                                         RecordKind::dpop_nonces, key, record ? record->version : 0,
                                         write_nonces(nonces), now + settings.dpop_nonce_lifetime, now));
      if (!written) continue;  // somebody else has made one
    }
    std::vector<std::string> texts;
    texts.reserve(nonces.size());
    for (Nonce& nonce : nonces) texts.push_back(std::move(nonce.text));
    return texts;
  }
  return problem("server_error");
}

Result<std::string> token_request_key(const Server& server, const net::ServerRequest& request,
                                      const Client& client) {
  if (!server.settings.dpop) return std::string();
  if (!request.headers.has("DPoP") && !client.dpop_bound_access_tokens) return std::string();
  ASSIGN_OR_RETURN(auto proof, first_use(server,
                                         {.proofs = request.headers.all("DPoP"),
                                          .method = std::string(net::to_string(request.method)),
                                          .url = server.settings.endpoint("token")},
                                         DpopNonceUse::token_endpoint));
  return proof.thumbprint();
}

PresentedToken presented_token(const net::ServerRequest& request) {
  std::string_view value = request.headers.get("Authorization");
  std::size_t space = value.find(' ');
  if (space == std::string_view::npos || space + 1 == value.size()) return {};
  return {value.substr(0, space), value.substr(space + 1)};
}

Result<oauth::VerifiedJwt> verify_presented_token(const Server& server, const net::ServerRequest& request,
                                                  const PresentedToken& presented, std::string_view url) {
  ASSIGN_OR_RETURN(auto token, verify_access_token(server, presented.token));
  std::string_view key = bound_key(token);
  if (net::equals_ignoring_case(presented.scheme, "Bearer")) {
    if (!key.empty()) return problem("dpop_authentication_scheme_required");
    return token;
  }
  if (!net::equals_ignoring_case(presented.scheme, "DPoP") || key.empty()) {
    return problem("access_token_not_dpop_bound");
  }
  if (!request.headers.has("DPoP")) return problem("dpop_proof_required_for_token");
  RETURN_IF_ERROR(first_use(server,
                            {.proofs = request.headers.all("DPoP"),
                             .method = std::string(net::to_string(request.method)),
                             .url = std::string(url),
                             .access_token = std::string(presented.token),
                             .bound_to = std::string(key)},
                            DpopNonceUse::resource));
  return token;
}

std::string_view bound_key(const oauth::VerifiedJwt& token) {
  return core::json::string_or_empty(token.claims(), "cnf.jkt");
}

std::vector<std::string> dpop_algorithms() {
  std::vector<std::string> names;
  const oauth::DpopRules rules;
  names.reserve(rules.algorithms.size());
  for (oauth::Algorithm algorithm : rules.algorithms) names.emplace_back(oauth::to_string(algorithm));
  return names;
}

}  // namespace authserver
