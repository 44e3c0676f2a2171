// `serve`: until SIGTERM or SIGINT. SIGHUP reads the TLS files again.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "commands.h"
#include "core/log.h"
#include "core/random.h"
#include "foundation.h"
#include "net/admin_listener.h"
#include "registry/person.h"
#include "registry/registry.h"

namespace {

constexpr auto kGrace = std::chrono::seconds{10};

int end_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return ::signalfd(-1, &set, SFD_CLOEXEC);
}

// Until SIGTERM or SIGINT.
void wait_for_the_end(int signals, net::HttpServer& http, bool tls) {
  for (;;) {
    signalfd_siginfo info{};
    if (::read(signals, &info, sizeof info) != sizeof info) continue;
    if (info.ssi_signo != SIGHUP) return;
    if (!tls) {
      core::log(core::LogLevel::notice, "serve",
                "SIGHUP: there are no TLS files to read; all else needs a restart");
    } else if (auto reloaded = http.reload_tls(); !reloaded) {
      core::log(core::LogLevel::error, "serve", "SIGHUP: the TLS files stay as they were",
                {{"reason", core::describe(reloaded.error())}});
    } else {
      core::log(core::LogLevel::notice, "serve", "SIGHUP: the TLS files were read again");
    }
  }
}

// Why requests should not come here now.
std::optional<std::string> not_ready(registry::Store& store, const std::atomic<bool>& ending) {
  if (ending) return "the registry is shutting down";
  const auto looked = store.get(registry::Kind::operation, "op-none");
  return looked ? std::nullopt : std::optional(core::describe(looked.error()));
}

core::Status prepare(Foundation& foundation, const ServeFlags& flags) {
  ASSIGN_OR_RETURN(const bool was_another, foundation.remember_issuer());
  if (was_another)
    core::log(core::LogLevel::warning, "serve",
              "the issuer is another than before: tokens and links of the old one are good for nothing now",
              {{"issuer", foundation.service().settings.issuer}});
  if (flags.first_owner.empty()) return {};
  ASSIGN_OR_RETURN(const bool made, registry::ensure_first_owner(foundation.service(), flags.first_owner));
  if (made)
    core::log(core::LogLevel::notice, "serve", "the first owner was made", {{"login", flags.first_owner}});
  return {};
}

core::Status serve(const StoreFlags& store, const ServeFlags& flags) {
  ASSIGN_OR_RETURN(const auto options, check_serve(store, flags));
  const int signals = end_signals();
  net::raise_descriptor_limit();

  // The issuer stands in tokens and links, so the port has to be known before the registry.
  std::atomic<registry::Registry*> serving = nullptr;
  ASSIGN_OR_RETURN(
      const auto http,
      net::HttpServer::start({.host = options.listen.host,
                              .port = options.listen.port,
                              .unix_path = options.listen.unix_path,
                              .tls = options.tls,
                              .io_threads = 2,
                              .workers = flags.request_threads,
                              .max_body_bytes = registry::Server::kMaxBody},
                             [&serving](const net::ServerRequest& request) -> net::ServerResponse {
                               if (auto* to = serving.load(std::memory_order_acquire))
                                 return to->handle(request);
                               return {.status = 503, .headers = {{"Retry-After", "1"}}, .body = {}};
                             }));
  StoreFlags with = store;
  if (with.issuer.empty())
    with.issuer = fmt::format("{}://{}", options.tls ? "https" : "http", options.listen.text(http->port()));
  ASSIGN_OR_RETURN(
      const auto foundation,
      Foundation::open({.store = with,
                        .allowed_networks = flags.allowed_networks,
                        .settings = {.check_interval = std::chrono::seconds{flags.check_interval_s},
                                     .drift_interval = std::chrono::seconds{flags.check_interval_s},
                                     .allow_http_loopback = flags.allow_http_loopback}}));
  RETURN_IF_ERROR(prepare(*foundation, flags));
  ASSIGN_OR_RETURN(const auto registry,
                   registry::Registry::create(foundation->service(),
                                              {.limits = {.otherwise = flags.calls_per_minute},
                                               .worker_threads = flags.worker_threads,
                                               .work_lease = std::chrono::seconds{flags.work_lease_s}}));
  std::atomic<bool> ending = false;
  std::unique_ptr<net::HttpServer> admin;
  if (options.admin) {
    ASSIGN_OR_RETURN(admin, net::start_admin_listener(*options.admin, foundation->metrics(), [&] {
                       return not_ready(foundation->store(), ending);
                     }));
    std::fprintf(stderr, "okta-agent-registry: /healthz, /readyz and /metrics at %s\n",
                 options.admin->text(admin->port()).c_str());
  }
  RETURN_IF_ERROR(registry->start());
  serving.store(registry.get(), std::memory_order_release);
  std::fprintf(stderr, "okta-agent-registry: %s at %s, store %s, sealed with %s\n", with.issuer.c_str(),
               options.listen.text(http->port()).c_str(), foundation->store().where().c_str(),
               foundation->guard().c_str());
  wait_for_the_end(signals, *http, options.tls.has_value());
  ending = true;
  http->stop(kGrace);
  registry->stop();
  return {};
}

}  // namespace

int cmd_serve(const StoreFlags& store, const ServeFlags& flags) {
  const auto done = serve(store, flags);
  return done ? 0 : complain(done.error());
}
