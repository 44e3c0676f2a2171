// The HTTP server's own TLS, towards OpenSSL and libcurl as clients.
#include <algorithm>
#include <array>
#include <chrono>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <memory>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <semaphore>
#include <stop_token>
#include <string>
#include <utility>

#include "core/scratch_directory.h"
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/test_socket.h"
#include "net/test_tls.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::unique_ptr<HttpServer> serve(const TestCertificate& certificate, ExchangeHandler handler,
                                  HttpServerOptions options = {}) {
  options.tls = {.cert_file = certificate.path(), .key_file = certificate.key_path()};
  auto server = HttpServer::start_exchanges(std::move(options), std::move(handler));
  EXPECT_TRUE(server) << core::describe(server.error());
  return std::move(*server);
}

void echo(const std::shared_ptr<Exchange>& exchange) {
  exchange->respond({.headers = {{"X-Encrypted", exchange->request().encrypted ? "yes" : "no"}},
                     .body = exchange->request().body});
}

// A blocking TLS client that verifies nothing.
class TlsClient {
 public:
  struct Options {
    int min_version = 0;
    int max_version = 0;
    std::string alpn;  // in wire form
  };
  explicit TlsClient(std::uint16_t port) : TlsClient(port, Options{}) {}
  TlsClient(std::uint16_t port, const Options& options)
      : socket_(TestSocket::connect(port)), context_(SSL_CTX_new(TLS_client_method())) {
    SSL_CTX_set_security_level(context_, 0);
    SSL_CTX_set_min_proto_version(context_, options.min_version);
    SSL_CTX_set_max_proto_version(context_, options.max_version);
    ssl_ = SSL_new(context_);
    if (!options.alpn.empty()) {
      SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(options.alpn.data()),
                          static_cast<unsigned>(options.alpn.size()));
    }
    SSL_set_fd(ssl_, socket_.fd());
    connected_ = SSL_connect(ssl_) == 1;
  }
  ~TlsClient() {
    SSL_free(ssl_);
    SSL_CTX_free(context_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  bool connected() const { return connected_; }
  std::string version() const { return SSL_get_version(ssl_); }
  std::string alpn() const {
    const unsigned char* name = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(ssl_, &name, &size);
    return {reinterpret_cast<const char*>(name), size};
  }
  bool presents(const TestCertificate& certificate) const {
    X509* presented = SSL_get1_peer_certificate(ssl_);
    const bool same = presented && X509_cmp(presented, certificate.certificate()) == 0;
    X509_free(presented);
    return same;
  }
  bool send(std::string_view bytes) {
    return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
  }
  std::string read_until(std::string_view mark) {
    auto at = pending_.find(mark);
    while (at == std::string::npos) {
      const auto seen = pending_.size() - std::min(pending_.size(), mark.size());
      if (!fill()) return std::exchange(pending_, {});
      at = pending_.find(mark, seen);
    }
    auto read = pending_.substr(0, at + mark.size());
    pending_.erase(0, read.size());
    return read;
  }
  std::string read_to_end() {
    while (fill()) {
    }
    return std::exchange(pending_, {});
  }
  bool ended_in_order() const { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
  TestSocket& socket() { return socket_; }

 private:
  bool fill() {
    std::array<char, 16384> chunk;
    const int got = SSL_read(ssl_, chunk.data(), static_cast<int>(chunk.size()));
    if (got <= 0) return false;
    pending_.append(chunk.data(), static_cast<std::size_t>(got));
    return true;
  }

  TestSocket socket_;
  SSL_CTX* context_;
  SSL* ssl_ = nullptr;
  bool connected_ = false;
  std::string pending_;
};

TEST(HttpServerTls, ServesALibcurlClient) {
  const TestCertificate certificate;
  auto server = serve(certificate, echo);
  auto client = make_http_client({.ca_file = certificate.path()});
  std::string body(3u << 20, 'a');
  for (std::size_t i = 0; i < body.size(); i += 1000) body[i] = static_cast<char>('a' + i / 1000 % 26);
  for (const auto& sent : {std::string("small"), body}) {
    const auto response = client->send(
        {},
        {.method = Method::post, .url = fmt::format("https://127.0.0.1:{}/", server->port()), .body = sent});
    ASSERT_TRUE(response) << core::describe(response.error());
    EXPECT_EQ(response->headers.get("X-Encrypted"), "yes");
    EXPECT_TRUE(response->body == sent);
  }
}

TEST(HttpServerTls, SpeaksTwoVersionsAndHttp11Only) {
  const TestCertificate certificate;
  auto server = serve(certificate, echo);
  struct Row {
    const char* name;
    TlsClient::Options options;
    const char* version;  // null: no connection
    const char* alpn;
  };
  const Row rows[] = {
      {"newest", {}, "TLSv1.3", ""},
      {"1.2", {.max_version = TLS1_2_VERSION}, "TLSv1.2", ""},
      {"1.1", {.max_version = TLS1_1_VERSION}, nullptr, ""},
      {"h2 first", {.alpn = "\x02h2\x08http/1.1"}, "TLSv1.3", "http/1.1"},
      {"h2 alone", {.alpn = "\x02h2"}, nullptr, ""},
  };
  for (const auto& row : rows) {
    TlsClient client(server->port(), row.options);
    ASSERT_EQ(client.connected(), row.version != nullptr) << row.name;
    if (!row.version) continue;
    EXPECT_EQ(client.version(), row.version) << row.name;
    EXPECT_EQ(client.alpn(), row.alpn) << row.name;
    client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    EXPECT_THAT(client.read_to_end(), EndsWith("\r\n\r\nhi")) << row.name;
    EXPECT_TRUE(client.ended_in_order()) << row.name;
  }
}

TEST(HttpServerTls, PipelinedRequestsInOneRecordAreAllAnswered) {
  const TestCertificate certificate;
  auto server = serve(certificate, echo);
  TlsClient client(server->port());
  std::string requests;
  for (int i = 0; i < 200; ++i) {
    requests += fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n{:03}", i);
  }
  ASSERT_TRUE(client.send(requests));
  for (int i = 0; i < 200; ++i) {
    const auto mark = fmt::format("\r\n\r\n{:03}", i);
    ASSERT_THAT(client.read_until(mark), EndsWith(mark));
  }
}

TEST(HttpServerTls, StreamsFlowAndHangUpsShow) {
  const TestCertificate certificate;
  std::shared_ptr<Exchange> exchange;
  std::shared_ptr<ResponseStream> stream;
  std::binary_semaphore opened(0);
  auto server = serve(certificate, [&](std::shared_ptr<Exchange> given) {
    exchange = std::move(given);
    stream = exchange->stream({});
    opened.release();
  });
  auto client = std::make_unique<TlsClient>(server->port());
  client->send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  ASSERT_TRUE(opened.try_acquire_for(10s));
  client->read_until("\r\n\r\n");
  for (int i = 0; i < 50; ++i) {
    EXPECT_TRUE(stream->write(fmt::format("event {:02}", i)));
    EXPECT_EQ(client->read_until(fmt::format("{:02}\r\n", i)), fmt::format("8\r\nevent {:02}\r\n", i));
  }
  // More than the socket holds, read only afterwards.
  std::string large(8u << 20, '-');
  large.back() = 'x';
  EXPECT_TRUE(stream->write(large));
  EXPECT_EQ(client->read_until("x\r\n").size(), 8 + large.size() + 2);
  client.reset();
  std::binary_semaphore told(0);
  const std::stop_callback on_stop(exchange->request().stop, [&] { told.release(); });
  EXPECT_TRUE(told.try_acquire_for(10s));
}

TEST(HttpServerTls, PlainHttpIsToldSoAndSlowHandshakesEnd) {
  const TestCertificate certificate;
  auto server = serve(certificate, echo, {.request_timeout = 1s});
  auto plain = TestSocket::connect(server->port());
  plain.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto answer = plain.read_to_end();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(answer, HasSubstr("TLS"));
  auto silent = TestSocket::connect(server->port());
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_EQ(silent.last_error(), 0);
}

TEST(HttpServerTls, ReloadsForNewConnectionsAndKeepsWhatWorks) {
  const core::ScratchDirectory scratch;
  const auto cert = scratch.path() + "/cert.pem";
  const auto key = scratch.path() + "/key.pem";
  const TestCertificate first;
  const TestCertificate second;
  const auto install = [&](const TestCertificate& certificate) {
    write_file(cert, read_file(certificate.path()));
    write_file(key, read_file(certificate.key_path()));
  };
  install(first);
  auto server = HttpServer::start_exchanges({.tls = TlsFiles{.cert_file = cert, .key_file = key}}, echo);
  ASSERT_TRUE(server) << core::describe(server.error());
  const auto presented = [&](const TestCertificate& certificate) {
    return TlsClient((*server)->port()).presents(certificate);
  };
  TlsClient old((*server)->port());
  EXPECT_TRUE(old.presents(first));
  install(second);
  EXPECT_TRUE(presented(first));
  EXPECT_TRUE((*server)->reload_tls());
  EXPECT_TRUE(presented(second));
  write_file(key, read_file(first.key_path()));
  const auto mismatch = (*server)->reload_tls();
  ASSERT_FALSE(mismatch);
  EXPECT_EQ(mismatch.error().code, "net.tls");
  EXPECT_TRUE(presented(second));
  old.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
  EXPECT_THAT(old.read_until("hi"), EndsWith("hi"));

  auto plain = HttpServer::start_exchanges({}, echo);
  EXPECT_TRUE((*plain)->reload_tls());
}

TEST(HttpServerTls, SaysWhichFileIsWrongAndWhatToDo) {
  const core::ScratchDirectory scratch;
  const TestCertificate good;
  const TestCertificate other;
  const auto garbage = scratch.path() + "/garbage.pem";
  write_file(garbage, "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n");
  const auto locked = scratch.path() + "/locked.pem";
  std::FILE* file = std::fopen(locked.c_str(), "w");
  PEM_write_PKCS8PrivateKey(file, good.key(), EVP_aes_256_cbc(), "hunter2", 7, nullptr, nullptr);
  std::fclose(file);
  struct Row {
    const char* name;
    TlsFiles files;
    std::string file;  // named in the message
    const char* says;
  };
  const Row rows[] = {
      {"no certificate", {"/no/such/cert.pem", good.key_path()}, "/no/such/cert.pem", "No such file"},
      {"no key", {good.path(), "/no/such/key.pem"}, "/no/such/key.pem", "No such file"},
      {"broken certificate", {garbage, good.key_path()}, garbage, "cannot be used"},
      {"broken key", {good.path(), garbage}, garbage, "cannot be used"},
      {"swapped", {good.key_path(), good.path()}, good.key_path(), "cannot be used"},
      {"mismatch", {good.path(), other.key_path()}, other.key_path(), "does not belong"},
      {"passphrase", {good.path(), locked}, locked, "passphrase"},
  };
  for (const auto& row : rows) {
    const auto server = HttpServer::start_exchanges({.tls = row.files}, echo);
    ASSERT_FALSE(server) << row.name;
    EXPECT_EQ(server.error().code, "net.tls") << row.name;
    EXPECT_THAT(server.error().message, HasSubstr(row.file)) << row.name;
    EXPECT_THAT(server.error().message, HasSubstr(row.says)) << row.name;
    EXPECT_NE(server.error().hint, "") << row.name;
  }
}

}  // namespace
}  // namespace net
