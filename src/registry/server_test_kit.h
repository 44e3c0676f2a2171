// The API of MCP servers for tests: a Service on either backend, calls through the route table as they would
// come over HTTP, and the worker's part played by hand.
#pragma once

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <functional>
#include <gtest/gtest.h>
#include <string>
#include <utility>
#include <vector>

#include "core/json.h"
#include "registry/operation.h"
#include "registry/test_store.h"
#include "registry/transitions.h"
#include "rest/problem.h"
#include "rest/router.h"

namespace registry::test {

inline constexpr std::string_view kServers = "/resource-servers/api/v1/mcp-servers";
inline constexpr std::string_view kSettings = "/resource-servers/api/v1/client-auth-settings";
inline constexpr std::string_view kJwtBearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

struct ApiAnswer {
  int status = 0;
  core::json::Value body;
  net::Headers headers;

  std::string text(std::string_view path) const {
    return std::string(core::json::string_or_empty(body, path));
  }
  // "409 INVALID_STATE_TRANSITION status", "400 E0000021", "200".
  std::string outcome() const {
    std::string what = std::to_string(status);
    const auto* causes = core::json::find(body, "errorCauses");
    const bool has_cause = causes != nullptr && causes->is_array() && !causes->get_array().empty();
    if (has_cause && causes->get_array().front().get_object().contains("reason")) {
      const auto& cause = causes->get_array().front();
      what += " " + std::string(core::json::string_or_empty(cause, "reason"));
      const auto location = core::json::string_or_empty(cause, "location");
      if (!location.empty()) what += " " + std::string(location);
    } else if (!text("errorCode").empty()) {
      what += " " + text("errorCode");
    }
    return what;
  }
  std::string cause() const {
    const auto* causes = core::json::find(body, "errorCauses");
    if (causes == nullptr || !causes->is_array() || causes->get_array().empty()) return {};
    return std::string(core::json::string_or_empty(causes->get_array().front(), "errorSummary"));
  }
  std::vector<std::string> texts(std::string_view path) const {
    std::vector<std::string> found;
    const auto* list = core::json::find(body, path);
    if (list == nullptr || !list->is_array()) return found;
    for (const auto& each : list->get_array()) found.emplace_back(each.as_string());
    return found;
  }
  bool flag(std::string_view path) const {
    const auto* value = core::json::find(body, path);
    return value != nullptr && value->is_bool() && value->get_bool();
  }
  // Of a list.
  std::vector<std::string> ids() const {
    std::vector<std::string> found;
    const auto* data = core::json::find(body, "data");
    if (data == nullptr || !data->is_array()) return found;
    for (const auto& each : data->get_array()) found.emplace_back(core::json::string_or_empty(each, "id"));
    return found;
  }
};

class ServersTest : public AnyService {
 protected:
  void SetUp() override {
    AnyService::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    add_mcp_server_routes(router_, service_);
  }

  ApiAnswer call(net::Method method, std::string_view target, std::string body = {},
                 const net::Headers& headers = {}) {
    net::ServerRequest request;
    request.method = method;
    request.target = std::string(target);
    request.path = request.target.substr(0, request.target.find('?'));
    if (request.path.size() < request.target.size())
      request.query = request.target.substr(request.path.size() + 1);
    request.body = std::move(body);
    request.headers = headers;
    const auto match = router_.match(method, request.path);
    if (!match) return answer_of(match.error());
    rest::Call api{
        .http = request,
        .params = match->params,
        .query = net::parse_query(request.query).value_or(net::Query{}),
        .caller = {.kind = rest::Caller::Kind::user, .id = "00uadmin", .name = "Ada", .scopes = {}}};
    const auto reply = match->route->handler(api);
    if (!reply) return answer_of(reply.error());
    return {.status = reply->status, .body = parse(reply->body), .headers = reply->headers};
  }
  ApiAnswer get(std::string_view target) { return call(net::Method::get, target); }
  ApiAnswer post(std::string_view target, std::string body = {}) {
    return call(net::Method::post, target, std::move(body));
  }
  ApiAnswer patch(std::string_view target, std::string body, net::Headers headers = {}) {
    headers.add("Content-Type", "application/merge-patch+json");
    return call(net::Method::patch, target, std::move(body), headers);
  }
  ApiAnswer remove(std::string_view target, const net::Headers& headers = {}) {
    return call(net::Method::delete_, target, {}, headers);
  }

  // What an answer's Location leads to.
  ApiAnswer follow(const ApiAnswer& accepted) {
    EXPECT_EQ(accepted.status, 202) << accepted.outcome() << " " << accepted.cause();
    const std::string location(accepted.headers.get("location"));
    EXPECT_TRUE(location.starts_with("https://org.example/")) << location;
    return get(location.substr(std::string("https://org.example").size()));
  }

  static std::string path_of(std::string_view id) { return fmt::format("{}/{}", kServers, id); }
  static std::string as_path(std::string_view server, std::string_view as) {
    return fmt::format("{}/{}/authorization-servers/{}", kServers, server, as);
  }

  // A server that is PENDING; its id.
  std::string register_server(std::string_view url = "https://mcp.example.com/mcp",
                              std::string_view name = "Example") {
    clock().advance(std::chrono::milliseconds{1});  // ids made later sort later
    const auto accepted =
        post(kServers, fmt::format(R"({{"resourceUrl":"{}","displayName":"{}"}})", url, name));
    EXPECT_EQ(accepted.status, 202) << accepted.outcome() << " " << accepted.cause();
    const auto row = store().find_unique(Kind::mcp_server, url);
    EXPECT_TRUE(row && *row);
    return row && *row ? (*row)->id : std::string();
  }

  // A custom authorization server with a rule that lets agents redeem ID-JAGs.
  std::string make_custom_as(std::string_view status = "ACTIVE", std::string_view grant = kJwtBearerGrant) {
    const std::string id = service_.new_id("aus");
    run([&](Transaction& tx) -> core::Status {
      Row as{.kind = Kind::custom_as, .id = id, .status = std::string(status), .body = {{"name", "test"}}};
      RETURN_IF_ERROR(tx.insert(as));
      Row policy{.kind = Kind::as_policy, .id = service_.new_id("00p"), .parent = id, .status = "ACTIVE"};
      RETURN_IF_ERROR(tx.insert(policy));
      Row rule{.kind = Kind::as_rule,
               .id = service_.new_id("0pr"),
               .parent = id + "/" + policy.id,
               .status = "ACTIVE",
               .refs = {id, policy.id}};
      rule.body =
          core::json::parse(fmt::format(R"({{"conditions":{{"grantTypes":{{"include":["{}"]}}}}}})", grant))
              ->as_object();
      return tx.insert(rule);
    });
    return id;
  }
  std::string link_custom_as(const std::string& server) {
    const std::string as = make_custom_as();
    const auto linked = post(path_of(server) + "/authorization-servers",
                             fmt::format(R"({{"type":"OKTA","orn":"{}"}})", service_.names.custom_as(as)));
    EXPECT_EQ(linked.status, 202) << linked.outcome() << " " << linked.cause();
    return as;
  }

  void run(const std::function<core::Status(Transaction&)>& work) {
    const core::Status done = store().transaction(work);
    EXPECT_TRUE(done) << core::describe(done.error());
  }

  // What the readiness checks would do.
  core::Status move(const std::string& id, ServerEvent event, std::vector<std::string> reasons = {}) {
    return store().transaction([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_server, id));
      if (!row) return core::fail(core::ErrorKind::not_found, "test.gone", "gone");
      ASSIGN_OR_RETURN(auto server, read_mcp_server(*row));
      return move_server(tx, service_, server, event, kSystem, "test", reasons);
    });
  }
  core::Status move_as(const std::string& server, const std::string& id, AuthServerEvent event,
                       std::string reason = {}) {
    return store().transaction([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(const auto held, tx.hold(Kind::mcp_server, server));
      ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_auth_server, server + "/" + id));
      if (!row) return core::fail(core::ErrorKind::not_found, "test.gone", "gone");
      ASSIGN_OR_RETURN(auto as, read_mcp_auth_server(*row));
      return move_auth_server(tx, service_, as, event, kSystem, "test", reason);
    });
  }
  // The worker takes the activation of that server and finds nothing wrong.
  void work_off_activation(const std::string& id) {
    run([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(const auto running, running_operations(tx, id));
      const auto found = std::find_if(running.begin(), running.end(), [](const Operation& operation) {
        return operation.type == "mcp-server:Activate";
      });
      if (found == running.end()) return core::fail(core::ErrorKind::internal, "test.none", "no operation");
      ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::mcp_server, id));
      ASSIGN_OR_RETURN(auto server, read_mcp_server(*row));
      RETURN_IF_ERROR(move_server(tx, service_, server, ServerEvent::activate, kSystem, found->id));
      return finish_operation(tx, service_, found->id,
                              OperationResource{id, "mcp_server", std::string(to_string(server.status)),
                                                service_.url(path_of(id))});
    });
  }

  // A server in a state that it reached by transitions alone.
  std::string server_in(Status status, std::string_view url = "https://mcp.example.com/mcp") {
    const std::string id = register_server(url);
    if (status == Status::pending) return id;
    if (status == Status::invalid) {
      EXPECT_TRUE(move(id, ServerEvent::validation_failed, {"unreachable"}));
      return id;
    }
    link_custom_as(id);
    EXPECT_TRUE(move(id, ServerEvent::validated));
    if (status == Status::active) {
      EXPECT_EQ(post(path_of(id) + "/lifecycle/activate").status, 202);
      work_off_activation(id);
    }
    EXPECT_EQ(get(path_of(id)).text("status"), to_string(status));
    return id;
  }

  // A connection of an agent that needs these.
  std::string connect(std::vector<std::string> refs) {
    Row row{.kind = Kind::connection,
            .id = service_.new_id("mcn"),
            .parent = "wlpTest",
            .status = "ACTIVE",
            .refs = std::move(refs)};
    run([&](Transaction& tx) {
      row.version = 0;
      return tx.insert(row);
    });
    return row.id;
  }

  // Types of the events about something, oldest first, without "resource_servers.".
  std::vector<std::string> events_about(std::string_view id) {
    std::vector<std::string> types;
    const auto events = store().events({.about = std::string(id)});
    EXPECT_TRUE(events);
    if (!events) return types;
    for (const Event& event : *events)
      types.push_back(event.type.substr(std::string_view("resource_servers.").size()));
    return types;
  }

  rest::Router router_;
  static inline const Actor kSystem{.id = "system", .type = "SystemPrincipal", .name = "checks"};

 private:
  static core::json::Value parse(const std::string& text) {
    if (text.empty()) return nullptr;
    auto value = core::json::parse(text);
    EXPECT_TRUE(value) << text;
    return value ? *std::move(value) : core::json::Value(nullptr);
  }
  static ApiAnswer answer_of(const rest::Problem& problem) {
    return {.status = problem.status,
            .body = parse(rest::write_problem(problem, "oaeTest")),
            .headers = problem.headers};
  }
};

}  // namespace registry::test
