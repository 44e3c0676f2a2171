#include "oauth/device_grant.h"

#include <algorithm>
#include <fmt/format.h>
#include <system_error>

#include "core/lane.h"
#include "core/log.h"

namespace oauth {
namespace {

using core::ErrorKind;
using std::chrono::seconds;

// RFC 8628 section 3.5: slow_down adds 5 seconds, for good.
constexpr seconds kSlowDown{5};
// Between polls while the org cannot be reached; also RFC 8628 section 3.5, which asks for exponential
// back-off.
constexpr seconds kMaxBackOff{60};

// The network, the org's health and its rate limit come and go; what it says about this sign-in stays.
bool passing(const core::Error& error) {
  if (error.code.starts_with("net.")) return error.kind != ErrorKind::cancelled;
  return error.kind == ErrorKind::unavailable || error.kind == ErrorKind::timeout ||
         error.kind == ErrorKind::rate_limited;
}

std::unexpected<core::Error> bad_link(std::string_view why) {
  return core::fail(ErrorKind::protocol, "oauth.verification_uri",
                    fmt::format("The org's sign-in link is not one to open: {}.", why),
                    "Check OKTA_ORG_URL, and that no proxy changes the org's answers.");
}

core::Result<net::Url> check_link(std::string_view text, const net::Url& org) {
  if (text.size() > 2048 || !std::ranges::all_of(text, [](char c) {
        return c > 0x20 && c < 0x7f && c != '"' && c != '\'' && c != '<' && c != '>' && c != '`' && c != '\\';
      })) {
    return bad_link("it has characters that links do not have");
  }
  const auto url = net::parse_url(text);
  if (!url) return bad_link("it is not an absolute URL");
  if (url->has_userinfo) return bad_link("it hides its host behind a user name");
  const bool local = net::is_loopback_host(url->host) && net::is_loopback_host(org.host);
  if (url->scheme != "https" && !local) return bad_link("it is not https");
  return *url;
}

// The org's host or its admin console's; on this machine, any port.
bool on_org_site(const std::string& host, const std::string& org_host) {
  if (host == org_host || (net::is_loopback_host(host) && net::is_loopback_host(org_host))) return true;
  const auto plain = [](std::string name) {
    if (const auto at = name.find("-admin."); at != std::string::npos) name.erase(at, 6);
    return name;
  };
  return plain(host) == plain(org_host);
}

std::string printable(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c >= 0x20 && c < 0x7f) out += c;
  }
  while (out.ends_with(' ')) out.pop_back();
  out.erase(0, out.find_first_not_of(' '));
  return out;
}

std::unexpected<core::Error> pending_error(const DevicePrompt& prompt, const std::string& org) {
  std::string hint = fmt::format(
      "Open {} in a browser, check that the page shows the code {}, and confirm as an administrator before "
      "{}; "
      "then make this call again.",
      prompt.link(), prompt.user_code, core::to_rfc3339(prompt.expires_at));
  for (const auto& notice : prompt.notices) hint += " " + notice;
  return core::fail(ErrorKind::unauthenticated, "oauth.login_pending",
                    fmt::format("A person has to confirm the sign-in to {}.", org), std::move(hint));
}

}  // namespace

core::Result<DevicePrompt> make_prompt(const DeviceAnswer& answer, const std::string& org,
                                       core::WallTime now) {
  ASSIGN_OR_RETURN(const auto org_url, net::parse_url(org));
  DevicePrompt prompt{.user_code = printable(answer.user_code), .expires_at = now + answer.lifetime};
  if (prompt.user_code.empty() || prompt.user_code.size() > 64) {
    return core::fail(ErrorKind::protocol, "oauth.bad_answer",
                      "The org's sign-in answer holds no usable code.", "Try again.");
  }
  ASSIGN_OR_RETURN(const auto link, check_link(answer.verification_uri, org_url));
  prompt.verification_uri = answer.verification_uri;
  if (!answer.verification_uri_complete.empty()) {
    // Only a convenience: one that is not good enough is left out.
    if (const auto complete = check_link(answer.verification_uri_complete, org_url);
        complete && complete->host == link.host) {
      prompt.verification_uri_complete = answer.verification_uri_complete;
    }
  }
  if (!on_org_site(link.host, org_url.host)) {
    prompt.notices.push_back(fmt::format(
        "The link leads to {}, not to {}: open it only if you know that address.", link.host, org_url.host));
  }
  return prompt;
}

core::Result<std::unique_ptr<DeviceGrant>> DeviceGrant::create(DeviceGrantOptions options) {
  ASSIGN_OR_RETURN(auto endpoint, TokenEndpoint::create({.org_url = options.org_url,
                                                         .http = options.http,
                                                         .clock = options.clock,
                                                         .random = options.random}));
  RETURN_IF_ERROR(check_client(options.client_id, options.scopes));
  return std::unique_ptr<DeviceGrant>(new DeviceGrant(std::move(options), std::move(endpoint)));
}

std::vector<std::string> DeviceGrant::requested_scopes() const {
  return oauth::requested_scopes(options_.scopes, true);
}

DeviceGrant::DeviceGrant(DeviceGrantOptions options, std::unique_ptr<TokenEndpoint> endpoint)
    : options_(std::move(options)),
      endpoint_(std::move(endpoint)),
      login_({.endpoint = *endpoint_,
              .client_id = options_.client_id,
              .scopes = options_.scopes,
              .grant = kDeviceCode,
              .clock = options_.clock,
              .dpop = endpoint_->dpop(),
              .store = options_.store,
              .caller = options_.caller,
              // Now, even if the present access token still serves for a while: the person gets that much
              // longer.
              .on_ended = [this] { return start(false); }}) {}

DeviceGrant::~DeviceGrant() {
  std::jthread last;
  {
    std::lock_guard lock(mutex_);
    last = std::move(thread_);
  }
  last.request_stop();
}

core::Result<std::shared_ptr<const AccessToken>> DeviceGrant::token(const core::Context& context) {
  auto outcome = login_.token(context);
  if (outcome) return outcome;
  const core::Error& error = outcome.error();
  if (error.code == kLoginNeeded) return login_pending(context);
  if (error.code != "oauth.invalid_grant") return outcome;
  auto pending = login_pending(context);
  // Once, to whoever met it: why there is another sign-in.
  if (!pending && pending.error().code == "oauth.login_pending") {
    pending.error().message = error.message + " " + pending.error().message;
  }
  return pending;
}

core::Result<std::shared_ptr<const AccessToken>> DeviceGrant::login_pending(const core::Context& context) {
  RETURN_IF_ERROR(start(false));
  std::unique_lock lock(mutex_);
  if (phase_ == Phase::starting) {
    core::Parked parked;
    changed_.wait_until(lock, context.stop, context.deadline, [&] { return phase_ != Phase::starting; });
  }
  if (phase_ == Phase::starting) {
    return context.cancelled()
               ? core::fail(ErrorKind::cancelled, "oauth.cancelled", "The call was cancelled.")
               : core::fail(ErrorKind::timeout, "oauth.timeout",
                            "Starting the sign-in took longer than the call may.", "Try again.");
  }
  if (phase_ == Phase::waiting) return pending_error(*prompt_, endpoint_->org());
  if (failure_) return std::unexpected(*failure_);
  lock.unlock();
  // Signed in while this call was on its way.
  return login_.token(context);
}

void DeviceGrant::begin() {
  if (auto started = start(true); !started && options_.on_failed) options_.on_failed(started.error());
}

std::optional<DevicePrompt> DeviceGrant::pending() const {
  std::lock_guard lock(mutex_);
  return prompt_;
}

core::Status DeviceGrant::start(bool look_first) {
  if (!options_.may_ask_a_person) return login_needed(endpoint_->org());
  const std::uint64_t generation = login_.cache().generation();
  std::lock_guard lock(mutex_);
  if (phase_ != Phase::idle) return {};
  try {
    // The thread before this one has nothing left to do but return, so that joining it does not wait.
    thread_ = std::jthread(
        [this, look_first, generation](const std::stop_token& stop) { run(stop, look_first, generation); });
  } catch (const std::system_error&) {
    return core::fail(ErrorKind::unavailable, "oauth.thread",
                      "The system has no thread left for the sign-in.", "Try again.");
  }
  phase_ = Phase::starting;
  failure_.reset();
  return {};
}

void DeviceGrant::run(const std::stop_token& stop, bool look_first, std::uint64_t generation) {
  const core::Context context{.stop = stop, .principal = "sign-in"};
  core::Status outcome = core::fail(ErrorKind::unauthenticated, std::string(kLoginNeeded), "");
  if (look_first) {
    auto present = login_.token(context);
    if (present) {
      outcome = {};
    } else if (present.error().code != "oauth.invalid_grant") {
      outcome = std::unexpected(std::move(present).error());
    }
    generation = login_.cache().generation();
  }
  if (!outcome && outcome.error().code == kLoginNeeded) {
    outcome = sign_in(context, true, generation);
    if (!outcome && offline_access_refused(outcome.error())) {
      core::log(core::LogLevel::notice, "oauth", "the org may refuse offline_access, signing in without it");
      outcome = sign_in(context, false, generation);
    }
  }
  finish(context, outcome);
}

core::Status DeviceGrant::sign_in(const core::Context& context, bool lasting, std::uint64_t generation) {
  ASSIGN_OR_RETURN(const auto device,
                   endpoint_->authorize_device(
                       context, {{"client_id", options_.client_id},
                                 {"scope", join_scopes(oauth::requested_scopes(options_.scopes, lasting))}}));
  ASSIGN_OR_RETURN(auto prompt, make_prompt(device, endpoint_->org(), options_.clock.now()));
  if (!lasting) {
    prompt.notices.emplace_back(kShortLoginNotice);
  }
  {
    std::lock_guard lock(mutex_);
    prompt_ = prompt;
    phase_ = Phase::waiting;
  }
  changed_.notify_all();
  if (options_.on_prompt && !context.cancelled()) options_.on_prompt(prompt);
  return poll(context, device, lasting, generation);
}

core::Status DeviceGrant::poll(const core::Context& context, const DeviceAnswer& device, bool lasting,
                               std::uint64_t generation) {
  const core::SteadyTime end = options_.clock.steady() + device.lifetime;
  seconds interval = std::max(device.interval, seconds{1});
  seconds pause = interval;
  for (;;) {
    const core::SteadyTime next = std::min(options_.clock.steady() + pause, end);
    if (!options_.clock.wait_until(next, context.stop)) {
      return core::fail(ErrorKind::cancelled, "oauth.cancelled", "The sign-in was given up.");
    }
    if (login_.cache().changed_since(generation)) return {};  // signed in through another process
    if (options_.superseded && options_.superseded()) return {};
    if (options_.clock.steady() >= end) {
      return core::fail(ErrorKind::unauthenticated, "oauth.expired_token",
                        "The sign-in code expired before anyone confirmed it.",
                        "Start again: that gives a new link and code.");
    }
    auto answer = endpoint_->request_token(context, Grant::device_code,
                                           {{"grant_type", "urn:ietf:params:oauth:grant-type:device_code"},
                                            {"client_id", options_.client_id},
                                            {"device_code", device.device_code.reveal()}});
    if (answer) {
      if (lasting && answer->refresh_token.empty()) {
        core::log(core::LogLevel::notice, "oauth",
                  "the org gave no refresh token: this sign-in ends with its access token",
                  {{"lifetime_s", answer->lifetime.count()}});
      }
      ASSIGN_OR_RETURN(auto token,
                       to_stored(std::move(*answer), options_.scopes, nullptr, options_.clock.now()));
      login_.cache().put(context, std::move(token));
      return {};
    }
    const core::Error& error = answer.error();
    if (error.code == "oauth.slow_down") {
      interval += kSlowDown;
      pause = interval;
    } else if (error.code == "oauth.authorization_pending") {
      pause = interval;
    } else if (passing(error)) {
      pause = std::max(interval, std::min(pause * 2, kMaxBackOff));
      core::log(core::LogLevel::info, "oauth", "could not ask for the outcome of the sign-in, trying again",
                {{"code", error.code}, {"wait_s", pause.count()}});
    } else {
      return std::unexpected(std::move(answer).error());
    }
  }
}

void DeviceGrant::finish(const core::Context& context, const core::Status& outcome) {
  {
    std::lock_guard lock(mutex_);
    phase_ = Phase::ending;
    prompt_.reset();
    if (!outcome) failure_ = outcome.error();
  }
  changed_.notify_all();
  // Given up by the destructor: nobody is there to be told.
  if (!context.cancelled()) {
    if (outcome && options_.on_signed_in) {
      options_.on_signed_in(login_.cache().granted_scopes().value_or(options_.scopes));
    }
    if (!outcome && options_.on_failed) options_.on_failed(outcome.error());
  }
  {
    std::lock_guard lock(mutex_);
    phase_ = Phase::idle;
  }
  changed_.notify_all();
}

}  // namespace oauth
