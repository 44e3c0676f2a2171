#include "instances.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/seal.h"

namespace {

// Longer than an update of all of them takes.
constexpr std::chrono::hours kKnownFor{24};

}  // namespace

Instances::Instances(std::shared_ptr<core::StateStore> state, std::string address, const std::string& own)
    : state_(std::move(state)),
      address_(std::move(address)),
      prefix_(fmt::format("instances/{}/", core::sha256_hex(address_).substr(0, 32))),
      key_(prefix_ + core::sha256_hex(own).substr(0, 32)) {}

core::Status Instances::announce() {
  return state_->put(key_, "1", kKnownFor);
}

core::Status Instances::may_change() {
  if (met_) return {};
  RETURN_IF_ERROR(announce());
  ASSIGN_OR_RETURN(const auto known, state_->list(prefix_));
  met_ = std::ranges::any_of(known, [&](const core::StateRecord& one) { return one.key != key_; });
  if (met_) return {};
  return core::fail(core::ErrorKind::unavailable, "app.instances.apart",
                    fmt::format("Nothing was changed: this is one of several instances behind {}, and none "
                                "of the others shares its "
                                "state ({}), so that a change could be made twice or miss the audit log.",
                                address_, state_->where()),
                    "Give all instances one OKTA_MCP_STATE_STORE (postgresql://...), or on one machine one "
                    "OKTA_MCP_STATE_DIR, and "
                    "start them all.");
}
