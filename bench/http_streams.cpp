// What an open and idle stream costs: memory of the server's process for N of them, the kernel's excluded,
// and the time to write one event to all.
//
//   bench_http_streams [N] [CERT KEY]       10000 by default; with a certificate over TLS
#include <arpa/inet.h>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <memory>
#include <mutex>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <string>
#include <sys/socket.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

#include "net/http_server.h"

namespace {

constexpr std::string_view kRequest =
    "GET /mcp HTTP/1.1\r\nHost: localhost:8080\r\nAccept: text/event-stream\r\nMcp-Session-Id: "
    "1868a90c-5f1e-4a3b-9d8c-1f2e3d4c5b6a\r\nMCP-Protocol-Version: 2025-11-25\r\nUser-Agent: bench/1\r\n"
    "Authorization: Bearer 0123456789012345678901234567890123456789012345678901234567890123456789\r\n\r\n";

long resident_bytes() {
  long total = 0;
  long resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * ::sysconf(_SC_PAGESIZE);
}

// Opens `count` streams and holds them until `hold` is closed.
int run_client(std::uint16_t port, int count, bool tls, int hold) {
  SSL_CTX* context = tls ? SSL_CTX_new(TLS_client_method()) : nullptr;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < count; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return 1;
    if (tls) {
      SSL* ssl = SSL_new(context);
      SSL_set_fd(ssl, fd);
      if (SSL_connect(ssl) != 1) return 1;
      SSL_write(ssl, kRequest.data(), kRequest.size());
    } else if (::send(fd, kRequest.data(), kRequest.size(), MSG_NOSIGNAL) < 0) {
      return 1;
    }
  }
  char end = 0;
  while (::read(hold, &end, 1) > 0) {
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 10'000;
  const bool tls = argc > 3;
  net::raise_descriptor_limit();

  // The client is a process of its own, forked before there are threads.
  int ports[2];
  int holds[2];
  if (::pipe(ports) != 0 || ::pipe(holds) != 0) return 1;
  const pid_t client = ::fork();
  if (client == 0) {
    ::close(holds[1]);
    std::uint16_t port = 0;
    if (::read(ports[0], &port, sizeof port) != sizeof port) return 1;
    return run_client(port, count, tls, holds[0]);
  }
  ::close(holds[0]);

  net::HttpServerOptions options{.max_connections = static_cast<std::size_t>(count) + 1};
  if (tls) options.tls = {.cert_file = argv[2], .key_file = argv[3]};
  std::mutex mutex;
  std::vector<std::shared_ptr<net::ResponseStream>> streams;
  streams.reserve(static_cast<std::size_t>(count));
  const auto opened = [&] {
    std::lock_guard lock(mutex);
    return streams.size();
  };
  auto server =
      net::HttpServer::start_exchanges(options, [&](const std::shared_ptr<net::Exchange>& exchange) {
        auto stream = exchange->stream({.headers = {{"Content-Type", "text/event-stream"}}, .body = ":\n\n"});
        std::lock_guard lock(mutex);
        streams.push_back(std::move(stream));
      });
  if (!server) {
    fmt::print(stderr, "{}\n", core::describe(server.error()));
    return 1;
  }
  const auto before = resident_bytes();
  const std::uint16_t port = (*server)->port();
  if (::write(ports[1], &port, sizeof port) != sizeof port) return 1;
  while (opened() < static_cast<std::size_t>(count)) {
    if (::waitpid(client, nullptr, WNOHANG) != 0) {
      fmt::print(stderr, "the client could not open {} streams; see ulimit -n\n", count);
      return 1;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  std::this_thread::sleep_for(std::chrono::milliseconds{500});  // the last head leaves
  const auto after = resident_bytes();
  fmt::print("{} idle streams{}: {:.2f} KiB each\n", count, tls ? " over TLS" : "",
             static_cast<double>(after - before) / 1024.0 / count);

  const auto begin = std::chrono::steady_clock::now();
  for (const auto& stream : streams) stream->write("data: {\"jsonrpc\":\"2.0\",\"method\":\"ping\"}\n\n");
  for (const auto& stream : streams) {
    while (stream->backlog() > 0) std::this_thread::yield();
  }
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  fmt::print("one event to each: {:.2f} us a stream; {:.2f} KiB each afterwards\n", took.count() / count,
             static_cast<double>(resident_bytes() - before) / 1024.0 / count);
  ::close(holds[1]);
  ::waitpid(client, nullptr, 0);
  return 0;
}
