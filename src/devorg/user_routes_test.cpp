#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <ostream>

#include "devorg/test_org.h"

namespace devorg {
namespace {

using testing::Contains;
using testing::Not;

// ---- Creating ----

struct Creation {
  std::string query;
  std::string credentials;  // members after the profile
  std::string expected;     // status, or the refusal

  friend void PrintTo(const Creation& c, std::ostream* out) { *out << c.query << c.credentials; }
};

class CreationTest : public ::testing::TestWithParam<Creation> {};

// "User creation scenarios" of operation createUser.
TEST_P(CreationTest, EndsInItsStatus) {
  TestOrg org(10);
  const std::string body =
      R"({"profile":{"firstName":"A","lastName":"B","login":"a.b@x.example","email":"a.b@x.example"})" +
      GetParam().credentials + "}";
  const Answer made = org.post("/api/v1/users" + GetParam().query, body);
  EXPECT_EQ(made.status() == 200 ? made.text("status") : made.code(), GetParam().expected) << made.problem();
  EXPECT_EQ(org.get("/api/v1/users/a.b@x.example").status(), made.status() == 200 ? 200 : 404);
}

constexpr const char* kPassword = R"(,"credentials":{"password":{"value":"Correct-Horse-7"}})";
INSTANTIATE_TEST_SUITE_P(
    Scenarios, CreationTest,
    ::testing::Values(
        Creation{"", "", "PROVISIONED"}, Creation{"?activate=true", "", "PROVISIONED"},
        Creation{"?activate=false", "", "STAGED"}, Creation{"", kPassword, "ACTIVE"},
        Creation{"?activate=false", kPassword, "STAGED"},
        Creation{"", R"(,"credentials":{"password":{"hash":{"algorithm":"BCRYPT"}}})", "ACTIVE"},
        Creation{"?activate=true&nextLogin=changePassword", kPassword, "PASSWORD_EXPIRED"},
        Creation{"?nextLogin=changePassword", "", "E0000124"},
        Creation{"?activate=false&nextLogin=changePassword", kPassword, "E0000125"},
        Creation{"?nextLogin=never", kPassword, "E0000001"}, Creation{"?activate=perhaps", "", "E0000001"},
        Creation{"?provider=true", R"(,"credentials":{"provider":{"type":"FEDERATION","name":"FEDERATION"}})",
                 "ACTIVE"},
        Creation{"", R"(,"credentials":{"password":{"value":"short"}})", "E0000001"},
        Creation{"", R"(,"groupIds":["00gNowhere0000000000"])", "E0000007"},
        Creation{"", R"(,"groupIds":"00g")", "E0000003"}));

TEST(UserRoutesTest, RefusalsInOktasWords) {
  TestOrg org(10);
  EXPECT_EQ(
      org.post("/api/v1/users", R"({"profile":{"crap":"bad"}})").problem(),
      "E0000001 Api validation failed: login | login: The field cannot be left blank"
      " | firstName: The field cannot be left blank | lastName: The field cannot be left blank"
      " | email: The field cannot be left blank | login: Username must be in the form of an email address");
  EXPECT_EQ(org.post("/api/v1/users", new_user("admin@example.com")).problem(),
            "E0000001 Api validation failed: login"
            " | login: An object with this field already exists in the current organization");
  EXPECT_EQ(org.post("/api/v1/users", new_user("ADMIN@example.com")).code(), "E0000001");
  EXPECT_EQ(org.post("/api/v1/users", new_user("x.y@x.example", R"(,"shoeSize":"44")")).problem(),
            "E0000001 Api validation failed: newUser | Property name 'shoeSize' is not defined in profile");
  EXPECT_EQ(org.post("/api/v1/users", new_user("x.y@x.example", R"(,"department":5)")).problem(),
            "E0000001 Api validation failed: department | department: The value must be of type string");
  EXPECT_EQ(org.post("/api/v1/users", new_user("x.y@x.example", R"(,"skills":"one")")).problem(),
            "E0000001 Api validation failed: skills | skills: The value must be of type array");
  EXPECT_EQ(org.post("/api/v1/users", "{\"profile\":").problem(),
            "E0000003 The request body was not well-formed.");
  EXPECT_EQ(org.post("/api/v1/users").code(), "E0000003");
  EXPECT_EQ(org.post("/api/v1/users", new_user("no-at-sign")).code(), "E0000001");
  const std::string name(51, 'x');
  EXPECT_EQ(
      org.post("/api/v1/users", R"({"profile":{"firstName":")" + name +
                                    R"(","lastName":"B","login":"a.b@x.example","email":"a.b@x.example"}})")
          .problem(),
      "E0000001 Api validation failed: firstName | firstName: String is too long (maximum 50 characters)");
  EXPECT_EQ(org.get("/api/v1/users/x.y@x.example").status(), 404);
}

TEST(UserRoutesTest, CreatesIntoGroupsAndByRules) {
  TestOrg org(50);
  const std::string vpn = org.group("VPN Users");
  const std::size_t before = org.org().log.size();
  const Answer made = org.post("/api/v1/users", R"({"profile":{"firstName":"Ada","lastName":"Lovelace",
    "login":"ada.lovelace@example.com","email":"ada.lovelace@example.com","department":"Engineering"},"groupIds":[")" +
                                                    vpn + R"("]})");
  ASSERT_EQ(made.status(), 200) << made.problem();
  const auto groups = org.walk("/api/v1/users/" + made.text("id") + "/groups");
  EXPECT_THAT(groups, testing::UnorderedElementsAre(org.group("Everyone"), org.group("Engineering"), vpn));
  EXPECT_EQ(org.events_after(before),
            (std::vector<std::string>{"user.lifecycle.create", "user.lifecycle.activate",
                                      "group.user_membership.add", "group.user_membership.add"}));
  EXPECT_EQ(
      org.post(
             "/api/v1/users",
             R"({"profile":{"firstName":"A","lastName":"B","login":"q.q@x.example","email":"q.q@x.example"},"groupIds":[")" +
                 org.group("Okta Administrators") + R"("]})")
          .code(),
      "E0000006");
}

// ---- Reading ----

TEST(UserRoutesTest, FoundByIdLoginAndShortname) {
  TestOrg org(200);
  const std::string id = org.org().users.at(5).id();
  const std::string login = org.org().users.login(5);
  for (const std::string& key : {id, login, core::percent_encode(login), login.substr(0, login.find('@'))})
    EXPECT_EQ(org.get("/api/v1/users/" + key).text("id"), id) << key;
  EXPECT_EQ(org.get("/api/v1/users/me").text("profile.login"), "admin@example.com");
  // An ambiguous shortname is nobody.
  ASSERT_EQ(org.post("/api/v1/users", new_user("twin@one.example")).status(), 200);
  EXPECT_EQ(org.get("/api/v1/users/twin").status(), 200);
  ASSERT_EQ(org.post("/api/v1/users", new_user("twin@two.example")).status(), 200);
  EXPECT_EQ(org.get("/api/v1/users/twin").status(), 404);
  EXPECT_EQ(org.get("/api/v1/users/twin@two.example").status(), 200);
}

TEST(UserRoutesTest, AUserLooksLikeARecordedOne) {
  TestOrg org;
  const Answer user = org.get("/api/v1/users/" + org.user_in(UserStatus::active));
  std::vector<std::string> members;
  for (const auto& member : user.body.as_object()) members.emplace_back(member.key());
  EXPECT_EQ(members, (std::vector<std::string>{"id", "status", "created", "activated", "statusChanged",
                                               "lastLogin", "lastUpdated", "passwordChanged", "type",
                                               "profile", "credentials", "_links"}));
  std::vector<std::string> links;
  for (const auto& member : user.body.at("_links").as_object()) links.emplace_back(member.key());
  EXPECT_THAT(links, testing::UnorderedElementsAre("suspend", "schema", "resetPassword", "expirePassword",
                                                   "changeRecoveryQuestion", "self", "type", "changePassword",
                                                   "deactivate", "resetFactors"));
  EXPECT_TRUE(user.raw.headers.get("etag").starts_with("W/\""));
  // Lists carry the self link only.
  const Answer list = org.get("/api/v1/users?limit=1");
  EXPECT_EQ(list.body.at(0).at("_links").as_object().size(), 1u);
}

// ---- Changing ----

TEST(UserRoutesTest, PostMergesAndPutReplaces) {
  TestOrg org(10);
  const std::string id =
      org.post("/api/v1/users", new_user("m.p@x.example", R"(,"city":"Oslo","title":"T")")).text("id");
  const std::string path = "/api/v1/users/" + id;
  Answer user = org.post(path, R"({"profile":{"title":"U"}})");
  EXPECT_EQ(user.text("profile.title"), "U");
  EXPECT_EQ(user.text("profile.city"), "Oslo");
  // Null clears; the two attributes that Okta always shows stay as null.
  user = org.post(path, R"({"profile":{"city":null,"mobilePhone":null}})");
  EXPECT_FALSE(user.body.at("profile").as_object().contains("city"));
  EXPECT_TRUE(user.body.at("profile").at("mobilePhone").is_null());
  EXPECT_EQ(user.text("profile.title"), "U");
  user = org.put(path, new_user("m.p@x.example", R"(,"city":"Rome")"));
  EXPECT_EQ(user.text("profile.city"), "Rome");
  EXPECT_FALSE(user.body.at("profile").as_object().contains("title"));
  EXPECT_EQ(org.put(path, R"({"profile":{"firstName":"X"}})").code(), "E0000001");
  EXPECT_EQ(org.post(path, R"({"profile":{"lastName":null}})").problem(),
            "E0000001 Api validation failed: lastName | lastName: The field cannot be left blank");
  EXPECT_EQ(org.post(path, R"({"profile":{"nonsense":1}})").problem(),
            "E0000001 Api validation failed: user | Property name 'nonsense' is not defined in profile");
  // A refused change changes nothing.
  EXPECT_EQ(org.get(path).text("profile.city"), "Rome");
}

TEST(UserRoutesTest, ALoginCanBeChangedAndIsFreeAfterwards) {
  TestOrg org(10);
  const std::string id = org.post("/api/v1/users", new_user("old.name@x.example")).text("id");
  ASSERT_EQ(org.post("/api/v1/users/" + id, R"({"profile":{"login":"new.name@x.example"}})").status(), 200);
  EXPECT_EQ(org.get("/api/v1/users/new.name@x.example").text("id"), id);
  EXPECT_EQ(org.get("/api/v1/users/old.name@x.example").status(), 404);
  EXPECT_EQ(org.post("/api/v1/users", new_user("old.name@x.example")).status(), 200);
  EXPECT_EQ(org.post("/api/v1/users/" + id, R"({"profile":{"login":"OLD.name@x.example"}})").code(),
            "E0000001");
}

TEST(UserRoutesTest, IfMatchGuardsAnUpdate) {
  TestOrg org(10);
  const std::string path = "/api/v1/users/" + org.org().users.at(3).id();
  const std::string tag(org.get(path).raw.headers.get("etag"));
  const auto update = [&](std::string title, std::string if_match) {
    return org.call(net::Method::post, path, R"({"profile":{"title":")" + title + R"("}})",
                    {{"If-Match", std::move(if_match)}});
  };
  const Answer first = update("One", tag);
  EXPECT_EQ(first.status(), 200);
  EXPECT_NE(first.raw.headers.get("etag"), tag);
  const Answer second = update("Two", tag);
  EXPECT_EQ(second.status(), 412);
  EXPECT_EQ(second.code(), "E0000231");
  EXPECT_EQ(org.get(path).text("profile.title"), "One");
  EXPECT_EQ(update("Three", "junk").code(), "E0000242");
}

TEST(UserRoutesTest, DeactivatedProfilesAreNotUpdated) {
  TestOrg org(300);
  EXPECT_EQ(
      org.post("/api/v1/users/" + org.user_in(UserStatus::deprovisioned), R"({"profile":{"title":"x"}})")
          .code(),
      "E0000038");
}

TEST(UserRoutesTest, PasswordsFollowThePolicy) {
  TestOrg org(10);
  const std::string path =
      "/api/v1/users/" + org.post("/api/v1/users", new_user("frederik.oslo@x.example")).text("id");
  for (const auto* bad :
       {"Short1", "nouppercase1", "NOLOWERCASE1", "NoNumbersHere", "MyFrederik77", "1OSLOoslo"})
    EXPECT_EQ(
        org.post(path, std::string(R"({"credentials":{"password":{"value":")") + bad + R"("}}})").code(),
        "E0000001")
        << bad;
  org.clock.advance(std::chrono::hours(1));
  const Answer good = org.post(path, R"({"credentials":{"password":{"value":"Correct-Horse-7"}}})");
  EXPECT_EQ(good.status(), 200);
  EXPECT_EQ(good.text("passwordChanged"), core::to_rfc3339(org.clock.now()));
  // What was sent is never shown again.
  EXPECT_EQ(good.raw.body.find("Correct-Horse"), std::string::npos);
}

// ---- Listing ----

TEST(UserRoutesTest, ThePlainListLeavesDeprovisionedOutSearchAndFilterDoNot) {
  TestOrg org(300);
  const std::string gone = org.user_in(UserStatus::deprovisioned);
  const auto plain = org.walk("/api/v1/users?limit=50");
  EXPECT_THAT(plain, Not(Contains(gone)));
  EXPECT_EQ(std::set<std::string>(plain.begin(), plain.end()).size(), plain.size());
  const auto deprovisioned =
      org.walk("/api/v1/users?" + TestOrg::query("filter", R"(status eq "DEPROVISIONED")"));
  EXPECT_THAT(deprovisioned, Contains(gone));
  EXPECT_EQ(plain.size() + deprovisioned.size(), 300u);
  EXPECT_EQ(org.walk("/api/v1/users?" + TestOrg::query("search", R"(id pr)")).size(), 300u);
}

TEST(UserRoutesTest, QuickSearchLooksAtTheStartOfNamesAndEmail) {
  TestOrg org(10);
  ASSERT_EQ(
      org.post(
             "/api/v1/users",
             R"({"profile":{"firstName":"Zebulon","lastName":"Quist","login":"z@x.example","email":"zq@mail.example"}})")
          .status(),
      200);
  for (const auto* q : {"zebu", "QUIST", "zq@mail", "Zebulon Q"})
    EXPECT_EQ(org.get("/api/v1/users?" + TestOrg::query("q", q)).body.as_array().size(), 1u) << q;
  for (const auto* q : {"ebulon", "z@x", "mail.example"})
    EXPECT_EQ(org.get("/api/v1/users?" + TestOrg::query("q", q)).body.as_array().size(), 0u) << q;
  EXPECT_EQ(TestOrg(300).get("/api/v1/users?q=a").body.as_array().size(), 10u) << "the default with q";
}

TEST(UserRoutesTest, RefusesWhatOktaRefuses) {
  TestOrg org(10);
  const auto refused = [&](std::string query) { return org.get("/api/v1/users?" + query).code(); };
  EXPECT_EQ(refused(TestOrg::query("search", R"(lastLogin lt "2020-01-01T00:00:00.000Z")")), "E0000031");
  EXPECT_EQ(refused(TestOrg::query("search", R"(status ne "ACTIVE")")), "E0000031");
  EXPECT_EQ(refused(TestOrg::query("search", R"(status eq ACTIVE)")), "E0000031");
  EXPECT_EQ(refused(TestOrg::query("filter", R"(profile.department eq "x")")), "E0000031");
  EXPECT_EQ(refused(TestOrg::query("filter", R"(lastUpdated gt "soon")")), "E0000030");
  EXPECT_EQ(
      refused(TestOrg::query("search", R"(id pr)") + "&" + TestOrg::query("filter", R"(status eq "ACTIVE")")),
      "E0000033");
  EXPECT_EQ(refused(TestOrg::query("search", R"(id pr)") + "&sortBy=lastLogin"), "E0000031");
  EXPECT_EQ(refused(TestOrg::query("search", R"(id pr)") + "&sortBy=status&sortOrder=up"), "E0000001");
  EXPECT_EQ(refused("after=00u1testcursorvalue"), "E0000029");
  EXPECT_EQ(refused("limit=0"), "E0000001");
}

TEST(UserRoutesTest, FieldsNarrowTheAnswer) {
  TestOrg org(10);
  const Answer list =
      org.get("/api/v1/users?limit=1&" + TestOrg::query("fields", "status,profile:(login, firstName)"));
  ASSERT_EQ(list.status(), 200);
  const auto& user = list.body.at(0).as_object();
  EXPECT_EQ(user.size(), 3u);
  EXPECT_TRUE(user.contains("id"));
  EXPECT_TRUE(user.contains("status"));
  EXPECT_EQ(user.at("profile").as_object().size(), 2u);
}

// Okta's search is behind its writes; every other way to read is not.
TEST(UserRoutesTest, SearchLagsBehindWrites) {
  TestOrg org(10);
  const std::string by_login =
      "/api/v1/users?" + TestOrg::query("search", R"(profile.login eq "lag@x.example")");
  const std::string by_title = "/api/v1/users?" + TestOrg::query("search", R"(profile.title eq "After")");
  const auto count = [&](const std::string& target) { return org.get(target).body.as_array().size(); };
  const std::string id =
      org.post("/api/v1/users", new_user("lag@x.example", R"(,"title":"Before")")).text("id");
  EXPECT_EQ(count(by_login), 0u);
  EXPECT_EQ(count("/api/v1/users?" + TestOrg::query("filter", R"(profile.login eq "lag@x.example")")), 1u);
  EXPECT_EQ(org.get("/api/v1/users/" + id).status(), 200);
  org.clock.advance(std::chrono::milliseconds(999));
  EXPECT_EQ(count(by_login), 0u);
  org.clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(count(by_login), 1u);

  // An update: for a while search shows and matches the old version.
  ASSERT_EQ(org.post("/api/v1/users/" + id, R"({"profile":{"title":"After"}})").status(), 200);
  EXPECT_EQ(count(by_title), 0u);
  EXPECT_EQ(org.get(by_login).body.at(0).at("profile").at("title").as_string(), "Before");
  org.clock.advance(std::chrono::milliseconds(500));
  ASSERT_EQ(org.post("/api/v1/users/" + id, R"({"profile":{"title":"Later"}})").status(), 200);
  org.clock.advance(std::chrono::milliseconds(500));
  EXPECT_EQ(count(by_title), 1u) << "the first write is visible, the second is not";
  org.clock.advance(std::chrono::milliseconds(500));
  EXPECT_EQ(count(by_title), 0u);

  // A deletion: search goes on showing who is gone.
  ASSERT_EQ(org.del("/api/v1/users/" + id).status(), 204);
  ASSERT_EQ(org.del("/api/v1/users/" + id).status(), 204);
  EXPECT_EQ(count(by_login), 1u);
  org.clock.advance(std::chrono::seconds(1));
  EXPECT_EQ(count(by_login), 0u);
}

}  // namespace
}  // namespace devorg
