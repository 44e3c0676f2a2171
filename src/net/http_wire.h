// What the HTTP server checks and writes byte by byte, apart from its sockets. Inside room net only.
//
// RFC 9112 lets a server refuse folded header lines and doubtful framing, and a server behind a proxy must,
// or the two may disagree about where a request ends.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "net/http_server.h"

namespace net::wire {

struct Refusal {
  int status = 400;
  std::string_view why;  // one sentence, sent to the client
};

// Looks at a request's head as it arrives, line by line. Each byte is read once, however slowly it comes.
class HeadScanner {
 public:
  explicit HeadScanner(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // `bytes` is all that has arrived so far, from the request's first byte on.
  // True once the head is complete; size() is then its length with the final empty line.
  bool scan(std::string_view bytes);
  std::size_t size() const { return line_start_; }
  // Set when the head must be refused; scan() is not called again after that.
  const std::optional<Refusal>& refusal() const { return refusal_; }
  // Empty lines before the request line (RFC 9112 section 2.2), part of size().
  std::size_t leading() const { return leading_; }

 private:
  std::size_t max_bytes_;
  std::size_t scanned_ = 0;
  std::size_t line_start_ = 0;
  std::size_t leading_ = 0;
  std::optional<Refusal> refusal_;
};

// Rules on a whole head that do not hold for one line alone: framing (RFC 9112 sections 6.1 and 6.3), Host
// (section 3.2), the target's form, Expect (RFC 9110 section 10.1.1). `version` is 10 or 11.
std::optional<Refusal> check_head(std::string_view method, std::string_view target, unsigned version,
                                  const Headers& headers);

// Path and query of a request target in origin, absolute or asterisk form.
void split_target(std::string_view target, std::string& path, std::string& query);

// True when a list field (RFC 9110 section 5.6.1) holds `token`, in any case.
bool has_token(const Headers& headers, std::string_view name, std::string_view token);

enum class Framing { length, chunked, to_the_end };

struct ResponseHead {
  unsigned version = 11;  // of the request
  bool keep_alive = true;
  Framing framing = Framing::length;
  std::string_view date;  // used unless the response brings its own
};

// The status line and header of `response`, or nullopt when a header of it cannot be sent.
std::optional<std::string> write_head(const ServerResponse& response, const ResponseHead& options);

// False for 204 and 304, which have no body whatever their headers say (RFC 9110 sections 15.3.5 and 15.4.5).
bool may_have_body(int status);

std::string_view reason_phrase(int status);

}  // namespace net::wire
