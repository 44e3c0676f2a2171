#include "registry/sts.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

#include "authserver/problem.h"
#include "core/encoding.h"
#include "registry/sts_grant.h"
#include "registry/sts_target.h"
#include "registry/sts_token_request.h"
#include "registry/vault.h"

namespace registry {
namespace {

using boost::json::object;
using core::Result;
using core::WallTime;
using std::chrono::milliseconds;
using std::chrono::seconds;

// Longer than a refresh may take with its repetition (sts_token_request.cpp), so that a lease that ran out
// belongs to a node that is gone.
constexpr seconds kLease{30};
constexpr milliseconds kLookAgain{100};
constexpr int kLooks = 100;
// What an agent is told of a token whose end is unknown: when to ask again.
constexpr seconds kAskAgain{3600};
constexpr seconds kVaultAnswerLife{300};  // as Okta's guide has it
constexpr seconds kFirstRetry{5};
constexpr seconds kLastRetry{300};
constexpr int kMaxConflicts = 3;

struct TypeRow {
  std::string_view type;
  ConnectionType connection;
  std::string_view event;
};
constexpr TypeRow kTypes[] = {
    {kOAuthSts, ConnectionType::sts_access_token, "app.oauth2.token.grant.oauth_sts"},
    {kVaultedSecret, ConnectionType::sts_vault_secret, "app.oauth2.token.grant.vaulted_secret"},
    {kServiceAccount, ConnectionType::sts_service_account, "app.oauth2.token.grant.service_account"},
};

const TypeRow* find_type(std::string_view type) {
  const auto* row = std::ranges::find(kTypes, type, &TypeRow::type);
  return row == std::end(kTypes) ? nullptr : row;
}

Event event_of(const StsRequest& request, std::string_view type) {
  Event event{
      .type = std::string(type), .actor = actor_of(request.principal), .transaction = request.transaction};
  if (!request.user_id.empty())
    event.targets.push_back({.id = request.user_id, .type = "User", .name = request.login});
  event.debug["requestedTokenType"] = request.requested_token_type;
  event.debug["resource"] = request.resource;
  if (!request.subject_token_id.empty()) event.debug["subjectTokenId"] = request.subject_token_id;
  return event;
}

// What one look at the store tells to do.
struct Decision {
  enum class Kind { refused, answer, refresh, wait } kind = Kind::refused;
  core::Error error{};                // refused
  std::optional<StsGrant> grant{};    // answer, refresh
  std::optional<StsTarget> target{};  // refresh
};

// One request for an oauth-sts token.
class Broker {
 public:
  Broker(const Service& service, const StsRequest& request) : service_(service), request_(request) {}

  Result<object> redeem() {
    int conflicts = 0;
    for (int looks = 0; looks < kLooks; ++looks) {
      Decision decision;
      const auto done = service_.store->transaction([&](Transaction& tx) -> core::Status {
        ASSIGN_OR_RETURN(decision, decide(tx));
        return {};
      });
      if (!done) {
        // Another node asked for consent, or changed the grant, in the same moment.
        if (done.error().kind == core::ErrorKind::conflict && ++conflicts < kMaxConflicts) continue;
        return std::unexpected(done.error());
      }
      switch (decision.kind) {
        case Decision::Kind::refused:
          return std::unexpected(std::move(decision.error));
        case Decision::Kind::answer:
          return answer(*decision.grant);
        case Decision::Kind::refresh:
          RETURN_IF_ERROR(refresh(*decision.grant, *decision.target));
          refreshed_ = true;
          break;
        case Decision::Kind::wait:
          service_.clock->wait_until(service_.clock->steady() + kLookAgain, {});
          break;
      }
    }
    return authserver::problem("oauth_sts_temporarily_unavailable");
  }

 private:
  Result<Decision> decide(Transaction& tx) {
    ASSIGN_OR_RETURN(
        const auto connection,
        find_connection(tx, request_.principal.id, ConnectionType::sts_access_token, request_.resource));
    std::optional<StsTarget> target;
    if (connection) {
      ASSIGN_OR_RETURN(target, resolve_target(tx, service_, *connection));
    }
    if (!target) return refused(tx, nullptr, authserver::problem("token_exchange_invalid_resource").error());

    const WallTime now = service_.now();
    ASSIGN_OR_RETURN(auto grant, hold_grant(tx, grant_id(target->settings.id, request_.user_id)));
    // What people allowed is no longer what is asked for, or was given to another client.
    if (grant && !grant->is_for(target->settings)) RETURN_IF_ERROR(drop(tx, grant, GrantEvent::changed));
    if (!grant || !grant->serves(request_.principal.id)) return ask_consent(tx, *target, grant);
    if (grant->is_fresh(now)) return granted(tx, *target, *std::move(grant));
    if (!grant->has_refresh) {
      if (grant->is_usable(now)) return granted(tx, *target, *std::move(grant));
      RETURN_IF_ERROR(drop(tx, grant, GrantEvent::refresh_refused));
      return ask_consent(tx, *target, grant);
    }
    const bool busy = !grant->lease.empty() && grant->lease_until > now;
    if (refreshed_ || busy || grant->retry_at > now) {
      if (grant->is_usable(now)) return granted(tx, *target, *std::move(grant));
      if (busy && !refreshed_) return Decision{.kind = Decision::Kind::wait};
      return refused(tx, &*target, authserver::problem("oauth_sts_temporarily_unavailable").error());
    }
    grant->lease = service_.random->token(16);
    grant->lease_until = now + kLease;
    Row row = to_row(*grant);
    RETURN_IF_ERROR(tx.update(row));
    return Decision{.kind = Decision::Kind::refresh, .grant = std::move(grant), .target = std::move(target)};
  }

  static core::Status drop(Transaction& tx, std::optional<StsGrant>& grant, GrantEvent event) {
    RETURN_IF_ERROR(next_state(GrantState::linked, event));
    RETURN_IF_ERROR(tx.remove(Kind::grant, grant->id));
    grant.reset();
    return {};
  }

  Result<Decision> ask_consent(Transaction& tx, const StsTarget& target,
                               const std::optional<StsGrant>& grant) {
    const WallTime now = service_.now();
    ASSIGN_OR_RETURN(auto pending, find_interaction(tx, request_.user_id, target.connection.id));
    const GrantState state = state_of(grant, pending, target.principal.id, now);
    RETURN_IF_ERROR(next_state(state, GrantEvent::requested));
    if (state != GrantState::consent_pending) {
      if (pending) RETURN_IF_ERROR(tx.remove(Kind::interaction, pending->id));
      pending = StsInteraction{.id = service_.random->token(32),
                               .user = request_.user_id,
                               .principal = target.principal.id,
                               .connection = target.connection.id,
                               .settings = target.settings.id,
                               .expires = now + kConsentTime};
      Row row = to_row(*pending);
      RETURN_IF_ERROR(tx.insert(row));
    }
    core::Error error = authserver::problem("oauth_sts_interaction_required").error();
    error.location = service_.url("/oauth2/v1/sts/interact/" + pending->id);
    return refused(tx, &target, std::move(error));
  }

  Result<Decision> refused(Transaction& tx, const StsTarget* target, core::Error error) {
    Event event = event_of(request_, find_type(request_.requested_token_type)->event);
    if (target) {
      auto parts = event_targets(*target);
      std::ranges::move(parts, std::back_inserter(event.targets));
    }
    event.success = false;
    if (const auto* row = authserver::problem_of(error)) event.reason = row->name;
    RETURN_IF_ERROR(tx.emit(std::move(event)));
    return Decision{.kind = Decision::Kind::refused, .error = std::move(error)};
  }

  Result<Decision> granted(Transaction& tx, const StsTarget& target, StsGrant grant) {
    Event event = event_of(request_, find_type(request_.requested_token_type)->event);
    auto parts = event_targets(target);
    std::ranges::move(parts, std::back_inserter(event.targets));
    event.targets.push_back({.id = grant.token_hash.substr(0, 24), .type = "access_token"});
    event.debug["scope"] = fmt::format("{}", fmt::join(grant.scopes, " "));
    RETURN_IF_ERROR(tx.emit(std::move(event)));
    return Decision{.kind = Decision::Kind::answer, .grant = std::move(grant)};
  }

  Result<object> answer(const StsGrant& grant) const {
    ASSIGN_OR_RETURN(const auto tokens, open_tokens(service_, grant));
    seconds left = kAskAgain;
    if (grant.expires) left = std::chrono::floor<seconds>(*grant.expires - service_.now());
    return object{{"issued_token_type", kOAuthSts},
                  {"access_token", tokens.access_token.reveal()},
                  {"token_type", "Bearer"},
                  {"expires_in", std::max<std::int64_t>(left.count(), 1)},
                  {"scope", fmt::format("{}", fmt::join(grant.scopes, " "))}};
  }

  // Under the grant's lease.
  core::Status refresh(const StsGrant& mine, const StsTarget& target) {
    ASSIGN_OR_RETURN(const auto tokens, open_tokens(service_, mine));
    net::Query form{{"grant_type", "refresh_token"},
                    {"refresh_token", tokens.refresh_token.reveal()},
                    {"resource", target.server.resource_url}};
    const WallTime asked_at = service_.now();
    const auto outcome = request_external_tokens(core::Context{}, service_, target.auth_server,
                                                 target.settings, std::move(form));
    // Sealed before the transaction: sealing may make a key, which is a write of its own.
    StsGrant renewed = mine;
    if (outcome) {
      RETURN_IF_ERROR(next_state(GrantState::linked, GrantEvent::refreshed));
      RETURN_IF_ERROR(take_tokens(service_, renewed, *outcome, asked_at));
    }
    return service_.store->transaction(
        [&](Transaction& tx) { return settle(tx, mine, renewed, target, outcome); });
  }

  core::Status settle(Transaction& tx, const StsGrant& mine, const StsGrant& renewed, const StsTarget& target,
                      const TokenOutcome& outcome) {
    RETURN_IF_ERROR(tx.emit(upstream_event(target, outcome)));
    ASSIGN_OR_RETURN(auto grant, hold_grant(tx, mine.id));
    // Forgotten meanwhile, or another node has newer tokens: what came for the old ones is of no use.
    if (!grant || grant->generation != mine.generation) return {};
    if (!outcome && outcome.error().kind == RefusalKind::grant)
      return drop(tx, grant, GrantEvent::refresh_refused);
    if (outcome) {
      const std::int64_t version = grant->version;
      grant = renewed;
      grant->version = version;
    } else {
      ++grant->failures;
      const seconds backoff = kFirstRetry * (1LL << std::min(grant->failures - 1, 6));
      grant->retry_at = service_.now() +
                        std::clamp(std::max(backoff, outcome.error().retry_after), kFirstRetry, kLastRetry);
      if (grant->lease == mine.lease) grant->lease.clear();
    }
    Row row = to_row(*grant);
    return tx.update(row);
  }

  Event upstream_event(const StsTarget& target, const TokenOutcome& outcome) const {
    Event event = event_of(request_, "app.oauth2.token.oauth_sts.request_token");
    auto parts = event_targets(target);
    std::ranges::move(parts, std::back_inserter(event.targets));
    event.debug["grantType"] = "refresh_token";
    event.success = outcome.has_value();
    if (outcome) {
      event.targets.push_back(
          {.id = token_hash(outcome->access_token.reveal()).substr(0, 24), .type = "access_token"});
    } else {
      event.reason = outcome.error().error;
      event.debug["refusal"] = to_string(outcome.error().kind);
      if (!outcome.error().description.empty()) event.debug["description"] = outcome.error().description;
    }
    return event;
  }

  const Service& service_;
  const StsRequest& request_;
  bool refreshed_ = false;
};

core::Status emit_refusal(const Service& service, const StsRequest& request, std::string_view reason) {
  Event event = event_of(request, find_type(request.requested_token_type)->event);
  event.success = false;
  event.reason = reason;
  return service.store->transaction([&](Transaction& tx) { return tx.emit(event); });
}

// What the connection leads to in the vault, ACTIVE; the event is the caller's.
Result<std::optional<object>> open_vault(Reader& reader, const Service& service, const Connection& connection,
                                         EventTarget& opened) {
  if (connection.type == ConnectionType::sts_vault_secret) {
    ASSIGN_OR_RETURN(const auto row, reader.get(Kind::vault_secret, connection.secret));
    if (!row) return std::nullopt;
    ASSIGN_OR_RETURN(const auto secret, read_vault_secret(*row));
    if (!secret.active) return std::nullopt;
    ASSIGN_OR_RETURN(auto value, open_value(service, secret));
    opened = {.id = secret.id, .type = "VaultedSecret", .name = secret.name};
    return object{{"issued_token_type", kVaultedSecret}, {"vaulted_secret", std::move(value)}};
  }
  ASSIGN_OR_RETURN(const auto row, reader.get(Kind::service_account, connection.service_account));
  if (!row) return std::nullopt;
  ASSIGN_OR_RETURN(const auto account, read_service_account(*row));
  if (!account.active) return std::nullopt;
  ASSIGN_OR_RETURN(const auto password, open_password(service, account));
  opened = {.id = account.id, .type = "ServiceAccount", .name = account.name};
  return object{{"issued_token_type", kServiceAccount},
                {"service_account", object{{"username", account.username}, {"password", password.reveal()}}}};
}

Result<object> redeem_vaulted(const Service& service, const StsRequest& request, const TypeRow& type) {
  std::optional<object> found;
  const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
    found.reset();
    Event event = event_of(request, type.event);
    ASSIGN_OR_RETURN(const auto connection,
                     find_connection(tx, request.principal.id, type.connection, request.resource));
    if (connection) {
      EventTarget opened;
      ASSIGN_OR_RETURN(found, open_vault(tx, service, *connection, opened));
      event.targets.push_back({.id = connection->id, .type = "ResourceConnection"});
      if (found) event.targets.push_back(std::move(opened));
    }
    event.success = found.has_value();
    if (!found) event.reason = "token_exchange_invalid_resource";
    return tx.emit(std::move(event));
  });
  RETURN_IF_ERROR(done);
  if (!found) return authserver::problem("token_exchange_invalid_resource");
  (*found)["token_type"] = "N_A";
  (*found)["expires_in"] = kVaultAnswerLife.count();
  return *std::move(found);
}

// One of the principal's connections, ACTIVE or not, is to these settings.
Result<bool> is_connected(Reader& reader, std::string_view principal, std::string_view settings) {
  Query query{.kind = Kind::connection, .parent = std::string(principal), .limit = Store::kMaxPage};
  for (;;) {
    ASSIGN_OR_RETURN(const auto rows, reader.list(query));
    for (const Row& row : rows) {
      ASSIGN_OR_RETURN(const auto connection, read_connection(row));
      if (connection.type == ConnectionType::sts_access_token && connection.settings == settings) return true;
    }
    if (rows.size() < query.limit) return false;
    query.after = rows.back().id;
  }
}

}  // namespace

Result<object> redeem_sts(const Service& service, const StsRequest& request) {
  const TypeRow* type = find_type(request.requested_token_type);
  if (!type) return authserver::problem("invalid_requested_token_type");
  if (!request.subject_is_user || request.user_id.empty()) {
    RETURN_IF_ERROR(emit_refusal(service, request, "oauth_sts_user_subject_required"));
    return authserver::problem("oauth_sts_user_subject_required");
  }
  if (type->type != kOAuthSts) return redeem_vaulted(service, request, *type);
  return Broker(service, request).redeem();
}

core::Status revoke_sts(const Service& service, const WorkloadPrincipal& principal, std::string_view token,
                        const std::string& transaction) {
  const std::string hash = token_hash(token);
  ASSIGN_OR_RETURN(const auto rows, service.store->list({.kind = Kind::grant,
                                                         .texts = {{.match = Query::Text::Match::equals,
                                                                    .field = Query::Text::Field::name,
                                                                    .text = hash}}}));
  for (const Row& found : rows) {
    ASSIGN_OR_RETURN(auto without, read_sts_grant(found));
    RETURN_IF_ERROR(forget_access(service, without));
    const core::Status done = service.store->transaction([&](Transaction& tx) -> core::Status {
      ASSIGN_OR_RETURN(auto grant, hold_grant(tx, found.id));
      if (!grant || !core::constant_time_equal(grant->token_hash, hash)) return {};
      ASSIGN_OR_RETURN(const bool connected, is_connected(tx, principal.id, grant->settings));
      if (!connected || !grant->serves(principal.id)) return {};
      RETURN_IF_ERROR(next_state(GrantState::linked, GrantEvent::revoked));
      grant->sealed = without.sealed;
      grant->has_access = false;
      grant->token_hash.clear();
      Row row = to_row(*grant);
      RETURN_IF_ERROR(tx.update(row));
      return tx.emit({.type = "app.oauth2.token.revoke",
                      .actor = actor_of(principal),
                      .targets = {{.id = grant->user, .type = "User"},
                                  {.id = grant->settings, .type = "ClientAuthSettings"},
                                  {.id = hash.substr(0, 24), .type = "access_token"}},
                      .transaction = transaction});
    });
    RETURN_IF_ERROR(done);
  }
  return {};
}

}  // namespace registry
