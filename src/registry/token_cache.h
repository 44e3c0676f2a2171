// What token requests need of authorization servers, clients and MCP servers and would cost most to read anew
// each time. Nothing old is served: the stamp of a row is read each time, and says whether what was made of
// it still holds; the org's keys are looked at again after a second.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "oauth/jwk.h"
#include "registry/custom_as.h"
#include "registry/mcp_server.h"
#include "registry/service.h"
#include "registry/store.h"
#include "registry/workload_principal.h"

namespace registry {

struct ServerKeys {
  std::vector<oauth::Key> keys;  // the first signs
  oauth::KeySet set;             // all of them
};

// Thread-safe. The service outlives it.
class TokenCache {
 public:
  static constexpr std::chrono::seconds kOrgKeysHold{1};
  static constexpr std::size_t kMaxOfEach = 4096;

  TokenCache(const Service& service, oauth::Algorithm org_algorithm)
      : service_(service), org_algorithm_(org_algorithm) {}

  // Null when there is none. Also within a transaction.
  core::Result<std::shared_ptr<const CustomAsView>> view(Reader& reader, std::string_view custom_as);
  core::Result<std::shared_ptr<const WorkloadPrincipal>> principal(Reader& reader, std::string_view id);
  core::Result<std::shared_ptr<const McpServer>> mcp_server(Reader& reader, std::string_view id);
  core::Result<std::shared_ptr<const McpAuthServer>> mcp_auth_server(Reader& reader, std::string_view row);
  // Not within a transaction: makes keys where there are none, and rotates those whose time is over.
  core::Result<std::shared_ptr<const ServerKeys>> keys(const CustomAsView& view);
  core::Result<std::shared_ptr<const ServerKeys>> org_keys();
  // Of a client, from its row (Kind::jwk). To make a key that verifies of a JWK costs more than to verify.
  core::Result<oauth::Key> client_key(const Row& row);

 private:
  template <class T>
  struct Kept {
    Stamp stamp{};
    std::shared_ptr<const T> value;
  };
  template <class T>
  using Map = std::map<std::string, Kept<T>, std::less<>>;
  template <class T>
  std::shared_ptr<const T> find(const Map<T>& map, std::string_view id, const Stamp& stamp) const;
  template <class T>
  void keep(Map<T>& map, const std::string& id, const Stamp& stamp, std::shared_ptr<const T> value);
  // What `map` has of a row, or what `make` makes of it.
  template <class T, class Make>
  core::Result<std::shared_ptr<const T>> look_up(Map<T>& map, Reader& reader, Kind kind, std::string_view id,
                                                 Make&& make);
  core::Result<std::shared_ptr<const ServerKeys>> load(std::string_view owner, oauth::Algorithm algorithm,
                                                       bool rotates) const;

  const Service& service_;
  const oauth::Algorithm org_algorithm_;
  mutable std::mutex mutex_;
  Map<CustomAsView> views_;
  Map<WorkloadPrincipal> principals_;
  Map<McpServer> mcp_servers_;
  Map<McpAuthServer> mcp_auth_servers_;
  Map<ServerKeys> keys_;
  Map<oauth::Key> client_keys_;
  std::shared_ptr<const ServerKeys> org_;
  core::SteadyTime org_read_{};
};

}  // namespace registry
