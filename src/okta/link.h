// The Link header field (RFC 8288), as far as paging needs it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/http.h"

namespace okta {

struct Link {
  std::string target;                  // as written between < and >
  std::vector<std::string> relations;  // lower case
};

// All links of all fields, in order. A malformed link ends its field: what came before it stands.
std::vector<Link> parse_links(std::span<const std::string_view> fields);

// The target of the first rel="next"; nullopt when there is none.
std::optional<std::string> next_target(const net::Headers& headers);

}  // namespace okta
