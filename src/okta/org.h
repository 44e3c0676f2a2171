// An Okta org as its Management API shows it: any method and path, JSON through untouched.
//
// Org puts together client, token source and governor. It holds no process-wide state; several orgs are
// several Orgs. Reads and writes part here: with read_only set, an operation whose catalogue effect is not a
// read is refused before anything is sent, whatever asked for it (docs/architecture.md, rule 4).
//
// What is repeated:
// - after a 429: any method, at most three times, when the window has ended (Okta refused it);
// - after 502, 503, 504 or a lost connection: reads only, at most three times, with growing pauses; after a
//   timeout once;
// - after a connection that was never made: any method, at most three times, because nothing was sent;
// - after a 401: any method, once, with a fresh token;
// - after a 401 or 400 that asks for a DPoP nonce, or another time in the proof: any method, as often as
//   oauth::next_step() allows. The proof belongs to authentication, which comes before anything is done (RFC
//   9449 section 9: "the resource server [...] challenge"), so a write refused for it was not made.
// Nothing else is: a write that may have been made is never sent again.
// Each of them carries a DPoP proof of its own where the token is bound to a key.
// Waiting happens on the clock: parked (core::Parked), cancellable, and told to context.notifier as progress.
// Those progress calls count seconds of one wait from 0 up; an edge that must only grow keeps its highest
// value.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_set>

#include "core/clock.h"
#include "core/context.h"
#include "core/json.h"
#include "core/random.h"
#include "core/result.h"
#include "net/http_client.h"
#include "net/url.h"
#include "oauth/token_source.h"

namespace okta {

struct Request {
  net::Method method = net::Method::get;
  std::string path;  // "/api/v1/users/00u1", parameters already percent-encoded
  net::Query query;
  std::optional<core::json::Value> body;
  // If-Match and the like. Accept is application/json unless given; Authorization and User-Agent are Org's
  // own.
  net::Headers headers;
};

struct RateLimit {
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  core::WallTime reset{};  // by this machine's clock, the server's skew taken out
};

struct Response {
  int status = 0;
  // Null when Okta sent none. A string when the answer is text and not JSON (SAML metadata, PKCS#10).
  // A member that stands twice in an object keeps its last value: the data is not ours to refuse.
  core::json::Value body;
  std::string etag;
  std::string location;  // path of the Location header where it leads to this org (202: the operation)
  std::optional<std::string>
      next;  // the `after` cursor of the rel="next" link (or of _links.next in the body)
  std::optional<std::string> next_url;
  std::string request_id;
  std::optional<RateLimit> rate_limit;
};

struct OrgOptions {
  std::string url;  // origin: "https://example.okta.com"; http towards loopback only
  std::string user_agent = "okta-mcp-server";
  bool read_only = false;
  int reserve_percent = 10;                 // of each rate bucket, left for the org's other clients; 0 to 90
  int max_concurrent = 15;                  // requests in flight; Okta's own limit is 35 at the least
  std::chrono::seconds max_rate_wait{120};  // a longer wait for a bucket is an error that names its end
  std::chrono::seconds request_timeout{60};
  std::size_t max_answer_bytes = 64u << 20;  // of one decoded body; more is net.too_large
};

// Thread-safe.
class Org {
 public:
  // `http`, `tokens`, `clock` and `random` outlive the Org. Error okta.url.
  static core::Result<std::unique_ptr<Org>> create(OrgOptions options, net::HttpClient& http,
                                                   oauth::TokenSource& tokens, core::Clock& clock,
                                                   core::Random& random = core::system_random());
  virtual ~Org() = default;

  // Success is a 2xx status, never the shape of a body. Anything else is an Error whose kind, code
  // ("okta." + Okta's error code, or "okta.http_503"), hint and upstream problem say what happened, why, and
  // what to do next. Refusals of our own, before anything is sent:
  // - okta.path: not an absolute path of the API, or one with dot segments;
  // - okta.read_only: the operation writes (unknown operations: anything but GET and HEAD writes);
  // - okta.scope: the token is known to hold none of the scopes the operation needs (nor, for a read scope,
  //   the manage scope beside it);
  // - okta.rate_limited: the bucket frees up later than max_rate_wait or the deadline; the message says when;
  // - okta.cancelled: context.stop, before the request left;
  // - those of the token source (oauth.login_pending, ...).
  //
  // A write whose outcome is not known is okta.unknown_outcome: the connection broke after it was sent, the
  // answer was 500, 502 or 504, or a 2xx that cannot be read. Its hint says what to read back.
  //
  // A read fails with okta.html, okta.broken_body, okta.empty_answer or okta.foreign_link (a next link that
  // leads away from the org, or has no cursor) where a 2xx makes no sense. Failures of the network keep the
  // codes of net/http_client.h.
  virtual core::Result<Response> call(const core::Context& context, const Request& request) = 0;

  core::Result<Response> get(const core::Context& context, std::string path, net::Query query = {}) {
    return call(context, Request{.path = std::move(path), .query = std::move(query)});
  }

  virtual const std::string& url() const = 0;
  // Last known state of the rate buckets, by bucket name; for status and get_scope_status:
  // {"/api/v1/users": {"limit": 600, "remaining": 599, "reset": "2026-11-21T23:02:00.000Z"}}
  virtual core::json::Object rate_limits() const = 0;
  virtual oauth::TokenSource& tokens() = 0;
};

// Walks a list page by page. Copyable state is only the cursor, so a walk can be resumed elsewhere.
//
// Each page is asked for with the walk's own path and query plus the cursor; the URL of the next link is
// never followed, only its `after` is taken. (Okta's links carry the admin host, or even another path, now
// and then.)
class Pages {
 public:
  struct Options {
    std::int64_t limit = 200;          // page size asked for; the catalogue's maximum caps it
    std::optional<std::string> after;  // where to start
    bool stop_at_empty_page = false;   // System Log polling: the next link never ends
  };
  // A `limit` in `query` wins over options.limit (and is capped too), an `after` there is where to start.
  // No `limit` is sent to an operation that is known to take none.
  Pages(Org& org, std::string path, net::Query query, Options options);

  // The next page's elements, never empty; nullopt at the end. An empty page with a next link is passed over
  // (at most 1,000 in a row), unless stop_at_empty_page makes it the end. The list may be the body itself, or
  // the only array in it ({"roles": [...], "_links": ...}). After an error, cursor() still says where to go
  // on. Besides call()'s errors: okta.not_a_list, okta.cursor_loop (a cursor came back a second time),
  // okta.empty_pages.
  core::Result<std::optional<core::json::Array>> next(const core::Context& context);
  // The cursor of the page that next() would fetch; nullopt at the end (and before a first page without
  // `after`). When stop_at_empty_page ended the walk, the cursor to poll again from.
  const std::optional<std::string>& cursor() const { return after_; }
  bool done() const { return done_; }
  std::int64_t pages_read() const { return pages_read_; }

 private:
  core::Result<core::json::Array> fetch(const core::Context& context);

  Org& org_;
  std::string path_;
  net::Query query_;
  bool stop_at_empty_page_ = false;
  std::optional<std::string> after_;
  std::unordered_set<std::size_t> seen_;  // hashes of the cursors used so far
  bool looped_ = false;                   // the next page was read before
  bool done_ = false;
  std::int64_t pages_read_ = 0;
};

}  // namespace okta
