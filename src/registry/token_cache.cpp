#include "registry/token_cache.h"

#include <utility>

#include "registry/workload_principal.h"

namespace registry {

using core::Result;

template <class T>
std::shared_ptr<const T> TokenCache::find(const Map<T>& map, std::string_view id, const Stamp& stamp) const {
  std::lock_guard lock(mutex_);
  auto place = map.find(id);
  if (place == map.end() || place->second.stamp != stamp) return nullptr;
  return place->second.value;
}

template <class T>
void TokenCache::keep(Map<T>& map, const std::string& id, const Stamp& stamp,
                      std::shared_ptr<const T> value) {
  std::lock_guard lock(mutex_);
  if (map.size() >= kMaxOfEach && !map.contains(id)) map.clear();
  map.insert_or_assign(id, Kept<T>{stamp, std::move(value)});
}

template <class T, class Make>
Result<std::shared_ptr<const T>> TokenCache::look_up(Map<T>& map, Reader& reader, Kind kind,
                                                     std::string_view id, Make&& make) {
  ASSIGN_OR_RETURN(const auto stamp, reader.stamp(kind, id));
  if (!stamp) return nullptr;
  if (auto known = find(map, id, *stamp)) return known;
  ASSIGN_OR_RETURN(const auto row, reader.get(kind, id));
  if (!row) return nullptr;
  ASSIGN_OR_RETURN(T value, std::forward<Make>(make)(*row));
  auto made = std::make_shared<const T>(std::move(value));
  keep(map, row->id, stamp_of(*row), made);
  return made;
}

Result<std::shared_ptr<const CustomAsView>> TokenCache::view(Reader& reader, std::string_view custom_as) {
  return look_up(views_, reader, Kind::custom_as, custom_as, [&](const Row& row) -> Result<CustomAsView> {
    ASSIGN_OR_RETURN(CustomAs server, read_custom_as(row));
    // What is read after the row may be newer than it, never older.
    return read_custom_as_view(reader, std::move(server));
  });
}

Result<std::shared_ptr<const WorkloadPrincipal>> TokenCache::principal(Reader& reader, std::string_view id) {
  return look_up(principals_, reader, Kind::workload_principal, id, read_workload_principal);
}

Result<std::shared_ptr<const McpServer>> TokenCache::mcp_server(Reader& reader, std::string_view id) {
  return look_up(mcp_servers_, reader, Kind::mcp_server, id, read_mcp_server);
}

Result<std::shared_ptr<const McpAuthServer>> TokenCache::mcp_auth_server(Reader& reader,
                                                                         std::string_view row) {
  return look_up(mcp_auth_servers_, reader, Kind::mcp_auth_server, row, read_mcp_auth_server);
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
  const Stamp stamp{.version = server.version, .updated = server.updated};
  if (auto known = find(keys_, server.id, stamp)) return known;
  ASSIGN_OR_RETURN(auto loaded, load(server.id, server.algorithm, server.rotates));
  keep(keys_, server.id, stamp, loaded);
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
  const Stamp stamp = stamp_of(row);
  if (auto known = find(client_keys_, row.id, stamp)) return *known;
  ASSIGN_OR_RETURN(const AgentKey stored, read_agent_key(row));
  ASSIGN_OR_RETURN(oauth::Key key, oauth::Key::from_jwk(stored.jwk));
  keep(client_keys_, row.id, stamp, std::make_shared<const oauth::Key>(key));
  return key;
}

}  // namespace registry
