#include "registry/auth_store.h"

#include <algorithm>
#include <fmt/format.h>

#include "authserver/problem.h"
#include "core/encoding.h"
#include "core/seal.h"

namespace registry {
namespace {

using authserver::Record;
using authserver::RecordKind;

std::string_view name_of_kind(RecordKind kind) {
  switch (kind) {
    case RecordKind::device_code:
      return "device-code";
    case RecordKind::user_code:
      return "user-code";
    case RecordKind::authorization_code:
      return "authorization-code";
    case RecordKind::refresh_token:
      return "refresh-token";
    case RecordKind::token_family:
      return "token-family";
    case RecordKind::access_token:
      return "access-token";
    case RecordKind::assertion_id:
      return "assertion-id";
    case RecordKind::dpop_nonces:
      return "dpop-nonces";
    case RecordKind::dpop_proof_id:
      return "dpop-proof-id";
  }
  return "other";
}

// "!" is in no base64url text: a key that looks like another's hash is hashed too.
constexpr std::size_t kMaxPlain = 100;
std::string plain(std::string_view key) {
  const bool fits = !key.empty() && key.size() <= kMaxPlain && !key.starts_with('!') &&
                    std::ranges::all_of(key, [](char c) { return c > ' ' && c < 0x7f; });
  return fits ? std::string(key) : "!" + core::base64url_encode(core::sha256(key));
}

}  // namespace

AuthStore::AuthStore(core::StateStore& state, FindClient find_client, std::string_view area)
    : state_(state), find_client_(std::move(find_client)), prefix_(fmt::format("auth/{}/", plain(area))) {}

std::string AuthStore::name_of(RecordKind kind, std::string_view key) const {
  return fmt::format("{}{}/{}", prefix_, name_of_kind(kind), plain(key));
}

core::Result<std::optional<authserver::Client>> AuthStore::find_client(std::string_view id) {
  return find_client_(id);
}

core::Result<std::optional<Record>> AuthStore::find(RecordKind kind, std::string_view key,
                                                    core::WallTime now) {
  ASSIGN_OR_RETURN(auto record, state_.get(name_of(kind, key)));
  if (!record || record->expires <= now) return std::nullopt;
  return Record{.version = static_cast<std::uint64_t>(record->version),
                .value = std::move(record->value),
                .expires_at = record->expires};
}

core::Result<bool> AuthStore::compare_and_set(RecordKind kind, std::string_view key, std::uint64_t expected,
                                              std::string value, core::WallTime expires_at,
                                              core::WallTime now) {
  if (value.size() > core::StateStore::kMaxValue) return authserver::problem("server_error");
  const std::string name = name_of(kind, key);
  // A length, because the clock that counts is the state's. What is over already takes a record's place for
  // the shortest time there is.
  const auto keep = std::max(expires_at - now, std::chrono::milliseconds{1});
  auto version = static_cast<std::int64_t>(expected);
  if (expected == 0) {
    ASSIGN_OR_RETURN(const auto made, state_.put_if_absent(name, value, keep));
    if (made) return true;
    // By the caller's clock it may be over although it is not by the state's.
    ASSIGN_OR_RETURN(const auto there, state_.get(name));
    if (there && there->expires > now) return false;
    if (!there) {
      ASSIGN_OR_RETURN(const auto again, state_.put_if_absent(name, value, keep));
      return again.has_value();
    }
    version = there->version;
  }
  ASSIGN_OR_RETURN(const auto replaced, state_.replace_if_version(name, version, value, keep));
  return replaced.has_value();
}

}  // namespace registry
