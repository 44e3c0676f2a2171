// What a model reads: Okta's JSON projected, cleaned, redacted, encoded and cut to a budget of tokens.
//
// Pure functions: no Okta, no clock, the same input always gives the same text. Outside text stands inside a
// fence (core/text.h); whatever was left out is named, with the way to get it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"

namespace admin {

struct Column {
  std::string_view name;  // in the header line; may be named in `fields`
  // Dotted: "profile.login". A step into a list takes every element ("target.displayName"), a number one
  // ("target.0").
  std::string_view path;
  int rank = 1;  // 0: never left out; the others go highest rank first when an answer is over its budget
};

struct ListShape {
  std::string_view noun;   // "user"
  std::string_view nouns;  // "users"
  std::span<const Column> columns;
};

enum class Format { csv, json };

inline constexpr std::size_t kDefaultBudgetTokens = 6'000;
inline constexpr std::size_t kSmallestBudgetTokens = 300;  // less is taken as this
inline constexpr std::size_t kMaxFields = 50;              // more are ignored

struct AnswerOptions {
  // Default column names, dotted paths ("profile.department", or "department" alone where the object has it
  // in its profile), names of objects (a JSON cell), or "*" for whole objects. Empty: the default columns;
  // for one item, all.
  std::vector<std::string> fields;
  Format format = Format::csv;  // of lists; one item is always JSON
  std::size_t budget_tokens = kDefaultBudgetTokens;
  bool count_only = false;
  std::size_t max_cell = 400;  // characters of one CSV cell
};

// Where a list goes on: `skip` elements after Okta's `after` cursor (empty: after the beginning), whatever
// the page size then is.
struct Cursor {
  std::string after;
  std::size_t skip = 0;
};

inline constexpr std::size_t kMaxCursorBytes = 4'096;
inline constexpr std::size_t kMaxCursorSkip = 1'000'000;

// Okta's own cursor where that says it all; else "p1.SKIP.CURSOR". Printable ASCII without blanks or quotes.
std::string encode_cursor(const Cursor& cursor);
// Reads both forms. Error: admin.cursor.
core::Result<Cursor> decode_cursor(std::string_view text);

// The element `first` of the items is the one at `start`. Needed to cut a list inside a page and still go on
// exactly.
struct PageStart {
  std::size_t first = 0;
  Cursor start;
};

struct TimeWindow {
  core::WallTime since, until;
};

struct ListInfo {
  std::optional<Cursor> next;    // of what follows the last item; nullopt: this is the end
  std::vector<PageStart> pages;  // ordered by `first`; empty: one page from the beginning
  bool resumable = true;         // false: the tool takes no `after`, so no cursor is offered
  // How many there are, where the items are not all of them: count_only, or a report that keeps only the
  // first.
  std::optional<std::size_t> count;
  std::optional<TimeWindow> window;  // absolute, of time-bound lists
  std::vector<std::string> notes;    // sentences of ours, printed before the data
};

// One line that says how many, whether that is all, and the cursor to go on with; then the rows. Columns that
// are empty in every row are dropped unless asked for. Over budget, columns go first (only when none were
// asked for), then rows from the end, which the cursor brings back. In CSV null and absent are empty; where a
// field was asked for, null is `null` and a string that says null is in quotes.
std::string list_answer(const ListShape& shape, const core::json::Array& items, const AnswerOptions& options,
                        const ListInfo& info = {});

// One object as compact JSON. Without `fields`: no nulls, no _links, no _embedded. With them: just these,
// nulls kept. Over budget the largest members go first.
std::string item_answer(std::string_view noun, const core::json::Value& item,
                        const AnswerOptions& options = {}, const std::vector<std::string>& notes = {});

// A text of several lines that holds outside data (a report). Over budget it ends early, at a line end.
std::string text_answer(std::string_view headline, std::string_view text, const AnswerOptions& options = {});

}  // namespace admin
