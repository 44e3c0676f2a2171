#include "oauth/resource_uri.h"

#include "net/url.h"

namespace oauth {
namespace {

bool is_protected(const net::Url& url) {
  return !url.has_userinfo && !url.has_fragment && (url.scheme == "https" || net::is_loopback_host(url.host));
}

}  // namespace

core::Result<std::string> canonical_resource(std::string_view uri) {
  const auto url = net::parse_url(uri);
  if (!url || !is_protected(*url)) {
    return core::fail(core::ErrorKind::invalid_input, "oauth.resource_uri",
                      "The resource is not an https URL (or http towards a loopback address) without "
                      "fragment and user.",
                      "Give the URL that clients use, such as https://mcp.example.com/mcp.");
  }
  std::string_view path = url->path;
  while (path.ends_with('/')) path.remove_suffix(1);
  std::string text = url->origin();
  text += path;
  if (!url->query.empty()) {
    text += '?';
    text += url->query;
  }
  return text;
}

bool same_resource(std::string_view a, std::string_view b) {
  const auto first = canonical_resource(a);
  const auto second = canonical_resource(b);
  return first && second && *first == *second;
}

bool is_protected_url(std::string_view text) {
  const auto url = net::parse_url(text);
  return url && is_protected(*url);
}

}  // namespace oauth
