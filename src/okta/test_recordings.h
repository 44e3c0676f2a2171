// Recorded exchanges of real Okta orgs, where they are on this machine.
#pragma once

#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace okta::test {

inline constexpr std::string_view kFolder = SHARED_DIR "/okta-recordings/";

// One value for each recorded exchange, in order; nullopt where the recordings are not on this machine.
inline std::optional<std::vector<boost::json::value>> recordings(std::string_view file) {
  std::string command = "zcat '" + std::string(kFolder) + std::string(file) + "' 2>/dev/null";
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (!pipe) return std::nullopt;
  std::string text;
  std::array<char, 65'536> chunk;
  for (std::size_t got; (got = std::fread(chunk.data(), 1, chunk.size(), pipe)) > 0;)
    text.append(chunk.data(), got);
  if (::pclose(pipe) != 0) return std::nullopt;
  std::vector<boost::json::value> lines;
  for (std::size_t at = 0; at < text.size();) {
    auto end = text.find('\n', at);
    lines.push_back(boost::json::parse(std::string_view(text).substr(at, end - at)));
    at = end + 1;
  }
  return lines;
}

inline std::string text_or_empty(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value && value->is_string() ? std::string(value->get_string()) : std::string();
}

}  // namespace okta::test
