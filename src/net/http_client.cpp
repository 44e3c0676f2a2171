#include "net/http_client.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fmt/format.h>

#include "core/log.h"
#include "net/proxy.h"
#include "net/transfer.h"
#include "net/url.h"

namespace net {
namespace {

std::unexpected<core::Error> bad_request(std::string code, std::string message, std::string hint) {
  return core::fail(core::ErrorKind::invalid_input, std::move(code), std::move(message), std::move(hint));
}

core::Result<Url> check_url(const std::string& text) {
  ASSIGN_OR_RETURN(Url url, parse_url(text));
  if (url.has_userinfo) {
    return bad_request("net.url", "The URL holds a user name or password.", "Leave out the part before '@'.");
  }
  if (url.scheme == "http" && !is_loopback_host(url.host)) {
    return bad_request("net.url", fmt::format("{} is not encrypted.", url.origin()),
                       "Use https; plain http is accepted for loopback addresses only.");
  }
  return url;
}

core::Status check_headers(const Headers& headers) {
  for (const auto& [name, value] : headers) {
    const bool framing =
        equals_ignoring_case(name, "Content-Length") || equals_ignoring_case(name, "Transfer-Encoding");
    if (framing || !is_valid_field(name, value)) {
      return bad_request(
          "net.header", fmt::format("The header \"{}\" cannot be sent.", name.substr(0, 40)),
          framing ? "The client writes it by itself." : "Header names are words; values fit one line.");
    }
  }
  return {};
}

// The body was decoded; what described its coded form would now mislead.
void drop_coding_headers(HttpResponse& response) {
  if (!response.headers.has("Content-Encoding")) return;
  response.headers.remove("Content-Encoding");
  response.headers.remove("Content-Length");
}

template <class Callback>
core::Status consume(const Callback& callback) {
  try {
    return callback();
  } catch (const std::exception& error) {
    return core::fail(core::ErrorKind::internal, "net.on_body",
                      fmt::format("The answer could not be processed: {}.", core::redact(error.what())));
  }
}

class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(HttpClientOptions options)
      : options_(std::move(options)), proxies_(read_proxy_settings([](const char* name) {
          const char* value = std::getenv(name);
          return std::string(value ? value : "");
        })) {}

  core::Result<HttpResponse> send(const core::Context& context, const HttpRequest& request) override {
    ASSIGN_OR_RETURN(Url url, check_url(request.url));
    RETURN_IF_ERROR(check_headers(request.headers));
    auto transfer = std::make_shared<Transfer>();
    transfer->request = &request;
    transfer->origin = url.origin();
    if (!request.addresses) transfer->proxy = proxy_for(url, proxies_);
    transfer->url = std::move(url);
    transfer->deadline = std::min(context.deadline, Transfer::later(transfer->begun, request.total_timeout));
    if (context.cancelled()) {
      return core::fail(
          explain({.end = TransferEnd::cancelled, .target = transfer->origin + transfer->url.path}));
    }
    ASSIGN_OR_RETURN(TransferEngine * engine, running_engine());
    RETURN_IF_ERROR(engine->submit(transfer));

    const std::stop_callback on_stop(context.stop, [&] { engine->cancel(*transfer); });
    auto consumed = wait_for(*engine, transfer);
    if (!consumed) return core::fail(std::move(consumed).error());
    if (auto& error = transfer->error) return core::fail(std::move(*error));
    drop_coding_headers(transfer->response);
    return std::move(transfer->response);
  }

 private:
  core::Result<TransferEngine*> running_engine() {
    std::lock_guard lock(mutex_);
    if (!engine_) {
      ASSIGN_OR_RETURN(engine_, TransferEngine::start(options_));
    }
    return engine_.get();
  }

  // Until the transfer is done; in between, gives on_head and on_body what has come. The transfer holds
  // references into the caller's request, so this waits for its end in every case.
  static core::Status wait_for(TransferEngine& engine, const std::shared_ptr<Transfer>& transfer) {
    core::Status consumed;
    bool head_due = static_cast<bool>(transfer->request->on_head);
    std::unique_lock lock(transfer->mutex);
    while (true) {
      transfer->changed.wait(lock, [&] {
        return transfer->done || !transfer->pending.empty() || (head_due && transfer->head_ready);
      });
      if (head_due && transfer->head_ready) {
        head_due = false;
        lock.unlock();
        consumed = consume([&] { return transfer->request->on_head(transfer->response); });
        if (!consumed) engine.cancel(*transfer);
        lock.lock();
        continue;
      }
      if (transfer->pending.empty()) return consumed;
      const std::string piece = std::exchange(transfer->pending, {});
      const bool paused = transfer->paused;
      lock.unlock();
      if (paused) engine.resume(transfer);
      if (consumed) {
        consumed = consume([&] { return transfer->request->on_body(piece); });
        if (!consumed) engine.cancel(*transfer);
      }
      lock.lock();
    }
  }

  const HttpClientOptions options_;
  const ProxySettings proxies_;
  std::mutex mutex_;
  std::unique_ptr<TransferEngine> engine_;
};

}  // namespace

bool may_have_been_sent(const core::Error& error) {
  constexpr std::array<std::string_view, 6> kSent{"net.timeout",   "net.reset",     "net.truncated",
                                                  "net.too_large", "net.cancelled", "net.protocol"};
  return std::ranges::find(kSent, error.code) != kSent.end();
}

std::unique_ptr<HttpClient> make_http_client(HttpClientOptions options) {
  return std::make_unique<CurlHttpClient>(std::move(options));
}

}  // namespace net
