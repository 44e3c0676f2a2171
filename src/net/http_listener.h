// Where the HTTP server's connections come from: a TCP port or a socket in the file system. Inside room net
// only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/result.h"
#include "net/http_server.h"
#include "net/server_loop.h"

namespace net {

struct Accepted;  // server_loop_impl.h

// Who takes the connections.
class Gate {
 public:
  // On the thread of `loop`, which is the connection's.
  virtual void admit(ServerLoop& loop, Accepted&& accepted) = 0;

 protected:
  ~Gate() = default;
};

class Listener {
 public:
  // Listens on options.unix_path, or on options.host and `port`; waits on `loop`. With `share_port` several
  // may: the kernel spreads the connections. Errors: net.listen.
  static core::Result<std::unique_ptr<Listener>> open(const HttpServerOptions& options, std::uint16_t port,
                                                      bool share_port, std::shared_ptr<ServerLoop> loop);
  virtual ~Listener() = default;

  virtual std::uint16_t port() const = 0;  // 0 for a unix socket
  // Before the loop runs. Connections go to `loops` in turn.
  virtual void start(std::vector<std::shared_ptr<ServerLoop>> loops, Gate& gate) = 0;
  // On the loop's thread, or when it is over. Removes the unix socket's file if it is still this one's.
  virtual void close() = 0;
};

}  // namespace net
