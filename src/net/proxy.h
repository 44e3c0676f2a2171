// Which proxy a URL is fetched through, by the environment variables that curl and most tools read. Inside
// room net only. Decided here rather than by libcurl, so that an error can say that a proxy was in the way.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "net/url.h"

namespace net {

struct ProxySettings {
  std::string https;     // https_proxy, HTTPS_PROXY
  std::string http;      // http_proxy; not in capitals, which a CGI client could set (CVE-2016-5385)
  std::string all;       // all_proxy, ALL_PROXY
  std::string no_proxy;  // no_proxy, NO_PROXY
};

// Reads through `variable`, which gives an empty text for what is not set.
ProxySettings read_proxy_settings(const std::function<std::string(const char* name)>& variable);

// The proxy's URL, or empty for a direct connection. Loopback hosts are always reached directly.
// no_proxy holds names separated by commas or blanks: "*" for all, "example.com" or ".example.com" for that
// domain and all below it, addresses, and IPv4 networks such as 10.0.0.0/8.
std::string proxy_for(const Url& url, const ProxySettings& settings);

}  // namespace net
