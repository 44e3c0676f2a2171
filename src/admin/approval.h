// A person's yes, given outside the conversation: for clients that cannot show a question.
//
// The passphrase a person has set is turned into a signing key (Argon2id → Ed25519); only the public half is
// kept. `okta-mcp-server approve PLAN` signs a plan's digest with it; the server checks the signature and
// uses a release once. What somebody with a shell of the same user can still do: docs/security.md.
//
// All of it are records of the state that the instances share (core/state_store.h): a release is used once
// whoever asks, which takes compare-and-set, and the same code serves one machine (SQLite) and many
// (PostgreSQL). "approval/passphrase", "plans/ID" and "releases/ID" hold JSON with a version.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/plan.h"
#include "core/clock.h"
#include "core/result.h"
#include "core/secret.h"
#include "core/state_store.h"

namespace admin {

struct PendingPlan {
  std::string id;
  std::string digest;
  std::string text;  // as the person is shown it; the digest was made over it
  std::string org;   // its URL, as the text says
  core::WallTime expires{};
};

// Where an earlier version kept the passphrase of what is now this state; empty where it kept none.
inline std::string earlier_passphrase_file(const core::StateStore& state, const std::string& state_dir) {
  return state.remote() ? std::string{} : state_dir + "/approval.json";
}

// Safe between instances and threads. Every function may fail with the errors of the store.
class Approvals {
 public:
  static constexpr std::chrono::minutes kPendingFor{60};   // a plan waits that long for its release
  static constexpr std::chrono::minutes kReleasedFor{15};  // a release is good for that long

  // `state` and `clock` outlive this. A passphrase that an earlier version kept in `passphrase_file` is taken
  // over at the first look, and the file removed; empty: there is none.
  Approvals(core::StateStore& state, core::Clock& clock, std::string passphrase_file = {})
      : state_(&state), clock_(&clock), passphrase_file_(std::move(passphrase_file)) {}

  core::Result<bool> passphrase_set() const;
  // At least 8 characters. Error admin.approval.weak.
  core::Status set_passphrase(const core::Secret& passphrase);

  // Error admin.approval.passphrase.
  core::Status check_passphrase(const core::Secret& passphrase) const;

  core::Status save(const Plan& plan);
  // Errors: admin.approval.unknown, admin.approval.expired.
  core::Result<PendingPlan> load(const std::string& id) const;
  // At most core::StateStore::kMaxList.
  core::Result<std::vector<PendingPlan>> pending() const;

  // Errors: admin.approval.no_passphrase, admin.approval.passphrase, and those of load().
  core::Status release(const std::string& id, const core::Secret& passphrase);

  // True at most once for each release, whoever asks first; the plan must be the one that was released, to
  // the letter.
  core::Result<bool> take_release(const Plan& plan);

 private:
  struct Passphrase;
  core::Result<Passphrase> passphrase() const;
  core::Status take_over_file() const;

  core::StateStore* state_;
  core::Clock* clock_;
  std::string passphrase_file_;
};

}  // namespace admin
