#include <fmt/format.h>
#include <gmock/gmock.h>
#include <map>

#include "okta/test_support.h"

namespace okta {
namespace {

using core::ErrorKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// An org whose answers are a list of pages: page N is asked for with the cursor "N" (the first one without).
struct Book {
  struct Page {
    std::string body;
    std::string next;  // cursor; empty for no next link
    int status = 200;
  };

  Book(const Book&) = delete;
  explicit Book(std::vector<Page> pages) : pages_(std::move(pages)) {
    test.http.answer_with([this](const core::Context&, const net::HttpRequest& request) {
      auto url = net::parse_url(request.url).value();
      auto query = net::parse_query(url.query).value();
      paths.push_back(url.path);
      queries.push_back(query);
      auto after = net::query_value(query, "after");
      const auto& page = pages_.at(after ? std::stoul(*after) : 0);
      net::HttpResponse response{.status = page.status, .body = page.body};
      response.headers.add("Link", "<" + std::string(kOrigin) + url.path + ">; rel=\"self\"");
      if (!page.next.empty()) {
        response.headers.add(
            "link", fmt::format("<{}{}?after={}&limit=1>; rel=\"next\"", kOrigin, url.path, page.next));
      }
      return net::FakeHttpClient::Answer(std::move(response));
    });
  }

  struct Read {
    std::string elements;  // as JSON, pages separated by '|'
    std::string code;      // of the error that ended it, if one did
    std::optional<std::string> cursor;
    std::int64_t pages = 0;
    bool done = false;
  };
  Read read(Pages::Options options = {}, std::string path = "/api/v1/users", net::Query query = {},
            int most = 100) {
    Pages pages(*test.org, std::move(path), std::move(query), std::move(options));
    Read result;
    for (int i = 0; i < most; ++i) {
      auto page = pages.next(test.context);
      if (!page) {
        result.code = page.error().code;
        break;
      }
      if (!*page) break;
      result.elements += (result.elements.empty() ? "" : "|") + core::json::write(core::json::Value(**page));
    }
    result.cursor = pages.cursor();
    result.pages = pages.pages_read();
    result.done = pages.done();
    return result;
  }

  TestOrg test;
  std::vector<std::string> paths;
  std::vector<net::Query> queries;

 private:
  std::vector<Page> pages_;
};

TEST(Pages, Walks) {
  struct Row {
    std::string_view name;
    std::vector<Book::Page> pages;
    std::string_view elements;
    std::int64_t read;
  };
  const Row kRows[] = {
      {"one page", {{"[1,2]", ""}}, "[1,2]", 1},
      {"two pages", {{"[1]", "1"}, {"[2]", ""}}, "[1]|[2]", 2},
      {"three pages", {{"[1]", "1"}, {"[2]", "2"}, {"[3]", ""}}, "[1]|[2]|[3]", 3},
      {"an empty list", {{"[]", ""}}, "", 1},
      {"the first page is empty", {{"[]", "1"}, {"[2]", ""}}, "[2]", 2},
      {"a middle page is empty", {{"[1]", "1"}, {"[]", "2"}, {"[]", "3"}, {"[3]", ""}}, "[1]|[3]", 4},
      {"the last page is empty", {{"[1]", "1"}, {"[]", ""}}, "[1]", 2},
      {"a list with a name", {{R"({"roles":[1],"_links":{}})", "1"}, {R"({"roles":[2]})", ""}}, "[1]|[2]", 2},
      {"an empty list with a name", {{R"({"roles":[],"_links":{}})", ""}}, "", 1},
  };
  for (const auto& row : kRows) {
    Book book(row.pages);
    auto result = book.read();
    EXPECT_EQ(result.code, "") << row.name;
    EXPECT_EQ(result.elements, row.elements) << row.name;
    EXPECT_EQ(result.pages, row.read) << row.name;
    EXPECT_TRUE(result.done) << row.name;
    EXPECT_EQ(result.cursor, std::nullopt) << row.name;
  }
}

TEST(Pages, StopsWhereTheCallerStopsAndGoesOnFromThere) {
  Book book({{"[1]", "1"}, {"[2]", "2"}, {"[3]", ""}});
  auto first = book.read({}, "/api/v1/users", {}, 2);
  EXPECT_EQ(first.elements, "[1]|[2]");
  EXPECT_FALSE(first.done);
  EXPECT_EQ(first.cursor, "2");
  auto rest = book.read({.after = first.cursor});
  EXPECT_EQ(rest.elements, "[3]");
  EXPECT_TRUE(rest.done);
}

TEST(Pages, ErrorsKeepTheCursor) {
  Book book({{"[1]", "1"}, {R"({"errorCode":"E0000009","errorSummary":"Internal Server Error"})", "", 500}});
  auto result = book.read();
  EXPECT_EQ(result.elements, "[1]");
  EXPECT_EQ(result.code, "okta.E0000009");
  EXPECT_EQ(result.cursor, "1");
  EXPECT_FALSE(result.done);

  Book refused({{"", "", 403}});
  auto first = refused.read();
  EXPECT_EQ(first.code, "okta.http_403");
  EXPECT_EQ(first.pages, 0);
  EXPECT_FALSE(first.done);
}

TEST(Pages, ALostConnectionKeepsTheCursor) {
  TestOrg test;
  test.http.reply(200, "[1]", {{"Link", R"(<https://example.okta.com/api/v1/users?after=x>; rel="next")"}});
  for (int i = 0; i < 4; ++i) test.http.fail("net.reset");
  test.http.reply(200, "[2]");
  Pages pages(*test.org, "/api/v1/users", {}, {});
  ASSERT_TRUE(pages.next(test.context));
  auto lost = pages.next(test.context);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, "net.reset");
  EXPECT_EQ(pages.cursor(), "x");
  auto again = pages.next(test.context);  // the same walk goes on
  ASSERT_TRUE(again && *again);
  EXPECT_TRUE(pages.done());
}

TEST(Pages, PollingStopsAtAnEmptyPageAndKeepsItsCursor) {
  Book book({{"[1]", "1"}, {"[]", "1"}});  // Okta: the next link of an empty polling page leads back to it
  auto result = book.read({.stop_at_empty_page = true}, "/api/v1/logs");
  EXPECT_EQ(result.elements, "[1]");
  EXPECT_EQ(result.code, "");
  EXPECT_TRUE(result.done);
  EXPECT_EQ(result.cursor, "1");

  Book quiet({{"[]", "1"}, {"[7]", ""}});
  auto nothing = quiet.read({.stop_at_empty_page = true}, "/api/v1/logs");
  EXPECT_EQ(nothing.elements, "");
  EXPECT_EQ(nothing.cursor, "1");
  EXPECT_EQ(quiet.read({.after = nothing.cursor, .stop_at_empty_page = true}, "/api/v1/logs").elements,
            "[7]");
}

TEST(Pages, LoopsAreFound) {
  struct Row {
    std::string_view name;
    std::vector<Book::Page> pages;
    std::string_view elements;
  };
  const Row kRows[] = {
      {"to itself", {{"[1]", "1"}, {"[2]", "1"}}, "[1]|[2]"},
      {"to the one before", {{"[1]", "1"}, {"[2]", "2"}, {"[3]", "1"}}, "[1]|[2]|[3]"},
      {"empty pages", {{"[1]", "1"}, {"[]", "1"}}, "[1]"},
  };
  for (const auto& row : kRows) {
    Book book(row.pages);
    auto result = book.read();
    EXPECT_EQ(result.code, "okta.cursor_loop") << row.name;
    EXPECT_EQ(result.elements, row.elements) << row.name;  // what was good is not lost
    EXPECT_EQ(book.queries.size(), row.pages.size()) << row.name;
  }
}

TEST(Pages, EmptyPagesWithoutEndAreGivenUp) {
  TestOrg test;
  int page = 0;
  test.http.answer_with([&](const core::Context&, const net::HttpRequest&) -> net::FakeHttpClient::Answer {
    return net::HttpResponse{
        .status = 200,
        .headers = {{"Link", fmt::format("<{}/api/v1/users?after={}>; rel=\"next\"", kOrigin, ++page)}},
        .body = "[]"};
  });
  Pages pages(*test.org, "/api/v1/users", {}, {});
  auto result = pages.next(test.context);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, "okta.empty_pages");
  EXPECT_EQ(pages.pages_read(), 1'001);
}

TEST(Pages, WhatIsNoListIsAnError) {
  for (std::string_view body : {"{}", "null", "7", R"({"a":[1],"b":[2]})", R"({"id":"00u1"})"}) {
    Book book({{std::string(body), ""}});
    EXPECT_EQ(book.read().code, "okta.not_a_list") << body;
  }
}

TEST(Pages, AForeignNextLinkIsNotFollowed) {
  TestOrg test;
  test.http.reply(200, "[1]", {{"Link", R"(<https://evil.example.com/api/v1/users?after=x>; rel="next")"}});
  Pages pages(*test.org, "/api/v1/users", {}, {});
  auto page = pages.next(test.context);
  ASSERT_FALSE(page);
  EXPECT_EQ(page.error().code, "okta.foreign_link");
  EXPECT_EQ(test.http.count(), 1u);
}

TEST(Pages, EveryPageHasThePathAndTheQueryOfTheWalk) {
  Book book({{"[1]", "1"}, {"[2]", "2"}, {"[3]", ""}});
  book.read({.limit = 50}, "/api/v1/groups/00g1/users", {{"search", "a eq \"b\""}});
  EXPECT_THAT(book.paths, ElementsAre("/api/v1/groups/00g1/users", "/api/v1/groups/00g1/users",
                                      "/api/v1/groups/00g1/users"));
  const net::Query kFirst{{"search", "a eq \"b\""}, {"limit", "50"}};
  EXPECT_EQ(book.queries[0], kFirst);
  EXPECT_EQ(book.queries[2], (net::Query{{"search", "a eq \"b\""}, {"limit", "50"}, {"after", "2"}}));
}

TEST(Pages, TheCursorIsSentAsItWasMeant) {
  TestOrg test;
  test.http.reply(
      200, "[1]",
      {{"Link", R"(<https://example.okta.com/api/v1/users?after=a%2Fb%3D%3D+c&limit=2>; rel="next")"}});
  test.http.reply(200, "[2]");
  Pages pages(*test.org, "/api/v1/users", {}, {});
  ASSERT_TRUE(pages.next(test.context));
  EXPECT_EQ(pages.cursor(), "a/b== c");
  ASSERT_TRUE(pages.next(test.context));
  EXPECT_EQ(test.http.requests().at(1).url,
            "https://example.okta.com/api/v1/users?limit=200&after=a%2Fb%3D%3D%20c");
}

TEST(Pages, LimitsAreCappedByTheCatalogue) {
  struct Row {
    std::string_view name, path;
    net::Query query;
    std::int64_t limit;
    std::optional<std::string> sent;
  };
  const Row kRows[] = {
      {"as asked", "/api/v1/users", {}, 5, "5"},
      {"capped", "/api/v1/users", {}, 500, "200"},
      {"logs take more", "/api/v1/logs", {}, 5'000, "1000"},
      {"never less than one", "/api/v1/users", {}, 0, "1"},
      {"an operation without a limit", "/api/v1/iam/roles", {}, 200, std::nullopt},
      {"an unknown path", "/api/v1/unknown", {}, 500, "500"},
      {"in the query", "/api/v1/users", {{"limit", "7"}}, 200, "7"},
      {"in the query, capped", "/api/v1/users", {{"limit", "700"}}, 200, "200"},
      {"in the query, for Okta to judge", "/api/v1/apps", {{"limit", "-1"}}, 200, "-1"},
      {"in the query of an operation without one", "/api/v1/iam/roles", {{"limit", "3"}}, 200, "3"},
  };
  for (const auto& row : kRows) {
    Book book(std::vector<Book::Page>{{"[1]", ""}});
    book.read({.limit = row.limit}, std::string(row.path), row.query);
    ASSERT_EQ(book.queries.size(), 1u) << row.name;
    EXPECT_EQ(net::query_value(book.queries[0], "limit"), row.sent) << row.name;
  }
}

TEST(Pages, AnAfterInTheQueryIsWhereToStart) {
  Book book({{"[1]", "1"}, {"[2]", ""}});
  EXPECT_EQ(book.read({}, "/api/v1/users", {{"after", "1"}}).elements, "[2]");
  ASSERT_EQ(book.queries.size(), 1u);
  EXPECT_EQ(book.queries[0], (net::Query{{"limit", "200"}, {"after", "1"}}));
}

// The four cases each for every list that tools walk.
TEST(Pages, EveryListOfTheToolsWalks) {
  for (std::string_view path :
       {"/api/v1/users", "/api/v1/groups", "/api/v1/groups/00g1/users", "/api/v1/groups/00g1/apps",
        "/api/v1/logs", "/api/v1/apps", "/api/v1/brands", "/api/v1/policies", "/api/v1/policies/00p1/rules",
        "/api/v1/brands/bnd1/templates/email", "/api/v1/brands/bnd1/templates/email/X/customizations",
        "/api/v1/device-assurances", "/api/v1/users/00u1/groups"}) {
    std::string at(path);
    EXPECT_EQ(Book({{"[1]", "1"}, {"[2]", ""}}).read({}, at).elements, "[1]|[2]") << path;
    auto one = Book({{"[1]", "1"}, {"[2]", ""}}).read({}, at, {}, 1);
    EXPECT_EQ(one.elements, "[1]") << path;
    EXPECT_EQ(one.cursor, "1") << path;
    EXPECT_EQ(Book(std::vector<Book::Page>{{"[]", ""}}).read({}, at).elements, "") << path;
    EXPECT_EQ(Book({{"", "", 403}}).read({}, at).code, "okta.http_403") << path;
  }
}

}  // namespace
}  // namespace okta
