// The client against servers on real sockets that stream without end, or say nothing at all.
#include <atomic>
#include <condition_variable>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <mutex>
#include <thread>

#include "mcp/test_http_server.h"
#include "mcp/test_peer.h"
#include "net/test_client.h"

namespace mcp {
namespace {

using core::json::Object;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::reply;

constexpr std::string_view kStreamHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";

std::string whole(std::string_view body) {
  return fmt::format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
                     body.size(), body);
}

// Raw HTTP: handshakes are answered here, everything else by `serve`, which may keep the socket.
class RawServer {
 public:
  using Serve = std::function<void(net::TestSocket&, const Object& message)>;

  RawServer(Revision revision, Serve serve)
      : listener_([revision, serve = std::move(serve)](net::TestSocket& socket, int) {
          for (;;) {
            const std::string request = socket.read_message();
            if (request.empty()) return;
            if (request.starts_with("GET") || request.starts_with("DELETE")) {
              socket.send("HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n");
              continue;
            }
            const auto message = core::json::parse(request.substr(request.find("\r\n\r\n") + 4));
            if (!message || !message->is_object()) return;
            const Object& object = message->get_object();
            const auto method = core::json::string_or_empty(object, "method");
            if (method == "server/discover") {
              socket.send(whole(reply(object, testing::kDiscovered)));
            } else if (method == "initialize") {
              socket.send(whole(
                  reply(object, fmt::format(R"("result":{{"protocolVersion":"{}"}})", to_string(revision)))));
            } else if (method == "notifications/initialized") {
              socket.send("HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n");
            } else {
              serve(socket, object);
              return;
            }
          }
        }) {}

  std::unique_ptr<Client> connect(ClientOptions options) {
    auto transport = make_http_transport(
        {.url = net::at(listener_.port(), "/mcp"), .http = *http_, .limits = options.limits});
    EXPECT_TRUE(transport.has_value());
    auto client = Client::connect(*std::move(transport), std::move(options));
    EXPECT_TRUE(client.has_value()) << core::describe(client.error());
    return client ? *std::move(client) : nullptr;
  }

 private:
  std::unique_ptr<net::HttpClient> http_ = net::make_http_client({});
  net::TestListener listener_;
};

TEST(ClientOverSockets, EndsAStreamThatHasNoEnd) {
  struct Row {
    std::string piece;
    const char* code;
  };
  const Row rows[] = {
      {"data: " + std::string(4000, 'x'), "mcp.client.too_large"},         // one line
      {"data: " + std::string(4000, 'x') + "\n", "mcp.client.too_large"},  // one event
      {testing::event(R"({"jsonrpc":"2.0","method":"notifications/message"})"), "mcp.client.limit"},
      {": " + std::string(4000, 'x') + "\n", "net.too_large"},  // comments only
      {"id: 1\nretry: 0\ndata:\n\n", "net.too_large"},
  };
  for (const Row& row : rows) {
    RawServer server(Revision::v2026_07_28, [&](net::TestSocket& socket, const Object&) {
      socket.send(kStreamHead);
      while (socket.send(row.piece)) {
      }
    });
    auto client = server.connect(
        {.limits = {.message_bytes = 1u << 20, .answer_bytes = 4u << 20, .answer_messages = 1000}});
    ASSERT_TRUE(client);
    EXPECT_EQ(client->call_tool("t", {}, {.timeout = seconds{60}}).error().code, row.code)
        << row.piece.substr(0, 60);
  }
}

TEST(ClientOverSockets, TheResponseEndsAStreamThatIsHeldOpen) {
  RawServer server(Revision::v2026_07_28, [&](net::TestSocket& socket, const Object& message) {
    socket.send(kStreamHead);
    socket.send(testing::event(reply(message, R"("result":{"content":[]})")));
    socket.read_to_end();  // the client hangs up, or this waits for ten seconds
    EXPECT_EQ(socket.last_error(), 0) << "hung up, not timed out";
  });
  auto client = server.connect({});
  ASSERT_TRUE(client);
  EXPECT_TRUE(client->call_tool("t"));
}

TEST(ClientOverSockets, HangingUpIsHowAModernCallIsCancelled) {
  std::stop_source stop;
  RawServer server(Revision::v2026_07_28, [&](net::TestSocket& socket, const Object&) {
    stop.request_stop();
    EXPECT_EQ(socket.read_to_end(), "") << "nothing is said, the connection just ends";
    EXPECT_EQ(socket.last_error(), 0);
  });
  auto client = server.connect({});
  ASSERT_TRUE(client);
  EXPECT_EQ(client->call_tool("t", {}, {.stop = stop.get_token()}).error().code, "mcp.client.cancelled");
}

TEST(ClientOverSockets, ALegacyServerIsToldOfACancelledCall) {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<Object> heard;
  RawServer server(Revision::v2025_11_25, [&](net::TestSocket& socket, const Object& message) {
    const bool call = core::json::string_or_empty(message, "method") == "tools/call";
    {
      std::lock_guard lock(mutex);
      heard.push_back(message);
      changed.notify_all();
    }
    if (!call) {
      socket.send("HTTP/1.1 202 OK\r\nContent-Length: 0\r\n\r\n");
      return;
    }
    socket.read_to_end();  // says nothing
  });
  auto client = server.connect({.revision = Revision::v2025_11_25});
  ASSERT_TRUE(client);
  auto result = client->call_tool("t", {}, {.timeout = milliseconds{1}});
  EXPECT_EQ(result.error().code, "mcp.client.timeout");
  std::unique_lock lock(mutex);
  ASSERT_TRUE(changed.wait_for(lock, seconds{20}, [&] {
    return std::ranges::any_of(heard, [](const Object& message) {
      return core::json::string_or_empty(message, "method") == "notifications/cancelled";
    });
  }));
}

TEST(ClientOverSockets, ClosingEndsWhatIsOpen) {
  std::mutex mutex;
  std::condition_variable changed;
  bool waiting = false;
  RawServer server(Revision::v2026_07_28, [&](net::TestSocket& socket, const Object&) {
    {
      std::lock_guard lock(mutex);
      waiting = true;
      changed.notify_all();
    }
    socket.read_to_end();
  });
  auto client = server.connect({});
  ASSERT_TRUE(client);
  std::string code;
  std::thread caller([&] { code = client->call_tool("t").error().code; });
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, seconds{20}, [&] { return waiting; }));
  }
  client->close();
  caller.join();
  EXPECT_EQ(code, "mcp.client.closed");
}

TEST(ClientOverSockets, SubscriptionsGetTheirOwnEventsUntilTheyEnd) {
  RawServer server(Revision::v2026_07_28, [&](net::TestSocket& socket, const Object& message) {
    const std::string id = testing::id_of(message);
    const auto tagged = [&](std::string_view method, std::string_view more, std::string_view tag) {
      return testing::event(fmt::format(
          R"({{"jsonrpc":"2.0","method":"{}","params":{{{}"_meta":{{"io.modelcontextprotocol/subscriptionId":{}}}}}}})",
          method, more, tag));
    };
    EXPECT_EQ(message.at("params").at("notifications"),
              testing::json(R"({"toolsListChanged":true,"resourceSubscriptions":["a:b"]})"));
    socket.send(kStreamHead);
    socket.send(tagged("notifications/subscriptions/acknowledged",
                       R"("notifications":{"toolsListChanged":true},)", id));
    socket.send(tagged("notifications/tools/list_changed", "", id));
    socket.send(tagged("notifications/tools/list_changed", "", "99"));  // somebody else's
    socket.read_to_end();
    EXPECT_EQ(socket.last_error(), 0);
  });
  std::mutex mutex;
  std::condition_variable changed;
  int mine = 0, others = 0;
  auto client = server.connect({.on_notification = [&](std::string_view, const Object&) {
    std::lock_guard lock(mutex);
    ++others;
    changed.notify_all();
  }});
  ASSERT_TRUE(client);
  auto subscription =
      client->listen({.tools = true, .resource_uris = {"a:b"}}, [&](std::string_view method, const Object&) {
        EXPECT_EQ(method, "notifications/tools/list_changed");
        std::lock_guard lock(mutex);
        ++mine;
        changed.notify_all();
      });
  ASSERT_TRUE(subscription) << core::describe(subscription.error());
  EXPECT_EQ((*subscription)->honoured(), testing::json(R"({"toolsListChanged":true})").as_object());
  {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, seconds{20}, [&] { return mine == 1 && others == 1; }));
  }
  EXPECT_FALSE((*subscription)->ended());
  subscription->reset();  // hangs up
}

TEST(ClientOverSockets, ASubscriptionThatIsNotAcknowledgedIsNone) {
  RawServer server(Revision::v2026_07_28, [&](net::TestSocket& socket, const Object& message) {
    socket.send(whole(reply(message, R"("error":{"code":-32601,"message":"m"})")));
  });
  auto client = server.connect({});
  ASSERT_TRUE(client);
  EXPECT_EQ(client->listen({.tools = true}, {}).error().code, "mcp.client.rpc");
}

}  // namespace
}  // namespace mcp
