#include "admin/answer_shrink.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/text.h"
#include "core/tokens.h"

namespace admin {
namespace {

namespace json = core::json;

constexpr std::size_t kShortestString = 80;  // characters; a shorter string goes whole
constexpr std::size_t kMaxNamed = 20;        // parts named one by one
constexpr int kRounds = 12;

std::size_t size_of(const json::Value& value) {
  return core::estimate_tokens(json::write(value));
}

std::string join(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

class Shrinker {
 public:
  explicit Shrinker(std::vector<LeftOut>& left_out) : left_out_(left_out) {}

  // Takes about `excess` tokens out of `value`; the tokens taken.
  std::size_t take(json::Value& value, std::size_t excess, const std::string& path) {
    if (value.is_object()) return take_members(value.get_object(), excess, path);
    if (value.is_array()) return take_tail(value.get_array(), excess, path);
    if (value.is_string()) return take_text(value, excess, path);
    return 0;
  }

 private:
  // What was said about this part or parts of it is out of date now.
  void name(const std::string& path, LeftOut::What what, std::size_t kept) {
    std::erase_if(left_out_, [&](const LeftOut& part) {
      return part.path == path || (what == LeftOut::What::all && part.path.starts_with(path + "."));
    });
    left_out_.push_back({path, what, kept});
  }

  std::size_t take_members(json::Object& object, std::size_t excess, const std::string& path) {
    std::vector<std::pair<std::size_t, std::string>> sizes;
    for (const auto& member : object) sizes.emplace_back(size_of(member.value()), member.key());
    std::stable_sort(sizes.begin(), sizes.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    std::size_t taken = 0;
    for (const auto& [size, key] : sizes) {
      if (taken >= excess) break;
      json::Value& member = object[key];
      // A member much larger than what must go loses a part of itself.
      if (size > 2 * (excess - taken) && !member.is_primitive()) {
        taken += take(member, excess - taken, join(path, key));
      } else if (member.is_string() && member.get_string().size() > 2 * kShortestString) {
        taken += take(member, excess - taken, join(path, key));
      } else {
        object.stable_erase(key);
        name(join(path, key), LeftOut::What::all, 0);
        taken += size;
      }
    }
    return taken;
  }

  std::size_t take_tail(json::Array& array, std::size_t excess, const std::string& path) {
    const std::size_t before = array.size();
    std::size_t taken = 0;
    while (array.size() > 1 && taken < excess) {
      taken += size_of(array.back());
      array.pop_back();
    }
    if (array.size() < before) name(path, LeftOut::What::elements, array.size());
    if (taken < excess && array.size() == 1) taken += take(array.front(), excess - taken, join(path, "0"));
    return taken;
  }

  std::size_t take_text(json::Value& value, std::size_t excess, const std::string& path) {
    const std::string text(value.get_string());
    const std::size_t size = size_of(value);
    // A fifth less than the rule of three says: characters do not cost the same everywhere.
    const std::size_t keep = size > excess ? text.size() * (size - excess) / size * 4 / 5 : 0;
    std::string cut = core::shorten(text, std::max(keep, kShortestString));
    if (cut.size() >= text.size()) return 0;
    name(path, LeftOut::What::characters, std::max(keep, kShortestString) - 1);
    value = cut;
    return size - std::min(size, size_of(value));
  }

  std::vector<LeftOut>& left_out_;
};

}  // namespace

std::string to_text(const std::vector<LeftOut>& parts) {
  std::vector<std::string> texts;
  for (const auto& part : parts) {
    if (texts.size() == kMaxNamed) {
      texts.emplace_back("and more");
      break;
    }
    std::string text = part.path.empty() ? "the value" : core::shorten(core::clean(part.path), 80);
    if (part.what == LeftOut::What::elements) text += fmt::format(" (all but the first {})", part.kept);
    if (part.what == LeftOut::What::characters)
      text += fmt::format(" (all but its first {} characters)", part.kept);
    texts.push_back(std::move(text));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

void shrink(json::Value& value, std::size_t max_tokens, std::vector<LeftOut>& left_out) {
  Shrinker shrinker(left_out);
  for (int round = 0; round < kRounds; ++round) {
    const std::size_t size = size_of(value);
    if (size <= max_tokens || shrinker.take(value, size - max_tokens, "") == 0) return;
  }
}

}  // namespace admin
