#include "devorg/listing.h"

#include <algorithm>
#include <charconv>

#include "core/clock.h"
#include "core/json.h"

namespace devorg {

namespace {

using catalogue::FilterType;
using catalogue::FilterValues;

// Cursors begin with '2', as Okta's do ("after=200u..."); sorted ones carry the position as a hint before it.
struct Cursor {
  std::uint32_t element = 0;
  std::size_t position = 0;  // of the next element, when the order is still the same
};

std::string write_cursor(std::string_view id, std::size_t position, bool sorted) {
  return (sorted ? "1" + std::to_string(position) + "." : "2") + std::string(id);
}

rest::Answer<Cursor> read_cursor(std::string_view text, const ListSource& source, bool sorted) {
  Cursor cursor;
  if (!text.starts_with(sorted ? '1' : '2')) return rest::refuse(rest::invalid_cursor());
  text.remove_prefix(1);
  if (sorted) {
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos) return rest::refuse(rest::invalid_cursor());
    const auto [end, error] = std::from_chars(text.data(), text.data() + dot, cursor.position);
    if (error != std::errc{} || end != text.data() + dot) return rest::refuse(rest::invalid_cursor());
    text.remove_prefix(dot + 1);
  }
  cursor.element = source.find(text);
  if (cursor.element >= source.size()) return rest::refuse(rest::invalid_cursor());
  return cursor;
}

struct SortKey {
  bool missing = true;
  double number = 0;  // times in milliseconds are exact in it
  std::string text;
  std::string id;
};

SortKey key_of(const ListSource& source, std::uint32_t at, const ListQuery& query, FilterValues& scratch) {
  SortKey key{.id = source.id(at)};
  scratch.clear();
  source.collect(at, query.sort_by, scratch);
  if (scratch.values().empty()) return key;
  const auto& value = scratch.values().front();
  key.missing = false;
  switch (value.kind) {
    case FilterValues::Value::Kind::time:
      key.number = static_cast<double>(value.time);
      break;
    case FilterValues::Value::Kind::number:
      key.number = value.number;
      break;
    case FilterValues::Value::Kind::boolean:
      key.number = value.flag ? 1 : 0;
      break;
    case FilterValues::Value::Kind::text:
      // A version that search still shows is JSON, with its times as text.
      if (const auto time = core::parse_rfc3339(value.text); query.sort_type == FilterType::time && time) {
        key.number = static_cast<double>(time->time_since_epoch().count());
      } else {
        key.text = catalogue::fold_case(value.text);
      }
      break;
  }
  return key;
}

// Elements without a value come last either way; equal ones are ordered by id (listUsers, sortBy).
bool before(const SortKey& a, const SortKey& b, bool descending) {
  if (a.missing != b.missing) return b.missing;
  if (a.number != b.number) return descending ? a.number > b.number : a.number < b.number;
  if (const int order = a.text.compare(b.text); order != 0) return descending ? order > 0 : order < 0;
  return a.id < b.id;
}

std::shared_ptr<const SortedResults::Order> sort_all(const ListSource& source, const ListQuery& query) {
  FilterValues scratch;
  std::vector<std::pair<SortKey, std::uint32_t>> keyed;
  for (std::uint32_t at = 0; at < source.size(); ++at)
    if (source.exists(at) && query.keep(at)) keyed.emplace_back(key_of(source, at, query, scratch), at);
  std::sort(keyed.begin(), keyed.end(),
            [&](const auto& a, const auto& b) { return before(a.first, b.first, query.descending); });
  auto order = std::make_shared<SortedResults::Order>();
  order->reserve(keyed.size());
  for (const auto& [key, at] : keyed) order->push_back(at);
  return order;
}

void append(std::string& body, const boost::json::object& element) {
  if (body.size() > 1) body += ',';
  body += core::json::write(element);
}

rest::Answer<rest::Reply> finish(const rest::Call& call, const ListQuery& query, std::string body,
                                 std::string_view next) {
  rest::Reply reply{.status = 200, .body = std::move(body) + "]", .headers = {}};
  rest::add_links(reply, call, query.base_url, query.shown_limit, query.has_next ? next : std::string_view{});
  return reply;
}

rest::Answer<rest::Reply> sorted_page(const rest::Call& call, const ListSource& source,
                                      const ListQuery& query, SortedResults& results) {
  const std::string key = query.search + '\n' + query.sort_by + (query.descending ? "\nd" : "\na");
  auto order = results.find(key, query.version);
  if (!order) {
    order = sort_all(source, query);
    results.keep(key, query.version, order);
  }
  std::size_t position = 0;
  if (!query.page.after.empty()) {
    auto cursor = read_cursor(query.page.after, source, true);
    if (!cursor) return rest::refuse(cursor.error());
    position = cursor->position;
    if (position == 0 || position > order->size() || (*order)[position - 1] != cursor->element) {
      // The results changed in between: go on after the element itself, or where it would stand.
      const auto found = std::find(order->begin(), order->end(), cursor->element);
      if (found != order->end()) {
        position = static_cast<std::size_t>(found - order->begin()) + 1;
      } else {
        FilterValues scratch;
        const SortKey last = key_of(source, cursor->element, query, scratch);
        position = static_cast<std::size_t>(
            std::partition_point(order->begin(), order->end(),
                                 [&](std::uint32_t at) {
                                   return before(key_of(source, at, query, scratch), last, query.descending);
                                 }) -
            order->begin());
      }
    }
  }
  std::string body = "[";
  const std::size_t end = std::min(order->size(), position + query.page.limit);
  for (std::size_t i = position; i < end; ++i) append(body, source.json((*order)[i]));
  const bool more = end < order->size() && end > 0;
  return finish(call, query, std::move(body),
                more ? write_cursor(source.id((*order)[end - 1]), end, true) : "");
}

}  // namespace

std::shared_ptr<const SortedResults::Order> SortedResults::find(const std::string& key,
                                                                std::uint64_t version) {
  std::lock_guard lock(mutex_);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->key != key || entry->version != version) continue;
    entries_.splice(entries_.begin(), entries_, entry);
    return entries_.front().order;
  }
  return nullptr;
}

void SortedResults::keep(std::string key, std::uint64_t version, std::shared_ptr<const Order> order) {
  std::lock_guard lock(mutex_);
  std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; });
  entries_.push_front({.key = std::move(key), .version = version, .order = std::move(order)});
  if (entries_.size() > kKept) entries_.pop_back();
}

rest::Answer<rest::Reply> list_page(const rest::Call& call, const ListSource& source, const ListQuery& query,
                                    SortedResults& results) {
  if (!query.sort_by.empty()) return sorted_page(call, source, query, results);
  std::uint32_t at = 0;
  if (!query.page.after.empty()) {
    auto cursor = read_cursor(query.page.after, source, false);
    if (!cursor) return rest::refuse(cursor.error());
    at = cursor->element + 1;
  }
  std::string body = "[";
  std::size_t count = 0;
  std::uint32_t last = 0;
  // A next link only when there is a next element: one more is looked for than is shown.
  for (; at < source.size(); ++at) {
    if (!source.exists(at) || !query.keep(at)) continue;
    if (count == query.page.limit)
      return finish(call, query, std::move(body), write_cursor(source.id(last), 0, false));
    append(body, source.json(at));
    last = at;
    ++count;
  }
  return finish(call, query, std::move(body), "");
}

rest::Answer<catalogue::BoundFilter> read_filter(std::string_view text,
                                                 const catalogue::FilterCapabilities& list) {
  auto filter = catalogue::compile_filter(text, list);
  if (filter) return *std::move(filter);
  const core::Error& error = filter.error();
  if (error.code == "catalogue.filter.date" && list.name.ends_with("filter"))
    return rest::refuse(
        rest::other(400, "E0000030",
                    "Bad request. Invalid date. Dates must be of the form yyyy-MM-dd'T'HH:mm:ss.SSSZZ, "
                    "e.g. 2013-01-01T12:00:00.000-07:00.",
                    {error.message}));
  return rest::refuse(rest::invalid_search(error.code == "catalogue.filter.syntax"
                                               ? "Invalid search syntax: " + error.message + "."
                                               : error.message + "."));
}

}  // namespace devorg
