#include "net/admin_listener.h"

#include "core/json.h"

namespace net {

namespace {

ServerResponse json_answer(int status, const core::json::Object& body) {
  return {.status = status,
          .headers = {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
          .body = core::json::write(body) + "\n"};
}

}  // namespace

core::Result<std::unique_ptr<HttpServer>> start_admin_listener(const ListenAddress& address,
                                                               const core::Metrics& metrics,
                                                               NotReady not_ready) {
  HttpServerOptions options{.host = address.host,
                            .port = address.port,
                            .unix_path = address.unix_path,
                            .workers = 2,
                            .max_connections = 64};
  auto answer = [&metrics, not_ready = std::move(not_ready)](const ServerRequest& request) {
    if (request.method != Method::get && request.method != Method::head) {
      return ServerResponse{.status = 405, .headers = {{"Allow", "GET, HEAD"}}};
    }
    if (request.path == "/healthz") return json_answer(200, {{"status", "ok"}});
    if (request.path == "/readyz") {
      const auto why = not_ready();
      if (why) return json_answer(503, {{"status", "not ready"}, {"reason", *why}});
      return json_answer(200, {{"status", "ready"}});
    }
    if (request.path == "/metrics") {
      return ServerResponse{.headers = {{"Content-Type", "text/plain; version=0.0.4; charset=utf-8"}},
                            .body = metrics.text()};
    }
    return json_answer(404, {{"error", "There are /healthz, /readyz and /metrics here."}});
  };
  return HttpServer::start(std::move(options), std::move(answer));
}

}  // namespace net
