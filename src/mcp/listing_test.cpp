#include "mcp/listing.h"

#include <gtest/gtest.h>
#include <set>

#include "core/encoding.h"
#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::json;
using testing::says;
using testing::simple_tool;
using testing::Value;

const ServerOptions kOptions = {.info = {.name = "n", .version = "1"}, .list_ttl = std::chrono::seconds{1}};

void fill(Listing<Tool>& list, int count) {
  for (int i = 0; i < count; ++i) {
    std::string name = "t" + std::to_string(i);
    list.add(simple_tool(name, says("x")), name);
  }
}

// All pages, followed as a client does; the names and how many pages there were.
std::pair<std::vector<std::string>, int> walk(Listing<Tool>& list, const Codec& codec) {
  std::vector<std::string> names;
  std::string cursor;
  for (int pages = 1;; ++pages) {
    auto page = list.page(codec, cursor);
    EXPECT_TRUE(page) << cursor;
    if (!page) return {names, pages};
    Value result = json(*page);
    for (const Value& tool : result.at("tools").get_array()) names.emplace_back(tool.at("name").get_string());
    const Value* next = result.get_object().if_contains("nextCursor");
    if (!next) return {names, pages};
    EXPECT_EQ(result.get_object().contains("ttlMs"), is_modern(codec.rules().revision)) << "on every page";
    cursor = std::string(next->get_string());
  }
}

TEST(Listing, GivesEveryEntryOnce) {
  struct Row {
    int count;
    std::size_t page_size;
    int pages;
  };
  for (const auto& [count, page_size, pages] :
       {Row{0, 3, 1}, Row{1, 3, 1}, Row{3, 3, 1}, Row{4, 3, 2}, Row{6, 3, 2}, Row{7, 3, 3}, Row{5, 1, 5}}) {
    Listing<Tool> list("tools", page_size);
    fill(list, count);
    for (auto revision : {Revision::v2024_11_05, Revision::v2026_07_28}) {
      auto [names, walked] = walk(list, Codec(revision, kOptions));
      EXPECT_EQ(walked, pages) << count;
      ASSERT_EQ(names.size(), static_cast<std::size_t>(count));
      for (int i = 0; i < count; ++i) EXPECT_EQ(names[static_cast<std::size_t>(i)], "t" + std::to_string(i));
    }
  }
}

TEST(Listing, WritesAPageOnce) {
  Listing<Tool> list("tools", 2);
  fill(list, 4);
  Codec codec(Revision::v2026_07_28, kOptions);
  EXPECT_EQ(list.page(codec).get(), list.page(codec).get());
  std::string next(json(*list.page(codec)).at("nextCursor").get_string());
  EXPECT_EQ(list.page(codec, next).get(), list.page(codec, next).get());
  auto first = list.page(codec);
  list.set_visible([](const Tool& tool) { return tool.name != "t1"; });
  EXPECT_NE(list.page(codec).get(), first.get());
}

TEST(Listing, RefusesForeignCursors) {
  Listing<Tool> list("tools", 2);
  fill(list, 5);
  Listing<Tool> other("prompts", 2);
  fill(other, 5);
  Listing<Tool> longer("tools", 2);
  fill(longer, 6);
  Codec codec(Revision::v2026_07_28, kOptions);
  auto next = [&](Listing<Tool>& of) {
    return std::string(json(*of.page(codec)).at("nextCursor").get_string());
  };
  EXPECT_TRUE(list.page(codec, "")) << "an empty string is a cursor: the beginning";
  EXPECT_TRUE(list.page(codec, next(list)));
  EXPECT_FALSE(list.page(codec, next(other))) << "of another list";
  EXPECT_FALSE(list.page(codec, next(longer))) << "of another version of the program";
  std::string text = *core::base64url_decode(next(list));
  std::string behind = "5" + text.substr(text.find('.'));
  std::string padded = "0" + text;
  for (const std::string& bad : {std::string("x"), std::string("2"), next(list) + "A", std::string(100, 'A'),
                                 core::base64url_encode(behind), core::base64url_encode(padded),
                                 core::base64url_encode("-" + text), core::base64url_encode(text + " ")}) {
    EXPECT_FALSE(list.page(codec, bad)) << bad;
  }
}

TEST(Listing, ACursorOutlivesAChange) {
  Listing<Tool> list("tools", 2);
  fill(list, 6);
  Codec codec(Revision::v2026_07_28, kOptions);
  std::string cursor(json(*list.page(codec)).at("nextCursor").get_string());  // at t2
  std::set<std::string> hidden = {"t0", "t3"};
  list.set_visible([&](const Tool& tool) { return !hidden.contains(tool.name); });
  Value page = json(*list.page(codec, cursor));
  EXPECT_EQ(page.at("tools").at(0).at("name"), "t2") << "nothing is repeated";
  EXPECT_EQ(page.at("tools").at(1).at("name"), "t4");
  hidden = {"t0", "t2", "t3"};
  EXPECT_TRUE(list.refresh());
  EXPECT_FALSE(list.refresh());
  EXPECT_EQ(json(*list.page(codec, cursor)).at("tools").at(0).at("name"), "t4") << "nor is anything skipped";
  hidden = {"t0", "t1", "t2", "t3", "t4", "t5"};
  EXPECT_TRUE(list.refresh());
  EXPECT_TRUE(json(*list.page(codec, cursor)).at("tools").get_array().empty());
}

}  // namespace
}  // namespace mcp
