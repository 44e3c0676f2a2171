// Validation when something happens in between, after something was lost, and with metadata that means harm.
#include <fmt/format.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stop_token>
#include <string>

#include "registry/discovery.h"
#include "registry/test_validation.h"
#include "registry/transitions.h"
#include "registry/validation.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using std::chrono::seconds;
using test::kIssuerDocument;
using test::kResourceDocument;
using testing::HasSubstr;

class ValidationTroubleTest : public test::ValidationTest {};
INSTANTIATE_TEST_SUITE_P(Stores, ValidationTroubleTest, test::kBackends, test::name_of);

TEST_P(ValidationTroubleTest, WhoHasLostTheLeaseAppliesNothing) {
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

TEST_P(ValidationTroubleTest, DeletedMeanwhile) {
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

TEST_P(ValidationTroubleTest, ConfiguredMeanwhileIsLookedAtAgain) {
  add_server();
  run();
  const std::string as = auth_servers().at(0).id;
  start("mcp-server:Validate", "manual");
  world_.meanwhile = [&] { register_client(as); };
  EXPECT_EQ(run(), 2) << "the first look came too early";
  EXPECT_EQ(status(), "INACTIVE");
}

TEST_P(ValidationTroubleTest, CutOffItSaysNothing) {
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

TEST_P(ValidationTroubleTest, TheSweepBeginsLostChecksAnew) {
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
  ASSERT_TRUE(schedule_discovery_work(service_));
  EXPECT_EQ(run(), 1) << "not lost for sure yet";
  EXPECT_EQ(report().at("checkedAt"), checked);
  run_for(seconds(2400), seconds(60));
  EXPECT_NE(report().at("checkedAt"), checked);
}

TEST_P(ValidationTroubleTest, TheSweepGoesPageByPage) {
  in_transaction([&](Transaction& tx) -> core::Status {
    for (int i = 0; i < 450; ++i) {
      const std::string id = fmt::format("ems{:05}", i);
      Row row{.kind = Kind::readiness, .id = id, .parent = id, .status = i % 9 ? "ACTIVE" : "PENDING"};
      RETURN_IF_ERROR(tx.insert(row));
    }
    return {};
  });
  clock().advance(seconds(7200));
  ASSERT_TRUE(schedule_discovery_work(service_));
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

TEST_P(ValidationTroubleTest, HostileMetadataEndsInAClearFailedCheck) {
  const auto resource = [](net::HttpResponse response) {
    return [response](test::Outside& world) { world.instead.emplace(kResourceDocument, response); };
  };
  const auto html =
      net::HttpResponse{.status = 200, .headers = {{"Content-Type", "text/html"}}, .body = "<html>"};
  const auto issuers = [](int count) {
    return [count](test::Outside& world) {
      Array list;
      for (int i = 0; i < count; ++i) list.emplace_back(fmt::format("https://i{}.example", i));
      world.resource["authorization_servers"] = std::move(list);
      // As the client does at its cap.
      const auto answer = test::Outside::json(world.resource);
      if (answer.body.size() > (256u << 10))
        world.instead.emplace(kResourceDocument, test::Outside::failure("net.too_large"));
    };
  };
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
      {"100,000 issuers", issuers(100'000), "R06", "FAIL"},
      {"9,000 issuers", issuers(9'000), "R08", "PASS"},
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
