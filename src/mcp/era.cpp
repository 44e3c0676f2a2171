#include "mcp/era.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/log.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

const Object* meta_of(const Object& params) {
  const Value* found = params.if_contains("_meta");
  return found ? found->if_object() : nullptr;
}

Refusal invalid_params(std::string message) {
  return {code::kInvalidParams, std::move(message), {}};
}

}  // namespace

bool is_modern_request(std::string_view method, const Object& params) {
  if (const Object* about = meta_of(params)) {
    if (about->contains(meta::kProtocolVersion) || about->contains(meta::kClientCapabilities)) return true;
  }
  return method == method::kDiscover || method == method::kListen;
}

std::optional<core::LogLevel> parse_logging_level(const Value& value) {
  if (!value.is_string()) return std::nullopt;
  for (int i = 0; i <= static_cast<int>(core::LogLevel::emergency); ++i) {
    auto level = static_cast<core::LogLevel>(i);
    if (core::to_string(level) == std::string_view(value.get_string())) return level;
  }
  return std::nullopt;
}

std::optional<Refusal> envelope_defect(const Object& params) {
  const Object* about = meta_of(params);
  if (!about) return invalid_params("params._meta is missing: it carries the protocol version.");
  const Value* version = about->if_contains(meta::kProtocolVersion);
  if (!version || !version->is_string()) {
    return invalid_params(fmt::format("params._meta[\"{}\"] must be a string.", meta::kProtocolVersion));
  }
  const Value* capabilities = about->if_contains(meta::kClientCapabilities);
  if (!capabilities || !capabilities->is_object()) {
    return invalid_params(fmt::format("params._meta[\"{}\"] must be an object.", meta::kClientCapabilities));
  }
  const Value* level = about->if_contains(meta::kLogLevel);
  if (level && !parse_logging_level(*level)) {
    return invalid_params(fmt::format("params._meta[\"{}\"] is not a log level.", meta::kLogLevel));
  }
  return std::nullopt;
}

std::expected<Envelope, Refusal> read_envelope(const Object& params, std::span<const Codec> codecs) {
  if (auto defect = envelope_defect(params)) return std::unexpected(*std::move(defect));
  const Object& about = *meta_of(params);
  std::string_view requested = about.at(meta::kProtocolVersion).get_string();
  auto revision = parse_revision(requested);
  if (!revision || !is_modern(*revision)) {
    return std::unexpected(Refusal{code::kUnsupportedProtocolVersion, "Unsupported protocol version",
                                   unsupported_version_data(requested)});
  }
  Envelope envelope;
  envelope.codec = &codecs[static_cast<std::size_t>(*revision)];
  envelope.abilities = envelope.codec->abilities(&about.at(meta::kClientCapabilities).get_object());
  if (const Value* level = about.if_contains(meta::kLogLevel))
    envelope.log_level = parse_logging_level(*level);
  envelope.trace_id = trace_id_of(params);
  return envelope;
}

std::expected<std::string, Refusal> read_progress_token(const Object& params) {
  const Object* about = meta_of(params);
  const Value* token = about ? about->if_contains(meta::kProgressToken) : nullptr;
  if (!token) return std::string{};
  auto id = RequestId::from(*token);
  if (!id)
    return std::unexpected(invalid_params("params._meta.progressToken must be a string or an integer."));
  return std::move(id->json);
}

std::string trace_id_of(const Object& params) {
  const Object* about = meta_of(params);
  const Value* parent = about ? about->if_contains(meta::kTraceParent) : nullptr;
  if (!parent || !parent->is_string()) return {};
  // W3C Trace Context: 2 hex "-" 32 hex "-" 16 hex "-" 2 hex; an all-zero trace-id is void.
  std::string_view text = parent->get_string();
  if (text.size() < 55 || text[2] != '-' || text[35] != '-' || text[52] != '-' || text.starts_with("ff"))
    return {};
  std::string_view id = text.substr(3, 32);
  auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (!std::ranges::all_of(id, hex) || id.find_first_not_of('0') == std::string_view::npos) return {};
  return std::string(id);
}

}  // namespace mcp
