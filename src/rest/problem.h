// What an Okta-shaped service answers when it refuses: HTTP status, errorCode, errorSummary, errorCauses.
//
//   if (!user) return rest::refuse(rest::not_found(id, "User"));
// Codes and texts are Okta's (its error-code reference; the causes as recorded from real orgs). This file and
// problem.cpp are the only place that turns a core::Error into that envelope.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http.h"

namespace rest {

// One line of errorCauses. Newer APIs of Okta's add a reason for programs ("UNIQUE_CONSTRAINT") and the
// member that it is about.
struct Cause {
  Cause(std::string summary_text, std::string reason_code = {}, std::string member = {})
      : summary(std::move(summary_text)), reason(std::move(reason_code)), location(std::move(member)) {}
  Cause(const char* summary_text) : Cause(std::string(summary_text)) {}

  std::string summary;
  std::string reason;
  std::string location;
};

struct Problem {
  int status = 500;
  std::string code;     // "E0000007"
  std::string summary;  // "Not found: Resource not found: 00u1 (User)"
  std::vector<Cause> causes;
  net::Headers headers;  // sent with the answer, such as WWW-Authenticate
};

template <class T>
using Answer = std::expected<T, Problem>;

inline std::unexpected<Problem> refuse(Problem problem) {
  return std::unexpected<Problem>(std::move(problem));
}

// 400 E0000001 "Api validation failed: FIELD".
Problem validation_failed(std::string_view field, std::vector<Cause> causes = {});
// 404 E0000007 "Not found: Resource not found: ID (KIND)".
Problem not_found(std::string_view id, std::string_view kind);
// 400 E0000003.
Problem malformed_body();
// 400 E0000031 "Invalid search criteria.", with what is wrong as the cause.
Problem invalid_search(std::string cause);
// 400 E0000029 "Invalid paging request.", cause "Invalid cursor."
Problem invalid_cursor();
// 405 E0000022, also what Okta answers to a trailing slash.
Problem method_not_supported();
// 404 E0000008.
Problem path_not_found();
// 403 E0000006.
Problem access_denied();
// 401 E0000011.
Problem invalid_token();
// 429 E0000047; Okta sends no Retry-After with it, only the X-Rate-Limit-* fields.
Problem too_many_requests();
// 412 E0000231.
Problem etag_mismatch();
// 500 E0000009.
Problem internal_error();
// Any other code of Okta's with its text.
Problem other(int status, std::string_view code, std::string_view summary, std::vector<Cause> causes = {});

Problem from_error(const core::Error& error);

// The JSON body. `error_id` stands in errorId ("oae..."), so that a log line can be found by it.
std::string write_problem(const Problem& problem, std::string_view error_id);

}  // namespace rest
