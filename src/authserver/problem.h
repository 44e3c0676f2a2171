// What goes wrong at an OAuth endpoint, in Okta's words. One table: code, HTTP status, OAuth error,
// description; the texts are those Okta's developer site publishes for its own authorization servers.
//
// Inside this room a failure is a core::Error whose code is "authserver." + Okta's internal error name and
// whose message is the error_description; error_response() is the one place that turns it into HTTP (RFC 6749
// section 5.2).
#pragma once

#include <boost/json/value.hpp>
#include <initializer_list>
#include <string>
#include <string_view>

#include "core/result.h"
#include "net/http_server.h"

namespace authserver {

struct ProblemRow {
  std::string_view name;         // Okta's internal error name
  int status;                    // HTTP
  std::string_view error;        // OAuth `error`
  std::string_view description;  // {} stands for an argument
};

// nullptr when the name is not in the table.
const ProblemRow* find_problem(std::string_view name);

// The row that the error came from; nullptr for an error of another room.
const ProblemRow* problem_of(const core::Error& error);

// The error of that name, each {} replaced by the next argument. Names come from this room's code only; an
// unknown one gives server_error.
std::unexpected<core::Error> problem(std::string_view name,
                                     std::initializer_list<std::string_view> arguments = {});

// {"error","error_description"} with the row's status. 401 carries WWW-Authenticate when `basic_was_tried`
// (RFC 6749 section 5.2). An error of another room becomes server_error, its text stays inside. The location
// of an interaction_required goes out as `interaction_uri`: where the person is to be sent.
net::ServerResponse error_response(const core::Error& error, bool basic_was_tried = false);

// 200 with Cache-Control: no-store (RFC 6749 section 5.1).
net::ServerResponse json_response(const boost::json::value& body, int status = 200);

}  // namespace authserver
