#include "http_options.h"

#include <algorithm>
#include <fmt/format.h>

#include "doctor.h"
#include "net/url.h"

namespace {

using core::ErrorKind;
using core::fail;

std::unexpected<core::Error> wrong(std::string_view code, std::string message, std::string hint) {
  return fail(ErrorKind::invalid_input, fmt::format("app.http.{}", code), std::move(message),
              std::move(hint));
}

bool is_any_address(std::string_view host) {
  return host == "0.0.0.0" || host == "::";
}

core::Status check_exposure(const HttpOptions& options, bool guarded) {
  if (options.listen.loopback) return {};
  if (!guarded) {
    return wrong("open",
                 fmt::format("Whoever reaches {} could administer the org: there is no --issuer and no "
                             "OKTA_MCP_HTTP_TOKEN.",
                             options.listen.host),
                 "Give --issuer URL of the authorization server whose tokens count, or listen on 127.0.0.1.");
  }
  if (!options.tls && !options.public_url.starts_with("https://")) {
    return wrong(
        "clear", "Access tokens would cross the network in the clear.",
        "Give --tls-cert and --tls-key, or --public-url https://... of the proxy that speaks TLS for this "
        "server.");
  }
  return {};
}

}  // namespace

core::Status check_okta_issuer(std::string_view issuer, std::string_view org_url) {
  const auto url = net::parse_url(issuer);
  if (!url) return {};  // the verifier says what is wrong with it
  const bool at_okta = is_okta_host(url->host) || url->origin() == org_url;
  if (!at_okta || url->path.starts_with("/oauth2/")) return {};
  return wrong(
      "org_issuer",
      fmt::format("{} is the org's own authorization server: its access tokens are for Okta's APIs, and "
                  "nobody else can check them.",
                  issuer),
      fmt::format("Use a custom authorization server, such as {}/oauth2/default (Security > API).",
                  url->origin()));
}

core::Result<HttpOptions> check_http_flags(const HttpFlags& flags, const core::Secret& token) {
  HttpOptions options{.issuers = flags.issuers,
                      .audience = flags.audience,
                      .public_url = flags.public_url,
                      .allowed_origins = flags.allowed_origins,
                      .allowed_hosts = flags.allowed_hosts,
                      .introspection_client = flags.introspection_client,
                      .require_dpop = flags.require_dpop,
                      .calls_per_minute = flags.calls_per_minute,
                      .instances = flags.instances};
  ASSIGN_OR_RETURN(options.listen, net::parse_listen_address(flags.listen));
  if (!flags.admin_listen.empty()) {
    ASSIGN_OR_RETURN(options.admin, net::parse_listen_address(flags.admin_listen));
  }
  if (flags.tls_cert.empty() != flags.tls_key.empty()) {
    return wrong("tls", "--tls-cert and --tls-key belong together.", "Give both, or neither.");
  }
  if (!flags.tls_cert.empty()) options.tls = net::TlsFiles{flags.tls_cert, flags.tls_key};
  if (!token.empty() && !flags.issuers.empty()) {
    return wrong("guard", "Both --issuer and OKTA_MCP_HTTP_TOKEN are given: who may call has one answer.",
                 "Unset OKTA_MCP_HTTP_TOKEN, or leave --issuer out.");
  }
  if (flags.identity == "caller") {
    options.identity = Identity::caller;
    if (flags.issuers.empty()) {
      return wrong("identity", "--identity caller needs to know who calls, and there is no --issuer.",
                   "Give --issuer URL of the authorization server whose tokens count.");
    }
  } else if (flags.identity != "server") {
    return wrong("identity", fmt::format("There is no identity \"{}\".", flags.identity),
                 "Choose server (its own Okta login) or caller (each caller's own).");
  }
  if (!options.public_url.empty()) {
    const auto url = net::parse_url(options.public_url);
    if (!url || !options.public_url.ends_with(kEndpointPath)) {
      return wrong("public_url", fmt::format("\"{}\" is not the URL of an endpoint.", options.public_url),
                   "Write what clients call, ending in /mcp: https://mcp.example.com/mcp");
    }
  } else if (options.listen.unix_path.empty() && is_any_address(options.listen.host)) {
    return wrong("public_url", fmt::format("What clients call cannot be told from {}.", options.listen.host),
                 "Give --public-url https://mcp.example.com/mcp");
  }
  if (options.instances > 1 && options.public_url.empty()) {
    return wrong("instances", "Several instances answer at one address, and it is not given.",
                 "Give --public-url, the same for all of them.");
  }
  RETURN_IF_ERROR(check_exposure(options, !flags.issuers.empty() || !token.empty()));
  return options;
}

std::string HttpOptions::endpoint_url(std::uint16_t port) const {
  if (!public_url.empty()) return public_url;
  if (!listen.unix_path.empty()) return fmt::format("http://localhost{}", kEndpointPath);
  return fmt::format("{}://{}{}", tls ? "https" : "http", listen.text(port), kEndpointPath);
}
