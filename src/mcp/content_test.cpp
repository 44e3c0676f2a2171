#include <gtest/gtest.h>

#include "mcp/test_peer.h"
#include "mcp/tool.h"

namespace mcp {
namespace {

using testing::json;
using testing::Object;

TEST(Content, TextIsReadWhicheverWayItIsKept) {
  struct Row {
    Content content;
    std::string_view text, written;
  };
  for (const auto& row : {
           Row{text_content("a \"b\""), "a \"b\"", R"({"type":"text","text":"a \"b\""})"},
           Row{text_content(""), "", R"({"type":"text","text":""})"},
           Row{Object{{"type", "text"}, {"text", "c"}}, "c", R"({"type":"text","text":"c"})"},
           Row{Object{{"type", "image"}, {"text", "no"}}, "", R"({"type":"image","text":"no"})"},
           Row{Object{{"type", "text"}, {"text", 7}}, "", R"({"type":"text","text":7})"},
           Row{Object{}, "", "{}"},
       }) {
    EXPECT_EQ(text_of(row.content), row.text) << row.written;
    EXPECT_EQ(write_content(row.content), json(row.written).get_object()) << row.written;
  }
}

}  // namespace
}  // namespace mcp
