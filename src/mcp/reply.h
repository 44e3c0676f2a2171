// Where the answer to one request goes: out at once, or into the array that answers its batch.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "mcp/jsonrpc.h"
#include "mcp/outlet.h"

namespace mcp {

// The one answer of a JSON-RPC batch, sent when its last part is settled. Thread-safe.
class BatchReply {
 public:
  // `parts` may be settled as often; a batch of notifications has none and is not answered.
  BatchReply(std::shared_ptr<Outlet> outlet, std::size_t parts) : outlet_(std::move(outlet)), open_(parts) {}
  // nullopt: this part gets no answer (it was cancelled).
  void settle(std::optional<std::string> answer);

 private:
  std::shared_ptr<Outlet> outlet_;
  std::mutex mutex_;
  std::size_t open_;
  std::string text_;
};

// Answers once; one that goes away unused counts as "no answer".
class Reply {
 public:
  Reply(std::shared_ptr<Outlet> outlet, RequestId id, std::shared_ptr<BatchReply> batch)
      : outlet_(std::move(outlet)), id_(std::move(id)), batch_(std::move(batch)) {}
  Reply(Reply&&) noexcept = default;
  Reply& operator=(Reply&&) = delete;
  ~Reply() { drop(); }

  const RequestId& id() const { return id_; }
  void result(std::string_view result);
  void error(int code, std::string_view message, std::string_view data = {});
  void drop();
  // The answer comes from elsewhere, later.
  void leave_open() { outlet_.reset(); }

 private:
  void send(std::string message, int error_code);

  std::shared_ptr<Outlet> outlet_;  // null once answered
  RequestId id_;
  std::shared_ptr<BatchReply> batch_;
};

// Every message leaves through these, because every message must be UTF-8.
void send_text(Outlet& outlet, std::string message, Delivery delivery);
void answer_text(Outlet& outlet, std::string message, int error_code);

}  // namespace mcp
