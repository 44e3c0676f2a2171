// A store that tells how long it takes, and how often it fails (okta_registry_store_seconds,
// okta_registry_store_errors_total, by call).
#pragma once

#include <memory>

#include "core/clock.h"
#include "core/metrics.h"
#include "registry/store.h"

namespace registry {

// `metrics` and `clock` outlive it.
std::unique_ptr<Store> measure_store(std::unique_ptr<Store> store, core::Metrics& metrics,
                                     core::Clock& clock);

}  // namespace registry
