// Tokens taken back before they expire: one row a subject, "what was issued up to then is inactive".
//
// A subject is whatever a token hangs on: the client_id that it was issued to, the connection (mcn...) or the
// MCP server (ems...) that it was issued for. Introspection asks about all of a token's subjects at once.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/result.h"
#include "registry/service.h"
#include "registry/store.h"

namespace registry {

// Takes effect with the transaction. A time before the one already there changes nothing: what is revoked
// stays so.
core::Status revoke_tokens_of(Transaction& tx, const Service& service, std::string_view client_id,
                              core::WallTime issued_before);

// `issued` is the token's iat, a whole second: of the tokens of the second in which a revocation falls, those
// that came after it count as revoked, too.
core::Result<bool> is_revoked(Reader& reader, std::span<const std::string> subjects, core::WallTime issued);

}  // namespace registry
