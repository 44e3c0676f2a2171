#include "oauth/token_cache.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/grace_stop.h"
#include "core/lane.h"
#include "core/log.h"
#include "core/seal.h"
#include "net/http_client.h"

namespace oauth {
namespace {

using core::ErrorKind;
using std::chrono::milliseconds;

// After a failed renewal ahead of time, while the present token still serves.
constexpr std::chrono::seconds kRetryPause{30};
// docs/architecture.md, rule 14.
constexpr std::chrono::seconds kSettle{5};
constexpr std::string_view kInterrupted =
    " An earlier refresh was cut off before its answer was stored, and the org does not take its refresh "
    "token "
    "a second time.";

bool given_up(const core::Context& context) {
  return context.cancelled() || std::chrono::steady_clock::now() >= context.deadline;
}

std::unexpected<core::Error> gave_up(const core::Context& context) {
  if (context.cancelled()) {
    return core::fail(ErrorKind::cancelled, "oauth.cancelled", "The call was cancelled.");
  }
  return core::fail(ErrorKind::timeout, "oauth.timeout",
                    "Getting an access token took longer than the call may.", "Try again.");
}

}  // namespace

milliseconds refresh_ahead(milliseconds lifetime) {
  return std::max<milliseconds>(kMinimumRemaining,
                                std::min<milliseconds>(std::chrono::minutes{5}, lifetime / 5));
}

struct TokenCache::Flight {
  bool done = false;
  bool abandoned = false;  // the caller who flew gave up; whoever waits may fly in its place
  Outcome outcome = nullptr;
};

core::Result<std::shared_ptr<const AccessToken>> TokenCache::get(const core::Context& context,
                                                                 const Obtain& obtain) {
  std::unique_lock lock(mutex_);
  for (;;) {
    const core::WallTime now = options_.clock.now();
    if (current_ && now < renew_from_) return current_;
    // While one renews ahead of time, the others go on with what they have.
    if (flight_ && current_ && now + kMinimumRemaining <= current_->expires_at) return current_;
    if (!flight_) break;
    const auto flight = flight_;
    {
      core::Parked parked;
      landed_.wait_until(lock, context.stop, context.deadline, [&] { return flight->done; });
    }
    if (!flight->done) return gave_up(context);
    if (!flight->abandoned) return flight->outcome;
  }

  const auto flight = flight_ = std::make_shared<Flight>();
  lock.unlock();
  Outcome outcome = fly(context, obtain);
  lock.lock();
  if (!outcome && current_ && options_.clock.now() + kMinimumRemaining <= current_->expires_at) {
    core::log(core::LogLevel::warning, "oauth",
              "could not renew the access token, going on with the present one",
              {{"code", outcome.error().code}});
    renew_from_ = options_.clock.now() + kRetryPause;
    outcome = current_;
  }
  flight->outcome = outcome;
  flight->abandoned = !outcome && given_up(context);
  flight->done = true;
  flight_.reset();
  lock.unlock();
  landed_.notify_all();
  return outcome;
}

TokenCache::Outcome TokenCache::fly(const core::Context& context, const Obtain& obtain) {
  std::unique_ptr<StoreLock> held_lock;
  std::optional<StoredToken> newest;
  bool unread = !options_.store;
  const auto look = [&] {
    auto stored = load();
    unread = !stored;
    newest = stored ? std::move(*stored) : std::nullopt;
    return newest && fresh(*newest);
  };
  if (options_.store) {
    if (look()) return adopt(std::move(*newest));
    auto locked = options_.store->lock(context, options_.key);
    if (locked) {
      held_lock = std::move(*locked);
      if (look()) return adopt(std::move(*newest));
    } else if (options_.must_lock || given_up(context)) {
      return std::unexpected(std::move(locked).error());
    } else {
      warn_once("the stored login cannot be locked, going on without", locked.error());
    }
  }
  {
    std::lock_guard lock(mutex_);
    // Memory is ahead of the store when that could not be written, or cannot be read. Otherwise the store is
    // right, also when it is empty: the login has ended, and its refresh token must not be presented again.
    const bool ahead = login_ && (!newest || newest->obtained_at < login_->obtained_at);
    if (ahead && (unread || unsaved_)) newest = login_->copy();
  }
  // The refresh token of a bound login is good with its own key only (RFC 9449 section 5).
  if (newest) RETURN_IF_ERROR(take_key(*newest));
  // What still serves is in use before anybody is asked: if that fails, the callers have it.
  if (newest && usable(*newest)) adopt(newest->copy());
  const bool spends = options_.must_lock && newest && !newest->refresh_token.empty();
  if (spends && held_lock) RETURN_IF_ERROR(held_lock->begin_refresh());
  auto obtained = spends ? spend(context, obtain, *newest) : obtain(context, newest ? &*newest : nullptr);
  if (obtained) {
    save(*obtained);
  } else if (obtained.error().code == "oauth.invalid_grant") {
    if (held_lock && held_lock->interrupted()) obtained.error().message += kInterrupted;
    forget();
  }
  const bool known = obtained || !net::may_have_been_sent(obtained.error());
  if (spends && held_lock && known) held_lock->refresh_settled();
  if (!obtained) return std::unexpected(std::move(obtained).error());
  return adopt(std::move(*obtained));
}

bool TokenCache::serves() const {
  std::lock_guard lock(mutex_);
  return current_ && options_.clock.now() + kMinimumRemaining <= current_->expires_at;
}

bool TokenCache::present() {
  if (serves()) return true;
  {
    std::lock_guard lock(mutex_);
    if (login_) return true;
  }
  auto stored = load();
  if (!stored || !*stored) return false;
  std::lock_guard lock(mutex_);
  if (!login_) login_ = std::move(*stored);
  return true;
}

// The answer to a request that spends a refresh token may be the only copy of the next one: a caller who
// gives up, or a process that is told to end, waits for it a little longer.
core::Result<StoredToken> TokenCache::spend(const core::Context& context, const Obtain& obtain,
                                            const StoredToken& held) {
  const core::GraceStop grace(context.stop, kSettle);
  core::Context patient = context;
  patient.stop = grace.token();
  if (context.deadline != std::chrono::steady_clock::time_point::max()) patient.deadline += kSettle;
  auto obtained = obtain(patient, &held);
  // A lost answer: at once, while an org that allows for it still takes the same refresh token (Okta: "grace
  // period for token rotation"). Not after a timeout: by then nobody may be waiting any more.
  if (!obtained && (obtained.error().code == "net.reset" || obtained.error().code == "net.truncated")) {
    core::log(core::LogLevel::notice, "oauth", "the answer to a refresh was lost, asking once more",
              {{"code", obtained.error().code}});
    obtained = obtain(patient, &held);
  }
  return obtained;
}

void TokenCache::put(const core::Context& context, StoredToken token) {
  std::unique_ptr<StoreLock> held_lock;
  if (options_.store) {
    // Without the lock the login is saved all the same: losing it would cost the person a second sign-in.
    if (auto locked = options_.store->lock(context, options_.key)) held_lock = std::move(*locked);
  }
  save(token);
  adopt(std::move(token));
}

std::uint64_t TokenCache::generation() const {
  std::lock_guard lock(mutex_);
  return generation_;
}

bool TokenCache::changed_since(std::uint64_t generation) {
  if (auto stored = load(); stored && *stored && usable(**stored)) adopt(std::move(**stored));
  std::lock_guard lock(mutex_);
  return generation_ != generation && current_ &&
         options_.clock.now() + kMinimumRemaining <= current_->expires_at;
}

void TokenCache::reject(const AccessToken& token) {
  const std::string fingerprint = core::sha256(token.value.reveal());
  std::lock_guard lock(mutex_);
  rejected_ = fingerprint;
  if (current_ && core::sha256(current_->value.reveal()) == fingerprint) current_.reset();
}

std::optional<std::vector<std::string>> TokenCache::granted_scopes() const {
  std::lock_guard lock(mutex_);
  peek();
  if (!login_) return std::nullopt;
  // RFC 6749 section 5.1: no scope in the answer means that all were granted.
  return login_->granted_scopes.empty() ? login_->scopes : login_->granted_scopes;
}

bool TokenCache::bound() const {
  std::lock_guard lock(mutex_);
  peek();
  return login_ && login_->scheme == kDpopScheme;
}

void TokenCache::peek() const {
  if (login_ || peeked_ || !options_.store || !options_.store->is_local()) return;
  peeked_ = true;
  auto stored = options_.store->load(options_.key);
  if (stored && *stored && take_key(**stored)) login_ = std::move(*stored);
}

core::Status TokenCache::take_key(const StoredToken& token) const {
  if (token.scheme != kDpopScheme && token.dpop_key.empty()) return {};
  RETURN_IF_ERROR(options_.dpop.adopt(token.dpop_key));
  return {};
}

core::Result<std::optional<StoredToken>> TokenCache::load() {
  if (!options_.store) return std::nullopt;
  auto stored = options_.store->load(options_.key);
  if (!stored) {
    warn_once("the stored login cannot be read, going on without", stored.error());
    return stored;
  }
  if (!*stored) return stored;
  if (auto key = take_key(**stored); !key) {
    warn_once("the stored login is bound to a key that is not there, going on without", key.error());
    return std::nullopt;
  }
  return stored;
}

void TokenCache::save(const StoredToken& token) {
  if (!options_.store) return;
  const auto saved = options_.store->save(options_.key, token);
  if (!saved) warn_once("the login cannot be stored and will end with this process", saved.error());
  const std::lock_guard lock(mutex_);
  unsaved_ = !saved;
}

void TokenCache::forget() {
  if (options_.store) {
    if (auto erased = options_.store->erase(options_.key); !erased) {
      warn_once("the ended login cannot be removed from the store", erased.error());
    }
  }
  std::lock_guard lock(mutex_);
  login_.reset();
  unsaved_ = false;
}

std::shared_ptr<const AccessToken> TokenCache::adopt(StoredToken token) {
  auto access = std::make_shared<AccessToken>();
  access->value = token.access_token.copy();
  access->scheme = token.scheme;
  access->scopes = token.granted_scopes;
  access->expires_at = token.expires_at;
  if (token.scheme == kDpopScheme) {
    // Whatever comes here was read by load() or made by to_stored(): its key is one.
    if (auto prover = options_.dpop.adopt(token.dpop_key)) access->dpop = std::move(*prover);
  }
  std::lock_guard lock(mutex_);
  // Rejected between the moment others could find it in the store and now: it does not come back.
  if (!rejected_.empty() && core::sha256(access->value.reveal()) == rejected_) return access;
  if (!current_ || current_->value.reveal() != access->value.reveal()) ++generation_;
  current_ = std::move(access);
  renew_from_ = token.expires_at - refresh_ahead(token.expires_at - token.obtained_at);
  login_ = std::move(token);
  return current_;
}

bool TokenCache::usable(const StoredToken& token) const {
  if (token.access_token.empty() || options_.clock.now() + kMinimumRemaining > token.expires_at) return false;
  std::lock_guard lock(mutex_);
  return rejected_.empty() || core::sha256(token.access_token.reveal()) != rejected_;
}

bool TokenCache::fresh(const StoredToken& token) const {
  const milliseconds ahead = refresh_ahead(token.expires_at - token.obtained_at);
  return usable(token) && options_.clock.now() < token.expires_at - ahead;
}

void TokenCache::warn_once(std::string_view what, const core::Error& error) {
  {
    std::lock_guard lock(mutex_);
    if (!warned_.insert(what).second) return;
  }
  core::log(core::LogLevel::warning, "oauth", what,
            {{"code", error.code}, {"reason", core::describe(error)}});
}

core::Result<StoredToken> to_stored(TokenAnswer answer, const std::vector<std::string>& requested,
                                    const StoredToken* previous, core::WallTime now) {
  if (answer.expires_at() < now + kMinimumRemaining) {
    return core::fail(ErrorKind::protocol, "oauth.token_lifetime",
                      fmt::format("The org gave an access token that is good for {} seconds only.",
                                  answer.lifetime.count()),
                      fmt::format("Tokens must live longer than {} seconds; an access policy of the org sets "
                                  "their lifetime.",
                                  kMinimumRemaining.count()));
  }
  core::Secret dpop_key;
  if (answer.prover) {
    ASSIGN_OR_RETURN(dpop_key, answer.prover->private_jwk());
  }
  StoredToken token{.access_token = std::move(answer.access_token),
                    .refresh_token = std::move(answer.refresh_token),
                    .scheme = answer.scheme,
                    .dpop_key = std::move(dpop_key),
                    .scopes = requested,
                    .granted_scopes = std::move(answer.scopes),
                    .obtained_at = answer.obtained_at,
                    .expires_at = answer.expires_at()};
  if (previous) {
    if (token.refresh_token.empty()) token.refresh_token = previous->refresh_token.copy();
    if (token.granted_scopes.empty()) token.granted_scopes = previous->granted_scopes;
  }
  return token;
}

}  // namespace oauth
