// Pages as Okta serves them: `limit` and an opaque `after`, answered with a Link header.
#pragma once

#include <string>
#include <string_view>

#include "rest/router.h"

namespace rest {

struct PageRules {
  std::size_t default_limit = 200;
  std::size_t maximum = 200;
  bool clamp = true;  // a larger limit is cut to the maximum; otherwise it is refused (E0000001)
};

struct Page {
  std::size_t limit = 0;
  std::string after;  // empty on the first page
};

// A limit that is no positive number is refused with E0000001.
Answer<Page> read_page(const Call& call, const PageRules& rules);

// rel="self", and rel="next" when `next_after` is not empty. `base` is the org's origin. The query of the
// call is kept; the limit that was used is added where none was asked for, as recorded from real orgs
// (`/api/v1/groups?limit=10000`). `limit` 0 adds none.
void add_links(Reply& reply, const Call& call, std::string_view base, std::size_t limit,
               std::string_view next_after);

}  // namespace rest
