#include "devorg/agents.h"

#include <algorithm>
#include <gtest/gtest.h>

#include "core/scratch_directory.h"
#include "devorg/org_people.h"
#include "devorg/test_org.h"
#include "registry/person.h"

namespace devorg {
namespace {

using registry::Kind;

class OrgPeople : public testing::Test {
 protected:
  void SetUp() override {
    auto store = registry::open_store({.url = core::Secret("sqlite:" + place_.path() + "/agents.db")});
    ASSERT_TRUE(store) << core::describe(store.error());
    store_ = with_people_of(org_.server->service(), *std::move(store));
    add_administrators();
  }
  // An active person who administers, and one who does not.
  void add_administrators() {
    Org& org = org_.server->service().org();
    for (std::uint32_t user = 0; user < org.users.size() && other_.empty(); ++user) {
      if (org.users.at(user).status != UserStatus::active) continue;
      if (admin_.empty()) {
        admin_ = org.users.at(user).id();
        const std::uint32_t group = org.find_group_name(kAdministrators);
        if (!org.is_member(group, user)) org.add_member(group, user);
      } else if (!org.is_member(org.find_group_name(kAdministrators), user)) {
        other_ = org.users.at(user).id();
      }
    }
    ASSERT_FALSE(other_.empty());
  }
  registry::Person person(registry::Reader& reader, const std::string& id) {
    const auto found = registry::find_person(reader, id);
    EXPECT_TRUE(found && *found) << id;
    return found && *found ? **found : registry::Person{};
  }

  const core::ScratchDirectory place_;
  TestOrg org_;
  std::unique_ptr<registry::Store> store_;
  std::string admin_, other_;
};

TEST_F(OrgPeople, ArePeopleOfTheRegistryAsTheyAreNow) {
  const registry::Person admin = person(*store_, admin_);
  EXPECT_TRUE(admin.owner && admin.active());
  registry::Person other = person(*store_, other_);
  EXPECT_FALSE(other.owner);
  EXPECT_TRUE(other.active());
  std::string shouted = other.login;
  std::ranges::transform(shouted, shouted.begin(), [](unsigned char c) { return std::toupper(c); });
  const auto by_login = registry::find_person_by_login(*store_, shouted);
  ASSERT_TRUE(by_login && *by_login);
  EXPECT_EQ((*by_login)->id, other_);
  EXPECT_EQ((*by_login)->email, other.email);

  ASSERT_EQ(org_.post("/api/v1/users/" + other_ + "/lifecycle/suspend").status(), 200);
  EXPECT_FALSE(person(*store_, other_).active()) << "who is suspended acts for nobody";
  ASSERT_EQ(org_.post("/api/v1/users/" + other_ + "/lifecycle/unsuspend").status(), 200);
  const auto within = store_->transaction([&](registry::Transaction& tx) -> core::Status {
    EXPECT_TRUE(person(tx, other_).active());
    const auto held = tx.hold(Kind::user, other_);
    EXPECT_TRUE(held && *held);
    return {};
  });
  EXPECT_TRUE(within);
  ASSERT_EQ(org_.post("/api/v1/users/" + other_ + "/lifecycle/deactivate").status(), 200);
  ASSERT_EQ(org_.del("/api/v1/users/" + other_).status(), 204);
  for (const std::string& name : {other_, std::string("00uNobody00000000000")}) {
    const auto found = registry::find_person(*store_, name);
    EXPECT_TRUE(found && !*found) << name;
  }
}

TEST_F(OrgPeople, WhatHappensStandsInTheLogOnceItHasHappened) {
  const auto logged = [&](const std::string& type) {
    return org_
        .walk(
            "/api/v1/logs?since=2020-01-01T00:00:00Z&until=2100-01-01T00:00:00Z&filter=eventType%20eq%20%22" +
                type + "%22",
            "eventType")
        .size();
  };
  const auto emits = [](const std::string& type) {
    return registry::Event{.type = type, .actor = {.id = "system", .type = "SystemPrincipal"}};
  };
  EXPECT_TRUE(
      store_->transaction([&](registry::Transaction& tx) { return tx.emit(emits("agent.test.kept")); }));
  EXPECT_FALSE(store_->transaction([&](registry::Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(tx.emit(emits("agent.test.undone")));
    return core::fail(core::ErrorKind::conflict, "test.no", "No.");
  }));
  EXPECT_EQ(logged("agent.test.kept"), 1u);
  EXPECT_EQ(logged("agent.test.undone"), 0u);
  EXPECT_EQ(store_->events({.type_prefix = "agent.test."})->size(), 1u);
}

}  // namespace
}  // namespace devorg
