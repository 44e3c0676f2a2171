#include "mcp/request_state.h"

#include <fmt/format.h>

#include "core/encoding.h"
#include "core/random.h"
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

std::string context_of(const CallBinding& binding) {
  std::string digest = core::sha256_hex(canonical(binding.arguments));
  return fmt::format("mcp.requestState\n{}\n{}\n{}\n{}", binding.method, binding.name, digest,
                     binding.principal);
}

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

Question read_question(const Object& sealed) {
  auto text = [&](std::string_view key) { return std::string(sealed.at(key).get_string()); };
  switch (sealed.at("k").get_string().front()) {
    case 'f':
      return FormQuestion{text("m"), sealed.at("s").get_object()};
    case 'u':
      return UrlQuestion{text("m"), text("u"), text("i")};
    case 's':
      return SamplingQuestion{sealed.at("p").get_object()};
    default:
      return RootsQuestion{};
  }
}

Object write_round(const OpenRound& round) {
  Object questions, responses;
  for (const auto& [key, question] : round.questions) questions[key] = write_question(question);
  for (const auto& [key, response] : round.responses) {
    responses[key] = Object{{"action", to_string(response.action)}, {"content", response.content}};
  }
  return {{"q", std::move(questions)}, {"a", std::move(responses)}, {"s", round.state}};
}

// The text was sealed by write_round(): its shape is ours.
OpenRound read_round(const Object& sealed) {
  OpenRound round;
  for (const auto& member : sealed.at("q").get_object()) {
    round.questions[std::string(member.key())] = read_question(member.value().get_object());
  }
  for (const auto& member : sealed.at("a").get_object()) {
    round.responses[std::string(member.key())] = {parse_action(member.value()).value_or(Answer::cancel),
                                                  member.value().at("content").get_object()};
  }
  round.state = sealed.at("s");
  return round;
}

}  // namespace

RequestStates::RequestStates(core::Clock& clock, std::chrono::milliseconds lifetime)
    : clock_(clock), lifetime_(lifetime), sealer_(core::Sealer::ephemeral()) {}

void RequestStates::drop_expired() {
  core::WallTime now = clock_.now();
  std::lock_guard lock(mutex_);
  std::erase_if(pending_, [&](const auto& entry) { return entry.second.expires <= now; });
}

std::string RequestStates::seal(const CallBinding& binding, const OpenRound& round,
                                Budget::Reservation reservation) {
  std::string nonce = core::system_random().token(12);
  core::WallTime expires = clock_.now() + lifetime_;
  {
    std::lock_guard lock(mutex_);
    pending_.emplace(nonce, Pending{expires, std::move(reservation)});
  }
  Object payload = write_round(round);
  payload["n"] = nonce;
  payload["e"] = expires.time_since_epoch().count();
  std::string text;
  core::json::append(text, payload);
  core::make_valid_utf8(text);
  return core::base64url_encode(sealer_.seal(text, context_of(binding)));
}

core::Result<RequestStates::Opened> RequestStates::open(std::string_view request_state,
                                                        const CallBinding& binding) {
  auto sealed = core::base64url_decode(request_state);
  if (!sealed) return refused();
  auto text = sealer_.open(*sealed, context_of(binding));
  if (!text) return refused();
  // As deep as the message the schema came from, and one level more.
  auto payload = core::json::parse(*text, {.max_depth = 256});
  if (!payload) return refused();
  const Object& members = payload->get_object();
  std::string nonce(members.at("n").get_string());
  core::WallTime expires{std::chrono::milliseconds{members.at("e").get_int64()}};
  if (expires <= clock_.now()) return refused();
  {
    std::lock_guard lock(mutex_);
    if (!pending_.contains(nonce)) return refused();
  }
  return Opened{read_round(members), std::move(nonce)};
}

bool RequestStates::consume(const std::string& nonce) {
  std::lock_guard lock(mutex_);
  return pending_.erase(nonce) == 1;
}

}  // namespace mcp
