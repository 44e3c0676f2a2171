// The person's browser.
#pragma once

#include <string>

namespace oauth {

// Opens `link` where there is a desktop, by xdg-open, without waiting for it; false where there is none or it
// cannot be started. The link is printable ASCII, and https or http towards this machine; no shell is
// involved.
bool open_browser(const std::string& link);

}  // namespace oauth
