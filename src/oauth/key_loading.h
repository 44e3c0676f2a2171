// The private key as people hand it over: environment variables, JSON configuration and secret managers bend
// PEM text in their own ways, and all of it is meant to work.
#pragma once

#include <string_view>

#include "core/result.h"
#include "oauth/jwk.h"

namespace oauth {

// `text_or_path` is any of
//   - PEM: PKCS#8, PKCS#1, SEC1; line ends as LF, CRLF, literal "\n", spaces, or gone; with text around it
//   - a JWK, or a JWK Set with one private key or one that `kid` names
//   - base64 of either, or of the DER inside a PEM
//   - the path of a file that holds any of these (also file:// and ~/), or plain DER
// with or without quotes around it. The key takes `kid` as its name, else the name the JWK gives itself.
//
// Errors, none of which repeats the text; the message says what the text was taken for:
//   oauth.key.empty       nothing there
//   oauth.key.encrypted   under a passphrase
//   oauth.key.public      a public key or certificate
//   oauth.key.cut_off     a PEM without its end
//   oauth.key.not_a_key   none of the above; names what was tried
//   oauth.key.use         not for signing, or a shared secret
//   oauth.jwk.*           it is a key, but not one that can be used (jwk.h)
core::Result<Key> load_private_key(std::string_view text_or_path, std::string_view kid = {});

}  // namespace oauth
