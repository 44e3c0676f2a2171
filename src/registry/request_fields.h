// A JSON object of a request, closed: members are read by name, and a member that nobody asked for is refused
// with its name. Null counts as absent.
//
//   RequestFields in(body, "");
//   ASSIGN_OR_RETURN(const auto name, in.text("name", 100));
//   ASSIGN_OR_RETURN(auto inner, in.object("protocol"));
//   RETURN_IF_ERROR(in.done());
// Errors: registry.INVALID_FORMAT, registry.UNKNOWN_MEMBER, registry.REQUIRED; each names the member by its
// path ("protocol.issuer.url").
#pragma once

#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"
#include "core/result.h"

namespace registry {

class RequestFields {
 public:
  // `object` outlives this; `where` is the path of it, empty at the top.
  RequestFields(const core::json::Object& object, std::string where)
      : object_(&object), where_(std::move(where)) {}

  // Text up to `max` bytes without control characters.
  core::Result<std::optional<std::string>> text(std::string_view name, std::size_t max);
  core::Result<std::string> required_text(std::string_view name, std::size_t max);
  // One of these, exactly.
  core::Result<std::optional<std::string>> choice(std::string_view name,
                                                  std::initializer_list<std::string_view> choices);
  core::Result<std::optional<bool>> flag(std::string_view name);
  core::Result<std::optional<std::vector<std::string>>> texts(std::string_view name, std::size_t max_count,
                                                              std::size_t max);
  core::Result<std::optional<RequestFields>> object(std::string_view name);
  bool has(std::string_view name) const;

  // Members that answers carry and that may come back in a request unchanged ("id", "_links").
  void ignore(std::initializer_list<std::string_view> names);
  // Error registry.UNKNOWN_MEMBER unless every member was asked for.
  core::Status done() const;

  std::string path_of(std::string_view name) const;

 private:
  const core::json::Value* take(std::string_view name);

  const core::json::Object* object_;
  std::string where_;
  std::set<std::string, std::less<>> known_;
};

}  // namespace registry
