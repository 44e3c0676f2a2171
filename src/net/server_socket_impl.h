// What a session reads from and writes to: a connection with TLS or without, over one of Asio's sockets. For
// http_session.cpp alone.
#pragma once

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/server_tls.h"

namespace net {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using boost::system::error_code;

// A connection without TLS. It has no buffer of its own: it waits, and reads when there is something.
template <class Lowest>
class PlainSocket {
 public:
  static constexpr bool kEncrypted = false;

  PlainSocket(Lowest socket, const std::shared_ptr<TlsContext>&) : socket_(std::move(socket)) {
    error_code ignored;  // the first read fails too
    (void)socket_.non_blocking(true, ignored);
  }

  Lowest& lowest() { return socket_; }

  // `done` gets an error or bytes, which are good until it returns.
  template <class Done>
  void receive(std::span<char> scratch, Done done) {
    socket_.async_wait(Lowest::wait_read, [this, scratch, done = std::move(done)](error_code error) mutable {
      std::size_t bytes = 0;
      if (!error) bytes = socket_.read_some(asio::buffer(scratch.data(), scratch.size()), error);
      done(error, std::string_view(scratch.data(), bytes));
    });
  }

  template <class Done>
  void send(std::span<const asio::const_buffer> pieces, Done done) {
    socket_.async_write_some(pieces, std::move(done));
  }

 private:
  Lowest socket_;
};

template <class Lowest>
class TlsSocket {
 public:
  static constexpr bool kEncrypted = true;

  TlsSocket(Lowest socket, std::shared_ptr<TlsContext> context)
      : context_(std::move(context)), stream_(std::move(socket), context_->context()) {}

  Lowest& lowest() { return stream_.next_layer(); }
  ssl::stream<Lowest>& stream() { return stream_; }

  template <class Done>
  void receive(std::span<char>, Done done) {
    stream_.async_read_some(asio::buffer(input_),
                            [this, done = std::move(done)](error_code error, std::size_t bytes) mutable {
                              // HTTP's own framing tells whether something is missing.
                              if (error == ssl::error::stream_truncated) error = asio::error::eof;
                              done(error, std::string_view(input_.data(), bytes));
                            });
  }

  template <class Done>
  void send(std::span<const asio::const_buffer> pieces, Done done) {
    stream_.async_write_some(pieces, std::move(done));
  }

 private:
  const std::shared_ptr<TlsContext> context_;
  ssl::stream<Lowest> stream_;
  std::array<char, 4u << 10> input_;
};

// Bytes on their way out, gathered from where they lie.
class Outgoing {
 public:
  std::string head;                 // of the message, and the size of the first chunk
  std::string body;                 // of a plain answer
  std::vector<std::string> pieces;  // of a stream
  std::string_view tail;            // static text

  // After filling the above.
  void begin() {
    total_ = head.size() + body.size() + tail.size();
    for (const auto& piece : pieces) total_ += piece.size();
    written_ = 0;
  }
  void clear() { *this = {}; }
  std::size_t left() const { return total_ - written_; }
  void advance(std::size_t bytes) { written_ += bytes; }
  // Everything that is left; good until the next call.
  std::span<const asio::const_buffer> gather() {
    gathered_.clear();
    std::size_t skip = written_;
    const auto add = [&](std::string_view bytes) {
      const auto skipped = std::min(skip, bytes.size());
      skip -= skipped;
      if (skipped < bytes.size()) gathered_.emplace_back(bytes.data() + skipped, bytes.size() - skipped);
    };
    add(head);
    add(body);
    for (const auto& piece : pieces) add(piece);
    add(tail);
    return gathered_;
  }

 private:
  std::size_t total_ = 0;
  std::size_t written_ = 0;
  std::vector<asio::const_buffer> gathered_;
};

}  // namespace net
