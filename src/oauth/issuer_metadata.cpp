#include "oauth/issuer_metadata.h"

#include <chrono>
#include <fmt/format.h>
#include <optional>
#include <utility>

#include "net/url.h"
#include "oauth/resource_uri.h"
#include "oauth/token_error.h"

namespace oauth {
namespace {

using core::ErrorKind;
using core::fail;
using core::Result;

constexpr std::chrono::milliseconds kTimeout{5'000};
constexpr std::size_t kMaxBytes = 256u << 10;

// An address the document may leave out; what is there must be usable.
Result<std::string> address(const core::json::Object& document, std::string_view issuer,
                            std::string_view name) {
  const auto* value = document.if_contains(name);
  if (!value || value->is_null()) return std::string();
  if (!value->is_string() || !may_lead_to(issuer, value->get_string())) {
    return fail(ErrorKind::protocol, "oauth.issuer.document",
                fmt::format("The metadata of {} has a {} that is not an https URL.", issuer, name));
  }
  return std::string(value->get_string());
}

Result<IssuerMetadata> read(std::string_view body, std::string_view issuer) {
  auto value = core::json::parse(body, {.max_bytes = kMaxBytes, .max_depth = 16});
  if (!value || !value->is_object()) {
    return fail(ErrorKind::protocol, "oauth.issuer.document",
                fmt::format("The metadata of {} is not one JSON object.", issuer));
  }
  IssuerMetadata metadata;
  metadata.document = std::move(value->get_object());
  metadata.issuer = std::string(core::json::string_or_empty(metadata.document, "issuer"));
  // RFC 8414 section 3.3: identical, character by character.
  if (metadata.issuer != issuer) {
    return fail(ErrorKind::protocol, "oauth.issuer.mismatch",
                fmt::format("The metadata found for {} belongs to another issuer, {}.", issuer,
                            clean_text(metadata.issuer, 200)),
                "Set the issuer exactly as its metadata spells it, a slash at the end included.");
  }
  ASSIGN_OR_RETURN(metadata.jwks_uri, address(metadata.document, issuer, "jwks_uri"));
  ASSIGN_OR_RETURN(metadata.introspection_endpoint,
                   address(metadata.document, issuer, "introspection_endpoint"));
  return metadata;
}

}  // namespace

bool may_lead_to(std::string_view issuer, std::string_view address) {
  const auto url = net::parse_url(address);
  if (!url || !is_protected_url(address)) return false;
  if (!net::is_loopback_host(url->host)) return true;
  const auto from = net::parse_url(issuer);
  return from && net::is_loopback_host(from->host);
}

core::Status check_issuer_url(std::string_view issuer) {
  const auto url = net::parse_url(issuer);
  if (!url || !is_protected_url(issuer) || issuer.find('?') != std::string_view::npos) {
    return fail(ErrorKind::invalid_input, "oauth.issuer.url",
                "The issuer is not an https URL (or http towards a loopback address) without query, fragment "
                "and user.",
                "Give it as the authorization server's metadata spells it, such as "
                "https://example.com/oauth2/default.");
  }
  return {};
}

std::vector<std::string> issuer_metadata_urls(std::string_view issuer) {
  if (!check_issuer_url(issuer)) return {};
  const auto url = net::parse_url(issuer);
  const std::string origin = url->origin();
  std::string path = url->path;
  // RFC 8414 section 3.1: a slash at the end goes before the well-known part comes in.
  while (path.ends_with('/')) path.pop_back();
  std::vector<std::string> urls{origin + "/.well-known/oauth-authorization-server" + path,
                                origin + "/.well-known/openid-configuration" + path};
  if (!path.empty()) urls.emplace_back(origin + path + "/.well-known/openid-configuration");
  return urls;
}

Result<IssuerMetadata> fetch_issuer_metadata(const core::Context& context, net::HttpClient& http,
                                             std::string_view issuer) {
  RETURN_IF_ERROR(check_issuer_url(issuer));
  std::optional<core::Error> wrong_document;
  for (const std::string& url : issuer_metadata_urls(issuer)) {
    const auto response = http.send(context, {.url = url,
                                              .headers = {{"Accept", "application/json"}},
                                              .connect_timeout = kTimeout,
                                              .idle_timeout = kTimeout,
                                              .total_timeout = kTimeout,
                                              .max_response_bytes = kMaxBytes});
    if (!response) {
      if (response.error().code != "net.too_large") return fail(response.error());
      if (!wrong_document) wrong_document = response.error();
      continue;
    }
    if (response->status != 200) {
      if (response->status >= 500 && !wrong_document) {
        wrong_document = core::Error{
            .kind = ErrorKind::unavailable,
            .code = "oauth.issuer.missing",
            .message = fmt::format("{} answered {} when asked for its metadata.", issuer, response->status)};
      }
      continue;
    }
    auto metadata = read(response->body, issuer);
    if (metadata) return metadata;
    // Another issuer's document says more than a page that is none.
    if (!wrong_document || metadata.error().code == "oauth.issuer.mismatch")
      wrong_document = metadata.error();
  }
  if (wrong_document) return fail(*std::move(wrong_document));
  return fail(ErrorKind::unavailable, "oauth.issuer.missing",
              fmt::format("{} publishes no metadata (RFC 8414, OpenID Connect Discovery).", issuer),
              "Check the issuer's spelling, or give the address of its keys.");
}

}  // namespace oauth
