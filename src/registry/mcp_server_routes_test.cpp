#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "registry/revocation.h"
#include "registry/server_test_kit.h"
#include "registry/workload_principal.h"

namespace registry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class McpServerRoutesTest : public test::ServersTest {
 protected:
  static std::string register_path() { return std::string(test::kServers); }
};

TEST_P(McpServerRoutesTest, RegistersWithAnOperation) {
  const auto accepted = post(
      register_path(),
      R"({"resourceUrl":"https://mcp.example.com/mcp/?a=%2f","displayName":"Docs","description":"All of it"})");
  ASSERT_EQ(accepted.status, 202);
  EXPECT_TRUE(accepted.body.is_null());
  const auto operation = follow(accepted);
  EXPECT_EQ(operation.text("type"), "mcp-server:Register");
  EXPECT_EQ(operation.text("status"), "SCHEDULED");
  EXPECT_TRUE(operation.text("id").starts_with("op-"));

  const std::string id = get(register_path()).ids().at(0);
  EXPECT_TRUE(id.starts_with("ems"));
  const auto shown = get(path_of(id));
  EXPECT_EQ(shown.text("resourceUrl"), "https://mcp.example.com/mcp/?a=%2f");
  EXPECT_EQ(shown.text("status"), "PENDING");
  EXPECT_EQ(shown.text("registrationType"), "DISCOVERABLE");
  EXPECT_EQ(shown.text("metadata.displayName"), "Docs");
  EXPECT_EQ(shown.text("metadata.description"), "All of it");
  EXPECT_EQ(shown.text("orn"), "orn:okta:directory:00oTestOrg0000000000:resource-servers:mcp:" + id);
  EXPECT_FALSE(shown.flag("connectable"));
  EXPECT_EQ(shown.text("connectableReason"), "it has no authorization server");
  EXPECT_THAT(shown.texts("missing"), ElementsAre("an authorization server"));
  EXPECT_THAT(events_about(id), ElementsAre("mcp_server.register"));
  const auto work = store().claim("node", std::chrono::seconds{60});
  ASSERT_TRUE(work && *work);
  EXPECT_EQ((*work)->kind, "validate");
  EXPECT_EQ((*work)->subject, id);
  EXPECT_EQ(core::json::string_or_empty((*work)->body, "reason"), "register");
  EXPECT_EQ(core::json::string_or_empty((*work)->body, "operation"), operation.text("id"));
}

TEST_P(McpServerRoutesTest, RefusesBadBodies) {
  struct Case {
    std::string body;
    std::string outcome;
  };
  const std::vector<Case> cases{
      {"", "400 E0000003"},
      {"[]", "400 E0000003"},
      {"{", "400 E0000003"},
      {"{}", "400 REQUIRED_PROPERTY resourceUrl"},
      {R"({"resourceUrl":null})", "400 REQUIRED_PROPERTY resourceUrl"},
      {R"({"resourceUrl":""})", "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":7})", "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":"/mcp"})", "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":"http://mcp.example.com/"})", "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":"http://127.0.0.1/"})", "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":"ftp://mcp.example.com/"})", "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":"https://u:p@mcp.example.com/"})", "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":"https://mcp.example.com/#a"})", "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":"https://mcp.example.com/#"})", "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":"https://mcp.example.com/a b"})", "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":"https://"})", "400 INVALID_FORMAT resourceUrl"},
      {fmt::format(R"({{"resourceUrl":"https://mcp.example.com/{}"}})", std::string(2048, 'a')),
       "400 INVALID_FORMAT resourceUrl"},
      {R"({"resourceUrl":"https://a.example","name":"x"})", "400 UNKNOWN_PROPERTY name"},
      {R"({"resourceUrl":"https://a.example","displayName":["x"]})", "400 INVALID_FORMAT displayName"},
      {fmt::format(R"({{"resourceUrl":"https://a.example","displayName":"{}"}})", std::string(256, 'x')),
       "400 INVALID_FORMAT displayName"},
      {R"({"resourceUrl":"https://a.example","displayName":"a\u0000b"})", "400 INVALID_FORMAT displayName"},
      {R"({"resourceUrl":"https://a.example","registrationType":"CATALOG"})",
       "400 INVALID_FORMAT registrationType"},
  };
  for (const auto& each : cases) {
    const auto answer = post(register_path(), each.body);
    EXPECT_EQ(answer.outcome(), each.outcome) << each.body.substr(0, 80);
  }
  EXPECT_THAT(get(register_path()).ids(), IsEmpty());
}

TEST_P(McpServerRoutesTest, PlainHttpOnLoopbackWhereItIsAllowed) {
  service_.settings.allow_http_loopback = true;
  EXPECT_EQ(post(register_path(), R"({"resourceUrl":"http://127.0.0.1:8080/mcp"})").status, 202);
  EXPECT_EQ(post(register_path(), R"({"resourceUrl":"http://mcp.example.com/mcp"})").status, 400);
}

TEST_P(McpServerRoutesTest, TheSameUrlAgain) {
  const std::string body = R"({"resourceUrl":"https://mcp.example.com/mcp"})";
  const auto first = post(register_path(), body);
  const auto again = post(register_path(), body);
  EXPECT_EQ(again.status, 202);
  EXPECT_EQ(again.headers.get("location"), first.headers.get("location"));
  EXPECT_EQ(get(register_path()).ids().size(), 1u);
  const std::string id = get(register_path()).ids().at(0);
  // A slash more is another resource.
  EXPECT_EQ(post(register_path(), R"({"resourceUrl":"https://mcp.example.com/mcp/"})").status, 202);
  EXPECT_EQ(get(register_path()).ids().size(), 2u);

  ASSERT_TRUE(move(id, ServerEvent::validation_failed, {"unreachable"}));
  const auto refused = post(register_path(), body);
  EXPECT_EQ(refused.outcome(), "409 UNIQUE_CONSTRAINT resourceUrl");
  EXPECT_THAT(refused.cause(), HasSubstr(id + " (INVALID)"));

  ASSERT_EQ(remove(path_of(id)).status, 202);
  const auto anew = post(register_path(), body);
  EXPECT_EQ(anew.status, 202);
  EXPECT_NE(anew.headers.get("location"), first.headers.get("location"));
}

TEST_P(McpServerRoutesTest, AnOldOperationDoesNotKeepFromRegisteringAgain) {
  const std::string id = register_server();
  run([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(const auto running, running_operations(tx, id));
    return tx.remove(Kind::operation, running.at(0).id);
  });
  const auto again = post(register_path(), R"({"resourceUrl":"https://mcp.example.com/mcp"})");
  EXPECT_EQ(follow(again).text("status"), "SCHEDULED");
}

TEST_P(McpServerRoutesTest, ChangesNameAndDescriptionOnly) {
  const std::string id = register_server();
  auto changed = patch(path_of(id), R"({"displayName":"New","description":"Words"})");
  EXPECT_EQ(changed.status, 200);
  EXPECT_EQ(changed.text("metadata.displayName"), "New");
  EXPECT_EQ(changed.text("metadata.description"), "Words");
  changed = patch(path_of(id), R"({"description":null})");
  EXPECT_EQ(changed.text("metadata.description"), "");
  EXPECT_EQ(changed.text("metadata.displayName"), "New");
  EXPECT_EQ(get(path_of(id)).text("metadata.displayName"), "New");
  EXPECT_THAT(events_about(id), ElementsAre("mcp_server.register", "mcp_server.update", "mcp_server.update"));
  // Nothing new is no change.
  EXPECT_EQ(patch(path_of(id), R"({"displayName":"New"})").status, 200);
  EXPECT_EQ(events_about(id).size(), 3u);

  for (const std::string member : {"resourceUrl", "status", "id", "orn", "created", "metadata",
                                   "capabilities", "connectable", "registrationType", "_links"})
    EXPECT_EQ(patch(path_of(id), fmt::format(R"({{"{}":"x"}})", member)).outcome(),
              "400 IMMUTABLE_PROPERTY " + member);
  EXPECT_EQ(patch(path_of(id), R"({"colour":"red"})").outcome(), "400 UNKNOWN_PROPERTY colour");
  EXPECT_EQ(patch(path_of(id), R"({"displayName":5})").outcome(), "400 INVALID_FORMAT displayName");
  EXPECT_EQ(patch(path_of(id), "[]").outcome(), "400 E0000003");
  EXPECT_EQ(patch(path_of("emsnone"), "{}").outcome(), "404 NOT_FOUND");
}

TEST_P(McpServerRoutesTest, APatchIsAMergePatch) {
  const std::string id = register_server();
  for (const std::string type : {"", "application/json", "application/json-patch+json"}) {
    net::Headers headers;
    if (!type.empty()) headers.add("Content-Type", type);
    EXPECT_EQ(call(net::Method::patch, path_of(id), R"({"displayName":"N"})", headers).text("errorCode"),
              "E0000021");
  }
  net::Headers headers;
  headers.add("Content-Type", "application/merge-patch+json; charset=utf-8");
  EXPECT_EQ(call(net::Method::patch, path_of(id), R"({"displayName":"N"})", headers).status, 200);
  EXPECT_EQ(call(net::Method::put, path_of(id), "{}").outcome(), "405 E0000022");
}

TEST_P(McpServerRoutesTest, EntityTags) {
  const std::string id = register_server();
  const std::string first(get(path_of(id)).headers.get("etag"));
  EXPECT_TRUE(first.starts_with("W/\""));
  const auto with = [](std::string_view tag) {
    net::Headers headers;
    headers.add("If-Match", std::string(tag));
    return headers;
  };
  const auto changed = patch(path_of(id), R"({"displayName":"N"})", with(first));
  EXPECT_EQ(changed.status, 200);
  const std::string second(changed.headers.get("etag"));
  EXPECT_NE(first, second);
  EXPECT_EQ(get(path_of(id)).headers.get("etag"), second);
  EXPECT_EQ(patch(path_of(id), R"({"displayName":"M"})", with(first)).status, 412);
  EXPECT_EQ(remove(path_of(id), with(first)).status, 412);
  EXPECT_EQ(remove(path_of(id), with("nonsense")).status, 400);
  EXPECT_EQ(get(path_of(id)).text("metadata.displayName"), "N");
  EXPECT_EQ(remove(path_of(id), with(second)).status, 202);
}

TEST_P(McpServerRoutesTest, Pages) {
  std::vector<std::string> ids;
  for (int i = 0; i < 25; ++i) {
    clock().advance(std::chrono::milliseconds{2});
    ids.push_back(register_server(fmt::format("https://mcp{}.example.com/", i)));
  }
  const auto first = get(register_path());
  EXPECT_EQ(first.ids(), std::vector<std::string>(ids.begin(), ids.begin() + 20));
  EXPECT_EQ(first.text("_links.self.href"), "https://org.example" + register_path() + "?limit=20");
  const std::string next = first.text("_links.next.href");
  EXPECT_THAT(std::string(first.headers.get("link")), HasSubstr("rel=\"self\""));
  const auto second = get(next.substr(std::string("https://org.example").size()));
  EXPECT_EQ(second.ids(), std::vector<std::string>(ids.begin() + 20, ids.end()));
  EXPECT_EQ(second.text("_links.next.href"), "");

  EXPECT_EQ(get(register_path() + "?limit=7").ids().size(), 7u);
  EXPECT_EQ(get(register_path() + "?limit=200").ids().size(), 25u);
  EXPECT_EQ(get(register_path() + "?limit=25").text("_links.next.href"), "");
  for (const std::string limit : {"0", "201", "-5", "x", ""})
    EXPECT_EQ(get(register_path() + "?limit=" + limit).outcome(), "400 E0000001") << limit;
  for (const std::string after : {"x", "ems%20", "..%2f"})
    EXPECT_EQ(get(register_path() + "?after=" + after).text("errorCode"), "E0000029") << after;
}

TEST_P(McpServerRoutesTest, Searches) {
  const std::string github = register_server("https://gh.example.com/", "GitHub tools");
  const std::string gitlab = register_server("https://gl.example.com/", "gitlab Tools");
  const std::string wiki = register_server("https://wiki.example.com/", "Wiki");
  ASSERT_TRUE(move(gitlab, ServerEvent::validation_failed, {"x"}));
  run([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(auto server, read_mcp_server(**tx.hold(Kind::mcp_server, wiki)));
    server.detected = McpServer::Detected{"Company Wiki", {"read"}, service_.now()};
    Row row = to_row(server);
    return tx.update(row);
  });
  const auto search = [&](std::string_view text) {
    return get(fmt::format("{}?{}", register_path(), net::encode_query({{"search", std::string(text)}})));
  };
  EXPECT_THAT(search(R"(metadata.displayName sw "git")").ids(), ElementsAre(github, gitlab));
  EXPECT_THAT(search(R"(metadata.displayName sw "GitHub" and status eq "PENDING")").ids(),
              ElementsAre(github));
  EXPECT_THAT(search(R"(status eq "INVALID")").ids(), ElementsAre(gitlab));
  EXPECT_THAT(search(R"(metadata.displayName co "TOOLS")").ids(), ElementsAre(github, gitlab));
  EXPECT_THAT(search(R"(metadata.displayName eq "wiki")").ids(), ElementsAre(wiki));
  EXPECT_THAT(search(R"(detectedMetadata.resourceName sw "company")").ids(), ElementsAre(wiki));
  EXPECT_THAT(search(R"(status eq "INVALID" and status eq "PENDING")").ids(), IsEmpty());
  EXPECT_EQ(search(R"(status eq "INVALID" and status eq "PENDING")").status, 200);
  EXPECT_EQ(get(path_of(wiki)).text("detectedMetadata.resourceName"), "Company Wiki");

  for (const std::string wrong :
       {R"(status ne "ACTIVE")", R"(status eq "DELETED")", R"(status eq true)", "status pr",
        R"(metadata.displayName ew "x")", R"(resourceUrl eq "x")", R"(metadata.displayName sw "")",
        R"(status eq "ACTIVE" or status eq "INVALID")", R"(not (status eq "ACTIVE"))", "status eq", "(",
        "x"}) {
    const auto answer = search(wrong);
    EXPECT_EQ(answer.outcome(), "400 INVALID_FILTER") << wrong;
    EXPECT_EQ(answer.text("errorCode"), "E0000031");
    EXPECT_THAT(answer.cause(), HasSubstr("Allowed: status eq; metadata.displayName")) << wrong;
  }
}

TEST_P(McpServerRoutesTest, LinksNameTheVerbsOfTheState) {
  const auto verbs = [&](const std::string& id) {
    std::string found;
    const auto shown = get(path_of(id));
    for (const char* verb : {"activate", "deactivate", "validate", "delete"})
      if (!shown.text(fmt::format("_links.{}.href", verb)).empty()) found += std::string(verb) + " ";
    return found;
  };
  EXPECT_EQ(verbs(server_in(Status::pending, "https://a.example/")), "validate delete ");
  EXPECT_EQ(verbs(server_in(Status::inactive, "https://b.example/")), "activate validate delete ");
  EXPECT_EQ(verbs(server_in(Status::active, "https://c.example/")), "deactivate validate ");
  EXPECT_EQ(verbs(server_in(Status::invalid, "https://d.example/")), "validate delete ");
}

TEST_P(McpServerRoutesTest, WhatIsUsedIsNotDeleted) {
  const std::string id = server_in(Status::inactive);
  const std::string connection = connect({id});
  const auto answer = remove(path_of(id));
  EXPECT_EQ(answer.outcome(), "409 RESOURCE_IN_USE id");
  EXPECT_THAT(answer.cause(), HasSubstr(connection));
  EXPECT_EQ(get(path_of(id)).status, 200);
  run([&](Transaction& tx) { return tx.remove(Kind::connection, connection); });

  // As a client of others it has to be taken down first, too.
  WorkloadPrincipal client{
      .id = service_.new_id("wlp"), .type = WorkloadPrincipal::Type::mcp_server, .name = "client"};
  client.server = id;
  client.status = AgentStatus::active;
  run([&](Transaction& tx) {
    Row row = to_row(client);
    row.version = 0;
    return tx.insert(row);
  });
  EXPECT_EQ(get(path_of(id)).text("oauthClient.clientId"), client.id);
  EXPECT_EQ(get(path_of(id)).text("oauthClient.status"), "ACTIVE");
  EXPECT_EQ(remove(path_of(id)).outcome(), "409 RESOURCE_IN_USE id");
  run([&](Transaction& tx) { return tx.remove(Kind::workload_principal, client.id); });
  EXPECT_EQ(get(path_of(id)).text("oauthClient.clientId"), "");
  EXPECT_EQ(follow(remove(path_of(id))).text("resource.status"), "DELETED");
}

TEST_P(McpServerRoutesTest, DeletingTakesAllThatBelongsToIt) {
  const std::string id = server_in(Status::inactive);
  const std::string as = get(path_of(id) + "/authorization-servers").ids().at(0);
  run([&](Transaction& tx) -> core::Status {
    Row tool{.kind = Kind::tool, .id = id + "/emt1", .parent = id, .name = "search"};
    RETURN_IF_ERROR(tx.insert(tool));
    Row report{.kind = Kind::readiness, .id = id, .parent = id, .body = {{"ready", true}}};
    return tx.insert(report);
  });
  EXPECT_EQ(get(path_of(id) + "/tools").ids(), std::vector<std::string>{"emt1"});
  EXPECT_TRUE(get(path_of(id) + "/readiness").flag("ready"));
  ASSERT_EQ(remove(path_of(id)).status, 202);
  for (const Kind kind : {Kind::mcp_server, Kind::mcp_auth_server, Kind::tool, Kind::readiness}) {
    const auto rows = store().list({.kind = kind});
    ASSERT_TRUE(rows);
    EXPECT_THAT(*rows, IsEmpty()) << to_string(kind);
  }
  EXPECT_EQ(events_about(as).back(), "mcp_server.auth_server.delete");
  for (const std::string path : {"", "/readiness", "/tools", "/authorization-servers"})
    EXPECT_EQ(get(path_of(id) + path).status, 404) << path;
  for (const std::string path : {"/lifecycle/activate", "/lifecycle/deactivate", "/lifecycle/validate",
                                 "/refresh", "/readiness", "/authorization-servers"})
    EXPECT_EQ(post(path_of(id) + path, R"({"type":"OKTA"})").status,
              path == "/lifecycle/deactivate" ? 400 : 404)
        << path;
}

TEST_P(McpServerRoutesTest, DeactivationIsDoneWithTheAnswerAndTakesTokensBackOnRequest) {
  const std::string id = server_in(Status::active);
  const std::vector<std::string> subjects{id};
  const auto operation = follow(post(path_of(id) + "/lifecycle/deactivate", R"({"revoke":true})"));
  EXPECT_EQ(operation.text("status"), "COMPLETED");
  EXPECT_EQ(operation.text("type"), "mcp-server:Deactivate");
  EXPECT_EQ(operation.text("resource.status"), "INACTIVE");
  EXPECT_EQ(operation.text("resource._links.self.href"), "https://org.example" + path_of(id));
  EXPECT_EQ(get(path_of(id)).text("status"), "INACTIVE");
  const auto revoked = is_revoked(store(), subjects, service_.now() - std::chrono::seconds{5});
  ASSERT_TRUE(revoked);
  EXPECT_TRUE(*revoked);

  const std::string other = server_in(Status::active, "https://other.example/");
  const std::vector<std::string> others{other};
  EXPECT_EQ(post(path_of(other) + "/lifecycle/deactivate", R"({"when":"now"})").outcome(),
            "400 UNKNOWN_PROPERTY when");
  EXPECT_EQ(post(path_of(other) + "/lifecycle/deactivate").status, 202);
  const auto kept = is_revoked(store(), others, service_.now() - std::chrono::seconds{5});
  ASSERT_TRUE(kept);
  EXPECT_FALSE(*kept);
}

TEST_P(McpServerRoutesTest, AskingTwiceIsAskingOnce) {
  const std::string id = server_in(Status::inactive);
  for (const std::string path : {"/lifecycle/activate", "/lifecycle/validate", "/refresh"}) {
    const auto first = post(path_of(id) + path);
    const auto second = post(path_of(id) + path);
    EXPECT_EQ(first.status, 202);
    EXPECT_EQ(first.headers.get("location"), second.headers.get("location")) << path;
  }
  // One that has begun may have looked before the last change.
  const auto begun = post(path_of(id) + "/readiness");
  run([&](Transaction& tx) { return begin_operation(tx, service_, follow(begun).text("id")); });
  EXPECT_NE(post(path_of(id) + "/readiness").headers.get("location"), begun.headers.get("location"));
}

TEST_P(McpServerRoutesTest, NoReportYet) {
  const std::string id = register_server();
  EXPECT_EQ(get(path_of(id) + "/readiness").outcome(), "404 NOT_FOUND");
}

TEST_P(McpServerRoutesTest, Operations) {
  const std::string id = register_server();
  const auto list = get("/resource-servers/api/v1/operations");
  ASSERT_EQ(list.ids().size(), 1u);
  const std::string operation = list.ids().at(0);
  const std::string path = "/resource-servers/api/v1/operations/" + operation;
  EXPECT_EQ(get(path).text("_links.self.href"), "https://org.example" + path);

  run([&](Transaction& tx) { return begin_operation(tx, service_, operation); });
  EXPECT_EQ(get(path).text("status"), "IN_PROGRESS");
  EXPECT_FALSE(get(path).text("started").empty());
  run([&](Transaction& tx) {
    return finish_operation(tx, service_, operation, OperationError{"E0000001", "nobody answers"});
  });
  EXPECT_EQ(get(path).text("status"), "FAILED");
  EXPECT_EQ(get(path).text("errorDetails.message"), "nobody answers");
  // What is finished stays so.
  run([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(begin_operation(tx, service_, operation));
    RETURN_IF_ERROR(finish_operation(tx, service_, "op-none", OperationError{"x", "y"}));
    return finish_operation(tx, service_, operation, OperationResource{id, "mcp_server", "INACTIVE", "h"});
  });
  EXPECT_EQ(get(path).text("status"), "FAILED");
  EXPECT_EQ(get("/resource-servers/api/v1/operations/op-none").outcome(), "404 NOT_FOUND");

  // Those of agents are found elsewhere.
  std::string other;
  run([&](Transaction& tx) -> core::Status {
    ASSIGN_OR_RETURN(other, record_operation(tx, service_, "ai-agent:Delete", "wlp1", {"wlp1", "ai_agent"}));
    return {};
  });
  EXPECT_EQ(get("/resource-servers/api/v1/operations/" + other).status, 404);
  EXPECT_EQ(get("/resource-servers/api/v1/operations").ids().size(), 1u);
}

TEST_P(McpServerRoutesTest, WorkCarriesWhoAskedForIt) {
  const std::string id = server_in(Status::inactive);
  ASSERT_EQ(post(path_of(id) + "/lifecycle/activate").status, 202);
  for (;;) {
    const auto work = store().claim("node", std::chrono::seconds{60});
    ASSERT_TRUE(work && *work);
    if (core::json::string_or_empty((*work)->body, "reason") != "activate") continue;
    EXPECT_EQ(actor_of(**work).id, "00uadmin");
    EXPECT_EQ(actor_of(**work).type, "User");
    break;
  }
  EXPECT_EQ(actor_of(Work{.id = "x", .kind = "validate"}).type, "SystemPrincipal");
}

INSTANTIATE_TEST_SUITE_P(Stores, McpServerRoutesTest, test::kBackends, test::name_of);

}  // namespace
}  // namespace registry
