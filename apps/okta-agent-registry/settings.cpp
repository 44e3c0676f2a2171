#include "settings.h"

#include <charconv>
#include <fmt/format.h>

#include "net/url.h"

namespace {

std::unexpected<core::Error> wrong(std::string_view code, std::string message, std::string hint) {
  return core::fail(core::ErrorKind::invalid_input, fmt::format("app.{}", code), std::move(message),
                    std::move(hint));
}

}  // namespace

core::Status check_issuer(std::string_view issuer) {
  constexpr std::string_view kHint =
      "Write the origin that people and agents use: https://agents.example.com";
  const auto url = net::parse_url(issuer);
  if (!url) return wrong("issuer", "The issuer is no URL.", std::string(kHint));
  if (url->origin() != issuer)
    return wrong("issuer", fmt::format("The issuer must be an origin, such as {}.", url->origin()),
                 std::string(kHint));
  if (url->scheme != "https" && !net::is_loopback_host(url->host))
    return wrong("issuer", "Tokens of an issuer with http could be read on their way.", std::string(kHint));
  return {};
}

core::Result<ServeOptions> check_serve(const StoreFlags& store, const ServeFlags& flags) {
  ServeOptions options;
  ASSIGN_OR_RETURN(options.listen, net::parse_listen_address(flags.listen));
  if (!flags.admin_listen.empty()) {
    ASSIGN_OR_RETURN(options.admin, net::parse_listen_address(flags.admin_listen));
  }
  if (flags.tls_cert.empty() != flags.tls_key.empty())
    return wrong("serve.tls", "--tls-cert and --tls-key belong together.", "Give both, or neither.");
  if (!flags.tls_cert.empty()) options.tls = net::TlsFiles{flags.tls_cert, flags.tls_key};
  if (!store.issuer.empty()) {
    RETURN_IF_ERROR(check_issuer(store.issuer));
  } else if (!options.listen.loopback || !options.listen.unix_path.empty() || flags.behind_proxy) {
    return wrong("serve.issuer",
                 "What people and agents call cannot be told from where the registry listens.",
                 "Give --issuer https://agents.example.com");
  }
  if (!options.listen.loopback && !options.tls && !flags.behind_proxy)
    return wrong("serve.clear",
                 fmt::format("Access tokens would cross the network in the clear on {}.", flags.listen),
                 "Give --tls-cert and --tls-key; or --behind-proxy when a proxy in front speaks TLS, and "
                 "nobody else reaches this address.");
  return options;
}

core::Result<std::chrono::seconds> parse_duration(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  const std::int64_t factor = unit.empty() || unit == "s" ? 1
                              : unit == "m"               ? 60
                              : unit == "h"               ? 3600
                              : unit == "d"               ? 86400
                                                          : 0;
  if (error != std::errc{} || factor == 0 || number < 1 || number > 366LL * 86400 / factor)
    return wrong("duration", fmt::format("\"{}\" is no length of time.", text),
                 "Write a number with s, m, h or d: 90s, 15m, 1h, 7d; at most a year.");
  return std::chrono::seconds{number * factor};
}
