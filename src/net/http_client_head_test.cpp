// on_head: what a caller knows before the first byte of a body.
#include <atomic>
#include <thread>

#include "net/fake_http_client.h"
#include "net/test_client.h"

namespace net {
namespace {

using core::ErrorKind;

TEST_F(HttpClientTest, TheHeadComesOnceBeforeTheBodyAndWhileItIsStillOpen) {
  std::atomic<bool> seen{false};
  std::vector<std::string> order;
  TestListener listener([&](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (!seen) std::this_thread::yield();  // not a byte of the body before the head was seen
    socket.send("5\r\nhello\r\n0\r\nHTTP/1.1: 500 Trick\r\nContent-Type: text/html\r\n\r\n");
  });
  const auto response = send({.url = at(listener.port()),
                              .on_head =
                                  [&](const HttpResponse& head) {
                                    EXPECT_EQ(head.status, 200);
                                    EXPECT_EQ(head.headers.get("Content-Type"), "text/event-stream");
                                    EXPECT_FALSE(head.headers.has("Link"));
                                    order.emplace_back("head");
                                    seen = true;
                                    return core::Status();
                                  },
                              .on_body =
                                  [&](std::string_view piece) {
                                    order.emplace_back(piece);
                                    return core::Status();
                                  }});
  ASSERT_TRUE(response) << core::describe(response.error());
  EXPECT_THAT(order, testing::ElementsAre("head", "hello"));
  EXPECT_EQ(response->status, 200) << "a trailer is no status line";
  EXPECT_EQ(response->headers.get("Content-Type"), "text/event-stream");
}

TEST_F(HttpClientTest, ErrorAnswersAndEmptyOnesHaveAHeadToo) {
  auto server = serve([](const ServerRequest& request) {
    return ServerResponse{.status = request.path == "/empty" ? 204 : 404, .body = "gone"};
  });
  int status = 0;
  const auto note = [&](const HttpResponse& head) {
    status = head.status;
    return core::Status();
  };
  EXPECT_EQ(send({.url = at(server->port()), .on_head = note})->body, "gone");
  EXPECT_EQ(status, 404);
  EXPECT_EQ(send({.url = at(server->port(), "/empty"), .on_head = note})->body, "");
  EXPECT_EQ(status, 204);
}

TEST_F(HttpClientTest, OnHeadErrorsEndTheTransferAndNoBodyIsGiven) {
  std::atomic<bool> over{false};
  TestListener endless([&](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\n\r\n");
    while (!over && socket.send(std::string(4096, 'x'))) {
    }
  });
  const auto body = [](auto) {
    ADD_FAILURE() << "no body after a refused head";
    return core::Status();
  };
  error_of({.url = at(endless.port()),
            .on_head = [](const auto&) { return core::fail(ErrorKind::protocol, "x.mine", "No."); },
            .on_body = body},
           "x.mine");
  error_of({.url = at(endless.port()),
            .on_head = [](const auto&) -> core::Status { throw std::runtime_error("thrown"); },
            .on_body = body},
           "net.on_body");
  over = true;
}

TEST(FakeHttpClientHead, IsFedToo) {
  FakeHttpClient http;
  http.reply(404, "x");
  int status = 0;
  ASSERT_TRUE(http.send({}, {.url = "https://h/", .on_head = [&](const HttpResponse& head) {
                               status = head.status;
                               return core::Status();
                             }}));
  EXPECT_EQ(status, 404);
}

}  // namespace
}  // namespace net
