#include "mcp/origin_rules.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "mcp/http_fields.h"
#include "net/url.h"

namespace mcp {
namespace {

// Narrower than net::is_loopback_host(): the names a browser uses, which a foreign page cannot point
// elsewhere.
constexpr std::array<std::string_view, 3> kLocalNames = {"localhost", "127.0.0.1", "::1"};

// An origin is scheme, host and port, nothing more (RFC 6454 section 6.2).
core::Result<net::Url> parse_origin(std::string_view origin) {
  ASSIGN_OR_RETURN(auto url, net::parse_url(origin));
  bool bare = url.path == "/" && !origin.ends_with('/') && url.query.empty() && !url.has_userinfo &&
              !url.has_fragment && origin.find_first_of("?#") == std::string_view::npos;
  if (!bare) return core::fail(core::ErrorKind::invalid_input, "mcp.http.origin", "This is no origin.");
  return url;
}

// The name in a Host header: "name", "name:port", "[v6]:port". Empty when it is none of these.
std::string_view host_name(std::string_view host) {
  std::size_t end = host.find(':');
  if (host.starts_with('[')) {
    auto bracket = host.find(']');
    if (bracket == std::string_view::npos) return {};
    end = bracket + 1 == host.size() ? std::string_view::npos : bracket + 1;
  }
  std::string_view name = host.substr(0, end);
  if (end != std::string_view::npos) {
    std::string_view port = host.substr(end);
    auto digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!port.starts_with(':') || !std::ranges::all_of(port.substr(1), digit)) return {};
  }
  if (name.starts_with('[')) return name.substr(1, name.size() - 2);
  return name;
}

}  // namespace

core::Result<OriginRules> OriginRules::create(OriginOptions options) {
  OriginRules rules;
  for (const std::string& origin : options.allowed_origins) {
    auto url = parse_origin(origin);
    if (!url) {
      return core::fail(core::ErrorKind::invalid_input, "mcp.http.origin",
                        fmt::format("\"{}\" is no origin.", origin),
                        "An origin is a scheme, a host and perhaps a port: https://app.example.com.");
    }
    rules.origins_.push_back(url->origin());
  }
  for (const std::string& host : options.allowed_hosts) {
    auto url = net::parse_url(fmt::format("http://{}", host));
    if (!url || url->path != "/" || host_name(host).empty()) {
      return core::fail(core::ErrorKind::invalid_input, "mcp.http.host",
                        fmt::format("\"{}\" is no host name.", host));
    }
    rules.hosts_.push_back(url->host);
  }
  rules.loopback_origins_ = options.loopback && options.allowed_origins.empty();
  rules.loopback_hosts_ = options.loopback;
  rules.any_host_ = !options.loopback && options.allowed_hosts.empty();
  if (!options.public_url.empty()) {
    auto url = net::parse_url(options.public_url);
    if (!url) {
      return core::fail(core::ErrorKind::invalid_input, "mcp.http.public_url",
                        fmt::format("\"{}\" is no URL.", options.public_url));
    }
    rules.origins_.push_back(url->origin());
    rules.hosts_.push_back(url->host);
  }
  return rules;
}

bool OriginRules::allows_origin(std::string_view origin) const {
  auto url = parse_origin(origin);
  if (!url) return false;
  if (loopback_origins_ && std::ranges::find(kLocalNames, url->host) != kLocalNames.end()) return true;
  return std::ranges::find(origins_, url->origin()) != origins_.end();
}

bool OriginRules::allows_host(std::string_view host) const {
  if (any_host_) return true;
  std::string_view name = host_name(host);
  auto same = [&](std::string_view known) { return net::equals_ignoring_case(known, name); };
  return (loopback_hosts_ && std::ranges::any_of(kLocalNames, same)) || std::ranges::any_of(hosts_, same);
}

OriginVerdict OriginRules::check(const net::Headers& headers) const {
  HeaderField origin = find_field(headers, "Origin");
  if (origin.count > 1 || (origin.count == 1 && !allows_origin(origin.value))) {
    return OriginVerdict::foreign_origin;
  }
  HeaderField host = find_field(headers, "Host");
  if (host.count != 1 || !allows_host(host.value)) return OriginVerdict::foreign_host;
  return OriginVerdict::fine;
}

}  // namespace mcp
