#include "okta/org.h"

#include <algorithm>
#include <fmt/format.h>

#include "catalogue/operations.h"
#include "core/encoding.h"
#include "core/log.h"
#include "oauth/dpop.h"
#include "okta/answer.h"
#include "okta/rate_governor.h"

namespace okta {
namespace {

using core::ErrorKind;
using std::chrono::milliseconds;

constexpr int kRateRetries = 3;
constexpr int kTransientRetries = 3;
constexpr milliseconds kFirstPause{500};
constexpr std::size_t kMaxPath = 2'000;

bool reads_by_method(net::Method method) {
  return method == net::Method::get || method == net::Method::head;
}

// Paths come from tools that put ids into templates: an id must never move the request to another operation.
// Returns the path as the catalogue is asked for it: what servers overlook when they route (empty segments,
// escapes,
// ";parameters" of a segment) is taken out, so that no spelling of a write passes for something unknown.
core::Result<std::string> canonical_path(std::string_view path) {
  auto refuse = [&](std::string_view why) {
    return core::fail(ErrorKind::invalid_input, "okta.path",
                      fmt::format("The path \"{}\" {}; nothing was sent.", one_line(path, 200), why),
                      "Give an absolute path such as /api/v1/users/00u1, with parameters percent-encoded.");
  };
  if (!path.starts_with('/') || path.size() > kMaxPath) return refuse("is not acceptable");
  for (char c : path) {
    bool plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
        std::string_view("-._~!$&'()*+,;=:@%/").find(c) != std::string_view::npos;  // RFC 3986 pchar, "/"
    if (!plain) return refuse("holds a character that must be percent-encoded");
  }
  std::string canonical;
  for (auto rest = path.substr(1); !rest.empty();) {
    auto segment = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(rest.size(), segment.size() + 1));
    auto decoded = core::percent_decode(segment.substr(0, segment.find(';')));
    if (!decoded) return refuse("has a broken percent escape");
    if (*decoded == "." || *decoded == ".." || decoded->find_first_of("/\\") != std::string::npos) {
      return refuse("has a segment that could lead elsewhere");
    }
    if (!decoded->empty()) canonical += "/" + *decoded;
  }
  return canonical;
}

// Operations the catalogue does not know share a few buckets, so that odd paths cannot fill the governor's
// table.
std::string_view bucket_of(const catalogue::Operation* operation, std::string_view path) {
  if (operation) return operation->bucket;
  for (std::string_view prefix : {"/api/v1", "/oauth2"}) {
    if (path.starts_with(prefix)) return prefix;
  }
  return "/";
}

class HttpOrg final : public Org {
 public:
  HttpOrg(OrgOptions options, std::string origin, net::HttpClient& http, oauth::TokenSource& tokens,
          core::Clock& clock, core::Random& random)
      : options_(std::move(options)),
        origin_(std::move(origin)),
        http_(http),
        tokens_(tokens),
        governor_({.reserve_percent = std::clamp(options_.reserve_percent, 0, 90),
                   .max_concurrent = std::max(1, options_.max_concurrent),
                   .max_rate_wait = options_.max_rate_wait},
                  clock, random) {}

  core::Result<Response> call(const core::Context& context, const Request& request) override;
  const std::string& url() const override { return origin_; }
  core::json::Object rate_limits() const override { return governor_.state(); }
  oauth::TokenSource& tokens() override { return tokens_; }

 private:
  // One call on its way: what has been tried so far.
  struct Attempts {
    int rate = 0;
    int transient = 0;
    bool fresh_token = false;
    oauth::DpopAttempts dpop;
    std::optional<core::Error> refusal;  // the last 429
  };

  core::Status check_scopes(const catalogue::Operation& operation) const;
  core::Result<net::HttpRequest> build(const Request& request, const oauth::AccessToken& token,
                                       Attempts& attempts) const;
  static bool again_with_proof(const net::HttpRequest& request, const oauth::AccessToken& token,
                               const net::HttpResponse& answer, Attempts& attempts);
  bool again_after_loss(const core::Context& context, const core::Error& error, bool write,
                        Attempts& attempts);
  bool again_after_refusal(const core::Context& context, const net::HttpResponse& answer,
                           const std::optional<RateLimit>& heard, const core::Error& error,
                           std::string_view bucket, bool write, Attempts& attempts);
  bool pause(const core::Context& context, std::string_view why, Attempts& attempts, int cost = 1);

  const OrgOptions options_;
  const std::string origin_;
  net::HttpClient& http_;
  oauth::TokenSource& tokens_;
  RateGovernor governor_;
};

core::Result<Response> HttpOrg::call(const core::Context& context, const Request& request) {
  ASSIGN_OR_RETURN(const auto canonical, canonical_path(request.path));
  const auto method = net::to_string(request.method);
  const auto* operation = catalogue::match_operation(method, canonical);
  const bool write = operation ? catalogue::is_write(operation->effect) : !reads_by_method(request.method);
  if (write && options_.read_only) {
    return core::fail(
        ErrorKind::forbidden, "okta.read_only",
        fmt::format("{} {} would change the org, and this server is read-only; nothing was sent.", method,
                    request.path),
        "An administrator of this server can allow changes by turning read-only mode off.");
  }
  if (operation) RETURN_IF_ERROR(check_scopes(*operation));

  const auto bucket = bucket_of(operation, canonical);
  const auto give_up = governor_.give_up();
  Attempts attempts;
  for (;;) {
    auto permit = governor_.admit(context, bucket, give_up);
    if (!permit) {
      core::Error error = std::move(permit).error();
      if (attempts.refusal && error.code == "okta.rate_limited") {
        // It was Okta who refused; our part is only that the wait for its window is too long.
        attempts.refusal->message += " " + error.message;
        attempts.refusal->hint = error.hint;
        error = *std::move(attempts.refusal);
      }
      return std::unexpected(std::move(error));
    }
    std::optional<RateGovernor::Permit> in_flight(*std::move(permit));
    ASSIGN_OR_RETURN(auto token, tokens_.token(context));
    const Question question{.method = method,
                            .path = request.path,
                            .write = write,
                            .operation = operation,
                            .origin = origin_,
                            .token_scopes = token->scopes,
                            .api_token = token->scheme == "SSWS",
                            .bound = token->dpop != nullptr};
    ASSIGN_OR_RETURN(const auto outgoing, build(request, *token, attempts));
    auto answer = http_.send(context, outgoing);
    if (!answer) {
      in_flight.reset();  // a pause holds no place among the requests in flight
      core::Error error = std::move(answer).error();
      if (again_after_loss(context, error, write, attempts)) continue;
      if (!write || !net::may_have_been_sent(error)) return std::unexpected(std::move(error));
      return std::unexpected(unknown_outcome(
          question, error.kind,
          fmt::format("{} {} was sent, but no answer came: {}", method, request.path, error.message)));
    }
    const auto heard = governor_.learn(bucket, answer->headers);
    if (token->dpop) token->dpop->learn(oauth::DpopServer::resource, outgoing.url, answer->headers);
    in_flight.reset();
    if (core::log_enabled(core::LogLevel::debug)) {
      core::log(core::LogLevel::debug, "okta", "request",
                {{"method", method},
                 {"path", request.path},
                 {"status", answer->status},
                 {"us", answer->elapsed.count()},
                 {"request_id", one_line(answer->headers.get("X-Okta-Request-Id"), 100)}});
    }
    auto result = read_answer(question, *answer);
    if (result) {
      result->rate_limit = heard;
      return result;
    }
    if (again_with_proof(outgoing, *token, *answer, attempts)) continue;
    if (is_about_token(result.error()) && !attempts.fresh_token) {
      attempts.fresh_token = true;
      tokens_.reject(*token);
      continue;
    }
    if (!again_after_refusal(context, *answer, heard, result.error(), bucket, write, attempts)) return result;
  }
}

// A scope that is configured may still not be granted: what the token was given counts. With the manage scope
// where a read scope is needed, and with one of several scopes, Okta has the last word.
core::Status HttpOrg::check_scopes(const catalogue::Operation& operation) const {
  if (operation.scopes.empty()) return {};
  const auto granted = tokens_.granted_scopes();
  if (!granted || granted->empty()) return {};
  for (auto scope : operation.scopes) {
    if (catalogue::may_suffice(*granted, scope)) return {};
  }
  std::string needed;
  for (auto scope : operation.scopes) needed += (needed.empty() ? "" : " and ") + std::string(scope);
  return core::fail(
      ErrorKind::forbidden, "okta.scope",
      fmt::format("{} {} needs the scope {}, which this sign-in was not granted; nothing was sent.",
                  operation.method, operation.path, needed),
      fmt::format("Add {} to OKTA_SCOPES, grant it to the app in the Admin Console (Okta API Scopes), and "
                  "sign in again.",
                  needed));
}

core::Result<net::HttpRequest> HttpOrg::build(const Request& request, const oauth::AccessToken& token,
                                              Attempts& attempts) const {
  net::HttpRequest outgoing{
      .method = request.method, .url = origin_ + request.path, .headers = request.headers};
  if (!request.query.empty()) outgoing.url += "?" + net::encode_query(request.query);
  outgoing.headers.set("Authorization", token.scheme + " " + token.value.reveal());
  outgoing.headers.remove("DPoP");  // Org's own, like Authorization
  if (token.dpop) {
    attempts.dpop.proved = true;
    attempts.dpop.skew = token.dpop->skew();
    ASSIGN_OR_RETURN(auto proof, token.dpop->proof(oauth::DpopServer::resource, request.method, outgoing.url,
                                                   token.value.reveal()));
    outgoing.headers.set("DPoP", std::move(proof.text));
    attempts.dpop.nonce = std::move(proof.nonce);
  }
  outgoing.headers.set("User-Agent", options_.user_agent);
  if (!outgoing.headers.has("Accept")) outgoing.headers.set("Accept", "application/json");
  if (request.body) {
    outgoing.body = core::json::write(*request.body);
    if (!outgoing.headers.has("Content-Type")) outgoing.headers.set("Content-Type", "application/json");
  }
  outgoing.total_timeout = options_.request_timeout;
  outgoing.idle_timeout = std::min<milliseconds>(outgoing.idle_timeout, options_.request_timeout);
  outgoing.max_response_bytes = options_.max_answer_bytes;
  return outgoing;
}

// The server wants its nonce in the proof, or reads another time than this machine. It has refused to
// authenticate the request and done nothing of it, so that a write may go again as well.
bool HttpOrg::again_with_proof(const net::HttpRequest& request, const oauth::AccessToken& token,
                               const net::HttpResponse& answer, Attempts& attempts) {
  if (!token.dpop) return false;
  const std::string error = dpop_error(answer);
  const oauth::DpopRefusal refusal{.status = answer.status,
                                   .error = error,
                                   .nonce = token.dpop->nonce(oauth::DpopServer::resource, request.url),
                                   .skew = token.dpop->skew()};
  if (oauth::next_step(attempts.dpop, refusal) == oauth::DpopStep::give_up) return false;
  core::log(core::LogLevel::debug, "okta", "asking again with a new DPoP proof", {{"reason", error}});
  return true;
}

// The connection failed. Repeating is safe for reads, and for anything that never left.
bool HttpOrg::again_after_loss(const core::Context& context, const core::Error& error, bool write,
                               Attempts& attempts) {
  if (write && net::may_have_been_sent(error)) return false;
  // A timeout has cost its caller enough: once more, and no more.
  if (error.code == "net.timeout")
    return pause(context, "Okta did not answer in time", attempts, kTransientRetries);
  bool passing = error.code == "net.connect" || error.code == "net.connect_timeout" ||
                 error.code == "net.reset" || error.code == "net.truncated";
  return passing && pause(context, "The connection to Okta failed", attempts);
}

// Okta refused. A 429 was not carried out, whatever its method; a gateway's 502, 503 or 504 may have been.
bool HttpOrg::again_after_refusal(const core::Context& context, const net::HttpResponse& answer,
                                  const std::optional<RateLimit>& heard, const core::Error& error,
                                  std::string_view bucket, bool write, Attempts& attempts) {
  if (answer.status == 429) {
    if (!ends_with_window(error) || attempts.rate == kRateRetries) return false;
    // A violation of the concurrency limit shows as a limit of 0 ("Concurrency limits"); the words are a
    // fallback.
    bool concurrency = (heard && heard->limit == 0) ||
                       (error.upstream && error.upstream->summary.find("oncurren") != std::string::npos);
    if (concurrency) {
      governor_.refused_concurrency();
    } else {
      governor_.refused(bucket, answer.headers, attempts.rate);
    }
    ++attempts.rate;
    attempts.refusal = error;
    return true;  // admit() does the waiting
  }
  bool passing = answer.status == 502 || answer.status == 503 || answer.status == 504;
  return passing && !write && pause(context, fmt::format("Okta answered {}", answer.status), attempts);
}

bool HttpOrg::pause(const core::Context& context, std::string_view why, Attempts& attempts, int cost) {
  if (attempts.transient >= kTransientRetries) return false;
  auto length = kFirstPause * (1 << attempts.transient);
  attempts.transient += cost;
  return governor_.pause(context, length, why);
}

}  // namespace

core::Result<std::unique_ptr<Org>> Org::create(OrgOptions options, net::HttpClient& http,
                                               oauth::TokenSource& tokens, core::Clock& clock,
                                               core::Random& random) {
  auto refuse = [&](std::string_view why) {
    return core::fail(ErrorKind::invalid_input, "okta.url",
                      fmt::format("The org URL \"{}\" {}.", one_line(options.url, 200), why),
                      "Set OKTA_ORG_URL to the org's address, such as https://example.okta.com.");
  };
  auto url = net::parse_url(options.url);
  if (!url) return refuse("is not a URL");
  if (url->scheme != "https" && !net::is_loopback_host(url->host)) {
    return refuse("is not https (plain http is for loopback addresses only)");
  }
  if (url->has_userinfo || url->has_fragment || !url->query.empty() || url->path != "/") {
    return refuse("holds more than scheme and host");
  }
  auto origin = url->origin();
  return std::make_unique<HttpOrg>(std::move(options), std::move(origin), http, tokens, clock, random);
}

}  // namespace okta
