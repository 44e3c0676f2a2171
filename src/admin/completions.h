// Suggestions while a person types a login, a group's name, an application's label, a policy's name: from the
// org, kept for a minute, because each keystroke asks.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "admin/entrance.h"
#include "admin/tool_row.h"
#include "core/clock.h"
#include "core/context.h"
#include "core/result.h"
#include "mcp/completion.h"

namespace admin {

inline constexpr std::chrono::seconds kCompletionKept{60};
inline constexpr std::size_t kCompletionsKept = 2'000;  // answers, of all callers together

// Thread-safe; entrance and clock outlive it. What one caller was answered is never another's.
class Completions {
 public:
  Completions(Entrance& entrance, core::Clock& clock) : entrance_(&entrance), clock_(&clock) {}

  // Of `type` user, group, application or policy; nothing for others. `org` is empty for the default one.
  // Empty also while nobody is signed in. Errors: those of the org.
  core::Result<mcp::CompletionResult> suggest(const core::Context& context, Type type, std::string_view typed,
                                              std::string_view org);

 private:
  struct Kept {
    std::vector<std::string> names;
    bool complete = false;  // these are all that match
    core::SteadyTime until{};
  };
  core::Result<Kept> ask(const core::Context& context, Type type, std::string_view typed,
                         std::string_view org);
  const Kept* find(const std::string& key);  // under mutex_
  void keep(const std::string& key, Kept kept);

  Entrance* entrance_;
  core::Clock* clock_;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;
};

// Those of `names` that begin with `typed`, then those that have it inside; letter case does not count.
std::vector<std::string> ranked(const std::vector<std::string>& names, std::string_view typed);

}  // namespace admin
