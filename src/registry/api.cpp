#include "registry/api.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "net/http.h"
#include "net/url.h"
#include "rest/body.h"
#include "rest/paging.h"

namespace registry {
namespace {

using core::ErrorKind;
using core::json::Object;

constexpr std::size_t kLongestUrl = 2048;

// `after` of a list is what a row's id may be; anything else was not given by us.
bool is_cursor(std::string_view text, std::string_view prefix) {
  return text.size() <= 128 && text.starts_with(prefix) && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                  c == '_' || c == '/';
         });
}

std::unexpected<core::Error> wrong(std::string_view member, std::string message) {
  return refuse(ErrorKind::invalid_input, "INVALID_VALUE", std::move(message), std::string(member));
}

}  // namespace

rest::Answer<Object> read_patch(const rest::Call& call) {
  if (net::media_type(call.http.headers.get("content-type")) != "application/merge-patch+json")
    return rest::refuse(
        rest::other(400, "E0000021",
                    "Bad request.  Accept and/or Content-Type headers likely do not match supported values.",
                    {"A PATCH is sent as application/merge-patch+json (RFC 7396)."}));
  return rest::read_object(call);
}

core::Status check_members(const Object& body, std::initializer_list<std::string_view> known,
                           std::initializer_list<std::string_view> immutable) {
  return check_members(body, std::span(known.begin(), known.size()),
                       std::span(immutable.begin(), immutable.size()));
}

core::Status check_members(const Object& body, std::span<const std::string_view> known,
                           std::span<const std::string_view> immutable) {
  for (const auto& member : body) {
    const std::string_view name = member.key();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    if (std::find(immutable.begin(), immutable.end(), name) != immutable.end())
      return refuse(ErrorKind::invalid_input, "IMMUTABLE_PROPERTY",
                    known.empty() ? fmt::format("{} cannot be changed here.", name)
                                  : fmt::format("{} cannot be changed. Members that can be: {}.", name,
                                                fmt::join(known.begin(), known.end(), ", ")),
                    std::string(name));
    return refuse(ErrorKind::invalid_input, "UNKNOWN_PROPERTY",
                  fmt::format("{} is no member of this request. Members are: {}.", name,
                              fmt::join(known.begin(), known.end(), ", ")),
                  std::string(name));
  }
  return {};
}

core::Result<std::optional<std::string>> text_member(const Object& body, std::string_view name,
                                                     const TextRules& rules) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) {
    if (rules.required) return wrong(name, fmt::format("{} is required.", name));
    return std::optional<std::string>{};
  }
  if (!value->is_string()) return wrong(name, fmt::format("{} must be a string.", name));
  const std::string_view text = value->get_string();
  if (text.empty() && rules.required) return wrong(name, fmt::format("{} must not be empty.", name));
  if (text.size() > rules.longest)
    return wrong(name, fmt::format("{} is too long (at most {} bytes).", name, rules.longest));
  if (std::any_of(text.begin(), text.end(), [](char c) {
        return (static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f;
      }))
    return wrong(name, fmt::format("{} contains control characters.", name));
  return std::optional<std::string>(text);
}

core::Result<std::optional<bool>> flag_member(const Object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<bool>{};
  if (!value->is_bool()) return wrong(name, fmt::format("{} must be true or false.", name));
  return std::optional(value->get_bool());
}

core::Result<std::optional<std::vector<std::string>>> texts_member(const Object& body, std::string_view name,
                                                                   std::size_t most, std::size_t longest) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return std::optional<std::vector<std::string>>{};
  if (!value->is_array()) return wrong(name, fmt::format("{} must be an array of strings.", name));
  if (value->get_array().size() > most)
    return wrong(name, fmt::format("{} has too many elements (at most {}).", name, most));
  std::vector<std::string> texts;
  texts.reserve(value->get_array().size());
  for (const auto& element : value->get_array()) {
    if (!element.is_string() || element.get_string().empty() || element.get_string().size() > longest)
      return wrong(name, fmt::format("{} must be an array of strings of 1 to {} bytes.", name, longest));
    std::string text(element.get_string());
    if (std::find(texts.begin(), texts.end(), text) == texts.end()) texts.push_back(std::move(text));
  }
  return std::optional(std::move(texts));
}

core::Status check_url(const Service& service, std::string_view url, std::string_view member,
                       bool with_query) {
  if (url.size() > kLongestUrl)
    return wrong(member, fmt::format("{} is too long (at most {} bytes).", member, kLongestUrl));
  const auto parsed = net::parse_url(url);
  const auto invalid = [&](std::string_view why) {
    return refuse(ErrorKind::invalid_input, "INVALID_FORMAT",
                  fmt::format("{} must be an absolute https URL without user information and fragment: {}.",
                              member, why),
                  std::string(member));
  };
  if (!parsed) return invalid("it is no absolute URL");
  if (parsed->has_userinfo) return invalid("it has user information");
  if (parsed->has_fragment) return invalid("it has a fragment");
  if (!with_query && !parsed->query.empty()) return invalid("it has a query");
  if (parsed->scheme != "https" &&
      !(service.settings.allow_http_loopback && net::is_loopback_host(parsed->host)))
    return invalid(fmt::format("its scheme is {}", parsed->scheme));
  return {};
}

std::string etag_of(std::int64_t version) {
  return fmt::format("W/\"{}\"", version);
}

rest::Reply entity_reply(const Object& body, std::int64_t version, int status) {
  rest::Reply reply = rest::json_reply(body, status);
  reply.headers.add("ETag", etag_of(version));
  return reply;
}

rest::Answer<bool> check_if_match_syntax(const rest::Call& call) {
  const auto checked = rest::check_if_match(call, etag_of(0));
  if (!checked && checked.error().status == 400) return rest::refuse(checked.error());
  return true;
}

core::Status check_version(const rest::Call& call, std::int64_t version) {
  if (rest::check_if_match(call, etag_of(version))) return {};
  return core::fail(ErrorKind::conflict, "registry.store.changed", "it was changed since it was read");
}

rest::Answer<rest::Reply> list_reply(const rest::Call& call, const Service& service,
                                     std::optional<Query> query, std::string_view prefix,
                                     const std::function<core::Result<Object>(const Row&)>& show) {
  ASSIGN_OR_RETURN(const auto page,
                   rest::read_page(call, {.default_limit = 20, .maximum = 200, .clamp = false}));
  if (!page.after.empty() && !is_cursor(page.after, prefix)) return rest::refuse(rest::invalid_cursor());
  std::vector<Row> rows;
  if (query) {
    query->after = page.after;
    query->limit = page.limit + 1;  // one more tells whether there is a next page
    ASSIGN_OR_RETURN(rows, answer(service.store->list(*query)));
  }
  std::string next;
  if (rows.size() > page.limit) {
    rows.resize(page.limit);
    next = rows.back().id;
  }
  core::json::Array data;
  data.reserve(rows.size());
  for (const Row& row : rows) {
    ASSIGN_OR_RETURN(auto shown, answer(show(row)));
    data.emplace_back(std::move(shown));
  }
  const auto link = [&](std::string_view after) {
    net::Query parts;
    for (const auto& [name, value] : call.query)
      if (name != "after" || after.empty()) parts.emplace_back(name, value);
    if (!after.empty()) parts.emplace_back("after", after);
    const std::string text = net::encode_query(parts);
    return Object{{"href", service.url(call.http.path + (text.empty() ? "" : "?" + text))}};
  };
  Object links{{"self", link({})}};
  if (!next.empty()) links["next"] = link(next);
  rest::Reply reply = rest::json_reply(Object{{"data", std::move(data)}, {"_links", std::move(links)}});
  rest::add_links(reply, call, service.settings.issuer, 0, next);
  return reply;
}

}  // namespace registry
