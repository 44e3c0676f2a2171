#include "registry/sign_in.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <string>
#include <vector>

#include "authserver/authorization_code.h"
#include "authserver/problem.h"
#include "core/html.h"
#include "core/log.h"
#include "oauth/jws.h"
#include "registry/console.h"
#include "registry/relying_party.h"
#include "registry/session.h"
#include "rest/browser.h"

namespace registry {

namespace {

using core::html_escape;
using net::Method;
using net::ServerRequest;
using net::ServerResponse;

constexpr std::string_view kAuthorizePath = "/oauth2/v1/authorize";
// What binds a sign-in that is under way to the browser that began it.
constexpr std::string_view kBrowserCookie = "sign-in";

ServerResponse not_allowed(std::string_view methods) {
  return rest::not_allowed(styled_page(405, "Method not allowed", ""), methods);
}

ServerResponse notice(int status, std::string_view title, std::string_view text, std::string_view hint,
                      std::string_view link = {}, std::string_view link_text = {}) {
  std::string body = fmt::format("<p class=\"notice bad\" role=\"alert\">{}</p>\n", html_escape(text));
  if (!hint.empty()) body += fmt::format("<p>{}</p>\n", html_escape(hint));
  if (!link.empty())
    body += fmt::format("<p><a href=\"{}\">{}</a></p>\n", html_escape(link), html_escape(link_text));
  return styled_page(status, title, body);
}

// What failed for a reason of the person's or the provider's is told; what broke here is for the log.
ServerResponse failed(const core::Error& error) {
  switch (error.kind) {
    case core::ErrorKind::unauthenticated:
      return notice(400, "Sign in", error.message, error.hint, "/login", "Sign in again");
    case core::ErrorKind::unavailable:
    case core::ErrorKind::timeout:
      core::log(core::LogLevel::warning, "sign-in", core::describe(error), {{"code", error.code}});
      if (error.code == "registry.PROVIDER_UNUSABLE")
        return notice(502, "Sign in", error.message, error.hint, "/login", "Sign in again");
      return notice(503, "Sign in", "The registry cannot answer now.", "Try again in a while.");
    default:
      core::log(core::LogLevel::error, "sign-in", core::describe(error), {{"code", error.code}});
      return notice(500, "Sign in", "The registry has failed.", "Its log says why.");
  }
}

core::Context context_of(const ServerRequest& request) {
  return {.stop = request.stop, .principal = "sign-in"};
}

net::Query query_of(const ServerRequest& request) {
  return net::parse_query(request.query).value_or(net::Query{});
}

std::string local_target(const net::Query& query) {
  std::string target = net::query_value(query, "return").value_or("");
  return is_local_target(target) ? target : std::string(kConsolePath);
}

// ---- /login ----

core::Result<std::vector<IdentityProvider>> active_providers(const Service& service) {
  ASSIGN_OR_RETURN(const auto rows,
                   service.store->list({.kind = Kind::identity_provider, .statuses = {"ACTIVE"}}));
  std::vector<IdentityProvider> providers;
  providers.reserve(rows.size());
  for (const auto& row : rows) {
    ASSIGN_OR_RETURN(auto provider, read_identity_provider(row));
    providers.push_back(std::move(provider));
  }
  return providers;
}

ServerResponse choice_page(const std::vector<IdentityProvider>& providers, const net::Query& query) {
  std::string list;
  for (const auto& provider : providers) {
    net::Query with{{"return", local_target(query)}, {"idp", provider.id}};
    if (net::query_value(query, "again")) with.emplace_back("again", "1");
    list += fmt::format("<li><a href=\"/login?{}\">{}</a></li>\n", html_escape(net::encode_query(with)),
                        html_escape(provider.name));
  }
  return styled_page(200, "Sign in", fmt::format("<p>Sign in with</p>\n<ul>\n{}</ul>\n", list));
}

ServerResponse login(const Service& service, const ServerRequest& request) {
  if (request.method != Method::get) return not_allowed("GET");
  const net::Query query = query_of(request);
  const bool again = net::query_value(query, "again").has_value();
  if (!again) {
    const auto session = session_of(service, request);
    if (!session) return failed(session.error());
    if (*session) return rest::go_to(local_target(query));
  }
  const auto providers = active_providers(service);
  if (!providers) return failed(providers.error());
  if (providers->empty())
    return notice(503, "Sign in", "Nobody can sign in yet: there is no identity provider.",
                  "Whoever runs this registry adds one with POST /api/v1/idps and an access token from "
                  "okta-agent-registry admin-token.");
  const auto wanted = net::query_value(query, "idp");
  const IdentityProvider* chosen = providers->size() == 1 ? &providers->front() : nullptr;
  for (const auto& provider : *providers)
    if (wanted && provider.id == *wanted) chosen = &provider;
  if (!chosen) return choice_page(*providers, query);
  auto started = start_sign_in(context_of(request), service, *chosen, local_target(query), again);
  if (!started) return failed(started.error());
  ServerResponse response = rest::go_to(started->url);
  response.headers.add("Set-Cookie", set_cookie(service, kBrowserCookie, started->browser, kSignInPatience));
  return response;
}

void note_refusal(const Service& service, const core::Error& error) {
  const auto noted = service.store->transaction([&](Transaction& tx) {
    return tx.emit({.type = "user.session.start",
                    .actor = {.id = "system", .type = "SystemPrincipal"},
                    .success = false,
                    .reason = error.message,
                    .transaction = service.random->uuid()});
  });
  if (!noted) core::log(core::LogLevel::error, "sign-in", core::describe(noted.error()));
}

core::Result<ServerResponse> finish_login(const Service& service, const ServerRequest& request) {
  ASSIGN_OR_RETURN(const auto identity, complete_sign_in(context_of(request), service, query_of(request),
                                                         cookie_of(service, request, kBrowserCookie)));
  ASSIGN_OR_RETURN(const auto person, admit_identity(service, identity));
  ServerResponse response = rest::go_to(identity.target);
  ASSIGN_OR_RETURN(const auto session,
                   begin_session(service, request, person, identity.provider.id, response.headers));
  response.headers.add("Set-Cookie", set_cookie(service, kBrowserCookie, "", std::chrono::seconds{0}));
  return response;
}

ServerResponse callback(const Service& service, const ServerRequest& request) {
  if (request.method != Method::get) return not_allowed("GET");
  auto response = finish_login(service, request);
  if (response) return *std::move(response);
  // Guesses at this address are no sign-ins and fill no log.
  if (response.error().code == "registry.SIGN_IN_REFUSED") note_refusal(service, response.error());
  return failed(response.error());
}

// ---- /logout ----

ServerResponse signed_out(const Service& service, const ServerRequest& request, const Session* session,
                          std::string_view target) {
  ServerResponse response = target.empty() ? styled_page(200, "Signed out",
                                                         "<p>You are signed out.</p>\n"
                                                         "<p><a href=\"/login\">Sign in</a></p>\n")
                                           : rest::go_to(target);
  if (const auto ended = end_session(service, request, response.headers); !ended)
    return failed(ended.error());
  if (!session) return response;
  const auto noted = service.store->transaction([&](Transaction& tx) {
    return tx.emit({.type = "user.session.end",
                    .actor = {.id = session->person.id, .type = "User", .name = session->person.name()},
                    .targets = {target_of(session->person)},
                    .transaction = service.random->uuid()});
  });
  if (!noted) core::log(core::LogLevel::error, "sign-in", core::describe(noted.error()));
  return response;
}

ServerResponse ask_to_sign_out(const Session& session) {
  return styled_page(200, "Sign out",
                     fmt::format("<p>You are signed in as {}.</p>\n"
                                 "<form method=\"post\" action=\"/logout\">\n"
                                 "<input type=\"hidden\" name=\"csrf_token\" value=\"{}\">\n"
                                 "<p class=\"actions\"><button class=\"primary\">Sign out</button></p>\n"
                                 "</form>\n",
                                 html_escape(session.person.name()), html_escape(session.csrf_token)));
}

ServerResponse logout(const Service& service, const ServerRequest& request) {
  const auto session = session_of(service, request);
  if (!session) return failed(session.error());
  if (request.method == Method::get) {
    return *session ? ask_to_sign_out(**session) : signed_out(service, request, nullptr, {});
  }
  if (request.method != Method::post) return not_allowed("GET, POST");
  if (!*session) return signed_out(service, request, nullptr, {});
  const auto form = read_form(request);
  const std::string token = form ? net::query_value(*form, "csrf_token").value_or("") : std::string();
  if (!is_own_form(service, request, **session, token))
    return notice(403, "Sign out", "This form was not sent by a page of this registry.", {}, "/logout",
                  "Sign out");
  return signed_out(service, request, &**session, {});
}

// The session ends without a question when the request comes from a page of ours, or brings an ID token of
// this session's person (a hint: it says who, and gives no rights). Afterwards only to this origin: clients
// register no addresses for this.
ServerResponse end_session_endpoint(const Service& service, const ServerRequest& request) {
  if (request.method != Method::get) return not_allowed("GET");
  const auto session = session_of(service, request);
  if (!session) return failed(session.error());
  const net::Query query = query_of(request);
  std::string target = net::query_value(query, "post_logout_redirect_uri").value_or("");
  const std::string& issuer = service.settings.issuer;
  if (target.starts_with(issuer)) {
    target = target.substr(issuer.size());
  } else {
    target.clear();
  }
  if (!is_local_target(target)) target.clear();
  if (const auto state = net::query_value(query, "state"); state && !target.empty())
    target += fmt::format("{}{}", target.contains('?') ? "&" : "?", net::encode_query({{"state", *state}}));
  if (!*session) return signed_out(service, request, nullptr, target);
  const bool from_here = request.headers.get("Sec-Fetch-Site") == "same-origin";
  const auto hint = oauth::peek(net::query_value(query, "id_token_hint").value_or(""));
  const bool of_person = hint && core::json::string_or_empty(hint->claims, "iss") == issuer &&
                         core::json::string_or_empty(hint->claims, "sub") == (*session)->person.id;
  if (from_here || of_person) return signed_out(service, request, &**session, target);
  return ask_to_sign_out(**session);
}

// ---- /oauth2/v1/authorize ----

// `prompt` and `max_age`, which only who holds sessions can answer, apart from the rest.
struct Wishes {
  net::Query rest;
  std::string prompt;
  std::optional<std::chrono::seconds> max_age;
};

Wishes read_wishes(const net::Query& parameters) {
  Wishes wishes;
  for (const auto& [name, value] : parameters) {
    if (name == "prompt") {
      wishes.prompt = value;
    } else if (name == "max_age") {
      std::int64_t seconds = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
      if (error == std::errc{} && end == value.data() + value.size() && seconds >= 0)
        wishes.max_age = std::chrono::seconds{seconds};
    } else {
      wishes.rest.emplace_back(name, value);
    }
  }
  return wishes;
}

ServerResponse refused(const authserver::AuthorizationRefusal& refusal) {
  if (!refusal.redirect_to.empty()) return rest::go_to(refusal.redirect_to);
  const auto* row = authserver::problem_of(refusal.error);
  if (!row || row->status == 500) return failed(refusal.error);
  return notice(400, "Sign in", refusal.error.message,
                "Go back to the application that sent you here; its registration may be wrong.");
}

// The error that goes with `prompt`, where the client learns it.
ServerResponse refuse_prompt(const authserver::Server& org, net::Query parameters, std::string prompt) {
  parameters.emplace_back("prompt", std::move(prompt));
  const auto read = authserver::read_authorization_request(org, parameters);
  if (!read) return refused(read.error());
  return notice(400, "Sign in", "The application asked for something that does not exist here.", {});
}

bool is_api_scope(std::string_view scope) {
  return scope.starts_with("okta.");
}

}  // namespace

ServerResponse authorize(const Service& service, const authserver::Server& org,
                         const ServerRequest& request) {
  const bool is_form = request.method == Method::post;
  if (request.method != Method::get && !is_form) return not_allowed("GET, POST");
  const auto form = is_form ? read_form(request) : std::optional(query_of(request));
  if (!form) return notice(400, "Sign in", "The request cannot be read.", {});
  const Wishes wishes = read_wishes(*form);
  auto asked = authserver::read_authorization_request(org, wishes.rest);
  if (!asked) return refused(asked.error());
  if (!wishes.prompt.empty() && wishes.prompt != "none" && wishes.prompt != "login" &&
      wishes.prompt != "consent")
    return refuse_prompt(org, wishes.rest, wishes.prompt);
  const auto session = session_of(service, request);
  if (!session) return failed(session.error());
  const bool fresh = *session && (!wishes.max_age || service.now() - (*session)->at <= *wishes.max_age);
  if (wishes.prompt == "none" && !fresh) return refuse_prompt(org, wishes.rest, "none");
  if (!fresh || wishes.prompt == "login") {
    // Without prompt and max_age: who comes back has just signed in.
    const std::string target = fmt::format("{}?{}", kAuthorizePath, net::encode_query(wishes.rest));
    if (!is_local_target(target)) return notice(400, "Sign in", "The request is too long.", {});
    return ask_to_sign_in(target, session->has_value());
  }
  const Person& person = (*session)->person;
  if (!person.owner && std::erase_if(asked->scopes, is_api_scope) > 0 && asked->scopes.empty())
    return rest::go_to(authserver::deny_authorization(org, *asked));
  asked->signed_in = (*session)->at;
  const auto approved = authserver::approve_authorization(org, *asked, user_of(person));
  if (!approved) return failed(approved.error());
  return rest::go_to(*approved);
}

std::optional<ServerResponse> handle_sign_in(const Service& service, const ServerRequest& request) {
  if (request.path == "/login") return login(service, request);
  if (request.path == "/login/callback") return callback(service, request);
  if (request.path == "/logout") return logout(service, request);
  if (request.path == "/oauth2/v1/logout") return end_session_endpoint(service, request);
  return std::nullopt;
}

}  // namespace registry
