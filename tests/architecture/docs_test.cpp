// docs/troubleshooting.md is read by people who paste what they see: every text in the first column of its
// tables must be one that the programs really say.
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gtest/gtest.h>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

bool is_space(char c) {
  return c == ' ' || c == '\n' || c == '\t';
}

// String literals that stand side by side become one, and \" becomes ".
std::string joined_literals(const std::string& source) {
  std::string out;
  for (std::size_t at = 0; at < source.size(); ++at) {
    if (source[at] == '\\' && at + 1 < source.size() && source[at + 1] == '"') {
      out += source[++at];
      continue;
    }
    if (source[at] == '"') {
      std::size_t next = at + 1;
      while (next < source.size() && is_space(source[next])) ++next;
      if (next > at + 1 && next < source.size() && source[next] == '"') {
        at = next;
        continue;
      }
    }
    out += source[at];
  }
  return out;
}

std::string everything_said() {
  std::string all;
  for (const auto* top : {"src", "apps"}) {
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(PROJECT_SOURCE_DIR) / top)) {
      const std::string name = entry.path().filename();
      const bool source = name.ends_with(".cpp") && !name.ends_with("_test.cpp");
      if (source || name.ends_with(".tsv")) all += joined_literals(read(entry.path()));
    }
  }
  return all;
}

// "`The key file FILE does not exist.`, `E0000006`" → the parts that are words of ours: capitals, numbers and
// "..." stand for what varies.
std::vector<std::string> parts_of(const std::string& cell) {
  static const std::regex kQuoted("`([^`]+)`");
  static const std::regex kVaries(R"(\b[A-Z][A-Z_]*\b|\b[0-9]+\b|\.\.\.)");
  std::vector<std::string> parts;
  for (std::sregex_iterator quoted(cell.begin(), cell.end(), kQuoted), end; quoted != end; ++quoted) {
    const std::string text = (*quoted)[1];
    std::sregex_token_iterator part(text.begin(), text.end(), kVaries, -1);
    for (; part != std::sregex_token_iterator(); ++part) {
      std::string words = *part;
      while (!words.empty() && (is_space(words.back()) || words.back() == '"' || words.back() == '.'))
        words.pop_back();
      words.erase(0, words.find_first_not_of(" \""));
      if (words.size() >= 4) parts.push_back(words);
    }
  }
  return parts;
}

TEST(Troubleshooting, QuotesWhatTheProgramsSay) {
  const std::string said = everything_said();
  std::istringstream page(read(fs::path(PROJECT_SOURCE_DIR) / "docs/troubleshooting.md"));
  std::size_t checked = 0;
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with("| ")) continue;
    for (const auto& part : parts_of(line.substr(0, line.find(" | ", 2)))) {
      ++checked;
      EXPECT_NE(said.find(part), std::string::npos) << "no program says \"" << part << "\": " << line;
    }
  }
  EXPECT_GT(checked, 50U);
}

TEST(Troubleshooting, PartsAreTakenApartAsMeant) {
  EXPECT_EQ(parts_of("| `The key file FILE does not exist.`, `E0000006`"),
            (std::vector<std::string>{"The key file", "does not exist", "E0000006"}));
  EXPECT_EQ(parts_of("| `X \"Y\" 407` and words"), std::vector<std::string>{});
  EXPECT_EQ(joined_literals("f(\"a \"\n   \"b\", \"c\\\"\")"), "f(\"a b\", \"c\"\")");
}

}  // namespace
