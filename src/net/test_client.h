// What the client's tests share: a client, servers on loopback, and peers that say exactly what they are
// told.
#pragma once

#include <fmt/format.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <string>
#include <utility>

#include "net/http_client.h"
#include "net/http_server.h"
#include "net/test_socket.h"

namespace net {

inline std::unique_ptr<HttpServer> serve(HttpHandler handler, HttpServerOptions options = {}) {
  auto server = HttpServer::start(std::move(options), std::move(handler));
  EXPECT_TRUE(server);
  return std::move(*server);
}

inline std::string at(std::uint16_t port, std::string_view path = "/") {
  return fmt::format("http://127.0.0.1:{}{}", port, path);
}

// A peer that reads one request and then says exactly this.
inline std::function<void(TestSocket&, int)> says(std::string answer) {
  return [answer = std::move(answer)](TestSocket& socket, int) {
    socket.read_until("\r\n\r\n");
    socket.send(answer);
  };
}

class HttpClientTest : public testing::Test {
 protected:
  core::Result<HttpResponse> send(const HttpRequest& request) { return client_->send(context_, request); }

  // The error of a send() that must fail, with what holds for every one of them.
  core::Error error_of(const HttpRequest& request, const std::string& code) {
    const auto response = send(request);
    if (response) {
      ADD_FAILURE() << "expected " << code << ", got status " << response->status;
      return {};
    }
    EXPECT_EQ(response.error().code, code) << core::describe(response.error());
    EXPECT_FALSE(response.error().message.empty());
    EXPECT_THAT(core::describe(response.error()), testing::Not(testing::HasSubstr("hunter2")));
    return response.error();
  }

  core::Context context_;
  std::unique_ptr<HttpClient> client_ = make_http_client({.user_agent = "net-test/1"});
};

}  // namespace net
