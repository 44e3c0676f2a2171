// Which member each revision shows.
#include <gtest/gtest.h>

#include "mcp/codec.h"
#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::fixed_reader;
using testing::json;
using testing::says;
using testing::simple_prompt;
using testing::simple_resource;
using testing::simple_template;
using testing::simple_tool;
using testing::Value;

const ServerOptions kOptions = {
    .info = {.name = "n", .version = "1", .icons = {{.src = "https://example.com/s.png"}}}};

constexpr Revision kAll[] = {Revision::v2024_11_05, Revision::v2025_03_26, Revision::v2025_06_18,
                             Revision::v2025_11_25, Revision::v2026_07_28};

template <class Item>
Value listed(Revision revision, const Item& item, std::string_view member) {
  const Item* items[] = {&item};
  return json(Codec(revision, kOptions).list_result(items, {})).at(member).at(0);
}

// What a revision adds to what was there before.
struct Members {
  std::string_view base;
  std::string_view since_2025_06_18;
  std::string_view since_2025_11_25;

  Value of(Revision revision) const {
    std::string text(base);
    if (revision >= Revision::v2025_06_18) text += since_2025_06_18;
    if (revision >= Revision::v2025_11_25) text += since_2025_11_25;
    return json("{" + text + "}");
  }
};

const std::vector<Icon> kIcons = {{.src = "https://example.com/i.png",
                                   .mime_type = "image/png",
                                   .sizes = {"48x48"},
                                   .theme = Icon::Theme::dark}};
constexpr std::string_view kIconsText =
    R"(,"icons":[{"src":"https://example.com/i.png","mimeType":"image/png","sizes":["48x48"],"theme":"dark"}])";

TEST(CodecFeatures, Resources) {
  Resource resource = simple_resource("test://r", fixed_reader("x"));
  resource.name = "r";
  resource.title = "R";
  resource.description = "d";
  resource.size = 9;
  resource.hints = {.audience = {"user", "assistant"}, .priority = 0.5};
  resource.icons = kIcons;
  resource.meta = {{"ui", {{"prefersBorder", true}}}};
  const Members expected = {
      R"("uri":"test://r","name":"r","description":"d","mimeType":"text/plain","size":9,)"
      R"("annotations":{"audience":["user","assistant"],"priority":0.5})",
      R"(,"title":"R","_meta":{"ui":{"prefersBorder":true}})", kIconsText};
  for (Revision revision : kAll) {
    EXPECT_EQ(listed(revision, resource, "resources"), expected.of(revision)) << to_string(revision);
  }
  resource = simple_resource("test://r", fixed_reader("x"));
  resource.name = "r";
  resource.hints.last_modified = "2026-01-01T00:00:00Z";
  const Members dated = {R"("uri":"test://r","name":"r","mimeType":"text/plain")",
                         R"(,"annotations":{"lastModified":"2026-01-01T00:00:00Z"})", ""};
  for (Revision revision : kAll) {
    EXPECT_EQ(listed(revision, resource, "resources"), dated.of(revision)) << to_string(revision);
  }
}

TEST(CodecFeatures, Templates) {
  ResourceTemplate item = simple_template("test://{id}", fixed_reader("x"));
  item.title = "T";
  item.icons = kIcons;
  item.meta = {{"k", 1}};
  const Members expected = {R"("uriTemplate":"test://{id}","name":"a template","mimeType":"text/plain")",
                            R"(,"title":"T","_meta":{"k":1})", kIconsText};
  for (Revision revision : kAll) {
    EXPECT_EQ(listed(revision, item, "resourceTemplates"), expected.of(revision)) << to_string(revision);
  }
}

TEST(CodecFeatures, Prompts) {
  Prompt prompt = simple_prompt("p");
  prompt.title = "P";
  prompt.arguments = {{.name = "a", .description = "A", .required = true}};
  prompt.icons = kIcons;
  prompt.meta = {{"k", 1}};
  const Members expected = {
      R"("name":"p","description":"A prompt for tests.","arguments":[{"name":"a","description":"A","required":true}])",
      R"(,"title":"P","_meta":{"k":1})", kIconsText};
  for (Revision revision : kAll) {
    EXPECT_EQ(listed(revision, prompt, "prompts"), expected.of(revision)) << to_string(revision);
  }
  prompt.arguments[0].title = "An A";
  EXPECT_FALSE(
      listed(Revision::v2025_03_26, prompt, "prompts").at("arguments").at(0).as_object().contains("title"));
  EXPECT_EQ(listed(Revision::v2025_06_18, prompt, "prompts").at("arguments").at(0).at("title"), "An A");
}

TEST(CodecFeatures, IconsAndMetaOfTools) {
  Tool tool = simple_tool("t", says("x"));
  tool.icons = kIcons;
  tool.meta = {{"ui", {{"resourceUri", "ui://a"}}}};
  for (Revision revision : kAll) {
    auto text = listed(revision, tool, "tools").as_object();
    EXPECT_EQ(text.contains("icons"), revision >= Revision::v2025_11_25) << to_string(revision);
    EXPECT_EQ(text.contains("_meta"), revision >= Revision::v2025_06_18) << to_string(revision);
  }
}

TEST(CodecFeatures, IconsOfTheServer) {
  for (Revision revision : {Revision::v2025_06_18, Revision::v2025_11_25}) {
    Value result = json(Codec(revision, kOptions).initialize_result({}));
    EXPECT_EQ(result.at("serverInfo").as_object().contains("icons"), revision >= Revision::v2025_11_25);
  }
}

TEST(CodecFeatures, ContentLosesWhatTheRevisionDoesNotHave) {
  PromptResult result = {
      .description = "d",
      .messages = {
          {Role::assistant, testing::Object{{"type", "text"}, {"text", "x"}, {"_meta", {{"k", 1}}}}},
          {Role::user,
           testing::Object{
               {"type", "resource_link"}, {"uri", "a:b"}, {"name", "n"}, {"icons", testing::Array{}}}}}};
  auto written = [&](Revision revision) { return json(Codec(revision, kOptions).prompt_result(result)); };
  EXPECT_EQ(written(Revision::v2024_11_05), json(R"({"description":"d","messages":[
      {"role":"assistant","content":{"type":"text","text":"x"}},
      {"role":"user","content":{"type":"text","text":"n: a:b"}}]})"));
  EXPECT_EQ(written(Revision::v2025_06_18), json(R"({"description":"d","messages":[
      {"role":"assistant","content":{"type":"text","text":"x","_meta":{"k":1}}},
      {"role":"user","content":{"type":"resource_link","uri":"a:b","name":"n"}}]})"));
  EXPECT_TRUE(
      written(Revision::v2025_11_25).at("messages").at(1).at("content").as_object().contains("icons"));
}

TEST(CodecFeatures, TheEndOfAListHasNoCursor) {
  Codec codec(Revision::v2025_11_25, kOptions);
  EXPECT_EQ(codec.list_result(std::span<const Prompt* const>{}, {}), R"({"prompts":[]})");
  EXPECT_EQ(codec.list_result(std::span<const Prompt* const>{}, "c"), R"({"prompts":[],"nextCursor":"c"})");
}

}  // namespace
}  // namespace mcp
