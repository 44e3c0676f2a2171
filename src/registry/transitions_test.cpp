#include "registry/transitions.h"

#include <array>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "registry/server_test_kit.h"

namespace registry {
namespace {

using enum Status;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr std::array kStates{pending, inactive, active, invalid};

// What the mission says of MCP servers, in its own order; nothing else may happen.
struct Expected {
  Status from;
  ServerEvent event;
  std::string_view to;
};
constexpr std::array kExpected{
    Expected{pending, ServerEvent::validated, "INACTIVE"},
    Expected{pending, ServerEvent::validation_failed, "INVALID"},
    Expected{pending, ServerEvent::remove, "DELETED"},
    Expected{inactive, ServerEvent::activate, "ACTIVE"},
    Expected{inactive, ServerEvent::validation_failed, "INVALID"},
    Expected{inactive, ServerEvent::remove, "DELETED"},
    Expected{active, ServerEvent::deactivate, "INACTIVE"},
    Expected{active, ServerEvent::validation_failed, "INVALID"},
    Expected{invalid, ServerEvent::validated, "INACTIVE"},
    Expected{invalid, ServerEvent::remove, "DELETED"},
};
// And what confirms a state.
bool confirms(Status from, ServerEvent event) {
  return (event == ServerEvent::validated && (from == inactive || from == active)) ||
         (event == ServerEvent::validation_failed && from == invalid);
}
std::string expected_after(Status from, ServerEvent event) {
  for (const auto& row : kExpected)
    if (row.from == from && row.event == event) return std::string(row.to);
  return std::string(to_string(from));
}

const std::map<Status, std::string> kVerbs{
    {pending, "Allowed in PENDING: validate, delete."},
    {inactive, "Allowed in INACTIVE: activate, validate, delete."},
    {active, "Allowed in ACTIVE: deactivate, validate."},
    {invalid, "Allowed in INVALID: validate, delete."},
};

class TransitionsTest : public test::ServersTest {
 protected:
  // The outcome of an event: "ok", or the refusal.
  std::string apply(const std::string& id, ServerEvent event) {
    switch (event) {
      case ServerEvent::activate: {
        const auto answer = post(path_of(id) + "/lifecycle/activate");
        if (answer.status != 202) return answer.outcome() + ": " + answer.cause();
        work_off_activation(id);
        return "ok";
      }
      case ServerEvent::deactivate: {
        const auto answer = post(path_of(id) + "/lifecycle/deactivate");
        return answer.status == 202 ? "ok" : answer.outcome() + ": " + answer.cause();
      }
      case ServerEvent::remove: {
        const auto answer = remove(path_of(id));
        return answer.status == 202 ? "ok" : answer.outcome() + ": " + answer.cause();
      }
      default: {
        const auto done = move(id, event, {"no answer"});
        return done ? "ok" : core::describe(done.error());
      }
    }
  }
};

TEST_P(TransitionsTest, EveryStateAndEvent) {
  int number = 0;
  for (const Status from : kStates) {
    for (const ServerEvent event : {ServerEvent::validated, ServerEvent::validation_failed,
                                    ServerEvent::activate, ServerEvent::deactivate, ServerEvent::remove}) {
      SCOPED_TRACE(fmt::format("{} {}", to_string(from), to_string(event)));
      const std::string url = fmt::format("https://mcp{}.example.com/", ++number);
      const std::string id = server_in(from, url);
      // validated moves what is complete.
      if (from == pending && event == ServerEvent::validated) link_custom_as(id);
      const auto before = events_about(id).size();
      const std::string outcome = apply(id, event);
      const std::string to = expected_after(from, event);
      const bool moved = to != to_string(from);

      const auto shown = get(path_of(id));
      if (to == "DELETED") {
        EXPECT_EQ(outcome, "ok");
        EXPECT_EQ(shown.outcome(), "404 NOT_FOUND");
        EXPECT_EQ(shown.text("errorCode"), "E0000007");
        EXPECT_THAT(get(test::kServers).ids(), testing::Not(testing::Contains(id)));
        EXPECT_EQ(post(test::kServers, fmt::format(R"({{"resourceUrl":"{}"}})", url)).status, 202);
      } else {
        EXPECT_EQ(shown.text("status"), to);
      }

      const auto events = events_about(id);
      if (!moved) {
        EXPECT_EQ(events.size(), before);
        if (confirms(from, event)) {
          EXPECT_EQ(outcome, "ok");
        } else {
          EXPECT_THAT(outcome, HasSubstr(kVerbs.at(from)));
          EXPECT_THAT(outcome, HasSubstr(to_string(from)));
          EXPECT_THAT(outcome, HasSubstr("INVALID_STATE_TRANSITION"));
        }
        continue;
      }
      EXPECT_EQ(outcome, "ok");
      ASSERT_GT(events.size(), before);
      const std::map<ServerEvent, std::string> names{{ServerEvent::validated, "mcp_server.update"},
                                                     {ServerEvent::validation_failed, "mcp_server.update"},
                                                     {ServerEvent::activate, "mcp_server.activate"},
                                                     {ServerEvent::deactivate, "mcp_server.deactivate"},
                                                     {ServerEvent::remove, "mcp_server.delete"}};
      EXPECT_EQ(events.back(), names.at(event));
      const auto logged = store().events({.about = id, .newest_first = true, .limit = 1});
      ASSERT_TRUE(logged && logged->size() == 1);
      EXPECT_EQ(core::json::string_or_empty(logged->front().targets.front().detail, "mcp_server_status"), to);
    }
  }
}

TEST_P(TransitionsTest, IncompleteStaysPendingAndSaysWhatIsMissing) {
  const std::string id = register_server();
  ASSERT_TRUE(move(id, ServerEvent::validated));
  auto shown = get(path_of(id));
  EXPECT_EQ(shown.text("status"), "PENDING");
  EXPECT_THAT(shown.texts("missing"), ElementsAre("an authorization server"));
  EXPECT_THAT(events_about(id), ElementsAre("mcp_server.register"));
  link_custom_as(id);
  EXPECT_THAT(get(path_of(id)).texts("missing"), IsEmpty());
  ASSERT_TRUE(move(id, ServerEvent::validated));
  EXPECT_EQ(get(path_of(id)).text("status"), "INACTIVE");
}

TEST_P(TransitionsTest, ActivationNeedsConnectable) {
  const std::string id = server_in(inactive);
  const std::string as = get(path_of(id) + "/authorization-servers").ids().at(0);
  ASSERT_EQ(post(as_path(id, as) + "/lifecycle/deactivate").status, 202);
  const auto answer = post(path_of(id) + "/lifecycle/activate");
  EXPECT_EQ(answer.outcome(), "409 NOT_CONNECTABLE status");
  EXPECT_THAT(answer.cause(), HasSubstr(as + " is INACTIVE, not ACTIVE"));
  EXPECT_EQ(get(path_of(id)).text("status"), "INACTIVE");
  // The worker is refused as well, should it come to that between its checks and its transaction.
  EXPECT_EQ(move(id, ServerEvent::activate).error().code, "registry.NOT_CONNECTABLE");
}

TEST_P(TransitionsTest, LosingConnectableLeavesAnActiveServerActive) {
  const std::string id = server_in(active);
  const std::string as = get(path_of(id) + "/authorization-servers").ids().at(0);
  EXPECT_TRUE(get(path_of(id)).flag("connectable"));
  ASSERT_EQ(post(as_path(id, as) + "/lifecycle/deactivate").status, 202);
  const auto shown = get(path_of(id));
  EXPECT_EQ(shown.text("status"), "ACTIVE");
  EXPECT_FALSE(shown.flag("connectable"));
  EXPECT_THAT(shown.text("connectableReason"), HasSubstr("not ACTIVE"));
}

TEST_P(TransitionsTest, ReasonsAndFailuresFollowTheState) {
  const std::string id = server_in(active);
  ASSERT_TRUE(move(id, ServerEvent::validation_failed, {"issuer mismatch"}));
  EXPECT_THAT(get(path_of(id)).texts("invalidReasons"), ElementsAre("issuer mismatch"));
  ASSERT_TRUE(move(id, ServerEvent::validation_failed, {"no answer"}));
  EXPECT_THAT(get(path_of(id)).texts("invalidReasons"), ElementsAre("no answer"));
  ASSERT_TRUE(move(id, ServerEvent::validated));
  const auto shown = get(path_of(id));
  EXPECT_EQ(shown.text("status"), "INACTIVE");
  EXPECT_THAT(shown.texts("invalidReasons"), IsEmpty());
}

TEST_P(TransitionsTest, ActivateAndDeleteAtOnce) {
  // An activation is under way when the server is deleted: it ends FAILED, nothing comes back.
  const std::string id = server_in(inactive);
  const auto accepted = post(path_of(id) + "/lifecycle/activate");
  ASSERT_EQ(accepted.status, 202);
  ASSERT_EQ(remove(path_of(id)).status, 202);
  EXPECT_EQ(follow(accepted).text("status"), "FAILED");
  EXPECT_EQ(move(id, ServerEvent::activate).error().code, "test.gone");
  EXPECT_EQ(get(path_of(id)).status, 404);
  // The other way round: what has become ACTIVE is not deleted.
  const std::string other = server_in(inactive, "https://other.example.com/");
  ASSERT_EQ(post(path_of(other) + "/lifecycle/activate").status, 202);
  work_off_activation(other);
  EXPECT_EQ(remove(path_of(other)).outcome(), "409 INVALID_STATE_TRANSITION status");
}

// ---- Authorization servers ----

struct ExpectedAs {
  Status from;
  AuthServerEvent event;
  std::string_view found;   // of one that was found in metadata, or is Okta's
  std::string_view manual;  // of one that was entered by hand
};
constexpr std::array kExpectedAs{
    ExpectedAs{pending, AuthServerEvent::verified, "ACTIVE", "INACTIVE"},
    ExpectedAs{pending, AuthServerEvent::verification_failed, "INVALID", "INVALID"},
    ExpectedAs{pending, AuthServerEvent::remove, "DELETED", "DELETED"},
    ExpectedAs{inactive, AuthServerEvent::activate, "ACTIVE", "ACTIVE"},
    ExpectedAs{inactive, AuthServerEvent::verification_failed, "INVALID", "INVALID"},
    ExpectedAs{inactive, AuthServerEvent::remove, "DELETED", "DELETED"},
    ExpectedAs{active, AuthServerEvent::deactivate, "INACTIVE", "INACTIVE"},
    ExpectedAs{active, AuthServerEvent::verification_failed, "INVALID", "INVALID"},
    ExpectedAs{active, AuthServerEvent::remove, "DELETED", "DELETED"},
    // It was PENDING: what was found is taken into use, what was entered waits for somebody.
    ExpectedAs{invalid, AuthServerEvent::verified, "ACTIVE", "INACTIVE"},
    ExpectedAs{invalid, AuthServerEvent::remove, "DELETED", "DELETED"},
};

class AuthServerTransitionsTest : public test::ServersTest {
 protected:
  // An external one with all that STS needs.
  std::string make_as(const std::string& server, bool manual, Status status, int number) {
    McpAuthServer as{.server = server,
                     .id = service_.new_id("eas"),
                     .issuer = fmt::format("https://as{}.example.com", number)};
    as.origin = manual ? McpAuthServer::Origin::manual : McpAuthServer::Origin::discovered;
    as.authorization_endpoint = as.issuer + "/authorize";
    as.token_endpoint = as.issuer + "/token";
    as.grant_types = {"authorization_code"};
    run([&](Transaction& tx) -> core::Status {
      Row row = to_row(as);
      row.version = 0;
      return tx.insert(row);
    });
    EXPECT_EQ(post(test::kSettings,
                   fmt::format(R"({{"name":"c","authorizationServerId":"{}","clientId":"x"}})", as.id))
                  .status,
              201);
    if (status == invalid) {
      EXPECT_TRUE(move_as(server, as.id, AuthServerEvent::verification_failed, "down"));
    }
    if (status == inactive || status == active) {
      EXPECT_TRUE(move_as(server, as.id, AuthServerEvent::verified));
    }
    if (status == active && manual) {
      EXPECT_EQ(post(as_path(server, as.id) + "/lifecycle/activate").status, 202);
    }
    if (status == inactive && !manual) {
      EXPECT_EQ(post(as_path(server, as.id) + "/lifecycle/deactivate").status, 202);
    }
    EXPECT_EQ(get(as_path(server, as.id)).text("status"), to_string(status));
    return as.id;
  }
};

TEST_P(AuthServerTransitionsTest, EveryStateAndEvent) {
  const std::string server = register_server();
  int number = 0;
  for (const bool manual : {false, true}) {
    for (const Status from : kStates) {
      for (const auto event :
           {AuthServerEvent::verified, AuthServerEvent::verification_failed, AuthServerEvent::activate,
            AuthServerEvent::deactivate, AuthServerEvent::remove}) {
        SCOPED_TRACE(fmt::format("{} {} {}", manual ? "manual" : "found", to_string(from), to_string(event)));
        const std::string id = make_as(server, manual, from, ++number);
        const auto before = events_about(id).size();
        std::string to(to_string(from));
        for (const auto& row : kExpectedAs)
          if (row.from == from && row.event == event) to = manual ? row.manual : row.found;
        const auto done = move_as(server, id, event, "down");
        const auto shown = get(as_path(server, id));
        if (to == "DELETED") {
          EXPECT_TRUE(done);
          EXPECT_EQ(shown.status, 404);
          EXPECT_EQ(events_about(id).back(), "mcp_server.auth_server.delete");
          continue;
        }
        EXPECT_EQ(shown.text("status"), to);
        if (to != to_string(from)) {
          EXPECT_TRUE(done);
          EXPECT_EQ(events_about(id).size(), before + 1);
          EXPECT_EQ(events_about(id).back(), "mcp_server.auth_server.update");
          continue;
        }
        EXPECT_EQ(events_about(id).size(), before);
        const bool looked =
            event == AuthServerEvent::verified || event == AuthServerEvent::verification_failed;
        EXPECT_EQ(done.has_value(), looked);
        if (!done) {
          EXPECT_EQ(done.error().code, "registry.INVALID_STATE_TRANSITION");
        }
      }
    }
  }
}

TEST_P(AuthServerTransitionsTest, MendedItGoesBackToWhereItWas) {
  const std::string server = register_server();
  int number = 0;
  for (const bool manual : {false, true}) {
    for (const Status was : {inactive, active}) {
      const std::string id = make_as(server, manual, was, ++number);
      for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(move_as(server, id, AuthServerEvent::verification_failed, "down"));
      const auto failed = get(as_path(server, id));
      EXPECT_EQ(failed.text("connectivity"), "FAILED");
      EXPECT_EQ(failed.text("connectivityReason"), "down");
      ASSERT_TRUE(move_as(server, id, AuthServerEvent::verified));
      const auto mended = get(as_path(server, id));
      EXPECT_EQ(mended.text("status"), to_string(was));
      EXPECT_EQ(mended.text("connectivity"), "VERIFIED");
      EXPECT_EQ(mended.text("connectivityReason"), "");
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, TransitionsTest, test::kBackends, test::name_of);
INSTANTIATE_TEST_SUITE_P(Stores, AuthServerTransitionsTest, test::kBackends, test::name_of);

TEST(TransitionTables, AreDrawnInTheDocs) {
  std::ifstream file(PROJECT_SOURCE_DIR "/docs/registry.md");
  ASSERT_TRUE(file);
  std::stringstream text;
  text << file.rdbuf();
  EXPECT_THAT(text.str(), HasSubstr("\n\n" + draw_server_states() + "\n"));
  EXPECT_THAT(text.str(), HasSubstr("\n\n" + draw_auth_server_states() + "\n"));
}

TEST(TransitionTables, HoldTheMissionsRowsAndNoOthers) {
  std::vector<std::string> expected;
  std::vector<std::string> found;
  expected.reserve(kExpected.size());
  for (const auto& row : kExpected)
    expected.push_back(fmt::format("{} {} {}", to_string(row.from), to_string(row.event), row.to));
  for (const auto& row : server_transitions())
    found.push_back(fmt::format("{} {} {}", to_string(row.from), to_string(row.event),
                                row.to ? to_string(*row.to) : "DELETED"));
  EXPECT_THAT(found, testing::UnorderedElementsAreArray(expected));
}

}  // namespace
}  // namespace registry
