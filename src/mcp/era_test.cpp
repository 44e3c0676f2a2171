#include "mcp/era.h"

#include <gtest/gtest.h>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::json;
using testing::Value;

std::vector<Codec> codecs() {
  static const ServerOptions options{.info = {.name = "n", .version = "1"}};
  std::vector<Codec> all;
  for (std::size_t i = 0; i < kRevisions; ++i) all.emplace_back(static_cast<Revision>(i), options);
  return all;
}

TEST(Era, BelongsToTheRequest) {
  struct Row {
    std::string_view method, params;
    bool modern;
  };
  for (const auto& row : {
           Row{"tools/list", "{}", false},
           Row{"tools/list", R"({"_meta":{}})", false},
           Row{"tools/list", R"({"_meta":{"progressToken":1}})", false},
           Row{"tools/list", R"({"_meta":"x"})", false},
           Row{"tools/list", R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}})", true},
           Row{"tools/list", R"({"_meta":{"io.modelcontextprotocol/protocolVersion":7}})", true},
           Row{"tools/list", R"({"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}})", true},
           Row{"initialize", R"({"protocolVersion":"2026-07-28"})", false},
           Row{"initialize", R"({"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}})", true},
           Row{"server/discover", "{}", true},
           Row{"subscriptions/listen", "{}", true},
       }) {
    Value params = json(row.params);
    EXPECT_EQ(is_modern_request(row.method, RequestMeta(params.get_object())), row.modern)
        << row.method << row.params;
  }
}

TEST(Era, EnvelopeLadder) {
  struct Row {
    std::string_view params;
    int code;  // 0: fine
  };
  const std::string version = R"("io.modelcontextprotocol/protocolVersion":)";
  const std::string capabilities = R"(,"io.modelcontextprotocol/clientCapabilities":{})";
  auto all = codecs();
  const std::string good = version + "\"2026-07-28\"" + capabilities;
  const std::string rows[] = {
      "{}",
      R"({"_meta":7})",
      R"({"_meta":{}})",
      "{\"_meta\":{" + version + "\"2026-07-28\"}}",
      R"({"_meta":{"io.modelcontextprotocol/clientCapabilities":{}}})",
      "{\"_meta\":{" + version + "5" + capabilities + "}}",
      "{\"_meta\":{" + version + "\"2026-07-28\",\"io.modelcontextprotocol/clientCapabilities\":[]}}",
      "{\"_meta\":{" + good + R"(,"io.modelcontextprotocol/logLevel":"loud"}})"};
  for (const auto& row : rows) {
    Value params = json(row);
    auto envelope = read_envelope(RequestMeta(params.get_object()), all);
    ASSERT_FALSE(envelope.has_value()) << row;
    EXPECT_EQ(envelope.error().code, code::kInvalidParams) << row;
  }
  for (std::string_view unknown : {"2099-01-01", "2025-11-25", ""}) {
    Value params = json("{\"_meta\":{" + version + "\"" + std::string(unknown) + "\"" + capabilities + "}}");
    auto envelope = read_envelope(RequestMeta(params.get_object()), all);
    ASSERT_FALSE(envelope.has_value()) << unknown;
    EXPECT_EQ(envelope.error().code, code::kUnsupportedProtocolVersion);
    EXPECT_EQ(json(envelope.error().data).at("requested"), Value(unknown));
  }
  Value params = json("{\"_meta\":{" + good + R"(,"io.modelcontextprotocol/logLevel":"notice","traceparent":
      "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}})");
  auto envelope = read_envelope(RequestMeta(params.get_object()), all);
  ASSERT_TRUE(envelope.has_value());
  EXPECT_TRUE(envelope->modern());
  EXPECT_EQ(envelope->log_level, core::LogLevel::notice);
  EXPECT_EQ(envelope->trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_FALSE(envelope->abilities.form);
}

TEST(Era, TraceParents) {
  for (std::string_view bad : {"", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
                               "00-00000000000000000000000000000000-b7ad6b7169203331-01",
                               "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                               "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                               "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}) {
    testing::Object params{{"_meta", {{"traceparent", bad}}}};
    EXPECT_EQ(trace_id_of(RequestMeta(params)), "") << bad;
  }
}

TEST(Era, ProgressTokens) {
  struct Row {
    std::string_view params, token;
    bool fine;
  };
  for (const auto& row : {Row{"{}", "", true}, Row{R"({"_meta":{}})", "", true},
                          Row{R"({"_meta":{"progressToken":"a"}})", "\"a\"", true},
                          Row{R"({"_meta":{"progressToken":5}})", "5", true},
                          Row{R"({"_meta":{"progressToken":1.5}})", "", false},
                          Row{R"({"_meta":{"progressToken":null}})", "", false},
                          Row{R"({"_meta":{"progressToken":{}}})", "", false}}) {
    Value params = json(row.params);
    auto token = read_progress_token(RequestMeta(params.get_object()));
    ASSERT_EQ(token.has_value(), row.fine) << row.params;
    if (token) {
      EXPECT_EQ(*token, row.token);
    }
  }
}

}  // namespace
}  // namespace mcp
