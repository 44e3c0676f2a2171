#include "authserver/store.h"

#include <algorithm>

#include "authserver/problem.h"
#include "core/encoding.h"
#include "core/seal.h"

namespace authserver {

using core::Result;

namespace {
constexpr std::size_t kFirstSweep = 1024;
}  // namespace

std::string_view to_string(AuthMethod method) {
  switch (method) {
    case AuthMethod::none:
      return "none";
    case AuthMethod::client_secret_basic:
      return "client_secret_basic";
    case AuthMethod::client_secret_post:
      return "client_secret_post";
    case AuthMethod::private_key_jwt:
      return "private_key_jwt";
  }
  return "";
}

std::string hash_secret(std::string_view secret) {
  return core::base64url_encode(core::sha256(secret));
}

MemoryStore::MemoryStore(std::vector<Client> clients, std::size_t max_records)
    : max_records_(max_records), sweep_at_(std::min(kFirstSweep, max_records)) {
  for (Client& client : clients) {
    std::string id = client.id;
    clients_.insert_or_assign(std::move(id), std::move(client));
  }
}

Result<std::optional<Client>> MemoryStore::find_client(std::string_view id) {
  std::lock_guard lock(mutex_);
  auto place = clients_.find(id);
  if (place == clients_.end()) return std::nullopt;
  return place->second;
}

Result<std::optional<Record>> MemoryStore::find(RecordKind kind, std::string_view key, core::WallTime now) {
  std::lock_guard lock(mutex_);
  auto place = records_.find(Key{kind, key});
  if (place == records_.end() || place->second.expires_at <= now) return std::nullopt;
  return place->second;
}

Result<bool> MemoryStore::compare_and_set(RecordKind kind, std::string_view key, std::uint64_t expected,
                                          std::string value, core::WallTime expires_at, core::WallTime now) {
  std::lock_guard lock(mutex_);
  auto place = records_.find(Key{kind, key});
  if (place != records_.end() && place->second.expires_at <= now) {
    records_.erase(place);
    place = records_.end();
  }
  std::uint64_t current = place == records_.end() ? 0 : place->second.version;
  if (current != expected) return false;
  if (place != records_.end()) {
    place->second = Record{current + 1, std::move(value), expires_at};
    return true;
  }
  if (records_.size() >= sweep_at_) {
    std::erase_if(records_, [&](const auto& entry) { return entry.second.expires_at <= now; });
    if (records_.size() >= max_records_) return problem("server_error");
    // Twice what is left, so that a sweep costs each write a constant share.
    sweep_at_ = std::clamp(2 * records_.size(), std::min(kFirstSweep, max_records_), max_records_);
  }
  records_.emplace(Key{kind, key}, Record{1, std::move(value), expires_at});
  return true;
}

std::size_t MemoryStore::size() const {
  std::lock_guard lock(mutex_);
  return records_.size();
}

}  // namespace authserver
