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
  for (std::size_t i = kRevisions; i-- > 0;) {  // the newest ones are named most
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
// Before 2026-07-28 only (page Resources); that revision says kInvalidParams.
inline constexpr int kResourceNotFound = -32002;
// 2026-07-28 only (page Base protocol, "Error codes"); no other code of -32020…-32099 may be sent.
inline constexpr int kHeaderMismatch = -32020;
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
// Tasks: 2025-11-25 (experimental) has get, result, list, cancel; the extension of 2026-07-28 get, update,
// cancel.
inline constexpr std::string_view kTasksGet = "tasks/get";
inline constexpr std::string_view kTasksResult = "tasks/result";
inline constexpr std::string_view kTasksList = "tasks/list";
inline constexpr std::string_view kTasksUpdate = "tasks/update";
inline constexpr std::string_view kTasksCancel = "tasks/cancel";
inline constexpr std::string_view kTaskStatus = "notifications/tasks/status";  // 2025-11-25
inline constexpr std::string_view kTaskChanged = "notifications/tasks";        // 2026-07-28
inline constexpr std::string_view kResourcesList = "resources/list";
inline constexpr std::string_view kTemplatesList = "resources/templates/list";
inline constexpr std::string_view kResourcesRead = "resources/read";
inline constexpr std::string_view kSubscribe = "resources/subscribe";
inline constexpr std::string_view kUnsubscribe = "resources/unsubscribe";
inline constexpr std::string_view kPromptsList = "prompts/list";
inline constexpr std::string_view kPromptsGet = "prompts/get";
inline constexpr std::string_view kComplete = "completion/complete";
inline constexpr std::string_view kElicit = "elicitation/create";
inline constexpr std::string_view kCreateMessage = "sampling/createMessage";
inline constexpr std::string_view kListRoots = "roots/list";
inline constexpr std::string_view kInitialized = "notifications/initialized";
inline constexpr std::string_view kCancelled = "notifications/cancelled";
inline constexpr std::string_view kProgress = "notifications/progress";
inline constexpr std::string_view kMessage = "notifications/message";
inline constexpr std::string_view kToolsListChanged = "notifications/tools/list_changed";
inline constexpr std::string_view kPromptsListChanged = "notifications/prompts/list_changed";
inline constexpr std::string_view kResourcesListChanged = "notifications/resources/list_changed";
inline constexpr std::string_view kResourceUpdated = "notifications/resources/updated";
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
inline constexpr std::string_view kRelatedTask = "io.modelcontextprotocol/related-task";  // 2025-11-25
inline constexpr std::string_view kProgressToken = "progressToken";
inline constexpr std::string_view kTraceParent = "traceparent";
}  // namespace meta

// Identifiers in `capabilities.extensions` (2026-07-28).
namespace extension {
inline constexpr std::string_view kTasks = "io.modelcontextprotocol/tasks";
inline constexpr std::string_view kUi = "io.modelcontextprotocol/ui";
}  // namespace extension

}  // namespace mcp
