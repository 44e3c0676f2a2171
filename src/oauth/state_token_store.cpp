#include "oauth/state_token_store.h"

#include <algorithm>
#include <charconv>
#include <condition_variable>
#include <fmt/format.h>

#include "core/lane.h"
#include "core/log.h"
#include "core/random.h"
#include "oauth/stored_login.h"

namespace oauth {
namespace {

using core::ErrorKind;
using std::chrono::milliseconds;

constexpr int kVersion = 1;
constexpr std::string_view kLogins = "login/";
constexpr std::string_view kLeases = "lease/";
constexpr std::string_view kNotes = "refreshing/";
// A note outlives any grace period in which the old refresh token might still be good.
constexpr std::chrono::hours kNoteKept{24};
constexpr milliseconds kFirstPause{20}, kLongestPause{500};

std::string record(std::string_view kind, const TokenKey& key) {
  return fmt::format("{}{}", kind, key.name());
}

std::string seal_context(const TokenKey& key) {
  return fmt::format("okta-mcp-login {} {}", kVersion, key.name());
}

std::unexpected<core::Error> locked() {
  return core::fail(ErrorKind::timeout, "oauth.store.locked",
                    "Another instance has been refreshing this login for too long.", "Try again.");
}

// The version in front, which can be told without a key; what follows it is sealed.
core::Result<std::string_view> sealed_part(std::string_view value, std::string_view where) {
  int version = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), version);
  const auto digits = static_cast<std::size_t>(end - value.data());
  if (error != std::errc{} || version < 1 || !value.substr(digits).starts_with(' ')) {
    return core::fail(ErrorKind::protocol, "core.seal.broken", "The stored login is damaged.");
  }
  if (version > kVersion) {
    return core::fail(
        ErrorKind::unsupported, "oauth.store.newer",
        fmt::format("A login in {} was written by a newer version of this program (format {}, this "
                    "one knows {}).",
                    where, version, kVersion),
        "Update this instance.");
  }
  return value.substr(digits + 1);
}

// The login is there, and cannot be opened here; another sign-in replaces it.
bool is_unreadable(const core::Error& error) {
  return error.code == "core.seal.broken" || error.code == "core.keys.foreign" ||
         error.code == "core.keys.guard" || error.code == "oauth.store.other" ||
         error.code.starts_with("core.json.");
}

}  // namespace

class StateTokenStore::Lease final : public StoreLock {
 public:
  Lease(std::shared_ptr<core::StateStore> state, std::string lease, std::string note, std::int64_t version)
      : state_(std::move(state)), lease_(std::move(lease)), note_(std::move(note)), version_(version) {}
  ~Lease() override {
    // Should it fail, the lease ends by itself.
    static_cast<void>(state_->remove_if_version(lease_, version_));
  }

  // Asked once it is held, because the note may be written by whoever held it before.
  core::Status look_for_note() {
    ASSIGN_OR_RETURN(const auto noted, state_->get(note_));
    interrupted_ = noted.has_value();
    return {};
  }
  core::Status begin_refresh() override {
    // From here on the whole time is ahead, whatever passed since lock().
    ASSIGN_OR_RETURN(const auto renewed, state_->replace_if_version(lease_, version_, "", kLease));
    if (!renewed) return locked();
    version_ = *renewed;
    return state_->put(note_, "", kNoteKept);
  }
  void refresh_settled() override {
    if (auto removed = state_->remove(note_); !removed) {
      core::log(core::LogLevel::debug, "oauth", "the note of a refresh could not be removed",
                {{"reason", removed.error().message}});
    }
  }
  bool interrupted() const override { return interrupted_; }

 private:
  const std::shared_ptr<core::StateStore> state_;
  const std::string lease_, note_;
  std::int64_t version_;
  bool interrupted_ = false;
};

core::Result<std::unique_ptr<StateTokenStore>> StateTokenStore::create(StateTokenStoreOptions options) {
  std::shared_ptr<const core::Sealer> guard;
  if (!options.guard.empty()) {
    ASSIGN_OR_RETURN(auto sealer, core::Sealer::create(std::move(options.guard)));
    guard = std::make_shared<const core::Sealer>(std::move(sealer));
  }
  return std::unique_ptr<StateTokenStore>(new StateTokenStore(std::move(options), std::move(guard)));
}

StateTokenStore::StateTokenStore(StateTokenStoreOptions options, std::shared_ptr<const core::Sealer> guard)
    : state_(std::move(options.state)),
      guard_setting_(std::move(options.guard_setting)),
      keys_(*state_, *options.clock, {.name = "logins", .opens_for = kLoginKept, .guard = std::move(guard)}) {
}

bool StateTokenStore::report_once(const std::string& name) {
  std::lock_guard guard(mutex_);
  return reported_.insert(name).second;
}

core::Result<std::optional<StoredToken>> StateTokenStore::open(const TokenKey& key) {
  ASSIGN_OR_RETURN(const auto stored, state_->get(record(kLogins, key)));
  if (!stored) return std::nullopt;
  ASSIGN_OR_RETURN(const auto sealed, sealed_part(stored->value, state_->where()));
  ASSIGN_OR_RETURN(auto plaintext, keys_.open(sealed, seal_context(key)));
  auto token = decode_login(plaintext, key);
  core::wipe(plaintext);
  if (!token) return std::unexpected(std::move(token).error());
  return std::optional<StoredToken>(std::move(*token));
}

core::Result<std::optional<StoredToken>> StateTokenStore::load(const TokenKey& key) {
  auto token = open(key);
  if (token || !is_unreadable(token.error())) return token;
  if (report_once(key.name())) {
    core::log(core::LogLevel::warning, "oauth",
              "a stored login cannot be opened; signing in again replaces it",
              {{"where", state_->where()}, {"reason", core::describe(token.error())}});
  }
  return std::nullopt;
}

core::Status StateTokenStore::save(const TokenKey& key, const StoredToken& token) {
  ASSIGN_OR_RETURN(const auto present, state_->get(record(kLogins, key)));
  if (present) {
    const auto part = sealed_part(present->value, state_->where());
    if (!part && part.error().code == "oauth.store.newer") return std::unexpected(part.error());
  }
  std::string plaintext = encode_login(key, token);
  const auto sealed = keys_.seal(plaintext, seal_context(key));
  core::wipe(plaintext);
  if (!sealed) return std::unexpected(sealed.error());
  return state_->put(record(kLogins, key), fmt::format("{} {}", kVersion, *sealed), kLoginKept);
}

core::Status StateTokenStore::erase(const TokenKey& key) {
  return state_->remove(record(kLogins, key));
}

core::Status StateTokenStore::erase_family(const TokenKey& key) {
  for (const auto kind : {kLogins, kNotes}) {
    ASSIGN_OR_RETURN(const auto family, state_->list(fmt::format("{}{}-", kind, key.family())));
    for (const auto& each : family) RETURN_IF_ERROR(state_->remove(each.key));
  }
  return {};
}

core::Result<std::unique_ptr<StoreLock>> StateTokenStore::lock(const core::Context& context,
                                                               const TokenKey& key) {
  const std::string lease = record(kLeases, key), note = record(kNotes, key);
  const auto give_up = std::min(context.deadline, std::chrono::steady_clock::now() + kLockWait);
  std::optional<core::Parked> parked;
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock waiting(mutex);
  for (milliseconds pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
    ASSIGN_OR_RETURN(const auto mine, state_->put_if_absent(lease, "", kLease));
    if (mine) {
      auto held = std::make_unique<Lease>(state_, lease, note, *mine);
      RETURN_IF_ERROR(held->look_for_note());
      return held;
    }
    if (context.cancelled()) {
      return core::fail(ErrorKind::cancelled, "oauth.cancelled", "The call was cancelled.");
    }
    if (std::chrono::steady_clock::now() >= give_up) return locked();
    if (!parked) parked.emplace();
    never.wait_for(waiting, context.stop, pause, [] { return false; });
  }
}

StoreReport StateTokenStore::report(const TokenKey& key) {
  StoreReport report{.where = state_->where()};
  report.protection = keys_.guarded() ? fmt::format("sealed with a key of your own ({})", guard_setting_)
                                      : std::string("protected by the permissions of the database only");
  if (auto token = open(key); !token) {
    report.trouble = std::move(token).error();
    if (is_unreadable(*report.trouble)) report.trouble->code = "oauth.store.other_key";
  }
  return report;
}

}  // namespace oauth
