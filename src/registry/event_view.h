// Events as the System Log API shows them (Okta's LogEvent).
#pragma once

#include "core/json.h"
#include "registry/store.h"

namespace registry {

core::json::Object event_view(const Event& event);

}  // namespace registry
