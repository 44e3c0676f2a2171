// docs/protocol.md names the test that proves each requirement: every test named there exists, and no
// requirement is left out.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

const fs::path kRoot = PROJECT_SOURCE_DIR;

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::set<std::string> matches(const std::string& text, const std::regex& pattern) {
  std::set<std::string> found;
  for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match) {
    found.insert(match->size() > 2 ? (*match)[1].str() + "." + (*match)[2].str() : (*match)[1].str());
  }
  return found;
}

// "Suite.Name" of GoogleTest, "judge.NAME", "judge.conformance/SCENARIO".
std::set<std::string> every_test() {
  static const std::regex kTest(R"(\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\))");
  std::set<std::string> all;
  for (const auto* top : {"src", "apps", "tests"}) {
    for (const auto& entry : fs::recursive_directory_iterator(kRoot / top)) {
      const std::string name = entry.path().filename();
      if (name.ends_with("_test.cpp")) all.merge(matches(read(entry.path()), kTest));
    }
  }
  for (const auto& name :
       matches(read(kRoot / "tests/judges/CMakeLists.txt"), std::regex(R"(\bjudge\(([\w-]+)\))")))
    all.insert("judge." + name);
  const std::string scenarios = read(kRoot / "tests/judges/conformance-list.mjs");
  for (const auto& name : matches(scenarios, std::regex(R"(\b([a-z0-9][a-z0-9-]+)'?: \d+\b)")))
    all.insert("judge.conformance/" + name);
  return all;
}

struct Row {
  std::string line, id, strength, era, what, proof;
};

std::vector<Row> rows() {
  static const std::regex kRow(R"(\| ([A-Z]+-(?:\d\d|L)) \| (.*?) \| (.*?) \| (.*?) \| (.*) \|)");
  std::vector<Row> found;
  std::istringstream page(read(kRoot / "docs/protocol.md"));
  for (std::string line; std::getline(page, line);) {
    std::smatch cells;
    if (std::regex_match(line, cells, kRow))
      found.push_back({line, cells[1], cells[2], cells[3], cells[4], cells[5]});
  }
  return found;
}

TEST(Protocol, EveryRequirementHasItsProof) {
  const std::set<std::string> tests = every_test();
  const std::regex quoted("`([^`]+)`");
  std::set<std::string> ids;
  std::size_t proofs = 0;
  for (const Row& row : rows()) {
    EXPECT_TRUE(ids.insert(row.id).second) << "twice: " << row.line;
    EXPECT_TRUE((std::set<std::string>{"M", "S", "O", "C"}.contains(row.strength))) << row.line;
    EXPECT_TRUE((std::set<std::string>{"26", "L", "both"}.contains(row.era))) << row.line;
    const std::set<std::string> named = matches(row.proof, quoted);
    // "–: why": there is nothing to prove, or nothing that could.
    EXPECT_TRUE(!named.empty() || row.proof.starts_with("–: ")) << "no proof: " << row.line;
    for (const auto& name : named)
      EXPECT_TRUE(tests.contains(name)) << "no such test, " << name << ": " << row.line;
    proofs += named.size();
  }
  EXPECT_GE(ids.size(), 190U);
  EXPECT_GE(proofs, 190U);
}

// The list the ids come from lies beside the project, where it is developed.
TEST(Protocol, NoRequirementIsLeftOut) {
  const fs::path list = fs::path(SHARED_DIR) / "reference/mcp-protocol.md";
  if (!fs::exists(list)) GTEST_SKIP() << "the list of requirements is not here";
  const std::string text = read(list);
  const std::size_t from = text.find("### 2.1 ");
  const std::size_t to = text.find("### 2.16 ");
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  std::set<std::string> named;
  for (const Row& row : rows()) named.insert(row.id);
  const std::regex id(R"(\b([A-Z]{3,5}-(?:[0-9][0-9]|L))\b)");
  std::vector<std::string> missing;
  std::ranges::set_difference(matches(text.substr(from, to - from), id), named, std::back_inserter(missing));
  std::erase_if(missing, [](const std::string& other) {
    return other.starts_with("SEP-") || other.starts_with("RFC-") || other.starts_with("SHA-") ||
           other.starts_with("HMAC-");
  });
  EXPECT_EQ(missing, std::vector<std::string>{});
}

}  // namespace
