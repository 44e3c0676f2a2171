#include "mcp/http_ladder.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "core/json.h"
#include "mcp/codec.h"

namespace mcp {
namespace {

using core::json::Object;
using core::json::Value;
using Slip = Rung::Slip;
using Slipped = std::optional<Slip>;

constexpr std::string_view kVersionHeader = "MCP-Protocol-Version";
constexpr std::string_view kMethodHeader = "Mcp-Method";
constexpr std::string_view kNameHeader = "Mcp-Name";

// A header field the ladder reads, and where it is kept.
struct KnownField {
  std::string_view name;
  HeaderField EndpointFields::* field;
  bool once;  // a second one is a rung of its own
};
constexpr std::array kKnownFields = {
    KnownField{"Accept", &EndpointFields::accept, false},
    KnownField{"Content-Type", &EndpointFields::content_type, false},
    KnownField{"Content-Encoding", &EndpointFields::content_encoding, false},
    KnownField{kVersionHeader, &EndpointFields::version, true},
    KnownField{kMethodHeader, &EndpointFields::method, true},
    KnownField{kNameHeader, &EndpointFields::name, true},
    KnownField{"Mcp-Session-Id", &EndpointFields::session, true},
    KnownField{"Last-Event-ID", &EndpointFields::last_event, true},
};

// No two of the names are equally long, so the length tells which of them a field can be.
constexpr auto kFieldOfLength = [] {
  std::array<const KnownField*, kVersionHeader.size() + 1> rows{};
  for (const KnownField& known : kKnownFields) rows[known.name.size()] = &known;
  return rows;
}();
static_assert(std::ranges::count(kFieldOfLength, nullptr) + kKnownFields.size() == kFieldOfLength.size());

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kEvents = "text/event-stream";

// Names from outside stay short in messages.
std::string_view shown(std::string_view name) {
  return name.substr(0, 100);
}

template <class Kind>
const Kind* single_of(const HttpFacts& facts) {
  const Message* message = facts.message ? facts.message->single : nullptr;
  return message ? std::get_if<Kind>(message) : nullptr;
}

bool opens_session(const HttpFacts& facts) {
  const auto* request = single_of<Request>(facts);
  return request && request->method == method::kInitialize;
}

std::string_view string_at(const Object& object, std::string_view key) {
  const Value* found = object.if_contains(key);
  return found && found->is_string() ? std::string_view(found->get_string()) : std::string_view{};
}

// As nearly every client writes it, which spares taking it apart.
bool takes_both(const HeaderField& accept) {
  return accept.count == 1 && accept.value == "application/json, text/event-stream";
}

bool takes(const HttpFacts& facts, std::string_view media_type) {
  return takes_both(facts.fields.accept) || accepts(facts.headers, media_type);
}

// ---- door

Slipped method_not_served(const HttpFacts& facts) {
  switch (facts.method) {
    case net::Method::post:
    case net::Method::get:
    case net::Method::delete_:
      return std::nullopt;
    default:
      return Slip{"This endpoint takes POST, GET and DELETE."};
  }
}

Slipped foreign_origin(const HttpFacts& facts) {
  if (facts.origin != OriginVerdict::foreign_origin) return std::nullopt;
  return Slip{"Pages of this origin may not use this server."};
}

Slipped foreign_host(const HttpFacts& facts) {
  if (facts.origin != OriginVerdict::foreign_host) return std::nullopt;
  return Slip{"The Host header names another server."};
}

// ---- body

Slipped no_streams(const HttpFacts& facts) {
  if (facts.method == net::Method::post) return std::nullopt;
  auto revision = parse_revision(trimmed(facts.fields.version.value));
  if (!revision || !is_modern(*revision)) return std::nullopt;
  return Slip{"Protocol revision 2026-07-28 has neither GET streams nor sessions; use subscriptions/listen."};
}

Slipped no_json(const HttpFacts& facts) {
  if (facts.method != net::Method::post) return std::nullopt;
  const HeaderField& type = facts.fields.content_type;
  if (type.count == 1 && (type.value == kJson || net::media_type(type.value) == kJson)) return std::nullopt;
  return Slip{"The body must be application/json."};
}

Slipped coded_body(const HttpFacts& facts) {
  const HeaderField& coding = facts.fields.content_encoding;
  if (coding.count == 0 || net::equals_ignoring_case(trimmed(coding.value), "identity")) return std::nullopt;
  return Slip{"Content-Encoding is not supported."};
}

// ---- message, both eras

Slipped unreadable(const HttpFacts& facts) {
  const auto* rejected = single_of<Rejected>(facts);
  if (!rejected || rejected->code != code::kParseError) return std::nullopt;
  return Slip{rejected->message};
}

Slipped no_message(const HttpFacts& facts) {
  if (const auto* rejected = single_of<Rejected>(facts)) return Slip{rejected->message};
  if (const auto* ignored = single_of<Ignored>(facts)) return Slip{fmt::format("Refused: {}.", ignored->why)};
  return std::nullopt;
}

// ---- message, modern

Slipped not_one_request(const HttpFacts& facts) {
  const Message* message = facts.message->single;
  if (message && !std::holds_alternative<Response>(*message)) return std::nullopt;
  return Slip{"The body of a POST is one request or notification (protocol revision 2026-07-28)."};
}

Slipped takes_neither(const HttpFacts& facts) {
  if (takes(facts, kJson) || takes(facts, kEvents)) return std::nullopt;
  return Slip{"Accept must list application/json and text/event-stream."};
}

Slipped takes_no_events(const HttpFacts& facts) {
  const auto* request = single_of<Request>(facts);
  if (!request || request->method != method::kListen || takes(facts, kEvents)) return std::nullopt;
  return Slip{"subscriptions/listen is answered with text/event-stream, which Accept must list."};
}

Slipped no_envelope(const HttpFacts& facts) {
  if (!single_of<Request>(facts)) return std::nullopt;  // of notifications the revision demands no metadata
  auto defect = envelope_defect(facts.message->meta);
  if (!defect) return std::nullopt;
  return Slip{std::move(defect->message)};
}

Slipped repeated_header(const HttpFacts& facts) {
  for (const KnownField& known : kKnownFields) {
    if (!known.once || (facts.fields.*known.field).count < 2) continue;
    return Slip{fmt::format("{} occurs more than once.", known.name)};
  }
  return std::nullopt;
}

Slipped version_differs(const HttpFacts& facts) {
  const HeaderField& field = facts.fields.version;
  std::string_view stated = facts.message->meta.stated_version();
  if (field.count == 0 && single_of<Request>(facts)) {
    return Slip{fmt::format("{} is missing; it repeats the version in params._meta.", kVersionHeader)};
  }
  if (field.count == 0 || stated.empty() || trimmed(field.value) == stated) return std::nullopt;
  return Slip{fmt::format("{} differs from the version in params._meta.", kVersionHeader)};
}

Slipped method_differs(const HttpFacts& facts) {
  const HeaderField& field = facts.fields.method;
  if (field.count == 0 || trimmed(field.value) == facts.message->method) return std::nullopt;
  return Slip{fmt::format("{} differs from the method in the body.", kMethodHeader)};
}

Slipped name_differs(const HttpFacts& facts) {
  const HeaderField& field = facts.fields.name;
  if (field.count == 0) return std::nullopt;
  std::string_view source = name_source(facts.message->method);
  if (source.empty()) return std::nullopt;  // for this method the header means nothing
  auto value = decode_header_value(field.value);
  if (!value) return Slip{fmt::format("{} has invalid characters or broken base64.", kNameHeader)};
  if (*value == string_at(*facts.message->params, source)) return std::nullopt;
  return Slip{fmt::format("{} differs from params.{} in the body.", kNameHeader, source)};
}

Slipped version_unsupported(const HttpFacts& facts) {
  std::string_view requested = facts.message->meta.stated_version();
  if (requested.empty()) requested = trimmed(facts.fields.version.value);
  auto revision = parse_revision(requested);
  if (revision && is_modern(*revision)) return std::nullopt;
  return Slip{"Unsupported protocol version", unsupported_version_data(requested)};
}

Slipped method_unknown(const HttpFacts& facts) {
  const auto* request = single_of<Request>(facts);
  if (!request || facts.method_known) return std::nullopt;
  return Slip{fmt::format("Method not found: {}", shown(request->method))};
}

Slipped header_missing(const HttpFacts& facts) {
  const auto* request = single_of<Request>(facts);
  if (!request) return std::nullopt;
  if (facts.fields.method.count == 0) {
    return Slip{fmt::format("{} is missing; it repeats the method in the body.", kMethodHeader)};
  }
  std::string_view source = name_source(request->method);
  if (source.empty() || facts.fields.name.count > 0) return std::nullopt;
  // A body without the name fails for that, which explains more.
  if (string_at(request->params, source).empty()) return std::nullopt;
  return Slip{fmt::format("{} is missing; it repeats params.{} in the body.", kNameHeader, source)};
}

Slipped parameter_differs(const HttpFacts& facts) {
  const auto* request = single_of<Request>(facts);
  if (!request || facts.mirrored.empty()) return std::nullopt;
  const Value* arguments = request->params.if_contains("arguments");
  const Object* given = arguments ? arguments->if_object() : nullptr;
  static const Object kNone;
  auto wrong = header_parameter_mismatch(facts.mirrored, given ? *given : kNone, facts.headers);
  if (!wrong) return std::nullopt;
  return Slip{*std::move(wrong)};
}

// ---- message, legacy

Slipped takes_too_little(const HttpFacts& facts) {
  if (facts.method == net::Method::delete_) return std::nullopt;
  bool events = takes(facts, kEvents);
  if (facts.method == net::Method::get) {
    if (events) return std::nullopt;
    return Slip{"Accept must list text/event-stream."};
  }
  if (events && takes(facts, kJson)) return std::nullopt;
  return Slip{"Accept must list application/json and text/event-stream."};
}

Slipped version_not_spoken(const HttpFacts& facts) {
  const HeaderField& field = facts.fields.version;
  if (field.count == 0 || opens_session(facts)) return std::nullopt;
  auto revision = parse_revision(trimmed(field.value));
  if (revision && !is_modern(*revision)) return std::nullopt;
  return Slip{
      fmt::format("{} names a version that sessions of this server do not speak; they speak {} to {}.",
                  kVersionHeader, kRevisionNames.front(), to_string(kNewestLegacy))};
}

Slipped session_missing(const HttpFacts& facts) {
  if (facts.session != SessionState::none || opens_session(facts)) return std::nullopt;
  return Slip{
      "Mcp-Session-Id is missing: send initialize first, or name the protocol version in params._meta "
      "(2026-07-28)."};
}

Slipped session_unknown(const HttpFacts& facts) {
  if (facts.session != SessionState::unknown) return std::nullopt;
  return Slip{"There is no such session, or it has ended. Send initialize without Mcp-Session-Id."};
}

Slipped batch_refused(const HttpFacts& facts) {
  if (!facts.message || facts.message->single) return std::nullopt;
  if (wire_rules(facts.revision).batches) return std::nullopt;
  return Slip{fmt::format("Protocol revision {} has no batches.", to_string(facts.revision))};
}

// The order is the specification's and its reference implementation's; the conformance suite leans on it.
constexpr std::array kLadder = {
    Rung{"method", Stage::door, {}, 405, code::kInvalidRequest, method_not_served},
    Rung{"origin", Stage::door, {}, 403, code::kInvalidRequest, foreign_origin},
    Rung{"host", Stage::door, {}, 403, code::kInvalidRequest, foreign_host},

    Rung{"no streams", Stage::body, {}, 405, code::kInvalidRequest, no_streams},
    Rung{"content type", Stage::body, {}, 415, code::kInvalidRequest, no_json},
    Rung{"content coding", Stage::body, {}, 415, code::kInvalidRequest, coded_body},

    Rung{"json", Stage::message, {}, 400, code::kParseError, unreadable},
    Rung{"message", Stage::message, {}, 400, code::kInvalidRequest, no_message},

    Rung{"one request", Stage::message, Era::modern, 400, code::kInvalidRequest, not_one_request},
    Rung{"accept", Stage::message, Era::modern, 406, code::kInvalidRequest, takes_neither},
    Rung{"envelope", Stage::message, Era::modern, 400, code::kInvalidParams, no_envelope},
    Rung{"repeated header", Stage::message, Era::modern, 400, code::kHeaderMismatch, repeated_header},
    Rung{"version header", Stage::message, Era::modern, 400, code::kHeaderMismatch, version_differs},
    Rung{"method header", Stage::message, Era::modern, 400, code::kHeaderMismatch, method_differs},
    Rung{"name header", Stage::message, Era::modern, 400, code::kHeaderMismatch, name_differs},
    Rung{"version", Stage::message, Era::modern, 400, code::kUnsupportedProtocolVersion, version_unsupported},
    Rung{"method known", Stage::message, Era::modern, 404, code::kMethodNotFound, method_unknown},
    Rung{"header missing", Stage::message, Era::modern, 400, code::kHeaderMismatch, header_missing},
    Rung{"parameter header", Stage::message, Era::modern, 400, code::kHeaderMismatch, parameter_differs},
    Rung{"events accepted", Stage::message, Era::modern, 406, code::kInvalidRequest, takes_no_events},

    Rung{"accept", Stage::message, Era::legacy, 406, code::kInvalidRequest, takes_too_little},
    Rung{"repeated header", Stage::message, Era::legacy, 400, code::kInvalidRequest, repeated_header},
    Rung{"version header", Stage::message, Era::legacy, 400, code::kInvalidRequest, version_not_spoken},
    Rung{"session", Stage::message, Era::legacy, 400, code::kInvalidRequest, session_missing},
    Rung{"session known", Stage::message, Era::legacy, 404, code::kInvalidRequest, session_unknown},
    Rung{"batch", Stage::message, Era::legacy, 400, code::kInvalidRequest, batch_refused},
};

static_assert(std::ranges::is_sorted(kLadder, {}, &Rung::stage));

// A quality of zero means "not this one" (RFC 9110 section 12.4.2).
bool refused_quality(std::string_view parameters) {
  while (!parameters.empty()) {
    auto end = parameters.find(';');
    std::string_view parameter = trimmed(parameters.substr(0, end));
    parameters = end == std::string_view::npos ? std::string_view{} : parameters.substr(end + 1);
    if (parameter.size() < 2 || (parameter[0] != 'q' && parameter[0] != 'Q') || parameter[1] != '=') continue;
    return parameter.find_first_not_of("0.", 2) == std::string_view::npos;
  }
  return false;
}

}  // namespace

EndpointFields::EndpointFields(const net::Headers& headers) {
  for (const auto& [key, value] : headers) {
    const KnownField* known = key.size() < kFieldOfLength.size() ? kFieldOfLength[key.size()] : nullptr;
    if (!known || !net::equals_ignoring_case(key, known->name)) continue;
    HeaderField& field = this->*known->field;
    if (field.count++ == 0) field.value = value;
  }
}

std::span<const Rung> ladder() {
  return kLadder;
}

MessageFacts::MessageFacts(const Incoming& incoming) : single(std::get_if<Message>(&incoming)) {
  auto look_into = [this](const auto* body) {
    if (!body) return;
    method = body->method;
    params = &body->params;
    meta = RequestMeta(body->params);
  };
  if (!single) return;
  look_into(std::get_if<Request>(single));
  look_into(std::get_if<Notification>(single));
}

Era era_of(const HttpFacts& facts) {
  const bool has_body = facts.message && facts.message->params;
  if (has_body && is_modern_request(facts.message->method, facts.message->meta)) return Era::modern;
  if (has_body && facts.message->method == method::kInitialize) return Era::legacy;
  auto revision = parse_revision(trimmed(facts.fields.version.value));
  return revision && is_modern(*revision) ? Era::modern : Era::legacy;
}

std::optional<HttpRefusal> climb(Stage stage, Era era, const HttpFacts& facts) {
  for (const Rung& rung : std::ranges::equal_range(kLadder, stage, {}, &Rung::stage)) {
    if (rung.era && *rung.era != era) continue;
    if (auto slip = rung.slip(facts)) {
      return HttpRefusal{rung.status, rung.code, std::move(slip->message), std::move(slip->data)};
    }
  }
  return std::nullopt;
}

std::optional<RequestId> answered_id(const Incoming& incoming) {
  const auto* message = std::get_if<Message>(&incoming);
  if (!message) return std::nullopt;
  if (const auto* request = std::get_if<Request>(message)) return request->id;
  if (const auto* rejected = std::get_if<Rejected>(message)) return rejected->id;
  return std::nullopt;
}

int answer_status(Era era, int error_code) {
  if (era == Era::legacy) return 200;
  switch (error_code) {
    case code::kMethodNotFound:
      return 404;
    case code::kParseError:
    case code::kInvalidRequest:
    case code::kHeaderMismatch:
    case code::kMissingRequiredClientCapability:
    case code::kUnsupportedProtocolVersion:
      return 400;
    default:
      return 200;
  }
}

bool prefers_events(const net::Headers& headers) {
  if (takes_both(find_field(headers, "Accept"))) return false;
  if (!accepts(headers, kJson)) return true;
  for (const auto& [key, value] : headers) {
    if (!net::equals_ignoring_case(key, "Accept")) continue;
    auto events = value.find(kEvents);
    auto json = value.find(kJson);
    if (events != json) return events < json;  // npos is the largest
  }
  return false;
}

bool accepts(const net::Headers& headers, std::string_view media_type) {
  std::string_view top_type = media_type.substr(0, media_type.find('/') + 1);
  bool listed = false;
  bool taken = false;
  int decided_by = -1;  // the most specific range decides (RFC 9110 section 12.5.1)
  for (const auto& [key, value] : headers) {
    if (!net::equals_ignoring_case(key, "Accept")) continue;
    listed = true;
    std::string_view rest = value;
    while (!rest.empty()) {
      auto comma = rest.find(',');
      std::string_view range = rest.substr(0, comma);
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
      auto semicolon = range.find(';');
      std::string_view type = trimmed(range.substr(0, semicolon));
      int specific = -1;
      if (net::equals_ignoring_case(type, media_type)) {
        specific = 2;
      } else if (type == "*/*") {
        specific = 0;
      } else if (type.ends_with("/*") &&
                 net::equals_ignoring_case(type.substr(0, type.size() - 1), top_type)) {
        specific = 1;
      }
      if (specific <= decided_by) continue;
      decided_by = specific;
      taken = semicolon == std::string_view::npos || !refused_quality(range.substr(semicolon + 1));
    }
  }
  return !listed || taken;
}

}  // namespace mcp
