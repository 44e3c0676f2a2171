// What a host may attach to a conversation: objects of the org by URI, read by the same rows as the tools.
//
//   okta://users/{user_id}   okta://groups/{group_id}/users   okta://status ...
//
// With several orgs each URI may name one: okta://users/ada@example.com?org=prod.
#pragma once

#include "admin/completions.h"
#include "admin/entrance.h"
#include "core/result.h"
#include "mcp/server.h"

namespace admin {

// entrance and completions outlive the server. Whoever watches a resource is told when a call that entered
// there changed what it shows.
core::Status add_resources(mcp::Server& server, Entrance& entrance, Completions& completions);

}  // namespace admin
