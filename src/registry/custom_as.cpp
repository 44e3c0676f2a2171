#include "registry/custom_as.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <map>
#include <utility>

#include "authserver/jwt_bearer.h"
#include "authserver/token_exchange.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using Texts = std::vector<std::string>;

constexpr std::string_view kActive = "ACTIVE";
constexpr std::string_view kInactive = "INACTIVE";
constexpr std::string_view kBelow = "/oauth2/";

bool contains(const Texts& texts, std::string_view text) {
  return std::ranges::find(texts, text) != texts.end();
}

std::unexpected<core::Error> unreadable(const Row& row) {
  return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                    "The stored row " + row.id + " of an authorization server cannot be read.",
                    "Another program wrote it, or the database is damaged; restore a backup.");
}

// A list of texts that may be absent; what is no text in it is skipped, the routes let none in.
Texts texts_at(const Object& body, std::string_view path) {
  Texts texts;
  const auto* value = core::json::find(body, path);
  if (value == nullptr || !value->is_array()) return texts;
  texts.reserve(value->get_array().size());
  for (const auto& element : value->get_array()) {
    if (element.is_string()) texts.emplace_back(element.get_string());
  }
  return texts;
}

std::int64_t integer_at(const Object& body, std::string_view path, std::int64_t otherwise) {
  const auto* value = core::json::find(body, path);
  return value != nullptr && value->is_int64() ? value->get_int64() : otherwise;
}

bool flag_at(const Object& body, std::string_view path) {
  const auto* value = core::json::find(body, path);
  return value != nullptr && value->is_bool() && value->get_bool();
}

Array to_array(const Texts& texts) {
  return Array(texts.begin(), texts.end());
}

AsRule rule_of(const Row& row) {
  return {.id = row.id,
          .grant_types = texts_at(row.body, "conditions.grantTypes.include"),
          .scopes = texts_at(row.body, "conditions.scopes.include"),
          .users = texts_at(row.body, "conditions.people.users.include"),
          .excluded_users = texts_at(row.body, "conditions.people.users.exclude"),
          .groups = texts_at(row.body, "conditions.people.groups.include"),
          .access_token_lifetime =
              std::chrono::minutes{integer_at(row.body, "actions.token.accessTokenLifetimeMinutes", 60)}};
}

void sort_by_priority(std::vector<Row>& rows) {
  std::ranges::stable_sort(rows, {}, [](const Row& row) { return integer_at(row.body, "priority", 0); });
}

bool people_fit(const AsRule& rule, const PolicyQuestion& question) {
  if (question.user_id.empty()) return true;
  if (contains(rule.excluded_users, question.user_id)) return false;
  if (rule.users.empty() && rule.groups.empty()) return true;
  if (contains(rule.users, question.user_id) || contains(rule.groups, "EVERYONE")) return true;
  return std::ranges::any_of(question.groups,
                             [&](const std::string& group) { return contains(rule.groups, group); });
}

bool fits(const AsRule& rule, const PolicyQuestion& question) {
  const bool scopes_fit =
      contains(rule.scopes, "*") || std::ranges::all_of(question.scopes, [&](const std::string& scope) {
        return contains(rule.scopes, scope);
      });
  return contains(rule.grant_types, question.grant_type) && scopes_fit && people_fit(rule, question);
}

bool fits(const AsPolicy& policy, const PolicyQuestion& question) {
  return contains(policy.clients, "ALL_CLIENTS") ||
         std::ranges::any_of(question.client_ids,
                             [&](const std::string& id) { return contains(policy.clients, id); });
}

struct Expression {
  std::string_view text;
  std::string (*value)(const authserver::User* user, std::string_view client_id);
};
template <std::string authserver::User::* Member>
std::string of_user(const authserver::User* user, std::string_view) {
  return user != nullptr ? user->*Member : std::string();
}
constexpr std::array<Expression, 7> kExpressions{{
    {"user.id", of_user<&authserver::User::id>},
    {"user.login", of_user<&authserver::User::login>},
    {"user.email", of_user<&authserver::User::email>},
    {"user.firstName", of_user<&authserver::User::first_name>},
    {"user.lastName", of_user<&authserver::User::last_name>},
    {"app.clientId",
     [](const authserver::User*, std::string_view client_id) { return std::string(client_id); }},
    {"(appuser != null) ? appuser.userName : app.clientId",
     [](const authserver::User* user, std::string_view client_id) {
       return user != nullptr ? user->login : std::string(client_id);
     }},
}};

}  // namespace

core::Result<std::vector<Row>> all_rows(Reader& reader, Query query) {
  query.limit = Store::kMaxPage;
  std::vector<Row> rows;
  while (true) {
    ASSIGN_OR_RETURN(auto page, reader.list(query));
    const bool last = page.size() < query.limit;
    if (rows.empty()) {
      rows = std::move(page);
    } else {
      rows.insert(rows.end(), std::make_move_iterator(page.begin()), std::make_move_iterator(page.end()));
    }
    if (last) return rows;
    query.after = rows.back().id;
  }
}

Row to_row(const CustomAs& server) {
  Row row{.kind = Kind::custom_as,
          .id = server.id,
          .status = std::string(server.active ? kActive : kInactive),
          .name = server.name,
          .version = server.version,
          .created = server.created,
          .updated = server.updated};
  row.body["name"] = server.name;
  row.body["description"] = server.description;
  row.body["audiences"] = to_array(server.audiences);
  row.body["issuerMode"] = server.issuer_mode;
  row.body["algorithm"] = oauth::to_string(server.algorithm);
  row.body["rotationMode"] = server.rotates ? "AUTO" : "MANUAL";
  return row;
}

core::Result<CustomAs> read_custom_as(const Row& row) {
  const auto algorithm = oauth::parse_algorithm(core::json::string_or_empty(row.body, "algorithm"));
  if (!algorithm || !row.body.contains("name")) return unreadable(row);
  return CustomAs{.id = row.id,
                  .name = std::string(core::json::string_or_empty(row.body, "name")),
                  .description = std::string(core::json::string_or_empty(row.body, "description")),
                  .audiences = texts_at(row.body, "audiences"),
                  .active = row.status == kActive,
                  .issuer_mode = std::string(core::json::string_or_empty(row.body, "issuerMode")),
                  .algorithm = *algorithm,
                  .rotates = core::json::string_or_empty(row.body, "rotationMode") == "AUTO",
                  .created = row.created,
                  .updated = row.updated,
                  .version = row.version};
}

std::string issuer_of(const Service& service, std::string_view custom_as) {
  return fmt::format("{}{}{}", service.settings.issuer, kBelow, custom_as);
}

std::string_view custom_as_of(const Service& service, std::string_view issuer) {
  if (!issuer.starts_with(service.settings.issuer)) return {};
  issuer.remove_prefix(service.settings.issuer.size());
  if (!issuer.starts_with(kBelow)) return {};
  issuer.remove_prefix(kBelow.size());
  return issuer.find('/') == std::string_view::npos ? issuer : std::string_view{};
}

const AsScope* CustomAsView::find_scope(std::string_view name) const {
  auto place = std::ranges::find(scopes, name, &AsScope::name);
  return place == scopes.end() ? nullptr : &*place;
}

core::Result<std::vector<AsPolicy>> read_policies(Reader& reader, const std::string& server) {
  ASSIGN_OR_RETURN(
      auto policies,
      all_rows(reader, {.kind = Kind::as_policy, .parent = server, .statuses = {std::string(kActive)}}));
  ASSIGN_OR_RETURN(
      auto rules,
      all_rows(reader, {.kind = Kind::as_rule, .refers_to = server, .statuses = {std::string(kActive)}}));
  sort_by_priority(policies);
  sort_by_priority(rules);
  std::vector<AsPolicy> read;
  read.reserve(policies.size());
  for (const Row& row : policies) {
    AsPolicy policy{.id = row.id, .clients = texts_at(row.body, "conditions.clients.include")};
    const std::string parent = fmt::format("{}/{}", server, row.id);
    for (const Row& rule : rules) {
      if (rule.parent == parent) policy.rules.push_back(rule_of(rule));
    }
    read.push_back(std::move(policy));
  }
  return read;
}

bool allows_jwt_bearer(const std::vector<AsPolicy>& policies) {
  return std::ranges::any_of(policies, [](const AsPolicy& policy) {
    return std::ranges::any_of(policy.rules, [](const AsRule& rule) {
      return std::ranges::find(rule.grant_types, authserver::kJwtBearer) != rule.grant_types.end();
    });
  });
}

core::Result<CustomAsView> read_custom_as_view(Reader& reader, CustomAs server) {
  CustomAsView view{.server = std::move(server)};
  const std::string& id = view.server.id;
  ASSIGN_OR_RETURN(const auto scopes, all_rows(reader, {.kind = Kind::as_scope, .parent = id}));
  view.scopes.reserve(scopes.size());
  for (const Row& row : scopes) {
    view.scopes.push_back(
        {.name = std::string(core::json::string_or_empty(row.body, "name")),
         .is_default = flag_at(row.body, "default"),
         .published = core::json::string_or_empty(row.body, "metadataPublish") == "ALL_CLIENTS"});
  }
  ASSIGN_OR_RETURN(
      const auto claims,
      all_rows(reader, {.kind = Kind::as_claim, .parent = id, .statuses = {std::string(kActive)}}));
  for (const Row& row : claims) {
    if (core::json::string_or_empty(row.body, "claimType") != "RESOURCE") continue;
    view.claims.push_back({.name = std::string(core::json::string_or_empty(row.body, "name")),
                           .value = std::string(core::json::string_or_empty(row.body, "value")),
                           .scopes = texts_at(row.body, "conditions.scopes")});
  }
  ASSIGN_OR_RETURN(view.policies, read_policies(reader, id));
  return view;
}

const AsRule* evaluate(const CustomAsView& server, const PolicyQuestion& question) {
  for (const AsPolicy& policy : server.policies) {
    if (!fits(policy, question)) continue;
    for (const AsRule& rule : policy.rules) {
      if (fits(rule, question)) return &rule;
    }
  }
  return nullptr;
}

std::vector<std::string_view> claim_expressions() {
  std::vector<std::string_view> texts;
  texts.reserve(kExpressions.size());
  for (const Expression& expression : kExpressions) texts.push_back(expression.text);
  return texts;
}

std::optional<std::string> evaluate(const AsClaim& claim, const authserver::User* user,
                                    std::string_view client_id) {
  const std::string_view value = claim.value;
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    return std::string(value.substr(1, value.size() - 2));
  }
  auto place = std::ranges::find(kExpressions, value, &Expression::text);
  if (place == kExpressions.end()) return std::nullopt;
  std::string text = place->value(user, client_id);
  if (text.empty()) return std::nullopt;
  return text;
}

core::Status insert_custom_as(Transaction& tx, const Service& service, CustomAs& server,
                              const NewSigningKeys& keys, const Actor& actor,
                              const std::string& transaction) {
  Row row = to_row(server);
  RETURN_IF_ERROR(tx.insert(row));
  server.version = row.version;
  server.created = row.created;
  server.updated = row.updated;
  RETURN_IF_ERROR(insert_signing_keys(tx, service, server.id, keys));

  Row policy{.kind = Kind::as_policy,
             .id = service.new_id("00p"),
             .parent = server.id,
             .status = std::string(kActive),
             .name = "Connected agents",
             .refs = {server.id}};
  policy.body =
      Object{{"name", policy.name},
             {"description", "Agents that are connected to this authorization server, and its service apps."},
             {"priority", 1},
             {"conditions", Object{{"clients", Object{{"include", Array{"ALL_CLIENTS"}}}}}}};
  RETURN_IF_ERROR(tx.insert(policy));
  Row rule{.kind = Kind::as_rule,
           .id = service.new_id("0pr"),
           .parent = fmt::format("{}/{}", server.id, policy.id),
           .status = std::string(kActive),
           .name = "Default Policy Rule",
           .refs = {server.id, policy.id}};
  Array grants{"client_credentials", authserver::kTokenExchange, authserver::kJwtBearer};
  Object groups{{"include", Array{"EVERYONE"}}};
  rule.body = Object{{"name", rule.name},
                     {"priority", 1},
                     {"conditions", Object{{"people", Object{{"groups", std::move(groups)}}},
                                           {"grantTypes", Object{{"include", std::move(grants)}}},
                                           {"scopes", Object{{"include", Array{"*"}}}}}},
                     {"actions", Object{{"token", Object{{"accessTokenLifetimeMinutes", 60},
                                                         {"refreshTokenLifetimeMinutes", 0},
                                                         {"refreshTokenWindowMinutes", 10080}}}}}};
  RETURN_IF_ERROR(tx.insert(rule));
  return tx.emit({.type = "oauth2.as.created",
                  .actor = actor,
                  .targets = {{.id = server.id, .type = "AuthorizationServer", .name = server.name}},
                  .transaction = transaction});
}

}  // namespace registry
