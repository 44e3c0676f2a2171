// Errors are values: Result<T> crosses rooms, exceptions do not (docs/architecture.md, rule 10).
//
// An Error tells its reader what happened, what to do next, and what the upstream service said.
// Translation into JSON-RPC, a tool error, an OAuth error or Okta's envelope happens at the edges,
// in one file each.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace core {

enum class ErrorKind {
  invalid_input,    // the caller's data is wrong; repeating it changes nothing
  unauthenticated,  // no usable credentials (yet)
  forbidden,        // credentials are good, rights are missing
  not_found,
  conflict,      // the thing changed, or is not in a state that allows this
  rate_limited,  // refused for now; later it may pass
  unavailable,   // the other side did not answer, or answered that it is broken
  timeout,
  cancelled,    // the caller, or a signal, gave it up
  too_large,    // a limit of ours was hit; the message names it
  protocol,     // the other side broke its protocol
  unsupported,  // known, and deliberately not done here
  internal,     // a defect of ours
};

std::string_view to_string(ErrorKind kind);

// What an upstream HTTP service said about a failure, as it said it.
struct UpstreamProblem {
  int status = 0;                   // HTTP status
  std::string code;                 // Okta errorCode ("E0000011") or OAuth error ("invalid_client")
  std::string summary;              // Okta errorSummary or OAuth error_description
  std::vector<std::string> causes;  // Okta errorCauses[].errorSummary
  std::string error_id;             // Okta errorId
  std::string request_id;           // X-Okta-Request-Id
};

struct Error {
  ErrorKind kind = ErrorKind::internal;
  std::string code;     // stable, for programs: "room.reason", e.g. "net.dns", "oauth.login_pending"
  std::string message;  // what happened, one sentence, no secrets
  std::string hint;     // likely cause and the next step; may be empty
  std::optional<UpstreamProblem> upstream;
  std::string location{};  // the member or parameter it is about ("resourceUrl"); may be empty
};

template <class T>
using Result = std::expected<T, Error>;
using Status = Result<void>;

// Shorthand for `return core::fail(...)` in any function that returns a Result.
inline std::unexpected<Error> fail(ErrorKind kind, std::string code, std::string message,
                                   std::string hint = {}) {
  return std::unexpected<Error>(
      Error{kind, std::move(code), std::move(message), std::move(hint), std::nullopt});
}
inline std::unexpected<Error> fail(Error error) {
  return std::unexpected<Error>(std::move(error));
}

// "message (hint)" for logs and terminals.
std::string describe(const Error& error);

}  // namespace core

// A declaration cannot stand in parentheses.
// NOLINTBEGIN(bugprone-macro-parentheses)
#define CORE_CONCAT_(a, b) a##b
#define CORE_CONCAT(a, b) CORE_CONCAT_(a, b)
#define CORE_ASSIGN_OR_RETURN_(tmp, declaration, expression) \
  auto tmp = (expression);                                   \
  if (!tmp) [[unlikely]]                                     \
    return std::unexpected(std::move(tmp).error());          \
  declaration = *std::move(tmp)

// ASSIGN_OR_RETURN(auto user, org.get(path)); stands at statement level, never in an `if` without braces.
#define ASSIGN_OR_RETURN(declaration, expression) \
  CORE_ASSIGN_OR_RETURN_(CORE_CONCAT(result_, __COUNTER__), declaration, expression)

#define RETURN_IF_ERROR(expression)                       \
  if (auto status_ = (expression); !status_) [[unlikely]] \
  return std::unexpected(std::move(status_).error())
// NOLINTEND(bugprone-macro-parentheses)
