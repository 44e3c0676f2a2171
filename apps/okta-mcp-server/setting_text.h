// What people write into a setting, and what it means. Prompts, .env files, container runtimes and copied
// documentation each bend a value in their own way; all of it is undone here, and what was undone is said.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

// White space (also U+00A0 and its kin, a byte order mark) and matching quotes (also typographic ones) taken
// off both ends, however often they are nested.
std::string tidied(std::string_view text);

struct Given {
  std::string value;  // empty: counts as unset
  std::string odd;    // a sentence about what was put right, or ignored; without the value
};

// One variable's value as it was found.
//   "${input:NAME = a b}", "NAME = a b"    a b; the first is what VS Code's editor shows where an input has a
//                                          stored value (an inlay hint behind "${input:NAME}"), and what
//                                          documentation copied from there
//   "${input:X}", "${env:X}", "${X}"       unset: the host passes its placeholders on as they are
//   "undefined", "null"                    unset
Given read_given(std::string_view name, std::string_view text);

// Split on white space, commas and semicolons, also as "%20", "+" and "\n"; quotes and brackets dropped, each
// word once, in the order given.
std::vector<std::string> split_words(std::string_view text);

struct OrgUrl {
  std::string origin;               // "https://example.okta.com"
  std::vector<std::string> mended;  // what was put right, in words
};
// Mends a missing scheme, a path, and the admin console's host. http is for loopback hosts only.
// Error app.settings, which repeats the text only where it can hold no secret.
core::Result<OrgUrl> mend_org_url(std::string_view text);

// nullopt: neither yes nor no.
std::optional<bool> parse_flag(std::string_view text);

// "~/x" with $HOME in place of the tilde; anything else as it is.
std::string expand_home(std::string text, std::string_view home);
