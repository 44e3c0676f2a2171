// One wire codec per revision: what each revision's messages look like. Nothing else writes such members, so
// that an old revision never shows a newer one's. All results and params are JSON text.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/context.h"
#include "core/json.h"
#include "mcp/completion.h"
#include "mcp/icon.h"
#include "mcp/json_text.h"
#include "mcp/jsonrpc.h"
#include "mcp/prompt.h"
#include "mcp/protocol.h"
#include "mcp/question.h"
#include "mcp/resource.h"
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
  bool completions;          // the capability; the method is older
  bool item_meta;            // `_meta` on what is listed and read, lastModified in annotations
  bool completion_context;   // context.arguments of completion/complete
  bool icons;
  bool any_structured;   // structuredContent may be any JSON, not objects only
  bool tasks;            // methods tasks/...; what they look like depends on result_envelope
  bool result_envelope;  // resultType, _meta.serverInfo; ttlMs and cacheScope on lists
};

const WireRules& wire_rules(Revision revision);

// What a server has, and therefore declares.
struct Offer {
  bool tools = false;
  bool resources = false;
  bool prompts = false;
  bool completions = false;
  bool tasks = false;  // from 2025-11-25 on
  bool ui = false;     // MCP Apps: an extension, 2026-07-28

  bool operator==(const Offer&) const = default;
};

// What a subscriptions/listen stream is told of (schema: SubscriptionFilter).
struct ListenFilter {
  bool tools = false;
  bool prompts = false;
  bool resources = false;
  std::vector<std::string> uris;
  std::vector<std::string> tasks;  // ids
};

class Codec {
 public:
  Codec(Revision revision, const ServerOptions& options);

  const WireRules& rules() const { return rules_; }
  // What the client can answer, from its capabilities object.
  ClientAbilities abilities(const core::json::Object* capabilities) const;

  // What every complete result has (`"a":1,"b":2`, empty in legacy revisions), and the server's identity, for
  // results that are put together elsewhere (task_codec.h).
  const std::string& result_members() const { return envelope_; }
  const std::string& server_info() const { return server_info_; }

  // ---- Results
  std::string empty_result() const;
  std::string initialize_result(const Offer& offer) const;  // legacy
  std::string discover_result(const Offer& offer) const;    // 2026-07-28
  // One page; `next_cursor` is empty on the last.
  std::string list_result(std::span<const Tool* const> tools, std::string_view next_cursor) const;
  std::string list_result(std::span<const Resource* const> resources, std::string_view next_cursor) const;
  std::string list_result(std::span<const ResourceTemplate* const> templates,
                          std::string_view next_cursor) const;
  std::string list_result(std::span<const Prompt* const> prompts, std::string_view next_cursor) const;
  std::string call_result(const ToolResult& result) const;
  // `uri` and `mime_type` stand in for what a part leaves out.
  std::string read_result(std::span<const ResourceContents> contents, std::string_view uri,
                          std::string_view mime_type, const CacheHint& cache) const;
  std::string prompt_result(const PromptResult& result) const;
  // At most kMaxCompletions of them.
  std::string completion_result(const CompletionResult& result) const;
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
  std::string acknowledged_params(const RequestId& subscription, const ListenFilter& honoured) const;
  std::string subscription_params(const RequestId& subscription) const;
  // `subscription` in 2026-07-28 only.
  std::string updated_params(std::string_view uri, const RequestId* subscription) const;

 private:
  std::string tool_text(const Tool& tool) const;
  std::string resource_text(const Resource& resource) const;
  std::string template_text(const ResourceTemplate& resource_template) const;
  std::string prompt_text(const Prompt& prompt) const;
  std::string contents_text(const ResourceContents& part, std::string_view uri,
                            std::string_view mime_type) const;
  void append_content(std::string& out, const Content& content) const;
  void append_block(std::string& out, const core::json::Object& block) const;
  std::string capabilities_text(const Offer& offer) const;
  void add_hints(ObjectText& out, const ResourceHints& hints) const;
  void add_icons_and_meta(ObjectText& out, std::span<const Icon> icons, const core::json::Object& meta) const;

  const WireRules& rules_;
  std::string server_info_;
  std::string instructions_;
  // Members every complete result ends with; empty in legacy revisions.
  std::string envelope_;
  std::string list_envelope_;
};

// `icons` of 2025-11-25 and later, without the check for the revision.
std::string icons_text(std::span<const Icon> icons);

// `data` of "no such resource" (page Resources, "Error Handling").
std::string missing_resource_data(std::string_view uri);

// `data` of the errors 2026-07-28 defines.
std::string unsupported_version_data(std::string_view requested);
std::string missing_capability_data(std::span<const Question* const> questions);

// The request that carries a question.
std::string_view question_method(const Question& question);
// Whether a client with these abilities can answer it.
bool can_answer(const ClientAbilities& abilities, const Question& question);

}  // namespace mcp
