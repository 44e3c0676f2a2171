// The header decoder and the ladder of refusals: any headers beside any body. What passes agrees with itself,
// and every refusal can be sent.
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/encoding.h"
#include "core/json.h"
#include "core/text.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "invariant.h"
#include "mcp/http_ladder.h"
#include "mcp/jsonrpc.h"
#include "mcp/mirrored_headers.h"
#include "net/http.h"

namespace {

using fuzz::demand;
using mcp::Era;
using mcp::Stage;

constexpr std::array<std::string_view, 10> kNames = {
    "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name",     "Mcp-Session-Id", "Mcp-Param-Region",
    "mcp-param-count",      "Accept",     "Content-Type", "Last-Event-ID",  "mcp-protocol-version"};
constexpr std::array<std::string_view, 9> kValues = {
    "2026-07-28",          "2025-11-25",       "2099-01-01",
    "tools/call",          "server/discover",  "echo",
    "=?base64?ZWNobw==?=", "application/json", "application/json, text/event-stream"};

const std::vector<mcp::HeaderParameter>& mirrored() {
  static const std::vector<mcp::HeaderParameter> parameters = {{"Mcp-Param-Region", {"region"}},
                                                               {"Mcp-Param-Count", {"where", "count"}}};
  return parameters;
}

void check_refusal(const mcp::HttpRefusal& refusal) {
  demand(refusal.status >= 400 && refusal.status < 500, "a refusal is the client's fault", refusal.message);
  demand(!refusal.message.empty(), "a refusal says why");
  demand(refusal.data.empty() || core::json::parse(refusal.data).has_value(), "data of a refusal is JSON",
         refusal.data);
  const std::string text = mcp::encode_error(std::nullopt, refusal.code, refusal.message, refusal.data);
  demand(core::json::parse(text).has_value(), "a refusal is JSON", text);
}

// What a modern request says twice is the same both times, by reading it again in another way.
void check_agreement(const mcp::Request& request, const net::Headers& headers) {
  const auto same = [&](std::string_view header, std::string_view value) {
    const auto all = headers.all(header);
    demand(all.size() == 1, "a mirrored header stands once", header);
    const auto decoded = mcp::decode_header_value(all[0]);
    demand(decoded && *decoded == value, "a mirrored header says what the body says", header);
  };
  same("Mcp-Method", request.method);
  if (const auto member = mcp::name_source(request.method); !member.empty()) {
    const auto* name = request.params.if_contains(member);
    if (name && name->is_string()) same("Mcp-Name", std::string_view(name->get_string()));
  }
}

void value_decoder(const std::string& bytes) {
  if (const auto value = mcp::decode_header_value(bytes)) {
    demand(core::valid_utf8(*value), "a decoded value is text", bytes);
    if (!bytes.starts_with("=?") && bytes.find_first_of(" \t") == std::string::npos)
      demand(*value == bytes, "a literal value stays", bytes);
  }
  if (core::valid_utf8(bytes)) {
    const auto value = mcp::decode_header_value("=?base64?" + core::base64_encode(bytes) + "?=");
    demand(value && *value == bytes, "any text survives the encoding", bytes);
  }
}

void schema_reader(const std::string& bytes) {
  const auto schema = core::json::parse(bytes, {.max_depth = 32});
  if (!schema || !schema->is_object()) return;
  const auto parameters = mcp::read_header_parameters(schema->get_object());
  if (!parameters) return;
  for (const auto& parameter : *parameters) {
    demand(net::is_valid_field(parameter.header, "x"), "a header a schema asks for has a name",
           parameter.header);
    demand(!parameter.path.empty(), "a header a schema asks for has a source", parameter.header);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  switch (input.ConsumeIntegralInRange<int>(0, 9)) {
    case 0:
      value_decoder(input.ConsumeRemainingBytesAsString());
      return 0;
    case 1:
      schema_reader(input.ConsumeRemainingBytesAsString());
      return 0;
    default:
      break;
  }
  net::Headers headers;
  for (int i = input.ConsumeIntegralInRange<int>(0, 8); i > 0; --i) {
    const std::string_view name = input.PickValueInArray(kNames);
    headers.add(std::string(name), input.ConsumeBool() ? std::string(input.PickValueInArray(kValues))
                                                       : input.ConsumeRandomLengthString(48));
  }
  mcp::HttpFacts facts{.method = static_cast<net::Method>(input.ConsumeIntegralInRange<int>(0, 6)),
                       .headers = headers};
  facts.origin = static_cast<mcp::OriginVerdict>(input.ConsumeIntegralInRange<int>(0, 2));
  facts.session = static_cast<mcp::SessionState>(input.ConsumeIntegralInRange<int>(0, 2));
  facts.method_known = input.ConsumeBool();
  if (input.ConsumeBool()) facts.mirrored = mirrored();
  const bool with_body = facts.method == net::Method::post;
  const mcp::Incoming incoming =
      mcp::decode(input.ConsumeRemainingBytesAsString(), {.max_bytes = 4096, .max_depth = 16});
  if (with_body) facts.message.emplace(incoming);
  const Era era = mcp::era_of(facts);
  for (const Stage stage : {Stage::door, Stage::body}) {
    if (const auto refusal = mcp::climb(stage, era, facts)) check_refusal(*refusal);
  }
  (void)mcp::accepts(headers, "text/event-stream");
  if (!with_body) return 0;
  const auto refusal = mcp::climb(Stage::message, era, facts);
  if (refusal) check_refusal(*refusal);
  (void)mcp::answered_id(incoming);
  const auto* message = std::get_if<mcp::Message>(&incoming);
  const auto* request = message ? std::get_if<mcp::Request>(message) : nullptr;
  if (message && std::holds_alternative<mcp::Rejected>(*message))
    demand(refusal.has_value(), "what is no message goes no further");
  if (era == Era::modern) demand(refusal || message, "no batch goes further in the modern era");
  if (!refusal && era == Era::modern && request) check_agreement(*request, headers);
  return 0;
}
