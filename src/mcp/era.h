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

// What params._meta says about a request, found in one walk: null for what is not there. Points into the
// params, which outlive it; moving them elsewhere is fine.
struct RequestMeta {
  const core::json::Object* object = nullptr;  // null when there is none, or something else than an object
  const core::json::Value* version = nullptr;
  const core::json::Value* capabilities = nullptr;
  const core::json::Value* log_level = nullptr;
  const core::json::Value* progress_token = nullptr;
  const core::json::Value* trace_parent = nullptr;

  RequestMeta() = default;
  explicit RequestMeta(const core::json::Object& params);
  // The version when it is a string, else empty.
  std::string_view stated_version() const;
};

// Modern when params._meta speaks the modern vocabulary, or the method exists in no other revision. An
// `initialize` with a modern _meta is modern, and thereby unknown.
bool is_modern_request(std::string_view method, const RequestMeta& about);

// What params._meta lacks or has malformed (-32602), the version's value aside.
std::optional<Refusal> envelope_defect(const RequestMeta& about);

// The modern ladder up to the version: -32602 for missing or malformed parts, then -32022.
std::expected<Envelope, Refusal> read_envelope(const RequestMeta& about, std::span<const Codec> codecs);

// RFC 5424 names in lower case, as the schema's LoggingLevel has them.
std::optional<core::LogLevel> parse_logging_level(const core::json::Value& value);

// _meta.progressToken as JSON text: empty when absent; a refusal when neither string nor integer.
std::expected<std::string, Refusal> read_progress_token(const RequestMeta& about);

// The trace-id of a W3C traceparent (version 00 … fe), or empty.
std::string trace_id_of(const RequestMeta& about);

}  // namespace mcp
