// Where the browser comes back to at the end of a sign-in: a page on this machine that is served once (RFC
// 8252 section 7.3).
//
// It listens on 127.0.0.1 only. A request counts as the org's answer when it is a GET of /callback, addressed
// to 127.0.0.1 and this port (a Host of another name is a page that had its name rebound to this machine),
// and carries the expected state exactly once. Everything else is answered and forgotten:
//   400  no, several or a wrong state; a query that is none, or over 8 KiB
//   403  another Host      404  another path      405  another method
//   409  the sign-in has been answered before
// and what net::HttpServer answers by itself.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "core/clock.h"
#include "core/context.h"
#include "core/result.h"
#include "net/http_server.h"
#include "net/url.h"

namespace oauth {

// What the browser shows in the end.
struct RedirectPage {
  int status = 200;
  std::string title;
  std::string text;  // both plain; escaped here
};

class LoopbackRedirect {
 public:
  // Listens before it returns. Port 0 picks a free one. Error oauth.redirect_port, naming the port and what
  // to do about it.
  static core::Result<std::unique_ptr<LoopbackRedirect>> start(std::uint16_t port, std::string state);
  // Tells a browser that still waits that the sign-in was given up.
  ~LoopbackRedirect();
  LoopbackRedirect(const LoopbackRedirect&) = delete;
  LoopbackRedirect& operator=(const LoopbackRedirect&) = delete;

  // "http://127.0.0.1:PORT/callback", to be registered with the org letter by letter.
  const std::string& uri() const { return uri_; }

  // The parameters of the org's answer. The browser waits from then on for answer() or go_on(). Errors
  // oauth.callback_timeout at `until`, oauth.cancelled.
  core::Result<net::Query> wait(const core::Context& context, core::Clock& clock, core::SteadyTime until);
  // What the browser that came shows; returns when it has been sent. Nothing is served after it.
  void answer(const RedirectPage& page);
  // Sends the browser that came on to `link`, whose answer will carry `state`; then wait() again.
  void go_on(std::string link, std::string state);

 private:
  explicit LoopbackRedirect(std::string state) : state_(std::move(state)) {}
  net::ServerResponse serve(const net::ServerRequest& request);
  net::ServerResponse callback(const net::ServerRequest& request);

  std::string uri_;
  std::string host_;  // what the Host header must say

  std::mutex mutex_;  // of everything below but the server
  std::condition_variable_any answered_;
  std::string state_;
  std::stop_source came_;                        // stopped when an answer has come: what wait() sleeps on
  std::optional<net::Query> query_;              // that came and has not been answered
  bool taken_ = false;                           // wait() has handed it out
  std::optional<net::ServerResponse> response_;  // for the browser that waits
  bool over_ = false;
  std::unique_ptr<net::HttpServer> server_;  // last: its handlers use everything above
};

}  // namespace oauth
