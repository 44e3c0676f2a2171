#include "net/proxy.h"

#include <arpa/inet.h>
#include <charconv>
#include <optional>

#include "net/http.h"

namespace net {
namespace {

std::optional<std::uint32_t> parse_ipv4(const std::string& text) {
  in_addr address{};
  if (::inet_pton(AF_INET, text.c_str(), &address) != 1) return std::nullopt;
  return ntohl(address.s_addr);
}

bool in_network(const std::string& host, std::string_view network) {
  const auto slash = network.find('/');
  if (slash == std::string_view::npos) return false;
  const auto address = parse_ipv4(host);
  const auto base = parse_ipv4(std::string(network.substr(0, slash)));
  unsigned bits = 0;
  const auto length = network.substr(slash + 1);
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bits);
  if (!address || !base || error != std::errc{} || end != length.data() + length.size() || bits > 32)
    return false;
  const std::uint32_t mask = bits == 0 ? 0 : ~std::uint32_t{0} << (32 - bits);
  return (*address & mask) == (*base & mask);
}

bool matches(const std::string& host, std::string_view entry) {
  if (entry == "*") return true;
  if (in_network(host, entry)) return true;
  if (entry.starts_with('[') && entry.ends_with(']')) entry = entry.substr(1, entry.size() - 2);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || host.size() < entry.size()) return false;
  const std::string_view end = std::string_view(host).substr(host.size() - entry.size());
  const bool at_label = host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.';
  return at_label && equals_ignoring_case(end, entry);
}

bool is_exempt(const std::string& host, std::string_view list) {
  constexpr std::string_view kSeparators = ", \t";
  while (true) {
    const auto start = list.find_first_not_of(kSeparators);
    if (start == std::string_view::npos) return false;
    list.remove_prefix(start);
    const auto entry = list.substr(0, list.find_first_of(kSeparators));
    if (matches(host, entry)) return true;
    list.remove_prefix(entry.size());
  }
}

}  // namespace

ProxySettings read_proxy_settings(const std::function<std::string(const char* name)>& variable) {
  const auto either = [&](const char* lower, const char* upper) {
    auto value = variable(lower);
    return value.empty() ? variable(upper) : value;
  };
  return {.https = either("https_proxy", "HTTPS_PROXY"),
          .http = variable("http_proxy"),
          .all = either("all_proxy", "ALL_PROXY"),
          .no_proxy = either("no_proxy", "NO_PROXY")};
}

std::string proxy_for(const Url& url, const ProxySettings& settings) {
  const auto& own = url.scheme == "https" ? settings.https : settings.http;
  const auto& proxy = own.empty() ? settings.all : own;
  if (proxy.empty() || is_loopback_host(url.host) || is_exempt(url.host, settings.no_proxy)) return {};
  return proxy;
}

}  // namespace net
