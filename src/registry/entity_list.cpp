// A page of rows by id, whatever the conditions and however many rows there are.
//
// Each condition that has an index gives its rows by id, so a page is the first rows of one index that meet
// the other conditions too. The index that is walked is the one whose next rows lie furthest apart: looking
// at where its 128th one is tells without counting.
#include <algorithm>
#include <fmt/format.h>

#include "registry/entities.h"

namespace registry::entities {
namespace {

using Match = Query::Text::Match;
using Field = Query::Text::Field;

constexpr std::size_t kMaxTexts = 8;
constexpr std::size_t kMaxStatuses = 16;
constexpr std::size_t kMaxGramsTried = 8;
constexpr std::int64_t kSparse = 40;
constexpr std::int64_t kFewNames = 200;

// Text with a bare ? for each value, in order.
struct Sql {
  std::string text{};
  std::vector<std::string> values{};

  Sql& operator+=(const Sql& more) {
    text += more.text;
    values.insert(values.end(), more.values.begin(), more.values.end());
    return *this;
  }
  core::Result<core::SqlRows> run(SqlLine& line) const {
    std::string numbered;
    numbered.reserve(text.size() + 2 * values.size());
    int number = 0;
    for (char c : text) {
      numbered += c;
      if (c == '?') numbered += fmt::format("{}", ++number);
    }
    const std::vector<std::string_view> views(values.begin(), values.end());
    return line.run(numbered, views);
  }
};

// One way to the rows: the rows of an index that meet a condition come by id. Branches do not overlap.
struct Path {
  std::string index;          // as it stands after FROM
  std::string id;             // its column
  std::vector<Sql> branches;  // conditions
  // From the index to the row, where they are apart.
  std::string join{};
  Sql joined{};
  bool by_id = true;  // false: of use only when it has few rows
};

Sql and_all(const std::vector<Sql>& conditions) {
  Sql all;
  for (const auto& condition : conditions) {
    all += Sql{.text = " AND "};
    all += condition;
  }
  return all;
}

// `text` is folded. Nothing of it is a pattern.
Sql matches(Match match, std::string_view column, const std::string& text) {
  switch (match) {
    case Match::equals:
      return {fmt::format("{} = ?", column), {text}};
    case Match::starts_with:
      return {fmt::format("INSTR({}, CAST(? AS TEXT)) = 1", column), {text}};
    case Match::contains:
      break;
  }
  return {fmt::format("INSTR({}, CAST(? AS TEXT)) > 0", column), {text}};
}

class Listing {
 public:
  Listing(SqlLine& line, const Query& query) : line_(line), query_(query) {}

  core::Result<std::vector<Row>> rows() {
    if (query_.texts.size() > kMaxTexts || query_.statuses.size() > kMaxStatuses) {
      return core::fail(
          core::ErrorKind::invalid_input, "registry.store.limit",
          fmt::format("A search has more than {} texts or {} statuses.", kMaxTexts, kMaxStatuses));
    }
    const bool possible =
        storable(query_.parent) && storable(query_.refers_to) && storable(query_.after) &&
        std::ranges::all_of(query_.statuses, [](const auto& status) { return storable(status); }) &&
        std::ranges::all_of(query_.texts, [](const auto& text) { return storable(text.text); });
    if (!possible) return std::vector<Row>{};
    add_parent();
    add_reference();
    add_statuses();
    for (const auto& text : query_.texts) add_text(text);
    if (std::ranges::none_of(paths_, &Path::by_id)) {
      paths_.push_back({.index = "entities e", .id = "e.id", .branches = {of_kind()}});
    }
    ASSIGN_OR_RETURN(const Path* path, sparsest());
    ASSIGN_OR_RETURN(auto found, page(*path).run(line_));
    std::vector<Row> rows;
    rows.reserve(found.size());
    for (auto& columns : found) {
      ASSIGN_OR_RETURN(Row row, read_row(query_.kind, columns));
      rows.push_back(std::move(row));
    }
    return rows;
  }

 private:
  std::string kind() const { return std::string(to_string(query_.kind)); }
  Sql of_kind() const { return {"e.kind = ?", {kind()}}; }
  Sql of_kind(std::string_view column, const std::string& value) const {
    return {fmt::format("e.kind = ? AND e.{} = ?", column), {kind(), value}};
  }

  void add_parent() {
    if (query_.parent.empty()) return;
    conditions_.push_back({"e.parent = ?", {query_.parent}});
    paths_.push_back({.index = "entities e INDEXED BY entities_by_parent ",
                      .id = "e.id",
                      .branches = {of_kind("parent", query_.parent)}});
  }

  void add_reference() {
    if (query_.refers_to.empty()) return;
    conditions_.push_back(
        {"EXISTS (SELECT 1 FROM entity_refs r WHERE r.kind = e.kind AND r.ref = ? AND r.id = e.id)",
         {query_.refers_to}});
    paths_.push_back({.index = "entity_refs x",
                      .id = "x.id",
                      .branches = {{"x.kind = ? AND x.ref = ?", {kind(), query_.refers_to}}},
                      .join = " CROSS JOIN entities e",
                      .joined = {" AND e.kind = ? AND e.id = x.id", {kind()}}});
  }

  void add_statuses() {
    if (query_.statuses.empty()) return;
    std::vector<std::string> statuses = query_.statuses;
    std::ranges::sort(statuses);
    const auto twice = std::ranges::unique(statuses);
    statuses.erase(twice.begin(), twice.end());
    Path path{.index = "entities e INDEXED BY entities_by_status ", .id = "e.id", .branches = {}};
    Sql any{.text = "e.status IN ("};
    for (const auto& status : statuses) {
      any += {any.values.empty() ? "?" : ", ?", {status}};
      path.branches.push_back(of_kind("status", status));
    }
    any.text += ")";
    conditions_.push_back(std::move(any));
    paths_.push_back(std::move(path));
  }

  void add_text(const Query::Text& text) {
    const std::string looked_for = folded(text.text);
    const std::string_view column = text.field == Field::name ? "name_folded" : "detected_folded";
    conditions_.push_back(matches(text.match, fmt::format("e.{}", column), looked_for));
    const std::string index = fmt::format(
        "entities e INDEXED BY {} ", text.field == Field::name ? "entities_by_name" : "entities_by_detected");
    if (text.match == Match::equals) {
      paths_.push_back({.index = index, .id = "e.id", .branches = {of_kind(column, looked_for)}});
      return;
    }
    // What follows all names that begin so is made by the text's last byte, where that is a character.
    if (text.match == Match::starts_with && !looked_for.empty() && looked_for.back() > 0 &&
        looked_for.back() < 0x7f) {
      std::string end = looked_for;
      ++end.back();
      Sql range = of_kind();
      range += {fmt::format(" AND e.{0} >= ? AND e.{0} < ?", column), {looked_for, end}};
      paths_.push_back({.index = index, .id = "e.id", .branches = {std::move(range)}, .by_id = false});
    }
    const auto grams = grams_for(query_.kind, text, looked_for);
    // Of many, some from everywhere.
    const std::size_t step = std::max<std::size_t>(1, (grams.size() + kMaxGramsTried - 1) / kMaxGramsTried);
    for (std::size_t i = 0; i < grams.size(); i += step) {
      Sql joined{.text = " AND "};
      joined += matches(text.match, "g.name", looked_for);
      joined += {" AND e.kind = ? AND e.id = g.id", {kind()}};
      paths_.push_back({.index = "grams g",
                        .id = "g.id",
                        .branches = {{"g.gram = ?", {grams[i]}}},
                        .join = " CROSS JOIN entities e",
                        .joined = std::move(joined)});
    }
  }

  Sql after(const Path& path) const {
    if (query_.after.empty()) return {};
    return {fmt::format(" AND {} > ?", path.id), {query_.after}};
  }

  core::Result<bool> has_few(const Path& path) {
    Sql probe{.text = fmt::format("SELECT {} FROM {} WHERE ", path.id, path.index)};
    probe += path.branches.front();
    probe.text += fmt::format(" LIMIT 1 OFFSET {}", kFewNames);
    ASSIGN_OR_RETURN(const auto more, probe.run(line_));
    return more.empty();
  }

  core::Result<const Path*> sparsest() {
    if (paths_.size() == 1 && paths_[0].by_id) return &paths_.front();
    const Path* best = nullptr;
    std::string best_id;
    for (const Path& path : paths_) {
      if (!path.by_id) {
        ASSIGN_OR_RETURN(const bool few, has_few(path));
        if (few) return &path;
        continue;
      }
      // Of several branches the densest counts.
      std::string id;
      for (const Sql& branch : path.branches) {
        Sql probe{.text = fmt::format("SELECT {} FROM {} WHERE ", path.id, path.index)};
        probe += branch;
        probe += after(path);
        probe.text += fmt::format(" ORDER BY {} LIMIT 1 OFFSET {}", path.id, kSparse - 1);
        ASSIGN_OR_RETURN(const auto there, probe.run(line_));
        if (!there.empty() && (id.empty() || there[0][0] < id)) id = there[0][0];
      }
      if (id.empty()) return &path;  // fewer than that are left
      if (best == nullptr || id > best_id) {
        best = &path;
        best_id = std::move(id);
      }
    }
    return best;
  }

  Sql page(const Path& path) const {
    const std::string limit =
        to_text(static_cast<std::int64_t>(std::clamp<std::size_t>(query_.limit, 1, Store::kMaxPage)));
    Sql page;
    for (const Sql& branch : path.branches) {
      if (!page.text.empty()) page.text += " UNION ALL ";
      if (path.branches.size() > 1) page.text += "SELECT * FROM (";
      page.text += fmt::format("SELECT {} FROM {}{} WHERE ", kColumns, path.index, path.join);
      page += branch;
      page += path.joined;
      page += after(path);
      page += and_all(conditions_);
      page += {fmt::format(" ORDER BY {} LIMIT CAST(? AS BIGINT)", path.id), {limit}};
      if (path.branches.size() > 1) page.text += fmt::format(") AS part{}", &branch - path.branches.data());
    }
    if (path.branches.size() > 1) page += {" ORDER BY 1 LIMIT CAST(? AS BIGINT)", {limit}};
    return page;
  }

  SqlLine& line_;
  const Query& query_;
  std::vector<Sql> conditions_;
  std::vector<Path> paths_;
};

}  // namespace

core::Result<std::vector<Row>> list(SqlLine& line, const Query& query) {
  return Listing(line, query).rows();
}

}  // namespace registry::entities
