#include "rules.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <set>

namespace architecture {
namespace {

using Rooms = std::set<std::string, std::less<>>;

// docs/architecture.md, "The rooms". Kept apart from src/CMakeLists.txt on purpose: the build says what is
// linked, this says what is allowed.
const std::map<std::string, Rooms, std::less<>>& allowed() {
  static const std::map<std::string, Rooms, std::less<>> table = {
      {"core", {}},
      {"net", {"core"}},
      {"oauth", {"core", "net"}},
      {"authserver", {"core", "net", "oauth"}},
      {"mcp", {"core", "net", "oauth"}},
      {"catalogue", {"core"}},
      {"rest", {"core", "net", "oauth", "catalogue"}},
      {"okta", {"core", "net", "oauth", "catalogue"}},
      {"insight", {"core", "catalogue", "okta"}},
      {"admin", {"core", "net", "oauth", "mcp", "catalogue", "okta", "insight"}},
      {"registry", {"core", "net", "oauth", "authserver", "mcp", "catalogue", "rest"}},
      {"devorg", {"core", "net", "oauth", "authserver", "catalogue", "rest", "registry"}},
  };
  return table;
}

constexpr std::array<std::string_view, 11> kHeavy = {"boost/beast", "boost/asio", "curl/", "openssl/",
                                                     "CLI/",        "toml",       "libpq", "pqxx",
                                                     "spdlog/",     "sqlite3",    "sodium"};

struct Line {
  std::size_t number;
  std::string_view text;
};

std::vector<Line> lines_of(std::string_view text) {
  std::vector<Line> lines;
  for (std::size_t number = 1; !text.empty(); ++number) {
    auto end = text.find('\n');
    lines.push_back({number, text.substr(0, end)});
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return lines;
}

struct Include {
  std::size_t line;
  std::string_view name;
  bool quoted;
};

std::vector<Include> includes_of(const Source& source) {
  std::vector<Include> includes;
  for (const auto& [number, text] : lines_of(source.text)) {
    std::string_view rest = text;
    auto skip_blanks = [&rest] { rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size())); };
    skip_blanks();
    if (!rest.starts_with('#')) continue;
    rest.remove_prefix(1);
    skip_blanks();
    if (!rest.starts_with("include")) continue;
    rest.remove_prefix(7);
    skip_blanks();
    if (rest.empty() || (rest.front() != '"' && rest.front() != '<')) continue;
    bool quoted = rest.front() == '"';
    auto end = rest.find(quoted ? '"' : '>', 1);
    if (end != std::string_view::npos) includes.push_back({number, rest.substr(1, end - 1), quoted});
  }
  return includes;
}

// "src/net/url.h" → {"src", "net"}; empty parts where the path is shorter.
std::pair<std::string_view, std::string_view> place_of(std::string_view path) {
  auto first = path.find('/');
  if (first == std::string_view::npos) return {};
  auto second = path.find('/', first + 1);
  if (second == std::string_view::npos) return {path.substr(0, first), {}};
  return {path.substr(0, first), path.substr(first + 1, second - first - 1)};
}

bool word_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
}

bool has_word(std::string_view line, std::string_view word) {
  for (auto at = line.find(word); at != std::string_view::npos; at = line.find(word, at + 1)) {
    bool starts = at == 0 || !word_char(line[at - 1]);
    bool ends = at + word.size() == line.size() || !word_char(line[at + word.size()]);
    if (starts && ends) return true;
  }
  return false;
}

}  // namespace

Violations check_arrows(const Source& source) {
  Violations found;
  auto [top, place] = place_of(source.path);
  if (top != "src" && top != "apps") return found;
  auto room = allowed().find(place);
  if (top == "src" && room == allowed().end()) {
    found.push_back(fmt::format("{}: \"{}\" is not a room", source.path, place));
    return found;
  }
  for (const auto& include : includes_of(source)) {
    auto slash = include.name.find('/');
    std::string_view target =
        slash == std::string_view::npos ? std::string_view{} : include.name.substr(0, slash);
    bool names_room = allowed().contains(target);
    if (!include.quoted) {
      if (names_room) {
        found.push_back(
            fmt::format("{}:{}: <{}> is ours; use quotes", source.path, include.line, include.name));
      }
      continue;
    }
    if (top == "apps") {
      if (include.name.find("..") != std::string_view::npos || (!target.empty() && !names_room)) {
        found.push_back(fmt::format("{}:{}: \"{}\" is neither a room nor this program's own file",
                                    source.path, include.line, include.name));
      }
      continue;
    }
    if (!names_room) {
      found.push_back(
          fmt::format("{}:{}: \"{}\" does not start with a room", source.path, include.line, include.name));
    } else if (target != place && !room->second.contains(target)) {
      found.push_back(fmt::format("{}:{}: {} may not use {}", source.path, include.line, place, target));
    }
  }
  return found;
}

Violations check_heavy_headers(const std::vector<Source>& sources) {
  // By the path in its #include, every header that something other than a .cpp of its room, or an _impl.h
  // there, includes.
  std::set<std::string, std::less<>> spread;
  for (const auto& source : sources) {
    for (const auto& include : includes_of(source)) {
      auto slash = include.name.find('/');
      if (slash == std::string_view::npos) continue;
      bool own_source = (source.path.ends_with(".cpp") || source.path.ends_with("_impl.h")) &&
                        place_of(source.path).second == include.name.substr(0, slash);
      if (!own_source) spread.emplace(include.name);
    }
  }
  Violations found;
  for (const auto& source : sources) {
    if (!source.path.ends_with(".h") || !source.path.starts_with("src/")) continue;
    if (!spread.contains(std::string_view(source.path).substr(4))) continue;
    for (const auto& include : includes_of(source)) {
      for (std::string_view heavy : kHeavy) {
        if (include.name.starts_with(heavy)) {
          found.push_back(
              fmt::format("{}:{}: <{}> belongs in a .cpp", source.path, include.line, include.name));
        }
      }
    }
  }
  return found;
}

Violations check_length(const Source& source) {
  auto count = static_cast<std::size_t>(std::count(source.text.begin(), source.text.end(), '\n'));
  if (count <= kMaxLines) return {};
  return {fmt::format("{}: {} lines; split it below {}", source.path, count, kMaxLines)};
}

Violations check_no_coroutines(const Source& source) {
  Violations found;
  for (const auto& [number, text] : lines_of(source.text)) {
    std::string_view code = text.substr(0, text.find("//"));
    for (std::string_view word : {"co_await", "co_return", "co_yield"}) {
      if (has_word(code, word)) found.push_back(fmt::format("{}:{}: {}", source.path, number, word));
    }
  }
  return found;
}

Violations check_no_markers(const Source& source) {
  // Spelt in halves, so that this file passes its own test.
  static const std::array<std::string, 3> kMarkers = {
      "TO"
      "DO",
      "FIX"
      "ME",
      "XX"
      "X"};
  Violations found;
  for (const auto& [number, text] : lines_of(source.text)) {
    for (const auto& marker : kMarkers) {
      if (has_word(text, marker)) found.push_back(fmt::format("{}:{}: {}", source.path, number, marker));
    }
  }
  return found;
}

Violations check_no_machine_paths(const Source& source) {
  static const std::array<std::string, 3> kPaths = {
      "/wo"
      "rk/",
      "/far"
      "m/",
      "/ro"
      "ot/"};
  Violations found;
  for (const auto& [number, text] : lines_of(source.text)) {
    for (const auto& path : kPaths) {
      auto at = text.find(path);
      // In the middle of a longer path it is not a path of a machine.
      if (at == std::string_view::npos || (at > 0 && (word_char(text[at - 1]) || text[at - 1] == '.')))
        continue;
      found.push_back(fmt::format("{}:{}: {}", source.path, number, path));
    }
  }
  return found;
}

}  // namespace architecture
