// What an agent does to get at an MCP server, step by step: a subject token, an ID-JAG for it, an access
// token for that; or the STS broker, where the server's authorization server is another company's.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/context.h"
#include "core/json.h"
#include "core/random.h"
#include "core/result.h"
#include "core/secret.h"
#include "net/http_client.h"
#include "net/url.h"
#include "oauth/jwk.h"

struct AgentOptions {
  std::string issuer;  // of the registry
  std::string client_id;
  std::optional<oauth::Key> key;  // private_key_jwt, with a kid
  core::Secret client_secret{};   // client_secret_basic; neither: a public client
  net::HttpClient& http;          // all three outlive it
  core::Clock& clock;
  core::Random& random;
};

struct Target {
  std::string resource;  // the MCP server's URL
  std::string audience;  // issuer of its authorization server
  std::string scope;
  bool brokered = false;  // by STS
};

// Errors: app.token.refused with what the token endpoint said; those of the HTTP client.
class AgentTokens {
 public:
  explicit AgentTokens(AgentOptions options) : options_(std::move(options)) {}

  // Where tokens for this server come from, by its own metadata (RFC 9728), unless `audience` is given.
  core::Result<Target> find_target(const core::Context& context, std::string resource, std::string audience,
                                   std::string scope);

  // An ID token of whoever signs in with the browser. `show`: the link, for people.
  core::Result<core::Secret> sign_in(const core::Context& context, std::uint16_t port,
                                     const std::function<void(const std::string&)>& show);

  core::Result<core::Secret> exchange(const core::Context& context, const Target& target,
                                      const core::Secret& subject_token);  // → ID-JAG
  core::Result<core::json::Object> redeem(const core::Context& context, const Target& target,
                                          const core::Secret& id_jag);
  // `consent`: the link where the person allows it; then it is asked again until they have, for ten minutes.
  core::Result<core::json::Object> broker(const core::Context& context, const Target& target,
                                          const core::Secret& subject_token,
                                          const std::function<void(const std::string&)>& consent);

 private:
  struct Answer;
  core::Result<Answer> post(const core::Context& context, const std::string& url, net::Query form);
  core::Result<core::json::Object> request(const core::Context& context, const std::string& url,
                                           net::Query form);
  core::Status authenticate(const std::string& url, net::Query& form, net::Headers& headers);

  AgentOptions options_;
};
