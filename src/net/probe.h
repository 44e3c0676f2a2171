// What stands between this machine and a server, stage by stage: name lookup, connection, certificate. For
// diagnosis only; requests go through HttpClient, which reports one error for all of it.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "net/url.h"

namespace net {

struct Certificate {
  std::string subject;  // "*.okta.com"
  std::string issuer;   // "DigiCert Inc, DigiCert TLS RSA SHA256 2020 CA1": organization and name
  std::string issuer_organization;
  core::WallTime expires{};
  bool trusted = false;  // by the system's certificates, for that host, now
  std::string distrust;  // OpenSSL's reason when it is not
};

// A stage that was not reached is nullopt.
struct Probe {
  std::string proxy;  // "host:port" of the proxy the environment names for the URL; empty for none
  std::optional<core::Result<std::vector<std::string>>> lookup;  // addresses of the host, or of the proxy
  std::optional<core::Status> connection;                        // to the first of them that answers
  std::optional<core::Result<Certificate>> certificate;          // https only
};

struct ProbeOptions {
  // Each stage may take this long. A lookup that takes longer is left to itself on a thread of its own.
  std::chrono::milliseconds stage_timeout{5'000};
  // Reads the proxy's variables; empty: the process's environment.
  std::function<std::string(const char* name)> variable;
};

// Blocks. Errors net.dns, net.connect, net.connect_timeout, net.proxy, net.tls: as in http_client.h. The
// certificate is shown whether it is trusted or not. Proxies other than http:// ones are not tunnelled
// through: no certificate then.
Probe probe(const Url& url, const ProbeOptions& options = {});

}  // namespace net
