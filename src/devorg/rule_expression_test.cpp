#include "devorg/rule_expression.h"

#include <gtest/gtest.h>
#include <map>

namespace devorg {
namespace {

RuleSubject subject() {
  return {.attribute =
              [](std::string_view name) {
                static const std::map<std::string, std::string, std::less<>> values{
                    {"department", "Engineering"}, {"city", "Berlin"}, {"userType", ""}};
                const auto found = values.find(name);
                return found == values.end() ? std::string() : found->second;
              },
          .member_of = [](std::string_view id) { return id == "00g1"; },
          .member_of_name = [](std::string_view name) { return name == "Everyone"; }};
}

TEST(RuleExpressionTest, Evaluates) {
  const std::vector<std::pair<std::string, bool>> rows{
      {R"(user.department=="Engineering")", true},
      {R"(user.department == 'Engineering')", true},
      {R"(user.department eq "Engineering")", true},
      {R"(user.department!="Engineering")", false},
      {R"(user.department=="engineering")", false},
      {R"(user.userType == null)", true},
      {R"(user.missing != null)", false},
      {R"(!(user.city=="Rome"))", true},
      {R"(!user.city=="Rome")", true},
      {R"(user.city=="Rome" or user.city=="Berlin" and user.department=="Sales")", false},
      {R"((user.city=="Rome" || user.city=="Berlin") && user.department=="Engineering")", true},
      {R"(user.city=="Rome" OR user.city=="Berlin")", true},
      {R"(user.city=="Berlin" AND user.department=="Engineering")", true},
      {R"(String.startsWith(user.department,"Eng"))", true},
      {R"(String.stringContains(user.department, "neer"))", true},
      {R"(String.startsWith(user.department, user.city))", false},
      {R"(isMemberOfGroup("00g1") and !isMemberOfGroup("00g2"))", true},
      {R"(isMemberOfGroupName("Everyone"))", true},
      {R"(user.city=="a\"b")", false}};
  for (const auto& [text, expected] : rows) {
    const auto expression = RuleExpression::parse(text);
    ASSERT_TRUE(expression) << text << ": " << expression.error().message;
    EXPECT_EQ(expression->matches(subject()), expected) << text;
  }
}

TEST(RuleExpressionTest, RefusesWhatItDoesNotKnow) {
  for (const auto* text :
       {"", "user.city", "user.city==", "user.city=\"x\"", "user.city==\"x", "(user.city==\"x\"",
        "user.city==\"x\")", "user.==\"x\"", "city==\"x\"", "Arrays.contains(user.x,\"y\")",
        "user.city==\"x\" and", "String.startsWith(user.city)"}) {
    const auto expression = RuleExpression::parse(text);
    ASSERT_FALSE(expression) << text;
    EXPECT_EQ(expression.error().code, "devorg.rule");
  }
  EXPECT_FALSE(RuleExpression::parse(std::string(2000, '(') + "user.city==\"x\""));
  EXPECT_FALSE(RuleExpression::parse(std::string(2000, '!') + "user.city==\"x\""));
  EXPECT_FALSE(RuleExpression::parse(std::string(5000, ' ')));
}

}  // namespace
}  // namespace devorg
