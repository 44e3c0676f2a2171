// Secrets inside JSON documents: out into a core::Secret with nothing left behind, and the document wiped.
#pragma once

#include <boost/json/value.hpp>
#include <string_view>

#include "core/result.h"
#include "core/secret.h"

namespace oauth {

// Moves a member that is a string out of the document and overwrites it there. Empty when the member is
// absent or null; core.json.type-like error oauth.secret_type when it is something else.
core::Result<core::Secret> take_secret(boost::json::object& object, std::string_view member);

// Overwrites every string of the document, before it is freed.
void wipe(boost::json::value& value);

// Wipes the document when it goes out of scope.
class WipeAtExit {
 public:
  explicit WipeAtExit(boost::json::value& value) : value_(value) {}
  ~WipeAtExit() { wipe(value_); }
  WipeAtExit(const WipeAtExit&) = delete;
  WipeAtExit& operator=(const WipeAtExit&) = delete;

 private:
  boost::json::value& value_;
};

}  // namespace oauth
