#include "devorg/sign_in_pages.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <optional>
#include <string>
#include <string_view>

#include "authserver/authorization_code.h"
#include "authserver/device_authorization.h"
#include "authserver/problem.h"
#include "core/encoding.h"
#include "core/html.h"
#include "net/url.h"
#include "rest/browser.h"

namespace devorg {
namespace {

using authserver::User;
using core::Result;
using net::Method;
using net::ServerRequest;
using net::ServerResponse;
using rest::go_to;

constexpr std::size_t kMaxAdministrators = 50;
constexpr std::size_t kMaxForm = 32u << 10;
constexpr std::chrono::minutes kCsrfLifetime{30};
// A token of one page is no token of the other, nor one request's of another's.
constexpr std::string_view kActivateContext = "devorg.activate";
constexpr std::string_view kAuthorizeContext = "devorg.authorize\n";

// `form_target`: one more place, besides the page's own origin, that a form may lead to.
ServerResponse page(int status, std::string_view title, std::string_view body,
                    std::string_view form_target = {}) {
  ServerResponse response;
  response.status = status;
  response.headers = {
      {"Content-Type", "text/html; charset=utf-8"},
      {"Cache-Control", "no-store"},
      {"Content-Security-Policy",
       fmt::format("default-src 'none'; form-action 'self'{}{}; frame-ancestors 'none'; base-uri 'none'",
                   form_target.empty() ? "" : " ", form_target)},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "same-origin"}};
  response.body = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{0}</title></head>\n<body>\n"
      "<h1>{0}</h1>\n{1}<p><small>okta-dev-org, a local org for development. No password is asked "
      "for.</small></p>\n"
      "</body>\n</html>\n",
      core::html_escape(title), body);
  return response;
}

ServerResponse not_allowed(std::string_view methods) {
  return rest::not_allowed(page(405, "Method not allowed", ""), methods);
}

std::string code_form(std::string_view csrf) {
  return fmt::format(
      "<form method=\"post\" action=\"/activate\">\n"
      "<input type=\"hidden\" name=\"csrf_token\" value=\"{}\">\n"
      "<label>Enter the code shown on your device <input name=\"user_code\" autocomplete=\"off\" "
      "required></label>\n"
      "<button>Next</button>\n</form>\n",
      core::html_escape(csrf));
}

struct Question {
  std::string_view client_name;
  std::string_view client_id;
  std::string_view how;  // "with the code <strong>...</strong>", HTML
  const std::vector<std::string>& scopes;
  std::string_view action;  // of the form
  std::string_view csrf;
  std::string_view hidden_name;
  std::string_view hidden_value;
  std::string_view login_hint{};
};

std::string decision_form(const Question& question, const std::vector<User>& administrators) {
  std::string scopes;
  for (const std::string& scope : question.scopes) scopes += "<li>" + core::html_escape(scope) + "</li>\n";
  std::string logins;
  for (const User& user : administrators) {
    logins += fmt::format("<option value=\"{0}\"{1}>{0}</option>\n", core::html_escape(user.login),
                          user.login == question.login_hint ? " selected" : "");
  }
  return fmt::format(
      "<p><strong>{0}</strong> ({1}) asks for access {2}:</p>\n<ul>\n{3}</ul>\n"
      "<form method=\"post\" action=\"{4}\">\n"
      "<input type=\"hidden\" name=\"csrf_token\" value=\"{5}\">\n"
      "<input type=\"hidden\" name=\"{6}\" value=\"{7}\">\n"
      "<label>Sign in as <select name=\"login\">\n{8}</select></label>\n"
      "<button name=\"decision\" value=\"approve\">Approve</button>\n"
      "<button name=\"decision\" value=\"deny\">Refuse</button>\n</form>\n",
      core::html_escape(question.client_name), core::html_escape(question.client_id), question.how, scopes,
      question.action, core::html_escape(question.csrf), question.hidden_name,
      core::html_escape(question.hidden_value), logins);
}

// The fields of a form, or nothing when it cannot be one of these pages'.
std::optional<net::Query> read_form(const ServerRequest& request) {
  if (net::media_type(request.headers.get("Content-Type")) != "application/x-www-form-urlencoded" ||
      request.body.size() > kMaxForm) {
    return std::nullopt;
  }
  auto fields = net::parse_query(request.body);
  if (!fields) return std::nullopt;
  return *std::move(fields);
}

// What both pages share. A form carries a token that only a reader of the page can know; browsers say in
// Origin whose page sent the form, and another site's is refused whatever token it carries.
class Page {
 protected:
  explicit Page(const SignInPages& pages)
      : server_(pages.server), sealer_(pages.sealer), administrators_(pages.administrators) {
    if (administrators_.size() > kMaxAdministrators) administrators_.resize(kMaxAdministrators);
  }

  std::optional<User> find_administrator(std::string_view login) const {
    bool listed = std::ranges::any_of(administrators_, [&](const User& user) { return user.login == login; });
    return listed ? server_.find_user(login) : std::nullopt;
  }

  std::string csrf_token(std::string_view context) const {
    std::int64_t expires = (server_.now() + kCsrfLifetime).time_since_epoch().count();
    return core::base64url_encode(sealer_.seal(std::to_string(expires), context));
  }

  bool csrf_is_good(std::string_view token, std::string_view context) const {
    auto sealed = core::base64url_decode(token);
    auto expires = sealed ? sealer_.open(*sealed, context) : Result<std::string>(std::string());
    // Only what this process sealed opens, so the text is a number.
    return expires && !expires->empty() && server_.now().time_since_epoch().count() < std::stoll(*expires);
  }

  // Not sent by curl. A loopback name other than the issuer's is the same machine under another name; any
  // other host is refused even if it matches Host, or a rebound DNS name would pass.
  bool same_origin(const ServerRequest& request) const {
    if (!request.headers.has("Origin")) return true;
    std::string_view origin = request.headers.get("Origin");
    if (origin == server_.settings.issuer) return true;
    auto url = net::parse_url(origin);
    return url && net::is_loopback_host(url->host) &&
           url->origin() == url->scheme + "://" + std::string(request.headers.get("Host"));
  }

  const authserver::Server& server_;
  const core::Sealer& sealer_;
  std::vector<User> administrators_;
};

constexpr std::string_view kForeignForm =
    "The form did not come from this page, or it was open for too long. Please send it again.";
constexpr std::string_view kUnknownLogin = "The login is not that of an active administrator of this org.";

class ActivatePage : private Page {
 public:
  explicit ActivatePage(const SignInPages& pages) : Page(pages) {}

  ServerResponse answer(const ServerRequest& request) const {
    if (request.method == Method::get || request.method == Method::head) return shown(request);
    if (request.method == Method::post) return submitted(request);
    return not_allowed("GET, HEAD, POST");
  }

 private:
  std::string csrf() const { return csrf_token(kActivateContext); }

  ServerResponse shown(const ServerRequest& request) const {
    auto query = net::parse_query(request.query);
    auto user_code = query ? net::query_value(*query, "user_code") : std::nullopt;
    if (!user_code || user_code->empty()) return page(200, "Activate your device", code_form(csrf()));
    return ask(*user_code);
  }

  ServerResponse ask(std::string_view user_code) const {
    auto device = authserver::find_pending_device(server_, user_code);
    if (!device) return failed(400, device.error().message);
    const std::string how = "with the code <strong>" + core::html_escape(device->user_code) + "</strong>";
    return page(200, "Activate your device",
                decision_form({.client_name = device->client_name,
                               .client_id = device->client_id,
                               .how = how,
                               .scopes = device->scopes,
                               .action = "/activate",
                               .csrf = csrf(),
                               .hidden_name = "user_code",
                               .hidden_value = device->user_code},
                              administrators_));
  }

  ServerResponse submitted(const ServerRequest& request) const {
    auto fields = read_form(request);
    if (!fields) return failed(400, "The form is not one of this page's.");
    auto field = [&](std::string_view name) { return net::query_value(*fields, name).value_or(""); };
    if (!same_origin(request) || !csrf_is_good(field("csrf_token"), kActivateContext)) {
      return failed(403, kForeignForm);
    }
    std::string user_code = field("user_code");
    std::string decision = field("decision");
    if (decision.empty()) return ask(user_code);
    if (decision == "deny") {
      auto denied = authserver::deny_device(server_, user_code);
      if (!denied) return failed(400, denied.error().message);
      return page(200, "Refused", "<p>The device gets no access. You may close this page.</p>\n");
    }
    if (decision != "approve") return failed(400, "The decision is neither approve nor deny.");
    auto user = find_administrator(field("login"));
    if (!user) return failed(400, kUnknownLogin);
    auto approved = authserver::approve_device(server_, user_code, *user);
    if (!approved) return failed(400, approved.error().message);
    return page(200, "Device activated",
                "<p>The device is signed in as " + core::html_escape(user->login) +
                    ". You may close this page.</p>\n");
  }

  ServerResponse failed(int status, std::string_view reason) const {
    return page(status, "Activate your device",
                "<p role=\"alert\">" + core::html_escape(reason) + "</p>\n" + code_form(csrf()));
  }
};

// The form's answer leads to the client, and browsers hold redirects against form-action too (CSP level 3,
// section 6.4.2.1). IPv6 addresses cannot be written there, nor can other schemes' URLs.
std::string form_target(std::string_view redirect_uri) {
  auto url = net::parse_url(redirect_uri);
  if (url && !url->host.contains(':')) return url->origin();
  return std::string(redirect_uri.substr(0, redirect_uri.find(':') + 1));
}

class AuthorizePage : private Page {
 public:
  explicit AuthorizePage(const SignInPages& pages) : Page(pages) {}

  ServerResponse show(const ServerRequest& request) const {
    std::optional<net::Query> parameters;
    if (request.method == Method::get || request.method == Method::head) {
      if (auto query = net::parse_query(request.query)) parameters = *std::move(query);
    } else if (request.method == Method::post) {
      parameters = read_form(request);
    } else {
      return not_allowed("GET, HEAD, POST");
    }
    if (!parameters) return failed(400, "The request cannot be read.");
    auto asked = authserver::read_authorization_request(server_, *parameters);
    if (!asked) return refused(asked.error());
    const std::string again = net::encode_form(*parameters);
    return page(200, "Sign in",
                decision_form(
                    {.client_name = asked->client_name,
                     .client_id = asked->client_id,
                     .how = "and goes on at <strong>" + core::html_escape(asked->redirect_uri) + "</strong>",
                     .scopes = asked->scopes,
                     .action = "/oauth2/v1/authorize/confirm",
                     .csrf = csrf_token(context_of(again)),
                     .hidden_name = "request",
                     .hidden_value = again,
                     .login_hint = asked->login_hint},
                    administrators_),
                form_target(asked->redirect_uri));
  }

  ServerResponse confirm(const ServerRequest& request) const {
    if (request.method != Method::post) return not_allowed("POST");
    auto fields = read_form(request);
    if (!fields) return failed(400, "The form is not one of this page's.");
    auto field = [&](std::string_view name) { return net::query_value(*fields, name).value_or(""); };
    const std::string again = field("request");
    if (!same_origin(request) || !csrf_is_good(field("csrf_token"), context_of(again))) {
      return failed(403, kForeignForm);
    }
    auto parameters = net::parse_query(again);
    if (!parameters) return failed(400, "The request cannot be read.");
    auto asked = authserver::read_authorization_request(server_, *parameters);
    if (!asked) return refused(asked.error());
    std::string decision = field("decision");
    if (decision == "deny") return go_to(authserver::deny_authorization(server_, *asked));
    if (decision != "approve") return failed(400, "The decision is neither approve nor deny.");
    auto user = find_administrator(field("login"));
    if (!user) return failed(400, kUnknownLogin);
    auto approved = authserver::approve_authorization(server_, *asked, *user);
    if (!approved) return failed(500, approved.error().message);
    return go_to(*approved);
  }

 private:
  static std::string context_of(std::string_view request) {
    return std::string(kAuthorizeContext) + std::string(request);
  }

  static ServerResponse refused(const authserver::AuthorizationRefusal& refusal) {
    if (!refusal.redirect_to.empty()) return go_to(refusal.redirect_to);
    const auto* row = authserver::problem_of(refusal.error);
    if (!row || row->status == 500) return failed(500, "The org cannot answer now.");
    return failed(400, refusal.error.message);
  }

  static ServerResponse failed(int status, std::string_view reason) {
    return page(status, "Sign in",
                "<p role=\"alert\">" + core::html_escape(reason) +
                    "</p>\n<p>Go back to the app that sent you here, and start again.</p>\n");
  }
};

}  // namespace

ServerResponse SignInPages::activate(const ServerRequest& request) const {
  return ActivatePage(*this).answer(request);
}
ServerResponse SignInPages::authorize(const ServerRequest& request) const {
  return AuthorizePage(*this).show(request);
}
ServerResponse SignInPages::confirm(const ServerRequest& request) const {
  return AuthorizePage(*this).confirm(request);
}

}  // namespace devorg
