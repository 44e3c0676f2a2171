#include "net/http_listener.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <limits>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

namespace net {
namespace {

constexpr int kConnectionsPerTurn = 64;
constexpr auto kRetry = std::chrono::milliseconds{100};

std::unexpected<core::Error> cannot_listen(std::string_view where, std::string_view why, std::string hint) {
  return core::fail(core::ErrorKind::unavailable, "net.listen",
                    fmt::format("Cannot listen on {}: {}.", where, why), std::move(hint));
}

std::string peer_text(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& ip4 = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &ip4.sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(ip4.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& ip6 = reinterpret_cast<const sockaddr_in6&>(address);
    ::inet_ntop(AF_INET6, &ip6.sin6_addr, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(ip6.sin6_port));
  }
  return "unix";
}

bool set_option(int fd, int level, int option, int value = 1) {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

// Whether somebody listens there: 0, or connect()'s error.
int try_connect(const sockaddr_un& address) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return errno;
  const int error =
      ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  ::close(fd);
  return error == EAGAIN ? 0 : error;  // its queue is full
}

}  // namespace

core::Result<std::unique_ptr<Listener>> Listener::open(const HttpServerOptions& options, std::uint16_t port,
                                                       bool share_port) {
  std::unique_ptr<Listener> listener(new Listener());
  listener->write_timeout_ = static_cast<int>(std::clamp<std::int64_t>(
      std::chrono::milliseconds(options.write_timeout).count(), 1, std::numeric_limits<int>::max()));
  RETURN_IF_ERROR(options.unix_path.empty() ? listener->open_tcp(options, port, share_port)
                                            : listener->open_unix(options.unix_path));
  return listener;
}

core::Status Listener::open_tcp(const HttpServerOptions& options, std::uint16_t port, bool share_port) {
  const auto where = fmt::format("{} port {}", options.host, port);
  const std::string hint = "Choose another address or port, or stop the program that has it.";
  std::string host = options.host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0 || !found) {
    return cannot_listen(where, "the host has no address",
                         "Check the name, or give an address such as 127.0.0.1 or ::1.");
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  fd_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (fd_ < 0 || !set_option(fd_, SOL_SOCKET, SO_REUSEADDR) ||
      (share_port && !set_option(fd_, SOL_SOCKET, SO_REUSEPORT)) ||
      ::bind(fd_, found->ai_addr, found->ai_addrlen) != 0 || ::listen(fd_, SOMAXCONN) != 0 ||
      ::getsockname(fd_, reinterpret_cast<sockaddr*>(&bound), &size) != 0) {
    return cannot_listen(where, std::strerror(errno), hint);
  }
  port_ = ntohs(bound.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6&>(bound).sin6_port
                                            : reinterpret_cast<const sockaddr_in&>(bound).sin_port);
  return {};
}

core::Status Listener::open_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path || path.contains('\0')) {
    return cannot_listen(path, fmt::format("the path has more than {} bytes", sizeof address.sun_path - 1),
                         "The kernel takes no longer ones; choose a shorter path.");
  }
  path.copy(address.sun_path, path.size());
  struct stat present{};
  if (::lstat(path.c_str(), &present) == 0) {
    if (!S_ISSOCK(present.st_mode)) {
      return cannot_listen(path, "there is a file that is no socket", "Remove it, or choose another path.");
    }
    const int error = try_connect(address);
    if (error == 0) {
      return cannot_listen(path, "another program answers on it", "Stop it, or choose another path.");
    }
    if (error != ECONNREFUSED && error != ENOENT) {
      return cannot_listen(path, std::strerror(error), "Check who owns the socket that is there.");
    }
    ::unlink(path.c_str());  // if that fails, bind() says why
  }
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  // The mode is set before the file is there: bind(2) takes it over on Linux, so that no one slips in
  // between.
  if (fd_ < 0 || ::fchmod(fd_, 0600) != 0 ||
      ::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return cannot_listen(path, std::strerror(errno), "Check the directory, and that it may be written to.");
  }
  if (::lstat(path.c_str(), &present) != 0 || ::listen(fd_, SOMAXCONN) != 0) {
    return cannot_listen(path, std::strerror(errno), "Check the directory, and that it may be written to.");
  }
  path_ = path;
  device_ = present.st_dev;
  inode_ = present.st_ino;
  return {};
}

bool Listener::start(EventLoop& loop, Accept accept) {
  loop_ = &loop;
  accept_ = std::move(accept);
  return loop.add(fd_, *this);
}

void Listener::close() {
  if (fd_ < 0) return;
  if (loop_) loop_->remove(fd_);
  ::close(std::exchange(fd_, -1));
  struct stat present{};
  if (!path_.empty() && ::lstat(path_.c_str(), &present) == 0 && present.st_dev == device_ &&
      present.st_ino == inode_) {
    ::unlink(path_.c_str());
  }
}

void Listener::on_events(std::uint32_t) {
  accept_some();
}

void Listener::accept_some() {
  for (int i = 0; i < kConnectionsPerTurn && fd_ >= 0; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int peer =
        ::accept4(fd_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (peer >= 0) {
      if (address.ss_family == AF_INET || address.ss_family == AF_INET6) {
        set_option(peer, IPPROTO_TCP, TCP_NODELAY);
        // A client that is gone without a word takes nothing either: what the kernel holds for it does not
        // wait for the quarter of an hour that retransmissions go on.
        set_option(peer, IPPROTO_TCP, TCP_USER_TIMEOUT, write_timeout_);
      }
      accept_(peer, peer_text(address));
      continue;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // Most likely out of descriptors: it would fail again at once, and some connection must end first.
    loop_->after(kRetry, [this] { accept_some(); });
    return;
  }
  if (fd_ >= 0) loop_->post([this] { accept_some(); });
}

}  // namespace net
