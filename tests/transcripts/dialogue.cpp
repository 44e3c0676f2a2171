#include "dialogue.h"

#include <fmt/format.h>
#include <string_view>

namespace transcripts {
namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;

constexpr std::string_view kMore = "...";

std::string_view text_of(const Value& value) {
  return value.is_string() ? std::string_view(value.get_string()) : std::string_view{};
}

std::string_view variable_name(const Value& value) {
  std::string_view text = text_of(value);
  if (text.size() < 4 || !text.starts_with("${") || !text.ends_with("}")) return {};
  return text.substr(2, text.size() - 3);
}

class Matcher {
 public:
  explicit Matcher(Variables& variables) : variables_(variables) {}

  std::string compare(const Value& pattern, const Value& got, const std::string& path) {
    std::string_view wanted = text_of(pattern);
    if (wanted == "<any>") return {};
    if (wanted == "<string>") return got.is_string() ? std::string{} : differs(path, pattern, got);
    if (wanted == "<number>") return got.is_number() ? std::string{} : differs(path, pattern, got);
    if (auto name = variable_name(pattern); !name.empty()) {
      auto [place, fresh] = variables_.emplace(name, got);
      return fresh || place->second == got ? std::string{} : differs(path, place->second, got);
    }
    if (pattern.is_object() && got.is_object()) return compare(pattern.get_object(), got.get_object(), path);
    if (pattern.is_array() && got.is_array()) return compare(pattern.get_array(), got.get_array(), path);
    return pattern == got ? std::string{} : differs(path, pattern, got);
  }

 private:
  static std::string differs(const std::string& path, const Value& wanted, const Value& got) {
    return fmt::format("at {}: wanted {}, got {}", path, core::json::write(wanted), core::json::write(got));
  }

  std::string compare(const Object& pattern, const Object& got, const std::string& path) {
    for (const auto& member : pattern) {
      if (member.key() == kMore) continue;
      std::string inner = path + "." + std::string(member.key());
      const Value* found = got.if_contains(member.key());
      if (!found) return fmt::format("at {}: missing", inner);
      if (auto problem = compare(member.value(), *found, inner); !problem.empty()) return problem;
    }
    if (pattern.contains(kMore)) return {};
    for (const auto& member : got) {
      if (!pattern.contains(member.key()))
        return fmt::format("at {}: unexpected member {}", path, std::string_view(member.key()));
    }
    return {};
  }

  std::string compare(const Array& pattern, const Array& got, const std::string& path) {
    bool more = !pattern.empty() && text_of(pattern.back()) == kMore;
    std::size_t wanted = pattern.size() - (more ? 1 : 0);
    if (got.size() < wanted || (!more && got.size() > wanted)) {
      return fmt::format("at {}: wanted {} elements, got {}", path, wanted, got.size());
    }
    for (std::size_t i = 0; i < wanted; ++i) {
      if (auto problem = compare(pattern[i], got[i], fmt::format("{}[{}]", path, i)); !problem.empty())
        return problem;
    }
    return {};
  }

  Variables& variables_;
};

}  // namespace

std::string mismatch(const Value& pattern, const Value& got, Variables& variables) {
  Variables bound = variables;
  std::string problem = Matcher(bound).compare(pattern, got, "$");
  if (problem.empty()) variables = std::move(bound);
  return problem;
}

Value filled(const Value& value, const Variables& variables) {
  if (auto name = variable_name(value); !name.empty()) {
    auto found = variables.find(name);
    return found == variables.end() ? value : found->second;
  }
  if (value.is_object()) {
    Object object;
    for (const auto& member : value.get_object()) object[member.key()] = filled(member.value(), variables);
    return object;
  }
  if (value.is_array()) {
    Array array;
    for (const auto& element : value.get_array()) array.push_back(filled(element, variables));
    return array;
  }
  return value;
}

}  // namespace transcripts
