// What of an Okta object may be shown, and how a part of it is found. Used by answer.cpp only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/json.h"

namespace admin {

// Counts what was changed on the way, for the note that says so.
struct ScrubCount {
  std::size_t invisible = 0;  // characters taken out or replaced (core::clean)
  std::size_t secrets = 0;    // values replaced by "[redacted]"
};

struct ScrubOptions {
  bool keep_nulls = false;
  bool keep_links = false;  // _links and _embedded
};

// A copy whose strings are clean (line breaks stay: JSON escapes them) and whose secrets are replaced:
//  - string members whose name says so (core::is_secret_name), one-time tokens, and the URLs that carry them;
//  - a user's credentials.password with its value, hash or hook;
//  - private parts of a JSON Web Key (RFC 7517 section 9.3, RFC 7518 section 6);
//  - tokens and keys inside free text (core::redact).
// Settings that are only named so, such as a policy's settings.password.complexity, stay.
core::json::Value scrub(const core::json::Value& value, const ScrubOptions& options, ScrubCount& count);

// Parts of an object by dotted path; see Column::path.
class FieldPath {
 public:
  explicit FieldPath(std::string_view dotted);

  // False when the object has nothing there. Null counts as something.
  bool exists_in(const core::json::Value& item) const;
  // The part, scrubbed; an array where the path takes every element of a list. nullopt when there is nothing.
  std::optional<core::json::Value> take(const core::json::Value& item, ScrubCount& count) const;

 private:
  std::vector<std::string> steps_;
};

}  // namespace admin
