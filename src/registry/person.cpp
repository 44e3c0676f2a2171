#include "registry/person.h"

#include <algorithm>
#include <fmt/format.h>

#include "catalogue/scim_filter.h"
#include "core/seal.h"

namespace registry {

namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;

// What a row refers to for a linked subject: found by Query::refers_to. Hashed, since a subject may be any
// text.
std::string identity_ref(std::string_view provider, std::string_view subject) {
  return fmt::format("{}/{}", provider, core::sha256_hex(subject));
}

std::unexpected<core::Error> foreign(const Row& row) {
  return core::fail(
      core::ErrorKind::internal, "registry.store.unavailable",
      fmt::format("The row {} of kind {} is not one that this program writes.", row.id, to_string(row.kind)),
      "Look who else writes to this database.");
}

Array texts(const std::vector<std::string>& list) {
  Array out;
  out.reserve(list.size());
  for (const auto& text : list) out.emplace_back(text);
  return out;
}

std::int64_t milliseconds(core::WallTime time) {
  return time.time_since_epoch().count();
}

core::WallTime wall_time(std::int64_t ms) {
  return core::WallTime{std::chrono::milliseconds{ms}};
}

core::Result<Person> read_body(const Row& row) {
  const Value body(row.body);
  const core::json::Reader in(body);
  Person person{
      .id = row.id, .login = {}, .created = row.created, .updated = row.updated, .version = row.version};
  person.status =
      row.status == to_string(PersonStatus::active) ? PersonStatus::active : PersonStatus::deprovisioned;
  ASSIGN_OR_RETURN(person.login, in.at("login").string());
  ASSIGN_OR_RETURN(person.email, in.at("email").string());
  ASSIGN_OR_RETURN(person.first_name, in.at("first_name").string());
  ASSIGN_OR_RETURN(person.last_name, in.at("last_name").string());
  ASSIGN_OR_RETURN(person.display_name, in.at("display_name").string());
  ASSIGN_OR_RETURN(person.owner, in.at("owner").boolean());
  ASSIGN_OR_RETURN(const auto identities, in.at("identities").elements());
  person.identities.reserve(identities.size());
  for (const auto& element : identities) {
    Person::Identity identity;
    ASSIGN_OR_RETURN(identity.provider, element.at("provider").string());
    ASSIGN_OR_RETURN(identity.subject, element.at("subject").string());
    person.identities.push_back(std::move(identity));
  }
  ASSIGN_OR_RETURN(const auto sessions_from, in.at("sessions_from").integer());
  person.sessions_from = wall_time(sessions_from);
  ASSIGN_OR_RETURN(const auto last_login, in.at("last_login").optional_integer());
  if (last_login) person.last_login = wall_time(*last_login);
  return person;
}

core::Result<IdentityProvider> read_provider_body(const Row& row) {
  const Value body(row.body);
  const core::json::Reader in(body);
  IdentityProvider provider{.id = row.id,
                            .name = row.name,
                            .active = row.status == "ACTIVE",
                            .issuer = {},
                            .client_id = {},
                            .created = row.created,
                            .updated = row.updated,
                            .version = row.version};
  ASSIGN_OR_RETURN(provider.issuer, in.at("issuer").string());
  ASSIGN_OR_RETURN(provider.client_id, in.at("client_id").string());
  ASSIGN_OR_RETURN(provider.sealed_secret, in.at("sealed_secret").string());
  ASSIGN_OR_RETURN(provider.auth_method, in.at("auth_method").string());
  ASSIGN_OR_RETURN(provider.scopes, in.at("scopes").strings());
  ASSIGN_OR_RETURN(provider.link_accounts, in.at("link_accounts").boolean());
  ASSIGN_OR_RETURN(const auto match, in.at("match").string());
  provider.match = match == "email" ? IdentityProvider::Match::email : IdentityProvider::Match::login;
  ASSIGN_OR_RETURN(provider.login_claim, in.at("login_claim").string());
  ASSIGN_OR_RETURN(provider.create_people, in.at("create_people").boolean());
  ASSIGN_OR_RETURN(provider.allowed_domains, in.at("allowed_domains").strings());
  return provider;
}

core::Result<std::optional<Person>> read_found(core::Result<std::optional<Row>> found) {
  ASSIGN_OR_RETURN(const auto row, std::move(found));
  if (!row) return std::nullopt;
  ASSIGN_OR_RETURN(auto person, read_person(*row));
  return person;
}

}  // namespace

std::string_view to_string(PersonStatus status) {
  return status == PersonStatus::active ? "ACTIVE" : "DEPROVISIONED";
}

std::string Person::name() const {
  if (!display_name.empty()) return display_name;
  if (!first_name.empty() && !last_name.empty()) return first_name + " " + last_name;
  return login;
}

Row to_row(const Person& person) {
  Row row{.kind = Kind::user,
          .id = person.id,
          .unique = catalogue::fold_case(person.login),
          .status = std::string(to_string(person.status)),
          .name = person.login,
          .detected_name = person.email,
          .version = person.version,
          .created = person.created,
          .updated = person.updated};
  Array identities;
  identities.reserve(person.identities.size());
  row.refs.reserve(2 * person.identities.size() + 1);
  for (const auto& [provider, subject] : person.identities) {
    identities.push_back(Object{{"provider", provider}, {"subject", subject}});
    if (std::ranges::find(row.refs, provider) == row.refs.end()) row.refs.push_back(provider);
    row.refs.push_back(identity_ref(provider, subject));
  }
  if (person.owner) row.refs.emplace_back(kOwnerRef);
  row.body = {{"login", person.login},
              {"email", person.email},
              {"first_name", person.first_name},
              {"last_name", person.last_name},
              {"display_name", person.display_name},
              {"owner", person.owner},
              {"identities", std::move(identities)},
              {"sessions_from", milliseconds(person.sessions_from)}};
  if (person.last_login) row.body["last_login"] = milliseconds(*person.last_login);
  return row;
}

Row to_row(const IdentityProvider& provider) {
  Row row{.kind = Kind::identity_provider,
          .id = provider.id,
          .unique = catalogue::fold_case(provider.name),
          .status = provider.active ? "ACTIVE" : "INACTIVE",
          .name = provider.name,
          .version = provider.version,
          .created = provider.created,
          .updated = provider.updated};
  row.body = {{"issuer", provider.issuer},
              {"client_id", provider.client_id},
              {"sealed_secret", provider.sealed_secret},
              {"auth_method", provider.auth_method},
              {"scopes", texts(provider.scopes)},
              {"link_accounts", provider.link_accounts},
              {"match", provider.match == IdentityProvider::Match::email ? "email" : "login"},
              {"login_claim", provider.login_claim},
              {"create_people", provider.create_people},
              {"allowed_domains", texts(provider.allowed_domains)}};
  return row;
}

core::Result<Person> read_person(const Row& row) {
  auto person = read_body(row);
  if (!person) return foreign(row);
  return person;
}

core::Result<IdentityProvider> read_identity_provider(const Row& row) {
  auto provider = read_provider_body(row);
  if (!provider) return foreign(row);
  return provider;
}

core::Result<std::optional<Person>> find_person(Reader& reader, std::string_view id) {
  return read_found(reader.get(Kind::user, id));
}

core::Result<std::optional<Person>> find_person_by_login(Reader& reader, std::string_view login) {
  return read_found(reader.find_unique(Kind::user, catalogue::fold_case(login)));
}

core::Result<std::optional<Person>> find_person_by_identity(Reader& reader, std::string_view provider,
                                                            std::string_view subject) {
  ASSIGN_OR_RETURN(
      const auto rows,
      reader.list({.kind = Kind::user, .refers_to = identity_ref(provider, subject), .limit = 1}));
  if (rows.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(auto person, read_person(rows.front()));
  return person;
}

core::Result<bool> has_owner(Reader& reader) {
  ASSIGN_OR_RETURN(const auto rows,
                   reader.list({.kind = Kind::user, .refers_to = std::string(kOwnerRef), .limit = 1}));
  return !rows.empty();
}

std::optional<authserver::User> find_user(const Service& service, std::string_view login) {
  const auto person = find_person_by_login(*service.store, login);
  if (!person || !*person || !(*person)->active()) return std::nullopt;
  return user_of(**person);
}

authserver::User user_of(const Person& person) {
  return {.id = person.id,
          .login = person.login,
          .email = person.email,
          .first_name = person.first_name,
          .last_name = person.last_name};
}

core::Result<bool> ensure_first_owner(const Service& service, std::string_view login) {
  bool done = false;
  const auto status = service.store->transaction([&](Transaction& tx) -> core::Status {
    done = false;
    ASSIGN_OR_RETURN(const bool there, has_owner(tx));
    if (there) return {};
    const Actor actor{.id = "system", .type = "SystemPrincipal", .name = "--first-owner"};
    const std::string transaction = service.random->uuid();
    ASSIGN_OR_RETURN(auto person, find_person_by_login(tx, login));
    if (person) {
      person->owner = true;
      Row row = to_row(*person);
      RETURN_IF_ERROR(tx.update(row));
    } else {
      person = Person{.id = service.new_id("00u"), .login = std::string(login)};
      if (login.contains('@')) person->email = login;
      person->owner = true;
      Row row = to_row(*person);
      RETURN_IF_ERROR(tx.insert(row));
      RETURN_IF_ERROR(tx.emit({.type = "user.lifecycle.create",
                               .actor = actor,
                               .targets = {target_of(*person)},
                               .transaction = transaction}));
    }
    RETURN_IF_ERROR(tx.emit({.type = "user.account.privilege.grant",
                             .actor = actor,
                             .targets = {target_of(*person)},
                             .transaction = transaction,
                             .debug = {{"privilegeGranted", "Super administrator"}}}));
    done = true;
    return {};
  });
  RETURN_IF_ERROR(status);
  return done;
}

EventTarget target_of(const Person& person) {
  return {.id = person.id, .type = "User", .name = person.name(), .detail = {{"alternateId", person.login}}};
}

}  // namespace registry
