#include "registry/cimd.h"

#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <optional>

#include "authserver/store.h"
#include "core/json.h"
#include "net/url.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Object;
using core::json::Value;

constexpr std::size_t kMaxDocument = 64u << 10;
constexpr std::size_t kMaxUrl = 2048;
constexpr std::size_t kMaxRedirects = 50;
constexpr std::chrono::milliseconds kTimeout{5000};
// Without Cache-Control: the requests that one sign-in needs ask once.
constexpr std::chrono::seconds kDefaultCache{60};

std::unexpected<core::Error> bad_url(std::string_view what) {
  return refuse(ErrorKind::invalid_input, "INVALID_FORMAT", fmt::format("oauthClient.clientId: {}", what),
                "oauthClient.clientId");
}

std::unexpected<core::Error> bad_document(std::string member, std::string_view what) {
  std::string message = fmt::format("The client ID metadata document: {} {}.", member, what);
  return refuse(ErrorKind::invalid_input, "INVALID_CLIENT_METADATA", std::move(message), std::move(member));
}

bool is_web_url(std::string_view text, bool allow_http_loopback) {
  const auto url = net::parse_url(text);
  if (!url || text.size() > kMaxUrl || url->has_userinfo || url->has_fragment) return false;
  return url->scheme == "https" || (allow_http_loopback && net::is_loopback_host(url->host));
}

// RFC 8252 section 7: https, http on loopback, or a private scheme.
bool is_redirect_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  if (colon == std::string_view::npos || text.size() > kMaxUrl || text.find_first_of("# ") != text.npos)
    return false;
  if (const auto url = net::parse_url(text)) {
    return !url->has_userinfo && (url->scheme == "https" || net::is_loopback_host(url->host));
  }
  const std::string_view scheme = text.substr(0, colon);
  return scheme != "http" && scheme != "https" && scheme.find('.') != std::string_view::npos;
}

// A member that may be missing, but not of another type.
core::Result<std::optional<std::string>> text_at(const Object& document, std::string_view name) {
  const Value* value = document.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_string()) return bad_document(std::string(name), "is not a string");
  return std::string(value->get_string());
}

core::Result<std::vector<std::string>> texts_at(const Object& document, std::string_view name) {
  const Value* value = document.if_contains(name);
  if (value == nullptr || value->is_null()) return std::vector<std::string>{};
  const auto* array = value->if_array();
  std::vector<std::string> out;
  if (array == nullptr || array->size() > kMaxRedirects)
    return bad_document(std::string(name), "is not a list of at most 50 strings");
  out.reserve(array->size());
  for (const Value& entry : *array) {
    if (!entry.is_string()) return bad_document(std::string(name), "holds something else than strings");
    out.emplace_back(entry.get_string());
  }
  return out;
}

core::Result<oauth::KeySet> read_keys(std::string_view text, std::string_view member) {
  auto keys = oauth::KeySet::parse(text);
  if (!keys)
    return bad_document(std::string(member), fmt::format("cannot be used: {}", keys.error().message));
  for (const oauth::Key& key : keys->keys()) {
    if (key.is_private())
      return bad_document(std::string(member), "publishes a private key, which is compromised now");
  }
  if (keys->keys().empty()) return bad_document(std::string(member), "has no usable public key");
  return *std::move(keys);
}

// RFC 9111 sections 5.2.2.1 and 5.2.2.5; what may not be stored is asked for each time.
std::chrono::seconds cache_time(const net::Headers& headers) {
  if (!headers.has("Cache-Control")) return kDefaultCache;
  std::chrono::seconds time = kDefaultCache;
  for (std::string_view list : headers.all("Cache-Control")) {
    while (!list.empty()) {
      const std::size_t comma = list.find(',');
      std::string_view directive = list.substr(0, comma);
      list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
      while (!directive.empty() && directive.front() == ' ') directive.remove_prefix(1);
      while (!directive.empty() && directive.back() == ' ') directive.remove_suffix(1);
      const std::size_t equals = directive.find('=');
      const std::string_view name = directive.substr(0, equals);
      if (net::equals_ignoring_case(name, "no-store") || net::equals_ignoring_case(name, "no-cache"))
        return std::chrono::seconds{0};
      if (!net::equals_ignoring_case(name, "max-age") || equals == std::string_view::npos) continue;
      std::string_view value = directive.substr(equals + 1);
      if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
      std::uint32_t seconds = 0;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
      if (error == std::errc::result_out_of_range) {
        time = kLongestClientCache;
      } else if (error == std::errc{} && end == value.data() + value.size()) {
        time = std::chrono::seconds{seconds};
      }
    }
  }
  return std::min(time, kLongestClientCache);
}

struct Fetched {
  std::string text;
  std::chrono::seconds keep{0};
};

core::Result<Fetched> fetch(const Service& service, const std::string& url) {
  net::HttpRequest request{.url = url};
  request.headers.add("Accept", "application/json");
  request.connect_timeout = kTimeout;
  request.idle_timeout = kTimeout;
  request.total_timeout = kTimeout;
  request.max_response_bytes = kMaxDocument;
  request.follow_redirects = false;  // section 4 of the draft
  ASSIGN_OR_RETURN(net::HttpResponse response, service.outside->send({}, request));
  if (response.status != 200) {
    return refuse(ErrorKind::invalid_input, "INVALID_CLIENT_METADATA",
                  fmt::format("{} answered {} instead of 200.", url, response.status), "url");
  }
  const std::string type = net::media_type(response.headers.get("Content-Type"));
  if (type != "application/json" && !(type.starts_with("application/") && type.ends_with("+json"))) {
    return refuse(ErrorKind::invalid_input, "INVALID_CLIENT_METADATA",
                  fmt::format("{} answered with something else than JSON.", url), "url");
  }
  return Fetched{.text = std::move(response.body), .keep = cache_time(response.headers)};
}

// From Store::state(), or fetched, and kept when `read` takes it. A store that cannot keep it does not
// matter.
template <class T, class Read>
core::Result<T> cached(const Service& service, std::string_view what, const std::string& url,
                       const Read& read) {
  const std::string key = fmt::format("{}/{}", what, authserver::hash_secret(url));
  core::StateStore& state = service.store->state();
  if (const auto record = state.get(key); record && *record) {
    if (auto kept = read((*record)->value)) return kept;
  }
  ASSIGN_OR_RETURN(const Fetched fetched, fetch(service, url));
  core::Result<T> out = read(fetched.text);
  if (out && fetched.keep.count() > 0) (void)state.put(key, fetched.text, fetched.keep);
  return out;
}

}  // namespace

core::Status check_client_id_url(std::string_view url, bool allow_http_loopback) {
  if (!is_web_url(url, allow_http_loopback))
    return bad_url("must be an https URL without user name and fragment, of at most 2048 bytes");
  const auto parsed = net::parse_url(url);
  // "https://host" has no path, though HTTP asks for "/".
  const std::size_t authority = url.find("://") + 3;
  const std::size_t slash = url.find('/', authority);
  if (slash == std::string_view::npos || url.find('?') < slash || parsed->path == "/")
    return bad_url("must have a path");
  std::string_view path = parsed->path;
  while (!path.empty()) {
    path.remove_prefix(1);
    const std::size_t next = std::min(path.find('/'), path.size());
    const std::string_view segment = path.substr(0, next);
    if (segment == "." || segment == "..") return bad_url("must not have dot segments");
    path.remove_prefix(next);
  }
  return {};
}

core::Result<ClientDocument> read_client_document(std::string_view text, std::string_view url,
                                                  bool allow_http_loopback) {
  const auto parsed = core::json::parse(text, {.max_bytes = kMaxDocument, .max_depth = 16});
  if (!parsed || !parsed->is_object()) return bad_document("it", "is not a JSON object");
  const Object& document = parsed->get_object();
  ASSIGN_OR_RETURN(const auto client_id, text_at(document, "client_id"));
  if (!client_id || *client_id != url)
    return bad_document("client_id", "is not the URL that it was fetched from, byte for byte");
  for (const std::string_view name : {"client_secret", "client_secret_expires_at"}) {
    if (document.contains(name)) return bad_document(std::string(name), "must not be there: all can read it");
  }
  ASSIGN_OR_RETURN(const auto method, text_at(document, "token_endpoint_auth_method"));
  if (method && *method != "private_key_jwt")
    return bad_document("token_endpoint_auth_method", "is not private_key_jwt");
  ASSIGN_OR_RETURN(const auto grants, texts_at(document, "grant_types"));
  if (std::ranges::find(grants, "client_credentials") != grants.end())
    return bad_document("grant_types", "has client_credentials, which agents do not get");

  ClientDocument out;
  ASSIGN_OR_RETURN(auto name, text_at(document, "client_name"));
  out.name = std::move(name).value_or("");
  ASSIGN_OR_RETURN(out.redirect_uris, texts_at(document, "redirect_uris"));
  if (out.redirect_uris.empty()) return bad_document("redirect_uris", "is missing or empty");
  if (!std::ranges::all_of(out.redirect_uris, is_redirect_uri))
    return bad_document("redirect_uris", "holds one that is neither https, nor on loopback, nor private");

  const Value* jwks = document.if_contains("jwks");
  ASSIGN_OR_RETURN(auto jwks_uri, text_at(document, "jwks_uri"));
  // RFC 7591 section 2: not both.
  if ((jwks != nullptr) == jwks_uri.has_value())
    return bad_document(jwks_uri ? "jwks_uri" : "jwks", jwks_uri ? "stands beside jwks" : "is missing");
  if (jwks != nullptr) {
    ASSIGN_OR_RETURN(out.keys, read_keys(core::json::write(*jwks), "jwks"));
  } else {
    if (!is_web_url(*jwks_uri, allow_http_loopback)) return bad_document("jwks_uri", "is not an https URL");
    out.jwks_uri = *std::move(jwks_uri);
  }
  const Value* dpop = document.if_contains("dpop_bound_access_tokens");
  if (dpop != nullptr && !dpop->is_bool())
    return bad_document("dpop_bound_access_tokens", "is neither true nor false");
  out.dpop_bound_access_tokens = dpop != nullptr && dpop->get_bool();
  return out;
}

core::Result<ClientDocument> fetch_client_document(const Service& service, const std::string& url) {
  const bool loopback = service.settings.allow_http_loopback;
  RETURN_IF_ERROR(check_client_id_url(url, loopback));
  return cached<ClientDocument>(
      service, "cimd", url, [&](std::string_view text) { return read_client_document(text, url, loopback); });
}

core::Result<oauth::KeySet> fetch_client_keys(const Service& service, const std::string& jwks_uri) {
  return cached<oauth::KeySet>(service, "client-jwks", jwks_uri,
                               [](std::string_view text) { return read_keys(text, "jwks_uri"); });
}

}  // namespace registry
