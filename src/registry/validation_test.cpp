// Validation from the request to the stored outcome, on both stores. The outside is a fake; over sockets it
// is looked at in discovery_test.cpp and net/guarded_test.cpp.
#include <fmt/format.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stop_token>
#include <string>
#include <vector>

#include "registry/capabilities.h"
#include "registry/discovery.h"
#include "registry/operation.h"
#include "registry/test_outside.h"
#include "registry/test_store.h"
#include "registry/transitions.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using std::chrono::seconds;
using test::kIssuer;
using test::kIssuerDocument;
using test::kResource;
using test::kResourceDocument;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ValidationTest : public test::AnyService {
 protected:
  void SetUp() override {
    test::AnyService::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    world_.install(outside());
    add_discovery_work(handlers_);
  }

  void in_transaction(const std::function<core::Status(Transaction&)>& work) {
    const auto done = store().transaction(work);
    ASSERT_TRUE(done) << core::describe(done.error());
  }

  // As the API does it; gives the operation.
  std::string add_server(bool manual = false) {
    std::string operation;
    in_transaction([&](Transaction& tx) -> core::Status {
      Row row = to_row(McpServer{.id = id_, .resource_url = std::string(kResource), .manual = manual});
      RETURN_IF_ERROR(tx.insert(row));
      ASSIGN_OR_RETURN(operation, start_operation(tx, service_, "mcp-server:Register", id_, "validate",
                                                  {{"reason", "register"}}));
      return {};
    });
    return operation;
  }
  std::string start(const char* type, const char* reason) {
    std::string operation;
    in_transaction([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(operation, start_operation(tx, service_, type, id_, "validate", {{"reason", reason}}));
      return {};
    });
    return operation;
  }
  void register_client(const std::string& auth_server) {
    in_transaction([&](Transaction& tx) -> core::Status {
      Row row = to_row(ClientAuthSettings{.id = service_.new_id("rsc"),
                                          .name = "client",
                                          .server = id_,
                                          .auth_server = auth_server,
                                          .issuer = std::string(kIssuer),
                                          .client_id = "registry"});
      return tx.insert(row);
    });
  }

  // Does what is due now; gives how much that was. A fault of a handler is the test's.
  int run() {
    int done = 0;
    while (done < 50) {
      const auto work = store().claim("node-1", std::chrono::minutes(1));
      EXPECT_TRUE(work) << core::describe(work.error());
      if (!work || !*work) return done;
      ++done;
      const auto handled = handlers_.at((*work)->kind)({}, service_, **work);
      EXPECT_TRUE(handled) << core::describe(handled.error());
    }
    ADD_FAILURE() << "work without an end";
    return done;
  }
  // Time passes until nothing is due any more within `time`.
  void run_for(seconds time, seconds step) {
    for (seconds passed{0}; passed < time; passed += step) {
      clock().advance(step);
      run();
    }
  }

  McpServer server() {
    const auto row = store().get(Kind::mcp_server, id_);
    EXPECT_TRUE(row && *row);
    const auto read = read_mcp_server(**row);
    EXPECT_TRUE(read);
    return *read;
  }
  std::string status() { return std::string(to_string(server().status)); }
  std::vector<McpAuthServer> auth_servers() {
    auto found = auth_servers_of(store(), id_);
    EXPECT_TRUE(found);
    return *std::move(found);
  }
  Operation operation(const std::string& id) {
    const auto found = find_operation(store(), id);
    EXPECT_TRUE(found && *found) << id;
    return found && *found ? **found : Operation{};
  }
  Object report() {
    const auto row = store().get(Kind::readiness, id_);
    EXPECT_TRUE(row && *row);
    return row && *row ? (*row)->body : Object{};
  }
  std::string check(std::string_view id) {
    const Object body = report();
    std::vector<const Array*> lists{&body.at("checks").get_array()};
    for (const auto& as : body.at("authorizationServers").get_array())
      lists.push_back(&as.at("checks").get_array());
    for (const Array* list : lists)
      for (const auto& each : *list)
        if (each.at("id") == id)
          return fmt::format("{} {}", core::json::string_or_empty(each, "result"),
                             core::json::string_or_empty(each, "message"));
    return "none";
  }
  std::vector<std::string> events(std::string_view prefix = "resource_servers.") {
    const auto found = store().events({.type_prefix = std::string(prefix), .limit = 1000});
    EXPECT_TRUE(found);
    std::vector<std::string> types;
    for (const Event& event : *found) types.push_back(event.type.substr(prefix.size()));
    return types;
  }

  // INACTIVE, with a client registration.
  void make_inactive() {
    add_server();
    run();
    ASSERT_EQ(auth_servers().size(), 1u);
    register_client(auth_servers()[0].id);
    start("mcp-server:Validate", "manual");
    run();
    ASSERT_EQ(status(), "INACTIVE");
  }
  void make_active() {
    make_inactive();
    const auto id = start("mcp-server:Activate", "activate");
    run();
    ASSERT_EQ(status(), "ACTIVE") << operation(id).error.value_or(OperationError{}).message;
  }

  std::string id_ = "ems1t3k9Qb0000000001";
  test::Outside world_;
  WorkHandlers handlers_;
};

INSTANTIATE_TEST_SUITE_P(Stores, ValidationTest, test::kBackends, test::name_of);

TEST_P(ValidationTest, RegistrationWaitsForTheClientRegistration) {
  const auto id = add_server();
  run();
  EXPECT_EQ(status(), "PENDING");
  EXPECT_THAT(server().missing, ElementsAre(HasSubstr("a client registration")));
  ASSERT_EQ(auth_servers().size(), 1u);
  const McpAuthServer as = auth_servers()[0];
  EXPECT_THAT(as.id, testing::StartsWith("eas"));
  EXPECT_EQ(as.issuer, kIssuer);
  EXPECT_EQ(to_string(as.status), "ACTIVE");
  EXPECT_EQ(to_string(as.connectivity), "VERIFIED");
  EXPECT_EQ(as.token_endpoint, "https://idp.example.com/token");
  EXPECT_THAT(as.grant_types, ElementsAre("authorization_code", "refresh_token"));
  EXPECT_EQ(server().detected->resource_name, "Example");
  EXPECT_EQ(to_string(operation(id).status), "COMPLETED");
  EXPECT_EQ(operation(id).resource->status, "PENDING");
  EXPECT_THAT(check("R20"), HasSubstr("FAIL no client registration"));
  EXPECT_EQ(report().at("ready"), true);
  EXPECT_EQ(report().at("connectable"), false);

  register_client(as.id);
  start("mcp-server:Validate", "manual");
  run();
  EXPECT_EQ(status(), "INACTIVE");
  EXPECT_THAT(server().missing, IsEmpty());
  EXPECT_EQ(report().at("connectable"), true);
  EXPECT_EQ(auth_servers()[0].id, as.id);
}

TEST_P(ValidationTest, Activation) {
  make_active();
  EXPECT_THAT(events("resource_servers.mcp_server."), testing::Contains("activate"));
  // Again: it is what was asked for.
  const auto id = start("mcp-server:Activate", "activate");
  run();
  EXPECT_EQ(to_string(operation(id).status), "COMPLETED");
}

TEST_P(ValidationTest, ActivationOfWhatIsNotConnectable) {
  make_inactive();
  in_transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto rows, tx.list({.kind = Kind::client_auth_settings}));
    for (const Row& row : rows) RETURN_IF_ERROR(tx.remove(row.kind, row.id));
    return {};
  });
  const auto id = start("mcp-server:Activate", "activate");
  run();
  EXPECT_EQ(status(), "INACTIVE");
  EXPECT_EQ(to_string(operation(id).status), "FAILED");
  EXPECT_EQ(operation(id).error->code, "NOT_CONNECTABLE");
}

TEST_P(ValidationTest, ActivationThatFindsItBroken) {
  make_inactive();
  world_.resource["authorization_servers"] = Array{};
  const auto id = start("mcp-server:Activate", "activate");
  run();
  EXPECT_EQ(status(), "INVALID");
  EXPECT_EQ(operation(id).error->code, "VALIDATION_FAILED");
  EXPECT_EQ(operation(id).error->message, "No authorization servers found");
}

TEST_P(ValidationTest, EmptyListOfAuthorizationServers) {
  world_.resource["authorization_servers"] = Array{};
  const auto id = add_server();
  run();
  EXPECT_EQ(status(), "INVALID");
  EXPECT_THAT(server().invalid_reasons, ElementsAre("No authorization servers found"));
  EXPECT_EQ(to_string(operation(id).status), "FAILED");
  EXPECT_EQ(operation(id).error->message, "No authorization servers found");
}

TEST_P(ValidationTest, IssuerMismatch) {
  world_.issuer["issuer"] = "https://evil.example";
  add_server();
  run();
  EXPECT_EQ(status(), "INVALID");
  EXPECT_THAT(check("R11"), HasSubstr("expected https://idp.example.com, got https://evil.example"));
  ASSERT_EQ(auth_servers().size(), 1u);
  EXPECT_EQ(to_string(auth_servers()[0].status), "INVALID");
  // Nothing of it is taken over.
  EXPECT_EQ(auth_servers()[0].token_endpoint, "");
}

TEST_P(ValidationTest, TrailingSlash) {
  world_.resource["resource"] = std::string(kResource) + "/";
  add_server();
  run();
  EXPECT_EQ(status(), "PENDING");
  EXPECT_THAT(check("R07"), HasSubstr("WARN"));
  EXPECT_EQ(server().resource_url, kResource);
}

TEST_P(ValidationTest, TrailingSlashStrictly) {
  service_.settings.strict_resource = true;
  world_.resource["resource"] = std::string(kResource) + "/";
  add_server();
  run();
  EXPECT_EQ(status(), "INVALID");
}

TEST_P(ValidationTest, InvalidIsMendedAndBecomesInactive) {
  make_active();
  world_.resource["resource"] = "https://elsewhere.example/mcp";
  start("mcp-server:Validate", "manual");
  run();
  EXPECT_EQ(status(), "INVALID") << "at once: somebody else's metadata";
  world_.resource["resource"] = kResource;
  start("mcp-server:Validate", "manual");
  run();
  EXPECT_EQ(status(), "INACTIVE") << "never ACTIVE by itself";
  EXPECT_THAT(server().invalid_reasons, IsEmpty());
}

TEST_P(ValidationTest, AnActiveServerIsForgivenTwice) {
  make_active();
  world_.instead.emplace(kResource, test::Outside::failure("net.connect"));
  for (int failure = 1; failure <= 2; ++failure) {
    const auto id = start("mcp-server:Validate", "manual");
    run();
    EXPECT_EQ(status(), "ACTIVE") << failure;
    EXPECT_EQ(server().failures, failure);
    EXPECT_EQ(report().at("degraded"), true);
    EXPECT_EQ(to_string(operation(id).status), "FAILED");
  }
  start("mcp-server:Validate", "manual");
  run();
  EXPECT_EQ(status(), "INVALID");
}

TEST_P(ValidationTest, ASuccessInBetweenBeginsTheCountAnew) {
  make_active();
  for (int round = 0; round < 3; ++round) {
    world_.instead.emplace(kResource, test::Outside::failure("net.connect"));
    for (int failure = 0; failure < 2; ++failure) {
      start("mcp-server:Validate", "manual");
      run();
    }
    world_.instead.clear();
    start("mcp-server:Validate", "manual");
    run();
    EXPECT_EQ(status(), "ACTIVE");
    EXPECT_EQ(server().failures, 0);
  }
}

TEST_P(ValidationTest, TheScheduleAloneFindsIt) {
  make_active();
  world_.resource["resource"] = "https://elsewhere.example/mcp";
  EXPECT_EQ(run(), 0) << "nothing is due yet";
  run_for(seconds(1200), seconds(60));
  EXPECT_EQ(status(), "INVALID");
  world_.resource["resource"] = kResource;
  run_for(seconds(1200), seconds(60));
  EXPECT_EQ(status(), "INACTIVE");
}

TEST_P(ValidationTest, ACheckThatFindsNothingNewChangesNoVersion) {
  make_active();
  const auto version = server().version;
  const auto before = events().size();
  run_for(seconds(3600), seconds(300));
  EXPECT_EQ(server().version, version);
  EXPECT_EQ(events().size(), before);
  EXPECT_NE(report().at("checkedAt"), core::json::Value(core::to_rfc3339(core::FakeClock().now())));
}

TEST_P(ValidationTest, TransientTroubleOfANewServerIsTriedAgain) {
  world_.instead.emplace(kResource, test::Outside::failure("net.timeout"));
  const auto id = add_server();
  run();
  EXPECT_EQ(status(), "PENDING");
  EXPECT_EQ(to_string(operation(id).status), "IN_PROGRESS");
  EXPECT_EQ(run(), 0);
  world_.instead.clear();
  clock().advance(seconds(1));
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(to_string(operation(id).status), "COMPLETED");
}

TEST_P(ValidationTest, TransientTroubleWithoutAnEndIsAFailure) {
  world_.instead.emplace(kResource, test::Outside::failure("net.timeout"));
  const auto id = add_server();
  run();
  int waited = 0;
  for (; waited < 1000 && status() == "PENDING"; ++waited) {
    clock().advance(seconds(1));
    run();
  }
  EXPECT_EQ(status(), "INVALID");
  EXPECT_EQ(waited, 1 + 2 + 4 + 8 + 16 + 32 + 64);
  EXPECT_EQ(to_string(operation(id).status), "FAILED");
}

TEST_P(ValidationTest, NoMetadataOfTheAuthorizationServerYet) {
  world_.instead.emplace(kIssuerDocument, net::HttpResponse{.status = 404});
  add_server();
  run();
  EXPECT_EQ(status(), "PENDING");
  EXPECT_THAT(server().missing, testing::IsSupersetOf({"https://idp.example.com: the authorization endpoint",
                                                       "https://idp.example.com: the token endpoint"}));
  ASSERT_EQ(auth_servers().size(), 1u);
  McpAuthServer as = auth_servers()[0];
  EXPECT_EQ(to_string(as.status), "PENDING");
  // As GitHub: what is missing is entered by hand.
  as.authorization_endpoint = "https://idp.example.com/authorize";
  as.token_endpoint = "https://idp.example.com/token";
  as.grant_types = {"authorization_code"};
  in_transaction([&](Transaction& tx) -> core::Status {
    Row row = to_row(as);
    return tx.update(row);
  });
  register_client(as.id);
  start("mcp-server:Validate", "manual");
  run();
  EXPECT_EQ(status(), "INACTIVE");
  EXPECT_EQ(to_string(auth_servers()[0].status), "ACTIVE");
  EXPECT_THAT(check("R10"), HasSubstr("WARN"));
}

TEST_P(ValidationTest, AuthorizationServerRemovedWhileActive) {
  make_active();
  const McpAuthServer before = auth_servers().at(0);
  world_.resource["authorization_servers"] = Array{"https://new.example.com"};
  Object other = world_.issuer;
  other["issuer"] = "https://new.example.com";
  world_.instead.emplace("https://new.example.com/.well-known/oauth-authorization-server",
                         test::Outside::json(other));
  start("mcp-server:Refresh", "manual");
  run();
  EXPECT_EQ(status(), "ACTIVE") << "losing connectable is no failed validation";
  EXPECT_EQ(report().at("connectable"), false);
  for (const McpAuthServer& as : auth_servers()) {
    if (as.id == before.id) {
      EXPECT_EQ(to_string(as.status), "INVALID") << "it has a client registration, which stays";
      EXPECT_THAT(as.reason, HasSubstr("not listed by the resource"));
    } else {
      EXPECT_EQ(as.issuer, "https://new.example.com");
      EXPECT_EQ(to_string(as.status), "ACTIVE");
    }
  }
  world_.resource["authorization_servers"] = Array{core::json::Value(kIssuer)};
  start("mcp-server:Refresh", "manual");
  run();
  ASSERT_EQ(auth_servers().size(), 1u) << "the one without a registration is gone";
  EXPECT_EQ(auth_servers()[0].id, before.id);
  EXPECT_EQ(to_string(auth_servers()[0].status), "ACTIVE");
  EXPECT_EQ(report().at("connectable"), true);
  EXPECT_THAT(events("resource_servers.mcp_server.auth_server."),
              testing::IsSupersetOf({"create", "update", "delete"}));
}

TEST_P(ValidationTest, OneOfOurOwnIsLinked) {
  in_transaction([&](Transaction& tx) -> core::Status {
    Row row{.kind = Kind::custom_as, .id = "aus1", .status = "ACTIVE", .name = "Tools"};
    return tx.insert(row);
  });
  world_.resource["authorization_servers"] = Array{"https://org.example/oauth2/aus1"};
  add_server();
  run();
  ASSERT_EQ(auth_servers().size(), 1u);
  EXPECT_TRUE(auth_servers()[0].okta);
  EXPECT_EQ(auth_servers()[0].id, "aus1");
  for (const auto& request : outside().requests())
    EXPECT_THAT(request.url, testing::Not(HasSubstr("org.example"))) << "we do not ask ourselves";
}

TEST_P(ValidationTest, ManualServersNeedNoMetadata) {
  world_.instead.emplace(kResourceDocument, net::HttpResponse{.status = 404});
  add_server(true);
  run();
  EXPECT_EQ(status(), "PENDING");
  EXPECT_THAT(server().missing, ElementsAre("an authorization server"));
  EXPECT_THAT(auth_servers(), IsEmpty());
}

TEST_P(ValidationTest, DriftIsShownAndLogged) {
  make_active();
  EXPECT_FALSE(report().contains("drift"));
  world_.issuer["token_endpoint"] = "https://idp.example.com/token2";
  world_.resource["scopes_supported"] = Array{"read"};
  run_for(seconds(700), seconds(100));
  const std::string drift = core::json::write(report().at("drift"));
  EXPECT_THAT(drift, HasSubstr("resource.scopes_supported"));
  EXPECT_THAT(drift,
              HasSubstr(R"("from":"https://idp.example.com/token","to":"https://idp.example.com/token2")"));
  EXPECT_EQ(auth_servers()[0].token_endpoint, "https://idp.example.com/token2");
  EXPECT_THAT(server().detected->scopes_supported, ElementsAre("read"));
  EXPECT_EQ(status(), "ACTIVE");
  const auto found = store().events({.type_prefix = "resource_servers.mcp_server.update", .limit = 1000});
  ASSERT_TRUE(found && !found->empty());
  EXPECT_THAT(core::json::write(found->back().debug), HasSubstr("mcp_server_detected_metadata"));
  // It is still there after a check that finds no further one, or nothing at all.
  run_for(seconds(700), seconds(100));
  EXPECT_EQ(core::json::write(report().at("drift")), drift);
  world_.instead.emplace(kResource, test::Outside::failure("net.connect"));
  run_for(seconds(300), seconds(60));
  EXPECT_EQ(core::json::write(report().at("drift")), drift);
}

TEST_P(ValidationTest, ToolsOfAnOpenServer) {
  world_.protects = false;
  add_server();
  run();
  EXPECT_THAT(check("R05"), HasSubstr("WARN the server answers without an access token"));
  EXPECT_THAT(check("R24"), HasSubstr("PASS"));
  const auto tools = store().list({.kind = Kind::tool, .parent = id_});
  ASSERT_TRUE(tools);
  ASSERT_EQ(tools->size(), 1u);
  EXPECT_EQ((*tools)[0].name, "echo");
  EXPECT_EQ((*tools)[0].body.at("description"), "Says it again.");
  EXPECT_EQ(events("resource_servers.mcp_server.capability.").size(), 1u);

  const std::string kept = (*tools)[0].id;
  world_.tools.push_back(Object{{"name", "add"}, {"inputSchema", Object{{"type", "object"}}}});
  start("mcp-server:Validate", "manual");
  run();
  const auto more = store().list({.kind = Kind::tool, .parent = id_});
  ASSERT_EQ(more->size(), 2u);
  EXPECT_EQ((*more)[0].id, kept);
  world_.tools.erase(world_.tools.begin());
  start("mcp-server:Validate", "manual");
  run();
  const auto fewer = store().list({.kind = Kind::tool, .parent = id_});
  ASSERT_EQ(fewer->size(), 1u);
  EXPECT_EQ((*fewer)[0].name, "add");
  EXPECT_EQ(events("resource_servers.mcp_server.capability.").size(), 3u);
}

TEST_P(ValidationTest, WhoHasLostTheLeaseAppliesNothing) {
  const auto id = add_server();
  const auto work = store().claim("node-1", seconds(10));
  ASSERT_TRUE(work && *work);
  // The node hangs in the middle, its lease runs out, another one takes over and ends the work.
  world_.meanwhile = [&] {
    clock().advance(seconds(11));
    world_.meanwhile = nullptr;
    EXPECT_EQ(run(), 1);
  };
  world_.install(outside());
  const auto handled = handlers_.at("validate")({}, service_, **work);
  ASSERT_FALSE(handled);
  EXPECT_EQ(handled.error().code, "registry.store.lease_lost");
  EXPECT_EQ(to_string(operation(id).status), "COMPLETED");
  EXPECT_EQ(auth_servers().size(), 1u);
  EXPECT_EQ(events("resource_servers.mcp_server.auth_server.create").size(), 1u);
}

TEST_P(ValidationTest, DeletedMeanwhile) {
  const auto id = add_server();
  world_.meanwhile = [&] {
    in_transaction([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_server, id_));
      ASSIGN_OR_RETURN(auto held, read_mcp_server(*row));
      return move_server(tx, service_, held, ServerEvent::remove, {.id = "00u1", .type = "User"}, "t1");
    });
  };
  EXPECT_EQ(run(), 1);
  EXPECT_FALSE(*store().get(Kind::mcp_server, id_));
  EXPECT_FALSE(*store().get(Kind::readiness, id_));
  EXPECT_EQ(to_string(operation(id).status), "FAILED");
  clock().advance(seconds(3600));
  EXPECT_EQ(run(), 0);
}

TEST_P(ValidationTest, ConfiguredMeanwhileIsLookedAtAgain) {
  add_server();
  run();
  const std::string as = auth_servers().at(0).id;
  start("mcp-server:Validate", "manual");
  world_.meanwhile = [&] { register_client(as); };
  EXPECT_EQ(run(), 2) << "the first look came too early";
  EXPECT_EQ(status(), "INACTIVE");
}

TEST_P(ValidationTest, CutOffItSaysNothing) {
  add_server();
  const auto work = store().claim("node-1", seconds(60));
  ASSERT_TRUE(work && *work);
  std::stop_source stop;
  world_.meanwhile = [&] { stop.request_stop(); };
  core::Context context;
  context.stop = stop.get_token();
  const auto handled = handlers_.at("validate")(context, service_, **work);
  ASSERT_FALSE(handled);
  EXPECT_EQ(handled.error().kind, core::ErrorKind::cancelled);
  EXPECT_EQ(status(), "PENDING");
  EXPECT_FALSE(*store().get(Kind::readiness, id_));
}

TEST_P(ValidationTest, TheSweepBeginsLostChecksAnew) {
  make_inactive();
  // The chain is lost: as after a restore from a backup.
  const auto chain = [&] {
    clock().advance(seconds(660));
    const auto work = store().claim("node-1", seconds(60));
    ASSERT_TRUE(work && *work);
    ASSERT_EQ((*work)->id, "check/" + id_);
    in_transaction([&](Transaction& tx) { return tx.finish(**work); });
  };
  chain();
  const auto checked = report().at("checkedAt");
  in_transaction([&](Transaction& tx) {
    return tx.schedule({.id = "schedule/all", .kind = "schedule", .subject = "all", .due = service_.now()});
  });
  EXPECT_EQ(run(), 1) << "not lost for sure yet";
  EXPECT_EQ(report().at("checkedAt"), checked);
  run_for(seconds(2400), seconds(60));
  EXPECT_NE(report().at("checkedAt"), checked);
}

TEST_P(ValidationTest, TheSweepGoesPageByPage) {
  in_transaction([&](Transaction& tx) -> core::Status {
    for (int i = 0; i < 450; ++i) {
      const std::string id = fmt::format("ems{:05}", i);
      Row row{.kind = Kind::readiness, .id = id, .parent = id, .status = i % 9 ? "ACTIVE" : "PENDING"};
      RETURN_IF_ERROR(tx.insert(row));
    }
    return {};
  });
  clock().advance(seconds(7200));
  in_transaction([&](Transaction& tx) {
    return tx.schedule({.id = "schedule/all", .kind = "schedule", .subject = "all", .due = service_.now()});
  });
  int scheduled = 0;
  int pages = 0;
  for (int i = 0; i < 1000; ++i) {
    const auto work = store().claim("node-1", seconds(60));
    ASSERT_TRUE(work);
    if (!*work) {
      if (pages == 3) break;
      clock().advance(seconds(1));
      continue;
    }
    if ((*work)->kind == "schedule") {
      ++pages;
      ASSERT_TRUE(handlers_.at("schedule")({}, service_, **work));
    } else {
      ++scheduled;
      in_transaction([&](Transaction& tx) { return tx.finish(**work); });
    }
  }
  EXPECT_EQ(pages, 3);
  EXPECT_EQ(scheduled, 400);
}

struct Hostile {
  const char* about;
  std::function<void(test::Outside&)> change;
  const char* check;
  const char* outcome;
};

TEST_P(ValidationTest, HostileMetadataEndsInAClearFailedCheck) {
  const auto resource = [](net::HttpResponse response) {
    return [response](test::Outside& world) { world.instead.emplace(kResourceDocument, response); };
  };
  const auto html =
      net::HttpResponse{.status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<html>"};
  const Hostile rows[] = {
      {"HTML", resource(html), "R06", "FAIL protected resource metadata not found"},
      {"not JSON", resource({.status = 200, .body = R"({"resource":)"}), "R06", "not JSON"},
      {"an array", resource({.status = 200, .body = "[]"}), "R06", "JSON, but not an object"},
      {"depth",
       resource({.status = 200, .body = R"({"a":)" + std::string(5000, '[') + std::string(5000, ']') + "}"}),
       "R06", "FAIL"},
      {"twice the same member", resource({.status = 200, .body = R"({"resource":"a","resource":"b"})"}),
       "R06", "FAIL"},
      {"bad UTF-8", resource({.status = 200, .body = "{\"resource\":\"\xff\"}"}), "R06", "FAIL"},
      {"wrong types", resource({.status = 200, .body = R"({"resource":1,"authorization_servers":{}})"}),
       "R07", "FAIL metadata resource '' does not match"},
      {"100,000 issuers",
       [](test::Outside& world) {
         Array list;
         for (int i = 0; i < 100'000; ++i) list.emplace_back(fmt::format("https://i{}.example", i));
         world.resource["authorization_servers"] = std::move(list);
       },
       "R08", "PASS"},
      {"issuers inside",
       [](test::Outside& world) {
         world.resource["authorization_servers"] = Array{"https://localhost/", "http://10.0.0.1/"};
       },
       "R08", "FAIL not usable as issuers"},
      {"HTML for an issuer", [html](test::Outside& world) { world.instead.emplace(kIssuerDocument, html); },
       "R10", "FAIL no authorization server metadata"},
      {"too large",
       [](test::Outside& world) {
         world.instead.emplace(kIssuerDocument, test::Outside::failure("net.too_large"));
       },
       "R10", "FAIL"},
      {"redirected inward",
       [](test::Outside& world) {
         world.instead.emplace(kIssuerDocument, test::Outside::failure("net.redirect"));
       },
       "R10", "FAIL"},
  };
  for (const Hostile& row : rows) {
    SCOPED_TRACE(row.about);
    world_ = test::Outside();
    outside().clear_requests();
    row.change(world_);
    id_ = service_.new_id("ems");
    // The URL is unique; the others are done with.
    const auto others = store().list({.kind = Kind::mcp_server});
    in_transaction([&](Transaction& tx) -> core::Status {
      for (const Row& other : *others) {
        ASSIGN_OR_RETURN(const auto held, tx.hold(Kind::mcp_server, other.id));
        ASSIGN_OR_RETURN(auto old, read_mcp_server(*held));
        RETURN_IF_ERROR(
            move_server(tx, service_, old, ServerEvent::remove, {.id = "00u1", .type = "User"}, "t"));
      }
      return {};
    });
    add_server();
    run();
    EXPECT_THAT(check(row.check), HasSubstr(row.outcome));
    EXPECT_LT(outside().count(), 60u);
    EXPECT_LT(core::json::write(report()).size(), 1u << 20);
    EXPECT_LE(auth_servers().size(), kMaxIssuers);
  }
}

}  // namespace
}  // namespace registry
