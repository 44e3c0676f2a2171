// What the routes of this room have in common: errors to Okta's envelope, merge patches, entity tags, pages.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

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

// https (http on loopback where the settings allow it), absolute, no userinfo, no fragment, at most 2,048
// bytes; `with_query`: may have one. The text itself stays as it is. Error registry.INVALID_FORMAT.
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
