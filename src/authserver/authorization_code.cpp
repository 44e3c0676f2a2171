#include "authserver/authorization_code.h"

#include <algorithm>
#include <set>

#include "authserver/authorization.h"
#include "authserver/problem.h"
#include "authserver/scopes.h"
#include "core/encoding.h"
#include "core/json.h"
#include "core/seal.h"

namespace authserver {
namespace {

using boost::json::object;
using core::Result;
using core::WallTime;

// base64url of 32 bytes: an S256 challenge, a JWK thumbprint.
constexpr std::size_t kHashLength = 43;
constexpr std::size_t kMaxText = 2048;  // state, nonce, login_hint: they travel in URLs
// A code is remembered for longer than it is good, so that its second use is noticed.
constexpr std::chrono::hours kRemember{24};

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

bool is_hash(std::string_view text) {
  return text.size() == kHashLength && core::base64url_decode(text);
}

// RFC 7636 section 4.1.
bool is_verifier(std::string_view text) {
  return text.size() >= 43 && text.size() <= 128 && core::percent_encode(text) == text;
}

std::string with_parameters(std::string_view uri, const net::Query& parameters) {
  std::string url(uri);
  if (url.find('?') == std::string::npos) {
    url += '?';
  } else if (!url.ends_with('?') && !url.ends_with('&')) {
    url += '&';
  }
  return url + net::encode_query(parameters);
}

std::string error_url(const Server& server, std::string_view redirect_uri, std::string_view state,
                      const core::Error& error) {
  const ProblemRow* row = problem_of(error);
  if (!row) row = find_problem("server_error");
  net::Query parameters{
      {"error", std::string(row->error)},
      {"error_description", problem_of(error) ? error.message : std::string(row->description)}};
  if (!state.empty()) parameters.emplace_back("state", state);
  parameters.emplace_back("iss", server.settings.issuer);
  return with_parameters(redirect_uri, parameters);
}

// Parameters by name; empty values count as absent (RFC 6749 section 3.1).
class Parameters {
 public:
  explicit Parameters(const net::Query& fields) : fields_(fields) {
    std::set<std::string_view> seen;
    for (const auto& [name, value] : fields) {
      if (!seen.insert(name).second) repeated_.insert(name);
    }
  }
  // Empty when it is absent, or there twice: then nobody can say which one counts.
  std::string get(std::string_view name) const {
    return repeated_.contains(name) ? std::string() : net::query_value(fields_, name).value_or("");
  }
  bool repeats() const { return !repeated_.empty(); }

 private:
  const net::Query& fields_;
  std::set<std::string_view> repeated_;
};

core::Status check_form(const Client& client, const Parameters& in) {
  if (in.repeats()) return problem("duplicate_oauth_params");
  if (std::string state = in.get("state"); state.empty() || state.size() > kMaxText) {
    return problem("invalid_state");
  }
  for (const char* name : {"nonce", "login_hint"}) {
    if (in.get(name).size() > kMaxText) {
      return problem("invalid_request", {std::string(name) + " is longer than 2048 characters"});
    }
  }
  if (!in.get("request").empty()) return problem("request_not_supported");
  if (!in.get("request_uri").empty()) return problem("request_uri_not_supported");
  std::string type = in.get("response_type");
  if (type.empty()) return problem("missing_token_request_parameter", {"response_type"});
  if (type != "code") return problem("unsupported_response_type", {"code"});
  if (!contains(client.grants, kAuthorizationCode)) {
    std::string grants;
    for (const std::string& grant : client.grants) grants += (grants.empty() ? "" : ", ") + grant;
    return problem("unauthorized_client", {grants});
  }
  if (std::string mode = in.get("response_mode"); !mode.empty() && mode != "query") {
    return problem("response_mode_is_not_query");
  }
  // Nobody is ever signed in here already.
  std::string prompt = in.get("prompt");
  if (prompt == "none") return problem("login_required");
  if (!prompt.empty() && prompt != "login" && prompt != "consent") {
    return problem("invalid_prompt", {"none, login, consent"});
  }
  if (std::string key = in.get("dpop_jkt"); !key.empty() && !is_hash(key)) {
    return problem("invalid_dpop_jkt");
  }
  return {};
}

core::Status check_challenge(const Client& client, const Parameters& in) {
  std::string challenge = in.get("code_challenge");
  std::string method = in.get("code_challenge_method");
  if (challenge.empty()) {
    if (client.auth_method == AuthMethod::none || !method.empty()) return problem("pkce_missing_challenge");
    return {};
  }
  // RFC 7636 section 4.3: without a method it would be "plain".
  if (method != "S256") return problem("pkce_unsupported_code_challenge_method", {"S256"});
  if (!is_hash(challenge)) return problem("pkce_invalid_challenge");
  return {};
}

struct Code {
  Authorization who;
  std::int64_t expires_at = 0;  // milliseconds since 1970
  bool redeemed = false;
  std::string redirect_uri;
  std::string challenge;
  std::string nonce;
  std::string dpop_key;
};

std::string write(const Code& code) {
  return core::json::write(object{{"authorization", to_json(code.who)},
                                  {"expires_at", code.expires_at},
                                  {"redeemed", code.redeemed},
                                  {"redirect_uri", code.redirect_uri},
                                  {"challenge", code.challenge},
                                  {"nonce", code.nonce},
                                  {"dpop_key", code.dpop_key}});
}

Result<Code> read(const Record& record) {
  auto value = core::json::parse(record.value);
  if (!value) return problem("server_error");
  core::json::Reader in(*value);
  const auto* inner = in.at("authorization").value();
  auto who = inner ? authorization_from_json(*inner) : std::nullopt;
  auto expires_at = in.at("expires_at").integer();
  auto redeemed = in.at("redeemed").boolean();
  auto redirect_uri = in.at("redirect_uri").string();
  auto challenge = in.at("challenge").string();
  auto nonce = in.at("nonce").string();
  auto dpop_key = in.at("dpop_key").string();
  if (!who || !expires_at || !redeemed || !redirect_uri || !challenge || !nonce || !dpop_key) {
    return problem("server_error");
  }
  return Code{.who = *std::move(who),
              .expires_at = *expires_at,
              .redeemed = *redeemed,
              .redirect_uri = *std::move(redirect_uri),
              .challenge = *std::move(challenge),
              .nonce = *std::move(nonce),
              .dpop_key = *std::move(dpop_key)};
}

class AuthorizationCodeGrant final : public Grant {
 public:
  std::string_view type() const override { return kAuthorizationCode; }

  Result<object> redeem(const GrantCall& call) const override {
    const Server& server = call.server;
    auto text = call.form.get("code");
    if (!text) return problem("missing_token_request_parameter", {"code"});
    auto redirect_uri = call.form.get("redirect_uri");
    if (!redirect_uri) return problem("missing_token_request_parameter", {"redirect_uri"});
    std::string key = hash_secret(*text);
    // Twice at most: who loses the race below finds the code redeemed.
    for (int i = 0; i < 2; ++i) {
      ASSIGN_OR_RETURN(auto record, server.store->find(RecordKind::authorization_code, key, server.now()));
      if (!record) return problem("invalid_authorization_code");
      ASSIGN_OR_RETURN(Code code, read(*record));
      if (code.who.client_id != call.client.id) return problem("mismatched_client");
      if (code.redeemed) {
        // Two have had this code, and only one was meant to: RFC 6749 section 4.1.2.
        RETURN_IF_ERROR(revoke_family(server, code.who.family));
        return problem("invalid_authorization_code");
      }
      if (server.now() >= WallTime{std::chrono::milliseconds{code.expires_at}}) {
        return problem("invalid_authorization_code");
      }
      if (code.redirect_uri != *redirect_uri) return problem("mismatched_redirect_uri");
      RETURN_IF_ERROR(check_verifier(code, call.form.get("code_verifier")));
      RETURN_IF_ERROR(check_key(code, call.dpop_key));
      if (!server.find_user(code.who.login)) return problem("invalid_authorization_code");
      // Known before the code counts as redeemed, so that a second use finds what it has to end.
      ASSIGN_OR_RETURN(code.who.family, start_family(server));
      code.redeemed = true;
      ASSIGN_OR_RETURN(bool won,
                       server.store->compare_and_set(RecordKind::authorization_code, key, record->version,
                                                     write(code), record->expires_at, server.now()));
      if (!won) continue;
      code.who.nonce = code.nonce;
      auto scopes = code.who.scopes;
      return token_answer(call, std::move(code.who), scopes);
    }
    return problem("server_error");
  }

 private:
  // RFC 7636 section 4.6. A verifier where there was no challenge is an attempt to do without one (RFC 9700
  // section 4.8.2).
  static core::Status check_verifier(const Code& code, const std::optional<std::string>& verifier) {
    if (code.challenge.empty()) {
      if (verifier) return problem("pkce_missing_challenge_verifier_present");
      return {};
    }
    if (!verifier) return problem("pkce_missing_verifier");
    if (!is_verifier(*verifier) ||
        !core::constant_time_equal(core::base64url_encode(core::sha256(*verifier)), code.challenge)) {
      return problem("pkce_verification_failed");
    }
    return {};
  }

  static core::Status check_key(const Code& code, const std::string& proven) {
    if (code.dpop_key.empty() || code.dpop_key == proven) return {};
    return problem(proven.empty() ? "invalid_dpop_proof_missing_header" : "invalid_dpop_proof");
  }
};

}  // namespace

std::shared_ptr<const Grant> authorization_code_grant() {
  return std::make_shared<AuthorizationCodeGrant>();
}

std::expected<AuthorizationRequest, AuthorizationRefusal> read_authorization_request(
    const Server& server, const net::Query& parameters) {
  auto tell = [](core::Error error) { return std::unexpected(AuthorizationRefusal{std::move(error), {}}); };
  const Parameters in(parameters);
  std::string client_id = in.get("client_id");
  auto client = server.store->find_client(client_id);
  if (!client) return tell(client.error());
  if (client_id.empty() || !*client) return tell(problem("invalid_client_id").error());
  std::string redirect_uri = in.get("redirect_uri");
  if (redirect_uri.empty()) return tell(problem("missing_redirect_uri").error());
  if (!contains((*client)->redirect_uris, redirect_uri)) {
    return tell(problem("illegal_redirect_uri").error());
  }
  // From here on the client learns what is wrong.
  std::string state = in.get("state");
  auto send_back = [&](const core::Error& error) {
    return std::unexpected(AuthorizationRefusal{
        error, error_url(server, redirect_uri, state.size() > kMaxText ? "" : state, error)});
  };
  if (auto good = check_form(**client, in); !good) return send_back(good.error());
  if (auto good = check_challenge(**client, in); !good) return send_back(good.error());
  auto scopes = scopes_for_user(server, **client, in.get("scope"));
  if (!scopes) return send_back(scopes.error());
  return AuthorizationRequest{.client_id = std::move(client_id),
                              .client_name = (*client)->name,
                              .redirect_uri = std::move(redirect_uri),
                              .state = std::move(state),
                              .scopes = *std::move(scopes),
                              .code_challenge = in.get("code_challenge"),
                              .nonce = in.get("nonce"),
                              .login_hint = in.get("login_hint"),
                              .dpop_key = server.settings.dpop ? in.get("dpop_jkt") : std::string()};
}

Result<std::string> approve_authorization(const Server& server, const AuthorizationRequest& request,
                                          const User& user) {
  WallTime now = server.now();
  WallTime expires_at = now + server.settings.authorization_code_lifetime;
  std::string text = server.random->token(32);
  Code code{.who = {.client_id = request.client_id,
                    .scopes = request.scopes,
                    .user_id = user.id,
                    .login = user.login,
                    .auth_time = core::to_unix_seconds(request.signed_in.value_or(now))},
            .expires_at = expires_at.time_since_epoch().count(),
            .redirect_uri = request.redirect_uri,
            .challenge = request.code_challenge,
            .nonce = request.nonce,
            .dpop_key = request.dpop_key};
  ASSIGN_OR_RETURN(bool written,
                   server.store->compare_and_set(RecordKind::authorization_code, hash_secret(text), 0,
                                                 write(code), expires_at + kRemember, now));
  if (!written) return problem("server_error");
  return with_parameters(request.redirect_uri,
                         {{"code", text}, {"state", request.state}, {"iss", server.settings.issuer}});
}

std::string deny_authorization(const Server& server, const AuthorizationRequest& request) {
  return error_url(server, request.redirect_uri, request.state, problem("access_denied").error());
}

}  // namespace authserver
