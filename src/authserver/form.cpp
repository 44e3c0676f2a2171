#include "authserver/form.h"

#include <set>

#include "authserver/problem.h"

namespace authserver {

using core::Result;

namespace {
constexpr std::size_t kMaxFields = 64;
constexpr std::size_t kMaxBody = 64u << 10;
}  // namespace

Result<Form> Form::read(const net::ServerRequest& request) {
  if (request.method != net::Method::post) return problem("method_not_allowed", {"POST"});
  if (net::media_type(request.headers.get("Content-Type")) != "application/x-www-form-urlencoded") {
    return problem("invalid_request", {"its Content-Type must be application/x-www-form-urlencoded"});
  }
  if (request.body.size() > kMaxBody) return problem("invalid_request", {"it is longer than 64 KiB"});
  auto fields = net::parse_query(request.body);
  auto query = net::parse_query(request.query);
  if (!fields || !query) return problem("invalid_request", {"a percent-escape is broken"});
  if (fields->size() > kMaxFields) return problem("invalid_request", {"it has too many parameters"});
  // URLs end up in logs (RFC 6749 section 2.3.1). A bare client_id is no credential; Okta takes it from the
  // query where a public client introspects or revokes.
  for (const char* name : {"client_secret", "client_assertion"}) {
    if (net::query_value(*query, name)) return problem("client_credentials_in_query");
  }
  if (auto id = net::query_value(*query, "client_id"); id && !net::query_value(*fields, "client_id")) {
    fields->emplace_back("client_id", *id);
  }
  std::set<std::string_view> seen;
  for (const auto& [name, value] : *fields) {
    if (!seen.insert(name).second && name != "resource" && name != "audience") {
      return problem("duplicate_oauth_params");
    }
  }
  return Form(*std::move(fields));
}

std::optional<std::string> Form::get(std::string_view name) const {
  auto value = net::query_value(fields_, name);
  if (value && value->empty()) return std::nullopt;
  return value;
}

std::vector<std::string> Form::all(std::string_view name) const {
  std::vector<std::string> values;
  for (const auto& [field, value] : fields_) {
    if (field == name && !value.empty()) values.push_back(value);
  }
  return values;
}

}  // namespace authserver
