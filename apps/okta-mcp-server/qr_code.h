// QR codes for a terminal, two modules to a character.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

struct ScreenSize {
  int columns = 80;
  int rows = 24;
};

// The terminal behind `fd`, if a QR code makes sense on it: it is one, it is not dumb, and the locale
// (LC_ALL, LC_CTYPE, LANG in this order) is UTF-8.
std::optional<ScreenSize> screen_for_drawing(int fd, const std::map<std::string, std::string>& environment);

// Lines of half blocks with the four-module margin of ISO/IEC 18004, light modules drawn in white on black
// whatever the terminal's colours are. nullopt when it does not fit the screen as a whole: half a code is
// none.
std::optional<std::string> qr_code(std::string_view text, ScreenSize screen);
