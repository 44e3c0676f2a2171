#include "net/proxy.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>

namespace net {
namespace {

ProxySettings settings_of(std::map<std::string, std::string> variables) {
  return read_proxy_settings([&](const char* name) { return variables[name]; });
}

struct Row {
  const char* url;
  std::map<std::string, std::string> variables;
  const char* proxy;
};

TEST(Proxy, FollowsTheEnvironment) {
  const Row rows[] = {
      {"https://a.example/", {}, ""},
      {"https://a.example/", {{"https_proxy", "p:1"}}, "p:1"},
      {"https://a.example/", {{"HTTPS_PROXY", "p:1"}}, "p:1"},
      {"https://a.example/", {{"https_proxy", "p:1"}, {"HTTPS_PROXY", "q:1"}, {"all_proxy", "r:1"}}, "p:1"},
      {"https://a.example/", {{"http_proxy", "p:1"}}, ""},
      {"https://a.example/", {{"all_proxy", "p:1"}}, "p:1"},
      {"https://a.example/", {{"ALL_PROXY", "p:1"}}, "p:1"},
      {"http://a.example/", {{"http_proxy", "p:1"}, {"https_proxy", "q:1"}}, "p:1"},
      {"http://a.example/", {{"HTTP_PROXY", "p:1"}}, ""},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(proxy_for(*parse_url(row.url), settings_of(row.variables)), row.proxy) << row.url;
  }
}

TEST(Proxy, LoopbackIsReachedDirectly) {
  const auto settings = settings_of({{"http_proxy", "p:1"}, {"https_proxy", "p:1"}, {"all_proxy", "p:1"}});
  for (const auto* url : {"http://127.0.0.1:4400/", "http://localhost/", "https://[::1]/"}) {
    EXPECT_EQ(proxy_for(*parse_url(url), settings), "") << url;
  }
}

struct Exemption {
  const char* host;
  const char* list;
  bool exempt;
};

TEST(Proxy, NoProxyNamesDomainsAddressesAndNetworks) {
  const Exemption rows[] = {
      {"a.example.com", "*", true},
      {"a.example.com", "example.com", true},
      {"a.example.com", ".example.com", true},
      {"example.com", ".example.com", true},
      {"example.com", "other.org, example.com", true},
      {"example.com", "other.org EXAMPLE.com", true},
      {"badexample.com", "example.com", false},
      {"example.com", "a.example.com", false},
      {"example.com.evil.org", "example.com", false},
      {"example.com", "", false},
      {"example.com", " , ,", false},
      {"example.com", ".", false},
      {"10.1.2.3", "10.0.0.0/8", true},
      {"11.1.2.3", "10.0.0.0/8", false},
      {"10.1.2.3", "10.1.2.3", true},
      {"10.1.2.3", "0.0.0.0/0", true},
      {"10.1.2.3", "10.1.2.0/33", false},
      {"10.1.2.3", "10.1.2.0/x", false},
      {"example.com", "10.0.0.0/8", false},
  };
  for (const auto& row : rows) {
    const auto settings = settings_of({{"https_proxy", "p:1"}, {"no_proxy", row.list}});
    const auto url = parse_url(fmt::format("https://{}/", row.host));
    EXPECT_EQ(proxy_for(*url, settings).empty(), row.exempt) << row.host << " in " << row.list;
  }
}

}  // namespace
}  // namespace net
