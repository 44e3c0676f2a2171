// TLS towards a server with a certificate of its own, made for this test.
#include <latch>
#include <openssl/ssl.h>
#include <thread>

#include "net/test_client.h"
#include "net/test_tls.h"

namespace net {
namespace {

using testing::HasSubstr;

using HttpClientTlsTest = HttpClientTest;

TEST_F(HttpClientTlsTest, TrustsTheGivenCaAndReusesTheConnection) {
  TestCertificate certificate;
  TlsServer server(certificate);
  client_ = make_http_client({.ca_file = certificate.path()});
  for (const auto* path : {"/a", "/b", "/c"}) {
    const auto response = send({.url = server.url(path)});
    ASSERT_TRUE(response) << core::describe(response.error());
    EXPECT_EQ(response->body, path);
  }
  EXPECT_EQ(server.handshakes(), 1);
  client_.reset();  // closes the connection, which the server waits for
}

TEST_F(HttpClientTlsTest, RefusesAnUnknownCa) {
  TestCertificate certificate;
  TlsServer server(certificate);
  const auto error = error_of({.url = server.url("/p?key=hunter2")}, "net.tls");
  EXPECT_THAT(error.message, HasSubstr("self-signed"));
  EXPECT_THAT(error.hint, HasSubstr("CA"));
  EXPECT_FALSE(may_have_been_sent(error));
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(HttpClientTlsTest, RefusesAnExpiredCertificate) {
  TestCertificate certificate(true);
  TlsServer server(certificate);
  client_ = make_http_client({.ca_file = certificate.path()});
  EXPECT_THAT(error_of({.url = server.url()}, "net.tls").message, HasSubstr("expired"));
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(HttpClientTlsTest, RefusesACertificateForAnotherName) {
  TestCertificate certificate;
  TlsServer server(certificate);
  client_ = make_http_client({.ca_file = certificate.path()});
  auto url = server.url();
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  error_of({.url = url}, "net.tls");
  EXPECT_EQ(server.requests(), 0);
}

TEST_F(HttpClientTlsTest, RefusesOldProtocolVersions) {
  TestCertificate certificate;
  TlsServer server(certificate, TLS1_1_VERSION);
  client_ = make_http_client({.ca_file = certificate.path()});
  error_of({.url = server.url()}, "net.tls");
  EXPECT_EQ(server.requests(), 0);
}

// Without HTTP/2 on the other side, requests must not queue behind each other on one connection: here none is
// answered before all have arrived.
TEST_F(HttpClientTlsTest, CallersGetConnectionsOfTheirOwn) {
  constexpr int kCallers = 4;
  TestCertificate certificate;
  std::latch arrived(kCallers);
  TlsServer server(certificate, 0, [&] { arrived.arrive_and_wait(); });
  client_ = make_http_client({.ca_file = certificate.path()});
  std::atomic<int> good{0};
  std::vector<std::jthread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      const auto path = fmt::format("/{}", i);
      const auto response = client_->send({}, {.url = server.url(path)});
      if (response && response->body == path) ++good;
    });
  }
  callers.clear();
  EXPECT_EQ(good, kCallers);
  EXPECT_EQ(server.handshakes(), kCallers);
  client_.reset();
}

}  // namespace
}  // namespace net
