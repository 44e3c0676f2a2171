#include "oauth/introspection.h"

#include <chrono>
#include <fmt/format.h>
#include <utility>

#include "core/encoding.h"
#include "net/url.h"
#include "oauth/issuer_metadata.h"
#include "oauth/token_source.h"

namespace oauth {
namespace {

using core::ErrorKind;
using core::fail;
using core::Result;

constexpr std::chrono::milliseconds kTimeout{5'000};
constexpr std::size_t kMaxBytes = 64u << 10;

// RFC 6749 section 2.3.1: both parts are form-encoded before they are joined.
std::string basic_credentials(const IntrospectionClient& client) {
  std::string pair =
      core::percent_encode(client.client_id) + ":" + core::percent_encode(client.client_secret.reveal());
  std::string value = "Basic " + core::base64_encode(pair);
  core::wipe(pair);
  return value;
}

Result<core::json::Object> read(std::string_view body, const std::string& issuer) {
  auto value = core::json::parse(body, {.max_bytes = kMaxBytes, .max_depth = 16});
  const auto* active = value && value->is_object() ? value->get_object().if_contains("active") : nullptr;
  if (!active || !active->is_bool()) {
    return fail(ErrorKind::protocol, "oauth.introspection.answer",
                fmt::format("{} answered an introspection with something that is no answer to it.", issuer));
  }
  if (!active->get_bool()) {
    return fail(ErrorKind::unauthenticated, "oauth.introspection.inactive",
                fmt::format("{} does not know the token, or it has ended.", issuer));
  }
  core::json::Object members = std::move(value->get_object());
  // A refresh token may be active as well (RFC 7662 section 2.1).
  if (const auto* type = members.if_contains("token_type")) {
    const std::string_view name = type->is_string() ? std::string_view(type->get_string()) : "";
    if (!net::equals_ignoring_case(name, "Bearer") && !net::equals_ignoring_case(name, kDpopScheme)) {
      return fail(ErrorKind::unauthenticated, "oauth.introspection.kind", "The token is no access token.");
    }
  }
  return members;
}

}  // namespace

Result<std::string> Introspector::endpoint(const core::Context& context) {
  {
    std::lock_guard lock(mutex_);
    if (!endpoint_.empty()) return endpoint_;
  }
  ASSIGN_OR_RETURN(auto metadata, fetch_issuer_metadata(context, http_, issuer_));
  if (metadata.introspection_endpoint.empty()) {
    return fail(ErrorKind::unavailable, "oauth.introspection.missing",
                fmt::format("The metadata of {} names no introspection endpoint.", issuer_));
  }
  std::lock_guard lock(mutex_);
  endpoint_ = metadata.introspection_endpoint;
  return endpoint_;
}

Result<core::json::Object> Introspector::ask(const core::Context& context, std::string_view token) {
  net::HttpRequest request{
      .method = net::Method::post,
      .headers = {{"Accept", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}},
      .connect_timeout = kTimeout,
      .idle_timeout = kTimeout,
      .total_timeout = kTimeout,
      .max_response_bytes = kMaxBytes};
  ASSIGN_OR_RETURN(request.url, endpoint(context));
  net::Query form{{"token", std::string(token)}, {"token_type_hint", "access_token"}};
  if (client_.client_secret.empty()) {
    form.emplace_back("client_id", client_.client_id);
  } else {
    request.headers.add("Authorization", basic_credentials(client_));
  }
  request.body = net::encode_form(form);
  auto response = http_.send(context, request);
  core::wipe(request.body);
  if (!response) return fail(std::move(response).error());
  if (response->status != 200) {
    return fail(ErrorKind::unavailable, "oauth.introspection.refused",
                fmt::format("{} answered {} to an introspection.", issuer_, response->status),
                response->status == 401 ? "Check the client id and secret set for introspection." : "");
  }
  return read(response->body, issuer_);
}

}  // namespace oauth
