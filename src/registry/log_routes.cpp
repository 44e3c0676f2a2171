// The System Log API: bounded and polling requests over Store::events, as Okta's listLogEvents.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <fmt/format.h>
#include <optional>
#include <string>

#include "catalogue/scim_filter.h"
#include "core/json.h"
#include "registry/event_view.h"
#include "registry/service.h"
#include "rest/paging.h"

namespace registry {

namespace {

using rest::Answer;
using rest::Call;
using rest::Reply;

// Events gone through for one answer; a filter that fits few of them gives a short page with a next link.
constexpr std::size_t kMaxScanned = 20'000;
constexpr std::chrono::days kDefaultWindow{7};

struct LogQuery {
  EventQuery events;
  std::optional<core::WallTime> until;  // published before
  bool polling = false;                 // no end: the next link is always there
  std::size_t limit = 0;
  std::optional<catalogue::BoundFilter> filter;
};

rest::Problem wrong_parameter(std::string_view name, std::string message) {
  return rest::validation_failed(name,
                                 {rest::Cause(std::move(message), "INVALID_PARAMETER", std::string(name))});
}

Answer<core::WallTime> read_time(const Call& call, std::string_view name) {
  auto time = core::parse_rfc3339(call.query_value(name));
  if (time) return *time;
  return rest::refuse(
      rest::other(400, "E0000030",
                  "Bad request. Invalid date. Dates must be of the form yyyy-MM-dd'T'HH:mm:ss.SSSZZ, e.g. "
                  "2013-01-01T12:00:00.000-07:00.",
                  {rest::Cause(std::string(name) + ": is no ISO 8601 date", {}, std::string(name))}));
}

// What the filter demands of every event, so that the store need not give the others.
void narrow(const catalogue::FilterNode& node, EventQuery& events) {
  using Kind = catalogue::FilterNode::Kind;
  if (node.kind == Kind::all_of) {
    for (const auto& child : node.children) narrow(child, events);
    return;
  }
  if (node.kind != Kind::comparison) return;
  const auto* text = std::get_if<std::string>(&node.value);
  if (!text) return;
  const bool equals = node.op == catalogue::Operator::eq;
  if (node.path == "eventType" && (equals || node.op == catalogue::Operator::sw) &&
      events.type_prefix.size() < text->size())
    events.type_prefix = catalogue::fold_case(*text);  // types are lower case, the filter minds none
  if (node.path == "target.id" && equals && events.about.empty()) events.about = *text;
}

Answer<std::int64_t> read_cursor(const Call& call) {
  const std::string text = call.query_value("after");
  if (text.empty()) return 0;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0)
    return rest::refuse(rest::invalid_cursor());
  return number;
}

Answer<LogQuery> read_query(const Service& service, const Call& call) {
  for (const auto& [name, value] : call.query) {
    static constexpr std::string_view kKnown[] = {"since", "until", "filter", "after", "sortOrder", "limit"};
    if (std::ranges::find(kKnown, name) == std::end(kKnown))
      return rest::refuse(
          wrong_parameter(name, fmt::format("There is no parameter \"{}\" here: since, until, filter, "
                                            "sortOrder, limit and after are known.",
                                            name.substr(0, 64))));
  }
  LogQuery query;
  const std::string order = call.query_value("sortOrder");
  if (!order.empty() && order != "ASCENDING" && order != "DESCENDING")
    return rest::refuse(wrong_parameter("sortOrder", "sortOrder must be ASCENDING or DESCENDING."));
  query.events.newest_first = order == "DESCENDING";
  query.polling = !call.has_query("until") && !query.events.newest_first;
  if (call.has_query("until")) {
    ASSIGN_OR_RETURN(query.until, read_time(call, "until"));
  }
  query.events.since = query.until.value_or(service.now()) - kDefaultWindow;
  if (call.has_query("since")) {
    ASSIGN_OR_RETURN(query.events.since, read_time(call, "since"));
  }
  if (query.until && *query.events.since > *query.until)
    return rest::refuse(wrong_parameter("since", "since must not be later than until."));
  ASSIGN_OR_RETURN(const auto page,
                   rest::read_page(call, {.default_limit = 100, .maximum = 1000, .clamp = false}));
  query.limit = page.limit;
  ASSIGN_OR_RETURN(query.events.after, read_cursor(call));
  if (const std::string text = call.query_value("filter"); !text.empty()) {
    auto filter = catalogue::compile_filter(text, catalogue::logs_filter());
    if (!filter)
      return rest::refuse(rest::other(400, "E0000031", "Invalid search criteria.",
                                      {rest::Cause(filter.error().message, "INVALID_FILTER", "filter")}));
    query.filter = *std::move(filter);
    narrow(query.filter->root(), query.events);
  }
  return query;
}

Answer<Reply> list_events(const Service& service, const Call& call) {
  ASSIGN_OR_RETURN(auto query, read_query(service, call));
  std::string body = "[";
  std::size_t found = 0;
  std::int64_t last = query.events.after;  // gone through
  bool more = true;
  for (std::size_t scanned = 0; more && found < query.limit && scanned < kMaxScanned;) {
    query.events.after = last;
    query.events.limit = query.filter ? Store::kMaxPage : query.limit - found;
    auto page = service.store->events(query.events);
    if (!page) return rest::refuse(problem_of(page.error()));
    more = page->size() == query.events.limit;
    scanned += page->size();
    for (const auto& event : *page) {
      if (query.until && event.published >= *query.until) {
        // Numbers grow with time; going up, nothing that is asked for comes after it.
        if (!query.events.newest_first) {
          more = false;
          break;
        }
        last = event.number;
        continue;
      }
      if (found == query.limit) {
        more = true;
        break;
      }
      last = event.number;
      const core::json::Value view = event_view(event);
      if (query.filter && !query.filter->matches(catalogue::JsonSubject(view))) continue;
      if (found++ > 0) body += ',';
      body += core::json::write(view);
    }
  }
  Reply reply{.status = 200, .body = std::move(body) + "]", .headers = {}};
  // Who polls gets a next link always; the cursor repeats where nothing new was there, so that the next event
  // is not missed.
  const std::string next = more || query.polling ? std::to_string(last) : std::string();
  rest::add_links(reply, call, service.settings.issuer, 0, next);
  return reply;
}

}  // namespace

void add_log_routes(rest::Router& router, const Service& service) {
  router.add({.method = net::Method::get,
              .path = "/api/v1/logs",
              .operation = "listLogEvents",
              .handler = [&service](const Call& call) { return list_events(service, call); },
              .scope = "okta.logs.read",
              .about = "List the events of the System Log",
              .tag = "System Log"});
}

}  // namespace registry
