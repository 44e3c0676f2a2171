#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>

#include "registry/test_sts.h"
#include "registry/vault.h"
#include "rest/router.h"
#include "rest/test_call.h"

namespace registry {
namespace {

using core::json::Object;
using net::Method;
using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kSecrets = "/privileged-access/api/v1/secrets";
constexpr std::string_view kAccounts = "/privileged-access/api/v1/service-accounts";
constexpr std::string_view kNewSecret =
    R"({"name":"api","description":"of the shop","value":{"apiKey":"s3cr3t","user":"u"}})";

class SecretRoutesTest : public test::ServiceFixture {
 protected:
  void SetUp() override { add_secret_routes(router_, service_); }

  struct Got {
    int status = 0;
    Object body;
    std::string text;
    net::Headers headers;
  };
  Got call(Method method, const std::string& target, std::string body = {}, std::string if_match = {}) {
    rest::TestCall made(target, method, std::move(body));
    made.request->headers.add("Content-Type",
                              method == Method::patch ? "application/merge-patch+json" : "application/json");
    if (!if_match.empty()) made.request->headers.add("If-Match", if_match);
    made.call.caller = {.kind = rest::Caller::Kind::user, .id = "00uAdmin", .name = "Admin"};
    const auto match = router_.match(method, made.request->path);
    if (!match) return {.status = match.error().status};
    made.call.params = match->params;
    const auto reply = match->route->handler(made.call);
    Got got;
    got.status = reply ? reply->status : reply.error().status;
    got.text = reply ? reply->body : rest::write_problem(reply.error(), "oae1");
    if (reply) got.headers = reply->headers;
    if (auto parsed = core::json::parse(got.text); parsed && parsed->is_object())
      got.body = parsed->as_object();
    return got;
  }
  std::string new_secret() {
    return std::string(
        call(Method::post, std::string(kSecrets), std::string(kNewSecret)).body.at("id").as_string());
  }
  std::string container() const { return "orn:okta:idp:" + service_.names.org_id() + ":apps:github:0oa1"; }
  Got new_account(std::string_view name = "bot") {
    return call(Method::post, std::string(kAccounts),
                core::json::write(Object{{"name", name},
                                         {"containerOrn", container()},
                                         {"username", "bot@example.com"},
                                         {"password", "hunter2"}}));
  }
  core::Result<Object> value(const std::string& id) {
    return open_value(service_, *read_vault_secret(**store().get(Kind::vault_secret, id)));
  }

  rest::Router router_;
};

TEST_F(SecretRoutesTest, ASecretIsMadeAndNeverShown) {
  const Got made = call(Method::post, std::string(kSecrets), std::string(kNewSecret));
  ASSERT_EQ(made.status, 201) << made.text;
  const std::string id(made.body.at("id").as_string());
  EXPECT_EQ(made.body.at("orn").as_string(), service_.names.vault_secret(id));
  EXPECT_EQ(made.body.at("keys"), (core::json::Array{"apiKey", "user"}));
  EXPECT_EQ(made.body.at("status"), "ACTIVE");
  EXPECT_EQ(made.headers.get("Location"), "https://org.example" + std::string(kSecrets) + "/" + id);
  EXPECT_EQ(value(id)->at("apiKey"), "s3cr3t");
  for (const Got& got :
       {made, call(Method::get, std::string(kSecrets) + "/" + id), call(Method::get, std::string(kSecrets)),
        call(Method::patch, std::string(kSecrets) + "/" + id, R"({"value":{"apiKey":"n3w"}})")}) {
    EXPECT_LT(got.status, 300);
    EXPECT_THAT(got.text, Not(HasSubstr("s3cr3t")));
    EXPECT_THAT(got.text, Not(HasSubstr("n3w")));
    EXPECT_THAT(got.text, Not(HasSubstr("sealed")));
  }
  for (const Event& event : test::events_of(service_, "pam."))
    EXPECT_THAT(core::json::write(event.debug), Not(HasSubstr("n3w")));
}

TEST_F(SecretRoutesTest, APatchMergesTheValue) {
  const std::string id = new_secret();
  const std::string path = std::string(kSecrets) + "/" + id;
  const Got patched =
      call(Method::patch, path,
           R"({"name":"api-2","description":null,"value":{"apiKey":"new","user":null,"more":"m"}})");
  ASSERT_EQ(patched.status, 200) << patched.text;
  EXPECT_EQ(patched.body.at("name"), "api-2");
  EXPECT_EQ(patched.body.at("description"), "");
  EXPECT_EQ(*value(id), (Object{{"apiKey", "new"}, {"more", "m"}}));
  EXPECT_EQ(call(Method::patch, path, R"({"value":{"apiKey":null,"more":null}})").status, 400);
  EXPECT_EQ(value(id)->size(), 2u);
}

TEST_F(SecretRoutesTest, WhatIsWrongIsNamed) {
  struct Wrong {
    std::string_view body, location;
  };
  const std::string many = [] {
    std::string text = R"({"name":"n","value":{)";
    for (int i = 0; i < 51; ++i) text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + R"(":"v")";
    return text + "}}";
  }();
  const std::string large = R"({"name":"n","value":{"k":")" + std::string(9000, 'x') + R"("}})";
  for (const auto& [body, location] :
       std::initializer_list<Wrong>{{R"({"value":{"k":"v"}})", "name"},
                                    {R"({"name":"","value":{"k":"v"}})", "name"},
                                    {R"({"name":"n"})", "value"},
                                    {R"({"name":"n","value":"v"})", "value"},
                                    {R"({"name":"n","value":{}})", "value"},
                                    {R"({"name":"n","value":{"":"v"}})", "value"},
                                    {R"({"name":"n","value":{"k":7}})", "value"},
                                    {R"({"name":"n","value":{"k":null}})", "value"},
                                    {many, "value"},
                                    {large, "value"},
                                    {R"({"name":"n","value":{"k":"v"},"status":"INACTIVE"})", "status"},
                                    {R"({"name":"n","value":{"k":"v"},"extra":1})", "extra"}}) {
    SCOPED_TRACE(body.substr(0, 80));
    const Got got = call(Method::post, std::string(kSecrets), std::string(body));
    EXPECT_EQ(got.status, 400);
    EXPECT_THAT(got.text, HasSubstr("\"location\":\"" + std::string(location) + "\""));
  }
  EXPECT_TRUE(store().list({.kind = Kind::vault_secret})->empty());
}

TEST_F(SecretRoutesTest, NamesAreUniqueAndVersionsAreHeeded) {
  const std::string id = new_secret();
  const std::string path = std::string(kSecrets) + "/" + id;
  const Got again = call(Method::post, std::string(kSecrets), std::string(kNewSecret));
  EXPECT_EQ(again.status, 409);
  EXPECT_THAT(again.text, HasSubstr("UNIQUE_CONSTRAINT"));
  const std::string tag(call(Method::get, path).headers.get("ETag"));
  ASSERT_FALSE(tag.empty());
  EXPECT_EQ(call(Method::patch, path, R"({"name":"x"})", tag).status, 200);
  EXPECT_EQ(call(Method::patch, path, R"({"name":"y"})", tag).status, 412);
  EXPECT_EQ(call(Method::delete_, path, {}, tag).status, 412);
  EXPECT_EQ(call(Method::get, path).body.at("name"), "x");
}

TEST_F(SecretRoutesTest, LifecycleAndEnd) {
  const std::string id = new_secret();
  const std::string path = std::string(kSecrets) + "/" + id;
  EXPECT_EQ(call(Method::post, path + "/lifecycle/activate").status, 409);
  EXPECT_EQ(call(Method::post, path + "/lifecycle/deactivate").body.at("status"), "INACTIVE");
  EXPECT_EQ(call(Method::post, path + "/lifecycle/deactivate").status, 409);
  EXPECT_EQ(call(Method::post, path + "/lifecycle/activate").body.at("status"), "ACTIVE");

  Connection connection{.id = "mcn1",
                        .owner = "wlp1",
                        .type = ConnectionType::sts_vault_secret,
                        .secret = id,
                        .resource_indicator = "x"};
  Row row = to_row(connection);
  ASSERT_TRUE(store().transaction([&](Transaction& tx) { return tx.insert(row); }));
  const Got used = call(Method::delete_, path);
  EXPECT_EQ(used.status, 409);
  EXPECT_THAT(used.text, HasSubstr("RESOURCE_IN_USE"));
  ASSERT_TRUE(store().transaction([&](Transaction& tx) { return tx.remove(Kind::connection, "mcn1"); }));
  EXPECT_EQ(call(Method::delete_, path).status, 204);
  EXPECT_EQ(call(Method::get, path).status, 404);
  EXPECT_EQ(call(Method::delete_, path).status, 404);
  EXPECT_EQ(call(Method::patch, path, "{}").status, 404);
  std::vector<std::string> types;
  for (const Event& event : test::events_of(service_, "pam.")) types.push_back(event.type);
  EXPECT_THAT(types, testing::ElementsAre("pam.secret.create", "pam.secret.update", "pam.secret.update",
                                          "pam.secret.delete"));
}

TEST_F(SecretRoutesTest, AServiceAccount) {
  const Got made = new_account();
  ASSERT_EQ(made.status, 201) << made.text;
  const std::string id(made.body.at("id").as_string());
  const std::string path = std::string(kAccounts) + "/" + id;
  EXPECT_EQ(made.body.at("orn").as_string(), service_.names.service_account("github:0oa1", id));
  EXPECT_EQ(made.body.at("containerOrn").as_string(), container());
  EXPECT_THAT(made.text, Not(HasSubstr("hunter2")));
  const Got patched = call(Method::patch, path, R"({"password":"hunter3","username":"robot@example.com"})");
  EXPECT_EQ(patched.status, 200);
  EXPECT_THAT(patched.text, Not(HasSubstr("hunter3")));
  const auto stored = read_service_account(**store().get(Kind::service_account, id));
  EXPECT_EQ(open_password(service_, *stored)->reveal(), "hunter3");
  EXPECT_EQ(stored->username, "robot@example.com");
  EXPECT_EQ(call(Method::patch, path, R"({"containerOrn":"x"})").status, 400);
  EXPECT_EQ(test::events_of(service_, "pam.service_account.password.update").size(), 1u);
  EXPECT_EQ(call(Method::delete_, path).status, 204);
}

TEST_F(SecretRoutesTest, AServiceAccountOfNoApp) {
  for (const std::string_view orn :
       {"", "github", "orn:okta:idp:00oOther:apps:github:0oa1", "orn:okta:idp:apps:a:b"}) {
    const Got got = call(Method::post, std::string(kAccounts),
                         core::json::write(Object{
                             {"name", "n"}, {"containerOrn", orn}, {"username", "u"}, {"password", "p"}}));
    EXPECT_EQ(got.status, 400) << orn;
    EXPECT_THAT(got.text, HasSubstr("containerOrn"));
  }
}

TEST_F(SecretRoutesTest, ListsArePaged) {
  for (const std::string_view name : {"a", "b", "c"}) ASSERT_EQ(new_account(name).status, 201);
  const Got first = call(Method::get, std::string(kAccounts) + "?limit=2");
  ASSERT_EQ(first.status, 200) << first.text;
  EXPECT_EQ(first.body.at("data").as_array().size(), 2u);
  const std::string next(core::json::string_or_empty(first.body, "_links.next.href"));
  ASSERT_THAT(next, HasSubstr("after="));
  const Got second = call(Method::get, next.substr(std::string("https://org.example").size()));
  EXPECT_EQ(second.body.at("data").as_array().size(), 1u);
  EXPECT_EQ(call(Method::get, std::string(kAccounts) + "?limit=0").status, 400);
}

TEST_F(SecretRoutesTest, EveryRouteHasItsScope) {
  EXPECT_EQ(router_.routes().size(), 14u);
  for (const auto& route : router_.routes()) {
    EXPECT_TRUE(route->scope.ends_with(route->method == Method::get ? ".read" : ".manage"))
        << route->operation;
    EXPECT_FALSE(route->about.empty());
  }
}

}  // namespace
}  // namespace registry
