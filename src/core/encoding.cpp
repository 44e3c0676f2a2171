#include "core/encoding.h"

#include <array>
#include <cstdint>
#include <sodium.h>

namespace core {
namespace {

constexpr std::string_view kUrlAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kHex = "0123456789abcdef";

std::string encode(std::string_view bytes, std::string_view alphabet) {
  std::string text((bytes.size() * 4 + 2) / 3, '\0');
  char* out = text.data();
  const auto byte = [&](std::size_t i) {
    return static_cast<unsigned>(static_cast<unsigned char>(bytes[i]));
  };
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) {
    const unsigned three = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    *out++ = alphabet[three >> 18];
    *out++ = alphabet[three >> 12 & 63];
    *out++ = alphabet[three >> 6 & 63];
    *out++ = alphabet[three & 63];
  }
  if (at == bytes.size()) return text;
  const bool two = at + 2 == bytes.size();
  const unsigned rest = byte(at) << 16 | (two ? byte(at + 1) << 8 : 0);
  *out++ = alphabet[rest >> 18];
  *out++ = alphabet[rest >> 12 & 63];
  if (two) *out = alphabet[rest >> 6 & 63];
  return text;
}

constexpr std::array<std::int16_t, 256> reverse(std::string_view alphabet) {
  std::array<std::int16_t, 256> table{};
  for (auto& entry : table) entry = -1;
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int16_t>(i);
  }
  return table;
}

std::optional<std::string> decode(std::string_view text, const std::array<std::int16_t, 256>& table) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes(text.size() * 3 / 4, '\0');
  char* out = bytes.data();
  const auto value = [&](std::size_t i) -> int { return table[static_cast<unsigned char>(text[i])]; };
  std::size_t at = 0;
  for (; at + 4 <= text.size(); at += 4) {
    const int a = value(at), b = value(at + 1), c = value(at + 2), d = value(at + 3);
    if ((a | b | c | d) < 0) return std::nullopt;
    const int three = a << 18 | b << 12 | c << 6 | d;
    *out++ = static_cast<char>(three >> 16);
    *out++ = static_cast<char>(three >> 8);
    *out++ = static_cast<char>(three);
  }
  if (at == text.size()) return bytes;
  const bool two = at + 3 == text.size();
  const int a = value(at), b = value(at + 1), c = two ? value(at + 2) : 0;
  if ((a | b | c) < 0) return std::nullopt;
  const int rest = a << 18 | b << 12 | c << 6;
  // Spare bits must be zero, else two texts would stand for the same bytes.
  if ((rest & (two ? 0xff : 0xffff)) != 0) return std::nullopt;
  *out++ = static_cast<char>(rest >> 16);
  if (two) *out = static_cast<char>(rest >> 8);
  return bytes;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

std::string base64url_encode(std::string_view bytes) {
  return encode(bytes, kUrlAlphabet);
}

std::optional<std::string> base64url_decode(std::string_view text) {
  static constexpr auto table = reverse(kUrlAlphabet);
  return decode(text, table);
}

std::string base64_encode(std::string_view bytes) {
  std::string text = encode(bytes, kAlphabet);
  while (text.size() % 4 != 0) text += '=';
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  static constexpr auto table = reverse(kAlphabet);
  std::string packed;
  packed.reserve(text.size());
  for (char c : text) {
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') packed += c;
  }
  if (packed.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && packed.ends_with('='); ++i) packed.pop_back();
  return decode(packed, table);
}

std::string to_hex(std::span<const unsigned char> bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (unsigned char byte : bytes) {
    text += kHex[byte >> 4];
    text += kHex[byte & 15];
  }
  return text;
}

std::string to_hex(std::string_view bytes) {
  return to_hex({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()});
}

std::string percent_encode(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 8);
  for (char c : text) {
    if (unreserved(c)) {
      out += c;
    } else {
      auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += "0123456789ABCDEF"[byte >> 4];
      out += "0123456789ABCDEF"[byte & 15];
    }
  }
  return out;
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  std::size_t plain = 0;  // where what stands for itself begins
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool space = plus_is_space && text[i] == '+';
    if (text[i] != '%' && !space) continue;
    out += text.substr(plain, i - plain);
    if (space) {
      out += ' ';
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      int high = hex_value(text[i + 1]), low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
    plain = i + 1;
  }
  out += text.substr(plain);
  return out;
}

bool constant_time_equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace core
