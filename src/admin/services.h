// What tools work with: the org, the clock, the books. One per process and org.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "admin/approval.h"
#include "admin/audit.h"
#include "admin/tool_row.h"
#include "core/clock.h"
#include "core/result.h"
#include "core/state_store.h"
#include "okta/org.h"

namespace admin {

struct ServicesOptions {
  std::string principal;  // who acts, as audit lines name it
  std::string state_dir;
  // What the instances share; null: this one's own, in state_dir.
  std::shared_ptr<core::StateStore> state = nullptr;
  std::vector<std::string> configured_scopes;  // OKTA_SCOPES; empty when not set
  std::string toolset;                         // areas to offer, separated by commas; empty for all
  std::size_t answer_budget_tokens = 6000;
  bool read_only = false;
  // Asked before each change, beyond what is read only: an error is why not now. Empty: nothing stands
  // against it.
  std::function<core::Status()> may_change = nullptr;
  bool remote_callers = false;       // they cannot reach files on this machine, so none are written for them
  std::string org_name;              // where several orgs are configured
  std::vector<std::string> notices;  // about the settings, for status
};

// What a change is about: the objects that its call names. For those who watch them.
struct Touched {
  struct Object {
    Type type;                       // of one object: user, group, ...
    std::vector<std::string> names;  // the id, and what else it is known to be called
  };
  std::string org_name;  // empty where there is only one
  std::vector<Object> objects;
};

// Told after each request of a change that took effect, or may have. On the thread of the call, so it is
// quick.
using ChangeListener = std::function<void(const Touched&)>;

class Services {
 public:
  using Granted = std::function<std::optional<std::vector<std::string>>()>;

  // `org` is asked at each call: its error says which setting is missing, and the tool list is served all the
  // same. `granted` tells what the login is known to have, without making one or touching anything slow.
  Services(ServicesOptions options, std::function<core::Result<okta::Org*>()> org, Granted granted,
           core::Clock& clock)
      : options_(std::move(options)),
        org_(std::move(org)),
        granted_(std::move(granted)),
        clock_(&clock),
        state_(options_.state ? options_.state : core::directory_state(options_.state_dir, clock)),
        audit_(*state_, clock),
        approvals_(*state_, clock, earlier_passphrase_file(*state_, options_.state_dir)) {}

  core::Result<okta::Org*> org() const { return org_(); }
  core::Clock& clock() const { return *clock_; }
  core::StateStore& state() { return *state_; }
  AuditLog& audit() { return audit_; }
  Approvals& approvals() { return approvals_; }
  const ServicesOptions& options() const { return options_; }

  // Before calls are made. What stands in `listener` then is told.
  void tell_changes(std::shared_ptr<const ChangeListener> listener) { listener_ = std::move(listener); }
  void changed(const Touched& touched) const {
    if (listener_ && *listener_) (*listener_)(touched);
  }

  // The scopes the present login has, else those configured; nullopt when neither is known. Asks nobody.
  std::optional<std::vector<std::string>> known_scopes() const;

 private:
  ServicesOptions options_;
  std::function<core::Result<okta::Org*>()> org_;
  Granted granted_;
  core::Clock* clock_;
  std::shared_ptr<core::StateStore> state_;
  AuditLog audit_;
  Approvals approvals_;
  std::shared_ptr<const ChangeListener> listener_;
};

}  // namespace admin
