// Identity providers: Okta's Identity Providers API for the type OIDC, and the links of people to subjects.
// policy.subject.allowedDomains is this registry's own.
#include <algorithm>
#include <fmt/format.h>
#include <string>

#include "catalogue/scim_filter.h"
#include "net/url.h"
#include "oauth/issuer_metadata.h"
#include "registry/api.h"
#include "registry/person.h"
#include "registry/person_view.h"
#include "registry/request_fields.h"
#include "registry/service.h"
#include "rest/body.h"
#include "rest/paging.h"

namespace registry {

namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using core::json::Value;
using rest::Answer;
using rest::Call;
using rest::Reply;

constexpr std::string_view kTemplate = "idpuser.";

EventTarget target_of_provider(const IdentityProvider& provider) {
  return {.id = provider.id, .type = "Idp", .name = provider.name, .detail = {{"issuer", provider.issuer}}};
}

core::Result<IdentityProvider> required_provider(Reader& reader, std::string_view id) {
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::identity_provider, id));
  if (!row)
    return refuse(ErrorKind::not_found, "NOT_FOUND",
                  fmt::format("Resource not found: {} (IdentityProvider)", id.substr(0, 100)));
  return read_identity_provider(*row);
}

// ---- The body ----

core::Status read_client(const Service& service, RequestFields& in, IdentityProvider& provider) {
  ASSIGN_OR_RETURN(provider.client_id, in.required_text("client_id", 1024));
  ASSIGN_OR_RETURN(const auto secret, in.text("client_secret", 1024));
  ASSIGN_OR_RETURN(const auto method, in.choice("token_endpoint_auth_method",
                                                {"client_secret_basic", "client_secret_post", "none"}));
  ASSIGN_OR_RETURN(const auto pkce, in.flag("pkce_required"));
  RETURN_IF_ERROR(in.done());
  if (pkce && !*pkce)
    return refuse(ErrorKind::invalid_input, "INVALID_FORMAT", "PKCE is always used; pkce_required is true.",
                  in.path_of("pkce_required"));
  if (secret && !secret->empty()) {
    ASSIGN_OR_RETURN(provider.sealed_secret,
                     service.vault->seal(*secret, IdentityProvider::secret_context(provider.id)));
  }
  if (method && *method == "none") provider.sealed_secret.clear();
  provider.auth_method = provider.sealed_secret.empty()   ? "none"
                         : method                         ? *method
                         : provider.auth_method == "none" ? "client_secret_basic"
                                                          : provider.auth_method;
  if (method && *method != "none" && provider.sealed_secret.empty())
    return refuse(ErrorKind::invalid_input, "REQUIRED", "client_secret is required for this method.",
                  in.path_of("client_secret"));
  return {};
}

core::Status read_protocol(const Service& service, RequestFields& in, IdentityProvider& provider) {
  ASSIGN_OR_RETURN(const auto type, in.choice("type", {"OIDC"}));
  ASSIGN_OR_RETURN(auto issuer, in.object("issuer"));
  ASSIGN_OR_RETURN(auto credentials, in.object("credentials"));
  ASSIGN_OR_RETURN(const auto scopes, in.texts("scopes", 30, 200));
  RETURN_IF_ERROR(in.done());
  const std::string where = in.path_of("issuer.url");
  if (!issuer) return refuse(ErrorKind::invalid_input, "REQUIRED", where + " is required.", where);
  ASSIGN_OR_RETURN(provider.issuer, issuer->required_text("url", 1024));
  RETURN_IF_ERROR(issuer->done());
  if (const auto good = oauth::check_issuer_url(provider.issuer); !good)
    return refuse(ErrorKind::invalid_input, "INVALID_FORMAT", good.error().message, where);
  if (scopes) provider.scopes = *scopes;
  if (std::ranges::find(provider.scopes, "openid") == provider.scopes.end())
    return refuse(ErrorKind::invalid_input, "INVALID_FORMAT", "The scopes must contain openid.",
                  in.path_of("scopes"));
  if (!credentials)
    return refuse(ErrorKind::invalid_input, "REQUIRED", "protocol.credentials.client.client_id is required.",
                  "protocol.credentials.client.client_id");
  ASSIGN_OR_RETURN(auto client, credentials->object("client"));
  RETURN_IF_ERROR(credentials->done());
  if (!client)
    return refuse(ErrorKind::invalid_input, "REQUIRED", "protocol.credentials.client.client_id is required.",
                  "protocol.credentials.client.client_id");
  return read_client(service, *client, provider);
}

core::Status read_subject(RequestFields& in, IdentityProvider& provider) {
  ASSIGN_OR_RETURN(auto name_template, in.object("userNameTemplate"));
  ASSIGN_OR_RETURN(const auto match, in.choice("matchType", {"USERNAME", "EMAIL"}));
  ASSIGN_OR_RETURN(const auto domains, in.texts("allowedDomains", 100, 253));
  RETURN_IF_ERROR(in.done());
  if (match)
    provider.match = *match == "EMAIL" ? IdentityProvider::Match::email : IdentityProvider::Match::login;
  if (name_template) {
    ASSIGN_OR_RETURN(const auto text, name_template->required_text("template", 200));
    RETURN_IF_ERROR(name_template->done());
    const std::string claim = text.starts_with(kTemplate) ? text.substr(kTemplate.size()) : std::string();
    const bool good =
        !claim.empty() &&
        claim.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_:/.-") ==
            std::string::npos;
    if (!good)
      return refuse(ErrorKind::invalid_input, "INVALID_FORMAT",
                    "The template is idpuser. and the name of a claim, such as idpuser.email.",
                    name_template->path_of("template"));
    provider.login_claim = claim;
  }
  if (domains) {
    provider.allowed_domains.clear();
    provider.allowed_domains.reserve(domains->size());
    for (const auto& domain : *domains) {
      if (!domain.contains('.') || domain.contains('@') || domain.contains('/'))
        return refuse(ErrorKind::invalid_input, "INVALID_FORMAT",
                      "Each of the allowed domains is a name such as example.com.",
                      in.path_of("allowedDomains"));
      provider.allowed_domains.push_back(catalogue::fold_case(domain));
    }
  }
  return {};
}

core::Status read_policy(RequestFields& in, IdentityProvider& provider) {
  ASSIGN_OR_RETURN(auto provisioning, in.object("provisioning"));
  ASSIGN_OR_RETURN(auto link, in.object("accountLink"));
  ASSIGN_OR_RETURN(auto subject, in.object("subject"));
  RETURN_IF_ERROR(in.done());
  if (provisioning) {
    ASSIGN_OR_RETURN(const auto action, provisioning->choice("action", {"AUTO", "DISABLED"}));
    RETURN_IF_ERROR(provisioning->done());
    if (action) provider.create_people = *action == "AUTO";
  }
  if (link) {
    ASSIGN_OR_RETURN(const auto action, link->choice("action", {"AUTO", "DISABLED"}));
    RETURN_IF_ERROR(link->done());
    if (action) provider.link_accounts = *action == "AUTO";
  }
  if (subject) RETURN_IF_ERROR(read_subject(*subject, provider));
  return {};
}

core::Status read_provider(const Service& service, const Object& body, IdentityProvider& provider) {
  RequestFields in(body, "");
  in.ignore({"id", "status", "created", "lastUpdated", "_links"});
  ASSIGN_OR_RETURN(const auto type, in.choice("type", {"OIDC"}));
  ASSIGN_OR_RETURN(provider.name, in.required_text("name", 100));
  ASSIGN_OR_RETURN(auto protocol, in.object("protocol"));
  ASSIGN_OR_RETURN(auto policy, in.object("policy"));
  RETURN_IF_ERROR(in.done());
  if (!type) return refuse(ErrorKind::invalid_input, "REQUIRED", "type is required.", "type");
  if (!protocol) return refuse(ErrorKind::invalid_input, "REQUIRED", "protocol is required.", "protocol");
  RETURN_IF_ERROR(read_protocol(service, *protocol, provider));
  if (policy) RETURN_IF_ERROR(read_policy(*policy, provider));
  return {};
}

// ---- Routes ----

Reply shown(const Service& service, const IdentityProvider& provider) {
  Reply reply = rest::json_reply(view_of(service, provider));
  reply.headers.set("ETag", etag_of(provider.version));
  return reply;
}

core::Status emit(const Service& service, Transaction& tx, const Call& call, std::string_view event,
                  const IdentityProvider& provider, std::vector<EventTarget> more = {}) {
  std::vector<EventTarget> targets{target_of_provider(provider)};
  for (auto& target : more) targets.push_back(std::move(target));
  return tx.emit({.type = std::string(event),
                  .actor = actor_of(call.caller),
                  .targets = std::move(targets),
                  .transaction = service.random->uuid()});
}

core::Error taken(core::Error error, const IdentityProvider& provider) {
  if (error.code == "registry.UNIQUE_CONSTRAINT") {
    error.message = fmt::format("There is an identity provider with the name {} already.", provider.name);
    error.location = "name";
  }
  return error;
}

Answer<Reply> list_providers(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto page, rest::read_page(call, {.default_limit = 20, .maximum = 200}));
  auto rows =
      service.store->list({.kind = Kind::identity_provider, .after = page.after, .limit = page.limit + 1});
  if (!rows) return rest::refuse(problem_of(rows.error()));
  const bool more = rows->size() > page.limit;
  if (more) rows->pop_back();
  Array list;
  list.reserve(rows->size());
  for (const auto& row : *rows) {
    const auto provider = read_identity_provider(row);
    if (!provider) return rest::refuse(problem_of(provider.error()));
    list.push_back(view_of(service, *provider));
  }
  Reply reply = rest::json_reply(list);
  rest::add_links(reply, call, service.settings.issuer, page.limit, more ? rows->back().id : std::string());
  return reply;
}

core::Result<Reply> get_provider(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto provider, required_provider(*service.store, call.param(0)));
  return shown(service, provider);
}

Answer<Reply> create_provider(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  IdentityProvider provider{.id = service.new_id("0oa"), .name = {}, .issuer = {}, .client_id = {}};
  if (const auto good = read_provider(service, body, provider); !good)
    return rest::refuse(problem_of(good.error()));
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    Row row = to_row(provider);
    if (auto inserted = tx.insert(row); !inserted)
      return std::unexpected(taken(std::move(inserted).error(), provider));
    provider.created = row.created;
    provider.updated = row.updated;
    provider.version = row.version;
    return emit(service, tx, call, "system.idp.lifecycle.create", provider);
  });
  if (!status) return rest::refuse(problem_of(status.error()));
  return shown(service, provider);
}

// As Okta's PUT: what is absent gets its default; but a secret that is not sent stays, since nobody can read
// it.
Answer<Reply> replace_provider(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  IdentityProvider provider;
  std::optional<rest::Problem> stale;
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    stale.reset();
    ASSIGN_OR_RETURN(const auto now, required_provider(tx, call.param(0)));
    if (auto match = rest::check_if_match(call, etag_of(now.version)); !match) {
      stale = std::move(match).error();
      return {};
    }
    provider = IdentityProvider{.id = now.id,
                                .name = {},
                                .active = now.active,
                                .issuer = {},
                                .client_id = {},
                                .sealed_secret = now.sealed_secret,
                                .auth_method = now.auth_method,
                                .created = now.created,
                                .version = now.version};
    RETURN_IF_ERROR(read_provider(service, body, provider));
    // A secret is known to the issuer that it was made for, and goes to no other.
    if (provider.issuer != now.issuer && !provider.sealed_secret.empty() &&
        provider.sealed_secret == now.sealed_secret)
      return refuse(ErrorKind::invalid_input, "REQUIRED",
                    "Another issuer needs its own client_secret, or token_endpoint_auth_method none.",
                    "protocol.credentials.client.client_secret");
    Row row = to_row(provider);
    if (auto updated = tx.update(row); !updated)
      return std::unexpected(taken(std::move(updated).error(), provider));
    provider.updated = row.updated;
    provider.version = row.version;
    return emit(service, tx, call, "system.idp.lifecycle.update", provider);
  });
  if (!status) return rest::refuse(problem_of(status.error()));
  if (stale) return rest::refuse(*std::move(stale));
  return shown(service, provider);
}

core::Result<Reply> set_active(const Service& service, const Call& call, bool active) {
  IdentityProvider provider;
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(provider, required_provider(tx, call.param(0)));
    if (provider.active == active) return {};
    provider.active = active;
    Row row = to_row(provider);
    RETURN_IF_ERROR(tx.update(row));
    provider.version = row.version;
    provider.updated = row.updated;
    return emit(service, tx, call,
                active ? "system.idp.lifecycle.activate" : "system.idp.lifecycle.deactivate", provider);
  });
  RETURN_IF_ERROR(status);
  return shown(service, provider);
}

core::Result<Reply> delete_provider(const Service& service, const Call& call) {
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto provider, required_provider(tx, call.param(0)));
    RETURN_IF_ERROR(tx.remove(Kind::identity_provider, provider.id));
    return emit(service, tx, call, "system.idp.lifecycle.delete", provider);
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

Answer<Reply> list_links(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto page, rest::read_page(call, {.default_limit = 50, .maximum = 200}));
  const auto provider = required_provider(*service.store, call.param(0));
  if (!provider) return rest::refuse(problem_of(provider.error()));
  auto rows = service.store->list(
      {.kind = Kind::user, .refers_to = provider->id, .after = page.after, .limit = page.limit + 1});
  if (!rows) return rest::refuse(problem_of(rows.error()));
  const bool more = rows->size() > page.limit;
  if (more) rows->pop_back();
  Array list;
  for (const auto& row : *rows) {
    const auto person = read_person(row);
    if (!person) return rest::refuse(problem_of(person.error()));
    for (const auto& identity : person->identities)
      if (identity.provider == provider->id) list.push_back(link_view(service, *person, identity));
  }
  Reply reply = rest::json_reply(list);
  rest::add_links(reply, call, service.settings.issuer, page.limit, more ? rows->back().id : std::string());
  return reply;
}

Answer<Reply> link_person(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto body, rest::read_object(call));
  RequestFields in(body, "");
  const auto subject = in.required_text("externalId", 255);
  if (!subject) return rest::refuse(problem_of(subject.error()));
  if (const auto done = in.done(); !done) return rest::refuse(problem_of(done.error()));
  Person person;
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    // Held, so that two links of one subject come one after the other.
    ASSIGN_OR_RETURN(const auto held, tx.hold(Kind::identity_provider, call.param(0)));
    ASSIGN_OR_RETURN(const auto provider, required_provider(tx, call.param(0)));
    ASSIGN_OR_RETURN(person, required_person(tx, call, call.param(1)));
    ASSIGN_OR_RETURN(const auto other, find_person_by_identity(tx, provider.id, *subject));
    if (other && other->id != person.id)
      return refuse(ErrorKind::conflict, "UNIQUE_CONSTRAINT",
                    fmt::format("This subject is linked to {} already.", other->login), "externalId");
    if (other) return {};
    std::erase_if(person.identities, [&](const auto& one) { return one.provider == provider.id; });
    person.identities.push_back({provider.id, *subject});
    Row row = to_row(person);
    RETURN_IF_ERROR(tx.update(row));
    return emit(service, tx, call, "user.account.update_profile", provider, {target_of(person)});
  });
  if (!status) return rest::refuse(problem_of(status.error()));
  return rest::json_reply(link_view(service, person, {call.param(0), *subject}));
}

core::Result<Reply> unlink_person(const Service& service, const Call& call) {
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto provider, required_provider(tx, call.param(0)));
    ASSIGN_OR_RETURN(auto person, required_person(tx, call, call.param(1)));
    const auto removed =
        std::erase_if(person.identities, [&](const auto& one) { return one.provider == provider.id; });
    if (removed == 0) return {};
    // Who signed in by this link is signed out.
    person.sessions_from = service.now();
    Row row = to_row(person);
    RETURN_IF_ERROR(tx.update(row));
    return emit(service, tx, call, "user.account.update_profile", provider, {target_of(person)});
  });
  RETURN_IF_ERROR(status);
  return rest::no_content();
}

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
  using net::Method;
  const auto add = [&](Method method, std::string path, std::string operation, std::string scope,
                       std::string about, rest::Handler handler) {
    router.add({.method = method,
                .path = std::move(path),
                .operation = std::move(operation),
                .handler = std::move(handler),
                .changes = method != Method::get,
                .scope = std::move(scope),
                .about = std::move(about),
                .tag = "Identity Providers"});
  };
  const auto bind = [&service](auto function) {
    return [&service, function](const Call& call) { return function(service, call); };
  };
  const auto result = [&service](auto function) {
    return [&service, function](const Call& call) { return answer(function(service, call)); };
  };
  const std::string read = "okta.idps.read";
  const std::string manage = "okta.idps.manage";
  add(Method::get, "/api/v1/idps", "listIdentityProviders", read, "List identity providers",
      bind(list_providers));
  add(Method::post, "/api/v1/idps", "createIdentityProvider", manage, "Add an identity provider",
      bind(create_provider));
  add(Method::get, "/api/v1/idps/{idpId}", "getIdentityProvider", read, "Read an identity provider",
      result(get_provider));
  add(Method::put, "/api/v1/idps/{idpId}", "replaceIdentityProvider", manage,
      "Replace an identity provider's settings; a secret that is not sent stays", bind(replace_provider));
  add(Method::delete_, "/api/v1/idps/{idpId}", "deleteIdentityProvider", manage,
      "Delete an identity provider", result(delete_provider));
  add(Method::post, "/api/v1/idps/{idpId}/lifecycle/activate", "activateIdentityProvider", manage,
      "Let people sign in there",
      result([](const Service& with, const Call& call) { return set_active(with, call, true); }));
  add(Method::post, "/api/v1/idps/{idpId}/lifecycle/deactivate", "deactivateIdentityProvider", manage,
      "Let nobody sign in there any more; sessions go on",
      result([](const Service& with, const Call& call) { return set_active(with, call, false); }));
  add(Method::get, "/api/v1/idps/{idpId}/users", "listIdentityProviderApplicationUsers", read,
      "List who is linked to a subject there", bind(list_links));
  add(Method::post, "/api/v1/idps/{idpId}/users/{userId}", "linkUserToIdentityProvider", manage,
      "Link a person to a subject there", bind(link_person));
  add(Method::delete_, "/api/v1/idps/{idpId}/users/{userId}", "unlinkUserFromIdentityProvider", manage,
      "Take the link away, and end the person's sessions", result(unlink_person));
}

}  // namespace registry
