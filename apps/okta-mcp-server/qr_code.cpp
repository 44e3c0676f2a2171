#include "qr_code.h"

#include <algorithm>
#include <memory>
#include <qrencode.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace {

constexpr int kMargin = 4;
// Where the cursor stands when the code is drawn.
constexpr int kOtherRows = 1;

bool is_utf8(const std::map<std::string, std::string>& environment) {
  for (const auto* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto found = environment.find(name);
    if (found == environment.end() || found->second.empty()) continue;
    std::string locale = found->second;
    std::ranges::transform(locale, locale.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    return locale.contains("utf-8") || locale.contains("utf8");
  }
  return false;
}

}  // namespace

std::optional<ScreenSize> screen_for_drawing(int fd, const std::map<std::string, std::string>& environment) {
  if (isatty(fd) == 0 || !is_utf8(environment)) return std::nullopt;
  const auto terminal = environment.find("TERM");
  if (terminal == environment.end() || terminal->second.empty() || terminal->second == "dumb") {
    return std::nullopt;
  }
  winsize size{};
  // A serial line does not know its size.
  if (ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return ScreenSize{};
  return ScreenSize{.columns = size.ws_col, .rows = size.ws_row};
}

std::optional<std::string> qr_code(std::string_view text, ScreenSize screen) {
  // Low correction: a screen has no stains, and the code stays small.
  const std::unique_ptr<QRcode, decltype(&QRcode_free)> code(
      QRcode_encodeString8bit(std::string(text).c_str(), 0, QR_ECLEVEL_L), &QRcode_free);
  if (!code) return std::nullopt;
  const int size = code->width + 2 * kMargin;
  if (size > screen.columns || (size + 1) / 2 + kOtherRows > screen.rows) return std::nullopt;
  const auto light = [&](int row, int column) {
    row -= kMargin;
    column -= kMargin;
    if (row < 0 || column < 0 || row >= code->width || column >= code->width) return true;
    return (code->data[row * code->width + column] & 1) == 0;
  };
  std::string out;
  for (int row = 0; row < size; row += 2) {
    out += "\x1b[97;40m";
    for (int column = 0; column < size; ++column) {
      const bool top = light(row, column), bottom = light(row + 1, column);
      out += top && bottom ? "\u2588" : top ? "\u2580" : bottom ? "\u2584" : " ";
    }
    out += "\x1b[0m\n";
  }
  return out;
}
