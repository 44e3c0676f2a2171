#include "mcp/uri_template.h"

#include <algorithm>
#include <fmt/format.h>

#include "core/encoding.h"
#include "core/text.h"
#include "mcp/contains.h"

namespace mcp {
namespace {

constexpr std::size_t kMaxVariables = 16;

bool letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool digit(char c) {
  return c >= '0' && c <= '9';
}
bool hex_digit(char c) {
  return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
bool unreserved(char c) {
  return letter(c) || digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}
bool reserved(char c) {
  return std::string_view(":/?#[]@!$&'()*+,;=").find(c) != std::string_view::npos;
}

// Length of the scheme, 0 without one (RFC 3986 section 3.1).
std::size_t scheme_length(std::string_view text) {
  if (text.empty() || !letter(text[0])) return 0;
  std::size_t end = 1;
  while (end < text.size() && (letter(text[end]) || digit(text[end]) || text[end] == '+' ||
                               text[end] == '-' || text[end] == '.')) {
    ++end;
  }
  return end < text.size() && text[end] == ':' ? end : 0;
}

bool uri_characters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size() || !hex_digit(text[i + 1]) || !hex_digit(text[i + 2])) return false;
      i += 2;
    } else if (!unreserved(text[i]) && !reserved(text[i])) {
      return false;
    }
  }
  return true;
}

bool ends_simple(char c) {
  return c == '/' || c == '?' || c == '#' || c == '&';
}
bool ends_reserved(char c) {
  return c == '?' || c == '#';
}

// What a variable stands for; nullopt unless it decodes to UTF-8 without control characters, which no
// identifier and no path has.
std::optional<std::string> decoded(std::string_view text) {
  auto value = core::percent_decode(text);
  auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (!value || !core::valid_utf8(*value) || std::ranges::any_of(*value, control)) return std::nullopt;
  return value;
}

std::unexpected<core::Error> bad(std::string_view text, std::string_view why) {
  return core::fail(core::ErrorKind::invalid_input, "mcp.uri_template",
                    fmt::format("The URI template \"{}\" {}.", text, why));
}

bool variable_name(std::string_view name) {
  auto character = [](char c) { return letter(c) || digit(c) || c == '_' || c == '.'; };
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, character);
}

}  // namespace

bool is_uri(std::string_view text) {
  std::size_t scheme = scheme_length(text);
  return scheme != 0 && scheme + 1 < text.size() && text.size() <= kMaxUriBytes && uri_characters(text);
}

core::Result<UriTemplate> UriTemplate::parse(std::string_view text) {
  if (text.size() > kMaxUriBytes) return bad(text.substr(0, 100), "is too long");
  if (scheme_length(text) == 0) return bad(text, "does not begin with a scheme");
  UriTemplate parsed;
  auto add_name = [&](std::string_view name) {
    if (!variable_name(name) || contains(parsed.names_, name)) return false;
    parsed.names_.emplace_back(name);
    return parsed.names_.size() <= kMaxVariables;
  };
  std::string_view rest = text;
  while (!rest.empty()) {
    std::size_t open = rest.find('{');
    std::string_view literal = rest.substr(0, open);
    if (!uri_characters(literal)) return bad(text, "has a character that no URI has");
    if (!literal.empty()) parsed.parts_.push_back({Part::Kind::literal, std::string(literal)});
    if (open == std::string_view::npos) break;
    std::size_t close = rest.find('}', open);
    if (close == std::string_view::npos) return bad(text, "has a brace that is not closed");
    std::string_view expression = rest.substr(open + 1, close - open - 1);
    rest.remove_prefix(close + 1);
    if (expression.starts_with('?')) {
      if (!rest.empty()) return bad(text, "has something behind its query");
      if (text.substr(0, text.find("{?")).find_first_of("?#") != std::string_view::npos) {
        return bad(text, "has two queries");
      }
      for (std::string_view names = expression.substr(1); !names.empty();) {
        std::size_t comma = names.find(',');
        if (!add_name(names.substr(0, comma)) || comma + 1 == names.size()) {
          return bad(text, "has a variable that is repeated, misspelt or one too many");
        }
        parsed.query_.push_back(parsed.names_.back());
        names = comma == std::string_view::npos ? std::string_view{} : names.substr(comma + 1);
      }
      if (parsed.query_.empty()) return bad(text, "has a query without variables");
      break;
    }
    bool plus = expression.starts_with('+');
    if (!parsed.parts_.empty() && parsed.parts_.back().kind != Part::Kind::literal) {
      return bad(text, "has two variables side by side");
    }
    if (!add_name(plus ? expression.substr(1) : expression)) {
      return bad(text, "has a variable that is repeated, misspelt or one too many");
    }
    parsed.parts_.push_back({plus ? Part::Kind::reserved : Part::Kind::simple, parsed.names_.back()});
  }
  if (parsed.names_.empty()) return bad(text, "has no variable: add it as a resource");
  return parsed;
}

std::optional<UriVariables> UriTemplate::match(std::string_view uri) const {
  // parse() saw a scheme, so the first part is a literal; most URIs of others end here.
  if (!uri.starts_with(parts_.front().text) || uri.size() > kMaxUriBytes) return std::nullopt;
  UriVariables found;
  if (!query_.empty()) {
    std::size_t mark = uri.find('?');
    if (mark != std::string_view::npos && !match_query(uri.substr(mark + 1), found)) return std::nullopt;
    uri = uri.substr(0, mark);
  }
  if (!match_parts(uri, found)) return std::nullopt;
  return found;
}

// Finds the ends of all variables in time parts × length: fits[i][p] says whether the parts from i on can be
// the text from p on. Each variable then takes as little as it may.
bool UriTemplate::match_parts(std::string_view text, UriVariables& found) const {
  const std::size_t width = text.size() + 1;
  std::vector<char> fits((parts_.size() + 1) * width, 0);
  auto fit = [&](std::size_t part, std::size_t at) -> char& { return fits[part * width + at]; };
  auto ends = [](const Part& part, char c) {
    return part.kind == Part::Kind::simple ? ends_simple(c) : ends_reserved(c);
  };
  fit(parts_.size(), text.size()) = 1;
  for (std::size_t i = parts_.size(); i-- > 0;) {
    const Part& part = parts_[i];
    for (std::size_t at = text.size(); at-- > 0;) {
      if (part.kind == Part::Kind::literal) {
        fit(i, at) = text.substr(at).starts_with(part.text) && fit(i + 1, at + part.text.size()) ? 1 : 0;
      } else {
        fit(i, at) = !ends(part, text[at]) && (fit(i + 1, at + 1) || fit(i, at + 1)) ? 1 : 0;
      }
    }
  }
  if (!fit(0, 0)) return false;
  std::size_t at = 0;
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (parts_[i].kind == Part::Kind::literal) {
      at += parts_[i].text.size();
      continue;
    }
    std::size_t end = at + 1;
    while (!fit(i + 1, end)) ++end;
    auto value = decoded(text.substr(at, end - at));
    if (!value) return false;
    found.emplace(parts_[i].text, *std::move(value));
    at = end;
  }
  return true;
}

bool UriTemplate::match_query(std::string_view query, UriVariables& found) const {
  if (query.find('#') != std::string_view::npos) return false;
  while (true) {
    std::size_t ampersand = query.find('&');
    std::string_view pair = query.substr(0, ampersand);
    std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) return false;
    std::string_view name = pair.substr(0, equals);
    auto value = decoded(pair.substr(equals + 1));
    if (!value || !contains(query_, name)) return false;
    if (!found.emplace(name, *std::move(value)).second) return false;
    if (ampersand == std::string_view::npos) return true;
    query.remove_prefix(ampersand + 1);
  }
}

std::string UriTemplate::expand(const UriVariables& values) const {
  std::string out;
  auto value_of = [&](std::string_view name) {
    auto found = values.find(name);
    return found == values.end() ? std::string_view{} : std::string_view(found->second);
  };
  for (const Part& part : parts_) {
    if (part.kind == Part::Kind::literal) {
      out += part.text;
    } else if (part.kind == Part::Kind::simple) {
      out += core::percent_encode(value_of(part.text));
    } else {
      for (char c : value_of(part.text))
        out += reserved(c) ? std::string(1, c) : core::percent_encode({&c, 1});
    }
  }
  char separator = '?';
  for (const std::string& name : query_) {
    if (!values.contains(name)) continue;
    out += separator + name + '=' + core::percent_encode(value_of(name));
    separator = '&';
  }
  return out;
}

}  // namespace mcp
