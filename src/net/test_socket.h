// Plain blocking sockets for tests that need a peer which says exactly these bytes, or nothing at all.
// Every read gives up after ten seconds, so that a broken test fails instead of hanging.
#pragma once

#include <arpa/inet.h>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

namespace net {

inline sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

class TestSocket {
 public:
  explicit TestSocket(int fd) : fd_(fd) {
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  TestSocket(TestSocket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), pending_(std::move(other.pending_)) {}
  TestSocket(const TestSocket&) = delete;
  TestSocket& operator=(const TestSocket&) = delete;
  ~TestSocket() { close(); }

  static TestSocket connect(std::uint16_t port) { return connect_to(loopback(port)); }
  // Any address type; closed (fd() < 0) when nobody answers.
  template <class Address>
  static TestSocket connect_to(const Address& address) {
    TestSocket socket(
        ::socket(reinterpret_cast<const sockaddr*>(&address)->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (::connect(socket.fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      socket.close();
    return socket;
  }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }

  // Up to and including `mark`, or all there was before the end.
  std::string read_until(std::string_view mark) {
    auto at = pending_.find(mark);
    while (at == std::string::npos && fill()) at = pending_.find(mark);
    return take(at == std::string::npos ? pending_.size() : at + mark.size());
  }
  std::string read_bytes(std::size_t count) {
    while (pending_.size() < count && fill()) {
    }
    return take(std::min(count, pending_.size()));
  }
  std::string read_to_end() {
    while (fill()) {
    }
    return take(pending_.size());
  }
  // One message: its head, and as much of a body as Content-Length says.
  std::string read_message() {
    std::string message = read_until("\r\n\r\n");
    const auto at = message.find("Content-Length: ");
    if (at != std::string::npos) {
      message += read_bytes(static_cast<std::size_t>(std::atol(message.c_str() + at + 16)));
    }
    return message;
  }
  // 0 at an orderly end, an errno (ECONNRESET, EAGAIN) otherwise.
  int last_error() const { return error_; }

  int fd() const { return fd_; }
  void shutdown_send() { ::shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void reset() {
    const linger hard{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close();
  }

 private:
  bool fill() {
    char chunk[16384];
    const auto got = ::recv(fd_, chunk, sizeof chunk, 0);
    error_ = got < 0 ? errno : 0;
    if (got <= 0) return false;
    pending_.append(chunk, static_cast<std::size_t>(got));
    return true;
  }
  std::string take(std::size_t count) {
    std::string bytes = pending_.substr(0, count);
    pending_.erase(0, count);
    return bytes;
  }

  int fd_;
  int error_ = 0;
  std::string pending_;
};

// Accepts connections one after the other and hands each, with its number from 0, to `serve` on a thread of
// its own.
class TestListener {
 public:
  explicit TestListener(std::function<void(TestSocket&, int)> serve) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    auto address = loopback(0);
    socklen_t size = sizeof address;
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(fd_, 64) != 0) std::abort();
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this, serve = std::move(serve)] {
      for (int number = 0;; ++number) {
        const int peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
        if (peer < 0) return;
        peers_.emplace_back([serve, number, socket = TestSocket(peer)]() mutable { serve(socket, number); });
      }
    });
  }
  TestListener(const TestListener&) = delete;
  TestListener& operator=(const TestListener&) = delete;
  ~TestListener() {
    ::shutdown(fd_, SHUT_RDWR);  // ends accept()
    acceptor_.join();
    for (auto& peer : peers_) peer.join();
    ::close(fd_);
  }

  std::uint16_t port() const { return port_; }

 private:
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  std::vector<std::thread> peers_;
};

}  // namespace net
