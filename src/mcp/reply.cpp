#include "mcp/reply.h"

#include "core/text.h"
#include "mcp/json_text.h"

namespace mcp {

void send_text(Outlet& outlet, std::string message, Delivery delivery) {
  core::make_valid_utf8(message);
  outlet.send(std::move(message), delivery);
}

void answer_text(Outlet& outlet, std::string message, int error_code) {
  core::make_valid_utf8(message);
  outlet.answer(std::move(message), error_code);
}

void BatchReply::settle(std::optional<std::string> answer) {
  std::string whole;
  {
    std::lock_guard lock(mutex_);
    if (answer) {
      text_ += text_.empty() ? '[' : ',';
      text_ += *answer;
    }
    if (--open_ != 0) return;
    whole = std::move(text_);
  }
  if (whole.empty()) return outlet_->no_answer();
  whole += ']';
  answer_text(*outlet_, std::move(whole), 0);
}

void Reply::send(std::string message, int error_code) {
  auto outlet = std::move(outlet_);
  if (!outlet) return;
  if (batch_) {
    batch_->settle(std::move(message));
  } else {
    answer_text(*outlet, std::move(message), error_code);
  }
}

void Reply::result(std::string_view result) {
  send(encode_result(id_, result), 0);
}

void Reply::error(int code, std::string_view message, std::string_view data) {
  send(encode_error(id_, code, message, data), code);
}

void Reply::drop() {
  auto outlet = std::move(outlet_);
  if (!outlet) return;
  if (batch_) {
    batch_->settle(std::nullopt);
  } else {
    outlet->no_answer();
  }
}

}  // namespace mcp
