// The subject of a token exchange: whom the agent acts for, and through whose hands the request came.
#pragma once

#include <string>
#include <vector>

#include "authserver/token_exchange.h"
#include "core/json.h"
#include "core/result.h"
#include "registry/token_request.h"
#include "registry/workload_principal.h"

namespace registry {

// Evidence: exists only as the result of verify_subject_token().
class VerifiedSubject {
 public:
  const std::string& id() const { return id_; }  // 00u..., or the client of a machine
  bool is_user() const { return !login_.empty(); }
  const std::string& login() const { return login_; }
  const std::string& email() const { return email_; }        // where the sign-in released it
  std::int64_t auth_time() const { return auth_time_; }      // seconds since 1970; 0: unknown
  const std::string& token_id() const { return token_id_; }  // jti
  bool is_id_token() const { return id_token_; }
  const core::json::Object& actor() const { return actor_; }  // `act` as it came; empty: none
  std::size_t actors() const { return actors_; }              // how many are in it

 private:
  friend class SubjectReader;
  VerifiedSubject() = default;

  std::string id_, login_, email_, token_id_;
  std::int64_t auth_time_ = 0;
  bool id_token_ = false;
  core::json::Object actor_;
  std::size_t actors_ = 0;
};

// An ID token that `org` issued to this principal's client, or an access token of one of our custom
// authorization servers that is for this principal, under a delegation link. Not within a transaction.
//
// Errors: invalid_subject_token and those that start so, token_exchange_subject_token_expired.
core::Result<VerifiedSubject> verify_subject_token(TokenRequest& request, const authserver::Server& org,
                                                   const WorkloadPrincipal& principal,
                                                   const authserver::TokenExchange& exchange);

}  // namespace registry
