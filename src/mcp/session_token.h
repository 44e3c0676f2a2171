// The id of a legacy session (Mcp-Session-Id): what `initialize` settled, sealed. Whoever holds the key can
// go on with the session, so several instances behind a proxy that routes by the header may share one; nobody
// else can make or read one. It proves nothing about its sender (page Security Best Practices, "Session
// Hijacking"): it opens only for the principal it was made for, whose own credentials come with every
// request.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/random.h"
#include "core/seal.h"
#include "mcp/session.h"

namespace mcp {

struct SessionToken {
  Handshake handshake;
  core::WallTime issued;
  std::string nonce;  // names the session
};

// Visible ASCII, at most a few hundred bytes.
std::string seal_session(const core::Sealer& sealer, const SessionToken& token, std::string_view principal);
// nullopt: altered, made with another key, or for another principal.
std::optional<SessionToken> open_session(const core::Sealer& sealer, std::string_view id,
                                         std::string_view principal);

}  // namespace mcp
