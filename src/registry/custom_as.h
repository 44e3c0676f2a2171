// Custom authorization servers: where ID-JAGs are redeemed for access tokens. Their rows' bodies have Okta's
// member names (/api/v1/authorizationServers); here is what the token rules read of them.
//
// Each change below a server (scope, claim, policy, rule, key) also updates the server's row, so that its
// version says whether what is remembered of it still holds.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "core/json.h"
#include "oauth/jwk.h"
#include "registry/service.h"
#include "registry/signing_keys.h"

namespace registry {

struct CustomAs {
  std::string id;  // aus...
  std::string name;
  std::string description{};
  std::vector<std::string> audiences{};  // of tokens that are for no resource; the first counts
  bool active = true;
  std::string issuer_mode = "ORG_URL";
  oauth::Algorithm algorithm = oauth::Algorithm::rs256;  // of its keys: RS256 or ES256
  bool rotates = true;  // credentials.signing.rotationMode AUTO: every kKeyLifetime
  // Kept by Row.
  core::WallTime created{};
  core::WallTime updated{};
  std::int64_t version = 0;
};
Row to_row(const CustomAs& server);
core::Result<CustomAs> read_custom_as(const Row& row);

// "https://agents.example.com/oauth2/aus...": its `iss`, and what an ID-JAG for it has as `aud`.
std::string issuer_of(const Service& service, std::string_view custom_as);
// The id in such an issuer; empty when it is none of ours.
std::string_view custom_as_of(const Service& service, std::string_view issuer);

struct AsScope {
  std::string name;
  bool is_default = false;  // given where a request names none
  bool published = false;   // metadataPublish ALL_CLIENTS
};

// An ACTIVE claim of access tokens.
struct AsClaim {
  std::string name;
  std::string value;                  // a quoted text, or one of claim_expressions()
  std::vector<std::string> scopes{};  // with any of these; empty: always
};
// Okta expressions that a claim's value may be, beside a text in double quotes: "user.email", ...
std::vector<std::string_view> claim_expressions();
// The value for a token; nullopt: it has none for this one. `user` is null where a client acts for itself.
std::optional<std::string> evaluate(const AsClaim& claim, const authserver::User* user,
                                    std::string_view client_id);

struct AsRule {
  std::string id;  // 0pr...
  std::vector<std::string> grant_types{};
  std::vector<std::string> scopes{};  // "*" for all
  std::vector<std::string> users{};   // ids
  std::vector<std::string> excluded_users{};
  std::vector<std::string> groups{};  // ids, or "EVERYONE"
  std::chrono::minutes access_token_lifetime{60};
};

struct AsPolicy {
  std::string id;                      // 00p...
  std::vector<std::string> clients{};  // ids, or "ALL_CLIENTS"
  std::vector<AsRule> rules{};         // ACTIVE ones, by priority
};

// A server with all that a token request asks of it.
struct CustomAsView {
  CustomAs server;
  std::vector<AsScope> scopes{};
  std::vector<AsClaim> claims{};
  std::vector<AsPolicy> policies{};  // ACTIVE ones, by priority

  const AsScope* find_scope(std::string_view name) const;
};
// Its policies alone; and whether one of them lets somebody redeem an ID-JAG.
core::Result<std::vector<AsPolicy>> read_policies(Reader& reader, const std::string& server);
bool allows_jwt_bearer(const std::vector<AsPolicy>& policies);
core::Result<CustomAsView> read_custom_as_view(Reader& reader, CustomAs server);

struct PolicyQuestion {
  std::vector<std::string> client_ids{};  // all by which the client is known
  std::string_view grant_type{};
  const std::vector<std::string>& scopes;
  std::string_view user_id{};  // empty: the client acts for itself, conditions on people do not count
  std::vector<std::string> groups{};
};
// The rule that allows it: the first that fits, of the first policy whose clients it is among that has one.
// Okta: "Policy evaluation failed for this request" when there is none.
const AsRule* evaluate(const CustomAsView& server, const PolicyQuestion& question);

// A new server with its keys and the policy that makes ID-JAGs of this org redeemable by connected agents:
// clients ALL_CLIENTS, grants client_credentials, token exchange and JWT bearer, every scope. Writes events.
core::Status insert_custom_as(Transaction& tx, const Service& service, CustomAs& server,
                              const NewSigningKeys& keys, const Actor& actor, const std::string& transaction);
// Every row of a query, page by page.
core::Result<std::vector<Row>> all_rows(Reader& reader, Query query);

}  // namespace registry
