#include "oauth/loopback_redirect.h"

#include <algorithm>
#include <condition_variable>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/html.h"
#include "core/lane.h"
#include "core/log.h"

namespace oauth {
namespace {

using core::ErrorKind;

constexpr std::string_view kPath = "/callback";
constexpr std::size_t kMaxQueryBytes = 8u << 10;
// For the last page to reach the browser.
constexpr std::chrono::milliseconds kGrace{2000};

// The code stands in this page's address: nothing may be loaded, framed, stored, or told of it.
net::Headers strict_headers() {
  return {{"Content-Security-Policy",
           "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
          {"Cache-Control", "no-store"},
          {"Referrer-Policy", "no-referrer"},
          {"X-Content-Type-Options", "nosniff"},
          {"X-Frame-Options", "DENY"},
          {"Cross-Origin-Opener-Policy", "same-origin"},
          {"Cross-Origin-Resource-Policy", "same-origin"}};
}

net::ServerResponse page(const RedirectPage& shown) {
  net::ServerResponse response{.status = shown.status, .headers = strict_headers()};
  response.headers.add("Content-Type", "text/html; charset=utf-8");
  response.body = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">"
      "<meta name=\"viewport\" content=\"width=device-width\"><title>{0}</title></head>\n"
      "<body><h1>{0}</h1><p>{1}</p></body>\n</html>\n",
      core::html_escape(shown.title), core::html_escape(shown.text));
  return response;
}

net::ServerResponse not_here(int status, std::string_view text) {
  return page({.status = status, .title = "This is not a sign-in", .text = std::string(text)});
}

}  // namespace

core::Result<std::unique_ptr<LoopbackRedirect>> LoopbackRedirect::start(std::uint16_t port,
                                                                        std::string state) {
  std::unique_ptr<LoopbackRedirect> redirect(new LoopbackRedirect(std::move(state)));
  auto server = net::HttpServer::start(
      {.host = "127.0.0.1",
       .port = port,
       .workers = 4,
       .queue = 16,
       .max_body_bytes = 4u << 10,
       .max_header_bytes = 16u << 10,
       .max_connections = 32,
       .idle_timeout = std::chrono::seconds{30},
       .request_timeout = std::chrono::seconds{10}},
      [raw = redirect.get()](const net::ServerRequest& request) { return raw->serve(request); });
  if (!server) {
    const int other = port == 65535 ? port - 1 : port + 1;
    return core::fail(
        ErrorKind::unavailable, "oauth.redirect_port",
        fmt::format("Port {} of this machine, where the browser is to come back to, cannot be had. {}", port,
                    server.error().message),
        fmt::format(
            "If another sign-in is running, finish it first (`ss -ltnp sport = :{0}` shows who has the "
            "port). Or choose another port with --port or OKTA_MCP_REDIRECT_PORT, and register its "
            "address in Okta under the app's Sign-in redirect URIs: for --port {1} that is "
            "http://127.0.0.1:{1}{2}",
            port, other, kPath));
  }
  {
    // A request may be there already.
    std::lock_guard lock(redirect->mutex_);
    redirect->server_ = std::move(*server);
    redirect->host_ = fmt::format("127.0.0.1:{}", redirect->server_->port());
    redirect->uri_ = fmt::format("http://{}{}", redirect->host_, kPath);
  }
  return redirect;
}

LoopbackRedirect::~LoopbackRedirect() {
  answer({.status = 503,
          .title = "You are not signed in",
          .text = "The sign-in was given up. You can close this window."});
}

core::Result<net::Query> LoopbackRedirect::wait(const core::Context& context, core::Clock& clock,
                                                core::SteadyTime until) {
  auto came = [this] {
    std::lock_guard lock(mutex_);
    return came_;
  }();
  bool in_time = false;
  {
    const std::stop_callback cancelled(context.stop, [&came] { came.request_stop(); });
    core::Parked parked;
    in_time = !clock.wait_until(until, came.get_token());
  }
  std::lock_guard lock(mutex_);
  if (query_ && !taken_) {
    taken_ = true;
    return *query_;
  }
  if (in_time) return core::fail(ErrorKind::cancelled, "oauth.cancelled", "The sign-in was given up.");
  return core::fail(
      ErrorKind::timeout, "oauth.callback_timeout", "The browser has not come back from the sign-in in time.",
      fmt::format(
          "Start again. If the org showed an error about redirect_uri, register {} in Okta under the "
          "app's Sign-in redirect URIs, letter by letter. If the browser runs on another machine, use "
          "`okta-mcp-server login` without --browser.",
          uri_));
}

void LoopbackRedirect::answer(const RedirectPage& shown) {
  {
    std::lock_guard lock(mutex_);
    if (!over_) response_ = page(shown);
    over_ = true;
  }
  answered_.notify_all();
  if (server_) server_->stop(kGrace);
}

void LoopbackRedirect::go_on(std::string link, std::string state) {
  {
    std::lock_guard lock(mutex_);
    net::ServerResponse onward{.status = 303, .headers = strict_headers()};
    onward.headers.add("Location", std::move(link));
    response_ = std::move(onward);
    state_ = std::move(state);
    came_ = std::stop_source();
    query_.reset();
    taken_ = false;
  }
  answered_.notify_all();
}

net::ServerResponse LoopbackRedirect::serve(const net::ServerRequest& request) {
  std::string host;
  {
    std::lock_guard lock(mutex_);
    host = host_;
  }
  if (request.headers.get("Host") != host) {
    core::log(core::LogLevel::warning, "oauth", "a request for another host came to the sign-in's page");
    return not_here(403, "This address is for sign-ins of this machine only.");
  }
  if (request.path != kPath) return not_here(404, "There is nothing here.");
  if (request.method != net::Method::get) {
    auto response = not_here(405, "This address is opened by a browser, with GET.");
    response.headers.add("Allow", "GET");
    return response;
  }
  return callback(request);
}

net::ServerResponse LoopbackRedirect::callback(const net::ServerRequest& request) {
  core::Result<net::Query> query = net::Query{};
  if (request.query.size() <= kMaxQueryBytes) query = net::parse_query(request.query);
  const auto states =
      query ? std::ranges::count(*query, "state", &std::pair<std::string, std::string>::first) : 0;

  std::unique_lock lock(mutex_);
  if (states != 1 || !core::constant_time_equal(*net::query_value(*query, "state"), state_)) {
    lock.unlock();
    core::log(core::LogLevel::warning, "oauth",
              "a request that is not the sign-in's answer came to its page");
    return not_here(
        400,
        "This page does not belong to the sign-in that is running. Go back to the window in which "
        "you started it, and open the link shown there.");
  }
  if (query_ || over_) {
    return page({.status = 409,
                 .title = "This sign-in has been answered",
                 .text = "Go back to the window in which you started it to see how it ended."});
  }
  query_ = std::move(*query);
  response_.reset();
  came_.request_stop();
  // The person learns here how it ended, not only in the terminal.
  answered_.wait(lock, request.stop, [this] { return response_.has_value(); });
  return response_ ? std::move(*std::exchange(response_, std::nullopt)) : net::ServerResponse{.status = 503};
}

}  // namespace oauth
