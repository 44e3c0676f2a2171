#include "devorg/server.h"

#include <algorithm>
#include <fmt/format.h>

#include "catalogue/operations.h"
#include "core/encoding.h"
#include "core/json.h"
#include "core/log.h"

namespace devorg {

namespace {

using rest::Answer;
using rest::Caller;

bool is_loopback(std::string_view peer) {
  return peer.starts_with("127.") || peer.starts_with("[::1]") || peer.starts_with("::1") ||
         peer.starts_with("[::ffff:127.");
}

std::string join(const std::vector<std::string_view>& words) {
  std::string out;
  for (const auto word : words) out += (out.empty() ? "" : " ") + std::string(word);
  return out;
}

net::ServerResponse problem_response(const rest::Problem& problem, core::Random& random) {
  net::ServerResponse response{.status = problem.status, .headers = problem.headers};
  if (problem.code.empty()) return response;
  response.headers.set("content-type", "application/json");
  response.body = rest::write_problem(problem, "oae" + random.token(16));
  return response;
}

}  // namespace

Server::Server(std::unique_ptr<Service> service, ServerOptions options, core::Clock& clock)
    : service_(std::move(service)), options_(std::move(options)), limiter_(options_.limits, clock) {
  add_user_routes(router_, *service_, results_);
  add_user_lifecycle_routes(router_, *service_);
  add_group_routes(router_, *service_, results_);
  add_group_rule_routes(router_, *service_);
  add_app_routes(router_, *service_, results_);
  add_app_assignment_routes(router_, *service_);
  add_policy_routes(router_, *service_);
  add_log_routes(router_, *service_);
  add_schema_routes(router_, *service_);
  for (auto& fault : options_.faults) faults_.add(std::move(fault));
}

// As recorded: `Bearer authorization_uri="…", realm="…", scope="…", error="…", error_description="…",
// resource="…"`; for DPoP as in okta/okta-sdk-nodejs issue 453, with `algs` before the rest.
std::string Server::challenge(const net::ServerRequest& request, bool of_dpop, std::string_view scope,
                              std::string_view error, std::string_view description) const {
  const std::string& base = service_->base_url();
  const std::string lead =
      of_dpop ? fmt::format("DPoP algs=\"{}\",", authorization_.dpop_algorithms) : std::string("Bearer");
  return fmt::format(
      "{} authorization_uri=\"{}/oauth2/v1/authorize\", realm=\"{}\", scope=\"{}\", error=\"{}\", "
      "error_description=\"{}\", resource=\"{}\"",
      lead, base, base, scope, error, description, request.path);
}

Answer<Caller> Server::authenticate(const net::ServerRequest& request, std::string_view scope,
                                    net::Headers& headers) {
  const std::string_view header = request.headers.get("authorization");
  const std::size_t space = header.find(' ');
  const std::string_view scheme = header.substr(0, space);
  const std::string_view token =
      space == std::string_view::npos ? std::string_view{} : header.substr(space + 1);
  // Without credentials Okta speaks of the session a browser would have had.
  if (header.empty()) return rest::refuse(rest::other(403, "E0000005", "Invalid session"));

  if (scheme == "SSWS") {
    if (options_.api_token.empty() || !core::constant_time_equal(token, options_.api_token.reveal()))
      return rest::refuse(rest::invalid_token());
    std::shared_lock lock(service_->mutex());
    const Org& org = service_->org();
    return Caller{.kind = Caller::Kind::api_token,
                  .id = org.users.at(org.admin).id(),
                  .name = org.users.display_name(org.admin)};
  }
  if ((net::equals_ignoring_case(scheme, "Bearer") || net::equals_ignoring_case(scheme, "DPoP")) &&
      authorization_.verify) {
    auto claims = authorization_.verify(request);
    for (const auto& [name, value] : claims ? claims->headers : claims.error().headers)
      headers.set(name, value);
    if (claims)
      return Caller{.kind = claims->user_id.empty() ? Caller::Kind::client : Caller::Kind::user,
                    .id = claims->user_id.empty() ? claims->client_id : claims->user_id,
                    .name = claims->client_name,
                    .scopes = std::move(claims->scopes)};
    const TokenRefusal& refusal = claims.error();
    // What is wrong with a proof stands in the header alone, and the status is 400
    // (okta/terraform-provider-okta issue 2392).
    rest::Problem problem = rest::invalid_token();
    if (refusal.status != problem.status) problem = rest::Problem{.status = refusal.status};
    problem.headers.set("www-authenticate",
                        challenge(request, refusal.of_dpop, scope, refusal.error, refusal.description));
    return rest::refuse(std::move(problem));
  }
  return rest::refuse(rest::invalid_token());
}

// An API token may do everything; an OAuth token what the operation's scopes allow. `manage` includes `read`.
Answer<bool> Server::authorize(const net::ServerRequest& request, const Caller& caller,
                               const rest::Route& route) {
  if (caller.kind == Caller::Kind::api_token) return true;
  std::vector<std::string_view> wanted;
  if (!route.scope.empty()) {
    wanted.emplace_back(route.scope);
  } else if (const auto* operation = catalogue::find_operation(route.operation)) {
    wanted.assign(operation->scopes.begin(), operation->scopes.end());
  }
  const auto granted = [&](std::string_view scope) {
    const auto has = [&](std::string_view name) {
      return std::find(caller.scopes.begin(), caller.scopes.end(), name) != caller.scopes.end();
    };
    if (has(scope)) return true;
    return scope.ends_with(".read") && has(std::string(scope.substr(0, scope.size() - 4)) + "manage");
  };
  if (std::all_of(wanted.begin(), wanted.end(), granted)) return true;
  rest::Problem problem = rest::access_denied();
  problem.headers.set(
      "www-authenticate",
      challenge(request,
                net::equals_ignoring_case(request.headers.get("authorization").substr(0, 5), "DPoP "),
                join(wanted), "insufficient_scope",
                "The access token provided does not contain the required scopes."));
  return rest::refuse(std::move(problem));
}

Answer<rest::Reply> Server::management(const net::ServerRequest& request, net::Headers& headers) {
  const catalogue::Operation* operation =
      catalogue::match_operation(net::to_string(request.method), request.path);
  auto match = router_.match(request.method, request.path);
  ASSIGN_OR_RETURN(auto caller,
                   authenticate(request, operation ? join(operation->scopes) : std::string(), headers));
  const auto verdict = limiter_.take(operation ? operation->bucket : "/api/v1");
  verdict.write(headers);
  if (!verdict.allowed) return rest::refuse(rest::too_many_requests());
  if (!match) {
    // What Okta has and this org has not is said plainly, so that nobody looks for a mistake of their own.
    if (operation && match.error().status != 400)
      return rest::refuse(rest::other(501, "E0000060", "Unsupported operation.",
                                      {fmt::format("okta-dev-org does not serve {}.", operation->id)}));
    return rest::refuse(match.error());
  }
  RETURN_IF_ERROR(authorize(request, caller, *match->route));
  auto query = net::parse_query(request.query);
  if (!query)
    return rest::refuse(rest::validation_failed("query", {"The query string has a broken percent escape."}));
  const rest::Call call{.http = request,
                        .params = std::move(match->params),
                        .query = *std::move(query),
                        .caller = std::move(caller)};
  if (!match->route->scope.empty()) return match->route->handler(call);
  if (match->route->changes) {
    std::unique_lock lock(service_->mutex());
    return match->route->handler(call);
  }
  std::shared_lock lock(service_->mutex());
  return match->route->handler(call);
}

net::ServerResponse Server::development(const net::ServerRequest& request) {
  if (!is_loopback(request.peer)) return problem_response(rest::access_denied(), service_->random());
  net::ServerResponse response{.headers = {{"content-type", "application/json"}}};
  switch (request.method) {
    case net::Method::get:
      break;
    case net::Method::delete_:
      faults_.clear();
      break;
    case net::Method::post: {
      const auto json = core::json::parse(request.body);
      if (!json) return problem_response(rest::malformed_body(), service_->random());
      auto rule = read_fault(*json);
      if (!rule) return problem_response(rest::from_error(rule.error()), service_->random());
      faults_.add(*std::move(rule));
      break;
    }
    default:
      return problem_response(rest::method_not_supported(), service_->random());
  }
  response.body = core::json::write(faults_.list());
  return response;
}

net::ServerResponse Server::answer(const net::ServerRequest& request) {
  if (authorization_.handle)
    if (auto response = authorization_.handle(request)) return *std::move(response);
  net::Headers headers;
  auto reply = management(request, headers);
  net::ServerResponse response;
  if (reply) {
    response = {
        .status = reply->status, .headers = std::move(reply->headers), .body = std::move(reply->body)};
    if (!response.body.empty()) response.headers.set("content-type", "application/json");
  } else {
    response = problem_response(reply.error(), service_->random());
  }
  for (const auto& [name, value] : headers) response.headers.set(name, value);
  response.headers.set("cache-control", "no-cache, no-store");
  return response;
}

// `response` is the answer that would have been given: reset and truncate strike after the work was done.
net::ServerResponse Server::spoil(net::ServerResponse response, const FaultRule& fault) {
  switch (fault.kind) {
    case FaultKind::reset:
      response.fault = net::Fault::reset_without_answer;
      return response;
    case FaultKind::truncate:
      response.fault = net::Fault::truncate_body;
      return response;
    case FaultKind::slow:
      response.delay = fault.delay;
      return response;
    case FaultKind::too_many: {
      net::ServerResponse refused = problem_response(rest::too_many_requests(), service_->random());
      const auto reset = core::to_unix_seconds(service_->now()) + 2;
      rest::RateLimiter::Verdict{.allowed = false, .limit = 600, .remaining = 0, .reset = reset}.write(
          refused.headers);
      return refused;
    }
    case FaultKind::server_error:
      return problem_response(rest::internal_error(), service_->random());
    case FaultKind::html:
      return {
          .status = 503,
          .headers = {{"content-type", "text/html;charset=utf-8"}},
          .body =
              "<html><head><title>503 Service Temporarily Unavailable</title></head><body><h1>503 Service "
              "Temporarily Unavailable</h1></body></html>"};
  }
  return response;
}

net::ServerResponse Server::handle(const net::ServerRequest& request) {
  if (request.path == "/dev/faults") return development(request);
  const auto fault = faults_.strike(request);
  // These three never reach the org, so nothing is changed behind an error.
  const bool unreached = fault && (fault->kind == FaultKind::too_many ||
                                   fault->kind == FaultKind::server_error || fault->kind == FaultKind::html);
  net::ServerResponse response = unreached ? net::ServerResponse{} : answer(request);
  if (fault) response = spoil(std::move(response), *fault);
  const std::string request_id = service_->random().alphanumeric(32);
  response.headers.set("x-okta-request-id", request_id);
  core::log(core::LogLevel::debug, "devorg", "request",
            {{"method", net::to_string(request.method)},
             {"path", request.path},
             {"status", response.status},
             {"request_id", request_id}});
  return response;
}

}  // namespace devorg
