// The requests that move an MCP server: each is answered 202 with an operation. What needs no look at the
// outside (deactivate, delete) is done within the request, so it holds on every node once it is answered.
#pragma once

#include "registry/service.h"
#include "rest/router.h"

namespace registry {

rest::Answer<rest::Reply> activate_server(const Service& service, const rest::Call& call);
rest::Answer<rest::Reply> deactivate_server(const Service& service, const rest::Call& call);
rest::Answer<rest::Reply> validate_server(const Service& service, const rest::Call& call);
rest::Answer<rest::Reply> refresh_server(const Service& service, const rest::Call& call);
rest::Answer<rest::Reply> delete_server(const Service& service, const rest::Call& call);

}  // namespace registry
