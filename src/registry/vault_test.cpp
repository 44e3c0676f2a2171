#include "registry/vault.h"

#include <chrono>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "registry/test_sts.h"

namespace registry {
namespace {

using core::json::Object;
using std::chrono::hours;
using test::kUser;
using testing::Eq;
using testing::Ne;

constexpr std::string_view kSecretOrn = "orn:okta:pam:00o:secrets:1";
constexpr std::string_view kAccountOrn = "orn:okta:pam:00o:apps:github:0oa1:service_accounts:2";

class VaultTest : public test::ServiceFixture {
 protected:
  void SetUp() override {
    world_.store(service_);
    secret_.sealed =
        *service_.vault->seal(R"({"apiKey":"s3cr3t","url":"https://x"})", vault_secret_context(secret_.id));
    account_.sealed_password = *service_.vault->seal("hunter2", service_account_context(account_.id));
    Connection to_secret{.id = "mcnSecret00000000000",
                         .owner = world_.agent.id,
                         .type = ConnectionType::sts_vault_secret,
                         .secret = secret_.id,
                         .resource_indicator = std::string(kSecretOrn)};
    Connection to_account{.id = "mcnAccount0000000000",
                          .owner = world_.agent.id,
                          .type = ConnectionType::sts_service_account,
                          .service_account = account_.id,
                          .resource_indicator = std::string(kAccountOrn)};
    for (Row row : {to_row(secret_), to_row(account_), to_row(to_secret), to_row(to_account)})
      ASSERT_TRUE(store().transaction([&](Transaction& tx) { return tx.insert(row); }));
  }

  core::Result<Object> redeem(std::string_view type, std::string_view resource) {
    StsRequest request = world_.request();
    request.requested_token_type = type;
    request.resource = resource;
    return redeem_sts(service_, request);
  }
  std::string key_of(Kind kind, const std::string& id, std::string_view member) {
    const auto row = store().get(kind, id);
    const std::string sealed(core::json::string_or_empty((*row)->body, member));
    return sealed.substr(0, sealed.find('.'));
  }
  // Every page of one run.
  int reseal() {
    std::string after;
    int pages = 0;
    do {
      const auto done = reseal_page(service_, after);
      EXPECT_TRUE(done) << core::describe(done.error());
    } while (++pages < 50 && !after.empty());
    return pages;
  }

  test::StsWorld world_;
  VaultSecret secret_{.id = "6f1c5d3e-0000-4000-8000-000000000001", .name = "api", .keys = {"apiKey", "url"}};
  ServiceAccount account_{
      .id = "6f1c5d3e-0000-4000-8000-000000000002", .app = "github:0oa1", .name = "bot", .username = "bot@x"};
};

TEST_F(VaultTest, ASecretIsGivenAsOktaGivesIt) {
  const auto given = redeem(kVaultedSecret, kSecretOrn);
  ASSERT_TRUE(given) << core::describe(given.error());
  const Object expected{{"issued_token_type", "urn:okta:params:oauth:token-type:vaulted-secret"},
                        {"vaulted_secret", Object{{"apiKey", "s3cr3t"}, {"url", "https://x"}}},
                        {"token_type", "N_A"},
                        {"expires_in", 300}};
  EXPECT_EQ(*given, expected);
  const auto events = test::events_of(service_, "app.oauth2.token.grant.vaulted_secret");
  ASSERT_EQ(events.size(), 1u);
  EXPECT_TRUE(events.front().success);
  EXPECT_EQ(events.front().targets.back().id, secret_.id);
}

TEST_F(VaultTest, AServiceAccountIsGivenAsOktaGivesIt) {
  const auto given = redeem(kServiceAccount, kAccountOrn);
  ASSERT_TRUE(given) << core::describe(given.error());
  const Object expected{{"issued_token_type", "urn:okta:params:oauth:token-type:service-account"},
                        {"service_account", Object{{"username", "bot@x"}, {"password", "hunter2"}}},
                        {"token_type", "N_A"},
                        {"expires_in", 300}};
  EXPECT_EQ(*given, expected);
  EXPECT_EQ(test::events_of(service_, "app.oauth2.token.grant.service_account").size(), 1u);
}

TEST_F(VaultTest, TheTypesAreNotMixed) {
  for (const auto& [type, resource] :
       {std::pair{kVaultedSecret, kAccountOrn}, std::pair{kServiceAccount, kSecretOrn},
        std::pair{kOAuthSts, kSecretOrn}})
    EXPECT_EQ(redeem(type, resource).error().code, "authserver.token_exchange_invalid_resource");
  const auto events = test::events_of(service_, "app.oauth2.token.grant.");
  ASSERT_EQ(events.size(), 3u);
  for (const Event& event : events) EXPECT_FALSE(event.success);
}

TEST_F(VaultTest, WhatIsInactiveIsNotGiven) {
  test::change_row<VaultSecret>(service_, Kind::vault_secret, secret_.id, read_vault_secret,
                                [](VaultSecret& secret) { secret.active = false; });
  EXPECT_EQ(redeem(kVaultedSecret, kSecretOrn).error().code, "authserver.token_exchange_invalid_resource");
  test::change_row<Connection>(service_, Kind::connection, "mcnAccount0000000000", read_connection,
                               [](Connection& connection) { connection.active = false; });
  EXPECT_EQ(redeem(kServiceAccount, kAccountOrn).error().code, "authserver.token_exchange_invalid_resource");
}

TEST_F(VaultTest, RowsAndBack) {
  secret_.description = "d";
  secret_.active = false;
  const auto secret = read_vault_secret(to_row(secret_));
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->name, "api");
  EXPECT_EQ(secret->description, "d");
  EXPECT_FALSE(secret->active);
  EXPECT_EQ(secret->keys, secret_.keys);
  const auto account = read_service_account(to_row(account_));
  ASSERT_TRUE(account);
  EXPECT_EQ(account->app, "github:0oa1");
  EXPECT_EQ(account->username, "bot@x");
  Row broken = to_row(account_);
  broken.status = "PENDING";
  EXPECT_EQ(read_service_account(broken).error().code, "registry.store.unavailable");
}

TEST_F(VaultTest, ResealingGoesOverToTheNewKey) {
  const std::string first = key_of(Kind::vault_secret, secret_.id, "sealed");
  const std::string untouched = core::json::write((*store().get(Kind::vault_secret, secret_.id))->body);
  EXPECT_EQ(reseal(), 7);
  EXPECT_EQ(core::json::write((*store().get(Kind::vault_secret, secret_.id))->body), untouched);

  clock().advance(hours{24 * 31});
  reseal();
  EXPECT_THAT(key_of(Kind::vault_secret, secret_.id, "sealed"), Ne(first));
  EXPECT_THAT(key_of(Kind::service_account, account_.id, "sealedPassword"), Ne(first));
  EXPECT_THAT(key_of(Kind::client_auth_settings, world_.settings.id, "sealedSecret"), Ne(first));
  EXPECT_TRUE(redeem(kVaultedSecret, kSecretOrn));
  EXPECT_TRUE(redeem(kServiceAccount, kAccountOrn));
  const auto settings =
      read_client_auth_settings(**store().get(Kind::client_auth_settings, world_.settings.id));
  EXPECT_EQ(open_secret(service_, *settings)->reveal(), "s3cret/with+signs");
}

TEST_F(VaultTest, WhatNoKeyOpensKeepsNothingElseFromItsNewKey) {
  test::change_row<VaultSecret>(service_, Kind::vault_secret, secret_.id, read_vault_secret,
                                [](VaultSecret& secret) { secret.sealed = "0123456789abcdef.AAAA"; });
  const std::string first = key_of(Kind::service_account, account_.id, "sealedPassword");
  clock().advance(hours{24 * 31});
  reseal();
  EXPECT_THAT(key_of(Kind::vault_secret, secret_.id, "sealed"), Eq("0123456789abcdef"));
  EXPECT_THAT(key_of(Kind::service_account, account_.id, "sealedPassword"), Ne(first));
}

TEST_F(VaultTest, ManyRowsTakeSeveralPages) {
  for (int i = 0; i < 250; ++i) {
    VaultSecret secret{.id = core::SeededRandom(100 + static_cast<std::uint64_t>(i)).uuid(),
                       .name = "many-" + std::to_string(i)};
    secret.sealed = *service_.vault->seal("{}", vault_secret_context(secret.id));
    Row row = to_row(secret);
    ASSERT_TRUE(store().transaction([&](Transaction& tx) { return tx.insert(row); }));
  }
  const std::string first = key_of(Kind::vault_secret, secret_.id, "sealed");
  clock().advance(hours{24 * 31});
  EXPECT_EQ(reseal(), 9);
  const auto rows = store().list({.kind = Kind::vault_secret, .limit = 1000});
  ASSERT_EQ(rows->size(), 251u);
  for (const Row& row : *rows) EXPECT_THAT(key_of(Kind::vault_secret, row.id, "sealed"), Ne(first));
}

TEST_F(VaultTest, TheWorkGoesOnWhereItWasAndComesBackTheNextDay) {
  WorkHandlers handlers;
  add_sts_work(handlers);
  ASSERT_TRUE(schedule_sts_work(service_));
  const std::string first = key_of(Kind::service_account, account_.id, "sealedPassword");
  clock().advance(hours{24 * 31});
  int pages = 0;
  for (int i = 0; i < 20; ++i) {
    const auto work = store().claim("node-1", std::chrono::minutes{1});
    ASSERT_TRUE(work);
    if (!*work) break;
    ASSERT_TRUE(handlers.at((*work)->kind)(core::Context{}, service_, **work));
    if ((*work)->kind == "reseal") ++pages;
  }
  EXPECT_EQ(pages, 7);
  EXPECT_THAT(key_of(Kind::service_account, account_.id, "sealedPassword"), Ne(first));
  clock().advance(hours{25});
  const auto again = store().claim("node-1", std::chrono::minutes{1});
  ASSERT_TRUE(*again);
}

}  // namespace
}  // namespace registry
