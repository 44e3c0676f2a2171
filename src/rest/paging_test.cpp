#include "rest/paging.h"

#include <gtest/gtest.h>
#include <ostream>

#include "rest/test_call.h"

namespace rest {
namespace {

struct LimitRow {
  std::string query;
  std::size_t limit;  // 0: refused

  friend void PrintTo(const LimitRow& row, std::ostream* out) { *out << row.query; }
};

class LimitTest : public ::testing::TestWithParam<LimitRow> {};

TEST_P(LimitTest, Reads) {
  TestCall test("/x" + GetParam().query);
  const auto page = read_page(test.call, {.default_limit = 50, .maximum = 200});
  EXPECT_EQ(page ? page->limit : 0, GetParam().limit) << GetParam().query;
  if (!page) {
    EXPECT_EQ(page.error().code, "E0000001");
  }
}

INSTANTIATE_TEST_SUITE_P(
    Values, LimitTest,
    ::testing::Values(LimitRow{"", 50}, LimitRow{"?limit=1", 1}, LimitRow{"?limit=200", 200},
                      LimitRow{"?limit=201", 200}, LimitRow{"?limit=99999999999999999999", 200},
                      LimitRow{"?limit=-1", 50}, LimitRow{"?limit=0", 0}, LimitRow{"?limit=-2", 0},
                      LimitRow{"?limit=ten", 0}, LimitRow{"?limit=1.5", 0}, LimitRow{"?limit=", 0},
                      LimitRow{"?limit=-99999999999999999999", 0}, LimitRow{"?limit=5%20", 0}));

TEST(PagingTest, AStrictListRefusesWhatIsTooLarge) {
  TestCall test("/x?limit=1001");
  const auto page = read_page(test.call, {.default_limit = 100, .maximum = 1000, .clamp = false});
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, "E0000001");
  EXPECT_NE(page.error().causes.at(0).summary.find("1000"), std::string::npos);
}

TEST(PagingTest, LinksAsRecorded) {
  TestCall test("/api/v1/users?limit=1");
  Reply reply;
  add_links(reply, test.call, "https://acme.okta.com", 200, "200unwlw0tbo8E6aVj5d7");
  EXPECT_EQ(reply.headers.all("link"),
            (std::vector<std::string_view>{
                R"(<https://acme.okta.com/api/v1/users?limit=1>; rel="self")",
                R"(<https://acme.okta.com/api/v1/users?after=200unwlw0tbo8E6aVj5d7&limit=1>; rel="next")"}));
}

TEST(PagingTest, LinksKeepTheQueryAndSayTheLimitThatWasUsed) {
  TestCall test("/api/v1/users?search=status%20eq%20%22ACTIVE%22&after=old");
  Reply reply;
  add_links(reply, test.call, "http://127.0.0.1:1", 200, "new&er");
  const auto links = reply.headers.all("link");
  ASSERT_EQ(links.size(), 2u);
  EXPECT_EQ(
      links[0],
      R"(<http://127.0.0.1:1/api/v1/users?after=old&search=status%20eq%20%22ACTIVE%22&limit=200>; rel="self")");
  EXPECT_EQ(
      links[1],
      R"(<http://127.0.0.1:1/api/v1/users?after=new%26er&search=status%20eq%20%22ACTIVE%22&limit=200>; rel="next")");
}

TEST(PagingTest, TheLastPageHasNoNext) {
  TestCall test("/api/v1/policies?type=PASSWORD");
  Reply reply;
  add_links(reply, test.call, "http://127.0.0.1:1", 0, "");
  EXPECT_EQ(
      reply.headers.all("link"),
      (std::vector<std::string_view>{R"(<http://127.0.0.1:1/api/v1/policies?type=PASSWORD>; rel="self")"}));
}

}  // namespace
}  // namespace rest
