#include "oauth/stored_login.h"

#include <chrono>

#include "core/json.h"
#include "oauth/secret_json.h"

namespace oauth {
namespace {

core::json::Array to_json(const std::vector<std::string>& texts) {
  core::json::Array array;
  for (const auto& text : texts) array.emplace_back(text);
  return array;
}

core::WallTime from_ms(std::int64_t ms) {
  return core::WallTime{std::chrono::milliseconds{ms}};
}

}  // namespace

std::string encode_login(const TokenKey& key, const StoredToken& token) {
  core::json::Value value{
      {"org", key.org},
      {"client_id", key.client_id},
      {"grant", key.grant},
      {"scheme", token.scheme},
      {"access_token", token.access_token.reveal()},
      {"refresh_token", token.refresh_token.reveal()},
      {"dpop_key", token.dpop_key.reveal()},
      {"scopes", to_json(token.scopes)},
      {"granted_scopes", to_json(token.granted_scopes)},
      {"obtained_at_ms", token.obtained_at.time_since_epoch().count()},
      {"expires_at_ms", token.expires_at.time_since_epoch().count()},
  };
  WipeAtExit wipe_value(value);
  if (key.caller) {
    value.as_object()["caller_issuer"] = key.caller->issuer;
    value.as_object()["caller_subject"] = key.caller->subject;
  }
  return core::json::write(value);
}

core::Result<StoredToken> decode_login(std::string_view text, const TokenKey& key) {
  ASSIGN_OR_RETURN(auto value, core::json::parse(text));
  WipeAtExit wipe_value(value);
  core::json::Reader in(value);
  ASSIGN_OR_RETURN(const auto org, in.at("org").string());
  ASSIGN_OR_RETURN(const auto client_id, in.at("client_id").string());
  ASSIGN_OR_RETURN(const auto grant, in.at("grant").string());
  ASSIGN_OR_RETURN(auto issuer, in.at("caller_issuer").optional_string());
  ASSIGN_OR_RETURN(auto subject, in.at("caller_subject").optional_string());
  std::optional<LoginCaller> caller;
  if (issuer || subject) {
    caller =
        LoginCaller{.issuer = std::move(issuer).value_or(""), .subject = std::move(subject).value_or("")};
  }
  if (org != key.org || client_id != key.client_id || grant != key.grant || caller != key.caller) {
    return core::fail(core::ErrorKind::protocol, "oauth.store.other", "it belongs to another login");
  }
  StoredToken token;
  ASSIGN_OR_RETURN(token.scheme, in.at("scheme").string());
  ASSIGN_OR_RETURN(token.scopes, in.at("scopes").strings());
  ASSIGN_OR_RETURN(token.granted_scopes, in.at("granted_scopes").strings());
  ASSIGN_OR_RETURN(const auto obtained_at, in.at("obtained_at_ms").integer());
  ASSIGN_OR_RETURN(const auto expires_at, in.at("expires_at_ms").integer());
  token.obtained_at = from_ms(obtained_at);
  token.expires_at = from_ms(expires_at);
  ASSIGN_OR_RETURN(token.access_token, take_secret(value.as_object(), "access_token"));
  ASSIGN_OR_RETURN(token.refresh_token, take_secret(value.as_object(), "refresh_token"));
  ASSIGN_OR_RETURN(token.dpop_key, take_secret(value.as_object(), "dpop_key"));
  return token;
}

}  // namespace oauth
