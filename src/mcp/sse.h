// Server-sent events as MCP uses them (WHATWG HTML section 9.2, "Server-sent events").
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace mcp {

struct SseEvent {
  std::string_view event;  // left out when empty
  std::string_view id;     // left out when empty; holds no line break
  std::optional<std::chrono::milliseconds> retry;
  std::string_view data;
};

// One event with its blank line. Each line of `data` (ended by LF, CR or CRLF) becomes a data line of its
// own; empty data is one empty data line, which clients take as an id and nothing else.
inline std::string write_sse(const SseEvent& event) {
  std::string out;
  out.reserve(event.event.size() + event.id.size() + event.data.size() + 64);
  auto field = [&out](std::string_view name, std::string_view value) {
    out += name;
    out += ": ";
    out += value;
    out += '\n';
  };
  if (!event.event.empty()) field("event", event.event);
  if (!event.id.empty()) field("id", event.id);
  if (event.retry) field("retry", std::to_string(event.retry->count()));
  std::string_view rest = event.data;
  for (;;) {
    std::size_t end = rest.find_first_of("\r\n");
    field("data", rest.substr(0, end));
    if (end == std::string_view::npos) break;
    end += rest.substr(end).starts_with("\r\n") ? 2 : 1;
    rest.remove_prefix(end);
  }
  out += '\n';
  return out;
}

// A comment: keeps proxies and clients from closing a quiet stream.
inline constexpr std::string_view kSseKeepAlive = ":\n\n";

}  // namespace mcp
