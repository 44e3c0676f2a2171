#include "rest/problem.h"

#include <boost/json.hpp>

#include "core/json.h"

namespace rest {

Problem other(int status, std::string_view code, std::string_view summary, std::vector<Cause> causes) {
  return Problem{.status = status,
                 .code = std::string(code),
                 .summary = std::string(summary),
                 .causes = std::move(causes),
                 .headers = {}};
}

Problem validation_failed(std::string_view field, std::vector<Cause> causes) {
  return other(400, "E0000001", "Api validation failed: " + std::string(field), std::move(causes));
}

Problem not_found(std::string_view id, std::string_view kind) {
  return other(404, "E0000007",
               "Not found: Resource not found: " + std::string(id) + " (" + std::string(kind) + ")");
}

Problem malformed_body() {
  return other(400, "E0000003", "The request body was not well-formed.");
}

Problem invalid_search(std::string cause) {
  return other(400, "E0000031", "Invalid search criteria.", {std::move(cause)});
}

Problem invalid_cursor() {
  return other(400, "E0000029", "Invalid paging request.", {"Invalid cursor."});
}

Problem method_not_supported() {
  return other(405, "E0000022", "The endpoint does not support the provided HTTP method");
}

Problem path_not_found() {
  return other(404, "E0000008", "The requested path was not found");
}

Problem access_denied() {
  return other(403, "E0000006", "You do not have permission to perform the requested action");
}

Problem invalid_token() {
  return other(401, "E0000011", "Invalid token provided");
}

Problem too_many_requests() {
  return other(429, "E0000047", "API call exceeded rate limit due to too many requests.");
}

Problem etag_mismatch() {
  return other(412, "E0000231", "ETag value doesn't match.");
}

Problem internal_error() {
  return other(500, "E0000009", "Internal Server Error");
}

Problem from_error(const core::Error& error) {
  switch (error.kind) {
    case core::ErrorKind::invalid_input:
    case core::ErrorKind::protocol:
      return validation_failed("request", {error.message});
    case core::ErrorKind::unauthenticated:
      return invalid_token();
    case core::ErrorKind::forbidden:
      return access_denied();
    case core::ErrorKind::not_found:
      return other(404, "E0000007", "Not found: " + error.message);
    case core::ErrorKind::conflict:
      return other(409, "E0000195", "Api validation failed due to conflict: " + error.message);
    case core::ErrorKind::rate_limited:
      return too_many_requests();
    case core::ErrorKind::too_large:
      return validation_failed("request", {error.message});
    case core::ErrorKind::unsupported:
      return other(501, "E0000060", "Unsupported operation.", {error.message});
    case core::ErrorKind::unavailable:
    case core::ErrorKind::timeout:
    case core::ErrorKind::cancelled:
    case core::ErrorKind::internal:
      break;
  }
  return internal_error();
}

std::string write_problem(const Problem& problem, std::string_view error_id) {
  boost::json::array causes;
  for (const auto& cause : problem.causes) {
    boost::json::object line{{"errorSummary", cause.summary}};
    if (!cause.reason.empty()) line["reason"] = cause.reason;
    if (!cause.location.empty()) line["location"] = cause.location;
    causes.push_back(std::move(line));
  }
  return core::json::write(boost::json::object{{"errorCode", problem.code},
                                               {"errorSummary", problem.summary},
                                               {"errorLink", problem.code},
                                               {"errorId", error_id},
                                               {"errorCauses", std::move(causes)}});
}

}  // namespace rest
