// What the routes of this room have in common: errors to Okta's envelope, merge patches, entity tags, pages.
#pragma once

#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/json.h"
#include "core/result.h"
#include "registry/service.h"
#include "registry/store.h"
#include "rest/router.h"

namespace registry {

// A rule's or the store's word as an answer.
template <class T>
rest::Answer<T> answer(core::Result<T> result) {
  if (!result) return rest::refuse(problem_of(result.error()));
  if constexpr (std::is_void_v<T>)
    return {};
  else
    return std::move(*result);
}

// The body of a PATCH; E0000021 unless it is application/merge-patch+json.
rest::Answer<core::json::Object> read_patch(const rest::Call& call);

// Refuses other members: IMMUTABLE_PROPERTY for those that the entity has but a request does not change, else
// UNKNOWN_PROPERTY. Both 400, with the member as the location.
core::Status check_members(const core::json::Object& body, std::span<const std::string_view> known,
                           std::span<const std::string_view> immutable);
core::Status check_members(const core::json::Object& body, std::initializer_list<std::string_view> known,
                           std::initializer_list<std::string_view> immutable = {});

// Members of a body; what is wrong is 400 with the member as the location. Absent gives nullopt, and so does
// null (read_patch() tells them apart by contains()).
struct TextRules {
  bool required = false;      // present, and not empty
  std::size_t longest = 255;  // bytes
};
core::Result<std::optional<std::string>> text_member(const core::json::Object& body, std::string_view name,
                                                     const TextRules& rules = {});
core::Result<std::optional<bool>> flag_member(const core::json::Object& body, std::string_view name);
core::Result<std::optional<std::vector<std::string>>> texts_member(const core::json::Object& body,
                                                                   std::string_view name,
                                                                   std::size_t most = 500,
                                                                   std::size_t longest = 255);

// https (http on loopback where the settings allow it), absolute, no userinfo, no fragment, at most 2,048
// bytes; `with_query`: may have one. The text itself stays as it is.
core::Status check_url(const Service& service, std::string_view url, std::string_view member,
                       bool with_query = true);

// The weak tag of a version, and what If-Match says to it (412). A broken If-Match is refused before.
std::string etag_of(std::int64_t version);
rest::Reply entity_reply(const core::json::Object& body, std::int64_t version, int status = 200);
rest::Answer<bool> check_if_match_syntax(const rest::Call& call);
core::Status check_version(const rest::Call& call, std::int64_t version);

// {"data":[...],"_links":{"self","next"}} of the rows that the query finds, and a Link header; `limit` (1 to
// 200, default 20) and `after` come from the call. `prefix`: what an `after` starts with. nullopt: none.
rest::Answer<rest::Reply> list_reply(const rest::Call& call, const Service& service,
                                     std::optional<Query> query, std::string_view prefix,
                                     const std::function<core::Result<core::json::Object>(const Row&)>& show);

}  // namespace registry
