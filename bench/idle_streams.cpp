// Opens many subscriptions/listen streams on one MCP endpoint, waits until each is acknowledged, lets them
// lie for a while, and says how much memory the server has meanwhile.
//
//   bench_idle_streams PORT/PATH STREAMS SERVER_PID [SECONDS]
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>
#include <unordered_set>

namespace {

constexpr std::size_t kAtOnce = 256;  // connections being opened, so that no listen queue overflows

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "bench_idle_streams: %s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

std::string request_text(const std::string& path, std::string_view port) {
  const std::string body =
      R"({"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true},)"
      R"("_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",)"
      R"("io.modelcontextprotocol/clientInfo":{"name":"bench","version":"1"},)"
      R"("io.modelcontextprotocol/clientCapabilities":{}}}})";
  return "POST " + path + " HTTP/1.1\r\nHost: localhost:" + std::string(port) +
         "\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n"
         "MCP-Protocol-Version: 2026-07-28\r\nMcp-Method: subscriptions/listen\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

double resident_mib(const std::string& pid) {
  std::ifstream status("/proc/" + pid + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::strtod(line.c_str() + 6, nullptr) / 1024;
  }
  return 0;
}

int open_stream(std::uint16_t port, const std::string& request) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) give_up("socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) give_up("connect");
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size()))
    give_up("send");
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: bench_idle_streams PORT/PATH STREAMS SERVER_PID [SECONDS]\n");
    return 2;
  }
  const std::string place = argv[1];
  const std::size_t slash = std::min(place.find('/'), place.size());
  const std::string port = place.substr(0, slash);
  const std::string path = slash < place.size() ? place.substr(slash) : "/mcp";
  const auto wanted = static_cast<std::size_t>(std::strtoul(argv[2], nullptr, 10));
  const std::string pid = argv[3];
  const auto lie = std::chrono::seconds{argc > 4 ? std::strtol(argv[4], nullptr, 10) : 10};

  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);

  const double before = resident_mib(pid);
  const std::string request = request_text(path, port);
  const int poller = ::epoll_create1(EPOLL_CLOEXEC);
  std::unordered_set<int> pending;
  std::size_t opened = 0, acknowledged = 0, ended = 0;
  // Reads what has come; each stream's first event is its acknowledgement.
  auto read_some = [&](int timeout_ms) {
    epoll_event events[256];
    const int count = ::epoll_wait(poller, events, 256, timeout_ms);
    for (int i = 0; i < count; ++i) {
      char bytes[8192];
      const int fd = events[i].data.fd;
      const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
      const std::string_view text(bytes, got > 0 ? static_cast<std::size_t>(got) : 0);
      if (got <= 0 || (pending.contains(fd) && !text.starts_with("HTTP/1.1 200"))) {
        if (ended++ == 0)
          std::fprintf(stderr, "a stream ended: %.*s\n",
                       static_cast<int>(std::min<std::size_t>(text.size(), 200)), text.data());
        pending.erase(fd);
        ::close(fd);
      } else if (text.find("subscriptions/acknowledged") != std::string_view::npos && pending.erase(fd) > 0) {
        ++acknowledged;
      }
    }
    return count;
  };
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{120};
  while (acknowledged + ended < wanted && std::chrono::steady_clock::now() < patience) {
    while (opened < wanted && pending.size() < kAtOnce) {
      const int fd =
          open_stream(static_cast<std::uint16_t>(std::strtoul(port.c_str(), nullptr, 10)), request);
      epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
      ::epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
      pending.insert(fd);
      ++opened;
    }
    read_some(1000);
  }
  const double open = resident_mib(pid);
  const auto until = std::chrono::steady_clock::now() + lie;
  while (std::chrono::steady_clock::now() < until) read_some(200);
  const double after = resident_mib(pid);
  std::printf(
      "%zu of %zu streams acknowledged, %zu ended; RSS %.1f MiB before, %.1f MiB open, %.1f MiB after %lld "
      "s: %.1f KiB each\n",
      acknowledged, wanted, ended, before, open, after, static_cast<long long>(lie.count()),
      acknowledged > 0 ? (after - before) * 1024 / static_cast<double>(acknowledged) : 0.0);
  return acknowledged == wanted && ended == 0 ? 0 : 1;
}
