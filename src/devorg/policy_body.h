// The policies of the generated org: at least one of each type that an admin meets, each with rules.
#pragma once

#include <boost/json.hpp>
#include <string_view>
#include <vector>

#include "devorg/user.h"

namespace devorg {

struct PolicyRow {
  bool uses_rst_id = false;  // Identity Engine policies have ids that begin with "rst"
  boost::json::object body;
  std::vector<boost::json::object> rules;
};

std::vector<PolicyRow> policy_rows(std::string_view everyone_id, std::string_view leadership_id,
                                   std::string_view contractors_id);

// Sets created and lastUpdated.
void stamp(boost::json::object& body, Seconds created);

}  // namespace devorg
