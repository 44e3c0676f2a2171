#include "registry/token_cache.h"

#include <utility>

#include "registry/workload_principal.h"

namespace registry {

using core::Result;

template <class T>
std::shared_ptr<const T> TokenCache::find(const Map<T>& map, std::string_view id,
                                          std::int64_t version) const {
  std::lock_guard lock(mutex_);
  auto place = map.find(id);
  if (place == map.end() || place->second.version != version) return nullptr;
  return place->second.value;
}

template <class T>
void TokenCache::keep(Map<T>& map, const std::string& id, std::int64_t version,
                      std::shared_ptr<const T> value) {
  std::lock_guard lock(mutex_);
  if (map.size() >= kMaxServers && !map.contains(id)) map.clear();
  map.insert_or_assign(id, Kept<T>{version, std::move(value)});
}

Result<std::shared_ptr<const CustomAsView>> TokenCache::view(Reader& reader, std::string_view custom_as) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::custom_as, custom_as));
  if (!row) return nullptr;
  if (auto known = find(views_, custom_as, row->version)) return known;
  ASSIGN_OR_RETURN(CustomAs server, read_custom_as(*row));
  // What is read after the row may be newer than it, never older.
  ASSIGN_OR_RETURN(CustomAsView view, read_custom_as_view(reader, std::move(server)));
  auto made = std::make_shared<const CustomAsView>(std::move(view));
  keep(views_, row->id, row->version, made);
  return made;
}

Result<std::shared_ptr<const ServerKeys>> TokenCache::load(std::string_view owner, oauth::Algorithm algorithm,
                                                           bool rotates) const {
  ASSIGN_OR_RETURN(auto stored, ensure_signing_keys(service_, owner, algorithm));
  if (stored.empty()) {
    return core::fail(core::ErrorKind::internal, "registry.tokens.keys",
                      "The authorization server " + std::string(owner) + " has no signing key.");
  }
  if (rotates && stored.front().changed + kKeyLifetime <= service_.now()) {
    RETURN_IF_ERROR(rotate_signing_keys(service_, owner, algorithm, stored.front().key.kid(),
                                        {.id = "system", .type = "SystemPrincipal"}));
    ASSIGN_OR_RETURN(stored, read_signing_keys(*service_.store, service_, owner));
  }
  auto loaded = std::make_shared<ServerKeys>();
  loaded->keys.reserve(stored.size());
  for (SigningKey& key : stored) loaded->keys.push_back(std::move(key.key));
  loaded->set = oauth::KeySet(loaded->keys);
  return loaded;
}

Result<std::shared_ptr<const ServerKeys>> TokenCache::keys(const CustomAsView& view) {
  const CustomAs& server = view.server;
  if (auto known = find(keys_, server.id, server.version)) return known;
  ASSIGN_OR_RETURN(auto loaded, load(server.id, server.algorithm, server.rotates));
  keep(keys_, server.id, server.version, loaded);
  return loaded;
}

Result<std::shared_ptr<const ServerKeys>> TokenCache::org_keys() {
  const core::SteadyTime now = service_.clock->steady();
  {
    std::lock_guard lock(mutex_);
    if (org_ && now - org_read_ < kOrgKeysHold) return org_;
  }
  ASSIGN_OR_RETURN(auto loaded, load(kOrgKeys, org_algorithm_, true));
  std::lock_guard lock(mutex_);
  org_ = loaded;
  org_read_ = now;
  return loaded;
}

Result<oauth::Key> TokenCache::client_key(const Row& row) {
  if (auto known = find(client_keys_, row.id, row.version)) return *known;
  ASSIGN_OR_RETURN(const AgentKey stored, read_agent_key(row));
  ASSIGN_OR_RETURN(oauth::Key key, oauth::Key::from_jwk(stored.jwk));
  keep(client_keys_, row.id, row.version, std::make_shared<const oauth::Key>(key));
  return key;
}

}  // namespace registry
