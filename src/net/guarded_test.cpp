#include "net/guarded.h"

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "net/fake_http_client.h"
#include "net/test_client.h"

namespace net {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

std::unique_ptr<HttpClient> guarded(HttpClient& http, GuardPolicy policy = {}) {
  auto guard = Guard::create(std::move(policy));
  EXPECT_TRUE(guard);
  return make_guarded_client(http, *std::move(guard));
}

// ---- by the text of the URL ----

TEST(GuardTest, WhatAUrlTells) {
  struct Row {
    const char* url;
    const char* code;  // empty: nothing to object to yet
  };
  const Row rows[] = {
      {"https://mcp.example.com/mcp", ""},
      {"https://mcp.example.com:8443/mcp", ""},
      {"https://8.8.8.8/", ""},
      {"https://[2606:4700::1111]/", ""},
      {"http://mcp.example.com/mcp", "net.url"},
      {"http://127.0.0.1/", "net.url"},
      {"http://localhost/", "net.url"},
      {"ftp://mcp.example.com/", "net.url"},
      {"file:///etc/passwd", "net.url"},
      {"gopher://127.0.0.1:6379/_", "net.url"},
      {"https://user:pw@mcp.example.com/", "net.url"},
      {"//mcp.example.com/", "net.url"},
      {"https://localhost/", "net.address"},
      {"https://127.0.0.1/", "net.address"},
      {"https://127.0.0.1:8443/", "net.address"},
      {"https://[::1]/", "net.address"},
      {"https://[::]/", "net.address"},
      {"https://0.0.0.0/", "net.address"},
      {"https://10.1.2.3/", "net.address"},
      {"https://169.254.169.254/latest/meta-data/", "net.address"},
      {"https://[fd00:ec2::254]/", "net.address"},
      {"https://[::ffff:127.0.0.1]/", "net.address"},
      {"https://[::ffff:7f00:1]/", "net.address"},
      {"https://[::127.0.0.1]/", "net.address"},
      {"https://[64:ff9b::10.0.0.1]/", "net.address"},
      {"https://[2002:a00:1::]/", "net.address"},
      {"https://[2001:0:4136:e378:8000:63bf:f5ff:fffe]/", "net.address"},
      // Spellings that resolvers take for 127.0.0.1.
      {"https://2130706433/", "net.url"},
      {"https://0x7f000001/", "net.url"},
      {"https://0x7f.0.0.1/", "net.url"},
      {"https://017700000001/", "net.url"},
      {"https://0177.0.0.1/", "net.url"},
      {"https://127.1/", "net.url"},
      {"https://127.0.0.1./", "net.url"},
      {"https://%31%32%37.0.0.1/", "net.url"},
      {"https://[fe80::1%25lo]/", "net.url"},
      {"https://[::1%25lo]/", "net.url"},
  };
  const auto guard = Guard::create({});
  ASSERT_TRUE(guard);
  for (const auto& row : rows) {
    const auto checked = guard->check(row.url);
    EXPECT_EQ(checked ? "" : checked.error().code, row.code) << row.url;
  }
}

TEST(GuardTest, WhatSettingsAllow) {
  struct Row {
    const char* about;
    GuardPolicy policy;
    const char* host;  // of the URL
    const char* address;
    bool allowed;
  };
  const Row rows[] = {
      {"public", {}, "a.example", "8.8.8.8", true},
      {"private", {}, "a.example", "10.0.0.1", false},
      {"a network", {.allow = {"10.0.0.0/8"}}, "a.example", "10.0.0.1", true},
      {"mapped", {.allow = {"10.0.0.0/8"}}, "a.example", "::ffff:10.0.0.1", true},
      {"by a tunnel", {.allow = {"10.0.0.0/8"}}, "a.example", "64:ff9b::a00:1", false},
      {"another network", {.allow = {"10.0.0.0/8"}}, "a.example", "192.168.0.1", false},
      {"a host", {.allow_hosts = {"A.example"}}, "a.example", "10.0.0.1", true},
      {"another host", {.allow_hosts = {"a.example"}}, "b.a.example", "10.0.0.1", false},
      {"below a domain", {.allow_hosts = {".example"}}, "b.a.example", "100.64.0.1", true},
      {"a host is not let inside", {.allow_hosts = {"a.example"}}, "a.example", "127.0.0.1", false},
      {"nor to metadata", {.allow_hosts = {"a.example"}}, "a.example", "169.254.169.254", false},
      {"loopback", {.allow_http_loopback = true}, "127.0.0.1", "127.0.0.1", true},
      {"localhost", {.allow_http_loopback = true}, "localhost", "::1", true},
      {"rebinding", {.allow_http_loopback = true}, "a.example", "127.0.0.1", false},
      {"metadata in a wide network", {.allow = {"169.254.0.0/16"}}, "a.example", "169.254.169.254", false},
      {"link-local", {.allow = {"169.254.0.0/16"}}, "a.example", "169.254.1.1", true},
      {"metadata by itself", {.allow = {"169.254.169.254"}}, "a.example", "169.254.169.254", true},
      {"never", {.allow = {"0.0.0.0/0", "::/0"}}, "a.example", "0.0.0.0", false},
      {"never multicast", {.allow = {"0.0.0.0/0", "::/0"}}, "a.example", "ff02::1", false},
      {"everything else", {.allow = {"0.0.0.0/0", "::/0"}}, "a.example", "127.0.0.1", true},
  };
  for (const auto& row : rows) {
    const auto guard = Guard::create(row.policy);
    ASSERT_TRUE(guard) << row.about;
    const auto url = parse_url(fmt::format("https://{}/", row.host));
    ASSERT_TRUE(url);
    EXPECT_EQ(guard->allows(*url, *IpAddress::parse(row.address)), row.allowed) << row.about;
  }
  EXPECT_EQ(Guard::create({.allow = {"10.0.0.0/8", "intranet"}}).error().code, "net.network");
}

TEST(GuardTest, NothingGetsMoreThanThePolicyGives) {
  FakeHttpClient http;
  const auto client = guarded(http);
  http.reply(200, "{}");
  http.reply(200, "{}");
  const core::Context context;
  ASSERT_TRUE(client->send(context, {.url = "https://a.example/"}));
  ASSERT_TRUE(client->send(context, {.method = Method::post,
                                     .url = "https://a.example/",
                                     .body = "{}",
                                     .connect_timeout = milliseconds(5),
                                     .total_timeout = milliseconds(10),
                                     .max_response_bytes = 10}));
  const auto requests = http.requests();
  EXPECT_EQ(requests[0].connect_timeout, milliseconds(3000));
  EXPECT_EQ(requests[0].total_timeout, milliseconds(10000));
  EXPECT_EQ(requests[0].max_response_bytes, 256u << 10);
  EXPECT_EQ(requests[0].max_header_bytes, 64u << 10);
  EXPECT_NE(requests[0].addresses, nullptr);
  EXPECT_EQ(requests[1].connect_timeout, milliseconds(5));
  EXPECT_EQ(requests[1].total_timeout, milliseconds(10));
  EXPECT_EQ(requests[1].max_response_bytes, 10u);
}

// ---- redirects ----

Headers to(std::string location) {
  return {{"Location", std::move(location)}};
}

TEST(GuardTest, RedirectsAreFollowedWithoutCredentials) {
  FakeHttpClient http;
  const auto client = guarded(http);
  http.reply(302, "", to("/b?x=1"));
  http.reply(307, "", to("https://other.example/c"));
  http.reply(308, "", to("d"));
  http.reply(200, "{}");
  int heads = 0;
  const auto response = client->send({}, {.url = "https://a.example/a",
                                          .headers = {{"accept", "application/json"},
                                                      {"Authorization", "Bearer hunter2"},
                                                      {"Cookie", "s=hunter2"},
                                                      {"DPoP", "hunter2"},
                                                      {"X-Api-Key", "hunter2"}},
                                          .on_head = [&](const HttpResponse& head) -> core::Status {
                                            ++heads;
                                            EXPECT_EQ(head.status, 200);
                                            return {};
                                          }});
  ASSERT_TRUE(response) << core::describe(response.error());
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(heads, 1);
  const auto requests = http.requests();
  ASSERT_EQ(requests.size(), 4u);
  EXPECT_EQ(requests[0].headers.get("Authorization"), "Bearer hunter2");
  EXPECT_EQ(requests[1].url, "https://a.example/b?x=1");
  EXPECT_EQ(requests[2].url, "https://other.example/c");
  EXPECT_EQ(requests[3].url, "https://other.example/d");
  for (std::size_t i = 1; i < requests.size(); ++i) {
    EXPECT_EQ(requests[i].headers.size(), 1u);
    EXPECT_EQ(requests[i].headers.get("Accept"), "application/json");
    EXPECT_NE(requests[i].addresses, nullptr);
  }
}

TEST(GuardTest, RedirectsThatAreNotFollowed) {
  struct Row {
    const char* location;
    const char* code;
  };
  const Row rows[] = {
      {"http://a.example/", "net.redirect"},
      {"https://user@a.example/", "net.redirect"},
      {"https://localhost/", "net.redirect"},
      {"https://127.0.0.1/", "net.redirect"},
      {"//127.0.0.1/", "net.redirect"},
      {"https://10.0.0.1/", "net.address"},
      {"https://[::ffff:169.254.169.254]/", "net.address"},
      {"https://2130706433/", "net.redirect"},
      {"file:///etc/passwd", "net.redirect"},
      {"javascript:alert(1)", "net.redirect"},
      {"", "net.redirect"},
  };
  for (const bool loopback : {false, true}) {
    for (const auto& row : rows) {
      FakeHttpClient http;
      const auto client = guarded(http, {.allow_http_loopback = loopback});
      http.reply(302, "", *row.location ? to(row.location) : Headers{});
      const auto response = client->send({}, {.url = "https://a.example/"});
      ASSERT_FALSE(response) << row.location;
      EXPECT_EQ(response.error().code, row.code) << row.location;
      EXPECT_EQ(http.count(), 1u) << row.location;
    }
  }
}

TEST(GuardTest, ARequestMayAskForNoRedirects) {
  FakeHttpClient http;
  http.reply(302, {}, {{"Location", "https://b.example/"}});
  auto outside = guarded(http);
  auto response = outside->send({}, {.url = "https://a.example/", .follow_redirects = false});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 302);
  EXPECT_EQ(http.count(), 1u);
}

TEST(GuardTest, AtMostThreeRedirectsAndNoneOfOtherMethods) {
  FakeHttpClient http;
  const auto client = guarded(http);
  http.answer_with([](const core::Context&, const HttpRequest&) -> core::Result<HttpResponse> {
    return HttpResponse{.status = 302, .headers = to("/again")};
  });
  const auto response = client->send({}, {.url = "https://a.example/"});
  ASSERT_FALSE(response);
  EXPECT_EQ(response.error().code, "net.redirect");
  EXPECT_THAT(response.error().message, HasSubstr("more than 3 times"));
  EXPECT_EQ(http.count(), 4u);
  for (const auto method : {Method::post, Method::head, Method::put, Method::delete_}) {
    const auto other = client->send({}, {.method = method, .url = "https://a.example/"});
    ASSERT_TRUE(other);
    EXPECT_EQ(other->status, 302);
  }
}

// ---- by the address, over sockets ----

class GuardedClientTest : public HttpClientTest {
 protected:
  core::Error refusal(HttpClient& client, HttpRequest request, const std::string& code) {
    const auto response = client.send(context_, request);
    EXPECT_FALSE(response);
    if (response) return {};
    EXPECT_EQ(response.error().code, code) << core::describe(response.error());
    return response.error();
  }
};

// A listener that must not be reached.
class Forbidden {
 public:
  std::uint16_t port() const { return listener_.port(); }
  int connections() const { return connections_; }

 private:
  std::atomic<int> connections_{0};
  TestListener listener_{[this](TestSocket&, int) { ++connections_; }};
};

TEST_F(GuardedClientTest, ANameIsJudgedByWhereItLeads) {
  Forbidden inner;
  // libcurl takes every name below .localhost for loopback (RFC 6761 section 6.3), so that this is a name
  // like any other that somebody points there.
  for (const bool loopback : {false, true}) {
    const auto client = guarded(*client_, {.allow_http_loopback = loopback});
    const auto error =
        refusal(*client, {.url = fmt::format("https://rebound.localhost:{}/p?key=hunter2", inner.port())},
                "net.address");
    EXPECT_THAT(error.message, HasSubstr("is a loopback address"));
    EXPECT_THAT(core::describe(error), Not(HasSubstr("hunter2")));
    EXPECT_THAT(error.message, Not(HasSubstr("127.0.0.1")));
    EXPECT_FALSE(may_have_been_sent(error));
  }
  EXPECT_EQ(inner.connections(), 0);
}

class Nowhere final : public AddressPolicy {
 public:
  bool allows(const Url&, const IpAddress&) const override { return false; }
};

TEST_F(GuardedClientTest, AConnectionThatIsKeptIsJudgedToo) {
  std::atomic<int> served{0};
  const auto server = serve([&](const ServerRequest&) {
    ++served;
    return ServerResponse{.body = "{}"};
  });
  ASSERT_TRUE(send({.url = at(server->port())}));
  const Nowhere nowhere;
  const auto refused = send({.url = at(server->port()), .addresses = &nowhere});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "net.address");
  EXPECT_FALSE(may_have_been_sent(refused.error()));
  EXPECT_EQ(served, 1);
}

TEST_F(GuardedClientTest, LoopbackWhereItIsAllowed) {
  const auto server = serve([](const ServerRequest&) { return ServerResponse{.body = "here"}; });
  const auto client = guarded(*client_, {.allow_http_loopback = true});
  for (const auto& url : {at(server->port()), fmt::format("http://localhost:{}/", server->port())}) {
    const auto response = client->send(context_, {.url = url});
    ASSERT_TRUE(response) << core::describe(response.error());
    EXPECT_EQ(response->body, "here");
  }
  const auto strict = guarded(*client_);
  refusal(*strict, {.url = at(server->port())}, "net.url");
}

TEST_F(GuardedClientTest, NoProxyComesInBetween) {
  std::atomic<int> proxied{0};
  const auto proxy = serve([&](const ServerRequest&) {
    ++proxied;
    return ServerResponse{};
  });
  ::setenv("https_proxy", at(proxy->port()).c_str(), 1);
  const auto http = make_http_client({});
  ::unsetenv("https_proxy");
  const auto client = guarded(*http);
  refusal(*client, {.url = "https://rebound.localhost:1/"}, "net.address");
  EXPECT_EQ(proxied, 0);
}

TEST_F(GuardedClientTest, ARedirectInwardIsNotFollowed) {
  Forbidden inner;
  const auto server = serve([&](const ServerRequest&) {
    return ServerResponse{
        .status = 302,
        .headers = to(fmt::format("http://rebound.localhost:{}/latest/meta-data/", inner.port()))};
  });
  const auto client = guarded(*client_, {.allow_http_loopback = true});
  refusal(*client, {.url = at(server->port())}, "net.url");
  EXPECT_EQ(inner.connections(), 0);
}

// ---- answers that never end, or are more than they look ----

// Deflate's fixed code (RFC 1951 section 3.2.6): a zero, then matches of 258 bytes one back.
class Bomb {
 public:
  explicit Bomb(std::size_t matches) {
    bits(1, 1);
    bits(1, 2);
    code(0x30, 8);
    for (std::size_t i = 0; i < matches; ++i) {
      code(0xc5, 8);  // 285: length 258
      code(0, 5);     // distance 1
    }
    code(0, 7);
    while (used_ != 0) bits(0, 1);
  }
  std::string gzip() const { return std::string("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10) + bytes_; }

 private:
  void bits(unsigned value, int count) {
    for (int i = 0; i < count; ++i) put((value >> i) & 1);
  }
  void code(unsigned value, int count) {
    for (int i = count - 1; i >= 0; --i) put((value >> i) & 1);
  }
  void put(unsigned bit) {
    current_ |= bit << used_;
    if (++used_ < 8) return;
    bytes_ += static_cast<char>(current_);
    current_ = 0;
    used_ = 0;
  }
  std::string bytes_;
  unsigned current_ = 0;
  int used_ = 0;
};

TEST_F(GuardedClientTest, AGzipBombEndsAtTheDecodedSize) {
  const std::string bomb = Bomb(500'000).gzip();  // 129 MB
  ASSERT_LT(bomb.size(), 1u << 20);
  const auto server = serve([&](const ServerRequest&) {
    return ServerResponse{.headers = {{"Content-Encoding", "gzip"}}, .body = bomb};
  });
  const auto client = guarded(*client_, {.allow_http_loopback = true, .max_response_bytes = 1u << 20});
  const auto error = refusal(*client, {.url = at(server->port())}, "net.too_large");
  EXPECT_THAT(error.message, HasSubstr("1048576"));
}

TEST_F(GuardedClientTest, ABodyCodedTwiceIsNotDecoded) {
  for (const auto& headers : {Headers{{"Content-Encoding", "gzip, gzip"}},
                              Headers{{"Content-Encoding", "gzip"}, {"content-encoding", "deflate"}},
                              Headers{{"Content-Encoding", "br,identity,zstd"}}}) {
    const auto server =
        serve([&](const ServerRequest&) { return ServerResponse{.headers = headers, .body = "anything"}; });
    const auto error = error_of({.url = at(server->port())}, "net.protocol");
    EXPECT_THAT(error.message, HasSubstr("more than once"));
  }
}

TEST_F(GuardedClientTest, ABodyWithoutAnEnd) {
  TestListener server([](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n");
    while (socket.send(std::string(64 << 10, ' '))) {
    }
  });
  const auto client = guarded(*client_, {.allow_http_loopback = true});
  refusal(*client, {.url = at(server.port())}, "net.too_large");
}

TEST_F(GuardedClientTest, HeadersWithoutAnEnd) {
  TestListener server([](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\n");
    while (socket.send("X-More: " + std::string(1000, 'x') + "\r\n")) {
    }
  });
  const auto client = guarded(*client_, {.allow_http_loopback = true});
  refusal(*client, {.url = at(server.port())}, "net.too_large");
}

// One byte after the other for as long as anybody listens.
TEST_F(GuardedClientTest, AnAnswerThatDripsEndsInTime) {
  std::atomic<bool> over{false};
  TestListener server([&](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    while (!over && socket.send("x")) std::this_thread::yield();
  });
  const auto client = guarded(
      *client_,
      {.allow_http_loopback = true, .total_timeout = milliseconds(50), .max_response_bytes = 1u << 30});
  const auto response = client->send(context_, {.url = at(server.port())});
  over = true;
  ASSERT_FALSE(response);
  EXPECT_TRUE(response.error().code == "net.timeout" || response.error().code == "net.truncated")
      << response.error().code;
}

TEST_F(GuardedClientTest, AServerThatSaysNothingEndsInTime) {
  TestListener server([](TestSocket& socket, int) { socket.read_to_end(); });
  const auto client = guarded(*client_, {.allow_http_loopback = true, .total_timeout = milliseconds(50)});
  refusal(*client, {.url = at(server.port())}, "net.timeout");
}

}  // namespace
}  // namespace net
