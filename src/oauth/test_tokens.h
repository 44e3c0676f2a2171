// What the tests of the token sources share: an org's answers, clocks, a directory, and a look at the log.
#pragma once

#include <chrono>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <future>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sstream>
#include <string>
#include <thread>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/result.h"
#include "net/fake_http_client.h"
#include "net/url.h"
#include "oauth/token_store.h"

namespace oauth::test {

inline const std::string kOrg = "https://acme.okta.test";
inline const std::string kTokenUrl = kOrg + "/oauth2/v1/token";
inline const std::string kDeviceUrl = kOrg + "/oauth2/v1/device/authorize";
// Every secret of these tests holds this word, so that one search finds what got out.
inline const std::string kMark = "s3cr3t";

// Time passes exactly as far as somebody waits for: whoever waits finds that the moment has come.
class AutoClock final : public core::Clock {
 public:
  core::WallTime now() const override {
    std::lock_guard lock(mutex_);
    return kStart + std::chrono::duration_cast<std::chrono::milliseconds>(steady_.time_since_epoch());
  }
  core::SteadyTime steady() const override {
    std::lock_guard lock(mutex_);
    return steady_;
  }
  bool wait_until(core::SteadyTime when, std::stop_token stop) override {
    std::lock_guard lock(mutex_);
    steady_ = std::max(steady_, when);
    return !stop.stop_requested();
  }
  std::int64_t seconds() const {
    return std::chrono::duration_cast<std::chrono::seconds>(steady().time_since_epoch()).count();
  }

 private:
  static constexpr core::WallTime kStart{std::chrono::seconds{1'800'000'000}};
  mutable std::mutex mutex_;
  core::SteadyTime steady_{};
};

inline net::HttpResponse json(int status, std::string body, net::Headers headers = {}) {
  headers.add("Content-Type", "application/json;charset=UTF-8");
  return {.status = status, .headers = std::move(headers), .body = std::move(body)};
}

inline net::HttpResponse refusal(int status, std::string_view error, std::string_view description = "") {
  return json(status, fmt::format(R"({{"error":"{}","error_description":"{}"}})", error, description));
}

inline net::HttpResponse token_answer(std::string_view access, std::string_view refresh = "",
                                      int expires_in = 3600, std::string_view scope = "okta.users.read") {
  const std::string refresh_member = refresh.empty() ? "" : fmt::format(R"("refresh_token":"{}",)", refresh);
  return json(200,
              fmt::format(R"({{"token_type":"Bearer","expires_in":{},"access_token":"{}",{}"scope":"{}"}})",
                          expires_in, access, refresh_member, scope));
}

inline net::Query form_of(const net::HttpRequest& request) {
  auto form = net::parse_query(request.body);
  return form ? *form : net::Query{};
}
inline std::string field(const net::HttpRequest& request, std::string_view name) {
  return net::query_value(form_of(request), name).value_or("(none)");
}

class TempDir {
 public:
  TempDir() {
    std::string pattern = testing::TempDir() + "/oauth-XXXXXX";
    path_ = ::mkdtemp(pattern.data());
  }
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// Everything that is logged while it lives, down to debug.
class LogCapture {
 public:
  LogCapture() {
    const auto configured = core::configure_log(
        {.level = core::LogLevel::debug, .to_stderr = false, .file = directory_.path() + "/log"});
    EXPECT_TRUE(configured);
  }
  ~LogCapture() {
    (void)core::configure_log({.level = core::LogLevel::error, .to_stderr = true, .file = "/dev/null"});
  }
  std::string text() const { return slurp(directory_.path() + "/log"); }

 private:
  TempDir directory_;
};

inline std::string everything(const core::Error& error) {
  std::string text = error.code + "|" + error.message + "|" + error.hint;
  if (error.upstream) text += "|" + error.upstream->code + "|" + error.upstream->summary;
  return text;
}

// Waits for something another thread is about to do.
template <class Condition>
bool eventually(Condition condition) {
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds{30};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace oauth::test
