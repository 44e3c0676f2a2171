#include "net/http_listener.h"

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <fcntl.h>
#include <fmt/format.h>
#include <limits>
#include <netinet/tcp.h>
#include <string>
#include <string_view>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>

#include "net/server_loop_impl.h"

namespace net {
namespace {

using Protocol = asio::generic::stream_protocol;
using tcp = asio::ip::tcp;
using local = asio::local::stream_protocol;

constexpr auto kRetry = std::chrono::milliseconds{100};

std::unexpected<core::Error> cannot_listen(std::string_view where, std::string_view why, std::string hint) {
  return core::fail(core::ErrorKind::unavailable, "net.listen",
                    fmt::format("Cannot listen on {}: {}.", where, why), std::move(hint));
}

bool is_ip(const Protocol::endpoint& endpoint) {
  return endpoint.data()->sa_family == AF_INET || endpoint.data()->sa_family == AF_INET6;
}

tcp::endpoint to_tcp(const Protocol::endpoint& endpoint) {
  tcp::endpoint ip;
  std::memcpy(ip.data(), endpoint.data(), std::min(endpoint.size(), ip.capacity()));
  return ip;
}

std::string peer_text(const Protocol::endpoint& endpoint) {
  if (!is_ip(endpoint)) return "unix";
  const auto ip = to_tcp(endpoint);
  return ip.address().is_v6() ? fmt::format("[{}]:{}", ip.address().to_string(), ip.port())
                              : fmt::format("{}:{}", ip.address().to_string(), ip.port());
}

error_code set_option(int fd, int level, int option, int value = 1) {
  if (::setsockopt(fd, level, option, &value, sizeof value) == 0) return {};
  return {errno, boost::system::system_category()};
}

// Programs this one starts inherit nothing; Asio 1.81 does not see to that.
void close_on_exec(int fd) {
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
}

class AsioListener final : public Listener {
 public:
  AsioListener(std::shared_ptr<ServerLoop> loop, std::chrono::seconds write_timeout)
      : loop_(std::move(loop)),
        acceptor_(loop_->io().context),
        retry_(loop_->io().context),
        write_timeout_(static_cast<int>(std::clamp<std::int64_t>(
            std::chrono::milliseconds(write_timeout).count(), 1, std::numeric_limits<int>::max()))) {}
  ~AsioListener() override { AsioListener::close(); }

  core::Status open_tcp(const std::string& given_host, std::uint16_t port, bool share_port) {
    const auto where = fmt::format("{} port {}", given_host, port);
    auto host = given_host;
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
    error_code error;
    const auto found =
        tcp::resolver(loop_->io().context).resolve(host, std::to_string(port), tcp::resolver::passive, error);
    if (error || found.empty()) {
      return cannot_listen(where, "the host has no address",
                           "Check the name, or give an address such as 127.0.0.1 or ::1.");
    }
    const Protocol::endpoint endpoint(found.begin()->endpoint());
    (void)acceptor_.open(endpoint.protocol(), error);
    if (!error) error = set_option(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEADDR);
    if (!error && share_port) error = set_option(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT);
    if (!error) listen(endpoint, error);
    if (!error) port_ = to_tcp(acceptor_.local_endpoint(error)).port();
    if (!error) return {};
    return cannot_listen(where, error.message(),
                         "Choose another address or port, or stop the program that has it.");
  }

  core::Status open_unix(const std::string& path) {
    constexpr auto kMaxPath = sizeof(sockaddr_un::sun_path) - 1;
    if (path.size() > kMaxPath || path.contains('\0')) {
      return cannot_listen(path, fmt::format("the path has more than {} bytes", kMaxPath),
                           "The kernel takes no longer ones; choose a shorter path.");
    }
    const local::endpoint endpoint(path);
    RETURN_IF_ERROR(remove_stale(path, endpoint));
    const Protocol::endpoint any(endpoint);
    error_code error;
    (void)acceptor_.open(any.protocol(), error);
    // The mode is set before the file is there: bind(2) takes it over on Linux, so that no one slips in
    // between.
    struct stat present{};
    if (!error && ::fchmod(acceptor_.native_handle(), 0600) != 0) {
      error = {errno, boost::system::system_category()};
    }
    if (!error) listen(any, error);
    if (!error && ::lstat(path.c_str(), &present) != 0) error = {errno, boost::system::system_category()};
    if (error) {
      return cannot_listen(path, error.message(), "Check the directory, and that it may be written to.");
    }
    path_ = path;
    device_ = present.st_dev;
    inode_ = present.st_ino;
    return {};
  }

  std::uint16_t port() const override { return port_; }

  void start(std::vector<std::shared_ptr<ServerLoop>> loops, Gate& gate) override {
    loops_ = std::move(loops);
    gate_ = &gate;
    accept_next();
  }

  void close() override {
    if (!acceptor_.is_open()) return;
    error_code ignored;
    (void)acceptor_.close(ignored);
    retry_.cancel();
    struct stat present{};
    if (!path_.empty() && ::lstat(path_.c_str(), &present) == 0 && present.st_dev == device_ &&
        present.st_ino == inode_) {
      ::unlink(path_.c_str());
    }
  }

 private:
  core::Status remove_stale(const std::string& path, const local::endpoint& endpoint) {
    struct stat present{};
    if (::lstat(path.c_str(), &present) != 0) return {};
    if (!S_ISSOCK(present.st_mode)) {
      return cannot_listen(path, "there is a file that is no socket", "Remove it, or choose another path.");
    }
    local::socket probe(loop_->io().context);
    error_code error;
    (void)probe.open(local(), error);
    if (!error) (void)probe.non_blocking(true, error);  // one whose queue is full answers too
    if (!error) (void)probe.connect(endpoint, error);
    if (!error || error == asio::error::try_again) {
      return cannot_listen(path, "another program answers on it", "Stop it, or choose another path.");
    }
    if (error != asio::error::connection_refused && error != boost::system::errc::no_such_file_or_directory) {
      return cannot_listen(path, error.message(), "Check who owns the socket that is there.");
    }
    ::unlink(path.c_str());  // if that fails, bind() says why
    return {};
  }

  void listen(const Protocol::endpoint& endpoint, error_code& error) {
    close_on_exec(acceptor_.native_handle());
    (void)acceptor_.bind(endpoint, error);
    if (!error) (void)acceptor_.listen(asio::socket_base::max_listen_connections, error);
  }

  void accept_next() {
    auto& target = *loops_[next_++ % loops_.size()];
    acceptor_.async_accept(
        target.io().context.get_executor(), peer_,
        [this, &target](error_code error, Socket socket) { on_accepted(target, error, std::move(socket)); });
  }

  void on_accepted(ServerLoop& target, error_code error, Socket socket) {
    if (!acceptor_.is_open()) return;
    if (!error) {
      hand_over(target, std::move(socket));
    } else if (error != asio::error::connection_aborted) {
      // Most likely out of descriptors: it would fail again at once, and some connection must end first.
      retry_.expires_after(kRetry);
      retry_.async_wait([this](error_code cancelled) {
        if (!cancelled && acceptor_.is_open()) accept_next();
      });
      return;
    }
    accept_next();
  }

  void hand_over(ServerLoop& target, Socket socket) {
    close_on_exec(socket.native_handle());
    if (is_ip(peer_)) {
      (void)set_option(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY);
      // A client that is gone without a word takes nothing either: what the kernel holds for it does not
      // wait for the quarter of an hour that retransmissions go on.
      (void)set_option(socket.native_handle(), IPPROTO_TCP, TCP_USER_TIMEOUT, write_timeout_);
    }
    Accepted accepted{.socket = std::move(socket), .peer = peer_text(peer_)};
    if (&target == loop_.get()) return gate_->admit(target, std::move(accepted));
    // A loop that stops drops the task, and the socket with it.
    target.post([this, &target, accepted = std::move(accepted)]() mutable {
      gate_->admit(target, std::move(accepted));
    });
  }

  const std::shared_ptr<ServerLoop> loop_;
  asio::basic_socket_acceptor<Protocol, asio::io_context::executor_type> acceptor_;
  asio::steady_timer retry_;
  const int write_timeout_;  // milliseconds
  std::uint16_t port_ = 0;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::vector<std::shared_ptr<ServerLoop>> loops_;
  std::size_t next_ = 0;
  Gate* gate_ = nullptr;
  Protocol::endpoint peer_;  // of the connection that comes next
};

}  // namespace

core::Result<std::unique_ptr<Listener>> Listener::open(const HttpServerOptions& options, std::uint16_t port,
                                                       bool share_port, std::shared_ptr<ServerLoop> loop) {
  try {
    auto listener = std::make_unique<AsioListener>(std::move(loop), options.write_timeout);
    RETURN_IF_ERROR(options.unix_path.empty() ? listener->open_tcp(options.host, port, share_port)
                                              : listener->open_unix(options.unix_path));
    return listener;
  } catch (const std::exception& error) {
    return cannot_listen(options.unix_path.empty() ? options.host : options.unix_path, error.what(), "");
  }
}

}  // namespace net
