#include <algorithm>

#include "catalogue/scim_filter.h"
#include "registry/entities.h"

namespace registry::entities {
namespace {

constexpr std::size_t kMaxCharacters = 256;
// Before a name's first character; no name that a person can read has it.
constexpr char kStart = '\x02';
// Runs of three find the shortest texts that may be looked for. Among very many names each of them stands in
// hundreds, so that longer texts are found by runs of five.
constexpr std::size_t kGram = 3;
constexpr std::size_t kLongGram = 5;

// Of these kinds there are many beside each other; the names of others are compared one by one.
struct Indexed {
  Kind kind;
  char letter;
};
constexpr Indexed kIndexed[] = {
    {Kind::mcp_server, 's'},           {Kind::workload_principal, 'w'}, {Kind::user, 'u'},
    {Kind::client_auth_settings, 'c'}, {Kind::vault_secret, 'v'},       {Kind::service_account, 'a'},
};

// Where each character begins, and the end.
std::vector<std::size_t> starts_of(std::string_view utf8) {
  std::vector<std::size_t> starts;
  starts.reserve(utf8.size() + 1);
  for (std::size_t i = 0; i < utf8.size(); ++i) {
    if ((static_cast<unsigned char>(utf8[i]) & 0xC0u) != 0x80u) starts.push_back(i);
  }
  starts.push_back(utf8.size());
  return starts;
}

std::string prefix_of(Kind kind, Query::Text::Field field) {
  const auto* row = std::ranges::find(kIndexed, kind, &Indexed::kind);
  if (row == std::end(kIndexed)) return {};
  return {row->letter, field == Query::Text::Field::name ? 'n' : 'd'};
}

// All runs of so many characters of `text`, each once.
std::vector<std::string> runs(const std::string& prefix, std::string_view text, std::size_t length) {
  std::vector<std::string> grams;
  const auto starts = starts_of(text);
  grams.reserve(starts.size());
  for (std::size_t i = 0; i + length < starts.size(); ++i) {
    std::string& gram = grams.emplace_back(prefix);
    gram += text.substr(starts[i], starts[i + length] - starts[i]);
  }
  std::ranges::sort(grams);
  const auto twice = std::ranges::unique(grams);
  grams.erase(twice.begin(), twice.end());
  return grams;
}

// The longest there are of it.
std::vector<std::string> longest_runs(const std::string& prefix, std::string_view text) {
  auto grams = runs(prefix, text, kLongGram);
  return grams.empty() ? runs(prefix, text, kGram) : grams;
}

}  // namespace

std::string folded(std::string_view name) {
  std::string out = catalogue::fold_case(name);
  const auto starts = starts_of(out);
  if (starts.size() > kMaxCharacters + 1) out.resize(starts[kMaxCharacters]);
  return out;
}

std::vector<std::string> grams_of(Kind kind, Query::Text::Field field, std::string_view folded_name) {
  const std::string prefix = prefix_of(kind, field);
  if (prefix.empty() || folded_name.empty()) return {};
  std::string marked(1, kStart);
  marked += folded_name;
  auto grams = runs(prefix, marked, kGram);
  const auto longer = runs(prefix, marked, kLongGram);
  grams.insert(grams.end(), longer.begin(), longer.end());
  // For those who look for names that begin with one character.
  grams.push_back(prefix + marked.substr(0, starts_of(marked)[2]));
  return grams;
}

std::vector<std::string> grams_for(Kind kind, const Query::Text& text, std::string_view folded_text) {
  const std::string prefix = prefix_of(kind, text.field);
  if (prefix.empty() || folded_text.empty()) return {};
  if (text.match == Query::Text::Match::contains) return longest_runs(prefix, folded_text);
  std::string marked(1, kStart);
  marked += folded_text;
  auto grams = longest_runs(prefix, marked);
  if (grams.empty()) grams.push_back(prefix + marked);
  return grams;
}

}  // namespace registry::entities
