#include "admin/answer_shrink.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unordered_set>

#include "core/text.h"
#include "core/tokens.h"

namespace admin {
namespace {

namespace json = core::json;

constexpr std::size_t kShortestString = 40;  // characters
constexpr std::size_t kWorthKeeping = 40;    // tokens; less of a member is not worth showing
constexpr std::size_t kMaxNamed = 20;        // parts named one by one
constexpr std::size_t kMaxRemembered = 200;
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

  // Brings `value` to about `limit` tokens.
  void fit(json::Value& value, std::size_t limit, const std::string& path) {
    if (value.is_object()) fit_members(value.get_object(), limit, path);
    if (value.is_array()) fit_elements(value.get_array(), limit, path);
    if (value.is_string()) fit_text(value, limit, path);
  }

 private:
  // What was said about this part or parts of it is out of date now.
  void name(const std::string& path, LeftOut::What what, std::size_t kept) {
    std::erase_if(left_out_, [&](const LeftOut& part) {
      return part.path == path || (what == LeftOut::What::all && part.path.starts_with(path + "."));
    });
    if (left_out_.size() < kMaxRemembered) left_out_.push_back({path, what, kept});
  }

  // All members larger than a level are cut down to it, the level being such that the sum fits. Where that
  // would leave only crumbs of each, the largest go whole instead.
  void fit_members(json::Object& object, std::size_t limit, const std::string& path) {
    struct Member {
      std::size_t size, place;
      std::string key;
    };
    std::vector<Member> members;
    std::size_t total = 2;
    for (const auto& member : object) {
      members.push_back(
          {size_of(member.value()) + core::estimate_tokens(member.key()) + 2, members.size(), member.key()});
      total += members.back().size;
    }
    std::sort(members.begin(), members.end(), [](const Member& a, const Member& b) {
      return a.size != b.size ? a.size < b.size : a.place < b.place;
    });
    std::size_t room = limit, level = limit, left = members.size();
    for (const Member& member : members) {
      level = room / left;
      if (member.size > level) break;
      room -= member.size;
      --left;
    }
    std::unordered_set<std::string> gone;
    for (auto member = members.rbegin(); member != members.rend() && total > limit; ++member) {
      json::Value& value = object[member->key];
      if (level >= kWorthKeeping) {
        if (member->size <= level) break;  // those fit
        if (!value.is_primitive() || value.is_string()) {
          fit(value, level - kWorthKeeping / 2, join(path, member->key));
          continue;
        }
      }
      gone.insert(member->key);
      total -= member->size;
    }
    if (gone.empty()) return;
    json::Object rest;
    for (auto& member : object) {
      if (gone.contains(std::string(member.key()))) {
        name(join(path, member.key()), LeftOut::What::all, 0);
      } else {
        rest.emplace(member.key(), std::move(member.value()));
      }
    }
    object = std::move(rest);
  }

  void fit_elements(json::Array& array, std::size_t limit, const std::string& path) {
    std::size_t kept = 0, total = 2;
    for (const auto& element : array) {
      total += size_of(element) + 1;
      if (total > limit && kept > 0) break;
      ++kept;
    }
    if (kept < array.size()) {
      array.resize(kept);
      name(path, LeftOut::What::elements, kept);
    }
    if (kept == 1 && total > limit) fit(array.front(), limit, join(path, "0"));
  }

  void fit_text(json::Value& value, std::size_t limit, const std::string& path) {
    const std::string text(value.get_string());
    const std::size_t size = size_of(value);
    if (size <= limit) return;
    // A fifth less than the rule of three says: characters do not cost the same everywhere.
    const std::size_t keep = std::max(text.size() * limit / size * 4 / 5, kShortestString);
    std::string cut = core::shorten(text, keep);
    if (cut.size() >= text.size()) return;
    name(path, LeftOut::What::characters, keep - 1);
    value = cut;
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
  std::size_t aim = max_tokens;
  for (int round = 0; round < kRounds && size_of(value) > max_tokens; ++round) {
    shrinker.fit(value, aim, "");
    // Sizes of parts are estimates, too: aim lower when the sum came out too large.
    aim -= aim / 5;
  }
}

}  // namespace admin
