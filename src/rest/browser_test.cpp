#include "rest/browser.h"

#include <gtest/gtest.h>

namespace rest {
namespace {

TEST(Browser, IsSentOnWithoutAWordOfWhereItWas) {
  const auto onward = go_to("https://a.example/?x=1");
  EXPECT_EQ(onward.status, 303);
  EXPECT_EQ(onward.headers.get("Location"), "https://a.example/?x=1");
  EXPECT_EQ(onward.headers.get("Cache-Control"), "no-store");
  EXPECT_EQ(onward.headers.get("Referrer-Policy"), "no-referrer");
  EXPECT_TRUE(onward.body.empty());
}

TEST(Browser, IsToldWhichMethodsThereAre) {
  const auto refused =
      not_allowed({.status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "No"}, "GET, HEAD");
  EXPECT_EQ(refused.status, 405);
  EXPECT_EQ(refused.headers.get("Allow"), "GET, HEAD");
  EXPECT_EQ(refused.headers.get("Content-Type"), "text/html");
  EXPECT_EQ(refused.body, "No");
}

}  // namespace
}  // namespace rest
