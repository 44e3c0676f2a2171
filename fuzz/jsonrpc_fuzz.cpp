// The JSON-RPC reader: any text. What it takes for a message reads the same after it was written again, and
// whatever it refuses can be answered.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "core/json.h"
#include "invariant.h"
#include "mcp/jsonrpc.h"

namespace {

using fuzz::demand;
using mcp::Message;

constexpr mcp::DecodeLimits kLimits{.max_bytes = 4096, .max_depth = 16, .max_batch = 8};

const Message& only_message(const mcp::Incoming& incoming, std::string_view text) {
  const auto* message = std::get_if<Message>(&incoming);
  demand(message != nullptr, "what we wrote is one message", text);
  return *message;
}

void rewritten(const mcp::Request& request) {
  const std::string text = mcp::encode_request(request.id, request.method, core::json::write(request.params));
  const auto incoming = mcp::decode(text, {.max_depth = kLimits.max_depth});
  const auto* again = std::get_if<mcp::Request>(&only_message(incoming, text));
  demand(
      again && again->id == request.id && again->method == request.method && again->params == request.params,
      "a request reads the same", text);
}

void rewritten(const mcp::Notification& notification) {
  const std::string text =
      mcp::encode_notification(notification.method, core::json::write(notification.params));
  const auto incoming = mcp::decode(text, {.max_depth = kLimits.max_depth});
  const auto* again = std::get_if<mcp::Notification>(&only_message(incoming, text));
  demand(again && again->method == notification.method && again->params == notification.params,
         "a notification reads the same", text);
}

void rewritten(const mcp::Response& response) {
  if (const auto* error = std::get_if<mcp::RpcError>(&response.outcome)) {
    const std::string data = error->data ? core::json::write(*error->data) : std::string{};
    const std::string text = mcp::encode_error(response.id, error->code, error->message, data);
    const auto incoming = mcp::decode(text, {.max_depth = kLimits.max_depth});
    const auto* again = std::get_if<mcp::Response>(&only_message(incoming, text));
    const auto* same = again ? std::get_if<mcp::RpcError>(&again->outcome) : nullptr;
    demand(same && again->id == response.id && same->code == error->code && same->message == error->message &&
               same->data == error->data,
           "an error reads the same", text);
    return;
  }
  const auto& result = std::get<core::json::Value>(response.outcome);
  const std::string text = mcp::encode_result(response.id, core::json::write(result));
  const auto incoming = mcp::decode(text, {.max_depth = kLimits.max_depth});
  const auto* again = std::get_if<mcp::Response>(&only_message(incoming, text));
  const auto* same = again ? std::get_if<core::json::Value>(&again->outcome) : nullptr;
  demand(same && again->id == response.id && *same == result, "a result reads the same", text);
}

void rewritten(const mcp::Rejected& rejected) {
  demand(rejected.code == -32700 || rejected.code == -32600 || rejected.code == -32602,
         "a refusal has a code of JSON-RPC", rejected.message);
  demand(!rejected.message.empty(), "a refusal says why");
  const std::string text = mcp::encode_error(rejected.id, rejected.code, rejected.message);
  demand(core::json::parse(text).has_value(), "the answer to a refusal is JSON", text);
  demand(!rejected.id || rejected.id->json.size() <= mcp::kMaxIdBytes * 6, "ids are bounded");
}

void rewritten(const mcp::Ignored& ignored) {
  demand(!ignored.why.empty(), "what is ignored has a reason");
}

void rewritten_message(const Message& message) {
  std::visit([](const auto& part) { rewritten(part); }, message);
}

// A name that stands twice is the one difference between the two ways to read, and its object is found.
void read_both_ways(std::string_view text) {
  const auto strict = core::json::parse(text, {.max_depth = kLimits.max_depth});
  const auto lenient =
      core::json::parse(text, {.max_depth = kLimits.max_depth, .allow_duplicate_keys = true});
  if (strict) {
    demand(lenient && *lenient == *strict, "what has no duplicate reads the same", text);
    return;
  }
  demand(lenient.has_value() == (strict.error().code == "core.json.duplicate_key"),
         "duplicates are all that is forgiven", text);
  if (!lenient) return;
  const std::string& said = strict.error().message;
  const std::size_t end = std::strtoul(said.c_str() + said.find_last_of(' '), nullptr, 10);
  demand(end < text.size() && text[end] == '}', "the object of a duplicate is found", text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read_both_ways(text);
  const auto incoming = mcp::decode(text, kLimits);
  if (const auto* batch = std::get_if<mcp::Batch>(&incoming)) {
    demand(!batch->messages.empty() && batch->messages.size() <= kLimits.max_batch,
           "a batch has 1 to max_batch messages");
    for (const Message& message : batch->messages) rewritten_message(message);
  } else {
    rewritten_message(std::get<Message>(incoming));
  }
  if (size > kLimits.max_bytes) {
    const auto* message = std::get_if<Message>(&incoming);
    demand(message && std::holds_alternative<mcp::Rejected>(*message), "what is too long is refused");
  }
  return 0;
}
