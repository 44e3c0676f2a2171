// The console in the browser: the files of console/ at the repository's root, which are part of the program.
//
// It is a client like any other: it signs a person in at the org authorization server and calls the API with
// that access token. The server keeps nothing for it, and it keeps nothing in the browser (docs/console.md).
// What it needs of the rest of the registry:
//   - the client below, public, with authorization code and PKCE (S256) and no refresh token;
//   - GET /.well-known/oauth-authorization-server with authorization_endpoint, token_endpoint and
//     revocation_endpoint, all on the issuer's origin; GET /oauth2/v1/logout, which ends a session;
//   - a session cookie (SameSite=Lax or Strict, HttpOnly) that the authorization endpoint honours without a
//     page of its own for this client, also with prompt=none, and answers by redirecting: the console asks by
//     fetch() and reads the code from the address that it ends at. Without a session prompt=none is answered
//     by error=login_required at the redirect URI, or by any page; the console then goes to the same endpoint
//     as a whole page. `state` comes back as sent.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "authserver/store.h"
#include "net/http_server.h"

namespace registry {

inline constexpr std::string_view kConsolePath = "/console/";
inline constexpr std::string_view kConsoleClientId = "okta-registry-console";
inline constexpr std::string_view kConsoleRedirectPath = "/console/callback";  // below the issuer
// Asked for at sign-in. A person gets those that their role allows; the console says what is missing.
inline constexpr std::array<std::string_view, 10> kConsoleScopes{
    "openid",
    "profile",
    "okta.resourceServers.mcpServers.read",
    "okta.resourceServers.mcpServers.manage",
    "okta.aiAgents.read",
    "okta.aiAgents.manage",
    "okta.authorizationServers.read",
    "okta.authorizationServers.manage",
    "okta.users.read",
    "okta.logs.read",
};

// For the authorization server's find_client hook.
authserver::Client console_client(std::string_view issuer);

struct ConsoleFile {
  std::string_view name;  // below kConsolePath: "main.js"
  std::string_view type;  // Content-Type
  std::string_view content;
};

// Everything that is embedded; index.html is what kConsolePath and kConsoleRedirectPath answer.
std::span<const ConsoleFile> console_files();

// The answer when the path is /console or below it, else nullopt. GET and HEAD; files carry a strong ETag and
// are asked for again each time (no-cache), so that a new version is seen at once. Thread-safe.
std::optional<net::ServerResponse> serve_console(const net::ServerRequest& request);

// Headers of whatever a browser shows as a page of ours. `form_target`: one more origin, besides the page's
// own, where a form may lead, since browsers apply form-action to the redirects that follow it too.
net::Headers page_headers(std::string_view form_target = {});

// A page in the console's style without a script: sign-in, consent, their errors. `title` is text; `body` is
// HTML that is escaped already (core/html.h). Classes it may use: "notice", "notice bad", "facts" (a dl),
// "actions" (of buttons), "primary", "quiet".
net::ServerResponse styled_page(int status, std::string_view title, std::string_view body,
                                std::string_view form_target = {});

}  // namespace registry
