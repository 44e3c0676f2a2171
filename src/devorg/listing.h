// Pages over a collection: in order of creation, or sorted for `search` with sortBy. Walking with any limit
// yields each element once, also while the collection grows.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "catalogue/scim_filter.h"
#include "rest/paging.h"

namespace devorg {

// A collection whose elements have fixed positions, from 0 to size() - 1.
class ListSource {
 public:
  virtual ~ListSource() = default;
  virtual std::uint32_t size() const = 0;
  virtual bool exists(std::uint32_t at) const = 0;
  virtual std::string id(std::uint32_t at) const = 0;
  // Finds deleted elements too, for cursors; size() when there never was one.
  virtual std::uint32_t find(std::string_view id) const = 0;
  virtual void collect(std::uint32_t at, std::string_view path, catalogue::FilterValues& out) const = 0;
  virtual boost::json::object json(std::uint32_t at) const = 0;
};

struct ListQuery {
  std::function<bool(std::uint32_t)> keep;  // asked only about elements that exist
  rest::Page page;
  std::string base_url;
  bool has_next = true;         // some lists cannot be paged (`q` on users)
  std::size_t shown_limit = 0;  // in the self link, where the request named none; 0 for none
  std::string sort_by;          // empty: in order of creation
  catalogue::FilterType sort_type = catalogue::FilterType::text;
  bool descending = false;
  std::string search;  // with version: names a sorted result that may be kept between pages
  std::uint64_t version = 0;
};

// Keeps the last few sorted results, so that paging through one does not sort again. Thread-safe.
class SortedResults {
 public:
  using Order = std::vector<std::uint32_t>;
  std::shared_ptr<const Order> find(const std::string& key, std::uint64_t version);
  void keep(std::string key, std::uint64_t version, std::shared_ptr<const Order> order);

 private:
  struct Entry {
    std::string key;
    std::uint64_t version = 0;
    std::shared_ptr<const Order> order;
  };
  static constexpr std::size_t kKept = 8;
  std::mutex mutex_;
  std::list<Entry> entries_;
};

// The page as a JSON array with its Link header. E0000029 for a cursor that is none of this list.
rest::Answer<rest::Reply> list_page(const rest::Call& call, const ListSource& source, const ListQuery& query,
                                    SortedResults& results);

// Lets a filter look at one element.
class SourceSubject final : public catalogue::FilterSubject {
 public:
  SourceSubject(const ListSource& source, std::uint32_t at) : source_(source), at_(at) {}
  void collect(std::string_view path, catalogue::FilterValues& out) const override {
    source_.collect(at_, path, out);
  }

 private:
  const ListSource& source_;
  std::uint32_t at_;
};

// Compiles an expression as the list allows it; what is wrong becomes Okta's E0000031 (E0000030 for a date in
// `filter`).
rest::Answer<catalogue::BoundFilter> read_filter(std::string_view text,
                                                 const catalogue::FilterCapabilities& list);

}  // namespace devorg
