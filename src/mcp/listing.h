// What a server lists of one kind (tools, resources, templates, prompts): in the order of registration, some
// of it hidden, in pages, each page of each revision written once.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mcp/codec.h"
#include "mcp/protocol.h"

namespace mcp {

// A cursor is a place in the order of registration and a digest of what is registered. So it means the same
// on every instance of a server and after a restart, and a change of what is visible neither repeats nor
// skips an entry; a cursor of another list or another version of the program is refused.
std::string make_cursor(std::size_t place, std::uint64_t digest);
// nullopt for a cursor that is none of ours. An empty one is the beginning.
std::optional<std::size_t> read_cursor(std::string_view cursor, std::size_t places, std::uint64_t digest);
// FNV-1a, for a digest of what is registered.
std::uint64_t add_to_digest(std::uint64_t digest, std::string_view key);
inline constexpr std::uint64_t kEmptyDigest = 0xcbf29ce484222325;

template <class Item>
class Listing {
 public:
  // `kind` tells the cursors of one list from those of another. Page size at least 1.
  Listing(std::string_view kind, std::size_t page_size)
      : page_size_(page_size), digest_(add_to_digest(kEmptyDigest, kind)) {}

  // Before anyone asks. The item stays where it is.
  const Item& add(Item item, std::string_view key) {
    digest_ = add_to_digest(digest_, key);
    items_.push_back(std::make_unique<Item>(std::move(item)));
    return *items_.back();
  }
  bool empty() const { return items_.empty(); }

  void set_visible(std::function<bool(const Item&)> visible) {
    std::lock_guard lock(mutex_);
    visible_ = std::move(visible);
    asked_ = false;
    pages_ = {};
  }

  // Asks again what is visible; true when that changed.
  bool refresh() {
    std::lock_guard lock(mutex_);
    auto shown = ask_visible();
    if (asked_ && shown == shown_) return false;
    asked_ = true;
    shown_ = std::move(shown);
    pages_ = {};
    return true;
  }

  // The result of the list's method; null for a bad cursor. Thread-safe.
  std::shared_ptr<const std::string> page(const Codec& codec, std::string_view cursor = {}) {
    auto place = read_cursor(cursor, items_.size(), digest_);
    if (!place) return nullptr;
    std::lock_guard lock(mutex_);
    if (!asked_) {
      shown_ = ask_visible();
      asked_ = true;
    }
    std::size_t from = 0;
    while (from < shown_.size() && shown_[from] < *place) ++from;
    auto& written = pages_[static_cast<std::size_t>(codec.rules().revision)];
    if (auto found = written.find(from); found != written.end()) return found->second;
    auto text = std::make_shared<const std::string>(write(codec, from));
    if (from % page_size_ == 0) written.emplace(from, text);  // the others come of a change between two pages
    return text;
  }

 private:
  std::vector<std::size_t> ask_visible() const {
    std::vector<std::size_t> shown;
    shown.reserve(items_.size());
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (!visible_ || visible_(*items_[i])) shown.push_back(i);
    }
    return shown;
  }

  std::string write(const Codec& codec, std::size_t from) const {
    std::size_t to = std::min(shown_.size(), from + page_size_);
    std::vector<const Item*> on_page;
    on_page.reserve(to - from);
    for (std::size_t i = from; i < to; ++i) on_page.push_back(items_[shown_[i]].get());
    return codec.list_result(on_page, to < shown_.size() ? make_cursor(shown_[to], digest_) : std::string{});
  }

  const std::size_t page_size_;
  std::uint64_t digest_;
  std::vector<std::unique_ptr<Item>> items_;
  std::function<bool(const Item&)> visible_;

  std::mutex mutex_;  // of what follows
  bool asked_ = false;
  std::vector<std::size_t> shown_;  // places in items_, ascending
  std::array<std::map<std::size_t, std::shared_ptr<const std::string>>, kRevisions>
      pages_;  // by index in shown_
};

}  // namespace mcp
