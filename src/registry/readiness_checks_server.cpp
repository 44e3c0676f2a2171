// Checks of the MCP server itself.
#include <algorithm>
#include <array>
#include <cstdlib>
#include <fmt/format.h>

#include "core/text.h"
#include "net/url.h"
#include "oauth/issuer_metadata.h"
#include "registry/readiness_checks.h"

namespace registry {
namespace {

constexpr std::size_t kMaxShown = 200;
constexpr std::size_t kMaxUrl = 2048;
constexpr std::int64_t kMaxSkewSeconds = 120;

Gravity gravity_of(const Attempt& attempt) {
  return is_transient(attempt) ? Gravity::transient : Gravity::permanent;
}

Gravity gravity_of(const EndpointSeen& endpoint) {
  const bool passing = endpoint.code == "mcp.client.timeout" || endpoint.code == "mcp.client.cancelled" ||
                       endpoint.code == "mcp.client.closed";
  if (passing) return Gravity::transient;
  const bool refused = endpoint.status / 100 != 2;
  return gravity_of(Attempt{.status = refused ? endpoint.status : 0,
                            .code = refused && endpoint.status != 0 ? "registry.status" : endpoint.code});
}

std::string_view without_slash(std::string_view text) {
  return text.ends_with('/') ? text.substr(0, text.size() - 1) : text;
}

bool is_usable_issuer(const Subject& subject, const std::string& issuer) {
  return oauth::check_issuer_url(issuer).has_value() &&
         oauth::may_lead_to(subject.server.resource_url, issuer);
}

}  // namespace

std::string shown(std::string_view text) {
  return core::shorten(core::clean(text.substr(0, 4 * kMaxShown)), kMaxShown);
}

std::string shown(const std::vector<Attempt>& attempts) {
  std::string text;
  for (const Attempt& attempt : attempts) {
    text += fmt::format("{}{} ({})", text.empty() ? "" : ", ", shown(attempt.url),
                        attempt.problem.empty() ? "usable" : shown(attempt.problem));
  }
  return text.empty() ? "no address" : text;
}

Finding check_url_syntax(const CheckInput& in) {
  const std::string& text = in.subject.server.resource_url;
  const auto url = net::parse_url(text);
  const bool good =
      url && text.size() <= kMaxUrl && !url->has_userinfo && !url->has_fragment &&
      (url->scheme == "https" || (in.subject.allow_http_loopback && net::is_loopback_host(url->host)));
  if (good) return {};
  return {.outcome = Outcome::fail};
}

Finding check_url_policy(const CheckInput& in) {
  if (in.seen.endpoint.code != "net.address" && in.seen.endpoint.code != "net.url") return {};
  const auto url = net::parse_url(in.subject.server.resource_url);
  return {.outcome = Outcome::fail,
          .details = {{"host", url ? url->host : std::string()}, {"error", in.seen.endpoint.problem}}};
}

Finding check_reachable(const CheckInput& in) {
  const EndpointSeen& endpoint = in.seen.endpoint;
  if (endpoint.status != 0) return {};
  return {.outcome = Outcome::fail,
          .details = {{"url", shown(in.subject.server.resource_url)},
                      {"error", shown(endpoint.problem)},
                      {"code", endpoint.code}},
          .gravity = gravity_of(endpoint)};
}

Finding check_handshake(const CheckInput& in) {
  const EndpointSeen& endpoint = in.seen.endpoint;
  if (endpoint.answered())
    return {.details = {{"revision", endpoint.revision}, {"serverInfo", endpoint.server_info}}};
  if (endpoint.is_protected()) return {.details = {{"protected", true}, {"status", endpoint.status}}};
  const std::string method = endpoint.methods.empty() ? "initialize" : endpoint.methods.back();
  return {.outcome = Outcome::fail,
          .details = {{"method", method},
                      {"status", endpoint.status},
                      {"problem", endpoint.status / 100 == 2 ? shown(endpoint.problem)
                                                             : fmt::format("HTTP {}", endpoint.status)}},
          .gravity = gravity_of(endpoint)};
}

Finding check_challenge(const CheckInput& in) {
  const EndpointSeen& endpoint = in.seen.endpoint;
  if (!endpoint.is_protected()) return {.outcome = Outcome::warn, .message = 1};
  if (endpoint.resource_metadata.empty()) return {.outcome = Outcome::warn};
  return {.details = {{"resource_metadata", shown(endpoint.resource_metadata)}}};
}

Finding check_resource_metadata(const CheckInput& in) {
  if (in.seen.resource) return {.details = {{"url", shown(in.seen.resource->url)}}};
  const bool passing = std::ranges::any_of(in.seen.metadata_tried, is_transient);
  return {.outcome = in.subject.server.manual ? Outcome::warn : Outcome::fail,
          .details = {{"tried", shown(in.seen.metadata_tried)}},
          .gravity = passing ? Gravity::transient : Gravity::permanent};
}

// RFC 9728 section 3.3: identical. Okta keeps a slash at the end as it was given.
Finding check_resource(const CheckInput& in) {
  if (!in.seen.resource) return {.outcome = Outcome::skip};
  const std::string& got = in.seen.resource->resource;
  const std::string& expected = in.subject.server.resource_url;
  if (got == expected) return {};
  Finding finding{.outcome = Outcome::fail,
                  .details = {{"got", shown(got)}, {"expected", shown(expected)}},
                  .gravity = Gravity::security};
  if (!in.subject.strict_resource && !got.empty() && without_slash(got) == without_slash(expected)) {
    finding.outcome = Outcome::warn;
    finding.message = 1;
  }
  return finding;
}

Finding check_auth_server_list(const CheckInput& in) {
  if (!in.seen.resource) return {.outcome = Outcome::skip};
  const auto& list = in.seen.resource->authorization_servers;
  const Outcome bad = in.subject.server.manual ? Outcome::warn : Outcome::fail;
  if (!list || list->empty()) return {.outcome = bad};

  core::json::Array unusable;
  for (const std::string& issuer : *list)
    if (!is_usable_issuer(in.subject, issuer)) unusable.emplace_back(shown(issuer));
  if (!unusable.empty()) {
    const bool all = unusable.size() == list->size();
    return {.outcome = all ? bad : Outcome::warn, .message = 2, .details = {{"issuers", unusable}}};
  }
  for (const auto& bound : in.subject.auth_servers) {
    const std::string& issuer = bound.entity.issuer;
    if (std::ranges::find(*list, issuer) == list->end())
      return {.outcome = Outcome::warn, .message = 1, .details = {{"issuer", shown(issuer)}}};
  }
  return {.details = {{"count", list->size()}}};
}

Finding check_scopes_supported(const CheckInput& in) {
  if (!in.seen.resource) return {.outcome = Outcome::skip};
  const auto& scopes = in.seen.resource->scopes_supported;
  if (!scopes || scopes->empty()) return {.outcome = Outcome::warn};
  return {.details = {{"count", scopes->size()}}};
}

Finding check_tools(const CheckInput& in) {
  const ToolsSeen& tools = in.seen.tools;
  if (!tools.asked) return {.outcome = Outcome::skip};
  if (!tools.problem.empty()) return {.outcome = Outcome::warn, .details = {{"error", shown(tools.problem)}}};
  core::json::Array dropped;
  for (const std::string& name : tools.dropped) {
    if (dropped.size() == 20) break;
    dropped.emplace_back(shown(name));
  }
  return {.details = {{"count", tools.tools.size()}, {"dropped", std::move(dropped)}}};
}

Finding check_skew(const CheckInput& in) {
  if (!in.seen.skew_seconds) return {.outcome = Outcome::skip};
  const bool far = std::llabs(*in.seen.skew_seconds) > kMaxSkewSeconds;
  return {.outcome = far ? Outcome::warn : Outcome::pass, .details = {{"seconds", *in.seen.skew_seconds}}};
}

}  // namespace registry
