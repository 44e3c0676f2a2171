#include "net/transfer_error.h"

#include <algorithm>
#include <array>
#include <curl/curl.h>
#include <fmt/format.h>

#include "core/log.h"

namespace net {
namespace {

using core::Error;
using core::ErrorKind;

constexpr std::array kTlsCodes{
    CURLE_SSL_CONNECT_ERROR,
    CURLE_SSL_ENGINE_NOTFOUND,
    CURLE_SSL_ENGINE_SETFAILED,
    CURLE_SSL_CERTPROBLEM,
    CURLE_SSL_CIPHER,
    CURLE_PEER_FAILED_VERIFICATION,
    CURLE_USE_SSL_FAILED,
    CURLE_SSL_ENGINE_INITFAILED,
    CURLE_SSL_CACERT_BADFILE,
    CURLE_SSL_CRL_BADFILE,
    CURLE_SSL_ISSUER_ERROR,
    CURLE_SSL_PINNEDPUBKEYNOTMATCH,
    CURLE_SSL_INVALIDCERTSTATUS,
    CURLE_SSL_CLIENTCERT,
};

Error make(ErrorKind kind, std::string code, std::string message, std::string hint) {
  return {.kind = kind, .code = std::move(code), .message = std::move(message), .hint = std::move(hint)};
}

// libcurl's words in brackets: they say which certificate check failed, or which system call.
std::string quoted(const FailedTransfer& failed) {
  if (failed.detail.empty()) return {};
  std::string detail = core::redact(failed.detail).substr(0, 300);
  while (!detail.empty() && (detail.back() == '\n' || detail.back() == '.')) detail.pop_back();
  return fmt::format(" ({})", detail);
}

Error unresolved(const FailedTransfer& failed) {
  return make(ErrorKind::unavailable, "net.dns",
              fmt::format("The host of {} could not be found.", failed.origin),
              "Check the spelling of the URL, and that this machine can look up names (DNS server, VPN).");
}

Error proxy_refused(const FailedTransfer& failed) {
  const std::string origin = failed.origin;
  const std::string what =
      failed.connect_status != 0
          ? fmt::format("The proxy {} answered {} when asked for {}.", failed.proxy, failed.connect_status,
                        origin)
          : fmt::format("The proxy {} could not be used for {}{}.", failed.proxy, origin, quoted(failed));
  return make(
      ErrorKind::unavailable, "net.proxy", what,
      failed.connect_status == 407
          ? "It wants a user name and password, or does not accept those it was given: write them into "
            "https_proxy "
            "as http://user:password@host:port, special characters percent-encoded."
          : "The proxy comes from https_proxy, http_proxy or all_proxy; list the host in no_proxy to go "
            "around it.");
}

Error unconnected(const FailedTransfer& failed) {
  return make(
      ErrorKind::unavailable, "net.connect",
      fmt::format("No connection to {}{}.", failed.origin, quoted(failed)),
      "Nothing listens there, or a firewall is in between. Check host and port; where only a proxy reaches "
      "the Internet, set https_proxy.");
}

Error tls_failed(const FailedTransfer& failed) {
  const auto hint = [&]() -> std::string {
    if (failed.curl_code == CURLE_SSL_CACERT_BADFILE) {
      return "The file of trusted certificates cannot be read: check the CA file's path, or install the "
             "package "
             "ca-certificates.";
    }
    if (failed.curl_code == CURLE_PEER_FAILED_VERIFICATION) {
      // OpenSSL's words for a certificate out of its time.
      if (failed.detail.contains("expired") || failed.detail.contains("not yet valid")) {
        return "Check this machine's date and time (timedatectl): a wrong clock makes good certificates look "
               "out "
               "of date. If it is right, the server's certificate has to be renewed.";
      }
      return "Something in between may inspect TLS (a company proxy, an antivirus), or the server has a "
             "private "
             "certificate. If that is meant to be so, make this machine trust its CA: copy it as a PEM file "
             "with "
             "the ending .crt to /usr/local/share/ca-certificates and run update-ca-certificates.";
    }
    return "The port may not speak TLS (http:// is accepted for loopback addresses only), or something in "
           "between "
           "breaks the connection.";
  }();
  return make(ErrorKind::unavailable, "net.tls",
              fmt::format("No secure connection to {}{}.", failed.origin, quoted(failed)), hint);
}

Error connect_timeout(const FailedTransfer& failed) {
  std::string what = fmt::format("No connection to {} in time.", failed.origin);
  std::string hint =
      "A firewall may swallow the packets; where only a proxy reaches the Internet, set https_proxy.";
  if (!failed.started) {
    what = fmt::format("All connections to {} stayed busy until the time was up.", failed.origin);
    hint = "Ask for less at once, or allow more time.";
  } else if (!failed.proxy.empty()) {
    what = fmt::format("No connection to {} through the proxy {} in time.", failed.origin, failed.proxy);
    hint = "Check the proxy in https_proxy or all_proxy.";
  } else if (!failed.resolved) {
    what = fmt::format("The host of {} was not found in time.", failed.origin);
    hint = "The DNS server does not answer. Check the network or VPN.";
  }
  return make(ErrorKind::timeout, "net.connect_timeout", what, hint);
}

Error answer_timeout(const FailedTransfer& failed, std::string_view why) {
  return make(ErrorKind::timeout, "net.timeout",
              fmt::format("{} {}: {}.", failed.target,
                          failed.answered ? "did not finish its answer" : "did not answer", why),
              "The service is slow or stuck. A read can be tried again; after a write, first look whether it "
              "was done.");
}

Error too_large(const FailedTransfer& failed) {
  return failed.end == TransferEnd::headers_too_large
             ? make(ErrorKind::too_large, "net.too_large",
                    fmt::format("The answer of {} has more headers than are read.", failed.target),
                    "Check that the URL is the service you mean.")
             : make(ErrorKind::too_large, "net.too_large",
                    fmt::format("The answer of {} is larger than {} bytes.", failed.target, failed.limit),
                    "Ask for fewer items at a time.");
}

Error cancelled(const FailedTransfer& failed) {
  return failed.sent
             ? make(ErrorKind::cancelled, "net.cancelled",
                    fmt::format("The request to {} was cancelled; it may have been received.", failed.target),
                    {})
             : make(ErrorKind::cancelled, "net.cancelled_unsent",
                    fmt::format("The request to {} was cancelled before it was sent.", failed.target), {});
}

Error broken(const FailedTransfer& failed) {
  if (failed.answered) {
    return make(
        ErrorKind::unavailable, "net.truncated",
        fmt::format("The answer of {} ended early{}.", failed.target, quoted(failed)),
        "The service or something in between dropped the connection. A read can be tried again; after a "
        "write, first look whether it was done.");
  }
  return make(
      ErrorKind::unavailable, "net.reset",
      fmt::format("The connection to {} broke before an answer came{}.", failed.target, quoted(failed)),
      "A read can be tried again; after a write, first look whether it was done.");
}

Error not_http(const FailedTransfer& failed) {
  return make(ErrorKind::protocol, "net.protocol",
              fmt::format("{} did not answer in proper HTTP{}.", failed.target, quoted(failed)),
              "Check that the URL's port is an HTTP service.");
}

Error from_libcurl(const FailedTransfer& failed) {
  const auto code = static_cast<CURLcode>(failed.curl_code);
  if (code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_PROXY) return proxy_refused(failed);
  if (code == CURLE_COULDNT_RESOLVE_HOST) return unresolved(failed);
  if (std::ranges::find(kTlsCodes, code) != kTlsCodes.end() && !failed.answered) return tls_failed(failed);
  if (code == CURLE_FILESIZE_EXCEEDED) return too_large(failed);
  if (code == CURLE_OPERATION_TIMEDOUT) {
    return failed.sent ? answer_timeout(failed, "the connection stalled") : connect_timeout(failed);
  }
  if (!failed.sent) {
    if (!failed.proxy.empty()) return proxy_refused(failed);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
      return make(ErrorKind::invalid_input, "net.url",
                  fmt::format("{} cannot be fetched{}.", failed.origin, quoted(failed)), "Check the URL.");
    }
    return unconnected(failed);
  }
  switch (code) {
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2_STREAM:
      return broken(failed);
    default:
      return not_http(failed);
  }
}

}  // namespace

Error explain(const FailedTransfer& failed) {
  switch (failed.end) {
    case TransferEnd::cancelled:
      return cancelled(failed);
    case TransferEnd::deadline:
      return failed.sent ? answer_timeout(failed, "the time allowed is over") : connect_timeout(failed);
    case TransferEnd::idle:
      return answer_timeout(failed, "nothing moved for too long");
    case TransferEnd::body_too_large:
    case TransferEnd::headers_too_large:
      return too_large(failed);
    case TransferEnd::not_repeated:
      return broken(failed);
    case TransferEnd::codings:
      return make(ErrorKind::protocol, "net.protocol",
                  fmt::format("The answer of {} is compressed more than once.", failed.target),
                  "No client needs that; the server, or something in between, is set up wrongly.");
    case TransferEnd::address:
      return make(
          ErrorKind::forbidden, "net.address",
          fmt::format("The host of {} is {}, which is not reached from here.", failed.origin, failed.refused),
          "Give a URL on the public Internet, or have the network allowed in the settings.");
    case TransferEnd::libcurl:
      break;
  }
  return from_libcurl(failed);
}

std::string proxy_name(std::string_view proxy_url) {
  if (const auto scheme = proxy_url.find("://"); scheme != std::string_view::npos) {
    proxy_url.remove_prefix(scheme + 3);
  }
  proxy_url = proxy_url.substr(0, proxy_url.find('/'));
  if (const auto at = proxy_url.rfind('@'); at != std::string_view::npos) proxy_url.remove_prefix(at + 1);
  return std::string(proxy_url);
}

}  // namespace net
