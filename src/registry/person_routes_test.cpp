#include <gtest/gtest.h>

#include "core/json.h"
#include "registry/person.h"
#include "registry/service.h"
#include "registry/test_store.h"
#include "rest/test_call.h"

namespace registry {
namespace {

using core::json::string_or_empty;
using core::json::Value;
using net::Method;

class PersonRoutes : public test::AnyService {
 protected:
  void SetUp() override {
    AnyService::SetUp();
    if (IsSkipped()) return;
    add_person_routes(router_, service_);
  }

  struct Got {
    int status = 0;
    Value body;
    net::Headers headers;
    std::string_view text(std::string_view path) const { return string_or_empty(body, path); }
    std::string_view cause(std::string_view member) const {
      const auto* causes = body.is_object() ? body.get_object().if_contains("errorCauses") : nullptr;
      return causes && !causes->get_array().empty() ? string_or_empty(causes->get_array()[0], member)
                                                    : std::string_view{};
    }
  };
  Got call(Method method, std::string target, std::string body = {}, std::string if_match = {}) {
    rest::TestCall made(std::move(target), method, std::move(body));
    if (!if_match.empty()) made.request->headers.set("If-Match", if_match);
    made.call.caller = {.kind = rest::Caller::Kind::user, .id = "00uCaller", .name = "Caller"};
    auto match = router_.match(method, made.request->path);
    if (!match) return {.status = match.error().status, .body = {}, .headers = {}};
    made.call.params = match->params;
    auto reply = match->route->handler(made.call);
    Got got;
    got.status = reply ? reply->status : reply.error().status;
    const std::string text = reply ? reply->body : rest::write_problem(reply.error(), "oae1");
    if (!text.empty()) got.body = core::json::parse(text).value_or(Value(text));
    if (reply) got.headers = reply->headers;
    return got;
  }
  Got add(std::string_view login, std::string_view more = {}) {
    return call(Method::post, "/api/v1/users",
                fmt::format(R"({{"profile":{{"login":"{}","email":"{}"{}}}}})", login, login, more));
  }
  std::vector<std::string> events(std::string_view about) {
    std::vector<std::string> types;
    const auto found = store().events({.about = std::string(about)});
    EXPECT_TRUE(found.has_value());
    if (found)
      for (const auto& event : *found) types.push_back(event.type);
    return types;
  }

  rest::Router router_;
};

TEST_P(PersonRoutes, APersonIsMadeReadChangedAndDeleted) {
  const auto made = add("ada@example.com", R"(,"firstName":"Ada","lastName":"Lovelace")");
  ASSERT_EQ(made.status, 200);
  const std::string id(made.text("id"));
  EXPECT_TRUE(id.starts_with("00u"));
  EXPECT_EQ(made.text("status"), "ACTIVE");
  EXPECT_EQ(made.text("profile.firstName"), "Ada");
  EXPECT_EQ(made.text("_links.self.href"), "https://org.example/api/v1/users/" + id);
  EXPECT_EQ(call(Method::get, "/api/v1/users/" + id).text("profile.login"), "ada@example.com");
  EXPECT_EQ(call(Method::get, "/api/v1/users/ADA@example.com").text("id"), id);

  const std::string tag(call(Method::get, "/api/v1/users/" + id).headers.get("ETag"));
  EXPECT_EQ(call(Method::post, "/api/v1/users/" + id, R"({"profile":{"firstName":"Augusta"}})", tag)
                .text("profile.firstName"),
            "Augusta");
  EXPECT_EQ(call(Method::post, "/api/v1/users/" + id, R"({"profile":{"firstName":"B"}})", tag).status, 412);
  const auto now = call(Method::get, "/api/v1/users/" + id);
  EXPECT_EQ(now.text("profile.firstName"), "Augusta");
  EXPECT_EQ(now.text("profile.lastName"), "Lovelace");

  EXPECT_EQ(call(Method::post, "/api/v1/users/" + id + "/lifecycle/deactivate").status, 200);
  EXPECT_EQ(call(Method::get, "/api/v1/users/" + id).text("status"), "DEPROVISIONED");
  EXPECT_EQ(call(Method::post, "/api/v1/users/" + id + "/lifecycle/activate").status, 200);
  const auto twice = call(Method::post, "/api/v1/users/" + id + "/lifecycle/activate");
  EXPECT_EQ(twice.status, 403);
  EXPECT_EQ(twice.cause("reason"), "INVALID_STATE_TRANSITION");
  EXPECT_EQ(call(Method::delete_, "/api/v1/users/" + id).status, 204);
  EXPECT_EQ(call(Method::get, "/api/v1/users/" + id).text("status"), "DEPROVISIONED");
  EXPECT_EQ(call(Method::delete_, "/api/v1/users/" + id).status, 204);
  EXPECT_EQ(call(Method::get, "/api/v1/users/" + id).status, 404);
  EXPECT_EQ(events(id),
            (std::vector<std::string>{"user.lifecycle.create", "user.account.update_profile",
                                      "user.lifecycle.deactivate", "user.lifecycle.activate",
                                      "user.lifecycle.deactivate", "user.lifecycle.delete.initiated"}));
}

TEST_P(PersonRoutes, BadBodiesAreRefusedByTheMemberTheyAreAbout) {
  ASSERT_EQ(add("ada@example.com").status, 200);
  const struct {
    std::string_view body;
    int status;
    std::string_view reason, location;
  } rows[] = {
      {R"({})", 400, "REQUIRED_PROPERTY", "profile"},
      {R"({"profile":{"email":"a@b.c"}})", 400, "REQUIRED_PROPERTY", "profile.login"},
      {R"({"profile":{"login":"x"}})", 400, "INVALID_FORMAT", "profile.login"},
      {R"({"profile":{"login":"a b c"}})", 400, "INVALID_FORMAT", "profile.login"},
      {R"({"profile":{"login":7}})", 400, "INVALID_FORMAT", "profile.login"},
      {R"({"profile":{"login":"grace","email":"nothing"}})", 400, "INVALID_FORMAT", "profile.email"},
      {R"({"profile":{"login":"grace","height":"1"}})", 400, "UNKNOWN_PROPERTY", "profile.height"},
      {R"({"profile":{"login":"grace"},"credentials":{}})", 400, "UNKNOWN_PROPERTY", "credentials"},
      {R"({"profile":{"login":"ADA@example.com"}})", 409, "UNIQUE_CONSTRAINT", "profile.login"},
  };
  for (const auto& row : rows) {
    const auto got = call(Method::post, "/api/v1/users", std::string(row.body));
    EXPECT_EQ(got.status, row.status) << row.body;
    EXPECT_EQ(got.cause("reason"), row.reason) << row.body;
    EXPECT_EQ(got.cause("location"), row.location) << row.body;
  }
  EXPECT_EQ(call(Method::post, "/api/v1/users", "[]").status, 400);
  EXPECT_EQ(call(Method::get, "/api/v1/users").body.get_array().size(), 1u);
}

TEST_P(PersonRoutes, ListsArePagedAndSearched) {
  for (int i = 0; i < 7; ++i) ASSERT_EQ(add(fmt::format("person{}@example.com", i)).status, 200);
  ASSERT_EQ(add("grace@other.example", R"(,"lastName":"Hopper")").status, 200);
  call(Method::post, "/api/v1/users/person6@example.com/lifecycle/deactivate");
  std::vector<std::string> seen;
  std::string target = "/api/v1/users?limit=3";
  for (int pages = 0; pages < 5 && !target.empty(); ++pages) {
    const auto got = call(Method::get, target);
    ASSERT_EQ(got.status, 200);
    for (const auto& one : got.body.get_array()) seen.emplace_back(string_or_empty(one, "profile.login"));
    target.clear();
    for (const auto link : got.headers.all("Link")) {
      if (!link.ends_with("rel=\"next\"")) continue;
      target =
          std::string(link.substr(1, link.find('>') - 1)).substr(std::string("https://org.example").size());
    }
  }
  EXPECT_EQ(seen.size(), 7u);  // without the deactivated one
  const struct {
    std::string_view query;
    std::size_t count;
  } rows[] = {{"q=PERSON", 6},
              {"q=hopper", 1},
              {"q=nobody", 0},
              {"search=profile.login%20sw%20%22person%22", 7},
              {"search=status%20eq%20%22DEPROVISIONED%22", 1},
              {"filter=profile.login%20eq%20%22grace@other.example%22", 1}};
  for (const auto& row : rows) {
    const auto got = call(Method::get, "/api/v1/users?" + std::string(row.query));
    ASSERT_TRUE(got.body.is_array()) << row.query;
    EXPECT_EQ(got.body.get_array().size(), row.count) << row.query;
  }
  const auto bad = call(Method::get, "/api/v1/users?search=profile.login%20xx%20%22a%22");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(bad.text("errorCode"), "E0000031");
}

TEST_P(PersonRoutes, TheLastOwnerStaysOne) {
  const std::string ada(add("ada@example.com").text("id"));
  const std::string grace(add("grace@example.com").text("id"));
  const auto roles = [](const std::string& id) { return "/api/v1/users/" + id + "/roles"; };
  EXPECT_EQ(call(Method::post, roles(ada), R"({"type":"ORG_ADMIN"})").status, 400);
  EXPECT_EQ(call(Method::post, roles(ada), R"({"type":"SUPER_ADMIN"})").status, 201);
  EXPECT_EQ(call(Method::post, roles(ada), R"({"type":"SUPER_ADMIN"})").status, 409);
  EXPECT_EQ(call(Method::get, roles(ada)).body.get_array().size(), 1u);
  const auto last = call(Method::delete_, roles(ada) + "/SUPER_ADMIN");
  EXPECT_EQ(last.status, 409);
  EXPECT_EQ(last.cause("reason"), "LAST_OWNER");
  EXPECT_EQ(call(Method::post, roles(grace), R"({"type":"SUPER_ADMIN"})").status, 201);
  EXPECT_EQ(call(Method::delete_, roles(ada) + "/SUPER_ADMIN").status, 204);
  EXPECT_TRUE(call(Method::get, roles(ada)).body.get_array().empty());
}

TEST_P(PersonRoutes, TheFirstOwnerIsMadeOnce) {
  auto made = ensure_first_owner(service_, "ada@example.com");
  ASSERT_TRUE(made.has_value());
  EXPECT_TRUE(*made);
  made = ensure_first_owner(service_, "eve@example.com");
  ASSERT_TRUE(made.has_value());
  EXPECT_FALSE(*made);
  EXPECT_FALSE(find_person_by_login(store(), "eve@example.com")->has_value());
  const auto ada = find_person_by_login(store(), "ADA@example.com");
  ASSERT_TRUE(ada.has_value() && ada->has_value());
  EXPECT_TRUE((*ada)->owner);
  EXPECT_TRUE((*ada)->active());
}

constexpr std::string_view kProvider =
    R"({"type":"OIDC","name":"Corp","protocol":{"issuer":{"url":)"
    R"("https://login.example"},"credentials":{"client":{"client_id":"c1",)"
    R"("client_secret":"very secret"}},"scopes":["openid","email"]},)"
    R"("policy":{"provisioning":{"action":"AUTO"},"subject":{"matchType":)"
    R"("EMAIL","allowedDomains":["Example.COM"]}}})";

TEST_P(PersonRoutes, AProvidersSecretIsSealedAndNeverShown) {
  const auto made = call(Method::post, "/api/v1/idps", std::string(kProvider));
  ASSERT_EQ(made.status, 200);
  const std::string id(made.text("id"));
  EXPECT_TRUE(id.starts_with("0oa"));
  EXPECT_EQ(made.text("protocol.credentials.client.token_endpoint_auth_method"), "client_secret_basic");
  EXPECT_EQ(made.text("policy.provisioning.action"), "AUTO");
  EXPECT_EQ(made.text("policy.accountLink.action"), "AUTO");
  EXPECT_EQ(made.text("_links.clientRedirectUri.href"), "https://org.example/login/callback");
  EXPECT_FALSE(core::json::write(made.body).contains("very secret"));
  const auto row = store().get(Kind::identity_provider, id);
  ASSERT_TRUE(row.has_value() && row->has_value());
  EXPECT_FALSE(core::json::write((*row)->body).contains("very secret"));
  auto provider = read_identity_provider(**row);
  ASSERT_TRUE(provider.has_value());
  EXPECT_EQ(service_.vault->open(provider->sealed_secret, IdentityProvider::secret_context(id)).value(),
            "very secret");
  EXPECT_EQ(provider->allowed_domains, std::vector<std::string>{"example.com"});

  // What was read may be sent back: the secret stays.
  const auto replaced = call(Method::put, "/api/v1/idps/" + id, core::json::write(made.body));
  ASSERT_EQ(replaced.status, 200) << core::json::write(replaced.body);
  provider = read_identity_provider(**store().get(Kind::identity_provider, id));
  EXPECT_EQ(service_.vault->open(provider->sealed_secret, IdentityProvider::secret_context(id)).value(),
            "very secret");
  // And it goes to no other issuer.
  Value other = made.body;
  other.at("protocol").at("issuer").at("url") = "https://evil.example";
  const auto moved = call(Method::put, "/api/v1/idps/" + id, core::json::write(other));
  EXPECT_EQ(moved.status, 400);
  EXPECT_EQ(moved.cause("location"), "protocol.credentials.client.client_secret");

  EXPECT_EQ(call(Method::post, "/api/v1/idps/" + id + "/lifecycle/deactivate").text("status"), "INACTIVE");
  EXPECT_EQ(call(Method::post, "/api/v1/idps/" + id + "/lifecycle/activate").text("status"), "ACTIVE");
  EXPECT_EQ(call(Method::post, "/api/v1/idps", std::string(kProvider)).status, 409);
  EXPECT_EQ(call(Method::get, "/api/v1/idps").body.get_array().size(), 1u);
  EXPECT_EQ(call(Method::delete_, "/api/v1/idps/" + id).status, 204);
  EXPECT_EQ(call(Method::get, "/api/v1/idps/" + id).status, 404);
  EXPECT_EQ(events(id),
            (std::vector<std::string>{"system.idp.lifecycle.create", "system.idp.lifecycle.update",
                                      "system.idp.lifecycle.deactivate", "system.idp.lifecycle.activate",
                                      "system.idp.lifecycle.delete"}));
}

TEST_P(PersonRoutes, AProvidersBodyIsClosed) {
  const struct {
    std::string_view path;  // of the member that is replaced
    std::string_view value;
    std::string_view location;
  } rows[] = {
      {"type", "\"SAML2\"", "type"},
      {"name", "\"\"", "name"},
      {"protocol.issuer.url", "\"http://login.example\"", "protocol.issuer.url"},
      {"protocol.issuer.url", "\"https://login.example/#x\"", "protocol.issuer.url"},
      {"protocol.scopes", "[\"email\"]", "protocol.scopes"},
      {"protocol.endpoints", "{}", "protocol.endpoints"},
      {"protocol.credentials.client.client_id", "7", "protocol.credentials.client.client_id"},
      {"protocol.credentials.client.pkce_required", "false", "protocol.credentials.client.pkce_required"},
      {"policy.subject.matchType", "\"REGEX\"", "policy.subject.matchType"},
      {"policy.subject.allowedDomains", "[\"nothing\"]", "policy.subject.allowedDomains"},
      {"policy.subject.userNameTemplate", "{\"template\":\"user.email\"}",
       "policy.subject.userNameTemplate.template"},
  };
  for (const auto& row : rows) {
    auto body = core::json::parse(kProvider).value();
    Value* at = &body;
    for (std::size_t start = 0; start < row.path.size();) {
      const std::size_t end = std::min(row.path.find('.', start), row.path.size());
      at = &at->get_object()[row.path.substr(start, end - start)];
      start = end + 1;
    }
    *at = core::json::parse(row.value).value();
    const auto got = call(Method::post, "/api/v1/idps", core::json::write(body));
    EXPECT_EQ(got.status, 400) << row.path;
    EXPECT_EQ(got.cause("location"), row.location);
  }
  EXPECT_TRUE(call(Method::get, "/api/v1/idps").body.get_array().empty());
}

TEST_P(PersonRoutes, ASubjectIsLinkedToOnePerson) {
  const std::string id(call(Method::post, "/api/v1/idps", std::string(kProvider)).text("id"));
  add("ada@example.com");
  add("eve@example.com");
  const std::string links = "/api/v1/idps/" + id + "/users";
  EXPECT_EQ(call(Method::post, links + "/ada@example.com", R"({"externalId":"s-1"})").text("externalId"),
            "s-1");
  const auto taken = call(Method::post, links + "/eve@example.com", R"({"externalId":"s-1"})");
  EXPECT_EQ(taken.status, 409);
  EXPECT_EQ(taken.cause("location"), "externalId");
  EXPECT_EQ(call(Method::post, links + "/ada@example.com", R"({"externalId":"s-2"})").status, 200);
  EXPECT_FALSE(find_person_by_identity(store(), id, "s-1")->has_value());
  EXPECT_EQ((*find_person_by_identity(store(), id, "s-2"))->login, "ada@example.com");
  EXPECT_EQ(call(Method::get, links).body.get_array().size(), 1u);
  EXPECT_EQ(call(Method::delete_, links + "/ada@example.com").status, 204);
  EXPECT_TRUE(call(Method::get, links).body.get_array().empty());
  EXPECT_EQ(call(Method::post, links + "/nobody@example.com", R"({"externalId":"s"})").status, 404);
}

INSTANTIATE_TEST_SUITE_P(Stores, PersonRoutes, test::kBackends, test::name_of);

}  // namespace
}  // namespace registry
