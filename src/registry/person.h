// People: who may sign in, own agents and administer the registry; and the identity providers that vouch for
// them. The registry keeps no passwords.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "core/clock.h"
#include "core/result.h"
#include "registry/service.h"
#include "registry/store.h"

namespace registry {

enum class PersonStatus { active, deprovisioned };
std::string_view to_string(PersonStatus status);  // "ACTIVE", "DEPROVISIONED"

struct Person {
  std::string id;     // 00u...
  std::string login;  // unique, compared without case
  PersonStatus status = PersonStatus::active;
  std::string email{};
  std::string first_name{};
  std::string last_name{};
  std::string display_name{};
  // Administers everything (Okta's SUPER_ADMIN): the okta.* scopes are granted to owners only.
  bool owner = false;
  // Who they are at identity providers. One subject of a provider is one person.
  struct Identity {
    std::string provider;  // 0oa...
    std::string subject;   // `sub`, as the provider spells it
  };
  std::vector<Identity> identities{};
  core::WallTime sessions_from{};  // sessions begun before this are over
  std::optional<core::WallTime> last_login{};
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;

  bool active() const { return status == PersonStatus::active; }
  std::string name() const;  // for people: display name, else first and last, else login
};

// An OpenID provider that people sign in at (OpenID Connect Core 1.0); an Okta org is one.
struct IdentityProvider {
  std::string id;  // 0oa...
  std::string name;
  bool active = true;
  std::string issuer;  // its metadata is looked up with each sign-in
  std::string client_id;
  std::string sealed_secret{};  // Service::vault, secret_context(id); empty: a public client
  std::string auth_method = "client_secret_basic";  // or client_secret_post, none
  std::vector<std::string> scopes{"openid", "profile", "email"};
  // How a subject that is not linked yet becomes a person. Off: only linked ones sign in.
  bool link_accounts = true;
  enum class Match { login, email } match = Match::login;
  std::string login_claim = "email";  // whose value is the login: of whom is looked for, and of whom is made
  bool create_people = false;         // just in time
  // Not empty: the e-mail address, verified, is in one of these (lower case).
  std::vector<std::string> allowed_domains{};
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;

  static std::string secret_context(std::string_view id) { return "identity-provider/" + std::string(id); }
};

// What the rows of owners refer to, so that they can be asked for.
inline constexpr std::string_view kOwnerRef = "role/owner";

Row to_row(const Person& person);
Row to_row(const IdentityProvider& provider);
core::Result<Person> read_person(const Row& row);
core::Result<IdentityProvider> read_identity_provider(const Row& row);

// nullopt when there is none.
core::Result<std::optional<Person>> find_person(Reader& reader, std::string_view id);
core::Result<std::optional<Person>> find_person_by_login(Reader& reader, std::string_view login);
// Who is linked to this subject.
core::Result<std::optional<Person>> find_person_by_identity(Reader& reader, std::string_view provider,
                                                            std::string_view subject);

core::Result<bool> has_owner(Reader& reader);

authserver::User user_of(const Person& person);
// For authserver::Server::find_user: active ones only; a store that fails knows nobody.
std::optional<authserver::User> find_user(const Service& service, std::string_view login);

// The first owner (`--first-owner`): made, or made owner, unless there is an owner already. True when it was
// done.
core::Result<bool> ensure_first_owner(const Service& service, std::string_view login);

EventTarget target_of(const Person& person);

}  // namespace registry
