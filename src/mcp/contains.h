// std::ranges::contains of C++23, which the oldest supported library does not have.
#pragma once

#include <algorithm>
#include <functional>
#include <ranges>

namespace mcp {

template <std::ranges::input_range Range, class Wanted, class Projection = std::identity>
constexpr bool contains(const Range& range, const Wanted& wanted, Projection projection = {}) {
  return std::ranges::find(range, wanted, projection) != std::ranges::end(range);
}

}  // namespace mcp
