// Which era a request belongs to, and what it says about its sender. Pure functions of the request.
#pragma once

#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/context.h"
#include "core/json.h"
#include "mcp/codec.h"

namespace mcp {

// A JSON-RPC error, for requests that fail before any feature sees them.
struct Refusal {
  int code = 0;
  std::string message;
  std::string data;  // JSON text, may be empty
};

// What a request is served with.
struct Envelope {
  const Codec* codec = nullptr;
  ClientAbilities abilities;
  // 2026-07-28: log lines of this request go out from this level on, none without it. Legacy: the session's
  // level.
  std::optional<core::LogLevel> log_level;
  std::string trace_id;  // of a W3C traceparent the client sent; empty without one

  bool modern() const { return is_modern(codec->rules().revision); }
};

// Modern when params._meta speaks the modern vocabulary, or the method exists in no other revision. An
// `initialize` with a modern _meta is modern, and thereby unknown.
bool is_modern_request(std::string_view method, const core::json::Object& params);

// What params._meta lacks or has malformed (-32602), the version's value aside.
std::optional<Refusal> envelope_defect(const core::json::Object& params);

// The modern ladder up to the version: -32602 for missing or malformed parts, then -32022.
std::expected<Envelope, Refusal> read_envelope(const core::json::Object& params,
                                               std::span<const Codec> codecs);

// RFC 5424 names in lower case, as the schema's LoggingLevel has them.
std::optional<core::LogLevel> parse_logging_level(const core::json::Value& value);

// _meta.progressToken as JSON text: empty when absent; a refusal when neither string nor integer.
std::expected<std::string, Refusal> read_progress_token(const core::json::Object& params);

// The trace-id of a W3C traceparent (version 00 … fe), or empty.
std::string trace_id_of(const core::json::Object& params);

}  // namespace mcp
