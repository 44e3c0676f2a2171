#include "net/http_reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

namespace net::wire {
namespace {

using State = RequestReader::State;

// Feeds `bytes` in pieces of `step`; every request that is done, as text, and what refused the rest.
std::vector<std::string> read_all(std::string_view bytes, std::size_t step, ReaderLimits limits = {}) {
  RequestReader reader(limits);
  std::vector<std::string> read;
  while (!bytes.empty() && reader.state() != State::refused) {
    const auto piece = bytes.substr(0, step);
    const auto used = reader.feed(piece);
    EXPECT_LE(used, piece.size());
    if (reader.state() == State::head || reader.state() == State::body) {
      EXPECT_EQ(used, piece.size());
    }
    bytes.remove_prefix(used);
    if (reader.state() != State::done) continue;
    const auto keep_alive = reader.keep_alive();
    const auto request = reader.take();
    std::string text = fmt::format("{} {} {}", to_string(request.method), request.target, keep_alive);
    for (const auto& [name, value] : request.headers) text += fmt::format(" {}={}", name, value);
    read.push_back(text + " |" + request.body);
  }
  if (reader.state() == State::refused) read.push_back(fmt::format("refused {}", reader.refusal().status));
  return read;
}

TEST(RequestReader, PiecesOfAnySizeGiveTheSameRequests) {
  const std::string bytes =
      "\r\nGET /a?b HTTP/1.1\r\nHost: h\r\nX-A: \t v w \t\r\nX-B:\r\n\r\n"
      "POST /c HTTP/1.1\r\nhost: h\r\nContent-Length: 5\r\nConnection: x, Close\r\n\r\nhello"
      "POST /d HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n"
      "PUT /e HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "3;ext=\"a b\"\r\nabc\r\n0a\r\n0123456789\r\n0\r\nTrailer: dropped\r\nX: y\r\n\r\n"
      "DELETE /f HTTP/1.0\r\n\r\n"
      "GET /g HTTP/1.1\r\n folded\r\n\r\n";
  const std::vector<std::string> expected{"GET /a?b true Host=h X-A=v w X-B= |",
                                          "POST /c false host=h Content-Length=5 Connection=x, Close |hello",
                                          "POST /d true Connection=keep-alive Content-Length=0 |",
                                          "PUT /e true Host=h Transfer-Encoding=chunked |abc0123456789",
                                          "DELETE /f false |",
                                          "refused 400"};
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    EXPECT_EQ(read_all(bytes, step), expected) << step;
  }
}

struct Row {
  const char* name;
  std::string body;  // of a chunked request
  const char* result;
};

TEST(RequestReader, ChunkedBodiesAreStrict) {
  const Row rows[] = {
      {"nothing", "0\r\n\r\n", "|"},
      {"many zeros", "000\r\n\r\n", "|"},
      {"upper case", "A\r\n0123456789\r\n0\r\n\r\n", "|0123456789"},
      {"white space before an extension", "1 ;a\r\nx\r\n0\r\n\r\n", "|x"},
      {"exact limit", "14\r\n01234567890123456789\r\n0\r\n\r\n", "|01234567890123456789"},
      {"limit in two chunks", "13\r\n0123456789012345678\r\n2\r\nab\r\n0\r\n\r\n", "refused 413"},
      {"beyond the limit", "15\r\n", "refused 413"},
      {"no size", "\r\n", "refused 400"},
      {"extension without size", ";a\r\n", "refused 400"},
      {"sign", "+1\r\nx\r\n", "refused 400"},
      {"0x", "0x1\r\nx\r\n", "refused 400"},
      {"overflow", "10000000000000001\r\nx\r\n", "refused 400"},
      {"bare LF after the size", "1\nx\r\n0\r\n\r\n", "refused 400"},
      {"CR without LF after the size", "1\rx\r\n0\r\n\r\n", "refused 400"},
      {"bare LF in an extension", "1;a\nx\r\n0\r\n\r\n", "refused 400"},
      {"no line end after the data", "1\r\nx0\r\n\r\n", "refused 400"},
      {"bare LF after the data", "1\r\nx\n0\r\n\r\n", "refused 400"},
      {"NUL in an extension", std::string("1;\0\r\n", 5), "refused 400"},
      {"open quote", "1;a=\"\r\nx\r\n0\r\n\r\n", "refused 400"},
      {"open quote in the last chunk", "0;a=\"\r\n\r\n", "refused 400"},
      {"line end before the first chunk", "\r\n0\r\n\r\n", "refused 400"},
      {"long extension", "1;" + std::string(300, 'a') + "\r\n", "refused 400"},
      {"bare LF after a trailer", "0\r\nA: b\n\r\n", "refused 400"},
      {"bare LF at the end", "0\r\n\n", "refused 400"},
      {"CR without LF at the end", "0\r\n\rx", "refused 400"},
      {"trailers too long", "0\r\nA: " + std::string(600, 'a'), "refused 431"},
  };
  for (const auto& row : rows) {
    const auto bytes = "PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n" + row.body;
    for (const std::size_t step : {std::size_t{1}, bytes.size()}) {
      const auto read = read_all(bytes, step, {.max_header_bytes = 500, .max_body_bytes = 20});
      ASSERT_EQ(read.size(), 1u) << row.name;
      EXPECT_THAT(read[0], testing::EndsWith(row.result)) << row.name;
    }
  }
}

TEST(RequestReader, LimitsAreExact) {
  const auto with_headers = [](int count) {
    std::string bytes = "GET / HTTP/1.1\r\nHost: h\r\n";
    for (int i = 1; i < count; ++i) bytes += fmt::format("X{}: y\r\n", i);
    return bytes + "\r\n";
  };
  EXPECT_THAT(read_all(with_headers(5), 1, {.max_headers = 5})[0], testing::StartsWith("GET / true"));
  EXPECT_EQ(read_all(with_headers(6), 1, {.max_headers = 5})[0], "refused 431");
  const std::string head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  for (const std::size_t step : {std::size_t{1}, head.size()}) {
    EXPECT_THAT(read_all(head, step, {.max_header_bytes = head.size()})[0],
                testing::StartsWith("GET / true"));
    EXPECT_EQ(read_all(head, step, {.max_header_bytes = head.size() - 1})[0], "refused 431");
  }
}

TEST(RequestReader, FieldsAreOfTheirCharacters) {
  for (int c = 0; c < 256; ++c) {
    const char byte = static_cast<char>(c);
    if (byte == '\r' || byte == '\n') continue;
    const std::string request = "GET / HTTP/1.1\r\nHost: h\r\n";
    const bool in_value = byte == '\t' || (c >= 0x20 && c != 0x7f);
    const bool in_name = c > 0x20 && c < 0x7f && !std::string_view("\"(),/;<=>?@[\\]{}").contains(byte);
    const auto value = read_all(request + "X: a" + byte + "b\r\n\r\n", 1000)[0];
    EXPECT_EQ(value.starts_with("GET"), in_value) << c;
    if (byte == ':') continue;  // ends the name
    const auto name = read_all(request + "X" + byte + "Y: a\r\n\r\n", 1000)[0];
    EXPECT_EQ(name.starts_with("GET"), in_name) << c;
  }
}

TEST(RequestReader, TheExpectationIsToldOnce) {
  RequestReader reader({});
  const std::string_view head =
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n";
  EXPECT_EQ(reader.feed(head), head.size());
  EXPECT_EQ(reader.state(), State::body);
  EXPECT_TRUE(reader.take_expectation());
  EXPECT_FALSE(reader.take_expectation());
}

}  // namespace
}  // namespace net::wire
