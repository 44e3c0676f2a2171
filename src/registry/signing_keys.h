// The keys that this org's authorization servers sign with: rows of Kind::signing_key below "org" or the id
// of a custom authorization server, private halves sealed by Service::vault.
//
//   NEXT ──rotate──▸ ACTIVE ──rotate──▸ EXPIRED
//
// One key of a server is ACTIVE and signs, one is NEXT and is published before it signs, EXPIRED ones verify
// what they signed until it has run out. Nodes that make or rotate keys at the same time end up with the same
// ones.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "oauth/jwk.h"
#include "registry/service.h"

namespace registry {

inline constexpr std::string_view kOrgKeys = "org";
inline constexpr std::chrono::hours kKeyLifetime{24 * 90};    // Okta's, of rotationMode AUTO
inline constexpr std::chrono::hours kExpiredKeyKept{24 * 2};  // longer than any token lives

struct SigningKey {
  enum class State { active, next, expired } state{};
  oauth::Key key;            // private, with kid
  core::WallTime changed{};  // when it came into this state
};
std::string_view to_string(SigningKey::State state);

// ACTIVE, NEXT, then EXPIRED ones, the latest first. Empty when the server has none yet.
core::Result<std::vector<SigningKey>> read_signing_keys(Reader& reader, const Service& service,
                                                        std::string_view owner);

// Two new keys as rows without an owner. Made and sealed before the transaction: RSA takes its time, and the
// vault may have to write.
struct NewSigningKeys {
  Row active;
  Row next;
};
core::Result<NewSigningKeys> make_signing_keys(const Service& service, oauth::Algorithm algorithm);
core::Status insert_signing_keys(Transaction& tx, const Service& service, std::string_view owner,
                                 const NewSigningKeys& keys);

// Those of `owner`, made where there are none. Of two nodes that make them the second takes the first's.
core::Result<std::vector<SigningKey>> ensure_signing_keys(const Service& service, std::string_view owner,
                                                          oauth::Algorithm algorithm);

// NEXT signs from now on, ACTIVE only verifies, a new NEXT of `algorithm` is made; the event (key.rollover)
// is written. `active_kid` is the key that is to go: when it has gone already, nothing happens.
core::Status rotate_signing_keys(const Service& service, std::string_view owner, oauth::Algorithm algorithm,
                                 std::string_view active_kid, const Actor& actor);

// As a member of the API: public half, status, kid.
core::json::Object public_view(const SigningKey& key);

}  // namespace registry
