// okta-dev-org: a local Okta org for demos and tests. It is a development tool and says so.
#include <CLI/CLI.hpp>
#include <charconv>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <future>
#include <iostream>
#include <unistd.h>

#include "build_version.h"
#include "core/file.h"
#include "core/log.h"
#include "core/scratch_directory.h"
#include "devorg/agents.h"
#include "devorg/data_file.h"
#include "devorg/generate.h"
#include "devorg/oauth_routes.h"
#include "devorg/org_people.h"
#include "devorg/server.h"
#include "net/http_server.h"
#include "net/url.h"
#include "oauth/jwk.h"
#include "rest/body.h"

namespace {

constexpr std::string_view kUsualScopes =
    "okta.users.read okta.users.manage okta.groups.read okta.groups.manage okta.apps.read okta.apps.manage "
    "okta.policies.read okta.policies.manage okta.logs.read";
constexpr std::string_view kAgentScopes =
    " okta.resourceServers.mcpServers.read okta.resourceServers.mcpServers.manage okta.aiAgents.read "
    "okta.aiAgents.manage";

struct Options {
  std::string listen = "127.0.0.1:0";
  std::string public_url;
  std::uint32_t users = 2000;
  std::uint64_t seed = 1;
  std::uint32_t administrators = 1;
  std::string data;
  std::string api_token;
  bool print_env = false;
  std::string env_file;
  long search_lag_ms = 1000;
  std::vector<std::string> rate_limits;
  std::vector<std::string> faults;
  std::string dpop = "optional";
  std::string dpop_nonce = "token";
  long refresh_grace_s = 30;
  std::vector<std::string> redirect_uris{"http://127.0.0.1:16582/callback"};
  bool agents = false;
  bool verbose = false;
};

int usage_error(const core::Error& error) {
  std::cerr << "okta-dev-org: " << core::describe(error) << '\n';
  return 2;
}

core::Result<std::pair<std::string, std::uint16_t>> parse_listen(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  unsigned port = 0;
  const char* begin = text.data() + (colon == std::string::npos ? 0 : colon + 1);
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(begin, end, port);
  if (colon == std::string::npos || begin == end || error != std::errc{} || stop != end || port > 65535)
    return core::fail(core::ErrorKind::invalid_input, "devorg.listen", "'" + text + "' is no HOST:PORT.",
                      "Write for example --listen 127.0.0.1:0.");
  std::string host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return std::pair{host, static_cast<std::uint16_t>(port)};
}

core::Result<rest::RateLimits> parse_limits(const std::vector<std::string>& texts) {
  rest::RateLimits limits{.otherwise = 12'000};
  for (const auto& text : texts) {
    const std::size_t equals = text.rfind('=');
    std::size_t limit = 0;
    const char* begin = text.data() + (equals == std::string::npos ? 0 : equals + 1);
    const auto [stop, error] = std::from_chars(begin, text.data() + text.size(), limit);
    if (equals == std::string::npos || error != std::errc{} || stop != text.data() + text.size())
      return core::fail(core::ErrorKind::invalid_input, "devorg.rate_limit", "'" + text + "' is no BUCKET=N.",
                        "Write for example --rate-limit /api/v1/users=10, or --rate-limit default=100.");
    const std::string bucket = text.substr(0, equals);
    if (bucket == "default") {
      limits.otherwise = limit;
    } else {
      limits.named[bucket] = limit;
    }
  }
  return limits;
}

std::string quote(std::string_view value) {
  std::string out = "'";
  for (const char c : value) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

// A PEM on one line, its line ends as \n, the way OKTA_PRIVATE_KEY is written.
std::string one_line(std::string_view pem) {
  std::string out;
  for (const char c : pem) out += c == '\n' ? "\\n" : std::string(1, c);
  return out;
}

// Who signs in by name: active people of the org.
std::optional<authserver::User> find_person(devorg::Service& service, std::string_view login) {
  std::shared_lock lock(service.mutex());
  const devorg::UserTable& users = service.org().users;
  const std::uint32_t found = users.find_login(login);
  if (found == devorg::kNobody || users.at(found).status != devorg::UserStatus::active) return std::nullopt;
  const auto profile = users.profile(found);
  const auto text = [&](std::string_view name) { return std::string(rest::string_at(profile, name)); };
  return authserver::User{.id = users.at(found).id(),
                          .login = text("login"),
                          .email = text("email"),
                          .first_name = text("firstName"),
                          .last_name = text("lastName")};
}

// The first active people, until there are `wanted`.
void add_administrators(devorg::Org& org, std::uint32_t wanted) {
  const std::uint32_t group = org.find_group_name(devorg::kAdministrators);
  if (group == devorg::kNone) return;
  for (std::uint32_t user = 0; user < org.users.size() && org.member_count(group) < wanted; ++user) {
    if (org.users.at(user).status == devorg::UserStatus::active) org.add_member(group, user);
  }
}

std::vector<authserver::User> administrators(devorg::Service& service) {
  std::vector<std::string> logins;
  {
    std::shared_lock lock(service.mutex());
    const devorg::Org& org = service.org();
    const std::uint32_t group = org.find_group_name(devorg::kAdministrators);
    if (group == devorg::kNone) return {};
    for (const std::uint32_t user : org.groups[group].members) logins.push_back(org.users.login(user));
  }
  std::vector<authserver::User> found;
  for (const auto& login : logins)
    if (auto person = find_person(service, login)) found.push_back(*std::move(person));
  return found;
}

// Whoever waits for our output (`eval "$(okta-dev-org --print-env &)"`) must see its end while we go on
// serving.
void release_stdout() {
  std::cout.flush();
  const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (null < 0) return;
  dup2(null, STDOUT_FILENO);
  close(null);
}

core::Result<devorg::DataFile::Opened> open_org(const Options& options, const core::Clock& clock) {
  const devorg::GenerateOptions wanted{.users = options.users, .seed = options.seed, .now = clock.now()};
  if (options.data.empty()) {
    devorg::DataFile::Opened opened;
    ASSIGN_OR_RETURN(opened.org, devorg::generate(wanted));
    opened.journal = std::make_unique<devorg::NullJournal>();
    return opened;
  }
  std::string note;
  auto opened = devorg::DataFile::open(options.data, wanted, note);
  if (!note.empty()) std::cerr << "okta-dev-org: " << note << '\n';
  return opened;
}

int serve(const Options& options) {
  auto address = parse_listen(options.listen);
  if (!address) return usage_error(address.error());
  auto limits = parse_limits(options.rate_limits);
  if (!limits) return usage_error(limits.error());
  std::vector<devorg::FaultRule> faults;
  for (const auto& text : options.faults) {
    auto fault = devorg::parse_fault(text);
    if (!fault) return usage_error(fault.error());
    faults.push_back(*std::move(fault));
  }
  // Ends are waited for by sigwait() below; every thread started from here on has them blocked.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  signal(SIGPIPE, SIG_IGN);

  core::Clock& clock = core::system_clock();
  core::Random& random = core::system_random();
  auto opened = open_org(options, clock);
  if (!opened) return usage_error(opened.error());
  add_administrators(*opened->org, options.administrators);
  auto service_key = oauth::Key::generate(oauth::Algorithm::rs256);
  if (!service_key) return usage_error(service_key.error());
  service_key = service_key->with_kid("dev-" + random.alphanumeric(8));
  const auto pem = service_key->private_pem();
  if (!pem) return usage_error(pem.error());
  core::Secret api_token(options.api_token.empty() ? "00" + random.alphanumeric(40) : options.api_token);
  auto service = std::make_unique<devorg::Service>(
      std::move(opened->org), std::move(opened->journal), clock, random,
      devorg::ServiceOptions{.search_lag = std::chrono::milliseconds(options.search_lag_ms)});
  devorg::Server server(
      std::move(service),
      {.api_token = api_token.copy(), .limits = *std::move(limits), .faults = std::move(faults)}, clock);

  // Before the HTTP server, so gone after it: its requests use them.
  const core::ScratchDirectory scratch;
  std::unique_ptr<devorg::Agents> agents;
  std::unique_ptr<devorg::OrgAuthorizationServer> authorization;

  // Requests wait until the origin is known, which links and tokens carry.
  std::promise<void> ready;
  const std::shared_future<void> is_ready = ready.get_future().share();
  auto http = net::HttpServer::start({.host = address->first, .port = address->second, .io_threads = 2},
                                     [&server, is_ready](const net::ServerRequest& request) {
                                       is_ready.wait();
                                       return server.handle(request);
                                     });
  if (!http) {
    std::cerr << "okta-dev-org: " << core::describe(http.error()) << '\n';
    return 1;
  }
  const std::string host = address->first.contains(':') ? "[" + address->first + "]" : address->first;
  const std::string url = options.public_url.empty()
                              ? "http://" + host + ":" + std::to_string((*http)->port())
                              : options.public_url;
  server.set_base_url(url);
  std::optional<oauth::Key> signing_key;
  std::vector<std::string> more_scopes;
  if (options.agents) {
    auto made = devorg::Agents::create(
        server.service(),
        {.issuer = url,
         .file = options.data.empty() ? scratch.path() + "/agents.db" : options.data + ".agents",
         .clock = &clock,
         .random = &random});
    if (!made) return usage_error(made.error());
    agents = *std::move(made);
    auto key = agents->signing_key();
    if (!key) return usage_error(key.error());
    signing_key = *std::move(key);
    more_scopes = devorg::Agents::scopes();
    server.add_routes([&agents](rest::Router& router) { agents->add_routes(router); });
  }
  auto org_tokens = devorg::OrgAuthorizationServer::create(
      {.issuer = url,
       .service_keys = {service_key->public_key()},
       .redirect_uris = options.redirect_uris,
       .dpop = options.dpop == "off"        ? devorg::Dpop::off
               : options.dpop == "required" ? devorg::Dpop::required
                                            : devorg::Dpop::optional,
       .dpop_nonce = options.dpop_nonce == "off"   ? devorg::DpopNonce::off
                     : options.dpop_nonce == "all" ? devorg::DpopNonce::everywhere
                                                   : devorg::DpopNonce::token_endpoint,
       .refresh_grace = std::chrono::seconds(options.refresh_grace_s),
       .more_scopes = std::move(more_scopes),
       .find_user = [&server](std::string_view login) { return find_person(server.service(), login); },
       .administrators = [&server] { return administrators(server.service()); },
       .signing_key = std::move(signing_key),
       .clock = &clock,
       .random = &random});
  if (!org_tokens) return usage_error(org_tokens.error());
  authorization = *std::move(org_tokens);
  server.set_authorization(agents ? agents->join(authorization->hooks()) : authorization->hooks());
  if (agents)
    if (const auto started = agents->start(); !started) return usage_error(started.error());
  ready.set_value();
  std::cerr << "okta-dev-org: a development tool, not an Okta org: its users are invented and its secrets "
               "are weak.\n"
            << "okta-dev-org: " << server.service().org().live_users() << " users on " << url << '\n';
  if (!net::is_loopback_host(address->first))
    std::cerr << "okta-dev-org: " << address->first
              << " can be reached by others: whoever does may sign in and read and change everything.\n";
  const std::string environment =
      "OKTA_ORG_URL=" + quote(url) + "\nOKTA_CLIENT_ID=" + quote(devorg::kDevServiceClient) +
      "\nOKTA_SCOPES=" + quote(std::string(kUsualScopes) + std::string(agents ? kAgentScopes : "")) +
      "\nOKTA_PRIVATE_KEY=" + quote(one_line(pem->reveal())) + "\nOKTA_KEY_ID=" + quote(service_key->kid()) +
      "\nOKTA_DEV_API_TOKEN=" + quote(api_token.reveal()) +
      "\n# A person signs in with this client id, and without OKTA_PRIVATE_KEY and OKTA_KEY_ID:" +
      "\nOKTA_DEV_DEVICE_CLIENT_ID=" + quote(devorg::kDevDeviceClient) + "\n";
  if (!options.env_file.empty())
    if (const auto written = core::write_file_atomically(options.env_file, environment); !written)
      return usage_error(written.error());
  if (options.print_env) std::cout << environment;
  release_stdout();

  int signal_number = 0;
  sigwait(&ends, &signal_number);
  (*http)->stop();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A local Okta org for demos and tests. A development tool: nothing in it is real or safe.");
  Options options;
  app.set_version_flag("--version", std::string("okta-dev-org ") + build_version());
  app.add_option("--listen", options.listen, "HOST:PORT to serve on; port 0 picks a free one")
      ->capture_default_str();
  app.add_option("--public-url", options.public_url, "Origin in links, when a proxy stands before it");
  app.add_option("--users", options.users, "How many users to invent (1 to 1000000)")
      ->check(CLI::Range(1u, 1'000'000u))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "The same seed gives the same org")->capture_default_str();
  app.add_option("--administrators", options.administrators, "How many of them may sign in (1 to 50)")
      ->check(CLI::Range(1u, 50u))
      ->capture_default_str();
  app.add_option("--data", options.data,
                 "Keep changes in this file (SQLite); they are laid over the seed's org");
  app.add_option("--api-token", options.api_token, "The SSWS token (default: a fresh one)");
  app.add_flag("--print-env", options.print_env,
               "Print shell assignments for okta-mcp-server once it serves");
  app.add_option("--env-file", options.env_file, "Write the same assignments to a file (mode 0600)");
  app.add_option("--search-lag", options.search_lag_ms, "Milliseconds until search shows a write")
      ->check(CLI::Range(0l, 600'000l))
      ->capture_default_str();
  app.add_option("--rate-limit", options.rate_limits,
                 "BUCKET=N requests a minute, or default=N; may be repeated");
  app.add_option(
      "--fault", options.faults,
      "METHOD PATH=FAULT[:TIMES] with FAULT 429, 500, 503html, reset, truncate or slow; may be repeated");
  app.add_option("--dpop", options.dpop,
                 "Whether its apps bind tokens to keys; required: at the token endpoint without exception")
      ->check(CLI::IsMember({"off", "optional", "required"}))
      ->capture_default_str();
  app.add_option("--dpop-nonce", options.dpop_nonce,
                 "Where DPoP proofs must carry its nonce; token: at the token endpoint, as Okta has it")
      ->check(CLI::IsMember({"off", "token", "all"}))
      ->capture_default_str();
  app.add_option("--refresh-grace", options.refresh_grace_s,
                 "Seconds for which a rotated refresh token still works; after that its use ends the sign-in")
      ->check(CLI::Range(0l, 60l))
      ->capture_default_str();
  app.add_option("--redirect-uri", options.redirect_uris,
                 "Where its native app's authorization codes may go; may be repeated, replaces the default")
      ->capture_default_str();
  app.add_flag("--agents", options.agents,
               "Also the agent registry: MCP servers, AI agents and their tokens, for the org's own people");
  app.add_flag("--verbose", options.verbose, "Log every request to stderr");
  CLI11_PARSE(app, argc, argv);
  if (const auto configured =
          core::configure_log({.level = options.verbose ? core::LogLevel::debug : core::LogLevel::warning});
      !configured)
    return usage_error(configured.error());
  return serve(options);
}
