#include "text_diff.h"

#include <algorithm>
#include <cstdint>
#include <fmt/format.h>
#include <optional>
#include <utility>
#include <vector>

#include "core/log.h"
#include "core/text.h"

namespace {

constexpr std::size_t kContext = 3;
constexpr std::size_t kMaxCells = 4u << 20;  // of the table of common lines
constexpr std::size_t kMaxLine = 160;

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return lines;
}

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

bool sounds_secret(std::string_view name) {
  if (core::is_secret_name(name)) return true;
  std::string upper(name);
  std::ranges::transform(upper, upper.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  // Key ids are no secrets.
  if (upper.ends_with("KEY_ID")) return false;
  return upper.contains("KEY") || upper.contains("TOKEN") || upper.contains("SECRET") ||
         upper.contains("PASSW") || upper.contains("AUTHORIZATION");
}

// The name that a value at `at` belongs to: back over blanks, one ':' or '=', and the quote of a JSON name.
// nullopt where no value begins.
std::optional<std::string_view> name_before(std::string_view line, std::size_t at) {
  std::size_t end = at;
  while (end > 0 && line[end - 1] == ' ') --end;
  if (end == 0 || (line[end - 1] != ':' && line[end - 1] != '=')) return std::nullopt;
  --end;
  while (end > 0 && (line[end - 1] == ' ' || line[end - 1] == '"')) --end;
  std::size_t begin = end;
  while (begin > 0 && is_word(line[begin - 1])) --begin;
  return line.substr(begin, end - begin);
}

// Values whose name sounds secret become ***, unless they are references or paths; what looks like a secret
// by itself goes everywhere.
std::string masked(std::string_view line) {
  std::string out;
  std::string plain;
  std::size_t at = 0;
  while (at < line.size()) {
    const char quote = line[at];
    const auto name = quote == '"' || quote == '\'' ? name_before(line, at) : std::nullopt;
    // An apostrophe in a comment is none; a TOML value may stand between two.
    if (quote != '"' && (quote != '\'' || !name)) {
      plain += line[at++];
      continue;
    }
    std::size_t close = at + 1;
    while (close < line.size() && line[close] != quote) close += quote == '"' && line[close] == '\\' ? 2 : 1;
    close = std::min(close, line.size());
    const std::string_view value = line.substr(at + 1, close - at - 1);
    const bool harmless = value.empty() || value.starts_with('$') || value.starts_with('/');
    out += core::redact(std::exchange(plain, {}));
    out += quote;
    out += name && !harmless && sounds_secret(*name) ? "***" : core::redact(value);
    if (close < line.size()) out += quote;
    at = std::min(close + 1, line.size());
  }
  return out + core::redact(plain);
}

std::string shown(std::string_view line) {
  if (line.starts_with("\xEF\xBB\xBF")) line.remove_prefix(3);
  if (line.ends_with('\r')) line.remove_suffix(1);
  std::string spaced;
  for (char c : line) c == '\t' ? spaced += "    " : spaced += c;
  return core::shorten(core::clean(masked(spaced)), kMaxLine);
}

struct Step {
  char mark;  // ' ', '-', '+'
  std::string_view line;
};

// Longest common subsequence of what lies between the common beginning and the common end.
std::vector<Step> steps_between(const std::vector<std::string_view>& a,
                                const std::vector<std::string_view>& b) {
  std::size_t front = 0;
  while (front < a.size() && front < b.size() && a[front] == b[front]) ++front;
  std::size_t back = 0;
  while (back < a.size() - front && back < b.size() - front &&
         a[a.size() - 1 - back] == b[b.size() - 1 - back]) {
    ++back;
  }
  const std::size_t rows = a.size() - front - back;
  const std::size_t columns = b.size() - front - back;
  std::vector<Step> out;
  out.reserve(a.size() + columns);
  for (std::size_t i = 0; i < front; ++i) out.push_back({' ', a[i]});
  if (rows != 0 && columns > kMaxCells / rows) {
    for (std::size_t i = 0; i < rows; ++i) out.push_back({'-', a[front + i]});
    for (std::size_t j = 0; j < columns; ++j) out.push_back({'+', b[front + j]});
  } else {
    // common[i][j]: length of the longest for the ends from row i and column j.
    std::vector<std::uint32_t> common((rows + 1) * (columns + 1));
    auto cell = [&](std::size_t i, std::size_t j) -> std::uint32_t& { return common[i * (columns + 1) + j]; };
    for (std::size_t i = rows; i-- > 0;) {
      for (std::size_t j = columns; j-- > 0;) {
        cell(i, j) =
            a[front + i] == b[front + j] ? cell(i + 1, j + 1) + 1 : std::max(cell(i + 1, j), cell(i, j + 1));
      }
    }
    std::size_t i = 0;
    std::size_t j = 0;
    while (i < rows || j < columns) {
      if (i < rows && j < columns && a[front + i] == b[front + j]) {
        out.push_back({' ', a[front + i]});
        ++i, ++j;
      } else if (i < rows && (j == columns || cell(i + 1, j) >= cell(i, j + 1))) {
        out.push_back({'-', a[front + i++]});
      } else {
        out.push_back({'+', b[front + j++]});
      }
    }
  }
  for (std::size_t i = a.size() - back; i < a.size(); ++i) out.push_back({' ', a[i]});
  return out;
}

}  // namespace

std::string text_diff(std::string_view before, std::string_view after, std::string_view name) {
  if (before == after) return {};
  const auto steps = steps_between(lines_of(before), lines_of(after));
  std::vector<bool> keep(steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (steps[i].mark == ' ') continue;
    const std::size_t begin = i > kContext ? i - kContext : 0;
    for (std::size_t near = begin; near < std::min(i + kContext + 1, steps.size()); ++near) keep[near] = true;
  }
  std::string out = fmt::format("--- {0}\n+++ {0}\n", name);
  std::size_t old_line = 1;
  std::size_t new_line = 1;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    if (keep[i] && (i == 0 || !keep[i - 1])) {
      std::size_t old_count = 0;
      std::size_t new_count = 0;
      for (std::size_t k = i; k < steps.size() && keep[k]; ++k) {
        if (steps[k].mark != '+') ++old_count;
        if (steps[k].mark != '-') ++new_count;
      }
      out += fmt::format("@@ -{},{} +{},{} @@\n", old_count == 0 ? old_line - 1 : old_line, old_count,
                         new_count == 0 ? new_line - 1 : new_line, new_count);
    }
    if (keep[i]) out += fmt::format("{}{}\n", steps[i].mark, shown(steps[i].line));
    if (steps[i].mark != '+') ++old_line;
    if (steps[i].mark != '-') ++new_line;
  }
  return out;
}
