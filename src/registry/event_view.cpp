#include "registry/event_view.h"

#include <algorithm>
#include <string>

#include "core/clock.h"

namespace registry {

namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;

// "resource_servers.mcp_server.activate" → "Mcp server activate": the last two words tell enough beside the
// type itself.
std::string message_of(std::string_view type) {
  const std::size_t last = type.rfind('.');
  std::size_t start = 0;
  if (last != std::string_view::npos && last > 0) {
    const std::size_t before = type.rfind('.', last - 1);
    if (before != std::string_view::npos) start = before + 1;
  }
  std::string text(type.substr(start));
  std::ranges::replace_if(text, [](char c) { return c == '.' || c == '_'; }, ' ');
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') text.front() -= 'a' - 'A';
  return text;
}

Value text_or_null(std::string_view text) {
  return text.empty() ? Value(nullptr) : Value(text);
}

}  // namespace

Object event_view(const Event& event) {
  Array targets;
  targets.reserve(event.targets.size());
  for (const auto& target : event.targets) {
    const Value* alternate = target.detail.if_contains("alternateId");
    targets.push_back(Object{{"id", target.id},
                             {"type", target.type},
                             {"alternateId", alternate ? *alternate : Value("unknown")},
                             {"displayName", text_or_null(target.name)},
                             {"detailEntry", target.detail.empty() ? Value(nullptr) : Value(target.detail)}});
  }
  Object debug = event.debug;
  return {{"uuid", event.id},
          {"published", core::to_rfc3339(event.published)},
          {"eventType", event.type},
          {"version", "0"},
          {"severity", event.success ? "INFO" : "WARN"},
          {"legacyEventType", nullptr},
          {"displayMessage", message_of(event.type)},
          {"actor", Object{{"id", event.actor.id},
                           {"type", event.actor.type},
                           {"alternateId", event.actor.id},
                           {"displayName", text_or_null(event.actor.name)},
                           {"detailEntry", nullptr}}},
          {"client", nullptr},
          {"outcome",
           Object{{"result", event.success ? "SUCCESS" : "FAILURE"}, {"reason", text_or_null(event.reason)}}},
          {"target", std::move(targets)},
          {"transaction", Object{{"type", "WEB"}, {"id", event.transaction}, {"detail", Object{}}}},
          {"debugContext", Object{{"debugData", std::move(debug)}}}};
}

}  // namespace registry
