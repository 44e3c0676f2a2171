// The org authorization server's token and device authorization endpoints (RFC 6749 section 3.2, RFC 8628
// section 3.1): posts forms, reads the answers strictly, and turns every other outcome into an Error in plain
// words (token_error.h).
//
// Errors beside those of token_error.h and net.*:
//   oauth.org_url        OKTA_ORG_URL is not the https (or loopback http) origin of an org
//   oauth.not_an_org     no token endpoint there: 404, an HTML page
//   oauth.redirect       the org URL redirects elsewhere
//   oauth.empty_answer   success, and nothing in it
//   oauth.bad_answer     success, but not what RFC 6749 section 5.1 asks for
//   oauth.http_NNN       an error status with nothing in it that explains it
// No secret that was sent or received stands in any of them.
//
// DPoP (RFC 9449) happens here, for every grant, when the org asks for it: the refused request is made again
// with a proof, and once more when the org wants its nonce in it. From then on each request carries a proof.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/context.h"
#include "core/random.h"
#include "core/result.h"
#include "core/secret.h"
#include "net/http_client.h"
#include "net/url.h"
#include "oauth/dpop.h"
#include "oauth/token_error.h"

namespace oauth {

// The longest a token request may take, retry not counted.
constexpr std::chrono::seconds kTokenRequestTimeout{25};

// A success (RFC 6749 section 5.1).
struct TokenAnswer {
  core::Secret access_token;
  core::Secret refresh_token;          // empty when there was none
  std::string scheme = "Bearer";       // or "DPoP": bound to the prover's key
  std::shared_ptr<DpopProver> prover;  // that proved possession in the request; null when none was asked for
  std::vector<std::string> scopes;     // granted; empty when the server did not say
  std::chrono::seconds lifetime{0};    // expires_in; 5 minutes when the server did not say
  core::WallTime obtained_at{};        // when the request left, by this machine's clock
  core::WallTime expires_at() const { return obtained_at + lifetime; }
};

// RFC 8628 section 3.2, not yet judged: device_grant.cpp does that.
struct DeviceAnswer {
  core::Secret device_code;
  std::string user_code;
  std::string verification_uri;
  std::string verification_uri_complete;  // "" when there was none
  std::chrono::seconds lifetime{0};
  std::chrono::seconds interval{5};  // RFC 8628 section 3.2: 5 when the server does not say
};

struct TokenEndpointOptions {
  std::string org_url;    // "https://example.okta.com", a trailing slash is forgiven
  net::HttpClient& http;  // all three outlive the endpoint and the tokens it gave
  core::Clock& clock;
  core::Random& random = core::system_random();
};

// Thread-safe.
class TokenEndpoint {
 public:
  static core::Result<std::unique_ptr<TokenEndpoint>> create(const TokenEndpointOptions& options);

  const std::string& org() const { return org_; }  // origin, no trailing slash
  // {org}/oauth2/v1/token: where requests go, and the audience of client assertions.
  const std::string& url() const { return token_url_; }

  // Called for each attempt: an assertion in the form is good for one request only (RFC 7523 section 3,
  // `jti`).
  using MakeForm = std::function<core::Result<net::Query>()>;

  // The form's values are wiped before it returns. A request that failed before it was sent is sent once
  // more; a request that was refused over DPoP as next_step() has it, five times in all at most.
  core::Result<TokenAnswer> request_token(const core::Context& context, Grant grant,
                                          const MakeForm& make_form);
  core::Result<TokenAnswer> request_token(const core::Context& context, Grant grant, net::Query form);
  core::Result<DeviceAnswer> authorize_device(const core::Context& context, const net::Query& form);

  // The key that this client's tokens are bound to, once the org has asked. For TokenCacheOptions.
  DpopBinding& dpop() { return dpop_; }

  // The org's clock minus this machine's, as the last Date header showed it, never more than the truth (the
  // header is cut to the second and travelled); zero before the first answer.
  std::chrono::milliseconds skew() const { return std::chrono::milliseconds{skew_ms_.load()}; }

 private:
  explicit TokenEndpoint(const TokenEndpointOptions& options, std::string org)
      : org_(std::move(org)),
        token_url_(org_ + "/oauth2/v1/token"),
        device_url_(org_ + "/oauth2/v1/device/authorize"),
        http_(options.http),
        clock_(options.clock),
        dpop_(options.clock, options.random) {}

  struct Answer;  // a success: its document, and when the request left
  // `answered` gets the answer's headers, whatever it was.
  core::Result<Answer> post(const core::Context& context, Grant grant, const std::string& url,
                            const net::Query& form, const DpopProof* proof, net::Headers& answered);
  core::Result<TokenAnswer> read_token(Answer posted, std::shared_ptr<DpopProver> prover) const;
  void learn_skew(const net::HttpResponse& response, core::WallTime received);
  core::Error refused(Grant grant, const net::Query& form, const std::string& url,
                      const net::HttpResponse& response) const;

  const std::string org_;
  const std::string token_url_;
  const std::string device_url_;
  net::HttpClient& http_;
  core::Clock& clock_;
  DpopBinding dpop_;
  std::atomic<std::int64_t> skew_ms_{0};
};

// Space-separated scope names (RFC 6749 section 3.3), in order, each once.
std::vector<std::string> split_scopes(std::string_view text);
std::string join_scopes(const std::vector<std::string>& scopes);

// What every token source checks when it is made. Errors oauth.client_id, oauth.scopes; each names the
// setting.
core::Status check_client(std::string_view client_id, const std::vector<std::string>& scopes);

}  // namespace oauth
