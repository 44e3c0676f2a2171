// Makes a realistic org out of a seed: the same seed, size and start time give the same org on every machine.
#pragma once

#include <cstdint>
#include <memory>

#include "core/clock.h"
#include "core/result.h"
#include "devorg/org.h"

namespace devorg {

// Raised whenever the same seed gives another org: data files of another version are refused.
inline constexpr int kGeneratorVersion = 1;

struct GenerateOptions {
  std::uint32_t users = 2000;  // 1 to 1,000,000
  std::uint64_t seed = 1;
  core::WallTime now{};              // all times in the org are relative to this
  std::size_t max_events = 500'000;  // of generated history; large orgs keep a sample of their sign-ins
};

// Error devorg.generate for a size outside the limits. A million users take seconds and some 150 MB.
core::Result<std::unique_ptr<Org>> generate(const GenerateOptions& options);

// One part each, so that each can be read on its own; generate() calls them in this order.
class Dice;
void generate_users(Org& org, const GenerateOptions& options, Dice& dice);
void generate_groups(Org& org, const GenerateOptions& options, Dice& dice);
void generate_apps(Org& org, const GenerateOptions& options, Dice& dice);
void generate_policies(Org& org, const GenerateOptions& options, Dice& dice);
void generate_events(Org& org, const GenerateOptions& options, Dice& dice);

// splitmix64: fast, and the same everywhere.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t value = state_ += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }
  // 0 to limit - 1. The bias of the remainder does not matter for test data.
  std::uint32_t below(std::uint32_t limit) { return static_cast<std::uint32_t>((next() >> 16) % limit); }
  bool one_in(std::uint32_t times) { return below(times) == 0; }
  // Okta-shaped: prefix, 14 characters, and the three of the org's cell.
  std::string id(std::string_view prefix);

 private:
  std::uint64_t state_;
};

}  // namespace devorg
