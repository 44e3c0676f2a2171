#include "oauth/access_token_claims.h"

#include <utility>

#include "core/text.h"
#include "oauth/token_endpoint.h"

namespace oauth {
namespace {

using core::json::Object;
using core::json::Value;

constexpr std::size_t kMaxName = 255;  // OpenID Connect Core section 2, `sub`
constexpr std::string_view kClientPrefix = "client:";

std::unexpected<core::Error> refuse(std::string_view reason, std::string message) {
  return core::fail(core::ErrorKind::unauthenticated, "oauth.access_token." + std::string(reason),
                    std::move(message));
}

std::string_view text(const Object& claims, std::string_view name) {
  const auto* value = claims.if_contains(name);
  return value && value->is_string() ? std::string_view(value->get_string()) : std::string_view();
}

// Names end up in audit lines and as keys of what is kept for a caller: nothing invisible, no line breaks.
bool is_plain(std::string_view name) {
  return name.size() <= kMaxName && core::clean(name) == name;
}

void append_scopes(std::vector<std::string>& scopes, std::string_view list) {
  for (std::string& scope : split_scopes(list)) scopes.push_back(std::move(scope));
}

std::vector<std::string> scopes_of(const Object& claims) {
  std::vector<std::string> scopes;
  const auto* value = claims.if_contains("scp");
  if (!value) value = claims.if_contains("scope");
  if (!value) return scopes;
  if (value->is_string()) append_scopes(scopes, value->get_string());
  if (value->is_array()) {
    for (const Value& element : value->get_array()) {
      if (element.is_string()) append_scopes(scopes, element.get_string());
    }
  }
  return scopes;
}

}  // namespace

core::Result<AccessTokenClaims> read_access_token_claims(const Object& claims) {
  AccessTokenClaims out;
  out.subject = text(claims, "sub");
  out.client_id = text(claims, "client_id");                       // RFC 9068
  if (out.client_id.empty()) out.client_id = text(claims, "cid");  // Okta
  if (out.subject.empty() && out.client_id.empty()) {
    return refuse("subject", "The token names neither a subject nor a client.");
  }
  if (!is_plain(out.subject) || !is_plain(out.client_id) || out.subject.starts_with(kClientPrefix)) {
    return refuse("subject", "The token's subject or client is not a name that is used here.");
  }
  out.scopes = scopes_of(claims);
  if (const auto* confirmation = claims.if_contains("cnf")) {
    // RFC 7800 section 3: a binding that cannot be checked must not be passed over.
    const auto* object = confirmation->if_object();
    if (!object || object->size() != 1 || text(*object, "jkt").empty()) {
      return refuse("confirmation", "The token is bound to something that cannot be checked here.");
    }
    out.bound_to = text(*object, "jkt");
  }
  return out;
}

core::Status refuse_client_tokens(const Object& claims) {
  // OpenID Connect Core sections 2 and 3.3.2.11, RFC 8417 section 2.2.
  for (std::string_view name : {"nonce", "at_hash", "c_hash", "events"}) {
    if (claims.contains(name)) {
      return refuse("id_token", "The token has the claim \"" + std::string(name) +
                                    "\": it is an ID token or a logout token, no access token.");
    }
  }
  const auto* audience = claims.if_contains("aud");
  const auto* list = audience ? audience->if_array() : nullptr;
  if (list && list->size() == 1) audience = &list->front();
  for (std::string_view name : {"client_id", "cid", "azp"}) {
    const std::string_view client = text(claims, name);
    if (audience && audience->is_string() && !client.empty() && audience->get_string() == client) {
      return refuse("id_token", "The token is meant for its own client: it is an ID token, no access token.");
    }
  }
  return {};
}

}  // namespace oauth
