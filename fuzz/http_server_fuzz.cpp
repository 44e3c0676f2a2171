// A real HttpServer on a loopback socket in this process: any bytes. It answers with whole responses or none,
// never more of them than there were requests, and closes once the client has said all it has to say.
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <netinet/in.h>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "invariant.h"
#include "net/http_server.h"

namespace {

using fuzz::demand;

constexpr std::size_t kMaxBody = 4096;

net::HttpServer& server() {
  static const std::unique_ptr<net::HttpServer> running = [] {
    net::HttpServerOptions options;
    options.workers = 1;
    options.max_body_bytes = kMaxBody;
    options.max_header_bytes = 4096;
    auto started = net::HttpServer::start(options, [](const net::ServerRequest& request) {
      demand(request.body.size() <= kMaxBody, "a handler sees no body beyond the limit");
      demand(!request.headers.has("Transfer-Encoding") || !request.headers.has("Content-Length"),
             "a handler sees one framing");
      demand(request.path.starts_with('/') || request.path == "*", "a path is absolute", request.path);
      net::ServerResponse response;
      response.headers.add("Content-Type", "application/octet-stream");
      response.body = request.body;
      return response;
    });
    demand(started.has_value(), "the server starts");
    return std::move(*started);
  }();
  return *running;
}

std::string exchange(std::string_view bytes) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  demand(fd >= 0, "a socket");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(server().port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  // Longer than any answer takes, shorter than the timeouts of the server: waiting for those is a finding.
  const timeval patience{.tv_sec = 8, .tv_usec = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  std::string answer;
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n < 0 && errno == EINTR) continue;  // libFuzzer's timer
      if (n <= 0) break;                      // refused before its end: the answer is there already
      sent += static_cast<std::size_t>(n);
    }
    ::shutdown(fd, SHUT_WR);
    char piece[4096];
    for (;;) {
      const ssize_t n = ::recv(fd, piece, sizeof piece, 0);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0)
        demand(errno == ECONNRESET, "the server closes when the client has nothing more to say", bytes);
      if (n <= 0) break;
      answer.append(piece, static_cast<std::size_t>(n));
    }
  }
  ::close(fd);
  return answer;
}

// Takes one response off the front. HEAD and 304 have no body, so a length may be said that does not follow.
bool take_response(std::string_view& rest) {
  if (!rest.starts_with("HTTP/1.1 ")) return false;
  const std::size_t head = rest.find("\r\n\r\n");
  if (head == std::string_view::npos) return false;
  std::size_t length = 0;
  const std::string_view lines = rest.substr(0, head + 2);
  if (const std::size_t at = lines.find("Content-Length: "); at != std::string_view::npos) {
    for (std::size_t i = at + 16; lines[i] >= '0' && lines[i] <= '9'; ++i)
      length = length * 10 + static_cast<std::size_t>(lines[i] - '0');
  }
  rest.remove_prefix(head + 4);
  if (rest.size() >= length && !rest.starts_with("HTTP/1.1 ")) rest.remove_prefix(length);
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const std::string answer = exchange(bytes);
  // An echoed body may look like a response of its own; such inputs only have to be survived.
  if (bytes.find("HTTP/1.1 2") != std::string_view::npos || bytes.find("HEAD") != std::string_view::npos)
    return 0;
  std::string_view rest = answer;
  while (!rest.empty()) demand(take_response(rest), "an answer is a row of whole responses", answer);
  return 0;
}
