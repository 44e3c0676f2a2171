#include "catalogue/error_codes.h"

#include <algorithm>
#include <gtest/gtest.h>

namespace catalogue {
namespace {

using core::ErrorKind;

TEST(ErrorCodes, HoldsWhatOktaPublishes) {
  EXPECT_EQ(error_codes().size(), 251u);
  EXPECT_TRUE(std::is_sorted(error_codes().begin(), error_codes().end(),
                             [](const auto& a, const auto& b) { return a.code < b.code; }));
  std::size_t with_advice = 0;
  for (const auto& entry : error_codes()) {
    EXPECT_EQ(entry.code.size(), 8u) << entry.code;
    EXPECT_TRUE(entry.code.starts_with('E'));
    EXPECT_GE(entry.status, 200);
    EXPECT_LT(entry.status, 600);
    EXPECT_EQ(entry.cause.empty(), entry.next_step.empty()) << entry.code;
    with_advice += !entry.cause.empty();
    EXPECT_EQ(find_error_code(entry.code), &entry);
  }
  // Counts the rows of the advice table that found their code: a mistyped code would be lost here.
  EXPECT_EQ(with_advice, 81u);
}

TEST(ErrorCodes, AdviceIsWholeSentences) {
  for (const auto& entry : error_codes()) {
    if (entry.cause.empty()) continue;
    EXPECT_TRUE(entry.cause.ends_with('.')) << entry.code;
    EXPECT_TRUE(entry.next_step.ends_with('.')) << entry.code;
  }
}

TEST(ErrorCodes, SayWhatTheyMeanForTheCaller) {
  struct Row {
    std::string_view code;
    int status;
    ErrorKind kind;
  };
  constexpr Row kRows[] = {
      {"E0000001", 400, ErrorKind::invalid_input},
      {"E0000006", 403, ErrorKind::forbidden},
      {"E0000007", 404, ErrorKind::not_found},
      {"E0000009", 500, ErrorKind::unavailable},
      {"E0000011", 401, ErrorKind::unauthenticated},
      {"E0000015", 401, ErrorKind::forbidden},  // a feature that is off, whatever the status says
      {"E0000022", 405, ErrorKind::invalid_input},
      {"E0000038", 403, ErrorKind::conflict},  // the state of a user, not a missing right
      {"E0000047", 429, ErrorKind::rate_limited},
      {"E0000060", 501, ErrorKind::unsupported},
      {"E0000231", 412, ErrorKind::conflict},
      {"E0000153", 410, ErrorKind::not_found},
  };
  for (const auto& row : kRows) {
    const ErrorCode* entry = find_error_code(row.code);
    ASSERT_NE(entry, nullptr) << row.code;
    EXPECT_EQ(entry->status, row.status) << row.code;
    EXPECT_EQ(entry->kind, row.kind) << row.code;
  }
  EXPECT_EQ(find_error_code("E9999999"), nullptr);
  EXPECT_EQ(find_error_code(""), nullptr);
}

TEST(ErrorCodes, StatusesHaveKinds) {
  EXPECT_EQ(kind_of_status(302), ErrorKind::protocol);
  EXPECT_EQ(kind_of_status(400), ErrorKind::invalid_input);
  EXPECT_EQ(kind_of_status(404), ErrorKind::not_found);
  EXPECT_EQ(kind_of_status(412), ErrorKind::conflict);
  EXPECT_EQ(kind_of_status(418), ErrorKind::invalid_input);
  EXPECT_EQ(kind_of_status(502), ErrorKind::unavailable);
  EXPECT_EQ(kind_of_status(504), ErrorKind::timeout);
}

}  // namespace
}  // namespace catalogue
