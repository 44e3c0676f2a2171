// Reads one request after the other out of a connection's bytes, as they come. Knows no sockets, so that a
// fuzzer can drive it. Inside room net only.
//
// Stricter than RFC 9112 asks where leniency is what request smuggling lives on: no bare CR or LF, no folded
// lines, no white space before a colon, one framing only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_server.h"
#include "net/http_wire.h"

namespace net::wire {

struct ReaderLimits {
  std::size_t max_header_bytes = 32u << 10;  // request line and headers; trailers once more
  std::size_t max_headers = 128;
  std::size_t max_body_bytes = 4u << 20;
};

class RequestReader {
 public:
  enum class State { head, body, done, refused };

  explicit RequestReader(const ReaderLimits& limits) : limits_(limits), scanner_(limits.max_header_bytes) {}

  // Takes what belongs to the present request and returns how much that was. Less than all of it only when
  // the request is done (the rest is the next one) or refused. Not called in these two states.
  std::size_t feed(std::string_view bytes);

  State state() const { return state_; }
  const Refusal& refusal() const { return refusal_; }  // while refused
  // The client waits for "100 Continue" before it sends the body. True once a request.
  bool take_expectation();

  // What the head said; valid from the state `body` on.
  unsigned version() const { return version_; }  // 10 or 11
  bool keep_alive() const { return keep_alive_; }
  // The request without peer, encrypted and stop. Only when done; then the next one begins.
  ServerRequest take();

 private:
  enum class Chunk {
    size,
    extension,
    size_lf,
    data,
    data_cr,
    data_lf,
    trailer,
    trailer_line,
    trailer_lf,
    end_lf
  };

  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_length(std::string_view bytes);
  std::size_t feed_chunks(std::string_view bytes);
  bool feed_chunk_size(char c);
  bool begin_chunk();
  void refuse(const Refusal& refusal);
  std::optional<Refusal> read_head(std::string_view head);
  std::optional<Refusal> read_request_line(std::string_view line, std::string_view& method);
  std::optional<Refusal> read_fields(std::string_view lines);
  std::optional<Refusal> read_framing();

  ReaderLimits limits_;
  State state_ = State::head;
  HeadScanner scanner_;
  std::string held_;  // the part of a head that came without the rest
  Refusal refusal_;
  ServerRequest request_;
  unsigned version_ = 11;
  bool keep_alive_ = true;
  bool expects_continue_ = false;

  bool chunked_ = false;
  Chunk chunk_ = Chunk::size;
  std::uint64_t left_ = 0;      // of the body, or of the present chunk
  std::size_t line_bytes_ = 0;  // of the present chunk's size line, or of all trailers
};

}  // namespace net::wire
