#include "mcp/jsonrpc.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "mcp/json_text.h"
#include "mcp/protocol.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

constexpr std::string_view kOpen = R"({"jsonrpc":"2.0")";

Message invalid(std::optional<RequestId> id, std::string message) {
  return Rejected{std::move(id), code::kInvalidRequest, std::move(message)};
}

// The members of a message, found in one walk: null for what is not there.
struct Members {
  Value* version = nullptr;
  Value* id = nullptr;
  Value* method = nullptr;
  Value* params = nullptr;
  Value* result = nullptr;
  Value* error = nullptr;

  explicit Members(Object& message);
};
struct KnownMember {
  std::string_view key;
  Value* Members::* value;
};
constexpr std::array kKnownMembers = {
    KnownMember{"jsonrpc", &Members::version}, KnownMember{"id", &Members::id},
    KnownMember{"method", &Members::method},   KnownMember{"params", &Members::params},
    KnownMember{"result", &Members::result},   KnownMember{"error", &Members::error},
};

Members::Members(Object& message) {
  for (auto& member : message) {
    const std::string_view key = member.key();
    const auto known = std::ranges::find(kKnownMembers, key, &KnownMember::key);
    if (known != kKnownMembers.end()) this->*known->value = &member.value();
  }
}

Message decode_response(const Members& members) {
  if (members.result && members.error) return Ignored{"a response has both result and error"};
  auto id = members.id ? RequestId::from(*members.id) : std::nullopt;
  if (!id) return Ignored{"a response without a usable id"};
  if (members.result) return Response{std::move(*id), std::move(*members.result)};

  const Object* problem = members.error->if_object();
  const Value* number = problem ? problem->if_contains("code") : nullptr;
  const Value* text = problem ? problem->if_contains("message") : nullptr;
  if (!number || !number->is_int64() || !text || !text->is_string()) {
    return Ignored{"an error response without code and message"};
  }
  RpcError read{static_cast<int>(number->get_int64()), std::string(text->get_string()), std::nullopt};
  if (const Value* data = problem->if_contains("data")) read.data = *data;
  return Response{std::move(*id), std::move(read)};
}

Message decode_message(Value& value) {
  if (!value.is_object()) return invalid({}, "A message is a JSON object.");
  const Members members(value.get_object());
  auto id = members.id ? RequestId::from(*members.id) : std::nullopt;

  if (!members.version || !members.version->is_string() || members.version->get_string() != "2.0") {
    return invalid(std::move(id), "The member jsonrpc must be \"2.0\".");
  }
  const bool responds = members.result || members.error;
  if (!members.method) {
    if (responds) return decode_response(members);
    return invalid(std::move(id), "The member method is missing.");
  }
  if (!members.method->is_string()) return invalid(std::move(id), "The member method must be a string.");
  if (responds) return invalid(std::move(id), "A message is either a request or a response.");

  const bool params_fit = !members.params || members.params->is_object();
  auto params = [&] { return members.params ? std::move(members.params->get_object()) : Object{}; };
  std::string name(members.method->get_string());
  if (!members.id) {
    if (!params_fit) return Ignored{"a notification whose params are not an object"};
    return Notification{std::move(name), params()};
  }
  if (!id)
    return invalid({}, fmt::format("An id is a string of at most {} bytes or an integer.", kMaxIdBytes));
  if (!params_fit) return invalid(std::move(id), "The member params must be an object.");
  return Request{std::move(*id), std::move(name), params()};
}

}  // namespace

std::optional<RequestId> RequestId::from(const Value& value) {
  if (value.is_int64()) return RequestId{std::to_string(value.get_int64())};
  if (value.is_uint64()) return RequestId{std::to_string(value.get_uint64())};
  if (!value.is_string() || value.get_string().size() > kMaxIdBytes) return std::nullopt;
  RequestId id;
  core::json::append_string(id.json, value.get_string());
  return id;
}

Rejected oversized(const DecodeLimits& limits) {
  return {std::nullopt, code::kInvalidRequest,
          fmt::format("The message is longer than {} bytes; it was skipped.", limits.max_bytes)};
}

Incoming decode(std::string_view text, const DecodeLimits& limits) {
  if (text.size() > limits.max_bytes) return Message{oversized(limits)};
  auto parsed = core::json::parse(text, {.max_bytes = limits.max_bytes, .max_depth = limits.max_depth});
  if (!parsed) {
    bool no_json = parsed.error().code == "core.json.syntax";
    return Message{Rejected{std::nullopt, no_json ? code::kParseError : code::kInvalidRequest,
                            core::describe(parsed.error())}};
  }
  if (!parsed->is_array()) return decode_message(*parsed);

  auto& elements = parsed->get_array();
  if (elements.empty()) return invalid({}, "A batch holds at least one message.");
  if (elements.size() > limits.max_batch) {
    return invalid({}, fmt::format("A batch holds at most {} messages.", limits.max_batch));
  }
  Batch batch;
  batch.messages.reserve(elements.size());
  for (auto& element : elements) batch.messages.push_back(decode_message(element));
  return batch;
}

std::string encode_result(const RequestId& id, std::string_view result) {
  std::string out;
  out.reserve(kOpen.size() + id.json.size() + result.size() + 24);
  out += kOpen;
  out += ",\"id\":";
  out += id.json;
  out += ",\"result\":";
  out += result;
  out += '}';
  return out;
}

std::string encode_error(const std::optional<RequestId>& id, int code, std::string_view message,
                         std::string_view data) {
  std::string out{kOpen};
  out += ",\"id\":";
  out += id ? std::string_view(id->json) : std::string_view("null");
  out += ",\"error\":{\"code\":";
  out += std::to_string(code);
  out += ",\"message\":";
  core::json::append_string(out, message);
  if (!data.empty()) {
    out += ",\"data\":";
    out += data;
  }
  out += "}}";
  return out;
}

std::string encode_request(const RequestId& id, std::string_view method, std::string_view params) {
  std::string out{kOpen};
  out += ",\"id\":";
  out += id.json;
  out += ",\"method\":";
  core::json::append_string(out, method);
  if (!params.empty()) {
    out += ",\"params\":";
    out += params;
  }
  out += '}';
  return out;
}

std::string encode_notification(std::string_view method, std::string_view params) {
  std::string out{kOpen};
  out += ",\"method\":";
  core::json::append_string(out, method);
  if (!params.empty()) {
    out += ",\"params\":";
    out += params;
  }
  out += '}';
  return out;
}

}  // namespace mcp
