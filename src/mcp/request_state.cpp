#include "mcp/request_state.h"

#include <fmt/format.h>

#include "core/random.h"
#include "core/seal.h"
#include "core/text.h"
#include "mcp/form.h"
#include "mcp/json_text.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;

std::unexpected<core::Error> refused() {
  // One text for all reasons: which check failed is nobody's business but ours.
  return core::fail(core::ErrorKind::invalid_input, "mcp.state.refused",
                    "The requestState does not belong to this call, has expired, or was used before.",
                    "Send the call again without requestState and inputResponses.");
}

std::unexpected<core::Error> foreign() {
  return core::fail(
      core::ErrorKind::invalid_input, "mcp.state.foreign",
      "The requestState was made by another instance of this server, which shares no state with this "
      "one, or by this one before it was restarted.",
      "Send the call again without requestState and inputResponses.");
}

// The machines of a shared store may differ in their clocks by less than this.
constexpr std::chrono::minutes kClockSlack{5};

// The number is that of the shape that write_round() gives: another one does not open. Lengths stand before
// the parts, so that no name or principal with a line break in it passes for another pair.
std::string context_of(const CallBinding& binding) {
  return fmt::format("mcp.requestState 2\n{}\n{}:{}\n{}:{}\n{}", binding.method, binding.name.size(),
                     binding.name, binding.principal.size(), binding.principal,
                     core::sha256_hex(canonical(binding.arguments)));
}

Object write_round(const OpenRound& round) {
  Object questions, responses;
  for (const auto& [key, question] : round.questions) questions[key] = write_question(question);
  for (const auto& [key, response] : round.responses) {
    responses[key] = Object{{"action", to_string(response.action)}, {"content", response.content}};
  }
  return {{"q", std::move(questions)}, {"a", std::move(responses)}, {"s", round.state}, {"j", round.job}};
}

// The text was sealed by write_round(): its shape is ours.
OpenRound read_round(const Object& sealed) {
  OpenRound round;
  for (const auto& member : sealed.at("q").get_object()) {
    if (auto question = read_question(member.value())) {
      round.questions.emplace(member.key(), *std::move(question));
    }
  }
  for (const auto& member : sealed.at("a").get_object()) {
    round.responses[std::string(member.key())] = {parse_action(member.value()).value_or(Answer::cancel),
                                                  member.value().at("content").get_object()};
  }
  round.state = sealed.at("s");
  round.job = sealed.at("j").get_string();
  return round;
}

}  // namespace

Object write_question(const Question& question) {
  if (const auto* form = std::get_if<FormQuestion>(&question)) {
    return {{"k", "f"}, {"m", form->message}, {"s", form->requested_schema}};
  }
  if (const auto* url = std::get_if<UrlQuestion>(&question)) {
    return {{"k", "u"}, {"m", url->message}, {"u", url->url}, {"i", url->elicitation_id}};
  }
  if (const auto* sampling = std::get_if<SamplingQuestion>(&question)) {
    return {{"k", "s"}, {"p", sampling->params}};
  }
  Object roots;
  roots["k"] = "r";
  return roots;
}

std::optional<Question> read_question(const Value& written) try {
  auto text = [&](std::string_view key) { return std::string(written.at(key).as_string()); };
  std::string kind = text("k");
  if (kind == "f") return FormQuestion{text("m"), written.at("s").as_object()};
  if (kind == "u") return UrlQuestion{text("m"), text("u"), text("i")};
  if (kind == "s") return SamplingQuestion{written.at("p").as_object()};
  if (kind == "r") return RootsQuestion{};
  return std::nullopt;
} catch (const std::exception&) {  // Boost.JSON: a member that is missing, or of another kind
  return std::nullopt;
}

RequestStates::RequestStates(core::Clock& clock, std::chrono::milliseconds lifetime,
                             std::optional<SharedStates> shared)
    : clock_(clock),
      lifetime_(lifetime),
      own_keys_(shared ? nullptr : core::KeyRing::ephemeral()),
      keys_(shared ? shared->keys : *own_keys_),
      used_(shared ? &shared->used : nullptr) {}

void RequestStates::drop_expired() {
  core::WallTime now = clock_.now();
  std::lock_guard lock(mutex_);
  std::erase_if(pending_, [&](const auto& entry) { return entry.second.expires <= now; });
}

core::Result<std::string> RequestStates::seal(const CallBinding& binding, const OpenRound& round,
                                              Budget::Reservation reservation) {
  std::string nonce = core::system_random().token(12);
  core::WallTime expires = clock_.now() + lifetime_;
  if (used_ == nullptr) {
    std::lock_guard lock(mutex_);
    pending_.emplace(nonce, Pending{expires, std::move(reservation)});
  }
  Object payload = write_round(round);
  payload["n"] = nonce;
  payload["e"] = expires.time_since_epoch().count();
  std::string text;
  core::json::append(text, payload);
  core::make_valid_utf8(text);
  return keys_.seal(text, context_of(binding));
}

core::Result<RequestStates::Opened> RequestStates::open(std::string_view request_state,
                                                        const CallBinding& binding) {
  auto text = keys_.open(request_state, context_of(binding));
  if (!text && text.error().code == "core.keys.foreign") return foreign();
  if (!text && text.error().code == "core.seal.broken") return refused();
  if (!text) return std::unexpected(std::move(text).error());
  // As deep as the message the schema came from, and one level more.
  auto payload = core::json::parse(*text, {.max_depth = 256});
  if (!payload) return refused();
  const Object& members = payload->get_object();
  Opened opened{.round = {},
                .nonce = std::string(members.at("n").get_string()),
                .expires = core::WallTime{std::chrono::milliseconds{members.at("e").get_int64()}}};
  if (opened.expires <= clock_.now()) return refused();
  if (used_ == nullptr) {
    std::lock_guard lock(mutex_);
    if (!pending_.contains(opened.nonce)) return refused();
  }
  opened.round = read_round(members);
  return opened;
}

core::Result<bool> RequestStates::consume(const Opened& opened) {
  if (used_ != nullptr) {
    return used_->consume("mcp/" + opened.nonce, opened.expires - clock_.now() + kClockSlack);
  }
  std::lock_guard lock(mutex_);
  return pending_.erase(opened.nonce) == 1;
}

}  // namespace mcp
