#include "registry/sts_grant.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <utility>

#include "core/json.h"
#include "core/seal.h"
#include "oauth/secret_json.h"

namespace registry {
namespace {

using core::WallTime;
using core::json::Array;
using core::json::Object;
using std::chrono::milliseconds;

using State = GrantState;
using On = GrantEvent;
constexpr std::array<GrantTransition, 15> kTransitions{{
    {State::none, On::requested, State::consent_pending, "an interaction is made; interaction_required"},
    {State::none, On::consented, State::linked,
     "tokens are stored (the consent's time ended while the external server answered)"},
    {State::none, On::consent_ended, State::none, "the interaction is removed"},
    {State::consent_pending, On::requested, State::consent_pending,
     "the same interaction again; interaction_required"},
    {State::consent_pending, On::consented, State::linked,
     "tokens are stored, also for the agents that were allowed before; the interaction is removed"},
    {State::consent_pending, On::consent_ended, State::none,
     "denied, failed, or 10 minutes over: the interaction is removed"},
    {State::linked, On::requested, State::linked,
     "the stored token, refreshed first when it is about to end"},
    {State::linked, On::consented, State::linked, "the new tokens take the place of the old"},
    {State::linked, On::consent_ended, State::linked, "the interaction is removed, the tokens stay"},
    {State::linked, On::refreshed, State::linked, "the new tokens take the place of the old"},
    {State::linked, On::refresh_refused, State::none,
     "invalid_grant, or nothing to refresh with: the tokens are removed"},
    {State::linked, On::changed, State::none,
     "scopes, client or issuer of the registration changed: the tokens are removed"},
    {State::linked, On::revoked, State::linked,
     "the access token is removed; without a refresh token the next request finds nothing"},
    {State::none, On::revoked, State::none, "nothing"},
    {State::consent_pending, On::revoked, State::consent_pending, "nothing"},
}};

constexpr milliseconds kRefreshAhead{60'000};
constexpr milliseconds kUsableFor{5'000};
// RFC 6749 section 5.1 leaves the lifetime to other means where expires_in is missing. A refresh token says
// that there is one.
constexpr std::chrono::hours kUnknownLifetime{1};

std::int64_t to_ms(WallTime time) {
  return time.time_since_epoch().count();
}
WallTime from_ms(std::int64_t ms) {
  return WallTime{milliseconds{ms}};
}

Array to_array(const std::vector<std::string>& texts) {
  Array array;
  array.reserve(texts.size());
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

// Somebody else wrote what does not read.
template <class T>
core::Result<T> as_stored(core::Result<T> read, std::string_view what) {
  if (read) return read;
  return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                    fmt::format("A stored {} cannot be read: {}", what, read.error().message),
                    "Restore the database from a backup, or remove that row.");
}

// The part of the token's life that is left is more than `most`, or than 1/`share` of the whole.
bool has_left(const StsGrant& grant, WallTime now, milliseconds most, int share) {
  if (!grant.has_access) return false;
  if (!grant.expires) return true;
  const milliseconds whole = *grant.expires - grant.obtained;
  return *grant.expires - now > std::min(most, whole / share);
}

core::Status seal_tokens(const Service& service, StsGrant& grant, const core::Secret& access,
                         const core::Secret& refresh) {
  core::json::Value document(Object{{"access_token", access.reveal()}, {"refresh_token", refresh.reveal()}});
  const oauth::WipeAtExit wiped(document);
  std::string text = core::json::write(document);
  auto sealed = service.vault->seal(text, grant_context(grant.id));
  core::wipe(text);
  if (!sealed) return std::unexpected(std::move(sealed).error());
  grant.sealed = *std::move(sealed);
  return {};
}

core::Result<StsGrant> read_grant_body(const Row& row) {
  const core::json::Value value(row.body);
  const core::json::Reader in(value);
  StsGrant grant{.id = row.id, .settings = row.parent};
  ASSIGN_OR_RETURN(grant.user, in.at("user").string());
  ASSIGN_OR_RETURN(grant.server, in.at("server").string());
  ASSIGN_OR_RETURN(grant.issuer, in.at("issuer").string());
  ASSIGN_OR_RETURN(grant.client_id, in.at("clientId").string());
  ASSIGN_OR_RETURN(grant.sealed, in.at("sealed").string());
  ASSIGN_OR_RETURN(grant.has_access, in.at("hasAccess").boolean());
  ASSIGN_OR_RETURN(grant.has_refresh, in.at("hasRefresh").boolean());
  ASSIGN_OR_RETURN(grant.asked, in.at("asked").strings());
  ASSIGN_OR_RETURN(grant.scopes, in.at("scopes").strings());
  ASSIGN_OR_RETURN(grant.principals, in.at("principals").strings());
  ASSIGN_OR_RETURN(const auto obtained, in.at("obtained").integer());
  ASSIGN_OR_RETURN(const auto expires, in.at("expires").optional_integer());
  ASSIGN_OR_RETURN(grant.generation, in.at("generation").integer());
  ASSIGN_OR_RETURN(grant.lease, in.at("lease").string());
  ASSIGN_OR_RETURN(const auto lease_until, in.at("leaseUntil").integer());
  ASSIGN_OR_RETURN(const auto failures, in.at("failures").integer_in(0, 1'000'000));
  ASSIGN_OR_RETURN(const auto retry_at, in.at("retryAt").integer());
  grant.obtained = from_ms(obtained);
  if (expires) grant.expires = from_ms(*expires);
  grant.lease_until = from_ms(lease_until);
  grant.failures = static_cast<int>(failures);
  grant.retry_at = from_ms(retry_at);
  grant.token_hash = row.name;
  grant.created = row.created;
  grant.updated = row.updated;
  grant.version = row.version;
  return grant;
}

core::Result<StsInteraction> read_interaction_body(const Row& row) {
  const core::json::Value value(row.body);
  const core::json::Reader in(value);
  StsInteraction interaction{.id = row.id, .settings = row.parent};
  ASSIGN_OR_RETURN(interaction.user, in.at("user").string());
  ASSIGN_OR_RETURN(interaction.principal, in.at("principal").string());
  ASSIGN_OR_RETURN(interaction.connection, in.at("connection").string());
  ASSIGN_OR_RETURN(const auto expires, in.at("expires").integer());
  ASSIGN_OR_RETURN(interaction.sealed_verifier, in.at("sealedVerifier").string());
  ASSIGN_OR_RETURN(interaction.asked, in.at("asked").strings());
  interaction.expires = from_ms(expires);
  interaction.state_hash = row.name;
  interaction.created = row.created;
  interaction.version = row.version;
  return interaction;
}

}  // namespace

std::string_view to_string(GrantState state) {
  switch (state) {
    case State::none:
      return "NONE";
    case State::consent_pending:
      return "CONSENT_PENDING";
    case State::linked:
      break;
  }
  return "LINKED";
}

std::string_view to_string(GrantEvent event) {
  switch (event) {
    case On::requested:
      return "requested";
    case On::consented:
      return "consented";
    case On::consent_ended:
      return "consent ended";
    case On::refreshed:
      return "refreshed";
    case On::refresh_refused:
      return "refresh refused";
    case On::changed:
      return "registration changed";
    case On::revoked:
      break;
  }
  return "revoked";
}

std::span<const GrantTransition> grant_transitions() {
  return kTransitions;
}

core::Result<GrantState> next_state(GrantState from, GrantEvent event) {
  for (const GrantTransition& row : kTransitions) {
    if (row.from == from && row.event == event) return row.to;
  }
  return refuse(core::ErrorKind::conflict, "INVALID_STATE_TRANSITION",
                fmt::format("A grant that is {} cannot be {}.", to_string(from), to_string(event)));
}

std::string draw_grant_states() {
  std::string text = "| from | event | to | effect |\n|---|---|---|---|\n";
  for (const GrantTransition& row : kTransitions) {
    text += fmt::format("| {} | {} | {} | {} |\n", to_string(row.from), to_string(row.event),
                        to_string(row.to), row.effect);
  }
  return text;
}

bool StsGrant::serves(std::string_view principal) const {
  return std::ranges::find(principals, principal) != principals.end();
}
bool StsGrant::is_for(const ClientAuthSettings& registration) const {
  return client_id == registration.client_id && issuer == registration.issuer &&
         std::ranges::is_permutation(asked, registration.scopes);
}
bool StsGrant::is_fresh(WallTime now) const {
  return has_left(*this, now, kRefreshAhead, 4);
}
bool StsGrant::is_usable(WallTime now) const {
  return has_left(*this, now, kUsableFor, 8);
}

std::string grant_id(std::string_view settings, std::string_view user) {
  return fmt::format("{}/{}", settings, user);
}
std::string grant_context(std::string_view id) {
  return fmt::format("sts-grant/{}", id);
}
std::string interaction_context(std::string_view id) {
  return fmt::format("sts-interaction/{}", id);
}
std::string token_hash(std::string_view token) {
  return core::sha256_hex(token);
}

Row to_row(const StsGrant& grant) {
  Row row{.kind = Kind::grant,
          .id = grant.id,
          .parent = grant.settings,
          .status = std::string(to_string(State::linked)),
          .name = grant.token_hash,
          .refs = {grant.settings, grant.user},
          .version = grant.version,
          .created = grant.created,
          .updated = grant.updated};
  row.body = Object{{"user", grant.user},
                    {"server", grant.server},
                    {"issuer", grant.issuer},
                    {"clientId", grant.client_id},
                    {"sealed", grant.sealed},
                    {"hasAccess", grant.has_access},
                    {"hasRefresh", grant.has_refresh},
                    {"asked", to_array(grant.asked)},
                    {"scopes", to_array(grant.scopes)},
                    {"principals", to_array(grant.principals)},
                    {"obtained", to_ms(grant.obtained)},
                    {"generation", grant.generation},
                    {"lease", grant.lease},
                    {"leaseUntil", to_ms(grant.lease_until)},
                    {"failures", grant.failures},
                    {"retryAt", to_ms(grant.retry_at)}};
  if (grant.expires) row.body["expires"] = to_ms(*grant.expires);
  return row;
}

Row to_row(const StsInteraction& interaction) {
  Row row{.kind = Kind::interaction,
          .id = interaction.id,
          .parent = interaction.settings,
          .unique = fmt::format("{}/{}", interaction.user, interaction.connection),
          .status = std::string(to_string(State::consent_pending)),
          .name = interaction.state_hash,
          .refs = {interaction.settings, interaction.user, interaction.connection},
          .version = interaction.version,
          .created = interaction.created};
  row.body = Object{{"user", interaction.user},
                    {"principal", interaction.principal},
                    {"connection", interaction.connection},
                    {"expires", to_ms(interaction.expires)},
                    {"sealedVerifier", interaction.sealed_verifier},
                    {"asked", to_array(interaction.asked)}};
  return row;
}

core::Result<StsGrant> read_sts_grant(const Row& row) {
  return as_stored(read_grant_body(row), "grant");
}
core::Result<StsInteraction> read_sts_interaction(const Row& row) {
  return as_stored(read_interaction_body(row), "interaction");
}

core::Result<StoredTokens> open_tokens(const Service& service, const StsGrant& grant) {
  ASSIGN_OR_RETURN(std::string text, service.vault->open(grant.sealed, grant_context(grant.id)));
  auto parsed = core::json::parse(text);
  core::wipe(text);
  if (!parsed || !parsed->is_object()) {
    return core::fail(core::ErrorKind::unavailable, "registry.store.unavailable",
                      "The tokens of a grant cannot be read.");
  }
  const oauth::WipeAtExit wiped(*parsed);
  StoredTokens tokens;
  ASSIGN_OR_RETURN(tokens.access_token, oauth::take_secret(parsed->as_object(), "access_token"));
  ASSIGN_OR_RETURN(tokens.refresh_token, oauth::take_secret(parsed->as_object(), "refresh_token"));
  return tokens;
}

core::Status take_tokens(const Service& service, StsGrant& grant, const ExternalTokens& tokens,
                         WallTime asked_at) {
  core::Secret refresh = tokens.refresh_token.copy();
  if (refresh.empty() && grant.has_refresh) {
    ASSIGN_OR_RETURN(StoredTokens before, open_tokens(service, grant));
    refresh = std::move(before.refresh_token);
  }
  core::json::Value document(
      Object{{"access_token", tokens.access_token.reveal()}, {"refresh_token", refresh.reveal()}});
  const oauth::WipeAtExit wiped(document);
  std::string text = core::json::write(document);
  auto sealed = service.vault->seal(text, grant_context(grant.id));
  core::wipe(text);
  if (!sealed) return std::unexpected(std::move(sealed).error());
  grant.sealed = *std::move(sealed);
  grant.has_access = true;
  grant.has_refresh = !refresh.empty();
  grant.token_hash = token_hash(tokens.access_token.reveal());
  if (!tokens.scopes.empty()) grant.scopes = tokens.scopes;
  grant.obtained = asked_at;
  grant.expires.reset();
  if (tokens.lifetime)
    grant.expires = asked_at + *tokens.lifetime;
  else if (grant.has_refresh)
    grant.expires = asked_at + kUnknownLifetime;
  ++grant.generation;
  grant.lease.clear();
  grant.lease_until = {};
  grant.failures = 0;
  grant.retry_at = {};
  return {};
}

core::Status forget_access(const Service& service, StsGrant& grant) {
  ASSIGN_OR_RETURN(const StoredTokens before, open_tokens(service, grant));
  RETURN_IF_ERROR(seal_tokens(service, grant, core::Secret{}, before.refresh_token));
  grant.has_access = false;
  grant.token_hash.clear();
  return {};
}

GrantState state_of(const std::optional<StsGrant>& grant, const std::optional<StsInteraction>& interaction,
                    std::string_view principal, WallTime now) {
  if (grant && grant->serves(principal)) return State::linked;
  return interaction && interaction->expires > now ? State::consent_pending : State::none;
}

core::Result<std::optional<StsGrant>> hold_grant(Transaction& tx, const std::string& id) {
  ASSIGN_OR_RETURN(const auto row, tx.hold(Kind::grant, id));
  if (!row) return std::nullopt;
  ASSIGN_OR_RETURN(auto grant, read_sts_grant(*row));
  return grant;
}

core::Result<std::optional<StsInteraction>> find_interaction(Reader& reader, std::string_view user,
                                                             std::string_view connection) {
  ASSIGN_OR_RETURN(const auto row,
                   reader.find_unique(Kind::interaction, fmt::format("{}/{}", user, connection)));
  if (!row) return std::nullopt;
  ASSIGN_OR_RETURN(auto interaction, read_sts_interaction(*row));
  return interaction;
}

}  // namespace registry
