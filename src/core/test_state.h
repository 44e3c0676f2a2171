// A state store for a test, of either kind. Instances are further stores on the same state.
#pragma once

#include <gtest/gtest.h>
#include <memory>
#include <string>

#include "core/scratch_directory.h"
#include "core/state_store.h"
#include "core/test_postgres.h"

namespace core::test {

enum class StateKind { directory, postgres };

inline std::string name_of(const testing::TestParamInfo<StateKind>& info) {
  return info.param == StateKind::directory ? "directory" : "postgres";
}

class StatePlace {
 public:
  explicit StatePlace(StateKind kind) : kind_(kind) {
    if (kind == StateKind::postgres) server_ = PostgresServer::start();
  }
  bool available() const { return kind_ == StateKind::directory || server_ != nullptr; }
  std::unique_ptr<StateStore> instance() {
    if (kind_ == StateKind::directory) return directory_state(directory(), clock);
    return postgres_state({.connection = Secret(server_->uri()), .clock = &clock});
  }
  std::string directory() const { return scratch_.path() + "/state"; }
  PostgresServer& server() { return *server_; }
  StateKind kind() const { return kind_; }

  FakeClock clock;

 private:
  const StateKind kind_;
  ScratchDirectory scratch_;
  std::unique_ptr<PostgresServer> server_;
};

// The place as place_, two instances as store_ and other_.
class AnyState : public testing::TestWithParam<StateKind> {
 protected:
  void SetUp() override {
    if (!place_.available()) GTEST_SKIP() << PostgresServer::kAbsent;
    store_ = place_.instance();
    other_ = place_.instance();
  }
  StatePlace place_{GetParam()};
  std::unique_ptr<StateStore> store_, other_;
};

}  // namespace core::test
