// The judge of registry_soak finds each fault that it is there for.
#include "event_walk.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace soak {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class Log {
 public:
  Log& event(std::string_view verb, std::string_view status, std::string_view from = {}) {
    core::json::Object debug;
    if (!from.empty())
      debug["changeDetails"] =
          core::json::Object{{"mcp_server_status", core::json::Object{{"from", from}, {"to", status}}}};
    return add(
        {{"uuid", fmt::format("event-{}", ++number_)},
         {"eventType", fmt::format("resource_servers.mcp_server.{}", verb)},
         {"target", core::json::Array{core::json::Object{
                        {"id", "ems1"}, {"detailEntry", core::json::Object{{"mcp_server_status", status}}}}}},
         {"transaction", core::json::Object{{"id", fmt::format("work-{}", number_)}}},
         {"debugContext", core::json::Object{{"debugData", std::move(debug)}}}});
  }
  Log& redemption(std::string_view id, std::string_view result = "SUCCESS") {
    return add(
        {{"uuid", fmt::format("event-{}", ++number_)},
         {"eventType", "app.oauth2.as.token.grant.access_token"},
         {"outcome", core::json::Object{{"result", result}}},
         {"debugContext", core::json::Object{{"debugData", core::json::Object{{"subjectTokenId", id}}}}}});
  }
  Log& again() {
    walk.take(last_);
    return *this;
  }
  EventWalk walk;

 private:
  Log& add(core::json::Object event) {
    last_ = std::move(event);
    walk.take(last_);
    return *this;
  }
  int number_ = 0;
  core::json::Value last_;
};

Log active() {
  Log log;
  log.event("register", "PENDING")
      .event("update", "INACTIVE", "PENDING")
      .event("update", "INACTIVE")  // of something else
      .event("activate", "ACTIVE", "INACTIVE");
  return log;
}

TEST(EventWalk, FollowsWhatIsLegal) {
  Log log = active();
  log.event("update", "INVALID", "ACTIVE")
      .event("update", "INACTIVE", "INVALID")
      .event("activate", "ACTIVE", "INACTIVE")
      .event("deactivate", "INACTIVE", "ACTIVE")
      .event("delete", "DELETED");
  EXPECT_THAT(log.walk.faults(), IsEmpty());
  const ServerStory& server = log.walk.servers().at("ems1");
  EXPECT_EQ(server.state, "DELETED");
  EXPECT_EQ(server.activated, 2);
  EXPECT_EQ(server.deactivated, 1);
  EXPECT_EQ(server.activations.size(), 2u);
  EXPECT_EQ(log.walk.transitions().at("INACTIVE>ACTIVE"), 2);
  EXPECT_EQ(EventWalk::all_transitions().size(), 10u);
}

TEST(EventWalk, FindsWhatIsWrong) {
  const struct {
    const char* name;
    Log log;
    const char* says;
  } rows[] = {
      {"lost", active().event("activate", "ACTIVE", "INACTIVE"), "lost or doubled"},
      {"illegal", active().event("update", "PENDING", "ACTIVE"), "is no transition"},
      {"another event's", active().event("update", "INACTIVE", "ACTIVE"), "is no transition"},
      {"deleted while active", active().event("delete", "DELETED"), "is no transition"},
      {"after the end",
       active()
           .event("deactivate", "INACTIVE", "ACTIVE")
           .event("delete", "DELETED")
           .event("activate", "ACTIVE", "INACTIVE"),
       "lost or doubled"},
      {"deleted twice",
       active()
           .event("deactivate", "INACTIVE", "ACTIVE")
           .event("delete", "DELETED")
           .event("delete", "DELETED"),
       "is no transition"},
      {"registered twice", active().event("register", "PENDING"), "a second time"},
      {"not registered", Log().event("activate", "ACTIVE", "INACTIVE"), "before it is registered"},
      {"no change told", active().event("deactivate", "INACTIVE"), "tells no change"},
      {"an event twice", active().again(), "comes twice"},
  };
  for (const auto& row : rows) EXPECT_THAT(row.log.walk.faults(), Contains(HasSubstr(row.says))) << row.name;
}

TEST(EventWalk, CountsRedemptions) {
  Log log;
  log.redemption("jag-1").redemption("jag-1", "FAILURE").redemption("jag-2").redemption("jag-2");
  EXPECT_EQ(log.walk.redeemed().at("jag-1"), 1);
  EXPECT_EQ(log.walk.redeemed().at("jag-2"), 2);
}

}  // namespace
}  // namespace soak
