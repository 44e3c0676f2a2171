#include "admin/answer.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

#include "admin/answer_scrub.h"
#include "admin/answer_shrink.h"
#include "core/table.h"
#include "core/text.h"
#include "core/tokens.h"

namespace admin {
namespace {

namespace json = core::json;

// The first line and the fence, at most; a whole answer is measured with them in the end.
constexpr std::size_t kAroundTokens = 180;
constexpr std::size_t kFenceTokens = 40;
constexpr std::size_t kMaxNoteBytes = 2'000;
// Cells are cut shorter, step by step, when not even one row fits.
constexpr std::size_t kCellSteps[] = {200, 80, 30};

struct Chosen {
  std::string name;
  FieldPath path;
  int rank;
  bool asked;  // named by the caller: stays although empty, and shows null as `null`
};

std::size_t budget_of(const AnswerOptions& options) {
  return std::max(options.budget_tokens, kSmallestBudgetTokens);
}

// 6000 → "6,000".
std::string grouped(std::size_t number) {
  std::string digits = fmt::format("{}", number);
  for (std::size_t at = digits.size(); at > 3;) {
    at -= 3;
    digits.insert(at, ",");
  }
  return digits;
}

std::string counted(std::size_t number, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", grouped(number), number == 1 ? one : many);
}

bool whole_objects(const AnswerOptions& options) {
  return std::find(options.fields.begin(), options.fields.end(), "*") != options.fields.end();
}

// Names from the caller are echoed; they may come from outside text, too.
std::string echo(std::string_view name) {
  return core::shorten(core::clean(name), 60);
}

std::vector<std::string> distinct_fields(const AnswerOptions& options) {
  std::vector<std::string> fields;
  for (const auto& field : options.fields) {
    if (fields.size() == kMaxFields) break;
    if (!field.empty() && std::find(fields.begin(), fields.end(), field) == fields.end())
      fields.push_back(field);
  }
  return fields;
}

template <class Items>
bool any_has(const Items& items, const FieldPath& path) {
  return std::any_of(items.begin(), items.end(),
                     [&](const json::Value& item) { return path.exists_in(item); });
}

// "department" alone means profile.department where the object itself has no such member. Adds the names that
// no item has to `missing`.
template <class Items>
std::vector<Chosen> choose(std::span<const Column> columns, const std::vector<std::string>& fields,
                           const Items& items, std::vector<std::string>& missing) {
  std::vector<Chosen> chosen;
  for (const auto& field : fields) {
    auto column =
        std::find_if(columns.begin(), columns.end(), [&](const Column& c) { return c.name == field; });
    if (column != columns.end()) {
      chosen.push_back({field, FieldPath(column->path), 0, true});
      continue;
    }
    FieldPath path(field), in_profile("profile." + field);
    if (any_has(items, path)) {
      chosen.push_back({echo(field), std::move(path), 0, true});
    } else if (any_has(items, in_profile)) {
      chosen.push_back({echo(field), std::move(in_profile), 0, true});
    } else {
      missing.push_back(echo(field));
    }
  }
  return chosen;
}

std::string cell_text(const json::Value& value, bool show_null) {
  if (value.is_null()) return show_null ? "null" : "";
  if (value.is_string()) return core::clean(value.get_string());
  if (value.is_array()) {
    const json::Array& all = value.get_array();
    if (std::all_of(all.begin(), all.end(), [](const json::Value& v) { return v.is_primitive(); })) {
      std::string joined;
      for (const auto& element : all) {
        if (element.is_null()) continue;
        if (!joined.empty()) joined += "; ";
        joined += cell_text(element, false);
      }
      return joined;
    }
  }
  return core::clean(json::write(value));
}

// Rows that are taken from the items one by one: of a list far over the budget, most are never looked at.
class Table {
 public:
  Table(const json::Array& items, std::vector<Chosen> columns, ScrubCount& count)
      : items_(items), columns_(std::move(columns)), count_(count), rows_(items.size()) {
    shown_.assign(columns_.size(), true);
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!columns_[c].asked && columns_[c].rank > 0) shown_[c] = says_something(columns_[c]);
    }
    if (std::none_of(shown_.begin(), shown_.end(), [](bool shown) { return shown; })) shown_.front() = true;
  }

  // Leaves out the least important column; its name, or empty when all that remain are needed.
  std::string drop_column() {
    if (std::count(shown_.begin(), shown_.end(), true) == 1) return {};
    std::optional<std::size_t> worst;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (shown_[c] && columns_[c].rank > 0 && (!worst || columns_[c].rank >= columns_[*worst].rank))
        worst = c;
    }
    if (!worst) return {};
    shown_[*worst] = false;
    return columns_[*worst].name;
  }

  std::string header() const {
    std::vector<std::string> names;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (shown_[c]) names.push_back(columns_[c].name);
    }
    return core::csv_row(names);
  }

  std::string csv_line(std::size_t index, std::size_t max_cell, std::size_t& shortened) {
    std::string line;
    bool first = true;
    std::size_t cells = 0;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      if (!shown_[c]) continue;
      if (!first) line += ',';
      first = false;
      ++cells;
      const auto& value = row(index)[c];
      if (!value) continue;
      std::string text = cell_text(*value, columns_[c].asked);
      if (text == "null" && value->is_string()) {
        line += "\"null\"";  // not the same as null
        continue;
      }
      if (text.size() > max_cell) {
        std::string cut = core::shorten(text, max_cell);
        shortened += cut != text;
        text = std::move(cut);
      }
      core::append_csv_cell(line, text);
    }
    if (line.empty() && cells == 1) line = "\"\"";
    return line + "\n";
  }

  std::string json_line(std::size_t index, std::size_t max_cell, std::size_t& shortened) {
    json::Object object;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const auto& value = row(index)[c];
      if (!shown_[c] || !value || (value->is_null() && !columns_[c].asked)) continue;
      if (value->is_string() && value->get_string().size() > max_cell) {
        std::string_view text = value->get_string();
        std::string cut = core::shorten(text, max_cell);
        shortened += cut != text;
        object[columns_[c].name] = cut;
      } else {
        object[columns_[c].name] = *value;
      }
    }
    return json::write(object) + "\n";
  }

 private:
  using Row = std::vector<std::optional<json::Value>>;

  bool says_something(const Chosen& column) const {
    return std::any_of(items_.begin(), items_.end(), [&](const json::Value& item) {
      ScrubCount ignored;
      auto value = column.path.take(item, ignored);
      return value && !value->is_null() && !(value->is_string() && value->get_string().empty()) &&
             !(value->is_array() && value->get_array().empty());
    });
  }

  const Row& row(std::size_t index) {
    Row& row = rows_[index];
    if (row.empty()) {
      row.reserve(columns_.size());
      for (const auto& column : columns_) row.push_back(column.path.take(items_[index], count_));
    }
    return row;
  }

  const json::Array& items_;
  std::vector<Chosen> columns_;
  ScrubCount& count_;
  std::vector<Row> rows_;
  std::vector<bool> shown_;
};

// The cursor of items[index].
Cursor cursor_of(const ListInfo& info, std::size_t index) {
  PageStart page;
  for (const auto& candidate : info.pages) {
    if (candidate.first > index) break;
    page = candidate;
  }
  return {.after = page.start.after, .skip = page.start.skip + (index - page.first)};
}

std::string invisible_note(const ScrubCount& count) {
  return count.invisible == 0 ? std::string()
                              : fmt::format("{} taken out of the data.\n",
                                            counted(count.invisible, "invisible or broken character was",
                                                    "invisible or broken characters were"));
}

std::string notes_text(const std::vector<std::string>& notes) {
  std::string text;
  for (const auto& note : notes) text += note + "\n";
  return text;
}

std::string window_text(const ListInfo& info) {
  if (!info.window) return {};
  return fmt::format("Window: {} to {}.\n", core::to_rfc3339(info.window->since),
                     core::to_rfc3339(info.window->until));
}

// One attempt: so many rows, cells of such a length.
struct Draft {
  std::size_t rows = 0;
  std::size_t max_cell = 0;
  std::size_t shortened = 0;
  std::vector<std::string> dropped_columns;
};

class ListWriter {
 public:
  ListWriter(const ListShape& shape, const json::Array& items, const AnswerOptions& options,
             const ListInfo& info)
      : shape_(shape), items_(items), options_(options), info_(info), budget_(budget_of(options)) {}

  std::string write() {
    if (options_.count_only) return count_answer();
    if (items_.empty()) return first_line(0) + window_text(info_) + notes_text(info_.notes);
    if (whole_objects(options_)) return write_objects();
    std::vector<std::string> missing;
    auto fields = distinct_fields(options_);
    std::vector<Chosen> columns = choose(shape_.columns, fields, items_, missing);
    if (!missing.empty()) {
      notes_ += fmt::format("No {} here has {}.\n", shape_.noun, fmt::join(missing, ", "));
    }
    if (columns.empty()) {
      for (const auto& column : shape_.columns) {
        columns.push_back({std::string(column.name), FieldPath(column.path), column.rank, false});
      }
    }
    if (columns.empty()) return write_objects();
    Table table(items_, std::move(columns), count_);
    Draft draft{.rows = items_.size(), .max_cell = std::max<std::size_t>(options_.max_cell, 8)};
    if (options_.format == Format::csv) {
      return fit(draft, &table, [&](const Draft& d, std::size_t row, std::size_t& shortened) {
        return table.csv_line(row, d.max_cell, shortened);
      });
    }
    return fit(draft, &table, [&](const Draft& d, std::size_t row, std::size_t& shortened) {
      return table.json_line(row, d.max_cell, shortened);
    });
  }

 private:
  std::string count_answer() const {
    const std::size_t count = info_.count.value_or(items_.size());
    std::string text = counted(count, shape_.noun, shape_.nouns);
    return text + (info_.next ? " so far" : "") + ending(info_.next) + window_text(info_) +
           notes_text(info_.notes);
  }

  // "180 of 200 users read; more follow. Go on with after=...". `shown` rows of the items are printed.
  std::string first_line(std::size_t shown) const {
    const bool cut = shown < items_.size();
    const std::size_t total = std::max(items_.size(), info_.count.value_or(0));
    std::string text = counted(total, shape_.noun, shape_.nouns);
    if (shown < total) text = fmt::format("{} of {}", grouped(shown), text);
    if (!info_.resumable) return text + (shown < total ? ".\n" : ", all of them.\n");
    if (cut) text += " read";
    return text + ending(cut ? cursor_of(info_, shown) : info_.next);
  }

  static std::string ending(const std::optional<Cursor>& next) {
    if (!next) return ", all of them.\n";
    return fmt::format("; more follow. Go on with after=\"{}\"\n", encode_cursor(*next));
  }

  std::string head(const Draft& draft) const {
    std::string text = first_line(draft.rows);
    std::vector<std::string> left_out;
    if (draft.rows < items_.size()) {
      left_out.push_back(draft.rows + 1 == items_.size()
                             ? fmt::format("row {}", grouped(items_.size()))
                             : fmt::format("rows {}-{}", grouped(draft.rows + 1), grouped(items_.size())));
    }
    if (!draft.dropped_columns.empty()) {
      left_out.push_back(
          fmt::format("columns {} (name them in fields)", fmt::join(draft.dropped_columns, ", ")));
    }
    if (!left_out.empty()) {
      text += fmt::format("Left out to stay under {} tokens: {}.{}\n", grouped(budget_),
                          fmt::join(left_out, "; "),
                          draft.rows < items_.size() ? " Fewer fields give more rows." : "");
    }
    if (draft.shortened > 0) {
      text += fmt::format("{} cut at {} characters, marked with \"…\".\n",
                          counted(draft.shortened, "value", "values"), draft.max_cell);
    }
    return text + window_text(info_) + notes_text(info_.notes) + notes_ + invisible_note(count_);
  }

  template <class Line>
  std::string encode(Draft& draft, const Table* table, const Line& line) const {
    std::string body = table && options_.format == Format::csv ? table->header() : std::string();
    draft.shortened = 0;
    for (std::size_t row = 0; row < draft.rows; ++row) body += line(draft, row, draft.shortened);
    return head(draft) + core::fence(body);
  }

  // How many rows fit beside the head and the fence. The head is longer when rows are missing.
  template <class Line>
  std::size_t rows_that_fit(Draft draft, const Table* table, const Line& line) const {
    core::TokenEstimate all, some;
    draft.rows = items_.size();
    all.add(head(draft));
    draft.rows = items_.size() / 2;
    some.add(head(draft));
    for (auto* sum : {&all, &some}) {
      sum->add(core::fence(table && options_.format == Format::csv ? table->header() : std::string()));
    }
    std::size_t shortened = 0, fit = 0;
    for (std::size_t row = 0; row < items_.size(); ++row) {
      const std::string& text = line(draft, row, shortened);
      all.add(text);
      some.add(text);
      if (all.tokens() > budget_) return fit;
      if (some.tokens() <= budget_) fit = row + 1;
    }
    return items_.size();
  }

  template <class Line>
  std::string fit(Draft draft, Table* table, const Line& line) const {
    for (;;) {
      draft.rows = rows_that_fit(draft, table, line);
      if (draft.rows == items_.size()) break;
      std::string dropped = table ? table->drop_column() : std::string();
      if (dropped.empty()) break;
      draft.dropped_columns.insert(draft.dropped_columns.begin(), dropped);
    }
    for (std::size_t step : kCellSteps) {
      if (draft.rows > 0) break;
      draft.max_cell = std::min(draft.max_cell, step);
      draft.rows = rows_that_fit(draft, table, line);
    }
    // Rows were measured apart; together they may cost a little more.
    std::string text = encode(draft, table, line);
    while (core::estimate_tokens(text) > budget_ && draft.rows > 0) {
      draft.rows -= std::min(draft.rows, draft.rows / 50 + 1);
      text = encode(draft, table, line);
    }
    return text;
  }

  std::string write_objects() {
    std::vector<std::string> lines(items_.size());
    // An object that alone is over the budget would stand in the way of all that follow.
    const std::size_t most = budget_ - kAroundTokens;
    auto line = [&](const Draft&, std::size_t row, std::size_t&) -> const std::string& {
      if (!lines[row].empty()) return lines[row];
      json::Value shown = scrub(items_[row], {}, count_);
      std::vector<LeftOut> left_out;
      shrink(shown, most, left_out);
      if (!left_out.empty() && notes_.size() < kMaxNoteBytes) {
        notes_ += fmt::format("Row {}: left out {}.\n", row + 1, to_text(left_out));
      }
      return lines[row] = json::write(shown) + "\n";
    };
    return fit(Draft{.rows = items_.size(), .max_cell = options_.max_cell}, nullptr, line);
  }

  const ListShape& shape_;
  const json::Array& items_;
  const AnswerOptions& options_;
  const ListInfo& info_;
  std::size_t budget_;
  std::string notes_;
  ScrubCount count_;
};

}  // namespace

std::string list_answer(const ListShape& shape, const json::Array& items, const AnswerOptions& options,
                        const ListInfo& info) {
  return ListWriter(shape, items, options, info).write();
}

std::string item_answer(std::string_view noun, const json::Value& item, const AnswerOptions& options,
                        const std::vector<std::string>& notes) {
  ScrubCount count;
  std::string head = notes_text(notes);
  json::Value shown;
  auto fields = distinct_fields(options);
  if (fields.empty() || whole_objects(options)) {
    shown = scrub(item, {}, count);
  } else {
    std::vector<std::string> missing;
    json::Object object;
    for (const auto& column : choose({}, fields, std::span(&item, 1), missing)) {
      if (auto value = column.path.take(item, count)) object[column.name] = std::move(*value);
    }
    if (!missing.empty()) head += fmt::format("This {} has no {}.\n", noun, fmt::join(missing, ", "));
    shown = std::move(object);
  }
  head += invisible_note(count);
  const std::size_t budget = budget_of(options);
  std::vector<LeftOut> left_out;
  std::string text = head + core::fence(json::write(shown));
  // Each round cuts what the last one measured as too much; the head grows by what it says about that.
  for (std::size_t target = budget; core::estimate_tokens(text) > budget && target > 50;
       target -= target / 5) {
    std::size_t around = core::estimate_tokens(head) + kFenceTokens + 30;
    shrink(shown, target > around + 20 ? target - around : 20, left_out);
    text = head +
           fmt::format("Left out to stay under {} tokens: {} (name in fields what you need).\n",
                       grouped(budget), core::shorten(to_text(left_out), 600)) +
           core::fence(json::write(shown));
  }
  return text;
}

std::string text_answer(std::string_view headline, std::string_view text, const AnswerOptions& options) {
  const std::size_t budget = budget_of(options);
  std::size_t invisible = 0;
  std::string body = core::clean(text, {.line_breaks = core::LineBreaks::keep}, &invisible);
  std::string head = headline.empty() ? std::string() : std::string(headline) + "\n";
  std::string answer = head + core::fence(body);
  if (core::estimate_tokens(answer) <= budget) return answer;
  core::TokenEstimate sum;
  sum.add(head);
  std::size_t end = 0, lines = 0;
  const auto total =
      static_cast<std::size_t>(std::count(body.begin(), body.end(), '\n')) + !body.ends_with('\n');
  while (end < body.size()) {
    std::size_t next = body.find('\n', end);
    next = next == std::string::npos ? body.size() : next + 1;
    sum.add(std::string_view(body).substr(end, next - end));
    if (sum.tokens() + 2 * kFenceTokens > budget) break;
    end = next;
    ++lines;
  }
  return head +
         fmt::format("Left out to stay under {} tokens: lines {}-{}.\n", grouped(budget), grouped(lines + 1),
                     grouped(total)) +
         core::fence(std::string_view(body).substr(0, end));
}

}  // namespace admin
