// Two and more processes on one state directory, and an org that rotates its refresh tokens: whoever presents
// an old one ends the login for all.
#include <atomic>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <new>
#include <sys/mman.h>
#include <sys/wait.h>

#include "oauth/device_grant.h"
#include "oauth/sealed_file_store.h"
#include "oauth/test_tokens.h"

namespace oauth {
namespace {

using std::chrono::hours;
using test::field;
using test::kOrg;

// What the org knows, seen by all processes alike.
struct OrgState {
  std::atomic<int> current{1};     // the refresh token that is valid now: "refresh-1-s3cr3t"
  std::atomic<int> refreshes{0};   // granted
  std::atomic<int> violations{0};  // an old refresh token was presented
  std::atomic<int> sign_ins{0};    // a person was asked
  std::atomic<int> ready{0};       // processes that stand at the line
};

class SharedState {
 public:
  SharedState() {
    memory_ = ::mmap(nullptr, sizeof(OrgState), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(memory_, MAP_FAILED);
    state_ = new (memory_) OrgState;
  }
  ~SharedState() { ::munmap(memory_, sizeof(OrgState)); }
  OrgState& operator*() { return *state_; }
  OrgState* operator->() { return state_; }

 private:
  void* memory_;
  OrgState* state_;
};

net::FakeHttpClient::AnswerFunction rotating_org(OrgState& state) {
  return [&state](const core::Context&, const net::HttpRequest& request) -> core::Result<net::HttpResponse> {
    if (field(request, "grant_type") != "refresh_token") {
      ++state.sign_ins;
      return test::refusal(400, "unauthorized_client", "no sign-in in this test");
    }
    int presented = 0;
    const std::string text = field(request, "refresh_token");
    for (int i = 1; i <= 100; ++i) {
      if (text == fmt::format("refresh-{}-s3cr3t", i)) presented = i;
    }
    if (!state.current.compare_exchange_strong(presented, presented + 1)) {
      ++state.violations;
      return test::refusal(400, "invalid_grant", "The refresh token is invalid or expired.");
    }
    ++state.refreshes;
    return test::token_answer(fmt::format("access-{}-s3cr3t", presented + 1),
                              fmt::format("refresh-{}-s3cr3t", presented + 1));
  };
}

// What a server process does: its own store and source on the shared directory, one call per round, each an
// hour and a half after the last. 0 when every call was served.
int live_as_a_server(const std::string& state_dir, OrgState& state, int processes, int rounds) {
  core::FakeClock clock;
  net::FakeHttpClient http(rotating_org(state));
  auto store = SealedFileStore::create({.state_dir = state_dir});
  if (!store) return 10;
  auto source = DeviceGrant::create({.org_url = kOrg,
                                     .client_id = "0oa1",
                                     .scopes = {"okta.users.read"},
                                     .http = http,
                                     .clock = clock,
                                     .store = store->get()});
  if (!source) return 11;
  for (int round = 1; round <= rounds; ++round) {
    clock.advance(std::chrono::minutes{90});
    ++state.ready;
    if (!test::eventually([&] { return state.ready >= processes * round; })) return 12;
    const auto token = (*source)->token({});
    if (!token) return 13;
    if ((*token)->expires_at < clock.now() + kMinimumRemaining) return 14;
    if ((*token)->value.reveal() != fmt::format("access-{}-s3cr3t", round + 1)) return 15;
  }
  return 0;
}

void run_processes(int processes, int rounds) {
  test::TempDir dir;
  SharedState state;
  {
    const core::FakeClock clock;
    auto store = SealedFileStore::create({.state_dir = dir.path()});
    ASSERT_TRUE(store);
    ASSERT_TRUE((*store)->save(
        {.org = kOrg, .client_id = "0oa1", .grant = "device_code", .scopes = {"okta.users.read"}},
        {.access_token = core::Secret("access-1-s3cr3t"),
         .refresh_token = core::Secret("refresh-1-s3cr3t"),
         .scopes = {"okta.users.read"},
         .obtained_at = clock.now(),
         .expires_at = clock.now() + hours{1}}));
  }
  std::vector<pid_t> children;
  for (int i = 0; i < processes; ++i) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(live_as_a_server(dir.path(), *state, processes, rounds));
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 0);
  }
  EXPECT_EQ(state->refreshes, rounds);
  EXPECT_EQ(state->violations, 0);
  EXPECT_EQ(state->sign_ins, 0);
}

TEST(TokenProcesses, RefreshOnceBetweenTwo) {
  run_processes(2, 1);
}

TEST(TokenProcesses, LoseNoLoginOverManyRounds) {
  run_processes(4, 12);
}

}  // namespace
}  // namespace oauth
