#include "net/sse_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <vector>

namespace net {
namespace {

using std::chrono::milliseconds;

struct Read {
  std::vector<std::string> events;  // "type|id|data"
  std::string last_id;
  std::optional<milliseconds> retry;
  std::string error;
  bool operator==(const Read&) const = default;
};

Read read(std::string_view text, std::size_t piece, SseLimits limits = {}) {
  SseReader reader(limits);
  Read got;
  for (std::size_t at = 0; at < text.size() && got.error.empty(); at += piece) {
    auto status = reader.feed(text.substr(at, piece), [&](const SseEvent& event) {
      got.events.push_back(event.type + "|" + event.id + "|" + event.data);
      return core::Status();
    });
    if (!status) got.error = status.error().code;
  }
  got.last_id = reader.last_id();
  got.retry = reader.retry();
  return got;
}

using namespace std::string_view_literals;

struct Row {
  const char* name;
  std::string_view text;
  Read expected;
};

const std::vector<Row>& rows() {
  static const std::vector<Row> table = {
      {"plain", "event: message\ndata: {\"a\":1}\n\n", {{"message||{\"a\":1}"}, "", {}, ""}},
      {"no type is message", "data: x\n\n", {{"message||x"}, "", {}, ""}},
      {"another type", "event: ping\ndata: x\n\ndata: y\n\n", {{"ping||x", "message||y"}, "", {}, ""}},
      {"lines are joined", "data: a\ndata: b\ndata\ndata:\n\n", {{"message||a\nb\n\n"}, "", {}, ""}},
      {"one blank is taken off", "data:  x\n\ndata:y\n\n", {{"message|| x", "message||y"}, "", {}, ""}},
      {"CRLF", "data: a\r\ndata: b\r\n\r\n", {{"message||a\nb"}, "", {}, ""}},
      {"CR", "data: a\rdata: b\r\r", {{"message||a\nb"}, "", {}, ""}},
      {"mixed line ends", "data: a\r\n\rdata: b\n\r\n", {{"message||a", "message||b"}, "", {}, ""}},
      {"byte order mark",
       "\xef\xbb\xbf"
       "data: x\n\n",
       {{"message||x"}, "", {}, ""}},
      {"a mark elsewhere is text", "data: \xef\xbb\xbfx\n\n", {{"message||\xef\xbb\xbfx"}, "", {}, ""}},
      {"half a mark is a field of its own",
       "\xef\xbb"
       "data: x\ndata: y\n\n",
       {{"message||y"}, "", {}, ""}},
      {"comments", ": hi\n:\ndata: x\n: there\ndata: y\n\n:\n\n", {{"message||x\ny"}, "", {}, ""}},
      {"unknown fields", "foo: 1\ndata: x\nDATA: y\n data: z\n\n", {{"message||x"}, "", {}, ""}},
      {"ids stay", "id: 7\ndata: x\n\ndata: y\n\n", {{"message|7|x", "message|7|y"}, "7", {}, ""}},
      {"an empty id clears",
       "id: 7\ndata: x\n\nid\ndata: y\n\n",
       {{"message|7|x", "message||y"}, "", {}, ""}},
      {"a NUL in an id", "id: a\0b\ndata: x\n\n"sv, {{"message||x"}, "", {}, ""}},
      {"priming event", "id: e1\nretry: 500\ndata: \n\n", {{}, "e1", milliseconds{500}, ""}},
      {"retry is digits", "retry: 1s\nretry: -1\nretry:\n\n", {{}, "", {}, ""}},
      {"retry beyond reason", "retry: 99999999999999999999999\n\n", {{}, "", milliseconds{86'400'000}, ""}},
      {"unfinished at the end", "data: x\n\ndata: y\n", {{"message||x"}, "", {}, ""}},
      {"an event of no data is none", "event: x\n\ndata: y\n\n", {{"message||y"}, "", {}, ""}},
  };
  return table;
}

TEST(SseReader, ReadsWhatTheStandardSaysHoweverItIsCut) {
  for (const Row& row : rows()) {
    for (std::size_t piece : {1u, 2u, 3u, 1000u}) {
      const Read got = read(row.text, piece);
      EXPECT_EQ(got, row.expected) << row.name << " in pieces of " << piece << ": "
                                   << testing::PrintToString(got.events) << " id " << got.last_id << " "
                                   << got.error;
    }
  }
}

TEST(SseReader, CapsAnEventAndNotTheStream) {
  const SseLimits limits{.max_event_bytes = 20};
  std::string many;
  for (int i = 0; i < 50; ++i) many += "data: 0123456789\n\n";
  EXPECT_EQ(read(many, 7, limits).events.size(), 50u);
  EXPECT_EQ(read("data: 0123456789012345", 1, limits).error, "net.sse.too_large") << "a line without an end";
  EXPECT_EQ(read("data: 0123\ndata: 0123\n", 5, limits).error, "net.sse.too_large") << "many lines";
  EXPECT_EQ(read("event: a\nid: b\nfoo: cccccccc", 1000, limits).error, "net.sse.too_large");
  EXPECT_EQ(read(": " + std::string(1000, 'x') + "\ndata: y\n\n", 9, limits).events.size(), 1u)
      << "comments cost nothing";
  EXPECT_EQ(read("id: " + std::string(12, 'x') + "\n\n", 1000, {.max_id_bytes = 11}).last_id, "");
}

TEST(SseReader, StopsWhereTheSinkSaysSo) {
  SseReader reader;
  int calls = 0;
  auto status = reader.feed("data: a\n\ndata: b\n\n", [&](const SseEvent&) -> core::Status {
    ++calls;
    return core::fail(core::ErrorKind::protocol, "x.mine", "No.");
  });
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, "x.mine");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace net
