// What may be said about the registry on the command line and in the environment, checked as a whole before
// anything is opened.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http_server.h"
#include "net/listen_address.h"

// Of every command that works on the store. Empty means not given.
struct StoreFlags {
  std::string store;     // sqlite:PATH or postgresql://...
  std::string issuer;    // default: what `serve` was last told
  std::string key_file;  // guards what the vault seals
};

struct ServeFlags {
  std::string listen = "127.0.0.1:8090";
  std::string admin_listen;
  std::string tls_cert, tls_key;
  bool behind_proxy = false;
  std::vector<std::string> allowed_networks;
  bool allow_http_loopback = false;
  unsigned check_interval_s = 600;
  std::string first_owner;
  std::size_t calls_per_minute = 1200;
  std::size_t worker_threads = 2;
  unsigned work_lease_s = 60;
  std::size_t request_threads = 32;  // most of them wait for the disk
};

struct ServeOptions {
  net::ListenAddress listen;
  std::optional<net::ListenAddress> admin;
  std::optional<net::TlsFiles> tls;
};

// Access tokens never cross a network in the clear: other than on loopback TLS is needed, or a proxy that
// speaks it. Errors app.serve.*, exit status 2.
core::Result<ServeOptions> check_serve(const StoreFlags& store, const ServeFlags& flags);

// An origin: https, or http on loopback; no path and no slash at the end. Error app.issuer.
core::Status check_issuer(std::string_view issuer);

// "90s", "15m", "1h", "7d"; a number alone is seconds. Error app.duration.
core::Result<std::chrono::seconds> parse_duration(std::string_view text);
