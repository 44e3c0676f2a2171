// What an HTTP server sends in answer to one message: a JSON body or a stream of events, read as it comes and
// bounded. Inside room mcp only.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "core/result.h"
#include "mcp/client_transport.h"
#include "mcp/jsonrpc.h"
#include "net/http_client.h"
#include "net/sse_reader.h"

namespace mcp {

// Not thread-safe; lives through the reconnections of one stream.
class ClientAnswer {
 public:
  // `id` of the request; without one every response is passed over. `receiver` outlives it.
  ClientAnswer(const ClientLimits& limits, std::optional<RequestId> id,
               const ClientTransport::Receiver& receiver, bool endless)
      : limits_(limits), id_(std::move(id)), receiver_(receiver), endless_(endless) {}

  // A 2xx answer begins. Error mcp.client.media_type.
  core::Status begin(const net::HttpResponse& head);
  // A piece of its body. An error ends the transfer; it is also how the response ends it.
  core::Status feed(std::string_view piece);
  // The response, once it is there; `complete`: the body has ended as it should.
  std::optional<core::Result<Received>> take(bool complete);

  // Why nothing more is read, if so.
  std::optional<core::Error> failure() const { return failure_; }
  // The stream can be taken up again where it broke off.
  bool resumable() const { return reader_.has_value() && !failure_ && !last_event_id_.empty(); }
  const std::string& last_event_id() const { return last_event_id_; }
  std::optional<std::chrono::milliseconds> retry() const { return retry_; }
  std::size_t events() const { return events_; }
  // The answer ended, and the response was not in it.
  core::Error missing() const;

 private:
  core::Status take_text(std::string_view text);
  core::Status take_message(Message message, std::size_t bytes);
  core::Status fail(core::Error error);

  const ClientLimits& limits_;
  const std::optional<RequestId> id_;
  const ClientTransport::Receiver& receiver_;
  const bool endless_;

  std::optional<net::SseReader> reader_;  // the body is a stream
  std::string body_;                      // or JSON
  std::size_t events_ = 0;
  std::size_t messages_ = 0;
  std::string last_event_id_;
  std::optional<std::chrono::milliseconds> retry_;
  std::optional<Received> reply_;
  std::optional<core::Error> failure_;
};

// An error answer whose body is a JSON-RPC error, whatever its id.
std::optional<RpcError> read_rpc_error(const net::HttpResponse& response, const ClientLimits& limits);

// An error answer without one: mcp.client.http_NNN.
core::Error http_error(std::string_view server, const net::HttpResponse& response);

// Outside words as they may stand in a message of ours: one line, cut.
std::string outside_text(std::string_view text, std::size_t max_characters = 300);

}  // namespace mcp
