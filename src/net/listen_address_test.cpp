#include "net/listen_address.h"

#include <gtest/gtest.h>

namespace net {
namespace {

TEST(ListenAddress, IsHostAndPortOrASocket) {
  const struct {
    std::string_view text, host;
    int port;
    bool loopback;
  } good[] = {{"127.0.0.1:8080", "127.0.0.1", 8080, true},
              {"127.1.2.3:0", "127.1.2.3", 0, true},
              {"[::1]:80", "::1", 80, true},
              {"localhost:65535", "localhost", 65535, true},
              {"0.0.0.0:8080", "0.0.0.0", 8080, false},
              {"[::]:8080", "::", 8080, false},
              {"mcp.example.com:443", "mcp.example.com", 443, false}};
  for (const auto& row : good) {
    const auto address = parse_listen_address(row.text);
    ASSERT_TRUE(address.has_value()) << row.text;
    EXPECT_EQ(address->host, row.host);
    EXPECT_EQ(address->port, row.port);
    EXPECT_EQ(address->loopback, row.loopback) << row.text;
    EXPECT_EQ(address->text(address->port), row.text);
  }
  const auto socket = parse_listen_address("unix:/run/x.sock");
  ASSERT_TRUE(socket.has_value());
  EXPECT_EQ(socket->unix_path, "/run/x.sock");
  EXPECT_TRUE(socket->loopback);
  for (std::string_view bad :
       {"", "8080", ":8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
        "127.0.0.1:80 ", "unix:", "unix:relative"}) {
    const auto address = parse_listen_address(bad);
    ASSERT_FALSE(address.has_value()) << bad;
    EXPECT_EQ(address.error().code, "net.listen_address");
  }
}

}  // namespace
}  // namespace net
