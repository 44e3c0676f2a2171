// What services answer to browsers, besides pages.
#pragma once

#include <string_view>

#include "net/http_server.h"

namespace rest {

// 303, so that a browser forgets the form it has sent (RFC 9700 section 4.12).
net::ServerResponse go_to(std::string_view url);

// The page as a 405 that says in Allow which methods there are ("GET, HEAD").
net::ServerResponse not_allowed(net::ServerResponse page, std::string_view methods);

}  // namespace rest
