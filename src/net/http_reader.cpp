#include "net/http_reader.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

namespace net::wire {
namespace {

// A chunk's size with its extensions, which nobody uses.
constexpr std::size_t kMaxChunkLine = 256;
// Reserved on a client's word alone.
constexpr std::uint64_t kTrustedLength = 64u << 10;

constexpr Refusal kMalformed{400, "The request is malformed."};
constexpr Refusal kHeaderTooLarge{431, "The request's header is too large."};
constexpr Refusal kBodyTooLarge{413, "The request's body is too large."};
constexpr Refusal kBadChunk{400, "The chunked body is malformed."};

enum : std::uint8_t { kToken = 1, kValue = 2 };

// RFC 9110 section 5.6.2 (token) and 5.5 (field-value: visible, space, tab, obs-text).
constexpr std::array<std::uint8_t, 256> kClasses = [] {
  std::array<std::uint8_t, 256> classes{};
  for (std::size_t c = 0; c < 256; ++c) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool digit = c >= '0' && c <= '9';
    if (letter || digit || (c != 0 && std::string_view("!#$%&'*+-.^_`|~").contains(static_cast<char>(c)))) {
      classes[c] |= kToken;
    }
    if (c == '\t' || (c >= ' ' && c != 0x7f)) classes[c] |= kValue;
  }
  return classes;
}();

bool all_of_class(std::string_view text, std::uint8_t wanted) {
  return std::ranges::all_of(text,
                             [&](char c) { return (kClasses[static_cast<unsigned char>(c)] & wanted) != 0; });
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::size_t RequestReader::feed(std::string_view bytes) {
  std::size_t used = 0;
  if (state_ == State::head) used = feed_head(bytes);
  if (state_ != State::body) return used;
  bytes.remove_prefix(used);
  return used + (chunked_ ? feed_chunks(bytes) : feed_length(bytes));
}

std::size_t RequestReader::feed_head(std::string_view bytes) {
  const std::size_t before = held_.size();
  if (before > 0) held_.append(bytes);
  const std::string_view seen = before > 0 ? std::string_view(held_) : bytes;
  const bool complete = scanner_.scan(seen);
  if (const auto& refusal = scanner_.refusal()) {
    refuse(*refusal);
  } else if (!complete) {
    if (before == 0) held_ = bytes;
  } else {
    const auto head = seen.substr(scanner_.leading(), scanner_.size() - scanner_.leading());
    const auto refused = read_head(head);
    held_ = {};
    if (!refused) return scanner_.size() - before;
    refuse(*refused);
  }
  return bytes.size();
}

std::optional<Refusal> RequestReader::read_head(std::string_view head) {
  const auto end = head.find('\r');
  std::string_view method;
  if (auto refusal = read_request_line(head.substr(0, end), method)) return refusal;
  if (auto refusal = read_fields(head.substr(end + 2))) return refusal;
  if (auto refusal = check_head(method, request_.target, version_, request_.headers)) return refusal;
  request_.method = *parse_method(method);  // check_head() refuses what it does not know
  split_target(request_.target, request_.path, request_.query);
  keep_alive_ = version_ >= 11 ? !has_token(request_.headers, "Connection", "close")
                               : has_token(request_.headers, "Connection", "keep-alive");
  return read_framing();
}

std::optional<Refusal> RequestReader::read_request_line(std::string_view line, std::string_view& method) {
  const auto first = line.find(' ');
  const auto second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos || second == first + 1) return kMalformed;
  method = line.substr(0, first);
  if (method.empty() || !all_of_class(method, kToken)) return kMalformed;
  const auto version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Refusal{505, "Only HTTP/1.1 and HTTP/1.0 are supported."};
  }
  version_ = version.ends_with('1') ? 11 : 10;
  request_.target = line.substr(first + 1, second - first - 1);
  return std::nullopt;
}

std::optional<Refusal> RequestReader::read_fields(std::string_view lines) {
  // The scanner has seen to it that CR and LF come only together; the last line is empty.
  const auto count = static_cast<std::size_t>(std::ranges::count(lines, '\n')) - 1;
  if (count > limits_.max_headers) return Refusal{431, "The request has too many header lines."};
  request_.headers.reserve(count);
  while (lines.front() != '\r') {
    const auto end = lines.find('\r');
    const auto line = lines.substr(0, end);
    lines.remove_prefix(end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return kMalformed;
    const auto name = line.substr(0, colon);
    const auto value = trimmed(line.substr(colon + 1));
    if (!all_of_class(name, kToken) || !all_of_class(value, kValue)) return kMalformed;
    request_.headers.add(std::string(name), std::string(value));
  }
  return std::nullopt;
}

std::optional<Refusal> RequestReader::read_framing() {
  expects_continue_ = false;
  chunked_ = request_.headers.has("Transfer-Encoding");  // check_head() allows chunked alone
  left_ = 0;
  if (!chunked_) {
    // Empty without the field; otherwise check_head() has seen nothing but digits.
    const auto length = request_.headers.get("Content-Length");
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), left_);
    if (error == std::errc::result_out_of_range) return Refusal{400, "Content-Length is not a number."};
    if (left_ > limits_.max_body_bytes) return kBodyTooLarge;
    request_.body.reserve(std::min(left_, kTrustedLength));
  }
  chunk_ = Chunk::size;
  line_bytes_ = 0;
  state_ = chunked_ || left_ > 0 ? State::body : State::done;
  expects_continue_ = state_ == State::body && version_ >= 11 && request_.headers.has("Expect");
  return std::nullopt;
}

std::size_t RequestReader::feed_length(std::string_view bytes) {
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  request_.body.append(bytes.substr(0, taken));
  left_ -= taken;
  if (left_ == 0) state_ = State::done;
  return taken;
}

std::size_t RequestReader::feed_chunks(std::string_view bytes) {
  std::size_t at = 0;
  while (at < bytes.size() && state_ == State::body) {
    if (chunk_ == Chunk::data) {
      const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size() - at));
      request_.body.append(bytes.substr(at, taken));
      at += taken;
      left_ -= taken;
      if (left_ == 0) chunk_ = Chunk::data_cr;
      continue;
    }
    if (!feed_chunk_size(bytes[at++]) && state_ != State::refused) refuse(kBadChunk);
  }
  return at;
}

// Everything of RFC 9112 section 7.1 but the data, byte by byte. False: malformed, or refused already.
bool RequestReader::feed_chunk_size(char c) {
  const bool is_text = (kClasses[static_cast<unsigned char>(c)] & kValue) != 0;
  ++line_bytes_;
  switch (chunk_) {
    case Chunk::size:
      if (const int digit = hex_digit(c); digit >= 0) {
        if (line_bytes_ > 15) return false;  // far from overflow
        left_ = left_ * 16 + static_cast<std::uint64_t>(digit);
        return true;
      }
      if (line_bytes_ == 1) return false;  // no digit at all
      if (c != ';' && c != ' ' && c != '\t' && c != '\r') return false;
      chunk_ = c == '\r' ? Chunk::size_lf : Chunk::extension;
      return true;
    case Chunk::extension:
      if (c == '\r') chunk_ = Chunk::size_lf;
      return line_bytes_ <= kMaxChunkLine && (is_text || c == '\r');
    case Chunk::size_lf:
      return c == '\n' && begin_chunk();
    case Chunk::data_cr:
      chunk_ = Chunk::data_lf;
      return c == '\r';
    case Chunk::data_lf:
      chunk_ = Chunk::size;
      line_bytes_ = 0;
      return c == '\n';
    case Chunk::trailer:
    case Chunk::trailer_line:
      if (line_bytes_ > limits_.max_header_bytes) {
        refuse(kHeaderTooLarge);
        return false;
      }
      if (c == '\r') {
        chunk_ = chunk_ == Chunk::trailer ? Chunk::end_lf : Chunk::trailer_lf;
        return true;
      }
      chunk_ = Chunk::trailer_line;
      return is_text;
    case Chunk::trailer_lf:
      chunk_ = Chunk::trailer;
      return c == '\n';
    case Chunk::end_lf:
      if (c != '\n') return false;
      state_ = State::done;
      return true;
    case Chunk::data:
      break;
  }
  return false;
}

bool RequestReader::begin_chunk() {
  if (left_ > limits_.max_body_bytes - request_.body.size()) {
    refuse(kBodyTooLarge);
    return false;
  }
  chunk_ = left_ == 0 ? Chunk::trailer : Chunk::data;
  line_bytes_ = 0;
  return true;
}

void RequestReader::refuse(const Refusal& refusal) {
  refusal_ = refusal;
  state_ = State::refused;
}

bool RequestReader::take_expectation() {
  return std::exchange(expects_continue_, false);
}

ServerRequest RequestReader::take() {
  state_ = State::head;
  scanner_ = HeadScanner(limits_.max_header_bytes);
  return std::exchange(request_, {});
}

}  // namespace net::wire
