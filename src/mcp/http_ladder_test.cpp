#include "mcp/http_ladder.h"

#include <gtest/gtest.h>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using enum Era;
using enum Stage;

// The ladder as the specification has it, written down a second time.
struct Expected {
  std::string_view name;
  Stage stage;
  std::optional<Era> era;
  int status;
  int code;
};
constexpr Expected kExpected[] = {
    {"method", door, {}, 405, -32600},
    {"origin", door, {}, 403, -32600},
    {"host", door, {}, 403, -32600},
    {"no streams", body, {}, 405, -32600},
    {"content type", body, {}, 415, -32600},
    {"content coding", body, {}, 415, -32600},
    {"json", message, {}, 400, -32700},
    {"message", message, {}, 400, -32600},
    {"one request", message, modern, 400, -32600},
    {"accept", message, modern, 406, -32600},
    {"envelope", message, modern, 400, -32602},
    {"repeated header", message, modern, 400, -32020},
    {"version header", message, modern, 400, -32020},
    {"method header", message, modern, 400, -32020},
    {"name header", message, modern, 400, -32020},
    {"version", message, modern, 400, -32022},
    {"method known", message, modern, 404, -32601},
    {"header missing", message, modern, 400, -32020},
    {"parameter header", message, modern, 400, -32020},
    {"events accepted", message, modern, 406, -32600},
    {"accept", message, legacy, 406, -32600},
    {"repeated header", message, legacy, 400, -32600},
    {"version header", message, legacy, 400, -32600},
    {"session", message, legacy, 400, -32600},
    {"session known", message, legacy, 404, -32600},
    {"batch", message, legacy, 400, -32600},
};

TEST(HttpLadder, HasTheseRungsInThisOrder) {
  auto rungs = ladder();
  ASSERT_EQ(rungs.size(), std::size(kExpected));
  for (std::size_t i = 0; i < rungs.size(); ++i) {
    EXPECT_EQ(rungs[i].name, kExpected[i].name) << i;
    EXPECT_EQ(rungs[i].stage, kExpected[i].stage) << rungs[i].name;
    EXPECT_EQ(rungs[i].era, kExpected[i].era) << rungs[i].name;
    EXPECT_EQ(rungs[i].status, kExpected[i].status) << rungs[i].name;
    EXPECT_EQ(rungs[i].code, kExpected[i].code) << rungs[i].name;
  }
}

std::string call(std::string_view method, std::string_view params = "",
                 std::string_view version = "2026-07-28") {
  return std::string(R"({"jsonrpc":"2.0","id":1,"method":")") + std::string(method) + R"(","params":{)" +
         std::string(params) + (params.empty() ? "" : ",") +
         R"("_meta":{"io.modelcontextprotocol/protocolVersion":")" + std::string(version) +
         R"(","io.modelcontextprotocol/clientCapabilities":{}}}})";
}

net::Headers modern_headers(std::string method, std::optional<std::string> name = {}) {
  net::Headers headers{{"MCP-Protocol-Version", "2026-07-28"}, {"Mcp-Method", std::move(method)}};
  if (name) headers.add("Mcp-Name", *std::move(name));
  return headers;
}

// What becomes of a POST: "era status code", or "era fine".
std::string verdict(std::string_view text, const net::Headers& headers, bool method_known = true,
                    SessionState session = SessionState::known, Revision revision = Revision::v2025_11_25) {
  Incoming incoming = decode(text);
  HttpFacts facts{.headers = headers,
                  .message = MessageFacts(incoming),
                  .method_known = method_known,
                  .session = session,
                  .revision = revision};
  Era era = era_of(facts);
  auto refusal = climb(message, era, facts);
  std::string out = era == modern ? "modern " : "legacy ";
  if (!refusal) return out + "fine";
  EXPECT_FALSE(refusal->message.empty());
  return out + std::to_string(refusal->status) + " " + std::to_string(refusal->code);
}

TEST(HttpLadder, ModernRequests) {
  const std::string list = call("tools/list");
  const std::string named = call("tools/call", R"("name":"a tool")");
  auto with = [](net::Headers headers, std::string_view name, std::string value) {
    headers.set(name, std::move(value));
    return headers;
  };
  auto without = [](net::Headers headers, std::string_view name) {
    headers.remove(name);
    return headers;
  };
  auto twice = [](net::Headers headers, std::string name, std::string value) {
    headers.add(std::move(name), std::move(value));
    return headers;
  };
  const net::Headers listing = modern_headers("tools/list");
  const net::Headers naming = modern_headers("tools/call", "a tool");
  struct Row {
    std::string_view what;
    std::string body;
    net::Headers headers;
    std::string_view verdict;
  };
  const Row rows[] = {
      {"as it should be", list, listing, "modern fine"},
      {"with a name", named, naming, "modern fine"},
      {"blanks around values", named, with(naming, "Mcp-Name", " \ta tool "), "modern fine"},
      {"an encoded name", named, with(naming, "Mcp-Name", "=?base64?YSB0b29s?="), "modern fine"},
      {"header names in lower case",
       list,
       {{"mcp-protocol-version", "2026-07-28"}, {"mcp-method", "tools/list"}},
       "modern fine"},
      {"a stray name", list, with(listing, "Mcp-Name", "x"), "modern fine"},
      {"JSON alone accepted", list, with(listing, "Accept", "application/json"), "modern fine"},
      {"a stray session", list, with(listing, "Mcp-Session-Id", "x"), "modern fine"},

      {"no JSON", "{", listing, "modern 400 -32700"},
      {"no UTF-8", "{\"a\":\"\xff\"}", listing, "modern 400 -32700"},
      {"no JSON and no header", "{", {}, "legacy 400 -32700"},
      {"no message", "{}", listing, "modern 400 -32600"},
      {"a batch", "[" + list + "]", listing, "modern 400 -32600"},
      {"a response", R"({"jsonrpc":"2.0","id":1,"result":{}})", listing, "modern 400 -32600"},
      {"a broken notification", R"({"jsonrpc":"2.0","method":"x","params":[]})", listing,
       "modern 400 -32600"},
      {"nothing acceptable", list, with(listing, "Accept", "text/html"), "modern 406 -32600"},
      {"events refused where there is nothing else", call("subscriptions/listen", R"("notifications":{})"),
       with(modern_headers("subscriptions/listen"), "Accept", "application/json"), "modern 406 -32600"},

      {"no _meta", R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})", listing, "modern 400 -32602"},
      {"no _meta in discover",
       R"({"jsonrpc":"2.0","id":1,"method":"server/discover"})",
       {},
       "modern 400 -32602"},
      {"no version",
       R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}}})",
       listing, "modern 400 -32602"},
      {"no capabilities",
       R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})",
       listing, "modern 400 -32602"},
      {"the envelope comes before the headers",
       R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}})",
       {},
       "modern 400 -32602"},

      {"no version header", list, without(listing, "MCP-Protocol-Version"), "modern 400 -32020"},
      {"an older version header", list, with(listing, "MCP-Protocol-Version", "2025-11-25"),
       "modern 400 -32020"},
      {"the version header twice", list, twice(listing, "MCP-Protocol-Version", "2026-07-28"),
       "modern 400 -32020"},
      {"another method", list, with(listing, "Mcp-Method", "tools/call"), "modern 400 -32020"},
      {"the method in other case", list, with(listing, "Mcp-Method", "Tools/List"), "modern 400 -32020"},
      {"the method twice", list, twice(listing, "Mcp-Method", "tools/list"), "modern 400 -32020"},
      {"no method", list, without(listing, "Mcp-Method"), "modern 400 -32020"},
      {"another name", named, with(naming, "Mcp-Name", "other"), "modern 400 -32020"},
      {"the name in other case", named, with(naming, "Mcp-Name", "A tool"), "modern 400 -32020"},
      {"a broken name", named, with(naming, "Mcp-Name", "=?base64?YSB0b29s=?="), "modern 400 -32020"},
      {"a name in raw UTF-8", call("tools/call", R"("name":"ü")"), with(naming, "Mcp-Name", "ü"),
       "modern 400 -32020"},
      {"no name", named, without(naming, "Mcp-Name"), "modern 400 -32020"},
      {"a name only in the header", call("tools/call"), naming, "modern 400 -32020"},
      {"no URI", call("resources/read", R"("uri":"a:b")"), modern_headers("resources/read"),
       "modern 400 -32020"},
      {"no task", call("tasks/get", R"("taskId":"t")"), modern_headers("tasks/get"), "modern 400 -32020"},
      {"no name anywhere is told by the method", call("tools/call"), modern_headers("tools/call"),
       "modern fine"},

      {"a version to come", call("tools/list", "", "2099-01-01"),
       with(listing, "MCP-Protocol-Version", "2099-01-01"), "modern 400 -32022"},
      {"an older version in _meta", call("tools/list", "", "2025-11-25"),
       with(listing, "MCP-Protocol-Version", "2025-11-25"), "modern 400 -32022"},
      {"the header comes before the version", call("tools/list", "", "2099-01-01"), listing,
       "modern 400 -32020"},

      {"a notification",
       R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":1}})",
       {{"MCP-Protocol-Version", "2026-07-28"}},
       "modern fine"},
      {"a notification whose method differs", R"({"jsonrpc":"2.0","method":"notifications/cancelled"})",
       listing, "modern 400 -32020"},
  };
  for (const Row& row : rows) EXPECT_EQ(verdict(row.body, row.headers), row.verdict) << row.what;

  // Sent as modern, methods of other revisions are unknown, also without the headers that come later.
  for (const char* method : {"initialize", "ping", "logging/setLevel", "resources/subscribe", "no/such"}) {
    EXPECT_EQ(verdict(call(method), modern_headers(method), false), "modern 404 -32601") << method;
    EXPECT_EQ(verdict(call(method), {{"MCP-Protocol-Version", "2026-07-28"}}, false), "modern 404 -32601")
        << method;
  }
}

TEST(HttpLadder, LegacyRequests) {
  const std::string ping = R"({"jsonrpc":"2.0","id":1,"method":"ping"})";
  const std::string initialize = R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{}})";
  const std::string response = R"({"jsonrpc":"2.0","id":1,"result":{}})";
  using enum SessionState;
  using enum Revision;
  struct Row {
    std::string_view what;
    std::string body;
    net::Headers headers;
    SessionState session;
    std::string_view verdict;
    Revision revision = v2025_11_25;
  };
  const Row rows[] = {
      {"as it should be", ping, {{"MCP-Protocol-Version", "2025-11-25"}}, known, "legacy fine"},
      {"no version header", ping, {}, known, "legacy fine"},
      {"a response", response, {}, known, "legacy fine"},
      {"initialize", initialize, {}, none, "legacy fine"},
      {"initialize with a modern header",
       initialize,
       {{"MCP-Protocol-Version", "2026-07-28"}},
       none,
       "legacy fine"},
      {"initialize with an odd header", initialize, {{"MCP-Protocol-Version", "1"}}, none, "legacy fine"},
      {"both types, as lists go",
       ping,
       {{"Accept", "text/*;q=0.5 , APPLICATION/JSON"}},
       known,
       "legacy fine"},
      {"both types in two fields",
       ping,
       {{"Accept", "text/event-stream"}, {"Accept", "application/json"}},
       known,
       "legacy fine"},
      {"anything", ping, {{"Accept", "*/*"}}, known, "legacy fine"},
      {"a batch where there are some", "[" + ping + "]", {}, known, "legacy fine", v2025_03_26},

      {"no JSON", "nonsense", {}, known, "legacy 400 -32700"},
      {"no message", "[]", {}, known, "legacy 400 -32600"},
      {"a broken response",
       R"({"jsonrpc":"2.0","id":1,"result":{},"error":{}})",
       {},
       known,
       "legacy 400 -32600"},
      {"no events", ping, {{"Accept", "application/json"}}, known, "legacy 406 -32600"},
      {"no JSON accepted", ping, {{"Accept", "text/event-stream"}}, known, "legacy 406 -32600"},
      {"JSON refused", ping, {{"Accept", "*/*, application/json;q=0"}}, known, "legacy 406 -32600"},
      {"an unknown version", ping, {{"MCP-Protocol-Version", "2024-10-07"}}, known, "legacy 400 -32600"},
      {"an empty version", ping, {{"MCP-Protocol-Version", ""}}, known, "legacy 400 -32600"},
      {"the session twice",
       ping,
       {{"Mcp-Session-Id", "a"}, {"Mcp-Session-Id", "a"}},
       known,
       "legacy 400 -32600"},
      {"no session", ping, {}, none, "legacy 400 -32600"},
      {"a notification without a session",
       R"({"jsonrpc":"2.0","method":"notifications/initialized"})",
       {},
       none,
       "legacy 400 -32600"},
      {"an unknown session", ping, {}, unknown, "legacy 404 -32600"},
      {"initialize for an unknown session", initialize, {}, unknown, "legacy 404 -32600"},
      {"a batch where there are none", "[" + ping + "]", {}, known, "legacy 400 -32600", v2025_06_18},
      {"a batch without a session", "[" + initialize + "]", {}, none, "legacy 400 -32600"},
  };
  for (const Row& row : rows) {
    EXPECT_EQ(verdict(row.body, row.headers, true, row.session, row.revision), row.verdict) << row.what;
  }
}

TEST(HttpLadder, TheDoorAndTheBody) {
  struct Row {
    std::string_view what;
    Stage stage;
    net::Method method;
    OriginVerdict origin;
    net::Headers headers;
    int status;  // 0: nothing is refused
  };
  using enum net::Method;
  const Row rows[] = {
      {"POST", door, post, OriginVerdict::fine, {}, 0},
      {"GET", door, get, OriginVerdict::fine, {}, 0},
      {"DELETE", door, delete_, OriginVerdict::fine, {}, 0},
      {"HEAD", door, head, OriginVerdict::fine, {}, 405},
      {"PUT", door, put, OriginVerdict::fine, {}, 405},
      {"PATCH", door, patch, OriginVerdict::fine, {}, 405},
      {"OPTIONS", door, options, OriginVerdict::fine, {}, 405},
      {"the method comes first", door, put, OriginVerdict::foreign_origin, {}, 405},
      {"a foreign origin", door, post, OriginVerdict::foreign_origin, {}, 403},
      {"a foreign host", door, get, OriginVerdict::foreign_host, {}, 403},

      {"JSON", body, post, OriginVerdict::fine, {{"Content-Type", "Application/JSON; charset=utf-8"}}, 0},
      {"no type", body, post, OriginVerdict::fine, {}, 415},
      {"text", body, post, OriginVerdict::fine, {{"Content-Type", "text/plain"}}, 415},
      {"nearly JSON", body, post, OriginVerdict::fine, {{"Content-Type", "application/json-patch"}}, 415},
      {"two types",
       body,
       post,
       OriginVerdict::fine,
       {{"Content-Type", "application/json"}, {"Content-Type", "application/json"}},
       415},
      {"compressed",
       body,
       post,
       OriginVerdict::fine,
       {{"Content-Type", "application/json"}, {"Content-Encoding", "gzip"}},
       415},
      {"not compressed",
       body,
       post,
       OriginVerdict::fine,
       {{"Content-Type", "application/json"}, {"Content-Encoding", "identity"}},
       0},
      {"GET has no body", body, get, OriginVerdict::fine, {}, 0},
      {"no streams in the modern revision",
       body,
       get,
       OriginVerdict::fine,
       {{"MCP-Protocol-Version", "2026-07-28"}},
       405},
      {"no sessions either",
       body,
       delete_,
       OriginVerdict::fine,
       {{"MCP-Protocol-Version", "2026-07-28"}},
       405},
  };
  for (const Row& row : rows) {
    auto refusal =
        climb(row.stage, legacy, {.method = row.method, .headers = row.headers, .origin = row.origin});
    EXPECT_EQ(refusal ? refusal->status : 0, row.status) << row.what;
  }
}

TEST(HttpLadder, StreamsAreAskedForWithEvents) {
  struct Row {
    net::Method method;
    std::string_view accept;
    int status;
  };
  const Row rows[] = {{net::Method::get, "text/event-stream", 0},
                      {net::Method::get, "*/*", 0},
                      {net::Method::get, "application/json", 406},
                      {net::Method::get, "text/event-stream;q=0.0", 406},
                      {net::Method::delete_, "application/json", 0}};
  for (const Row& row : rows) {
    net::Headers headers{{"Accept", std::string(row.accept)}};
    auto refusal =
        climb(message, legacy, {.method = row.method, .headers = headers, .session = SessionState::known});
    EXPECT_EQ(refusal ? refusal->status : 0, row.status) << row.accept;
  }
}

TEST(HttpLadder, UnsupportedVersionsAreNamed) {
  Incoming incoming = decode(call("tools/list", "", "2099-01-01"));
  net::Headers headers{{"MCP-Protocol-Version", "2099-01-01"}};
  auto refusal = climb(message, modern, {.headers = headers, .message = MessageFacts(incoming)});
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->data, R"({"supported":["2026-07-28"],"requested":"2099-01-01"})");
}

TEST(HttpLadder, AnswersCarryAStatusInTheModernEra) {
  struct Row {
    int code, modern_status;
  };
  const Row rows[] = {{0, 200},      {-32602, 200}, {-32603, 200}, {-32601, 404}, {-32600, 400},
                      {-32700, 400}, {-32020, 400}, {-32021, 400}, {-32022, 400}, {1234, 200}};
  for (const Row& row : rows) {
    EXPECT_EQ(answer_status(modern, row.code), row.modern_status) << row.code;
    EXPECT_EQ(answer_status(legacy, row.code), 200) << row.code;
  }
}

TEST(HttpLadder, EventsArePreferredWhenListedFirst) {
  struct Row {
    std::string_view accept;
    bool events;
  };
  const Row rows[] = {{"application/json, text/event-stream", false},
                      {"text/event-stream, application/json", true},
                      {"text/event-stream", true},
                      {"application/json", false},
                      {"*/*", false},
                      {"text/*, application/json", false}};
  for (const Row& row : rows) {
    EXPECT_EQ(prefers_events({{"Accept", std::string(row.accept)}}), row.events) << row.accept;
  }
  EXPECT_FALSE(prefers_events({}));
}

}  // namespace
}  // namespace mcp
