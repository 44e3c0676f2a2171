// The OpenAPI 3.1 description of what a router serves, made from its table: whatever is added is described,
// and nothing else is.
#pragma once

#include <string_view>

#include "core/json.h"
#include "rest/router.h"

namespace registry {

struct Description {
  std::string_view title;
  std::string_view version;
  std::string_view issuer;  // the server's origin; its token endpoint stands in the security scheme
};

core::json::Object describe_routes(const rest::Router& router, const Description& description);

}  // namespace registry
