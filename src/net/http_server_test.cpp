#include "net/http_server.h"

#include <atomic>
#include <fmt/format.h>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <semaphore>

#include "net/test_socket.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

ServerResponse echo(const ServerRequest& request) {
  return {.headers = {{"Content-Type", "text/plain"}, {"X-Path", request.path}, {"X-Query", request.query}},
          .body = request.body};
}

std::unique_ptr<HttpServer> serve(HttpHandler handler, HttpServerOptions options = {}) {
  auto server = HttpServer::start(std::move(options), std::move(handler));
  EXPECT_TRUE(server);
  return std::move(*server);
}

// Sends `bytes`, returns everything up to the end of the connection.
std::string exchange(std::uint16_t port, std::string_view bytes) {
  auto socket = TestSocket::connect(port);
  socket.send(bytes);
  return socket.read_to_end();
}

TEST(HttpServer, AnswersOneAfterTheOtherOnOneConnection) {
  auto server = serve([](const ServerRequest& request) {
    EXPECT_EQ(request.headers.get("host"), "h");
    EXPECT_THAT(request.peer, StartsWith("127.0.0.1:"));
    return echo(request);
  });
  auto socket = TestSocket::connect(server->port());
  for (const auto* body : {"one", "two"}) {
    socket.send(fmt::format("POST /a%20b?x=1&y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n{}", body));
    const auto answer = socket.read_message();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("X-Path: /a%20b\r\n"));
    EXPECT_THAT(answer, HasSubstr("X-Query: x=1&y\r\n"));
    EXPECT_THAT(answer, HasSubstr("Content-Length: 3\r\n"));
    EXPECT_THAT(answer, HasSubstr("Date: "));
    EXPECT_THAT(answer, Not(HasSubstr("Connection:")));
    EXPECT_THAT(answer, EndsWith(body));
  }
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  auto server = serve(echo);
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    requests +=
        fmt::format("GET /{} HTTP/1.1\r\nHost: h\r\n{}\r\n", i, i == 49 ? "Connection: close\r\n" : "");
  }
  const auto answers = exchange(server->port(), requests);
  std::size_t at = 0;
  for (int i = 0; i < 50; ++i) {
    at = answers.find(fmt::format("X-Path: /{}\r\n", i), at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST(HttpServer, PostsFollowedByPipelinedPostsKeepTheirBodiesApart) {
  auto server = serve(echo);
  const auto answers = exchange(
      server->port(),
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
      "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\n\r\n"
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nConnection: close\r\n\r\ng");
  EXPECT_THAT(answers, HasSubstr("\r\n\r\nabcHTTP/1.1 200"));
  EXPECT_THAT(answers, HasSubstr("\r\n\r\ndefHTTP/1.1 200"));
  EXPECT_THAT(answers, EndsWith("\r\n\r\ng"));
}

struct Bad {
  const char* name;
  std::string request;
  int status;
};

TEST(HttpServer, RefusesWhatItMust) {
  std::atomic<int> handled{0};
  auto server = serve(
      [&](const ServerRequest& request) {
        ++handled;
        return echo(request);
      },
      {.max_body_bytes = 1000, .max_header_bytes = 2048});
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n";
  const Bad rows[] = {
      {"not HTTP", "hello\r\n\r\n", 400},
      {"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"s, 400},
      {"bare LF", "GET / HTTP/1.1\nHost: h\n\n", 400},
      {"bare CR", "GET / HTTP/1.1\r\nHost: h\rX: y\r\n\r\n", 400},
      {"NUL", "GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"s, 400},
      {"folded header", get + "X: a\r\n b\r\n\r\n", 400},
      {"folded with tab", get + "X: a\r\n\tb\r\n\r\n", 400},
      {"fold before any header", "GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400},
      {"space before colon", get + "X : a\r\n\r\n", 400},
      {"header without colon", get + "X\r\n\r\n", 400},
      {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"two hosts", get + "Host: i\r\n\r\n", 400},
      {"space in target, read as a version", "GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 505},
      {"fragment in target", "GET /a#b HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"bare target", "GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"asterisk with GET", "GET * HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"target not ASCII", "GET /\xc3\xbc HTTP/1.1\r\nHost: h\r\n\r\n", 400},
      {"both framings", post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"both framings, other order",
       post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400},
      {"two lengths", post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400},
      {"two different lengths", post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
      {"length list", post + "Content-Length: 1, 1\r\n\r\na", 400},
      {"signed length", post + "Content-Length: +1\r\n\r\na", 400},
      {"negative length", post + "Content-Length: -1\r\n\r\na", 400},
      {"empty length", post + "Content-Length:\r\n\r\na", 400},
      {"endless length", post + "Content-Length: 99999999999999999999999\r\n\r\na", 400},
      {"unknown coding", post + "Transfer-Encoding: gzip\r\n\r\n", 501},
      {"stacked coding", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
      {"coding twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       400},
      {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"bad chunk size", post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
      {"chunk too long", post + "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", 400},
      {"huge chunk size", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
      {"method", "BREW / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"CONNECT", "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"lower-case method", "get / HTTP/1.1\r\nHost: h\r\n\r\n", 501},
      {"version 2", "GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505},
      {"expectation", post + "Expect: tea\r\nContent-Length: 1\r\n\r\na", 417},
      {"body too large", post + "Content-Length: 1001\r\n\r\n", 413},
      {"body too large, waiting", post + "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n", 413},
      {"chunks too large",
       post + "Transfer-Encoding: chunked\r\n\r\n3e9\r\n" + std::string(1001, 'a') + "\r\n0\r\n\r\n", 413},
      {"header too large", get + "X: " + std::string(3000, 'a') + "\r\n\r\n", 431},
      {"header without end", get + "X: " + std::string(3000, 'a'), 431},
      {"many headers",
       get +
           [] {
             std::string many;
             for (int i = 0; i < 500; ++i) many += fmt::format("X{}: y\r\n", i);
             return many;
           }() +
           "\r\n",
       431},
      {"long target", "GET /" + std::string(3000, 'a') + " HTTP/1.1\r\nHost: h\r\n\r\n", 431},
  };
  for (const auto& row : rows) {
    const auto answer = exchange(server->port(), row.request);
    EXPECT_THAT(answer, StartsWith(fmt::format("HTTP/1.1 {} ", row.status))) << row.name;
    EXPECT_THAT(answer, HasSubstr("\r\nConnection: close\r\n")) << row.name;
  }
  EXPECT_EQ(handled, 0);
}

TEST(HttpServer, AcceptsWhatIsOnlyUnusual) {
  auto server = serve(echo, {.max_body_bytes = 1000});
  const std::pair<const char*, std::string> rows[] = {
      {"leading empty lines", "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"},
      {"absolute target", "GET http://h:1/p?q HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"},
      {"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"},
      {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n"},
      {"empty header value", "GET / HTTP/1.1\r\nHost: h\r\nX:\r\nConnection: close\r\n\r\n"},
      {"chunk extension",
       "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nTransfer-Encoding: Chunked\r\n\r\n"
       "1;a=b\r\nx\r\n0\r\n\r\n"},
      {"exact limit", "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 1000\r\n\r\n" +
                          std::string(1000, 'a')},
  };
  for (const auto& [name, request] : rows) {
    EXPECT_THAT(exchange(server->port(), request), StartsWith("HTTP/1.1 200 ")) << name;
  }
}

TEST(HttpServer, TrailersDoNotReplaceHeaders) {
  auto server = serve([](const ServerRequest& request) {
    return ServerResponse{.body =
                              fmt::format("{}|{}", request.headers.get("X-User"), request.headers.size())};
  });
  const auto answer =
      exchange(server->port(),
               "POST / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-User: a\r\n"
               "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-User: b\r\nX-Role: c\r\n\r\n");
  EXPECT_THAT(answer, EndsWith("\r\n\r\na|4"));
}

TEST(HttpServer, HeadHasTheLengthButNoBody) {
  auto server = serve([](const ServerRequest&) { return ServerResponse{.body = "12345"}; });
  const auto answer = exchange(server->port(), "HEAD / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(HttpServer, ARefusalAfterAHeadRequestHasItsBody) {
  auto server = serve(echo);
  auto socket = TestSocket::connect(server->port());
  socket.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
  socket.read_until("\r\n\r\n");
  socket.send("nonsense\r\n\r\n");
  EXPECT_THAT(socket.read_to_end(), EndsWith("\r\n\r\nThe request is malformed.\n"));
}

TEST(HttpServer, NoContentHasNeitherLengthNorBody) {
  auto server = serve([](const ServerRequest&) { return ServerResponse{.status = 204, .body = "x"}; });
  const auto answer = exchange(server->port(), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n"));
}

TEST(HttpServer, ContinuesWhenAsked) {
  auto server = serve(echo);
  auto socket = TestSocket::connect(server->port());
  socket.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("ok");
  EXPECT_THAT(socket.read_message(), EndsWith("\r\n\r\nok"));
}

TEST(HttpServer, LargeBodiesArriveWhole) {
  auto server = serve(echo, {.max_body_bytes = 8u << 20});
  std::string body(5u << 20, 'a');
  for (std::size_t i = 0; i < body.size(); i += 4096) body[i] = static_cast<char>('a' + i / 4096 % 26);
  auto socket = TestSocket::connect(server->port());
  std::thread sender([&] {
    socket.send(fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", body.size()));
    socket.send(body);
  });
  sender.join();
  const auto answer = socket.read_message();
  EXPECT_TRUE(answer.ends_with(body));
}

TEST(HttpServer, AHandlerThatThrowsGives500AndTheConnectionLivesOn) {
  auto server = serve([](const ServerRequest& request) -> ServerResponse {
    if (request.path == "/throw") throw std::runtime_error("boom");
    if (request.path == "/int") throw 1;
    if (request.path == "/split") return {.headers = {{"Location", "/x\r\nSet-Cookie: a=b"}}};
    if (request.path == "/status") return {.status = 42};
    return {.body = "fine"};
  });
  auto socket = TestSocket::connect(server->port());
  for (const auto* path : {"/throw", "/int", "/split", "/status"}) {
    socket.send(fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", path));
    const auto answer = socket.read_message();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 ")) << path;
    EXPECT_THAT(answer, Not(HasSubstr("boom")));
    EXPECT_THAT(answer, Not(HasSubstr("Set-Cookie")));
  }
  socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(socket.read_message(), EndsWith("fine"));
}

TEST(HttpServer, HandlersCannotFrameMessagesThemselves) {
  auto server = serve([](const ServerRequest&) {
    return ServerResponse{
        .headers = {{"content-length", "99"}, {"Transfer-Encoding", "chunked"}, {"Date", "then"}},
        .body = "ab"};
  });
  const auto answer = exchange(server->port(), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 2\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("99")));
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_THAT(answer, HasSubstr("Date: then\r\n"));
}

TEST(HttpServer, FullQueueAnswers503AtOnce) {
  std::counting_semaphore<16> release(0);
  std::atomic<int> inside{0};
  auto server = serve(
      [&](const ServerRequest&) {
        ++inside;
        inside.notify_all();
        release.acquire();
        return ServerResponse{};
      },
      {.workers = 1, .queue = 1});
  const std::string request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  auto running = TestSocket::connect(server->port());
  running.send(request);
  inside.wait(0);
  // One of the two waits in the queue, the other is refused.
  auto first = TestSocket::connect(server->port());
  auto second = TestSocket::connect(server->port());
  first.send(request);
  second.send(request);
  auto one = std::async(std::launch::async, [&] { return first.read_message(); });
  auto two = std::async(std::launch::async, [&] { return second.read_message(); });
  while (one.wait_for(0s) != std::future_status::ready && two.wait_for(0s) != std::future_status::ready) {
    std::this_thread::yield();
  }
  release.release(3);
  const auto both = one.get() + two.get();
  EXPECT_THAT(both, HasSubstr("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(both, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(both, HasSubstr("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(running.read_message(), StartsWith("HTTP/1.1 200 OK\r\n"));
}

TEST(HttpServer, ConnectionsBeyondTheLimitAreToldSo) {
  auto server = serve(echo, {.max_connections = 2});
  auto a = TestSocket::connect(server->port());
  auto b = TestSocket::connect(server->port());
  for (auto* socket : {&a, &b}) {
    socket->send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(socket->read_message(), StartsWith("HTTP/1.1 200 "));
  }
  EXPECT_THAT(exchange(server->port(), ""), StartsWith("HTTP/1.1 503 "));
  b.close();
  // The place is free as soon as the server has seen the end.
  std::string answer;
  while (!answer.starts_with("HTTP/1.1 200 ")) {
    answer = exchange(server->port(), "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    ASSERT_NE(answer, "");
  }
}

TEST(HttpServer, SlowSendersGet408AndIdleConnectionsEnd) {
  auto server = serve(echo, {.idle_timeout = 1s, .request_timeout = 1s});
  auto head = TestSocket::connect(server->port());
  auto body = TestSocket::connect(server->port());
  auto idle = TestSocket::connect(server->port());
  auto drip = TestSocket::connect(server->port());
  head.send("GET / HTTP/1.1\r\nHo");
  body.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhalf");
  // A byte now and then does not buy more time: the limit is on the whole request.
  std::jthread dripping([&](std::stop_token stop) {
    while (!stop.stop_requested() && drip.send("\r\n")) std::this_thread::yield();
  });
  EXPECT_THAT(head.read_to_end(), StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(body.read_to_end(), StartsWith("HTTP/1.1 408 "));
  EXPECT_EQ(idle.read_to_end(), "");
  EXPECT_EQ(idle.last_error(), 0);
  dripping.request_stop();
  dripping.join();
  EXPECT_THAT(drip.read_until("\r\n"),
              testing::AnyOf(StartsWith("HTTP/1.1 408 "), StartsWith("HTTP/1.1 431 ")));
}

TEST(HttpServer, DelayHoldsTheAnswerBackButNoWorker) {
  auto server = serve(
      [](const ServerRequest& request) {
        return ServerResponse{.body = "x", .delay = request.path == "/slow" ? 3600s : 0s};
      },
      {.workers = 1});
  auto slow = TestSocket::connect(server->port());
  slow.send("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
  for (int i = 0; i < 20; ++i) {
    auto quick = TestSocket::connect(server->port());
    quick.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(quick.read_message(), StartsWith("HTTP/1.1 200 OK"));
  }
  server->stop(0ms);
  EXPECT_EQ(slow.read_to_end(), "");
}

TEST(HttpServer, DelayEndsWithTheAnswer) {
  auto server = serve([](const ServerRequest&) { return ServerResponse{.body = "late", .delay = 5ms}; });
  auto socket = TestSocket::connect(server->port());
  for (int i = 0; i < 3; ++i) {
    socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    EXPECT_THAT(socket.read_message(), EndsWith("late"));
  }
}

TEST(HttpServer, FaultsBreakTheAnswerAsAsked) {
  auto server = serve([](const ServerRequest& request) {
    return ServerResponse{
        .body = "0123456789",
        .fault = request.path == "/reset" ? Fault::reset_without_answer : Fault::truncate_body};
  });
  auto reset = TestSocket::connect(server->port());
  reset.send("GET /reset HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(reset.read_to_end(), "");
  EXPECT_EQ(reset.last_error(), ECONNRESET);
  auto cut = TestSocket::connect(server->port());
  cut.send("GET /cut HTTP/1.1\r\nHost: h\r\n\r\n");
  const auto answer = cut.read_to_end();
  EXPECT_EQ(cut.last_error(), 0);
  EXPECT_THAT(answer, HasSubstr("Content-Length: 10\r\n"));
  EXPECT_THAT(answer, EndsWith("\r\n\r\n01234"));
}

TEST(HttpServer, HandlersLearnThatTheClientHungUp) {
  std::latch entered(1);
  std::promise<bool> stopped;
  auto server = serve([&](const ServerRequest& request) {
    entered.count_down();
    std::binary_semaphore gone(0);
    std::stop_callback on_stop(request.stop, [&] { gone.release(); });
    stopped.set_value(gone.try_acquire_for(10s));
    return ServerResponse{};
  });
  auto socket = TestSocket::connect(server->port());
  socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.wait();
  socket.close();
  EXPECT_TRUE(stopped.get_future().get());
}

TEST(HttpServer, AHalfClosedClientStillGetsItsAnswer) {
  auto server = serve(echo);
  auto socket = TestSocket::connect(server->port());
  socket.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
  socket.shutdown_send();
  EXPECT_THAT(socket.read_to_end(), EndsWith("\r\n\r\nhi"));
}

TEST(HttpServer, StopLetsRunningRequestsFinish) {
  std::latch entered(1);
  std::binary_semaphore release(0);
  auto server = serve([&](const ServerRequest&) {
    entered.count_down();
    release.acquire();
    return ServerResponse{.body = "done"};
  });
  auto idle = TestSocket::connect(server->port());
  auto busy = TestSocket::connect(server->port());
  busy.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.wait();
  auto stopping = std::async(std::launch::async, [&] { server->stop(10s); });
  EXPECT_EQ(idle.read_to_end(), "");  // so stop() has begun
  release.release();
  const auto answer = busy.read_to_end();
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, EndsWith("done"));
  stopping.get();
  auto late = TestSocket::connect(server->port());
  EXPECT_FALSE(late.send("x"));
}

TEST(HttpServer, StopEndsHandlersThatWatchTheirToken) {
  std::latch entered(1);
  std::atomic<bool> told{false};
  auto server = serve([&](const ServerRequest& request) {
    entered.count_down();
    std::binary_semaphore gone(0);
    std::stop_callback on_stop(request.stop, [&] { gone.release(); });
    told = gone.try_acquire_for(10s);
    return ServerResponse{};
  });
  auto socket = TestSocket::connect(server->port());
  socket.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  entered.wait();
  server->stop(0ms);
  EXPECT_TRUE(told);
}

TEST(HttpServer, SeveralThreadsShareThePort) {
  auto server = serve(echo, {.io_threads = 4});
  std::vector<std::jthread> clients;
  std::atomic<int> good{0};
  for (int i = 0; i < 16; ++i) {
    clients.emplace_back([&, i] {
      auto socket = TestSocket::connect(server->port());
      for (int n = 0; n < 20; ++n) {
        const auto body = fmt::format("{:04}", i * 100 + n);
        socket.send(fmt::format("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n{}", body));
        if (socket.read_message().ends_with("\r\n\r\n" + body)) ++good;
      }
    });
  }
  clients.clear();
  EXPECT_EQ(good, 320);
}

TEST(HttpServer, SaysWhyItCannotListen) {
  auto server = serve(echo);
  const auto same = HttpServer::start({.port = server->port()}, echo);
  ASSERT_FALSE(same);
  EXPECT_EQ(same.error().code, "net.listen");
  EXPECT_THAT(same.error().message, HasSubstr(fmt::format("127.0.0.1 port {}", server->port())));
  const auto nowhere = HttpServer::start({.host = "no-such-host.invalid"}, echo);
  ASSERT_FALSE(nowhere);
  EXPECT_EQ(nowhere.error().code, "net.listen");
}

}  // namespace
}  // namespace net
