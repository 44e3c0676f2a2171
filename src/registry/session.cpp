#include "registry/session.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/json.h"
#include "core/seal.h"
#include "net/url.h"
#include "rest/browser.h"

namespace registry {

namespace {

using core::json::Object;

constexpr std::string_view kCookie = "session";
constexpr std::size_t kMaxForm = 32u << 10;
constexpr std::size_t kMaxTarget = 8u << 10;
constexpr std::size_t kMaxCookie = 512;

bool is_secure(const Service& service) {
  return service.settings.issuer.starts_with("https://");
}

std::string cookie_name(const Service& service, std::string_view name) {
  return fmt::format("{}{}", is_secure(service) ? "__Host-" : "", name);
}

std::string record_key(std::string_view cookie) {
  return "session/" + core::sha256_hex(cookie);
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

}  // namespace

std::string cookie_of(const Service& service, const net::ServerRequest& request, std::string_view name) {
  const std::string wanted = cookie_name(service, name);
  for (std::string_view header : request.headers.all("Cookie")) {
    while (!header.empty()) {
      const std::size_t end = header.find(';');
      const std::string_view pair = trim(header.substr(0, end));
      header = end == std::string_view::npos ? std::string_view{} : header.substr(end + 1);
      const std::size_t equals = pair.find('=');
      if (equals == std::string_view::npos || trim(pair.substr(0, equals)) != wanted) continue;
      const std::string_view value = trim(pair.substr(equals + 1));
      return value.size() <= kMaxCookie ? std::string(value) : std::string();
    }
  }
  return {};
}

std::string set_cookie(const Service& service, std::string_view name, std::string_view value,
                       std::chrono::seconds lifetime) {
  return fmt::format("{}={}; Path=/; Max-Age={}; HttpOnly; SameSite=Lax{}", cookie_name(service, name), value,
                     lifetime.count(), is_secure(service) ? "; Secure" : "");
}

core::Result<std::optional<Session>> session_of(const Service& service, const net::ServerRequest& request) {
  const std::string cookie = cookie_of(service, request, kCookie);
  if (cookie.empty()) return std::nullopt;
  ASSIGN_OR_RETURN(const auto record, service.store->state().get(record_key(cookie)));
  if (!record) return std::nullopt;
  ASSIGN_OR_RETURN(const auto value, core::json::parse(record->value));
  const core::json::Reader in(value);
  Session session;
  ASSIGN_OR_RETURN(const auto user, in.at("user").string());
  ASSIGN_OR_RETURN(const auto at, in.at("at").integer());
  ASSIGN_OR_RETURN(session.provider, in.at("provider").string());
  ASSIGN_OR_RETURN(session.id, in.at("id").string());
  ASSIGN_OR_RETURN(session.csrf_token, in.at("csrf_token").string());
  session.at = core::WallTime{std::chrono::milliseconds{at}};
  if (service.now() >= session.at + kSessionLifetime) return std::nullopt;
  ASSIGN_OR_RETURN(auto person, find_person(*service.store, user));
  if (!person || !person->active() || session.at < person->sessions_from) return std::nullopt;
  session.person = *std::move(person);
  return session;
}

core::Result<Session> begin_session(const Service& service, const net::ServerRequest& request,
                                    const Person& person, std::string_view provider, net::Headers& headers) {
  if (const std::string before = cookie_of(service, request, kCookie); !before.empty())
    RETURN_IF_ERROR(service.store->state().remove(record_key(before)));
  const std::string cookie = service.random->token(32);
  Session session{.person = person,
                  .at = service.now(),
                  .provider = std::string(provider),
                  .id = service.new_id("trs"),
                  .csrf_token = service.random->token(24)};
  const Object record{{"user", person.id},
                      {"at", session.at.time_since_epoch().count()},
                      {"provider", session.provider},
                      {"id", session.id},
                      {"csrf_token", session.csrf_token}};
  RETURN_IF_ERROR(
      service.store->state().put(record_key(cookie), core::json::write(record), kSessionLifetime));
  headers.add("Set-Cookie", set_cookie(service, kCookie, cookie, kSessionLifetime));
  return session;
}

core::Status end_session(const Service& service, const net::ServerRequest& request, net::Headers& headers) {
  headers.add("Set-Cookie", set_cookie(service, kCookie, "", std::chrono::seconds{0}));
  const std::string cookie = cookie_of(service, request, kCookie);
  if (cookie.empty()) return {};
  return service.store->state().remove(record_key(cookie));
}

net::ServerResponse ask_to_sign_in(std::string_view target, bool again) {
  return rest::go_to(
      fmt::format("/login?return={}{}", core::percent_encode(target), again ? "&again=1" : ""));
}

bool is_same_origin(const Service& service, const net::ServerRequest& request) {
  const std::string_view site = request.headers.get("Sec-Fetch-Site");
  if (!site.empty() && site != "same-origin" && site != "none") return false;
  const auto url = net::parse_url(service.settings.issuer);
  const std::string_view origin = request.headers.get("Origin");
  return origin.empty() || (url && origin == url->origin());
}

bool is_own_form(const Service& service, const net::ServerRequest& request, const Session& session,
                 std::string_view csrf_token) {
  return is_same_origin(service, request) && core::constant_time_equal(csrf_token, session.csrf_token);
}

bool is_local_target(std::string_view target) {
  if (target.empty() || target.size() > kMaxTarget || target.front() != '/') return false;
  // "//host" and "/\host" lead elsewhere.
  if (target.size() > 1 && (target[1] == '/' || target[1] == '\\')) return false;
  return std::ranges::all_of(target, [](char c) { return c > ' ' && c < '\x7f' && c != '\\'; });
}

std::optional<net::Query> read_form(const net::ServerRequest& request) {
  if (net::media_type(request.headers.get("Content-Type")) != "application/x-www-form-urlencoded" ||
      request.body.size() > kMaxForm)
    return std::nullopt;
  auto fields = net::parse_query(request.body);
  if (!fields) return std::nullopt;
  return *std::move(fields);
}

}  // namespace registry
