#include "setting_text.h"

#include <algorithm>
#include <array>
#include <fmt/format.h>

#include "core/log.h"
#include "net/url.h"

namespace {

using core::ErrorKind;
using core::fail;

// What can stand at the end of a value without being seen.
constexpr std::array<std::string_view, 12> kBlank = {" ",
                                                     "\t",
                                                     "\r",
                                                     "\n",
                                                     "\v",
                                                     "\f",
                                                     "\xc2\xa0",       // U+00A0
                                                     "\xe2\x80\x8b",   // U+200B
                                                     "\xe2\x80\xaf",   // U+202F
                                                     "\xe3\x80\x80",   // U+3000
                                                     "\xe2\x81\xa0",   // U+2060
                                                     "\xef\xbb\xbf"};  // U+FEFF

struct Quotes {
  std::string_view open, close;
};
constexpr std::array<Quotes, 7> kQuotes = {{{"\"", "\""},
                                            {"'", "'"},
                                            {"`", "`"},
                                            {"\xe2\x80\x9c", "\xe2\x80\x9d"},  // “ ”
                                            {"\xe2\x80\x98", "\xe2\x80\x99"},  // ‘ ’
                                            {"\xe2\x80\x9e", "\xe2\x80\x9c"},  // „ “
                                            {"\xc2\xab", "\xc2\xbb"}}};        // « »

std::string_view trimmed(std::string_view text) {
  for (bool again = true; again && !text.empty();) {
    again = false;
    for (std::string_view blank : kBlank) {
      if (text.starts_with(blank)) {
        text.remove_prefix(blank.size());
        again = true;
      }
      if (text.ends_with(blank)) {
        text.remove_suffix(blank.size());
        again = true;
      }
    }
  }
  return text;
}

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         c == '.';
}

// The name at the front, taken off.
std::string_view take_name(std::string_view& text) {
  std::size_t length = 0;
  while (length < text.size() && is_name_char(text[length])) ++length;
  auto name = text.substr(0, length);
  text.remove_prefix(length);
  return name;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// "${...}" over the whole text.
std::optional<Given> read_placeholder(std::string_view name, std::string_view text) {
  if (!text.starts_with("${") || !text.ends_with('}')) return std::nullopt;
  std::string_view rest = text.substr(2, text.size() - 3);
  std::string_view id = take_name(rest);
  std::string_view kind;
  if (rest.starts_with(':') && !rest.starts_with(":-")) {
    kind = id;
    rest.remove_prefix(1);
    id = take_name(rest);
  }
  if (id.empty()) return std::nullopt;
  rest = trimmed(rest);
  if (rest.starts_with('=')) {
    return Given{tidied(rest.substr(1)),
                 fmt::format("{0} was given as \"${{{1}{2}{3} = ...}}\" and is read as what stands after the "
                             "equals sign. In the host's configuration, write \"${{{1}{2}{3}}}\" alone and "
                             "type the value when asked.",
                             name, kind, kind.empty() ? "" : ":", id)};
  }
  // "${X:-default}" counts as a placeholder too: whoever writes it expects the host to choose.
  if (!rest.empty() && !rest.starts_with(":-")) return std::nullopt;
  return Given{
      "",
      fmt::format("{} is the text \"${{{}{}{}}}\": this host does not resolve {}, so it counts as "
                  "not set. Write the value itself into the host's configuration.",
                  name, kind, kind.empty() ? "" : ":", id, kind == "input" ? "inputs" : "such variables")};
}

// Only what cannot be a key, a token or a password that was typed into the wrong prompt.
std::string quotable(std::string_view text) {
  bool plain = !text.empty() && text.size() <= 100 &&
               std::ranges::all_of(text, [](char c) { return is_name_char(c) || c == ':' || c == '/'; });
  bool address = text.find('.') != std::string_view::npos || text.find("://") != std::string_view::npos;
  if (!plain || !address || core::redact(text) != text) return {};
  return fmt::format(": {}", text);
}

// Where Okta runs orgs; on these, NAME-admin is the admin console of NAME.
constexpr std::array<std::string_view, 7> kOktaDomains = {
    ".okta.com", ".oktapreview.com",  ".okta-emea.com", ".okta-gov.com",
    ".okta.mil", ".okta-miltest.com", ".trexcloud.com"};

std::optional<std::string> without_admin(std::string_view host) {
  constexpr std::string_view kAdmin = "-admin";
  auto dot = host.find('.');
  if (dot == std::string_view::npos) return std::nullopt;
  auto org = host.substr(0, dot), domain = host.substr(dot);
  if (std::ranges::find(kOktaDomains, domain) == kOktaDomains.end()) return std::nullopt;
  if (!org.ends_with(kAdmin) || org.size() == kAdmin.size()) return std::nullopt;
  return std::string(org.substr(0, org.size() - kAdmin.size())) + std::string(domain);
}

}  // namespace

std::string tidied(std::string_view text) {
  for (;;) {
    text = trimmed(text);
    auto quotes = std::ranges::find_if(kQuotes, [&](const Quotes& pair) {
      return text.size() >= pair.open.size() + pair.close.size() && text.starts_with(pair.open) &&
             text.ends_with(pair.close);
    });
    if (quotes == kQuotes.end()) return std::string(text);
    text = text.substr(quotes->open.size(), text.size() - quotes->open.size() - quotes->close.size());
  }
}

Given read_given(std::string_view name, std::string_view text) {
  const std::string value = tidied(text);
  if (auto placeholder = read_placeholder(name, value)) return *std::move(placeholder);
  if (value == "undefined" || value == "null") {
    return {"", fmt::format("{} is the word \"{}\", which counts as not set.", name, value)};
  }
  if (value.starts_with(name)) {
    auto rest = trimmed(std::string_view(value).substr(name.size()));
    if (rest.starts_with('=')) {
      return {tidied(rest.substr(1)),
              fmt::format("{0} was given as \"{0} = ...\" and is read as what stands after the equals sign. "
                          "Write the value alone.",
                          name)};
    }
  }
  return {value, ""};
}

std::vector<std::string> split_words(std::string_view text) {
  constexpr std::array<std::string_view, 9> kSeparators = {",",   ";",   "+",   "%20", "%2C",
                                                           "%2c", "\\n", "\\r", "\\t"};
  constexpr std::array<std::string_view, 8> kDropped = {"\"",           "'",           "`", "[", "]", "\\",
                                                        "\xe2\x80\x9c", "\xe2\x80\x9d"};
  std::vector<std::string> words;
  std::string word;
  auto end_word = [&] {
    if (!word.empty() && std::ranges::find(words, word) == words.end()) words.push_back(word);
    word.clear();
  };
  auto length_of_any = [&](const auto& list) -> std::size_t {
    auto found = std::ranges::find_if(list, [&](std::string_view one) { return text.starts_with(one); });
    return found == list.end() ? 0 : found->size();
  };
  while (!text.empty()) {
    std::size_t length = length_of_any(kBlank);
    if (length == 0) length = length_of_any(kSeparators);
    if (length != 0) {
      end_word();
    } else if (length = length_of_any(kDropped); length == 0) {
      word += text.front();
      length = 1;
    }
    text.remove_prefix(length);
  }
  end_word();
  return words;
}

core::Result<OrgUrl> mend_org_url(std::string_view text) {
  const std::string hint = "Set it to your org's address, such as https://example.okta.com.";
  OrgUrl org;
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  const bool has_scheme = text.find("://") != std::string_view::npos;
  auto url = net::parse_url(has_scheme ? std::string(text) : "https://" + std::string(text));
  if (!url || url->has_userinfo) {
    return fail(
        ErrorKind::invalid_input, "app.settings",
        fmt::format("OKTA_ORG_URL is not an address{}", quotable(text).empty() ? "." : quotable(text)), hint);
  }
  const bool loopback = net::is_loopback_host(url->host);
  if (!has_scheme) {
    if (!loopback && url->host.find('.') == std::string::npos && url->host.find(':') == std::string::npos) {
      return fail(ErrorKind::invalid_input, "app.settings",
                  "OKTA_ORG_URL is one word; an org's address has a domain too.", hint);
    }
    if (loopback) {
      url->scheme = "http";
      if (url->port == 443 && !text.contains(":443")) url->port = 80;
    }
    org.mended.push_back(fmt::format("{}:// was put in front of it", url->scheme));
  }
  if (url->scheme != "https" && !loopback) {
    return fail(ErrorKind::invalid_input, "app.settings",
                "OKTA_ORG_URL must be https (http is for this machine only).", hint);
  }
  if (url->host.ends_with('.')) {
    url->host.pop_back();
    org.mended.emplace_back("the dot after the host was left out");
  }
  if (auto plain = without_admin(url->host)) {
    url->host = *std::move(plain);
    org.mended.emplace_back("\"-admin\" was left out: that is the admin console, not the org");
  }
  if (url->path != "/" || !url->query.empty() || url->has_fragment) {
    org.mended.emplace_back("what follows the host was left out");
  } else if (text.ends_with('/')) {
    org.mended.emplace_back("the slash at its end was left out");
  }
  org.origin = url->origin();
  return org;
}

std::optional<bool> parse_flag(std::string_view text) {
  const std::string word = lower(text);
  for (std::string_view yes : {"1", "true", "yes", "on", "y", "t"}) {
    if (word == yes) return true;
  }
  for (std::string_view no : {"0", "false", "no", "off", "n", "f"}) {
    if (word == no) return false;
  }
  return std::nullopt;
}

std::string expand_home(std::string text, std::string_view home) {
  if (!text.starts_with("~/") || home.empty()) return text;
  return std::string(home) + text.substr(1);
}
