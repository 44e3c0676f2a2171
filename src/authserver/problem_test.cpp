#include "authserver/problem.h"

#include <gtest/gtest.h>
#include <set>

#include "core/file.h"
#include "core/json.h"

namespace authserver {
namespace {

TEST(Problem, FillsInArgumentsAndKeepsTheCode) {
  auto error = problem("unauthorized_client", {"a, b"}).error();
  EXPECT_EQ(error.code, "authserver.unauthorized_client");
  EXPECT_EQ(error.message,
            "The client is not authorized to use the provided grant type. Configured grant types: [a, b].");
  EXPECT_EQ(error.kind, core::ErrorKind::invalid_input);
  EXPECT_EQ(problem("invalid_client").error().kind, core::ErrorKind::unauthenticated);
  EXPECT_EQ(problem("no such row").error().code, "authserver.server_error");
}

TEST(Problem, AnswersInTheFormOfRfc6749) {
  auto response = error_response(problem("invalid_client").error(), true);
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.headers.get("WWW-Authenticate"), "Basic realm=\"oauth\"");
  EXPECT_EQ(response.headers.get("Cache-Control"), "no-cache, no-store");
  EXPECT_EQ(response.headers.get("Content-Type"), "application/json");
  auto body = core::json::parse(response.body);
  ASSERT_TRUE(body);
  EXPECT_EQ(body->at("error"), "invalid_client");
  EXPECT_FALSE(error_response(problem("invalid_client").error()).headers.has("WWW-Authenticate"));
}

TEST(Problem, KeepsForeignErrorsInside) {
  auto response =
      error_response(core::Error{core::ErrorKind::internal, "core.file", "disk /secret full", ""});
  EXPECT_EQ(response.status, 500);
  EXPECT_EQ(response.body.find("disk"), std::string::npos);
}

// Okta's own table says "en" where a value goes.
std::string as_template(std::string text) {
  if (text.ends_with(": en")) text.replace(text.size() - 2, 2, "{}");
  for (const char* placeholder : {"[en]", "'en'", " en."}) {
    std::string with(placeholder);
    std::string to = with;
    to.replace(to.find("en"), 2, "{}");
    for (std::size_t at = text.find(with); at != std::string::npos; at = text.find(with)) {
      text.replace(at, with.size(), to);
    }
  }
  return text;
}

TEST(Problem, EveryRowIsOktas) {
  auto text = core::read_file(std::string(SHARED_DIR) + "/okta-reference/oauth2-error-codes.json");
  if (!text || !*text) GTEST_SKIP() << "Okta's published error table is not here";
  auto published = core::json::parse(**text);
  ASSERT_TRUE(published);
  std::set<std::string> ours{"invalid_request",
                             "method_not_allowed"};  // plain HTTP, Okta has no words for them
  int compared = 0;
  for (const auto& entry : published->at("errors").as_array()) {
    std::string name(entry.at("internalErrorCode").as_string());
    const ProblemRow* row = find_problem(name);
    if (!row || ours.contains(name)) continue;
    ++compared;
    EXPECT_EQ(row->error, entry.at("errorCode").as_string()) << name;
    EXPECT_EQ(row->description, as_template(std::string(entry.at("errorDescription").as_string()))) << name;
    // RFC 8628 section 3.5 answers a refusal with 400; Okta's table files the same words under 403, and those
    // of a policy under 401, where RFC 6749 section 5.2 and Okta's servers say 400.
    bool denied = name == "access_denied" || name == "no_matching_policy";
    int status = denied ? 400 : entry.at("statusCode").to_number<int>();
    EXPECT_EQ(row->status, status) << name;
  }
  EXPECT_EQ(compared, 126);
}

}  // namespace
}  // namespace authserver
