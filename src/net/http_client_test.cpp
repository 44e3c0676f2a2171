#include "net/http_client.h"

#include <atomic>
#include <fmt/format.h>
#include <latch>
#include <semaphore>
#include <set>
#include <thread>

#include "net/fake_http_client.h"
#include "net/test_client.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using core::ErrorKind;
using testing::ElementsAre;
using testing::HasSubstr;

TEST_F(HttpClientTest, SendsEveryMethodWithItsBodyAndHeaders) {
  auto server = serve([](const ServerRequest& request) {
    return ServerResponse{.status = 207,
                          .headers = {{"X-Method", std::string(to_string(request.method))},
                                      {"X-Target", request.target},
                                      {"X-Length", std::string(request.headers.get("Content-Length"))},
                                      {"X-Type", std::string(request.headers.get("Content-Type"))},
                                      {"X-Agent", std::string(request.headers.get("User-Agent"))},
                                      {"X-Expect", request.headers.has("Expect") ? "yes" : "no"},
                                      {"X-Mine", request.headers.has("X-Mine") ? "sent" : "missing"}},
                          .body = request.body};
  });
  struct Row {
    Method method;
    std::string body;
    const char* length;
  };
  const Row rows[] = {
      {Method::get, "", ""},
      {Method::head, "", ""},
      {Method::post, "", "0"},
      {Method::post, "abc", "3"},
      {Method::put, "", "0"},
      {Method::put, "abc", "3"},
      {Method::patch, "abc", "3"},
      {Method::delete_, "", ""},
      {Method::delete_, "abc", "3"},
      {Method::options, "", ""},
      {Method::get, "abc", "3"},
      {Method::post, std::string("\0\r\n", 3), "3"},
      {Method::post, std::string(2u << 20, 'x'), "2097152"},
  };
  for (const auto& row : rows) {
    const auto name = fmt::format("{} {}", to_string(row.method), row.body.size());
    Headers headers{{"X-Mine", ""}};
    if (!row.body.empty()) headers.add("Content-Type", "text/x");
    const auto response = send({.method = row.method,
                                .url = at(server->port(), "/a%20b/../c?d=%22e%22"),
                                .headers = headers,
                                .body = row.body});
    ASSERT_TRUE(response) << name << core::describe(response.error());
    EXPECT_EQ(response->status, 207);
    EXPECT_EQ(response->headers.get("x-method"), to_string(row.method)) << name;
    EXPECT_EQ(response->headers.get("X-Target"), "/a%20b/../c?d=%22e%22") << name;
    EXPECT_EQ(response->headers.get("X-Length"), row.length) << name;
    EXPECT_EQ(response->headers.get("X-Type"), row.body.empty() ? "" : "text/x") << name;
    EXPECT_EQ(response->headers.get("X-Agent"), "net-test/1");
    EXPECT_EQ(response->headers.get("X-Expect"), "no") << name;
    EXPECT_EQ(response->headers.get("X-Mine"), "sent") << name;
    EXPECT_EQ(response->body, row.method == Method::head ? "" : row.body) << name;
    EXPECT_GT(response->elapsed.count(), 0);
  }
}

TEST_F(HttpClientTest, ReusesItsConnection) {
  std::mutex mutex;
  std::set<std::string> peers;
  auto server = serve([&](const ServerRequest& request) {
    std::lock_guard lock(mutex);
    peers.insert(request.peer);
    return ServerResponse{};
  });
  for (int i = 0; i < 10; ++i)
    ASSERT_TRUE(send({.method = Method::post, .url = at(server->port()), .body = "x"}));
  EXPECT_EQ(peers.size(), 1u);
}

TEST_F(HttpClientTest, DoesNotFollowRedirects) {
  auto server = serve([](const ServerRequest&) {
    return ServerResponse{.status = 302, .headers = {{"Location", "http://127.0.0.1:1/"}}};
  });
  const auto response = send({.url = at(server->port())});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 302);
}

TEST_F(HttpClientTest, KeepsHeadersOfTheFinalAnswerOnly) {
  TestListener listener(
      says("HTTP/1.1 103 Early Hints\r\nLink: <early>\r\n\r\n"
           "HTTP/1.1 200 OK\r\nLink: <a>; rel=self\r\nLink:  <b>; rel=next \r\nEmpty:\r\n"
           "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nLink: <trailer>\r\n\r\n"));
  const auto response = send({.url = at(listener.port())});
  ASSERT_TRUE(response) << core::describe(response.error());
  EXPECT_EQ(response->status, 200);
  EXPECT_THAT(response->headers.all("link"), ElementsAre("<a>; rel=self", "<b>; rel=next"));
  EXPECT_TRUE(response->headers.has("Empty"));
  EXPECT_EQ(response->body, "hi");
}

TEST_F(HttpClientTest, UndoesContentEncodings) {
  // gzip of "hello hello hello hello"
  const std::string packed(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x57\xc8\x40\x27\x01\xe3\x51\x3d"
      "\x8d\x17\x00\x00\x00",
      28);
  std::atomic<bool> asked{false};
  auto server = serve([&](const ServerRequest& request) {
    asked = request.headers.get("Accept-Encoding").contains("gzip");
    return ServerResponse{.headers = {{"Content-Encoding", "gzip"}},
                          .body = request.path == "/bad" ? "junk" : packed};
  });
  const auto response = send({.url = at(server->port())});
  if (response) {
    EXPECT_EQ(response->body, "hello hello hello hello");
    EXPECT_FALSE(response->headers.has("Content-Length"));
    EXPECT_FALSE(response->headers.has("Content-Encoding"));
  } else {
    ADD_FAILURE() << core::describe(response.error());
  }
  EXPECT_TRUE(asked);
  error_of({.url = at(server->port(), "/bad")}, "net.protocol");
}

// ---- streaming ----

std::string numbered(std::size_t bytes) {
  std::string text;
  for (std::size_t i = 0; text.size() < bytes; ++i) text += fmt::format("{:07}\n", i);
  text.resize(bytes);
  return text;
}

TEST_F(HttpClientTest, StreamsABodyOnTheCallersThread) {
  const std::string body = numbered(5u << 20);
  auto server = serve([&](const ServerRequest&) { return ServerResponse{.body = body}; });
  std::string received;
  std::size_t pieces = 0;
  const auto response =
      send({.url = at(server->port()), .on_body = [&, caller = std::this_thread::get_id()](auto piece) {
              EXPECT_EQ(std::this_thread::get_id(), caller);
              EXPECT_FALSE(piece.empty());
              received += piece;
              ++pieces;
              return core::Status();
            }});
  ASSERT_TRUE(response) << core::describe(response.error());
  EXPECT_TRUE(response->body.empty());
  EXPECT_TRUE(received == body);
  EXPECT_GT(pieces, 5u);  // 256 KiB and one libcurl buffer are held at most
}

// The consumer makes another request inside on_body, longer than the idle timeout: neither blocks the other,
// and the pause does not count as idle.
TEST_F(HttpClientTest, ASlowConsumerHoldsUpNobody) {
  const std::string body = numbered(2u << 20);
  auto server = serve([&](const ServerRequest& request) {
    return request.path == "/large" ? ServerResponse{.body = body} : ServerResponse{.delay = 2500ms};
  });
  std::string received;
  const auto response = send({.url = at(server->port(), "/large"),
                              .idle_timeout = 2s,
                              .on_body = [&](std::string_view piece) -> core::Status {
                                if (!received.empty() || send({.url = at(server->port(), "/slow")})) {
                                  received += piece;
                                  return {};
                                }
                                return core::fail(ErrorKind::timeout, "x.slow", "The other request failed.");
                              }});
  ASSERT_TRUE(response) << core::describe(response.error());
  EXPECT_TRUE(received == body);
}

TEST_F(HttpClientTest, OnBodyErrorsEndTheTransferAndComeBack) {
  std::atomic<bool> over{false};
  TestListener endless([&](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\n\r\n");
    while (!over && socket.send(std::string(4096, 'x'))) {
    }
  });
  error_of({.url = at(endless.port()),
            .on_body = [](auto) { return core::fail(ErrorKind::protocol, "x.mine", "No."); }},
           "x.mine");
  error_of({.url = at(endless.port()),
            .on_body = [](auto) -> core::Status { throw std::runtime_error("thrown"); }},
           "net.on_body");
  over = true;
}

TEST_F(HttpClientTest, ErrorAnswersAreNotStreamed) {
  auto server =
      serve([](const ServerRequest&) { return ServerResponse{.status = 429, .body = "slow down"}; });
  const auto response = send({.url = at(server->port()), .on_body = [](auto) {
                                ADD_FAILURE();
                                return core::Status();
                              }});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, "slow down");
}

TEST_F(HttpClientTest, StreamsAreCappedAndTruncationShows) {
  auto server = serve([](const ServerRequest& request) {
    return ServerResponse{.body = std::string(100'000, 'x'),
                          .fault = request.path == "/cut" ? Fault::truncate_body : Fault::none};
  });
  std::size_t received = 0;
  const auto count = [&](std::string_view piece) {
    received += piece.size();
    return core::Status();
  };
  error_of({.url = at(server->port()), .max_response_bytes = 99'999, .on_body = count}, "net.too_large");
  received = 0;
  error_of({.url = at(server->port(), "/cut"), .on_body = count}, "net.truncated");
  EXPECT_EQ(received, 50'000u);
}

// ---- many at once ----

TEST_F(HttpClientTest, SixtyFourCallersShareTheEngine) {
  std::mutex mutex;
  std::set<std::string> peers;
  auto server = serve(
      [&](const ServerRequest& request) {
        std::lock_guard lock(mutex);
        peers.insert(request.peer);
        return ServerResponse{.body = request.path};
      },
      {.workers = 16});
  std::atomic<int> good{0};
  std::vector<std::jthread> callers;
  for (int i = 0; i < 64; ++i) {
    callers.emplace_back([&, i] {
      for (int n = 0; n < 10; ++n) {
        const auto path = fmt::format("/{}/{}", i, n);
        const auto response = client_->send(
            {}, {.method = n % 2 ? Method::post : Method::get, .url = at(server->port(), path)});
        if (response && response->body == path) ++good;
      }
    });
  }
  callers.clear();
  EXPECT_EQ(good, 640);
  EXPECT_LE(peers.size(), 16u);  // connections_per_host
}

TEST_F(HttpClientTest, OneCancellationHurtsNobodyElse) {
  constexpr int kCallers = 12;
  std::latch all_inside(kCallers);
  std::counting_semaphore<kCallers> release(0);
  auto server = serve(
      [&](const ServerRequest& request) {
        all_inside.count_down();
        release.acquire();
        return ServerResponse{.body = request.path};
      },
      {.workers = kCallers});
  std::vector<std::stop_source> stops(kCallers);
  std::vector<std::string> outcomes(kCallers);
  std::vector<std::jthread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&, i] {
      const auto response = client_->send({.stop = stops[static_cast<std::size_t>(i)].get_token()},
                                          {.url = at(server->port(), fmt::format("/{}", i))});
      outcomes[static_cast<std::size_t>(i)] = response ? response->body : response.error().code;
    });
  }
  all_inside.wait();
  stops[3].request_stop();
  callers[3].join();
  EXPECT_EQ(outcomes[3], "net.cancelled");
  release.release(kCallers);
  for (auto& caller : callers) {
    if (caller.joinable()) caller.join();
  }
  for (int i = 0; i < kCallers; ++i) {
    EXPECT_EQ(outcomes[static_cast<std::size_t>(i)], i == 3 ? "net.cancelled" : fmt::format("/{}", i));
  }
}

TEST_F(HttpClientTest, RequestsBeyondTheHostsPlacesWaitAndCanGiveUp) {
  client_ = make_http_client({.connections_per_host = 1});
  std::latch inside(1);
  std::binary_semaphore release(0);
  std::atomic<int> handled{0};
  auto server = serve([&](const ServerRequest&) {
    ++handled;
    inside.count_down();
    release.acquire();
    return ServerResponse{};
  });
  std::jthread first([&] { EXPECT_TRUE(client_->send({}, {.url = at(server->port())})); });
  inside.wait();
  // Waiting for a place is not connecting, so the short connect timeout is not what ends these.
  const auto late = error_of({.url = at(server->port()), .connect_timeout = 1ms, .total_timeout = 50ms},
                             "net.connect_timeout");
  EXPECT_THAT(late.message, HasSubstr("stayed busy"));
  std::stop_source stop;
  std::jthread waiting([&] {
    const auto response =
        client_->send({.stop = stop.get_token()}, {.method = Method::post, .url = at(server->port())});
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().code, "net.cancelled_unsent");
  });
  stop.request_stop();
  waiting.join();
  // Another host is not held up.
  auto other = serve([](const ServerRequest&) { return ServerResponse{}; });
  EXPECT_TRUE(send({.url = at(other->port())}));
  release.release();
  first.join();
  EXPECT_EQ(handled, 1);
}

TEST(HttpClient, CostsNothingUntilTheFirstRequestAndEndsWithItsOwner) {
  for (int i = 0; i < 3; ++i) {
    auto client = make_http_client({});
    EXPECT_FALSE(client->send({}, {.url = "http://127.0.0.1:1/"}));
  }
  auto never_used = make_http_client({});
}

// ---- the stand-in ----

TEST(FakeHttpClient, GivesQueuedAnswersInOrderAndKeepsRequests) {
  FakeHttpClient http;
  http.reply(200, R"({"a":1})", {{"X-A", "b"}});
  http.fail("net.dns");
  const auto first = http.send({}, {.method = Method::post, .url = "https://h/1", .body = "x"});
  ASSERT_TRUE(first);
  EXPECT_EQ(first->body, R"({"a":1})");
  EXPECT_EQ(first->headers.get("content-type"), "application/json");
  const auto second = http.send({}, {.url = "https://h/2"});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, "net.dns");
  EXPECT_EQ(http.send({}, {.url = "https://h/3"}).error().code, "net.fake.empty");
  EXPECT_EQ(http.count(), 3u);
  EXPECT_EQ(http.requests()[0].body, "x");
  EXPECT_EQ(http.unused(), 0u);
}

TEST(FakeHttpClient, StreamsLikeTheRealOne) {
  FakeHttpClient http([](const core::Context&, const HttpRequest& request) -> core::Result<HttpResponse> {
    return HttpResponse{.status = request.url == "https://h/bad" ? 500 : 200, .body = "text"};
  });
  std::string streamed;
  const auto keep = [&](std::string_view piece) {
    streamed += piece;
    return core::Status();
  };
  const auto good = http.send({}, {.url = "https://h/", .on_body = keep});
  ASSERT_TRUE(good);
  EXPECT_EQ(good->body, "");
  EXPECT_EQ(streamed, "text");
  EXPECT_EQ(http.send({}, {.url = "https://h/bad", .on_body = keep})->body, "text");
  EXPECT_EQ(streamed, "text");
}

}  // namespace
}  // namespace net
