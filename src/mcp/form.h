// What the answer to a question may look like (pages Elicitation, Sampling, Roots): read strictly, checked
// against the question.
#pragma once

#include "core/json.h"
#include "core/result.h"
#include "mcp/question.h"

namespace mcp {

// The content of an accepted form against its requestedSchema: required members, types, enums, lengths and
// ranges of the flat schemas MCP allows. Members the form did not ask for are refused. Error:
// mcp.form.mismatch.
core::Status check_form(const core::json::Object& requested_schema, const core::json::Object& content);

// The client's result for `question`. The content of a form counts for `accept` only, that of a URL question
// never. Errors: mcp.form.malformed, mcp.form.mismatch.
core::Result<InputResponse> read_answer(const core::json::Value& result, const Question& question);

// ElicitResult.action; nullopt for anything else.
std::optional<Answer> parse_action(const core::json::Value& elicit_result);
std::string_view to_string(Answer answer);

}  // namespace mcp
