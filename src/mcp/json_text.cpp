#include "mcp/json_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

namespace mcp {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

std::size_t ascii_prefix(std::string_view text) {
  std::size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    if (word & 0x8080808080808080u) break;
  }
  while (i < text.size() && static_cast<unsigned char>(text[i]) < 0x80) ++i;
  return i;
}

// Length of the well-formed sequence at the front (Unicode 15, table 3-7), 0 when it is not one.
std::size_t sequence_length(std::string_view text) {
  auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto continues = [&](std::size_t i, unsigned char low = 0x80, unsigned char high = 0xBF) {
    return i < text.size() && byte(i) >= low && byte(i) <= high;
  };
  unsigned char lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return continues(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF) {
    unsigned char low = lead == 0xE0 ? 0xA0 : 0x80, high = lead == 0xED ? 0x9F : 0xBF;
    return continues(1, low, high) && continues(2) ? 3 : 0;
  }
  if (lead >= 0xF0 && lead <= 0xF4) {
    unsigned char low = lead == 0xF0 ? 0x90 : 0x80, high = lead == 0xF4 ? 0x8F : 0xBF;
    return continues(1, low, high) && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

void append_canonical(std::string& out, const core::json::Value& value);

void append_canonical(std::string& out, const core::json::Object& object) {
  std::vector<const boost::json::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) members.push_back(&member);
  std::ranges::sort(members, {}, [](const auto* member) { return std::string_view(member->key()); });
  out += '{';
  for (const auto* member : members) {
    if (out.back() != '{') out += ',';
    append_string(out, member->key());
    out += ':';
    append_canonical(out, member->value());
  }
  out += '}';
}

void append_canonical(std::string& out, const core::json::Value& value) {
  if (value.is_object()) {
    append_canonical(out, value.get_object());
  } else if (value.is_array()) {
    out += '[';
    for (const auto& element : value.get_array()) {
      if (out.back() != '[') out += ',';
      append_canonical(out, element);
    }
    out += ']';
  } else {
    append_value(out, value);
  }
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
  static constexpr char kHex[] = "0123456789abcdef";
  out += '"';
  std::size_t plain = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    out.append(text.substr(plain, i - plain));
    plain = i + 1;
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        out += "\\u00";
        out += kHex[c >> 4];
        out += kHex[c & 15];
    }
  }
  out.append(text.substr(plain));
  out += '"';
}

void append_value(std::string& out, const core::json::Value& value) {
  if (value.is_string()) {
    append_string(out, value.get_string());
  } else if (value.is_object()) {
    append_object(out, value.get_object());
  } else {
    out += core::json::write(value);
  }
}

void append_object(std::string& out, const core::json::Object& object) {
  out += '{';
  bool first = true;
  for (const auto& member : object) {
    if (!first) out += ',';
    first = false;
    append_string(out, member.key());
    out += ':';
    append_value(out, member.value());
  }
  out += '}';
}

void ObjectText::comma() {
  if (text_.size() > 1) text_ += ',';
}

void ObjectText::key(std::string_view name) {
  comma();
  append_string(text_, name);
  text_ += ':';
}

ObjectText& ObjectText::raw(std::string_view name, std::string_view json) {
  key(name);
  text_ += json;
  return *this;
}

ObjectText& ObjectText::string(std::string_view name, std::string_view text) {
  key(name);
  append_string(text_, text);
  return *this;
}

ObjectText& ObjectText::optional_string(std::string_view name, std::string_view text) {
  return text.empty() ? *this : string(name, text);
}

ObjectText& ObjectText::boolean(std::string_view name, bool flag) {
  return raw(name, flag ? "true" : "false");
}

ObjectText& ObjectText::value(std::string_view name, const core::json::Value& json) {
  key(name);
  append_value(text_, json);
  return *this;
}

ObjectText& ObjectText::object(std::string_view name, const core::json::Object& json) {
  key(name);
  append_object(text_, json);
  return *this;
}

ObjectText& ObjectText::members(std::string_view text) {
  if (text.empty()) return *this;
  comma();
  text_ += text;
  return *this;
}

std::string ObjectText::close() && {
  text_ += '}';
  return std::move(text_);
}

std::string canonical(const core::json::Object& object) {
  std::string out;
  append_canonical(out, object);
  return out;
}

void make_utf8(std::string& text) {
  std::size_t good = ascii_prefix(text);
  while (good < text.size()) {
    std::size_t length = sequence_length(std::string_view(text).substr(good));
    if (length == 0) break;
    good += length;
    if (length == 1) good += ascii_prefix(std::string_view(text).substr(good));
  }
  if (good == text.size()) return;

  std::string repaired = text.substr(0, good);
  for (std::string_view rest = std::string_view(text).substr(good); !rest.empty();) {
    std::size_t length = sequence_length(rest);
    repaired += length == 0 ? kReplacement : rest.substr(0, length);
    rest.remove_prefix(std::max<std::size_t>(length, 1));
  }
  text = std::move(repaired);
}

}  // namespace mcp
