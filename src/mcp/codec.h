// One wire codec per revision: what each revision's messages look like. Nothing else writes such members, so
// that an old revision never shows a newer one's. All results and params are JSON text.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/context.h"
#include "core/json.h"
#include "mcp/jsonrpc.h"
#include "mcp/protocol.h"
#include "mcp/question.h"
#include "mcp/server.h"
#include "mcp/tool.h"

namespace mcp {

// What a revision has, in the order of its changelogs.
struct WireRules {
  Revision revision;
  bool batches;  // received; 2024-11-05 by JSON-RPC, a MUST in 2025-03-26, gone since
  bool audio;    // audio content
  bool tool_annotations;
  bool progress_message;
  bool titles;             // `title` beside `name`
  bool structured_output;  // outputSchema, structuredContent
  bool resource_links;     // resource_link content
  bool form_elicitation;
  bool url_elicitation;      // and `mode` in elicitation params
  bool implementation_text;  // description and websiteUrl of Implementation
  bool any_structured;       // structuredContent may be any JSON, not objects only
  bool result_envelope;      // resultType, _meta.serverInfo; ttlMs and cacheScope on lists
};

const WireRules& wire_rules(Revision revision);

class Codec {
 public:
  Codec(Revision revision, const ServerOptions& options);

  const WireRules& rules() const { return rules_; }
  // What the client can answer, from its capabilities object.
  ClientAbilities abilities(const core::json::Object* capabilities) const;

  // ---- Results
  std::string empty_result() const;
  std::string initialize_result() const;  // legacy
  std::string discover_result() const;    // 2026-07-28
  std::string tools_list_result(std::span<const Tool* const> tools) const;
  std::string call_result(const ToolResult& result) const;
  // 2026-07-28.
  std::string input_required_result(const std::map<std::string, Question>& questions,
                                    std::string_view request_state) const;
  // 2026-07-28: the graceful end of subscriptions/listen.
  std::string listen_result(const RequestId& subscription) const;

  // ---- Params of what the server sends
  std::string question_params(const Question& question) const;
  // `token` is JSON text, as the client sent it.
  std::string progress_params(std::string_view token, double done, std::optional<double> total,
                              std::string_view message) const;
  std::string message_params(core::LogLevel level, std::string_view logger,
                             const core::json::Value& data) const;
  std::string acknowledged_params(const RequestId& subscription, bool tools_list_changed) const;
  std::string subscription_params(const RequestId& subscription) const;

 private:
  std::string tool_text(const Tool& tool) const;
  std::string content_text(const Content& content) const;
  std::string capabilities_text() const;

  const WireRules& rules_;
  std::string server_info_;
  std::string instructions_;
  // Members every complete result ends with; empty in legacy revisions.
  std::string envelope_;
  std::string list_envelope_;
};

// `data` of the errors 2026-07-28 defines.
std::string unsupported_version_data(std::string_view requested);
std::string missing_capability_data(std::span<const Question* const> questions);

// The request that carries a question.
std::string_view question_method(const Question& question);
// Whether a client with these abilities can answer it.
bool can_answer(const ClientAbilities& abilities, const Question& question);

}  // namespace mcp
