// Where the server listens, and how many connections it holds.
#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <vector>

#include "core/scratch_directory.h"
#include "net/http_server.h"
#include "net/test_socket.h"

namespace net {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

const std::string kGet = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

void tell_peer(const std::shared_ptr<Exchange>& exchange) {
  exchange->respond({.body = exchange->request().peer});
}

sockaddr_un unix_address(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

std::string get(TestSocket socket) {
  socket.send(kGet);
  return socket.read_message();
}

std::string error_of(const HttpServerOptions& options) {
  const auto server = HttpServer::start_exchanges(options, tell_peer);
  if (server) return "started";
  EXPECT_EQ(server.error().code, "net.listen");
  EXPECT_NE(server.error().hint, "");
  return server.error().message;
}

class HttpUnixSocket : public testing::Test {
 protected:
  const core::ScratchDirectory scratch_;
  const std::string path_ = scratch_.path() + "/http.sock";
};

TEST_F(HttpUnixSocket, ServesItsOwnerAndLeavesNothingBehind) {
  for (const int threads : {1, 3}) {
    auto server = HttpServer::start_exchanges({.unix_path = path_, .io_threads = threads}, tell_peer);
    ASSERT_TRUE(server) << core::describe(server.error());
    EXPECT_EQ((*server)->port(), 0);
    struct stat file{};
    ASSERT_EQ(::stat(path_.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0600u);
    for (int i = 0; i < 5; ++i) {
      EXPECT_THAT(get(TestSocket::connect_to(unix_address(path_))), EndsWith("\r\n\r\nunix"));
    }
    (*server)->stop(1s);
    EXPECT_FALSE(std::filesystem::exists(path_));
  }
}

TEST_F(HttpUnixSocket, ReplacesOnlyWhatNobodyAnswersOn) {
  auto first = HttpServer::start_exchanges({.unix_path = path_}, tell_peer);
  ASSERT_TRUE(first);
  EXPECT_THAT(error_of({.unix_path = path_}), HasSubstr("another program answers"));
  EXPECT_THAT(get(TestSocket::connect_to(unix_address(path_))), EndsWith("unix"));
  // Left behind by a process that was killed: bound, and nobody listens.
  first->reset();
  {
    const TestSocket stale(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const auto address = unix_address(path_);
    ASSERT_EQ(::bind(stale.fd(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ASSERT_TRUE(std::filesystem::exists(path_));
  auto second = HttpServer::start_exchanges({.unix_path = path_}, tell_peer);
  ASSERT_TRUE(second) << core::describe(second.error());
  EXPECT_THAT(get(TestSocket::connect_to(unix_address(path_))), EndsWith("unix"));
  // What has taken its place by then is not removed.
  std::filesystem::remove(path_);
  std::ofstream(path_) << "a file";
  second->reset();
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_THAT(error_of({.unix_path = path_}), HasSubstr("no socket"));
}

TEST_F(HttpUnixSocket, SaysWhatIsWrongWithThePath) {
  EXPECT_THAT(error_of({.unix_path = "/" + std::string(200, 'x')}), HasSubstr("more than 107 bytes"));
  EXPECT_THAT(error_of({.unix_path = scratch_.path() + "/none/http.sock"}), HasSubstr("No such file"));
}

TEST(HttpListener, TakesIPv6LiteralsWithAndWithoutBrackets) {
  for (const auto* host : {"::1", "[::1]"}) {
    auto server = HttpServer::start_exchanges({.host = host}, tell_peer);
    if (!server) GTEST_SKIP() << "no IPv6 loopback here: " << server.error().message;
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons((*server)->port());
    address.sin6_addr = in6addr_loopback;
    EXPECT_THAT(get(TestSocket::connect_to(address)), HasSubstr("\r\n\r\n[::1]:"));
  }
}

TEST(HttpListener, AThousandIdleConnectionsAndASlowOneHoldNobodyUp) {
  constexpr std::size_t kIdle = 1000;
  if (raise_descriptor_limit() < 2 * kIdle + 100) GTEST_SKIP() << "too few file descriptors (ulimit -Hn)";
  auto server =
      HttpServer::start_exchanges({.max_header_bytes = 256u << 20, .request_timeout = 1s}, tell_peer);
  ASSERT_TRUE(server);
  std::vector<TestSocket> idle;
  idle.reserve(kIdle);
  for (std::size_t i = 0; i < kIdle; ++i) {
    idle.push_back(TestSocket::connect((*server)->port()));
    idle.back().send(kGet);
    ASSERT_THAT(idle.back().read_message(), StartsWith("HTTP/1.1 200 "));
  }
  // A header that trickles in does not buy time: the limit is on the whole request.
  auto slow = TestSocket::connect((*server)->port());
  slow.send("GET / HTTP/1.1\r\nHost: h\r\nX: ");
  std::jthread trickle([fd = slow.fd()](const std::stop_token& stop) {
    while (!stop.stop_requested() && ::send(fd, "y", 1, MSG_NOSIGNAL) == 1) {
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 100; ++i) {
    auto& one = idle[static_cast<std::size_t>(i) * 7];
    one.send(kGet);
    EXPECT_THAT(one.read_message(), StartsWith("HTTP/1.1 200 "));
  }
  EXPECT_THAT(slow.read_to_end(), StartsWith("HTTP/1.1 408 "));
  trickle.request_stop();
  for (auto& one : idle) {
    one.send(kGet);
    ASSERT_THAT(one.read_message(), StartsWith("HTTP/1.1 200 "));
  }
}

TEST(HttpListener, TheDescriptorLimitRisesToTheHardOne) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit low = before;
  low.rlim_cur = std::min<rlim_t>(256, before.rlim_max);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &low), 0);
  const auto raised = raise_descriptor_limit();
  rlimit after{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &after), 0);
  EXPECT_EQ(raised, after.rlim_cur);
  EXPECT_EQ(after.rlim_cur, std::min<rlim_t>(before.rlim_max, 1u << 20));
  EXPECT_EQ(after.rlim_max, before.rlim_max);
  EXPECT_EQ(raise_descriptor_limit(), raised);
}

}  // namespace
}  // namespace net
