#include "registry/token_request.h"

#include <algorithm>
#include <fmt/format.h>
#include <utility>

#include "authserver/problem.h"
#include "oauth/jws.h"

namespace registry {
namespace {

using authserver::problem;
using authserver::RecordKind;
using boost::json::object;
using core::Result;

bool is_single_use(RecordKind kind) {
  return kind == RecordKind::assertion_id || kind == RecordKind::dpop_proof_id;
}

std::string reason_of(const core::Error& error) {
  const authserver::ProblemRow* row = authserver::problem_of(error);
  return std::string(row != nullptr ? row->name : "server_error");
}

// The id of a token that we have just made ourselves; empty when it is none.
std::string id_in(const object& answer, std::string_view member) {
  const std::string_view token = core::json::string_or_empty(answer, member);
  auto read = oauth::peek(token);
  return read ? std::string(core::json::string_or_empty(read->claims, "jti")) : std::string();
}

class WatchedGrant final : public authserver::Grant {
 public:
  WatchedGrant(std::shared_ptr<const authserver::Grant> grant, TokenRequest& request)
      : grant_(std::move(grant)), request_(request) {}

  std::string_view type() const override { return grant_->type(); }
  void describe(object& metadata) const override { grant_->describe(metadata); }

  Result<object> redeem(const authserver::GrantCall& call) const override {
    request_.actor = client_actor(call.client);
    request_.debug["grantType"] = grant_->type();
    request_.debug["clientAuthType"] = authserver::to_string(call.client.auth_method);
    if (auto scope = call.form.get("scope")) request_.debug["requestedScopes"] = *scope;
    auto answer = grant_->redeem(call);
    if (!answer) {
      request_.failure = answer.error();
    } else if (!request_.settled) {
      request_.debug["grantedScopes"] = core::json::string_or_empty(*answer, "scope");
      for (const char* name : {"id_token", "access_token"}) {
        std::string id = id_in(*answer, name);
        if (!id.empty()) request_.targets.push_back({.id = std::move(id), .type = name});
      }
    }
    return answer;
  }

 private:
  std::shared_ptr<const authserver::Grant> grant_;
  TokenRequest& request_;
};

Event event_of(const TokenRequest& request) {
  return {.type = request.event_type,
          .actor = request.actor,
          .targets = request.targets,
          .transaction = request.transaction,
          .debug = request.debug};
}

}  // namespace

Result<std::optional<authserver::Client>> RequestStore::find_client(std::string_view id) {
  ASSIGN_OR_RETURN(client_, records_.find_client(id));
  return client_;
}

Result<std::optional<authserver::Record>> RequestStore::find(RecordKind kind, std::string_view key,
                                                             core::WallTime now) {
  return records_.find(kind, key, now);
}

Result<bool> RequestStore::compare_and_set(RecordKind kind, std::string_view key, std::uint64_t expected,
                                           std::string value, core::WallTime expires_at, core::WallTime now) {
  if (!is_single_use(kind) || expected != 0) {
    return records_.compare_and_set(kind, key, expected, std::move(value), expires_at, now);
  }
  std::string id =
      fmt::format("{}/{}/{}", kind == RecordKind::assertion_id ? "assertion" : "proof", area_, key);
  if (std::ranges::find(pending_, id, &Single::id) != pending_.end()) return false;
  pending_.push_back({.kind = kind, .id = std::move(id), .keep = expires_at - now});
  return true;
}

core::Status RequestStore::use_up(Transaction& tx) const {
  for (const Single& single : pending_) {
    ASSIGN_OR_RETURN(const bool first, tx.consume(single.id, single.keep));
    if (!first) {
      return problem(single.kind == RecordKind::assertion_id ? "client_assertion_already_used"
                                                             : "dpop_proof_already_used");
    }
  }
  return {};
}

Actor client_actor(const authserver::Client& client) {
  const bool principal = client.id.starts_with("wlp") || client.id.find("://") != std::string::npos;
  return {.id = client.id, .type = principal ? "WorkloadPrincipal" : "PublicClientApp", .name = client.name};
}

Actor principal_actor(const WorkloadPrincipal& principal) {
  return {.id = principal.id, .type = "WorkloadPrincipal", .name = principal.name};
}

core::Status settle(TokenRequest& request, Transaction& tx, EventTarget token) {
  RETURN_IF_ERROR(request.records.use_up(tx));
  Event event = event_of(request);
  event.targets.push_back(std::move(token));
  return tx.emit(std::move(event));
}

core::Status settle_rest(TokenRequest& request) {
  // Nobody who has not proven who he is writes into the log: it would be his to fill.
  const bool tell = !request.actor.id.empty() && !request.event_type.empty();
  if (request.settled || (!tell && !request.records.has_to_use_up())) return {};
  auto done = request.service.store->transaction([&](Transaction& tx) -> core::Status {
    RETURN_IF_ERROR(request.records.use_up(tx));
    if (!tell) return {};
    Event event = event_of(request);
    if (request.failure) {
      event.success = false;
      event.reason = reason_of(*request.failure);
    }
    return tx.emit(std::move(event));
  });
  request.settled = done.has_value();
  return done;
}

std::shared_ptr<const authserver::Grant> watched(std::shared_ptr<const authserver::Grant> grant,
                                                 TokenRequest& request) {
  return std::make_shared<WatchedGrant>(std::move(grant), request);
}

}  // namespace registry
