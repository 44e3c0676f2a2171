// Deliberate failures, so that clients can be tested: 429, 5xx, HTML, a reset, half a body, slowness.
#pragma once

#include <boost/json.hpp>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http_server.h"

namespace devorg {

enum class FaultKind : std::uint8_t { too_many, server_error, html, reset, truncate, slow };
std::string_view to_string(FaultKind kind);

struct FaultRule {
  std::string
      match;  // "GET /api/v1/users", "* /api/v1/logs", "POST *": method, and path or a prefix before '*'
  FaultKind kind = FaultKind::server_error;
  int times = 1;                          // how often it strikes; -1 for ever
  std::chrono::milliseconds delay{2000};  // of `slow`
};

// "GET /api/v1/users=429:3" as on the command line: match=fault[:times]. Error devorg.fault.
core::Result<FaultRule> parse_fault(std::string_view text);
// {"match": "...", "fault": "429|500|503html|reset|truncate|slow", "times": N, "delayMs": N}.
core::Result<FaultRule> read_fault(const boost::json::value& json);

// Thread-safe.
class Faults {
 public:
  void add(FaultRule rule);
  void clear();
  boost::json::array list() const;

  // The fault that strikes this request now, if any; it is used up.
  std::optional<FaultRule> strike(const net::ServerRequest& request);

 private:
  mutable std::mutex mutex_;
  std::vector<FaultRule> rules_;
};

}  // namespace devorg
