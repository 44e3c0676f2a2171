// What token requests need of authorization servers and clients and would cost most to read anew each time:
// rules and parsed keys. Nothing old is served: the row of a custom server, or of a client's key, is read
// each time, and its version says whether the rest still holds; the org's keys are looked at again after a
// second.
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
#include "registry/service.h"
#include "registry/store.h"

namespace registry {

struct ServerKeys {
  std::vector<oauth::Key> keys;  // the first signs
  oauth::KeySet set;             // all of them
};

// Thread-safe. The service outlives it.
class TokenCache {
 public:
  static constexpr std::chrono::seconds kOrgKeysHold{1};
  static constexpr std::size_t kMaxServers = 4096;  // and as many clients' keys

  TokenCache(const Service& service, oauth::Algorithm org_algorithm)
      : service_(service), org_algorithm_(org_algorithm) {}

  // Null when there is none. Also within a transaction.
  core::Result<std::shared_ptr<const CustomAsView>> view(Reader& reader, std::string_view custom_as);
  // Not within a transaction: makes keys where there are none, and rotates those whose time is over.
  core::Result<std::shared_ptr<const ServerKeys>> keys(const CustomAsView& view);
  core::Result<std::shared_ptr<const ServerKeys>> org_keys();
  // Of a client, from its row (Kind::jwk). To make a key that verifies of a JWK costs more than to verify.
  core::Result<oauth::Key> client_key(const Row& row);

 private:
  template <class T>
  struct Kept {
    std::int64_t version = 0;
    std::shared_ptr<const T> value;
  };
  template <class T>
  using Map = std::map<std::string, Kept<T>, std::less<>>;
  template <class T>
  std::shared_ptr<const T> find(const Map<T>& map, std::string_view id, std::int64_t version) const;
  template <class T>
  void keep(Map<T>& map, const std::string& id, std::int64_t version, std::shared_ptr<const T> value);
  core::Result<std::shared_ptr<const ServerKeys>> load(std::string_view owner, oauth::Algorithm algorithm,
                                                       bool rotates) const;

  const Service& service_;
  const oauth::Algorithm org_algorithm_;
  mutable std::mutex mutex_;
  Map<CustomAsView> views_;
  Map<ServerKeys> keys_;
  Map<oauth::Key> client_keys_;
  std::shared_ptr<const ServerKeys> org_;
  core::SteadyTime org_read_{};
};

}  // namespace registry
