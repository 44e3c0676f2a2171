#include "mcp/listing.h"

#include <charconv>
#include <fmt/format.h>

#include "core/encoding.h"

namespace mcp {

std::string make_cursor(std::size_t place, std::uint64_t digest) {
  return core::base64url_encode(fmt::format("{}.{:016x}", place, digest));
}

std::optional<std::size_t> read_cursor(std::string_view cursor, std::size_t places, std::uint64_t digest) {
  if (cursor.empty()) return 0;
  if (cursor.size() > 64) return std::nullopt;
  auto text = core::base64url_decode(cursor);
  if (!text) return std::nullopt;
  std::size_t place = 0;
  auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), place);
  // Compared as a whole, so that there is one way to write a place.
  if (error != std::errc{} || place >= places || make_cursor(place, digest) != cursor) return std::nullopt;
  return place;
}

std::uint64_t add_to_digest(std::uint64_t digest, std::string_view key) {
  auto add = [&](unsigned char byte) { digest = (digest ^ byte) * 0x100000001b3; };
  for (char c : key) add(static_cast<unsigned char>(c));
  add(0);  // "a", "b" is not "ab"
  return digest;
}

}  // namespace mcp
