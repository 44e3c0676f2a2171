// A TCP proxy that holds back every byte of an answer for a fixed time: a far-away server, on this machine.
//
//   latency_proxy LISTEN_PORT UPSTREAM_PORT MILLISECONDS      (loopback only)
#include <arpa/inet.h>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

bool send_all(int fd, const std::string& bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    ssize_t count = send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count <= 0) return false;
    sent += static_cast<std::size_t>(count);
  }
  return true;
}

// One direction; `delay` counts from when a piece arrived, so a long answer is not slowed down, only put off.
void pump(int from, int to, std::chrono::milliseconds delay) {
  struct Piece {
    Clock::time_point due;
    std::string bytes;
  };
  std::mutex mutex;
  std::condition_variable arrived;
  std::deque<Piece> pieces;
  bool over = false;
  std::jthread writer([&] {
    for (;;) {
      std::unique_lock lock(mutex);
      arrived.wait(lock, [&] { return over || !pieces.empty(); });
      if (pieces.empty()) break;
      Piece piece = std::move(pieces.front());
      pieces.pop_front();
      lock.unlock();
      std::this_thread::sleep_until(piece.due);
      if (!send_all(to, piece.bytes)) break;
    }
    shutdown(to, SHUT_WR);
  });
  char buffer[65536];
  for (;;) {
    ssize_t count = recv(from, buffer, sizeof buffer, 0);
    std::lock_guard lock(mutex);
    if (count <= 0) {
      over = true;
      arrived.notify_one();
      break;
    }
    pieces.push_back({Clock::now() + delay, std::string(buffer, static_cast<std::size_t>(count))});
    arrived.notify_one();
  }
}

void serve(int client, int upstream_port, std::chrono::milliseconds delay) {
  int upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(upstream_port);
  int one = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(upstream, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(upstream, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    std::jthread requests([=] { pump(client, upstream, std::chrono::milliseconds(0)); });
    pump(upstream, client, delay);
  }
  close(client);
  close(upstream);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: latency_proxy LISTEN_PORT UPSTREAM_PORT MILLISECONDS\n", stderr);
    return 2;
  }
  int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  sockaddr_in address = loopback(std::atoi(argv[1]));
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      listen(listener, 64) != 0) {
    std::perror("latency_proxy");
    return 1;
  }
  std::chrono::milliseconds delay(std::atoi(argv[3]));
  for (;;) {
    int client = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return 1;
    std::thread(serve, client, std::atoi(argv[2]), delay).detach();
  }
}
