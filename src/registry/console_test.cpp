#include "registry/console.h"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <iterator>
#include <map>
#include <regex>
#include <string>

namespace registry {
namespace {

using net::Method;
using net::ServerRequest;
using net::ServerResponse;
using testing::HasSubstr;

std::optional<ServerResponse> ask(std::string path, Method method = Method::get, net::Headers headers = {}) {
  return serve_console({.method = method, .target = path, .path = path, .headers = std::move(headers)});
}

std::map<std::string, std::string> files_on_disk() {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(PROJECT_SOURCE_DIR "/console")) {
    std::ifstream file(entry.path(), std::ios::binary);
    files[entry.path().filename()] = std::string(std::istreambuf_iterator<char>(file), {});
  }
  return files;
}

TEST(Console, HoldsEveryFileOfItsDirectoryByteForByte) {
  std::map<std::string, std::string> embedded;
  for (const ConsoleFile& file : console_files()) {
    EXPECT_TRUE(embedded.emplace(file.name, file.content).second) << file.name;
  }
  EXPECT_EQ(embedded, files_on_disk());
}

TEST(Console, ServesFilesWithTheirTypes) {
  const struct {
    const char* path;
    const char* type;
    const char* holds;
  } cases[] = {
      {"/console/", "text/html; charset=utf-8", "<main id=\"main\""},
      {"/console/index.html", "text/html; charset=utf-8", "<main id=\"main\""},
      {"/console/callback", "text/html; charset=utf-8", "<main id=\"main\""},
      {"/console/main.js", "text/javascript; charset=utf-8", "import"},
      {"/console/console.css", "text/css; charset=utf-8", "prefers-color-scheme: dark"},
      {"/console/favicon.svg", "image/svg+xml", "<svg"},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.path);
    auto response = ask(one.path);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->headers.get("Content-Type"), one.type);
    EXPECT_THAT(response->body, HasSubstr(one.holds));
    EXPECT_EQ(response->headers.get("Content-Security-Policy"),
              "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' "
              "data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'");
    EXPECT_EQ(response->headers.get("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(response->headers.get("Referrer-Policy"), "no-referrer");
    EXPECT_EQ(response->headers.get("Cache-Control"), "no-cache");
  }
}

TEST(Console, LeavesOtherPathsToOthers) {
  for (const char* path : {"/", "/consoles", "/console2/", "/CONSOLE/", "/api/v1/users", "//console/"}) {
    EXPECT_FALSE(ask(path)) << path;
  }
}

TEST(Console, SendsTheBareDirectoryOn) {
  auto response = ask("/console");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 308);
  EXPECT_EQ(response->headers.get("Location"), "/console/");
}

TEST(Console, HasAPageForWhatIsNotThere) {
  for (const char* path : {"/console/nothing", "/console/../etc/passwd", "/console/%2e%2e/x",
                           "/console/main.js/", "/console//main.js", "/console/<script>"}) {
    SCOPED_TRACE(path);
    auto response = ask(path);
    ASSERT_TRUE(response);
    EXPECT_EQ(response->status, 404);
    EXPECT_THAT(response->body, HasSubstr("Page not found"));
    EXPECT_THAT(response->body, testing::Not(HasSubstr("<script")));
    EXPECT_EQ(response->headers.get("X-Content-Type-Options"), "nosniff");
  }
}

TEST(Console, IsReadOnly) {
  EXPECT_EQ(ask("/console/", Method::head)->status, 200);
  for (Method method : {Method::post, Method::put, Method::patch, Method::delete_, Method::options}) {
    auto response = ask("/console/", method);
    EXPECT_EQ(response->status, 405);
    EXPECT_EQ(response->headers.get("Allow"), "GET, HEAD");
  }
}

TEST(Console, SaysNotModifiedToWhoHasTheFile) {
  const std::string tag(ask("/console/main.js")->headers.get("ETag"));
  ASSERT_THAT(tag, testing::MatchesRegex("\"[0-9a-f]{32}\""));
  EXPECT_NE(tag, ask("/console/dom.js")->headers.get("ETag"));
  const struct {
    std::string given;
    int status;
  } cases[] = {
      {tag, 304},
      {"W/" + tag, 304},
      {"\"x\", " + tag, 304},
      {"\"x\"," + tag + " ,\"y\"", 304},
      {"*", 304},
      {"\"x\"", 200},
      {tag.substr(1), 200},
      {"", 200},
      {" , ,, " + tag, 304},
  };
  for (const auto& one : cases) {
    SCOPED_TRACE(one.given);
    auto response = ask("/console/main.js", Method::get, {{"If-None-Match", one.given}});
    EXPECT_EQ(response->status, one.status);
    EXPECT_EQ(response->body.empty(), one.status == 304);
    EXPECT_EQ(response->headers.get("ETag"), tag);
    EXPECT_FALSE(response->headers.get("Content-Security-Policy").empty());
  }
}

// No inline script, style or handler would run under the policy, and nothing of another origin would load.
TEST(Console, NeedsNothingThatItsPolicyForbids) {
  const std::regex inline_code(R"(<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:)");
  const std::regex elsewhere(
      R"re((src|href)="(https?:)?//|@import|\burl\((?!#)|\bimport\s*\(|from '(?!\./))re");
  const std::regex markup(
      R"(\.innerHTML|\.outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function)");
  for (const ConsoleFile& file : console_files()) {
    const std::string text(file.content);
    SCOPED_TRACE(file.name);
    if (!file.type.starts_with("text/javascript")) {
      EXPECT_FALSE(std::regex_search(text, inline_code));
    }
    EXPECT_FALSE(std::regex_search(text, elsewhere));
    EXPECT_FALSE(std::regex_search(text, markup));
    EXPECT_THAT(text, testing::Not(HasSubstr("localStorage")));
    EXPECT_THAT(text, testing::Not(HasSubstr("sessionStorage")));
  }
}

// A misspelt module would stop the whole console.
TEST(Console, ImportsOnlyWhatIsThere) {
  const auto files = files_on_disk();
  const std::regex import(R"(from '\./([^']+)')");
  int imports = 0;
  for (const auto& [name, text] : files) {
    for (std::sregex_iterator at(text.begin(), text.end(), import), end; at != end; ++at) {
      ++imports;
      EXPECT_TRUE(files.contains((*at)[1])) << name << " imports " << (*at)[1];
    }
  }
  EXPECT_GT(imports, 20);
}

TEST(Console, SignsInAsThePublicClientThatItsScriptNames) {
  const auto client = console_client("https://org.example");
  EXPECT_EQ(client.id, "okta-registry-console");
  EXPECT_EQ(client.auth_method, authserver::AuthMethod::none);
  EXPECT_THAT(client.redirect_uris, testing::ElementsAre("https://org.example/console/callback"));
  EXPECT_THAT(client.grants, testing::ElementsAre("authorization_code"));
  const std::string script = files_on_disk().at("session.js");
  EXPECT_THAT(script, HasSubstr(fmt::format("'{}'", kConsoleClientId)));
  EXPECT_THAT(script, HasSubstr(fmt::format("'{}'", kConsoleRedirectPath)));
  std::string list = "kScopes = [\n";
  for (std::string_view scope : kConsoleScopes) list += fmt::format("  '{}',\n", scope);
  EXPECT_THAT(script, HasSubstr(list + "];"));
}

TEST(StyledPage, EscapesItsTitleAndForbidsScripts) {
  auto page = styled_page(400, "<b>&", "<p>text</p>\n", "https://as.example");
  EXPECT_EQ(page.status, 400);
  EXPECT_THAT(page.body, HasSubstr("<h1>&lt;b&gt;&amp;</h1>"));
  EXPECT_THAT(page.body, HasSubstr("<p>text</p>"));
  EXPECT_EQ(page.headers.get("Content-Security-Policy"),
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' https://as.example; "
            "frame-ancestors 'none'; base-uri 'none'");
  EXPECT_EQ(page.headers.get("Cache-Control"), "no-store");
  EXPECT_THAT(std::string(styled_page(200, "x", "").headers.get("Content-Security-Policy")),
              HasSubstr("form-action 'self'; "));
}

}  // namespace
}  // namespace registry
