// Client ID metadata documents (draft-ietf-oauth-client-id-metadata-document) and key sets, as clients
// publish them. Read when a client asks for a token; a good answer is kept in Store::state() for as long as
// its Cache-Control says, at most five minutes, which is how long a withdrawn key may go on. A bad one is not
// kept (section 4.4 of the draft).
//
// Bounded: 64 KiB a document, five seconds, no redirects. Not within a transaction: the other side may be
// slow.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "oauth/jwk.h"
#include "registry/service.h"

namespace registry {

struct ClientDocument {
  std::string name{};
  std::vector<std::string> redirect_uris;  // at least one
  oauth::KeySet keys{};                    // given there; else they are at jwks_uri
  std::string jwks_uri{};
  bool dpop_bound_access_tokens = false;
};

// What a client_id URL must look like (section 3 of the draft): https, a path, no fragment, no user name, no
// dot segments. With `allow_http_loopback` also http on loopback. Error registry.INVALID_FORMAT.
core::Status check_client_id_url(std::string_view url, bool allow_http_loopback = false);

// The document that `url` led to. Okta's rules: client_id is the URL, byte for byte; keys (jwks or jwks_uri,
// not both) and private_key_jwt, no secret; redirect_uris not empty; client_credentials refused. Error
// registry.INVALID_CLIENT_METADATA with the member as location.
core::Result<ClientDocument> read_client_document(std::string_view text, std::string_view url,
                                                  bool allow_http_loopback = false);

// Errors: those of read_client_document(), registry.INVALID_CLIENT_METADATA also for an answer that is not
// 200 or not JSON, and those of net::HttpClient.
core::Result<ClientDocument> fetch_client_document(const Service& service, const std::string& url);

// A JWK set. Secrets and private keys in it are an error: who can read them is the client.
core::Result<oauth::KeySet> fetch_client_keys(const Service& service, const std::string& jwks_uri);

inline constexpr std::chrono::seconds kLongestClientCache{300};

}  // namespace registry
