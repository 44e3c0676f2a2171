// Where `serve --http` listens, and where it refuses to: TLS, sockets in the file system, IPv6.
#include <filesystem>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include "core/scratch_directory.h"
#include "http_service.h"
#include "known_org.h"
#include "net/test_tls.h"

namespace e2e {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class HttpListening : public testing::Test {
 protected:
  Environment settings() const {
    return {{"OKTA_ORG_URL", org_.url()},
            {"OKTA_API_TOKEN", "00secretsecretsecretsecretsecret"},
            {"OKTA_MCP_STATE_DIR", state_.path()}};
  }
  std::string file(const std::string& name) const { return state_.path() + "/" + name; }
  void install(const net::TestCertificate& certificate) const {
    const auto replace = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(certificate.path(), file("cert.pem"), replace);
    std::filesystem::copy_file(certificate.key_path(), file("key.pem"), replace);
  }
  static Ask discover(const std::string& url) { return {.url = url, .method = "server/discover"}; }

  KnownOrg org_;
  core::ScratchDirectory state_;
};

TEST_F(HttpListening, RefusedStartsSayWhyAndWhatToDo) {
  const std::string two_orgs = file("two.toml");
  std::ofstream(two_orgs) << "default_org = \"one\"\n[orgs.one]\norg_url = \"https://one.okta.com\"\n"
                          << "client_id = \"0oa1\"\n[orgs.two]\norg_url = \"https://two.okta.com\"\n"
                          << "client_id = \"0oa2\"\n";
  std::filesystem::permissions(two_orgs, std::filesystem::perms::owner_read);
  const std::string issuer = "https://login.example.com/oauth2/default";
  const struct {
    std::vector<std::string> arguments;
    Environment environment;
    const char* message;
    const char* hint;
  } rows[] = {
      {{"--http", "0.0.0.0:0", "--public-url", "https://mcp.example.com/mcp"},
       {},
       "could administer the org",
       "--issuer"},
      {{"--http", "[::]:0", "--public-url", "http://mcp.example.com/mcp", "--issuer", issuer},
       {},
       "in the clear",
       "--tls-cert"},
      {{"--http", "0.0.0.0:0"}, {{"OKTA_MCP_HTTP_TOKEN", "0123456789abcdef0123"}}, "0.0.0.0", "--public-url"},
      {{"--http", "127.0.0.1:0", "--issuer", "https://example.okta.com"},
       {},
       "the org's own authorization server",
       "https://example.okta.com/oauth2/default"},
      {{"--http", "127.0.0.1:0", "--issuer", org_.url()},
       {},
       "the org's own authorization server",
       "/oauth2/"},
      {{"--http", "127.0.0.1:0", "--identity", "caller", "--issuer", issuer},
       {{"OKTA_MCP_CONFIG", two_orgs}},
       "one org",
       "--org NAME"},
      {{"--http", "127.0.0.1:0", "--identity", "caller"}, {}, "no --issuer", "--issuer URL"},
      {{"--http", "127.0.0.1:0", "--identity", "caller", "--issuer", issuer},
       settings(),
       "one login for all",
       "Unset"},
      {{"--http", "127.0.0.1:0", "--identity", "everybody"}, {}, "everybody", "caller"},
      {{"--http", "8080"}, {}, "HOST:PORT", "127.0.0.1:8080"},
      {{"--http", "127.0.0.1:http"}, {}, "port", "Port 0"},
      {{"--http", ""}, {}, "HOST:PORT", "127.0.0.1:8080"},
      {{"--http", "unix:relative.sock"}, {}, "socket", "unix:/"},
      {{"--http", "127.0.0.1:0", "--admin", "9090"}, {}, "HOST:PORT", "127.0.0.1:8080"},
      {{"--http", "127.0.0.1:0", "--tls-cert", "/nowhere.pem"}, {}, "belong together", "both"},
      {{"--http", "127.0.0.1:0", "--public-url", "https://mcp.example.com/"}, {}, "not the URL", "/mcp"},
      {{"--http", "127.0.0.1:0"}, {{"OKTA_MCP_HTTP_TOKEN", "short"}}, "16 characters", "openssl rand"},
      {{"--issuer", issuer}, {}, "--http", ""},
  };
  for (const auto& row : rows) {
    std::vector<std::string> argv{program("okta-mcp-server"), "serve"};
    argv.insert(argv.end(), row.arguments.begin(), row.arguments.end());
    Environment environment = row.environment;
    environment.emplace("OKTA_MCP_STATE_DIR", state_.path());
    if (!environment.contains("OKTA_MCP_CONFIG")) environment.emplace("OKTA_ORG_URL", org_.url());
    const auto finished = run(argv, environment);
    EXPECT_EQ(finished.status, 2) << row.message << "\n" << finished.err;
    EXPECT_THAT(finished.err, AllOf(HasSubstr(row.message), HasSubstr(row.hint), Not(HasSubstr("MCP at"))));
    EXPECT_EQ(finished.out, "");
  }
}

TEST_F(HttpListening, WhatCannotBeListenedOnIsNamed) {
  HttpService first({}, settings());
  ASSERT_TRUE(first.up()) << first.stderr_text();
  const auto place = first.at("").substr(std::string("http://").size());
  const auto second = run({program("okta-mcp-server"), "serve", "--http", place}, settings());
  EXPECT_EQ(second.status, 1);
  EXPECT_THAT(second.err, HasSubstr(place.substr(place.rfind(':') + 1)));
  std::ofstream(file("cert.pem")) << "no certificate\n";
  std::ofstream(file("key.pem")) << "no key\n";
  const auto broken = run({program("okta-mcp-server"), "serve", "--http", "127.0.0.1:0", "--tls-cert",
                           file("cert.pem"), "--tls-key", file("key.pem")},
                          settings());
  EXPECT_NE(broken.status, 0);
  EXPECT_THAT(broken.err, HasSubstr("cert.pem"));
}

TEST_F(HttpListening, TlsFilesAreReadAgainOnSighup) {
  const net::TestCertificate old_one;
  const net::TestCertificate new_one;
  install(old_one);
  HttpService service({"--tls-cert", file("cert.pem"), "--tls-key", file("key.pem")}, settings());
  ASSERT_TRUE(service.up()) << service.stderr_text();
  ASSERT_THAT(service.url(), testing::StartsWith("https://127.0.0.1:"));
  Caller before(old_one.path());
  EXPECT_EQ(before.send(discover(service.url())).status, 200);
  OpenRequest stream(before, {.url = service.url(),
                              .method = "subscriptions/listen",
                              .params = {{"notifications", core::json::Object{{"toolsListChanged", true}}}}});
  ASSERT_TRUE(stream.sees("notifications/subscriptions/acknowledged")) << stream.finish();

  install(new_one);
  service.signal(SIGHUP);
  ASSERT_TRUE(service.says("TLS files were read again")) << service.stderr_text();
  Caller after(new_one.path());
  EXPECT_EQ(after.send(discover(service.url())).status, 200);
  Caller late(old_one.path());
  const auto refused = late.http().send({}, as_request(discover(service.url())));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, "net.tls");

  // A certificate without its key, and none at all: the last good pair stays.
  std::filesystem::copy_file(old_one.path(), file("cert.pem"),
                             std::filesystem::copy_options::overwrite_existing);
  service.signal(SIGHUP);
  ASSERT_TRUE(service.says("stay as they were")) << service.stderr_text();
  std::filesystem::remove(file("cert.pem"));
  service.signal(SIGHUP);
  ASSERT_TRUE(service.says("stay as they were", 2)) << service.stderr_text();
  Caller still(new_one.path());
  EXPECT_EQ(still.send(discover(service.url())).status, 200);

  // The stream that was open all along gets its end.
  EXPECT_EQ(service.end(), 0);
  EXPECT_THAT(stream.finish(), HasSubstr("\"result\""));
  EXPECT_TRUE(stream.ok());
}

TEST_F(HttpListening, WithoutTlsSighupChangesNothing) {
  HttpService service({}, settings());
  ASSERT_TRUE(service.up()) << service.stderr_text();
  service.signal(SIGHUP);
  ASSERT_TRUE(service.says("SIGHUP")) << service.stderr_text();
  Caller caller;
  EXPECT_EQ(caller.send(discover(service.url())).status, 200);
}

TEST_F(HttpListening, ASocketOfOnesOwn) {
  const auto path = file("mcp.sock");
  HttpService service({"--http", "unix:" + path}, settings());
  ASSERT_TRUE(service.up()) << service.stderr_text();
  struct stat about{};
  ASSERT_EQ(::stat(path.c_str(), &about), 0);
  EXPECT_TRUE(S_ISSOCK(about.st_mode));
  EXPECT_EQ(about.st_mode & 0777, 0600u);
  auto request = as_request(discover(service.url()));
  std::vector<std::string> argv{"/usr/bin/curl", "-sS",        "--unix-socket", path,
                                "--data",        request.body, service.url()};
  for (const auto& [name, value] : request.headers) argv.insert(argv.end(), {"-H", name + ": " + value});
  const auto answer = run(argv, {});
  EXPECT_THAT(answer.out, HasSubstr("2026-07-28")) << answer.err;
  EXPECT_EQ(service.end(), 0);
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST_F(HttpListening, Ipv6) {
  if (!net::HttpServer::start({.host = "::1"}, [](const auto&) { return net::ServerResponse{}; })) {
    GTEST_SKIP() << "this machine has no ::1";
  }
  HttpService service({"--http", "[::1]:0"}, settings());
  ASSERT_TRUE(service.up()) << service.stderr_text();
  EXPECT_THAT(service.url(), testing::StartsWith("http://[::1]:"));
  Caller caller;
  EXPECT_EQ(caller.send(discover(service.url())).status, 200);
}

}  // namespace
}  // namespace e2e
