// What stands below the registry in this process: clock, randomness, store, vault, outgoing connections.
#pragma once

#include <memory>
#include <string>

#include "core/key_ring.h"
#include "core/metrics.h"
#include "core/result.h"
#include "net/http_client.h"
#include "registry/service.h"
#include "registry/store.h"
#include "settings.h"

struct FoundationOptions {
  StoreFlags store;
  bool migrate = true;
  // The issuer may be missing, where nothing is minted or linked.
  bool needs_issuer = true;
  std::vector<std::string> allowed_networks{};
  registry::Settings settings{};  // issuer and node are filled in
};

// Not moved: the service points into it.
class Foundation {
 public:
  // Errors: app.store (no --store), app.issuer, app.key_file; those of open_store() and of the state.
  static core::Result<std::unique_ptr<Foundation>> open(FoundationOptions options);
  Foundation(const Foundation&) = delete;
  Foundation& operator=(const Foundation&) = delete;

  const registry::Service& service() const { return service_; }
  core::Metrics& metrics() { return metrics_; }
  registry::Store& store() { return *store_; }
  // How what the vault seals is protected, for people: "the key file /etc/...".
  const std::string& guard() const { return guard_; }

  // Remembers the issuer for the commands that are not told. True when it was another before.
  core::Result<bool> remember_issuer();

 private:
  Foundation() : service_{.settings = {}, .names = registry::ResourceNames("")} {}

  core::Metrics metrics_;
  std::unique_ptr<registry::Store> store_;
  std::unique_ptr<core::KeyRing> vault_;
  std::unique_ptr<net::HttpClient> http_;
  std::unique_ptr<net::HttpClient> outside_;
  std::string guard_;
  registry::Service service_;
};
