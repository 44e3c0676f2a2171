#include "okta/rate_governor.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>

#include "core/lane.h"

namespace okta {
namespace {

using core::ErrorKind;
using core::WallTime;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kProgressEvery{5'000};
constexpr int kAnswersPerStepUp = 20;
// Resets further off than this are not Okta's (its windows last a minute, its longest counters a day).
constexpr std::chrono::hours kSaneReset{24};

std::optional<std::int64_t> integer(const net::Headers& headers, std::string_view name) {
  auto text = headers.get(name);
  std::int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty() || value < 0)
    return std::nullopt;
  return value;
}

std::int64_t whole_seconds_up(milliseconds time) {
  return std::chrono::ceil<seconds>(time).count();
}

}  // namespace

RateGovernor::Permit::Permit(Permit&& other) noexcept
    : governor_(std::exchange(other.governor_, nullptr)), bucket_(std::move(other.bucket_)) {}

RateGovernor::Permit::~Permit() {
  if (governor_) governor_->release(bucket_);
}

RateGovernor::RateGovernor(Options options, core::Clock& clock, core::Random& random)
    : options_(options),
      clock_(clock),
      random_(random),
      allowed_in_flight_(std::max(1, options.max_concurrent)) {}

core::Result<RateGovernor::Permit> RateGovernor::admit(const core::Context& context, std::string_view name,
                                                       WallTime give_up) {
  std::unique_lock lock(mutex_);
  Bucket& bucket = buckets_[std::string(name)];  // map nodes stay where they are
  for (;;) {
    if (context.cancelled()) {
      return core::fail(ErrorKind::cancelled, "okta.cancelled", "The call was cancelled before it was sent.");
    }
    const WallTime now = clock_.now();
    auto blocked = obstacle(bucket, name, now);
    if (!blocked) {
      ++bucket.in_flight;
      ++in_flight_;
      return Permit(*this, std::string(name));
    }
    if (blocked->until) {
      auto in_time = context.deadline == core::SteadyTime::max() ||
                     clock_.steady() + (*blocked->until - now) <= context.deadline;
      if (*blocked->until > give_up || !in_time) {
        return core::fail(too_long(*blocked->until, blocked->what));
      }
      lock.unlock();
      RETURN_IF_ERROR(wait(context, *blocked->until, blocked->what));
      lock.lock();
      continue;
    }
    core::Parked parked;
    auto news = [&] {
      blocked = obstacle(bucket, name, clock_.now());
      return !blocked || blocked->until;
    };
    if (context.deadline == core::SteadyTime::max()) {
      changed_.wait(lock, context.stop, news);
    } else if (!changed_.wait_until(lock, context.stop, context.deadline, news) && !context.cancelled()) {
      return core::fail(
          ErrorKind::timeout, "okta.rate_limited",
          fmt::format("No place among the {} requests in flight came free in time.", in_flight_),
          "Ask for less at once, or allow the call more time.");
    }
  }
}

// What keeps a request from leaving now; nullopt when nothing does.
std::optional<RateGovernor::Obstacle> RateGovernor::obstacle(Bucket& bucket, std::string_view name,
                                                             WallTime now) const {
  auto limit_on = [&] { return fmt::format("Okta's rate limit on {}", name); };
  if (bucket.blocked_until > now) return Obstacle{bucket.blocked_until, limit_on()};
  if (concurrency_blocked_until_ > now) {
    return Obstacle{concurrency_blocked_until_, "Okta's limit on simultaneous requests"};
  }
  if (in_flight_ >= allowed_in_flight_) return Obstacle{std::nullopt, "a request to come back"};
  if (!bucket.known) return std::nullopt;
  if (bucket.known->reset <= now)
    bucket.known->remaining = bucket.known->limit;  // a new window, until we hear more
  const std::int64_t reserve =
      std::min(bucket.known->limit * options_.reserve_percent / 100, bucket.known->limit - 1);
  if (bucket.known->remaining - bucket.in_flight > reserve) return std::nullopt;
  // The requests in flight may be counted in `remaining` already: their answers tell.
  if (bucket.in_flight > 0 && bucket.known->remaining > reserve) {
    return Obstacle{std::nullopt, "a request to come back"};
  }
  // Past its reset the window is full again, unless the requests in flight take all there is.
  if (bucket.known->reset <= now) return Obstacle{std::nullopt, "a request to come back"};
  return Obstacle{bucket.known->reset, limit_on()};
}

core::Status RateGovernor::wait(const core::Context& context, WallTime until, std::string_view what) {
  core::Parked parked;
  const WallTime began = clock_.now();
  for (WallTime now = began; now < until; now = clock_.now()) {
    context.progress(static_cast<double>(std::chrono::floor<seconds>(now - began).count()), std::nullopt,
                     fmt::format("waiting {} s for {}", whole_seconds_up(until - now), what));
    if (!clock_.wait_until(clock_.steady() + std::min(until - now, kProgressEvery), context.stop)) {
      return core::fail(
          ErrorKind::cancelled, "okta.cancelled",
          fmt::format("The call was cancelled while it waited for {}; nothing was sent.", what));
    }
  }
  return {};
}

core::Error RateGovernor::too_long(WallTime until, std::string_view what) const {
  return {ErrorKind::rate_limited, "okta.rate_limited",
          fmt::format("Waiting for {} would take until {} ({} s from now).", what, core::to_rfc3339(until),
                      whole_seconds_up(until - clock_.now())),
          fmt::format(
              "Call again after that time, or ask for fewer pages; a call waits {} s at most, and not beyond "
              "its own deadline.",
              options_.max_rate_wait.count()),
          std::nullopt};
}

void RateGovernor::note_skew(const net::Headers& headers) {
  // Date has whole seconds, cut off: the skew comes out up to a second too small, hence resets up to a second
  // late, which is the safe side.
  if (auto date = core::parse_http_date(headers.get("Date"))) skew_ = *date - clock_.now();
}

std::optional<RateLimit> RateGovernor::learn(std::string_view name, const net::Headers& headers) {
  std::lock_guard lock(mutex_);
  note_skew(headers);
  auto limit = integer(headers, "X-Rate-Limit-Limit");
  auto remaining = integer(headers, "X-Rate-Limit-Remaining");
  auto reset = integer(headers, "X-Rate-Limit-Reset");
  if (!limit || !remaining || !reset) return std::nullopt;
  if (*reset > core::to_unix_seconds(clock_.now() + skew_ + kSaneReset)) return std::nullopt;
  RateLimit heard{*limit, *remaining, WallTime{seconds{*reset}} - skew_};
  if (heard.limit == 0) return heard;  // a concurrency violation; says nothing about the bucket
  Bucket& bucket = buckets_[std::string(name)];
  // Answers overtake each other: within one window the lowest count is the newest. Windows are told apart by
  // their end; a skew measured anew moves it by less than a second or two.
  constexpr seconds kSameWindow{2};
  // Another limit is another counter, which the catalogue did not tell from this one: the last word holds.
  if (!bucket.known || heard.limit != bucket.known->limit ||
      heard.reset > bucket.known->reset + kSameWindow) {
    bucket.known = heard;
  } else if (heard.reset >= bucket.known->reset - kSameWindow) {
    bucket.known->remaining = std::min(bucket.known->remaining, heard.remaining);
  }
  if (allowed_in_flight_ < options_.max_concurrent && ++answers_since_lowered_ >= kAnswersPerStepUp) {
    answers_since_lowered_ = 0;
    ++allowed_in_flight_;
  }
  changed_.notify_all();
  return heard;
}

void RateGovernor::refused(std::string_view name, const net::Headers& headers, int attempt) {
  auto delay = jitter();
  std::lock_guard lock(mutex_);
  const WallTime now = clock_.now();
  Bucket& bucket = buckets_[std::string(name)];
  WallTime until = now + seconds{1 << std::clamp(attempt, 0, 6)};
  if (auto retry_after = integer(headers, "Retry-After")) {
    until = now + seconds{std::min<std::int64_t>(*retry_after, 86'400)};
  } else if (auto date = core::parse_http_date(headers.get("Retry-After"))) {
    until = *date - skew_;
  } else if (integer(headers, "X-Rate-Limit-Reset") && bucket.known && bucket.known->reset > now) {
    until = bucket.known->reset;
  }
  bucket.blocked_until = std::max(bucket.blocked_until, until + delay);
}

void RateGovernor::refused_concurrency() {
  auto delay = jitter();
  std::lock_guard lock(mutex_);
  const WallTime now = clock_.now();
  concurrency_blocked_until_ = std::max(concurrency_blocked_until_, now + seconds{1} + delay);
  // One burst is refused many times over; it is one reason to slow down.
  if (now < concurrency_lowered_ + seconds{1}) return;
  concurrency_lowered_ = now;
  answers_since_lowered_ = 0;
  allowed_in_flight_ = std::max(1, allowed_in_flight_ / 2);
}

bool RateGovernor::pause(const core::Context& context, milliseconds pause, std::string_view why) {
  auto length = pause + jitter() / 4;
  if (context.deadline != core::SteadyTime::max() && clock_.steady() + length > context.deadline)
    return false;
  core::Parked parked;
  context.progress(0, std::nullopt, fmt::format("{}; trying again in {} s", why, whole_seconds_up(length)));
  return clock_.wait_until(clock_.steady() + length, context.stop);
}

milliseconds RateGovernor::jitter() {
  return milliseconds{static_cast<milliseconds::rep>(random_.number() % 1'000)};
}

void RateGovernor::release(const std::string& name) {
  {
    std::lock_guard lock(mutex_);
    --in_flight_;
    --buckets_[name].in_flight;
  }
  changed_.notify_all();
}

int RateGovernor::concurrency() const {
  std::lock_guard lock(mutex_);
  return allowed_in_flight_;
}

core::json::Object RateGovernor::state() const {
  std::lock_guard lock(mutex_);
  core::json::Object state;
  for (const auto& [name, bucket] : buckets_) {
    if (!bucket.known) continue;
    state[name] = core::json::Object{{"limit", bucket.known->limit},
                                     {"remaining", bucket.known->remaining},
                                     {"reset", core::to_rfc3339(bucket.known->reset)}};
  }
  return state;
}

}  // namespace okta
