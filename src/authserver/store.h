// Everything an authorization server remembers. The handlers of this room keep nothing themselves, so several
// processes may serve one store.
//
// All that changes is a record: a value under (kind, key) with a version. There is one way to write,
// compare_and_set(), and every rule that something happens once (a device code is redeemed, a refresh token
// is rotated, a jti is used) is one call of it.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "oauth/jwk.h"

namespace authserver {

enum class AuthMethod { none, client_secret_basic, client_secret_post, private_key_jwt };

std::string_view to_string(AuthMethod method);  // as in token_endpoint_auth_methods_supported

struct Client {
  std::string id;    // "0oa..."
  std::string name;  // for people
  AuthMethod auth_method = AuthMethod::none;
  oauth::KeySet keys{};  // private_key_jwt: public keys
  // client_secret_*: hash_secret() of each secret that is good now, so that one can be changed over to
  // another.
  std::vector<std::string> secret_hashes{};
  std::vector<std::string> grants{};  // grant_type values
  std::vector<std::string> scopes{};  // what may be granted; "okta.*" stands for every scope that starts so
  // Where a browser may be sent with a code; compared as texts, as Okta and RFC 9700 section 2.1 want it.
  std::vector<std::string> redirect_uris{};
  // Every token request needs a DPoP proof (RFC 9449 section 5.2). Without this a proof is welcome.
  bool dpop_bound_access_tokens = false;
};

// SHA-256, base64url. Stores hold hashes of codes, tokens and secrets only: all of these are random and long,
// so a plain hash is enough.
std::string hash_secret(std::string_view secret);

enum class RecordKind {
  device_code,
  user_code,
  authorization_code,
  refresh_token,
  token_family,
  access_token,
  assertion_id,
  dpop_nonces,
  dpop_proof_id,
};

struct Record {
  std::uint64_t version = 0;  // grows by one with each write
  std::string value;          // JSON
  core::WallTime expires_at{};
};

// Thread-safe.
class Store {
 public:
  virtual ~Store() = default;

  virtual core::Result<std::optional<Client>> find_client(std::string_view id) = 0;

  // nullopt when there is none, or it has expired.
  virtual core::Result<std::optional<Record>> find(RecordKind kind, std::string_view key,
                                                   core::WallTime now) = 0;

  // Writes if the record's version is still `expected` (0: there is none, or it has expired) and says whether
  // it did. Error authserver.server_error when the store cannot take more.
  virtual core::Result<bool> compare_and_set(RecordKind kind, std::string_view key, std::uint64_t expected,
                                             std::string value, core::WallTime expires_at,
                                             core::WallTime now) = 0;
};

// Forgets everything when the process ends.
class MemoryStore final : public Store {
 public:
  // Expired records are dropped now and then; beyond `max_records` that are not, writes fail.
  explicit MemoryStore(std::vector<Client> clients, std::size_t max_records = 200'000);

  core::Result<std::optional<Client>> find_client(std::string_view id) override;
  core::Result<std::optional<Record>> find(RecordKind kind, std::string_view key,
                                           core::WallTime now) override;
  core::Result<bool> compare_and_set(RecordKind kind, std::string_view key, std::uint64_t expected,
                                     std::string value, core::WallTime expires_at,
                                     core::WallTime now) override;

  std::size_t size() const;

 private:
  using Key = std::pair<RecordKind, std::string>;

  mutable std::mutex mutex_;
  std::map<std::string, Client, std::less<>> clients_;
  std::map<Key, Record> records_;
  std::size_t max_records_;
  std::size_t sweep_at_;  // so many records: time to look for expired ones
};

}  // namespace authserver
