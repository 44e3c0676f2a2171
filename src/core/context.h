// What a call carries from its edge to the last room it reaches: one immutable value, passed first.
#pragma once

#include <boost/json/value.hpp>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace core {

enum class LogLevel { debug, info, notice, warning, error, critical, alert, emergency };  // RFC 5424

// How a running call speaks to whoever called it. Thread-safe; every function may be ignored by the edge.
class Notifier {
 public:
  virtual ~Notifier() = default;
  // `done` only grows during a call. `total` absent means unknown.
  virtual void progress(double done, std::optional<double> total, std::string_view message) = 0;
  virtual void log(LogLevel level, std::string_view logger, const boost::json::value& data) = 0;
  // The rest takes long: where the caller can come back for it (MCP: a stream that can be resumed), the
  // connection may go. Elsewhere nothing happens.
  virtual void hang_up() {}
};

struct Context {
  std::stop_token stop;  // the caller gave up, or the process is going down
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
  std::string principal = "local";  // who acts, as audit lines name it
  std::string trace_id;             // of this call, in logs and audit lines
  Notifier* notifier = nullptr;     // outlives the call; may be null

  bool cancelled() const { return stop.stop_requested(); }
  void progress(double done, std::optional<double> total, std::string_view message) const {
    if (notifier) notifier->progress(done, total, message);
  }
};

}  // namespace core
