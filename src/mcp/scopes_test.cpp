// What a request needs of its caller's token.
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::fixed_reader;
using testing::json;
using testing::Peer;
using testing::says;
using testing::simple_prompt;
using testing::simple_resource;
using testing::simple_template;
using testing::simple_tool;

TEST(Scopes, AreThoseOfWhatARequestIsAbout) {
  Peer peer({.max_subscriptions = 4});
  auto tool = simple_tool("scoped", says("x"));
  tool.scopes = {"tool"};
  peer.add(tool);
  peer.add(simple_tool("free", says("x")));
  auto prompt = simple_prompt("p");
  prompt.scopes = {"prompt"};
  ASSERT_TRUE(peer.server->add_prompt(prompt));
  auto resource = simple_resource("test://r", fixed_reader("x"));
  resource.scopes = {"resource"};
  ASSERT_TRUE(peer.server->add_resource(resource));
  ASSERT_TRUE(peer.server->add_resource(simple_resource("test://free", fixed_reader("x"))));
  auto pattern = simple_template("test://t/{id}", fixed_reader("x"));
  pattern.scopes = {"template"};
  ASSERT_TRUE(peer.server->add_resource_template(pattern));

  struct Row {
    std::string_view method, params, unmet;
  };
  for (
      const auto& row : {
          Row{"tools/call", R"({"name":"scoped"})", "tool"},
          Row{"tools/call", R"({"name":"free"})", ""},
          Row{"tools/call", R"({"name":"none"})", ""},
          Row{"tools/call", R"({"name":7})", ""},
          Row{"tools/list", R"({"name":"scoped"})", ""},
          Row{"prompts/get", R"({"name":"p"})", "prompt"},
          Row{"resources/read", R"({"uri":"test://r"})", "resource"},
          Row{"resources/read", R"({"uri":"test://t/1"})", "template"},
          Row{"resources/subscribe", R"({"uri":"test://t/1"})", "template"},
          Row{"resources/unsubscribe", R"({"uri":"test://t/1"})", ""},
          Row{"completion/complete", R"({"ref":{"type":"ref/prompt","name":"p"}})", "prompt"},
          Row{"completion/complete", R"({"ref":{"type":"ref/resource","uri":"test://t/{id}"}})", "template"},
          Row{"completion/complete", R"({"ref":"x"})", ""},
          // What is watched is as much as when it is read.
          Row{"subscriptions/listen", R"({"notifications":{"resourceSubscriptions":["test://r"]}})",
              "resource"},
          Row{"subscriptions/listen",
              R"({"notifications":{"resourceSubscriptions":["test://free",1,"test://none","test://t/1"]}})",
              "template"},
          Row{"subscriptions/listen", R"({"notifications":{"resourceSubscriptions":["test://free"]}})", ""},
          Row{"subscriptions/listen",
              R"({"notifications":{"resourceSubscriptions":["test://a","test://b","test://c","test://d","test://r"]}})",
              ""},  // beyond the limit, so it is not listened to
          Row{"subscriptions/listen", R"({"notifications":{"resourceSubscriptions":"test://r"}})", ""},
          Row{"subscriptions/listen", R"({"notifications":{"toolsListChanged":true}})", ""},
          Row{"subscriptions/listen", R"({"notifications":[]})", ""},
      }) {
    const Request request{RequestId::of(1), std::string(row.method), json(row.params).get_object()};
    const auto* unmet = peer.server->unmet_scopes(request, [](const auto&) { return false; });
    EXPECT_EQ(unmet ? fmt::format("{}", fmt::join(*unmet, " ")) : "", row.unmet) << row.method << row.params;
    EXPECT_EQ(peer.server->unmet_scopes(request, [](const auto&) { return true; }), nullptr) << row.method;
  }
  const Request two{
      RequestId::of(1), "subscriptions/listen",
      json(R"({"notifications":{"resourceSubscriptions":["test://r","test://t/1"]}})").get_object()};
  const auto* unmet =
      peer.server->unmet_scopes(two, [](const auto& needed) { return needed.front() == "resource"; });
  ASSERT_NE(unmet, nullptr);
  EXPECT_EQ(unmet->front(), "template") << "the first that is missing";
}

}  // namespace
}  // namespace mcp
