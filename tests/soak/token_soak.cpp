// Many processes on one stored login, killed at random, while the org rotates its refresh token (README.md).
#include <CLI/CLI.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <fstream>
#include <new>
#include <signal.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include "core/clock.h"
#include "core/log.h"
#include "core/scratch_directory.h"
#include "net/http_client.h"
#include "oauth/device_grant.h"
#include "oauth/sealed_file_store.h"
#include "rotating_org.h"

namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr int kMaxProcesses = 64;
constexpr std::chrono::minutes kBetweenRefreshes{90};

struct Shared {
  soak::OrgCounts org;
  std::atomic<std::int64_t> now_ms{1'800'000'000'000};
  std::atomic<int> round{0};
  std::atomic<int> served[kMaxProcesses]{};  // the last round each process was served in
  std::atomic<int> asked_to_sign_in{0};      // calls that were told so
  std::atomic<int> failures{0};              // calls that failed with anything else
  char last_failure[200] = {};
};

// The time of day is everybody's and moves by hand; waits are short and real.
class SharedClock final : public core::Clock {
 public:
  explicit SharedClock(Shared& shared) : shared_(shared) {}
  core::WallTime now() const override { return core::WallTime{milliseconds{shared_.now_ms}}; }
  core::SteadyTime steady() const override { return std::chrono::steady_clock::now(); }
  bool wait_until(core::SteadyTime, std::stop_token stop) override {
    std::this_thread::sleep_for(milliseconds{5});
    return !stop.stop_requested();
  }

 private:
  Shared& shared_;
};

oauth::TokenKey login_key(const Shared& shared) {
  return {.org = fmt::format("http://127.0.0.1:{}", shared.org.port.load()),
          .client_id = "0oa1",
          .grant = "device_code",
          .scopes = {"okta.users.read"}};
}

// A server process: one call in each round.
[[noreturn]] void work(Shared& shared, const std::string& directory, int self) {
  (void)core::configure_log(
      {.level = core::LogLevel::notice, .to_stderr = false, .file = directory + "/log"});
  SharedClock clock(shared);
  auto http = net::make_http_client({.user_agent = "token-soak/1"});
  auto store = oauth::SealedFileStore::create({.state_dir = directory});
  const auto key = login_key(shared);
  auto source = !store ? core::fail(store.error())
                       : oauth::DeviceGrant::create({.org_url = key.org,
                                                     .client_id = key.client_id,
                                                     .scopes = key.scopes,
                                                     .http = *http,
                                                     .clock = clock,
                                                     .store = store->get()});
  const auto failed = [&](const core::Error& error) {
    ++shared.failures;
    std::snprintf(shared.last_failure, sizeof shared.last_failure, "%s", core::describe(error).c_str());
  };
  if (!source) {
    failed(source.error());
    ::_exit(1);
  }
  for (;;) {
    const int round = shared.round;
    if (shared.served[self] == round) {
      std::this_thread::sleep_for(microseconds{500});
      continue;
    }
    const auto token = (*source)->token({});
    if (token) {
      shared.served[self] = round;
    } else if (token.error().code == "oauth.login_pending") {
      ++shared.asked_to_sign_in;
    } else if (token.error().code != "oauth.invalid_grant") {
      failed(token.error());
    }
  }
}

class Soak {
 public:
  Soak(int processes, std::chrono::seconds grace, std::uint64_t seed)
      : shared_(*new(::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                            0)) Shared),
        random_(seed),
        grace_(grace) {
    org_ = ::fork();
    if (org_ == 0) soak::RotatingOrg(shared_.org, grace, seed).run();
    while (shared_.org.port == 0 && ::waitpid(org_, nullptr, WNOHANG) == 0) ::usleep(1000);
    workers_.resize(static_cast<std::size_t>(processes));
  }
  Soak(const Soak&) = delete;
  Soak& operator=(const Soak&) = delete;
  ~Soak() {
    for (const pid_t worker : workers_) end(worker);
    end(org_);
    ::munmap(&shared_, sizeof shared_);
  }

  bool run(int refreshes) {
    if (shared_.org.port == 0 || !sign_in_once()) return false;
    for (std::size_t i = 0; i < workers_.size(); ++i) start(i);
    while (shared_.org.refreshes < refreshes && shared_.failures == 0) {
      shared_.now_ms += milliseconds{kBetweenRefreshes}.count();
      ++shared_.round;
      while (!all_served() && shared_.failures == 0) harm();
    }
    return verdict();
  }

 private:
  bool sign_in_once() {
    auto store = oauth::SealedFileStore::create({.state_dir = directory_.path()});
    if (!store) return false;
    const core::WallTime now{milliseconds{shared_.now_ms}};
    return (*store)
        ->save(login_key(shared_), {.access_token = core::Secret("access-1-1-s3cr3t"),
                                    .refresh_token = core::Secret(soak::RotatingOrg::first_refresh_token(1)),
                                    .scopes = {"okta.users.read"},
                                    .obtained_at = now,
                                    .expires_at = now + std::chrono::hours{1}})
        .has_value();
  }

  void start(std::size_t i) {
    workers_[i] = ::fork();
    if (workers_[i] == 0) work(shared_, directory_.path(), static_cast<int>(i));
  }
  static void end(pid_t process) {
    if (process <= 0) return;
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }

  bool all_served() const {
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      if (shared_.served[i] != shared_.round) return false;
    }
    return true;
  }

  // Waits for up to a few milliseconds, about as long as a refresh takes, and kills one of those that are at
  // work; every other time it lets them.
  void harm() {
    ::usleep(static_cast<useconds_t>(random_() % 8000));
    if (random_() % 2 == 0) return;
    const std::size_t first = random_() % workers_.size();
    for (std::size_t i = 0; i < workers_.size(); ++i) {
      const std::size_t each = (first + i) % workers_.size();
      if (shared_.served[each] == shared_.round) continue;
      end(workers_[each]);
      ++kills_;
      start(each);
      return;
    }
  }

  int recovered() const {
    std::ifstream log(directory_.path() + "/log");
    int count = 0;
    for (std::string line; std::getline(log, line);) count += line.contains("has been recovered");
    return count;
  }

  bool verdict() const {
    const auto& org = shared_.org;
    fmt::print(
        "{} refreshes, {} processes, {} killed (-9); {} answers lost and asked for again within the grace "
        "period, {} logins found half stored, {} logins lost, {} sign-ins, {} uses after the end, {} other "
        "failures{}{}\n",
        org.refreshes.load(), workers_.size(), kills_, org.forgiven.load(), recovered(), org.reuses.load(),
        org.sign_ins.load(), org.after_end.load(), shared_.failures.load(), shared_.failures ? ": " : "",
        shared_.last_failure);
    if (shared_.failures != 0 || org.strange != 0) return false;
    if (grace_.count() > 0) return org.reuses + org.after_end + org.sign_ins == 0;
    // Each takes a process killed in the one moment, or between being told that the login has ended and
    // writing that down.
    return org.reuses + org.after_end <= kills_ && org.after_end <= org.reuses;
  }

  core::ScratchDirectory directory_;
  Shared& shared_;
  std::mt19937_64 random_;
  const std::chrono::seconds grace_;
  pid_t org_ = -1;
  std::vector<pid_t> workers_;
  int kills_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  int processes = 20, refreshes = 1000, grace = 30;
  std::uint64_t seed = std::random_device{}();
  CLI::App app{"Many processes on one stored login, killed at random."};
  app.add_option("--processes", processes)->check(CLI::Range(1, kMaxProcesses))->capture_default_str();
  app.add_option("--refreshes", refreshes)->check(CLI::PositiveNumber)->capture_default_str();
  app.add_option("--grace", grace, "seconds for which the org forgives a lost answer; 0 for none")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--seed", seed);
  CLI11_PARSE(app, argc, argv);
  if (sodium_init() < 0) return 1;
  fmt::print("seed {}, grace {} s\n", seed, grace);
  std::fflush(stdout);
  const bool good = Soak(processes, std::chrono::seconds{grace}, seed).run(refreshes);
  fmt::print("{}\n", good ? "passed" : "FAILED");
  return good ? 0 : 1;
}
