// Identity providers: Okta's Identity Providers API for the type OIDC, and the links of people to subjects.
// policy.subject.allowedDomains is this registry's own.
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string>

#include "catalogue/scim_filter.h"
#include "net/url.h"
#include "oauth/issuer_metadata.h"
#include "registry/api.h"
#include "registry/members.h"
#include "registry/person.h"
#include "registry/person_view.h"
#include "registry/service.h"

namespace registry {

namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using core::json::Value;
using net::Method;
using rest::Reply;
using Takes = ApiRoute::Takes;

constexpr std::string_view kTemplate = "idpuser.";

EventTarget target_of_provider(const IdentityProvider& provider) {
  return {.id = provider.id, .type = "Idp", .name = provider.name, .detail = {{"issuer", provider.issuer}}};
}

core::Result<IdentityProvider> required_provider(Reader& reader, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::identity_provider, id));
  if (!row) return no_such(id, "IdentityProvider");
  return read_identity_provider(*row);
}

// ---- The body ----

core::Status read_client(const Service& service, const Members& in, IdentityProvider& provider) {
  RETURN_IF_ERROR(in.only({"client_id", "client_secret", "token_endpoint_auth_method", "pkce_required"}));
  ASSIGN_OR_RETURN(provider.client_id, in.text("client_id", {.most = 1024}));
  ASSIGN_OR_RETURN(const core::Secret secret, in.optional_secret("client_secret", 1024));
  ASSIGN_OR_RETURN(const auto method,
                   in.optional_choice("token_endpoint_auth_method",
                                      {"client_secret_basic", "client_secret_post", "none"}));
  ASSIGN_OR_RETURN(const auto pkce, in.optional_flag("pkce_required"));
  if (!pkce.value_or(true)) return bad(in.path_of("pkce_required"), "is true: PKCE is always used");
  if (!secret.empty()) {
    ASSIGN_OR_RETURN(provider.sealed_secret,
                     service.vault->seal(secret.reveal(), IdentityProvider::secret_context(provider.id)));
  }
  if (method && *method == "none") provider.sealed_secret.clear();
  provider.auth_method = provider.sealed_secret.empty()   ? "none"
                         : method                         ? *method
                         : provider.auth_method == "none" ? "client_secret_basic"
                                                          : provider.auth_method;
  if (method && *method != "none" && provider.sealed_secret.empty())
    return required(in.path_of("client_secret"));
  return {};
}

core::Status read_protocol(const Service& service, const Members& in, IdentityProvider& provider) {
  RETURN_IF_ERROR(in.only({"type", "issuer", "credentials", "scopes"}));
  RETURN_IF_ERROR(in.optional_choice("type", {"OIDC"}));
  ASSIGN_OR_RETURN(const Members issuer, in.object("issuer"));
  RETURN_IF_ERROR(issuer.only({"url"}));
  ASSIGN_OR_RETURN(provider.issuer, issuer.text("url", {.most = 1024}));
  if (const auto good = oauth::check_issuer_url(provider.issuer); !good)
    return bad(issuer.path_of("url"), good.error().message);
  ASSIGN_OR_RETURN(auto scopes, in.optional_texts("scopes", 1, 30, {.most = 200}));
  if (scopes) provider.scopes = *std::move(scopes);
  if (std::ranges::find(provider.scopes, "openid") == provider.scopes.end())
    return bad(in.path_of("scopes"), "must contain openid");
  ASSIGN_OR_RETURN(const Members credentials, in.object("credentials"));
  RETURN_IF_ERROR(credentials.only({"client"}));
  ASSIGN_OR_RETURN(const Members client, credentials.object("client"));
  return read_client(service, client, provider);
}

// "idpuser.email" gives "email".
core::Result<std::string> claim_of(const Members& name_template) {
  RETURN_IF_ERROR(name_template.only({"template"}));
  ASSIGN_OR_RETURN(const std::string text, name_template.text("template", {.most = 200}));
  std::string claim = text.starts_with(kTemplate) ? text.substr(kTemplate.size()) : std::string();
  const bool good =
      !claim.empty() &&
      claim.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:/.-") ==
          std::string::npos;
  if (good) return claim;
  return bad(name_template.path_of("template"),
             "must be idpuser. and the name of a claim, such as idpuser.email");
}

core::Status read_subject(const Members& in, IdentityProvider& provider) {
  RETURN_IF_ERROR(in.only({"userNameTemplate", "matchType", "allowedDomains"}));
  ASSIGN_OR_RETURN(const auto match, in.optional_choice("matchType", {"USERNAME", "EMAIL"}));
  if (match)
    provider.match = *match == "EMAIL" ? IdentityProvider::Match::email : IdentityProvider::Match::login;
  ASSIGN_OR_RETURN(const auto name_template, in.optional_object("userNameTemplate"));
  if (name_template) {
    ASSIGN_OR_RETURN(provider.login_claim, claim_of(*name_template));
  }
  ASSIGN_OR_RETURN(const auto domains, in.optional_texts("allowedDomains", 0, 100, {.most = 253}));
  if (domains) {
    provider.allowed_domains.clear();
    provider.allowed_domains.reserve(domains->size());
    for (const auto& domain : *domains) {
      if (!domain.contains('.') || domain.contains('@') || domain.contains('/'))
        return bad(in.path_of("allowedDomains"), "must be names such as example.com");
      provider.allowed_domains.push_back(catalogue::fold_case(domain));
    }
  }
  return {};
}

// {"action":"AUTO"|"DISABLED"}
core::Status read_action(const Members& in, std::string_view name, bool& automatic) {
  ASSIGN_OR_RETURN(const auto object, in.optional_object(name));
  if (!object) return {};
  RETURN_IF_ERROR(object->only({"action"}));
  ASSIGN_OR_RETURN(const auto action, object->optional_choice("action", {"AUTO", "DISABLED"}));
  if (action) automatic = *action == "AUTO";
  return {};
}

core::Status read_provider(const Service& service, const Object& body, IdentityProvider& provider) {
  const Members in(body);
  RETURN_IF_ERROR(
      in.only({"type", "name", "protocol", "policy", "id", "status", "created", "lastUpdated", "_links"}));
  RETURN_IF_ERROR(in.choice("type", {"OIDC"}));
  ASSIGN_OR_RETURN(provider.name, in.text("name", {.most = 100}));
  ASSIGN_OR_RETURN(const Members protocol, in.object("protocol"));
  RETURN_IF_ERROR(read_protocol(service, protocol, provider));
  ASSIGN_OR_RETURN(const auto policy, in.optional_object("policy"));
  if (!policy) return {};
  RETURN_IF_ERROR(policy->only({"provisioning", "accountLink", "subject"}));
  RETURN_IF_ERROR(read_action(*policy, "provisioning", provider.create_people));
  RETURN_IF_ERROR(read_action(*policy, "accountLink", provider.link_accounts));
  ASSIGN_OR_RETURN(const auto subject, policy->optional_object("subject"));
  return subject ? read_subject(*subject, provider) : core::Status{};
}

// ---- Routes ----

Reply shown(const Service& service, const IdentityProvider& provider) {
  Reply reply = rest::json_reply(view_of(service, provider));
  reply.headers.set("ETag", etag_of(provider.version));
  return reply;
}

core::Status emit(Transaction& tx, const ApiRequest& request, std::string_view event,
                  const IdentityProvider& provider, std::vector<EventTarget> more = {}) {
  std::vector<EventTarget> targets{target_of_provider(provider)};
  for (auto& target : more) targets.push_back(std::move(target));
  return tx.emit({.type = std::string(event),
                  .actor = request.actor,
                  .targets = std::move(targets),
                  .transaction = request.transaction});
}

core::Error taken(core::Error error, const IdentityProvider& provider) {
  if (error.code == "registry.UNIQUE_CONSTRAINT") {
    error.message = fmt::format("There is an identity provider with the name {} already.", provider.name);
    error.location = "name";
  }
  return error;
}

core::Result<Reply> list_providers(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(auto rows, rows_of_page(*service.store, request.page, {.kind = Kind::identity_provider}));
  const std::string next = cut_to_page(rows, request.page);
  Array list;
  list.reserve(rows.size());
  for (const auto& row : rows) {
    ASSIGN_OR_RETURN(const auto provider, read_identity_provider(row));
    list.push_back(view_of(service, provider));
  }
  return array_reply(request, list, next);
}

core::Result<Reply> get_provider(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto provider, required_provider(*service.store, request.param(0)));
  return shown(service, provider);
}

core::Result<Reply> create_provider(const ApiRequest& request) {
  const Service& service = request.service;
  IdentityProvider provider{.id = service.new_id("0oa"), .name = {}, .issuer = {}, .client_id = {}};
  RETURN_IF_ERROR(read_provider(service, request.body, provider));
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    Row row = to_row(provider);
    if (auto inserted = tx.insert(row); !inserted)
      return std::unexpected(taken(std::move(inserted).error(), provider));
    provider.created = row.created;
    provider.updated = row.updated;
    provider.version = row.version;
    return emit(tx, request, "system.idp.lifecycle.create", provider);
  });
  RETURN_IF_ERROR(status);
  return shown(service, provider);
}

// As Okta's PUT: what is absent gets its default; but a secret that is not sent stays, since nobody can read
// it.
core::Result<Reply> replace_provider(const ApiRequest& request) {
  const Service& service = request.service;
  IdentityProvider provider;
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto now, required_provider(tx, request.param(0)));
    RETURN_IF_ERROR(check_version(request.call, now.version));
    provider = IdentityProvider{.id = now.id,
                                .name = {},
                                .active = now.active,
                                .issuer = {},
                                .client_id = {},
                                .sealed_secret = now.sealed_secret,
                                .auth_method = now.auth_method,
                                .created = now.created,
                                .version = now.version};
    RETURN_IF_ERROR(read_provider(service, request.body, provider));
    // A secret is known to the issuer that it was made for, and goes to no other.
    if (provider.issuer != now.issuer && !provider.sealed_secret.empty() &&
        provider.sealed_secret == now.sealed_secret)
      return refuse(ErrorKind::invalid_input, "REQUIRED_PROPERTY",
                    "Another issuer needs its own client_secret, or token_endpoint_auth_method none.",
                    "protocol.credentials.client.client_secret");
    Row row = to_row(provider);
    if (auto updated = tx.update(row); !updated)
      return std::unexpected(taken(std::move(updated).error(), provider));
    provider.updated = row.updated;
    provider.version = row.version;
    return emit(tx, request, "system.idp.lifecycle.update", provider);
  });
  RETURN_IF_ERROR(status);
  return shown(service, provider);
}

template <bool active>
core::Result<Reply> set_active(const ApiRequest& request) {
  const Service& service = request.service;
  IdentityProvider provider;
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(provider, required_provider(tx, request.param(0)));
    if (provider.active == active) return {};
    provider.active = active;
    Row row = to_row(provider);
    RETURN_IF_ERROR(tx.update(row));
    provider.version = row.version;
    provider.updated = row.updated;
    return emit(tx, request, active ? "system.idp.lifecycle.activate" : "system.idp.lifecycle.deactivate",
                provider);
  });
  RETURN_IF_ERROR(status);
  return shown(service, provider);
}

core::Result<Reply> delete_provider(const ApiRequest& request) {
  const Service& service = request.service;
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto provider, required_provider(tx, request.param(0)));
    RETURN_IF_ERROR(tx.remove(Kind::identity_provider, provider.id));
    return emit(tx, request, "system.idp.lifecycle.delete", provider);
  });
  RETURN_IF_ERROR(status);
  return rest::no_content();
}

// ---- Links ----

Object link_view(const Service& service, const Person& person, const Person::Identity& identity) {
  return {
      {"id", person.id},
      {"externalId", identity.subject},
      {"profile", Object{{"login", person.login}}},
      {"_links", Object{{"self", Object{{"href", service.url(fmt::format("/api/v1/idps/{}/users/{}",
                                                                         identity.provider, person.id))}}}}}};
}

core::Result<Reply> list_links(const ApiRequest& request) {
  const Service& service = request.service;
  ASSIGN_OR_RETURN(const auto provider, required_provider(*service.store, request.param(0)));
  ASSIGN_OR_RETURN(
      auto rows, rows_of_page(*service.store, request.page, {.kind = Kind::user, .refers_to = provider.id}));
  const std::string next = cut_to_page(rows, request.page);
  Array list;
  for (const auto& row : rows) {
    ASSIGN_OR_RETURN(const auto person, read_person(row));
    for (const auto& identity : person.identities)
      if (identity.provider == provider.id) list.push_back(link_view(service, person, identity));
  }
  return array_reply(request, list, next);
}

core::Result<Reply> link_person(const ApiRequest& request) {
  const Service& service = request.service;
  const Members in(request.body);
  RETURN_IF_ERROR(in.only({"externalId"}));
  ASSIGN_OR_RETURN(const std::string subject, in.text("externalId"));
  Person person;
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    // Held, so that two links of one subject come one after the other.
    ASSIGN_OR_RETURN(const auto held, tx.hold(Kind::identity_provider, request.param(0)));
    ASSIGN_OR_RETURN(const auto provider, required_provider(tx, request.param(0)));
    ASSIGN_OR_RETURN(person, required_person(tx, request.call, request.param(1)));
    ASSIGN_OR_RETURN(const auto other, find_person_by_identity(tx, provider.id, subject));
    if (other && other->id != person.id)
      return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT",
                    fmt::format("This subject is linked to {} already.", other->login), "externalId");
    if (other) return {};
    std::erase_if(person.identities, [&](const auto& one) { return one.provider == provider.id; });
    person.identities.push_back({provider.id, subject});
    Row row = to_row(person);
    RETURN_IF_ERROR(tx.update(row));
    return emit(tx, request, "user.account.update_profile", provider, {target_of(person)});
  });
  RETURN_IF_ERROR(status);
  return rest::json_reply(link_view(service, person, {request.param(0), subject}));
}

core::Result<Reply> unlink_person(const ApiRequest& request) {
  const Service& service = request.service;
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto provider, required_provider(tx, request.param(0)));
    ASSIGN_OR_RETURN(auto person, required_person(tx, request.call, request.param(1)));
    const auto removed =
        std::erase_if(person.identities, [&](const auto& one) { return one.provider == provider.id; });
    if (removed == 0) return {};
    // Who signed in by this link is signed out.
    person.sessions_from = service.now();
    Row row = to_row(person);
    RETURN_IF_ERROR(tx.update(row));
    return emit(tx, request, "user.account.update_profile", provider, {target_of(person)});
  });
  RETURN_IF_ERROR(status);
  return rest::no_content();
}

constexpr ApiArea kArea{.base = "/api/v1/idps",
                        .tag = "Identity Providers",
                        .read = "okta.idps.read",
                        .manage = "okta.idps.manage"};

constexpr std::array<ApiRoute, 10> kRoutes{{
    {Method::get, "", "listIdentityProviders", "List identity providers", list_providers, Takes::page,
     rest::PageRules{.default_limit = 20}},
    {Method::post, "", "createIdentityProvider", "Add an identity provider", create_provider, Takes::object},
    {Method::get, "/{idpId}", "getIdentityProvider", "Read an identity provider", get_provider},
    {Method::put, "/{idpId}", "replaceIdentityProvider",
     "Replace an identity provider's settings; a secret that is not sent stays", replace_provider,
     Takes::object},
    {Method::delete_, "/{idpId}", "deleteIdentityProvider", "Delete an identity provider", delete_provider},
    {Method::post, "/{idpId}/lifecycle/activate", "activateIdentityProvider", "Let people sign in there",
     set_active<true>},
    {Method::post, "/{idpId}/lifecycle/deactivate", "deactivateIdentityProvider",
     "Let nobody sign in there any more; sessions go on", set_active<false>},
    {Method::get, "/{idpId}/users", "listIdentityProviderApplicationUsers",
     "List who is linked to a subject there", list_links, Takes::page, rest::PageRules{.default_limit = 50}},
    {Method::post, "/{idpId}/users/{userId}", "linkUserToIdentityProvider",
     "Link a person to a subject there", link_person, Takes::object},
    {Method::delete_, "/{idpId}/users/{userId}", "unlinkUserFromIdentityProvider",
     "Take the link away, and end the person's sessions", unlink_person},
}};

}  // namespace

Object view_of(const Service& service, const IdentityProvider& provider) {
  Array scopes;
  for (const auto& scope : provider.scopes) scopes.emplace_back(scope);
  Array domains;
  for (const auto& domain : provider.allowed_domains) domains.emplace_back(domain);
  const auto automatic = [](bool on) { return Object{{"action", on ? "AUTO" : "DISABLED"}}; };
  Object client{{"client_id", provider.client_id},
                {"token_endpoint_auth_method", provider.auth_method},
                {"pkce_required", true}};
  Object subject{{"userNameTemplate", Object{{"template", std::string(kTemplate) + provider.login_claim}}},
                 {"matchType", provider.match == IdentityProvider::Match::email ? "EMAIL" : "USERNAME"},
                 {"allowedDomains", std::move(domains)}};
  Object redirect{{"href", service.url("/login/callback")}};
  return {{"id", provider.id},
          {"type", "OIDC"},
          {"name", provider.name},
          {"status", provider.active ? "ACTIVE" : "INACTIVE"},
          {"created", core::to_rfc3339(provider.created)},
          {"lastUpdated", core::to_rfc3339(provider.updated)},
          {"protocol", Object{{"type", "OIDC"},
                              {"issuer", Object{{"url", provider.issuer}}},
                              {"credentials", Object{{"client", std::move(client)}}},
                              {"scopes", std::move(scopes)}}},
          {"policy", Object{{"provisioning", automatic(provider.create_people)},
                            {"accountLink", automatic(provider.link_accounts)},
                            {"subject", std::move(subject)}}},
          {"_links", Object{{"self", Object{{"href", service.url("/api/v1/idps/" + provider.id)}}},
                            {"clientRedirectUri", std::move(redirect)}}}};
}

void add_identity_provider_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kArea, kRoutes);
}

}  // namespace registry
