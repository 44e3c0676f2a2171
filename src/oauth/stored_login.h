// A login as the stores that keep it beyond the process seal it: JSON that names whose it is.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"
#include "oauth/token_store.h"

namespace oauth {

// Holds secrets: to be wiped by whoever has sealed it.
std::string encode_login(const TokenKey& key, const StoredToken& token);
// Errors: oauth.store.other (it is another login's), core.json.*.
core::Result<StoredToken> decode_login(std::string_view text, const TokenKey& key);

}  // namespace oauth
