#include "net/listen_address.h"

#include <charconv>
#include <fmt/format.h>

#include "net/url.h"

namespace net {

namespace {

std::unexpected<core::Error> wrong(std::string message, std::string hint) {
  return core::fail(core::ErrorKind::invalid_input, "net.listen_address", std::move(message),
                    std::move(hint));
}

}  // namespace

core::Result<ListenAddress> parse_listen_address(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  ListenAddress address;
  if (text.starts_with(kUnix)) {
    address.unix_path = text.substr(kUnix.size());
    address.loopback = true;
    if (!address.unix_path.starts_with('/')) {
      return wrong(fmt::format("\"{}\" names no socket.", text), "Write unix:/absolute/path.");
    }
    return address;
  }
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) {
    return wrong(fmt::format("\"{}\" is not HOST:PORT.", text),
                 "Write 127.0.0.1:8080, [::1]:8080, or unix:/path; 0.0.0.0:8080 for every network.");
  }
  std::string_view host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string_view digits = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), address.port);
  if (error != std::errc{} || end != digits.data() + digits.size() || digits.empty()) {
    return wrong(fmt::format("\"{}\" has no port between 0 and 65535.", text), "Port 0 picks a free one.");
  }
  address.host = host;
  address.loopback = is_loopback_host(host);
  return address;
}

std::string ListenAddress::text(std::uint16_t bound_port) const {
  if (!unix_path.empty()) return "unix:" + unix_path;
  const bool v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", v6 ? "[" : "", host, v6 ? "]" : "", bound_port);
}

}  // namespace net
