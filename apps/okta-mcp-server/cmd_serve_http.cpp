// `serve --http`: MCP over Streamable HTTP, until the process is told to end. SIGHUP reads the TLS files
// again.
#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <map>
#include <mutex>
#include <optional>
#include <poll.h>
#include <sys/signalfd.h>
#include <thread>
#include <tuple>
#include <unistd.h>

#include "admin/offer.h"
#include "caller_logins.h"
#include "commands.h"
#include "core/log.h"
#include "core/metrics.h"
#include "http_guard.h"
#include "mcp/http_endpoint.h"
#include "net/admin_listener.h"
#include "runtimes.h"
#include "serve_common.h"
#include "state.h"

namespace {

constexpr auto kGrace = std::chrono::seconds{5};
// Between looks at the login: doubling from the first while it does not work.
constexpr auto kFirstLook = std::chrono::seconds{1};
constexpr auto kLastLook = std::chrono::seconds{30};

// The Okta logins behind the endpoint: the server's own, or each caller's.
class Logins {
 public:
  Logins(const Configuration& configuration, Identity identity) {
    if (identity == Identity::caller) {
      callers_ = std::make_unique<CallerLogins>(configuration.standard());
      return;
    }
    // Nobody is asked to sign in here: the link would go to whoever calls, and the login would be
    // everybody's.
    own_ = std::make_unique<Runtimes>(
        configuration, [](const Settings&) { return SignInListener{.may_ask_a_person = false}; });
    own_entrance_ = std::make_unique<admin::OwnLogin>(own_->orgs());
  }

  admin::Entrance& entrance() { return callers_ ? static_cast<admin::Entrance&>(*callers_) : *own_entrance_; }
  const CallerLogins* callers() const { return callers_.get(); }
  // Why the server's own login does not work; nullopt when it does, or there is none.
  std::optional<core::Error> trouble(const std::stop_token& stop) {
    if (!own_) return std::nullopt;
    auto token = own_->of(own_->orgs().standard()).token({.stop = stop, .principal = "sign-in"});
    return token ? std::nullopt : std::optional(token.error());
  }

 private:
  std::unique_ptr<CallerLogins> callers_;
  std::unique_ptr<Runtimes> own_;
  std::unique_ptr<admin::OwnLogin> own_entrance_;
};

class Readiness {
 public:
  void set(std::optional<std::string> reason) {
    std::lock_guard lock(mutex_);
    if (!ending_) reason_ = std::move(reason);
  }
  void end() {
    std::lock_guard lock(mutex_);
    ending_ = true;
    reason_ = "the server is shutting down";
  }
  std::optional<std::string> get() const {
    std::lock_guard lock(mutex_);
    return reason_;
  }

 private:
  mutable std::mutex mutex_;
  std::optional<std::string> reason_ = "signing in to Okta";
  bool ending_ = false;
};

// Signs in beside the serving, and looks after it: an org comes back, a person signs in, a login ends. Asks
// Okta only when there is no good token.
void watch_login(const std::stop_token& stop, Logins& logins, Readiness& readiness) {
  std::string last;  // so that the log has each reason once
  auto pause = kFirstLook;
  do {
    auto trouble = logins.trouble(stop);
    if (stop.stop_requested()) return;
    if (trouble && trouble->code != last) {
      core::log(core::LogLevel::error, "sign-in", core::describe(*trouble), {{"code", trouble->code}});
    }
    last = trouble ? trouble->code : std::string{};
    readiness.set(trouble ? std::optional(core::describe(*trouble)) : std::nullopt);
    pause = trouble ? std::min(pause * 2, kLastLook) : kLastLook;
  } while (core::system_clock().wait_until(core::system_clock().steady() + pause, stop));
}

// Until SIGTERM or SIGINT.
void wait_for_the_end(int signals, net::HttpServer& http, bool tls) {
  for (;;) {
    pollfd source{signals, POLLIN, 0};
    if (::poll(&source, 1, -1) < 0) continue;
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

Settings::OneOfSeveral one_of_several(const HttpOptions& options) {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return {.address = options.public_url,
          .own = fmt::format("{} {}", host.data(), options.listen.text(options.listen.port))};
}

// The series of each tool, prompt and method are looked up by their labels once, not with every call.
class CallCounts {
 public:
  explicit CallCounts(core::Metrics& metrics) : metrics_(metrics) {}

  void count(const mcp::CallReport& report) {
    const Key key{std::string(report.method), std::string(report.name), report.outcome};
    Series series;
    {
      std::lock_guard lock(mutex_);
      auto found = series_.find(key);
      if (found == series_.end()) found = series_.emplace(key, make(key)).first;
      series = found->second;
    }
    series.ended->add();
    series.seconds->observe(std::chrono::duration<double>(report.took).count());
  }

 private:
  using Key = std::tuple<std::string, std::string, mcp::CallReport::Outcome>;
  struct Series {
    core::Counter* ended = nullptr;
    core::Histogram* seconds = nullptr;
  };

  Series make(const Key& key) {
    core::Labels labels{{"method", std::get<0>(key)}, {"name", std::get<1>(key)}};
    auto& seconds = metrics_.histogram("okta_mcp_call_seconds", "How long calls took.", labels);
    labels.emplace_back("outcome", mcp::to_string(std::get<2>(key)));
    return {&metrics_.counter("okta_mcp_calls_total", "Calls that ended, by how.", labels), &seconds};
  }

  core::Metrics& metrics_;
  std::mutex mutex_;
  std::map<Key, Series> series_;
};

void show_gauges(core::Metrics& metrics, const mcp::HttpEndpoint& endpoint, const Logins& logins,
                 const Readiness& readiness) {
  metrics.gauge("okta_mcp_sessions", "Sessions of legacy clients.",
                [&endpoint] { return static_cast<double>(endpoint.sessions()); });
  metrics.gauge("okta_mcp_open_requests",
                "Modern requests that wait for their answers, subscriptions among them.",
                [&endpoint] { return static_cast<double>(endpoint.open()); });
  metrics.gauge("okta_mcp_ready", "1 when requests may be sent here.",
                [&readiness] { return readiness.get() ? 0.0 : 1.0; });
  if (const CallerLogins* callers = logins.callers()) {
    metrics.gauge("okta_mcp_callers", "Callers with an Okta login of their own, signed in or not.",
                  [callers] { return static_cast<double>(callers->callers()); });
  }
}

}  // namespace

int cmd_serve_http(Configuration& configuration, const HttpFlags& flags, const GuardSecrets& secrets) {
  auto options = check_http_flags(flags, secrets.token);
  if (!options) return complain(options.error());
  if (options->identity == Identity::caller && configuration.several()) {
    return complain({.kind = core::ErrorKind::invalid_input,
                     .code = "app.http.identity",
                     .message = "--identity caller works with one org, and several are configured.",
                     .hint = "Choose one with --org NAME, and start a server for each."});
  }
  if (options->identity == Identity::caller && needs_no_person(configuration.standard())) {
    return complain({.kind = core::ErrorKind::invalid_input,
                     .code = "app.http.identity",
                     .message =
                         "--identity caller signs each caller in as themselves, and OKTA_PRIVATE_KEY or "
                         "OKTA_API_TOKEN is set, which is one login for all.",
                     .hint = "Unset it; OKTA_CLIENT_ID is then an app with the device authorization grant."});
  }
  for (auto& org : configuration.orgs) {
    org.remote_callers = true;
    if (options->instances > 1) org.one_of_several = one_of_several(*options);
  }
  const int signals = signal_descriptor({SIGTERM, SIGINT, SIGHUP});
  net::raise_descriptor_limit();

  core::Metrics metrics;
  const Settings& settings = configuration.standard();
  const auto state = open_state(settings);
  mcp::ServerOptions server_options;
  if (settings.one_of_several) {
    const auto& [address, own] = *settings.one_of_several;
    if (auto announced = Instances(state, address, own).announce(); !announced) {
      core::log(core::LogLevel::warning, "serve", "the other instances cannot be told of this one",
                {{"reason", core::describe(announced.error())}});
    }
  }
  auto questions = share_questions(settings, state);
  if (!questions) return complain(questions.error());
  server_options.shared_states = *questions;
  auto sessions = share_sessions(settings, *state);
  if (!sessions) {
    core::log(core::LogLevel::warning, "serve", "sessions end with this process: their key cannot be shared",
              {{"reason", core::describe(sessions.error())}});
  }
  auto jobs = make_jobs(settings.state_dir);
  if (!jobs) return complain(jobs.error());
  server_options.jobs = jobs->get();
  CallCounts counts(metrics);
  server_options.on_call = [&counts](const mcp::CallReport& report) { counts.count(report); };
  // Before the server, whose handlers use them.
  Logins logins(configuration, options->identity);
  admin::Completions completions(logins.entrance(), core::system_clock());
  auto server = make_server(configuration, std::move(server_options));
  if (!server) return complain(server.error());
  if (auto added = admin::offer_all(**server, logins.entrance(), completions); !added) {
    return complain(added.error());
  }

  // The URL is what tokens are made for, so the port has to be known before the guard: both are filled in
  // below.
  const auto outside = net::make_http_client({.user_agent = "okta-mcp-server/" OKTA_MCP_VERSION});
  std::unique_ptr<mcp::Guard> guard;
  std::unique_ptr<mcp::HttpEndpoint> endpoint;
  std::atomic<mcp::HttpEndpoint*> serving = nullptr;
  auto http = net::HttpServer::start_exchanges(
      {.host = options->listen.host,
       .port = options->listen.port,
       .unix_path = options->listen.unix_path,
       .tls = options->tls,
       .max_connections = 65536},
      [&serving](std::shared_ptr<net::Exchange> exchange) {
        if (auto* to = serving.load(std::memory_order_acquire)) return to->handle(std::move(exchange));
        exchange->respond({.status = 503, .headers = {{"Retry-After", "1"}}});
      });
  if (!http) return complain(http.error());
  const std::string resource = options->endpoint_url((*http)->port());

  auto checked = make_guard(*options, secrets, resource, settings.org_url, *outside);
  if (!checked) return complain(checked.error());
  guard = *std::move(checked);
  auto made = mcp::HttpEndpoint::create(**server,
                                        {.path = std::string(kEndpointPath),
                                         .origins = {.allowed_origins = options->allowed_origins,
                                                     .allowed_hosts = options->allowed_hosts,
                                                     .public_url = options->public_url,
                                                     .loopback = options->listen.loopback},
                                         .guard = guard.get(),
                                         .caller_limits = {.requests_per_minute = options->calls_per_minute},
                                         .session_key = sessions ? *sessions : nullptr});
  if (!made) return complain(made.error());
  endpoint = *std::move(made);

  Readiness readiness;
  show_gauges(metrics, *endpoint, logins, readiness);
  std::unique_ptr<net::HttpServer> admin_listener;
  if (options->admin) {
    auto started =
        net::start_admin_listener(*options->admin, metrics, [&readiness] { return readiness.get(); });
    if (!started) return complain(started.error());
    admin_listener = *std::move(started);
    std::fprintf(stderr, "okta-mcp-server: /healthz, /readyz and /metrics at %s\n",
                 options->admin->text(admin_listener->port()).c_str());
  }
  serving.store(endpoint.get(), std::memory_order_release);
  std::fprintf(stderr, "okta-mcp-server: MCP at %s\n", resource.c_str());
  if (!guard) {
    std::fprintf(
        stderr,
        "okta-mcp-server: everybody on this machine may call it. --issuer or OKTA_MCP_HTTP_TOKEN changes "
        "that.\n");
  }
  // Network: not before listening, and not on this thread, which hears the signals.
  std::jthread signing_in([&](const std::stop_token& stop) { watch_login(stop, logins, readiness); });

  wait_for_the_end(signals, **http, options->tls.has_value());
  readiness.end();
  endpoint->drain();
  (*http)->stop(kGrace);
  // A handler that ignores its stop must not keep a closed server alive.
  (*jobs)->stop();
  if (!(*server)->settle(kGrace) || !(*jobs)->settle(kGrace)) _exit(0);
  return 0;
}
