// The device authorization grant (RFC 8628) on the server's side: a device asks, a person decides on a page,
// the device polls (device_code_grant() in server.h).
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "authserver/server.h"
#include "core/result.h"

namespace authserver {

// RFC 8628 section 3.2: device_code, user_code, verification_uri(_complete), expires_in, interval.
core::Result<boost::json::object> start_device_authorization(const Server& server, const Client& client,
                                                             const Form& form);

// What the page shows before a person decides.
struct PendingDevice {
  std::string user_code;
  std::string client_id;
  std::string client_name;
  std::vector<std::string> scopes;
};

// A user code as people type it: case, spaces and hyphens do not matter. Error invalid_user_code, also when
// it has been decided already.
core::Result<PendingDevice> find_pending_device(const Server& server, std::string_view user_code);

// The decision, once. Errors as above.
core::Status approve_device(const Server& server, std::string_view user_code, const User& user);
core::Status deny_device(const Server& server, std::string_view user_code);

}  // namespace authserver
