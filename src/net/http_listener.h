// Where the HTTP server's connections come from: a TCP port or a socket in the file system. Inside room net
// only.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <sys/types.h>

#include "core/result.h"
#include "net/event_loop.h"
#include "net/http_server.h"

namespace net {

class Listener final : public EventLoop::Watcher {
 public:
  // Takes the descriptor, which does not block.
  using Accept = std::function<void(int fd, std::string peer)>;

  // Listens on options.unix_path, or on options.host and `port`. With `share_port` several may: the kernel
  // spreads the connections. Errors: net.listen.
  static core::Result<std::unique_ptr<Listener>> open(const HttpServerOptions& options, std::uint16_t port,
                                                      bool share_port);
  ~Listener() { close(); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  std::uint16_t port() const { return port_; }  // 0 for a unix socket
  // Before the loop runs. False: errno.
  bool start(EventLoop& loop, Accept accept);
  // On the loop's thread, or when it is over. Removes the unix socket's file if it is still this one's.
  void close();

  void on_events(std::uint32_t events) override;

 private:
  Listener() = default;
  core::Status open_tcp(const HttpServerOptions& options, std::uint16_t port, bool share_port);
  core::Status open_unix(const std::string& path);
  void accept_some();

  int fd_ = -1;
  int write_timeout_ = 0;  // milliseconds
  std::uint16_t port_ = 0;
  std::string path_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  EventLoop* loop_ = nullptr;
  Accept accept_;
};

}  // namespace net
