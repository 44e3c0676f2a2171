// What a person allowed at an external authorization server: the grant, and the consent on its way. One grant
// per person and client registration holds the tokens; it names the agents that the person allowed, each by a
// consent of its own.
#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "core/secret.h"
#include "registry/mcp_server.h"
#include "registry/service.h"
#include "registry/store.h"
#include "registry/sts_token_request.h"
#include "registry/workload_principal.h"

namespace registry {

// As one agent sees it.
enum class GrantState { none, consent_pending, linked };
enum class GrantEvent { requested, consented, consent_ended, refreshed, refresh_refused, changed, revoked };
std::string_view to_string(GrantState state);  // "CONSENT_PENDING"
std::string_view to_string(GrantEvent event);  // "consent ended"

struct GrantTransition {
  GrantState from;
  GrantEvent event;
  GrantState to;
  std::string_view effect;  // for people
};
std::span<const GrantTransition> grant_transitions();
// Error registry.INVALID_STATE_TRANSITION (conflict) for what is not in the table.
core::Result<GrantState> next_state(GrantState from, GrantEvent event);
// The table as Markdown, as it stands in docs/tokens.md.
std::string draw_grant_states();

inline constexpr std::chrono::minutes kConsentTime{10};

struct StsGrant {
  std::string id;        // grant_id()
  std::string settings;  // rsc...
  std::string user;      // 00u...
  std::string server;    // ems...
  std::string issuer;
  std::string client_id;    // of the registration that got it
  std::string sealed;       // {"access_token","refresh_token"}; Service::vault, grant_context(id)
  bool has_access = false;  // false: revoked
  bool has_refresh = false;
  std::vector<std::string> asked{};         // scopes
  std::vector<std::string> scopes{};        // granted
  std::vector<std::string> principals{};    // wlp... that the person allowed to get its tokens
  core::WallTime obtained{};                // when the request for it left
  std::optional<core::WallTime> expires{};  // of the access token; nullopt: never, as far as is known
  std::int64_t generation = 1;  // grows with each refresh: who comes with an old one changes nothing
  // Who refreshes it, until when that is believed.
  std::string lease{};
  core::WallTime lease_until{};
  // Refreshes that failed in a row, and until when none is tried.
  int failures = 0;
  core::WallTime retry_at{};
  std::string token_hash{};  // Row::name: found by revoke
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;

  bool serves(std::string_view principal) const;
  // It was given for these settings as they are now: scopes in any order, client, issuer.
  bool is_for(const ClientAuthSettings& registration) const;
  // Not within its last minute (or the last quarter of a short life).
  bool is_fresh(core::WallTime now) const;
  // Good for a few seconds more.
  bool is_usable(core::WallTime now) const;
};

struct StsInteraction {
  std::string id;  // 256 random bits, base64url: the capability in interaction_uri
  std::string user;
  std::string principal;   // wlp...
  std::string connection;  // mcn...
  std::string settings;    // rsc...
  core::WallTime expires{};
  // Set while the browser is at the external server.
  std::string state_hash{};
  std::string sealed_verifier{};     // Service::vault, interaction_context(id)
  std::vector<std::string> asked{};  // the scopes that the browser was sent there with
  core::WallTime created{};
  std::int64_t version = 0;
};

std::string grant_id(std::string_view settings, std::string_view user);
std::string grant_context(std::string_view id);
std::string interaction_context(std::string_view id);
// How a token is found again, and named in events, without being told.
std::string token_hash(std::string_view token);

Row to_row(const StsGrant& grant);
Row to_row(const StsInteraction& interaction);
core::Result<StsGrant> read_sts_grant(const Row& row);
core::Result<StsInteraction> read_sts_interaction(const Row& row);

struct StoredTokens {
  core::Secret access_token;
  core::Secret refresh_token;
};
core::Result<StoredTokens> open_tokens(const Service& service, const StsGrant& grant);
// Puts tokens that just came into the grant. A refresh token that did not come with them stays.
core::Status take_tokens(const Service& service, StsGrant& grant, const ExternalTokens& tokens,
                         core::WallTime asked_at);
// Of its tokens only the refresh token stays.
core::Status forget_access(const Service& service, StsGrant& grant);

// Where things stand for a principal, by what is stored; a consent whose time is over is none.
GrantState state_of(const std::optional<StsGrant>& grant, const std::optional<StsInteraction>& interaction,
                    std::string_view principal, core::WallTime now);
core::Result<std::optional<StsGrant>> hold_grant(Transaction& tx, const std::string& id);
// The consent that this person has been asked for on this connection, whether its time is over or not.
core::Result<std::optional<StsInteraction>> find_interaction(Reader& reader, std::string_view user,
                                                             std::string_view connection);

}  // namespace registry
