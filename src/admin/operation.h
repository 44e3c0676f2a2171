// What Okta accepts and does later (202): its operation is followed for a while, so that the answer says how
// it ended.
#pragma once

#include <string>

#include "admin/services.h"
#include "core/context.h"
#include "core/json.h"
#include "okta/org.h"

namespace admin {

// `path` as the answer's Location had it. The operation's object when it has ended well, or has not ended
// within about fifteen seconds or the call's time (its status says which). Errors:
// admin.operation.failed (with what Okta says), admin.operation.unread when it cannot be read: what was
// accepted may still happen.
core::Result<core::json::Value> follow_operation(Services& services, okta::Org& org,
                                                 const core::Context& context, const std::string& path);

}  // namespace admin
