// The System Log API: bounded and polling requests over Store::events, as Okta's listLogEvents.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <fmt/format.h>
#include <optional>
#include <string>

#include "catalogue/scim_filter.h"
#include "core/json.h"
#include "registry/api.h"
#include "registry/event_view.h"
#include "registry/service.h"

namespace registry {

namespace {

using core::ErrorKind;
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

std::unexpected<core::Error> wrong_parameter(std::string_view name, std::string message) {
  return refuse(ErrorKind::invalid_input, "INVALID_PARAMETER", std::move(message), std::string(name));
}

core::Result<core::WallTime> read_time(const Call& call, std::string_view name) {
  auto time = core::parse_rfc3339(call.query_value(name));
  if (time) return *time;
  return refuse(ErrorKind::invalid_input, "INVALID_DATE", fmt::format("{}: is no ISO 8601 date", name),
                std::string(name));
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

core::Result<std::int64_t> read_cursor(const Call& call) {
  const std::string text = call.query_value("after");
  if (text.empty()) return 0;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0)
    return refuse(ErrorKind::invalid_input, "INVALID_CURSOR", "Invalid cursor.", "after");
  return number;
}

core::Result<LogQuery> read_query(const ApiRequest& request) {
  const Call& call = request.call;
  for (const auto& [name, value] : call.query) {
    static constexpr std::string_view kKnown[] = {"since", "until", "filter", "after", "sortOrder", "limit"};
    if (std::ranges::find(kKnown, name) == std::end(kKnown))
      return wrong_parameter(name, fmt::format("There is no parameter \"{}\" here: since, until, filter, "
                                               "sortOrder, limit and after are known.",
                                               name.substr(0, 64)));
  }
  LogQuery query;
  const std::string order = call.query_value("sortOrder");
  if (!order.empty() && order != "ASCENDING" && order != "DESCENDING")
    return wrong_parameter("sortOrder", "sortOrder must be ASCENDING or DESCENDING.");
  query.events.newest_first = order == "DESCENDING";
  query.polling = !call.has_query("until") && !query.events.newest_first;
  if (call.has_query("until")) {
    ASSIGN_OR_RETURN(query.until, read_time(call, "until"));
  }
  query.events.since = query.until.value_or(request.service.now()) - kDefaultWindow;
  if (call.has_query("since")) {
    ASSIGN_OR_RETURN(query.events.since, read_time(call, "since"));
  }
  if (query.until && *query.events.since > *query.until)
    return wrong_parameter("since", "since must not be later than until.");
  query.limit = request.page.limit;
  ASSIGN_OR_RETURN(query.events.after, read_cursor(call));
  ASSIGN_OR_RETURN(query.filter, read_filter(call, "filter", catalogue::logs_filter()));
  if (query.filter) narrow(query.filter->root(), query.events);
  return query;
}

core::Result<Reply> list_events(const ApiRequest& request) {
  ASSIGN_OR_RETURN(auto query, read_query(request));
  std::string body = "[";
  std::size_t found = 0;
  std::int64_t last = query.events.after;  // gone through
  bool more = true;
  for (std::size_t scanned = 0; more && found < query.limit && scanned < kMaxScanned;) {
    query.events.after = last;
    query.events.limit = query.filter ? Store::kMaxPage : query.limit - found;
    ASSIGN_OR_RETURN(const auto page, request.service.store->events(query.events));
    more = page.size() == query.events.limit;
    scanned += page.size();
    for (const auto& event : page) {
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
  rest::add_links(reply, request.call, request.service.settings.issuer, 0, next);
  return reply;
}

constexpr ApiArea kArea{.base = "/api/v1/logs", .tag = "System Log", .read = "okta.logs.read", .manage = {}};

constexpr std::array<ApiRoute, 1> kRoutes{{
    {net::Method::get, "", "listLogEvents", "List the events of the System Log", list_events,
     ApiRoute::Takes::page, rest::PageRules{.default_limit = 100, .maximum = 1000, .clamp = false}},
}};

}  // namespace

void add_log_routes(rest::Router& router, const Service& service) {
  add_routes(router, service, kArea, kRoutes);
}

}  // namespace registry
