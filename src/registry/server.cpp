#include "registry/server.h"

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>
#include <fmt/format.h>
#include <string>
#include <utility>

#include "core/encoding.h"
#include "core/json.h"
#include "core/log.h"
#include "net/url.h"
#include "registry/openapi.h"

namespace registry {

namespace {

using rest::Answer;
using rest::Caller;
using rest::Reply;

constexpr std::string_view kDescriptionPath = "/openapi.json";
constexpr std::size_t kMaxParameters = 64;

// "192.0.2.1:4711" → "192.0.2.1": what is counted of a peer.
std::string_view address_of(std::string_view peer) {
  const std::size_t colon = peer.rfind(':');
  return colon == std::string_view::npos ? peer : peer.substr(0, colon);
}

net::ServerResponse problem_response(const rest::Problem& problem, core::Random& random) {
  net::ServerResponse response{.status = problem.status, .headers = problem.headers, .body = {}};
  if (problem.code.empty()) return response;
  response.headers.set("Content-Type", "application/json");
  response.body = rest::write_problem(problem, "oae" + random.token(16));
  return response;
}

// As RFC 6750 section 3 has it.
rest::Problem insufficient_scope(std::string_view issuer, std::string_view scope) {
  rest::Problem problem = rest::access_denied();
  problem.causes.emplace_back(fmt::format("The access token lacks the scope {}.", scope),
                              "INSUFFICIENT_SCOPE");
  problem.headers.set(
      "WWW-Authenticate",
      fmt::format("Bearer authorization_uri=\"{0}/oauth2/v1/authorize\", realm=\"{0}\", scope=\"{1}\", "
                  "error=\"insufficient_scope\", error_description=\"The access token provided does not "
                  "contain the required scopes.\"",
                  issuer, scope));
  return problem;
}

void set_if_absent(net::Headers& headers, std::string_view name, std::string_view value) {
  if (!headers.has(name)) headers.set(name, std::string(value));
}

// What Host, Origin and frames could be misused for is off unless the answer says otherwise. No answer
// carries CORS headers: a page of another origin reads nothing here.
void add_security_headers(const Service& service, net::Headers& headers) {
  set_if_absent(headers, "Cache-Control", "no-store");
  set_if_absent(headers, "X-Content-Type-Options", "nosniff");
  set_if_absent(headers, "Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
  set_if_absent(headers, "Referrer-Policy", "no-referrer");
  if (service.settings.issuer.starts_with("https://"))
    set_if_absent(headers, "Strict-Transport-Security", "max-age=31536000");
}

// Methods of a path, for Allow.
std::string allowed_methods(const rest::Router& router, std::string_view path) {
  std::string list;
  for (const auto method :
       {net::Method::get, net::Method::post, net::Method::put, net::Method::patch, net::Method::delete_}) {
    if (!router.match(method, path)) continue;
    list += list.empty() ? "" : ", ";
    list += net::to_string(method);
  }
  return list;
}

// A name of a bounded set for what no route has: the first parts of the path, where they are ours.
std::string_view page_group(std::string_view path) {
  static constexpr std::array<std::string_view, 7> kGroups{
      "/oauth2/v1/sts", "/oauth2", "/.well-known", "/console", "/login", "/logout", "/openapi.json"};
  for (const auto group : kGroups)
    if (path.starts_with(group)) return group;
  return "other";
}

// One value of a form, the others not looked at: they are long, and have been read before.
std::string form_value(std::string_view form, std::string_view name) {
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(pair.size() + 1, form.size()));
    if (pair.size() <= name.size() || pair[name.size()] != '=' || !pair.starts_with(name)) continue;
    return core::percent_decode(pair.substr(name.size() + 1), true).value_or("");
  }
  return {};
}

// grant_type and requested_token_type by short names; whatever else is sent is "other", so that the series
// stay few.
std::string_view grant_of(const net::ServerRequest& request) {
  struct Name {
    std::string_view urn, text;
  };
  static constexpr std::array<Name, 9> kNames{{
      {"client_credentials", "client_credentials"},
      {"authorization_code", "authorization_code"},
      {"refresh_token", "refresh_token"},
      {"urn:ietf:params:oauth:grant-type:jwt-bearer", "jwt_bearer"},
      {"urn:ietf:params:oauth:grant-type:device_code", "device_code"},
      {"urn:ietf:params:oauth:token-type:id-jag", "id_jag"},
      {"urn:okta:params:oauth:token-type:oauth-sts", "oauth_sts"},
      {"urn:okta:params:oauth:token-type:vaulted-secret", "vaulted_secret"},
      {"urn:okta:params:oauth:token-type:service-account", "service_account"},
  }};
  std::string wanted = form_value(request.body, "grant_type");
  if (wanted == "urn:ietf:params:oauth:grant-type:token-exchange")
    wanted = form_value(request.body, "requested_token_type");
  for (const auto& [urn, text] : kNames)
    if (urn == wanted) return text;
  return "other";
}

std::string outcome_of(const net::ServerResponse& response) {
  if (response.status == 200) return "granted";
  const auto body = core::json::parse(response.body, {.max_bytes = 64u << 10});
  const std::string_view error = body ? core::json::string_or_empty(*body, "error") : std::string_view{};
  // RFC 6749, 8693, 8707, 9449 and Okta: those that this server answers.
  const bool plain = !error.empty() && error.size() <= 40 &&
                     error.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos;
  return plain ? std::string(error) : "other";
}

}  // namespace

void add_all_routes(rest::Router& router, const Service& service) {
  add_mcp_server_routes(router, service);
  add_workload_routes(router, service);
  add_custom_as_routes(router, service);
  add_secret_routes(router, service);
  add_person_routes(router, service);
  add_log_routes(router, service);
}

bool covers(const std::vector<std::string>& granted, std::string_view wanted) {
  constexpr std::string_view kRead = ".read";
  const auto has = [&](std::string_view scope) { return std::ranges::find(granted, scope) != granted.end(); };
  if (has(wanted)) return true;
  return wanted.ends_with(kRead) &&
         has(std::string(wanted.substr(0, wanted.size() - kRead.size())) + ".manage");
}

core::Result<std::unique_ptr<Server>> Server::create(ServerOptions options) {
  const Service& service = options.service;
  if (!service.store || !service.clock || !service.random || !service.vault || !service.outside ||
      !options.authenticate || service.settings.issuer.empty())
    return core::fail(core::ErrorKind::internal, "registry.server",
                      "The server lacks its store, clock, randomness, vault, outgoing client, "
                      "authentication or issuer.");
  return std::unique_ptr<Server>(new Server(std::move(options)));
}

Server::Server(ServerOptions options)
    : options_(std::move(options)),
      limiter_(options_.limits, *options_.service.clock),
      failed_logins_({.otherwise = options_.failed_logins_per_minute}, *options_.service.clock) {
  add_all_routes(router_, options_.service);
  router_.add({.method = net::Method::get,
               .path = std::string(kDescriptionPath),
               .operation = "describeApi",
               .handler = [this](const rest::Call&) -> Answer<Reply> {
                 return rest::json_reply(describe_routes(
                     router_, {.title = "Agent registry", .issuer = options_.service.settings.issuer}));
               },
               .about = "This description (OpenAPI 3.1)",
               .tag = "Description"});
}

Answer<Caller> Server::admit(const net::ServerRequest& request, const rest::Route& route,
                             net::Headers& headers) {
  const Service& service = options_.service;
  const std::string address(address_of(request.peer));
  if (route.scope.empty()) {
    const auto verdict = limiter_.take("address/" + address);
    verdict.write(headers);
    if (!verdict.allowed) return rest::refuse(rest::too_many_requests());
    return Caller{};
  }
  auto caller = options_.authenticate(request);
  if (!caller) {
    const auto verdict = failed_logins_.take(address);
    if (!verdict.allowed) {
      verdict.write(headers);
      return rest::refuse(rest::too_many_requests());
    }
    return rest::refuse(std::move(caller).error());
  }
  const auto verdict = limiter_.take("caller/" + caller->id);
  verdict.write(headers);
  if (!verdict.allowed) return rest::refuse(rest::too_many_requests());
  if (!covers(caller->scopes, route.scope))
    return rest::refuse(insufficient_scope(service.settings.issuer, route.scope));
  return *std::move(caller);
}

Answer<Reply> Server::call(const net::ServerRequest& request, net::Headers& headers, std::string& operation) {
  if (request.body.size() > kMaxBody)
    return rest::refuse(
        rest::other(413, "E0000001", "Api validation failed: request",
                    {rest::Cause(fmt::format("The body is larger than {} bytes.", kMaxBody), "TOO_LARGE")}));
  // A HEAD is a GET whose body the listener keeps back.
  const net::Method method = request.method == net::Method::head ? net::Method::get : request.method;
  auto match = router_.match(method, request.path);
  if (!match) {
    if (match.error().status == 405)
      match.error().headers.set("Allow", allowed_methods(router_, request.path));
    return rest::refuse(std::move(match).error());
  }
  operation = match->route->operation;
  ASSIGN_OR_RETURN(auto caller, admit(request, *match->route, headers));
  auto query = net::parse_query(request.query);
  if (!query || query->size() > kMaxParameters)
    return rest::refuse(rest::validation_failed(
        "query", {query ? fmt::format("There are more than {} parameters.", kMaxParameters)
                        : std::string("The query string has a broken percent escape.")}));
  return match->route->handler({.http = request,
                                .params = std::move(match->params),
                                .query = *std::move(query),
                                .caller = std::move(caller)});
}

net::ServerResponse Server::answer(const net::ServerRequest& request, std::string& operation) {
  for (const auto& pages : options_.pages) {
    if (auto response = pages(request)) {
      operation = page_group(request.path);
      return *std::move(response);
    }
  }
  operation = "other";
  net::Headers headers;
  auto reply = call(request, headers, operation);
  net::ServerResponse response;
  if (reply) {
    response = {
        .status = reply->status, .headers = std::move(reply->headers), .body = std::move(reply->body)};
    if (!response.body.empty()) set_if_absent(response.headers, "Content-Type", "application/json");
  } else {
    response = problem_response(reply.error(), *options_.service.random);
  }
  for (const auto& [name, value] : headers) response.headers.set(name, value);
  return response;
}

void Server::count(const net::ServerRequest& request, const net::ServerResponse& response,
                   std::string_view operation, double seconds) const {
  core::Metrics* metrics = options_.service.metrics;
  if (!metrics) return;
  const std::string route(operation);
  metrics
      ->counter("okta_registry_requests_total", "Requests by route and status.",
                {{"route", route}, {"status", std::to_string(response.status)}})
      .add();
  metrics->histogram("okta_registry_request_seconds", "How long answers took.", {{"route", route}})
      .observe(seconds);
  if (request.method == net::Method::post && request.path.starts_with("/oauth2/") &&
      request.path.ends_with("/v1/token")) {
    metrics
        ->counter("okta_registry_token_grants_total", "Token requests by grant and outcome.",
                  {{"server", request.path == "/oauth2/v1/token" ? "org" : "custom"},
                   {"grant", std::string(grant_of(request))},
                   {"outcome", outcome_of(response)}})
        .add();
  }
}

net::ServerResponse Server::handle(const net::ServerRequest& request) {
  const Service& service = options_.service;
  const auto begun = service.clock->steady();
  std::string operation;
  net::ServerResponse response = answer(request, operation);
  const std::string request_id = service.random->alphanumeric(32);
  response.headers.set("X-Okta-Request-Id", request_id);
  add_security_headers(service, response.headers);
  const std::chrono::duration<double> took = service.clock->steady() - begun;
  count(request, response, operation, took.count());
  // A broken promise of ours is worth a line for whoever runs it; the rest is for those who look closely.
  const auto level = response.status >= 500 ? core::LogLevel::error : core::LogLevel::debug;
  if (core::log_enabled(level))
    core::log(level, "registry", "request",
              {{"method", net::to_string(request.method)},
               {"path", request.path},
               {"status", response.status},
               {"request_id", request_id}});
  return response;
}

}  // namespace registry
