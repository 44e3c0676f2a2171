#include "net/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "net/test_tls.h"

namespace net {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::StartsWith;

Probe look(const std::string& url, const std::map<std::string, std::string>& variables = {}) {
  return probe(*parse_url(url), {.variable = [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::string{} : found->second;
  }});
}

TEST(Probe, ShowsACertificateThatNobodyTrusts) {
  TestCertificate certificate;
  TlsServer server(certificate);
  const Probe found = look(server.url());
  EXPECT_EQ(found.proxy, "");
  ASSERT_TRUE(found.lookup && *found.lookup);
  EXPECT_THAT(**found.lookup, Contains("127.0.0.1"));
  ASSERT_TRUE(found.connection && *found.connection);
  ASSERT_TRUE(found.certificate && *found.certificate) << core::describe(found.certificate->error());
  const Certificate& shown = **found.certificate;
  EXPECT_EQ(shown.subject, "net-test");
  EXPECT_EQ(shown.issuer, "net-test");
  EXPECT_FALSE(shown.trusted);
  EXPECT_THAT(shown.distrust, HasSubstr("self"));
  const auto left = shown.expires - core::system_clock().now();
  EXPECT_TRUE(left > std::chrono::minutes(50) && left < std::chrono::minutes(61))
      << shown.expires.time_since_epoch().count();
}

TEST(Probe, NamesTheStageThatFails) {
  TestListener silent([](TestSocket& socket, int) { socket.send("not TLS at all\r\n\r\n"); });
  const Probe plain = look(fmt::format("https://127.0.0.1:{}", silent.port()));
  ASSERT_TRUE(plain.certificate);
  ASSERT_FALSE(*plain.certificate);
  EXPECT_EQ(plain.certificate->error().code, "net.tls");

  std::uint16_t closed = 0;
  {
    TestListener gone([](TestSocket&, int) {});
    closed = gone.port();
  }
  const Probe refused = look(fmt::format("http://127.0.0.1:{}", closed));
  ASSERT_TRUE(refused.connection);
  ASSERT_FALSE(*refused.connection);
  EXPECT_EQ(refused.connection->error().code, "net.connect");
  EXPECT_THAT(refused.connection->error().message, HasSubstr("refused"));
  EXPECT_FALSE(refused.certificate);

  const Probe unknown = look("https://no-such-host.invalid");
  ASSERT_TRUE(unknown.lookup);
  EXPECT_EQ(unknown.lookup->error().code, "net.dns");
  EXPECT_FALSE(unknown.connection);
}

TEST(Probe, GoesThroughTheProxyOfTheEnvironment) {
  std::string request;
  TestListener proxy([&](TestSocket& socket, int) {
    request = socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
  });
  const auto address = fmt::format("127.0.0.1:{}", proxy.port());
  const Probe refused = look("https://example.okta.com", {{"https_proxy", "http://joe:s%20t@" + address}});
  EXPECT_EQ(refused.proxy, address);
  ASSERT_TRUE(refused.certificate);
  ASSERT_FALSE(*refused.certificate);
  EXPECT_EQ(refused.certificate->error().code, "net.proxy");
  EXPECT_THAT(refused.certificate->error().message, HasSubstr("answered 407"));
  EXPECT_THAT(refused.certificate->error().hint, HasSubstr("password"));
  EXPECT_THAT(request, StartsWith("CONNECT example.okta.com:443 HTTP/1.1\r\n"));
  EXPECT_THAT(request, HasSubstr("Proxy-Authorization: Basic am9lOnMgdA==\r\n"));

  // Behind a proxy that is no http:// one, only the proxy itself is looked at.
  const Probe socks = look("https://example.okta.com", {{"all_proxy", "socks5://" + address}});
  EXPECT_TRUE(socks.connection && *socks.connection);
  EXPECT_FALSE(socks.certificate);
}

}  // namespace
}  // namespace net
