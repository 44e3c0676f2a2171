// `serve --http`: what may be said about it, checked as a whole before anything listens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "core/secret.h"
#include "net/http_server.h"
#include "net/listen_address.h"

// Flags as given; empty means not given.
struct HttpFlags {
  std::string listen;  // --http HOST:PORT or unix:PATH
  std::string tls_cert, tls_key;
  std::vector<std::string> issuers;
  std::string audience;
  std::string public_url;
  std::string admin_listen;
  std::vector<std::string> allowed_origins, allowed_hosts;
  std::string identity = "server";  // or "caller"
  std::string introspection_client;
  bool require_dpop = false;
  std::size_t calls_per_minute = 600;  // of one caller; 0: no limit
  int instances = 1;                   // that answer at the public URL
};

using net::ListenAddress;

enum class Identity {
  server,  // everybody works with the server's Okta login, within the scopes of their own token
  caller,  // each with an Okta login of their own
};

struct HttpOptions {
  ListenAddress listen;
  std::optional<net::TlsFiles> tls;
  std::vector<std::string> issuers;
  std::string audience;
  std::string public_url;  // empty: derived from where it listens
  std::optional<ListenAddress> admin;
  std::vector<std::string> allowed_origins, allowed_hosts;
  Identity identity = Identity::server;
  std::string introspection_client;
  bool require_dpop = false;
  std::size_t calls_per_minute = 600;
  int instances = 1;

  // What clients call, once the port is known: "https://mcp.example.com/mcp".
  std::string endpoint_url(std::uint16_t port) const;
};

inline constexpr std::string_view kEndpointPath = "/mcp";

// `token` is OKTA_MCP_HTTP_TOKEN. Nobody outside this machine may get in unasked, and no token may cross a
// network in the clear: other than on loopback an issuer or a token is needed, and TLS or a public_url with
// https (a proxy in front). Errors app.http.*, exit status 2.
core::Result<HttpOptions> check_http_flags(const HttpFlags& flags, const core::Secret& token);

// An issuer whose tokens can be checked by others: not an Okta org's own authorization server, whose access
// tokens are for Okta's APIs alone ("https://example.okta.com" is one,
// "https://example.okta.com/oauth2/default" is not). Error app.http.org_issuer.
core::Status check_okta_issuer(std::string_view issuer, std::string_view org_url);
