#include "mcp/resource_registry.h"

#include <gtest/gtest.h>
#include <limits>

#include "mcp/test_peer.h"

namespace mcp {
namespace {

using testing::fixed_reader;
using testing::json;
using testing::simple_resource;
using testing::simple_template;

TEST(ResourceRegistry, RefusesBadResourcesAtRegistration) {
  struct Row {
    std::string_view name;
    std::function<void(Resource&)> spoil;
    std::string_view code;
  };
  for (const auto& row : {
           Row{"fine", [](Resource&) {}, ""},
           Row{"any name", [](Resource& r) { r.name = "A name, \xC3\xA4"; }, ""},
           Row{"longest description", [](Resource& r) { r.description = std::string(2048, 'd'); }, ""},
           Row{"app", [](Resource& r) { r.uri = "ui://a", r.mime_type = "text/html;profile=mcp-app"; }, ""},
           Row{"no uri", [](Resource& r) { r.uri = ""; }, "mcp.resource.uri"},
           Row{"relative uri", [](Resource& r) { r.uri = "a/b"; }, "mcp.resource.uri"},
           Row{"space in uri", [](Resource& r) { r.uri = "a:b c"; }, "mcp.resource.uri"},
           Row{"template as uri", [](Resource& r) { r.uri = "a:{b}"; }, "mcp.resource.uri"},
           Row{"no name", [](Resource& r) { r.name = ""; }, "mcp.resource.name"},
           Row{"long name", [](Resource& r) { r.name = std::string(129, 'n'); }, "mcp.resource.name"},
           Row{"control in name", [](Resource& r) { r.name = "a\nb"; }, "mcp.resource.name"},
           Row{"long description", [](Resource& r) { r.description = std::string(2049, 'd'); },
               "mcp.resource.description"},
           Row{"audience", [](Resource& r) { r.hints.audience = {"everybody"}; }, "mcp.resource.audience"},
           Row{"priority", [](Resource& r) { r.hints.priority = 1.5; }, "mcp.resource.priority"},
           Row{"priority nan",
               [](Resource& r) { r.hints.priority = std::numeric_limits<double>::quiet_NaN(); },
               "mcp.resource.priority"},
           Row{"ttl", [](Resource& r) { r.cache.ttl = std::chrono::milliseconds{-1}; }, "mcp.resource.cache"},
           Row{"no reader", [](Resource& r) { r.read = nullptr; }, "mcp.resource.reader"},
           Row{"app as text", [](Resource& r) { r.uri = "ui://a"; }, "mcp.resource.ui"},
           Row{"icon", [](Resource& r) { r.icons = {{.src = "ftp://x"}}; }, "mcp.icon"},
       }) {
    ResourceRegistry registry;
    Resource resource = simple_resource("test://r", fixed_reader("x"));
    row.spoil(resource);
    auto status = registry.add(std::move(resource));
    EXPECT_EQ(status ? "" : status.error().code, row.code) << row.name;
  }
}

TEST(ResourceRegistry, RefusesBadTemplatesAtRegistration) {
  struct Row {
    std::string_view name;
    std::function<void(ResourceTemplate&)> spoil;
    std::string_view code;
  };
  for (const auto& row : {
           Row{"fine", [](ResourceTemplate&) {}, ""},
           Row{"no variable", [](ResourceTemplate& t) { t.uri_template = "a:b"; }, "mcp.uri_template"},
           Row{"no name", [](ResourceTemplate& t) { t.name = ""; }, "mcp.resource.name"},
           Row{"no reader", [](ResourceTemplate& t) { t.read = nullptr; }, "mcp.resource.reader"},
           Row{"app as text", [](ResourceTemplate& t) { t.uri_template = "ui://{a}"; }, "mcp.resource.ui"},
       }) {
    ResourceRegistry registry;
    ResourceTemplate resource_template = simple_template("test://{id}", fixed_reader("x"));
    row.spoil(resource_template);
    auto status = registry.add(std::move(resource_template));
    EXPECT_EQ(status ? "" : status.error().code, row.code) << row.name;
  }
}

TEST(ResourceRegistry, RefusesDuplicates) {
  ResourceRegistry registry;
  ASSERT_TRUE(registry.add(simple_resource("test://r", fixed_reader("x"))).has_value());
  ASSERT_TRUE(registry.add(simple_template("test://{a}", fixed_reader("x"))).has_value());
  auto again = registry.add(simple_resource("test://r", fixed_reader("y")));
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, "mcp.resource.duplicate");
  auto twice = registry.add(simple_template("test://{a}", fixed_reader("y")));
  ASSERT_FALSE(twice.has_value());
  EXPECT_EQ(twice.error().code, "mcp.resource.duplicate");
}

TEST(ResourceRegistry, FindsTheResourceBeforeTheFirstTemplate) {
  ResourceRegistry registry;
  ASSERT_TRUE(registry.add(simple_template("test://{a}", fixed_reader("x"))).has_value());
  ASSERT_TRUE(registry.add(simple_template("test://{b}", fixed_reader("x"))).has_value());
  ASSERT_TRUE(registry.add(simple_template("test://x/{c}", fixed_reader("x"))).has_value());
  ASSERT_TRUE(registry.add(simple_resource("test://r", fixed_reader("x"))).has_value());
  EXPECT_EQ(registry.find("test://r").resource->uri, "test://r");
  auto found = registry.find("test://other");
  ASSERT_TRUE(found.resource_template);
  EXPECT_EQ(found.resource_template->uri_template, "test://{a}");
  EXPECT_EQ(found.variables, (UriVariables{{"a", "other"}}));
  EXPECT_EQ(registry.find("test://x/1").resource_template->uri_template, "test://x/{c}");
  EXPECT_FALSE(registry.find("test://x/1/2"));
  EXPECT_FALSE(registry.find("test://a b"));
  EXPECT_TRUE(registry.find_template("test://{b}"));
  EXPECT_FALSE(registry.find_template("test://{z}"));
}

}  // namespace
}  // namespace mcp
