#include "state.h"

#include "core/clock.h"
#include "core/key_ring.h"
#include "oauth/sealing_keys.h"

namespace {

// Longer than a person may take to answer.
constexpr std::chrono::hours kQuestionsOpenFor{1};

// With what its references need.
struct Shared {
  Shared(std::shared_ptr<core::StateStore> held, core::KeyRingOptions options)
      : state(std::move(held)),
        keys(*state, core::system_clock(), std::move(options)),
        states{keys, *state} {}
  std::shared_ptr<core::StateStore> state;
  core::KeyRing keys;
  mcp::SharedStates states;
};

}  // namespace

std::shared_ptr<core::StateStore> open_state(const Settings& settings) {
  // The settings were read, so the value is one of a store.
  return core::make_state_store(settings.state_store, settings.state_dir).value();
}

core::Result<std::shared_ptr<const mcp::SharedStates>> share_questions(
    const Settings& settings, const std::shared_ptr<core::StateStore>& state) {
  core::KeyRingOptions options{.name = "questions", .opens_for = kQuestionsOpenFor};
  if (!settings.key_file.empty()) {
    ASSIGN_OR_RETURN(auto key, oauth::read_key_file(settings.key_file, "OKTA_MCP_KEY_FILE"));
    ASSIGN_OR_RETURN(auto sealer, core::Sealer::create(std::move(key)));
    options.guard = std::make_shared<const core::Sealer>(std::move(sealer));
  }
  const auto shared = std::make_shared<Shared>(state, std::move(options));
  return std::shared_ptr<const mcp::SharedStates>(shared, &shared->states);
}
