#include "net/url.h"

#include <algorithm>
#include <boost/url.hpp>
#include <charconv>
#include <fmt/format.h>

#include "core/encoding.h"

namespace net {
namespace {

namespace urls = boost::urls;

constexpr std::size_t kMaxUrlBytes = 64u << 10;
constexpr std::size_t kMaxHostBytes = 253;  // RFC 1035 section 2.3.4, in dotted form

std::unexpected<core::Error> bad_url(std::string_view why) {
  return core::fail(core::ErrorKind::invalid_input, "net.url", fmt::format("The URL is not usable: {}.", why),
                    "Give an absolute URL such as https://example.okta.com/path.");
}

std::string to_lower(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return lower;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Resolvers read "127.1", "2130706433" and "0x7f.1" as IPv4 addresses, so such a name would pass a check made
// on its text and then lead elsewhere. The WHATWG URL standard ("ends in a number checker") draws the same
// line.
bool ends_in_number(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return std::ranges::all_of(last, is_digit) || last.starts_with("0x");
}

bool is_host_name(std::string_view host) {
  return !host.empty() && host.size() <= kMaxHostBytes && !host.starts_with('.') &&
         host.find("..") == std::string_view::npos && std::ranges::all_of(host, [](char c) {
           return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '.' || c == '_';
         });
}

std::uint16_t default_port(std::string_view scheme) {
  return scheme == "http" ? 80 : 443;
}

core::Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) {
    return bad_url("the port is not a number from 1 to 65535");
  }
  return port;
}

core::Result<std::string> parse_host(std::string_view text) {
  if (text.starts_with('[')) {
    const auto address = urls::parse_ipv6_address(text.substr(1, text.size() - 2));
    if (!text.ends_with(']') || !address) return bad_url("the host in brackets is not an IPv6 address");
    return address->to_string();
  }
  std::string host = to_lower(text);
  if (host.empty()) return bad_url("it names no host");
  if (!is_host_name(host)) return bad_url("the host name has characters that host names do not have");
  if (ends_in_number(host) && !urls::parse_ipv4_address(host)) {
    return bad_url("the host looks like an IPv4 address but is not a plain one");
  }
  return host;
}

// "user@host:port". Read from the text: Boost.URL 1.81 takes "h:x" for a host named "hx", and "127.0.0.1."
// for an IPv4 address.
core::Status parse_authority(std::string_view text, Url& url) {
  const auto at = text.rfind('@');
  url.has_userinfo = at != std::string_view::npos;
  if (url.has_userinfo) text.remove_prefix(at + 1);
  const auto bracket = text.rfind(']');
  const auto colon = text.find(':', bracket == std::string_view::npos ? 0 : bracket);
  ASSIGN_OR_RETURN(url.host, parse_host(text.substr(0, colon)));
  url.port = default_port(url.scheme);
  if (colon != std::string_view::npos && colon + 1 < text.size()) {
    ASSIGN_OR_RETURN(url.port, parse_port(text.substr(colon + 1)));
  }
  return {};
}

// RFC 3986 section 5.2.4, for a path that starts with '/'.
std::string remove_dot_segments(std::string_view path) {
  std::string out;
  while (!path.empty()) {
    const auto end = std::min(path.find('/', 1), path.size());
    const std::string_view segment = path.substr(0, end);
    path.remove_prefix(end);
    if (segment == "/." || segment == "/..") {
      if (segment == "/..") out.erase(std::min(out.rfind('/'), out.size()));
      if (path.empty()) out += '/';
    } else {
      out += segment;
    }
  }
  return out;
}

void append_encoded(std::string& out, std::string_view text, bool form) {
  const std::string encoded = core::percent_encode(text);
  if (!form) {
    out += encoded;
    return;
  }
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded.compare(i, 3, "%20") == 0) {
      out += '+';
      i += 2;
    } else {
      out += encoded[i];
    }
  }
}

std::string join_pairs(const Query& pairs, bool form) {
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out += '&';
    append_encoded(out, name, form);
    out += '=';
    append_encoded(out, value, form);
  }
  return out;
}

}  // namespace

std::string Url::origin() const {
  const bool ipv6 = host.find(':') != std::string::npos;
  std::string text = fmt::format("{}://{}{}{}", scheme, ipv6 ? "[" : "", host, ipv6 ? "]" : "");
  if (port != default_port(scheme)) text += fmt::format(":{}", port);
  return text;
}

std::string Url::str() const {
  std::string text = origin() + path;
  if (!query.empty()) text += "?" + query;
  return text;
}

core::Result<Url> parse_url(std::string_view text) {
  if (text.size() > kMaxUrlBytes) return bad_url(fmt::format("it is longer than {} bytes", kMaxUrlBytes));
  const auto view = urls::parse_uri(text);
  if (!view || !view->has_authority()) return bad_url("it does not follow RFC 3986");
  Url url;
  url.scheme = to_lower(std::string_view(view->scheme()));
  if (url.scheme != "http" && url.scheme != "https") return bad_url("only http and https are supported");
  const std::string_view rest = text.substr(url.scheme.size() + std::string_view("://").size());
  RETURN_IF_ERROR(parse_authority(rest.substr(0, rest.find_first_of("/?#")), url));
  url.path = std::string(std::string_view(view->encoded_path()));
  if (url.path.empty()) url.path = "/";
  url.query = std::string(std::string_view(view->encoded_query()));
  url.has_fragment = view->has_fragment();
  return url;
}

// Composed here, not by Boost.URL 1.81, which leaves a surplus "/.." in the path (RFC 3986 section 5.4.2).
core::Result<Url> resolve_url(const Url& base, std::string_view reference) {
  if (reference.size() > kMaxUrlBytes) {
    return bad_url(fmt::format("the reference is longer than {} bytes", kMaxUrlBytes));
  }
  const auto view = urls::parse_uri_reference(reference);
  if (!view) return bad_url("the reference does not follow RFC 3986");
  Url url = base;
  if (view->has_scheme()) {
    ASSIGN_OR_RETURN(url, parse_url(reference));
  } else if (view->has_authority()) {
    ASSIGN_OR_RETURN(url, parse_url(fmt::format("{}:{}", base.scheme, reference)));
  } else {
    const std::string path{std::string_view(view->encoded_path())};
    if (path.starts_with('/')) {
      url.path = path;
    } else if (!path.empty()) {
      url.path = base.path.substr(0, base.path.rfind('/') + 1) + path;
    }
    if (!path.empty() || view->has_query()) url.query = std::string(std::string_view(view->encoded_query()));
    url.has_fragment = view->has_fragment();
  }
  url.path = remove_dot_segments(url.path);
  return url;
}

bool is_loopback_host(std::string_view host) {
  if (to_lower(host) == "localhost") return true;
  if (const auto v4 = urls::parse_ipv4_address(host)) return v4->is_loopback();
  if (const auto v6 = urls::parse_ipv6_address(host)) return v6->is_loopback();
  return false;
}

std::string encode_query(const Query& query) {
  return join_pairs(query, false);
}
std::string encode_form(const Query& fields) {
  return join_pairs(fields, true);
}

core::Result<Query> parse_query(std::string_view text) {
  Query query;
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view pair = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = core::percent_decode(pair.substr(0, equals), true);
    auto value = core::percent_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1), true);
    if (!name || !value) {
      return core::fail(
          core::ErrorKind::invalid_input, "net.query",
          fmt::format("Query parameter number {} has a broken percent escape.", query.size() + 1),
          "Write a literal percent sign as %25.");
    }
    query.emplace_back(std::move(*name), std::move(*value));
  }
  return query;
}

std::optional<std::string> query_value(const Query& query, std::string_view name) {
  const auto found = std::ranges::find(query, name, &Query::value_type::first);
  if (found == query.end()) return std::nullopt;
  return found->second;
}

}  // namespace net
