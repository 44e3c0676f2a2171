// Reads one request after the other out of a connection's bytes, as they come: Beast's parser, and around it
// the checks of http_wire.h. Knows no sockets, so that a fuzzer can drive it. Inside room net only.
//
// Stricter than RFC 9112 asks where leniency is what request smuggling lives on: no bare CR or LF, no folded
// lines, no white space before a colon, one framing only.
#pragma once

#include <cstddef>
#include <memory>
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

  explicit RequestReader(const ReaderLimits& limits);
  ~RequestReader();
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

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
  class Parser;

  // Each takes bytes from the front of `bytes` and returns how many; none: more are needed, or refused.
  std::size_t read_head(std::string_view bytes);
  std::size_t read_body(std::string_view bytes);
  std::optional<Refusal> parse_head(std::string_view head);
  std::size_t parse_body(std::string_view bytes);
  void refuse(const Refusal& refusal);

  const ReaderLimits limits_;
  State state_ = State::head;
  HeadScanner scanner_;  // of the head, then of the last chunk with its trailers
  std::string held_;     // came without the rest of its line or head
  Refusal refusal_;
  ServerRequest request_;
  std::unique_ptr<Parser> parser_;  // from the head's end to take()
  unsigned version_ = 11;
  bool keep_alive_ = true;
  bool expects_continue_ = false;
};

}  // namespace net::wire
