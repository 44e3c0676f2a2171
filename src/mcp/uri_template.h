// URI templates of resources: RFC 6570 as far as a URI can be taken apart again without guessing.
//
//   {name}     one or more characters other than / ? # &, percent-decoded
//   {+name}    one or more characters other than ? and #, percent-decoded
//   {?a,b}     at the end only: query parameters, each optional, in any order; unknown ones do not match
//
// Two of the first kinds never stand side by side; at most 16 variables. Everything else is literal and
// compared byte by byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "mcp/resource.h"

namespace mcp {

inline constexpr std::size_t kMaxUriBytes = 8192;

class UriTemplate {
 public:
  // Errors: mcp.uri_template (syntax, a variable twice, none at all, no scheme before the first one).
  static core::Result<UriTemplate> parse(std::string_view text);

  const std::vector<std::string>& variables() const { return names_; }
  // nullopt when the URI is not one of this template's, or a value is not UTF-8 or has control
  // characters.
  std::optional<UriVariables> match(std::string_view uri) const;
  // A missing {?name} is left out, any other missing variable is empty (RFC 6570 section 3.2.1).
  std::string expand(const UriVariables& values) const;

 private:
  struct Part {
    enum class Kind { literal, simple, reserved } kind;
    std::string text;  // the literal, or the variable's name
  };
  UriTemplate() = default;
  bool match_parts(std::string_view text, UriVariables& found) const;
  bool match_query(std::string_view query, UriVariables& found) const;

  std::vector<Part> parts_;
  std::vector<std::string> query_;
  std::vector<std::string> names_;
};

// RFC 3986 section 3: a scheme, a colon, and only characters a URI may have. At most kMaxUriBytes.
bool is_uri(std::string_view text);

}  // namespace mcp
