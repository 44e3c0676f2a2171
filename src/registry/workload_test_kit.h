// For tests of workload principals: the routes as a client calls them, and the rows of other areas that they
// lead to.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "oauth/jwk.h"
#include "registry/capabilities.h"
#include "registry/mcp_server.h"
#include "registry/service.h"
#include "registry/test_store.h"
#include "registry/workload_principal.h"
#include "rest/router.h"
#include "rest/test_call.h"

namespace registry::test {

struct Sent {
  std::string body{};
  std::string type = "application/json";
  net::Headers headers{};
};

struct Got {
  int status = 0;
  core::json::Object body{};
  net::Headers headers{};

  // Of a refusal: errorCauses[0].reason, or where it has none its errorCode.
  std::string reason() const {
    const auto* causes = body.if_contains("errorCauses");
    if (causes != nullptr && !causes->as_array().empty()) {
      const std::string text(core::json::string_or_empty(causes->as_array()[0], "reason"));
      if (!text.empty()) return text;
    }
    return std::string(core::json::string_or_empty(body, "errorCode"));
  }
  std::string location() const {
    const auto* causes = body.if_contains("errorCauses");
    if (causes == nullptr || causes->as_array().empty()) return {};
    return std::string(core::json::string_or_empty(causes->as_array()[0], "location"));
  }
  std::string summary() const {
    const auto* causes = body.if_contains("errorCauses");
    if (causes == nullptr || causes->as_array().empty()) return {};
    return std::string(core::json::string_or_empty(causes->as_array()[0], "errorSummary"));
  }
  std::string text(std::string_view path) const {
    return std::string(core::json::string_or_empty(body, path));
  }
  // Ids of a list.
  std::vector<std::string> ids() const {
    std::vector<std::string> out;
    for (const auto& entry : body.at("data").as_array())
      out.emplace_back(core::json::string_or_empty(entry, "id"));
    return out;
  }
};

// Thread-safe, as the service is.
class WorkloadApi {
 public:
  explicit WorkloadApi(const Service& service) : service_(service) { add_workload_routes(router_, service); }

  Got call(net::Method method, std::string_view path, const Sent& sent = {}) const {
    const std::string target = path.starts_with("/governance/")
                                   ? std::string(path)
                                   : fmt::format("/workload-principals/api/v1{}", path);
    rest::TestCall test(target, method, sent.body);
    if (!sent.body.empty()) test.request->headers.add("Content-Type", sent.type);
    for (const auto& [name, value] : sent.headers) test.request->headers.add(name, value);
    test.call.caller = {.kind = rest::Caller::Kind::user, .id = "00uAdmin", .name = "admin@example.org"};
    auto match = router_.match(method, test.request->path);
    Got got;
    rest::Answer<rest::Reply> answer = rest::refuse(rest::path_not_found());
    if (match) {
      test.call.params = match->params;
      answer = match->route->handler(test.call);
    } else {
      answer = rest::refuse(match.error());
    }
    std::string body;
    if (answer) {
      got.status = answer->status;
      got.headers = answer->headers;
      body = answer->body;
    } else {
      got.status = answer.error().status;
      body = rest::write_problem(answer.error(), "oae1");
    }
    if (!body.empty()) got.body = core::json::parse(body).value().as_object();
    return got;
  }
  Got get(std::string_view path) const { return call(net::Method::get, path); }
  Got post(std::string_view path, std::string body = {}) const {
    return call(net::Method::post, path, {.body = std::move(body)});
  }
  Got put(std::string_view path, std::string body) const {
    return call(net::Method::put, path, {.body = std::move(body)});
  }
  Got patch(std::string_view path, std::string body) const {
    return call(net::Method::patch, path, {.body = std::move(body), .type = "application/merge-patch+json"});
  }
  Got remove(std::string_view path) const { return call(net::Method::delete_, path); }

  // What the operation of an accepted request is about.
  std::string resource_of(const Got& accepted) const {
    EXPECT_EQ(accepted.status, 202) << core::json::write(accepted.body);
    const std::string location(accepted.headers.get("Location"));
    const std::size_t at = location.find("/operations/");
    EXPECT_NE(at, std::string::npos) << location;
    if (at == std::string::npos) return {};
    const Got operation = get(location.substr(at));
    EXPECT_EQ(operation.text("status"), "COMPLETED");
    return operation.text("resource.id");
  }

  // A STAGED agent.
  std::string agent(std::string_view name, std::string_view more = {}) const {
    return resource_of(post("/ai-agents", fmt::format(R"({{"profile":{{"name":"{}"}}{}}})", name, more)));
  }
  void own(const std::string& agent, std::string_view user = "00uOwner") const {
    const Got got = put("/governance/api/v1/resource-owners",
                        fmt::format(R"({{"resourceOrns":["{}"],"principalOrns":["{}"]}})",
                                    service_.names.ai_agent(agent), service_.names.user(user)));
    EXPECT_EQ(got.status, 200) << core::json::write(got.body);
  }
  std::string add_key(const std::string& agent) const {
    const Got got = post(fmt::format("/ai-agents/{}/credentials/jwks", agent), public_key());
    EXPECT_EQ(got.status, 201) << core::json::write(got.body);
    return got.text("id");
  }
  // An ACTIVE one.
  std::string active_agent(std::string_view name, std::string_view more = {}) const {
    std::string id = agent(name, more);
    own(id);
    add_key(id);
    EXPECT_EQ(post(fmt::format("/ai-agents/{}/lifecycle/activate", id)).status, 202);
    return id;
  }

  static std::string public_key(oauth::Algorithm algorithm = oauth::Algorithm::es256) {
    return core::json::write(oauth::Key::generate(algorithm).value().public_jwk());
  }

 private:
  const Service& service_;
  rest::Router router_;
};

inline void insert(Store& store, Row row) {
  const auto done = store.transaction([&](Transaction& tx) -> core::Status {
    Row copy = row;
    return tx.insert(copy);
  });
  ASSERT_TRUE(done) << core::describe(done.error());
}

inline void set_status(Store& store, Kind kind, const std::string& id, std::string_view status) {
  const auto done = store.transaction([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(auto row, tx.hold(kind, id));
    row.value().status = status;
    return tx.update(*row);
  });
  ASSERT_TRUE(done) << core::describe(done.error());
}

inline void add_user(Store& store, const std::string& id, std::string_view status = "ACTIVE") {
  insert(store, {.kind = Kind::user, .id = id, .unique = id, .status = std::string(status), .name = id});
}

// A custom authorization server with a rule that allows JWT bearer.
inline void add_custom_as(Store& store, const std::string& id, std::string_view status = "ACTIVE") {
  insert(store, {.kind = Kind::custom_as, .id = id, .status = std::string(status), .name = "as " + id});
  insert(store, {.kind = Kind::as_policy, .id = "00p" + id, .parent = id, .status = "ACTIVE"});
  Row rule{
      .kind = Kind::as_rule, .id = "0pr" + id, .parent = id + "/00p" + id, .status = "ACTIVE", .refs = {id}};
  rule.body =
      core::json::parse(
          R"({"conditions":{"grantTypes":{"include":["urn:ietf:params:oauth:grant-type:jwt-bearer"]}}})")
          .value()
          .as_object();
  insert(store, rule);
}

inline std::string resource_url(std::string_view server) {
  return fmt::format("https://{}.example/mcp", server);
}

// An MCP server, and an authorization server of it: ours when it starts with "aus".
inline void add_server(Store& store, const std::string& id, Status status = Status::active) {
  insert(store,
         to_row(McpServer{
             .id = id, .resource_url = resource_url(id), .status = status, .display_name = "server " + id}));
}
inline void link_auth_server(Store& store, const std::string& server, const std::string& id,
                             Status status = Status::active) {
  McpAuthServer made{.server = server,
                     .id = id,
                     .okta = id.starts_with("aus"),
                     .issuer = fmt::format("https://{}.example/{}", id, server),
                     .status = status,
                     .connectivity = Connectivity::verified};
  if (!made.okta) {
    made.authorization_endpoint = made.issuer + "/authorize";
    made.token_endpoint = made.issuer + "/token";
    made.grant_types = {"authorization_code", "refresh_token"};
  }
  insert(store, to_row(made));
}
inline void add_settings(Store& store, const std::string& id, const std::string& server,
                         const std::string& auth_server, bool active = true) {
  insert(store, to_row(ClientAuthSettings{.id = id,
                                          .name = "settings " + id,
                                          .server = server,
                                          .auth_server = auth_server,
                                          .issuer = fmt::format("https://{}.example/{}", auth_server, server),
                                          .active = active,
                                          .client_id = "client-1"}));
}

// Types of the events so far, oldest first.
inline std::vector<std::string> event_types(Store& store, std::string_view prefix = {}) {
  std::vector<std::string> out;
  const auto events = store.events({.type_prefix = std::string(prefix), .limit = 1000}).value();
  for (const Event& event : events) out.push_back(event.type);
  return out;
}

}  // namespace registry::test
