// Search against an oracle of its own, on names that share most of their parts.
#include <algorithm>
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "registry/test_store.h"

namespace registry {
namespace {

using Match = Query::Text::Match;
using Field = Query::Text::Field;
using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> ids_of(const core::Result<std::vector<Row>>& rows) {
  if (!rows) return {"error " + rows.error().code};
  std::vector<std::string> ids;
  ids.reserve(rows->size());
  for (const auto& row : *rows) ids.push_back(row.id);
  return ids;
}

class Search : public test::AnyStore {
 protected:
  void put(const std::vector<Row>& rows) {
    const auto done = store_->transaction([&](Transaction& tx) -> core::Status {
      for (Row row : rows) RETURN_IF_ERROR(tx.insert(row));
      return {};
    });
    ASSERT_TRUE(done) << core::describe(done.error());
  }
  std::vector<std::string> find(Match match, std::string text, Field field = Field::name) {
    return ids_of(store_->list(
        {.kind = Kind::mcp_server, .texts = {{.match = match, .field = field, .text = std::move(text)}}}));
  }
  // Every page of so many, one after the other.
  std::vector<std::string> pages(Query query, std::size_t limit) {
    std::vector<std::string> all;
    query.limit = limit;
    for (int i = 0; i < 1000; ++i) {
      const auto page = ids_of(store_->list(query));
      all.insert(all.end(), page.begin(), page.end());
      if (page.size() < limit) return all;
      query.after = page.back();
    }
    return {"endless"};
  }
};
INSTANTIATE_TEST_SUITE_P(Stores, Search, test::kBackends, test::name_of);

Row server(std::string id, std::string name, std::string detected = {}) {
  return {.kind = Kind::mcp_server,
          .id = std::move(id),
          .status = "ACTIVE",
          .name = std::move(name),
          .detected_name = std::move(detected)};
}

TEST_P(Search, HasNoWildcards) {
  put({server("1", "100% pure"), server("2", "100 pure"), server("3", "a_b_c"), server("4", "aXbXc"),
       server("5", "back\\slash"), server("6", "it's \"quoted\""), server("7", "[a-z]*?")});
  EXPECT_THAT(find(Match::contains, "0%"), ElementsAre("1"));
  EXPECT_THAT(find(Match::contains, "100% p"), ElementsAre("1"));
  EXPECT_THAT(find(Match::starts_with, "100%"), ElementsAre("1"));
  EXPECT_THAT(find(Match::starts_with, "%"), IsEmpty());
  EXPECT_THAT(find(Match::contains, "%%%"), IsEmpty());
  EXPECT_THAT(find(Match::contains, "_b_"), ElementsAre("3"));
  EXPECT_THAT(find(Match::starts_with, "a_"), ElementsAre("3"));
  EXPECT_THAT(find(Match::equals, "a_b_c"), ElementsAre("3"));
  EXPECT_THAT(find(Match::contains, "k\\s"), ElementsAre("5"));
  EXPECT_THAT(find(Match::contains, "'s \""), ElementsAre("6"));
  EXPECT_THAT(find(Match::contains, "]*?"), ElementsAre("7"));
  EXPECT_THAT(find(Match::contains, "*"), ElementsAre("7"));
}

TEST_P(Search, TakesNoNoticeOfCase) {
  put({server("1", "Straßen MCP", "DÉTECTÉ"), server("2", "ÄÖÜ Wetter", "ΑΒΓΔ"), server("3", "Москва", "x")});
  EXPECT_THAT(find(Match::equals, "straßen mcp"), ElementsAre("1"));
  EXPECT_THAT(find(Match::contains, "ßEN M"), ElementsAre("1"));
  EXPECT_THAT(find(Match::starts_with, "äö"), ElementsAre("2"));
  EXPECT_THAT(find(Match::starts_with, "äöü WET"), ElementsAre("2"));
  EXPECT_THAT(find(Match::contains, "ОСКв"), ElementsAre("3"));
  EXPECT_THAT(find(Match::contains, "étec", Field::detected_name), ElementsAre("1"));
  EXPECT_THAT(find(Match::starts_with, "αβ", Field::detected_name), ElementsAre("2"));
  EXPECT_THAT(find(Match::contains, "étec"), IsEmpty()) << "of another field";
  EXPECT_THAT(find(Match::contains, "aou"), IsEmpty()) << "marks count";
}

TEST_P(Search, FollowsAChangeOfName) {
  put({server("1", "Alpha", "Detected"), server("2", "Beta")});
  const auto rename = [&](const std::string& name, const std::string& detected) {
    ASSERT_TRUE(store_->transaction([&](Transaction& tx) {
      Row row = **tx.hold(Kind::mcp_server, "1");
      row.name = name;
      row.detected_name = detected;
      return tx.update(row);
    }));
  };
  rename("Gamma", "Other");
  EXPECT_THAT(find(Match::contains, "lph"), IsEmpty());
  EXPECT_THAT(find(Match::starts_with, "al"), IsEmpty());
  EXPECT_THAT(find(Match::equals, "alpha"), IsEmpty());
  EXPECT_THAT(find(Match::contains, "etec", Field::detected_name), IsEmpty());
  EXPECT_THAT(find(Match::contains, "amm"), ElementsAre("1"));
  EXPECT_THAT(find(Match::starts_with, "oth", Field::detected_name), ElementsAre("1"));
  rename("", "");
  EXPECT_THAT(find(Match::contains, "amm"), IsEmpty());
  EXPECT_THAT(find(Match::equals, ""), ElementsAre("1"));
}

TEST_P(Search, ComparesLongNamesByTheirBeginning) {
  const std::string start = std::string(200, 'a') + "é" + std::string(55, 'b');  // 256 characters
  put({server("1", start + "tail"), server("2", start)});
  EXPECT_THAT(find(Match::equals, start), ElementsAre("1", "2"));
  EXPECT_THAT(find(Match::contains, "abb"), IsEmpty());
  EXPECT_THAT(find(Match::contains, "aéb"), ElementsAre("1", "2"));
  EXPECT_THAT(find(Match::contains, "tail"), IsEmpty());
}

TEST_P(Search, PagesStayWhenRowsComeAndGo) {
  put({server("b", "x"), server("d", "x"), server("f", "x"), server("h", "x")});
  Query query{.kind = Kind::mcp_server, .limit = 2};
  EXPECT_THAT(ids_of(store_->list(query)), ElementsAre("b", "d"));
  put({server("a", "x"), server("c", "x"), server("e", "x")});
  ASSERT_TRUE(store_->transaction([](Transaction& tx) { return tx.remove(Kind::mcp_server, "d"); }));
  query.after = "d";
  EXPECT_THAT(ids_of(store_->list(query)), ElementsAre("e", "f"));
  query.after = "f";
  EXPECT_THAT(ids_of(store_->list(query)), ElementsAre("h"));
  query.after = "h";
  EXPECT_THAT(ids_of(store_->list(query)), IsEmpty());
}

TEST_P(Search, IdsComeByTheirBytes) {
  put({server("ems_b", "x"), server("emsB", "x"), server("emsa", "x"), server("ems1", "x"),
       server("ems-1", "x")});
  EXPECT_THAT(ids_of(store_->list({.kind = Kind::mcp_server})),
              ElementsAre("ems-1", "ems1", "emsB", "ems_b", "emsa"));
}

TEST_P(Search, IsBounded) {
  Query query{.kind = Kind::mcp_server, .texts = std::vector<Query::Text>(9, {.text = "x"})};
  EXPECT_THAT(ids_of(store_->list(query)), ElementsAre("error registry.store.limit"));
  query = {.kind = Kind::mcp_server, .statuses = std::vector<std::string>(17, "x")};
  EXPECT_THAT(ids_of(store_->list(query)), ElementsAre("error registry.store.limit"));
  std::vector<Row> many;
  many.reserve(1001);
  for (int i = 0; i < 1001; ++i) many.push_back({.kind = Kind::jwk, .id = fmt::format("pks{:04}", i)});
  put(many);
  EXPECT_EQ(store_->list({.kind = Kind::jwk, .limit = 5000})->size(), Store::kMaxPage);
  EXPECT_EQ(store_->list({.kind = Kind::jwk, .limit = 0})->size(), 1u);
}

// What the oracle compares: ASCII letters only differ in case here.
std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}
bool meets(const Row& row, const Query& query) {
  if (row.kind != query.kind || row.id <= query.after) return false;
  if (!query.parent.empty() && row.parent != query.parent) return false;
  if (!query.refers_to.empty() && std::ranges::find(row.refs, query.refers_to) == row.refs.end())
    return false;
  if (!query.statuses.empty() && std::ranges::find(query.statuses, row.status) == query.statuses.end())
    return false;
  return std::ranges::all_of(query.texts, [&](const Query::Text& text) {
    const std::string name = lower(text.field == Field::name ? row.name : row.detected_name);
    const std::string wanted = lower(text.text);
    if (text.match == Match::equals) return name == wanted;
    if (text.match == Match::starts_with) return name.starts_with(wanted);
    return name.contains(wanted);
  });
}

TEST_P(Search, FindsWhatAScanFinds) {
  core::SeededRandom random(11);
  const auto below = [&](std::uint64_t most) { return random.number() % most; };
  const auto pick = [&](const std::vector<std::string>& from) { return from[below(from.size())]; };
  // Few letters, so that names share their parts, and one status and parent that are rare.
  const auto word = [&](std::size_t most) {
    std::string text;
    for (std::size_t i = below(most) + 1; i > 0; --i)
      text += pick({"a", "A", "b", "B", "a", "-", "\u00e9", "%"});
    return text;
  };
  const auto status = [&] { return below(50) == 0 ? std::string("INVALID") : pick({"ACTIVE", "INACTIVE"}); };
  const auto parent = [&] { return below(20) == 0 ? std::string("rare") : pick({"p1", "p2", ""}); };
  const auto refs = [&] {
    return std::vector<std::string>{pick({"r1", "r2"}), below(30) == 0 ? "r9" : "r3"};
  };

  std::vector<Row> rows;
  for (int i = 0; i < 600; ++i) {
    rows.push_back({.kind = i % 6 == 0 ? Kind::tool : Kind::mcp_server,
                    .id = fmt::format("id{:04}", (i * 7919) % 10'000),
                    .parent = parent(),
                    .status = status(),
                    .name = word(12),
                    .detected_name = below(3) == 0 ? "" : word(12),
                    .refs = refs()});
  }
  put(rows);
  std::ranges::sort(rows, {}, &Row::id);

  int found = 0;
  for (int i = 0; i < 300; ++i) {
    Query query{.kind = i % 6 == 0 ? Kind::tool : Kind::mcp_server};
    if (below(5) == 0) query.parent = pick({"p1", "p2", "rare"});
    if (below(5) == 0) query.refers_to = pick({"r1", "r2", "r9", "none"});
    if (below(4) == 0) query.statuses = {pick({"ACTIVE", "INVALID"})};
    if (below(6) == 0) query.statuses = {pick({"ACTIVE", "INVALID"}), pick({"INACTIVE", "INVALID"})};
    if (below(6) == 0) query.after = fmt::format("id{:04}", below(10'000));
    for (std::uint64_t texts = below(3); texts > 0; --texts) {
      query.texts.push_back(
          {.match = static_cast<Match>(below(3)),
           .field = static_cast<Field>(below(2)),
           .text = below(4) == 0 ? pick({rows[below(600)].name, rows[below(600)].name}) : word(5)});
    }
    std::vector<std::string> expected;
    for (const Row& row : rows) {
      if (meets(row, query)) expected.push_back(row.id);
    }
    found += static_cast<int>(expected.size());
    SCOPED_TRACE(fmt::format("query {}", i));
    ASSERT_EQ(pages(query, 1000), expected);
    if (i % 10 == 0) {
      ASSERT_EQ(pages(query, 7), expected);
    }
  }
  EXPECT_GT(found, 5'000) << "the queries find something";
}

}  // namespace
}  // namespace registry
