#include "oauth/jwks_cache.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <string_view>
#include <utility>

#include "core/log.h"
#include "oauth/issuer_metadata.h"

namespace oauth {
namespace {

using core::ErrorKind;
using core::Result;
using std::chrono::seconds;

constexpr std::chrono::milliseconds kTimeout{5'000};
constexpr seconds kRefreshTimeout{10};
constexpr std::size_t kMaxBytes = 256u << 10;

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ') || text.starts_with('\t')) text.remove_prefix(1);
  while (text.ends_with(' ') || text.ends_with('\t')) text.remove_suffix(1);
  return text;
}

std::optional<std::int64_t> delta_seconds(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || end != text.data() + text.size() || number < 0) return std::nullopt;
  // RFC 9111 section 1.2.2: what is too large is merely long.
  return error == std::errc::result_out_of_range ? std::int64_t{1} << 31 : number;
}

// RFC 9111 section 5.2.2, as far as a private cache of one document needs it.
seconds lifetime_of(const net::Headers& headers) {
  std::optional<std::int64_t> lifetime;
  for (std::string_view field : headers.all("Cache-Control")) {
    while (!field.empty()) {
      const auto comma = field.find(',');
      const std::string_view directive = trimmed(field.substr(0, comma));
      field.remove_prefix(comma == std::string_view::npos ? field.size() : comma + 1);
      constexpr std::string_view kMaxAge = "max-age=";
      if (net::equals_ignoring_case(directive, "no-store") ||
          net::equals_ignoring_case(directive, "no-cache")) {
        return JwksCache::kShortestLifetime;
      }
      if (directive.size() > kMaxAge.size() &&
          net::equals_ignoring_case(directive.substr(0, kMaxAge.size()), kMaxAge)) {
        lifetime = delta_seconds(directive.substr(kMaxAge.size()));
      }
    }
  }
  if (!lifetime) return JwksCache::kDefaultLifetime;
  const std::int64_t age = delta_seconds(trimmed(headers.get("Age"))).value_or(0);
  return std::clamp(seconds{*lifetime - age}, JwksCache::kShortestLifetime, JwksCache::kLongestLifetime);
}

}  // namespace

std::optional<Result<JwksCache::Keys>> JwksCache::from_memory(core::SteadyTime now) const {
  const bool wait_to_ask = failure_ && now < ask_again_;
  if (keys_ && now < usable_until_) {
    if (now < fresh_until_ || refreshing_ || wait_to_ask) return keys_;
    return std::nullopt;
  }
  if (wait_to_ask) return core::fail(*failure_);
  return std::nullopt;
}

std::optional<Result<JwksCache::Keys>> JwksCache::try_keys() const {
  const auto now = options_.clock.steady();
  std::lock_guard lock(mutex_);
  return from_memory(now);
}

std::optional<Result<JwksCache::Keys>> JwksCache::try_newer(const Keys& seen) const {
  const auto now = options_.clock.steady();
  std::lock_guard lock(mutex_);
  if (keys_ != seen) return keys_;
  // Whoever is asking already may be about to bring the key.
  if (now < ask_for_unknown_ && !refreshing_) return seen;
  return std::nullopt;
}

Result<JwksCache::Keys> JwksCache::keys(const core::Context& context) {
  if (auto known = try_keys()) return *std::move(known);
  return refresh(context);
}

Result<JwksCache::Keys> JwksCache::newer(const core::Context& context, const Keys& seen) {
  if (auto known = try_newer(seen)) return *std::move(known);
  {
    std::lock_guard lock(mutex_);
    ask_for_unknown_ = options_.clock.steady() + kAskAgain;
  }
  return refresh(context);
}

Result<JwksCache::Keys> JwksCache::refresh(const core::Context& context) {
  return flight_.run(context, "", [&]() -> Result<Keys> {
    {
      std::lock_guard lock(mutex_);
      refreshing_ = true;
    }
    core::Context bounded = context;
    bounded.deadline = std::min(context.deadline, std::chrono::steady_clock::now() + kRefreshTimeout);
    return remember(fetch(bounded));
  });
}

Result<JwksCache::Fetched> JwksCache::fetch(const core::Context& context) const {
  std::string address = options_.jwks_uri;
  if (address.empty()) {
    ASSIGN_OR_RETURN(auto metadata, fetch_issuer_metadata(context, options_.http, options_.issuer));
    address = std::move(metadata.jwks_uri);
  }
  if (address.empty()) {
    return core::fail(ErrorKind::unavailable, "oauth.jwks.missing",
                      fmt::format("The metadata of {} names no keys (jwks_uri).", options_.issuer),
                      "Its tokens can be checked by introspection only.");
  }
  ASSIGN_OR_RETURN(
      auto response,
      options_.http.send(context, {.url = address,
                                   .headers = {{"Accept", "application/jwk-set+json, application/json"}},
                                   .connect_timeout = kTimeout,
                                   .idle_timeout = kTimeout,
                                   .total_timeout = kTimeout,
                                   .max_response_bytes = kMaxBytes}));
  if (response.status != 200) {
    return core::fail(
        ErrorKind::unavailable, "oauth.jwks.refused",
        fmt::format("{} answered {} when asked for its keys.", options_.issuer, response.status));
  }
  ASSIGN_OR_RETURN(auto set, KeySet::parse(response.body));
  return Fetched{std::make_shared<const KeySet>(std::move(set)), lifetime_of(response.headers)};
}

Result<JwksCache::Keys> JwksCache::remember(Result<Fetched> fetched) {
  const auto now = options_.clock.steady();
  std::lock_guard lock(mutex_);
  refreshing_ = false;
  if (fetched) {
    keys_ = fetched->keys;
    fresh_until_ = now + fetched->lifetime;
    usable_until_ = fresh_until_ + kUseWhileAway;
    failure_.reset();
    return keys_;
  }
  // That the caller gave up says nothing about the issuer.
  if (fetched.error().kind == ErrorKind::cancelled) return core::fail(std::move(fetched).error());
  failure_ = std::move(fetched).error();
  const bool go_on = keys_ && now < usable_until_;
  ask_again_ = now + (go_on ? kAskAgain : kAskAgainForFirst);
  core::log(core::LogLevel::warning, "oauth", "the keys of an issuer cannot be fetched",
            {{"issuer", options_.issuer},
             {"error", failure_->code},
             {"reason", failure_->message},
             {"old_keys_in_use", go_on}});
  if (go_on) return keys_;
  return core::fail(*failure_);
}

}  // namespace oauth
