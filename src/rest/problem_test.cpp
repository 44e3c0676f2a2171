#include "rest/problem.h"

#include <gtest/gtest.h>

#include "core/json.h"

namespace rest {
namespace {

// Texts as Okta's recorded answers and its list of error codes have them.
struct Row {
  Problem problem;
  int status;
  std::string code;
  std::string summary;
};

TEST(ProblemTest, SaysWhatOktaSays) {
  const std::vector<Row> rows{
      {validation_failed("login", {"login: The field cannot be left blank"}), 400, "E0000001",
       "Api validation failed: login"},
      {malformed_body(), 400, "E0000003", "The request body was not well-formed."},
      {access_denied(), 403, "E0000006", "You do not have permission to perform the requested action"},
      {not_found("00u1", "User"), 404, "E0000007", "Not found: Resource not found: 00u1 (User)"},
      {path_not_found(), 404, "E0000008", "The requested path was not found"},
      {internal_error(), 500, "E0000009", "Internal Server Error"},
      {invalid_token(), 401, "E0000011", "Invalid token provided"},
      {method_not_supported(), 405, "E0000022", "The endpoint does not support the provided HTTP method"},
      {invalid_cursor(), 400, "E0000029", "Invalid paging request."},
      {invalid_search("x"), 400, "E0000031", "Invalid search criteria."},
      {too_many_requests(), 429, "E0000047", "API call exceeded rate limit due to too many requests."},
      {etag_mismatch(), 412, "E0000231", "ETag value doesn't match."},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(row.problem.status, row.status) << row.code;
    EXPECT_EQ(row.problem.code, row.code);
    EXPECT_EQ(row.problem.summary, row.summary);
  }
}

TEST(ProblemTest, WritesTheEnvelope) {
  EXPECT_EQ(
      write_problem(validation_failed("login", {"a \"quoted\" cause", "another"}), "oae1"),
      R"({"errorCode":"E0000001","errorSummary":"Api validation failed: login","errorLink":"E0000001",)"
      R"("errorId":"oae1","errorCauses":[{"errorSummary":"a \"quoted\" cause"},{"errorSummary":"another"}]})");
  EXPECT_EQ(write_problem(not_found("00u1", "User"), "oae2"),
            R"x({"errorCode":"E0000007","errorSummary":"Not found: Resource not found: 00u1 (User)",)x"
            R"("errorLink":"E0000007","errorId":"oae2","errorCauses":[]})");
}

TEST(ProblemTest, EveryKindOfErrorHasItsStatus) {
  using core::ErrorKind;
  const std::vector<std::pair<ErrorKind, int>> rows{
      {ErrorKind::invalid_input, 400}, {ErrorKind::unauthenticated, 401}, {ErrorKind::forbidden, 403},
      {ErrorKind::not_found, 404},     {ErrorKind::conflict, 409},        {ErrorKind::rate_limited, 429},
      {ErrorKind::unavailable, 500},   {ErrorKind::timeout, 500},         {ErrorKind::cancelled, 500},
      {ErrorKind::too_large, 400},     {ErrorKind::protocol, 400},        {ErrorKind::unsupported, 501},
      {ErrorKind::internal, 500}};
  for (const auto& [kind, status] : rows)
    EXPECT_EQ(from_error(core::Error{.kind = kind, .message = "m"}).status, status) << core::to_string(kind);
  // What is broken inside is not told outside.
  EXPECT_EQ(from_error(core::Error{.kind = ErrorKind::internal, .message = "secret detail"}).causes.size(),
            0u);
}

}  // namespace
}  // namespace rest
