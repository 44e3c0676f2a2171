// An authorization server for tests of the resource's side: keys made here, metadata, JWKS and introspection
// answered from memory, and tokens of every kind, the forged ones above all.
#pragma once

#include <atomic>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/encoding.h"
#include "core/json.h"
#include "net/fake_http_client.h"
#include "net/url.h"
#include "oauth/dpop_verifier.h"
#include "oauth/jwk.h"
#include "oauth/jws.h"

namespace oauth::test {

using core::json::Array;
using core::json::Object;
using core::json::Value;

inline constexpr std::int64_t kIssuedNow = 1'800'000'000;  // where core::FakeClock begins
inline const std::string kResource = "https://mcp.example.com/mcp";
inline const std::string kIssuer = "https://login.example.com/oauth2/default";

// Null takes a member out.
struct Change {
  Change(std::string_view member, Value to) : name(member), value(std::move(to)) {}
  Change(std::string_view member, const char* to) : name(member), value(std::string_view(to)) {}
  Change(std::string_view member, const std::string& to) : name(member), value(std::string_view(to)) {}
  Change(std::string_view member, std::string_view to) : name(member), value(to) {}
  std::string_view name;
  Value value;
};
using Changes = std::vector<Change>;

inline Object changed(Object object, const Changes& changes) {
  for (const auto& [name, value] : changes) {
    if (value.is_null()) {
      object.erase(name);
    } else {
      object[name] = value;
    }
  }
  return object;
}

// Texts as they are, rightly signed over them: for what no decent signer would write.
inline std::string raw_token(std::string_view header, std::string_view payload, const Key& key) {
  const std::string input = core::base64url_encode(header) + "." + core::base64url_encode(payload);
  return input + "." + core::base64url_encode(*sign_raw(key, input));
}

class TestIssuer {
 public:
  explicit TestIssuer(std::string issuer = kIssuer, Algorithm algorithm = Algorithm::es256)
      : issuer_(std::move(issuer)), keys{Key::generate(algorithm)->with_kid("k1")} {
    metadata = {{"issuer", issuer_},
                {"jwks_uri", issuer_ + "/keys"},
                {"introspection_endpoint", issuer_ + "/introspect"}};
  }

  const std::string& name() const { return issuer_; }
  const Key& key() const { return keys.front(); }

  Object claims(const Changes& changes = {}) const {
    return changed({{"iss", issuer_},
                    {"sub", "00u1"},
                    {"client_id", "app"},
                    {"aud", kResource},
                    {"iat", kIssuedNow},
                    {"exp", kIssuedNow + 3600},
                    {"jti", "j1"},
                    {"scope", "mcp:read mcp:write"}},
                   changes);
  }
  Object header(const Changes& changes = {}) const {
    return changed({{"alg", to_string(key().algorithm())}, {"kid", "k1"}, {"typ", "at+jwt"}}, changes);
  }
  std::string token(const Changes& claim_changes = {}, const Changes& header_changes = {}) const {
    return raw_token(core::json::write(header(header_changes)), core::json::write(claims(claim_changes)),
                     key());
  }

  // nullopt: the address is none of this issuer's.
  std::optional<core::Result<net::HttpResponse>> answer(const net::HttpRequest& request) const {
    const auto url = net::parse_url(issuer_);
    const bool is_metadata =
        request.url == url->origin() + "/.well-known/oauth-authorization-server" + url->path ||
        request.url == url->origin() + "/.well-known/oauth-authorization-server";
    const bool is_keys = request.url == issuer_ + "/keys";
    const bool is_introspection = request.url == issuer_ + "/introspect";
    if (!is_metadata && !is_keys && !is_introspection) return std::nullopt;
    if (down) return core::fail(core::ErrorKind::unavailable, "net.connect", "The test took it down.");
    net::HttpResponse response{.status = 200, .headers = {{"Content-Type", "application/json"}}};
    if (is_metadata) response.body = core::json::write(metadata);
    if (is_keys) {
      for (const auto& [header_name, value] : keys_headers) response.headers.add(header_name, value);
      response.body = keys_body.empty() ? core::json::write(KeySet(keys).public_jwks()) : keys_body;
    }
    if (is_introspection) {
      const auto form = net::parse_query(request.body);
      const auto token = form ? net::query_value(*form, "token") : std::nullopt;
      const auto known = token ? opaque.find(*token) : opaque.end();
      response.body = core::json::write(known == opaque.end() ? Object{{"active", false}} : known->second);
    }
    return response;
  }

 private:
  std::string issuer_;

 public:
  std::vector<Key> keys;  // private; published are the public halves
  Object metadata;
  net::Headers keys_headers;
  std::string keys_body;  // instead of the keys'
  std::map<std::string, Object> opaque;
  std::atomic<bool> down{false};
};

// The network these issuers are in. What nobody answers is a 404.
inline net::FakeHttpClient::AnswerFunction network(std::vector<const TestIssuer*> issuers) {
  return [issuers = std::move(issuers)](const core::Context&, const net::HttpRequest& request) {
    for (const TestIssuer* issuer : issuers) {
      if (auto response = issuer->answer(request)) return *std::move(response);
    }
    return net::FakeHttpClient::Answer(net::HttpResponse{.status = 404});
  };
}

inline std::size_t asked(const net::FakeHttpClient& http, std::string_view url_end) {
  std::size_t count = 0;
  for (const auto& request : http.requests()) count += request.url.ends_with(url_end) ? 1 : 0;
  return count;
}

// A DPoP proof for `token` at the resource (RFC 9449 section 4.2).
inline std::string proof(const Key& key, std::string_view token, const Changes& changes = {}) {
  const Object claims = changed({{"jti", "proof-1"},
                                 {"htm", "POST"},
                                 {"htu", kResource},
                                 {"iat", kIssuedNow},
                                 {"ath", access_token_hash(token)}},
                                changes);
  const Object header{{"alg", to_string(key.algorithm())}, {"typ", "dpop+jwt"}, {"jwk", key.public_jwk()}};
  return raw_token(core::json::write(header), core::json::write(claims), key);
}

// A token that must not pass, and the exact reason.
struct BadToken {
  std::string what;
  std::string token;
  std::string code;
};

inline Key hmac_key(std::string_view secret) {
  return *Key::from_jwk(
      Object{{"kty", "oct"}, {"alg", "HS256"}, {"kid", "k1"}, {"k", core::base64url_encode(secret)}});
}

// Against a verifier that trusts `issuer` and `other`. The keys of both have one name.
inline std::vector<BadToken> bad_tokens(const TestIssuer& issuer, const TestIssuer& other) {
  const auto by = [&](const Key& key, const Changes& header_changes) {
    return raw_token(core::json::write(issuer.header(header_changes)), core::json::write(issuer.claims()),
                     key);
  };
  const std::string good = issuer.token();
  const std::string input = good.substr(0, good.rfind('.'));
  const std::string claims = core::json::write(issuer.claims());
  const Key attacker = Key::generate(issuer.key().algorithm())->with_kid("k1");
  const Value attacker_jwk = attacker.public_jwk();
  const auto without = [](std::string_view name) { return Changes{Change(name, Value())}; };
  const auto with = [](std::string_view name, const auto& value) { return Changes{Change(name, value)}; };

  std::vector<BadToken> rows{
      // RFC 8725 sections 2.1, 3.1: the algorithm is not the token's to choose.
      {"alg none",
       core::base64url_encode(R"({"alg":"none","typ":"at+jwt"})") + "." + core::base64url_encode(claims) +
           ".",
       "oauth.jwt.algorithm"},
      {"alg nOnE",
       core::base64url_encode(R"({"alg":"nOnE","typ":"at+jwt"})") + "." + core::base64url_encode(claims) +
           ".",
       "oauth.jwt.algorithm"},
      {"no alg", by(issuer.key(), without("alg")), "oauth.jwt.algorithm"},
      {"HS256 with the public PEM", by(hmac_key(issuer.key().public_pem()), with("alg", "HS256")),
       "oauth.jwt.algorithm"},
      {"HS256 with the public JWK",
       by(hmac_key(core::json::write(issuer.key().public_jwk())), with("alg", "HS256")),
       "oauth.jwt.algorithm"},
      {"an algorithm the key is not bound to", by(issuer.key(), with("alg", "RS256")),
       "oauth.jwt.unknown_key"},
      // RFC 8725 section 3.11: other kinds of JWT.
      {"typ dpop+jwt", issuer.token({}, with("typ", "dpop+jwt")), "oauth.jwt.type"},
      {"typ oauth-id-jag+jwt", issuer.token({}, with("typ", "oauth-id-jag+jwt")), "oauth.jwt.type"},
      {"typ logout+jwt", issuer.token({}, with("typ", "logout+jwt")), "oauth.jwt.type"},
      {"typ secevent+jwt", issuer.token({}, with("typ", "secevent+jwt")), "oauth.jwt.type"},
      {"typ is a number", issuer.token({}, with("typ", 1)), "oauth.jwt.header"},
      {"ID token by nonce", issuer.token(with("nonce", "n"), with("typ", "JWT")),
       "oauth.access_token.id_token"},
      {"ID token by at_hash", issuer.token(with("at_hash", "h"), without("typ")),
       "oauth.access_token.id_token"},
      {"logout token without its typ", issuer.token(with("events", Object{}), without("typ")),
       "oauth.access_token.id_token"},
      // Who issued it.
      {"another iss", issuer.token(with("iss", "https://evil.example.com")), "oauth.access_token.issuer"},
      {"iss with a slash at the end", issuer.token(with("iss", kIssuer + "/")), "oauth.access_token.issuer"},
      {"iss in capitals", issuer.token(with("iss", "HTTPS://LOGIN.EXAMPLE.COM/oauth2/default")),
       "oauth.access_token.issuer"},
      {"no iss", issuer.token(without("iss")), "oauth.access_token.issuer"},
      {"iss is a list", issuer.token(with("iss", Array{kIssuer})), "oauth.access_token.issuer"},
      {"signed by another trusted issuer's key of that name",
       raw_token(core::json::write(issuer.header()), claims, other.key()), "oauth.jwt.signature"},
      // Whom it is for.
      {"another aud", issuer.token(with("aud", "https://other.example.com/mcp")), "oauth.jwt.audience"},
      {"aud is the origin alone", issuer.token(with("aud", "https://mcp.example.com")), "oauth.jwt.audience"},
      {"aud goes on behind the resource", issuer.token(with("aud", kResource + "/admin")),
       "oauth.jwt.audience"},
      {"aud with other letters in the path", issuer.token(with("aud", "https://mcp.example.com/MCP")),
       "oauth.jwt.audience"},
      {"aud is http", issuer.token(with("aud", "http://mcp.example.com/mcp")), "oauth.jwt.audience"},
      {"aud of others", issuer.token(with("aud", Array{"https://a.example", "https://b.example"})),
       "oauth.jwt.audience"},
      {"aud empty", issuer.token(with("aud", Array{})), "oauth.jwt.audience"},
      {"no aud", issuer.token(without("aud")), "oauth.jwt.missing_claim"},
      // When.
      {"expired", issuer.token(with("exp", kIssuedNow - 60)), "oauth.jwt.expired"},
      {"no exp", issuer.token(without("exp")), "oauth.jwt.missing_claim"},
      {"exp is text", issuer.token(with("exp", "1900000000")), "oauth.jwt.claim"},
      {"nbf ahead", issuer.token(with("nbf", kIssuedNow + 61)), "oauth.jwt.not_yet_valid"},
      {"iat ahead", issuer.token(with("iat", kIssuedNow + 61)), "oauth.jwt.issued_ahead"},
      // Keys from the token itself (RFC 8725 section 3.10).
      {"unknown kid", by(attacker, with("kid", "k9")), "oauth.jwt.unknown_key"},
      {"kid with a path in it", by(attacker, with("kid", "../../keys/k1")), "oauth.jwt.unknown_key"},
      {"kid is a number", by(attacker, with("kid", 1)), "oauth.jwt.header"},
      {"jwk of the attacker", by(attacker, with("jwk", attacker_jwk)), "oauth.jwt.signature"},
      {"jwk of the attacker, no kid", by(attacker, {{"jwk", attacker_jwk}, {"kid", Value()}}),
       "oauth.jwt.signature"},
      {"jku of the attacker", by(attacker, with("jku", "https://evil.example.com/keys")),
       "oauth.jwt.signature"},
      {"x5u of the attacker", by(attacker, with("x5u", "https://evil.example.com/cert")),
       "oauth.jwt.signature"},
      {"x5c of the attacker", by(attacker, with("x5c", Array{"MIIB"})), "oauth.jwt.signature"},
      {"crit", issuer.token({}, with("crit", Array{"exp"})), "oauth.jwt.critical"},
      {"b64 false", issuer.token({}, {{"b64", false}, {"crit", Array{"b64"}}}), "oauth.jwt.critical"},
      {"b64 false alone", issuer.token({}, with("b64", false)), "oauth.jwt.critical"},
      // The signature.
      {"no signature", input + ".", "oauth.jwt.signature"},
      {"signature of nothing but zeros", input + "." + core::base64url_encode(std::string(64, '\0')),
       "oauth.jwt.signature"},
      {"claims of another token",
       good.substr(0, good.find('.') + 1) +
           core::base64url_encode(core::json::write(issuer.claims(with("sub", "root")))) +
           good.substr(good.rfind('.')),
       "oauth.jwt.signature"},
      // The text.
      {"a claim twice",
       raw_token(core::json::write(issuer.header()),
                 claims.substr(0, claims.size() - 1) + R"(,"sub":"root"})", issuer.key()),
       "oauth.jwt.duplicate"},
      {"alg twice", raw_token(R"({"alg":"none","alg":"ES256","kid":"k1"})", claims, issuer.key()),
       "oauth.jwt.duplicate"},
      {"oversized", issuer.token(with("note", std::string(17u << 10, 'x'))), "oauth.jwt.too_large"},
      {"claims that are a list", raw_token(core::json::write(issuer.header()), "[]", issuer.key()),
       "oauth.access_token.opaque"},
      {"five parts", "a.b.c.d.e", "oauth.access_token.opaque"},
      {"padding", good + "=", "oauth.access_token.opaque"},
      {"opaque", "2YotnFZFEjr1zCsicMWpAA", "oauth.access_token.opaque"},
      // Whose it is.
      {"no sub, no client", issuer.token({{"sub", Value()}, {"client_id", Value()}}),
       "oauth.access_token.subject"},
      {"sub is a number", issuer.token(with("sub", 7)), "oauth.jwt.claim"},
      {"sub that passes for a client", issuer.token(with("sub", "client:app")), "oauth.access_token.subject"},
      {"sub with a line break", issuer.token(with("sub", "a\nb")), "oauth.access_token.subject"},
      {"sub with a character nobody sees", issuer.token(with("sub", "root\xe2\x80\x8b")),
       "oauth.access_token.subject"},
      {"sub too long", issuer.token(with("sub", std::string(256, 'x'))), "oauth.access_token.subject"},
      // What it is bound to.
      {"bound to a key, sent as Bearer", issuer.token(with("cnf", Object{{"jkt", attacker.thumbprint()}})),
       "oauth.access_token.dpop_required"},
      {"bound to a certificate", issuer.token(with("cnf", Object{{"x5t#S256", "abc"}})),
       "oauth.access_token.confirmation"},
      {"bound to a key and a certificate",
       issuer.token(with("cnf", Object{{"jkt", attacker.thumbprint()}, {"x5t#S256", "abc"}})),
       "oauth.access_token.confirmation"},
      {"cnf is text", issuer.token(with("cnf", attacker.thumbprint())), "oauth.access_token.confirmation"},
  };
  return rows;
}

}  // namespace oauth::test
