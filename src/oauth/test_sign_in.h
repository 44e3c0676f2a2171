// A person's sign-in on the bench: an org that answers from scripts, and a source that reports to it.
#pragma once

#include <deque>
#include <fmt/format.h>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "oauth/device_grant.h"
#include "oauth/test_tokens.h"

namespace oauth::test {

using Answer = core::Result<net::HttpResponse>;

inline Answer network_failure(std::string code) {
  return core::fail(core::ErrorKind::unavailable, std::move(code), "The test made this request fail.");
}

inline std::string device_body(std::string_view members = R"("interval":5,)") {
  return fmt::format(R"({{"device_code":"device-s3cr3t","user_code":"ABCD-EFGH",{}"expires_in":600,)"
                     R"("verification_uri":"{}/activate",)"
                     R"("verification_uri_complete":"{}/activate?user_code=ABCD-EFGH"}})",
                     members, kOrg, kOrg);
}

// An org that answers from two scripts, and notes when it was polled. Only the sign-in's thread talks to it
// while a sign-in runs, except where a test says otherwise.
class ScriptedOrg {
 public:
  explicit ScriptedOrg(const core::Clock& clock) : clock_(clock) {}

  Answer operator()(const net::HttpRequest& request) {
    std::lock_guard lock(mutex_);
    auto& script = request.url == kDeviceUrl ? authorize : poll;
    if (request.url != kDeviceUrl) {
      polled_at.push_back(
          std::chrono::duration_cast<std::chrono::seconds>(clock_.steady().time_since_epoch()).count());
    }
    if (script.empty()) return refusal(400, "authorization_pending", "still waiting");
    auto answer = std::move(script.front());
    script.pop_front();
    return answer;
  }

  std::deque<Answer> authorize;
  std::deque<Answer> poll;              // then authorization_pending for ever
  std::vector<std::int64_t> polled_at;  // seconds since the clock's beginning

 private:
  std::mutex mutex_;
  const core::Clock& clock_;
};

// A source, what it told its owner, and everything around it.
struct Bench {
  explicit Bench(core::Clock& the_clock) : clock(the_clock), org(the_clock) {
    http.answer_with([this](const core::Context&, const net::HttpRequest& request) { return org(request); });
  }

  DeviceGrantOptions options(std::vector<std::string> scopes = {"okta.users.read"}) {
    return {
        .org_url = kOrg,
        .client_id = "0oa1",
        .scopes = std::move(scopes),
        .http = http,
        .clock = clock,
        .store = store,
        .may_ask_a_person = may_ask_a_person,
        .on_prompt =
            [this](const DevicePrompt& prompt) {
              std::lock_guard lock(mutex);
              prompts.push_back(prompt);
            },
        .on_signed_in =
            [this](const std::vector<std::string>& scopes_now) {
              std::lock_guard lock(mutex);
              signed_in.push_back(scopes_now);
            },
        .on_failed =
            [this](const core::Error& error) {
              std::lock_guard lock(mutex);
              failed.push_back(error);
            },
    };
  }
  std::unique_ptr<DeviceGrant> make(std::vector<std::string> scopes = {"okta.users.read"}) {
    auto source = DeviceGrant::create(options(std::move(scopes)));
    EXPECT_TRUE(source);
    return std::move(*source);
  }

  bool ended(std::size_t times = 1) {
    return eventually([&] {
      std::lock_guard lock(mutex);
      return signed_in.size() + failed.size() >= times;
    });
  }

  core::Clock& clock;
  net::FakeHttpClient http;
  ScriptedOrg org;
  TokenStore* store = nullptr;
  bool may_ask_a_person = true;
  std::mutex mutex;
  std::vector<DevicePrompt> prompts;
  std::vector<std::vector<std::string>> signed_in;
  std::vector<core::Error> failed;
};

inline std::string value(const core::Result<std::shared_ptr<const AccessToken>>& token) {
  return token ? (*token)->value.reveal() : "error " + token.error().code;
}

}  // namespace oauth::test
