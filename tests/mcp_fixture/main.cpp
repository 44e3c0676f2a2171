// mcp-fixture-server: room mcp alone, on stdin and stdout or over HTTP.
//
//   mcp-fixture-server --stdio
//   mcp-fixture-server --http HOST:PORT    port 0 picks a free one; the first line on stdout is the URL
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <signal.h>
#include <string>
#include <string_view>
#include <sys/signalfd.h>
#include <unistd.h>
#include <utility>

#include "core/job.h"
#include "core/job_store.h"
#include "core/log.h"
#include "fixture_tools.h"
#include "mcp/http_endpoint.h"
#include "mcp/stdio_transport.h"
#include "net/http_server.h"
#include "net/url.h"

namespace {

int give_up(const core::Error& error) {
  std::fprintf(stderr, "mcp-fixture-server: %s\n", core::describe(error).c_str());
  return 1;
}

// Readable when the process should end. Blocked before any thread starts, so that all threads inherit it.
int end_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  return signalfd(-1, &signals, SFD_CLOEXEC);
}

struct Place {
  std::string host;
  std::uint16_t port = 0;
};

std::optional<Place> parse_place(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  Place place{.host = std::string(text.substr(0, colon))};
  std::string_view digits = text.substr(colon + 1);
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), place.port);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return place;
}

int serve_http(mcp::Server& server, const Place& place, int end_fd) {
  constexpr auto kGrace = std::chrono::seconds{5};
  net::raise_descriptor_limit();
  auto endpoint =
      mcp::HttpEndpoint::create(server, {.origins = {.loopback = net::is_loopback_host(place.host)}});
  if (!endpoint) return give_up(endpoint.error());
  auto http = net::HttpServer::start_exchanges(
      {.host = place.host, .port = place.port, .max_connections = 16384},
      [&](std::shared_ptr<net::Exchange> exchange) { (*endpoint)->handle(std::move(exchange)); });
  if (!http) return give_up(http.error());
  std::printf("http://%s:%d/mcp\n", place.host.c_str(), int{(*http)->port()});
  std::fflush(stdout);

  signalfd_siginfo signal;
  if (::read(end_fd, &signal, sizeof signal) < 0) return 1;
  (*endpoint)->drain();
  (*http)->stop(kGrace);
  if (!server.settle(kGrace)) _exit(0);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string_view mode = argc > 1 ? argv[1] : "";
  auto place = argc == 3 && mode == "--http" ? parse_place(argv[2]) : std::nullopt;
  if (!place && (argc != 2 || mode != "--stdio")) {
    std::fprintf(stderr, "usage: mcp-fixture-server --stdio | --http HOST:PORT\n");
    return 2;
  }
  if (auto status = core::configure_log({}); !status) return give_up(status.error());
  int end_fd = end_signals();
  auto jobs = core::Jobs::create({.store = core::memory_job_store()});
  if (!jobs) return give_up(jobs.error());
  auto server =
      mcp::Server::create({.info = {.name = "mcp-fixture", .title = "MCP fixture", .version = "1.0.0"},
                           .instructions = "Fixtures for protocol tests.",
                           .jobs = jobs->get()});
  if (!server) return give_up(server.error());
  if (auto status = fixture::add_everything(**server, **jobs); !status) return give_up(status.error());
  if (place) return serve_http(**server, *place, end_fd);

  auto outcome = mcp::serve_stdio(**server, {.stop_fd = end_fd});
  if (!outcome) return give_up(outcome.error());
  if (!outcome->settled) _exit(0);
  return 0;
}
