// The part of Okta Expression Language that group rules use most: comparisons of user attributes, `and`,
// `or`, `!`, String.startsWith, String.stringContains, isMemberOfGroup and isMemberOfGroupName.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace devorg {

struct RuleSubject {
  std::function<std::string(std::string_view attribute)> attribute;  // empty when unset
  std::function<bool(std::string_view group_id)> member_of;
  std::function<bool(std::string_view group_name)> member_of_name;
};

class RuleExpression {
 public:
  // Error devorg.rule names the character that is not understood. Depth and length are limited.
  static core::Result<RuleExpression> parse(std::string_view text);
  bool matches(const RuleSubject& subject) const { return test_(subject); }

  using Test = std::function<bool(const RuleSubject&)>;

 private:
  explicit RuleExpression(Test test) : test_(std::move(test)) {}
  Test test_;
};

}  // namespace devorg
