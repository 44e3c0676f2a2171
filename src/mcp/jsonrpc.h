// JSON-RPC 2.0 as MCP uses it: one message from text, checked, and messages to text.
//
// Policy where the specifications are silent: repeated member names, nesting beyond the limit and ids longer
// than kMaxIdBytes are refused with -32600; invalid UTF-8 and lone surrogates make the text no JSON (-32700).
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/json.h"

namespace mcp {

inline constexpr std::size_t kMaxIdBytes = 1024;

// A string or an integer, kept as its JSON text: 1 and "1" differ, and the peer gets back what it sent.
struct RequestId {
  std::string json;

  static RequestId of(std::int64_t number) { return {std::to_string(number)}; }
  // nullopt for null, fractions, other types and over-long strings.
  static std::optional<RequestId> from(const core::json::Value& value);
  auto operator<=>(const RequestId&) const = default;
};

struct Request {
  RequestId id;
  std::string method;
  core::json::Object params;
};

struct Notification {
  std::string method;
  core::json::Object params;
};

struct RpcError {
  int code = 0;
  std::string message;
  std::optional<core::json::Value> data;
};

struct Response {
  RequestId id;
  std::variant<core::json::Value, RpcError> outcome;
};

// Not a message; to be answered with this error, id null when none could be read.
struct Rejected {
  std::optional<RequestId> id;
  int code = 0;
  std::string message;
};

// A broken notification or response: neither may be answered.
struct Ignored {
  std::string why;
};

using Message = std::variant<Request, Notification, Response, Rejected, Ignored>;

struct Batch {
  std::vector<Message> messages;  // never empty
};

using Incoming = std::variant<Message, Batch>;

struct DecodeLimits {
  std::size_t max_bytes = 16u << 20;
  std::size_t max_depth = 64;
  std::size_t max_batch = 256;
};

// Parses once; the parts are moved out of the parsed value.
Incoming decode(std::string_view text, const DecodeLimits& limits = {});

// What decode() says to a text beyond max_bytes, for transports that skip it unread.
Rejected oversized(const DecodeLimits& limits);

// Whole messages. `result`, `params` and `data` are JSON text; empty `params` and `data` are left out.
std::string encode_result(const RequestId& id, std::string_view result);
std::string encode_error(const std::optional<RequestId>& id, int code, std::string_view message,
                         std::string_view data = {});
std::string encode_request(const RequestId& id, std::string_view method, std::string_view params);
std::string encode_notification(std::string_view method, std::string_view params);

}  // namespace mcp
