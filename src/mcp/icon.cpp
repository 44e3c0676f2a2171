#include "mcp/icon.h"

#include <algorithm>
#include <fmt/format.h>

namespace mcp {
namespace {

constexpr std::size_t kMaxIcons = 8;
constexpr std::size_t kMaxSource = 64u << 10;

bool digits(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool size(std::string_view text) {
  if (text == "any") return true;
  std::size_t cross = text.find('x');
  return cross != std::string_view::npos && digits(text.substr(0, cross)) && digits(text.substr(cross + 1));
}

bool source(std::string_view text) {
  if (text.starts_with("https://")) return text.size() > std::string_view("https://").size();
  return text.starts_with("data:image/") && text.find(";base64,") != std::string_view::npos;
}

}  // namespace

core::Status check_icons(std::span<const Icon> icons, std::string_view owner) {
  auto bad = [&](std::string_view why) {
    return core::fail(core::ErrorKind::invalid_input, "mcp.icon",
                      fmt::format("An icon of {} {}.", owner, why));
  };
  if (icons.size() > kMaxIcons) return bad(fmt::format("is one of more than {}", kMaxIcons));
  for (const Icon& icon : icons) {
    if (icon.src.size() > kMaxSource) return bad(fmt::format("has more than {} bytes", kMaxSource));
    if (!source(icon.src)) return bad("is neither an https: URL nor a data: URI with an image in base64");
    if (!icon.mime_type.empty() && !icon.mime_type.starts_with("image/"))
      return bad("has no image's MIME type");
    if (!std::ranges::all_of(icon.sizes, size))
      return bad("has a size that is neither like 48x48 nor \"any\"");
  }
  return {};
}

}  // namespace mcp
