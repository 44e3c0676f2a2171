// What the instances of this server share, as the settings say (OKTA_MCP_STATE_STORE).
#pragma once

#include <memory>

#include "core/result.h"
#include "core/seal.h"
#include "core/state_store.h"
#include "mcp/request_state.h"
#include "settings.h"

// Touches nothing yet.
std::shared_ptr<core::StateStore> open_state(const Settings& settings);

// For mcp::ServerOptions::shared_states of a server that several callers reach (HTTP): a question that one
// instance asked may be answered at another, or at this one after a restart. Error oauth.store.key_file.
core::Result<std::shared_ptr<const mcp::SharedStates>> share_questions(
    const Settings& settings, const std::shared_ptr<core::StateStore>& state);

// For mcp::HttpEndpointOptions::session_key: instances that share it take up each other's legacy sessions.
// Made from the key file where there is one; else kept in the state. Errors: oauth.store.key_file, and those
// of the store.
core::Result<std::shared_ptr<const core::Sealer>> share_sessions(const Settings& settings,
                                                                 core::StateStore& state);
