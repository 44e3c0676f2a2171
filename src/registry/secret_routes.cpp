// /privileged-access/api/v1/secrets and /service-accounts: what agents may get from the vault. Values go in
// and are never shown; the shape of service accounts is that of Okta's API of the same path.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "oauth/secret_json.h"
#include "registry/api.h"
#include "registry/members.h"
#include "registry/service.h"
#include "registry/vault.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using net::Method;
using rest::Reply;
using Takes = ApiRoute::Takes;

constexpr std::string_view kBase = "/privileged-access/api/v1";
constexpr std::size_t kMostMembers = 50;
constexpr std::size_t kLongestKey = 100;
constexpr std::size_t kLongestValue = 8u << 10;
constexpr std::size_t kLongestPassword = 255;
constexpr TextRule kDescription{.least = 0, .lines = true};
constexpr TextRule kAccountName{.most = 50};
constexpr TextRule kUsername{.most = 100};

// The two kinds, and how they differ.
struct Secrets {
  using Entity = VaultSecret;
  static constexpr Kind kKind = Kind::vault_secret;
  static constexpr std::string_view kPath = "secrets";
  static constexpr std::string_view kNoun = "VaultedSecret";
  static constexpr std::string_view kEvent = "pam.secret";
  static core::Result<VaultSecret> read(const Row& row) { return read_vault_secret(row); }
  static core::Result<VaultSecret> create(const Service& service, const Object& body);
  static core::Result<std::vector<std::string>> patch(const Service& service, const Object& body,
                                                      VaultSecret& secret);
  static Object show(const Service& service, const VaultSecret& secret);
};

struct Accounts {
  using Entity = ServiceAccount;
  static constexpr Kind kKind = Kind::service_account;
  static constexpr std::string_view kPath = "service-accounts";
  static constexpr std::string_view kNoun = "ServiceAccount";
  static constexpr std::string_view kEvent = "pam.service_account";
  static core::Result<ServiceAccount> read(const Row& row) { return read_service_account(row); }
  static core::Result<ServiceAccount> create(const Service& service, const Object& body);
  static core::Result<std::vector<std::string>> patch(const Service& service, const Object& body,
                                                      ServiceAccount& account);
  static Object show(const Service& service, const ServiceAccount& account);
};

// A description may be cleared with null.
core::Status take_description(const Members& in, std::string& description) {
  ASSIGN_OR_RETURN(auto text, in.optional_text("description", kDescription));
  description = std::move(text).value_or("");
  return {};
}

// ---- Vaulted secrets ----

// Strings by name, into `value`; with `merge`, null removes one (RFC 7396).
core::Status take_value(const Members& in, Object& value, bool merge) {
  ASSIGN_OR_RETURN(const Members given, in.object("value"));
  for (const auto& entry : given.members()) {
    const std::string_view key = entry.key();
    if (key.empty() || key.size() > kLongestKey)
      return bad("value", fmt::format("must have member names of 1 to {} bytes", kLongestKey));
    if (merge && entry.value().is_null()) {
      value.erase(key);
      continue;
    }
    if (!entry.value().is_string() || entry.value().get_string().size() > kLongestValue)
      return bad("value", fmt::format("must have members that are strings of at most {} bytes, such as "
                                      "{{\"apiKey\":\"...\"}}",
                                      kLongestValue));
    value[key] = entry.value();
  }
  if (value.empty() || value.size() > kMostMembers)
    return bad("value", fmt::format("must have 1 to {} members", kMostMembers));
  return {};
}

core::Status seal_value(const Service& service, VaultSecret& secret, Object value) {
  secret.keys.clear();
  secret.keys.reserve(value.size());
  for (const auto& entry : value) secret.keys.emplace_back(entry.key());
  core::json::Value document(std::move(value));
  const oauth::WipeAtExit wiped(document);
  std::string text = core::json::write(document);
  auto sealed = service.vault->seal(text, vault_secret_context(secret.id));
  core::wipe(text);
  if (!sealed) return std::unexpected(std::move(sealed).error());
  secret.sealed = *std::move(sealed);
  return {};
}

core::Result<VaultSecret> Secrets::create(const Service& service, const Object& body) {
  const Members in(body);
  RETURN_IF_ERROR(in.only({"name", "description", "value"}, {"id", "orn", "keys", "status"}));
  VaultSecret secret{.id = service.random->uuid(), .name = {}};
  ASSIGN_OR_RETURN(secret.name, in.text("name"));
  RETURN_IF_ERROR(take_description(in, secret.description));
  Object value;
  RETURN_IF_ERROR(take_value(in, value, false));
  RETURN_IF_ERROR(seal_value(service, secret, std::move(value)));
  return secret;
}

core::Result<std::vector<std::string>> Secrets::patch(const Service& service, const Object& body,
                                                      VaultSecret& secret) {
  const Members in(body);
  RETURN_IF_ERROR(
      in.only({"name", "description", "value"}, {"id", "orn", "keys", "status", "created", "lastUpdated"}));
  std::vector<std::string> changed;
  if (in.has("name")) {
    ASSIGN_OR_RETURN(secret.name, in.text("name"));
    changed.emplace_back("name");
  }
  if (in.has("description")) {
    RETURN_IF_ERROR(take_description(in, secret.description));
    changed.emplace_back("description");
  }
  if (in.has("value")) {
    ASSIGN_OR_RETURN(auto value, open_value(service, secret));
    RETURN_IF_ERROR(take_value(in, value, true));
    RETURN_IF_ERROR(seal_value(service, secret, std::move(value)));
    changed.emplace_back("value");
  }
  return changed;
}

Object Secrets::show(const Service& service, const VaultSecret& secret) {
  Array keys;
  keys.reserve(secret.keys.size());
  for (const std::string& key : secret.keys) keys.emplace_back(key);
  return Object{{"id", secret.id},
                {"orn", service.names.vault_secret(secret.id)},
                {"name", secret.name},
                {"description", secret.description},
                {"keys", std::move(keys)}};
}

// ---- Service accounts ----

// "orn:okta:idp:{org}:apps:{type}:{0oa...}" to "{type}:{0oa...}".
core::Result<std::string> app_of(const Service& service, std::string_view orn) {
  constexpr std::string_view kApps = ":apps:";
  const std::size_t at = orn.find(kApps);
  const std::string ours = fmt::format(":idp:{}", service.names.org_id());
  if (orn.starts_with("orn:") && at != std::string_view::npos && orn.substr(0, at).ends_with(ours)) {
    const std::string_view app = orn.substr(at + kApps.size());
    if (std::ranges::count(app, ':') == 1 && !app.starts_with(':') && !app.ends_with(':') &&
        app.find_first_of(" /") == std::string_view::npos)
      return std::string(app);
  }
  return bad("containerOrn", fmt::format("must name an app of this org: orn:okta:idp:{}:apps:TYPE:ID",
                                         service.names.org_id()));
}

core::Status take_password(const Service& service, const Members& in, ServiceAccount& account) {
  ASSIGN_OR_RETURN(const core::Secret password, in.optional_secret("password", kLongestPassword));
  if (password.empty()) return required("password");
  ASSIGN_OR_RETURN(account.sealed_password,
                   service.vault->seal(password.reveal(), service_account_context(account.id)));
  account.password_changed = service.now();
  return {};
}

core::Result<ServiceAccount> Accounts::create(const Service& service, const Object& body) {
  const Members in(body);
  RETURN_IF_ERROR(
      in.only({"name", "description", "containerOrn", "username", "password"}, {"id", "orn", "status"}));
  ServiceAccount account{.id = service.random->uuid(), .app = {}, .name = {}, .username = {}};
  ASSIGN_OR_RETURN(account.name, in.text("name", kAccountName));
  RETURN_IF_ERROR(take_description(in, account.description));
  ASSIGN_OR_RETURN(const std::string container, in.text("containerOrn"));
  ASSIGN_OR_RETURN(account.app, app_of(service, container));
  ASSIGN_OR_RETURN(account.username, in.text("username", kUsername));
  RETURN_IF_ERROR(take_password(service, in, account));
  return account;
}

core::Result<std::vector<std::string>> Accounts::patch(const Service& service, const Object& body,
                                                       ServiceAccount& account) {
  const Members in(body);
  RETURN_IF_ERROR(in.only({"name", "description", "username", "password"},
                          {"id", "orn", "containerOrn", "status", "created", "lastUpdated"}));
  std::vector<std::string> changed;
  if (in.has("name")) {
    ASSIGN_OR_RETURN(account.name, in.text("name", kAccountName));
    changed.emplace_back("name");
  }
  if (in.has("description")) {
    RETURN_IF_ERROR(take_description(in, account.description));
    changed.emplace_back("description");
  }
  if (in.has("username")) {
    ASSIGN_OR_RETURN(account.username, in.text("username", kUsername));
    changed.emplace_back("username");
  }
  if (in.has("password")) {
    RETURN_IF_ERROR(take_password(service, in, account));
    changed.emplace_back("password");
  }
  return changed;
}

Object Accounts::show(const Service& service, const ServiceAccount& account) {
  return Object{{"id", account.id},
                {"orn", service.names.service_account(account.app, account.id)},
                {"name", account.name},
                {"description", account.description},
                {"containerOrn", fmt::format("orn:okta:idp:{}:apps:{}", service.names.org_id(), account.app)},
                {"username", account.username},
                {"passwordChanged", core::to_rfc3339(account.password_changed)}};
}

// ---- Both ----

template <class T>
std::string href_of(const Service& service, std::string_view id) {
  return service.url(fmt::format("{}/{}/{}", kBase, T::kPath, id));
}

Object link(std::string href, std::string_view method) {
  return Object{{"href", std::move(href)}, {"hints", Object{{"allow", Array{core::json::Value(method)}}}}};
}

template <class T>
Object show_whole(const Service& service, const typename T::Entity& entity) {
  Object shown = T::show(service, entity);
  shown["status"] = entity.active ? "ACTIVE" : "INACTIVE";
  shown["created"] = core::to_rfc3339(entity.created);
  shown["lastUpdated"] = core::to_rfc3339(entity.updated);
  const std::string href = href_of<T>(service, entity.id);
  const std::string_view verb = entity.active ? "deactivate" : "activate";
  Object links{{"self", link(href, "GET")}};
  links[verb] = link(fmt::format("{}/lifecycle/{}", href, verb), "POST");
  links["delete"] = link(href, "DELETE");
  shown["_links"] = std::move(links);
  return shown;
}

template <class T>
core::Result<typename T::Entity> hold(Transaction& tx, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(T::kKind, id));
  if (!row) return no_such(id, T::kNoun);
  return T::read(*row);
}

template <class T>
core::Status emit(Transaction& tx, const ApiRequest& request, const typename T::Entity& entity,
                  std::string_view event, const Object& changes = {}) {
  return tx.emit({.type = std::string(event),
                  .actor = request.actor,
                  .targets = {{.id = entity.id, .type = std::string(T::kNoun), .name = entity.name}},
                  .transaction = request.transaction,
                  .debug = changes});
}

template <class T>
core::Status store_changed(Transaction& tx, typename T::Entity& entity) {
  Row row = to_row(entity);
  RETURN_IF_ERROR(tx.update(row));
  entity.version = row.version;
  entity.updated = row.updated;
  return {};
}

template <class T>
core::Status say_name_taken(core::Status done, std::string_view name) {
  if (done || done.error().code != "registry.UNIQUE_CONSTRAINT") return done;
  return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT",
                fmt::format("There is a {} with the name {} already.", T::kNoun, name), "name");
}

template <class T>
core::Result<Reply> create_one(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(auto entity, T::create(service, request.body));
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    Row row = to_row(entity);
    RETURN_IF_ERROR(tx.insert(row));
    entity.version = row.version;
    entity.created = row.created;
    entity.updated = row.updated;
    return emit<T>(tx, request, entity, fmt::format("{}.create", T::kEvent));
  });
  RETURN_IF_ERROR(say_name_taken<T>(done, entity.name));
  Reply reply = entity_reply(show_whole<T>(service, entity), entity.version, 201);
  reply.headers.add("Location", href_of<T>(service, entity.id));
  return reply;
}

template <class T>
core::Result<Reply> list_all(const ApiRequest& request) {
  const Service& service = request.service;
  return list_reply(request, Query{.kind = T::kKind}, "", [&](const Row& row) -> core::Result<Object> {
    ASSIGN_OR_RETURN(const auto entity, T::read(row));
    return show_whole<T>(service, entity);
  });
}

template <class T>
core::Result<Reply> read_one(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto row, service.store->get(T::kKind, request.param(0)));
  if (!row) return no_such(request.param(0), T::kNoun);
  ASSIGN_OR_RETURN(const auto entity, T::read(*row));
  return entity_reply(show_whole<T>(service, entity), entity.version);
}

template <class T>
core::Result<Reply> patch_one(const ApiRequest& request) {
  const Service& service = request.service;
  typename T::Entity entity;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(entity, hold<T>(tx, request.param(0)));
    RETURN_IF_ERROR(check_version(request.call, entity.version));
    ASSIGN_OR_RETURN(const auto changed, T::patch(service, request.body, entity));
    if (changed.empty()) return {};
    RETURN_IF_ERROR(store_changed<T>(tx, entity));
    const bool password = std::ranges::find(changed, "password") != changed.end();
    Array names;
    names.reserve(changed.size());
    for (const std::string& name : changed) names.emplace_back(name);
    return emit<T>(tx, request, entity, fmt::format("{}.{}update", T::kEvent, password ? "password." : ""),
                   Object{{"changed", std::move(names)}});
  });
  RETURN_IF_ERROR(say_name_taken<T>(done, entity.name));
  return entity_reply(show_whole<T>(service, entity), entity.version);
}

template <class T, bool active>
core::Result<Reply> set_active(const ApiRequest& request) {
  const Service& service = request.service;
  typename T::Entity entity;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(entity, hold<T>(tx, request.param(0)));
    if (entity.active == active) {
      return refuse(ErrorKind::conflict, "INVALID_STATE_TRANSITION",
                    fmt::format("It is {} already; allowed: {}, delete.", active ? "ACTIVE" : "INACTIVE",
                                active ? "deactivate" : "activate"),
                    "status");
    }
    entity.active = active;
    RETURN_IF_ERROR(store_changed<T>(tx, entity));
    return emit<T>(tx, request, entity, fmt::format("{}.update", T::kEvent),
                   Object{{"changed", Array{core::json::Value("status")}}});
  });
  RETURN_IF_ERROR(done);
  return entity_reply(show_whole<T>(service, entity), entity.version);
}

template <class T>
core::Result<Reply> delete_one(const ApiRequest& request) {
  const Service& service = request.service;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto entity, hold<T>(tx, request.param(0)));
    RETURN_IF_ERROR(check_version(request.call, entity.version));
    ASSIGN_OR_RETURN(const auto users,
                     tx.list({.kind = Kind::connection, .refers_to = entity.id, .limit = 1}));
    if (!users.empty()) {
      return refuse(ErrorKind::conflict, "RESOURCE_IN_USE",
                    fmt::format("The connection {} of {} leads to it; delete that connection first.",
                                users.front().id, users.front().parent),
                    "id");
    }
    RETURN_IF_ERROR(tx.remove(T::kKind, entity.id));
    return emit<T>(tx, request, entity, fmt::format("{}.delete", T::kEvent));
  });
  RETURN_IF_ERROR(done);
  return rest::no_content();
}

constexpr ApiArea kSecretsArea{.base = "/privileged-access/api/v1/secrets",
                               .tag = "VaultedSecret",
                               .read = "okta.privilegedResources.read",
                               .manage = "okta.privilegedResources.manage"};
constexpr ApiArea kAccountsArea{.base = "/privileged-access/api/v1/service-accounts",
                                .tag = "ServiceAccount",
                                .read = "okta.serviceAccounts.read",
                                .manage = "okta.serviceAccounts.manage"};
constexpr std::array<ApiRoute, 7> kSecretRoutes{{
    {Method::post, "", "createVaultedSecret", "Put a secret into the vault", create_one<Secrets>,
     Takes::object},
    {Method::get, "", "listVaultedSecrets", "List every secret, without what is sealed", list_all<Secrets>,
     Takes::page},
    {Method::get, "/{id}", "getVaultedSecret", "Retrieve a secret, without what is sealed",
     read_one<Secrets>},
    {Method::patch, "/{id}", "updateVaultedSecret", "Change a secret", patch_one<Secrets>,
     Takes::merge_patch},
    {Method::delete_, "/{id}", "deleteVaultedSecret", "Delete a secret that no connection leads to",
     delete_one<Secrets>},
    {Method::post, "/{id}/lifecycle/activate", "activateVaultedSecret", "Let agents get a secret",
     set_active<Secrets, true>},
    {Method::post, "/{id}/lifecycle/deactivate", "deactivateVaultedSecret",
     "Keep agents from getting a secret", set_active<Secrets, false>},
}};
constexpr std::array<ApiRoute, 7> kAccountRoutes{{
    {Method::post, "", "createServiceAccount", "Put a service account into the vault", create_one<Accounts>,
     Takes::object},
    {Method::get, "", "listServiceAccounts", "List every service account, without what is sealed",
     list_all<Accounts>, Takes::page},
    {Method::get, "/{id}", "getServiceAccount", "Retrieve a service account, without what is sealed",
     read_one<Accounts>},
    {Method::patch, "/{id}", "updateServiceAccount", "Change a service account", patch_one<Accounts>,
     Takes::merge_patch},
    {Method::delete_, "/{id}", "deleteServiceAccount", "Delete a service account that no connection leads to",
     delete_one<Accounts>},
    {Method::post, "/{id}/lifecycle/activate", "activateServiceAccount", "Let agents get a service account",
     set_active<Accounts, true>},
    {Method::post, "/{id}/lifecycle/deactivate", "deactivateServiceAccount",
     "Keep agents from getting a service account", set_active<Accounts, false>},
}};

}  // namespace

void add_secret_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kSecretsArea, kSecretRoutes);
  add_routes(router, service, kAccountsArea, kAccountRoutes);
}

}  // namespace registry
