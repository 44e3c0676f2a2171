// An org that rotates refresh tokens, detects their reuse, and signs anybody in at once.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>

#include "net/http_server.h"

namespace soak {

// What it counts, in memory that other processes share.
struct OrgCounts {
  std::atomic<std::uint16_t> port{0};
  std::atomic<int> refreshes{0};  // with the present refresh token
  std::atomic<int> forgiven{0};   // with the one before, within the grace period
  std::atomic<int> reuses{0};     // with an old one: the login ends
  std::atomic<int> after_end{0};  // with any of a login that has ended
  std::atomic<int> sign_ins{0};
  std::atomic<int> strange{0};  // requests that make no sense
};

class RotatingOrg {
 public:
  RotatingOrg(OrgCounts& counts, std::chrono::seconds grace, std::uint64_t seed)
      : counts_(counts), grace_(grace), random_(seed) {}

  // Listens, says so in counts.port, and serves for ever.
  [[noreturn]] void run();

  // The refresh token of a login before its first rotation.
  static std::string first_refresh_token(int login) { return refresh_token(login, 1); }

 private:
  struct Login {
    int present = 1;  // number of the refresh token that is valid
    int newest = 1;
    int before = 0;  // the one that was rotated last, and until when it is forgiven
    std::chrono::steady_clock::time_point forgiven_until{};
    bool ended = false;
  };

  static std::string refresh_token(int login, int number);
  net::ServerResponse answer(const net::ServerRequest& request);
  net::ServerResponse refresh(const std::string& token);
  net::ServerResponse tokens(int login, int number);

  OrgCounts& counts_;
  const std::chrono::seconds grace_;
  std::mutex mutex_;
  std::mt19937_64 random_;
  std::map<int, Login> logins_{{1, {}}};
};

}  // namespace soak
