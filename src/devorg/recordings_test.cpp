// Our answers beside those that real orgs gave to Okta's own Python SDK: the same members, of the same types.
#include <cstdio>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>

#include "devorg/test_org.h"

namespace devorg {
namespace {

// What the recordings say about one member of an object.
struct Member {
  int seen = 0;
  std::set<boost::json::kind> kinds;
};
struct Shape {
  int objects = 0;
  std::map<std::string, Member> members;

  void add(const boost::json::object& object) {
    ++objects;
    for (const auto& member : object) {
      Member& known = members[member.key()];
      ++known.seen;
      known.kinds.insert(member.value().kind());
    }
  }
};

// Members that newer orgs show and older recordings lack, or the other way round.
const std::set<std::string> kNewer{"orn", "universalLogout", "settings", "description", "_embedded"};

const std::map<std::string, Shape>& recorded() {
  static const std::map<std::string, Shape> shapes = [] {
    std::map<std::string, Shape> found;
    const std::string command =
        "zcat " + std::string(SHARED_DIR) + "/okta-recordings/okta-sdk-python-*.jsonl.gz 2>/dev/null";
    FILE* pipe = popen(command.c_str(), "r");
    if (!pipe) return found;
    std::string text;
    std::array<char, 65536> buffer;
    for (std::size_t got = 0; (got = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
      text.append(buffer.data(), got);
    pclose(pipe);
    for (std::size_t start = 0; start < text.size();) {
      const std::size_t end = std::min(text.find('\n', start), text.size());
      const auto line = core::json::parse(std::string_view(text).substr(start, end - start));
      start = end + 1;
      if (!line || line->at("status").to_number<int>() > 299 || !line->at("op").is_string() ||
          !line->at("body").is_string())
        continue;
      const auto body = core::json::parse(line->at("body").get_string());
      if (!body) continue;
      Shape& shape = found[std::string(line->at("op").get_string())];
      if (const auto* object = body->if_object()) shape.add(*object);
      if (const auto* array = body->if_array())
        for (const auto& element : *array)
          if (const auto* object = element.if_object()) shape.add(*object);
    }
    return found;
  }();
  return shapes;
}

void compare(const boost::json::object& ours, const Shape& theirs, const std::string& what) {
  for (const auto& [name, member] : theirs.members) {
    if (member.seen == theirs.objects && !kNewer.contains(name)) {
      EXPECT_TRUE(ours.contains(name)) << what << " lacks " << name;
    }
  }
  for (const auto& member : ours) {
    const auto known = theirs.members.find(member.key());
    if (known == theirs.members.end()) {
      EXPECT_TRUE(kNewer.contains(member.key()))
          << what << " has " << member.key() << ", which no recording has";
      continue;
    }
    // Null may stand for anything; anything may turn out null in another org.
    const auto& kinds = known->second.kinds;
    const bool only_null = kinds.size() == 1 && kinds.contains(boost::json::kind::null);
    if (member.value().is_null() || only_null) continue;
    EXPECT_TRUE(kinds.contains(member.value().kind())) << what << "." << member.key();
  }
}

TEST(RecordingsTest, OurObjectsHaveTheirMembers) {
  if (recorded().empty()) GTEST_SKIP() << "the recordings are not here";
  TestOrg org(300);
  const std::string user = org.user_in(UserStatus::active);
  const std::string app =
      org.post(
             "/api/v1/apps",
             R"({"name":"bookmark","label":"B","signOnMode":"BOOKMARK","settings":{"app":{"url":"https://b.example"}}})")
          .text("id");
  org.post("/api/v1/apps/" + app + "/users", R"({"id":")" + user + R"("})");
  org.put("/api/v1/apps/" + app + "/groups/" + org.group("Sales"));
  const std::string policy =
      org.get("/api/v1/policies?type=OKTA_SIGN_ON").body.at(0).at("id").as_string().c_str();
  const std::string rule =
      org.get("/api/v1/policies/" + policy + "/rules").body.at(0).at("id").as_string().c_str();
  const std::vector<std::pair<std::string, std::string>> rows{
      {"getUser", "/api/v1/users/" + user},
      {"getUser", "/api/v1/users/" + org.user_in(UserStatus::staged)},
      {"listUsers", "/api/v1/users?limit=50"},
      {"getGroup", "/api/v1/groups/" + org.group("Sales")},
      {"listGroups", "/api/v1/groups"},
      {"listGroupRules", "/api/v1/groups/rules"},
      {"getApplication", "/api/v1/apps/" + app},
      {"listApplications", "/api/v1/apps?limit=200"},
      {"getApplicationUser", "/api/v1/apps/" + app + "/users/" + user},
      {"listApplicationUsers", "/api/v1/apps/" + app + "/users"},
      {"getApplicationGroupAssignment", "/api/v1/apps/" + app + "/groups/" + org.group("Sales")},
      {"getPolicy", "/api/v1/policies/" + policy},
      {"listPolicies", "/api/v1/policies?type=ACCESS_POLICY"},
      {"getPolicyRule", "/api/v1/policies/" + policy + "/rules/" + rule},
      {"getUserSchema", "/api/v1/meta/schemas/user/default"},
      {"getGroupSchema", "/api/v1/meta/schemas/group/default"},
      {"getUserType", "/api/v1/meta/types/user/default"}};
  for (const auto& [operation, target] : rows) {
    const auto shape = recorded().find(operation);
    ASSERT_NE(shape, recorded().end()) << operation;
    const Answer answer = org.get(target);
    ASSERT_EQ(answer.status(), 200) << target << answer.problem();
    if (const auto* object = answer.body.if_object()) compare(*object, shape->second, operation);
    if (const auto* array = answer.body.if_array())
      for (const auto& element : *array) compare(element.as_object(), shape->second, operation);
  }
}

}  // namespace
}  // namespace devorg
