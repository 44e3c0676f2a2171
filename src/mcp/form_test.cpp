#include "mcp/form.h"

#include <gtest/gtest.h>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::json;

constexpr std::string_view kSchema = R"({"type":"object","required":["name"],"properties":{
  "name":{"type":"string","minLength":1,"maxLength":5},
  "age":{"type":"integer","minimum":0,"maximum":150},
  "score":{"type":"number"},
  "sure":{"type":"boolean"},
  "pick":{"type":"string","enum":["a","b"]},
  "titled":{"type":"string","oneOf":[{"const":"x","title":"X"}]},
  "many":{"type":"array","maxItems":2,"items":{"type":"string","enum":["a","b","c"]}},
  "titledMany":{"type":"array","items":{"anyOf":[{"const":"p","title":"P"}]}}}})";

TEST(Form, ContentAgainstItsSchema) {
  struct Row {
    std::string_view content;
    bool fits;
  };
  auto schema = json(kSchema);
  for (
      const auto& row : {
          Row{R"({"name":"Ada"})", true},
          Row{R"({"name":"Ada","age":36,"score":1.5,"sure":true,"pick":"b","titled":"x","many":["a","c"],"titledMany":["p"]})",
              true},
          Row{R"({"name":"Ada","age":36.0})", true},
          Row{"{\"name\":\"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\"}", true},
          Row{"{}", false},
          Row{R"({"name":null})", false},
          Row{R"({"name":7})", false},
          Row{R"({"name":""})", false},
          Row{R"({"name":"toolong"})", false},
          Row{R"({"name":"Ada","age":36.5})", false},
          Row{R"({"name":"Ada","age":-1})", false},
          Row{R"({"name":"Ada","age":"36"})", false},
          Row{R"({"name":"Ada","score":"1"})", false},
          Row{R"({"name":"Ada","sure":"true"})", false},
          Row{R"({"name":"Ada","sure":1})", false},
          Row{R"({"name":"Ada","pick":"c"})", false},
          Row{R"({"name":"Ada","titled":"X"})", false},
          Row{R"({"name":"Ada","many":["d"]})", false},
          Row{R"({"name":"Ada","many":["a","b","c"]})", false},
          Row{R"({"name":"Ada","many":"a"})", false},
          Row{R"({"name":"Ada","many":[1]})", false},
          Row{R"({"name":"Ada","titledMany":["q"]})", false},
          Row{R"({"name":"Ada","unasked":true})", false},
      }) {
    auto content = json(row.content);
    EXPECT_EQ(check_form(schema.get_object(), content.get_object()).has_value(), row.fits) << row.content;
  }
}

TEST(Form, Answers) {
  struct Row {
    std::string_view result;
    std::optional<Answer> action;
  };
  FormQuestion question{
      "?",
      json(R"({"type":"object","properties":{"ok":{"type":"boolean"}},"required":["ok"]})").get_object()};
  for (const auto& row : {
           Row{R"({"action":"accept","content":{"ok":true}})", Answer::accept},
           Row{R"({"action":"decline"})", Answer::decline},
           Row{R"({"action":"cancel","content":{"ok":true}})", Answer::cancel},
           Row{R"({"action":"accept"})", std::nullopt},
           Row{R"({"action":"accept","content":{"ok":"yes"}})", std::nullopt},
           Row{R"({"action":"accept","content":[]})", std::nullopt},
           Row{R"({"action":"maybe"})", std::nullopt},
           Row{R"({"action":true})", std::nullopt},
           Row{"{}", std::nullopt},
           Row{"true", std::nullopt},
           Row{"null", std::nullopt},
       }) {
    auto answer = read_answer(json(row.result), question);
    ASSERT_EQ(answer.has_value(), row.action.has_value()) << row.result;
    if (!answer) continue;
    EXPECT_EQ(answer->action, *row.action);
    EXPECT_EQ(answer->content.empty(), answer->action != Answer::accept) << "content counts for accept only";
  }
}

}  // namespace
}  // namespace mcp
