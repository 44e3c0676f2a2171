#include "registry/sts_token_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <map>

#include "core/encoding.h"
#include "core/json.h"
#include "oauth/secret_json.h"
#include "oauth/token_error.h"
#include "registry/client_auth_settings.h"

namespace registry {
namespace {

using std::chrono::seconds;

constexpr std::chrono::milliseconds kConnectTimeout{3'000};
constexpr std::chrono::milliseconds kTotalTimeout{10'000};
constexpr std::size_t kMaxToken = 16u << 10;
constexpr std::size_t kMaxScopes = 1000;
constexpr seconds kLongest = std::chrono::hours{24 * 3650};
constexpr seconds kLongestRetry{300};

struct ErrorRow {
  std::string_view error;
  RefusalKind kind;
};

// RFC 6749 section 5.2, RFC 8707 section 2, OpenID Connect Core section 3.1.2.6, and GitHub's
// "Troubleshooting OAuth app access token request errors".
constexpr std::array<ErrorRow, 23> kErrors{{
    {"invalid_grant", RefusalKind::grant},
    {"bad_refresh_token", RefusalKind::grant},
    {"bad_verification_code", RefusalKind::grant},
    {"unverified_user_email", RefusalKind::grant},
    {"invalid_refresh_token", RefusalKind::grant},
    {"expired_token", RefusalKind::grant},
    {"token_expired", RefusalKind::grant},
    {"token_revoked", RefusalKind::grant},
    {"access_denied", RefusalKind::grant},
    {"login_required", RefusalKind::grant},
    {"consent_required", RefusalKind::grant},
    {"interaction_required", RefusalKind::grant},
    {"invalid_client", RefusalKind::client},
    {"incorrect_client_credentials", RefusalKind::client},
    {"unauthorized_client", RefusalKind::client},
    {"redirect_uri_mismatch", RefusalKind::client},
    {"unsupported_grant_type", RefusalKind::client},
    {"invalid_scope", RefusalKind::client},
    {"invalid_target", RefusalKind::client},
    {"invalid_request", RefusalKind::client},
    {"temporarily_unavailable", RefusalKind::passing},
    {"server_error", RefusalKind::passing},
    {"slow_down", RefusalKind::passing},
}};

// What a status says when no error of the table does.
RefusalKind kind_of_status(int status) {
  if (status == 429 || status == 408 || status >= 500) return RefusalKind::passing;
  if (status >= 400 || status / 100 == 2) return RefusalKind::client;
  return RefusalKind::broken;
}

// A busy or broken server's word about the grant is not believed: some write 429 as invalid_grant.
RefusalKind kind_of(int status, std::string_view error) {
  if (kind_of_status(status) == RefusalKind::passing) return RefusalKind::passing;
  const auto* row = std::ranges::find(kErrors, error, &ErrorRow::error);
  return row == kErrors.end() ? kind_of_status(status) : row->kind;
}

// RFC 6749 appendix A.12: VSCHAR; no space here, it goes into a header.
bool is_token_text(std::string_view text) {
  return !text.empty() && text.size() <= kMaxToken &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

std::unexpected<TokenRefusal> broken(std::string_view error, std::string description) {
  return std::unexpected(TokenRefusal{
      .kind = RefusalKind::broken, .error = std::string(error), .description = std::move(description)});
}

// A form as an object of strings, so that both kinds are read by the same code.
std::optional<core::json::Value> read_document(const net::HttpResponse& response) {
  const std::string_view body = response.body;
  const std::size_t start = body.find_first_not_of(" \t\r\n");
  if (start == std::string_view::npos || body.size() > kMaxTokenAnswer) return std::nullopt;
  if (body[start] == '{') {
    auto parsed = core::json::parse(body, {.max_bytes = kMaxTokenAnswer, .max_depth = 16});
    if (!parsed) return std::nullopt;
    return *std::move(parsed);
  }
  const std::string type = net::media_type(response.headers.get("Content-Type"));
  if (type != "application/x-www-form-urlencoded" && type != "text/plain") return std::nullopt;
  auto fields = net::parse_query(body);
  if (!fields) return std::nullopt;
  core::json::Object object;
  for (auto& [name, value] : *fields) {
    const bool twice = object.contains(name);
    if (!twice && !name.empty()) object[name] = value;
    core::wipe(value);
    if (twice) return std::nullopt;
  }
  return core::json::Value(std::move(object));
}

std::optional<seconds> read_lifetime(const core::json::Object& answer) {
  const auto* value = answer.if_contains("expires_in");
  if (!value) return std::nullopt;
  double number = 0;
  if (const auto* text = value->if_string()) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
    if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  } else if (value->is_number()) {
    number = value->to_number<double>();
  }
  // 0 is how some say "does not expire". The comparison is false for NaN.
  if (!(number >= 1)) return std::nullopt;
  if (number >= static_cast<double>(kLongest.count())) return kLongest;
  return seconds{static_cast<std::int64_t>(number)};
}

std::vector<std::string> read_scopes(const core::json::Object& answer) {
  const auto* value = answer.if_contains("scope");
  if (!value) return {};
  if (const auto* text = value->if_string()) return split_granted_scopes(*text);
  std::vector<std::string> scopes;
  if (const auto* list = value->if_array()) {
    for (const auto& element : *list) {
      if (element.is_string() && scopes.size() < kMaxScopes) scopes.emplace_back(element.get_string());
    }
  }
  return scopes;
}

seconds read_retry_after(const net::HttpResponse& response) {
  const std::string_view text = response.headers.get("Retry-After");
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || value < 0)
    return seconds{0};
  return std::min(seconds{value}, kLongestRetry);
}

// A refusal without a word of OAuth's. 400 is the status of invalid_grant (RFC 6749 section 5.2): glewlwyd
// sends nothing more for a refresh token that is dead, others a document of their own. To be asked once too
// often is better than to wait for ever. A page for people is somebody's in between.
TokenRefusal wordless(const net::HttpResponse& response, bool is_page) {
  const bool grant = response.status == 400 && !is_page;
  return {.kind = grant ? RefusalKind::grant : kind_of_status(response.status),
          .error = fmt::format("http_{}", response.status),
          .retry_after = read_retry_after(response)};
}

TokenOutcome read_object(const net::HttpResponse& response, core::json::Object& answer) {
  const auto* error = answer.if_contains("error");
  if (error && !error->is_null() && !(error->is_string() && error->get_string().empty())) {
    const std::string name =
        error->is_string() ? oauth::clean_text(std::string_view(error->get_string()), 64) : "error";
    return std::unexpected(
        TokenRefusal{.kind = kind_of(response.status, name),
                     .error = name,
                     .description = oauth::quoted(core::json::string_or_empty(answer, "error_description")),
                     .retry_after = read_retry_after(response)});
  }
  if (response.status / 100 != 2) return std::unexpected(wordless(response, false));
  ExternalTokens tokens;
  auto access = oauth::take_secret(answer, "access_token");
  if (!access || !is_token_text(access->reveal()))
    return broken("answer_without_token", "The answer has no access_token.");
  tokens.access_token = *std::move(access);
  // A scheme that needs more than the token (DPoP, mac) is of no use to an agent that has the token alone.
  const std::string_view type = core::json::string_or_empty(answer, "token_type");
  if (!type.empty() && !net::equals_ignoring_case(type, "bearer"))
    return broken("token_type", "The token is not a bearer token: " + oauth::quoted(type));
  auto refresh = oauth::take_secret(answer, "refresh_token");
  if (refresh && is_token_text(refresh->reveal())) tokens.refresh_token = *std::move(refresh);
  tokens.scopes = read_scopes(answer);
  tokens.lifetime = read_lifetime(answer);
  return tokens;
}

TokenRefusal network_refusal(const core::Error& error) {
  // What never leaves this machine, or is too large, does not change by waiting.
  const bool ours = error.code == "net.url" || error.code == "net.header" || error.code == "net.too_large";
  return {.kind = ours ? RefusalKind::broken : RefusalKind::passing,
          .error = error.code,
          .description = oauth::clean_text(error.message)};
}

}  // namespace

std::string_view to_string(RefusalKind kind) {
  switch (kind) {
    case RefusalKind::grant:
      return "grant";
    case RefusalKind::client:
      return "client";
    case RefusalKind::passing:
      return "passing";
    case RefusalKind::broken:
      break;
  }
  return "broken";
}

std::vector<std::string> split_granted_scopes(std::string_view text) {
  const std::string_view separator = text.find(' ') == std::string_view::npos ? "," : " ";
  std::vector<std::string> scopes;
  while (!text.empty() && scopes.size() < kMaxScopes) {
    const std::size_t end = std::min(text.find(separator), text.size());
    std::string_view scope = text.substr(0, end);
    // "a, b"
    if (separator == " " && scope.ends_with(',')) scope.remove_suffix(1);
    if (!scope.empty()) scopes.emplace_back(scope);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return scopes;
}

TokenOutcome read_token_answer(const net::HttpResponse& response) {
  auto document = read_document(response);
  if (!document) {
    if (response.status / 100 != 2) return std::unexpected(wordless(response, !response.body.empty()));
    return broken("answer_unreadable", "The answer is neither JSON nor a form.");
  }
  const oauth::WipeAtExit wiped(*document);
  return read_object(response, document->as_object());
}

core::Status authenticate_client(const Service& service, const ClientAuthSettings& settings,
                                 net::HttpRequest& request, net::Query& form) {
  if (settings.auth_method == "none") {
    form.emplace_back("client_id", settings.client_id);
    return {};
  }
  ASSIGN_OR_RETURN(const core::Secret secret, open_secret(service, settings));
  if (settings.auth_method == "client_secret_post") {
    form.emplace_back("client_id", settings.client_id);
    form.emplace_back("client_secret", secret.reveal());
    return {};
  }
  if (settings.auth_method != "client_secret_basic") {
    return core::fail(core::ErrorKind::unsupported, "registry.sts.auth_method",
                      "The client registration has an authentication method that is not known here.",
                      "Use client_secret_basic, client_secret_post or none.");
  }
  // RFC 6749 section 2.3.1: each is encoded as in a form.
  std::string pair = core::percent_encode(settings.client_id) + ":" + core::percent_encode(secret.reveal());
  request.headers.set("Authorization", "Basic " + core::base64_encode(pair));
  core::wipe(pair);
  return {};
}

TokenOutcome request_external_tokens(const core::Context& context, const Service& service,
                                     const McpAuthServer& server, const ClientAuthSettings& settings,
                                     net::Query form) {
  net::HttpRequest request{.method = net::Method::post,
                           .url = server.token_endpoint,
                           .headers = {{"Content-Type", "application/x-www-form-urlencoded"},
                                       {"Accept", "application/json"},
                                       {"Cache-Control", "no-store"}},
                           .connect_timeout = kConnectTimeout,
                           .total_timeout = kTotalTimeout,
                           .max_response_bytes = kMaxTokenAnswer};
  auto authenticated = authenticate_client(service, settings, request, form);
  if (authenticated) request.body = net::encode_form(form);
  for (auto& [name, value] : form) core::wipe(value);
  if (!authenticated) {
    return std::unexpected(TokenRefusal{.kind = RefusalKind::client,
                                        .error = authenticated.error().code,
                                        .description = oauth::clean_text(authenticated.error().message)});
  }
  auto response = service.outside->send(context, request);
  if (!response && network_refusal(response.error()).kind == RefusalKind::passing && !context.cancelled())
    response = service.outside->send(context, request);
  core::wipe(request.body);
  if (!response) return std::unexpected(network_refusal(response.error()));
  auto outcome = read_token_answer(*response);
  core::wipe(response->body);
  return outcome;
}

}  // namespace registry
