#include "catalogue/operations.h"

#include <algorithm>
#include <fstream>
#include <gmock/gmock.h>
#include <map>
#include <set>
#include <sstream>

#include "core/json.h"

namespace catalogue {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string id_of(std::string_view method, std::string_view path) {
  const Operation* operation = match_operation(method, path);
  return operation ? std::string(operation->id) : "-";
}

// A concrete path for a template: every parameter becomes a value no literal has.
std::string concrete(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '{') {
      i = path.find('}', i);
      out += "00x7";
    } else {
      out += path[i];
    }
  }
  return out;
}

TEST(Operations, HoldsThePublicApiAndTheSuperset) {
  // 732 public operations, 809 in the superset, 813 distinct ones; 9 that no description holds.
  EXPECT_EQ(operations().size(), 822u);
  std::map<std::string_view, int> methods;
  std::set<std::string_view> ids;
  for (const auto& operation : operations()) {
    ++methods[operation.method];
    ids.insert(operation.id);
  }
  EXPECT_EQ(ids.size(), operations().size());
  EXPECT_EQ(methods["GET"], 323);
  EXPECT_EQ(methods["POST"], 266);
  EXPECT_EQ(methods["DELETE"], 119);
  EXPECT_EQ(methods["PUT"], 97);
  EXPECT_EQ(methods["PATCH"], 17);
}

TEST(Operations, AreOrderedByPathAndMethod) {
  EXPECT_TRUE(std::is_sorted(operations().begin(), operations().end(), [](const auto& a, const auto& b) {
    return std::tie(a.path, a.method) < std::tie(b.path, b.method);
  }));
}

TEST(Operations, EveryRowIsWhole) {
  for (const auto& operation : operations()) {
    SCOPED_TRACE(operation.id);
    EXPECT_TRUE(operation.path.starts_with('/'));
    EXPECT_TRUE(operation.bucket.starts_with('/'));
    EXPECT_GE(operation.page_maximum, 0);
    if (operation.page_maximum > 0) {
      EXPECT_EQ(operation.method, "GET");
    }
    std::size_t placeholders = 0;
    for (char c : operation.path) placeholders += c == '{';
    std::size_t in_path = 0;
    for (const auto& parameter : operation.parameters) {
      EXPECT_FALSE(parameter.name.empty());
      static const std::set<std::string_view> kTypes = {"string", "integer", "boolean",
                                                        "number", "array",   "object"};
      EXPECT_TRUE(kTypes.contains(parameter.type)) << parameter.name << ": " << parameter.type;
      if (parameter.in != Parameter::In::path) continue;
      ++in_path;
      EXPECT_TRUE(parameter.required) << parameter.name;
      EXPECT_NE(operation.path.find("{" + std::string(parameter.name) + "}"), std::string_view::npos);
    }
    EXPECT_EQ(in_path, placeholders);
    for (auto scope : operation.scopes) {
      EXPECT_TRUE(scope.ends_with(".read") || scope.ends_with(".manage")) << scope;
    }
  }
}

TEST(Operations, EveryOneIsReachableByItsPathAndItsId) {
  for (const auto& operation : operations()) {
    EXPECT_EQ(match_operation(operation.method, concrete(operation.path)), &operation) << operation.path;
    EXPECT_EQ(find_operation(operation.id), &operation);
  }
}

TEST(Operations, LiteralsWinOverParametersFromTheLeft) {
  EXPECT_EQ(id_of("GET", "/api/v1/groups/00g1"), "getGroup");
  EXPECT_EQ(id_of("GET", "/api/v1/groups/rules"), "listGroupRules");
  EXPECT_EQ(id_of("GET", "/api/v1/groups/rules/0pr1"), "getGroupRule");
  EXPECT_EQ(id_of("PUT", "/api/v1/groups/rules"),
            "replaceGroup");  // no PUT on the literal: back to the parameter
  EXPECT_EQ(id_of("POST", "/api/v1/policies/simulate"), "createPolicySimulation");
  EXPECT_EQ(id_of("GET", "/api/v1/policies/simulate"), "getPolicy");
  EXPECT_EQ(id_of("POST", "/api/v1/apps/google/0oa1/oauth2/callback"),
            "verifyProvisioningConnectionForGoogleApplication");
  EXPECT_EQ(id_of("POST", "/api/v1/apps/slack/0oa1/oauth2/callback"),
            "verifyProvisioningConnectionForApplication");
  EXPECT_EQ(id_of("DELETE", "/api/v1/sessions/me"), "closeCurrentSession");
  EXPECT_EQ(id_of("DELETE", "/api/v1/sessions/102"), "revokeSession");
  EXPECT_EQ(id_of("GET", "/api/v1/users/me"), "getUser");
  EXPECT_EQ(id_of("POST", "/api/v1/users/me/lifecycle/delete_sessions"), "endUserSessions");
  EXPECT_EQ(id_of("POST", "/api/v1/users/me/lifecycle/suspend"), "suspendUser");
}

TEST(Operations, NothingElseMatches) {
  for (std::string_view path :
       {"", "/", "api/v1/users", "/api/v1/users/", "/api/v1//users", "/api/v1/users//groups", "/api/v1/Users",
        "/api/v1/nothing", "/api/v1/users/00u1/groups/00g1/more", "/api/v2/users",
        "/api/v1/users?limit=1/x"}) {
    EXPECT_EQ(match_operation("GET", path), nullptr) << path;
  }
  EXPECT_EQ(match_operation("get", "/api/v1/users"), nullptr);
  EXPECT_EQ(match_operation("TRACE", "/api/v1/users"), nullptr);
  EXPECT_EQ(match_operation("PATCH", "/api/v1/users"), nullptr);
  EXPECT_EQ(find_operation("listusers"), nullptr);
  EXPECT_EQ(find_operation(""), nullptr);
  EXPECT_EQ(id_of("HEAD", "/api/v1/users"), "listUsers");
}

TEST(Operations, KnowWhatTheyDo) {
  struct Row {
    std::string_view id;
    Effect effect;
  };
  constexpr Row kRows[] = {
      {"listUsers", Effect::read},
      {"createUser", Effect::create},
      {"updateUser", Effect::update},    // POST on an item merges
      {"replaceUser", Effect::replace},  // PUT
      {"deleteUser", Effect::destroy},
      {"activateUser", Effect::lifecycle},
      {"resetPassword", Effect::lifecycle},
      {"endUserSessions", Effect::lifecycle},
      {"revokeUserSessions", Effect::destroy},
      {"assignUserToGroup", Effect::replace},
      {"unassignUserFromGroup", Effect::destroy},
      {"assignUserToApplication", Effect::create},
      {"updateApplicationUser", Effect::update},
      {"clonePolicy", Effect::create},
      {"uploadApplicationLogo", Effect::update},
      {"changePassword", Effect::update},
      {"updateFeatureLifecycle", Effect::lifecycle},
      {"bulkRemoveEmailAddressBounces", Effect::destroy},
      {"updateAIAgent", Effect::update},  // PATCH
      // POSTs that only look things up.
      {"createPolicySimulation", Effect::read},
      {"submitGroupAttributeQuery", Effect::read},
      // They look like reads and are none.
      {"verifyFactor", Effect::lifecycle},
      {"verifyDomain", Effect::lifecycle},
      {"verifyEmailDomain", Effect::lifecycle},
      {"verifyActions", Effect::lifecycle},
      {"sendTestEmail", Effect::lifecycle},
      {"testEmailServer", Effect::lifecycle},
      {"executeInlineHook", Effect::lifecycle},
      {"getOAuth2AccessTokenForExpressConfiguration", Effect::lifecycle},
      // A GET that needs a .manage scope and still only reads.
      {"getAerialConsent", Effect::read},
  };
  for (const auto& row : kRows) {
    const Operation* operation = find_operation(row.id);
    ASSERT_NE(operation, nullptr) << row.id;
    EXPECT_EQ(operation->effect, row.effect) << row.id << " is " << to_string(operation->effect);
  }
}

// What read-only mode rests on: outside the two lists no method but GET reads, and no GET writes.
TEST(Operations, ReadsAreTheGetsAndTwoPosts) {
  std::vector<std::string_view> reading_posts;
  std::vector<std::string_view> writing_gets;
  for (const auto& operation : operations()) {
    bool reads = operation.effect == Effect::read;
    EXPECT_EQ(reads, !is_write(operation.effect));
    if (operation.method == "GET" && !reads) writing_gets.push_back(operation.id);
    if (operation.method != "GET" && reads) reading_posts.push_back(operation.id);
    if (operation.method == "PUT") {
      EXPECT_EQ(operation.effect, Effect::replace) << operation.id;
    }
    if (operation.method == "PATCH") {
      EXPECT_EQ(operation.effect, Effect::update) << operation.id;
    }
    if (operation.method == "DELETE") {
      EXPECT_EQ(operation.effect, Effect::destroy) << operation.id;
    }
    if (operation.method == "POST" && operation.path.find("/lifecycle/") != std::string_view::npos) {
      EXPECT_EQ(operation.effect, Effect::lifecycle) << operation.id;
    }
  }
  EXPECT_THAT(reading_posts, ElementsAre("submitGroupAttributeQuery", "createPolicySimulation"));
  EXPECT_THAT(writing_gets, ElementsAre("getOAuth2AccessTokenForExpressConfiguration"));
}

TEST(Operations, KnowTheirBucketsAndPages) {
  struct Row {
    std::string_view method, path, bucket;
    std::int64_t page_maximum;
  };
  constexpr Row kRows[] = {
      {"GET", "/api/v1/users", "/api/v1/users", 200},
      {"POST", "/api/v1/users", "/api/v1/users", 0},
      {"GET", "/api/v1/users/00u1", "/api/v1/users/{idOrLogin}", 0},
      {"POST", "/api/v1/users/00u1", "/api/v1/users", 0},
      {"POST", "/api/v1/users/00u1/lifecycle/suspend", "/api/v1/users", 0},
      {"GET", "/api/v1/groups", "/api/v1/groups", 10000},
      {"GET", "/api/v1/groups/00g1", "/api/v1/groups/{id}", 0},
      {"DELETE", "/api/v1/groups/00g1", "/api/v1/groups/{id}", 0},
      {"GET", "/api/v1/groups/00g1/users", "/api/v1/groups", 1000},
      {"GET", "/api/v1/groups/rules", "/api/v1/groups", 200},
      {"GET", "/api/v1/apps", "/api/v1/apps", 200},
      {"PUT", "/api/v1/apps/0oa1", "/api/v1/apps/{id}", 0},
      {"GET", "/api/v1/apps/0oa1/users", "/api/v1/apps", 500},
      {"GET", "/api/v1/logs", "/api/v1/logs", 1000},
      {"GET", "/api/v1/devices", "/api/v1/devices", 200},
      {"GET", "/api/v1/devices/guo1/users", "/api/v1/devices/{id}/users", 0},
      {"GET", "/api/v1/policies/00p1/rules", "/api/v1/policies", 100},
      {"POST", "/api/v1/policies/00p1/rules", "/api/v1/policies", 0},
      {"GET", "/api/v1/iam/roles", "/api/v1/iam/roles", 0},
      {"GET", "/api/v1/iam/resource-sets", "/api/v1/iam/resource-sets", 0},
      {"GET", "/api/v1/org/captcha", "/api/v1/captchas", 0},
      {"GET", "/oauth2/v1/clients/0oa1/roles", "/oauth2/v1/clients", 0},
      {"GET", "/integrations/api/v1/api-services", "/integrations/api/v1/api-services", 0},
      {"GET", "/workload-principals/api/v1/ai-agents", "/workload-principals/api/v1/ai-agents", 200},
  };
  for (const auto& row : kRows) {
    const Operation* operation = match_operation(row.method, row.path);
    ASSERT_NE(operation, nullptr) << row.path;
    EXPECT_EQ(operation->bucket, row.bucket) << row.method << " " << row.path;
    EXPECT_EQ(operation->page_maximum, row.page_maximum) << row.path;
  }
}

TEST(Operations, KnowScopesParametersAndBodies) {
  const Operation* list = find_operation("listUsers");
  ASSERT_NE(list, nullptr);
  EXPECT_THAT(list->scopes, ElementsAre("okta.users.read"));
  EXPECT_FALSE(list->has_request_body);
  auto limit = std::find_if(list->parameters.begin(), list->parameters.end(),
                            [](const Parameter& parameter) { return parameter.name == "limit"; });
  ASSERT_NE(limit, list->parameters.end());
  EXPECT_EQ(limit->in, Parameter::In::query);
  EXPECT_EQ(limit->type, "integer");
  EXPECT_FALSE(limit->required);

  const Operation* update = find_operation("updateUser");
  ASSERT_NE(update, nullptr);
  EXPECT_TRUE(update->has_request_body);
  auto if_match = std::find_if(update->parameters.begin(), update->parameters.end(),
                               [](const Parameter& parameter) { return parameter.name == "If-Match"; });
  ASSERT_NE(if_match, update->parameters.end());
  EXPECT_EQ(if_match->in, Parameter::In::header);

  EXPECT_THAT(find_operation("createGroupPushMapping")->scopes,
              ElementsAre("okta.apps.manage", "okta.groups.manage"));
  EXPECT_THAT(find_operation("getWellknownOrgMetadata")->scopes, IsEmpty());
}

TEST(Operations, AgreeWithThePublishedIndex) {
  std::ifstream file(SHARED_DIR "/okta-reference/operations-index.json");
  if (!file) GTEST_SKIP() << "the shared reference data is not on this machine";
  std::stringstream text;
  text << file.rdbuf();
  auto index = core::json::parse(text.str());
  ASSERT_TRUE(index) << index.error().message;
  ASSERT_EQ(index->as_array().size(), 732u);
  for (const auto& entry : index->as_array()) {
    const Operation* operation = find_operation(core::json::string_or_empty(entry, "op"));
    ASSERT_NE(operation, nullptr) << entry;
    EXPECT_EQ(operation->method, core::json::string_or_empty(entry, "method"));
    EXPECT_EQ(operation->path, core::json::string_or_empty(entry, "path"));
    std::set<std::string> expected;
    for (const auto& scope : entry.at("scopes").as_array()) expected.insert(scope.as_string().c_str());
    EXPECT_EQ(std::set<std::string>(operation->scopes.begin(), operation->scopes.end()), expected)
        << operation->id;
  }
}

TEST(Operations, AManageScopeMayDoForTheReadScopeBesideIt) {
  const struct {
    std::vector<std::string> held;
    std::string_view wanted;
    bool may;
  } cases[] = {
      {{"okta.users.read"}, "okta.users.read", true},
      {{"okta.users.manage"}, "okta.users.read", true},
      {{"okta.users.read"}, "okta.users.manage", false},
      {{"okta.groups.manage"}, "okta.users.read", false},
      {{"okta.users.manage.self"}, "okta.users.read", false},
      {{"okta.users.read.self"}, "okta.users.read", false},
      {{}, "okta.users.read", false},
      {{"openid", "okta.logs.read"}, "okta.logs.read", true},
  };
  for (const auto& c : cases) EXPECT_EQ(may_suffice(c.held, c.wanted), c.may) << c.wanted;
}

}  // namespace
}  // namespace catalogue
