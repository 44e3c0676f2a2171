// Inside of a Key. Included by jwk*.cpp and jws.cpp only.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/secret.h"
#include "oauth/evp.h"
#include "oauth/jwk.h"

namespace oauth {

struct Key::Impl {
  KeyType type = KeyType::rsa;
  Algorithm algorithm = Algorithm::rs256;
  std::string kid;
  std::optional<std::string> use;                   // RFC 7517 section 4.2
  std::optional<std::vector<std::string>> key_ops;  // RFC 7517 section 4.3
  bool is_private = false;
  std::size_t bits = 0;
  // Public members as base64url, under the names and in the order RFC 7638 section 3.2 hashes them (kty among
  // them).
  std::vector<std::pair<std::string_view, std::string>> members;
  evp::PKey pkey;                              // null for oct
  std::shared_ptr<const core::Secret> secret;  // oct only
};

}  // namespace oauth
