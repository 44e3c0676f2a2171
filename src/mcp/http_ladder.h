// Which era an HTTP request belongs to, and the ladder of reasons to refuse it before any feature sees it:
// one table, climbed in the order of its rows (page Streamable HTTP, "Server Validation"; page Transports for
// the legacy era). Pure functions of what the request says.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "mcp/era.h"
#include "mcp/http_fields.h"
#include "mcp/jsonrpc.h"
#include "mcp/mirrored_headers.h"
#include "mcp/origin_rules.h"
#include "mcp/protocol.h"
#include "net/http.h"

namespace mcp {

enum class Era { modern, legacy };

// When a rung is climbed. What needs less comes first: nothing is read of a foreign page's body, nothing is
// parsed for a caller without a token (who is asked for it between `door` and `body`).
enum class Stage {
  door,     // method, Origin, Host
  body,     // what the headers say about the body
  message,  // the decoded message, and the headers that repeat it
};

enum class SessionState { none, unknown, known };  // of the Mcp-Session-Id sent

// The fields that decide what becomes of a request, found in one walk. Their values are views into the
// Headers they were read from.
struct EndpointFields {
  HeaderField accept;
  HeaderField content_type;
  HeaderField content_encoding;
  HeaderField version;     // MCP-Protocol-Version
  HeaderField method;      // Mcp-Method
  HeaderField name;        // Mcp-Name
  HeaderField session;     // Mcp-Session-Id
  HeaderField last_event;  // Last-Event-ID

  explicit EndpointFields(const net::Headers& headers);
};

// What the ladder asks about a message, looked up once. Views into the Incoming it was read from.
struct MessageFacts {
  const Message* single = nullptr;             // null for a batch
  std::string_view method = {};                // of a request or a notification
  const core::json::Object* params = nullptr;  // likewise; null for all else
  RequestMeta meta = {};

  explicit MessageFacts(const Incoming& incoming);
};

struct HttpFacts {
  net::Method method = net::Method::post;
  const net::Headers& headers;
  OriginVerdict origin = OriginVerdict::fine;
  EndpointFields fields = EndpointFields(headers);
  // From here on for Stage::message. GET and DELETE carry no message.
  std::optional<MessageFacts> message = {};
  bool method_known = true;                        // modern: the server has the request's method
  std::span<const HeaderParameter> mirrored = {};  // modern: of the tool that is called
  SessionState session = SessionState::none;       // legacy
  Revision revision = kNewestLegacy;               // legacy: the session's
};

struct HttpRefusal {
  int status = 0;
  int code = 0;  // JSON-RPC
  std::string message;
  std::string data;  // JSON text, may be empty
};

// Modern: the body speaks the modern vocabulary, or the version header names a modern revision. `initialize`
// opens a legacy session whatever the header says.
Era era_of(const HttpFacts& facts);

// The first rung that breaks, or nullopt. `era` matters for Stage::message only.
std::optional<HttpRefusal> climb(Stage stage, Era era, const HttpFacts& facts);

// The id an answer to this message carries: nullopt for what has none, or several.
std::optional<RequestId> answered_id(const Incoming& incoming);

// The status of an answer: legacy answers are 200 always; modern ones tell intermediaries what went wrong.
// `error_code` is 0 for a result.
int answer_status(Era era, int error_code);

// Whether the Accept fields (none: anything goes, RFC 9110 section 12.5.1) take this media type.
bool accepts(const net::Headers& headers, std::string_view media_type);

// Whether a result goes out as an event though nothing came before it: JSON is not taken, or listed after
// events.
bool prefers_events(const net::Headers& headers);

// One row, for the test that walks them.
struct Rung {
  std::string_view name;
  Stage stage;
  std::optional<Era> era;  // nullopt: both
  int status;
  int code;
  // What is wrong; the strings of nullopt are never looked at.
  struct Slip {
    std::string message;
    std::string data = {};
  };
  std::optional<Slip> (*slip)(const HttpFacts&);
};
std::span<const Rung> ladder();

}  // namespace mcp
