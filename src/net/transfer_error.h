// Turns the end of a transfer into the errors that http_client.h lists. Inside room net only.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace net {

// Who ended a transfer that did not succeed.
enum class TransferEnd {
  libcurl,            // see curl_code
  cancelled,          // context.stop
  deadline,           // total_timeout or context.deadline
  idle,               // idle_timeout
  body_too_large,     // max_response_bytes
  headers_too_large,  // a limit of the client's own
  not_repeated,       // libcurl wanted to send a write again
  codings,            // the body was coded more than once
  address,            // HttpRequest::addresses
};

struct FailedTransfer {
  TransferEnd end = TransferEnd::libcurl;
  int curl_code = 0;
  std::string detail;          // libcurl's words
  std::string origin;          // "https://example.okta.com"
  std::string target;          // origin and path: neither userinfo nor query, which may hold secrets
  std::string proxy;           // host and port, empty when there is none
  long connect_status = 0;     // the proxy's answer to CONNECT
  bool started = false;        // it had a connection slot
  bool resolved = false;       // the name lookup was done
  bool sent = false;           // a connection stood, and the request began to leave
  bool answered = false;       // a status line came back
  std::size_t limit = 0;       // of body_too_large
  std::string_view refused{};  // of address: what kind it is
};

core::Error explain(const FailedTransfer& failed);

// "host:port" of a proxy URL, without scheme and credentials.
std::string proxy_name(std::string_view proxy_url);

}  // namespace net
