#include "mcp/challenge.h"

#include "core/json.h"

namespace mcp {

std::string to_string(const Challenge& challenge) {
  std::string text = challenge.scheme;
  char before = ' ';
  for (const auto& [name, value] : challenge.parameters) {
    if (value.empty()) continue;
    if (before == ',') text += ',';
    text += ' ';
    text += name;
    text += "=\"";
    for (char c : value) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
    before = ',';
  }
  return text;
}

net::ServerResponse refusal(int status, const std::vector<Challenge>& challenges, const OauthError& error) {
  net::ServerResponse response{.status = status};
  std::string header;
  for (const Challenge& challenge : challenges) {
    if (!header.empty()) header += ", ";
    header += to_string(challenge);
  }
  if (!header.empty()) response.headers.add("WWW-Authenticate", std::move(header));
  response.headers.add("Cache-Control", "no-store");
  response.headers.add("Content-Type", "application/json");
  core::json::Object body{{"error", error.error.empty() ? "unauthorized" : error.error}};
  if (!error.description.empty()) body["error_description"] = error.description;
  core::json::append(response.body, body);
  return response;
}

}  // namespace mcp
