#include "registry/console.h"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "core/html.h"
#include "core/seal.h"
#include "net/http.h"
#include "rest/browser.h"

namespace registry {
namespace {

using net::Headers;
using net::Method;
using net::ServerRequest;
using net::ServerResponse;

// data: for the arrow of select elements; everything else is a file of ours.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

void add_safety(Headers& headers, std::string_view content_security_policy) {
  headers.add("Content-Security-Policy", std::string(content_security_policy));
  headers.add("X-Content-Type-Options", "nosniff");
  headers.add("Referrer-Policy", "no-referrer");
  headers.add("Cross-Origin-Opener-Policy", "same-origin");
  headers.add("Cross-Origin-Resource-Policy", "same-origin");
}

const std::map<std::string_view, std::string>& entity_tags() {
  static const auto tags = [] {
    std::map<std::string_view, std::string> made;
    for (const ConsoleFile& file : console_files()) {
      made.emplace(file.name, fmt::format("\"{}\"", core::sha256_hex(file.content).substr(0, 32)));
    }
    return made;
  }();
  return tags;
}

// RFC 9110 section 13.1.2: a list of tags, compared weakly.
bool has_tag(const ServerRequest& request, std::string_view tag) {
  for (std::string_view list : request.headers.all("If-None-Match")) {
    while (!list.empty()) {
      std::size_t comma = list.find(',');
      std::string_view one = list.substr(0, comma);
      list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
      std::size_t first = one.find_first_not_of(" \t");
      if (first == std::string_view::npos) continue;
      one = one.substr(first, one.find_last_not_of(" \t") + 1 - first);
      if (one.starts_with("W/")) one.remove_prefix(2);
      if (one == tag || one == "*") return true;
    }
  }
  return false;
}

ServerResponse file_answer(const ServerRequest& request, const ConsoleFile& file) {
  const std::string& tag = entity_tags().at(file.name);
  ServerResponse response;
  response.headers = {{"ETag", tag}, {"Cache-Control", "no-cache"}};
  add_safety(response.headers, kContentSecurityPolicy);
  if (has_tag(request, tag)) {
    response.status = 304;
    return response;
  }
  response.headers.add("Content-Type", std::string(file.type));
  response.body = std::string(file.content);
  return response;
}

ServerResponse console_answer(const ServerRequest& request) {
  if (request.method != Method::get && request.method != Method::head) {
    return rest::not_allowed(styled_page(405, "Method not allowed", "<p>The console is read with GET.</p>\n"),
                             "GET, HEAD");
  }
  if (request.path == kConsolePath.substr(0, kConsolePath.size() - 1)) {
    // Relative, since a proxy may show this server under another name.
    auto response = styled_page(308, "The console", "<p><a href=\"/console/\">The console</a></p>\n");
    response.headers.add("Location", std::string(kConsolePath));
    return response;
  }
  std::string_view name = std::string_view(request.path).substr(kConsolePath.size());
  if (name.empty() || request.path == kConsoleRedirectPath) name = "index.html";
  auto files = console_files();
  auto file = std::ranges::find(files, name, &ConsoleFile::name);
  if (file != files.end()) return file_answer(request, *file);
  return styled_page(404, "Page not found",
                     "<p>The console has no page at this address.</p>\n"
                     "<p class=\"actions\"><a href=\"/console/\">Open the console</a></p>\n");
}

}  // namespace

authserver::Client console_client(std::string_view issuer) {
  return {.id = std::string(kConsoleClientId),
          .name = "Agent registry console",
          .auth_method = authserver::AuthMethod::none,
          .grants = {std::string(authserver::kAuthorizationCode)},
          .scopes = std::vector<std::string>(kConsoleScopes.begin(), kConsoleScopes.end()),
          .redirect_uris = {std::string(issuer) + std::string(kConsoleRedirectPath)}};
}

std::optional<ServerResponse> serve_console(const ServerRequest& request) {
  if (request.path + "/" != kConsolePath && !request.path.starts_with(kConsolePath)) return std::nullopt;
  return console_answer(request);
}

Headers page_headers(std::string_view form_target) {
  Headers headers{{"Content-Type", "text/html; charset=utf-8"}, {"Cache-Control", "no-store"}};
  add_safety(headers,
             fmt::format("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'{}{}; "
                         "frame-ancestors 'none'; base-uri 'none'",
                         form_target.empty() ? "" : " ", form_target));
  return headers;
}

ServerResponse styled_page(int status, std::string_view title, std::string_view body,
                           std::string_view form_target) {
  ServerResponse response;
  response.status = status;
  response.headers = page_headers(form_target);
  response.body = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>{0} · Agent registry</title>\n"
      "<link rel=\"icon\" href=\"/console/favicon.svg\">\n"
      "<link rel=\"stylesheet\" href=\"/console/page.css\">\n</head>\n<body>\n"
      "<main class=\"sheet\">\n<p class=\"brand\">Agent registry</p>\n<h1>{0}</h1>\n{1}</main>\n"
      "</body>\n</html>\n",
      core::html_escape(title), body);
  return response;
}

}  // namespace registry
