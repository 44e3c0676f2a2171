#include "mcp/era.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "core/log.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

struct KnownMember {
  std::string_view key;
  const Value* RequestMeta::* value;
};
constexpr std::array kKnownMembers = {
    KnownMember{meta::kProtocolVersion, &RequestMeta::version},
    KnownMember{meta::kClientCapabilities, &RequestMeta::capabilities},
    KnownMember{meta::kLogLevel, &RequestMeta::log_level},
    KnownMember{meta::kProgressToken, &RequestMeta::progress_token},
    KnownMember{meta::kTraceParent, &RequestMeta::trace_parent},
};

Refusal invalid_params(std::string message) {
  return {code::kInvalidParams, std::move(message), {}};
}

}  // namespace

RequestMeta::RequestMeta(const Object& params) {
  const Value* found = params.if_contains("_meta");
  object = found ? found->if_object() : nullptr;
  if (!object) return;
  for (const auto& member : *object) {
    const std::string_view key = member.key();
    for (const KnownMember& known : kKnownMembers) {
      if (key == known.key) this->*known.value = &member.value();
    }
  }
}

std::string_view RequestMeta::stated_version() const {
  return version && version->is_string() ? std::string_view(version->get_string()) : std::string_view{};
}

bool is_modern_request(std::string_view method, const RequestMeta& about) {
  return about.version || about.capabilities || method == method::kDiscover || method == method::kListen;
}

std::optional<core::LogLevel> parse_logging_level(const Value& value) {
  if (!value.is_string()) return std::nullopt;
  for (int i = 0; i <= static_cast<int>(core::LogLevel::emergency); ++i) {
    auto level = static_cast<core::LogLevel>(i);
    if (core::to_string(level) == std::string_view(value.get_string())) return level;
  }
  return std::nullopt;
}

std::optional<Refusal> envelope_defect(const RequestMeta& about) {
  if (!about.object) return invalid_params("params._meta is missing: it carries the protocol version.");
  if (!about.version || !about.version->is_string()) {
    return invalid_params(fmt::format("params._meta[\"{}\"] must be a string.", meta::kProtocolVersion));
  }
  if (!about.capabilities || !about.capabilities->is_object()) {
    return invalid_params(fmt::format("params._meta[\"{}\"] must be an object.", meta::kClientCapabilities));
  }
  if (about.log_level && !parse_logging_level(*about.log_level)) {
    return invalid_params(fmt::format("params._meta[\"{}\"] is not a log level.", meta::kLogLevel));
  }
  return std::nullopt;
}

std::expected<Envelope, Refusal> read_envelope(const RequestMeta& about, std::span<const Codec> codecs) {
  if (auto defect = envelope_defect(about)) return std::unexpected(*std::move(defect));
  const std::string_view requested = about.stated_version();
  auto revision = parse_revision(requested);
  if (!revision || !is_modern(*revision)) {
    return std::unexpected(Refusal{code::kUnsupportedProtocolVersion, "Unsupported protocol version",
                                   unsupported_version_data(requested)});
  }
  Envelope envelope;
  envelope.codec = &codecs[static_cast<std::size_t>(*revision)];
  envelope.abilities = envelope.codec->abilities(&about.capabilities->get_object());
  if (about.log_level) envelope.log_level = parse_logging_level(*about.log_level);
  envelope.trace_id = trace_id_of(about);
  return envelope;
}

std::expected<std::string, Refusal> read_progress_token(const RequestMeta& about) {
  if (!about.progress_token) return std::string{};
  auto id = RequestId::from(*about.progress_token);
  if (!id)
    return std::unexpected(invalid_params("params._meta.progressToken must be a string or an integer."));
  return std::move(id->json);
}

std::string trace_id_of(const RequestMeta& about) {
  const Value* parent = about.trace_parent;
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
