// Echoes the body of a POST, so that wrk can measure the HTTP server beside nginx (bench/http.sh).
//
//   bench_http_echo HOST:PORT [--exchange] [--tls CERT KEY]
//
// Plain handlers run on two workers; with --exchange the answer is given on the event-loop thread.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <memory>
#include <string>
#include <string_view>

#include "net/http_server.h"

namespace {

net::ServerResponse echo(const net::ServerRequest& request) {
  return {.headers = {{"Content-Type", "application/json"}}, .body = request.body};
}

}  // namespace

int main(int argc, char** argv) {
  net::HttpServerOptions options{.workers = 2, .max_connections = 100'000};
  bool exchanges = false;
  std::string listen;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--exchange") {
      exchanges = true;
    } else if (argument == "--tls" && i + 2 < argc) {
      options.tls = {.cert_file = argv[i + 1], .key_file = argv[i + 2]};
      i += 2;
    } else {
      listen = argument;
    }
  }
  const auto colon = listen.rfind(':');
  if (colon == std::string::npos) {
    fmt::print(stderr, "usage: bench_http_echo HOST:PORT [--exchange] [--tls CERT KEY]\n");
    return 2;
  }
  options.host = listen.substr(0, colon);
  options.port = static_cast<std::uint16_t>(std::atoi(listen.c_str() + colon + 1));
  net::raise_descriptor_limit();

  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  const auto answer = [](const std::shared_ptr<net::Exchange>& exchange) {
    exchange->respond(echo(exchange->request()));
  };
  auto server =
      exchanges ? net::HttpServer::start_exchanges(options, answer) : net::HttpServer::start(options, echo);
  if (!server) {
    fmt::print(stderr, "{}\n", core::describe(server.error()));
    return 1;
  }
  fmt::print("listening on port {}\n", (*server)->port());
  std::fflush(stdout);
  int signal = 0;
  sigwait(&ends, &signal);
  (*server)->stop(std::chrono::milliseconds{100});
  return 0;
}
