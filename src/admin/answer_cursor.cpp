#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "admin/answer.h"
#include "core/encoding.h"
#include "core/text.h"

namespace admin {
namespace {

constexpr std::string_view kOwn = "p1.";

// Characters that Okta's cursors are made of; they need no quoting in a sentence and cannot be taken for one.
bool plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
         c == '.' || c == '~' || c == '=' || c == '+' || c == '/' || c == ':';
}

std::unexpected<core::Error> bad_cursor(std::string_view text, std::string_view why) {
  return core::fail(
      core::ErrorKind::invalid_input, "admin.cursor",
      fmt::format("\"{}\" is not a cursor: {}.", core::shorten(core::clean(text), 60), why),
      "Pass `after` exactly as the last answer gave it, or leave it out to start from the beginning.");
}

}  // namespace

std::string encode_cursor(const Cursor& cursor) {
  const bool is_plain = std::all_of(cursor.after.begin(), cursor.after.end(), plain);
  if (cursor.skip == 0 && is_plain && !cursor.after.empty() && !cursor.after.starts_with(kOwn))
    return cursor.after;
  return fmt::format("{}{}.{}", kOwn, cursor.skip, core::percent_encode(cursor.after));
}

core::Result<Cursor> decode_cursor(std::string_view text) {
  if (text.empty()) return bad_cursor(text, "it is empty");
  if (text.size() > kMaxCursorBytes)
    return bad_cursor(text, fmt::format("it is longer than {} bytes", kMaxCursorBytes));
  if (!text.starts_with(kOwn)) {
    if (!std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; })) {
      return bad_cursor(text, "it holds a blank or a character outside ASCII");
    }
    return Cursor{.after = std::string(text)};
  }
  std::string_view rest = text.substr(kOwn.size());
  auto dot = rest.find('.');
  Cursor cursor;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + std::min(dot, rest.size()), cursor.skip);
  if (dot == std::string_view::npos || dot == 0 || error != std::errc{} || end != rest.data() + dot) {
    return bad_cursor(text, "the number of rows to skip is missing");
  }
  if (cursor.skip > kMaxCursorSkip)
    return bad_cursor(text, fmt::format("it skips more than {} rows", kMaxCursorSkip));
  auto after = core::percent_decode(rest.substr(dot + 1));
  if (!after) return bad_cursor(text, "an escape in it is broken");
  if (std::any_of(after->begin(), after->end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20; })) {
    return bad_cursor(text, "it holds control characters");
  }
  cursor.after = std::move(*after);
  return cursor;
}

}  // namespace admin
