// Resources and resource templates as a server offers them, and the plain functions that read them (MCP
// "Resources"). A resource is in resources/list; a template stands for many that are not.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "mcp/completion.h"
#include "mcp/icon.h"
#include "mcp/question.h"
#include "mcp/tool.h"

namespace mcp {

// Hints for the client (schema: Annotations).
struct ResourceHints {
  std::vector<std::string> audience;  // of "user", "assistant"
  std::optional<double> priority;     // 0 … 1
  std::string last_modified;          // ISO 8601; sent from 2025-06-18 on
};

// How long a client may keep what it read (2026-07-28). `shared` only when every caller reads the same.
struct CacheHint {
  std::chrono::milliseconds ttl{0};
  bool shared = false;
};

struct ResourceContents {
  std::string uri;        // empty: the one that was read
  std::string mime_type;  // empty: the resource's
  std::string data;       // text is UTF-8; bytes are raw, base64 is the wire's business
  bool binary = false;
  core::json::Object meta;  // `_meta`, from 2025-06-18 on
};

ResourceContents text_contents(std::string text, std::string mime_type = {});
ResourceContents binary_contents(std::string bytes, std::string mime_type = {});

using UriVariables = std::map<std::string, std::string, std::less<>>;

struct ResourceRead {
  std::string_view uri;  // as the client sent it
  // Of a template, percent-decoded. A {name} is never empty; one of {?name} the URI leaves out is absent.
  const UriVariables& variables;
  Round round;
};

// At least one part: an empty list counts as not found (page Resources).
using ReadOutcome = std::variant<std::vector<ResourceContents>, NeedInput>;

// An Error of kind not_found is answered as "no such resource" (-32602 with data.uri; -32002 before
// 2026-07-28), invalid_input with -32602, any other with -32603.
using ResourceReader = std::function<core::Result<ReadOutcome>(const core::Context&, const ResourceRead&)>;

struct Resource {
  std::string uri;
  std::string name;   // identifies it to programs
  std::string title;  // for people; sent from 2025-06-18 on
  std::string description;
  std::string mime_type;
  std::optional<std::uint64_t> size;  // bytes, before any encoding
  ResourceHints hints;
  std::vector<Icon> icons;
  core::json::Object meta;          // `_meta`, e.g. {"ui": {...}} of MCP Apps
  std::vector<std::string> scopes;  // OAuth scopes a caller over HTTP needs to read it
  CacheHint cache;
  RunsOn runs_on = RunsOn::upstream;
  ResourceReader read;
};

struct ResourceTemplate {
  std::string uri_template;  // see uri_template.h
  std::string name;
  std::string title;
  std::string description;
  std::string mime_type;
  ResourceHints hints;
  std::vector<Icon> icons;
  core::json::Object meta;
  std::vector<std::string> scopes;
  CacheHint cache;
  RunsOn runs_on = RunsOn::upstream;
  ResourceReader read;
  Completer complete;  // of its variables; may be empty
  RunsOn completes_on = RunsOn::upstream;
};

}  // namespace mcp
