// Token introspection (RFC 7662): asking the authorization server about a token that only it can read.
//
// Errors:
//   oauth.introspection.inactive  it is not, or no more, a token of the asker's world (unauthenticated)
//   oauth.introspection.kind      active, and no access token: `token_type` is neither Bearer nor DPoP
//   oauth.introspection.refused   the endpoint answered something other than 200; 401 means that the client
//                                 id or secret set here is wrong
//   oauth.introspection.answer    200, and not one JSON object with a Boolean `active`
//   oauth.introspection.missing   the issuer's metadata names no endpoint
// and those of fetch_issuer_metadata() and net::HttpClient. None of them quotes the token.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "core/context.h"
#include "core/json.h"
#include "core/result.h"
#include "core/secret.h"
#include "net/http_client.h"

namespace oauth {

struct IntrospectionClient {
  std::string endpoint;  // empty: as the issuer's metadata says, looked up once
  std::string client_id;
  core::Secret client_secret;  // empty: the client id alone goes into the form (a public client)
};

// Thread-safe.
class Introspector {
 public:
  Introspector(std::string issuer, IntrospectionClient client, net::HttpClient& http)
      : issuer_(std::move(issuer)), client_(std::move(client)), http_(http), endpoint_(client_.endpoint) {}

  // The answer's members, of an active token. Five seconds and 64 KiB at most.
  core::Result<core::json::Object> ask(const core::Context& context, std::string_view token);

 private:
  core::Result<std::string> endpoint(const core::Context& context);

  const std::string issuer_;
  const IntrospectionClient client_;
  net::HttpClient& http_;
  std::mutex mutex_;
  std::string endpoint_;
};

}  // namespace oauth
