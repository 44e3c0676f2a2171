#include "registry/names.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <set>

namespace registry {
namespace {

TEST(NewId, SortsByTheTimeOfItsMaking) {
  core::FakeClock clock;
  core::SeededRandom random(1);
  std::vector<std::string> ids;
  // Steps that carry into every digit of the time.
  for (const std::int64_t step : {1, 1, 60, 1, 3843, 238'328, 14'776'336, 916'132'832, 1}) {
    ids.push_back(new_id("ems", clock, random));
    clock.advance(std::chrono::milliseconds{step});
  }
  EXPECT_TRUE(std::ranges::is_sorted(ids));
}

TEST(NewId, HasOktasShape) {
  core::FakeClock clock;
  core::SeededRandom random(1);
  for (const std::string_view prefix : {"ems", "wlp", "00u", "op-"}) {
    const std::string id = new_id(prefix, clock, random);
    EXPECT_EQ(id.size(), 20u);
    EXPECT_TRUE(id.starts_with(prefix));
    EXPECT_EQ(
        id.find_first_not_of("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", prefix.size()),
        std::string::npos)
        << id;
  }
}

TEST(NewId, DiffersWithinAMillisecond) {
  core::FakeClock clock;
  core::SeededRandom random(1);
  std::set<std::string> ids;
  for (int i = 0; i < 10'000; ++i) ids.insert(new_id("ems", clock, random));
  EXPECT_EQ(ids.size(), 10'000u);
}

struct NameCase {
  std::string name;
  std::string_view shape;
  std::string_view kind;
  std::string_view id;
};

TEST(ResourceNames, AreOktasAndReadBack) {
  const ResourceNames names("00oOrg");
  const NameCase cases[] = {
      {names.mcp_server("ems1"), "orn:okta:directory:00oOrg:resource-servers:mcp:ems1",
       "resource-servers:mcp", "ems1"},
      {names.custom_as("aus1"), "orn:okta:idp:00oOrg:authorization_servers:aus1", "authorization_servers",
       "aus1"},
      {names.client_auth_settings("rsc1"), "orn:okta:idp:00oOrg:client_auth_settings:rsc1",
       "client_auth_settings", "rsc1"},
      {names.ai_agent("wlp1"), "orn:okta:directory:00oOrg:workload-principals:ai-agents:wlp1",
       "workload-principals:ai-agents", "wlp1"},
      {names.mcp_client("wlp2"), "orn:okta:directory:00oOrg:workload-principals:mcp:wlp2",
       "workload-principals:mcp", "wlp2"},
      {names.connection("mcn1"), "orn:okta:idp:00oOrg:connections:mcn1", "connections", "mcn1"},
      {names.vault_secret("7c0e"), "orn:okta:pam:00oOrg:secrets:7c0e", "secrets", "7c0e"},
      {names.service_account("0oa1", "9a"), "orn:okta:pam:00oOrg:apps:0oa1:service_accounts:9a",
       "apps:0oa1:service_accounts", "9a"},
      {names.user("00u1"), "orn:okta:directory:00oOrg:users:00u1", "users", "00u1"},
      {names.tool("ems1", "emt1"), "orn:okta:directory:00oOrg:resource-servers:mcp:ems1:tools:emt1",
       "resource-servers:mcp:ems1:tools", "emt1"},
  };
  for (const auto& [name, shape, kind, id] : cases) {
    EXPECT_EQ(name, shape);
    EXPECT_EQ(names.id_of(name, kind), id) << name;
    EXPECT_EQ(ResourceNames("00oOther").id_of(name, kind), "") << "another org's";
    EXPECT_EQ(ResourceNames("00oOrg", "okta-emea").id_of(name, kind), "") << "another partition's";
  }
}

TEST(ResourceNames, TakeHyphensForUnderscores) {
  const ResourceNames names("00oOrg");
  EXPECT_EQ(names.id_of("orn:okta:idp:00oOrg:authorization-servers:aus1", "authorization_servers"), "aus1");
  EXPECT_EQ(names.id_of("orn:okta:idp:00oOrg:client-auth-settings:rsc1", "client_auth_settings"), "rsc1");
}

TEST(ResourceNames, RefuseWhatIsNotExactlyOne) {
  const ResourceNames names("00oOrg");
  for (const std::string_view name :
       {"", "orn",
        "orn:okta:directory:00oOrg:resource-servers:mcp:", "orn:okta:directory:00oOrg:resource-servers:mcp",
        "orn:okta:directory:00oOrg:resource-servers:mcp:ems1:tools:emt1",
        "orn:okta:directory:00oOrg:resource-servers:mcp:ems1/x",
        "orn:okta:directory:00oOrg:resource-servers:mcp:a b",
        "xorn:okta:directory:00oOrg:resource-servers:mcp:ems1", "orn:okta:directory:00oOrg:users:00u1"}) {
    EXPECT_EQ(names.id_of(name, "resource-servers:mcp"), "") << name;
  }
}

}  // namespace
}  // namespace registry
