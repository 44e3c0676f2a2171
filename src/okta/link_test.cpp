#include "okta/link.h"

#include <gmock/gmock.h>

namespace okta {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::IsEmpty;

TEST(Link, FindsTheNextLink) {
  struct Row {
    std::string_view name;
    std::vector<std::string> fields;
    std::optional<std::string> next;
  };
  const Row kRows[] = {
      {"none", {}, std::nullopt},
      {"one", {R"(<https://x/api/v1/users?after=abc>; rel="next")"}, "https://x/api/v1/users?after=abc"},
      {"self only", {R"(<https://x/a>; rel="self")"}, std::nullopt},
      {"prev only", {R"(<https://x/a>; rel="prev")"}, std::nullopt},
      {"in one field", {R"(<https://x/a>; rel="self", <https://x/b>; rel="next")"}, "https://x/b"},
      {"in several fields", {R"(<https://x/a>; rel="self")", R"(<https://x/b>; rel="next")"}, "https://x/b"},
      {"the first next", {R"(<https://x/a>; rel="next", <https://x/b>; rel="next")"}, "https://x/a"},
      {"token value", {"<https://x/b>;rel=next"}, "https://x/b"},
      {"case", {R"(<https://x/b>; REL="Next")"}, "https://x/b"},
      {"several relations", {R"(<https://x/b>; rel="last next")"}, "https://x/b"},
      {"only the first rel counts", {R"(<https://x/b>; rel="self"; rel="next")"}, std::nullopt},
      {"other parameters",
       {R"(<https://x/b>; title="a, \"b\"; rel=\"prev\""; rel="next"; foo)"},
       "https://x/b"},
      {"comma in the target", {R"(<https://x/b?q=a,b>; rel="next")"}, "https://x/b?q=a,b"},
      {"space around", {" , <https://x/b> ;\trel = \"next\" , "}, "https://x/b"},
      {"no rel", {"<https://x/b>"}, std::nullopt},
      {"part of a word", {R"(<https://x/b>; rel="nextish")"}, std::nullopt},
      {"unclosed target", {"<https://x/b; rel=\"next\""}, std::nullopt},
      {"unclosed value", {R"(<https://x/b>; rel="next)"}, "https://x/b"},
      {"rubbish", {"next"}, std::nullopt},
      {"rubbish after a good one",
       {R"(<https://x/b>; rel="next" !!, <https://x/c>; rel="next")"},
       "https://x/b"},
  };
  for (const auto& row : kRows) {
    net::Headers headers;
    for (const auto& field : row.fields) headers.add("link", field);
    EXPECT_EQ(next_target(headers), row.next) << row.name;
  }
}

TEST(Link, ReadsAllLinksInOrder) {
  std::string_view field = R"(<https://x/a>; rel="self", <https://x/b>; rel="next prefetch")";
  EXPECT_THAT(parse_links(std::span(&field, 1)),
              ElementsAre(testing::AllOf(Field(&Link::target, "https://x/a"),
                                         Field(&Link::relations, ElementsAre("self"))),
                          testing::AllOf(Field(&Link::target, "https://x/b"),
                                         Field(&Link::relations, ElementsAre("next", "prefetch")))));
  EXPECT_THAT(parse_links({}), IsEmpty());
}

}  // namespace
}  // namespace okta
