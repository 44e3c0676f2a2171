#include "state.h"

#include <fmt/format.h>

#include "core/clock.h"
#include "core/encoding.h"
#include "core/key_ring.h"
#include "core/random.h"
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

// Empty without a key file.
core::Result<core::Secret> key_of_file(const Settings& settings) {
  if (settings.key_file.empty()) return core::Secret{};
  return oauth::read_key_file(settings.key_file, "OKTA_MCP_KEY_FILE");
}

}  // namespace

std::shared_ptr<core::StateStore> open_state(const Settings& settings) {
  // The settings were read, so the value is one of a store.
  return core::make_state_store(settings.state_store, settings.state_dir).value();
}

core::Result<std::shared_ptr<const mcp::SharedStates>> share_questions(
    const Settings& settings, const std::shared_ptr<core::StateStore>& state) {
  core::KeyRingOptions options{.name = "questions", .opens_for = kQuestionsOpenFor};
  ASSIGN_OR_RETURN(auto key, key_of_file(settings));
  if (!key.empty()) {
    ASSIGN_OR_RETURN(auto sealer, core::Sealer::create(std::move(key)));
    options.guard = std::make_shared<const core::Sealer>(std::move(sealer));
  }
  const auto shared = std::make_shared<Shared>(state, std::move(options));
  return std::shared_ptr<const mcp::SharedStates>(shared, &shared->states);
}

core::Result<std::shared_ptr<const core::Sealer>> share_sessions(const Settings& settings,
                                                                 core::StateStore& state) {
  constexpr std::string_view kRecord = "keys/sessions";
  ASSIGN_OR_RETURN(auto key, key_of_file(settings));
  if (!key.empty()) {
    // Of its own, so that what seals questions does not seal sessions too.
    std::string material = fmt::format("okta-mcp-server sessions\n{}", key.reveal());
    key = core::Secret(core::sha256(material));
    core::wipe(material);
  } else {
    const std::string fresh = core::system_random().token(32);
    RETURN_IF_ERROR(state.put_if_absent(kRecord, fresh, core::StateStore::kForever));
    ASSIGN_OR_RETURN(const auto kept, state.get(kRecord));
    auto bytes = core::base64url_decode(kept ? kept->value : fresh);
    key = core::Secret(bytes ? *std::move(bytes) : std::string{});
  }
  ASSIGN_OR_RETURN(auto sealer, core::Sealer::create(std::move(key)));
  return std::make_shared<const core::Sealer>(std::move(sealer));
}
