#include "core/clock.h"

#include <array>
#include <charconv>
#include <fmt/format.h>

namespace core {
namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::sys_days;
using std::chrono::weeks;

class SystemClock final : public Clock {
 public:
  WallTime now() const override {
    return std::chrono::time_point_cast<milliseconds>(std::chrono::system_clock::now());
  }
  SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
  bool wait_until(SteadyTime when, std::stop_token stop) override {
    std::mutex mutex;
    std::condition_variable_any never;
    std::unique_lock lock(mutex);
    never.wait_until(lock, stop, when, [] { return false; });
    return !stop.stop_requested();
  }
};

// Reads exactly `width` digits at the front of `text` and removes them.
std::optional<int> take_digits(std::string_view& text, std::size_t width) {
  if (text.size() < width) return std::nullopt;
  int value = 0;
  for (char c : text.substr(0, width)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(width);
  return value;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<sys_days> take_date(std::string_view& text) {
  auto year = take_digits(text, 4);
  if (!year || !take(text, '-')) return std::nullopt;
  auto month = take_digits(text, 2);
  if (!month || !take(text, '-')) return std::nullopt;
  auto day = take_digits(text, 2);
  if (!day) return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year{*year},
                                   std::chrono::month{static_cast<unsigned>(*month)},
                                   std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return sys_days{date};
}

// ".123" with any number of digits; what is finer than a millisecond is cut off.
std::optional<milliseconds> take_fraction(std::string_view& text) {
  if (!take(text, '.') && !take(text, ',')) return milliseconds{0};
  int value = 0, digits = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (digits < 3) value = value * 10 + (text.front() - '0');
    ++digits;
    text.remove_prefix(1);
  }
  if (digits == 0) return std::nullopt;
  for (; digits < 3; ++digits) value *= 10;
  return milliseconds{value};
}

// "Z", "+hh:mm", "-hhmm", "+hh"; RFC 3339 section 5.6 and the shorter ISO 8601 forms.
std::optional<minutes> take_zone(std::string_view& text) {
  if (take(text, 'Z') || take(text, 'z')) return minutes{0};
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return std::nullopt;
  int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  auto hour = take_digits(text, 2);
  if (!hour || *hour > 23) return std::nullopt;
  int minute = 0;
  bool colon = take(text, ':');
  if (colon || !text.empty()) {
    auto value = take_digits(text, 2);
    if (!value || *value > 59) return std::nullopt;
    minute = *value;
  }
  return sign * (hours{*hour} + minutes{minute});
}

constexpr std::string_view kTimeForms =
    "Use ISO 8601 with a zone (2026-11-21T08:00:00Z), a date (2026-11-21), or a span back from now "
    "(30m, 12h, 90d, 4w).";

std::unexpected<Error> bad_time(std::string_view text) {
  return fail(ErrorKind::invalid_input, "core.time", fmt::format("\"{}\" is not a time.", text),
              std::string(kTimeForms));
}

constexpr std::array<std::string_view, 7> kWeekdays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

}  // namespace

Clock& system_clock() {
  static SystemClock clock;
  return clock;
}

WallTime FakeClock::now() const {
  std::lock_guard lock(mutex_);
  return now_;
}

SteadyTime FakeClock::steady() const {
  std::lock_guard lock(mutex_);
  return steady_;
}

bool FakeClock::wait_until(SteadyTime when, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  ++waiters_;
  moved_.wait(lock, stop, [&] { return steady_ >= when; });
  --waiters_;
  return !stop.stop_requested();
}

void FakeClock::advance(milliseconds by) {
  {
    std::lock_guard lock(mutex_);
    now_ += by;
    steady_ += by;
  }
  moved_.notify_all();
}

int FakeClock::waiters() const {
  std::lock_guard lock(mutex_);
  return waiters_;
}

std::string to_rfc3339(WallTime time) {
  auto day = std::chrono::floor<days>(time);
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss clock{time - day};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<WallTime> parse_rfc3339(std::string_view text) {
  std::string_view rest = text;
  auto date = take_date(rest);
  if (!date) return bad_time(text);
  if (rest.empty()) return WallTime{*date};
  if (!take(rest, 'T') && !take(rest, 't') && !take(rest, ' ')) return bad_time(text);
  auto hour = take_digits(rest, 2);
  if (!hour || *hour > 23 || !take(rest, ':')) return bad_time(text);
  auto minute = take_digits(rest, 2);
  if (!minute || *minute > 59) return bad_time(text);
  int second = 0;
  if (take(rest, ':')) {
    auto value = take_digits(rest, 2);
    if (!value || *value > 60) return bad_time(text);
    second = *value;
  }
  auto fraction = take_fraction(rest);
  if (!fraction) return bad_time(text);
  auto zone = take_zone(rest);
  if (!zone || !rest.empty()) return bad_time(text);
  return WallTime{*date} + hours{*hour} + minutes{*minute} + seconds{second} + *fraction - *zone;
}

Result<WallTime> parse_time(std::string_view text, WallTime now) {
  if (text == "now") return now;
  std::int64_t count = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc{} && count >= 0 && count <= 100'000'000 && end == text.data() + text.size() - 1) {
    switch (text.back()) {
      case 's':
        return now - seconds{count};
      case 'm':
        return now - minutes{count};
      case 'h':
        return now - hours{count};
      case 'd':
        return now - days{std::min<std::int64_t>(count, 36'500)};
      case 'w':
        return now - weeks{std::min<std::int64_t>(count, 5'200)};
      default:
        break;
    }
  }
  return parse_rfc3339(text);
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  auto comma = text.find(", ");
  if (comma == std::string_view::npos) return std::nullopt;
  text.remove_prefix(comma + 2);
  auto day = take_digits(text, 2);
  if (!day || !take(text, ' ') || text.size() < 4) return std::nullopt;
  unsigned month = 0;
  for (unsigned i = 0; i < kMonths.size(); ++i) {
    if (text.substr(0, 3) == kMonths[i]) month = i + 1;
  }
  text.remove_prefix(3);
  if (month == 0 || !take(text, ' ')) return std::nullopt;
  auto year = take_digits(text, 4);
  if (!year || !take(text, ' ')) return std::nullopt;
  auto hour = take_digits(text, 2);
  if (!hour || !take(text, ':')) return std::nullopt;
  auto minute = take_digits(text, 2);
  if (!minute || !take(text, ':')) return std::nullopt;
  auto second = take_digits(text, 2);
  if (!second || text != " GMT" || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::chrono::year_month_day date{std::chrono::year{*year}, std::chrono::month{month},
                                   std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return WallTime{sys_days{date}} + hours{*hour} + minutes{*minute} + seconds{*second};
}

std::string to_http_date(WallTime time) {
  auto day = std::chrono::floor<days>(time);
  std::chrono::year_month_day date{day};
  std::chrono::hh_mm_ss clock{std::chrono::floor<seconds>(time - day)};
  std::chrono::weekday weekday{day};
  return fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT", kWeekdays[weekday.c_encoding()],
                     static_cast<unsigned>(date.day()), kMonths[static_cast<unsigned>(date.month()) - 1],
                     static_cast<int>(date.year()), clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

std::int64_t to_unix_seconds(WallTime time) {
  return std::chrono::floor<seconds>(time.time_since_epoch()).count();
}

}  // namespace core
