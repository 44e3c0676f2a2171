#include "oauth/www_authenticate.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace oauth {
namespace {

std::string shown(const std::vector<ReceivedChallenge>& challenges) {
  std::string text;
  for (const auto& challenge : challenges) {
    if (!text.empty()) text += " ; ";
    text += challenge.scheme;
    if (!challenge.token68.empty()) text += " ~" + challenge.token68;
    for (const auto& [name, value] : challenge.parameters) text += fmt::format(" {}=<{}>", name, value);
  }
  return text;
}

struct Row {
  const char* field;
  const char* expected;
};

constexpr Row kRows[] = {
    {"", ""},
    {"Bearer", "Bearer"},
    {R"(Bearer realm="x")", "Bearer realm=<x>"},
    {R"(Bearer resource_metadata="https://h/.well-known/x, y", scope="a b")",
     "Bearer resource_metadata=<https://h/.well-known/x, y> scope=<a b>"},
    {R"(bearer SCOPE = "a b" ,error=invalid_token)", "bearer scope=<a b> error=<invalid_token>"},
    {R"(Basic realm="a", Bearer realm="b", scope="c", Negotiate)",
     "Basic realm=<a> ; Bearer realm=<b> scope=<c> ; Negotiate"},
    {R"(Negotiate, Bearer scope="c")", "Negotiate ; Bearer scope=<c>"},
    {R"(Negotiate YWJj/+==, Bearer scope="c")", "Negotiate ~YWJj/+== ; Bearer scope=<c>"},
    {R"(Negotiate YWJj=, Bearer scope="c")", "Negotiate ~YWJj= ; Bearer scope=<c>"},
    {R"(Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple")",
     R"(Newauth realm=<apps> type=<1> title=<Login to "apps"> ; Basic realm=<simple>)"},
    {R"(, , Bearer a="1",, b=2 ,, DPoP algs="ES256",)", "Bearer a=<1> b=<2> ; DPoP algs=<ES256>"},
    // Read up to the mistake.
    {R"(Bearer a="1", b="open)", "Bearer a=<1>"},
    {R"(Bearer a="1" b="2", Basic)", "Bearer a=<1>"},
    {R"("Bearer" a=1)", ""},
    {R"(Bearer a="Basic realm=\"inner\"")", R"(Bearer a=<Basic realm="inner">)"},
};

TEST(WwwAuthenticate, ReadsTheGrammarOfRfc9110) {
  for (const Row& row : kRows) EXPECT_EQ(shown(read_challenges(row.field)), row.expected) << row.field;
}

TEST(WwwAuthenticate, JoinsFields) {
  net::Headers headers{{"WWW-Authenticate", "Basic realm=a"}, {"www-authenticate", "Bearer scope=b"}};
  EXPECT_EQ(shown(read_challenges(headers)), "Basic realm=<a> ; Bearer scope=<b>");
}

TEST(WwwAuthenticate, IsBounded) {
  std::string many;
  for (int i = 0; i < 1000; ++i) many += "Basic realm=a, ";
  EXPECT_EQ(read_challenges(many).size(), 16u);
  std::string wide = "Bearer a=1";
  for (int i = 0; i < 1000; ++i) wide += ", b=2";
  EXPECT_EQ(read_challenges(wide).at(0).parameters.size(), 32u);
}

TEST(WwwAuthenticate, AParameterThatContradictsItselfSaysNothing) {
  const auto challenge = read_challenges(R"(Bearer scope="a", scope="a", error=x, error=y)").at(0);
  EXPECT_EQ(challenge.get("scope"), "a");
  EXPECT_EQ(challenge.get("error"), "");
  EXPECT_EQ(challenge.get("realm"), "");
}

}  // namespace
}  // namespace oauth
