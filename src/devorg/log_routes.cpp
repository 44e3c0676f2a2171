// Operation listLogEvents: bounded and polling requests over the System Log.
#include <algorithm>
#include <charconv>
#include <optional>

#include "core/json.h"
#include "devorg/routes.h"
#include "rest/body.h"

namespace devorg {

namespace {

using rest::Answer;
using rest::Call;
using rest::Reply;

constexpr std::size_t kMaxKeywords = 10;
constexpr std::size_t kMaxKeywordLength = 40;

struct LogQuery {
  std::int64_t since = 0;  // published at or after
  std::int64_t until = 0;  // published before
  bool polling = false;    // no end: the next link is always there
  bool descending = false;
  std::size_t limit = 100;
  std::optional<catalogue::BoundFilter> filter;
  std::vector<std::string> keywords;  // folded; all of them must be found
};

Answer<core::WallTime> read_time(const Call& call, std::string_view name) {
  auto time = core::parse_rfc3339(call.query_value(name));
  if (time) return *time;
  return rest::refuse(
      rest::other(400, "E0000030",
                  "Bad request. Invalid date. Dates must be of the form yyyy-MM-dd'T'HH:mm:ss.SSSZZ, e.g. "
                  "2013-01-01T12:00:00.000-07:00.",
                  {std::string(name) + ": is no ISO 8601 date"}));
}

Answer<std::vector<std::string>> read_keywords(const std::string& q) {
  std::vector<std::string> words;
  for (std::size_t start = 0; start < q.size();) {
    const std::size_t end = std::min(q.find_first_of(" \t", start), q.size());
    if (end > start) words.push_back(catalogue::fold_case(std::string_view(q).substr(start, end - start)));
    start = end + 1;
  }
  if (words.size() > kMaxKeywords)
    return rest::refuse(rest::validation_failed("q", {"q: at most 10 keywords may be given"}));
  for (const auto& word : words)
    if (word.size() > kMaxKeywordLength)
      return rest::refuse(rest::validation_failed("q", {"q: a keyword may have at most 40 characters"}));
  return words;
}

Answer<LogQuery> read_query(const Service& service, const Call& call) {
  LogQuery query;
  const std::string order = call.query_value("sortOrder");
  if (!order.empty() && order != "ASCENDING" && order != "DESCENDING")
    return rest::refuse(rest::validation_failed("sortOrder", {"sortOrder: must be ASCENDING or DESCENDING"}));
  query.descending = order == "DESCENDING";
  // A request without an end polls, unless it asks for the newest first.
  query.polling = !call.has_query("until") && !query.descending;

  core::WallTime until = service.now();
  if (call.has_query("until")) {
    ASSIGN_OR_RETURN(until, read_time(call, "until"));
  }
  core::WallTime since = until - std::chrono::days(7);
  if (call.has_query("since")) {
    ASSIGN_OR_RETURN(since, read_time(call, "since"));
  }
  if (since > until && !query.polling)
    return rest::refuse(rest::validation_failed("since", {"since: must be before until"}));
  query.since = since.time_since_epoch().count();
  query.until = query.polling ? INT64_MAX : until.time_since_epoch().count();

  ASSIGN_OR_RETURN(const auto page,
                   rest::read_page(call, {.default_limit = 100, .maximum = 1000, .clamp = false}));
  query.limit = page.limit;
  if (const std::string text = call.query_value("filter"); !text.empty()) {
    ASSIGN_OR_RETURN(query.filter, read_filter(text, catalogue::logs_filter()));
  }
  ASSIGN_OR_RETURN(query.keywords, read_keywords(call.query_value("q")));
  return query;
}

bool is_word_char(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x80 || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

// Whether a keyword stands in the text as a whole word (or run of words).
bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const bool starts = at == 0 || !is_word_char(text[at - 1]);
    const bool ends = at + word.size() == text.size() || !is_word_char(text[at + word.size()]);
    if (starts && ends) return true;
  }
  return false;
}

void gather_text(const boost::json::value& value, std::string& out) {
  if (const auto* text = value.if_string()) {
    out += catalogue::fold_case({text->data(), text->size()});
    out += '\n';
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array) gather_text(element, out);
  } else if (const auto* object = value.if_object()) {
    for (const auto& member : *object) gather_text(member.value(), out);
  }
}

bool matches(const LogQuery& query, const boost::json::value& event) {
  if (query.filter && !query.filter->matches(catalogue::JsonSubject(event))) return false;
  if (query.keywords.empty()) return true;
  std::string text;
  gather_text(event, text);
  return std::all_of(query.keywords.begin(), query.keywords.end(),
                     [&](const std::string& word) { return has_word(text, word); });
}

// The event type a filter demands of every event, so that others need not be built: `eventType eq "x"`, alone
// or as a part of an `and`.
std::string demanded_type(const catalogue::FilterNode& node) {
  using Kind = catalogue::FilterNode::Kind;
  if (node.kind == Kind::all_of) {
    for (const auto& child : node.children)
      if (std::string type = demanded_type(child); !type.empty()) return type;
    return {};
  }
  if (node.kind != Kind::comparison || node.op != catalogue::Operator::eq || node.path != "eventType")
    return {};
  const auto* type = std::get_if<std::string>(&node.value);
  return type ? *type : std::string();
}

// Cursors hold the position of the last event seen: "1732230000000_42".
std::string write_cursor(const EventLog& log, std::size_t position) {
  return std::to_string(log.published(position)) + "_" + std::to_string(position);
}

Answer<std::size_t> read_cursor(const EventLog& log, std::string_view text) {
  const std::size_t bar = text.find('_');
  std::size_t position = 0;
  std::int64_t published = 0;
  if (bar == std::string_view::npos) return rest::refuse(rest::invalid_cursor());
  const auto first = std::from_chars(text.data(), text.data() + bar, published);
  const auto second = std::from_chars(text.data() + bar + 1, text.data() + text.size(), position);
  if (first.ec != std::errc{} || second.ec != std::errc{} || first.ptr != text.data() + bar ||
      second.ptr != text.data() + text.size() || !log.has(position) || log.published(position) != published)
    return rest::refuse(rest::invalid_cursor());
  return position;
}

Answer<Reply> list_events(Service& service, const Call& call) {
  ASSIGN_OR_RETURN(const auto query, read_query(service, call));
  const Org& org = service.org();
  const EventLog& log = org.log;
  const std::size_t first = log.first_at(query.since);
  const std::size_t end = std::max(first, query.polling ? log.size() : log.first_at(query.until));
  // Counts the events gone through in the order asked for.
  std::size_t step = 0;
  std::string after = call.query_value("after");
  if (!after.empty() && after != "0") {
    ASSIGN_OR_RETURN(const auto position, read_cursor(log, after));
    if (query.descending) {
      step = position >= end ? 0 : end - position;
    } else {
      step = position < first ? 0 : position - first + 1;
    }
  }
  const std::string type = query.filter ? demanded_type(query.filter->root()) : std::string();
  const std::string folded_type = catalogue::fold_case(type);
  std::string body = "[";
  std::size_t count = 0;
  std::string last = after;
  bool more = false;
  for (; step < end - first; ++step) {
    const std::size_t position = query.descending ? end - 1 - step : first + step;
    if (!log.has(position)) continue;
    if (!folded_type.empty() && log.type(position) != folded_type) continue;
    const boost::json::value event = log.read(org, position);
    if (!matches(query, event)) continue;
    if (count == query.limit) {
      more = true;
      break;
    }
    if (count++ > 0) body += ',';
    body += core::json::write(event);
    last = write_cursor(log, position);
  }
  Reply reply{.status = 200, .body = std::move(body) + "]"};
  // Polling never ends: an empty page repeats its cursor, so that the next event is not missed.
  std::string next = more || query.polling ? last : std::string();
  if (query.polling && next.empty()) next = "0";
  rest::add_links(reply, call, service.base_url(), 0, next);
  return reply;
}

}  // namespace

void add_log_routes(rest::Router& router, Service& service) {
  router.add({.method = net::Method::get,
              .path = "/api/v1/logs",
              .operation = "listLogEvents",
              .handler = [&service](const Call& call) { return list_events(service, call); }});
}

}  // namespace devorg
