// What an HTTP answer of Okta means: a Response, or an Error that says what happened, why, and what to do
// next. Pure: nothing here sends, waits or remembers.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "catalogue/operations.h"
#include "core/result.h"
#include "net/http_client.h"
#include "okta/org.h"

namespace okta {

// What was asked, as far as reading the answer needs it.
struct Question {
  std::string_view method;  // "GET"
  std::string_view path;    // "/api/v1/users/00u1"
  bool write = false;       // by the catalogue, or by the method where it does not know
  const catalogue::Operation* operation = nullptr;  // may be null
  std::string_view origin;                          // of the org
  std::vector<std::string> token_scopes;            // of the token that was sent; empty when not known
  bool api_token = false;  // an SSWS token: it has no scopes, only its maker's admin roles
  bool bound = false;      // the token went with a proof of its key (DPoP)
};

// 2xx becomes a Response (without rate_limit), everything else an Error with `upstream` set.
core::Result<Response> read_answer(const Question& question, const net::HttpResponse& answer);

// The request may have been carried out, and nobody can tell: okta.unknown_outcome, with `what` as its
// message.
core::Error unknown_outcome(const Question& question, core::ErrorKind kind, std::string what);

// True for a 401 that is about the access token. Okta also answers 401 when a feature is off (E0000015) or
// when other credentials in the request are wrong (E0000004): a new token would change nothing.
bool is_about_token(const core::Error& error);

// What the answer has against the DPoP proof: "use_dpop_nonce", "invalid_dpop_proof", from the challenge (RFC
// 9449 sections 7.1 and 9) or from an OAuth error body, as Okta answers 400. Empty when it is about something
// else.
std::string dpop_error(const net::HttpResponse& answer);

// True for a 429 that ends with its window; false for counters that no header tells (mails, text messages,
// calls).
bool ends_with_window(const core::Error& error);

// True when `link` is on the org's own origin, or on its admin twin ("example-admin.okta.com"), which Okta
// writes into links now and then.
bool is_own_link(std::string_view origin, std::string_view link);

// Outside text on one line: control, bidirectional and zero-width characters gone, at most `max_bytes` long.
std::string one_line(std::string_view text, std::size_t max_bytes);

}  // namespace okta
