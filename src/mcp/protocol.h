// The protocol's own words: revisions, methods, error codes, reserved _meta keys (MCP schema, all revisions).
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace mcp {

// In order of age, so that `revision >= Revision::v2025_06_18` reads as it should.
enum class Revision { v2024_11_05, v2025_03_26, v2025_06_18, v2025_11_25, v2026_07_28 };

inline constexpr std::array<std::string_view, 5> kRevisionNames = {"2024-11-05", "2025-03-26", "2025-06-18",
                                                                   "2025-11-25", "2026-07-28"};
inline constexpr std::size_t kRevisions = kRevisionNames.size();
// What `initialize` answers to a version it does not know (page Lifecycle). Never the modern one: that
// revision has no `initialize`.
inline constexpr Revision kNewestLegacy = Revision::v2025_11_25;

constexpr std::string_view to_string(Revision revision) {
  return kRevisionNames[static_cast<std::size_t>(revision)];
}

constexpr std::optional<Revision> parse_revision(std::string_view name) {
  for (std::size_t i = 0; i < kRevisions; ++i) {
    if (kRevisionNames[i] == name) return static_cast<Revision>(i);
  }
  return std::nullopt;
}

// Modern: each request carries its own metadata. Legacy: a session that opens with `initialize`.
constexpr bool is_modern(Revision revision) {
  return revision >= Revision::v2026_07_28;
}

namespace code {
inline constexpr int kParseError = -32700;
inline constexpr int kInvalidRequest = -32600;
inline constexpr int kMethodNotFound = -32601;
inline constexpr int kInvalidParams = -32602;
inline constexpr int kInternalError = -32603;
// 2026-07-28 only (page Base protocol, "Error codes"); no other code of -32020…-32099 may be sent.
inline constexpr int kMissingRequiredClientCapability = -32021;
inline constexpr int kUnsupportedProtocolVersion = -32022;
}  // namespace code

namespace method {
inline constexpr std::string_view kInitialize = "initialize";
inline constexpr std::string_view kPing = "ping";
inline constexpr std::string_view kSetLevel = "logging/setLevel";
inline constexpr std::string_view kDiscover = "server/discover";
inline constexpr std::string_view kListen = "subscriptions/listen";
inline constexpr std::string_view kToolsList = "tools/list";
inline constexpr std::string_view kToolsCall = "tools/call";
inline constexpr std::string_view kElicit = "elicitation/create";
inline constexpr std::string_view kCreateMessage = "sampling/createMessage";
inline constexpr std::string_view kListRoots = "roots/list";
inline constexpr std::string_view kInitialized = "notifications/initialized";
inline constexpr std::string_view kCancelled = "notifications/cancelled";
inline constexpr std::string_view kProgress = "notifications/progress";
inline constexpr std::string_view kMessage = "notifications/message";
inline constexpr std::string_view kToolsListChanged = "notifications/tools/list_changed";
inline constexpr std::string_view kElicitationComplete = "notifications/elicitation/complete";
inline constexpr std::string_view kAcknowledged = "notifications/subscriptions/acknowledged";
}  // namespace method

namespace meta {
inline constexpr std::string_view kProtocolVersion = "io.modelcontextprotocol/protocolVersion";
inline constexpr std::string_view kClientCapabilities = "io.modelcontextprotocol/clientCapabilities";
inline constexpr std::string_view kClientInfo = "io.modelcontextprotocol/clientInfo";
inline constexpr std::string_view kLogLevel = "io.modelcontextprotocol/logLevel";
inline constexpr std::string_view kServerInfo = "io.modelcontextprotocol/serverInfo";
inline constexpr std::string_view kSubscriptionId = "io.modelcontextprotocol/subscriptionId";
inline constexpr std::string_view kProgressToken = "progressToken";
inline constexpr std::string_view kTraceParent = "traceparent";
}  // namespace meta

}  // namespace mcp
