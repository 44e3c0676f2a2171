#include "devorg/agents.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <string_view>
#include <utility>

#include "core/encoding.h"
#include "core/html.h"
#include "core/json.h"
#include "core/log.h"
#include "devorg/org_people.h"
#include "net/guarded.h"
#include "net/http.h"
#include "net/url.h"
#include "oauth/jws.h"
#include "registry/console.h"
#include "registry/person.h"
#include "registry/session.h"
#include "rest/browser.h"

namespace devorg {

namespace {

using core::Result;
using net::Method;
using net::ServerRequest;
using net::ServerResponse;

// In resource names; there is one org in a process.
constexpr std::string_view kOrgId = "00oDevOrg00000000001";
constexpr std::string_view kLogin = "/login";
constexpr std::array<std::string_view, 2> kMetadata{"/.well-known/oauth-authorization-server",
                                                    "/.well-known/openid-configuration"};
// Endpoints that are the org's for its apps, and the registry's for agents.
constexpr std::array<std::string_view, 5> kShared{"/oauth2/v1/authorize", "/oauth2/v1/token",
                                                  "/oauth2/v1/introspect", "/oauth2/v1/revoke",
                                                  "/oauth2/v1/userinfo"};

bool is_metadata(std::string_view path) {
  return std::ranges::find(kMetadata, path) != kMetadata.end();
}

// Whole paths, and what stands below those that end in a slash.
bool is_of_registry(std::string_view path) {
  static constexpr std::array<std::string_view, 6> kPaths{"/oauth2/v1/keys",
                                                          "/oauth2/v1/sts/",
                                                          "/oauth2/v1/logout",
                                                          "/logout",
                                                          "/.well-known/oauth-authorization-server/",
                                                          "/.well-known/openid-configuration/"};
  return path.starts_with("/oauth2/aus") || std::ranges::any_of(kPaths, [&](std::string_view own) {
           return own.ends_with('/') ? path.starts_with(own) : path == own;
         });
}

std::string client_of_token(std::string_view token, std::string_view claim) {
  const auto jwt = oauth::peek(token);
  return jwt ? std::string(core::json::string_or_empty(jwt->claims, claim)) : std::string();
}

// Who says to be asking, which is what decides who answers; whether it is so is for them to check.
std::string claimed_client(const ServerRequest& request) {
  const std::string_view header = request.headers.get("Authorization");
  const std::size_t space = header.find(' ');
  const std::string_view scheme = header.substr(0, space);
  const std::string_view credentials = space == std::string_view::npos ? "" : header.substr(space + 1);
  if (net::equals_ignoring_case(scheme, "Basic")) {
    const auto pair = core::base64_decode(credentials);
    return pair ? core::percent_decode(pair->substr(0, pair->find(':'))).value_or("") : std::string();
  }
  if (!credentials.empty()) return client_of_token(credentials, "cid");
  const auto fields = net::parse_query(request.method == Method::post ? request.body : request.query);
  if (!fields) return {};
  std::string client = net::query_value(*fields, "client_id").value_or("");
  if (!client.empty()) return client;
  return client_of_token(net::query_value(*fields, "client_assertion").value_or(""), "sub");
}

// A workload principal's id, or the URL of a client ID metadata document.
bool is_agent(std::string_view client) {
  return client.starts_with("wlp") || client.contains("://");
}

// What either of the two documents says; lists are joined.
std::string joined_metadata(const std::string& org, const std::string& registry) {
  auto out = core::json::parse(org);
  const auto more = core::json::parse(registry);
  if (!out || !out->is_object() || !more || !more->is_object()) return org;
  for (const auto& member : more->get_object()) {
    core::json::Value& known = out->get_object()[member.key()];
    if (known.is_null()) {
      known = member.value();
    } else if (known.is_array() && member.value().is_array()) {
      for (const auto& value : member.value().get_array())
        if (std::ranges::find(known.get_array(), value) == known.get_array().end())
          known.get_array().push_back(value);
    }
  }
  return core::json::write(*out);
}

// Where the form leads in the end, which browsers hold against form-action too (CSP level 3, section
// 6.4.2.1): the client's redirect URI in the request that the browser goes back to. Empty: nowhere else.
std::string form_target(std::string_view target) {
  const std::size_t mark = target.find('?');
  const auto query = net::parse_query(mark == std::string_view::npos ? "" : target.substr(mark + 1));
  const auto url = net::parse_url(query ? net::query_value(*query, "redirect_uri").value_or("") : "");
  const bool plain = url && std::ranges::all_of(url->host, [](char c) {
                       return c == '.' || c == '-' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
                     });
  return plain ? url->origin() : std::string();
}

ServerResponse login_page(int status, std::string_view target, std::string_view problem) {
  const std::string alert = problem.empty() ? std::string()
                                            : fmt::format("<p class=\"notice bad\" role=\"alert\">{}</p>\n",
                                                          core::html_escape(problem));
  return registry::styled_page(
      status, "Sign in",
      fmt::format("{}<form method=\"post\" action=\"{}\">\n"
                  "<input type=\"hidden\" name=\"return\" value=\"{}\">\n"
                  "<p><label>Login <input name=\"login\" value=\"admin@example.com\" required></label></p>\n"
                  "<p class=\"actions\"><button class=\"primary\">Sign in</button></p>\n</form>\n"
                  "<p><small>okta-dev-org, a local org for development. No password is asked "
                  "for.</small></p>\n",
                  alert, kLogin, core::html_escape(target)),
      form_target(target));
}

}  // namespace

Agents::~Agents() = default;

Result<std::unique_ptr<Agents>> Agents::create(Service& service, AgentsOptions options) {
  std::unique_ptr<Agents> made(new Agents(std::move(options)));
  const AgentsOptions& with = made->options_;
  ASSIGN_OR_RETURN(auto store,
                   registry::open_store({.url = core::Secret("sqlite:" + with.file), .clock = with.clock}));
  made->store_ = with_people_of(service, std::move(store));
  // Unguarded: whoever has the file has its secrets, as this org has no others.
  made->vault_ = std::make_unique<core::KeyRing>(made->store_->state(), *with.clock,
                                                 core::KeyRingOptions{.name = "vault"}, *with.random);
  made->http_ = net::make_http_client({.user_agent = "okta-dev-org"});
  ASSIGN_OR_RETURN(auto guard, net::Guard::create({.allow_http_loopback = true}));
  made->outside_ = net::make_guarded_client(*made->http_, std::move(guard));
  made->parts_ = registry::Service{
      .settings = {.issuer = with.issuer, .node = "okta-dev-org", .allow_http_loopback = true},
      .names = registry::ResourceNames(std::string(kOrgId)),
      .store = made->store_.get(),
      .clock = with.clock,
      .random = with.random,
      .vault = made->vault_.get(),
      .outside = made->outside_.get()};
  ASSIGN_OR_RETURN(made->registry_, registry::Registry::create(*made->parts_));
  return made;
}

Result<oauth::Key> Agents::signing_key() const {
  ASSIGN_OR_RETURN(const auto org, registry_->tokens().org());
  return org.signing_keys.front();
}

void Agents::add_routes(rest::Router& router) const {
  registry::add_mcp_server_routes(router, *parts_);
  registry::add_workload_routes(router, *parts_);
  registry::add_custom_as_routes(router, *parts_);
  registry::add_secret_routes(router, *parts_);
}

AuthorizationHooks Agents::join(AuthorizationHooks org) const {
  AuthorizationHooks both = org;
  both.handle =
      [this, of_org = std::move(org.handle)](const ServerRequest& request) -> std::optional<ServerResponse> {
    if (is_metadata(request.path)) {
      auto response = of_org(request);
      if (response && response->status == 200)
        response->body = joined_metadata(response->body, registry_->handle(request).body);
      return response;
    }
    if (auto response = handle(request)) return response;
    return of_org(request);
  };
  return both;
}

std::optional<ServerResponse> Agents::handle(const ServerRequest& request) const {
  const std::string_view path = request.path;
  if (path == kLogin) return login(request);
  const bool shared = std::ranges::find(kShared, path) != kShared.end();
  if (is_of_registry(path) || (shared && is_agent(claimed_client(request))))
    return registry_->handle(request);
  return std::nullopt;
}

// The registry's sessions, begun by a page of this org's in place of an identity provider.
ServerResponse Agents::login(const ServerRequest& request) const {
  const auto local = [](const net::Query& fields) {
    std::string target = net::query_value(fields, "return").value_or("");
    return registry::is_local_target(target) ? target : std::string("/login");
  };
  if (request.method != Method::post)
    return login_page(200, local(net::parse_query(request.query).value_or(net::Query{})), {});
  const auto form = registry::read_form(request);
  if (!form || !registry::is_same_origin(*parts_, request))
    return login_page(400, "/login", "The form did not come from this page. Please send it again.");
  const std::string target = local(*form);
  const auto person = registry::find_person_by_login(*store_, net::query_value(*form, "login").value_or(""));
  if (!person || !*person || !(*person)->active())
    return login_page(400, target, "The login is not that of an active person of this org.");
  ServerResponse response = rest::go_to(target);
  const auto session = registry::begin_session(*parts_, request, **person, "okta-dev-org", response.headers);
  if (!session) {
    core::log(core::LogLevel::error, "agents", core::describe(session.error()));
    return login_page(500, target, "The org cannot answer now.");
  }
  return response;
}

}  // namespace devorg
