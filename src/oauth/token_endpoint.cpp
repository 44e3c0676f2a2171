#include "oauth/token_endpoint.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>

#include "core/json.h"
#include "core/log.h"
#include "oauth/jws.h"
#include "oauth/secret_json.h"
#include "oauth/token_source.h"

namespace oauth {
namespace {

using core::ErrorKind;

constexpr std::size_t kMaxAnswerBytes = 1u << 20;
constexpr std::size_t kMaxTokenBytes = 64u << 10;
// RFC 6749 section 5.1 lets a server leave expires_in out. Short, so that a token is renewed rather than
// trusted.
constexpr std::int64_t kAssumedLifetime = 300;
constexpr std::int64_t kDay = 86'400;
constexpr std::int64_t kMaxLifetime = 366 * kDay;

constexpr std::array<std::string_view, 5> kSecretFields = {"client_assertion", "refresh_token", "device_code",
                                                           "code", "code_verifier"};

std::unexpected<core::Error> bad_answer(std::string_view what) {
  return core::fail(ErrorKind::protocol, "oauth.bad_answer",
                    fmt::format("The org accepted the request, but its answer {}.", what),
                    "Check that OKTA_ORG_URL is an Okta org and that no proxy changes its answers.");
}

// VSCHAR of RFC 6749 appendix A: a token goes into a header, so nothing else may pass.
bool is_token_text(std::string_view text) {
  return text.size() <= kMaxTokenBytes &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// scope-token of RFC 6749 section 3.3.
bool is_scope(std::string_view text) {
  return !text.empty() && text.size() <= 256 &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

bool is_json(const net::HttpResponse& response) {
  const std::string type = net::media_type(response.headers.get("Content-Type"));
  return type == "application/json" || (type.starts_with("application/") && type.ends_with("+json"));
}

bool same_word(std::string_view a, std::string_view lower) {
  return std::ranges::equal(a, lower, [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x - 'A' + 'a') : x) == y;
  });
}

core::Result<core::Secret> token_member(core::json::Object& object, std::string_view member) {
  auto secret = take_secret(object, member);
  if (!secret || !is_token_text(secret->reveal())) {
    return bad_answer(fmt::format("has an {} that is no token text", member));
  }
  return secret;
}

core::Result<std::int64_t> seconds_member(const core::json::Value& value, std::string_view member,
                                          std::int64_t low, std::int64_t high,
                                          std::optional<std::int64_t> absent) {
  const core::json::Reader reader = core::json::Reader(value).at(member);
  if (!reader.present() && absent) return *absent;
  auto seconds = reader.integer_in(low, high);
  if (!seconds) return bad_answer(fmt::format("has no {} from {} to {}", member, low, high));
  return *seconds;
}

core::Result<std::string> text_member(const core::json::Value& value, std::string_view member) {
  auto text = core::json::Reader(value).at(member).optional_string();
  if (!text) return bad_answer(fmt::format("has a {} that is not a string", member));
  return std::move(*text).value_or("");
}

// What an outsider wrote, without what we had sent: servers do echo requests.
std::string without_secrets(std::string text, const net::Query& form) {
  for (const auto& [name, value] : form) {
    if (std::ranges::find(kSecretFields, name) == kSecretFields.end() || value.size() < 8) continue;
    for (std::size_t at = 0; (at = text.find(value, at)) != std::string::npos;) {
      text.replace(at, value.size(), "[redacted]");
    }
  }
  return text;
}

// The thumbprint of the key that an access token is bound to (RFC 9449 section 6.1); empty when it does not
// say: to its client a token is opaque, and one that is no JWT says nothing.
std::string bound_key(const core::Secret& access_token) {
  auto token = peek(access_token.reveal());
  if (!token) return {};
  return std::string(core::json::string_or_empty(token->claims, "cnf.jkt"));
}

void wipe_form(net::Query& form) {
  for (auto& [name, value] : form) core::wipe(value);
}

// "https://example-admin.okta.com" is the admin console's own host, which has no token endpoint.
std::optional<std::string> without_admin(const std::string& org) {
  const auto at = org.find("-admin.");
  if (at == std::string::npos) return std::nullopt;
  return org.substr(0, at) + org.substr(at + std::string_view("-admin").size());
}

core::Error not_an_org(const std::string& org, std::string_view what) {
  std::string hint =
      "Check OKTA_ORG_URL for a typo: it is the org's own address, such as https://example.okta.com, without "
      "a path.";
  if (const auto plain = without_admin(org)) {
    hint = fmt::format("OKTA_ORG_URL is the admin console's address; set it to {}.", *plain);
  }
  return {ErrorKind::invalid_input, "oauth.not_an_org",
          fmt::format("There is no Okta org at {}: it answered {}.", org, what), std::move(hint),
          std::nullopt};
}

core::Error redirected(const std::string& org, int status, std::string_view location) {
  std::string hint = "Set OKTA_ORG_URL to the org's own address.";
  if (const auto target = net::parse_url(location); target && target->origin() != org) {
    hint = fmt::format("If {} is your org, set OKTA_ORG_URL to it.", target->origin());
  }
  return {ErrorKind::invalid_input, "oauth.redirect",
          fmt::format("{} answered {} with a redirect instead of a token.", org, status), std::move(hint),
          std::nullopt};
}

}  // namespace

struct TokenEndpoint::Answer {
  core::json::Value document;  // an object
  core::WallTime sent{};
};

core::Result<std::unique_ptr<TokenEndpoint>> TokenEndpoint::create(const TokenEndpointOptions& options) {
  const auto refuse = [&](std::string_view why) {
    return core::fail(ErrorKind::invalid_input, "oauth.org_url",
                      fmt::format("OKTA_ORG_URL cannot be used: {}.", why),
                      "Set it to your org's address, such as https://example.okta.com.");
  };
  if (options.org_url.empty()) return refuse("it is not set");
  const auto url = net::parse_url(options.org_url);
  if (!url) return refuse("it is not an absolute URL");
  if (url->has_userinfo || url->has_fragment || !url->query.empty() || url->path != "/") {
    return refuse("it must be scheme and host only");
  }
  if (url->scheme != "https" && !net::is_loopback_host(url->host)) {
    return refuse("only https is accepted, except towards this machine");
  }
  return std::unique_ptr<TokenEndpoint>(new TokenEndpoint(options, url->origin()));
}

core::Result<TokenAnswer> TokenEndpoint::request_token(const core::Context& context, Grant grant,
                                                       net::Query form) {
  auto answer = request_token(context, grant, [&form]() -> core::Result<net::Query> { return form; });
  wipe_form(form);
  return answer;
}

core::Result<TokenAnswer> TokenEndpoint::request_token(const core::Context& context, Grant grant,
                                                       const MakeForm& make_form) {
  auto prover = dpop_.current();
  bool guessed = false;
  DpopAttempts attempts;
  for (;;) {
    std::optional<DpopProof> proof;
    if (prover) {
      if (skew() != std::chrono::milliseconds{0}) prover->set_skew(skew());
      ASSIGN_OR_RETURN(proof, prover->proof(DpopServer::authorization, net::Method::post, token_url_));
      attempts.proved = true;
      attempts.nonce = proof->nonce;
      attempts.skew = prover->skew();
    }
    ASSIGN_OR_RETURN(auto form, make_form());
    net::Headers answered;
    auto posted = post(context, grant, token_url_, form, proof ? &*proof : nullptr, answered);
    wipe_form(form);
    if (prover) prover->learn(DpopServer::authorization, token_url_, answered);
    if (posted) return read_token(std::move(*posted), std::move(prover));

    core::Error& error = posted.error();
    const DpopRefusal refusal{
        .status = error.upstream ? error.upstream->status : 0,
        .error = error.upstream ? std::string_view(error.upstream->code) : std::string_view{},
        .nonce = prover ? prover->nonce(DpopServer::authorization, token_url_) : std::string{},
        .skew = skew(),
        // Client credentials bring no grant that could be invalid.
        .may_mean_proof = grant == Grant::client_credentials};
    const bool hidden = refusal.error == "invalid_grant";
    switch (next_step(attempts, refusal)) {
      case DpopStep::prove: {
        core::log(core::LogLevel::info, "oauth", "asking again with proof of possession (DPoP)",
                  {{"reason", error.code}});
        ASSIGN_OR_RETURN(prover, dpop_.begin());
        prover->learn(DpopServer::authorization, token_url_, answered);
        guessed = hidden;
        continue;
      }
      case DpopStep::renew:
        core::log(core::LogLevel::debug, "oauth", "asking again with a new DPoP proof",
                  {{"reason", error.code}});
        continue;
      case DpopStep::give_up:
        break;
    }
    // The server meant what it said.
    if (guessed && hidden) dpop_.drop(prover);
    if (grant == Grant::refresh_token && error.code == "oauth.invalid_dpop_proof" &&
        error.upstream->summary.contains("inding")) {
      // "Invalid DPoP Public Key binding in refresh token": no proof of ours will ever do.
      error.code = "oauth.invalid_grant";
    }
    return std::unexpected(std::move(error));
  }
}

core::Result<TokenAnswer> TokenEndpoint::read_token(Answer posted, std::shared_ptr<DpopProver> prover) const {
  auto& document = posted.document;
  WipeAtExit wipe_document(document);

  TokenAnswer answer;
  answer.obtained_at = posted.sent;
  ASSIGN_OR_RETURN(answer.access_token, token_member(document.as_object(), "access_token"));
  if (answer.access_token.empty()) return bad_answer("holds no access_token");
  ASSIGN_OR_RETURN(answer.refresh_token, token_member(document.as_object(), "refresh_token"));
  ASSIGN_OR_RETURN(const auto type, text_member(document, "token_type"));
  const bool says_dpop = same_word(type, "dpop");
  if (!says_dpop && !same_word(type, "bearer")) {
    return bad_answer("has a token_type other than Bearer and DPoP");
  }
  if (says_dpop && !prover) return core::fail(dpop_demanded());
  if (prover) {
    // A token that tells whose it is decides; else the token_type does. Bearer after a proof is an org that
    // does not bind (RFC 9449 section 5).
    const auto bound_to = bound_key(answer.access_token);
    if (!bound_to.empty() && bound_to != prover->thumbprint()) {
      return bad_answer("holds an access_token that is bound to another key");
    }
    if (says_dpop || !bound_to.empty()) answer.scheme = kDpopScheme;
    answer.prover = std::move(prover);
  }
  ASSIGN_OR_RETURN(const auto seconds,
                   seconds_member(document, "expires_in", 1, kMaxLifetime, kAssumedLifetime));
  answer.lifetime = std::chrono::seconds{seconds};
  ASSIGN_OR_RETURN(const auto scope, text_member(document, "scope"));
  answer.scopes = split_scopes(scope);
  if (!std::ranges::all_of(answer.scopes, is_scope))
    return bad_answer("has a scope that is not a scope list");
  return answer;
}

core::Result<DeviceAnswer> TokenEndpoint::authorize_device(const core::Context& context,
                                                           const net::Query& form) {
  net::Headers answered;
  ASSIGN_OR_RETURN(auto posted,
                   post(context, Grant::device_authorization, device_url_, form, nullptr, answered));
  auto& document = posted.document;
  WipeAtExit wipe_document(document);

  DeviceAnswer answer;
  ASSIGN_OR_RETURN(answer.device_code, token_member(document.as_object(), "device_code"));
  if (answer.device_code.empty()) return bad_answer("holds no device_code");
  ASSIGN_OR_RETURN(answer.user_code, text_member(document, "user_code"));
  ASSIGN_OR_RETURN(answer.verification_uri, text_member(document, "verification_uri"));
  ASSIGN_OR_RETURN(answer.verification_uri_complete, text_member(document, "verification_uri_complete"));
  ASSIGN_OR_RETURN(const auto lifetime, seconds_member(document, "expires_in", 1, kDay, std::nullopt));
  ASSIGN_OR_RETURN(const auto interval, seconds_member(document, "interval", 0, 3600, 5));
  answer.lifetime = std::chrono::seconds{lifetime};
  answer.interval = std::chrono::seconds{interval};
  return answer;
}

core::Result<TokenEndpoint::Answer> TokenEndpoint::post(const core::Context& context, Grant grant,
                                                        const std::string& url, const net::Query& form,
                                                        const DpopProof* proof, net::Headers& answered) {
  net::HttpRequest request{.method = net::Method::post,
                           .url = url,
                           .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                                       {"Accept", "application/json"},
                                       {"Cache-Control", "no-store"}},
                           .body = net::encode_form(form),
                           .total_timeout = kTokenRequestTimeout,
                           .max_response_bytes = kMaxAnswerBytes};
  if (proof) request.headers.set("DPoP", proof->text);
  core::WallTime sent = clock_.now();
  auto response = http_.send(context, request);
  if (!response && response.error().kind != ErrorKind::invalid_input && !context.cancelled() &&
      !net::may_have_been_sent(response.error())) {
    core::log(core::LogLevel::info, "oauth", "could not reach the org, trying once more",
              {{"url", url}, {"reason", response.error().code}});
    sent = clock_.now();
    response = http_.send(context, request);
  }
  core::wipe(request.body);
  if (!response) return std::unexpected(std::move(response).error());
  answered = response->headers;
  learn_skew(*response, clock_.now());
  core::log(core::LogLevel::debug, "oauth", "token request",
            {{"grant", display_name(grant)}, {"status", response->status}});

  auto outcome = [&]() -> core::Result<Answer> {
    if (response->status / 100 != 2) return core::fail(refused(grant, form, url, *response));
    if (response->body.empty()) {
      return core::fail(ErrorKind::protocol, "oauth.empty_answer",
                        fmt::format("{} answered {} with an empty body.", org_, response->status),
                        "Try again; if it stays so, something between this machine and the org swallows "
                        "answers.");
    }
    if (!is_json(*response)) {
      if (response->body.find('<') != std::string::npos) {
        return core::fail(not_an_org(org_, "with a web page instead of a token"));
      }
      return bad_answer("is not declared as JSON");
    }
    auto document = core::json::parse(response->body, {.max_bytes = kMaxAnswerBytes, .max_depth = 16});
    if (!document || !document->is_object()) return bad_answer("is not a JSON object");
    return Answer{std::move(*document), sent};
  }();
  core::wipe(response->body);
  return outcome;
}

void TokenEndpoint::learn_skew(const net::HttpResponse& response, core::WallTime received) {
  if (const auto date = core::parse_http_date(response.headers.get("Date"))) {
    skew_ms_ = (*date - received).count();
  }
}

core::Error TokenEndpoint::refused(Grant grant, const net::Query& form, const std::string& url,
                                   const net::HttpResponse& response) const {
  Refusal refusal{.status = response.status,
                  .request_id = std::string(response.headers.get("X-Okta-Request-Id")),
                  .grant = grant,
                  .org = org_,
                  .skew = skew()};
  if (const auto scope = net::query_value(form, "scope")) refusal.scopes = split_scopes(*scope);
  if (is_json(response)) {
    if (const auto document =
            core::json::parse(response.body, {.max_bytes = kMaxAnswerBytes, .max_depth = 16})) {
      refusal.error = core::json::string_or_empty(*document, "error");
      refusal.description =
          without_secrets(std::string(core::json::string_or_empty(*document, "error_description")), form);
      if (refusal.error.empty()) {
        // The envelope of the Management API, which Okta also uses here for what comes before OAuth: an
        // unknown org (E0000007), a rate limit (E0000047).
        refusal.error = core::json::string_or_empty(*document, "errorCode");
        refusal.description =
            without_secrets(std::string(core::json::string_or_empty(*document, "errorSummary")), form);
      }
    }
  }
  const bool oauth_error = !refusal.error.empty() && !refusal.error.starts_with("E0");
  if (oauth_error || refusal.status == 429) return explain(refusal);
  if (refusal.status / 100 == 3) {
    return redirected(org_, refusal.status, response.headers.get("Location"));
  }
  const bool page = !is_json(response) && response.body.find('<') != std::string::npos;
  core::Error error;
  if (refusal.status >= 500) {
    error = {ErrorKind::unavailable, fmt::format("oauth.http_{}", refusal.status),
             fmt::format("{} answered {}{}.", org_, refusal.status, page ? " with a web page" : ""),
             "Try again in a minute; status.okta.com shows known trouble.", std::nullopt};
  } else if (refusal.status == 404 || page) {
    error = not_an_org(org_, fmt::format("{}{} to a request for {}", refusal.status,
                                         page ? " with a web page" : "", url.substr(org_.size())));
  } else if (!refusal.error.empty()) {
    error = explain(refusal);
  } else {
    error = {refusal.status == 403 ? ErrorKind::forbidden : ErrorKind::protocol,
             fmt::format("oauth.http_{}", refusal.status),
             fmt::format("{} refused the request with status {} and no reason.", org_, refusal.status),
             "Check OKTA_ORG_URL, and whether a proxy or firewall stands between this machine and the org.",
             std::nullopt};
    // Some servers refuse a refresh token that has ended without a word. So may a proxy, which must not cost
    // a person the login.
    if (grant == Grant::refresh_token) {
      error.hint += " If it stays so, the stored login has ended: okta-mcp-server logout, then login.";
    }
  }
  error.upstream = core::UpstreamProblem{.status = refusal.status,
                                         .code = clean_text(refusal.error, 64),
                                         .summary = quoted(refusal.description),
                                         .request_id = clean_text(refusal.request_id, 100)};
  return error;
}

std::vector<std::string> split_scopes(std::string_view text) {
  std::vector<std::string> scopes;
  while (!text.empty()) {
    const auto end = std::min(text.find(' '), text.size());
    const std::string_view scope = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!scope.empty() && std::ranges::find(scopes, scope) == scopes.end()) scopes.emplace_back(scope);
  }
  return scopes;
}

std::string join_scopes(const std::vector<std::string>& scopes) {
  return fmt::format("{}", fmt::join(scopes, " "));
}

core::Status check_client(std::string_view client_id, const std::vector<std::string>& scopes) {
  if (client_id.empty()) {
    return core::fail(ErrorKind::invalid_input, "oauth.client_id", "OKTA_CLIENT_ID is not set.",
                      "Set it to the client id of your app (Okta Admin Console > Applications > the app > "
                      "General).");
  }
  if (!is_token_text(client_id) || client_id.size() > 255) {
    return core::fail(ErrorKind::invalid_input, "oauth.client_id",
                      "OKTA_CLIENT_ID has characters that no client id has.",
                      "Copy it again from the app's General tab, without spaces or quotes.");
  }
  if (scopes.empty()) {
    return core::fail(ErrorKind::invalid_input, "oauth.scopes", "OKTA_SCOPES is not set.",
                      "Name the scopes this server may use, separated by spaces, for example "
                      "\"okta.users.read okta.groups.read\".");
  }
  if (const auto bad = std::ranges::find_if_not(scopes, is_scope); bad != scopes.end()) {
    return core::fail(ErrorKind::invalid_input, "oauth.scopes",
                      fmt::format("OKTA_SCOPES holds \"{}\", which is not a scope.", clean_text(*bad, 80)),
                      "Separate the scopes by single spaces, without quotes or commas.");
  }
  return {};
}

}  // namespace oauth
