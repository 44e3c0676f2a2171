// requestState: the sealed text comes back as the client likes. Only what we sealed opens, and only for the
// call it was sealed for.
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/clock.h"
#include "fuzzer/FuzzedDataProvider.h"
#include "invariant.h"
#include "mcp/request_state.h"

namespace {

using core::json::Object;
using fuzz::demand;

struct Bed {
  core::FakeClock clock;
  mcp::RequestStates states{clock, std::chrono::minutes{5}};
  Object arguments{{"user_id", "00u1"}, {"confirm", true}};
  mcp::CallBinding binding{"tools/call", "deactivate_user", arguments, "local"};
  std::string sealed;

  Bed() {
    mcp::OpenRound round;
    round.questions.emplace("sure",
                            mcp::FormQuestion{"Sure?", {{"type", "object"}, {"properties", Object{}}}});
    round.state = Object{{"step", 1}};
    auto text = states.seal(binding, round, {});
    demand(text.has_value(), "a state is sealed", "");
    sealed = *std::move(text);
  }
};

std::string altered(FuzzedDataProvider& input, std::string text) {
  while (input.remaining_bytes() > 0) {
    const auto at = input.ConsumeIntegralInRange<std::size_t>(0, text.size());
    switch (input.ConsumeIntegralInRange<int>(0, 4)) {
      case 0:
        text.insert(at, input.ConsumeRandomLengthString(8));
        break;
      case 1:
        text.erase(at, input.ConsumeIntegralInRange<std::size_t>(0, 8));
        break;
      case 2:
        if (at < text.size()) text[at] = static_cast<char>(input.ConsumeIntegral<std::uint8_t>());
        break;
      case 3:
        text.resize(at);
        break;
      default:
        text += text.substr(at);
        break;
    }
    if (text.size() > 1 << 16) break;
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static Bed bed;
  FuzzedDataProvider input(data, size);
  const int kind = input.ConsumeIntegralInRange<int>(0, 3);
  if (kind == 0) {
    const std::string text = input.ConsumeRemainingBytesAsString();
    demand(!bed.states.open(text, bed.binding) || text == bed.sealed, "only what we sealed opens", text);
  } else if (kind == 1) {
    const std::string text = altered(input, bed.sealed);
    demand(bed.states.open(text, bed.binding).has_value() == (text == bed.sealed),
           "an altered state does not open", text);
  } else {
    const std::string method = input.ConsumeRandomLengthString(16);
    const std::string name = input.ConsumeRandomLengthString(24);
    const std::string principal = input.ConsumeRandomLengthString(16);
    Object arguments = bed.arguments;
    if (kind == 3) arguments[input.ConsumeRandomLengthString(8)] = input.ConsumeRandomLengthString(8);
    const mcp::CallBinding other{method, name, arguments, principal};
    const bool same = method == bed.binding.method && name == bed.binding.name &&
                      principal == bed.binding.principal && arguments == bed.arguments;
    demand(bed.states.open(bed.sealed, other).has_value() == same, "a state opens for its own call only",
           name);
  }
  return 0;
}
