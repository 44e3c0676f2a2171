// The transport over real pipes and sockets.
#include "mcp/stdio_transport.h"

#include <array>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <latch>
#include <optional>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "mcp/stdio_outlet.h"
#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::error_code;
using testing::json;
using testing::Peer;
using testing::says;
using testing::simple_tool;
using testing::text_of;
using testing::Value;

constexpr int kPatience = 20'000;  // ms, for a machine under load

class Host {
 public:
  enum class Kind { pipes, socket };

  explicit Host(Kind kind = Kind::pipes) {
    if (kind == Kind::socket) {
      int pair[2];
      EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
      server_in_ = server_out_ = pair[0];
      in = out = pair[1];
    } else {
      int to[2], from[2];
      EXPECT_EQ(pipe2(to, O_CLOEXEC) + pipe2(from, O_CLOEXEC), 0);
      server_in_ = to[0];
      in = to[1];
      out = from[0];
      server_out_ = from[1];
    }
    stop_fd = eventfd(0, EFD_CLOEXEC);
  }
  ~Host() {
    close_in();
    if (thread_.joinable()) thread_.join();
    close_out();
    close(server_in_);
    if (server_out_ != server_in_) close(server_out_);
    close(stop_fd);
  }

  void serve(Server& server, StdioOptions options = {}) {
    options.in = server_in_;
    options.out = server_out_;
    options.stop_fd = stop_fd;
    thread_ = std::thread([this, &server, options] { outcome_ = serve_stdio(server, options); });
  }
  StdioOutcome end() {
    thread_.join();
    EXPECT_TRUE(outcome_ && outcome_->has_value());
    return **outcome_;
  }
  void stop() {
    std::uint64_t one = 1;
    EXPECT_EQ(write(stop_fd, &one, sizeof one), 8);
  }

  void send(std::string_view text) {
    while (!text.empty()) {
      ssize_t count = write(in, text.data(), text.size());
      ASSERT_GT(count, 0);
      text.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  // The next line, or nothing at the end of output.
  std::optional<std::string> line() {
    for (;;) {
      if (auto newline = read_.find('\n'); newline != std::string::npos) {
        std::string found = read_.substr(0, newline);
        read_.erase(0, newline + 1);
        return found;
      }
      pollfd ready{out, POLLIN, 0};
      if (poll(&ready, 1, kPatience) != 1) return std::nullopt;
      char buffer[65536];
      ssize_t count = read(out, buffer, sizeof buffer);
      if (count <= 0) return std::nullopt;
      read_.append(buffer, static_cast<std::size_t>(count));
    }
  }
  Value ask(std::string_view text) {
    send(std::string(text) + "\n");
    auto answer = line();
    return answer ? json(*answer) : Value();
  }
  void initialize() {
    Value answer =
        ask(R"({"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25"}})");
    EXPECT_EQ(core::json::string_or_empty(answer, "result.protocolVersion"), "2025-11-25");
  }
  void close_in() {
    if (in >= 0) in == out ? shutdown(in, SHUT_WR) : close(in);
    in = -1;
  }
  void close_out() {
    if (out >= 0) close(out);
    out = -1;
  }

  int in = -1, out = -1, stop_fd = -1;

 private:
  int server_in_ = -1, server_out_ = -1;
  std::string read_;
  std::thread thread_;
  std::optional<core::Result<StdioOutcome>> outcome_;
};

std::unique_ptr<Server> make_server(ServerOptions options = {}) {
  options.info = {.name = "under-test", .version = "1"};
  auto server = *Server::create(std::move(options));
  EXPECT_TRUE(server->add_tool(simple_tool("reader", says("reader"))).has_value());
  EXPECT_TRUE(server->add_tool(simple_tool("big", says(std::string(300'000, 'x')))).has_value());
  EXPECT_TRUE(server->add_tool(simple_tool("local", says("local"), RunsOn::local)).has_value());
  return server;
}

constexpr std::string_view kPing = R"({"jsonrpc":"2.0","id":7,"method":"ping"})";

std::string call(int id, std::string_view tool) {
  return R"({"jsonrpc":"2.0","id":)" + std::to_string(id) + R"(,"method":"tools/call","params":{"name":")" +
         std::string(tool) + "\"}}";
}

TEST(StdioTransport, AnswersLineByLineOverPipesAndSockets) {
  for (auto kind : {Host::Kind::pipes, Host::Kind::socket}) {
    auto server = make_server();
    Host host(kind);
    host.serve(*server);
    host.initialize();
    EXPECT_EQ(text_of(host.ask(call(1, "reader"))), "reader");
    EXPECT_EQ(text_of(host.ask(call(2, "local"))), "local");
    EXPECT_EQ(text_of(host.ask(call(3, "big"))).size(), 300'000u);
    host.close_in();
    auto outcome = host.end();
    EXPECT_EQ(outcome.why, StdioEnd::end_of_input);
    EXPECT_TRUE(outcome.settled);
  }
}

TEST(StdioTransport, TakesLinesHoweverTheyArrive) {
  auto server = make_server();
  Host host;
  host.serve(*server);
  // Several in one write, one in many writes, blank lines and carriage returns between.
  host.send(std::string(kPing) + "\r\n\n \n" + std::string(kPing) + "\n");
  EXPECT_TRUE(host.line().has_value());
  EXPECT_TRUE(host.line().has_value());
  for (char c : std::string(kPing) + "\n") host.send(std::string(1, c));
  EXPECT_EQ(host.line(), R"({"jsonrpc":"2.0","id":7,"result":{}})");
  std::string padded =
      R"({"jsonrpc":"2.0","id":8,"method":"ping","params":{"pad":")" + std::string(1'000'000, 'p') + "\"}}\n";
  host.send(padded);
  EXPECT_EQ(host.line(), R"({"jsonrpc":"2.0","id":8,"result":{}})");
  host.send(kPing);  // the last line, without its newline
  host.close_in();
  EXPECT_EQ(host.line(), R"({"jsonrpc":"2.0","id":7,"result":{}})");
}

TEST(StdioTransport, SkipsHugeLinesAndLivesOn) {
  auto server = make_server({.max_message_bytes = 10'000});
  Host host;
  host.serve(*server);
  std::string half(5'000, 'x');
  struct Row {
    std::size_t bytes;
    int code;
  };
  for (auto [bytes, code] : {Row{10'000, code::kParseError}, Row{10'001, code::kInvalidRequest},
                             Row{100'000, code::kInvalidRequest}, Row{5'000'000, code::kInvalidRequest}}) {
    Value answer = host.ask(std::string(bytes, 'x'));
    EXPECT_EQ(error_code(answer), code) << bytes;
    EXPECT_EQ(*core::json::find(answer, "id"), Value(nullptr));
    EXPECT_EQ(core::json::write(host.ask(kPing)), R"({"jsonrpc":"2.0","id":7,"result":{}})") << bytes;
  }
}

TEST(StdioTransport, DoesNotWaitForAHostThatDoesNotRead) {
  auto server = make_server();
  Host host;
  host.serve(*server);
  host.initialize();
  constexpr int kBig = 100;  // 30 MB of answers, far beyond any pipe
  for (int i = 1; i <= kBig; ++i) host.send(call(i, "big") + "\n");
  host.send(call(1000, "local") + "\n");
  host.send(std::string(kPing) + "\n");  // read while the output is full
  int answers = 0;
  bool ping = false, local = false;
  while (answers < kBig + 2) {
    auto text = host.line();
    ASSERT_TRUE(text.has_value()) << answers;
    Value answer = json(*text);
    ++answers;
    ping |= answer.at("id") == Value(7);
    local |= answer.at("id") == Value(1000);
  }
  EXPECT_TRUE(ping && local);
}

TEST(StdioTransport, GivesUpAHostThatNeverReads) {
  auto server = make_server();
  Host host;
  host.serve(*server, {.max_backlog_bytes = 1'000'000});
  host.initialize();
  for (int i = 1; i <= 20; ++i) host.send(call(i, "big") + "\n");
  EXPECT_EQ(host.end().why, StdioEnd::output_broken);
}

TEST(StdioTransport, EndsWhenTheHostIsGone) {
  auto server = make_server();
  Host host;
  host.serve(*server);
  host.close_out();
  host.send(std::string(kPing) + "\n");
  EXPECT_EQ(host.end().why, StdioEnd::output_broken);
}

TEST(StdioTransport, EndsOnAStopAndStopsItsCalls) {
  auto server = make_server();
  std::latch started(1);
  auto waits = [&](const core::Context& context, const ToolCall&) -> core::Result<Outcome> {
    started.count_down();
    core::system_clock().wait_until(core::system_clock().steady() + std::chrono::hours{1}, context.stop);
    return Complete{text_result("stopped")};
  };
  ASSERT_TRUE(server->add_tool(simple_tool("waits", waits, RunsOn::upstream)).has_value());
  Host host;
  host.serve(*server);
  host.initialize();
  host.send(call(1, "waits") + "\n");
  started.wait();
  host.stop();
  auto outcome = host.end();
  EXPECT_EQ(outcome.why, StdioEnd::stopped);
  EXPECT_TRUE(outcome.settled);
  EXPECT_NE(host.line().value_or("").find("stopped"), std::string::npos);
}

TEST(StdioTransport, SaysWhenAHandlerIgnoresItsStopToken) {
  auto server = make_server();
  std::latch go(1), started(1);
  ASSERT_TRUE(server
                  ->add_tool(simple_tool(
                      "stubborn",
                      [&](const core::Context&, const ToolCall&) -> core::Result<Outcome> {
                        started.count_down();
                        go.wait();
                        return Complete{text_result("at last")};
                      },
                      RunsOn::local))
                  .has_value());
  Host host;
  host.serve(*server, {.settle = std::chrono::milliseconds{1}});
  host.initialize();
  host.send(call(1, "stubborn") + "\n");
  started.wait();
  host.close_in();
  auto outcome = host.end();
  EXPECT_EQ(outcome.why, StdioEnd::end_of_input);
  EXPECT_FALSE(outcome.settled);
  go.count_down();
  EXPECT_TRUE(server->settle(std::chrono::milliseconds{kPatience}));
}

TEST(StdioTransport, RefusesDescriptorsThatAreNotOpen) {
  auto server = make_server();
  EXPECT_EQ(serve_stdio(*server, {.in = 987, .out = 1}).error().code, "mcp.stdio.input");
  int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(serve_stdio(*server, {.in = null, .out = 987}).error().code, "mcp.stdio.output");
  close(null);
}

TEST(StdioOutlet, LeavesTheSharedDescriptorBlocking) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  auto outlet = *StdioOutlet::create(ends[1], 1 << 20, -1);
  outlet->send("x", Delivery::required);
  EXPECT_EQ(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
  outlet->shut();
  close(ends[0]);
  close(ends[1]);
}

TEST(StdioOutlet, DropsProgressBeforeAnswers) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  auto outlet = *StdioOutlet::create(ends[1], 64 << 20, -1);
  outlet->send(std::string(3 << 20, 'a'), Delivery::required);
  outlet->send("dropped", Delivery::droppable);
  outlet->send("kept", Delivery::required);
  std::string all;
  std::array<char, 65536> buffer;
  while (!all.ends_with("kept\n")) {
    pollfd ready{ends[0], POLLIN, 0};
    ASSERT_EQ(poll(&ready, 1, kPatience), 1);
    all.append(buffer.data(), static_cast<std::size_t>(read(ends[0], buffer.data(), buffer.size())));
  }
  EXPECT_EQ(all.size(), (3u << 20) + 1 + 5);
  EXPECT_TRUE(outlet->flush(std::chrono::milliseconds{kPatience}));
  outlet->shut();
  close(ends[0]);
  close(ends[1]);
}

TEST(StdioOutlet, WritesToTerminals) {
  int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(terminal, 0);
  ASSERT_EQ(grantpt(terminal) + unlockpt(terminal), 0);
  int inner = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(inner, 0);
  auto outlet = *StdioOutlet::create(inner, 1 << 20, -1);
  outlet->send("one", Delivery::required);
  EXPECT_TRUE(outlet->flush(std::chrono::milliseconds{kPatience}));
  char text[6] = {};
  EXPECT_EQ(read(terminal, text, 5), 5);
  EXPECT_STREQ(text, "one\r\n") << "the terminal's own line ending";
  outlet->shut();
  close(inner);
  close(terminal);
}

TEST(StdioOutlet, WritesToFiles) {
  FILE* file = tmpfile();
  auto outlet = *StdioOutlet::create(fileno(file), 1 << 20, -1);
  outlet->send("one", Delivery::required);
  outlet->send("two", Delivery::required);
  char text[9] = {};
  EXPECT_EQ(pread(fileno(file), text, 8, 0), 8);
  EXPECT_STREQ(text, "one\ntwo\n");
  fclose(file);
}

}  // namespace
}  // namespace mcp
