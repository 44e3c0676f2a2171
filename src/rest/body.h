// Request bodies and what updates do with them.
#pragma once

#include <boost/json.hpp>
#include <string_view>

#include "rest/router.h"

namespace rest {

// The body as a JSON object. E0000003 when it is absent, no JSON, or no object; E0000021 when the
// Content-Type says something else than JSON.
Answer<boost::json::object> read_object(const Call& call);

// As above, but an absent body gives an empty object.
Answer<boost::json::object> read_optional_object(const Call& call);

// RFC 7396: null removes, objects merge, everything else replaces.
void merge_patch(boost::json::value& target, const boost::json::value& patch);

// The member when it is an object, else nullptr.
const boost::json::object* object_at(const boost::json::object& object, std::string_view key);
// The member when it is a string, else an empty view.
std::string_view string_at(const boost::json::object& object, std::string_view key);

// "true"/"false" in any case; anything else present is refused as Okta refuses it (E0000001).
Answer<bool> read_flag(const Call& call, std::string_view name, bool otherwise);

// A weak entity tag of a representation: the same text gives the same tag, on every machine.
std::string weak_etag(std::string_view representation);
// What If-Match demands: nothing when the header is absent or "*". 412 E0000231, or 400 E0000242 for a broken
// tag.
Answer<bool> check_if_match(const Call& call, std::string_view current_etag);

}  // namespace rest
