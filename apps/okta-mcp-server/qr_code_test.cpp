#include "qr_code.h"

#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sstream>
#include <unistd.h>
#include <vector>

namespace {

const std::string kLink = "https://acme.okta.test/activate?user_code=ABCD-EFGH";

// The drawing read back: true for a light module.
std::vector<std::vector<bool>> modules(const std::string& drawn) {
  std::vector<std::vector<bool>> rows;
  std::istringstream lines(drawn);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_TRUE(line.starts_with("\x1b[97;40m") && line.ends_with("\x1b[0m")) << line;
    line = line.substr(8, line.size() - 12);
    std::vector<bool> top, bottom;
    for (std::size_t at = 0; at < line.size();) {
      const bool blank = line[at] == ' ';
      const std::string block = blank ? " " : line.substr(at, 3);
      at += block.size();
      top.push_back(block == "\u2588" || block == "\u2580");
      bottom.push_back(block == "\u2588" || block == "\u2584");
    }
    rows.push_back(top);
    rows.push_back(bottom);
  }
  return rows;
}

// ISO/IEC 18004 section 6.3.3.1: three finder patterns, each a dark ring, a light ring and a dark square.
bool has_finder(const std::vector<std::vector<bool>>& rows, std::size_t row, std::size_t column) {
  for (std::size_t i = 0; i < 7; ++i) {
    for (std::size_t j = 0; j < 7; ++j) {
      const bool outer = i == 0 || i == 6 || j == 0 || j == 6;
      const bool inner = i >= 2 && i <= 4 && j >= 2 && j <= 4;
      if (rows[row + i][column + j] == (outer || inner)) return false;
    }
  }
  return true;
}

TEST(QrCode, IsASquareWithAMarginAndItsThreeFinders) {
  const auto drawn = qr_code(kLink, {.columns = 80, .rows = 50});
  ASSERT_TRUE(drawn);
  const auto rows = modules(*drawn);
  const std::size_t size = rows.front().size();
  // 51 bytes at low correction: version 3, 29 modules and twice the margin (ISO/IEC 18004, table 7).
  ASSERT_EQ(size, 37u);
  ASSERT_EQ(rows.size(), 38u);  // two to a line
  for (const auto& row : rows) ASSERT_EQ(row.size(), size);
  for (std::size_t i = 0; i < size; ++i) {
    for (const std::size_t edge : {0u, 1u, 2u, 3u, 33u, 34u, 35u, 36u}) {
      EXPECT_TRUE(rows[edge][i] && rows[i][edge]) << "the margin is light";
    }
  }
  EXPECT_TRUE(has_finder(rows, 4, 4));
  EXPECT_TRUE(has_finder(rows, 4, size - 11));
  EXPECT_TRUE(has_finder(rows, size - 11, 4));
  EXPECT_FALSE(has_finder(rows, size - 11, size - 11));
}

TEST(QrCode, IsLeftOutWhereItDoesNotFit) {
  EXPECT_TRUE(qr_code(kLink, {.columns = 37, .rows = 20}));
  EXPECT_FALSE(qr_code(kLink, {.columns = 36, .rows = 20}));
  EXPECT_FALSE(qr_code(kLink, {.columns = 37, .rows = 19}));
  EXPECT_TRUE(qr_code("https://a-rather-long-name-of-an-org.oktapreview.com/activate?user_code=ABCDEFGH", {}))
      << "a usual terminal has room for any org's link";
  EXPECT_FALSE(qr_code(std::string(4000, 'x'), {.columns = 1000, .rows = 1000}))
      << "more than a code can hold";
}

TEST(QrCode, IsForTerminalsThatCanShowIt) {
  int terminal = -1, screen = -1;
  const winsize size{.ws_row = 40, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(openpty(&terminal, &screen, nullptr, nullptr, &size), 0);
  struct Case {
    std::map<std::string, std::string> environment;
    bool draws;
  };
  const Case cases[] = {
      {{{"TERM", "xterm"}, {"LANG", "de_DE.UTF-8"}}, true},
      {{{"TERM", "xterm"}, {"LANG", "C.utf8"}}, true},
      {{{"TERM", "xterm"}, {"LC_ALL", "C"}, {"LANG", "de_DE.UTF-8"}}, false},
      {{{"TERM", "xterm"}, {"LC_ALL", ""}, {"LC_CTYPE", "en_US.UTF-8"}, {"LANG", "C"}}, true},
      {{{"TERM", "xterm"}}, false},
      {{{"TERM", "dumb"}, {"LANG", "C.UTF-8"}}, false},
      {{{"LANG", "C.UTF-8"}}, false},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.environment.contains("LANG") ? each.environment.at("LANG") : "no LANG");
    const auto found = screen_for_drawing(screen, each.environment);
    EXPECT_EQ(found.has_value(), each.draws);
    if (!found) continue;
    EXPECT_EQ(found->columns, 100);
    EXPECT_EQ(found->rows, 40);
  }
  close(terminal);
  close(screen);
  const int file = open("/dev/null", O_WRONLY | O_CLOEXEC);
  EXPECT_FALSE(screen_for_drawing(file, {{"TERM", "xterm"}, {"LANG", "C.UTF-8"}}));
  close(file);
}

}  // namespace
