#include "registry/openapi.h"

#include <array>
#include <cctype>
#include <fmt/format.h>
#include <set>
#include <string>

namespace registry {

namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;

// Statuses that any route may refuse with, and what they mean here.
struct Refusal {
  std::string_view status;
  std::string_view name;  // below components/responses
  std::string_view about;
};
constexpr std::array<Refusal, 10> kRefusals{{
    {"400", "BadRequest", "The request is malformed, or breaks a rule that the cause names."},
    {"401", "Unauthorized", "No access token, or one that is not valid."},
    {"403", "Forbidden", "The access token lacks the scope, or the state does not allow it."},
    {"404", "NotFound", "There is no such thing."},
    {"405", "MethodNotAllowed", "The path does not have this method; Allow names those it has."},
    {"409", "Conflict", "The state does not allow it; the cause names the state, or what is in the way."},
    {"412", "PreconditionFailed", "If-Match names another version."},
    {"413", "TooLarge", "The body is too large."},
    {"429", "TooManyRequests", "Too many requests in this minute; X-Rate-Limit-Reset says when to go on."},
    {"5XX", "ServerError", "The registry cannot answer now; nothing says that the change was made."},
}};

Object reference(std::string_view kind, std::string_view name) {
  return {{"$ref", fmt::format("#/components/{}/{}", kind, name)}};
}

Object json_content(Object schema) {
  return {{"application/json", Object{{"schema", std::move(schema)}}}};
}

bool ends_in_parameter(std::string_view path) {
  return path.ends_with('}');
}

// "{mcpServerId}" of a path, in order.
std::vector<std::string> parameters_of(std::string_view path) {
  std::vector<std::string> names;
  for (std::size_t open = path.find('{'); open != std::string_view::npos; open = path.find('{', open)) {
    const std::size_t close = path.find('}', open);
    if (close == std::string_view::npos) break;
    names.emplace_back(path.substr(open + 1, close - open - 1));
    open = close;
  }
  return names;
}

Array parameters(const rest::Route& route) {
  Array list;
  for (const auto& name : parameters_of(route.path)) {
    list.push_back(
        Object{{"name", name}, {"in", "path"}, {"required", true}, {"schema", Object{{"type", "string"}}}});
  }
  if (route.method == net::Method::get && route.operation.starts_with("list")) {
    list.push_back(reference("parameters", "limit"));
    list.push_back(reference("parameters", "after"));
  }
  if (route.method == net::Method::patch || route.method == net::Method::delete_)
    list.push_back(reference("parameters", "ifMatch"));
  return list;
}

// What success looks like, as far as the method tells: reading answers 200, changing 200 to 204, and 202 with
// the operation in Location where it goes on after the answer.
Object successes(const rest::Route& route) {
  if (route.method == net::Method::get) {
    Object ok{{"description", "What was asked for."},
              {"content",
               json_content(ends_in_parameter(route.path) ? Object{{"type", "object"}}
                                                          : Object{{"type", Array{"object", "array"}}})}};
    return {{"200", std::move(ok)}};
  }
  Object done{{"200", Object{{"description", "Done; the thing as it is now."},
                             {"content", json_content({{"type", "object"}})}}},
              {"202", reference("responses", "Accepted")},
              {"204", Object{{"description", "Done."}}}};
  if (route.method == net::Method::post)
    done["201"] = Object{{"description", "Made."}, {"content", json_content({{"type", "object"}})}};
  return done;
}

Object request_body(const rest::Route& route) {
  const std::string_view type = route.method == net::Method::patch
                                    ? std::string_view("application/merge-patch+json")
                                    : std::string_view("application/json");
  return {{"required", route.method == net::Method::patch},
          {"content", Object{{type, Object{{"schema", Object{{"type", "object"}}}}}}}};
}

Object operation(const rest::Route& route) {
  Object described{{"operationId", route.operation}};
  if (!route.about.empty()) described["summary"] = route.about;
  if (!route.tag.empty()) described["tags"] = Array{Value(route.tag)};
  if (Array list = parameters(route); !list.empty()) described["parameters"] = std::move(list);
  if (route.method != net::Method::get && route.method != net::Method::delete_)
    described["requestBody"] = request_body(route);
  Object responses = successes(route);
  for (const auto& refusal : kRefusals) responses[refusal.status] = reference("responses", refusal.name);
  described["responses"] = std::move(responses);
  if (route.scope.empty()) {
    described["security"] = Array();
  } else {
    Array scopes;
    scopes.emplace_back(route.scope);
    Array security;
    security.emplace_back(Object{{"oauth2", std::move(scopes)}});
    described["security"] = std::move(security);
  }
  return described;
}

Object error_schema() {
  const Object text{{"type", "string"}};
  const Object cause{
      {"type", "object"},
      {"required", Array{Value("errorSummary")}},
      {"properties",
       Object{{"errorSummary", Object{{"type", "string"}, {"description", "What is wrong, for people."}}},
              {"reason",
               Object{{"type", "string"}, {"description", "For programs: INVALID_STATE_TRANSITION, ..."}}},
              {"location", Object{{"type", "string"}, {"description", "The member that it is about."}}}}},
      {"additionalProperties", false}};
  return {{"type", "object"},
          {"required", Array{"errorCode", "errorSummary", "errorLink", "errorId", "errorCauses"}},
          {"properties", Object{{"errorCode", Object{{"type", "string"}, {"pattern", "^E[0-9]{7}$"}}},
                                {"errorSummary", text},
                                {"errorLink", text},
                                {"errorId", text},
                                {"errorCauses", Object{{"type", "array"}, {"items", cause}}}}},
          {"additionalProperties", false}};
}

Object components(const std::set<std::string>& scopes, std::string_view issuer) {
  Object responses;
  const Object limit_header{{"schema", Object{{"type", "integer"}}}};
  for (const auto& refusal : kRefusals) {
    Object response{{"description", refusal.about}, {"content", json_content(reference("schemas", "Error"))}};
    if (refusal.status == "429") {
      response["headers"] = Object{{"X-Rate-Limit-Limit", limit_header},
                                   {"X-Rate-Limit-Remaining", limit_header},
                                   {"X-Rate-Limit-Reset", limit_header}};
    }
    responses[refusal.name] = std::move(response);
  }
  responses["Accepted"] = Object{
      {"description", "Accepted; it goes on, and the operation tells how."},
      {"headers", Object{{"Location", Object{{"required", true},
                                             {"schema", Object{{"type", "string"}, {"format", "uri"}}}}}}}};
  Object named;
  for (const auto& scope : scopes) named[scope] = "";
  Object flow{{"authorizationUrl", fmt::format("{}/oauth2/v1/authorize", issuer)},
              {"tokenUrl", fmt::format("{}/oauth2/v1/token", issuer)},
              {"scopes", named}};
  Object machine{{"tokenUrl", fmt::format("{}/oauth2/v1/token", issuer)}, {"scopes", std::move(named)}};
  return {{"schemas", Object{{"Error", error_schema()}}},
          {"parameters",
           Object{{"limit", Object{{"name", "limit"},
                                   {"in", "query"},
                                   {"description", "Entries of a page."},
                                   {"schema", Object{{"type", "integer"}, {"minimum", 1}}}}},
                  {"after", Object{{"name", "after"},
                                   {"in", "query"},
                                   {"description", "The cursor of the page before, from its next link."},
                                   {"schema", Object{{"type", "string"}}}}},
                  {"ifMatch", Object{{"name", "If-Match"},
                                     {"in", "header"},
                                     {"description", "The ETag of what the change is based on."},
                                     {"schema", Object{{"type", "string"}}}}}}},
          {"responses", std::move(responses)},
          {"securitySchemes",
           Object{{"oauth2", Object{{"type", "oauth2"},
                                    {"flows", Object{{"authorizationCode", std::move(flow)},
                                                     {"clientCredentials", std::move(machine)}}}}}}}};
}

std::string method_name(net::Method method) {
  std::string name(net::to_string(method));
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

}  // namespace

Object describe_routes(const rest::Router& router, const Description& description) {
  Object paths;
  std::set<std::string> scopes;
  Array tags;
  std::set<std::string> tagged;
  for (const auto& route : router.routes()) {
    if (!route->scope.empty()) scopes.insert(route->scope);
    if (!route->tag.empty() && tagged.insert(route->tag).second) tags.push_back(Object{{"name", route->tag}});
    Value& item = paths[route->path];
    if (!item.is_object()) item = Object();
    item.get_object()[method_name(route->method)] = operation(*route);
  }
  Array servers;
  servers.emplace_back(Object{{"url", description.issuer}});
  return {{"openapi", "3.1.0"},
          {"info", Object{{"title", description.title}, {"version", description.version}}},
          {"servers", std::move(servers)},
          {"tags", std::move(tags)},
          {"paths", std::move(paths)},
          {"components", components(scopes, description.issuer)}};
}

}  // namespace registry
