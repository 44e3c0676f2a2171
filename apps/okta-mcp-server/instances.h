// One of several instances behind one address: whether the others are within reach of its state.
//
// What was confirmed, released or written to the audit log counts once for all of them only if they share a
// state store. An instance that was told that there are others, and has met none of them in its store, makes
// no changes; reads need nothing shared.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/result.h"
#include "core/state_store.h"

class Instances {
 public:
  // `address`: what clients call, the same for all; `own`: what only this one has ("host 127.0.0.1:8081").
  Instances(std::shared_ptr<core::StateStore> state, std::string address, const std::string& own);

  // Makes this one known, for a day; every call of may_change() does it too until another one was met.
  core::Status announce();
  // Once another instance was met the answer stays yes. Errors: app.instances.apart, and those of the store.
  core::Status may_change();

 private:
  const std::shared_ptr<core::StateStore> state_;
  const std::string address_;
  const std::string prefix_;
  const std::string key_;
  std::atomic<bool> met_ = false;
};
