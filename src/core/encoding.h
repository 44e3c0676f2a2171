// Base64, base64url, hex and percent-encoding: strict readers, RFC 4648 and RFC 3986.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace core {

// RFC 4648 section 5 without padding, as JOSE writes it (RFC 7515 section 2).
std::string base64url_encode(std::string_view bytes);
// Refuses padding, white space, characters outside the alphabet and non-zero spare bits.
std::optional<std::string> base64url_decode(std::string_view text);

// RFC 4648 section 4 with padding.
std::string base64_encode(std::string_view bytes);
// Skips white space (PEM bodies are wrapped); otherwise as strict as above, padding required.
std::optional<std::string> base64_decode(std::string_view text);

std::string to_hex(std::span<const unsigned char> bytes);
std::string to_hex(std::string_view bytes);

// Everything but RFC 3986 unreserved characters becomes %XX.
std::string percent_encode(std::string_view text);
// nullopt for a broken escape. `plus_is_space` for application/x-www-form-urlencoded.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space = false);

// True in time that depends on the lengths only.
bool constant_time_equal(std::string_view a, std::string_view b);

}  // namespace core
