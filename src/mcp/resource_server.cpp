#include "mcp/resource_server.h"

#include <algorithm>
#include <array>
#include <utility>

#include "core/json.h"
#include "core/log.h"
#include "net/url.h"
#include "oauth/resource_uri.h"
#include "oauth/token_endpoint.h"

namespace mcp {
namespace {

using core::ErrorKind;
using core::json::Array;
using core::json::Object;
using net::ServerRequest;
using net::ServerResponse;

constexpr std::string_view kWellKnown = "/.well-known/oauth-protected-resource";
constexpr std::string_view kRetryAfter = "5";

// scope-token of RFC 6749 section 3.3.
bool is_scope(std::string_view text) {
  return !text.empty() && text.size() <= 256 &&
         std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f && c != '"' && c != '\\'; });
}

void drop_offline_access(std::vector<std::string>& scopes) {
  std::erase(scopes, "offline_access");
}

// What the caller is told about a refused token. Longest prefix first; the last row is all the others.
struct Words {
  std::string_view code;
  std::string_view description;
};
constexpr std::array<Words, 6> kWords{{
    {"oauth.jwt.expired", "The access token expired."},
    {"oauth.jwt.not_yet_valid", "The access token is not valid yet."},
    {"oauth.jwt.audience", "The access token is meant for another resource."},
    {"oauth.access_token.dpop_required",
     "The access token must be bound to a key and sent with a DPoP proof."},
    {"oauth.access_token.not_bound", "The access token is not bound to a key."},
    {"", "The access token is not accepted here."},
}};

std::string_view description_of(std::string_view code) {
  return std::ranges::find_if(kWords, [&](const Words& row) { return row.code.empty() || row.code == code; })
      ->description;
}

Array to_array(const std::vector<std::string>& texts) {
  Array array;
  array.reserve(texts.size());
  for (const std::string& text : texts) array.emplace_back(text);
  return array;
}

std::string algorithm_names(const std::vector<oauth::Algorithm>& algorithms) {
  std::string names;
  for (const oauth::Algorithm algorithm : algorithms) {
    if (!names.empty()) names += ' ';
    names += oauth::to_string(algorithm);
  }
  return names;
}

std::string_view name_of(const std::pair<std::string, std::string>& parameter) {
  return parameter.first;
}

ServerResponse not_now() {
  ServerResponse response =
      refusal(503, {},
              {.error = "temporarily_unavailable", .description = "The access token cannot be checked now."});
  response.headers.add("Retry-After", std::string(kRetryAfter));
  return response;
}

}  // namespace

core::Result<std::unique_ptr<ResourceServer>> ResourceServer::create(ResourceServerOptions options) {
  drop_offline_access(options.scopes_supported);
  drop_offline_access(options.first_scopes);
  if (options.first_scopes.empty()) options.first_scopes = options.scopes_supported;
  for (const auto* scopes : {&options.scopes_supported, &options.first_scopes}) {
    if (!std::ranges::all_of(*scopes, is_scope)) {
      return core::fail(ErrorKind::invalid_input, "mcp.resource_server.scopes",
                        "A scope is empty, too long, or has a character that scopes do not have.");
    }
  }
  if (!options.documentation_url.empty() && !oauth::is_protected_url(options.documentation_url)) {
    return core::fail(ErrorKind::invalid_input, "mcp.resource_server.url",
                      "The address of the documentation is not an https URL.");
  }
  if (options.resource.find('?') != std::string::npos) {
    return core::fail(ErrorKind::invalid_input, "mcp.resource_server.resource",
                      "The resource's URL has a query.", "Give the URL of the endpoint alone.");
  }
  oauth::AccessTokenVerifierOptions verifier_options{.resource = options.resource,
                                                     .issuers = std::exchange(options.issuers, {}),
                                                     .dpop = options.dpop,
                                                     .dpop_nonce = options.dpop_nonce,
                                                     .check_issuer = options.check_issuer,
                                                     .http = options.http,
                                                     .clock = options.clock,
                                                     .random = options.random};
  ASSIGN_OR_RETURN(auto verifier, oauth::AccessTokenVerifier::create(std::move(verifier_options)));
  return std::unique_ptr<ResourceServer>(new ResourceServer(std::move(options), std::move(verifier)));
}

ResourceServer::ResourceServer(ResourceServerOptions options,
                               std::unique_ptr<oauth::AccessTokenVerifier> verifier)
    : options_(std::move(options)),
      verifier_(std::move(verifier)),
      metadata_(metadata()),
      first_scopes_(oauth::join_scopes(options_.first_scopes)) {
  // Canonical, so it parses and its path is "/" or has no slash at the end. RFC 9728 section 3.1.
  const auto url = net::parse_url(resource());
  metadata_path_ = std::string(kWellKnown) + (url->path == "/" ? std::string() : url->path);
  metadata_url_ = url->origin() + metadata_path_;
}

std::string ResourceServer::metadata() const {
  Object document{{"resource", resource()},
                  {"authorization_servers", to_array(verifier_->issuers())},
                  {"bearer_methods_supported", Array{"header"}}};
  if (!options_.scopes_supported.empty()) document["scopes_supported"] = to_array(options_.scopes_supported);
  if (!options_.title.empty()) document["resource_name"] = options_.title;
  if (!options_.documentation_url.empty()) document["resource_documentation"] = options_.documentation_url;
  if (options_.dpop != oauth::DpopUse::accepted) {
    Array names;
    for (const oauth::Algorithm algorithm : verifier_->dpop_algorithms()) {
      names.emplace_back(oauth::to_string(algorithm));
    }
    document["dpop_signing_alg_values_supported"] = std::move(names);
  }
  if (options_.dpop == oauth::DpopUse::required) document["dpop_bound_access_tokens_required"] = true;
  std::string text;
  core::json::append(text, document);
  return text;
}

std::optional<ServerResponse> ResourceServer::metadata_response(const ServerRequest& request) const {
  if (request.path != kWellKnown && request.path != metadata_path_) return std::nullopt;
  // Public, the same for everybody, and read without credentials: any page may (RFC 9728 section 3.1).
  ServerResponse response{.headers = {{"Access-Control-Allow-Origin", "*"}}};
  switch (request.method) {
    case net::Method::get:
    case net::Method::head:
      response.headers.add("Content-Type", "application/json");
      response.headers.add("Cache-Control", "public, max-age=600");
      if (request.method == net::Method::get) response.body = metadata_;
      return response;
    case net::Method::options:
      // MCP clients in a browser send MCP-Protocol-Version, which needs a preflight.
      response.status = 204;
      response.headers.add("Access-Control-Allow-Methods", "GET, HEAD");
      response.headers.add("Access-Control-Allow-Headers", "*");
      response.headers.add("Access-Control-Max-Age", "600");
      return response;
    default:
      response.status = 405;
      response.headers.add("Allow", "GET, HEAD, OPTIONS");
      return response;
  }
}

std::vector<Challenge> ResourceServer::challenges(std::string_view scope, const OauthError& bearer,
                                                  const OauthError& dpop) const {
  const auto challenge = [&](std::string scheme, const OauthError& error) {
    return Challenge{.scheme = std::move(scheme),
                     .parameters = {{"error", std::string(error.error)},
                                    {"error_description", std::string(error.description)},
                                    {"resource_metadata", metadata_url_},
                                    {"scope", std::string(scope)}}};
  };
  std::vector<Challenge> all;
  // First even where bound tokens are required: many clients look for no other scheme to find the metadata.
  all.push_back(challenge("Bearer", bearer));
  if (options_.dpop != oauth::DpopUse::accepted || !dpop.error.empty()) {
    all.push_back(challenge("DPoP", dpop));
    all.back().parameters.emplace_back("algs", algorithm_names(verifier_->dpop_algorithms()));
  }
  return all;
}

std::variant<oauth::PresentedToken, ServerResponse> ResourceServer::presented(
    const ServerRequest& request) const {
  const auto malformed = [&](std::string_view description) {
    const OauthError error{.error = "invalid_request", .description = description};
    return refusal(400, challenges(first_scopes_, error, {}), error);
  };
  if (!request.query.empty()) {
    // RFC 6750 section 2.3 is not supported (MCP "Token Handling"), and a client that does this must know.
    const auto query = net::parse_query(request.query);
    if (!query) return malformed("The query string has a broken percent escape.");
    if (std::ranges::find(*query, "access_token", name_of) != query->end()) {
      return malformed("Access tokens are accepted in the Authorization header only.");
    }
  }
  auto token = oauth::presented_token(request.headers);
  if (!token) {
    return malformed(token.error().code == "oauth.credentials.multiple"
                         ? "There is more than one Authorization header."
                         : "The Authorization header is malformed.");
  }
  if (!*token) return refusal(401, challenges(first_scopes_, {}, {}), {});
  return **std::move(token);
}

std::optional<Authorized> ResourceServer::try_authorize(const ServerRequest& request) {
  auto token = presented(request);
  if (auto* response = std::get_if<ServerResponse>(&token)) return std::move(*response);
  const auto verified =
      verifier_->try_verify(std::get<oauth::PresentedToken>(token), to_string(request.method));
  if (!verified) return std::nullopt;
  return settle(*verified);
}

Authorized ResourceServer::authorize(const core::Context& context, const ServerRequest& request) {
  auto token = presented(request);
  if (auto* response = std::get_if<ServerResponse>(&token)) return std::move(*response);
  return settle(
      verifier_->verify(context, std::get<oauth::PresentedToken>(token), to_string(request.method)));
}

Authorized ResourceServer::settle(const core::Result<oauth::AccessTokenVerifier::Token>& token) {
  if (!token) return refuse(token.error());
  return Caller{.principal = (*token)->principal(), .scopes = (*token)->scopes()};
}

ServerResponse ResourceServer::refuse(const core::Error& error) {
  core::log(core::LogLevel::info, "mcp", "a caller's token was refused",
            {{"error", error.code}, {"reason", error.message}});
  if (error.kind != ErrorKind::unauthenticated) return not_now();
  if (error.code.starts_with("oauth.dpop.")) {
    const bool nonce = error.code == "oauth.dpop.nonce";
    const OauthError wrong{.error = nonce ? "use_dpop_nonce" : "invalid_dpop_proof",
                           .description = nonce ? "The DPoP proof must have the nonce given here."
                                                : "The DPoP proof is not good for this request."};
    ServerResponse response = refusal(401, challenges(first_scopes_, {}, wrong), wrong);
    if (std::string value = verifier_->dpop_nonce(); !value.empty()) {
      response.headers.add("DPoP-Nonce", std::move(value));
    }
    return response;
  }
  const OauthError wrong{.error = "invalid_token", .description = description_of(error.code)};
  const bool wants_proof = error.code == "oauth.access_token.dpop_required";
  return refusal(401, challenges(first_scopes_, wrong, wants_proof ? wrong : OauthError{}), wrong);
}

bool ResourceServer::permits(const Caller& caller, const std::vector<std::string>& needed) const {
  if (!caller.scopes) return true;
  return std::ranges::all_of(needed, [&](const std::string& need) {
    return std::ranges::any_of(*caller.scopes, [&](const std::string& granted) {
      return granted == need || (options_.scope_covers && options_.scope_covers(granted, need));
    });
  });
}

ServerResponse ResourceServer::insufficient_scope(const std::vector<std::string>& needed) const {
  const OauthError error{.error = "insufficient_scope",
                         .description = "The access token was not granted what this operation needs."};
  return refusal(403, challenges(oauth::join_scopes(needed), error, {}), error);
}

}  // namespace mcp
