#include "mcp/codec.h"

#include <gtest/gtest.h>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::json;
using testing::Object;
using testing::Value;

const ServerOptions kOptions = {.info = {.name = "n",
                                         .title = "T",
                                         .version = "1",
                                         .description = "D",
                                         .website_url = "https://example.com"},
                                .instructions = "Read this.",
                                .list_ttl = std::chrono::seconds{5}};

Tool sample_tool() {
  return {.name = "t",
          .title = "A title",
          .description = "d",
          .input_schema = json(R"({"type":"object"})").get_object(),
          .output_schema = json(R"({"type":"object"})").get_object(),
          .annotations = {.read_only = true, .destructive = false, .idempotent = true, .open_world = false},
          .handler = testing::says("x")};
}

std::string list_of(Revision revision) {
  Tool tool = sample_tool();
  const Tool* tools[] = {&tool};
  return Codec(revision, kOptions).list_result(tools, {});
}

constexpr std::string_view kAllHints =
    R"({"readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false})";

TEST(Codec, ToolsPerRevision) {
  struct Row {
    Revision revision;
    std::string expected;
  };
  const std::string plain = R"("description":"d","inputSchema":{"type":"object"})";
  const std::string full = R"({"tools":[{"name":"t","title":"A title",)" + plain +
                           R"(,"outputSchema":{"type":"object"},"annotations":)" + std::string(kAllHints) +
                           "}]";
  for (const auto& [revision, expected] : {
           Row{Revision::v2024_11_05, R"({"tools":[{"name":"t",)" + plain + "}]}"},
           Row{Revision::v2025_03_26,
               R"({"tools":[{"name":"t",)" + plain +
                   R"(,"annotations":{"title":"A title","readOnlyHint":true,"destructiveHint":false,)"
                   R"("idempotentHint":true,"openWorldHint":false}}]})"},
           Row{Revision::v2025_06_18, full + "}"},
           Row{Revision::v2025_11_25, full + "}"},
           Row{Revision::v2026_07_28,
               full + R"(,"resultType":"complete","ttlMs":5000,"cacheScope":"private","_meta":)"
                      R"({"io.modelcontextprotocol/serverInfo":{"name":"n","title":"T","version":"1",)"
                      R"("description":"D","websiteUrl":"https://example.com"}}})"},
       }) {
    EXPECT_EQ(list_of(revision), expected) << to_string(revision);
  }
}

TEST(Codec, InitializePerRevision) {
  struct Row {
    Revision revision;
    std::string server_info;
  };
  for (
      const auto& [revision, server_info] : {
          Row{Revision::v2024_11_05, R"({"name":"n","version":"1"})"},
          Row{Revision::v2025_03_26, R"({"name":"n","version":"1"})"},
          Row{Revision::v2025_06_18, R"({"name":"n","title":"T","version":"1"})"},
          Row{Revision::v2025_11_25,
              R"({"name":"n","title":"T","version":"1","description":"D","websiteUrl":"https://example.com"})"},
      }) {
    EXPECT_EQ(Codec(revision, kOptions).initialize_result({.tools = true}),
              R"({"protocolVersion":")" + std::string(to_string(revision)) +
                  R"(","capabilities":{"logging":{},"tools":{"listChanged":true}},"serverInfo":)" +
                  server_info + R"(,"instructions":"Read this."})");
  }
}

TEST(Codec, Discover) {
  Value result = json(Codec(Revision::v2026_07_28, kOptions).discover_result({.tools = true}));
  EXPECT_EQ(result.at("supportedVersions"), json(R"(["2026-07-28"])"));
  EXPECT_EQ(result.at("capabilities"), json(R"({"logging":{},"tools":{"listChanged":true}})"));
  EXPECT_EQ(result.at("resultType"), "complete");
  EXPECT_EQ(result.at("ttlMs"), 5000);
  EXPECT_EQ(result.at("cacheScope"), "private");
  EXPECT_EQ(result.at("instructions"), "Read this.");
  EXPECT_EQ(result.at("_meta").at("io.modelcontextprotocol/serverInfo").at("name"), "n");
}

TEST(Codec, EmptyResults) {
  EXPECT_EQ(Codec(Revision::v2025_11_25, kOptions).empty_result(), "{}");
  EXPECT_EQ(json(Codec(Revision::v2026_07_28, kOptions).empty_result()).at("resultType"), "complete");
}

struct ContentRow {
  Revision revision;
  std::string_view content;     // of the tool
  std::string_view structured;  // of the tool, or empty
  std::string_view expected_content;
  std::string_view expected_structured;  // or empty
};

TEST(Codec, CallResultsPerRevision) {
  constexpr std::string_view kAudio = R"({"type":"audio","data":"","mimeType":"audio/wav"})";
  constexpr std::string_view kLink = R"({"type":"resource_link","uri":"u:1","name":"n"})";
  for (
      const auto& row : {
          ContentRow{
              Revision::v2024_11_05, kAudio, "",
              R"([{"type":"text","text":"[audio, audio/wav: protocol revision 2024-11-05 cannot carry it]"}])",
              ""},
          ContentRow{Revision::v2025_03_26, kAudio, "",
                     R"([{"type":"audio","data":"","mimeType":"audio/wav"}])", ""},
          ContentRow{Revision::v2025_03_26, kLink, "", R"([{"type":"text","text":"n: u:1"}])", ""},
          ContentRow{Revision::v2025_06_18, kLink, "", R"([{"type":"resource_link","uri":"u:1","name":"n"}])",
                     ""},
          ContentRow{Revision::v2025_03_26, "", R"({"a":1})", R"([{"type":"text","text":"{\"a\":1}"}])", ""},
          ContentRow{Revision::v2025_06_18, "", R"({"a":1})", R"([{"type":"text","text":"{\"a\":1}"}])",
                     R"({"a":1})"},
          ContentRow{Revision::v2025_11_25, "", "[1]", R"([{"type":"text","text":"[1]"}])", ""},
          ContentRow{Revision::v2026_07_28, "", "[1]", R"([{"type":"text","text":"[1]"}])", "[1]"},
      }) {
    ToolResult result;
    if (!row.content.empty()) result.content.push_back(json(row.content).get_object());
    if (!row.structured.empty()) result.structured = json(row.structured);
    Value written = json(Codec(row.revision, kOptions).call_result(result));
    EXPECT_EQ(written.at("content"), json(row.expected_content)) << to_string(row.revision);
    const Value* structured = core::json::find(written, "structuredContent");
    EXPECT_EQ(structured ? core::json::write(*structured) : "", row.expected_structured)
        << to_string(row.revision);
    bool modern = row.revision == Revision::v2026_07_28;
    EXPECT_EQ(written.get_object().contains("resultType"), modern);
    EXPECT_EQ(written.get_object().contains("_meta"), modern);
    EXPECT_FALSE(written.get_object().contains("isError"));
    EXPECT_FALSE(written.get_object().contains("ttlMs"));
  }
}

TEST(Codec, ErrorsOfTools) {
  EXPECT_EQ(Codec(Revision::v2025_11_25, kOptions).call_result(error_result("e")),
            R"({"content":[{"type":"text","text":"e"}],"isError":true})");
  EXPECT_EQ(json(Codec(Revision::v2026_07_28, kOptions).call_result(error_result("e"))).at("resultType"),
            "complete");
}

TEST(Codec, WhatClientsCanShow) {
  struct Row {
    Revision revision;
    std::string_view capabilities;
    bool form, url;
  };
  for (const auto& row : {
           Row{Revision::v2024_11_05, R"({"elicitation":{}})", false, false},
           Row{Revision::v2025_03_26, R"({"elicitation":{}})", false, false},
           Row{Revision::v2025_06_18, R"({"elicitation":{}})", true, false},
           Row{Revision::v2025_06_18, R"({"elicitation":{"url":{}}})", true, false},
           Row{Revision::v2025_06_18, R"({})", false, false},
           Row{Revision::v2025_11_25, R"({"elicitation":{}})", true, false},
           Row{Revision::v2025_11_25, R"({"elicitation":{"form":{}}})", true, false},
           Row{Revision::v2025_11_25, R"({"elicitation":{"url":{}}})", false, true},
           Row{Revision::v2025_11_25, R"({"elicitation":{"form":{},"url":{}}})", true, true},
           Row{Revision::v2025_11_25, R"({"elicitation":true})", false, false},
           Row{Revision::v2026_07_28, R"({"elicitation":{}})", true, false},
           Row{Revision::v2026_07_28, R"({"elicitation":{"url":{}}})", false, true},
       }) {
    Value capabilities = json(row.capabilities);
    auto abilities = Codec(row.revision, kOptions).abilities(&capabilities.get_object());
    EXPECT_EQ(abilities.form, row.form) << to_string(row.revision) << row.capabilities;
    EXPECT_EQ(abilities.url, row.url) << to_string(row.revision) << row.capabilities;
  }
  EXPECT_FALSE(Codec(Revision::v2025_11_25, kOptions).abilities(nullptr).form);
}

TEST(Codec, QuestionsNameTheirModeSince2025_11) {
  FormQuestion question{"m?", json(R"({"type":"object"})").get_object()};
  EXPECT_EQ(Codec(Revision::v2025_06_18, kOptions).question_params(question),
            R"({"message":"m?","requestedSchema":{"type":"object"}})");
  EXPECT_EQ(Codec(Revision::v2025_11_25, kOptions).question_params(question),
            R"({"mode":"form","message":"m?","requestedSchema":{"type":"object"}})");
  EXPECT_EQ(Codec(Revision::v2025_11_25, kOptions).question_params(UrlQuestion{"m", "https://x", "e1"}),
            R"({"mode":"url","message":"m","url":"https://x","elicitationId":"e1"})");
  EXPECT_EQ(
      Codec(Revision::v2026_07_28, kOptions).input_required_result({{"k", question}}, "st"),
      R"({"resultType":"input_required","inputRequests":{"k":{"method":"elicitation/create","params":)"
      R"({"mode":"form","message":"m?","requestedSchema":{"type":"object"}}}},"requestState":"st","_meta":)"
      R"({"io.modelcontextprotocol/serverInfo":{"name":"n","title":"T","version":"1","description":"D",)"
      R"("websiteUrl":"https://example.com"}}})");
}

TEST(Codec, Notifications) {
  Codec oldest(Revision::v2024_11_05, kOptions), newer(Revision::v2025_06_18, kOptions);
  EXPECT_EQ(oldest.progress_params("\"p\"", 0.5, 2, "half"),
            R"({"progressToken":"p","progress":0.5,"total":2})");
  EXPECT_EQ(newer.progress_params("7", 1, std::nullopt, "one"),
            R"({"progressToken":7,"progress":1,"message":"one"})");
  EXPECT_EQ(newer.message_params(core::LogLevel::warning, "l", Object{{"a", 1}}),
            R"({"level":"warning","logger":"l","data":{"a":1}})");
  Codec modern(Revision::v2026_07_28, kOptions);
  EXPECT_EQ(
      modern.acknowledged_params({"\"s\""}, {.tools = true}),
      R"({"notifications":{"toolsListChanged":true},"_meta":{"io.modelcontextprotocol/subscriptionId":"s"}})");
  EXPECT_EQ(modern.acknowledged_params({"9"}, {}),
            R"({"notifications":{},"_meta":{"io.modelcontextprotocol/subscriptionId":9}})");
}

TEST(Codec, ErrorData) {
  EXPECT_EQ(unsupported_version_data("2099-01-01"),
            R"({"supported":["2026-07-28"],"requested":"2099-01-01"})");
  const Question form = FormQuestion{}, url = UrlQuestion{}, sampling = SamplingQuestion{},
                 roots = RootsQuestion{};
  EXPECT_EQ(missing_capability_data(std::array{&form}),
            R"({"requiredCapabilities":{"elicitation":{"form":{}}}})");
  EXPECT_EQ(missing_capability_data(std::array{&url, &form, &sampling, &roots}),
            R"({"requiredCapabilities":{"elicitation":{"url":{},"form":{}},"sampling":{},"roots":{}}})");
}

}  // namespace
}  // namespace mcp
