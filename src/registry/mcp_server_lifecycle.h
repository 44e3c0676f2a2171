// The requests that move an MCP server: each is answered 202 with an operation. What needs no look at the
// outside (deactivate, delete) is done within the request, so it holds on every node once it is answered.
#pragma once

#include "registry/api.h"

namespace registry {

core::Result<rest::Reply> activate_server(const ApiRequest& request);
core::Result<rest::Reply> deactivate_server(const ApiRequest& request);
core::Result<rest::Reply> validate_server(const ApiRequest& request);
core::Result<rest::Reply> refresh_server(const ApiRequest& request);
core::Result<rest::Reply> delete_server(const ApiRequest& request);

}  // namespace registry
