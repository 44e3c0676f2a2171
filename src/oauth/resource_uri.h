// Identifiers of protected resources (RFC 8707 section 2, RFC 9728 section 1.2) as MCP compares them.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace oauth {

// Scheme and host in lower case, no default port, no slash at the end: "HTTPS://Mcp.Example.com:443/mcp/" →
// "https://mcp.example.com/mcp". The rest stays as written. Error oauth.resource_uri for what is no https (or
// loopback http) URL, or has a fragment or userinfo.
core::Result<std::string> canonical_resource(std::string_view uri);

// Both canonical forms exist and are one.
bool same_resource(std::string_view a, std::string_view b);

// An address that a credential or a key may be fetched from: https, or http towards a loopback address,
// without userinfo and fragment (RFC 8414 section 2).
bool is_protected_url(std::string_view text);

}  // namespace oauth
