// Vaulted secrets and service accounts: what agents get that no authorization server issues. Their values are
// sealed, and leave the vault by a token exchange only (sts.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/json.h"
#include "core/result.h"
#include "core/secret.h"
#include "registry/service.h"
#include "registry/store.h"

namespace registry {

struct VaultSecret {
  std::string id;    // a uuid
  std::string name;  // unique
  std::string description{};
  bool active = true;
  std::vector<std::string> keys{};  // of the value, in order
  std::string sealed{};             // a JSON object of strings; Service::vault, vault_secret_context(id)
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;
};

struct ServiceAccount {
  std::string id;    // a uuid
  std::string app;   // "github:0oa...": the app and its instance, as in the name of the resource
  std::string name;  // unique
  std::string description{};
  bool active = true;
  std::string username;
  std::string sealed_password{};  // Service::vault, service_account_context(id)
  core::WallTime password_changed{};
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;
};

Row to_row(const VaultSecret& secret);
Row to_row(const ServiceAccount& account);
core::Result<VaultSecret> read_vault_secret(const Row& row);
core::Result<ServiceAccount> read_service_account(const Row& row);

core::Result<core::json::Object> open_value(const Service& service, const VaultSecret& secret);
core::Result<core::Secret> open_password(const Service& service, const ServiceAccount& account);

// Makes the first key, which cannot be made within a transaction that seals. Later ones come by themselves;
// where one is due inside a transaction, the one before goes on.
core::Status prepare_sealing(const Service& service);

std::string vault_secret_context(std::string_view id);
std::string service_account_context(std::string_view id);

// Seals everything anew that an older key of the vault sealed, page by page: clients' secrets, grants,
// vaulted secrets, service accounts, secrets at identity providers, signing keys. Work "reseal", once a day.
// `after` is where the page before ended, empty at the start, and empty again at the end.
core::Status reseal_page(const Service& service, std::string& after);

}  // namespace registry
