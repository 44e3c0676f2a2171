// Who hears of which change.
#include <gtest/gtest.h>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::error_code;
using testing::fixed_reader;
using testing::json;
using testing::Object;
using testing::Peer;
using testing::says;
using testing::simple_prompt;
using testing::simple_resource;
using testing::simple_template;
using testing::simple_tool;
using testing::Value;

class Subscriptions : public ::testing::Test, public Peer {
 protected:
  Subscriptions() : Peer({.max_subscriptions = 3, .max_watches = 5}) {
    EXPECT_TRUE(server->add_resource(simple_resource("test://r", fixed_reader("x"))).has_value());
    EXPECT_TRUE(server->add_resource(simple_resource("test://s", fixed_reader("x"))).has_value());
    EXPECT_TRUE(
        server->add_resource_template(simple_template("test://t/{id}", fixed_reader("x"))).has_value());
    EXPECT_TRUE(server->add_prompt(simple_prompt("p")).has_value());
    EXPECT_TRUE(server->add_tool(simple_tool("t", says("x"))).has_value());
  }

  // The acknowledgement.
  Value listen(const Value& id, std::string_view filter) {
    if (!session) connect();
    request(id, "subscriptions/listen", modern({{"notifications", json(filter)}}));
    return outlet->take_method("notifications/subscriptions/acknowledged");
  }
  static const Value& honoured(const Value& acknowledgement) {
    return acknowledgement.at("params").at("notifications");
  }
  static Value heard(std::string_view method, std::string_view params) {
    Object message = {{"jsonrpc", "2.0"}, {"method", method}};
    if (!params.empty()) message["params"] = json(params);
    return message;
  }
  std::vector<Value> all() {
    std::vector<Value> messages;
    for (const std::string& text : outlet->take_all()) messages.push_back(json(text));
    return messages;
  }
};

constexpr std::string_view kUpdated = "notifications/resources/updated";

TEST_F(Subscriptions, ALegacySessionHearsOfWhatItWatches) {
  initialize("2025-06-18");
  server->resource_updated("test://r");
  EXPECT_EQ(ask(1, "resources/subscribe", {{"uri", "test://r"}}).at("result"), json("{}"));
  EXPECT_EQ(ask(2, "resources/subscribe", {{"uri", "test://r"}}).at("result"), json("{}")) << "again is fine";
  EXPECT_EQ(ask(3, "resources/subscribe", {{"uri", "test://t/1"}}).at("result"), json("{}"));
  server->resource_updated("test://r");
  server->resource_updated("test://s");
  server->resource_updated("test://t/1");
  server->resource_updated("test://t/2");
  EXPECT_EQ(all(), (std::vector<Value>{heard(kUpdated, R"({"uri":"test://r"})"),
                                       heard(kUpdated, R"({"uri":"test://t/1"})")}));
  EXPECT_EQ(ask(4, "resources/unsubscribe", {{"uri", "test://r"}}).at("result"), json("{}"));
  EXPECT_EQ(ask(5, "resources/unsubscribe", {{"uri", "test://never"}}).at("result"), json("{}"));
  server->resource_updated("test://r");
  server->resource_updated("test://t/1");
  EXPECT_EQ(all(), (std::vector<Value>{heard(kUpdated, R"({"uri":"test://t/1"})")}));
  session->close();
  server->resource_updated("test://t/1");
  EXPECT_TRUE(all().empty());
}

TEST_F(Subscriptions, WhatIsWatchedCanBeToldByWhatItHolds) {
  initialize("2025-06-18");
  ask(1, "resources/subscribe", {{"uri", "test://r"}});
  ask(2, "resources/subscribe", {{"uri", "test://t/1"}});
  ask(3, "resources/subscribe", {{"uri", "test://t/2"}});
  listen("a", R"({"resourceSubscriptions":["test://t/2"]})");
  std::vector<std::string> asked;
  server->resources_updated([&](std::string_view name, const UriVariables& variables) {
    const auto id = variables.find("id");
    asked.push_back(std::string(name) + " " + (id == variables.end() ? "-" : id->second));
    return id != variables.end() && id->second == "2";
  });
  EXPECT_EQ(asked, (std::vector<std::string>{"a resource -", "a template 1", "a template 2"}))
      << "each once, whoever watches it";
  EXPECT_EQ(all(),
            (std::vector<Value>{
                heard(kUpdated, R"({"uri":"test://t/2"})"),
                heard(kUpdated,
                      R"({"uri":"test://t/2","_meta":{"io.modelcontextprotocol/subscriptionId":"a"}})")}));
}

TEST_F(Subscriptions, ALegacySessionWatchesOnlyWhatThereIsAndNotTooMuch) {
  initialize("2025-11-25");
  Value missing = ask(1, "resources/subscribe", {{"uri", "test://none"}});
  EXPECT_EQ(error_code(missing), -32002);
  EXPECT_EQ(*core::json::find(missing, "error.data.uri"), "test://none");
  EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", 1}})), -32602);
  EXPECT_EQ(error_code(ask(1, "resources/unsubscribe")), -32602);
  for (const char* uri : {"test://t/1", "test://t/2", "test://t/3"}) {
    EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", uri}})), 0);
  }
  EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", "test://t/4"}})), -32603);
  ask(1, "resources/unsubscribe", {{"uri", "test://t/1"}});
  EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", "test://t/4"}})), 0);
}

TEST_F(Subscriptions, AllSessionsTogetherWatchNotTooMuch) {
  Peer other;  // of another server: counts by itself
  initialize("2025-11-25");
  auto first = session;
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", "test://t/" + std::to_string(i)}})), 0);
  }
  session = nullptr;
  initialize("2025-11-25");
  EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", "test://t/1"}})), 0);
  EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", "test://t/2"}})), 0);
  EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", "test://t/3"}})), -32603);
  first->close();
  EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", "test://t/3"}})), 0)
      << "the others' are free again";
}

TEST_F(Subscriptions, AListenerHearsOnlyWhatItAskedFor) {
  connect();
  EXPECT_EQ(honoured(listen("a", R"({"promptsListChanged":true,"toolsListChanged":false})")),
            json(R"({"promptsListChanged":true})"));
  EXPECT_EQ(
      honoured(listen(
          2,
          R"({"resourcesListChanged":true,"resourceSubscriptions":["test://r","test://r","test://none"]})")),
      json(R"({"resourcesListChanged":true,"resourceSubscriptions":["test://r"]})"));
  EXPECT_EQ(honoured(listen(3, R"({"resourceSubscriptions":["test://t/9","test://r"],"unknown":1})")),
            json(R"({"resourceSubscriptions":["test://t/9","test://r"]})"));
  server->set_prompts_visible([](const Prompt&) { return false; });
  server->prompts_changed();
  server->set_resources_visible([](const Resource&) { return false; });
  server->resources_changed();
  server->set_visible([](const Tool&) { return false; });
  server->tools_changed();
  server->resource_updated("test://r");
  server->resource_updated("test://t/9");
  server->resource_updated("test://s");
  const std::string by2 = R"("_meta":{"io.modelcontextprotocol/subscriptionId":2}})";
  const std::string by3 = R"("_meta":{"io.modelcontextprotocol/subscriptionId":3}})";
  EXPECT_EQ(all(), (std::vector<Value>{
                       heard("notifications/prompts/list_changed",
                             R"({"_meta":{"io.modelcontextprotocol/subscriptionId":"a"}})"),
                       heard("notifications/resources/list_changed", "{" + by2),
                       heard(kUpdated, R"({"uri":"test://r",)" + by2),
                       heard(kUpdated, R"({"uri":"test://r",)" + by3),
                       heard(kUpdated, R"({"uri":"test://t/9",)" + by3),
                   }));
  notify("notifications/cancelled", {{"requestId", 2}});
  server->resource_updated("test://r");
  EXPECT_EQ(all(), (std::vector<Value>{heard(kUpdated, R"({"uri":"test://r",)" + by3)}));
}

TEST_F(Subscriptions, OneEraHearsNothingOfTheOther) {
  initialize("2025-11-25");
  EXPECT_EQ(error_code(ask(1, "resources/subscribe", {{"uri", "test://r"}})), 0);
  listen(2, R"({"resourceSubscriptions":["test://s"]})");
  server->resource_updated("test://r");
  server->resource_updated("test://s");
  auto messages = all();
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_FALSE(messages[0].at("params").as_object().contains("_meta"));
  EXPECT_TRUE(messages[1].at("params").as_object().contains("_meta"));
}

TEST_F(Subscriptions, ListChangesReachLegacySessions) {
  initialize("2024-11-05");
  server->prompts_changed();
  EXPECT_EQ(all(), (std::vector<Value>{heard("notifications/prompts/list_changed", "")}))
      << "asked the first time";
  server->prompts_changed();
  EXPECT_TRUE(all().empty()) << "nothing differs";
  server->set_resources_visible({}, [](const ResourceTemplate&) { return false; });
  server->resources_changed();
  EXPECT_EQ(all(), (std::vector<Value>{heard("notifications/resources/list_changed", "")}));
}

TEST_F(Subscriptions, HonoursNoMoreThanTheLimits) {
  EXPECT_EQ(honoured(listen(
                1, R"({"resourceSubscriptions":["test://t/1","test://t/2","test://t/3","test://t/4"]})")),
            json(R"({"resourceSubscriptions":["test://t/1","test://t/2","test://t/3"]})"));
  EXPECT_EQ(honoured(listen(2, R"({"resourceSubscriptions":["test://t/1","test://t/2","test://t/3"]})")),
            json(R"({"resourceSubscriptions":["test://t/1","test://t/2"]})"))
      << "5 in all";
  notify("notifications/cancelled", {{"requestId", 1}});
  EXPECT_EQ(honoured(listen(3, R"({"resourceSubscriptions":["test://t/1"]})")),
            json(R"({"resourceSubscriptions":["test://t/1"]})"));
}

TEST_F(Subscriptions, RefusesOddFilters) {
  connect();
  for (std::string_view filter :
       {R"({"promptsListChanged":1})", R"({"resourcesListChanged":"true"})", R"({"toolsListChanged":null})",
        R"({"resourceSubscriptions":"test://r"})", R"({"resourceSubscriptions":[1]})", "[]"}) {
    EXPECT_EQ(error_code(ask(1, "subscriptions/listen", modern({{"notifications", json(filter)}}))), -32602)
        << filter;
  }
}

TEST(SubscriptionsOfLittle, HonoursOnlyWhatIsOffered) {
  Peer peer;
  peer.add(simple_tool("t", says("x")));
  peer.connect();
  peer.request(
      1, "subscriptions/listen",
      Peer::modern({{"notifications",
                     json(R"({"toolsListChanged":true,"promptsListChanged":true,"resourcesListChanged":true,)"
                          R"("resourceSubscriptions":["test://r"]})")}}));
  Value acknowledged = peer.outlet->take_method("notifications/subscriptions/acknowledged");
  EXPECT_EQ(*core::json::find(acknowledged, "params.notifications"), json(R"({"toolsListChanged":true})"));
}

}  // namespace
}  // namespace mcp
