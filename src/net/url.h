// URLs: parsed once, compared by parts. Boost.URL stays inside url.cpp.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace net {

struct Url {
  std::string scheme;      // lower case
  std::string host;        // lower case; IPv6 without brackets
  std::uint16_t port = 0;  // the scheme's default when none was written
  std::string path;        // percent-encoded, at least "/"
  std::string query;       // percent-encoded, without '?'
  bool has_userinfo = false;
  bool has_fragment = false;

  // "https://example.com" or "http://127.0.0.1:4400": default ports left out. str() adds path and query, and
  // leaves out userinfo and fragment.
  std::string origin() const;
  std::string str() const;
};

// Absolute http and https URLs up to 64 KiB. Error net.url, whose message never quotes the URL.
// Refused besides what RFC 3986 refuses: hosts other than plain names, dotted IPv4 and IPv6 addresses (so
// "127.1", "0x7f000001" and percent-encoded hosts, which resolvers read as something else), and ports that
// are 0 or too large. The path stays as written: "/a/../b" is sent as "/a/../b".
core::Result<Url> parse_url(std::string_view text);
// Resolves `reference` (absolute or relative) against `base` by RFC 3986 section 5, dot segments removed.
// Error net.url.
core::Result<Url> resolve_url(const Url& base, std::string_view reference);

// 127.0.0.0/8, ::1 and "localhost".
bool is_loopback_host(std::string_view host);

// Query strings. Values keep their order; names may repeat.
using Query = std::vector<std::pair<std::string, std::string>>;
std::string encode_query(const Query& query);            // percent-encoded, space as %20
std::string encode_form(const Query& fields);            // application/x-www-form-urlencoded
core::Result<Query> parse_query(std::string_view text);  // '+' is a space; error net.query
std::optional<std::string> query_value(const Query& query, std::string_view name);

}  // namespace net
