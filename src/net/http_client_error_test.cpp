// Every way in which a request can fail, provoked over real sockets.
#include <atomic>
#include <cstdlib>
#include <fmt/format.h>
#include <semaphore>
#include <thread>

#include "net/test_client.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using core::ErrorKind;
using testing::AllOf;
using testing::HasSubstr;

// ---- one test for each way to fail ----

TEST_F(HttpClientTest, RefusesUrls) {
  const char* rows[] = {
      "",
      "example.com",
      "ftp://example.com/",
      "http://example.com/?token=hunter2",
      "https://me:hunter2@127.0.0.1/",
      "http://127.0.0.1.example/",
      "http://192.168.0.1/",
      "http://0.0.0.0/",
      "https://127.1/",
  };
  for (const auto* url : rows) {
    const auto error = error_of({.url = url}, "net.url");
    EXPECT_EQ(error.kind, ErrorKind::invalid_input) << url;
    EXPECT_FALSE(may_have_been_sent(error)) << url;
  }
}

TEST_F(HttpClientTest, RefusesHeadersThatBreakTheRequest) {
  for (const auto& header :
       {Headers::Field{"X", "a\r\nY: hunter2"}, Headers::Field{"X:", "a"},
        Headers::Field{"Content-Length", "3"}, Headers::Field{"transfer-encoding", "chunked"}}) {
    const auto error = error_of({.url = "http://127.0.0.1:1/", .headers = {header}}, "net.header");
    EXPECT_FALSE(may_have_been_sent(error));
  }
}

TEST_F(HttpClientTest, UnknownHost) {
  const auto error = error_of({.url = "https://no-such-host.invalid/api?key=hunter2"}, "net.dns");
  EXPECT_EQ(error.kind, ErrorKind::unavailable);
  EXPECT_THAT(error.message, HasSubstr("https://no-such-host.invalid"));
  EXPECT_FALSE(may_have_been_sent(error));
}

TEST_F(HttpClientTest, RefusedConnection) {
  std::uint16_t port = 0;
  {
    port = TestListener([](TestSocket&, int) {}).port();
  }
  const auto error = error_of({.url = at(port, "/p?key=hunter2")}, "net.connect");
  EXPECT_THAT(error.message, HasSubstr(fmt::format("http://127.0.0.1:{}", port)));
  EXPECT_FALSE(may_have_been_sent(error));
}

// A listener whose queue is full: the kernel drops what comes, and a connection hangs as behind a firewall.
TEST_F(HttpClientTest, ConnectTimeout) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd, 0), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  std::vector<int> filling;
  for (int i = 0; i < 4; ++i) {
    filling.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::connect(filling.back(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  const HttpRequest request{.url = at(ntohs(address.sin_port)), .connect_timeout = 100ms};
  auto error = error_of(request, "net.connect_timeout");
  EXPECT_EQ(error.kind, ErrorKind::timeout);
  EXPECT_FALSE(may_have_been_sent(error));
  EXPECT_THAT(error.message, HasSubstr("No connection to"));
  // The same when it is the caller's deadline that comes first.
  context_.deadline = std::chrono::steady_clock::now() + 50ms;
  error_of({.url = request.url}, "net.connect_timeout");
  for (const int socket : filling) ::close(socket);
  ::close(fd);
}

TEST_F(HttpClientTest, PlainPortAskedForTls) {
  auto server = serve([](const ServerRequest&) { return ServerResponse{}; });
  const auto error = error_of({.url = fmt::format("https://127.0.0.1:{}/", server->port())}, "net.tls");
  EXPECT_FALSE(may_have_been_sent(error));
}

TEST_F(HttpClientTest, MissingCaFile) {
  client_ = make_http_client({.ca_file = "/no/such/bundle.pem"});
  auto server = serve([](const ServerRequest&) { return ServerResponse{}; });
  const auto error = error_of({.url = fmt::format("https://127.0.0.1:{}/", server->port())}, "net.tls");
  EXPECT_THAT(error.hint, HasSubstr("CA file"));
}

TEST_F(HttpClientTest, ServerThatNeverAnswers) {
  std::binary_semaphore over(0);
  TestListener listener([&](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    over.acquire();
    over.release();
  });
  auto error =
      error_of({.url = at(listener.port(), "/p?key=hunter2"), .total_timeout = 300ms}, "net.timeout");
  EXPECT_EQ(error.kind, ErrorKind::timeout);
  EXPECT_TRUE(may_have_been_sent(error));
  EXPECT_THAT(error.message, HasSubstr(at(listener.port(), "/p")));
  error = error_of({.url = at(listener.port()), .idle_timeout = 300ms}, "net.timeout");
  EXPECT_THAT(error.message, HasSubstr("nothing moved"));
  context_.deadline = std::chrono::steady_clock::now() + 300ms;
  error_of({.url = at(listener.port())}, "net.timeout");
  over.release();
}

TEST_F(HttpClientTest, AnswerThatStopsHalfWay) {
  std::binary_semaphore over(0);
  TestListener listener([&](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    over.acquire();
  });
  const auto error = error_of({.url = at(listener.port()), .idle_timeout = 500ms}, "net.timeout");
  EXPECT_THAT(error.message, HasSubstr("did not finish its answer"));
  over.release();
}

TEST_F(HttpClientTest, BytesNowAndThenKeepTheIdleTimerQuietButNotTheTotal) {
  std::atomic<bool> over{false};
  TestListener listener([&](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (!over && socket.send("1\r\nx\r\n")) std::this_thread::yield();
  });
  const auto error = error_of({.url = at(listener.port()),
                               .idle_timeout = 10s,
                               .total_timeout = 300ms,
                               .max_response_bytes = 1u << 30},
                              "net.timeout");
  EXPECT_THAT(error.message, HasSubstr("the time allowed is over"));
  over = true;
}

TEST_F(HttpClientTest, ConnectionReset) {
  auto server =
      serve([](const ServerRequest&) { return ServerResponse{.fault = Fault::reset_without_answer}; });
  for (const auto method : {Method::get, Method::post}) {
    const auto error = error_of({.method = method, .url = at(server->port(), "/p?key=hunter2")}, "net.reset");
    EXPECT_EQ(error.kind, ErrorKind::unavailable);
    EXPECT_TRUE(may_have_been_sent(error));
  }
}

TEST_F(HttpClientTest, ConnectionClosedWithoutAWord) {
  TestListener listener(says(""));
  EXPECT_TRUE(may_have_been_sent(error_of({.url = at(listener.port())}, "net.reset")));
}

TEST_F(HttpClientTest, TruncatedAnswers) {
  auto server = serve([](const ServerRequest&) {
    return ServerResponse{.body = "0123456789", .fault = Fault::truncate_body};
  });
  EXPECT_TRUE(may_have_been_sent(error_of({.url = at(server->port())}, "net.truncated")));
  const char* rows[] = {
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Le",
  };
  for (const auto* answer : rows) {
    TestListener listener(says(answer));
    const auto response = send({.url = at(listener.port())});
    ASSERT_FALSE(response) << answer;
    EXPECT_EQ(response.error().code, "net.truncated") << answer << core::describe(response.error());
  }
}

TEST_F(HttpClientTest, AnswersThatAreTooLarge) {
  auto server = serve([](const ServerRequest&) { return ServerResponse{.body = std::string(5000, 'x')}; });
  EXPECT_TRUE(send({.url = at(server->port()), .max_response_bytes = 5000}));
  const auto error = error_of({.url = at(server->port()), .max_response_bytes = 4999}, "net.too_large");
  EXPECT_EQ(error.kind, ErrorKind::too_large);
  EXPECT_THAT(error.message, HasSubstr("4999 bytes"));
  EXPECT_TRUE(may_have_been_sent(error));
  TestListener unsized_body(says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n" +
                                 std::string(5000, 'x') + "\r\n0\r\n\r\n"));
  error_of({.url = at(unsized_body.port()), .max_response_bytes = 4999}, "net.too_large");
  std::string headers = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 300; ++i) headers += fmt::format("X{}: {}\r\n", i, std::string(1000, 'x'));
  TestListener many_headers(says(headers + "\r\n"));
  error_of({.url = at(many_headers.port())}, "net.too_large");
}

TEST_F(HttpClientTest, NotHttp) {
  for (const auto* answer : {"SSH-2.0-OpenSSH_9.2\r\n", "220 mail.example ESMTP\r\n",
                             "HTTP/1.1 banana\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"}) {
    TestListener listener(says(answer));
    const auto response = send({.url = at(listener.port())});
    ASSERT_FALSE(response) << answer;
    EXPECT_EQ(response.error().code, "net.protocol") << answer << core::describe(response.error());
    EXPECT_TRUE(may_have_been_sent(response.error()));
  }
}

TEST_F(HttpClientTest, Cancelled) {
  std::stop_source stop;
  context_.stop = stop.get_token();
  std::binary_semaphore over(0);
  TestListener listener([&](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    stop.request_stop();
    over.acquire();
  });
  auto error = error_of({.url = at(listener.port())}, "net.cancelled");
  EXPECT_EQ(error.kind, ErrorKind::cancelled);
  EXPECT_TRUE(may_have_been_sent(error));
  over.release();
  // Once stopped, nothing leaves at all.
  error = error_of({.url = at(listener.port())}, "net.cancelled_unsent");
  EXPECT_EQ(error.kind, ErrorKind::cancelled);
  EXPECT_FALSE(may_have_been_sent(error));
}

// ---- proxies ----

class ProxiedClientTest : public HttpClientTest {
 protected:
  void use_proxy(std::uint16_t port) {
    ::setenv("https_proxy", fmt::format("http://me:hunter2@127.0.0.1:{}", port).c_str(), 1);
    client_ = make_http_client({});
    ::unsetenv("https_proxy");
  }
};

TEST_F(ProxiedClientTest, ProxyThatRefuses) {
  for (const auto& [status, hint] : {std::pair{407, "password"}, std::pair{403, "no_proxy"}}) {
    std::string asked;
    TestListener proxy([&, code = status](TestSocket& socket, int) {
      asked = socket.read_until("\r\n\r\n");
      socket.send(fmt::format("HTTP/1.1 {} No\r\nContent-Length: 0\r\n\r\n", code));
    });
    use_proxy(proxy.port());
    const auto error = error_of({.url = "https://example.invalid/p"}, "net.proxy");
    EXPECT_THAT(error.message, AllOf(HasSubstr(fmt::format("127.0.0.1:{}", proxy.port())),
                                     HasSubstr(fmt::format("answered {}", status))));
    EXPECT_THAT(error.hint, HasSubstr(hint));
    EXPECT_FALSE(may_have_been_sent(error));
    EXPECT_THAT(asked, testing::StartsWith("CONNECT example.invalid:443 HTTP/1.1\r\n"));
  }
}

TEST_F(ProxiedClientTest, ProxyThatIsAway) {
  std::uint16_t port = 0;
  {
    port = TestListener([](TestSocket&, int) {}).port();
  }
  use_proxy(port);
  error_of({.url = "https://example.invalid/"}, "net.proxy");
}

TEST_F(ProxiedClientTest, ProxyThatHangsUp) {
  TestListener proxy(says(""));
  use_proxy(proxy.port());
  error_of({.url = "https://example.invalid/"}, "net.proxy");
}

TEST_F(ProxiedClientTest, LoopbackGoesAroundTheProxy) {
  auto server = serve([](const ServerRequest&) { return ServerResponse{}; });
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::setenv("all_proxy", "http://127.0.0.1:1", 1);
  client_ = make_http_client({});
  const auto response = send({.url = at(server->port())});
  ::unsetenv("http_proxy");
  ::unsetenv("all_proxy");
  EXPECT_TRUE(response);
}

// ---- dead pooled connections ----

// Answers the first request of its first connection, then reads a second one there and hangs up without a
// word. Later connections are answered.
class ForgetfulServer {
 public:
  ForgetfulServer()
      : listener_([this](TestSocket& socket, int number) {
          requests_ += !socket.read_until("\r\n\r\n").empty();
          socket.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
          if (number == 0) requests_ += !socket.read_until("\r\n\r\n").empty();
        }) {}
  std::uint16_t port() const { return listener_.port(); }
  int requests() const { return requests_; }

 private:
  std::atomic<int> requests_{0};
  TestListener listener_;
};

TEST_F(HttpClientTest, ReadsAreRepeatedWhenAPooledConnectionWasDead) {
  for (const auto method : {Method::get, Method::options}) {
    ForgetfulServer server;
    ASSERT_TRUE(send({.url = at(server.port())}));
    const auto response = send({.method = method, .url = at(server.port())});
    ASSERT_TRUE(response) << core::describe(response.error());
    EXPECT_EQ(server.requests(), 3);
  }
}

TEST_F(HttpClientTest, WritesAreNeverRepeated) {
  for (const auto method : {Method::post, Method::put, Method::patch, Method::delete_}) {
    ForgetfulServer server;
    ASSERT_TRUE(send({.url = at(server.port())}));
    const auto error = error_of({.method = method, .url = at(server.port()), .body = "once"}, "net.reset");
    EXPECT_TRUE(may_have_been_sent(error)) << to_string(method);
    EXPECT_EQ(server.requests(), 2) << to_string(method);
  }
}

TEST_F(HttpClientTest, AWriteAfterAnOrderlyCloseGoesOutOnANewConnection) {
  std::counting_semaphore<> closed(0);
  TestListener listener([&](TestSocket& socket, int) {
    socket.read_until("\r\n\r\nx");
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    socket.close();
    closed.release();
  });
  for (int i = 0; i < 5; ++i) {
    const auto response = send({.method = Method::post, .url = at(listener.port()), .body = "x"});
    EXPECT_TRUE(response) << core::describe(response.error());
    closed.acquire();
  }
}

TEST(MayHaveBeenSent, KnowsTheCodes) {
  for (const auto* code :
       {"net.timeout", "net.reset", "net.truncated", "net.too_large", "net.cancelled", "net.protocol"}) {
    EXPECT_TRUE(may_have_been_sent({.code = code})) << code;
  }
  for (const auto* code : {"net.url", "net.header", "net.library", "net.dns", "net.connect", "net.proxy",
                           "net.tls", "net.connect_timeout", "net.cancelled_unsent", "okta.forbidden"}) {
    EXPECT_FALSE(may_have_been_sent({.code = code})) << code;
  }
}

}  // namespace
}  // namespace net
