// A world for tests of the STS broker: an agent that is connected to an ACTIVE MCP server behind an external
// authorization server.
#pragma once

#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "registry/capabilities.h"
#include "registry/client_auth_settings.h"
#include "registry/mcp_server.h"
#include "registry/service.h"
#include "registry/sts.h"
#include "registry/sts_grant.h"
#include "registry/test_store.h"
#include "registry/workload_principal.h"

namespace registry::test {

inline constexpr std::string_view kUser = "00uAda00000000000000";
inline constexpr std::string_view kStsResource = "https://mcp.example.com/mcp/";

struct StsWorld {
  WorkloadPrincipal agent{
      .id = "wlpAgent000000000000", .status = AgentStatus::active, .name = "Travel <agent>"};
  McpServer server{.id = "emsServer00000000000",
                   .resource_url = std::string(kStsResource),
                   .status = Status::active,
                   .display_name = "Bookings & more"};
  McpAuthServer auth_server{.server = server.id,
                            .id = "easExternal000000000",
                            .issuer = "https://as.example.com",
                            .status = Status::active,
                            .connectivity = Connectivity::verified,
                            .authorization_endpoint = "https://as.example.com/authorize",
                            .token_endpoint = "https://as.example.com/token",
                            .grant_types = {"authorization_code", "refresh_token"}};
  ClientAuthSettings settings{.id = "rscSettings000000000",
                              .name = "main",
                              .server = server.id,
                              .auth_server = auth_server.id,
                              .issuer = auth_server.issuer,
                              .client_id = "client-1",
                              .scopes = {"repo", "read:user"}};
  Connection connection{.id = "mcnConnection0000000",
                        .owner = agent.id,
                        .type = ConnectionType::sts_access_token,
                        .server = server.id,
                        .settings = settings.id,
                        .resource_indicator = "orn:okta:idp:00o:client_auth_settings:" + settings.id};

  void at(const std::string& origin) {
    auth_server.issuer = settings.issuer = origin;
    auth_server.authorization_endpoint = origin + "/authorize";
    auth_server.token_endpoint = origin + "/token";
    auth_server.registration_endpoint = origin + "/register";
  }

  // Writes whatever of it is not there yet.
  void store(const Service& service, std::string_view secret = "s3cret/with+signs") {
    auto sealed = service.vault->seal(secret, secret_context(settings.id));
    ASSERT_TRUE(sealed);
    settings.sealed_secret = *sealed;
    const auto done = service.store->transaction([&](Transaction& tx) -> core::Status {
      for (Row row :
           {to_row(agent), to_row(server), to_row(auth_server), to_row(settings), to_row(connection)})
        if (const core::Status put = tx.insert(row); !put) return put;
      return {};
    });
    ASSERT_TRUE(done) << core::describe(done.error());
  }

  // Another agent with a connection to the same registration.
  StsRequest second_agent(const Service& service) const {
    WorkloadPrincipal second{
        .id = "wlpSecond00000000000", .status = AgentStatus::active, .name = "Second agent"};
    Connection its = connection;
    its.id = "mcnSecond00000000000";
    its.owner = second.id;
    const auto done = service.store->transaction([&](Transaction& tx) -> core::Status {
      Row row = to_row(second);
      RETURN_IF_ERROR(tx.insert(row));
      row = to_row(its);
      return tx.insert(row);
    });
    EXPECT_TRUE(done) << core::describe(done.error());
    StsRequest asks = request();
    asks.principal = std::move(second);
    return asks;
  }

  StsRequest request() const {
    return {.requested_token_type = std::string(kOAuthSts),
            .resource = connection.resource_indicator,
            .principal = agent,
            .user_id = std::string(kUser),
            .login = "ada@example.com",
            .subject_is_user = true,
            .transaction = "tx-1",
            .subject_token_id = "ID.1"};
  }
};

// Changes a stored entity: `change` gets it as it is read.
template <class T>
void change_row(const Service& service, Kind kind, const std::string& id, core::Result<T> (*read)(const Row&),
                const std::function<void(T&)>& change) {
  const auto done = service.store->transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto row, tx.hold(kind, id));
    if (!row) return core::fail(core::ErrorKind::not_found, "test", "no such row");
    ASSIGN_OR_RETURN(auto entity, read(*row));
    change(entity);
    Row next = to_row(entity);
    return tx.update(next);
  });
  ASSERT_TRUE(done) << core::describe(done.error());
}

inline std::vector<Event> events_of(const Service& service, std::string prefix) {
  auto events = service.store->events({.type_prefix = std::move(prefix), .limit = 1000});
  EXPECT_TRUE(events);
  return events ? *std::move(events) : std::vector<Event>{};
}

inline std::string path_of(const Service& service, std::string_view url) {
  EXPECT_TRUE(url.starts_with(service.settings.issuer)) << url;
  return std::string(url.substr(std::min(url.size(), service.settings.issuer.size())));
}

}  // namespace registry::test
