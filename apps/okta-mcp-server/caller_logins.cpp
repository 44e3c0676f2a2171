#include "caller_logins.h"

#include <fmt/format.h>

#include "core/encoding.h"
#include "core/json.h"
#include "core/log.h"
#include "core/seal.h"
#include "net/http.h"
#include "state.h"

namespace {

constexpr std::string_view kQuestion = "okta_sign_in";

std::string_view subject_of(std::string_view principal) {
  const auto mark = principal.find('#');
  return mark == std::string_view::npos ? std::string_view{} : principal.substr(mark + 1);
}

// "<issuer>#<subject>": no issuer has a '#'.
oauth::LoginCaller caller_of(std::string_view principal) {
  return {.issuer = std::string(principal.substr(0, principal.find('#'))),
          .subject = std::string(subject_of(principal))};
}

}  // namespace

std::optional<bool> belongs_to(std::string_view access_token, std::string_view principal) {
  // Not verified, and need not be: it came over TLS from the server that issued it (as OpenID Connect
  // Core 3.1.3.7 allows for ID tokens); nothing but the comparison with a verified caller rests on it.
  const auto first = access_token.find('.');
  const auto second = first == std::string_view::npos ? first : access_token.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto payload = core::base64url_decode(access_token.substr(first + 1, second - first - 1));
  if (!payload) return std::nullopt;
  const auto claims = core::json::parse(*payload);
  if (!claims || !claims->is_object()) return std::nullopt;
  const auto login = core::json::string_or_empty(*claims, "sub");
  const auto id = core::json::string_or_empty(*claims, "uid");
  if (login.empty() && id.empty()) return std::nullopt;
  const auto subject = subject_of(principal);
  if (subject.empty()) return false;
  return net::equals_ignoring_case(subject, login) || subject == id;
}

// One caller's: the runtime, and what is known of its tokens.
struct CallerLogins::Login {
  Login(const Settings& settings, std::string whose, RuntimeParts parts)
      : principal(std::move(whose)),
        runtime(settings, {}, with_check(std::move(parts))),
        orgs(runtime.services()) {}

  RuntimeParts with_check(RuntimeParts parts) {
    parts.caller = caller_of(principal);
    parts.check = [this](const auto& token) { return check(token); };
    return parts;
  }
  // Only the caller's own: any other login ends here.
  core::Status check(const std::shared_ptr<const oauth::AccessToken>& token);

  const std::string principal;
  std::mutex mutex;                                // of these two
  std::weak_ptr<const oauth::AccessToken> own;     // the last that was found to be the caller's own,
  std::weak_ptr<const oauth::AccessToken> others;  // and the last that was not
  Runtime runtime;                                 // its threads use what stands above
  const admin::Orgs orgs;
};

core::Status CallerLogins::Login::check(const std::shared_ptr<const oauth::AccessToken>& token) {
  std::lock_guard lock(mutex);
  if (own.lock() == token) return {};
  const auto is_own = belongs_to(token->value.reveal(), principal);
  if (is_own == true) {
    own = token;
    return {};
  }
  // Once, however many calls meet it: the next login must not be forgotten with this one.
  if (others.lock() != token) {
    others = token;
    runtime.reject(*token);
    const auto forgotten = runtime.forget_login();
    core::log(core::LogLevel::warning, "sign-in", "a login was refused: it is not the caller's",
              {{"caller", principal},
               {"says_whose", is_own.has_value()},
               {"forgotten", forgotten.has_value()},
               {"revoked", forgotten && forgotten->revoked}});
  }
  if (!is_own) {
    return core::fail(core::ErrorKind::unauthenticated, "app.caller.unknown_person",
                      "Okta's access token does not say whose it is, so it cannot be used for this caller.",
                      "Start the server with --identity server, or use an org whose tokens name the user.");
  }
  return core::fail(core::ErrorKind::forbidden, "app.caller.other_person",
                    "The Okta login that was made belongs to another person than this caller; it was given "
                    "up and nothing was done.",
                    "Make the call again for a new link, and sign in to Okta with the account you use here.");
}

CallerLogins::CallerLogins(const Settings& settings, std::size_t max_callers)
    : settings_(settings),
      max_callers_(max_callers),
      state_(open_state(settings)),
      http_(net::make_http_client({.user_agent = "okta-mcp-server/" OKTA_MCP_VERSION})),
      nobody_(settings, {.may_ask_a_person = false}, {.state = state_, .http = http_}),
      described_(std::make_shared<const admin::Orgs>(nobody_.services())) {}

CallerLogins::~CallerLogins() = default;

std::shared_ptr<CallerLogins::Login> CallerLogins::login_of(const std::string& principal) {
  std::shared_ptr<Login> pushed_out;  // goes after the lock: it joins a thread
  std::lock_guard lock(mutex_);
  if (const auto found = logins_.find(principal); found != logins_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found->second.use);
    return found->second.login;
  }
  if (logins_.size() >= max_callers_) {
    const auto last = logins_.find(by_use_.back());
    pushed_out = std::move(last->second.login);
    logins_.erase(last);
    by_use_.pop_back();
  }
  by_use_.push_front(principal);
  auto login = std::make_shared<Login>(settings_, principal, RuntimeParts{.state = state_, .http = http_});
  login->runtime.services().tell_changes(changes_);
  logins_.emplace(principal, Kept{login, by_use_.begin()});
  return login;
}

std::size_t CallerLogins::callers() const {
  std::lock_guard lock(mutex_);
  return logins_.size();
}

std::shared_ptr<const admin::Orgs> CallerLogins::visit(const core::Context& context) {
  if (subject_of(context.principal).empty()) return described_;
  auto login = login_of(context.principal);
  return {login, &login->orgs};
}

core::Result<admin::Entrance::Entered> CallerLogins::enter(const core::Context& context,
                                                           const mcp::Round& round) {
  if (subject_of(context.principal).empty()) {
    return core::fail(core::ErrorKind::unauthenticated, "app.caller.anonymous",
                      "This server works with each caller's own Okta login, and this caller has no name.",
                      "Send an access token of a person with the request.");
  }
  auto login = login_of(context.principal);
  auto token = login->runtime.token(context);
  if (token) return std::shared_ptr<const admin::Orgs>(login, &login->orgs);
  const auto prompt = login->runtime.pending_prompt();
  const bool ask = token.error().code == "oauth.login_pending" && prompt && round.can.url &&
                   !round.responses.contains(std::string(kQuestion));
  if (!ask) return std::unexpected(std::move(token).error());
  std::string message =
      fmt::format("Sign in to Okta as yourself and confirm the code {}; then ask again.", prompt->user_code);
  for (const auto& notice : prompt->notices) message += " " + notice;
  mcp::NeedInput need;
  need.questions.emplace(std::string(kQuestion),
                         mcp::UrlQuestion{.message = std::move(message),
                                          .url = prompt->link(),
                                          .elicitation_id = core::sha256_hex(prompt->link()).substr(0, 32)});
  return need;
}
