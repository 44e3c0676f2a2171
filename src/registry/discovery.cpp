#include "registry/discovery.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <mutex>
#include <utility>

#include "core/encoding.h"
#include "core/text.h"
#include "mcp/client.h"
#include "mcp/http_client_transport.h"
#include "net/url.h"
#include "oauth/issuer_metadata.h"
#include "oauth/jwk.h"
#include "oauth/www_authenticate.h"

namespace registry {
namespace {

using core::json::Array;
using core::json::Object;
using core::json::Value;
using std::chrono::milliseconds;

constexpr std::string_view kResourceWellKnown = "/.well-known/oauth-protected-resource";
constexpr std::string_view kIssuerWellKnown = "/.well-known/oauth-authorization-server";
constexpr std::size_t kMaxBody = 256u << 10;
constexpr std::size_t kMaxProblem = 300;
constexpr milliseconds kRequestTime{10'000};
constexpr milliseconds kConnectTime{3'000};
constexpr std::string_view kProbeCode = "readiness-check-no-such-code";

std::string readable(std::string_view text) {
  return core::shorten(core::clean(text.substr(0, 4 * kMaxProblem)), kMaxProblem);
}

class Stopwatch {
 public:
  Stopwatch(const core::Clock& clock, Observation& seen, std::string_view part)
      : clock_(clock), seen_(seen), part_(part), begun_(clock.steady()) {}
  ~Stopwatch() { seen_.took[part_] = std::chrono::duration_cast<milliseconds>(clock_.steady() - begun_); }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  const core::Clock& clock_;
  Observation& seen_;
  const std::string part_;
  const core::SteadyTime begun_;
};

// ---- the MCP endpoint ----

// Sees the heads of the answers that the MCP client gets, which keeps them to itself.
class Watcher final : public net::HttpClient {
 public:
  Watcher(net::HttpClient& http, const core::Clock& clock, Observation& seen)
      : http_(http), clock_(clock), seen_(seen) {}

  core::Result<net::HttpResponse> send(const core::Context& context,
                                       const net::HttpRequest& request) override {
    note_method(request);
    net::HttpRequest own = request;
    own.on_head = [&](const net::HttpResponse& head) -> core::Status {
      if (request.method == net::Method::post) note_head(head);
      return request.on_head ? request.on_head(head) : core::Status{};
    };
    return http_.send(context, own);
  }

 private:
  void note_method(const net::HttpRequest& request) {
    if (request.method != net::Method::post) return;
    const auto message = core::json::parse(request.body);
    if (!message) return;
    const auto method = core::json::string_or_empty(*message, "method");
    std::lock_guard lock(mutex_);
    if (method == "server/discover" || method == "initialize") seen_.endpoint.methods.emplace_back(method);
  }

  void note_head(const net::HttpResponse& head) {
    std::lock_guard lock(mutex_);
    EndpointSeen& endpoint = seen_.endpoint;
    endpoint.status = head.status;
    note_clock(head);
    if (head.status != 401 && head.status != 403) return;
    for (const auto& challenge : oauth::read_challenges(head.headers)) {
      if (!net::equals_ignoring_case(challenge.scheme, "Bearer")) continue;
      endpoint.bearer = true;
      if (endpoint.resource_metadata.empty()) endpoint.resource_metadata = challenge.get("resource_metadata");
      break;
    }
  }

  // RFC 9110 section 6.6.1. What comes out of a cache is as old as Age says.
  void note_clock(const net::HttpResponse& head) {
    const auto date = core::parse_http_date(head.headers.get("Date"));
    if (!date || head.headers.has("Age") || seen_.skew_seconds) return;
    seen_.skew_seconds = core::to_unix_seconds(*date) - core::to_unix_seconds(clock_.now());
  }

  net::HttpClient& http_;
  const core::Clock& clock_;
  std::mutex mutex_;
  Observation& seen_;
};

mcp::ClientLimits limits() {
  return {.message_bytes = kMaxBody,
          .message_depth = 32,
          .answer_bytes = kMaxBody,
          .answer_messages = 100,
          .list_pages = 20,
          .list_items = kMaxTools,
          .list_bytes = 1u << 20,
          .rounds = 1,
          .questions = 1,
          .redirects = 3,
          .resumptions = 1,
          .authorizations = 1};
}

core::Result<std::unique_ptr<mcp::Client>> connect(const ObservationPlan& plan, net::HttpClient& http,
                                                   mcp::TokenProvider* credential) {
  ASSIGN_OR_RETURN(auto transport, mcp::make_http_transport({.url = plan.resource_url,
                                                             .http = http,
                                                             .tokens = credential,
                                                             .limits = limits(),
                                                             .connect_timeout = kConnectTime,
                                                             .authorization_patience = kRequestTime,
                                                             .idle_timeout = kRequestTime,
                                                             .background_stream = false}));
  return mcp::Client::connect(
      std::move(transport),
      {.name = "okta-agent-registry", .version = "1", .timeout = kRequestTime, .limits = limits()});
}

void take_tools(mcp::Client& client, ToolsSeen& tools) {
  tools.asked = true;
  auto listed = client.list_tools();
  if (!listed) {
    tools.problem = readable(listed.error().message);
    return;
  }
  tools.problem.clear();
  tools.tools = *std::move(listed);
  tools.dropped = client.dropped_tools();
}

void look_at_endpoint(const Service& service, const ObservationPlan& plan, Observation& seen) {
  Watcher watched(*service.outside, *service.clock, seen);
  EndpointSeen& endpoint = seen.endpoint;
  {
    const Stopwatch watch(*service.clock, seen, "mcp");
    const auto client = connect(plan, watched, nullptr);
    if (client) {
      endpoint.revision = mcp::to_string((*client)->revision());
      endpoint.server_info = (*client)->server_info();
      take_tools(**client, seen.tools);
    } else {
      endpoint.code = client.error().code;
      endpoint.problem = readable(client.error().message);
    }
  }
  if (!plan.credential || !endpoint.bearer) {
    if (endpoint.bearer) seen.tools = {};  // a refusal is no failure of the tools
    return;
  }
  const Stopwatch watch(*service.clock, seen, "tools");
  // Not watched: what is noted is what a stranger gets.
  const auto client = connect(plan, *service.outside, plan.credential);
  if (client) return take_tools(**client, seen.tools);
  seen.tools = {.asked = true, .problem = readable(client.error().message)};
}

// ---- documents ----

struct Fetched {
  Attempt attempt;
  std::optional<Object> document{};
};

Fetched refused(std::string url, std::string_view code, std::string problem) {
  return {.attempt = {.url = std::move(url), .code = std::string(code), .problem = std::move(problem)}};
}

Fetched fetch_object(const core::Context& context, net::HttpClient& http, std::string url) {
  Fetched fetched{.attempt = {.url = std::move(url)}};
  Attempt& attempt = fetched.attempt;
  const auto response = http.send(context, {.url = attempt.url,
                                            .headers = {{"Accept", "application/json"}},
                                            .connect_timeout = kConnectTime,
                                            .idle_timeout = kRequestTime,
                                            .total_timeout = kRequestTime,
                                            .max_response_bytes = kMaxBody});
  if (!response) {
    attempt.code = response.error().code;
    attempt.problem = readable(response.error().message);
    return fetched;
  }
  attempt.status = response->status;
  if (response->status != 200) {
    attempt.code = "registry.status";
    attempt.problem = fmt::format("HTTP {}", response->status);
    return fetched;
  }
  auto value = core::json::parse(response->body, {.max_bytes = kMaxBody, .max_depth = 16});
  if (!value || !value->is_object()) {
    const auto type = net::media_type(response->headers.get("Content-Type"));
    attempt.code = "registry.document";
    attempt.problem = value
                          ? "JSON, but not an object"
                          : fmt::format("not JSON (Content-Type {})", type.empty() ? "none" : readable(type));
    return fetched;
  }
  fetched.document = std::move(value->get_object());
  return fetched;
}

std::string text_of(const Object& document, std::string_view member) {
  const Value* value = document.if_contains(member);
  if (!value || !value->is_string() || value->get_string().size() > kMaxListedBytes) return {};
  return std::string(value->get_string());
}

// nullopt where there is no list.
std::optional<std::vector<std::string>> texts_of(const Object& document, std::string_view member,
                                                 std::size_t* left_out = nullptr) {
  const Value* value = document.if_contains(member);
  if (!value || !value->is_array()) return std::nullopt;
  std::vector<std::string> texts;
  for (const Value& entry : value->get_array()) {
    if (texts.size() < kMaxListed && entry.is_string() && entry.get_string().size() <= kMaxListedBytes)
      texts.emplace_back(entry.get_string());
    else if (left_out)
      ++*left_out;
  }
  return texts;
}

// RFC 9728 section 3.1: what the challenge names, then the well-known place of the path, then that of the
// origin; last what some servers do by mistake, behind the path.
std::vector<std::string> resource_metadata_urls(const ObservationPlan& plan, const EndpointSeen& endpoint) {
  std::vector<std::string> urls;
  const auto add = [&](std::string url) {
    if (std::ranges::find(urls, url) == urls.end()) urls.push_back(std::move(url));
  };
  const auto url = net::parse_url(plan.resource_url);
  if (!url) return urls;
  if (!endpoint.resource_metadata.empty()) add(endpoint.resource_metadata);
  const std::string query = url->query.empty() ? "" : "?" + url->query;
  if (url->path != "/") add(fmt::format("{}{}{}{}", url->origin(), kResourceWellKnown, url->path, query));
  add(fmt::format("{}{}", url->origin(), kResourceWellKnown));
  std::string path = url->path;
  while (path.ends_with('/')) path.pop_back();
  if (!path.empty()) add(fmt::format("{}{}{}", url->origin(), path, kResourceWellKnown));
  return urls;
}

void look_at_resource(const core::Context& context, const Service& service, const ObservationPlan& plan,
                      Observation& seen) {
  const Stopwatch watch(*service.clock, seen, "resource");
  for (std::string& url : resource_metadata_urls(plan, seen.endpoint)) {
    Fetched fetched = oauth::may_lead_to(plan.resource_url, url)
                          ? fetch_object(context, *service.outside, url)
                          : refused(readable(url), "registry.address", "not an https address");
    seen.metadata_tried.push_back(std::move(fetched.attempt));
    if (!fetched.document) continue;
    const Object& document = *fetched.document;
    ResourceSeen resource{.url = url, .resource = text_of(document, "resource")};
    resource.resource_name = core::shorten(core::clean(text_of(document, "resource_name")), 255);
    resource.authorization_servers = texts_of(document, "authorization_servers", &resource.left_out);
    resource.scopes_supported = texts_of(document, "scopes_supported");
    seen.resource = std::move(resource);
    return;
  }
}

AuthServerSeen read_auth_server(std::string url, const Object& document) {
  const auto* iss = document.if_contains("authorization_response_iss_parameter_supported");
  return {.url = std::move(url),
          .issuer = text_of(document, "issuer"),
          .authorization_endpoint = text_of(document, "authorization_endpoint"),
          .token_endpoint = text_of(document, "token_endpoint"),
          .registration_endpoint = text_of(document, "registration_endpoint"),
          .revocation_endpoint = text_of(document, "revocation_endpoint"),
          .jwks_uri = text_of(document, "jwks_uri"),
          .grant_types = texts_of(document, "grant_types_supported"),
          .grant_profiles = texts_of(document, "authorization_grant_profiles_supported"),
          .token_endpoint_auth_methods = texts_of(document, "token_endpoint_auth_methods_supported"),
          .code_challenge_methods = texts_of(document, "code_challenge_methods_supported"),
          .scopes_supported = texts_of(document, "scopes_supported"),
          .iss_in_response = iss != nullptr && iss->is_bool() && iss->get_bool()};
}

// A host that cannot be reached is asked once.
bool is_away(const Attempt& attempt) {
  return attempt.code.starts_with("net.") && attempt.code != "net.too_large" &&
         attempt.code != "net.redirect" && attempt.code != "net.protocol";
}

void look_at_issuer(const core::Context& context, const Service& service, IssuerSeen& seen) {
  seen.asked = true;
  std::vector<std::string> urls = oauth::issuer_metadata_urls(seen.issuer);
  std::string appended = seen.issuer;  // as Okta's own custom authorization servers have it
  while (appended.ends_with('/')) appended.pop_back();
  appended += kIssuerWellKnown;
  if (!urls.empty() && std::ranges::find(urls, appended) == urls.end()) urls.push_back(std::move(appended));
  for (std::string& url : urls) {
    Fetched fetched = fetch_object(context, *service.outside, url);
    seen.tried.push_back(fetched.attempt);
    if (!fetched.document) {
      if (is_away(fetched.attempt)) return;
      continue;
    }
    AuthServerSeen found = read_auth_server(std::move(url), *fetched.document);
    // Another place may have the issuer's own; if none has, this one says what is wrong.
    const bool own = found.issuer == seen.issuer;
    if (own || !seen.metadata) seen.metadata = std::move(found);
    if (own) return;
  }
}

// The first kid that stands for two keys.
std::string duplicate_kid(const Object& document) {
  const Value* keys = document.if_contains("keys");
  if (!keys || !keys->is_array()) return {};
  std::vector<std::string_view> kids;
  for (const Value& key : keys->get_array()) {
    if (!key.is_object() || kids.size() == kMaxListed) continue;
    const auto kid = core::json::string_or_empty(key, "kid");
    if (kid.empty() || core::json::string_or_empty(key, "use") == "enc") continue;
    if (std::ranges::find(kids, kid) != kids.end()) return std::string(kid.substr(0, 200));
    kids.push_back(kid);
  }
  return {};
}

void look_at_keys(const core::Context& context, const Service& service, IssuerSeen& seen) {
  if (!seen.metadata || seen.metadata->issuer != seen.issuer || seen.metadata->jwks_uri.empty()) return;
  const std::string& url = seen.metadata->jwks_uri;
  Fetched fetched = oauth::may_lead_to(seen.issuer, url)
                        ? fetch_object(context, *service.outside, url)
                        : refused(readable(url), "registry.address", "not an https address");
  seen.keys = KeysSeen{.attempt = std::move(fetched.attempt)};
  if (!fetched.document) return;
  seen.keys->duplicate_kid = duplicate_kid(*fetched.document);
  const auto keys = oauth::KeySet::parse(core::json::write(*fetched.document));
  if (!keys) {
    seen.keys->attempt.code = keys.error().code;
    seen.keys->attempt.problem = readable(keys.error().message);
    return;
  }
  seen.keys->usable = static_cast<std::size_t>(
      std::ranges::count_if(keys->keys(), [](const oauth::Key& key) { return key.may_verify(); }));
}

// ---- client registrations ----

std::string error_of(const net::HttpResponse& response) {
  if (const auto value = core::json::parse(response.body, {.max_bytes = kMaxBody, .max_depth = 8}))
    return readable(core::json::string_or_empty(*value, "error"));
  // GitHub answers with a form where JSON is not insisted on.
  const auto form = net::parse_query(response.body.substr(0, 4096));
  return form ? readable(net::query_value(*form, "error").value_or("")) : std::string{};
}

void probe_client(const core::Context& context, const Service& service, const ObservationPlan::Probe& probe,
                  IssuerSeen& seen) {
  std::string endpoint = probe.token_endpoint;
  if (endpoint.empty() && seen.metadata && seen.metadata->issuer == seen.issuer)
    endpoint = seen.metadata->token_endpoint;
  if (endpoint.empty() || !oauth::may_lead_to(seen.issuer, endpoint)) return;
  net::Query form{{"grant_type", "authorization_code"},
                  {"code", std::string(kProbeCode)},
                  {"redirect_uri", service.url("/oauth2/v1/sts/callback")},
                  // RFC 7636 section 4.1; 43 characters are the least.
                  {"code_verifier", "readiness-check-readiness-check-readiness-check"}};
  net::Headers headers{{"Accept", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}};
  if (probe.auth_method == "client_secret_basic") {
    headers.add("Authorization", "Basic " + core::base64_encode(core::percent_encode(probe.client_id) + ":" +
                                                                core::percent_encode(probe.secret.reveal())));
  } else {
    form.emplace_back("client_id", probe.client_id);
    if (probe.auth_method == "client_secret_post")
      form.emplace_back("client_secret", std::string(probe.secret.reveal()));
  }
  ClientProbed probed{.settings = probe.settings, .attempt = {.url = endpoint}};
  const auto response = service.outside->send(context, {.method = net::Method::post,
                                                        .url = endpoint,
                                                        .headers = std::move(headers),
                                                        .body = net::encode_form(form),
                                                        .connect_timeout = kConnectTime,
                                                        .idle_timeout = kRequestTime,
                                                        .total_timeout = kRequestTime,
                                                        .max_response_bytes = kMaxBody});
  if (response) {
    probed.attempt.status = response->status;
    probed.error = error_of(*response);
  } else {
    probed.attempt.code = response.error().code;
    probed.attempt.problem = readable(response.error().message);
  }
  seen.probes.push_back(std::move(probed));
}

void look_at_issuers(const core::Context& context, const Service& service, const ObservationPlan& plan,
                     Observation& seen) {
  const Stopwatch watch(*service.clock, seen, "issuers");
  const auto add = [&](const std::string& issuer) {
    if (!seen.issuer(issuer)) seen.issuers.push_back({.issuer = issuer});
  };
  if (seen.resource && seen.resource->authorization_servers)
    for (const std::string& issuer : *seen.resource->authorization_servers) add(issuer);
  for (const std::string& issuer : plan.issuers) add(issuer);

  std::size_t asked = 0;
  for (IssuerSeen& issuer : seen.issuers) {
    const bool own = !plan.own_issuers.empty() && issuer.issuer.starts_with(plan.own_issuers);
    const bool usable = oauth::check_issuer_url(issuer.issuer).has_value() &&
                        oauth::may_lead_to(plan.resource_url, issuer.issuer);
    if (own || !usable || asked == kMaxIssuers || context.cancelled()) continue;
    ++asked;
    look_at_issuer(context, service, issuer);
    look_at_keys(context, service, issuer);
    for (const auto& probe : plan.probes)
      if (probe.issuer == issuer.issuer) probe_client(context, service, probe, issuer);
  }
}

void add_list(Object& into, std::string_view member, const std::optional<std::vector<std::string>>& texts) {
  if (!texts) return;
  Array list;
  list.reserve(texts->size());
  for (const std::string& text : *texts) list.emplace_back(text);
  into[member] = std::move(list);
}

void add_text(Object& into, std::string_view member, const std::string& text) {
  if (!text.empty()) into[member] = text;
}

}  // namespace

bool is_transient(const Attempt& attempt) {
  if (attempt.status != 0 && attempt.code == "registry.status")
    return attempt.status >= 500 || attempt.status == 408 || attempt.status == 425 || attempt.status == 429;
  constexpr std::array<std::string_view, 8> kPassing{
      "net.dns",   "net.connect",   "net.connect_timeout",  "net.timeout",
      "net.reset", "net.cancelled", "net.cancelled_unsent", "net.truncated"};
  return std::ranges::find(kPassing, attempt.code) != kPassing.end();
}

const IssuerSeen* Observation::issuer(std::string_view name) const {
  const auto found = std::ranges::find(issuers, name, &IssuerSeen::issuer);
  return found == issuers.end() ? nullptr : &*found;
}

Observation observe(const core::Context& context, const Service& service, const ObservationPlan& plan) {
  Observation seen{.at = service.now()};
  if (!net::parse_url(plan.resource_url)) return seen;
  core::Context limited = context;
  limited.deadline = std::min(context.deadline, std::chrono::steady_clock::now() + kObservationTime);
  look_at_endpoint(service, plan, seen);
  if (!limited.cancelled()) look_at_resource(limited, service, plan, seen);
  if (!limited.cancelled()) look_at_issuers(limited, service, plan, seen);
  return seen;
}

Object summary_of(const Observation& seen) {
  Object summary;
  if (seen.resource) {
    Object resource;
    add_text(resource, "resource", seen.resource->resource);
    add_text(resource, "resource_name", seen.resource->resource_name);
    add_list(resource, "authorization_servers", seen.resource->authorization_servers);
    add_list(resource, "scopes_supported", seen.resource->scopes_supported);
    summary["resource"] = std::move(resource);
  }
  Object issuers;
  for (const IssuerSeen& each : seen.issuers) {
    if (!each.metadata) continue;
    const AuthServerSeen& found = *each.metadata;
    Object shown;
    add_text(shown, "issuer", found.issuer);
    add_text(shown, "authorization_endpoint", found.authorization_endpoint);
    add_text(shown, "token_endpoint", found.token_endpoint);
    add_text(shown, "registration_endpoint", found.registration_endpoint);
    add_text(shown, "revocation_endpoint", found.revocation_endpoint);
    add_text(shown, "jwks_uri", found.jwks_uri);
    add_list(shown, "grant_types_supported", found.grant_types);
    add_list(shown, "authorization_grant_profiles_supported", found.grant_profiles);
    add_list(shown, "token_endpoint_auth_methods_supported", found.token_endpoint_auth_methods);
    add_list(shown, "code_challenge_methods_supported", found.code_challenge_methods);
    add_list(shown, "scopes_supported", found.scopes_supported);
    issuers[each.issuer] = std::move(shown);
  }
  summary["authorizationServers"] = std::move(issuers);
  return summary;
}

}  // namespace registry
