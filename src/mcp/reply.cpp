#include "mcp/reply.h"

#include "core/text.h"
#include "mcp/json_text.h"

namespace mcp {

void send_text(Outlet& outlet, std::string message, Delivery delivery) {
  core::make_valid_utf8(message);
  outlet.send(std::move(message), delivery);
}

void BatchReply::settle(std::optional<std::string> answer) {
  std::string whole;
  {
    std::lock_guard lock(mutex_);
    if (answer) {
      text_ += text_.empty() ? '[' : ',';
      text_ += *answer;
    }
    if (--open_ != 0 || text_.empty()) return;
    whole = std::move(text_);
  }
  whole += ']';
  send_text(*outlet_, std::move(whole), Delivery::required);
}

void Reply::send(std::string message) {
  auto outlet = std::move(outlet_);
  if (!outlet) return;
  if (batch_) {
    batch_->settle(std::move(message));
  } else {
    send_text(*outlet, std::move(message), Delivery::required);
  }
}

void Reply::result(std::string_view result) {
  send(encode_result(id_, result));
}

void Reply::error(int code, std::string_view message, std::string_view data) {
  send(encode_error(id_, code, message, data));
}

void Reply::drop() {
  auto outlet = std::move(outlet_);
  if (outlet && batch_) batch_->settle(std::nullopt);
}

}  // namespace mcp
