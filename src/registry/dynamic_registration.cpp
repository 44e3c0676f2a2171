#include "registry/dynamic_registration.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <string_view>
#include <utility>

#include "core/json.h"
#include "net/url.h"
#include "oauth/resource_uri.h"
#include "oauth/secret_json.h"
#include "oauth/token_error.h"
#include "registry/sts.h"
#include "registry/sts_token_request.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using core::json::Value;

constexpr std::chrono::milliseconds kConnectTimeout{3'000};
constexpr std::chrono::milliseconds kTotalTimeout{15'000};
constexpr std::size_t kMaxAnswer = 64u << 10;
constexpr std::size_t kMaxText = 4096;
constexpr std::string_view kMember = "registrationEndpoint";
constexpr std::array<std::string_view, 3> kMethods{"client_secret_basic", "client_secret_post", "none"};

// RFC 8414 section 2: client_secret_basic where the server says nothing.
core::Result<std::string> choose_method(const McpAuthServer& server) {
  if (server.token_endpoint_auth_methods.empty()) return std::string(kMethods.front());
  for (const std::string_view method : kMethods) {
    if (std::ranges::find(server.token_endpoint_auth_methods, method) !=
        server.token_endpoint_auth_methods.end())
      return std::string(method);
  }
  return refuse(ErrorKind::invalid_input, "REGISTRATION_UNSUPPORTED",
                fmt::format("{} has none of the client authentication methods {}.", server.issuer,
                            fmt::join(kMethods, ", ")),
                std::string(kMember));
}

std::unexpected<core::Error> bad_answer(const McpAuthServer& server, std::string_view why) {
  return refuse(ErrorKind::invalid_input, "REGISTRATION_INVALID",
                fmt::format("{} answered the registration, but {}.", server.issuer, why),
                std::string(kMember));
}

bool is_plain(std::string_view text) {
  return !text.empty() && text.size() <= kMaxText &&
         std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7f; });
}

core::Status read_management(const McpAuthServer& server, Object& answer, RegisteredClient& client) {
  auto token = oauth::take_secret(answer, "registration_access_token");
  const std::string uri(core::json::string_or_empty(answer, "registration_client_uri"));
  if (!token || token->empty() || uri.empty()) return {};
  if (!is_plain(token->reveal()) || uri.size() > kMaxText || !oauth::is_protected_url(uri))
    return bad_answer(server, "its registration_client_uri or registration_access_token cannot be used");
  client.registration_uri = uri;
  client.registration_token = *std::move(token);
  return {};
}

core::Result<RegisteredClient> read_answer(const McpAuthServer& server, Object& answer,
                                           const std::string& method,
                                           const std::vector<std::string>& scopes) {
  RegisteredClient client;
  client.client_id = core::json::string_or_empty(answer, "client_id");
  if (!is_plain(client.client_id)) return bad_answer(server, "without a client_id");
  auto secret = oauth::take_secret(answer, "client_secret");
  if (!secret || (!secret->empty() && !is_plain(secret->reveal())))
    return bad_answer(server, "its client_secret cannot be used");
  client.client_secret = *std::move(secret);
  // RFC 7591 section 3.2.1: the server may have chosen otherwise.
  client.auth_method = core::json::string_or_empty(answer, "token_endpoint_auth_method");
  if (client.auth_method.empty()) client.auth_method = client.client_secret.empty() ? "none" : method;
  if (std::ranges::find(kMethods, client.auth_method) == kMethods.end())
    return bad_answer(server, "it chose a token_endpoint_auth_method that is not known here");
  if ((client.auth_method == "none") != client.client_secret.empty()) {
    if (client.auth_method != "none") return bad_answer(server, "without a client_secret");
    client.client_secret = core::Secret{};
  }
  const std::string_view granted = core::json::string_or_empty(answer, "scope");
  client.scopes = granted.empty() ? scopes : split_granted_scopes(granted);
  const core::json::Value* expires = answer.if_contains("client_secret_expires_at");
  if (expires && expires->is_int64() && expires->get_int64() > 0 && expires->get_int64() < 1LL << 40)
    client.secret_expires = core::WallTime{std::chrono::seconds{expires->get_int64()}};
  RETURN_IF_ERROR(read_management(server, answer, client));
  return client;
}

}  // namespace

core::Result<RegisteredClient> register_client(const core::Context& context, const Service& service,
                                               const McpAuthServer& server, const std::string& client_name,
                                               const std::vector<std::string>& scopes) {
  if (server.registration_endpoint.empty()) {
    return refuse(ErrorKind::invalid_input, "REGISTRATION_UNSUPPORTED",
                  fmt::format("{} has no registration endpoint; register a client there by hand "
                              "(registrationType MANUAL).",
                              server.issuer),
                  std::string(kMember));
  }
  ASSIGN_OR_RETURN(const std::string method, choose_method(server));
  Object body{{"client_name", client_name},
              {"redirect_uris", Array{Value(service.url(kStsCallback))}},
              {"grant_types", Array{"authorization_code", "refresh_token"}},
              {"response_types", Array{Value("code")}},
              {"token_endpoint_auth_method", method},
              {"application_type", "web"}};
  if (!scopes.empty()) body["scope"] = fmt::format("{}", fmt::join(scopes, " "));
  auto response = service.outside->send(
      context, {.method = net::Method::post,
                .url = server.registration_endpoint,
                .headers = {{"Content-Type", "application/json"}, {"Accept", "application/json"}},
                .body = core::json::write(Value(std::move(body))),
                .connect_timeout = kConnectTimeout,
                .total_timeout = kTotalTimeout,
                .max_response_bytes = kMaxAnswer});
  if (!response) return std::unexpected(std::move(response).error());
  auto answer = core::json::parse(response->body, {.max_bytes = kMaxAnswer, .max_depth = 16});
  core::wipe(response->body);
  // 201 says RFC 7591; some say 200.
  if (response->status != 201 && response->status != 200) {
    const std::string error =
        answer ? oauth::clean_text(core::json::string_or_empty(*answer, "error"), 64) : std::string();
    const std::string words =
        answer ? oauth::quoted(core::json::string_or_empty(*answer, "error_description")) : std::string();
    return refuse(ErrorKind::invalid_input, "REGISTRATION_REFUSED",
                  fmt::format("{} refused the registration: {}{}{}.", server.issuer,
                              error.empty() ? fmt::format("HTTP {}", response->status) : error,
                              words.empty() ? "" : ": ", words),
                  std::string(kMember));
  }
  if (!answer || !answer->is_object()) return bad_answer(server, "not with a JSON object");
  const oauth::WipeAtExit wiped(*answer);
  return read_answer(server, answer->as_object(), method, scopes);
}

core::Status unregister_client(const core::Context& context, const Service& service,
                               const std::string& registration_uri, const core::Secret& registration_token) {
  net::HttpRequest request{
      .method = net::Method::delete_,
      .url = registration_uri,
      .headers = {{"Authorization", "Bearer " + registration_token.reveal()}, {"Accept", "application/json"}},
      .connect_timeout = kConnectTimeout,
      .total_timeout = kTotalTimeout,
      .max_response_bytes = kMaxAnswer};
  const auto response = service.outside->send(context, request);
  if (!response) return std::unexpected(response.error());
  // RFC 7592 section 2.3: 204; 401 and 404 where the client is not there any more.
  if (response->status / 100 == 2 || response->status == 401 || response->status == 404) return {};
  return refuse(
      ErrorKind::invalid_input, "REGISTRATION_REFUSED",
      fmt::format("The authorization server did not delete the registration: HTTP {}.", response->status),
      std::string(kMember));
}

}  // namespace registry
