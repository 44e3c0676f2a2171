// What a legacy session has sent as server-sent events, kept so that a client whose connection broke can have
// the rest (page Transports, "Resumability and Redelivery").
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace mcp {

// Bytes that the logs of all sessions may hold together. Thread-safe.
struct EventPool {
  explicit EventPool(std::size_t max_bytes) : limit(max_bytes) {}
  const std::size_t limit;
  std::atomic<std::size_t> used = 0;
};

struct EventLogLimits {
  std::size_t events = 1024;
  std::size_t bytes = 2u << 20;
  std::chrono::milliseconds age = std::chrono::minutes{10};
};

// Where a stream was when its connection broke.
struct EventPosition {
  std::uint64_t stream = 0;
  std::uint64_t event = 0;
};

// The events of one session, oldest dropped first. Not thread-safe: its session's lock guards it.
class EventLog {
 public:
  // `name` makes this log's ids differ from those of every other log, also of one that another process kept
  // for the same session: letters and digits.
  EventLog(EventLogLimits limits, std::string name, std::shared_ptr<EventPool> pool);
  ~EventLog();
  EventLog(const EventLog&) = delete;
  EventLog& operator=(const EventLog&) = delete;

  // The next event's position on `stream`. Ids read "name-stream-event" and are unique in the session.
  EventPosition next(std::uint64_t stream) { return {stream, ++last_event_}; }
  std::string id(EventPosition position) const;
  // nullopt: not an id of this log.
  std::optional<EventPosition> parse(std::string_view id) const;

  // Keeps `frame`, an event as it goes over the wire. What is larger than the limits is not kept.
  void keep(EventPosition position, core::SteadyTime now, std::string frame);
  // What is kept of position.stream after position.event, in order.
  void replay(EventPosition position,
              const std::function<void(const EventPosition&, const std::string&)>& each) const;
  bool holds(std::uint64_t stream) const;
  void drop_stream(std::uint64_t stream);
  void drop_old(core::SteadyTime now);

  std::size_t size() const { return events_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Event {
    EventPosition position;
    core::SteadyTime time;
    std::string frame;
  };
  void drop_front();
  bool reserve(std::size_t bytes);
  void release(std::size_t bytes);

  const EventLogLimits limits_;
  const std::string name_;
  const std::shared_ptr<EventPool> pool_;
  std::deque<Event> events_;
  std::size_t bytes_ = 0;
  std::uint64_t last_event_ = 0;
};

}  // namespace mcp
