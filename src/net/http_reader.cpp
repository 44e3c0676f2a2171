#include "net/http_reader.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstdint>
#include <utility>

namespace net::wire {
namespace {

namespace http = boost::beast::http;
using boost::beast::error_code;
using BeastString = boost::beast::string_view;

// A chunk's size with its extensions, which nobody uses.
constexpr std::size_t kMaxChunkLine = 256;
// Reserved on a client's word alone.
constexpr std::uint64_t kTrustedLength = 64u << 10;

constexpr Refusal kBadChunk{400, "The chunked body is malformed."};

Refusal refusal_for(error_code error, std::string_view malformed) {
  if (error == http::error::body_limit) return {413, "The request's body is too large."};
  if (error == http::error::header_limit) return {431, "The request's header is too large."};
  if (error == http::error::bad_version) return {505, "Only HTTP/1.1 and HTTP/1.0 are supported."};
  return {400, malformed};
}

// What follows the zeros that a chunk's line begins with: the end of the last one's size (RFC 9112 section
// 7.1), or more of another's. nullopt: there are none, or that has not come yet.
std::optional<char> after_zeros(std::string_view line) {
  const auto end = line.find_first_not_of('0');
  if (end == 0 || end == std::string_view::npos) return std::nullopt;
  return line[end];
}

}  // namespace

// Puts what Beast finds where it belongs.
class RequestReader::Parser final : public http::basic_parser<true> {
 public:
  Parser(ServerRequest& request, const ReaderLimits& limits) : request_(request) {
    // The scanner has counted; Beast's own limit must not be lower.
    header_limit(static_cast<std::uint32_t>(std::min<std::size_t>(limits.max_header_bytes, UINT32_MAX)));
    body_limit(limits.max_body_bytes);
  }

  const std::string& method() const { return method_; }
  unsigned version() const { return version_; }
  bool at_chunk_line() const { return chunked() && chunk_left_ == 0; }
  // The chunk before ends with CR LF, which Beast reads with the next one's line.
  std::string_view before_chunk_line() const { return has_chunk_ ? "\r\n" : ""; }

 private:
  void on_request_impl(http::verb, BeastString method, BeastString target, int version,
                       error_code&) override {
    method_ = method;
    request_.target = target;
    version_ = static_cast<unsigned>(version);
  }
  void on_field_impl(http::field, BeastString name, BeastString value, error_code&) override {
    // Trailers are dropped: they must not add to, or replace, what was checked (RFC 9110 section 6.5.1).
    if (!head_is_over_) request_.headers.add(std::string(name), std::string(value));
  }
  void on_header_impl(error_code&) override { head_is_over_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>& length, error_code&) override {
    if (length) request_.body.reserve(static_cast<std::size_t>(std::min(*length, kTrustedLength)));
  }
  std::size_t on_body_impl(BeastString body, error_code&) override {
    request_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t size, BeastString extensions, error_code& error) override {
    if (extensions.size() > kMaxChunkLine) error = http::error::bad_chunk_extension;
    chunk_left_ = size;
    has_chunk_ = true;
  }
  std::size_t on_chunk_body_impl(std::uint64_t left, BeastString body, error_code&) override {
    request_.body.append(body.data(), body.size());
    chunk_left_ = left - body.size();
    return body.size();
  }
  void on_finish_impl(error_code&) override {}
  void on_response_impl(int, BeastString, int, error_code&) override {}

  ServerRequest& request_;
  std::string method_;
  unsigned version_ = 11;
  bool head_is_over_ = false;
  bool has_chunk_ = false;
  std::uint64_t chunk_left_ = 0;
};

RequestReader::RequestReader(const ReaderLimits& limits)
    : limits_(limits), scanner_(limits.max_header_bytes) {}

RequestReader::~RequestReader() = default;

std::size_t RequestReader::feed(std::string_view bytes) {
  const auto before = held_.size();
  if (before > 0) held_.append(bytes);
  auto rest = before > 0 ? std::string_view(held_) : bytes;
  const auto all = rest.size();
  while (!rest.empty() && (state_ == State::head || state_ == State::body)) {
    const auto used = state_ == State::head ? read_head(rest) : read_body(rest);
    if (used == 0) break;
    rest.remove_prefix(used);
  }
  const auto consumed = all - rest.size();
  if (state_ == State::done || state_ == State::refused || rest.empty()) {
    held_ = {};
  } else if (before > 0) {
    held_.erase(0, consumed);
  } else {
    held_ = rest;
  }
  return state_ == State::done || state_ == State::refused ? consumed - std::min(before, consumed)
                                                           : bytes.size();
}

std::size_t RequestReader::read_head(std::string_view bytes) {
  const bool complete = scanner_.scan(bytes);
  if (const auto& refusal = scanner_.refusal()) {
    refuse(*refusal);
    return 0;
  }
  if (!complete) return 0;
  const auto size = scanner_.size();
  const auto leading = scanner_.leading();
  scanner_ = HeadScanner(limits_.max_header_bytes);
  if (const auto refusal = parse_head(bytes.substr(leading, size - leading))) {
    refuse(*refusal);
    return 0;
  }
  return size;
}

std::optional<Refusal> RequestReader::parse_head(std::string_view head) {
  // The scanner has seen to it that CR and LF come only together. One is the request line's, one the end's.
  const auto count = static_cast<std::size_t>(std::ranges::count(head, '\n')) - 2;
  if (count > limits_.max_headers) return Refusal{431, "The request has too many header lines."};
  request_.headers.reserve(count);
  parser_ = std::make_unique<Parser>(request_, limits_);
  error_code error;
  parser_->put(boost::asio::buffer(head.data(), head.size()), error);
  if (error) return refusal_for(error, "The request is malformed.");
  version_ = parser_->version();
  if (auto refusal = check_head(parser_->method(), request_.target, version_, request_.headers)) {
    return refusal;
  }
  request_.method = *parse_method(parser_->method());  // check_head() refuses what it does not know
  split_target(request_.target, request_.path, request_.query);
  keep_alive_ = parser_->keep_alive();
  state_ = parser_->is_done() ? State::done : State::body;
  expects_continue_ = state_ == State::body && version_ >= 11 && request_.headers.has("Expect");
  return std::nullopt;
}

std::size_t RequestReader::read_body(std::string_view bytes) {
  if (!parser_->at_chunk_line()) return parse_body(bytes);
  const auto before = parser_->before_chunk_line();
  const auto line = bytes.starts_with(before) ? bytes.substr(before.size()) : std::string_view();
  const auto next = after_zeros(line);
  const bool is_last = next && std::string_view("\r; \t").contains(*next);
  if (!is_last) {
    const bool is_size = !next || std::string_view("123456789abcdefABCDEF").contains(*next);
    const auto used = is_size ? parse_body(bytes) : 0;
    // Whole, and Beast wants more of it: a quote is open.
    const bool is_broken = !is_size || line.contains("\r\n") || bytes.size() > kMaxChunkLine;
    if (used == 0 && state_ == State::body && is_broken) refuse(kBadChunk);
    return used;
  }
  // Handed on when all of it is there (Beast 1.81 asserts that five bytes are), and its trailers are read as
  // strictly as the head.
  const bool complete = scanner_.scan(bytes);
  if (const auto& refusal = scanner_.refusal()) {
    refuse(*refusal);
    return 0;
  }
  if (!complete) return 0;
  const auto used = parse_body(bytes.substr(0, scanner_.size()));
  if (state_ == State::body) refuse(kBadChunk);
  return used;
}

std::size_t RequestReader::parse_body(std::string_view bytes) {
  error_code error;
  const auto used = parser_->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error && error != http::error::need_more) {
    refuse(refusal_for(error, kBadChunk.why));
    return 0;
  }
  if (parser_->is_done()) state_ = State::done;
  return used;
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
  parser_.reset();
  return std::exchange(request_, {});
}

}  // namespace net::wire
