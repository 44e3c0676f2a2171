// What a handler may ask of the client in the middle of a call, and what comes back.
//
// Handlers never wait for a person (rule 8). What needs one returns NeedInput and is called again with the
// answers; how the question travels (a request to the client, or a multi-round-trip result) is the protocol's
// business.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <variant>

#include "core/json.h"

namespace mcp {

// What the client declared that it can answer.
struct ClientAbilities {
  bool form = false;  // elicitation
  bool url = false;
  bool sampling = false;
  bool sampling_tools = false;
  bool roots = false;
  bool tasks = false;  // it polls for what takes long (2026-07-28: an extension; 2025-11-25: experimental)
};

// Form mode elicitation.
struct FormQuestion {
  std::string message;
  core::json::Object requested_schema;  // flat object of primitives (page Elicitation)
};

// URL mode elicitation: the person is sent to a page, the client learns nothing of what happens there.
struct UrlQuestion {
  std::string message;
  std::string url;
  std::string elicitation_id;  // names the interaction for Session::elicitation_complete(); legacy only
};

// sampling/createMessage and roots/list: deprecated since 2026-07-28, here for the judges.
struct SamplingQuestion {
  core::json::Object params;  // CreateMessageRequest.params
};
struct RootsQuestion {};

using Question = std::variant<FormQuestion, UrlQuestion, SamplingQuestion, RootsQuestion>;

struct NeedInput {
  std::map<std::string, Question> questions;  // by key; keys are unique in one NeedInput
  core::json::Value state;                    // handed back with the answers; sealed on its way
};

enum class Answer { accept, decline, cancel };

struct InputResponse {
  Answer action = Answer::cancel;  // cancel also when the client failed to answer
  // Of an accepted form: its fields. Of sampling and roots: the client's result.
  core::json::Object content;
};

// Where a handler stands in the dialogue with its client.
struct Round {
  // Only questions the client can answer may be asked.
  ClientAbilities can;
  // Set when the handler is called again: the answers by question key, and the state it returned.
  std::map<std::string, InputResponse> responses;
  core::json::Value state;
  // How long, counted from the start, the client wants the result of a job kept (2025-11-25 only).
  std::optional<std::chrono::milliseconds> keep = std::nullopt;
};

}  // namespace mcp
