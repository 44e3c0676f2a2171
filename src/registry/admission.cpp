// Which person an identity is.
#include <algorithm>
#include <fmt/format.h>

#include "catalogue/scim_filter.h"
#include "registry/sign_in.h"

namespace registry {

namespace {

using core::ErrorKind;

std::unexpected<core::Error> refused(std::string message, std::string hint) {
  auto error = refuse(ErrorKind::unauthenticated, "SIGN_IN_REFUSED", std::move(message));
  error.error().hint = std::move(hint);
  return error;
}

core::Status check_domain(const ProvenIdentity& identity) {
  const auto& allowed = identity.provider.allowed_domains;
  if (allowed.empty()) return {};
  const std::size_t at = identity.email.rfind('@');
  if (at != std::string::npos && std::ranges::find(allowed, identity.email.substr(at + 1)) != allowed.end())
    return {};
  return refused(identity.email.empty()
                     ? std::string("The identity provider vouches for no e-mail address of yours.")
                     : fmt::format("{} is in no domain that may sign in here.", identity.email),
                 "An administrator decides which domains are allowed.");
}

// The login that the provider's claim gives. An address that nobody has verified may be anybody's.
std::string login_of(const ProvenIdentity& identity) {
  return identity.provider.login_claim == "email" ? identity.email
                                                  : identity.text(identity.provider.login_claim);
}

core::Result<std::optional<Person>> find_by_email(Reader& reader, const std::string& email) {
  if (email.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto rows, reader.list({.kind = Kind::user,
                                                 .texts = {{.match = Query::Text::Match::equals,
                                                            .field = Query::Text::Field::detected_name,
                                                            .text = email}},
                                                 .limit = 2}));
  if (rows.empty()) return std::nullopt;
  if (rows.size() > 1)
    return refused(fmt::format("Several people here have the address {}.", email),
                   "An administrator can link you to the right one.");
  ASSIGN_OR_RETURN(auto person, read_person(rows.front()));
  return person;
}

core::Result<std::optional<Person>> find_candidate(Reader& reader, const ProvenIdentity& identity) {
  if (!identity.provider.link_accounts) return std::nullopt;
  if (identity.provider.match == IdentityProvider::Match::email) return find_by_email(reader, identity.email);
  const std::string login = login_of(identity);
  if (login.empty()) return std::nullopt;
  return find_person_by_login(reader, login);
}

core::Result<Person> make_person(const Service& service, const ProvenIdentity& identity) {
  const std::string login = login_of(identity);
  if (login.size() < 3 || login.size() > 100 || login.contains('/') || login.contains(' '))
    return refused(fmt::format("The identity provider gives no usable login (its claim {}).",
                               identity.provider.login_claim),
                   "An administrator can choose another claim in policy.subject.userNameTemplate.");
  return Person{.id = service.new_id("00u"),
                .login = login,
                .email = identity.email,
                .first_name = identity.text("given_name").substr(0, 50),
                .last_name = identity.text("family_name").substr(0, 50),
                .display_name = identity.text("name").substr(0, 100)};
}

core::Status emit(Transaction& tx, std::string_view type, const Person& person,
                  const IdentityProvider& provider, const std::string& transaction) {
  return tx.emit({.type = std::string(type),
                  .actor = {.id = person.id, .type = "User", .name = person.name()},
                  .targets = {target_of(person), {.id = provider.id, .type = "Idp", .name = provider.name}},
                  .transaction = transaction});
}

core::Status admit(const Service& service, const ProvenIdentity& identity, Transaction& tx, Person& person) {
  const IdentityProvider& provider = identity.provider;
  const std::string transaction = service.random->uuid();
  // Held, so that two first sign-ins of one subject make one person.
  ASSIGN_OR_RETURN(const auto held, tx.hold(Kind::identity_provider, provider.id));
  if (!held || held->status != "ACTIVE")
    return refused("This identity provider is not in use any more.", "Sign in again.");
  RETURN_IF_ERROR(check_domain(identity));
  ASSIGN_OR_RETURN(auto found, find_person_by_identity(tx, provider.id, identity.subject));
  bool is_new = false;
  if (!found) {
    ASSIGN_OR_RETURN(found, find_candidate(tx, identity));
    if (found &&
        std::ranges::any_of(found->identities, [&](const auto& one) { return one.provider == provider.id; }))
      return refused(fmt::format("{} is linked to another account at {}.", found->login, provider.name),
                     "An administrator can take that link away.");
    if (!found && provider.create_people) {
      ASSIGN_OR_RETURN(found, make_person(service, identity));
      is_new = true;
    }
    if (found) found->identities.push_back({provider.id, identity.subject});
  }
  if (!found)
    return refused("You are known to your identity provider, and not to this registry.",
                   "An administrator can add you, or allow people to be added when they sign in.");
  person = *std::move(found);
  if (!person.active())
    return refused(fmt::format("{} is deactivated here.", person.login), "Ask an administrator.");
  person.last_login = service.now();
  Row row = to_row(person);
  if (is_new) {
    if (auto inserted = tx.insert(row); !inserted) {
      if (inserted.error().code == "registry.UNIQUE_CONSTRAINT")
        return refused(fmt::format("There is another person with the login {}.", person.login),
                       "An administrator can link you to them.");
      return inserted;
    }
    RETURN_IF_ERROR(emit(tx, "user.lifecycle.create", person, provider, transaction));
  } else {
    RETURN_IF_ERROR(tx.update(row));
  }
  RETURN_IF_ERROR(emit(tx, "user.authentication.auth_via_IDP", person, provider, transaction));
  return emit(tx, "user.session.start", person, provider, transaction);
}

}  // namespace

core::Result<Person> admit_identity(const Service& service, const ProvenIdentity& identity) {
  Person person;
  const auto status =
      service.store->transaction([&](Transaction& tx) { return admit(service, identity, tx, person); });
  RETURN_IF_ERROR(status);
  return person;
}

}  // namespace registry
