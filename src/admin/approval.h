// A person's yes, given outside the conversation: for clients that cannot show a question.
//
// The passphrase a person has set is turned into a signing key (Argon2id → Ed25519); only the public half is
// kept, in STATE_DIR/approval.json. `okta-mcp-server approve PLAN` signs a plan's digest with it; the server
// checks the signature and uses a release once. What somebody with a shell of the same user can still do:
// docs/security.md.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "admin/plan.h"
#include "core/clock.h"
#include "core/result.h"
#include "core/secret.h"

namespace admin {

struct PendingPlan {
  std::string id;
  std::string digest;
  std::string text;  // as the person is shown it; the digest was made over it
  std::string org;   // its URL, as the text says
  core::WallTime expires{};
};

// Files in STATE_DIR/plans; safe between processes and threads.
class Approvals {
 public:
  static constexpr std::chrono::minutes kPendingFor{60};   // a plan waits that long for its release
  static constexpr std::chrono::minutes kReleasedFor{15};  // a release is good for that long

  Approvals(std::string state_dir, core::Clock& clock) : dir_(std::move(state_dir)), clock_(&clock) {}

  bool passphrase_set() const;
  // At least 8 characters. Error admin.approval.weak.
  core::Status set_passphrase(const core::Secret& passphrase);

  // Error admin.approval.passphrase.
  core::Status check_passphrase(const core::Secret& passphrase) const;

  core::Status save(const Plan& plan);
  // Errors: admin.approval.unknown, admin.approval.expired.
  core::Result<PendingPlan> load(const std::string& id) const;
  std::vector<PendingPlan> pending() const;

  // Errors: admin.approval.no_passphrase, admin.approval.passphrase, and those of load().
  core::Status release(const std::string& id, const core::Secret& passphrase);

  // True at most once for each release, whoever asks first; the plan must be the one that was released, to
  // the letter.
  core::Result<bool> take_release(const Plan& plan);

 private:
  std::string plan_file(const std::string& id) const;
  std::string release_file(const std::string& id) const;

  std::string dir_;
  core::Clock* clock_;
};

}  // namespace admin
