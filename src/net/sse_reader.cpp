#include "net/sse_reader.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace net {
namespace {

constexpr std::string_view kBom = "\xef\xbb\xbf";
constexpr std::int64_t kDayMs = 86'400'000;

}  // namespace

core::Status SseReader::too_large() const {
  return core::fail(core::ErrorKind::too_large, "net.sse.too_large",
                    fmt::format("An event of the stream is longer than {} bytes.", limits_.max_event_bytes));
}

core::Status SseReader::feed(std::string_view piece,
                             const std::function<core::Status(const SseEvent&)>& sink) {
  // The mark may come in pieces too; what only looked like its beginning is the stream's.
  while (begun_ < kBom.size() && !piece.empty()) {
    if (piece.front() == kBom[begun_]) {
      ++begun_;
      piece.remove_prefix(1);
    } else {
      line_ = kBom.substr(0, begun_);
      begun_ = kBom.size();
    }
  }
  while (!piece.empty()) {
    if (std::exchange(after_cr_, false) && piece.front() == '\n') {
      piece.remove_prefix(1);
      continue;
    }
    const auto end = piece.find_first_of("\r\n");
    const auto part = piece.substr(0, end);
    // Keep-alive comments may be of any length and number: none of them is stored or counted.
    if (line_.empty() && part.starts_with(':')) in_comment_ = true;
    if (!in_comment_) {
      if (event_bytes_ + line_.size() + part.size() > limits_.max_event_bytes) return too_large();
    }
    if (end == std::string_view::npos) {
      if (!in_comment_) line_ += part;
      return {};
    }
    after_cr_ = piece[end] == '\r';
    piece.remove_prefix(end + 1);
    if (std::exchange(in_comment_, false)) continue;
    if (line_.empty()) {
      RETURN_IF_ERROR(take_line(part, sink));
    } else {
      line_ += part;
      const std::string whole = std::exchange(line_, {});
      RETURN_IF_ERROR(take_line(whole, sink));
    }
  }
  return {};
}

core::Status SseReader::take_line(std::string_view line,
                                  const std::function<core::Status(const SseEvent&)>& sink) {
  if (line.empty()) {
    event_bytes_ = 0;
    SseEvent event = std::exchange(event_, {});
    if (!std::exchange(has_data_, false)) return {};
    event.data.pop_back();  // the line break after the last line
    if (event.data.empty()) return {};
    if (event.type.empty()) event.type = "message";
    event.id = last_id_;
    return sink(event);
  }
  event_bytes_ += line.size() + 1;
  const auto colon = line.find(':');
  const auto field = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);

  if (field == "data") {
    event_.data += value;
    event_.data += '\n';
    has_data_ = true;
  } else if (field == "event") {
    event_.type = value;
  } else if (field == "id") {
    if (value.size() <= limits_.max_id_bytes && value.find('\0') == std::string_view::npos) last_id_ = value;
  } else if (field == "retry") {
    const bool digits =
        !value.empty() && std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; });
    if (!digits) return {};
    std::int64_t number = kDayMs;
    const auto read = std::from_chars(value.data(), value.data() + value.size(), number);
    if (read.ec != std::errc{}) number = kDayMs;
    retry_ = std::chrono::milliseconds{std::min(number, kDayMs)};
  }
  return {};
}

}  // namespace net
