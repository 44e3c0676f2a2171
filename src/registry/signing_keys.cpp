#include "registry/signing_keys.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

namespace registry {
namespace {

using core::json::Object;
using State = SigningKey::State;

constexpr std::array<std::pair<State, std::string_view>, 3> kStates{
    {{State::active, "ACTIVE"}, {State::next, "NEXT"}, {State::expired, "EXPIRED"}}};

std::unexpected<core::Error> unreadable(const Row& row) {
  return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                    "The stored signing key " + row.id + " cannot be read.",
                    "Another program wrote it, or the database is damaged; restore a backup.");
}

std::string context_of(std::string_view kid) {
  return "signing-key/" + std::string(kid);
}

// One row of a server has it: so two nodes cannot both make the key that signs.
std::string unique_of(std::string_view owner, State state) {
  if (state == State::expired) return {};
  return fmt::format("{}/{}", owner, to_string(state));
}

void set_state(Row& row, State state, core::WallTime now) {
  row.status = to_string(state);
  row.unique = unique_of(row.parent, state);
  row.body["changed"] = now.time_since_epoch().count();
}

core::Result<oauth::Key> make_key(oauth::Algorithm algorithm) {
  ASSIGN_OR_RETURN(const oauth::Key key, oauth::Key::generate(algorithm));
  return key.with_kid(key.thumbprint());
}

// A new key, without an owner and a state yet.
core::Result<Row> new_row(const Service& service, oauth::Algorithm algorithm) {
  ASSIGN_OR_RETURN(const oauth::Key key, make_key(algorithm));
  ASSIGN_OR_RETURN(const core::Secret jwk, key.private_jwk());
  ASSIGN_OR_RETURN(const std::string sealed, service.vault->seal(jwk.reveal(), context_of(key.kid())));
  Row row{.kind = Kind::signing_key, .id = key.kid()};
  row.body["jwk"] = key.public_jwk();
  row.body["sealed"] = sealed;
  return row;
}

core::Result<SigningKey> read(const Service& service, const Row& row) {
  const auto* state = std::ranges::find(kStates, row.status, &std::pair<State, std::string_view>::second);
  const auto* changed = row.body.if_contains("changed");
  const std::string_view sealed = core::json::string_or_empty(row.body, "sealed");
  if (state == kStates.end() || sealed.empty() || changed == nullptr || !changed->is_int64()) {
    return unreadable(row);
  }
  ASSIGN_OR_RETURN(const core::Secret jwk, [&]() -> core::Result<core::Secret> {
    ASSIGN_OR_RETURN(std::string text, service.vault->open(sealed, context_of(row.id)));
    return core::Secret(std::move(text));
  }());
  auto key = oauth::Key::from_jwk(jwk.reveal());
  if (!key) return unreadable(row);
  return SigningKey{.state = state->first,
                    .key = key->with_kid(row.id),
                    .changed = core::WallTime{std::chrono::milliseconds{changed->get_int64()}}};
}

core::Result<std::vector<Row>> rows_of(Reader& reader, std::string_view owner) {
  return reader.list({.kind = Kind::signing_key, .parent = std::string(owner), .limit = Store::kMaxPage});
}

Row* find_state(std::vector<Row>& rows, State state) {
  auto place = std::ranges::find(rows, to_string(state), &Row::status);
  return place == rows.end() ? nullptr : &*place;
}

// What the row of a custom authorization server says changes with its keys (custom_as.h).
core::Status touch_owner(Transaction& tx, std::string_view owner) {
  if (owner == kOrgKeys) return {};
  ASSIGN_OR_RETURN(auto server, tx.hold(Kind::custom_as, owner));
  if (!server) return refuse(core::ErrorKind::not_found, "NOT_FOUND", std::string(owner));
  return tx.update(*server);
}

}  // namespace

std::string_view to_string(State state) {
  for (const auto& [value, name] : kStates) {
    if (value == state) return name;
  }
  return "";
}

core::Result<std::vector<SigningKey>> read_signing_keys(Reader& reader, const Service& service,
                                                        std::string_view owner) {
  ASSIGN_OR_RETURN(const auto rows, rows_of(reader, owner));
  std::vector<SigningKey> keys;
  keys.reserve(rows.size());
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(auto key, read(service, row));
    keys.push_back(std::move(key));
  }
  std::ranges::sort(keys, [](const SigningKey& a, const SigningKey& b) {
    return a.state != b.state ? a.state < b.state : a.changed > b.changed;
  });
  return keys;
}

core::Result<NewSigningKeys> make_signing_keys(const Service& service, oauth::Algorithm algorithm) {
  ASSIGN_OR_RETURN(Row active, new_row(service, algorithm));
  ASSIGN_OR_RETURN(Row next, new_row(service, algorithm));
  return NewSigningKeys{std::move(active), std::move(next)};
}

core::Status insert_signing_keys(Transaction& tx, const Service& service, std::string_view owner,
                                 const NewSigningKeys& keys) {
  Row active = keys.active;
  Row next = keys.next;
  active.parent = owner;
  next.parent = owner;
  set_state(active, State::active, service.now());
  set_state(next, State::next, service.now());
  RETURN_IF_ERROR(tx.insert(active));
  return tx.insert(next);
}

core::Result<std::vector<SigningKey>> ensure_signing_keys(const Service& service, std::string_view owner,
                                                          oauth::Algorithm algorithm) {
  ASSIGN_OR_RETURN(auto keys, read_signing_keys(*service.store, service, owner));
  if (!keys.empty()) return keys;
  ASSIGN_OR_RETURN(const auto made, make_signing_keys(service, algorithm));
  auto stored = service.store->transaction([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(insert_signing_keys(tx, service, owner, made));
    return touch_owner(tx, owner);
  });
  if (!stored && stored.error().code != "registry.UNIQUE_CONSTRAINT") {
    return std::unexpected(std::move(stored).error());
  }
  return read_signing_keys(*service.store, service, owner);
}

core::Status rotate_signing_keys(const Service& service, std::string_view owner, oauth::Algorithm algorithm,
                                 std::string_view active_kid, const Actor& actor) {
  ASSIGN_OR_RETURN(const Row made, new_row(service, algorithm));
  const std::string transaction = service.new_id("trs");
  return service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(auto rows, rows_of(tx, owner));
    Row* active = find_state(rows, State::active);
    Row* next = find_state(rows, State::next);
    if (active == nullptr || active->id != active_kid) return {};
    const core::WallTime now = service.now();
    for (const Row& row : rows) {
      const auto* changed = row.body.if_contains("changed");
      const bool old =
          changed != nullptr && changed->is_int64() &&
          core::WallTime{std::chrono::milliseconds{changed->get_int64()}} + kExpiredKeyKept < now;
      if (row.status == to_string(State::expired) && old) {
        RETURN_IF_ERROR(tx.remove(Kind::signing_key, row.id));
      }
    }
    set_state(*active, State::expired, now);
    RETURN_IF_ERROR(tx.update(*active));
    Row fresh = made;
    fresh.parent = owner;
    set_state(fresh, State::next, now);
    if (next != nullptr) {
      set_state(*next, State::active, now);
      RETURN_IF_ERROR(tx.update(*next));
    } else {
      set_state(fresh, State::active, now);
    }
    RETURN_IF_ERROR(tx.insert(fresh));
    RETURN_IF_ERROR(touch_owner(tx, owner));
    const bool of_the_org = owner == kOrgKeys;
    return tx.emit({.type = of_the_org ? "app.oauth2.key.rollover" : "app.oauth2.as.key.rollover",
                    .actor = actor,
                    .targets = {{.id = std::string(owner), .type = "AuthorizationServer"},
                                {.id = next != nullptr ? next->id : fresh.id, .type = "signing_key"}},
                    .transaction = transaction});
  });
}

Object public_view(const SigningKey& key) {
  Object view = key.key.public_jwk();
  view["status"] = to_string(key.state);
  return view;
}

}  // namespace registry
