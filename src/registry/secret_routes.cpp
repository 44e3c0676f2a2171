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
#include "rest/body.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using rest::Answer;
using rest::Call;
using rest::Reply;

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
  static constexpr std::string_view kRead = "okta.privilegedResources.read";
  static constexpr std::string_view kManage = "okta.privilegedResources.manage";
  static constexpr std::string_view kOperation = "VaultedSecret";
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
  static constexpr std::string_view kRead = "okta.serviceAccounts.read";
  static constexpr std::string_view kManage = "okta.serviceAccounts.manage";
  static constexpr std::string_view kOperation = "ServiceAccount";
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
std::unexpected<core::Error> no_such(std::string_view id) {
  return refuse(ErrorKind::not_found, "NOT_FOUND", fmt::format("Resource not found: {} ({})", id, T::kNoun));
}

template <class T>
core::Result<typename T::Entity> hold(Transaction& tx, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(T::kKind, id));
  if (!row) return no_such<T>(id);
  return T::read(*row);
}

template <class T>
core::Status emit(Transaction& tx, const Call& call, const typename T::Entity& entity, std::string_view event,
                  const Object& changes = {}) {
  return tx.emit({.type = std::string(event),
                  .actor = actor_of(call.caller),
                  .targets = {{.id = entity.id, .type = std::string(T::kNoun), .name = entity.name}},
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
Answer<Reply> create_one(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(auto object, rest::read_object(call));
  core::json::Value body(std::move(object));
  const oauth::WipeAtExit wiped(body);
  ASSIGN_OR_RETURN(auto entity, answer(T::create(service, body.as_object())));
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    Row row = to_row(entity);
    RETURN_IF_ERROR(tx.insert(row));
    entity.version = row.version;
    entity.created = row.created;
    entity.updated = row.updated;
    return emit<T>(tx, call, entity, fmt::format("{}.create", T::kEvent));
  });
  RETURN_IF_ERROR(answer(say_name_taken<T>(done, entity.name)));
  Reply reply = entity_reply(show_whole<T>(service, entity), entity.version, 201);
  reply.headers.add("Location", href_of<T>(service, entity.id));
  return reply;
}

template <class T>
Answer<Reply> list_all(const Service& service, const Call& call) {
  return list_reply(call, service, Query{.kind = T::kKind}, "", [&](const Row& row) -> core::Result<Object> {
    ASSIGN_OR_RETURN(const auto entity, T::read(row));
    return show_whole<T>(service, entity);
  });
}

template <class T>
Answer<Reply> read_one(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto row, answer(service.store->get(T::kKind, call.param(0))));
  if (!row) return rest::refuse(problem_of(no_such<T>(call.param(0)).error()));
  ASSIGN_OR_RETURN(const auto entity, answer(T::read(*row)));
  return entity_reply(show_whole<T>(service, entity), entity.version);
}

template <class T>
Answer<Reply> patch_one(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(auto object, read_patch(call));
  core::json::Value body(std::move(object));
  const oauth::WipeAtExit wiped(body);
  RETURN_IF_ERROR(check_if_match_syntax(call));
  typename T::Entity entity;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(entity, hold<T>(tx, call.param(0)));
    RETURN_IF_ERROR(check_version(call, entity.version));
    ASSIGN_OR_RETURN(const auto changed, T::patch(service, body.as_object(), entity));
    if (changed.empty()) return {};
    RETURN_IF_ERROR(store_changed<T>(tx, entity));
    const bool password = std::ranges::find(changed, "password") != changed.end();
    Array names;
    names.reserve(changed.size());
    for (const std::string& name : changed) names.emplace_back(name);
    return emit<T>(tx, call, entity, fmt::format("{}.{}update", T::kEvent, password ? "password." : ""),
                   Object{{"changed", std::move(names)}});
  });
  RETURN_IF_ERROR(answer(say_name_taken<T>(done, entity.name)));
  return entity_reply(show_whole<T>(service, entity), entity.version);
}

template <class T>
Answer<Reply> set_active(const Service& service, const Call& call, bool active) {
  typename T::Entity entity;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(entity, hold<T>(tx, call.param(0)));
    if (entity.active == active) {
      return refuse(ErrorKind::conflict, "INVALID_STATE_TRANSITION",
                    fmt::format("It is {} already; allowed: {}, delete.", active ? "ACTIVE" : "INACTIVE",
                                active ? "deactivate" : "activate"),
                    "status");
    }
    entity.active = active;
    RETURN_IF_ERROR(store_changed<T>(tx, entity));
    return emit<T>(tx, call, entity, fmt::format("{}.update", T::kEvent),
                   Object{{"changed", Array{core::json::Value("status")}}});
  });
  RETURN_IF_ERROR(answer(done));
  return entity_reply(show_whole<T>(service, entity), entity.version);
}

template <class T>
Answer<Reply> delete_one(const Service& service, const Call& call) {
  RETURN_IF_ERROR(check_if_match_syntax(call));
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto entity, hold<T>(tx, call.param(0)));
    RETURN_IF_ERROR(check_version(call, entity.version));
    ASSIGN_OR_RETURN(const auto users,
                     tx.list({.kind = Kind::connection, .refers_to = entity.id, .limit = 1}));
    if (!users.empty()) {
      return refuse(ErrorKind::conflict, "RESOURCE_IN_USE",
                    fmt::format("The connection {} of {} leads to it; delete that connection first.",
                                users.front().id, users.front().parent),
                    "id");
    }
    RETURN_IF_ERROR(tx.remove(T::kKind, entity.id));
    return emit<T>(tx, call, entity, fmt::format("{}.delete", T::kEvent));
  });
  RETURN_IF_ERROR(answer(done));
  return rest::no_content();
}

template <class T>
void add_routes(rest::Router& router, const Service& service, std::string_view noun, std::string_view tag) {
  using Handle = Answer<Reply> (*)(const Service&, const Call&);
  struct Line {
    net::Method method;
    std::string_view path, verb;
    Handle handle;
    std::string_view about;
  };
  const std::array lines{
      Line{net::Method::post, "", "create", create_one<T>, "Put a {} into the vault"},
      Line{net::Method::get, "", "list", list_all<T>, "List every {}, without what is sealed"},
      Line{net::Method::get, "/{id}", "get", read_one<T>, "Retrieve a {}, without what is sealed"},
      Line{net::Method::patch, "/{id}", "update", patch_one<T>, "Change a {}"},
      Line{net::Method::delete_, "/{id}", "delete", delete_one<T>, "Delete a {} that no connection leads to"},
      Line{net::Method::post, "/{id}/lifecycle/activate", "activate",
           [](const Service& s, const Call& call) { return set_active<T>(s, call, true); },
           "Let agents get a {}"},
      Line{net::Method::post, "/{id}/lifecycle/deactivate", "deactivate",
           [](const Service& s, const Call& call) { return set_active<T>(s, call, false); },
           "Keep agents from getting a {}"},
  };
  for (const Line& line : lines) {
    const bool changes = line.method != net::Method::get;
    router.add(
        {.method = line.method,
         .path = fmt::format("{}/{}{}", kBase, T::kPath, line.path),
         .operation = fmt::format("{}{}{}", line.verb, T::kOperation, line.verb == "list" ? "s" : ""),
         .handler = [&service, handle = line.handle](const Call& call) { return handle(service, call); },
         .changes = changes,
         .scope = std::string(changes ? T::kManage : T::kRead),
         .about = fmt::format(fmt::runtime(line.about), noun),
         .tag = std::string(tag)});
  }
}

}  // namespace

void add_secret_routes(rest::Router& router, const Service& service) {
  add_routes<Secrets>(router, service, "secret", "VaultedSecret");
  add_routes<Accounts>(router, service, "service account", "ServiceAccount");
}

}  // namespace registry
