#include "admin/plan.h"

#include <gtest/gtest.h>

namespace admin {
namespace {

namespace json = core::json;

json::Value parsed(std::string_view text) {
  auto value = json::parse(text);
  EXPECT_TRUE(value) << text;
  return *value;
}

TEST(MergePatch, Rfc7396Examples) {
  const std::string_view cases[][3] = {
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"(["a","b"])", R"(["c","d"])", R"(["c","d"])"},
      {R"({"a":"b"})", R"(["c"])", R"(["c"])"},
      {R"({"a":"foo"})", "null", "null"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {"[1,2]", R"({"a":"b","c":null})", R"({"a":"b"})"},
      {"{}", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
  };
  for (const auto& c : cases)
    EXPECT_EQ(merge_patch(parsed(c[0]), parsed(c[1])), parsed(c[2])) << c[0] << " + " << c[1];
}

TEST(Differences, NameEachPath) {
  auto found = differences(parsed(R"({"name":"a","profile":{"x":1,"y":[1]},"gone":true})"),
                           parsed(R"({"name":"a","profile":{"x":2,"y":[1,2]},"new":null,"more":3})"));
  std::vector<std::string> paths;
  for (const auto& change : found) paths.push_back(change.path);
  EXPECT_EQ(paths, (std::vector<std::string>{"profile.x", "profile.y", "gone", "more"}));
}

Plan sample() {
  Plan plan{
      .tool = "delete_group", .org_url = "https://example.okta.com", .title = "Delete group \"A\" (00g1)"};
  plan.facts = {"members: 3"};
  plan.steps = {{{.method = net::Method::delete_, .path = "/api/v1/groups/00g1"}}};
  plan.subject = Subject{.path = "/api/v1/groups/00g1", .fingerprint = "f"};
  return plan;
}

TEST(Plan, DigestCoversEverythingThatMatters) {
  const std::string base = sample().digest();
  EXPECT_EQ(sample().digest(), base);
  std::vector<Plan> others(7, sample());
  others[0].title += ".";
  others[1].facts[0] = "members: 4";
  others[2].steps[0].request.path = "/api/v1/groups/00g2";
  others[3].steps[0].request.body = json::Value("x");
  others[4].subject->fingerprint = "g";
  others[5].org_url = "https://other.okta.com";
  others[6].changes.push_back({"profile.name", "a", "b"});
  for (std::size_t i = 0; i < others.size(); ++i) EXPECT_NE(others[i].digest(), base) << i;
}

TEST(Plan, TextHasNoHiddenCharacters) {
  Plan plan = sample();
  plan.title = "Delete \x1b[31mgroup\xE2\x80\xAE txt";
  std::string text = plan.text();
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find("\xE2\x80\xAE"), std::string::npos);
}

TEST(Fingerprint, LeavesOutWhatChangesByItself) {
  EXPECT_EQ(fingerprint(parsed(R"({"id":"1","lastLogin":"a","_links":{}})")),
            fingerprint(parsed(R"({"id":"1","lastLogin":"b"})")));
  EXPECT_NE(fingerprint(parsed(R"({"id":"1","status":"A"})")),
            fingerprint(parsed(R"({"id":"1","status":"B"})")));
}

}  // namespace
}  // namespace admin
