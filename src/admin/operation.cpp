#include "admin/operation.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

#include "core/lane.h"

namespace admin {
namespace {

namespace json = core::json;
using std::chrono::milliseconds;

constexpr milliseconds kFirstPause{200};
constexpr milliseconds kLongestPause{2'000};
constexpr milliseconds kPatience{15'000};

}  // namespace

core::Result<json::Value> follow_operation(Services& services, okta::Org& org, const core::Context& context,
                                           const std::string& path) {
  core::Clock& clock = services.clock();
  const auto end = std::min(clock.steady() + kPatience, context.deadline);
  for (milliseconds pause = kFirstPause;; pause = std::min(pause * 2, kLongestPause)) {
    auto answer = org.get(context, path);
    if (!answer) {
      core::Error error = std::move(answer).error();
      error.code = "admin.operation.unread";
      error.message = "Okta accepted the change, and how it ended could not be read: " + error.message;
      error.hint = fmt::format("Read the object to see; the operation is {}.", path);
      return std::unexpected(std::move(error));
    }
    const auto status = json::string_or_empty(answer->body, "status");
    if (status == "FAILED") {
      return core::fail(core::ErrorKind::conflict, "admin.operation.failed",
                        fmt::format("Okta accepted the change and could not make it: {}",
                                    json::string_or_empty(answer->body, "errorDetails.message")),
                        "Read the object for what it lacks, mend that, and call again.");
    }
    if (status != "SCHEDULED" && status != "IN_PROGRESS") return std::move(answer->body);
    if (clock.steady() + pause > end) return std::move(answer->body);
    core::Parked parked;
    if (!clock.wait_until(clock.steady() + pause, context.stop)) return std::move(answer->body);
  }
}

}  // namespace admin
