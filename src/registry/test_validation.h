// A server on its way through validation: the requests of the API, the worker's turns, and what can be read
// back.
#pragma once

#include <chrono>
#include <fmt/format.h>
#include <functional>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "registry/capabilities.h"
#include "registry/operation.h"
#include "registry/test_outside.h"
#include "registry/test_store.h"

namespace registry::test {

class ValidationTest : public AnyService {
 protected:
  void SetUp() override {
    AnyService::SetUp();
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
  void run_for(std::chrono::seconds time, std::chrono::seconds step) {
    for (std::chrono::seconds passed{0}; passed < time; passed += step) {
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
  core::json::Object report() {
    const auto row = store().get(Kind::readiness, id_);
    EXPECT_TRUE(row && *row);
    return row && *row ? (*row)->body : core::json::Object{};
  }
  std::string check(std::string_view id) {
    const core::json::Object body = report();
    std::vector<const core::json::Array*> lists{&body.at("checks").get_array()};
    for (const auto& as : body.at("authorizationServers").get_array())
      lists.push_back(&as.at("checks").get_array());
    for (const core::json::Array* list : lists)
      for (const auto& each : *list)
        if (core::json::string_or_empty(each, "id") == id)
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
  Outside world_;
  WorkHandlers handlers_;
};

}  // namespace registry::test
