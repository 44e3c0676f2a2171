#include "mcp/session.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/log.h"
#include "core/random.h"
#include "mcp/contains.h"
#include "mcp/form.h"
#include "mcp/json_text.h"
#include "mcp/server_shared.h"
#include "mcp/session_impl.h"
#include "mcp/task_codec.h"

namespace mcp {

using core::json::Value;

namespace {

void take_back(Outlet& outlet, std::int64_t question, std::string_view reason) {
  ObjectText params;
  params.raw("requestId", std::to_string(question)).string("reason", reason);
  send_text(outlet, encode_notification(method::kCancelled, std::move(params).close()), Delivery::required);
}

}  // namespace

Session::Session(ServerShared& shared, std::shared_ptr<Outlet> outlet)
    : impl_(std::make_unique<SessionImpl>(*this, shared, std::move(outlet))) {}
Session::~Session() = default;

Revision Session::revision() const {
  return impl_->revision();
}
ClientInfo Session::client() const {
  return impl_->client();
}
bool Session::can_elicit_url() const {
  return impl_->can_elicit_url();
}
core::Status Session::elicit_url(const UrlQuestion& question, std::function<void(Answer)> done) {
  return impl_->elicit_url(question, std::move(done));
}
void Session::elicitation_complete(std::string_view elicitation_id) {
  impl_->elicitation_complete(elicitation_id);
}
std::optional<Handshake> Session::handshake() const {
  return impl_->handshake();
}
void Session::receive(std::string_view message) {
  impl_->receive(message);
}
void Session::accept(Incoming incoming, const Origin& origin) {
  impl_->accept(std::move(incoming), origin);
}
void Session::receive_oversized() {
  impl_->refuse(oversized({.max_bytes = impl_->shared().options.max_message_bytes}), impl_->outlet());
}
void Session::close() {
  impl_->close();
}
void Session::abandon() {
  impl_->abandon();
}

SessionImpl::SessionImpl(Session& owner, ServerShared& shared, std::shared_ptr<Outlet> outlet)
    : owner_(owner), shared_(shared), outlet_(std::move(outlet)) {}

Revision SessionImpl::revision() const {
  std::lock_guard lock(mutex_);
  return legacy_ ? legacy_->rules().revision : kNewestLegacy;
}

std::optional<Handshake> SessionImpl::handshake() const {
  std::lock_guard lock(mutex_);
  if (!legacy_) return std::nullopt;
  return Handshake{legacy_->rules().revision, abilities_, client_};
}

void SessionImpl::resume(const Handshake& handshake) {
  {
    std::lock_guard lock(mutex_);
    legacy_ = &shared_.codec(handshake.revision);
    abilities_ = handshake.abilities;
    client_ = handshake.client;
    initialized_ = true;
    // An answer to a question of the process that opened the session must not meet one of ours. Ids stay
    // within what every JSON reader keeps exactly.
    question_serial_ = static_cast<std::int64_t>(core::system_random().number() >> 12);
  }
  shared_.enlist(owner_.shared_from_this());
}

ClientInfo SessionImpl::client() const {
  std::lock_guard lock(mutex_);
  return client_;
}

bool SessionImpl::can_elicit_url() const {
  std::lock_guard lock(mutex_);
  return initialized_ && !closed_ && abilities_.url;
}

core::Status SessionImpl::elicit_url(const UrlQuestion& question, std::function<void(Answer)> done) {
  if (!can_elicit_url()) {
    return core::fail(core::ErrorKind::unsupported, "mcp.session.no_url",
                      "The client did not declare that it can open a URL for the person.");
  }
  auto reservation = shared_.reserve_question();
  if (!reservation) {
    return core::fail(core::ErrorKind::rate_limited, "mcp.session.too_many_questions",
                      fmt::format("{} questions already wait for an answer.", shared_.questions.limit()));
  }
  auto held = std::make_shared<Budget::Reservation>(std::move(reservation));
  auto answered = [held, done = std::move(done)](const Value* elicit_result) {
    held->release();
    done(elicit_result ? parse_action(*elicit_result).value_or(Answer::cancel) : Answer::cancel);
  };
  if (!open_question(question, shared_.codec(revision()), outlet_, std::move(answered))) {
    return core::fail(core::ErrorKind::unavailable, "mcp.session.closed", "The session has ended.");
  }
  return {};
}

void SessionImpl::elicitation_complete(std::string_view elicitation_id) {
  if (!can_elicit_url()) return;
  send_text(*outlet_,
            encode_notification(method::kElicitationComplete,
                                std::move(ObjectText().string("elicitationId", elicitation_id)).close()),
            Delivery::required);
}

void SessionImpl::list_changed(std::string_view method, bool ListenFilter::* kind) {
  std::lock_guard lock(mutex_);  // held while sending: after a cancel, a listener hears nothing more
  if (closed_) return;
  if (initialized_) send_text(*outlet_, encode_notification(method, {}), Delivery::required);
  const Codec& codec = shared_.codec(Revision::v2026_07_28);
  for (const Listener& listener : listeners_) {
    if (!(listener.filter.*kind)) continue;
    send_text(*listener.outlet, encode_notification(method, codec.subscription_params(listener.id)),
              Delivery::required);
  }
}

void SessionImpl::resource_updated(std::string_view uri) {
  std::lock_guard lock(mutex_);  // as above
  if (closed_) return;
  if (watched_.contains(uri)) {
    send_text(*outlet_, encode_notification(method::kResourceUpdated, legacy_->updated_params(uri, nullptr)),
              Delivery::required);
  }
  const Codec& codec = shared_.codec(Revision::v2026_07_28);
  for (const Listener& listener : listeners_) {
    if (!contains(listener.filter.uris, uri)) continue;
    send_text(*listener.outlet,
              encode_notification(method::kResourceUpdated, codec.updated_params(uri, &listener.id)),
              Delivery::required);
  }
}

void SessionImpl::add_watched(std::set<std::string>& uris) const {
  std::lock_guard lock(mutex_);
  for (const auto& [uri, watch] : watched_) uris.insert(uri);
  for (const Listener& listener : listeners_)
    uris.insert(listener.filter.uris.begin(), listener.filter.uris.end());
}

bool SessionImpl::wants_log(core::LogLevel level) const {
  std::lock_guard lock(mutex_);
  return initialized_ && !closed_ && level >= log_level_;
}

void SessionImpl::log(core::LogLevel level, std::string_view logger, const Value& data, Outlet& outlet) {
  const Codec* codec = nullptr;
  {
    std::lock_guard lock(mutex_);
    if (closed_ || !initialized_ || level < log_level_) return;
    codec = legacy_;
  }
  send_text(outlet, encode_notification(method::kMessage, codec->message_params(level, logger, data)),
            Delivery::droppable);
}

bool SessionImpl::add_call(const RequestId& id, std::shared_ptr<Call> call) {
  std::lock_guard lock(mutex_);
  auto same = [&](const Listener& listener) { return listener.id == id; };
  if (std::ranges::any_of(listeners_, same)) return false;
  return calls_.emplace(id, std::move(call)).second;
}

void SessionImpl::remove_call(const RequestId& id) {
  std::shared_ptr<Call> removed;  // goes after the lock
  std::lock_guard lock(mutex_);
  if (auto found = calls_.find(id); found != calls_.end()) {
    removed = std::move(found->second);
    calls_.erase(found);
  }
}

std::optional<std::int64_t> SessionImpl::open_question(const Question& question, const Codec& codec,
                                                       std::shared_ptr<Outlet> outlet, QuestionDone done,
                                                       std::string_view related_task) {
  std::int64_t id = 0;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return std::nullopt;
    id = ++question_serial_;
    auto ring = [session = owner_.weak_from_this(), id] {
      if (auto alive = session.lock()) alive->impl_->question_expired(id);
    };
    auto when = shared_.options.clock->steady() + shared_.options.question_timeout;
    questions_.emplace(id, OpenQuestion{std::move(done), shared_.alarms.set(when, std::move(ring)), outlet});
  }
  std::string params = codec.question_params(question);
  if (!related_task.empty()) params = with_related_task(std::move(params), related_task);
  send_text(*outlet, encode_request(RequestId::of(id), question_method(question), params),
            Delivery::required);
  return id;
}

std::optional<SessionImpl::OpenQuestion> SessionImpl::take_question(std::int64_t id) {
  std::optional<OpenQuestion> taken;
  {
    std::lock_guard lock(mutex_);
    auto found = questions_.find(id);
    if (found == questions_.end()) return std::nullopt;
    taken = std::move(found->second);
    questions_.erase(found);
  }
  shared_.alarms.clear(taken->alarm);
  return taken;
}

void SessionImpl::withdraw_question(std::int64_t id, std::string_view reason) {
  if (auto question = take_question(id)) take_back(*question->outlet, id, reason);
}

void SessionImpl::question_expired(std::int64_t id) {
  auto question = take_question(id);
  if (!question) return;
  take_back(*question->outlet, id, "nobody answered in time");
  question->done(nullptr);
}

std::string SessionImpl::too_many_questions() const {
  return fmt::format(
      "{} questions already wait for a person's answer, so this call cannot ask its own. "
      "Nothing was done. Answer or cancel some of them, then call again.",
      shared_.questions.limit());
}

void SessionImpl::refuse(const Rejected& rejected, Outlet& outlet) {
  answer_text(outlet, encode_error(rejected.id, rejected.code, rejected.message), rejected.code);
}

void SessionImpl::close() {
  std::vector<std::shared_ptr<Call>> calls;
  std::map<std::int64_t, OpenQuestion> questions;
  std::map<std::string, std::unique_ptr<core::JobWatch>> followed;
  {
    std::lock_guard lock(mutex_);
    if (closed_) return;
    followed.swap(followed_);
    closed_ = true;
    calls.reserve(calls_.size());
    for (auto& [id, call] : calls_) calls.push_back(call);
    questions.swap(questions_);
    for (const Listener& listener : listeners_) {
      const Codec& codec = shared_.codec(Revision::v2026_07_28);
      answer_text(*listener.outlet, encode_result(listener.id, codec.listen_result(listener.id)), 0);
      // Page Cancellation: the server says so when it tears a subscription down.
      send_text(*listener.outlet,
                encode_notification(method::kCancelled,
                                    std::move(ObjectText().raw("requestId", listener.id.json)).close()),
                Delivery::required);
    }
    listeners_.clear();
    watched_.clear();
  }
  for (auto& [id, question] : questions) {
    shared_.alarms.clear(question.alarm);
    take_back(*question.outlet, id, "the server is shutting down");
  }
  followed.clear();
  for (const auto& call : calls) call->shut_down();
  for (auto& [id, question] : questions)
    question.done(nullptr);  // those of calls are over; elicit_url's are told
}

void SessionImpl::abandon() {
  std::vector<std::shared_ptr<Call>> calls;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    followed_.clear();
    calls.reserve(calls_.size());
    for (auto& [id, call] : calls_) calls.push_back(call);
    listeners_.clear();
    watched_.clear();
  }
  for (const auto& call : calls) call->cancel();
}

}  // namespace mcp
