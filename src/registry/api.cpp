#include "registry/api.h"

#include <algorithm>
#include <fmt/format.h>

#include "net/http.h"
#include "net/url.h"
#include "registry/members.h"
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

}  // namespace

rest::Answer<Object> read_patch(const rest::Call& call) {
  if (net::media_type(call.http.headers.get("content-type")) != "application/merge-patch+json")
    return rest::refuse(
        rest::other(400, "E0000021",
                    "Bad request.  Accept and/or Content-Type headers likely do not match supported values.",
                    {"A PATCH is sent as application/merge-patch+json (RFC 7396)."}));
  return rest::read_object(call);
}

core::Status check_url(const Service& service, std::string_view url, std::string_view member,
                       bool with_query) {
  if (url.size() > kLongestUrl)
    return bad(std::string(member), fmt::format("must have at most {} bytes", kLongestUrl));
  const auto parsed = net::parse_url(url);
  const auto invalid = [&](std::string_view why) {
    return bad(std::string(member),
               fmt::format("must be an absolute https URL without user information and fragment: {}.", why));
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
