// What of the HTTP server's loop needs Asio. For the few files that wrap it; inside room net only.
#pragma once

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>

#include "net/server_loop.h"

namespace net {

namespace asio = boost::asio;
using boost::system::error_code;
// TCP and sockets in the file system alike; the executor by its type, so that it costs no indirection.
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, asio::io_context::executor_type>;

struct ServerLoop::Io {
  asio::io_context context{1};  // one thread runs it
  asio::executor_work_guard<asio::io_context::executor_type> work{context.get_executor()};
  asio::steady_timer sweep{context};
};

struct Accepted {
  Socket socket;
  std::string peer;
};

}  // namespace net
