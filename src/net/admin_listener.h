// For whoever runs the service: /healthz, /readyz and /metrics, on an address of their own (--admin), never
// on the endpoint's.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/metrics.h"
#include "core/result.h"
#include "net/http_server.h"
#include "net/listen_address.h"

namespace net {

// Why requests should not be sent here now; nullopt when they may.
using NotReady = std::function<std::optional<std::string>()>;

// Listens before it returns. `metrics` outlives it. The answers need no login: they hold numbers and states,
// no names of people and nothing of the org. Error net.listen.
core::Result<std::unique_ptr<HttpServer>> start_admin_listener(const ListenAddress& address,
                                                               const core::Metrics& metrics,
                                                               NotReady not_ready);

}  // namespace net
