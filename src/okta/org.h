// An Okta org as its Management API shows it: any method and path, JSON through untouched.
//
// Org puts together client, token source and governor. It holds no process-wide state; several orgs are several Orgs.
// Reads and writes part here: with read_only set, an operation whose catalogue effect is not a read is refused
// before anything is sent, whatever asked for it (docs/architecture.md, rule 4).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

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
  net::Headers headers;  // If-Match and the like; Authorization, Accept and User-Agent are Org's own
};

struct RateLimit {
  std::int64_t limit = 0;
  std::int64_t remaining = 0;
  core::WallTime reset{};
};

struct Response {
  int status = 0;
  core::json::Value body;  // null when Okta sent none
  std::string etag;
  std::optional<std::string> next;  // the `after` cursor of the rel="next" link
  std::optional<std::string> next_url;
  std::string request_id;
  std::optional<RateLimit> rate_limit;
};

struct OrgOptions {
  std::string url;  // origin: "https://example.okta.com"
  bool read_only = false;
  int reserve_percent = 10;       // of each rate bucket, left for the org's other clients
  int max_concurrent = 15;        // requests in flight; Okta's own limit is 35 at the least
  std::chrono::seconds max_rate_wait{120};  // a longer wait for a bucket is an error that names its end
  std::chrono::seconds request_timeout{60};
};

// Thread-safe.
class Org {
 public:
  static core::Result<std::unique_ptr<Org>> create(OrgOptions options, net::HttpClient& http,
                                                   oauth::TokenSource& tokens, core::Clock& clock);
  virtual ~Org() = default;

  // Success is a 2xx status, never the shape of a body. Anything else is an Error whose kind, code
  // ("okta." + Okta's error code, or "okta.http_503"), hint and upstream problem say what happened, why, and what
  // to do next. okta.read_only and okta.scope are refusals of our own, before anything is sent.
  // A write whose outcome is not known (the connection broke after it was sent) is okta.unknown_outcome.
  virtual core::Result<Response> call(const core::Context& context, const Request& request) = 0;

  core::Result<Response> get(const core::Context& context, std::string path, net::Query query = {}) {
    return call(context, Request{.path = std::move(path), .query = std::move(query)});
  }

  virtual const std::string& url() const = 0;
  // Last known state of the rate buckets, by bucket name; for status and get_scope_status.
  virtual core::json::Object rate_limits() const = 0;
  virtual oauth::TokenSource& tokens() = 0;
};

// Walks a list page by page. Copyable state is only the cursor, so a walk can be resumed elsewhere.
class Pages {
 public:
  struct Options {
    std::int64_t limit = 200;                 // page size asked for; the catalogue's maximum caps it
    std::optional<std::string> after;         // where to start
    bool stop_at_empty_page = false;          // System Log polling: the next link never ends
  };
  Pages(Org& org, std::string path, net::Query query, Options options);

  // The next page's elements; nullopt at the end. After an error, cursor() still says where to go on.
  core::Result<std::optional<core::json::Array>> next(const core::Context& context);
  // The cursor of the page that next() would fetch; nullopt at the end (and before a first page without `after`).
  const std::optional<std::string>& cursor() const { return after_; }
  bool done() const { return done_; }
  std::int64_t pages_read() const { return pages_read_; }

 private:
  Org& org_;
  std::string path_;
  net::Query query_;
  Options options_;
  std::optional<std::string> after_;
  bool done_ = false;
  std::int64_t pages_read_ = 0;
};

}  // namespace okta
