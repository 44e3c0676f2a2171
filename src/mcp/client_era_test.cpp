// Which era a server over HTTP turns out to belong to.
#include <gmock/gmock.h>

#include "mcp/test_http_server.h"

namespace mcp {
namespace {

using core::json::Object;
using net::HttpResponse;
using testing::json_answer;
using testing::reply;
using testing::ScriptedServer;

// ---- Which era

struct EraRow {
  const char* name;
  int status;
  const char* body;      // behind the id; empty: an HTML page
  const char* expected;  // revision, or error code
};

class EraOverHttp : public ::testing::TestWithParam<EraRow> {};

TEST_P(EraOverHttp, IsFoundByTheTable) {
  const EraRow& row = GetParam();
  ScriptedServer server(Revision::v2026_07_28);
  server.on("server/discover", [&](const auto&, const Object& message) {
    if (!*row.body) {
      return HttpResponse{
          .status = row.status, .headers = {{"Content-Type", "text/html"}}, .body = "<p>no</p>"};
    }
    return json_answer(reply(message, row.body), row.status);
  });
  server.on("initialize", [](const auto&, const Object& message) {
    return json_answer(reply(message, R"("result":{"protocolVersion":"2025-06-18","capabilities":{}})"));
  });
  auto client = server.connect();
  const std::string got = client ? std::string(to_string((*client)->revision())) : client.error().code;
  EXPECT_EQ(got, row.expected) << (client ? "" : core::describe(client.error()));
}

constexpr EraRow kEraRows[] = {
    {"Modern", 200, R"("result":{"supportedVersions":["2026-07-28"],"capabilities":{}})", "2026-07-28"},
    {"ModernAmongOthers", 200, R"("result":{"supportedVersions":["2099-01-01","2026-07-28","2025-11-25"]})",
     "2026-07-28"},
    {"OnlyLegacyListed", 200, R"("result":{"supportedVersions":["2025-11-25"]})", "2025-06-18"},
    {"OnlyUnknownListed", 200, R"("result":{"supportedVersions":["2099-01-01"]})", "mcp.client.version"},
    {"NoList", 200, R"("result":{})", "mcp.client.protocol"},
    {"ListOfNonsense", 200, R"("result":{"supportedVersions":[1,null,{}]})", "mcp.client.version"},
    {"ResultIsNoObject", 200, R"("result":[])", "mcp.client.protocol"},
    {"MethodNotFound", 404, R"("error":{"code":-32601,"message":"m"})", "2025-06-18"},
    {"MethodNotFoundInBand", 200, R"("error":{"code":-32601,"message":"m"})", "2025-06-18"},
    {"SessionWanted", 400, R"("error":{"code":-32000,"message":"Session ID required"})", "2025-06-18"},
    {"Page", 400, "", "2025-06-18"},
    {"NotFoundPage", 404, "", "2025-06-18"},
    {"NotAllowedPage", 405, "", "2025-06-18"},
    {"NoEntry", 401, "", "mcp.client.http_401"},
    {"Forbidden", 403, "", "mcp.client.http_403"},
    {"TooMany", 429, "", "mcp.client.http_429"},
    {"Broken", 500, "", "mcp.client.http_500"},
    {"PageInsteadOfJson", 200, "", "mcp.client.media_type"},
    {"OtherVersions", 400, R"("error":{"code":-32022,"message":"m","data":{"supported":["2099-01-01"]}})",
     "mcp.client.version"},
    {"LegacyVersions", 400, R"("error":{"code":-32022,"message":"m","data":{"supported":["2025-11-25"]}})",
     "2025-06-18"},
    {"SameVersionForEver", 400,
     R"("error":{"code":-32022,"message":"m","data":{"supported":["2026-07-28"]}})", "mcp.client.version"},
    {"CapabilityMissing", 400, R"("error":{"code":-32021,"message":"m"})", "mcp.client.rpc"},
};
INSTANTIATE_TEST_SUITE_P(Table, EraOverHttp, ::testing::ValuesIn(kEraRows),
                         [](const auto& row) { return std::string(row.param.name); });

struct VersionRow {
  const char* answered;  // of initialize, as JSON
  std::optional<Revision> asked;
  const char* expected;
};

TEST(ClientOverHttp, TakesNoPartInVersionGames) {
  const VersionRow rows[] = {
      {R"("2025-03-26")", {}, "2025-03-26"},
      {R"("2025-03-26")", Revision::v2025_11_25, "mcp.client.version"},
      {R"("2026-07-28")", {}, "mcp.client.version"},
      {R"("2099-01-01")", {}, "mcp.client.version"},
      {R"("")", {}, "mcp.client.version"},
      {"7", {}, "mcp.client.version"},
      {"null", {}, "mcp.client.version"},
  };
  for (const auto& row : rows) {
    ScriptedServer server;
    server.on("initialize", [&](const auto&, const Object& message) {
      return json_answer(reply(message, fmt::format(R"("result":{{"protocolVersion":{}}})", row.answered)));
    });
    auto client = server.connect({.era = ClientEra::legacy, .revision = row.asked});
    EXPECT_EQ(client ? to_string((*client)->revision()) : std::string_view(client.error().code), row.expected)
        << row.answered;
  }
  ScriptedServer server;
  server.on("server/discover", [](const auto&, const auto&) { return HttpResponse{.status = 404}; });
  EXPECT_EQ(server.connect({.era = ClientEra::modern}).error().code, "mcp.client.version");
  EXPECT_TRUE(server.sent("initialize").empty());
}

}  // namespace
}  // namespace mcp
