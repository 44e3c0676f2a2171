#include "rest/body.h"

#include <array>
#include <cctype>
#include <fmt/format.h>

#include "core/json.h"

namespace rest {

namespace {

// The bodies Okta takes are shallow; this only bounds what a hostile one may cost.
constexpr core::json::ParseLimits kBodyLimits{.max_bytes = 4u << 20, .max_depth = 32};

Answer<boost::json::object> parse_object(const Call& call) {
  const std::string type = net::media_type(call.http.headers.get("content-type"));
  if (!type.empty() && type != "application/json" && !type.ends_with("+json"))
    return refuse(
        other(400, "E0000021",
              "Bad request.  Accept and/or Content-Type headers likely do not match supported values."));
  auto value = core::json::parse(call.http.body, kBodyLimits);
  if (!value || !value->is_object()) return refuse(malformed_body());
  return std::move(value->get_object());
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(a[i])) != std::tolower(static_cast<unsigned char>(b[i])))
      return false;
  return true;
}

}  // namespace

Answer<boost::json::object> read_object(const Call& call) {
  if (call.http.body.empty()) return refuse(malformed_body());
  return parse_object(call);
}

Answer<boost::json::object> read_optional_object(const Call& call) {
  if (call.http.body.empty()) return boost::json::object{};
  return parse_object(call);
}

void merge_patch(boost::json::value& target, const boost::json::value& patch) {
  if (!patch.is_object()) {
    target = patch;
    return;
  }
  if (!target.is_object()) target = boost::json::object{};
  for (const auto& member : patch.get_object()) {
    if (member.value().is_null()) {
      target.get_object().erase(member.key());
    } else {
      merge_patch(target.get_object()[member.key()], member.value());
    }
  }
}

const boost::json::object* object_at(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value ? value->if_object() : nullptr;
}

std::string_view string_at(const boost::json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_string()) return {};
  return {value->get_string().data(), value->get_string().size()};
}

Answer<bool> read_flag(const Call& call, std::string_view name, bool otherwise) {
  if (!call.has_query(name)) return otherwise;
  const std::string text = call.query_value(name);
  if (equals_ignoring_case(text, "true")) return true;
  if (equals_ignoring_case(text, "false")) return false;
  return refuse(validation_failed(name, {std::string(name) + ": must be true or false"}));
}

std::string weak_etag(std::string_view representation) {
  // Four FNV-1a runs with different offsets: an identity of text, not a defence against forgery.
  constexpr std::array<std::uint64_t, 4> kOffsets{0xcbf29ce484222325, 0x9e3779b97f4a7c15, 0xd6e8feb86659fd93,
                                                  0xa0761d6478bd642f};
  std::string tag = "W/\"";
  for (std::uint64_t hash : kOffsets) {
    for (char byte : representation) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3;
    tag += fmt::format("{:016x}", hash);
  }
  return tag + "\"";
}

Answer<bool> check_if_match(const Call& call, std::string_view current_etag) {
  if (!call.http.headers.has("if-match")) return true;
  std::string_view list = call.http.headers.get("if-match");
  // RFC 9110 section 13.1.1: a list of tags, or "*". Okta's tags are weak; compared by their opaque part.
  const auto opaque = [](std::string_view tag) { return tag.starts_with("W/") ? tag.substr(2) : tag; };
  bool matched = false;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view tag = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (!tag.empty() && tag.front() == ' ') tag.remove_prefix(1);
    while (!tag.empty() && tag.back() == ' ') tag.remove_suffix(1);
    if (tag == "*") return true;
    const std::string_view quoted = opaque(tag);
    if (quoted.size() < 2 || quoted.front() != '"' || quoted.back() != '"')
      return refuse(other(400, "E0000242", "ETag syntax is invalid."));
    matched = matched || quoted == opaque(current_etag);
  }
  if (!matched) return refuse(etag_mismatch());
  return true;
}

}  // namespace rest
