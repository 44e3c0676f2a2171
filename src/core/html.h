// Text inside HTML pages of ours.
#pragma once

#include <string>
#include <string_view>

namespace core {

// For element content and for attribute values in either kind of quotes.
std::string html_escape(std::string_view text);

}  // namespace core
