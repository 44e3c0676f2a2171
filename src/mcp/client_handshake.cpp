// Which era a server belongs to (page Versioning, "Backward Compatibility"), and the opening of either.
#include <algorithm>
#include <fmt/format.h>

#include "core/log.h"
#include "mcp/client_answer.h"
#include "mcp/client_impl.h"

namespace mcp {

using core::ErrorKind;
using core::json::Object;
using core::json::Value;

namespace {

constexpr Revision kNewestModern = Revision::v2026_07_28;
constexpr int kMaxVersionsRead = 64;

// The revisions of a `supported` list that this client knows; whether there was a list at all.
struct Offered {
  bool listed = false;
  bool modern = false;
  bool legacy = false;
};

Offered read_versions(const Value* list) {
  Offered offered;
  if (!list || !list->is_array()) return offered;
  offered.listed = true;
  int count = 0;
  for (const Value& name : list->get_array()) {
    if (++count > kMaxVersionsRead || !name.is_string()) break;
    if (const auto revision = parse_revision(name.get_string())) {
      (is_modern(*revision) ? offered.modern : offered.legacy) = true;
    }
  }
  return offered;
}

std::unexpected<core::Error> no_common_version(std::string message) {
  return core::fail(ErrorKind::unsupported, "mcp.client.version", std::move(message),
                    "This client speaks 2024-11-05 to 2026-07-28.");
}

bool is_modern_code(int code) {
  return code == code::kHeaderMismatch || code == code::kMissingRequiredClientCapability ||
         code == code::kUnsupportedProtocolVersion;
}

// Refusals that say nothing about the era: who may come in, and when.
bool is_about_access(int status) {
  return status == 401 || status == 403 || status == 407 || status == 408 || status == 429;
}

}  // namespace

Object Client::Impl::capabilities(Revision spoken) const {
  Object declared = options.capabilities;
  if (options.on_elicitation && spoken >= Revision::v2025_06_18) {
    Object modes;
    if (spoken >= Revision::v2025_11_25) {
      modes["form"] = Object{};
      if (options.url_elicitation) modes["url"] = Object{};
    }
    declared["elicitation"] = std::move(modes);
  }
  if (options.on_sampling) declared["sampling"] = Object{};
  if (options.on_roots) declared["roots"] = Object{};
  return declared;
}

core::Status Client::Impl::shake_hands() {
  std::lock_guard beginning(session_mutex);
  if (options.revision && !is_modern(*options.revision)) return initialize(*options.revision);
  if (!options.revision && options.era == ClientEra::legacy) return initialize(kNewestLegacy);
  const bool may_fall_back = !options.revision && options.era == ClientEra::automatic;

  ASSIGN_OR_RETURN(const Discovery found, discover());
  if (found == Discovery::agreed) return {};
  if (!may_fall_back) {
    return no_common_version(fmt::format("The server does not speak {}: it does not answer server/discover.",
                                         to_string(kNewestModern)));
  }
  return initialize(kNewestLegacy);
}

core::Result<Client::Impl::Discovery> Client::Impl::discover() {
  const bool may_fall_back = !options.revision && options.era == ClientEra::automatic;
  CallOptions call;
  if (may_fall_back && transport->may_stay_silent())
    call.timeout = std::min(options.probe_timeout, options.timeout);
  for (int attempt = 0;; ++attempt) {
    auto reply = ask(method::kDiscover, {}, call, {.handshake = true});
    if (!reply) {
      const core::Error& error = reply.error();
      if (error.code == "mcp.client.timeout" && transport->may_stay_silent()) return Discovery::unknown;
      const int status = error.upstream ? error.upstream->status : 0;
      if (status / 100 == 4 && !is_about_access(status)) return Discovery::unknown;
      return std::unexpected(error);
    }
    if (auto* problem = std::get_if<RpcError>(&reply->response.outcome)) {
      if (!is_modern_code(problem->code)) return Discovery::unknown;
      if (problem->code != code::kUnsupportedProtocolVersion) return core::fail(rpc_error(*problem));
      const Offered offered =
          read_versions(problem->data ? core::json::find(*problem->data, "supported") : nullptr);
      if (offered.modern && attempt == 0) continue;
      if (offered.legacy || !offered.listed) return Discovery::unknown;
      return no_common_version("The server speaks no revision that this client knows: " +
                               outside_text(problem->message));
    }
    Value& result = std::get<Value>(reply->response.outcome);
    if (!result.is_object()) return protocol_error("The result of server/discover is not an object.");
    const Offered offered = read_versions(result.get_object().if_contains("supportedVersions"));
    if (!offered.listed) return protocol_error("The result of server/discover has no supportedVersions.");
    if (!offered.modern) {
      if (offered.legacy) return Discovery::unknown;
      return no_common_version("The server speaks no revision that this client knows.");
    }
    transport->agree(kNewestModern);
    std::lock_guard lock(mutex);
    revision = kNewestModern;
    server = std::move(result.get_object());
    ++session;
    return Discovery::agreed;
  }
}

core::Status Client::Impl::initialize(Revision asked) {
  ASSIGN_OR_RETURN(Object result, request(method::kInitialize,
                                          {{"protocolVersion", to_string(asked)},
                                           {"capabilities", capabilities(asked)},
                                           {"clientInfo", client_info()}},
                                          {}, {.handshake = true}));
  const std::string_view name = core::json::string_or_empty(result, "protocolVersion");
  const auto agreed = parse_revision(name);
  if (!agreed || is_modern(*agreed) || (options.revision && *agreed != *options.revision)) {
    return no_common_version(fmt::format("The server answered initialize of {} with protocol version {}.",
                                         to_string(asked), name.empty() ? "none" : outside_text(name, 40)));
  }
  const bool logs = core::json::find(result, "capabilities.logging") != nullptr;
  transport->agree(*agreed);
  {
    std::lock_guard lock(mutex);
    revision = agreed;
    // A later session of the same server changes nothing that was handed out by reference.
    if (session++ == 0) server = std::move(result);
  }
  core::Context context;
  context.deadline = std::chrono::steady_clock::now() + options.timeout;
  const Object none;
  RETURN_IF_ERROR(transport->notify(context, {.method = method::kInitialized, .params = none}));
  transport->settled();
  if (options.log_level && logs) {
    // A server that refuses sends what it likes, or nothing; neither ends the session.
    (void)ask(method::kSetLevel, {{"level", core::to_string(*options.log_level)}}, {}, {.handshake = true});
  }
  return {};
}

core::Status Client::Impl::begin_again(std::uint64_t seen_session) {
  std::lock_guard beginning(session_mutex);
  Revision spoken{};
  {
    std::lock_guard lock(mutex);
    if (session != seen_session) return {};  // another thread has done it
    spoken = revision.value_or(kNewestLegacy);
    listeners.clear();  // the old session's
  }
  transport->forget_session();
  return initialize(spoken);
}

}  // namespace mcp
