#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "catalogue/operations.h"
#include "okta/org.h"

namespace okta {
namespace {

using core::ErrorKind;

constexpr int kEmptyPagesInARow = 1'000;

std::optional<std::string> take(net::Query& query, std::string_view name) {
  std::optional<std::string> value = net::query_value(query, name);
  std::erase_if(query, [&](const auto& pair) { return pair.first == name; });
  return value;
}

// The size to ask for; nullopt to ask for none.
std::optional<std::string> page_size(std::string_view path, std::optional<std::string> written,
                                     std::int64_t wanted) {
  const auto* operation = catalogue::match_operation("GET", path);
  if (operation && operation->page_maximum == 0 && !written) return std::nullopt;
  if (written) {
    std::int64_t value = 0;
    auto [end, error] = std::from_chars(written->data(), written->data() + written->size(), value);
    // Okta judges what is not a number, or a number that only it understands (-1 for "all").
    if (error != std::errc{} || end != written->data() + written->size() || value < 1) return written;
    wanted = value;
  }
  wanted = std::max<std::int64_t>(wanted, 1);
  if (operation && operation->page_maximum > 0) wanted = std::min(wanted, operation->page_maximum);
  return std::to_string(wanted);
}

// The list: the body itself, or the one array among its members (IAM: {"roles": [...], "_links": {...}}).
core::json::Array* find_list(core::json::Value& body) {
  if (auto* list = body.if_array()) return list;
  auto* object = body.if_object();
  core::json::Array* found = nullptr;
  if (!object) return nullptr;
  for (auto& member : *object) {
    if (auto* list = member.value().if_array()) {
      if (found) return nullptr;
      found = list;
    }
  }
  return found;
}

}  // namespace

Pages::Pages(Org& org, std::string path, net::Query query, Options options)
    : org_(org),
      path_(std::move(path)),
      query_(std::move(query)),
      stop_at_empty_page_(options.stop_at_empty_page),
      after_(std::move(options.after)) {
  if (auto after = take(query_, "after"); after && !after_) after_ = std::move(after);
  if (auto size = page_size(path_, take(query_, "limit"), options.limit)) {
    query_.emplace_back("limit", *std::move(size));
  }
}

core::Result<std::optional<core::json::Array>> Pages::next(const core::Context& context) {
  for (int empty = 0; !done_; ++empty) {
    if (looped_) {
      return core::fail(
          ErrorKind::protocol, "okta.cursor_loop",
          fmt::format("{} sent a next link that was followed before: the list would never end.", path_),
          "What was read so far is good. Begin again without a cursor, or narrow the query.");
    }
    if (empty > kEmptyPagesInARow) {
      return core::fail(ErrorKind::protocol, "okta.empty_pages",
                        fmt::format("{} sent {} empty pages in a row.", path_, kEmptyPagesInARow),
                        "The cursor still stands; go on from it later.");
    }
    ASSIGN_OR_RETURN(auto elements, fetch(context));
    if (!elements.empty()) return elements;
    if (stop_at_empty_page_) done_ = true;
  }
  return std::nullopt;
}

core::Result<core::json::Array> Pages::fetch(const core::Context& context) {
  net::Query query = query_;
  if (after_) query.emplace_back("after", *after_);
  ASSIGN_OR_RETURN(auto response, org_.get(context, path_, std::move(query)));
  auto* list = find_list(response.body);
  if (!list) {
    return core::fail(ErrorKind::protocol, "okta.not_a_list",
                      fmt::format("{} did not answer with a list.", path_), "Read it as a single object.");
  }
  // Polling the System Log comes back with the cursor it was asked with once there is nothing new; that is
  // its end.
  bool polled_out = stop_at_empty_page_ && list->empty();
  if (response.next && !polled_out) {
    std::hash<std::string> hash;
    if (after_) seen_.insert(hash(*after_));
    looped_ = seen_.contains(hash(*response.next));
  }
  ++pages_read_;
  if (response.next) {
    after_ = std::move(response.next);
  } else {
    done_ = true;
    after_.reset();
  }
  return std::move(*list);
}

}  // namespace okta
