#include "mcp/event_log.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace mcp {
namespace {

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

EventLog::EventLog(EventLogLimits limits, std::string name, std::shared_ptr<EventPool> pool)
    : limits_(limits), name_(std::move(name)), pool_(std::move(pool)) {}

EventLog::~EventLog() {
  release(bytes_);
}

std::string EventLog::id(EventPosition position) const {
  return fmt::format("{}-{}-{}", name_, position.stream, position.event);
}

std::optional<EventPosition> EventLog::parse(std::string_view id) const {
  if (!id.starts_with(name_)) return std::nullopt;
  id.remove_prefix(name_.size());
  if (!id.starts_with('-')) return std::nullopt;
  id.remove_prefix(1);
  auto dash = id.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  auto stream = number(id.substr(0, dash));
  auto event = number(id.substr(dash + 1));
  if (!stream || !event || *event > last_event_) return std::nullopt;
  return EventPosition{*stream, *event};
}

bool EventLog::reserve(std::size_t bytes) {
  std::size_t used = pool_->used.load();
  do {
    if (bytes > pool_->limit - std::min(used, pool_->limit)) return false;
  } while (!pool_->used.compare_exchange_weak(used, used + bytes));
  bytes_ += bytes;
  return true;
}

void EventLog::release(std::size_t bytes) {
  pool_->used -= bytes;
  bytes_ -= bytes;
}

void EventLog::drop_front() {
  release(events_.front().frame.size());
  events_.pop_front();
}

void EventLog::keep(EventPosition position, core::SteadyTime now, std::string frame) {
  std::size_t size = frame.size();
  if (size > limits_.bytes) return;
  while (!events_.empty() && (events_.size() >= limits_.events || bytes_ + size > limits_.bytes))
    drop_front();
  // When the sessions together hold too much, each pays for what it adds.
  while (!reserve(size)) {
    if (events_.empty()) return;
    drop_front();
  }
  events_.push_back({position, now, std::move(frame)});
}

void EventLog::replay(EventPosition position,
                      const std::function<void(const EventPosition&, const std::string&)>& each) const {
  for (const Event& event : events_) {
    if (event.position.stream == position.stream && event.position.event > position.event) {
      each(event.position, event.frame);
    }
  }
}

bool EventLog::holds(std::uint64_t stream) const {
  return std::ranges::any_of(events_, [&](const Event& event) { return event.position.stream == stream; });
}

void EventLog::drop_stream(std::uint64_t stream) {
  std::erase_if(events_, [&](const Event& event) {
    if (event.position.stream != stream) return false;
    release(event.frame.size());
    return true;
  });
}

void EventLog::drop_old(core::SteadyTime now) {
  while (!events_.empty() && now - events_.front().time >= limits_.age) drop_front();
}

}  // namespace mcp
