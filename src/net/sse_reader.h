// Reading a text/event-stream (WHATWG HTML section 9.2, "Server-sent events") as it arrives, in pieces of any
// size. Not thread-safe.
//
//   net::SseReader reader({.max_event_bytes = 1 << 20});
//   RETURN_IF_ERROR(reader.feed(piece, [&](const net::SseEvent& event) { ...; return core::Status(); }));
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"

namespace net {

struct SseEvent {
  std::string type;  // "message" when the stream named none
  std::string data;  // lines joined by "\n"
  std::string id;    // the last one the stream gave, of this event or of one before it; may be empty
};

struct SseLimits {
  std::size_t max_event_bytes = 16u << 20;  // of one event's lines, comments apart
  std::size_t max_id_bytes = 1024;          // a longer id is passed over, as is one with a NUL
};

class SseReader {
 public:
  explicit SseReader(SseLimits limits = {}) : limits_(limits) {}

  // Calls `sink` for each event that is complete and has data; one whose data is empty (MCP's priming events;
  // the standard would give it) changes id and retry only. Comments and unknown fields are passed over; what
  // is unfinished when the stream ends is dropped. Errors: net.sse.too_large, after which the stream is not
  // to be read on; and what `sink` returns.
  core::Status feed(std::string_view piece, const std::function<core::Status(const SseEvent&)>& sink);

  // For Last-Event-ID; empty when the stream gave none.
  const std::string& last_id() const { return last_id_; }
  // How long to wait before connecting again, if the stream said so; capped at one day.
  std::optional<std::chrono::milliseconds> retry() const { return retry_; }

 private:
  core::Status take_line(std::string_view line, const std::function<core::Status(const SseEvent&)>& sink);
  core::Status too_large() const;

  const SseLimits limits_;
  std::size_t begun_ = 0;        // bytes of a byte order mark that have matched; kBomSize: past it
  bool after_cr_ = false;        // a LF right after belongs to that line end
  bool in_comment_ = false;      // the unfinished line is one: not kept
  std::string line_;             // the unfinished line
  std::size_t event_bytes_ = 0;  // of the lines of the event so far
  bool has_data_ = false;
  SseEvent event_;
  std::string last_id_;
  std::optional<std::chrono::milliseconds> retry_;
};

}  // namespace net
