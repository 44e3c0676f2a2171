#include "net/probe.h"

#include <arpa/inet.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <future>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

#include "core/encoding.h"
#include "core/log.h"
#include "net/proxy.h"
#include "net/transfer_error.h"

namespace net {
namespace {

using core::ErrorKind;
using core::fail;
using Steady = std::chrono::steady_clock;

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  std::string text;
};

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

bool wait_for(int fd, short events, Steady::time_point until) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Steady::now()).count();
    if (left <= 0) return false;
    pollfd one{.fd = fd, .events = events, .revents = 0};
    const int ready = ::poll(&one, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

core::Result<std::vector<Address>> look_up(const std::string& host, std::uint16_t port,
                                           std::chrono::milliseconds timeout) {
  using Found = std::pair<int, std::vector<Address>>;
  auto promise = std::make_shared<std::promise<Found>>();
  auto future = promise->get_future();
  // getaddrinfo() cannot be given up; a thread that is late ends by itself.
  std::thread([promise, host, port] {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    Found found;
    found.first = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
      Address address{.size = each->ai_addrlen};
      std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
      char text[NI_MAXHOST] = "";
      ::getnameinfo(each->ai_addr, each->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST);
      address.text = text;
      found.second.push_back(std::move(address));
    }
    if (list != nullptr) ::freeaddrinfo(list);
    promise->set_value(std::move(found));
  }).detach();
  if (future.wait_for(timeout) != std::future_status::ready) {
    return fail(ErrorKind::timeout, "net.dns", fmt::format("Looking up {} takes too long.", host),
                "The DNS server does not answer. Check the network or VPN.");
  }
  auto [status, addresses] = future.get();
  if (status != 0) {
    return fail(ErrorKind::unavailable, "net.dns",
                fmt::format("{} could not be found ({}).", host, ::gai_strerror(status)),
                "Check the spelling of the URL, and that this machine can look up names (DNS server, VPN).");
  }
  return std::move(addresses);
}

core::Result<Socket> connect_to(const std::vector<Address>& addresses, const std::string& name,
                                std::chrono::milliseconds timeout) {
  std::string reason = "no address";
  const auto until = Steady::now() + timeout;
  for (const auto& address : addresses) {
    Socket socket(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (socket.fd() < 0) {
      reason = std::strerror(errno);
      continue;
    }
    int outcome = 0;
    if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) {
      outcome = errno;
      if (outcome == EINPROGRESS) {
        if (!wait_for(socket.fd(), POLLOUT, until)) {
          return fail(ErrorKind::timeout, "net.connect_timeout",
                      fmt::format("No connection to {} in time.", name),
                      "A firewall may swallow the packets; where only a proxy reaches the Internet, set "
                      "https_proxy.");
        }
        socklen_t size = sizeof outcome;
        ::getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &outcome, &size);
      }
    }
    if (outcome == 0) return socket;
    reason = fmt::format("{}: {}", address.text, std::strerror(outcome));
  }
  return fail(ErrorKind::unavailable, "net.connect", fmt::format("No connection to {} ({}).", name, reason),
              "Nothing listens there, or a firewall is in between. Check host and port; where only a proxy "
              "reaches the Internet, set https_proxy.");
}

// RFC 9110 section 9.3.6.
core::Status tunnel(int fd, const Url& url, const std::string& proxy_url, std::chrono::milliseconds timeout) {
  const auto until = Steady::now() + timeout;
  const std::string name = proxy_name(proxy_url);
  const std::string target =
      fmt::format("{}:{}", url.host.contains(':') ? "[" + url.host + "]" : url.host, url.port);
  std::string request = fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n", target);
  const auto begin = proxy_url.find("://") + 3;
  if (const auto at = proxy_url.rfind('@'); at != std::string::npos) {
    const auto login = core::percent_decode(proxy_url.substr(begin, at - begin));
    request += "Proxy-Authorization: Basic " + core::base64_encode(login.value_or("")) + "\r\n";
  }
  request += "\r\n";
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(request.size())) {
    return fail(ErrorKind::unavailable, "net.proxy", fmt::format("The proxy {} takes no request.", name), "");
  }
  std::string answer;
  while (!answer.contains("\r\n\r\n")) {
    char buffer[1024];
    if (answer.size() > 16384 || !wait_for(fd, POLLIN, until)) break;
    const ssize_t count = ::recv(fd, buffer, sizeof buffer, 0);
    if (count <= 0) break;
    answer.append(buffer, static_cast<std::size_t>(count));
  }
  if (answer.starts_with("HTTP/1.") && answer.size() > 12 && answer[9] == '2') return {};
  const std::string status =
      answer.starts_with("HTTP/") && answer.size() > 12 ? answer.substr(9, 3) : "nothing";
  return fail(
      ErrorKind::unavailable, "net.proxy",
      fmt::format("The proxy {} answered {} when asked for {}.", name, core::redact(status), target),
      status == "407"
          ? "It wants a password: write it into https_proxy as http://user:password@host:port."
          : "The proxy comes from https_proxy, http_proxy or all_proxy; list the host in no_proxy to go "
            "around it.");
}

std::string part(const X509_NAME* name, int what) {
  const int at = X509_NAME_get_index_by_NID(name, what, -1);
  if (at < 0) return {};
  unsigned char* text = nullptr;
  const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return {};
  std::string out(reinterpret_cast<const char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return out;
}

core::Result<Certificate> handshake(int fd, const std::string& host, std::chrono::milliseconds timeout) {
  const auto until = Steady::now() + timeout;
  ERR_clear_error();
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_client_method()),
                                                                  &SSL_CTX_free);
  const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(context ? SSL_new(context.get()) : nullptr, &SSL_free);
  if (!ssl) return fail(ErrorKind::internal, "net.tls", "OpenSSL cannot start.");
  SSL_CTX_set_default_verify_paths(context.get());
  // Looked at afterwards: a certificate that is not trusted is what this is for.
  SSL_set_verify(ssl.get(), SSL_VERIFY_NONE, nullptr);
  in_addr v4{};
  in6_addr v6{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1 || ::inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
  } else {
    SSL_set1_host(ssl.get(), host.c_str());
    SSL_set_tlsext_host_name(ssl.get(), host.c_str());
  }
  SSL_set_fd(ssl.get(), fd);
  for (;;) {
    const int done = SSL_connect(ssl.get());
    if (done == 1) break;
    const int want = SSL_get_error(ssl.get(), done);
    const bool more = (want == SSL_ERROR_WANT_READ && wait_for(fd, POLLIN, until)) ||
                      (want == SSL_ERROR_WANT_WRITE && wait_for(fd, POLLOUT, until));
    if (more) continue;
    const char* reason = ERR_reason_error_string(ERR_peek_last_error());
    auto failed = fail(ErrorKind::unavailable, "net.tls",
                       fmt::format("No secure connection to {} ({}).", host,
                                   reason != nullptr ? reason : "the handshake stopped"),
                       "The port may not speak TLS, or something in between breaks the connection.");
    ERR_clear_error();
    return failed;
  }
  const std::unique_ptr<X509, decltype(&X509_free)> leaf(SSL_get1_peer_certificate(ssl.get()), &X509_free);
  if (!leaf) return fail(ErrorKind::unavailable, "net.tls", fmt::format("{} shows no certificate.", host));
  Certificate out;
  out.subject = part(X509_get_subject_name(leaf.get()), NID_commonName);
  out.issuer_organization = part(X509_get_issuer_name(leaf.get()), NID_organizationName);
  out.issuer = out.issuer_organization;
  const std::string name = part(X509_get_issuer_name(leaf.get()), NID_commonName);
  if (!name.empty()) out.issuer += (out.issuer.empty() ? "" : ", ") + name;
  std::tm expires{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(leaf.get()), &expires) == 1) {
    out.expires = core::WallTime{std::chrono::seconds{::timegm(&expires)}};
  }
  const long verdict = SSL_get_verify_result(ssl.get());
  out.trusted = verdict == X509_V_OK;
  if (!out.trusted) out.distrust = X509_verify_cert_error_string(verdict);
  ERR_clear_error();
  return out;
}

}  // namespace

Probe probe(const Url& url, const ProbeOptions& options) {
  Probe out;
  const auto variable = options.variable ? options.variable : [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string proxy_url = proxy_for(url, read_proxy_settings(variable));
  std::string host = url.host;
  std::uint16_t port = url.port;
  std::string name = url.origin();
  bool tunnelled = false;
  if (!proxy_url.empty()) {
    out.proxy = name = proxy_name(proxy_url);
    tunnelled = !proxy_url.contains("://") || proxy_url.starts_with("http://");
    const auto parsed = parse_url("http://" + out.proxy);
    if (!parsed) {
      out.lookup = fail(ErrorKind::invalid_input, "net.proxy",
                        fmt::format("\"{}\" is no address of a proxy.", out.proxy),
                        "Write https_proxy as http://host:port.");
      return out;
    }
    host = parsed->host;
    // Without a port libcurl takes 1080 for a proxy.
    const bool has_port = out.proxy.rfind(':') != std::string::npos && !out.proxy.ends_with(']');
    port = has_port ? parsed->port : 1080;
  }
  auto addresses = look_up(host, port, options.stage_timeout);
  if (!addresses) {
    out.lookup = std::unexpected(std::move(addresses).error());
    return out;
  }
  std::vector<std::string> texts;
  texts.reserve(addresses->size());
  for (const auto& address : *addresses) texts.push_back(address.text);
  out.lookup = std::move(texts);
  auto socket = connect_to(*addresses, name, options.stage_timeout);
  if (!socket) {
    out.connection = std::unexpected(std::move(socket).error());
    return out;
  }
  out.connection = core::Status{};
  if (url.scheme != "https") return out;
  if (!proxy_url.empty()) {
    if (!tunnelled) return out;
    const std::string full = proxy_url.contains("://") ? proxy_url : "http://" + proxy_url;
    if (auto open = tunnel(socket->fd(), url, full, options.stage_timeout); !open) {
      out.certificate = std::unexpected(std::move(open).error());
      return out;
    }
  }
  out.certificate = handshake(socket->fd(), url.host, options.stage_timeout);
  return out;
}

}  // namespace net
