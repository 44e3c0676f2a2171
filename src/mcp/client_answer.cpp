#include "mcp/client_answer.h"

#include <fmt/format.h>

#include "core/json.h"
#include "core/text.h"

namespace mcp {
namespace {

using core::ErrorKind;

core::Error protocol_error(std::string message) {
  return {ErrorKind::protocol, "mcp.client.protocol", std::move(message), "", std::nullopt};
}

ErrorKind kind_of(int status) {
  switch (status) {
    case 401:
      return ErrorKind::unauthenticated;
    case 403:
      return ErrorKind::forbidden;
    case 404:
    case 410:
      return ErrorKind::not_found;
    case 408:
    case 504:
      return ErrorKind::timeout;
    case 413:
      return ErrorKind::too_large;
    case 429:
      return ErrorKind::rate_limited;
    default:
      return status >= 500 ? ErrorKind::unavailable : ErrorKind::protocol;
  }
}

}  // namespace

std::string outside_text(std::string_view text, std::size_t max_characters) {
  // Cleaning reads every byte; nobody sees more than the beginning.
  return core::shorten(core::clean(text.substr(0, 4 * max_characters)), max_characters);
}

core::Status ClientAnswer::fail(core::Error error) {
  failure_ = error;
  return std::unexpected(std::move(error));
}

core::Status ClientAnswer::begin(const net::HttpResponse& head) {
  const std::string type = net::media_type(head.headers.get("Content-Type"));
  body_.clear();
  if (type == "text/event-stream") {
    reader_.emplace(net::SseLimits{.max_event_bytes = limits_.message_bytes});
    return {};
  }
  reader_.reset();
  if (type == "application/json" && id_) return {};
  return fail({ErrorKind::protocol, "mcp.client.media_type",
               fmt::format("The server answered {} with {} instead of JSON or an event stream.", head.status,
                           type.empty() ? "no content type" : outside_text(type, 80)),
               "Check that the URL is that of an MCP endpoint.", std::nullopt});
}

core::Status ClientAnswer::feed(std::string_view piece) {
  if (!reader_) {
    if (body_.size() + piece.size() > limits_.message_bytes) {
      return fail({ErrorKind::too_large, "mcp.client.too_large",
                   fmt::format("The server's answer is longer than {} bytes.", limits_.message_bytes), "",
                   std::nullopt});
    }
    body_ += piece;
    return {};
  }
  auto status = reader_->feed(piece, [this](const net::SseEvent& event) -> core::Status {
    ++events_;
    // Other types are somebody else's extension (WHATWG: listeners by type).
    return event.type == "message" ? take_text(event.data) : core::Status{};
  });
  if (!reader_->last_id().empty() && last_event_id_ != reader_->last_id()) {
    last_event_id_ = reader_->last_id();
    ++events_;  // a priming event is a sign of life as well
  }
  if (reader_->retry()) retry_ = reader_->retry();
  if (!status && !failure_ && !reply_) {
    status.error().code = "mcp.client.too_large";
    failure_ = status.error();
  }
  return status;
}

core::Status ClientAnswer::take_text(std::string_view text) {
  Incoming incoming = decode(text, {.max_bytes = limits_.message_bytes, .max_depth = limits_.message_depth});
  if (auto* message = std::get_if<Message>(&incoming)) return take_message(std::move(*message), text.size());
  for (Message& message : std::get<Batch>(incoming).messages) {
    RETURN_IF_ERROR(take_message(std::move(message), text.size()));
  }
  return {};
}

core::Status ClientAnswer::take_message(Message message, std::size_t bytes) {
  if (auto* response = std::get_if<Response>(&message)) {
    if (id_ && response->id == *id_ && !reply_) {
      reply_ = Received{std::move(*response), bytes};
      // Ends the transfer: a server that holds the stream open must not hold up the caller.
      if (reader_) {
        return core::fail(ErrorKind::cancelled, "mcp.client.answered", "The response has come.");
      }
      return {};
    }
  } else if (auto* rejected = std::get_if<Rejected>(&message)) {
    return fail(
        protocol_error("The server sent something that is no message: " + outside_text(rejected->message)));
  }
  if (!endless_ && ++messages_ > limits_.answer_messages) {
    return fail(
        {ErrorKind::too_large, "mcp.client.limit",
         fmt::format("The server sent more than {} messages with one answer.", limits_.answer_messages), "",
         std::nullopt});
  }
  if (std::holds_alternative<Response>(message) || std::holds_alternative<Ignored>(message)) return {};
  receiver_(std::move(message));
  return {};
}

std::optional<core::Result<Received>> ClientAnswer::take(bool complete) {
  if (reply_) return std::exchange(reply_, std::nullopt);
  if (reader_ || failure_ || !complete || body_.empty()) return std::nullopt;
  const std::string text = std::exchange(body_, {});
  if (auto status = take_text(text); !status) return std::unexpected(std::move(status).error());
  if (reply_) return std::exchange(reply_, std::nullopt);
  return std::unexpected(protocol_error("The server answered a request that was not asked."));
}

core::Error ClientAnswer::missing() const {
  return protocol_error(reader_ ? "The stream ended before the response had come."
                                : "The server accepted the request and sent no response.");
}

std::optional<RpcError> read_rpc_error(const net::HttpResponse& response, const ClientLimits& limits) {
  if (net::media_type(response.headers.get("Content-Type")) != "application/json") return std::nullopt;
  auto body = core::json::parse(response.body,
                                {.max_bytes = limits.message_bytes, .max_depth = limits.message_depth});
  if (!body) return std::nullopt;
  const auto* code = core::json::find(*body, "error.code");
  const auto* message = core::json::find(*body, "error.message");
  if (core::json::string_or_empty(*body, "jsonrpc") != "2.0" || !code || !code->is_int64() || !message ||
      !message->is_string()) {
    return std::nullopt;
  }
  RpcError error{.code = static_cast<int>(code->get_int64()),
                 .message = std::string(message->get_string()),
                 .data = std::nullopt};
  if (const auto* data = core::json::find(*body, "error.data")) error.data = *data;
  return error;
}

core::Error http_error(std::string_view server, const net::HttpResponse& response) {
  const std::string type = net::media_type(response.headers.get("Content-Type"));
  const bool readable = type == "text/plain" || type == "application/json";
  core::Error error{kind_of(response.status), fmt::format("mcp.client.http_{}", response.status),
                    fmt::format("{} answered {}.", server, response.status), "", std::nullopt};
  if (response.status == 401) error.hint = "The server asks for an access token.";
  error.upstream = core::UpstreamProblem{.status = response.status,
                                         .summary = readable ? outside_text(response.body) : std::string{}};
  return error;
}

}  // namespace mcp
