// Exchanges and the streams that answer them.
#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <latch>
#include <memory>
#include <mutex>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include "net/http_server.h"
#include "net/test_socket.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kLastGet = "GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";

std::unique_ptr<HttpServer> serve(ExchangeHandler handler, HttpServerOptions options = {}) {
  auto server = HttpServer::start_exchanges(std::move(options), std::move(handler));
  EXPECT_TRUE(server);
  return std::move(*server);
}

std::string exchange_bytes(std::uint16_t port, std::string_view bytes) {
  auto socket = TestSocket::connect(port);
  socket.send(bytes);
  return socket.read_to_end();
}

// The body of the one answer in `bytes`.
std::string body_of(const std::string& bytes) {
  return bytes.substr(std::min(bytes.size(), bytes.find("\r\n\r\n") + 4));
}

// Holds what a handler was given until a test thread asks for it.
class Inbox {
 public:
  void put(std::shared_ptr<Exchange> exchange) {
    {
      std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(exchange));
    }
    arrived_.release();
  }
  std::shared_ptr<Exchange> take() {
    if (!arrived_.try_acquire_for(10s)) return nullptr;
    std::lock_guard lock(mutex_);
    auto exchange = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    return exchange;
  }
  ExchangeHandler handler() {
    return [this](std::shared_ptr<Exchange> exchange) { put(std::move(exchange)); };
  }

 private:
  std::mutex mutex_;
  std::vector<std::shared_ptr<Exchange>> waiting_;
  std::counting_semaphore<> arrived_{0};
};

// Waits until `token` fires.
bool fires(const std::stop_token& token) {
  std::binary_semaphore fired(0);
  const std::stop_callback callback(token, [&] { fired.release(); });
  return fired.try_acquire_for(10s);
}

TEST(HttpExchange, IsAnsweredOnTheSpotOrFromAnotherThread) {
  Inbox inbox;
  auto server = serve([&](std::shared_ptr<Exchange> exchange) {
    EXPECT_FALSE(exchange->request().encrypted);
    if (exchange->request().path == "/later") return inbox.put(std::move(exchange));
    exchange->respond({.body = "now"});
    exchange->respond({.body = "twice"});
    EXPECT_FALSE(exchange->stream({})->write("thrice"));
  });
  auto socket = TestSocket::connect(server->port());
  for (int i = 0; i < 3; ++i) {
    socket.send(kGet);
    EXPECT_THAT(socket.read_message(), EndsWith("\r\n\r\nnow"));
    socket.send("POST /later HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi");
    auto later = inbox.take();
    ASSERT_TRUE(later);
    later->respond({.body = later->request().body + "!"});
    EXPECT_THAT(socket.read_message(), EndsWith("\r\n\r\nhi!"));
  }
}

TEST(HttpExchange, UnansweredOnesAnswer500) {
  Inbox inbox;
  auto server = serve([&](std::shared_ptr<Exchange> exchange) {
    const auto path = exchange->request().path;
    if (path == "/throw") throw std::runtime_error("boom");
    if (path == "/kept") inbox.put(std::move(exchange));
    if (path == "/kept_and_throw") {
      inbox.put(std::move(exchange));
      throw 1;
    }
  });
  auto socket = TestSocket::connect(server->port());
  for (const auto* path : {"/throw", "/dropped", "/kept", "/kept_and_throw", "/dropped"}) {
    socket.send(fmt::format("GET {} HTTP/1.1\r\nHost: h\r\n\r\n", path));
    if (std::string_view(path).starts_with("/kept")) inbox.take().reset();
    EXPECT_THAT(socket.read_message(), StartsWith("HTTP/1.1 500 ")) << path;
  }
}

TEST(HttpExchange, ThousandsOfPipelinedRequestsNeedNoStack) {
  auto server = serve([](const std::shared_ptr<Exchange>& exchange) {
    exchange->respond({.body = exchange->request().path});
  });
  auto socket = TestSocket::connect(server->port());
  constexpr int kCount = 20000;
  std::jthread sender([&] {
    std::string requests;
    for (int i = 0; i < kCount; ++i) requests += fmt::format("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", i);
    socket.send(requests);
  });
  auto reader = TestSocket(::dup(socket.fd()));
  for (int i = 0; i < kCount; ++i) {
    ASSERT_THAT(reader.read_message(), EndsWith(fmt::format("\r\n\r\n/{}", i)));
  }
}

// The second request of a connection waits behind the first, whose answer is given under a lock that the
// handler takes too.
TEST(HttpExchange, AnsweringDoesNotReenterTheHandler) {
  std::mutex mutex;
  std::shared_ptr<Exchange> held;
  std::latch first_held(1);
  auto server = serve([&](std::shared_ptr<Exchange> exchange) {
    std::lock_guard lock(mutex);
    if (exchange->request().path == "/hold") {
      held = std::move(exchange);
      first_held.count_down();
    } else if (exchange->request().path == "/release") {
      held->respond({.body = "held"});
      exchange->respond({.body = "released"});
    } else {
      exchange->respond({.body = "behind"});
    }
  });
  auto one = TestSocket::connect(server->port());
  one.send("GET /hold HTTP/1.1\r\nHost: h\r\n\r\n" + kGet);
  first_held.wait();
  auto two = TestSocket::connect(server->port());
  two.send("GET /release HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_THAT(two.read_message(), EndsWith("released"));
  EXPECT_THAT(one.read_message(), EndsWith("held"));
  EXPECT_THAT(one.read_message(), EndsWith("behind"));
}

TEST(HttpExchange, MayOutliveItsServer) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  auto one = TestSocket::connect(server->port());
  auto two = TestSocket::connect(server->port());
  one.send(kGet);
  auto unanswered = inbox.take();
  two.send(kGet);
  auto other = inbox.take();
  auto stream = other->stream({});
  server.reset();
  EXPECT_TRUE(unanswered->request().stop.stop_requested());
  EXPECT_TRUE(other->request().stop.stop_requested());
  unanswered->respond({.body = "late"});
  EXPECT_FALSE(stream->write("late"));
  stream->end();
  EXPECT_EQ(one.read_to_end(), "");
}

TEST(HttpStream, WhatIsWrittenTogetherIsOneChunkAndTheConnectionGoesOn) {
  auto server = serve([](const std::shared_ptr<Exchange>& exchange) {
    auto stream = exchange->stream({.headers = {{"Content-Type", "text/event-stream"}}, .body = "one "});
    for (const auto* piece : {"two ", "", "three"}) EXPECT_TRUE(stream->write(piece));
    EXPECT_EQ(stream->backlog(), 13u);
    stream->end();
    EXPECT_FALSE(stream->write("late"));
  });
  auto socket = TestSocket::connect(server->port());
  for (int i = 0; i < 2; ++i) {
    socket.send(kGet);
    const auto head = socket.read_until("\r\n\r\n");
    EXPECT_THAT(head, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(head, HasSubstr("Transfer-Encoding: chunked\r\n"));
    EXPECT_THAT(head, Not(HasSubstr("Content-Length")));
    EXPECT_EQ(socket.read_until("0\r\n\r\n"), "d\r\none two three\r\n0\r\n\r\n");
  }
}

TEST(HttpStream, EventsArriveOneByOneFromAnotherThread) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  auto socket = TestSocket::connect(server->port());
  socket.send(kGet + kLastGet);  // the second waits for the first one's end
  auto stream = inbox.take()->stream({});
  EXPECT_THAT(socket.read_until("\r\n\r\n"), StartsWith("HTTP/1.1 200 "));
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(stream->write(fmt::format("event {:02}", i)));
    EXPECT_EQ(socket.read_bytes(13), fmt::format("8\r\nevent {:02}\r\n", i));
  }
  stream->end();
  EXPECT_EQ(socket.read_until("0\r\n\r\n"), "0\r\n\r\n");
  inbox.take()->respond({.body = "second"});
  EXPECT_THAT(socket.read_to_end(), EndsWith("\r\n\r\nsecond"));
}

TEST(HttpStream, OldClientsGetABodyUpToTheEnd) {
  auto server = serve([](const std::shared_ptr<Exchange>& exchange) {
    auto stream = exchange->stream({.body = "a"});
    stream->write("b");
    stream->end();
  });
  const auto answer =
      exchange_bytes(server->port(), "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_THAT(answer, Not(HasSubstr("Transfer-Encoding")));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_EQ(body_of(answer), "ab");
}

TEST(HttpStream, AnswersWithoutABodyDropWhatIsWritten) {
  for (const auto& [method, status] : {std::pair{"HEAD", 200}, {"GET", 204}, {"GET", 304}}) {
    auto server = serve([code = status](const std::shared_ptr<Exchange>& exchange) {
      if (exchange->request().path == "/next") return exchange->respond({.body = "next"});
      auto stream = exchange->stream({.status = code, .body = "a"});
      for (int i = 0; i < 100; ++i) EXPECT_TRUE(stream->write("b"));
      stream->end();
    });
    const auto answer = exchange_bytes(
        server->port(), fmt::format("{} / HTTP/1.1\r\nHost: h\r\n\r\n"
                                    "GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
                                    method));
    EXPECT_THAT(body_of(answer), StartsWith("HTTP/1.1 200 OK\r\n")) << method << status;
    EXPECT_THAT(answer, EndsWith("\r\n\r\nnext")) << method << status;
    EXPECT_EQ(answer.contains("Transfer-Encoding"), status == 200) << method << status;
  }
}

TEST(HttpStream, AHeadThatCannotBeSentIs500) {
  auto server = serve([](const std::shared_ptr<Exchange>& exchange) {
    auto stream = exchange->stream({.headers = {{"X", "a\r\nB: c"}}, .body = "a"});
    EXPECT_FALSE(stream->write("b"));
  });
  EXPECT_THAT(exchange_bytes(server->port(), kLastGet), StartsWith("HTTP/1.1 500 "));
}

TEST(HttpStream, LettingGoBeforeTheEndBreaksTheConnection) {
  auto server = serve(
      [](const std::shared_ptr<Exchange>& exchange) { exchange->stream({.body = "half"})->write(" of it"); });
  EXPECT_THAT(exchange_bytes(server->port(), kGet), Not(HasSubstr("0\r\n\r\n")));
}

TEST(HttpStream, ItsOwnerLearnsThatTheClientHungUp) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  for (const bool pipelined : {false, true}) {
    auto socket = TestSocket::connect(server->port());
    socket.send(kGet + (pipelined ? kGet : ""));
    auto exchange = inbox.take();
    auto stream = exchange->stream({.body = "a"});
    socket.read_until("a\r\n");
    EXPECT_FALSE(exchange->request().stop.stop_requested());
    socket.close();
    EXPECT_TRUE(fires(exchange->request().stop)) << pipelined;
    while (stream->write("b")) std::this_thread::yield();
  }
}

// Requests ahead of their turn are not read without end; whether the client is still there shows all the
// same.
TEST(HttpStream, AHangUpBehindManyRequestsShowsAndTheyAreAllAnswered) {
  constexpr int kAhead = 1000;
  std::string requests;
  for (int i = 0; i < kAhead; ++i) requests += kGet;
  Inbox inbox;
  std::atomic<int> asked{0};
  auto server = serve([&](std::shared_ptr<Exchange> exchange) {
    if (asked++ % (kAhead + 1) == 0) return inbox.put(std::move(exchange));
    exchange->respond({.body = "behind"});
  });
  {
    auto socket = TestSocket::connect(server->port());
    socket.send(kGet);
    auto exchange = inbox.take();
    std::jthread sender([&] {
      socket.send(requests);
      socket.shutdown_send();
    });
    EXPECT_TRUE(fires(exchange->request().stop));
    sender.join();
    exchange->respond({.body = "first"});
    const auto answers = socket.read_to_end();
    int behind = 0;
    for (std::size_t at = 0; (at = answers.find("behind", at)) != std::string::npos; ++at) ++behind;
    EXPECT_EQ(behind, kAhead);
  }
  auto socket = TestSocket::connect(server->port());
  socket.send(kGet);
  auto exchange = inbox.take();
  auto stream = exchange->stream({.body = "a"});
  socket.read_until("a\r\n");
  socket.send(requests.substr(0, 20000));
  socket.close();
  EXPECT_TRUE(fires(exchange->request().stop));
}

TEST(HttpStream, AHalfCloseEndsItAfterWhatWasWritten) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  auto open = TestSocket::connect(server->port());
  open.send(kGet);
  auto exchange = inbox.take();
  auto stream = exchange->stream({.body = "a"});
  open.read_until("a\r\n");
  open.shutdown_send();
  EXPECT_TRUE(fires(exchange->request().stop));
  EXPECT_EQ(open.read_to_end(), "");
  EXPECT_EQ(open.last_error(), 0);

  // One that is complete by then is delivered, like a plain answer.
  auto complete = serve([](const std::shared_ptr<Exchange>& answered) {
    auto body = answered->stream({.body = "a"});
    body->write("b");
    body->end();
  });
  auto socket = TestSocket::connect(complete->port());
  socket.send(kGet);
  socket.shutdown_send();
  EXPECT_EQ(body_of(socket.read_to_end()), "2\r\nab\r\n0\r\n\r\n");
}

TEST(HttpStream, StopTellsStreamsAtOnceAndTheirLastEventArrives) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  auto told = TestSocket::connect(server->port());
  told.send(kGet);
  auto exchange = inbox.take();
  auto stream = exchange->stream({.body = "first"});
  told.read_until("first\r\n");
  // On the loop's thread, as an owner would.
  const std::stop_callback farewell(exchange->request().stop, [&] {
    stream->write("farewell");
    stream->end();
  });
  auto plain = TestSocket::connect(server->port());
  plain.send(kGet);
  auto unanswered = inbox.take();

  auto stopping = std::async(std::launch::async, [&] { server->stop(30s); });
  EXPECT_EQ(told.read_to_end(), "8\r\nfarewell\r\n0\r\n\r\n");
  EXPECT_FALSE(unanswered->request().stop.stop_requested());
  // One that becomes a stream only now is told as well.
  auto late = unanswered->stream({.body = "late"});
  EXPECT_TRUE(fires(unanswered->request().stop));
  late->end();
  EXPECT_THAT(plain.read_to_end(), EndsWith("4\r\nlate\r\n0\r\n\r\n"));
  stopping.get();  // long before the grace is over, else ctest's limit
}

TEST(HttpStream, StopClosesStreamsThatDoNotEnd) {
  Inbox inbox;
  auto server = serve(inbox.handler());
  auto socket = TestSocket::connect(server->port());
  socket.send(kGet);
  auto exchange = inbox.take();
  auto stream = exchange->stream({.body = "first"});
  socket.read_until("first\r\n");
  server->stop(1ms);
  EXPECT_TRUE(exchange->request().stop.stop_requested());
  EXPECT_FALSE(stream->write("more"));
  EXPECT_EQ(socket.read_to_end(), "");
}

TEST(HttpStream, TooLargeABacklogEndsIt) {
  constexpr std::size_t kLimit = 64u << 10;
  Inbox inbox;
  auto server = serve(inbox.handler(), {.max_stream_backlog = kLimit});
  auto socket = TestSocket::connect(server->port());
  socket.send(kGet);  // and reads nothing
  auto exchange = inbox.take();
  auto stream = exchange->stream({});
  const std::string piece(1000, 'x');
  while (stream->write(piece)) {
    ASSERT_LE(stream->backlog(), kLimit + piece.size());
  }
  EXPECT_TRUE(fires(exchange->request().stop));
  EXPECT_FALSE(stream->write("more"));
}

TEST(HttpStream, OnePieceMayBeLargerThanTheBacklog) {
  auto server = serve(
      [](const std::shared_ptr<Exchange>& exchange) {
        auto stream = exchange->stream({.body = "small "});
        EXPECT_TRUE(stream->write(std::string(3u << 20, 'x')));
        EXPECT_GT(stream->backlog(), 3u << 20);
        stream->end();
      },
      {.max_stream_backlog = 1000});
  const auto answer = exchange_bytes(server->port(), kLastGet);
  EXPECT_THAT(body_of(answer), StartsWith("300006\r\nsmall x"));
  EXPECT_EQ(body_of(answer).size(), 8 + 6 + (3u << 20) + 7);
  EXPECT_THAT(answer, EndsWith("xx\r\n0\r\n\r\n"));
}

TEST(HttpStream, AClientThatTakesNothingIsDropped) {
  Inbox inbox;
  auto server = serve(inbox.handler(), {.max_stream_backlog = 64u << 20, .write_timeout = 1s});
  auto quiet = TestSocket::connect(server->port());
  quiet.send(kGet);
  auto open = inbox.take();
  auto idle = open->stream({.body = "nothing waits"});
  auto socket = TestSocket::connect(server->port());
  socket.send(kGet);
  auto exchange = inbox.take();
  auto stream = exchange->stream({.body = std::string(32u << 20, 'x')});
  EXPECT_TRUE(fires(exchange->request().stop));
  EXPECT_FALSE(stream->write("more"));
  EXPECT_EQ(stream->backlog(), 0u);
  // A stream on which nothing waits has no such limit.
  EXPECT_FALSE(open->request().stop.stop_requested());
  EXPECT_TRUE(idle->write("still there"));
}

TEST(HttpStream, ManyAtOnceWrittenFromManyThreads) {
  constexpr int kStreams = 32;
  constexpr int kEvents = 300;
  Inbox inbox;
  auto server = serve(inbox.handler(), {.io_threads = 2});
  std::vector<std::jthread> clients;
  std::atomic<int> whole{0};
  for (int i = 0; i < kStreams; ++i) {
    clients.emplace_back([&] {
      auto body = body_of(exchange_bytes(server->port(), kLastGet));
      int events = 0;
      for (std::size_t at = 0; (at = body.find("event", at)) != std::string::npos; ++at) ++events;
      if (events == 2 * kEvents && body.ends_with("0\r\n\r\n")) ++whole;
    });
  }
  std::vector<std::jthread> writers;
  for (int i = 0; i < kStreams; ++i) {
    auto stream = inbox.take()->stream({});
    auto left = std::make_shared<std::atomic<int>>(2);
    for (int half = 0; half < 2; ++half) {
      writers.emplace_back([stream, left] {
        for (int n = 0; n < kEvents; ++n) EXPECT_TRUE(stream->write("event "));
        if (--*left == 0) stream->end();
      });
    }
  }
  writers.clear();
  clients.clear();
  EXPECT_EQ(whole, kStreams);
}

}  // namespace
}  // namespace net
