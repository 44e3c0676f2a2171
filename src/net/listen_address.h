// Where a server listens, as people write it: HOST:PORT, or unix:PATH.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/result.h"

namespace net {

struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
  std::string unix_path;
  bool loopback = false;  // nobody outside this machine reaches it

  // "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock", with the port that was picked.
  std::string text(std::uint16_t bound_port) const;
};

// "127.0.0.1:8080", "[::1]:8080", "unix:/run/x.sock". Error net.listen_address.
core::Result<ListenAddress> parse_listen_address(std::string_view text);

}  // namespace net
