// What the tests of this room share: an org over a fake network, a fake clock and a token source that counts.
#pragma once

#include <atomic>
#include <mutex>

#include "core/clock.h"
#include "core/random.h"
#include "net/fake_http_client.h"
#include "okta/org.h"

namespace okta {

class FakeTokens final : public oauth::TokenSource {
 public:
  core::Result<std::shared_ptr<const oauth::AccessToken>> token(const core::Context&) override {
    ++asked;
    if (failure) return core::fail(*failure);
    auto token = std::make_shared<oauth::AccessToken>();
    token->value = core::Secret("token-" + std::to_string(generation.load()));
    token->scheme = scheme;
    token->scopes = scopes;
    token->dpop = dpop;
    return token;
  }
  void reject(const oauth::AccessToken& token) override {
    std::lock_guard lock(mutex);
    rejected.push_back(token.value.reveal());
    ++generation;
  }
  std::optional<std::vector<std::string>> granted_scopes() const override { return granted; }
  std::string_view method() const override { return "test"; }

  std::atomic<int> asked{0};
  std::atomic<int> generation{1};
  std::string scheme = "Bearer";
  std::shared_ptr<oauth::DpopProver> dpop;
  std::vector<std::string> scopes;
  std::optional<std::vector<std::string>> granted;
  std::optional<core::Error> failure;
  std::mutex mutex;
  std::vector<std::string> rejected;
};

// Keeps what was said; thread-safe.
class KeptProgress final : public core::Notifier {
 public:
  void progress(double, std::optional<double>, std::string_view message) override {
    std::lock_guard lock(mutex);
    messages.emplace_back(message);
  }
  void log(core::LogLevel, std::string_view, const boost::json::value&) override {}
  std::vector<std::string> kept() {
    std::lock_guard lock(mutex);
    return messages;
  }

  std::mutex mutex;
  std::vector<std::string> messages;
};

// A clock on which every wait is over at once, and which remembers how long it would have taken.
class LeapingClock final : public core::Clock {
 public:
  core::WallTime now() const override {
    std::lock_guard lock(mutex_);
    return now_;
  }
  core::SteadyTime steady() const override {
    std::lock_guard lock(mutex_);
    return steady_;
  }
  bool wait_until(core::SteadyTime when, std::stop_token stop) override {
    if (stop.stop_requested()) return false;
    std::lock_guard lock(mutex_);
    if (when > steady_) {
      auto by = std::chrono::ceil<std::chrono::milliseconds>(when - steady_);
      waited_ += by;
      steady_ += by;
      now_ += by;
    }
    return true;
  }
  void advance(std::chrono::milliseconds by) {
    std::lock_guard lock(mutex_);
    steady_ += by;
    now_ += by;
  }
  std::chrono::milliseconds waited() const {
    std::lock_guard lock(mutex_);
    return waited_;
  }

 private:
  mutable std::mutex mutex_;
  core::WallTime now_{std::chrono::seconds{1'800'000'000}};
  core::SteadyTime steady_{};
  std::chrono::milliseconds waited_{0};
};

inline constexpr std::string_view kOrigin = "https://example.okta.com";

struct TestOrg {
  explicit TestOrg(OrgOptions options = {}) {
    if (options.url.empty()) options.url = kOrigin;
    org = Org::create(std::move(options), http, tokens, clock, random).value();
    context.notifier = &progress;
  }

  core::Result<Response> get(std::string path, net::Query query = {}) {
    return org->get(context, std::move(path), std::move(query));
  }
  core::Result<Response> send(net::Method method, std::string path,
                              std::optional<core::json::Value> body = std::nullopt) {
    return org->call(context, Request{.method = method, .path = std::move(path), .body = std::move(body)});
  }

  net::FakeHttpClient http;
  FakeTokens tokens;
  LeapingClock clock;
  core::SeededRandom random{7};
  KeptProgress progress;
  core::Context context;
  std::unique_ptr<Org> org;
};

inline net::Headers rate_headers(std::int64_t limit, std::int64_t remaining, core::WallTime reset,
                                 core::WallTime server_now) {
  return {{"X-Rate-Limit-Limit", std::to_string(limit)},
          {"X-Rate-Limit-Remaining", std::to_string(remaining)},
          {"X-Rate-Limit-Reset", std::to_string(core::to_unix_seconds(reset))},
          {"Date", core::to_http_date(server_now)}};
}

}  // namespace okta
