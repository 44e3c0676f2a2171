// The body of a request to an OAuth endpoint: application/x-www-form-urlencoded, each name once (RFC 6749
// section 3.2), except `resource` and `audience` (RFC 8707 section 2, RFC 8693 section 2.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "net/http_server.h"
#include "net/url.h"

namespace authserver {

class Form {
 public:
  // Errors: method_not_allowed, invalid_request, duplicate_oauth_params, client_credentials_in_query.
  static core::Result<Form> read(const net::ServerRequest& request);

  // Empty values count as absent (RFC 6749 section 3.1).
  std::optional<std::string> get(std::string_view name) const;
  // All values of a name that may stand more than once; empty ones count as absent.
  std::vector<std::string> all(std::string_view name) const;

 private:
  explicit Form(net::Query fields) : fields_(std::move(fields)) {}
  net::Query fields_;
};

}  // namespace authserver
