#include "registry/subject_token.h"

#include <algorithm>
#include <array>

#include "authserver/authorization.h"
#include "authserver/problem.h"
#include "oauth/jwt.h"
#include "registry/custom_as.h"
#include "registry/revocation.h"
#include "registry/token_servers.h"

namespace registry {
namespace {

using authserver::problem;
using core::Result;
using core::json::Object;

struct Translation {
  std::string_view from;  // error code of room oauth or authserver
  std::string_view to;    // name in the problem table
};
constexpr std::array<Translation, 3> kErrors{{
    {"oauth.jwt.expired", "token_exchange_subject_token_expired"},
    {"oauth.jwt.audience", "invalid_subject_token_client_not_registered"},
    {"authserver.access_token_revoked", "invalid_subject_token_session_expired"},
}};

std::unexpected<core::Error> subject_problem(const core::Error& error) {
  for (const Translation& row : kErrors) {
    if (row.from == error.code) return problem(row.to);
  }
  if (error.kind == core::ErrorKind::unavailable || error.kind == core::ErrorKind::internal) {
    return std::unexpected(error);  // not the token's fault
  }
  return problem("invalid_subject_token");
}

// How many actors are nested; nullopt for what is no chain (RFC 8693 section 4.1).
std::optional<std::size_t> count_actors(const Object& chain) {
  std::size_t actors = 0;
  for (const Object* actor = &chain; actor != nullptr; ++actors) {
    if (core::json::string_or_empty(*actor, "sub").empty()) return std::nullopt;
    const auto* next = actor->if_contains("act");
    if (next != nullptr && !next->is_object()) return std::nullopt;
    actor = next != nullptr ? &next->get_object() : nullptr;
  }
  return actors;
}

std::int64_t seconds_claim(const oauth::VerifiedJwt& jwt, std::string_view name) {
  const auto* value = jwt.claims().if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

}  // namespace

class SubjectReader {
 public:
  SubjectReader(TokenRequest& request, const authserver::Server& org, const WorkloadPrincipal& principal)
      : request_(request), org_(org), principal_(principal) {}

  Result<VerifiedSubject> id_token(std::string_view token) {
    ASSIGN_OR_RETURN(
        auto verifier,
        oauth::JwtVerifier::create({.jws = {.algorithms = {oauth::Algorithm::rs256, oauth::Algorithm::es256},
                                            .types = {"JWT"},
                                            .typ_optional = true,
                                            .require_kid = true},
                                    .issuer = org_.settings.issuer,
                                    .audiences = {principal_.client_id()},
                                    .leeway = std::chrono::seconds{0},
                                    .required_claims = {"sub", "jti", "iat"}},
                                   *org_.clock));
    auto jwt = verifier.verify(token, oauth::KeySet(org_.signing_keys));
    if (!jwt) {
      if (jwt.error().code == "oauth.jwt.issuer") return problem("invalid_subject_token_issuer_not_allowed");
      return subject_problem(jwt.error());
    }
    if (!jwt->id().starts_with("ID.")) return problem("invalid_subject_token");
    if (auto session = jwt->string("sid"); !session.empty()) {
      ASSIGN_OR_RETURN(const bool alive, authserver::family_is_alive(org_, session));
      if (!alive) return problem("invalid_subject_token_session_expired");
    }
    const std::array<std::string, 2> subjects{std::string(jwt->subject()), principal_.client_id()};
    ASSIGN_OR_RETURN(const bool revoked, is_revoked(*request_.service.store, subjects, *jwt->issued_at()));
    if (revoked) return problem("invalid_subject_token_session_expired");
    VerifiedSubject subject;
    subject.id_token_ = true;
    subject.email_ = jwt->string("email");
    RETURN_IF_ERROR(set_user(subject, jwt->subject()));
    return finish(std::move(subject), *jwt);
  }

  Result<VerifiedSubject> access_token(std::string_view token) {
    auto unverified = oauth::peek(token);
    if (!unverified) return problem("invalid_subject_token");
    const std::string_view issuer = core::json::string_or_empty(unverified->claims, "iss");
    const std::string_view custom_as = custom_as_of(request_.service, issuer);
    // The org's own are for its API, and those of strangers are not ours to exchange.
    if (custom_as.empty()) return problem("invalid_subject_token_issuer_not_allowed");
    Store& store = *request_.service.store;
    ASSIGN_OR_RETURN(const auto view, request_.cache.view(store, custom_as));
    if (!view || !view->server.active) return problem("invalid_subject_token_authorization_server");
    ASSIGN_OR_RETURN(const auto keys, request_.cache.keys(*view));
    const authserver::Server issuing =
        custom_server(request_.service, request_.options, *view, *keys, *org_.store);
    auto jwt = authserver::verify_access_token(issuing, token);
    if (!jwt) return subject_problem(jwt.error());
    ASSIGN_OR_RETURN(const std::string resource, resource_of(store, principal_));
    if (resource.empty() || jwt->string("aud") != resource) return problem("invalid_subject_token");
    RETURN_IF_ERROR(check_link(store, jwt->string("cid"), view->server.id));
    ASSIGN_OR_RETURN(const auto client, find_token_client(request_.service, request_.options, request_.cache,
                                                          jwt->string("cid")));
    if (!client) return problem("invalid_subject_token_client_inactive");
    VerifiedSubject subject;
    if (auto user = jwt->string("uid"); !user.empty()) {
      RETURN_IF_ERROR(set_user(subject, user));
    } else {
      subject.id_ = jwt->string("cid");
    }
    return finish(std::move(subject), *jwt);
  }

 private:
  core::Status set_user(VerifiedSubject& subject, std::string_view id) {
    std::optional<authserver::User> user;
    if (request_.options.user_by_id) {
      ASSIGN_OR_RETURN(user, request_.options.user_by_id(*request_.service.store, id));
    }
    if (!user) return problem("invalid_subject_token_user_inactive");
    subject.id_ = user->id;
    subject.login_ = user->login;
    request_.targets.push_back({.id = user->id, .type = "User", .name = user->login});
    return {};
  }

  // A link from the client that the token was issued to, to this principal.
  core::Status check_link(Reader& reader, std::string_view client, const std::string& custom_as) {
    ASSIGN_OR_RETURN(const auto rows, all_rows(reader, {.kind = Kind::delegation_link,
                                                        .parent = principal_.id,
                                                        .refers_to = std::string(client)}));
    bool elsewhere = false;
    for (const Row& row : rows) {
      ASSIGN_OR_RETURN(const DelegationLink link, read_delegation_link(row));
      if (link.id_token || link.client != client) continue;
      if (link.custom_as.empty() || link.custom_as == custom_as) return {};
      elsewhere = true;
    }
    return problem(elsewhere ? "invalid_subject_token_authorization_server"
                             : "invalid_subject_token_no_delegation_link");
  }

  Result<VerifiedSubject> finish(VerifiedSubject subject, const oauth::VerifiedJwt& jwt) {
    subject.token_id_ = jwt.id();
    subject.auth_time_ = seconds_claim(jwt, "auth_time");
    request_.debug["subjectTokenId"] = jwt.id();
    if (const auto* chain = jwt.claims().if_contains("act")) {
      const auto actors = chain->is_object() ? count_actors(chain->get_object()) : std::nullopt;
      if (!actors) return problem("invalid_subject_token_act_claim_malformed");
      subject.actor_ = chain->get_object();
      subject.actors_ = *actors;
    }
    return subject;
  }

  TokenRequest& request_;
  const authserver::Server& org_;
  const WorkloadPrincipal& principal_;
};

Result<VerifiedSubject> verify_subject_token(TokenRequest& request, const authserver::Server& org,
                                             const WorkloadPrincipal& principal,
                                             const authserver::TokenExchange& exchange) {
  request.debug["subjectTokenType"] = exchange.subject_token_type;
  SubjectReader reader(request, org, principal);
  if (exchange.subject_token_type == authserver::kIdTokenType) return reader.id_token(exchange.subject_token);
  if (exchange.subject_token_type == authserver::kAccessTokenTokenType) {
    return reader.access_token(exchange.subject_token);
  }
  return problem("invalid_subject_token_type");
}

}  // namespace registry
