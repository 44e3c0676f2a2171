#include "oauth/secret_json.h"

#include <boost/json.hpp>
#include <cstring>
#include <fmt/format.h>
namespace oauth {

core::Result<core::Secret> take_secret(boost::json::object& object, std::string_view member) {
  auto* value = object.if_contains(member);
  if (!value || value->is_null()) return core::Secret{};
  if (!value->is_string()) {
    return core::fail(core::ErrorKind::protocol, "oauth.secret_type",
                      fmt::format("expected a string at $.{}", member));
  }
  core::Secret secret{std::string(std::string_view(value->get_string()))};
  wipe(*value);
  return secret;
}

void wipe(boost::json::value& value) {
  if (auto* text = value.if_string()) {
    // Not memset: a store to memory that is freed next may be dropped by the compiler.
    ::explicit_bzero(text->data(), text->size());
  } else if (auto* array = value.if_array()) {
    for (auto& element : *array) wipe(element);
  } else if (auto* object = value.if_object()) {
    for (auto& entry : *object) wipe(entry.value());
  }
}

}  // namespace oauth
