#include "registry/vault.h"

#include <array>
#include <fmt/format.h>
#include <utility>

#include "core/json.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;

constexpr std::string_view kActive = "ACTIVE";
constexpr std::string_view kInactive = "INACTIVE";

std::string_view status_of(bool active) {
  return active ? kActive : kInactive;
}

// Somebody else wrote what does not read.
std::unexpected<core::Error> foreign(const Row& row, std::string_view why) {
  return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                    fmt::format("The stored {} {} cannot be read: {}.", to_string(row.kind), row.id, why),
                    "Restore the database from a backup, or remove that row.");
}

template <class T>
core::Result<T> read_entity(const Row& row, core::Status (*read)(const core::json::Reader&, T&)) {
  if (row.status != kActive && row.status != kInactive) return foreign(row, "unknown status");
  T entity{};
  entity.id = row.id;
  entity.name = row.name;
  entity.active = row.status == kActive;
  entity.created = row.created;
  entity.updated = row.updated;
  entity.version = row.version;
  const core::json::Value body(row.body);
  if (const auto done = read(core::json::Reader(body), entity); !done)
    return foreign(row, done.error().message);
  return entity;
}

core::Status read_secret_body(const core::json::Reader& in, VaultSecret& secret) {
  ASSIGN_OR_RETURN(secret.description, in.at("description").string());
  ASSIGN_OR_RETURN(secret.keys, in.at("keys").strings());
  ASSIGN_OR_RETURN(secret.sealed, in.at("sealed").string());
  return {};
}

core::Status read_account_body(const core::json::Reader& in, ServiceAccount& account) {
  ASSIGN_OR_RETURN(account.description, in.at("description").string());
  ASSIGN_OR_RETURN(account.app, in.at("app").string());
  ASSIGN_OR_RETURN(account.username, in.at("username").string());
  ASSIGN_OR_RETURN(account.sealed_password, in.at("sealedPassword").string());
  ASSIGN_OR_RETURN(const auto changed, in.at("passwordChanged").integer());
  account.password_changed = core::WallTime{std::chrono::milliseconds{changed}};
  return {};
}

}  // namespace

Row to_row(const VaultSecret& secret) {
  Row row{.kind = Kind::vault_secret,
          .id = secret.id,
          .unique = secret.name,
          .status = std::string(status_of(secret.active)),
          .name = secret.name,
          .version = secret.version,
          .created = secret.created,
          .updated = secret.updated};
  Array keys;
  keys.reserve(secret.keys.size());
  for (const std::string& key : secret.keys) keys.emplace_back(key);
  row.body = Object{{"description", secret.description}, {"keys", keys}, {"sealed", secret.sealed}};
  return row;
}

Row to_row(const ServiceAccount& account) {
  Row row{.kind = Kind::service_account,
          .id = account.id,
          .unique = account.name,
          .status = std::string(status_of(account.active)),
          .name = account.name,
          .version = account.version,
          .created = account.created,
          .updated = account.updated};
  row.body = Object{{"description", account.description},
                    {"app", account.app},
                    {"username", account.username},
                    {"sealedPassword", account.sealed_password},
                    {"passwordChanged", account.password_changed.time_since_epoch().count()}};
  return row;
}

core::Result<VaultSecret> read_vault_secret(const Row& row) {
  return read_entity<VaultSecret>(row, read_secret_body);
}
core::Result<ServiceAccount> read_service_account(const Row& row) {
  return read_entity<ServiceAccount>(row, read_account_body);
}

core::Result<Object> open_value(const Service& service, const VaultSecret& secret) {
  ASSIGN_OR_RETURN(std::string text, service.vault->open(secret.sealed, vault_secret_context(secret.id)));
  auto parsed = core::json::parse(text);
  core::wipe(text);
  if (!parsed || !parsed->is_object()) {
    return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                      "The value of a vaulted secret cannot be read.");
  }
  return std::move(parsed->as_object());
}

core::Result<core::Secret> open_password(const Service& service, const ServiceAccount& account) {
  ASSIGN_OR_RETURN(std::string text,
                   service.vault->open(account.sealed_password, service_account_context(account.id)));
  return core::Secret(std::move(text));
}

core::Status prepare_sealing(const Service& service) {
  RETURN_IF_ERROR(service.vault->seal("", "prepare"));
  return {};
}

std::string vault_secret_context(std::string_view id) {
  return fmt::format("vault-secret/{}", id);
}
std::string service_account_context(std::string_view id) {
  return fmt::format("service-account/{}", id);
}

}  // namespace registry
