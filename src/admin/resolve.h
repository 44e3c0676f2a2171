// Names people use, turned into the ids Okta uses. Never guesses: several matches are an error that lists
// them.
#pragma once

#include <string>
#include <string_view>

#include "admin/arguments.h"
#include "admin/services.h"
#include "core/context.h"
#include "core/result.h"

namespace admin {

// True for what has the form of an Okta id (20 characters of [0-9A-Za-z]); it is then used without asking.
bool looks_like_id(std::string_view text);

// Looks up every identifier parameter of the row that was given. Errors: admin.resolve.none and
// admin.resolve.several (the hint lists the candidates with their ids), and those of the org.
core::Status resolve_identifiers(Services& services, const ToolRow& row, const core::Context& context,
                                 Arguments& arguments);

core::Result<Resolved> resolve_user(okta::Org& org, const core::Context& context, std::string_view text);
core::Result<Resolved> resolve_group(okta::Org& org, const core::Context& context, std::string_view text);

}  // namespace admin
